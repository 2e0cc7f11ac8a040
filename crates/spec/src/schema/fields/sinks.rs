//! What the fields of a sink hold.

use super::{Holds, list_of, map, text};
use crate::schema::json::Json;
use domain::limits;

/// A field of one of the parts.
pub(super) fn field(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    Some(match (table, name) {
        ("sink", "url") => (Holds::Name, "Where outcomes are sent by POST: `http://host:port/path`."),
        ("sink", "decisions") => (Holds::Other(texts), "The decisions whose outcomes it takes (all); `[]` is none."),
        ("sink", "outcomes") => (Holds::Other(texts), "The outcomes of decisions that it takes (all)."),
        ("sink", "alarms") => (Holds::Other(texts), "The alarms that it takes (all); `[]` is none."),
        ("sink", "secret") => {
            (Holds::Name, "The name of the secret that goes with each request as a bearer token; the server knows it.")
        }
        ("sink", "facts") => (Holds::Bool, "Whether the facts of decisions are told (false)."),
        ("sink", "timeout") => (Holds::Span, "How long one attempt may take (10s)."),
        ("sink", "in_flight") => (Holds::Int(1, limits::SINK_IN_FLIGHT_MAX as i64), "Most attempts at once (4)."),
        ("sink", "retry") => (Holds::Part("retry"), "How often, and for how long, an outcome is tried."),
        ("retry", "first") => (Holds::Span, "The pause after the first attempt; it doubles each time (1s)."),
        ("retry", "most") => (Holds::Span, "The longest pause (1m)."),
        ("retry", "attempts") => (Holds::Int(1, limits::SINK_ATTEMPTS_MAX as i64), "Most attempts (10000)."),
        ("retry", "within") => (Holds::Span, "How long after its first attempt an outcome is given up (1d)."),
        _ => return None,
    })
}

fn texts() -> Json {
    list_of(map(vec![("type", text("string"))]), None, None)
}

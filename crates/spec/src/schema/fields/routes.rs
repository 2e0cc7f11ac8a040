//! The fields of routes: one kind each, and the options of all.

use super::Holds;
use crate::decode::{BELOW_MAX, COUNT_MAX};
use domain::limits;

const COUNT: Holds = Holds::Int(1, COUNT_MAX);
const CANDIDATES: i64 = limits::CANDIDATES_MAX as i64;

pub(super) fn field(kind: &str, name: &str) -> Option<(Holds, &'static str)> {
    if name == kind {
        return source(kind);
    }
    match name {
        "limit" => Some((Holds::Int(1, CANDIDATES), "Most candidates of this route (100).")),
        "weight" => Some((Holds::Number(0.0, 1e6), "What it counts in fusion (1).")),
        "when" => {
            Some((Holds::Expression, "The route is asked only if this holds; reads `user`, `request` and `now`."))
        }
        "min" => Some((Holds::Int(1, CANDIDATES), "So many of its candidates are kept where `candidates` cuts.")),
        "quota" => Some((Holds::Number(0.0, 1.0), "Its share of `candidates`, with `fuse: quota`.")),
        _ => own(kind, name),
    }
}

fn source(kind: &str) -> Option<(Holds, &'static str)> {
    Some(match kind {
        "top" => (Holds::Expression, "The items with the highest value of a feature: `item.heat`."),
        "newest" => (Holds::Name, "The newest items by a timestamp: `item.created`."),
        "history" => (Holds::Name, "The user's own items: a feature `last(event, item, n)`."),
        "list" => (Holds::Name, "The items of a list."),
        "co_visited" => (
            Holds::Part("weighted_events"),
            "Items that the same users visited: `view`, `[view, buy]` or `{ view: 1, buy: 5 }`.",
        ),
        "session" => {
            (Holds::Part("weighted_events"), "Items of sessions like this one: the events, with weights or without.")
        }
        "users_like" => (
            Holds::Part("weighted_events"),
            "Items of users whose histories are alike: the events, with weights or without.",
        ),
        "tags" => (Holds::Name, "Items by their tags: a `[string]` attribute such as `item.tags`."),
        "explore" => (Holds::Name, "Items that have had few of this event."),
        "random" => (Holds::OneOf(&["item"]), "Any items, drawn by the request's seed."),
        _ => return None,
    })
}

fn own(kind: &str, name: &str) -> Option<(Holds, &'static str)> {
    Some(match (name, kind) {
        ("from", "tags") => (
            Holds::Name,
            "Whose tags: `user.<attribute>`, `user.<list of items>`, `request.<context>` or `request.item`.",
        ),
        ("from", _) => (
            Holds::Name,
            "The items to start from: `user.<feature>` that is `last(event, item, n)`, or `request.item`.",
        ),
        ("by", _) => (
            Holds::Name,
            "A feature or a timestamp attribute of the item: of each tag the highest first; without it all count 1.",
        ),
        ("below", _) => (Holds::Int(1, BELOW_MAX), "From so many events on an item is not explored any more (100)."),
        ("neighbours", "co_visited") => {
            (Holds::Int(0, COUNT_MAX), "Neighbours kept of each item; 0 for as many as `counters`.")
        }
        ("neighbours", _) => (COUNT, "Sessions or users that are read (100)."),
        ("counters", _) => (COUNT, "Pairs counted of each item (200)."),
        ("history", _) => (COUNT, "Newest items of a user that a new one is paired with (20)."),
        ("keep", "co_visited") => (COUNT, "Items of a user that are remembered (1000)."),
        ("keep", _) => (Holds::Int(1, limits::SESSIONS_MAX as i64), "Sessions kept in all (500000)."),
        ("gap", _) => (Holds::Other(gap), "Time without events that ends a session (30m); `none`: never."),
        ("length", _) => (COUNT, "Newest items kept of a session (50; of users_like 200)."),
        ("sessions", _) => (COUNT, "Newest sessions kept of an item (500)."),
        ("context", _) => (COUNT, "Newest items to start from (20)."),
        ("similarity_exponent", _) => (Holds::Number(0.0, 4.0), "The power of how alike sessions are."),
        ("distance_decay", _) => (Holds::Number(0.0, 1.0), "Weight of a pair as a share of that of one step nearer."),
        ("backward", _) => (Holds::Number(0.0, 1.0), "Weight of what came before, as a share of what came after."),
        ("popularity_exponent", _) => {
            (Holds::Number(0.0, 2.0), "The power of an item's own popularity that it is divided by.")
        }
        ("context_exponent", _) => {
            (Holds::Number(0.0, 2.0), "The power of a start item's popularity that it is divided by.")
        }
        ("shrinkage", _) => {
            (Holds::Number(0.0, 1e9), "Added to what is divided by: pairs of few events count less (10).")
        }
        ("half_life", _) => (Holds::Span, "Time after which an event counts half; without it for ever."),
        ("recency", _) => (Holds::Number(0.0, 1.0), "Weight of an item as a share of that of the newer one before it."),
        ("known", _) => (Holds::OneOf(&["skip", "keep"]), "Whether items that the user knows are left out (`skip`)."),
        _ => return None,
    })
}

fn gap() -> super::Json {
    use super::super::json::{list, map, text};
    map(vec![("anyOf", list(vec![super::reference("span"), map(vec![("const", text("none"))])]))])
}

pub(super) fn required(kind: &str) -> Vec<&'static str> {
    match kind {
        "top" => vec!["top"],
        "newest" => vec!["newest"],
        "history" => vec!["history"],
        "list" => vec!["list"],
        "co_visited" => vec!["co_visited", "from"],
        "session" => vec!["session", "from"],
        "users_like" => vec!["users_like", "from"],
        "tags" => vec!["tags", "from"],
        "explore" => vec!["explore"],
        _ => vec!["random"],
    }
}

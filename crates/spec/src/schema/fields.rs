//! What each field of a spec holds, and what editors say of it.

mod decisions;
mod feeds;
mod policies;
mod reranks;
mod routes;
mod sinks;

use super::json::{Json, map, number, text, texts};
use super::{NAME, TABLE_NAME};
use super::{list_of, names, reference};
use domain::limits;

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Expression,
    /// A name, or an attribute as `item.price`.
    Name,
    /// Text that may look like a number.
    Word,
    Span,
    Int(i64, i64),
    Number(f64, f64),
    Bool,
    OneOf(&'static [&'static str]),
    /// Another definition of the schema.
    Part(&'static str),
    /// Names of the operator's choice, each with such a definition.
    Names(&'static str),
    /// A list of such definitions, at most so many.
    List(&'static str, usize),
    /// One such definition, or a list of at most so many.
    OneOrMore(&'static str, usize),
    /// What has a form of its own.
    Other(fn() -> Json),
}

/// A field's schema with its description; `None` if nothing is known of it.
pub(super) fn field(table: &str, name: &str) -> Option<Json> {
    let (holds, description) = match table {
        "spec" => section(name),
        "entity" => Some((Holds::Part("fields"), "The attributes: names and types.")),
        "list" => match name {
            "of" => Some((Holds::OneOf(&["item", "user"]), "Whose entries stand on it.")),
            "max" => Some((Holds::Int(1, limits::LIST_ENTRIES_MAX as i64), "Most entries (10000).")),
            _ => None,
        },
        "attribution" => attribution(name),
        "budget" => match name {
            "bytes_per_key" => Some((
                Holds::Int(1, limits::ROW_BYTES_MAX as i64),
                "Most bytes that the row of one key may take; a spec above it is refused.",
            )),
            "ns_per_event" => Some((
                Holds::Int(1, limits::EVENT_NS_MAX as i64),
                "Most nanoseconds that features may take for one event, as predicted; a spec above it is refused.",
            )),
            _ => None,
        },
        "sink" | "retry" => sinks::field(table, name),
        "decision" | "rule" | "rule_share" | "rule_table" | "scorecard" | "scorecard_part" | "bin" | "labels"
        | "review" | "guard" | "alarm" => decisions::field(table, name),
        "feed" | "rank" | "holdout" => feeds::field(table, name),
        _ => match table.split_once('_') {
            Some(("route", kind)) => routes::field(kind, name),
            Some(("policy", kind)) => policies::field(kind, name),
            _ => reranks::field(table, name),
        },
    }?;
    let Json::Map(mut schema) = holds.schema() else { return None };
    schema.push(("description".to_owned(), text(description)));
    Some(Json::Map(schema))
}

/// The fields that a part cannot be without.
pub(super) fn required(table: &str) -> Vec<&'static str> {
    match table {
        "spec" => vec!["version"],
        "list" => vec!["of"],
        "feed" => vec!["for", "recall"],
        "rank" => vec!["score"],
        "holdout" => vec!["share"],
        "decision" => vec!["on"],
        "sink" => vec!["url"],
        "rule" => vec!["id", "when"],
        "rule_share" | "scorecard_part" => vec!["of"],
        "rule_table" => vec!["hit", "inputs", "rows"],
        "scorecard" | "bin" => vec!["points"],
        "labels" => vec!["event", "of", "when"],
        "alarm" => vec!["of", "when"],
        "review" => vec!["outcomes", "answers"],
        "guard" => vec!["outcome", "share_up", "over", "then"],
        _ => match table.split_once('_') {
            Some(("route", kind)) => routes::required(kind),
            Some(("policy", kind)) => policies::required(kind),
            _ => reranks::required(table),
        },
    }
}

fn section(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "version" => (Holds::Other(|| map(vec![("const", number(1))])), "The version of the spec language: 1."),
        "entities" => (
            Holds::Names("entity"),
            "What there are events of, each with its attributes. `user` and `item` are always there.",
        ),
        "events" => {
            (Holds::Names("event"), "What happens: the entities that it concerns by role, and its own `fields`.")
        }
        "features" => (
            Holds::Other(|| names(TABLE_NAME, reference("features"), limits::SPEC_ITEMS_MAX)),
            "What is kept up to date for an entity type (`user`) or a pair (`user.category`): names and expressions.",
        ),
        "lists" => (Holds::Names("list"), "Lists of items or users that the API fills."),
        "feeds" => (Holds::Names("feed"), "What can be asked for: recall, filters, score, rerankers, policies."),
        "decisions" => (
            Holds::Names("decision"),
            "What is decided of every event of a type, as of its own place in the log: rules, score, tiers.",
        ),
        "alarms" => (
            Holds::Names("alarm"),
            "What is raised when a pattern of an entity's events comes true, without a further event if need be.",
        ),
        "sinks" => (Holds::Names("sink"), "HTTP addresses that take outcomes of decisions, each at least once."),
        "weights" => (Holds::Other(weights), "What one event of a kind is worth; below zero for dislike."),
        "attribution" => (Holds::Part("attribution"), "How events are joined to the decisions that led to them."),
        "budget" => (Holds::Part("budget"), "What the features may cost."),
        _ => return None,
    })
}

fn weights() -> Json {
    names(
        NAME,
        map(vec![("type", text("number")), ("minimum", number(-1_000_000)), ("maximum", number(1_000_000))]),
        limits::SPEC_ITEMS_MAX,
    )
}

fn attribution(name: &str) -> Option<(Holds, &'static str)> {
    const DECISIONS: i64 = limits::ATTRIBUTION_DECISIONS_MAX as i64;
    Some(match name {
        "window" => (Holds::Span, "How long after a decision its events are joined to it (30m)."),
        "decisions" => (Holds::Int(1, DECISIONS), "How many decisions are remembered (100000)."),
        "click" => (Holds::Other(event_names), "The events that are clicks; without it those with a weight above 0."),
        "events" => (Holds::Other(event_names), "The events that are joined; without it all with a weight."),
        _ => return None,
    })
}

fn event_names() -> Json {
    list_of(map(vec![("type", text("string"))]), None, None)
}

impl Holds {
    fn schema(self) -> Json {
        let typed = |name: &str| map(vec![("type", text(name))]);
        let range = |name: &str, least: f64, most: f64| {
            map(vec![("type", text(name)), ("minimum", Json::Number(least)), ("maximum", Json::Number(most))])
        };
        match self {
            Holds::Expression => reference("expression"),
            Holds::Name => typed("string"),
            Holds::Word => reference("word"),
            Holds::Span => reference("span"),
            Holds::Int(least, most) => range("integer", least as f64, most as f64),
            Holds::Number(least, most) => range("number", least, most),
            Holds::Bool => typed("boolean"),
            Holds::OneOf(words) => map(vec![("enum", texts(words))]),
            Holds::Part(name) => reference(name),
            Holds::Names(name) => names(NAME, reference(name), limits::SPEC_ITEMS_MAX),
            Holds::List(name, most) => list_of(reference(name), None, Some(most)),
            Holds::OneOrMore(name, most) => super::one_or_more(reference(name), most),
            Holds::Other(made) => made(),
        }
    }
}

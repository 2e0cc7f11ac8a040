//! The fields of rerankers: of a step, and of what stands in it.

use super::super::json::{Json, list, map, text};
use super::super::{list_of, one_or_more};
use super::{Holds, names, number, reference};
use domain::limits;

const PLACES: Holds = Holds::Int(1, limits::SLATE_MAX as i64);
const DEPTH: (Holds, &str) =
    (Holds::Int(2, limits::RERANK_DEPTH_MAX as i64), "The best so many are ordered anew (100).");

pub(super) fn field(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    Some(match (table, name) {
        ("step_spread", "spread") => (
            Holds::Other(spread),
            "No more than `max` items of one value in any `window` places: attributes, or rules.",
        ),
        ("step_spread" | "spread", "window") => (PLACES, "Places that are looked at together (5)."),
        ("step_spread", "max") => (PLACES, "Most items of one value in the window (2)."),
        ("step_mmr", _) => (Holds::Part("mmr"), "Orders the best anew by relevance and difference to those before."),
        ("step_dpp", _) => {
            (Holds::Part("dpp"), "Orders the best anew so that they are relevant and different together.")
        }
        ("step_slots", _) => {
            (Holds::OneOrMore("slots", limits::RERANK_RULES_MAX), "Keeps places for a route or a kind of items.")
        }
        ("step_mix", _) => (Holds::Part("mix"), "Puts items of another feed in between."),
        ("step_fresh", _) => (Holds::Part("fresh"), "Sees to it that enough items are new."),
        ("step_fair", _) => {
            (Holds::Part("fair"), "Sees to it that impressions are shared among the values of an attribute.")
        }
        ("spread", "by") => (Holds::Name, "Of each value of this attribute."),
        ("spread" | "slots", "when") => (Holds::Expression, "Of the items that meet this condition."),
        ("spread", "max") => (Holds::Int(0, limits::SLATE_MAX as i64), "Most of them in the window."),
        ("spread", "min") => (PLACES, "Least of them in the window; with `when` only."),
        ("mmr" | "dpp", "by") => {
            (Holds::Name, "What makes items alike: an attribute, or a `co_visited` route of this feed.")
        }
        ("mmr", "lambda") => (Holds::Number(0.0, 1.0), "The part of relevance, the rest is difference (0.7)."),
        ("dpp", "theta") => (Holds::Number(0.0, 1.0), "The part of relevance, the rest is difference (0.65)."),
        ("mmr" | "dpp" | "fair", "depth") => DEPTH,
        ("slots", "at") => (PLACES, "The first place; without it `every`."),
        ("slots", "every") => (PLACES, "So many places from one to the next."),
        ("slots", "from") => (Holds::Name, "The route whose items take the place."),
        ("mix", "feed") => (Holds::Name, "The other feed."),
        ("mix", "at") => (PLACES, "The first place; without it `every`."),
        ("mix", "every") => (Holds::Int(2, limits::SLATE_MAX as i64), "So many places from one to the next."),
        ("fresh", "by") => (Holds::Name, "The timestamp: `item.created`."),
        ("fresh", "within") => (Holds::Span, "An item is new for so long."),
        ("fresh", "share") => (Holds::Number(1e-3, 1.0), "The share of new items in the window."),
        ("fresh", "at_least") => (PLACES, "How many new items in the window."),
        ("fresh", "in") => (PLACES, "Places that are looked at together (10)."),
        ("fair", "of") => (Holds::Name, "The attribute whose values share."),
        ("fair", "target") => (Holds::Other(target), "`equal`, `proportional` to the catalogue, or shares by value."),
        ("fair", "window") => (Holds::Span, "The time whose impressions count (1d)."),
        ("fair", "strength") => (Holds::Number(1e-3, 1.0), "How much of the score's range it may move (0.3)."),
        _ => return None,
    })
}

pub(super) fn required(table: &str) -> Vec<&'static str> {
    match table {
        "step_spread" => vec!["spread"],
        "step_mmr" => vec!["mmr"],
        "step_dpp" => vec!["dpp"],
        "step_slots" => vec!["slots"],
        "step_mix" => vec!["mix"],
        "step_fresh" => vec!["fresh"],
        "step_fair" => vec!["fair"],
        "mmr" | "dpp" => vec!["by"],
        "mix" => vec!["feed", "every"],
        "fresh" => vec!["by", "within"],
        "fair" => vec!["of", "target"],
        _ => Vec::new(),
    }
}

/// An attribute, attributes, a rule or rules.
fn spread() -> Json {
    let attribute = map(vec![("type", text("string"))]);
    let attributes = list_of(attribute.clone(), Some(1), Some(limits::RERANK_RULES_MAX));
    let rules = one_or_more(reference("spread"), limits::RERANK_RULES_MAX);
    map(vec![("anyOf", list(vec![attribute, attributes, rules]))])
}

fn target() -> Json {
    let share = map(vec![("type", text("number")), ("minimum", Json::Number(1e-6)), ("maximum", number(1))]);
    let shares = names("", share, limits::SPEC_ITEMS_MAX);
    map(vec![("anyOf", list(vec![map(vec![("enum", super::texts(&["equal", "proportional"]))]), shares]))])
}

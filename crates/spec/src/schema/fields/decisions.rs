//! The fields of decisions and of their rules.

use super::super::names;
use super::{Holds, NAME, list_of, map, number, reference, text, texts};
use crate::schema::json::Json;
use domain::limits;

pub(super) fn field(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    match table {
        "decision" => decision(name),
        "rule" => rule(name),
        "rule_table" => rule_table(name),
        "scorecard" | "scorecard_part" | "bin" => scorecard(table, name),
        "alarm" => Some(match name {
            "of" => (Holds::Name, "The entity type whose features it reads."),
            "when" => {
                (Holds::Expression, "Raised where this becomes true; reads at least one `seq`, `absent` or `held`.")
            }
            "reason" => (Holds::Word, "What it says, with values in braces: `{spent_1d} spent`."),
            "tags" => (
                Holds::Other(|| list_of(reference("label"), None, Some(limits::RULE_TAGS_MAX))),
                "Words that it carries.",
            ),
            _ => return None,
        }),
        "labels" => Some(match name {
            "event" => (Holds::Name, "The event that says later what was true."),
            "of" => (Holds::Name, "Its field that has the `id` of the decided event."),
            "when" => (Holds::Expression, "When it says that the decided event was bad, as in `fraud`."),
            _ => return None,
        }),
        "review" => review(name),
        "guard" => guard(name),
        _ => Some(match name {
            "of" => (Holds::Part("share"), "How many of the entities: `10%` or `0.1`."),
            "by" => (Holds::Name, "The role whose entity is asked (the event's first)."),
            "salt" => (Holds::Word, "Another salt takes other entities (the rule's id)."),
            _ => return None,
        }),
    }
}

fn decision(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "on" => (Holds::Name, "The event that is decided."),
        "outcomes" => (
            Holds::Other(|| list_of(reference("label"), None, Some(limits::OUTCOMES_MAX))),
            "What can come out, by precedence: of several the first wins.",
        ),
        "score" => (Holds::Expression, "The score that rules add to (0)."),
        "rules" => (Holds::List("rule", limits::RULES_MAX), "The rules; every one that fires does what it says."),
        "tables" => (Holds::Names("rule_table"), "Decision tables: rows of cells over named inputs."),
        "scorecards" => (Holds::Names("scorecard"), "Points added up: `scorecards.<name>` in expressions."),
        "tiers" => (Holds::Part("tiers"), "Outcomes by the least score of each, from the highest to the lowest."),
        "otherwise" => (Holds::Part("label"), "The outcome where no rule asks for one, of a decision without tiers."),
        "deadline" => (Holds::Part("span"), "How long an answer may take, from 1ms to 1m."),
        "fallback" => (Holds::Part("label"), "The outcome that is answered past the deadline."),
        "labels" => (Holds::Part("labels"), "Which events say later what was true: what backtests measure by."),
        "review" => (Holds::Part("review"), "Which decisions wait for a person, and what a person can answer."),
        "guards" => (
            Holds::List("guard", limits::GUARDS_MAX),
            "By how much shares of outcomes may grow when the spec changes, and what is done about it.",
        ),
        _ => return None,
    })
}

fn review(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "outcomes" => (
            Holds::Other(|| list_of(reference("label"), Some(1), Some(limits::OUTCOMES_MAX))),
            "The outcomes that wait for a person.",
        ),
        "answers" => (Holds::Other(answers), "What a person can answer, and what each sets of the label event."),
        "claim" => (Holds::Part("span"), "How long a claim holds, from 1m to 7d (30m)."),
        _ => return None,
    })
}

fn answers() -> Json {
    let value = map(vec![("type", texts(&["string", "number", "boolean"]))]);
    let sets = map(vec![("type", text("object")), ("additionalProperties", value)]);
    map(vec![
        ("type", text("object")),
        ("propertyNames", reference("label")),
        ("additionalProperties", sets),
        ("minProperties", number(1)),
        ("maxProperties", number(limits::REVIEW_ANSWERS_MAX as i64)),
    ])
}

fn guard(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "outcome" => (Holds::Part("label"), "The outcome whose share is watched."),
        "share_up" => (Holds::Part("share"), "By how much the share may grow, in parts of all: `8%` is eight points."),
        "over" => (Holds::Part("span"), "How long a change is watched, and how much before it is looked at."),
        "against" => (Holds::OneOf(&["previous_plan", "rest"]), "What it is compared with (previous_plan)."),
        "rule" => (Holds::Part("label"), "With `against: rest`: the rule with a `share` that is rolled out."),
        "min" => (
            Holds::Int(1, limits::GUARD_DECISIONS_MAX),
            "Decisions that each side needs before they are compared (200).",
        ),
        "then" => (Holds::OneOf(&["rollback", "freeze"]), "What is done when it has grown by more."),
        _ => return None,
    })
}

fn rule(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "id" => (Holds::Part("label"), "Its name in answers."),
        "when" => (Holds::Expression, "When it fires, as in `device.cards_10m >= 5`."),
        "score" => (Holds::Expression, "What it adds to the score; a rule has this or `outcome`."),
        "outcome" => (Holds::Part("label"), "What it asks for; a rule has this or `score`."),
        "reason" => (Holds::Word, "What it says when it fires, with expressions in braces: `{amount} at once`."),
        "tags" => (
            Holds::Other(|| list_of(reference("label"), None, Some(limits::RULE_TAGS_MAX))),
            "Words that answers carry where it fires.",
        ),
        "from" => (Holds::Word, "From this day or instant on: `2026-12-24` or `2026-12-24T18:00:00+01:00`."),
        "until" => (Holds::Word, "The first day or instant at which it fires no more."),
        "shadow" => (Holds::Bool, "Evaluated and told, without doing anything (false)."),
        "share" => (Holds::Part("share_of_rule"), "Only for this part of the entities, always the same ones."),
        _ => return None,
    })
}

fn rule_table(name: &str) -> Option<(Holds, &'static str)> {
    Some(match name {
        "hit" => (Holds::OneOf(&["first", "unique", "collect"]), "How many rows may fire."),
        "inputs" => (
            Holds::Other(|| names(NAME, reference("expression"), limits::TABLE_INPUTS_MAX)),
            "What cells are compared with: names and expressions.",
        ),
        "rows" => (Holds::List("row", limits::RULES_MAX), "The rows: a cell per input, and what the row does."),
        _ => return None,
    })
}

fn scorecard(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    const MOST: f64 = 1e15;
    Some(match (table, name) {
        ("scorecard", "base") => (Holds::Number(-MOST, MOST), "What the sum begins with (0)."),
        ("scorecard", "points") => (Holds::Names("scorecard_part"), "The parts whose points are added."),
        ("scorecard_part", "of") => (Holds::Expression, "What is looked at."),
        ("scorecard_part", "bins") => {
            (Holds::List("bin", limits::BINS_MAX), "Points of a number, by ascending bounds.")
        }
        ("scorecard_part", "values") => (Holds::Other(values), "Points of single values."),
        ("scorecard_part", "otherwise") => (Holds::Number(-MOST, MOST), "Points of all values that are not listed."),
        ("scorecard_part", "missing") => (Holds::Number(-MOST, MOST), "Points where there is no value (0)."),
        ("scorecard_part", "reason") => (Holds::Word, "What it says where it counts, with expressions in braces."),
        ("bin", "below") => (Holds::Number(-MOST, MOST), "The bound: numbers below it; the last bin has none."),
        ("bin", "points") => (Holds::Number(-MOST, MOST), "The points of the bin."),
        _ => return None,
    })
}

fn values() -> Json {
    let points = map(vec![("type", text("number"))]);
    map(vec![
        ("type", text("object")),
        ("additionalProperties", points),
        ("maxProperties", number(limits::BINS_MAX as i64)),
    ])
}

//! The fields of decisions and of their rules.

use super::{Holds, list_of, reference};
use domain::limits;

pub(super) fn field(table: &str, name: &str) -> Option<(Holds, &'static str)> {
    match table {
        "decision" => decision(name),
        "rule" => rule(name),
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
        "tiers" => (Holds::Part("tiers"), "Outcomes by the least score of each, from the highest to the lowest."),
        "otherwise" => (Holds::Part("label"), "The outcome where no rule asks for one, of a decision without tiers."),
        "deadline" => (Holds::Part("span"), "How long an answer may take, from 1ms to 1m."),
        "fallback" => (Holds::Part("label"), "The outcome that is answered past the deadline."),
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

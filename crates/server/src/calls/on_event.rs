//! Decisions on events, by id: what was decided, why, and the same computed again from the log. Nothing of them is recorded; all of it
//! follows from the event's position.

use super::verdicts::view_of;
use crate::Shared;
use crate::reply::Reply;
use domain::{Code, DecisionId, Position, Refusal, Time};
use engine::{
    Decided, DecidedAgain, DecisionExplanation, FactOfDecision, FiredEffect, OperandOfRule, RuleOfDecision, Telling,
    TermOfRule, Verdicts, WhyNot,
};
use wire::{VerdictView, write_array, write_bool, write_float, write_instant, write_key, write_text};

/// All decisions on the event.
pub(super) fn read(shared: &Shared, id: DecisionId) -> Result<Reply, Refusal> {
    let given = shared.engine.fallbacks_given(id);
    at(shared, id)?.tell(|decided, telling| {
        let views = of(decided, id)?.into_iter().map(|of| {
            let given_fallback = given.contains(&of.decision().name);
            VerdictView { given_fallback, ..view_of(of, telling, true, false) }
        });
        let views: Vec<_> = views.collect();
        let mut body = b"{\"decisions\":".to_vec();
        write_array(&mut body, &views, wire::write_verdict);
        body.push(b'}');
        Ok(Reply::json(body))
    })
}

/// Why each came out as it did.
pub(super) fn explain(shared: &Shared, id: DecisionId, text: bool) -> Result<Reply, Refusal> {
    at(shared, id)?.tell(|decided, telling| {
        let all: Vec<_> = of(decided, id)?.into_iter().map(|of| telling.explain(of)).collect();
        if text {
            let texts: Vec<String> = all.iter().map(DecisionExplanation::to_string).collect();
            return Ok(Reply::text(texts.join("\n")));
        }
        let mut body = b"{\"decisions\":".to_vec();
        write_array(&mut body, &all, write_explained);
        body.push(b'}');
        Ok(Reply::json(body))
    })
}

/// The same from the log, compared with what is in memory, if it still is.
pub(super) fn replay(shared: &Shared, id: DecisionId) -> Result<Reply, Refusal> {
    let again = from_log(shared, id.position)?;
    let told = |verdicts: &Verdicts| verdicts.tell(|decided, telling| written(decided, telling, id));
    let (again, lately) = (told(&again)?, shared.engine.decided_lately(id.position).map(|lately| told(&lately)));
    let mut body = b"{\"decision\":".to_vec();
    write_text(&mut body, &id.to_string());
    body.extend_from_slice(b",\"state\":\"done\"");
    if let Some(lately) = lately {
        let identical = lately? == again;
        body.extend_from_slice(if identical { b",\"identical\":true" } else { b",\"identical\":false" });
    }
    body.extend_from_slice(b",\"decisions\":");
    body.extend_from_slice(&again);
    body.push(b'}');
    Ok(Reply::json(body))
}

fn written(decided: &[Decided], telling: &Telling<'_>, id: DecisionId) -> Result<Vec<u8>, Refusal> {
    let views: Vec<_> = of(decided, id)?.into_iter().map(|of| view_of(of, telling, true, false)).collect();
    let mut out = Vec::new();
    write_array(&mut out, &views, wire::write_verdict);
    Ok(out)
}

/// From memory, else computed from the log.
fn at(shared: &Shared, id: DecisionId) -> Result<Verdicts, Refusal> {
    shared.engine.decided_lately(id.position).map_or_else(|| from_log(shared, id.position), Ok)
}

fn from_log(shared: &Shared, position: Position) -> Result<Verdicts, Refusal> {
    let DecidedAgain { verdicts, refused } = shared.replays.decide(&shared.engine, &[position])?;
    let refusal = refused.into_iter().next().map(|(_, refusal)| refusal);
    let internal = || Refusal::new(Code::Internal, "", "one position was asked for and none answered");
    verdicts.into_iter().next().ok_or_else(|| refusal.unwrap_or_else(internal))
}

/// Those of this id, at least one.
fn of(decided: &[Decided], id: DecisionId) -> Result<Vec<&Decided>, Refusal> {
    let found: Vec<&Decided> = decided.iter().filter(|of| of.id == id).collect();
    if found.is_empty() {
        let message = format!(
            "there is no decision {id}: none is on events of that type, or another record took its place after a crash"
        );
        return Err(Refusal::new(Code::UnknownDecision, "id", message));
    }
    Ok(found)
}

fn write_explained(out: &mut Vec<u8>, explained: &DecisionExplanation) {
    out.push(b'{');
    write_key(out, "decision");
    write_text(out, &explained.decision);
    write_key(out, "outcome");
    write_text(out, &explained.outcome);
    write_key(out, "score");
    write_float(out, explained.score);
    write_key(out, "facts");
    write_array(out, &explained.facts, write_fact);
    write_key(out, "rules");
    write_array(out, &explained.rules, write_rule);
    write_key(out, "steps");
    write_array(out, &explained.steps, |out, step| {
        out.push(b'{');
        if let Some(rule) = &step.rule {
            write_key(out, "rule");
            write_text(out, rule);
        }
        write_key(out, "added");
        write_float(out, step.added);
        write_key(out, "total");
        write_float(out, step.total);
        out.push(b'}');
    });
    write_key(out, "tiers");
    write_array(out, &explained.tiers, |out, tier| {
        out.push(b'{');
        write_key(out, "outcome");
        write_text(out, &tier.outcome);
        write_key(out, "threshold");
        // What is no number is written as null.
        write_float(out, tier.threshold.unwrap_or(f64::NAN));
        write_flag(out, "reached", tier.reached);
        out.push(b'}');
    });
    if let Some(nearest) = &explained.nearest {
        write_key(out, "nearest_change");
        out.push(b'{');
        for (name, value) in [
            ("fact", &nearest.name),
            ("is", &nearest.shown),
            ("would_be", &nearest.instead),
            ("outcome", &nearest.outcome),
        ] {
            write_key(out, name);
            write_text(out, value);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn write_fact(out: &mut Vec<u8>, fact: &FactOfDecision) {
    out.push(b'{');
    write_key(out, "fact");
    write_text(out, &fact.name);
    write_key(out, "value");
    write_text(out, &fact.shown);
    for (name, text) in [("window", &fact.window), ("computed", &fact.computed)] {
        if let Some(text) = text {
            write_key(out, name);
            write_text(out, text);
        }
    }
    if fact.before {
        write_flag(out, "before", true);
    }
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, rule: &RuleOfDecision) {
    out.push(b'{');
    write_key(out, "rule");
    write_text(out, &rule.id);
    write_flag(out, "fired", rule.effect.is_some());
    if let Some(FiredEffect::Added(score)) = rule.effect {
        write_key(out, "score");
        write_float(out, score);
    }
    if rule.shadow {
        write_flag(out, "shadow", true);
    }
    if let Some(why) = rule.why_not {
        write_key(out, "why_not");
        write_why_not(out, why);
    }
    write_key(out, "terms");
    write_array(out, &rule.terms, write_term);
    out.push(b'}');
}

fn write_why_not(out: &mut Vec<u8>, why: WhyNot) {
    let (name, at): (&str, Option<Time>) = match why {
        WhyNot::NotYet(from) => ("not_yet", Some(from)),
        WhyNot::Over(until) => ("over", Some(until)),
        WhyNot::NotShared => ("not_in_share", None),
        WhyNot::False(_) => ("false", None),
        WhyNot::Missing(_) => ("missing", None),
        WhyNot::Passed => ("row_before_it_fired", None),
    };
    out.push(b'{');
    write_key(out, "why");
    write_text(out, name);
    if let WhyNot::False(term) | WhyNot::Missing(term) = why {
        write_key(out, "term");
        wire::write_uint(out, term as u64);
    }
    if let Some(at) = at {
        write_key(out, "at");
        write_instant(out, at);
    }
    out.push(b'}');
}

fn write_term(out: &mut Vec<u8>, term: &TermOfRule) {
    out.push(b'{');
    write_key(out, "term");
    write_text(out, &term.text);
    write_key(out, "value");
    match term.is_true() {
        Some(is) => write_bool(out, is),
        None => out.extend_from_slice(b"null"),
    }
    write_key(out, "operands");
    write_array(out, &term.operands, |out, OperandOfRule { text, shown, .. }| {
        out.push(b'{');
        write_key(out, "operand");
        write_text(out, text);
        write_key(out, "value");
        write_text(out, shown);
        out.push(b'}');
    });
    out.push(b'}');
}

fn write_flag(out: &mut Vec<u8>, name: &str, flag: bool) {
    write_key(out, name);
    write_bool(out, flag);
}

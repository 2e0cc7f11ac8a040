//! What was decided on an event, as JSON.

use super::{results, write_array, write_float, write_id, write_key, write_named, write_text, write_uint};
use crate::time::write_instant;
use domain::{DecisionId, PlanVersion, Raw, Refusal, Time};

/// A verdict and what its JSON needs beside it.
#[derive(Clone, Debug)]
pub struct VerdictView<'a> {
    /// The decision's id.
    pub id: DecisionId,
    /// The decision's name.
    pub decision: &'a str,
    /// What came out.
    pub outcome: &'a str,
    /// Whether that is what is answered past a deadline, the decision itself being another.
    pub fallback: bool,
    /// Whether a caller was given the declared fallback instead of it.
    pub given_fallback: bool,
    /// The score.
    pub score: f64,
    /// The tier that the score reached, by its outcome.
    pub tier: Option<&'a str>,
    /// The rules that fired, in the spec's order.
    pub reasons: Vec<ReasonView<'a>>,
    /// Fields that the decision reads and the event did not have.
    pub missing: Vec<&'a str>,
    /// Whether the event had been taken before: then this is what was decided then.
    pub duplicate: bool,
    /// Which plan decided.
    pub plan: PlanVersion,
    /// The instant that windows ended at.
    pub now: Time,
    /// What it was decided from; none if nobody asked.
    pub facts: Option<Vec<(&'a str, Raw<'static>)>>,
}

/// A rule that fired.
#[derive(Clone, Debug)]
pub struct ReasonView<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// What it added to the score.
    pub score: Option<f64>,
    /// The outcome that it asked for.
    pub outcome: Option<&'a str>,
    /// What it says.
    pub reason: String,
    /// Words that it carries.
    pub tags: &'a [String],
    /// Whether it only would have done it.
    pub shadow: bool,
}

/// Appends a verdict as a JSON object.
pub fn write_verdict(out: &mut Vec<u8>, view: &VerdictView<'_>) {
    // Keys are written in one piece with what stands around them: a verdict has many, and is one of hundreds of thousands a second.
    out.extend_from_slice(b"{\"id\":");
    write_id(out, view.id);
    out.extend_from_slice(b",\"decision\":");
    write_text(out, view.decision);
    out.extend_from_slice(b",\"outcome\":");
    write_text(out, view.outcome);
    if view.fallback {
        out.extend_from_slice(b",\"fallback\":true");
    }
    if view.given_fallback {
        out.extend_from_slice(b",\"given\":\"fallback\"");
    }
    out.extend_from_slice(b",\"score\":");
    write_float(out, view.score);
    if let Some(tier) = view.tier {
        out.extend_from_slice(b",\"tier\":");
        write_text(out, tier);
    }
    out.extend_from_slice(b",\"reasons\":");
    write_array(out, &view.reasons, write_reason);
    if !view.missing.is_empty() {
        write_key(out, "missing");
        write_array(out, &view.missing, |out, field| write_text(out, field));
    }
    if view.duplicate {
        out.extend_from_slice(b",\"duplicate\":true");
    }
    out.extend_from_slice(b",\"plan\":");
    write_uint(out, u64::from(view.plan.0));
    out.extend_from_slice(b",\"now\":");
    write_instant(out, view.now);
    if let Some(facts) = &view.facts {
        write_key(out, "facts");
        write_named(out, facts);
    }
    out.push(b'}');
}

fn write_reason(out: &mut Vec<u8>, reason: &ReasonView<'_>) {
    out.extend_from_slice(b"{\"rule\":");
    write_text(out, reason.rule);
    if let Some(score) = reason.score {
        out.extend_from_slice(b",\"score\":");
        write_float(out, score);
    }
    if let Some(outcome) = reason.outcome {
        out.extend_from_slice(b",\"outcome\":");
        write_text(out, outcome);
    }
    out.extend_from_slice(b",\"reason\":");
    write_text(out, &reason.reason);
    if !reason.tags.is_empty() {
        out.extend_from_slice(b",\"tags\":");
        write_array(out, reason.tags, |out, tag| write_text(out, tag));
    }
    if reason.shadow {
        out.extend_from_slice(b",\"shadow\":true");
    }
    out.push(b'}');
}

/// Appends why a line was not decided: `{"line":..,"error":{..}}`. Lines are numbered from 1.
pub fn write_undecided(out: &mut Vec<u8>, line: u64, refusal: &Refusal) {
    out.push(b'{');
    write_key(out, "line");
    write_uint(out, line);
    out.extend_from_slice(b",\"error\":{");
    results::write_reason(out, refusal);
    out.extend_from_slice(b"}}");
}

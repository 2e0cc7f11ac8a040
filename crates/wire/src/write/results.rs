//! Results of events and entities, one entity's view, and the one shape of errors, as JSON.

use super::{write_bool, write_key, write_named, write_text, write_uint};
use crate::batch::LineRefusal;
use crate::time::write_instant;
use domain::{Position, Raw, Refusal, Time, limits};

/// Appends `{"error":{"code":..,"field":..,"message":..}}`, with `column` and `caret` for a place in an expression.
pub fn write_error(out: &mut Vec<u8>, refusal: &Refusal) {
    out.extend_from_slice(b"{\"error\":{");
    write_reason(out, refusal);
    out.extend_from_slice(b"}}");
}

/// Appends the members of an error.
pub(super) fn write_reason(out: &mut Vec<u8>, refusal: &Refusal) {
    write_key(out, "code");
    write_text(out, refusal.code.as_str());
    write_key(out, "field");
    write_text(out, &refusal.field);
    write_key(out, "message");
    write_text(out, &refusal.message);
    if let Some(mark) = &refusal.mark {
        write_key(out, "column");
        write_uint(out, u64::from(mark.column));
        write_key(out, "caret");
        write_text(out, &mark.caret);
    }
}

/// One element of a body that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineOutcome {
    /// Its line, as in [`LineRefusal::line`].
    pub line: u32,
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it was there before this call.
    pub duplicate: bool,
}

/// What became of a body of events or entities.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// How many were new.
    pub accepted: u64,
    /// How many had been taken before.
    pub duplicates: u64,
    /// The position that this body is durable and applied at.
    pub position: Position,
    /// Why the others were not taken; the first [`limits::REFUSED_NAMED_MAX`] are named, the rest counted.
    pub refused: &'a [LineRefusal],
    /// Each line taken; written only if given.
    pub taken: &'a [LineOutcome],
    /// The refusal of the whole, if nothing was taken: written as `error`.
    pub error: Option<&'a Refusal>,
}

/// Appends the results as a JSON object.
pub fn write_applied(out: &mut Vec<u8>, applied: &Applied<'_>) {
    out.push(b'{');
    write_key(out, "accepted");
    write_uint(out, applied.accepted);
    write_key(out, "duplicates");
    write_uint(out, applied.duplicates);
    write_key(out, "refused");
    write_uint(out, applied.refused.len() as u64);
    write_key(out, "position");
    write_uint(out, applied.position.0);
    write_key(out, "results");
    let (named, more) = applied.refused.split_at(applied.refused.len().min(limits::REFUSED_NAMED_MAX));
    write_lines(out, named, applied.taken);
    if !more.is_empty() {
        write_key(out, "more_refused");
        write_uint(out, more.len() as u64);
    }
    if let Some(refusal) = applied.error {
        write_key(out, "error");
        out.push(b'{');
        write_reason(out, refusal);
        out.push(b'}');
    }
    out.push(b'}');
}

/// Refused and taken lines together, by line; both lists are in that order already.
fn write_lines(out: &mut Vec<u8>, mut refused: &[LineRefusal], mut taken: &[LineOutcome]) {
    out.push(b'[');
    loop {
        let next_is_refused = match (refused.first(), taken.first()) {
            (None, None) => break,
            (Some(bad), Some(good)) => bad.line <= good.line,
            (bad, None) => bad.is_some(),
            (None, Some(_)) => false,
        };
        if out.last() != Some(&b'[') {
            out.push(b',');
        }
        if next_is_refused {
            write_refused(out, &refused[0]);
            refused = &refused[1..];
        } else {
            write_taken(out, &taken[0]);
            taken = &taken[1..];
        }
    }
    out.push(b']');
}

fn write_refused(out: &mut Vec<u8>, bad: &LineRefusal) {
    out.extend_from_slice(b"{\"line\":");
    write_uint(out, u64::from(bad.line));
    write_reason(out, &bad.refusal);
    out.push(b'}');
}

fn write_taken(out: &mut Vec<u8>, good: &LineOutcome) {
    out.extend_from_slice(b"{\"line\":");
    write_uint(out, u64::from(good.line));
    write_key(out, "position");
    write_uint(out, good.position.0);
    write_key(out, "duplicate");
    write_bool(out, good.duplicate);
    out.push(b'}');
}

/// What is known of an entity.
#[derive(Clone, Copy, Debug)]
pub struct EntityFacts<'a> {
    /// Its type.
    pub entity: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Its attributes.
    pub fields: &'a [(String, Raw<'static>)],
    /// Its features now.
    pub features: &'a [(String, Raw<'static>)],
    /// The position of both.
    pub position: Position,
    /// The time that windows were read at.
    pub now: Time,
}

/// Appends the entity as a JSON object.
pub fn write_entity(out: &mut Vec<u8>, facts: &EntityFacts<'_>) {
    out.push(b'{');
    write_key(out, "entity");
    write_text(out, facts.entity);
    write_key(out, "key");
    write_text(out, facts.key);
    write_key(out, "fields");
    write_named(out, facts.fields);
    write_key(out, "features");
    write_named(out, facts.features);
    write_key(out, "position");
    write_uint(out, facts.position.0);
    write_key(out, "now");
    write_instant(out, facts.now);
    out.push(b'}');
}

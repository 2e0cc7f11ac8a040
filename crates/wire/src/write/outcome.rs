//! An outcome as whoever it is sent to gets it: what came out, and the event that it came out of.

use super::verdict::{VerdictView, write_verdict};
use super::{write_key, write_raw, write_text, write_uint};
use crate::time::write_instant;
use domain::{Event, OutcomeId};

/// An outcome and what its JSON needs beside it.
#[derive(Clone, Debug)]
pub struct OutcomeView<'a> {
    /// Names it, for ever: whoever gets it twice can tell.
    pub key: OutcomeId,
    /// What was decided.
    pub verdict: VerdictView<'a>,
    /// The event, as it was taken.
    pub event: &'a Event<'a>,
}

/// Appends an outcome as a JSON object: `key`, `kind` and `position`, the members of the verdict, `event`.
pub fn write_outcome(out: &mut Vec<u8>, view: &OutcomeView<'_>) {
    out.push(b'{');
    write_key(out, "key");
    write_text(out, &view.key.to_string());
    write_key(out, "kind");
    write_text(out, "verdict");
    write_key(out, "position");
    write_uint(out, view.key.decision.position.0);
    let at = out.len();
    write_verdict(out, &view.verdict);
    // Its braces give way: its members stand among ours.
    out[at] = b',';
    out.pop();
    write_key(out, "event");
    write_event(out, view.event);
    out.push(b'}');
}

/// Appends an event as a JSON object, flat as clients send it.
pub fn write_event(out: &mut Vec<u8>, event: &Event<'_>) {
    out.push(b'{');
    write_key(out, "event");
    write_text(out, &event.kind);
    if !event.source.is_empty() {
        write_key(out, "source");
        write_text(out, &event.source);
    }
    if let Some(id) = &event.id {
        write_key(out, "id");
        write_text(out, id);
    }
    if let Some(time) = event.time {
        write_key(out, "time");
        write_instant(out, time);
    }
    for field in &event.fields {
        out.push(b',');
        write_text(out, &field.name);
        out.push(b':');
        write_raw(out, &field.value);
    }
    out.push(b'}');
}

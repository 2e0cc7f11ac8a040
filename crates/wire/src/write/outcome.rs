//! An outcome as whoever it is sent to gets it: what was decided, with the event that it was decided on, or an alarm.

use super::alarm::{AlarmView, write_alarm};
use super::verdict::{VerdictView, write_verdict};
use super::{write_key, write_raw, write_text, write_uint};
use crate::time::write_instant;
use domain::{Event, OutcomeId};

/// An outcome and what its JSON needs beside it.
#[derive(Clone, Debug)]
pub struct OutcomeView<'a> {
    /// Names it, for ever: whoever gets it twice can tell.
    pub key: OutcomeId,
    /// What it is.
    pub what: OutcomeOf<'a>,
}

/// What an outcome is.
#[derive(Clone, Debug)]
pub enum OutcomeOf<'a> {
    /// What was decided, and the event, as it was taken.
    Verdict(VerdictView<'a>, &'a Event<'a>),
    /// An alarm that was raised.
    Alarm(AlarmView<'a>),
}

impl OutcomeOf<'_> {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            OutcomeOf::Verdict(..) => "verdict",
            OutcomeOf::Alarm(_) => "alarm",
        }
    }
}

/// Appends an outcome as a JSON object: `key`, `kind` and `position`; then the members of the verdict and `event`, or those of the alarm.
pub fn write_outcome(out: &mut Vec<u8>, view: &OutcomeView<'_>) {
    out.push(b'{');
    write_key(out, "key");
    write_text(out, &view.key.to_string());
    write_key(out, "kind");
    write_text(out, view.what.kind());
    if let OutcomeOf::Verdict(..) = view.what {
        write_key(out, "position");
        write_uint(out, view.key.decision.position.0);
    }
    let at = out.len();
    match &view.what {
        OutcomeOf::Verdict(verdict, _) => write_verdict(out, verdict),
        OutcomeOf::Alarm(alarm) => write_alarm(out, alarm),
    }
    // Its braces give way: its members stand among ours.
    out[at] = b',';
    out.pop();
    if let OutcomeOf::Verdict(_, event) = view.what {
        write_key(out, "event");
        write_event(out, event);
    }
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

//! A spec whose state begins on a log that retention has cut: what an older spec counted is carried over from its checkpoint, the rest
//! counts from there. Its text says so in a first line, so that the log alone says what state the plan has.

use crate::diagnostic::Diagnostics;
use crate::plan::Plan;
use crate::{compile, interim};
use domain::{Position, Time};

/// How such a text begins.
const OPENING: &str = "# carried spec, from position ";

/// Where the state of a plan begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The last record in the checkpoint that it is carried over from.
    pub position: Position,
    /// The log's time there: what is new counts what has happened since.
    pub log_time: Time,
    /// What the checkpoint's state is built by: the [`state_digest`](crate::state_digest) of its plan.
    pub state: [u8; 32],
}

/// The text of a spec that is carried over; `text` is what the operator wrote.
fn text_from(from: &Carried, text: &str) -> String {
    let state: String = from.state.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{OPENING}{}, log time {}, state {state}\n{text}", from.position, from.log_time.0)
}

/// Where the state of a carried text begins, and the text without that line.
pub(crate) fn parts(text: &str) -> Option<(Carried, &str)> {
    let (line, text) = text.strip_prefix(OPENING)?.split_once('\n')?;
    let (position, rest) = line.split_once(", log time ")?;
    let (log_time, state) = rest.split_once(", state ")?;
    let mut digest = [0; 32];
    let hex = state.as_bytes();
    if hex.len() != 64 || !state.is_ascii() {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(0..) {
        *byte = u8::from_str_radix(state.get(2 * digits..2 * digits + 2)?, 16).ok()?;
    }
    let from =
        Carried { position: Position(position.parse().ok()?), log_time: Time(log_time.parse().ok()?), state: digest };
    // One level: what is within is what an operator wrote.
    let nested = text.starts_with(OPENING) || interim::parts(text).is_some();
    (!nested).then_some((from, text))
}

/// The text without the line that says where its state begins.
pub(crate) fn without(text: &str) -> &str {
    parts(text).map_or(text, |(_, text)| text)
}

/// The plan of a spec whose state begins where `from` says; without it, of one whose state begins with the log.
///
/// # Errors
/// Everything that is wrong with the spec.
pub fn carried(from: Option<&Carried>, file_name: &str, text: &str) -> Result<Plan, Diagnostics> {
    match from {
        Some(from) => compile(file_name, &text_from(from, text)),
        None => compile(file_name, text),
    }
}

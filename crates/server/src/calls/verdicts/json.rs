//! Verdicts as lines of JSON.

use super::Listener;
use crate::reply::{NDJSON, Reply};
use domain::Refusal;
use wire::{Form, VerdictView};

/// What most verdicts take, in bytes.
const VERDICT_BYTES: usize = 192;

/// Lines of JSON, one for each event.
pub(super) struct Json {
    pub(super) body: Vec<u8>,
    /// How many lines came before those that are told of.
    before: u64,
    /// The first refusal, for a body of one event.
    first: Option<Refusal>,
}

impl Json {
    /// With room for so many lines.
    pub(super) fn for_lines(lines: usize) -> Json {
        Json { body: Vec::with_capacity(lines * VERDICT_BYTES), before: 0, first: None }
    }

    /// For so many lines of a stream, behind those that came `before`, in memory that was used for others.
    pub(super) fn in_memory(mut body: Vec<u8>, lines: usize, before: u64) -> Json {
        body.clear();
        body.reserve(lines * VERDICT_BYTES);
        Json { body, before, first: None }
    }

    /// The whole answer to a body of this form.
    pub(super) fn reply(self, form: Form) -> Reply {
        match (form, &self.first) {
            (Form::One, Some(refusal)) => Reply::refused(refusal),
            (Form::One, None) => Reply::json(self.body),
            (Form::Many, _) => Reply { content_type: NDJSON, ..Reply::json(self.body) },
        }
    }
}

impl Listener for Json {
    fn decided(&mut self, verdict: &VerdictView<'_>) {
        wire::write_verdict(&mut self.body, verdict);
        self.body.push(b'\n');
    }

    fn refused(&mut self, line: u32, refusal: Refusal) {
        wire::write_undecided(&mut self.body, self.before + u64::from(line), &refusal);
        self.body.push(b'\n');
        self.first.get_or_insert(refusal);
    }
}

//! Verdicts as lines of JSON.

use super::Listener;
use crate::reply::{NDJSON, Reply};
use domain::Refusal;
use wire::{Form, VerdictView};

/// What most verdicts take, in bytes.
const VERDICT_BYTES: usize = 192;
/// How long a piece of a streamed answer gets before the next begins: larger ones would be memory that the system hands out and takes
/// back each time.
const PIECE_BYTES: usize = 48 << 10;
/// Room for the verdict that a piece ends with.
const PIECE_ROOM: usize = 4 << 10;

/// Lines of JSON, one for each event.
pub(super) struct Json {
    body: Vec<u8>,
    /// What came before it, where the answer is given piece by piece.
    pieces: Option<Vec<Vec<u8>>>,
    /// How many lines came before those that are told of.
    pub(super) before: u64,
    /// The first refusal, for a body of one event.
    first: Option<Refusal>,
}

impl Json {
    /// With room for so many lines.
    pub(super) fn for_lines(lines: usize) -> Json {
        Json { body: Vec::with_capacity(lines * VERDICT_BYTES), pieces: None, before: 0, first: None }
    }

    /// For so many lines of a stream, behind those that came `before`.
    pub(super) fn for_part(lines: usize, before: u64) -> Json {
        let body = Vec::with_capacity((lines * VERDICT_BYTES).min(PIECE_BYTES) + PIECE_ROOM);
        Json { body, pieces: Some(Vec::new()), before, first: None }
    }

    /// The answer to a part of a stream.
    pub(super) fn pieces(self) -> impl Iterator<Item = Vec<u8>> {
        self.pieces.into_iter().flatten().chain([self.body]).filter(|piece| !piece.is_empty())
    }

    fn end_line(&mut self) {
        self.body.push(b'\n');
        if let Some(pieces) = self.pieces.as_mut().filter(|_| self.body.len() >= PIECE_BYTES) {
            pieces.push(std::mem::replace(&mut self.body, Vec::with_capacity(PIECE_BYTES + PIECE_ROOM)));
        }
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
        self.end_line();
    }

    fn refused(&mut self, line: u32, refusal: Refusal) {
        wire::write_undecided(&mut self.body, self.before + u64::from(line), &refusal);
        self.end_line();
        self.first.get_or_insert(refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Code;

    #[test]
    fn pieces_are_the_whole_cut_between_lines() {
        let tell = |mut json: Json| {
            for line in 1..=3_000 {
                json.refused(line, Refusal::new(Code::InvalidValue, "amount", "x".repeat(line as usize % 90)));
            }
            json
        };
        let whole = tell(Json { before: 7, ..Json::for_lines(3_000) }).body;
        let pieces: Vec<_> = tell(Json::for_part(3_000, 7)).pieces().collect();
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.ends_with(b"\n")));
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE_BYTES + PIECE_ROOM));
        assert!(pieces.concat() == whole);
        assert_eq!(Json::for_part(0, 0).pieces().count(), 0);
    }
}

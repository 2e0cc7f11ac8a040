//! A place among the outcomes of a log.

use domain::{OutcomeId, Position};
use std::fmt;

/// A place among the outcomes of a log: behind everything up to a position, or behind one of several outcomes of a record. Its text is
/// the position, or the outcome's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCursor {
    position: Position,
    /// The last of those of the next record that are behind us.
    last: Option<OutcomeId>,
}

impl OutcomeCursor {
    /// Behind an outcome; those of the same record that come after it are still before us.
    pub fn behind(id: OutcomeId) -> OutcomeCursor {
        OutcomeCursor { position: Position(id.decision.position.0.saturating_sub(1)), last: Some(id) }
    }

    /// Behind everything that comes before an outcome.
    pub(super) fn before(id: OutcomeId) -> OutcomeCursor {
        match id.place.checked_sub(1) {
            Some(place) => OutcomeCursor::behind(OutcomeId { place, ..id }),
            None => Position(id.decision.position.0.saturating_sub(1)).into(),
        }
    }

    /// Reads a position, or the key of an outcome.
    pub fn parse(text: &str) -> Option<OutcomeCursor> {
        if let Some(id) = OutcomeId::parse(text) {
            return Some(OutcomeCursor::behind(id));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let position = text.parse().ok().filter(|_| digits)?;
        Some(Position(position).into())
    }

    /// Everything up to here is behind us.
    pub fn position(self) -> Position {
        self.position
    }

    /// The last outcome that is behind us, if others of its record may not be.
    pub fn last(self) -> Option<OutcomeId> {
        self.last
    }

    /// The last position that it names.
    pub fn end(self) -> Position {
        self.last.map_or(self.position, |last| last.decision.position)
    }

    /// How many outcomes of the next record are behind us.
    pub(super) fn skipped(self) -> u32 {
        self.last.map_or(0, |last| last.place.saturating_add(1))
    }

    /// Whether an outcome is behind us.
    pub(super) fn has(self, id: OutcomeId) -> bool {
        let position = id.decision.position;
        position <= self.position || (position == self.position.next() && id.place < self.skipped())
    }
}

impl From<Position> for OutcomeCursor {
    fn from(position: Position) -> OutcomeCursor {
        OutcomeCursor { position, last: None }
    }
}

impl fmt::Display for OutcomeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => last.fmt(f),
            None => self.position.fmt(f),
        }
    }
}

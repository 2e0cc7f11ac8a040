//! What was decided lately, so that an event that is sent again gets its answer again. What is no longer here is computed again from
//! the log.

use super::{Decided, Made};
use domain::{Position, limits};
use std::collections::VecDeque;

/// The newest decisions, in the log's order.
pub(crate) struct Recent {
    /// Every decision behind this position is here, as far as it is made.
    since: Position,
    batches: VecDeque<Made>,
    decisions: usize,
}

impl Recent {
    /// For what is decided behind a position.
    pub(crate) fn since(since: Position) -> Recent {
        Recent { since, batches: VecDeque::new(), decisions: 0 }
    }

    /// Behind which position every decision is here.
    pub(crate) fn reaches_back_to(&self) -> Position {
        self.since
    }

    /// Keeps what a batch was decided as; the oldest give way.
    pub(crate) fn remember(&mut self, verdicts: &Made) {
        let count = verdicts.get().map_or(0, Vec::len);
        if count == 0 {
            return;
        }
        self.batches.push_back(verdicts.clone());
        self.decisions += count;
        while self.decisions > limits::RECENT_DECISIONS_MAX
            && let Some(oldest) = self.batches.pop_front()
        {
            self.decisions -= oldest.get().map_or(0, Vec::len);
            self.since = self.since.max(last(&oldest));
        }
    }

    /// The next batches with decisions behind a position, at most so many; none if some of those decisions are no longer here.
    pub(crate) fn behind(&self, position: Position, most: usize) -> Option<Vec<Made>> {
        if position < self.since {
            return None;
        }
        let from = self.batches.partition_point(|verdicts| last(verdicts) <= position);
        Some(self.batches.iter().skip(from).take(most).cloned().collect())
    }

    /// What was decided on the event at a position; empty if it is no longer known.
    pub(crate) fn at(&self, position: Position) -> Vec<Decided> {
        let batch = self.batches.partition_point(|verdicts| last(verdicts) < position);
        let decided = self.batches.get(batch).and_then(|verdicts| verdicts.get()).into_iter().flatten();
        decided.filter(|decided| decided.id.position == position).cloned().collect()
    }
}

/// Where the last decision of a batch stands.
fn last(verdicts: &Made) -> Position {
    verdicts.get().and_then(|of| of.last()).map_or(Position::START, |of| of.id.position)
}

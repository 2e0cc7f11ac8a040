//! What was decided lately, so that an event that is sent again gets its answer again. What is no longer here is computed again from
//! the log.

use super::{Decided, Made};
use domain::{Position, limits};
use std::collections::VecDeque;

/// The newest decisions, in the log's order.
#[derive(Default)]
pub(crate) struct Recent {
    batches: VecDeque<Made>,
    decisions: usize,
}

impl Recent {
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
        }
    }

    /// What was decided on the event at a position; empty if it is no longer known.
    pub(crate) fn at(&self, position: Position) -> Vec<Decided> {
        let last =
            |verdicts: &Made| verdicts.get().and_then(|of| of.last()).map_or(Position::START, |of| of.id.position);
        let batch = self.batches.partition_point(|verdicts| last(verdicts) < position);
        let decided = self.batches.get(batch).and_then(|verdicts| verdicts.get()).into_iter().flatten();
        decided.filter(|decided| decided.id.position == position).cloned().collect()
    }
}

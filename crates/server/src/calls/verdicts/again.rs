//! What events were decided as that had been taken before: from memory, else computed from the log.

use super::on;
use crate::Shared;
use crate::calls::off_thread;
use domain::{Position, Refusal};
use engine::{DecidedAgain, Submitted, Verdicts};
use std::sync::Arc;

/// What the events of a call were decided as that had been taken before it.
#[derive(Default)]
pub(super) struct Again {
    /// Those in memory.
    recent: Vec<(Position, Verdicts)>,
    /// The others, from the log.
    again: DecidedAgain,
    /// Why there are no others.
    refused: Option<Refusal>,
}

impl Again {
    /// Of all duplicates of a call, so that the log is read once for all that are no longer in memory.
    pub(super) async fn of(shared: &Arc<Shared>, chunks: &[Submitted]) -> Again {
        let taken = chunks.iter().flat_map(|chunk| &chunk.results).filter_map(|result| result.as_ref().ok());
        let (mut told, mut forgotten) = (Again::default(), Vec::new());
        for position in taken.filter(|accepted| accepted.duplicate).map(|accepted| accepted.position) {
            match shared.engine.decided_lately(position) {
                Some(verdicts) => told.recent.push((position, verdicts)),
                None => forgotten.push(position),
            }
        }
        told.recent.sort_by_key(|(position, _)| *position);
        if forgotten.is_empty() {
            return told;
        }
        match off_thread(shared, move |shared| shared.replays.decide(&shared.engine, &forgotten)).await {
            Ok(again) => told.again = again,
            Err(refusal) => told.refused = Some(refusal),
        }
        told
    }

    /// Where the decisions on the event at a position stand, if there are any.
    pub(super) fn at(&self, position: Position) -> Result<Option<&Verdicts>, Refusal> {
        if let Ok(at) = self.recent.binary_search_by_key(&position, |(position, _)| *position) {
            return Ok(Some(&self.recent[at].1));
        }
        if let Some(refusal) = &self.refused {
            return Err(refusal.clone());
        }
        let refused = &self.again.refused;
        if let Ok(at) = refused.binary_search_by_key(&position, |(position, _)| *position) {
            return Err(refused[at].1.clone());
        }
        let has = |verdicts: &&Verdicts| verdicts.tell(|decided, _| !on(decided, position).is_empty());
        Ok(self.again.verdicts.iter().find(has))
    }
}

//! What serves: a plan, and the state that is a function of it and of the log. A change of the spec puts another generation in
//! its place under the sequencer's lock, so that order decides which one a record belongs to. Batches name the state that they were
//! resolved for, and a request works with one generation from beginning to end: old or new, never mixed.

use crate::decide::{Judge, Recent};
use crate::epochs::Epochs;
use crate::machine::shard_of;
use crate::ring::Batch;
use crate::serve::Names;
use decision::Epoch;
use domain::{EntityId, PlanVersion, Position};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use spec::Plan;
use state::{Dictionary, Rows};
use std::sync::Arc;

/// Most changes that are applied under one hold of a shard's lock.
const HOLD: usize = 64;

/// A plan and its state.
pub(crate) struct Generation {
    pub(crate) plan: Arc<Plan>,
    pub(crate) version: PlanVersion,
    /// Where its spec stands in the log: no answer of this generation leaves before that is durable.
    pub(crate) since: Position,
    pub(crate) state: Arc<State>,
    /// Decides under the plan.
    pub(crate) judge: Arc<Judge>,
}

/// Everything that consumers keep and requests read.
pub(crate) struct State {
    pub(crate) names: RwLock<Dictionary>,
    pub(crate) shards: Vec<RwLock<Rows>>,
    pub(crate) epochs: Epochs,
    /// What was decided lately.
    pub(crate) recent: Mutex<Recent>,
}

impl Generation {
    /// The front epoch; none if the state has been taken over by a later plan. Who holds it reads rows of this plan too: nobody gives
    /// the state another plan meanwhile.
    pub(crate) fn epoch(&self) -> Option<RwLockReadGuard<'_, Epoch>> {
        Some(self.state.epochs.read()).filter(|epoch| Arc::ptr_eq(epoch.plan(), &self.plan))
    }
}

impl State {
    /// Which shard's rows these are.
    pub(crate) fn shard(&self, id: EntityId) -> &RwLock<Rows> {
        &self.shards[shard_of(id, self.shards.len())]
    }

    pub(crate) fn apply_to_shard(&self, shard: usize, batch: &Batch) {
        // Short holds, so that a reader waits for microseconds at most.
        for (changes, offset) in batch.changes.chunks(HOLD).zip((0..).step_by(HOLD)) {
            let mut rows = self.shards[shard].write();
            match &batch.deciding {
                None => rows.apply_all(changes),
                Some(deciding) => deciding.apply(&mut rows, changes, offset),
            }
        }
        batch.passed();
    }

    /// How many consumers a batch passes: the shards and the epoch.
    pub(crate) fn consumers(&self) -> usize {
        self.shards.len() + 1
    }

    /// The dictionary is locked for one text at a time, and only where an expression reads one.
    pub(crate) fn apply_to_epoch(&self, batch: &Batch) {
        self.epochs.apply(batch, &Names(&self.names));
    }

    /// Applies a batch to every consumer's part, one after another.
    pub(crate) fn apply(&self, batch: &Batch) {
        (0..self.shards.len()).for_each(|shard| self.apply_to_shard(shard, batch));
        self.apply_to_epoch(batch);
    }
}

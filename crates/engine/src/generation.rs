//! What serves: a plan, and the state that is a function of it and of the log. A change of the spec puts another generation in
//! its place under the sequencer's lock, so that order decides which one a record belongs to. Batches name the state that they were
//! resolved for, and a request works with one generation from beginning to end: old or new, never mixed.

use crate::decide::{Casebook, Judge, Recent, RecentAlarms};
use crate::epochs::Epochs;
use crate::machine::shard_of;
use crate::ring::Batch;
use crate::serve::Names;
use decision::Epoch;
use domain::{EntityId, PlanVersion, Position, Time};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use spec::Plan;
use state::{Dictionary, Rows};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
    /// What was raised lately; it goes on when another state takes this one's place.
    pub(crate) alarms: Arc<Mutex<RecentAlarms>>,
    /// What is kept of decisions; one for all generations, since it is told in the log's order.
    pub(crate) cases: Arc<Mutex<Casebook>>,
    /// By consumer: when its next timer is due, as far as it has come; `i64::MAX` where none is set.
    due: Vec<AtomicI64>,
}

impl Generation {
    /// The front epoch; none if the state has been taken over by a later plan. Who holds it reads rows of this plan too: nobody gives
    /// the state another plan meanwhile.
    pub(crate) fn epoch(&self) -> Option<RwLockReadGuard<'_, Epoch>> {
        Some(self.state.epochs.read()).filter(|epoch| Arc::ptr_eq(epoch.plan(), &self.plan))
    }
}

impl State {
    /// Of these parts; the last are those that outlive a state.
    pub(crate) fn new(
        names: Dictionary,
        shards: Vec<Rows>,
        epochs: Epochs,
        recent: Recent,
        (alarms, cases): (Arc<Mutex<RecentAlarms>>, Arc<Mutex<Casebook>>),
    ) -> State {
        let due = (0..=shards.len()).map(|_| AtomicI64::new(i64::MAX)).collect();
        let shards = shards.into_iter().map(RwLock::new).collect();
        let state = State { names: RwLock::new(names), shards, epochs, recent: Mutex::new(recent), alarms, cases, due };
        state.look_at_timers();
        state
    }

    /// Notes anew what is due: timers may have been set other than by a batch.
    pub(crate) fn look_at_timers(&self) {
        for (shard, rows) in self.shards.iter().enumerate() {
            self.note_due(shard, rows.read().next_due());
        }
        self.note_due(self.shards.len(), self.epochs.next_due());
    }

    fn note_due(&self, consumer: usize, due: Option<Time>) {
        self.due[consumer].store(due.map_or(i64::MAX, |due| due.0), Ordering::Release);
    }

    /// When the next timer is due; none if no timer is set.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let due = self.due.iter().map(|due| due.load(Ordering::Acquire)).min();
        due.filter(|due| *due < i64::MAX).map(Time)
    }

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
            if let Some(alarming) = &batch.alarming {
                alarming.take(rows.take_raised());
                self.note_due(shard, rows.next_due());
            }
        }
        batch.passed();
    }

    /// What is kept of decisions, for a checkpoint.
    pub(crate) fn cases_saved(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.cases.lock().save(&mut bytes);
        bytes
    }

    /// How many consumers a batch passes: the shards and the epoch.
    pub(crate) fn consumers(&self) -> usize {
        self.shards.len() + 1
    }

    /// The dictionary is locked for one text at a time, and only where an expression reads one.
    pub(crate) fn apply_to_epoch(&self, batch: &Batch) {
        let due = self.epochs.apply(batch, &Names(&self.names));
        if batch.alarming.is_some() {
            self.note_due(self.shards.len(), due);
        }
    }

    /// Applies a batch to every consumer's part, one after another.
    pub(crate) fn apply(&self, batch: &Batch) {
        (0..self.shards.len()).for_each(|shard| self.apply_to_shard(shard, batch));
        self.apply_to_epoch(batch);
    }
}

//! Two copies of what serving reads (items, indexes), swapped at one position.
//! Readers hold the front copy; the writer works on the back one and brings the other up to date after the swap
//! ("left-right", Ramalhete and Correia 2015), so that a reader never waits for the writer's work. The writer does wait for readers
//! that still hold the copy it turns to: for one answer's time at most.

use crate::ring::Batch;
use decision::{Epoch, EpochSnapshot};
use domain::Position;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tries before a reader that meets the writer on both copies in turn goes to sleep.
const TRIES: usize = 100;

/// The pair of copies.
pub(crate) struct Epochs {
    copies: [RwLock<Epoch>; 2],
    front: AtomicUsize,
    lag: Mutex<Lag>,
}

/// What the front copy has not seen yet.
#[derive(Default)]
struct Lag {
    batches: Vec<Arc<Batch>>,
    /// Whether the copy now in the back still lacks `batches`.
    back_is_behind: bool,
    /// Position that the last batch covers.
    last: Position,
}

impl Epochs {
    /// Both copies start equal.
    pub(crate) fn new(epoch: Epoch) -> Epochs {
        Epochs {
            copies: [RwLock::new(epoch.clone()), RwLock::new(epoch)],
            front: AtomicUsize::new(0),
            lag: Mutex::default(),
        }
    }

    /// The front copy; if it is just being swapped away, the other one is taken.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Epoch> {
        for _ in 0..TRIES {
            if let Some(guard) = self.copies[self.front.load(Ordering::Acquire)].try_read() {
                return guard;
            }
            std::hint::spin_loop();
        }
        self.copies[self.front.load(Ordering::Acquire)].read()
    }

    /// Applies a batch to the back copy.
    pub(crate) fn apply(&self, batch: &Arc<Batch>) {
        let mut lag = self.lag.lock();
        let mut back = self.back(&mut lag);
        back.apply_all(&batch.changes);
        lag.batches.push(batch.clone());
        lag.last = batch.last;
    }

    /// The back copy for writing, with everything that the front one has seen.
    fn back(&self, lag: &mut Lag) -> RwLockWriteGuard<'_, Epoch> {
        let mut back = self.copies[1 - self.front.load(Ordering::Acquire)].write();
        if std::mem::take(&mut lag.back_is_behind) {
            for missed in lag.batches.drain(..) {
                back.apply_all(&missed.changes);
            }
        }
        back
    }

    /// Makes the back copy the front one if it is newer and does not go beyond `limit`; returns the position it covers.
    pub(crate) fn flip(&self, limit: Position) -> Option<Position> {
        let mut lag = self.lag.lock();
        if lag.back_is_behind || lag.batches.is_empty() || lag.last > limit {
            return None;
        }
        lag.back_is_behind = true;
        self.front.fetch_xor(1, Ordering::AcqRel);
        Some(lag.last)
    }

    /// Freezes the newest state for a checkpoint, in the copy that no reader holds for long; the caller sees to it that no batch is applied meanwhile.
    pub(crate) fn snapshot(&self) -> EpochSnapshot {
        self.back(&mut self.lag.lock()).snapshot()
    }
}

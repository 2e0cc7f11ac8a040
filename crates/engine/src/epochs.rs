//! Two copies of what serving reads (items, indexes), swapped at one position.
//! Readers hold the front copy; the writer works on the back one and brings the other up to date after the swap
//! ("left-right", Ramalhete and Correia 2015), so that a reader never waits for the writer's work.

use crate::ring::Batch;
use decision::{Epoch, EpochSnapshot};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// The front copy. Never waits for the writer: if it is just being swapped away, the other one is taken.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Epoch> {
        loop {
            if let Some(guard) = self.copies[self.front.load(Ordering::Acquire)].try_read() {
                return guard;
            }
            std::hint::spin_loop();
        }
    }

    /// Applies a batch to the back copy.
    pub(crate) fn apply(&self, batch: &Arc<Batch>) {
        let mut lag = self.lag.lock();
        let mut back = self.copies[1 - self.front.load(Ordering::Acquire)].write();
        if std::mem::take(&mut lag.back_is_behind) {
            for missed in lag.batches.drain(..) {
                back.apply_all(&missed.changes);
            }
        }
        back.apply_all(&batch.changes);
        lag.batches.push(batch.clone());
    }

    /// Makes the back copy the front one if it is newer; returns whether it was.
    pub(crate) fn flip(&self) -> bool {
        let mut lag = self.lag.lock();
        if lag.back_is_behind || lag.batches.is_empty() {
            return false;
        }
        lag.back_is_behind = true;
        self.front.fetch_xor(1, Ordering::AcqRel);
        true
    }

    /// Freezes the newest copy for a checkpoint; the caller sees to it that no batch is applied meanwhile.
    pub(crate) fn snapshot(&self) -> EpochSnapshot {
        let lag = self.lag.lock();
        let front = self.front.load(Ordering::Acquire);
        let newest = if lag.back_is_behind || lag.batches.is_empty() { front } else { 1 - front };
        self.copies[newest].write().snapshot()
    }
}

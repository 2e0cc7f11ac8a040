//! Two copies of what serving reads (items, indexes), swapped at one position.
//! Readers hold the front copy; the writer works on the back one and after the swap brings the other up to date by what changed
//! ("left-right", Ramalhete and Correia 2015), so that a reader never waits for the writer's work. The writer does wait for readers
//! that still hold the copy it turns to: for one answer's time at most.

use crate::ring::Batch;
use decision::{Epoch, EpochSnapshot, Texts};
use domain::{Position, Time};
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tries before a reader that meets the writer on both copies in turn goes to sleep.
const TRIES: usize = 100;

/// The pair of copies.
pub(crate) struct Epochs {
    copies: [RwLock<Epoch>; 2],
    front: AtomicUsize,
    lag: Mutex<Lag>,
}

/// How the copies stand to each other.
#[derive(Default)]
struct Lag {
    /// Whether the back copy has seen something that the front one has not.
    back_is_ahead: bool,
    /// Whether the back copy lacks what the front one has seen.
    back_is_behind: bool,
    /// Position that the last batch covers.
    last: Position,
}

impl Epochs {
    /// Both copies start equal.
    pub(crate) fn new(mut epoch: Epoch) -> Epochs {
        epoch.lead();
        Epochs {
            copies: [RwLock::new(epoch.clone()), RwLock::new(epoch)],
            front: AtomicUsize::new(0),
            lag: Mutex::default(),
        }
    }

    /// A pair of which the back copy is what the front one was when it began to note what changes.
    pub(crate) fn pair(front: Epoch, behind: Epoch) -> Epochs {
        let lag = Lag { back_is_behind: true, last: front.position, ..Lag::default() };
        Epochs { copies: [RwLock::new(front), RwLock::new(behind)], front: AtomicUsize::new(0), lag: Mutex::new(lag) }
    }

    /// Both copies go on under the plan of `new`; nobody reads meanwhile, and `meanwhile` is done before anybody does again. The
    /// front one must have seen everything.
    pub(crate) fn adopt<R>(&self, new: &Epoch, texts: &dyn Texts, meanwhile: impl FnOnce() -> R) -> R {
        let mut lag = self.lag.lock();
        let front = self.front.load(Ordering::Acquire);
        let (mut back, mut front) = (self.copies[1 - front].write(), self.copies[front].write());
        if std::mem::take(&mut lag.back_is_behind) {
            back.follow(&front);
        }
        front.adopt(new, None, texts);
        back.adopt(new, Some(&front), texts);
        meanwhile()
    }

    /// The copy that has seen more.
    pub(crate) fn into_newest(self) -> Epoch {
        let front = self.front.into_inner();
        let newest = if self.lag.into_inner().back_is_ahead { 1 - front } else { front };
        let [first, second] = self.copies;
        if newest == 0 { first.into_inner() } else { second.into_inner() }
    }

    /// The front copy; if it is just being swapped away, the other one is taken.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Epoch> {
        for _ in 0..TRIES {
            let front = self.front.load(Ordering::Acquire);
            if let Some(guard) = self.copies[front].try_read().filter(|_| self.is_front(front)) {
                return guard;
            }
            std::hint::spin_loop();
        }
        loop {
            let front = self.front.load(Ordering::Acquire);
            let guard = self.copies[front].read();
            if self.is_front(front) {
                return guard;
            }
        }
    }

    /// Whether a copy that is held for reading is what was last published. Between the look at which is in front and the hold there
    /// may have been a swap, and the writer may have gone on in it beyond what the slowest shard has.
    fn is_front(&self, copy: usize) -> bool {
        self.front.load(Ordering::Acquire) == copy
    }

    /// Applies a batch to the back copy; `texts` knows its strings.
    ///
    /// When the next timer of items is due then.
    pub(crate) fn apply(&self, batch: &Batch, texts: &dyn Texts) -> Option<Time> {
        let mut lag = self.lag.lock();
        let mut back = self.back(&mut lag);
        match &batch.deciding {
            None => back.apply_all(&batch.changes, texts),
            Some(deciding) => deciding.apply_to_epoch(&mut back, &batch.changes, texts),
        }
        if let Some(alarming) = &batch.alarming {
            alarming.take(back.take_raised());
        }
        let due = back.items().next_due();
        // Before readers can see it: what counts as applied has been decided on.
        batch.passed();
        lag.back_is_ahead = true;
        lag.last = batch.last;
        due
    }

    /// When the next timer of items is due, by the copy that has seen more.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let lag = self.lag.lock();
        let front = self.front.load(Ordering::Acquire);
        let newest = if lag.back_is_ahead { 1 - front } else { front };
        self.copies[newest].read().items().next_due()
    }

    /// The back copy for writing, with everything that the front one has seen. Both may be read meanwhile: readers are in front.
    fn back(&self, lag: &mut Lag) -> RwLockWriteGuard<'_, Epoch> {
        let front = self.front.load(Ordering::Acquire);
        let mut back = self.copies[1 - front].write();
        if std::mem::take(&mut lag.back_is_behind) {
            back.follow(&self.copies[front].read());
        }
        back
    }

    /// Makes the back copy the front one if it is newer and does not go beyond `limit`; returns the position it covers.
    pub(crate) fn flip(&self, limit: Position) -> Option<Position> {
        let mut lag = self.lag.lock();
        if !lag.back_is_ahead || lag.last > limit {
            return None;
        }
        (lag.back_is_ahead, lag.back_is_behind) = (false, true);
        self.front.fetch_xor(1, Ordering::AcqRel);
        Some(lag.last)
    }

    /// Freezes the newest state for a checkpoint, in the copy that no reader holds for long; the caller sees to it that no batch is applied meanwhile.
    pub(crate) fn snapshot(&self) -> EpochSnapshot {
        self.back(&mut self.lag.lock()).snapshot()
    }
}

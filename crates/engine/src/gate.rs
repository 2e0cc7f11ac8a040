//! The gate that answers wait at: nothing leaves before every event it has seen is durable and applied.
//! Waiting answers are parked by position as callbacks; no thread blocks.

use domain::{Code, Position, Refusal};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Called once: `Ok` when the position is released, an error if it never will be.
pub type Wake = Box<dyn FnOnce(Result<(), Refusal>) + Send>;

/// Most answers that wait at once.
const WAITING_MAX: usize = 100_000;

type Waiting = BTreeMap<(u64, u64), Wake>;

/// Two watermarks and what waits for the lower of them.
#[derive(Default)]
pub(crate) struct Gate {
    durable: AtomicU64,
    applied: AtomicU64,
    parked: Mutex<Parked>,
}

#[derive(Default)]
struct Parked {
    /// By position and arrival: for the lower watermark.
    waiting: Waiting,
    /// For the disk alone.
    recording: Waiting,
    arrivals: u64,
    closed: Option<Refusal>,
    /// Why nothing becomes durable for the time being.
    full: Option<Refusal>,
}

impl Gate {
    /// Everything up to here is on disk.
    pub(crate) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Everything up to here is applied by every consumer.
    pub(crate) fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    /// The lower of the two: what may be acknowledged.
    pub(crate) fn released(&self) -> Position {
        self.durable().min(self.applied())
    }

    /// Moves the durable watermark and wakes what it releases.
    pub(crate) fn set_durable(&self, position: Position) {
        self.durable.fetch_max(position.0, Ordering::AcqRel);
        self.wake();
    }

    /// Moves the applied watermark and wakes what it releases.
    pub(crate) fn set_applied(&self, position: Position) {
        self.applied.fetch_max(position.0, Ordering::AcqRel);
        self.wake();
    }

    /// Calls `wake` once `position` is released; at once if it is already. The callback may run under locks of the core and must
    /// not call back into it.
    pub(crate) fn when_released(&self, position: Position, wake: Wake) {
        self.park(position, Gate::released, |parked| &mut parked.waiting, wake);
    }

    /// The same once `position` is on the disk, applied or not: for records that no consumer takes.
    pub(crate) fn when_durable(&self, position: Position, wake: Wake) {
        self.park(position, Gate::durable, |parked| &mut parked.recording, wake);
    }

    fn park(
        &self,
        position: Position,
        reached: fn(&Gate) -> Position,
        place: fn(&mut Parked) -> &mut Waiting,
        wake: Wake,
    ) {
        if reached(self) >= position {
            return wake(Ok(()));
        }
        let mut parked = self.parked.lock();
        if let Some(refusal) = &parked.closed {
            let refusal = refusal.clone();
            drop(parked);
            return wake(Err(refusal));
        }
        if let Some(refusal) = &parked.full
            && position > self.durable()
        {
            let refusal = refusal.clone();
            drop(parked);
            return wake(Err(refusal));
        }
        if parked.waiting.len() + parked.recording.len() >= WAITING_MAX {
            drop(parked);
            let message = "too many answers wait for the disk; send the request again later";
            return wake(Err(Refusal::new(Code::Overloaded, "", message)));
        }
        parked.arrivals += 1;
        let key = (position.0, parked.arrivals);
        place(&mut parked).insert(key, wake);
        drop(parked);
        // The watermark may have passed between the first look and the parking.
        self.wake();
    }

    /// How many answers wait.
    pub(crate) fn waiting(&self) -> usize {
        self.parked.lock().waiting.len()
    }

    /// Nothing becomes durable until [`Gate::reopen`]: everything that waits for that, now or until then, gets `refusal`.
    pub(crate) fn hold(&self, refusal: &Refusal) {
        let (waiting, recording) = {
            let mut parked = self.parked.lock();
            parked.full = Some(refusal.clone());
            let behind = (self.durable().0 + 1, 0);
            (parked.waiting.split_off(&behind), parked.recording.split_off(&behind))
        };
        for wake in waiting.into_values().chain(recording.into_values()) {
            wake(Err(refusal.clone()));
        }
    }

    /// The durable watermark moves again.
    pub(crate) fn reopen(&self) {
        self.parked.lock().full = None;
    }

    /// Nothing more will be released: everything that waits, now or later, gets `refusal`.
    pub(crate) fn close(&self, refusal: Refusal) {
        let (waiting, recording) = {
            let mut parked = self.parked.lock();
            parked.closed.get_or_insert_with(|| refusal.clone());
            (std::mem::take(&mut parked.waiting), std::mem::take(&mut parked.recording))
        };
        for wake in waiting.into_values().chain(recording.into_values()) {
            wake(Err(refusal.clone()));
        }
    }

    /// Why the gate is closed, if it is.
    pub(crate) fn closed(&self) -> Option<Refusal> {
        self.parked.lock().closed.clone()
    }

    fn wake(&self) {
        let (released, durable) = (self.released(), self.durable());
        let (released, recorded) = {
            let mut parked = self.parked.lock();
            (reached(&mut parked.waiting, released), reached(&mut parked.recording, durable))
        };
        for wake in released.into_values().chain(recorded.into_values()) {
            wake(Ok(()));
        }
    }
}

/// Takes out what waits for this position or an earlier one.
fn reached(waiting: &mut Waiting, position: Position) -> Waiting {
    if waiting.first_key_value().is_none_or(|(key, _)| key.0 > position.0) {
        return Waiting::new();
    }
    let later = waiting.split_off(&(position.0 + 1, 0));
    std::mem::replace(waiting, later)
}

/// The refusal that everybody gets once the journal has failed.
pub(crate) fn journal_failed(cause: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(
        Code::JournalFailed,
        "",
        format!(
            "the journal can no longer be written ({cause}); nothing more is acknowledged; repair the disk and restart"
        ),
    )
}

/// A checkpoint could not be written; the log still has everything.
pub(crate) fn checkpoint_failed(cause: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(
        Code::JournalFailed,
        "",
        format!("the checkpoint was not written: {cause}; the log still has everything"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn answers_leave_in_order_at_the_lower_watermark() {
        let gate = Gate::default();
        let left = Arc::new(Mutex::new(Vec::new()));
        for position in [3, 1, 2] {
            let left = left.clone();
            gate.when_released(
                Position(position),
                Box::new(move |result| left.lock().push((position, result.is_ok()))),
            );
        }
        gate.set_durable(Position(5));
        assert!(left.lock().is_empty(), "durable but not applied");
        gate.set_applied(Position(2));
        assert_eq!(*left.lock(), [(1, true), (2, true)]);
        gate.close(journal_failed(&"EIO"));
        assert_eq!(*left.lock(), [(1, true), (2, true), (3, false)]);
        gate.when_released(
            Position(1),
            Box::new({
                let left = left.clone();
                move |result| left.lock().push((10, result.is_ok()))
            }),
        );
        gate.when_released(
            Position(9),
            Box::new({
                let left = left.clone();
                move |result| left.lock().push((9, result.is_ok()))
            }),
        );
        assert_eq!(left.lock()[3..], [(10, true), (9, false)]);
    }

    #[test]
    fn a_record_waits_for_the_disk_alone() {
        let gate = Gate::default();
        let left = Arc::new(Mutex::new(Vec::new()));
        let wait = |position: u64| {
            let left = left.clone();
            gate.when_durable(Position(position), Box::new(move |result| left.lock().push((position, result.is_ok()))));
        };
        [4, 2, 9].into_iter().for_each(&wait);
        gate.set_applied(Position(9));
        assert!(left.lock().is_empty(), "applied but not durable");
        gate.set_durable(Position(4));
        assert_eq!(*left.lock(), [(2, true), (4, true)]);
        wait(3);
        gate.close(journal_failed(&"EIO"));
        assert_eq!(left.lock()[2..], [(3, true), (9, false)]);
    }

    #[test]
    fn while_nothing_becomes_durable_only_what_is_durable_may_wait() {
        let gate = Gate::default();
        let left = Arc::new(Mutex::new(Vec::new()));
        let wait = |position| {
            let left = left.clone();
            let wake = move |result: Result<(), Refusal>| left.lock().push((position, result.is_ok()));
            gate.when_released(Position(position), Box::new(wake));
        };
        gate.set_durable(Position(2));
        (1..=3).for_each(wait);
        gate.hold(&Refusal::new(Code::DiskFull, "", "full"));
        assert_eq!(*left.lock(), [(3, false)], "the others wait for their turn alone");
        wait(4);
        gate.set_applied(Position(4));
        assert_eq!(left.lock()[1..], [(4, false), (1, true), (2, true)]);
        gate.reopen();
        wait(5);
        gate.set_applied(Position(5));
        gate.set_durable(Position(5));
        assert_eq!(left.lock()[4..], [(5, true)]);
    }
}

//! What is said of a sink: figures that its task sets and calls read.

use super::kept::DeadList;
use domain::Position;
use parking_lot::{Mutex, MutexGuard};
use std::sync::atomic::{AtomicU64, Ordering};

/// How a sink is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// What it remembers is being read.
    #[default]
    Starting,
    /// It takes what there is.
    Delivering,
    /// What it has not got is no longer in memory and is derived from the log.
    CatchingUp,
    /// Attempts fail and are repeated.
    Failing,
    /// It wants to be left alone for a while.
    Paused,
    /// So much was given up that nothing more is.
    Full,
    /// The server has not the secret that requests go with: nothing is sent.
    NoSecret,
    /// What it remembers cannot be read.
    Broken,
}

impl Mood {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mood::Starting => "starting",
            Mood::Delivering => "delivering",
            Mood::CatchingUp => "catching_up",
            Mood::Failing => "failing",
            Mood::Paused => "paused",
            Mood::Full => "full",
            Mood::NoSecret => "no_secret",
            Mood::Broken => "broken",
        }
    }
}

/// The figures of one sink.
#[derive(Default)]
pub(crate) struct Board {
    now: Mutex<Now>,
    dead: Mutex<DeadList>,
    delivered: AtomicU64,
    failed: AtomicU64,
    lost: AtomicU64,
}

#[derive(Clone, Debug, Default)]
struct Now {
    mood: Mood,
    cursor: Position,
    waiting: usize,
    in_flight: usize,
    last_error: Option<String>,
}

/// A look at them.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) mood: Mood,
    /// Everything up to here is settled.
    pub(crate) cursor: Position,
    /// Read, and neither delivered nor given up.
    pub(crate) waiting: usize,
    pub(crate) in_flight: usize,
    /// Since the start, as the others below.
    pub(crate) delivered: u64,
    /// Attempts.
    pub(crate) failed: u64,
    /// Records whose outcomes were no longer to be had.
    pub(crate) lost: u64,
    /// Outcomes given up, whenever that was.
    pub(crate) dead: usize,
    pub(crate) last_error: Option<String>,
}

impl Board {
    pub(super) fn show(&self, mood: Mood, cursor: Position, waiting: usize, in_flight: usize) {
        let mut now = self.now.lock();
        (now.mood, now.cursor, now.waiting, now.in_flight) = (mood, cursor, waiting, in_flight);
    }

    pub(super) fn broken(&self, why: &str) {
        let mut now = self.now.lock();
        (now.mood, now.last_error) = (Mood::Broken, Some(why.to_owned()));
    }

    pub(super) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.trouble(why);
    }

    pub(super) fn trouble(&self, why: &str) {
        self.now.lock().last_error = Some(why.to_owned());
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    /// What was given up: the sink's task alone changes it.
    pub(super) fn dead(&self) -> MutexGuard<'_, DeadList> {
        self.dead.lock()
    }

    pub(crate) fn figures(&self) -> Figures {
        let Now { mood, cursor, waiting, in_flight, last_error } = self.now.lock().clone();
        Figures {
            mood,
            cursor,
            waiting,
            in_flight,
            delivered: self.delivered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            dead: self.dead.lock().len(),
            last_error,
        }
    }

    /// Looks at what was given up.
    pub(crate) fn with_dead<R>(&self, look: impl FnOnce(&DeadList) -> R) -> R {
        look(&self.dead.lock())
    }
}

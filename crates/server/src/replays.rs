//! Replays in the background, whole answers or the way of one item through one: one at a time, on a thread of its own, the last result kept until another is asked for.

use domain::{Code, DecisionId, Position, Refusal, limits};
use engine::{DecidedAgain, Engine, Journeyed, Replayed};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most replays at once in the process, each of another tenant, and walks of the log for decisions on events: each holds state of its
/// own.
const RUNNING_MAX: usize = 4;

/// How many replays run in the process.
pub(crate) type Running = Arc<Count>;

#[derive(Default)]
pub(crate) struct Count {
    all: AtomicUsize,
    /// Of streams of outcomes.
    streams: AtomicUsize,
}

/// The right to run one; given back when dropped.
pub(crate) struct Slot(Running);

/// The same for a stream of outcomes.
pub(crate) struct StreamSlot(Slot);

impl Drop for StreamSlot {
    fn drop(&mut self) {
        self.0.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Slot {
    fn take(running: &Running) -> Result<Slot, Refusal> {
        let slot = Slot(running.clone());
        if slot.0.all.fetch_add(1, Ordering::AcqRel) >= RUNNING_MAX {
            return Err(Refusal::new(Code::Overloaded, "", "other replays are running; ask again later"));
        }
        Ok(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.all.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The replay of one node that runs or was the last to end.
pub(crate) struct Replays {
    job: Mutex<Option<Job>>,
    running: Running,
}

struct Job {
    of: Wanted,
    state: State,
}

/// What is to be computed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The decision.
    pub(crate) id: DecisionId,
    /// The item whose way is noted; none for the comparison of all.
    pub(crate) item: Option<String>,
}

/// How far a replay is.
#[derive(Clone)]
pub(crate) enum State {
    /// Records read, and records to read in all (0 while not known).
    Running { done: u64, total: u64 },
    /// The comparison.
    Done(Arc<Replayed>),
    /// The way of an item.
    Told(Arc<Journeyed>),
    /// It could not be computed; told once, then forgotten.
    Failed(Refusal),
}

impl Replays {
    pub(crate) fn new(running: Running) -> Replays {
        Replays { job: Mutex::default(), running }
    }

    /// Says how far the replay of this decision is, and starts it if it is neither running nor done.
    ///
    /// # Errors
    /// `overloaded` while another one runs; what the replay itself refused, once.
    pub(crate) fn ask(self: &Arc<Self>, engine: &Arc<Engine>, wanted: &Wanted) -> Result<State, Refusal> {
        let mut current = self.job.lock();
        match current.as_ref() {
            Some(Job { of, state: State::Failed(refusal) }) if of == wanted => {
                let refusal = refusal.clone();
                *current = None;
                return Err(refusal);
            }
            Some(job) if job.of == *wanted => return Ok(job.state.clone()),
            Some(Job { of, state: State::Running { .. } }) => {
                let message = format!("the replay of {} is running; ask again when it is done", of.id);
                return Err(Refusal::new(Code::Overloaded, "id", message));
            }
            _ => {}
        }
        // Refuses unknown decisions at once.
        engine.decision(wanted.id)?;
        let slot = Slot::take(&self.running)?;
        let state = State::Running { done: 0, total: 0 };
        let (replays, engine, of) = (self.clone(), engine.clone(), wanted.clone());
        let run = move || replays.run(&engine, &of, slot);
        let spawned = thread::Builder::new().name("replay".into()).spawn(run);
        spawned.map_err(|_| Refusal::new(Code::Overloaded, "", "the system gives no thread; ask again later"))?;
        *current = Some(Job { of: wanted.clone(), state: state.clone() });
        Ok(state)
    }

    /// The decisions on the events at these positions, computed from the log while the call waits. It counts as a replay.
    ///
    /// # Errors
    /// `overloaded` if too many run.
    pub(crate) fn decide(&self, engine: &Engine, positions: &[Position]) -> Result<DecidedAgain, Refusal> {
        let _slot = Slot::take(&self.running)?;
        Ok(engine.decide_again(positions))
    }

    /// The right to hold a state of one's own beside what serves.
    ///
    /// # Errors
    /// `overloaded` if too many do.
    pub(crate) fn slot(&self) -> Result<Slot, Refusal> {
        Slot::take(&self.running)
    }

    /// The same for a stream: few of them at once, so that other calls find a place.
    ///
    /// # Errors
    /// `overloaded` if too many do.
    pub(crate) fn stream_slot(&self) -> Result<StreamSlot, Refusal> {
        let slot = Slot::take(&self.running)?;
        let of_streams = StreamSlot(slot);
        if of_streams.0.0.streams.fetch_add(1, Ordering::AcqRel) >= limits::OUTCOME_STREAMS_FAR_MAX {
            let message = "other streams read what is no longer in memory; come again later";
            return Err(Refusal::new(Code::Overloaded, "", message));
        }
        Ok(of_streams)
    }

    fn run(&self, engine: &Engine, wanted: &Wanted, slot: Slot) {
        let mut progress = |done, total| self.set(wanted, State::Running { done, total });
        let computed = catch_unwind(AssertUnwindSafe(|| match &wanted.item {
            None => engine.replay(wanted.id, &mut progress).map(|replayed| State::Done(Arc::new(replayed))),
            Some(item) => {
                let journey = engine.journey(wanted.id, item, &mut progress);
                journey.map(|journeyed| State::Told(Arc::new(journeyed)))
            }
        }));
        let panicked = |_| Err(Refusal::new(Code::Internal, "", "the server made a mistake while it replayed"));
        let state = computed.unwrap_or_else(panicked);
        drop(slot);
        self.set(wanted, state.unwrap_or_else(State::Failed));
    }

    fn set(&self, wanted: &Wanted, state: State) {
        *self.job.lock() = Some(Job { of: wanted.clone(), state });
    }
}

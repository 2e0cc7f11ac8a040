//! Replays in the background: one at a time, on a thread of its own, the last result kept until another is asked for.

use domain::{Code, DecisionId, Refusal};
use engine::{Engine, Replayed};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most replays at once in the process, each of another tenant: a replay holds state of its own.
const RUNNING_MAX: usize = 4;

/// How many replays run in the process.
pub(crate) type Running = Arc<AtomicUsize>;

/// The replay of one node that runs or was the last to end.
pub(crate) struct Replays {
    job: Mutex<Option<Job>>,
    running: Running,
}

struct Job {
    id: DecisionId,
    state: State,
}

/// How far a replay is.
#[derive(Clone)]
pub(crate) enum State {
    /// Records read, and records to read in all (0 while not known).
    Running { done: u64, total: u64 },
    /// The comparison.
    Done(Arc<Replayed>),
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
    pub(crate) fn ask(self: &Arc<Self>, engine: &Arc<Engine>, id: DecisionId) -> Result<State, Refusal> {
        let mut current = self.job.lock();
        match current.as_ref() {
            Some(Job { id: of, state: State::Failed(refusal) }) if *of == id => {
                let refusal = refusal.clone();
                *current = None;
                return Err(refusal);
            }
            Some(job) if job.id == id => return Ok(job.state.clone()),
            Some(Job { id: other, state: State::Running { .. } }) => {
                let message = format!("the replay of {other} is running; ask again when it is done");
                return Err(Refusal::new(Code::Overloaded, "id", message));
            }
            _ => {}
        }
        // Refuses unknown decisions at once.
        engine.decision(id)?;
        if self.running.fetch_add(1, Ordering::AcqRel) >= RUNNING_MAX {
            self.running.fetch_sub(1, Ordering::AcqRel);
            return Err(Refusal::new(Code::Overloaded, "", "replays of other tenants are running; ask again later"));
        }
        let state = State::Running { done: 0, total: 0 };
        let (replays, engine) = (self.clone(), engine.clone());
        let run = move || replays.run(&engine, id);
        let spawned = thread::Builder::new().name("replay".into()).spawn(run);
        spawned.map_err(|_| {
            self.running.fetch_sub(1, Ordering::AcqRel);
            Refusal::new(Code::Overloaded, "", "the system gives no thread; ask again later")
        })?;
        *current = Some(Job { id, state: state.clone() });
        Ok(state)
    }

    fn run(&self, engine: &Engine, id: DecisionId) {
        let mut progress = |done, total| self.set(id, State::Running { done, total });
        let replayed = catch_unwind(AssertUnwindSafe(|| engine.replay(id, &mut progress)));
        let panicked = |_| Err(Refusal::new(Code::Internal, "", "the server made a mistake while it replayed"));
        let state = replayed.unwrap_or_else(panicked);
        self.running.fetch_sub(1, Ordering::AcqRel);
        self.set(id, state.map_or_else(State::Failed, |replayed| State::Done(Arc::new(replayed))));
    }

    fn set(&self, id: DecisionId, state: State) {
        *self.job.lock() = Some(Job { id, state });
    }
}

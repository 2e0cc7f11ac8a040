//! Replays in the background: one at a time, on a thread of its own, the last result kept until another is asked for.

use domain::{Code, DecisionId, Refusal};
use engine::{Engine, Replayed};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

/// The replay that runs or was the last to end.
#[derive(Default)]
pub(crate) struct Replays(Mutex<Option<Job>>);

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
    /// Says how far the replay of this decision is, and starts it if it is neither running nor done.
    ///
    /// # Errors
    /// `overloaded` while another one runs; what the replay itself refused, once.
    pub(crate) fn ask(self: &Arc<Self>, engine: &Arc<Engine>, id: DecisionId) -> Result<State, Refusal> {
        let mut current = self.0.lock();
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
        let state = State::Running { done: 0, total: 0 };
        let (replays, engine) = (self.clone(), engine.clone());
        let run = move || replays.run(&engine, id);
        let spawned = thread::Builder::new().name("replay".into()).spawn(run);
        spawned.map_err(|_| Refusal::new(Code::Overloaded, "", "the system gives no thread; ask again later"))?;
        *current = Some(Job { id, state: state.clone() });
        Ok(state)
    }

    fn run(&self, engine: &Engine, id: DecisionId) {
        let mut progress = |done, total| self.set(id, State::Running { done, total });
        let replayed = catch_unwind(AssertUnwindSafe(|| engine.replay(id, &mut progress)));
        let panicked = |_| Err(Refusal::new(Code::Internal, "", "the server made a mistake while it replayed"));
        let state = replayed.unwrap_or_else(panicked);
        self.set(id, state.map_or_else(State::Failed, |replayed| State::Done(Arc::new(replayed))));
    }

    fn set(&self, id: DecisionId, state: State) {
        *self.0.lock() = Some(Job { id, state });
    }
}

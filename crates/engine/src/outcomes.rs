//! Outcomes, decisions and alarms, in the order of the log: what came out lately is still in memory; what is older is derived again, by
//! one pass over the log that goes on from call to call. Nothing of them is recorded, and whoever reads holds up nobody.

mod cursor;
mod pass;
mod recent;

pub use cursor::OutcomeCursor;

use crate::core::Core;
use crate::decide::{Alarm, Decided, Telling};
use crate::generation::State;
use domain::{Event, OutcomeId, PlanVersion, Position, Refusal};
use journal::{Disk, FileDisk, Records};
use pass::Pass;
use spec::Plan;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One outcome, lent while it is told.
#[derive(Clone, Copy)]
pub struct Outcome<'o> {
    /// Names it.
    pub id: OutcomeId,
    /// The plan that it came out under.
    pub plan: &'o Arc<Plan>,
    /// What came out.
    pub derived: Derived<'o>,
}

/// What can be derived of a record.
#[derive(Clone, Copy)]
pub enum Derived<'o> {
    /// What was decided on an event: who tells it in words, and the event, as the log has it.
    Verdict(&'o Decided, &'o Telling<'o>, &'o Event<'o>),
    /// An alarm that was raised. The record may be an event, or another that only let time go on.
    Alarm(&'o Alarm),
}

/// Which outcome it is, before it is told.
#[derive(Clone, Copy, Debug)]
pub struct Which<'o> {
    /// Names it.
    pub id: OutcomeId,
    /// The plan that it came out under.
    pub plan: &'o Arc<Plan>,
    /// What it is, by name.
    pub what: What<'o>,
}

/// An outcome by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'o> {
    /// A decision.
    Verdict {
        /// Its name.
        decision: &'o str,
        /// What came out.
        outcome: &'o str,
    },
    /// An alarm, by name.
    Alarm(&'o str),
}

/// Which kinds of outcomes are read. What is not is neither kept waiting for nor derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// Those of decisions.
    pub verdicts: bool,
    /// Alarms.
    pub alarms: bool,
}

impl Kinds {
    /// Every kind.
    pub const ALL: Kinds = Kinds { verdicts: true, alarms: true };
}

/// Which outcomes are told, and to whom.
pub struct Asked<'a> {
    /// After so many the call ends: only decisions on one event may be more.
    pub most: usize,
    /// Whether it is told.
    pub wanted: &'a dyn Fn(&Which<'_>) -> bool,
    /// Is told. A lock that taking in events needs is held meanwhile.
    pub tell: &'a mut dyn FnMut(&Outcome<'_>),
}

/// A place in the log that moves forward from outcome to outcome. Only what is durable is read.
pub struct OutcomeReader<D: Disk = FileDisk> {
    core: Arc<Core<D>>,
    kinds: Kinds,
    /// Everything up to here was read.
    cursor: OutcomeCursor,
    /// Whether what is in memory is read too.
    remembers: bool,
    /// The log, for the events of recent decisions; and the position that it comes to next.
    events: Option<(Records<D>, Position)>,
    /// The state that older outcomes are derived by.
    pass: Option<Pass<D>>,
}

impl<D: Disk> Core<D> {
    /// Reads the outcomes of these kinds behind a place.
    pub fn outcomes(self: &Arc<Self>, after: impl Into<OutcomeCursor>, kinds: Kinds) -> OutcomeReader<D> {
        let cursor = after.into();
        OutcomeReader { core: self.clone(), kinds, cursor, remembers: true, events: None, pass: None }
    }

    /// The last position that is durable and applied: everything up to there may be told.
    pub fn released(&self) -> Position {
        self.gate.released()
    }

    /// The last position that consumers were given, or what may be told if that is further: nobody was told of any behind it.
    pub fn last_given(&self) -> Position {
        self.released().max(Position(self.handed_over.load(Ordering::SeqCst)))
    }

    /// The alarms of records behind this position are in memory.
    pub fn alarms_kept_from(&self) -> Position {
        self.alarms.lock().reaches_back_to()
    }

    /// Where the specs of the versions stand or stood in the log, version 1 first.
    pub fn spec_positions(&self) -> Vec<Position> {
        self.specs.lock().clone()
    }
}

impl<D: Disk> OutcomeReader<D> {
    /// The same, but derives everything from the log, whatever is in memory.
    #[must_use]
    pub fn from_log(self) -> OutcomeReader<D> {
        OutcomeReader { remembers: false, ..self }
    }

    /// Whose outcomes it reads.
    pub fn core(&self) -> &Arc<Core<D>> {
        &self.core
    }

    /// Everything up to here was read.
    pub fn position(&self) -> Position {
        self.cursor.position()
    }

    /// The same to the outcome: where to go on.
    pub fn cursor(&self) -> OutcomeCursor {
        self.cursor
    }

    /// Whether what comes next is no longer in memory: reading it takes a state of its own, and as long as the log takes from the
    /// checkpoint before it.
    pub fn is_far(&self) -> bool {
        let state = self.core.generation().state.clone();
        self.position() < self.core.gate.released() && self.position() < self.reaches_back_to(&state)
    }

    /// Lets go of the state that older outcomes are derived by, if there is one: reading on takes a new one.
    pub fn rest(&mut self) {
        (self.pass, self.events) = (None, None);
    }

    /// Whether it has such a state.
    pub fn has_state(&self) -> bool {
        self.pass.is_some()
    }

    /// Tells the next outcomes, as many as there are durable now or as one call reads; whether there may be more already.
    ///
    /// # Errors
    /// `gone`: the log does not reach back that far any more, or its spec is not understood. [`OutcomeReader::pass_over`] goes on
    /// behind that.
    pub fn read(&mut self, asked: &mut Asked<'_>) -> Result<bool, Refusal> {
        // In this order: what is released now was decided in the state that serves, or before that came to be.
        let released = self.core.gate.released();
        let state = self.core.generation().state.clone();
        if self.position() >= released {
            return Ok(false);
        }
        let read = match self.remembered(&state, released) {
            Some(recent) => {
                self.pass = None;
                self.read_recent(&state, &recent, asked)
            }
            None => self.read_old(released, asked),
        };
        match read {
            Ok(true) => {}
            // What comes next is in memory once it is there: no need for a state of its own.
            Ok(false) => self.pass = None,
            // What was begun may have stopped between two of its parts.
            Err(_) => self.rest(),
        }
        read
    }

    /// Behind which position everything that is asked for is in memory.
    fn reaches_back_to(&self, state: &State) -> Position {
        if !self.remembers {
            return Position(u64::MAX);
        }
        let verdicts = self.kinds.verdicts.then(|| state.recent.lock().reaches_back_to());
        let alarms = self.kinds.alarms.then(|| state.alarms.lock().reaches_back_to());
        verdicts.unwrap_or_default().max(alarms.unwrap_or_default())
    }

    /// The last position of a version, as far as is known.
    fn end_of(&self, version: PlanVersion) -> Position {
        let next = self.core.specs.lock().get(version.0 as usize).copied();
        next.map_or(Position(u64::MAX), |next| Position(next.0.saturating_sub(1)))
    }

    /// Goes on behind what cannot be read any more: at the first position that can be derived, or else with the next version of the
    /// spec; at the latest with what is in memory. Returns how many records are passed over.
    pub fn pass_over(&mut self) -> u64 {
        self.rest();
        let at = self.position();
        let kept = Position(self.core.reader.replay_from().0.saturating_sub(1));
        let version = self.end_of(self.core.version_at(at.next()));
        let memory = self.reaches_back_to(&self.core.generation().state.clone());
        let to = [kept, memory].into_iter().filter(|to| *to > at).fold(version, Position::min);
        let to = to.min(self.core.gate.released());
        let passed = to.0.saturating_sub(at.0);
        if passed > 0 {
            self.cursor = to.into();
        }
        passed
    }
}

/// Which of the decisions on one event it is.
fn which(decided: &Decided, place: usize) -> Which<'_> {
    let (of, id) = (decided.decision(), OutcomeId { decision: decided.id, place: place as u32 });
    let outcome = &of.outcomes[usize::from(decided.verdict.outcome)];
    Which { id, plan: &decided.plan, what: What::Verdict { decision: &of.name, outcome } }
}

/// The decisions on one event that are wanted and come behind a place.
fn wanted<'d>(
    decided: &'d [Decided],
    cursor: OutcomeCursor,
    asked: &'d dyn Fn(&Which<'_>) -> bool,
) -> impl Iterator<Item = (OutcomeId, &'d Decided)> {
    let wanted = move |(place, decided): (usize, &'d Decided)| {
        let which = which(decided, place);
        (!cursor.has(which.id) && asked(&which)).then_some((which.id, decided))
    };
    decided.iter().enumerate().filter_map(wanted)
}

/// Tells decisions on one event; how many that are.
fn tell(decided: &[(OutcomeId, &Decided)], telling: &Telling<'_>, event: &Event<'_>, asked: &mut Asked<'_>) -> usize {
    for &(id, decided) in decided {
        (asked.tell)(&Outcome { id, plan: &decided.plan, derived: Derived::Verdict(decided, telling, event) });
    }
    decided.len()
}

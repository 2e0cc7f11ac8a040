//! Outcomes in the order of the log: what was decided lately is still in memory; what is older is derived again, by one pass over the
//! log that goes on from call to call. Nothing of them is recorded, and whoever reads holds up nobody.

use crate::core::Core;
use crate::decide::{Decided, Telling};
use crate::generation::State;
use crate::machine::Machine;
use crate::replay::{gone, unreadable};
use domain::{Event, OutcomeId, Payload, PlanVersion, Position, Refusal};
use journal::{Disk, FileDisk, Records};
use spec::Plan;
use std::sync::Arc;

/// Batches of recent decisions that are looked through by one call.
const BATCHES: usize = 16;
/// Records that one call applies to a state of its own.
const RECORDS: usize = 4_096;
/// Records that are passed over to find an event's, rather than looking its place up.
const AHEAD: u64 = 256;

/// One outcome, lent while it is told.
#[derive(Clone, Copy)]
pub struct Outcome<'o> {
    /// Names it.
    pub id: OutcomeId,
    /// What came out.
    pub derived: Derived<'o>,
    /// Tells it in words.
    pub telling: &'o Telling<'o>,
    /// What it was derived of, as the log has it.
    pub event: &'o Event<'o>,
}

/// What can be derived of a record.
#[derive(Clone, Copy, Debug)]
pub enum Derived<'o> {
    /// What was decided on an event.
    Verdict(&'o Decided),
}

impl<'o> Derived<'o> {
    /// The plan that it was derived under.
    pub fn plan(&self) -> &'o Arc<Plan> {
        match self {
            Derived::Verdict(decided) => &decided.plan,
        }
    }

    /// Where the record stands.
    pub fn position(&self) -> Position {
        match self {
            Derived::Verdict(decided) => decided.id.position,
        }
    }

    /// What declared it: a decision's name.
    pub fn name(&self) -> &'o str {
        match self {
            Derived::Verdict(decided) => &decided.decision().name,
        }
    }

    /// What came out, by name.
    pub fn outcome(&self) -> &'o str {
        match self {
            Derived::Verdict(decided) => &decided.decision().outcomes[usize::from(decided.verdict.outcome)],
        }
    }
}

/// Which outcomes are told, and to whom.
pub struct Asked<'a> {
    /// After so many the call ends, at the end of a record: only the outcomes of one record may be more.
    pub most: usize,
    /// Whether it is told.
    pub wanted: &'a dyn Fn(&Derived<'_>) -> bool,
    /// Is told. A lock that taking in events needs is held meanwhile.
    pub tell: &'a mut dyn FnMut(&Outcome<'_>),
}

/// A place in the log that moves forward from outcome to outcome. Only what is durable is read.
pub struct OutcomeReader<D: Disk = FileDisk> {
    core: Arc<Core<D>>,
    /// Everything up to here was read.
    after: Position,
    /// The log, for the events of recent decisions; and the position that it comes to next.
    events: Option<(Records<D>, Position)>,
    /// The state that older outcomes are derived by.
    pass: Option<Pass<D>>,
}

/// The log applied under the plan of one version.
struct Pass<D: Disk> {
    machine: Machine,
    records: Records<D>,
    version: PlanVersion,
}

impl<D: Disk> Core<D> {
    /// Reads the outcomes behind a position.
    pub fn outcomes(self: &Arc<Self>, after: Position) -> OutcomeReader<D> {
        OutcomeReader { core: self.clone(), after, events: None, pass: None }
    }

    /// The last position that is durable and applied: everything up to there may be told.
    pub fn released(&self) -> Position {
        self.gate.released()
    }

    /// Where the specs of the versions stand or stood in the log, version 1 first.
    pub fn spec_positions(&self) -> Vec<Position> {
        self.specs.lock().clone()
    }
}

impl<D: Disk> OutcomeReader<D> {
    /// Everything up to here was read.
    pub fn position(&self) -> Position {
        self.after
    }

    /// Whether what comes next is no longer in memory: reading it takes a state of its own, and as long as the log takes from the
    /// checkpoint before it.
    pub fn is_far(&self) -> bool {
        let released = self.core.gate.released();
        self.after < released && self.core.generation().state.recent.lock().behind(self.after, 0).is_none()
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
        if self.after >= released {
            return Ok(false);
        }
        let recent = state.recent.lock().behind(self.after, BATCHES);
        let read = match recent {
            Some(batches) => {
                self.pass = None;
                let end = (batches.len() < BATCHES).then_some(released);
                let decided: Vec<&[Decided]> =
                    batches.iter().filter_map(|made| made.get()).map(Vec::as_slice).collect();
                self.read_recent(&state, &decided, end, released, asked)
            }
            None => self.read_old(released, asked),
        };
        match read {
            Ok(true) => {}
            // What comes next is in memory once it is there: no need for a state of its own.
            Ok(false) => self.pass = None,
            // What was begun may have stopped between two of its parts.
            Err(_) => (self.pass, self.events) = (None, None),
        }
        read
    }

    /// `end`: how far these are all there is.
    fn read_recent(
        &mut self,
        state: &State,
        batches: &[&[Decided]],
        end: Option<Position>,
        released: Position,
        asked: &mut Asked<'_>,
    ) -> Result<bool, Refusal> {
        let mut told = 0;
        for batch in batches {
            let behind = batch.partition_point(|decided| decided.id.position <= self.after);
            for of_record in batch[behind..].chunk_by(|one, other| one.id.position == other.id.position) {
                let position = of_record[0].id.position;
                if position > released {
                    self.after = released;
                    return Ok(false);
                }
                if told >= asked.most {
                    return Ok(true);
                }
                told += self.tell_recent(state, of_record, asked)?;
                self.after = position;
            }
        }
        self.after = self.after.max(end.unwrap_or_default());
        Ok(end.is_none() || self.after < self.core.gate.released())
    }

    /// Tells the decisions on one event that are in memory.
    fn tell_recent(&mut self, state: &State, decided: &[Decided], asked: &mut Asked<'_>) -> Result<usize, Refusal> {
        if !decided.iter().any(|decided| (asked.wanted)(&Derived::Verdict(decided))) {
            return Ok(0);
        }
        let position = decided[0].id.position;
        let (mut records, mut next) = match self.events.take() {
            Some((records, next)) if next <= position && position.0 - next.0 <= AHEAD => (records, next),
            _ => (self.core.reader.iter_from(position).map_err(|error| unreadable(&error))?, position),
        };
        while next < position {
            records.next().map_err(|error| unreadable(&error))?;
            next = next.next();
        }
        let record = records.next().map_err(|error| unreadable(&error))?;
        let record = record.ok_or_else(|| gone(self.core.reader.replay_from()))?;
        let payload = Payload::decode(record.header.kind, record.payload).map_err(|error| unreadable(&error))?;
        let Payload::Event(event) = &payload else { return Err(gone(self.core.reader.replay_from())) };
        let told = tell(decided, &Telling(&state.names.read()), event, asked);
        self.events = Some((records, position.next()));
        Ok(told)
    }

    /// Derives outcomes from the log, as far as one call goes.
    fn read_old(&mut self, released: Position, asked: &mut Asked<'_>) -> Result<bool, Refusal> {
        let version = self.core.version_at(self.after.next());
        let end = self.end_of(version).min(released);
        let pass = match self.pass.take() {
            Some(pass) if pass.version == version => pass,
            before => match self.begin(version, before)? {
                Some(pass) => pass,
                // Under this plan nothing is decided.
                None => {
                    self.after = end;
                    return Ok(true);
                }
            },
        };
        let pass = self.pass.insert(pass);
        let mut told = 0;
        for _ in 0..RECORDS {
            if pass.machine.position >= end || told >= asked.most {
                break;
            }
            let Some(record) = pass.records.next().map_err(|error| unreadable(&error))? else { break };
            let (header, machine) = (record.header, &mut pass.machine);
            if header.position <= self.after {
                machine.apply_record(&header, record.payload).map_err(|error| unreadable(&error))?;
                continue;
            }
            let payload = Payload::decode(header.kind, record.payload).map_err(|error| unreadable(&error))?;
            machine.writer_epoch = header.epoch;
            let mut decided = machine.apply_deciding(header.position, header.log_time, &payload);
            if let Payload::Event(event) = &payload {
                decided.iter_mut().for_each(|decided| decided.version = version);
                told += tell(&decided, &Telling(&machine.names), event, asked);
            }
            self.after = header.position;
        }
        Ok(self.after < self.core.gate.released())
    }

    /// The last position of a version, as far as is known.
    fn end_of(&self, version: PlanVersion) -> Position {
        let next = self.core.specs.lock().get(version.0 as usize).copied();
        next.map_or(Position(u64::MAX), |next| Position(next.0.saturating_sub(1)))
    }

    /// State under the plan of a version, at or before where reading goes on; none if that plan decides nothing. The state under the
    /// version before goes on if both have the same.
    fn begin(&self, version: PlanVersion, before: Option<Pass<D>>) -> Result<Option<Pass<D>>, Refusal> {
        if version.0 == 0 {
            return Ok(None);
        }
        let plan = self.core.plan_of(version)?;
        if plan.decisions.is_empty() {
            return Ok(None);
        }
        let machine = match before.and_then(|pass| pass.machine.going_on(&plan, self.after)) {
            Some(machine) => machine,
            None => self.core.state_before(self.after, plan)?,
        };
        let records = self.core.reader.iter_from(machine.position.next()).map_err(|error| unreadable(&error))?;
        Ok(Some(Pass { machine, records, version }))
    }

    /// Goes on behind what cannot be read any more: at the first position that can be derived, or else with the next version of the
    /// spec; at the latest with what is in memory. Returns how many records are passed over.
    pub fn pass_over(&mut self) -> u64 {
        self.pass = None;
        self.events = None;
        let kept = Position(self.core.reader.replay_from().0.saturating_sub(1));
        let version = self.end_of(self.core.version_at(self.after.next()));
        let memory = self.core.generation().state.recent.lock().reaches_back_to();
        let to = [kept, memory].into_iter().filter(|to| *to > self.after).fold(version, Position::min);
        let to = to.min(self.core.gate.released());
        let passed = to.0.saturating_sub(self.after.0);
        self.after = self.after.max(to);
        passed
    }
}

/// Tells what is wanted of the outcomes of one record; how many that are.
fn tell(decided: &[Decided], telling: &Telling<'_>, event: &Event<'_>, asked: &mut Asked<'_>) -> usize {
    let mut told = 0;
    for (place, decided) in decided.iter().enumerate() {
        let derived = Derived::Verdict(decided);
        if (asked.wanted)(&derived) {
            let id = OutcomeId { decision: decided.id, place: place as u16 };
            (asked.tell)(&Outcome { id, derived, telling, event });
            told += 1;
        }
    }
    told
}

//! One of the two plans of a backtest: its state, and what it takes to keep it.

use super::BacktestError;
use crate::checkpoint;
use crate::decide::{Decided, Telling};
use crate::machine::Machine;
use crate::offline::LogFile;
use crate::training::Complete;
use crate::training::reach::{self, Reach};
use domain::{Payload, Position, Time};
use journal::{Disk, RecordHeader};
use rustix::time::{ClockId, clock_gettime};
use spec::Plan;
use spec::plan::{Decision, FactSource};
use std::sync::Arc;
use std::time::Duration;

/// What applying and deciding took, and what the state takes.
#[derive(Clone, Debug, Default)]
pub struct SideCost {
    /// Mean processor time of one event of the range: applied to all state, and decided if the plan has decisions on it.
    pub ns_per_event: f64,
    /// The state at the end, in the bytes that a checkpoint has of it.
    pub state_bytes: u64,
    /// The checkpoint that state began with; 0: before the first record there is.
    pub begins: Position,
    /// Set if retention has dropped the log's beginning and no checkpoint had this plan's state: from when on each fact is what a
    /// whole log would have it be.
    pub counted: Option<Counted>,
}

/// From when on state that was counted from the middle of a log is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The first record that is there.
    pub since: Time,
    /// By fact of the decision.
    pub whole: Vec<(String, Complete)>,
}

pub(super) struct Side {
    machine: Machine,
    /// The decision of this plan, if it has it.
    decision: Option<u16>,
    begins: Position,
    since: Option<Time>,
    spent: Duration,
    events: u64,
}

impl Side {
    /// State before `first`, as early as must be.
    pub(super) fn new<D: Disk>(
        log: &LogFile<D>,
        plan: &Arc<Plan>,
        decision: Option<u16>,
        first: Position,
    ) -> Result<Side, BacktestError> {
        let before = Position(first.0.saturating_sub(1));
        let loaded = checkpoint::load_before(&log.reader, before, plan, 1, 0, &mut Vec::new())?;
        let side = |machine: Machine, since: Option<Time>| {
            let begins = if since.is_some() { Position::START } else { machine.position };
            Side { machine, decision, begins, since, spent: Duration::ZERO, events: 0 }
        };
        if let Some(loaded) = loaded {
            return Ok(side(loaded.machine, None));
        }
        let (mut machine, begin) = (Machine::new(plan.clone(), 1, 0), log.reader.first());
        if begin == Position(1) {
            return Ok(side(machine, None));
        }
        let since = log.reader.record(begin)?.map_or(Time(0), |record| record.header.log_time);
        machine.position = Position(begin.0 - 1);
        Ok(side(machine, Some(since)))
    }

    /// The last record that it has.
    pub(super) fn position(&self) -> Position {
        self.machine.position
    }

    /// The decision as this plan has it.
    pub(super) fn decision(&self) -> Option<&Decision> {
        self.decision.map(|decision| &self.machine.plan.decisions[usize::from(decision)])
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.machine.plan
    }

    pub(super) fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }

    pub(super) fn telling(&self) -> Telling<'_> {
        Telling(&self.machine.names)
    }

    /// Applies records; what those from `first` on are decided as, by index.
    pub(super) fn apply(&mut self, records: &[(RecordHeader, Payload<'_>)], first: Position) -> Vec<Option<Decided>> {
        let before = cpu();
        let mut events = 0;
        let decided = records.iter().map(|(header, payload)| {
            // The other plan's state may have begun earlier.
            if header.position <= self.machine.position {
                return None;
            }
            self.machine.writer_epoch = header.epoch;
            if header.position < first {
                self.machine.apply(header.position, header.log_time, payload);
                return None;
            }
            events += u64::from(matches!(payload, Payload::Event(_)));
            let decided = self.machine.apply_deciding(header.position, header.log_time, payload);
            decided.into_iter().find(|decided| Some(decided.facts.decision) == self.decision)
        });
        let decided = decided.collect();
        // Of records before the range nothing is said; one batch may lie on both sides of its beginning.
        if records.first().is_some_and(|(header, _)| header.position >= first) {
            self.spent += cpu().saturating_sub(before);
            self.events += events;
        }
        decided
    }

    pub(super) fn cost(&mut self) -> SideCost {
        let ns = self.spent.as_nanos() as f64;
        SideCost {
            ns_per_event: if self.events == 0 { 0.0 } else { ns / self.events as f64 },
            state_bytes: checkpoint::state_bytes(&mut self.machine),
            begins: self.begins,
            counted: self.since.map(|since| self.counted(since)),
        }
    }

    fn counted(&self, since: Time) -> Counted {
        let plan = &self.machine.plan;
        let facts = self.decision().map_or(&[][..], |decision| &decision.facts);
        let whole = facts.iter().filter_map(|fact| {
            let reach = match &fact.source {
                FactSource::Aggregate { aggregate, .. } => {
                    reach::of(plan, &[plan.aggregates[usize::from(*aggregate)].slot])
                }
                FactSource::Attribute { .. } | FactSource::Listed { .. } => Reach::Everything,
                FactSource::Field(_) | FactSource::Now | FactSource::Share(_) | FactSource::Derived(_) => return None,
            };
            let complete = match reach {
                Reach::Nothing => Complete::Always,
                Reach::Back(span) => Complete::From(since.plus(span)),
                Reach::Everything => Complete::Never,
            };
            Some((fact.name.clone(), complete))
        });
        Counted { since, whole: whole.collect() }
    }
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

//! One of the two plans of a backtest: its state, and what it takes to keep it.

use super::BacktestError;
use crate::checkpoint::{self, Loaded};
use crate::decide::{Decided, Telling};
use crate::machine::Machine;
use crate::offline::LogFile;
use crate::training::Complete;
use crate::training::reach::{self, Reach};
use domain::{Payload, Position, Time};
use journal::{Disk, RecordHeader};
use rustix::time::{ClockId, clock_gettime};
use spec::plan::{Decision, FactSource};
use spec::{Carrying, Plan};
use std::sync::Arc;
use std::time::Duration;

/// What applying and deciding took, and what the state takes.
#[derive(Clone, Debug, Default)]
pub struct SideCost {
    /// Mean processor time of one event of the range: applied to all state, and decided if the plan has decisions on it.
    pub ns_per_event: f64,
    /// The state at the end, in the bytes that a checkpoint has of it.
    pub state_bytes: u64,
    /// The checkpoint that state began with; 0: none, but the first record there is.
    pub begins: Position,
    /// Set if retention has dropped the log's beginning and no checkpoint had all of this plan's state: from when on each fact is
    /// what a whole log would have it be.
    pub counted: Option<Counted>,
}

/// From when on state that was counted from the middle of a log is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The first record that is there, or the checkpoint from which what the two specs count alike was carried over.
    pub since: Time,
    /// By fact of the decision.
    pub whole: Vec<(String, Complete)>,
}

pub(super) struct Side {
    machine: Machine,
    /// The decision of this plan, if it has it.
    decision: Option<u16>,
    begins: Position,
    missing: Option<Missing>,
    spent: Duration,
    events: u64,
}

/// What state of a cut log lacks: all from before an instant, but for what is carried over.
struct Missing {
    since: Time,
    carrying: Option<Carrying>,
}

impl Side {
    /// State before `first`, as early as must be. On a cut log it goes on with what `baseline`, the plan in force, has counted alike.
    pub(super) fn new<D: Disk>(
        log: &LogFile<D>,
        (plan, baseline): (&Arc<Plan>, &Arc<Plan>),
        decision: Option<u16>,
        first: Position,
    ) -> Result<Side, BacktestError> {
        let before = Position(first.0.saturating_sub(1));
        let side = |machine: Machine, begins, missing| Side {
            machine,
            decision,
            begins,
            missing,
            spent: Duration::ZERO,
            events: 0,
        };
        let load = |plan: &Arc<Plan>| checkpoint::load_before(&log.reader, before, plan, 1, 0, &mut Vec::new());
        if let Some(Loaded { machine, .. }) = load(plan)? {
            let begins = machine.position;
            return Ok(side(machine, begins, None));
        }
        let begin = log.reader.first();
        if begin == Position(1) {
            return Ok(side(Machine::new(plan.clone(), 1, 0), Position::START, None));
        }
        if let Some(base) = checkpoint::base(&log.reader, baseline)?
            && let Ok(carrying) = spec::carry(&base.plan, plan)
            && let Ok(carried) = spec::carried(Some(&base.from), "a spec", &plan.text)
            && let Some(Loaded { machine, .. }) = load(&Arc::new(carried))?
        {
            let (begins, since) = (machine.position, base.from.log_time);
            return Ok(side(machine, begins, Some(Missing { since, carrying: Some(carrying) })));
        }
        let mut machine = Machine::new(plan.clone(), 1, 0);
        machine.position = Position(begin.0 - 1);
        let since = log.reader.record(begin)?.map_or(Time(0), |record| record.header.log_time);
        Ok(side(machine, Position::START, Some(Missing { since, carrying: None })))
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
            counted: self.missing.as_ref().map(|missing| self.counted(missing)),
        }
    }

    fn counted(&self, missing: &Missing) -> Counted {
        let facts = self.decision().map_or(&[][..], |decision| &decision.facts);
        let whole = facts.iter().filter_map(|fact| Some((fact.name.clone(), self.whole(&fact.source, missing)?)));
        Counted { since: missing.since, whole: whole.collect() }
    }

    /// From when on a fact is whole; none if it only follows from others or stands in the event.
    fn whole(&self, source: &FactSource, Missing { since, carrying }: &Missing) -> Option<Complete> {
        let plan = &self.machine.plan;
        let reach = match source {
            FactSource::Aggregate { aggregate, .. } => {
                let aggregate = &plan.aggregates[usize::from(*aggregate)];
                let stream = usize::from(aggregate.stream);
                match carrying {
                    Some(of) if of.streams[stream].is_some() && of.panes[stream] => Reach::Nothing,
                    _ => reach::of(plan, &[aggregate.slot]),
                }
            }
            FactSource::Attribute { .. } | FactSource::Listed { .. } if carrying.is_some() => Reach::Nothing,
            FactSource::Attribute { .. } | FactSource::Listed { .. } => Reach::Everything,
            _ => return None,
        };
        Some(match reach {
            Reach::Nothing => Complete::Always,
            Reach::Back(span) => Complete::From(since.plus(span)),
            Reach::Everything => Complete::Never,
        })
    }
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

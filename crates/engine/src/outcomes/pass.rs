//! Outcomes that are no longer in memory: the log applied again under the plan of each version, from the checkpoint before. What one
//! record raised is kept while it is told in parts: at most one alarm for each of an entity's timers and conditions, as the rows had
//! them, and put into words one by one.

use super::{Asked, Derived, Outcome, OutcomeCursor, OutcomeReader, What, Which, tell, wanted};
use crate::decide::Telling;
use crate::machine::Machine;
use crate::replay::unreadable;
use domain::{DecisionId, OutcomeId, Payload, PlanVersion, Position, Refusal};
use journal::{Disk, Records};
use state::Raised;
use std::vec::IntoIter;

/// Records that one call applies to a state of its own.
const RECORDS: usize = 4_096;

/// The log applied under the plan of one version.
pub(super) struct Pass<D: Disk> {
    machine: Machine,
    records: Records<D>,
    version: PlanVersion,
    /// What the last record raised and was not told yet.
    rest: Option<Rest>,
}

/// Alarms of one record.
struct Rest {
    decision: DecisionId,
    /// The place of the next.
    place: u32,
    raised: IntoIter<Raised>,
}

impl<D: Disk> OutcomeReader<D> {
    /// Derives outcomes from the log, as far as one call goes.
    pub(super) fn read_old(&mut self, released: Position, asked: &mut Asked<'_>) -> Result<bool, Refusal> {
        let version = self.core.version_at(self.position().next());
        let end = self.end_of(version).min(released);
        let mut pass = match self.pass.take() {
            Some(pass) if pass.version == version => pass,
            before => match self.begin(version, before)? {
                Some(pass) => pass,
                // Under this plan nothing that is asked for comes out.
                None => {
                    self.cursor = end.into();
                    return Ok(true);
                }
            },
        };
        let mut told = 0;
        for _ in 0..RECORDS {
            told += self.tell_rest(&mut pass, asked, asked.most.saturating_sub(told));
            if pass.rest.is_some() || told >= asked.most || pass.machine.position >= end {
                break;
            }
            match self.step(&mut pass, asked)? {
                Some(count) => told += count,
                None => break,
            }
        }
        self.pass = Some(pass);
        Ok(self.position() < self.core.gate.released())
    }

    /// Applies the next record and tells what is decided on it; how many that are. None: there is no further record.
    fn step(&mut self, pass: &mut Pass<D>, asked: &mut Asked<'_>) -> Result<Option<usize>, Refusal> {
        let Some(record) = pass.records.next().map_err(|error| unreadable(&error))? else { return Ok(None) };
        let (header, machine) = (record.header, &mut pass.machine);
        if header.position <= self.position() {
            machine.apply_record(&header, record.payload).map_err(|error| unreadable(&error))?;
            return Ok(Some(0));
        }
        let payload = Payload::decode(header.kind, record.payload).map_err(|error| unreadable(&error))?;
        machine.writer_epoch = header.epoch;
        let (mut decided, raised) = match self.kinds.alarms {
            true => machine.apply_telling(header.position, header.log_time, &payload),
            false => (machine.apply_deciding(header.position, header.log_time, &payload), Vec::new()),
        };
        let mut told = 0;
        if let (true, Payload::Event(event)) = (self.kinds.verdicts, &payload) {
            decided.iter_mut().for_each(|decided| decided.version = pass.version);
            let wanted: Vec<_> = wanted(&decided, self.cursor, asked.wanted).collect();
            told = tell(&wanted, &Telling(&machine.names), event, asked);
        }
        if raised.is_empty() {
            self.cursor = header.position.into();
            return Ok(Some(told));
        }
        let (epoch, position, place) = (header.epoch, header.position, decided.len() as u32);
        let raised = raised.into_iter();
        pass.rest = Some(Rest { decision: DecisionId { epoch, position }, place, raised });
        Ok(Some(told))
    }

    /// Tells what is left of the last record, at most so many; how many that were.
    fn tell_rest(&mut self, pass: &mut Pass<D>, asked: &mut Asked<'_>, most: usize) -> usize {
        let Pass { machine, version, rest: Some(rest), .. } = pass else { return 0 };
        let mut told = 0;
        while let Some(raised) = rest.raised.as_slice().first() {
            let id = OutcomeId { decision: rest.decision, place: rest.place };
            let name = &machine.plan.alarms[usize::from(raised.alarm)].name;
            let which = Which { id, plan: &machine.plan, what: What::Alarm(name) };
            if !self.cursor.has(id) && (asked.wanted)(&which) {
                if told >= most {
                    self.cursor = OutcomeCursor::before(id);
                    return told;
                }
                let alarm = machine.alarm(id, *version, raised);
                (asked.tell)(&Outcome { id, plan: &machine.plan, derived: Derived::Alarm(&alarm) });
                told += 1;
            }
            rest.place += 1;
            rest.raised.next();
        }
        self.cursor = rest.decision.position.into();
        pass.rest = None;
        told
    }

    /// State under the plan of a version, at or before where reading goes on; none if that plan gives nothing that is asked for. The
    /// state under the version before goes on if both have the same.
    fn begin(&self, version: PlanVersion, before: Option<Pass<D>>) -> Result<Option<Pass<D>>, Refusal> {
        if version.0 == 0 {
            return Ok(None);
        }
        let plan = self.core.plan_of(version)?;
        let (decides, alarms) = (!plan.decisions.is_empty(), !plan.alarms.is_empty());
        if !(decides && self.kinds.verdicts || alarms && self.kinds.alarms) {
            return Ok(None);
        }
        let at = self.position();
        let machine = match before.and_then(|pass| pass.machine.going_on(&plan, at)) {
            Some(machine) => machine,
            None => self.core.state_before(at, plan)?,
        };
        let records = self.core.reader.iter_from(machine.position.next()).map_err(|error| unreadable(&error))?;
        Ok(Some(Pass { machine, records, version, rest: None }))
    }
}

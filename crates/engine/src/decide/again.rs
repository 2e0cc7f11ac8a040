//! Decisions asked for later: from memory if they are recent, else computed again from the log at the event's own position.

use super::{Decided, Made, Named, Verdicts};
use crate::core::Core;
use crate::machine::Machine;
use crate::replay::{gone, unknown_decision, unreadable, walk};
use domain::{Code, DecisionId, Payload, PlanVersion, Position, Refusal};
use journal::{Disk, OwnedRecord};
use spec::Plan;
use std::sync::Arc;

impl<D: Disk> Core<D> {
    /// The decisions on the event at a position, under the plan that was in force there; none if it has none on events of its type.
    ///
    /// # Errors
    /// `unknown_decision` if no event stands there, `gone` if the log does not reach back far enough.
    pub fn decided(&self, position: Position) -> Result<Verdicts, Refusal> {
        let state = self.generation().state.clone();
        let recent = state.recent.lock().at(position);
        match recent.is_empty() {
            false => Ok(Verdicts { names: Named::Live(state), decided: made(recent) }),
            true => self.decide_again(position, &mut |_, _| {}),
        }
    }

    /// The same, always from the log. `progress` hears of (records read, records to read).
    ///
    /// # Errors
    /// As [`Core::decided`].
    pub fn decide_again(&self, position: Position, progress: &mut dyn FnMut(u64, u64)) -> Result<Verdicts, Refusal> {
        let (mut machine, record, version) = self.machine_at(position, progress)?;
        let payload = Payload::decode(record.header.kind, &record.payload).map_err(|error| unreadable(&error))?;
        machine.writer_epoch = record.header.epoch;
        let mut decided = machine.apply_deciding(position, record.header.log_time, &payload);
        decided.iter_mut().for_each(|decided| decided.version = version);
        let decided = made(decided);
        Ok(Verdicts { names: Named::Again(Box::new(machine.names)), decided })
    }

    /// The plan in force and the event that a decision of this name is on: index into `Plan::events`.
    ///
    /// # Errors
    /// `unknown_decision`, with the names there are.
    pub fn decision_named(&self, name: &str) -> Result<(Arc<Plan>, u16), Refusal> {
        let plan = self.plan();
        let index = plan.decision(name).ok_or_else(|| unknown_name(&plan, name))?;
        let event = plan.decisions[usize::from(index)].event;
        Ok((plan, event))
    }

    /// State before the event at a position, under the plan that was in force there, and the event's record.
    fn machine_at(
        &self,
        position: Position,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Machine, OwnedRecord, PlanVersion), Refusal> {
        let id = DecisionId { epoch: self.writer_epoch, position };
        if position < self.reader.first() {
            return Err(gone(self.reader.replay_from()));
        }
        let record = self.reader.record(position).map_err(|error| unreadable(&error))?;
        let record = record.ok_or_else(|| unknown_decision(id))?;
        if !matches!(Payload::decode(record.header.kind, &record.payload), Ok(Payload::Event(_))) {
            return Err(unknown_decision(id));
        }
        let version = self.version_at(position);
        let plan = self.plan_of(version)?;
        let before = Position(position.0 - 1);
        let mut machine = self.state_before(before, plan)?;
        let begin = machine.position;
        let mut read = |at: Position| progress(at.0 - begin.0, before.0 - begin.0);
        walk(&self.reader, &mut machine, before, &[(before, 0)], &mut read, &mut |_, _| Ok(()))?;
        Ok((machine, record, version))
    }

    /// The plan version in force at a position.
    fn version_at(&self, position: Position) -> PlanVersion {
        PlanVersion(self.specs.lock().partition_point(|spec| *spec <= position) as u32)
    }
}

fn made(decided: Vec<Decided>) -> Made {
    Arc::new(std::sync::OnceLock::from(decided))
}

fn unknown_name(plan: &Plan, name: &str) -> Refusal {
    let known: Vec<&str> = plan.decisions.iter().map(|decision| decision.name.as_str()).collect();
    let has = if known.is_empty() { "none".into() } else { known.join(", ") };
    Refusal::new(Code::UnknownDecision, "decision", format!("the spec has no decision '{name}'; it has: {has}"))
}

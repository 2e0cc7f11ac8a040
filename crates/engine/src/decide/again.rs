//! Decisions asked for later: from memory if they are recent, else computed again from the log at the event's own position.

use super::{Decided, Made, Named, Verdicts};
use crate::core::Core;
use crate::replay::{gone, unknown_decision, unreadable, walk};
use domain::{Code, DecisionId, Payload, PlanVersion, Position, Refusal, not_in_spec};
use journal::{Disk, OwnedRecord};
use spec::Plan;
use std::sync::Arc;

/// The decisions on events that are asked for together.
#[derive(Debug, Default)]
pub struct DecidedAgain {
    /// What was decided, one part per plan version; in each, in the log's order.
    pub verdicts: Vec<Verdicts>,
    /// The positions of which it cannot be said, ascending.
    pub refused: Vec<(Position, Refusal)>,
}

/// An event that is to be decided again.
struct Asked {
    record: OwnedRecord,
    version: PlanVersion,
}

impl<D: Disk> Core<D> {
    /// The decisions on the event at a position if they are in memory still; none if they are not, or there are none.
    pub fn decided_lately(&self, position: Position) -> Option<Verdicts> {
        let state = self.generation().state.clone();
        let recent = state.recent.lock().at(position);
        (!recent.is_empty()).then(|| Verdicts { names: Named::Live(state), decided: made(recent) })
    }

    /// The decisions on the events at these positions, each under the plan that was in force there, computed from the log: one walk
    /// per plan version, as long as from the checkpoint before the first to the last. Refused per position: `unknown_decision` if no
    /// event stands there, `gone` if the log does not reach back far enough.
    pub fn decide_again(&self, positions: &[Position]) -> DecidedAgain {
        let mut positions = positions.to_vec();
        positions.sort_unstable();
        positions.dedup();
        let (mut again, mut asked) = (DecidedAgain::default(), Vec::new());
        for position in positions {
            match self.event_at(position) {
                Ok(event) => asked.push(event),
                Err(refusal) => again.refused.push((position, refusal)),
            }
        }
        for of_version in asked.chunk_by(|a, b| a.version == b.version) {
            match self.decide_together(of_version) {
                Ok(verdicts) => again.verdicts.push(verdicts),
                Err(refusal) => {
                    let refuse = |asked: &Asked| (asked.record.header.position, refusal.clone());
                    again.refused.extend(of_version.iter().map(refuse));
                }
            }
        }
        again.refused.sort_by_key(|(position, _)| *position);
        again
    }

    /// Events of one plan version, ascending, in one walk.
    fn decide_together(&self, asked: &[Asked]) -> Result<Verdicts, Refusal> {
        let first = asked.first().expect("a part of what was asked is not empty");
        let plan = self.plan_of(first.version)?;
        let mut machine = self.state_before(before(first), plan)?;
        let mut decided = Vec::new();
        for event in asked {
            let until = before(event);
            walk(&self.reader, &mut machine, until, &[(until, 0)], &mut |_| (), &mut |_, _| Ok(()))?;
            let header = &event.record.header;
            let payload = Payload::decode(header.kind, &event.record.payload).map_err(|error| unreadable(&error))?;
            machine.writer_epoch = header.epoch;
            let on_event = machine.apply_deciding(header.position, header.log_time, &payload);
            decided.extend(on_event.into_iter().map(|decided| Decided { version: event.version, ..decided }));
        }
        Ok(Verdicts { names: Named::Again(Box::new(machine.names)), decided: made(decided) })
    }

    /// The plan in force and which of `Plan::decisions` has this name.
    ///
    /// # Errors
    /// `unknown_decision`, with the names there are.
    pub fn decision_named(&self, name: &str) -> Result<(Arc<Plan>, u16), Refusal> {
        let plan = self.plan();
        let index = plan.decision(name).ok_or_else(|| {
            let known = plan.decisions.iter().map(|decision| decision.name.as_str());
            Refusal::new(Code::UnknownDecision, "decision", not_in_spec("decision", name, known))
        })?;
        Ok((plan, index))
    }

    fn event_at(&self, position: Position) -> Result<Asked, Refusal> {
        let id = DecisionId { epoch: self.writer_epoch, position };
        if position < self.reader.first() {
            return Err(gone(self.reader.replay_from()));
        }
        let record = self.reader.record(position).map_err(|error| unreadable(&error))?;
        let record = record.ok_or_else(|| unknown_decision(id))?;
        if !matches!(Payload::decode(record.header.kind, &record.payload), Ok(Payload::Event(_))) {
            return Err(unknown_decision(id));
        }
        Ok(Asked { record, version: self.version_at(position) })
    }

    /// The plan version in force at a position.
    pub(crate) fn version_at(&self, position: Position) -> PlanVersion {
        PlanVersion(self.specs.lock().partition_point(|spec| *spec <= position) as u32)
    }
}

fn before(event: &Asked) -> Position {
    Position(event.record.header.position.0 - 1)
}

fn made(decided: Vec<Decided>) -> Made {
    Arc::new(std::sync::OnceLock::from(decided))
}

//! Decisions asked for later: from memory if they are recent, else computed again from the log at the event's own position.

use super::{Decided, Made, Named, Verdicts};
use crate::core::Core;
use crate::replay::{gone, unknown_decision, unreadable, walk};
use domain::{Code, DecisionId, Payload, PlanVersion, Position, Refusal};
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

    /// The decisions on the event at a position, under the plan that was in force there, from memory or from the log; none if it has
    /// none on events of its type.
    ///
    /// # Errors
    /// `unknown_decision` if no event stands there, `gone` if the log does not reach back far enough.
    pub fn decided(&self, position: Position) -> Result<Verdicts, Refusal> {
        self.decided_lately(position).map_or_else(|| self.decide_again(position, &mut |_, _| {}), Ok)
    }

    /// The same, always from the log. `progress` hears of (records read, records to read).
    ///
    /// # Errors
    /// As [`Core::decided`].
    pub fn decide_again(&self, position: Position, progress: &mut dyn FnMut(u64, u64)) -> Result<Verdicts, Refusal> {
        self.decide_together(&[self.event_at(position)?], progress)
    }

    /// The decisions on the events at these positions, each under the plan that was in force there, computed from the log: one walk
    /// per plan version, as long as from the checkpoint before the first to the last. Refused per position: `unknown_decision` if no
    /// event stands there, `gone` if the log does not reach back far enough.
    pub fn decide_all_again(&self, positions: &[Position]) -> DecidedAgain {
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
            match self.decide_together(of_version, &mut |_, _| {}) {
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
    fn decide_together(&self, asked: &[Asked], progress: &mut dyn FnMut(u64, u64)) -> Result<Verdicts, Refusal> {
        let mut ends = asked.iter().map(before);
        let start = ends.next().expect("a part of what was asked is not empty");
        let end = ends.next_back().unwrap_or(start);
        let mut machine = self.state_before(start, self.plan_of(asked[0].version)?)?;
        let begin = machine.position.0;
        let mut read = |at: Position| progress(at.0 - begin, end.0 - begin);
        let mut decided = Vec::new();
        for event in asked {
            let until = before(event);
            walk(&self.reader, &mut machine, until, &[(until, 0)], &mut read, &mut |_, _| Ok(()))?;
            let header = &event.record.header;
            let payload = Payload::decode(header.kind, &event.record.payload).map_err(|error| unreadable(&error))?;
            machine.writer_epoch = header.epoch;
            let on_event = machine.apply_deciding(header.position, header.log_time, &payload);
            decided.extend(on_event.into_iter().map(|decided| Decided { version: event.version, ..decided }));
        }
        Ok(Verdicts { names: Named::Again(Box::new(machine.names)), decided: made(decided) })
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
    fn version_at(&self, position: Position) -> PlanVersion {
        PlanVersion(self.specs.lock().partition_point(|spec| *spec <= position) as u32)
    }
}

fn before(event: &Asked) -> Position {
    Position(event.record.header.position.0 - 1)
}

fn made(decided: Vec<Decided>) -> Made {
    Arc::new(std::sync::OnceLock::from(decided))
}

fn unknown_name(plan: &Plan, name: &str) -> Refusal {
    let known: Vec<&str> = plan.decisions.iter().map(|decision| decision.name.as_str()).collect();
    let has = if known.is_empty() { "none".into() } else { known.join(", ") };
    Refusal::new(Code::UnknownDecision, "decision", format!("the spec has no decision '{name}'; it has: {has}"))
}

//! What is kept of decisions, derived from the log: from where a checkpoint has it, each record under the plan that was in force there.

use super::{Casebook, noted};
use crate::checkpoint;
use crate::core::Core;
use crate::machine::Machine;
use crate::replay::unreadable;
use domain::{Payload, PlanVersion, Position, Refusal};
use expr::Texts;
use journal::{Disk, RecordHeader};
use spec::Plan;
use std::sync::Arc;

/// Versions of the spec whose decisions are made again at most; what is older is not counted, and the report says so.
const VERSIONS_MAX: usize = 64;

impl Casebook {
    /// Takes in all that `take` brings, or nothing: counts of half a version would be told as if they were of all of it.
    fn whole<T>(&mut self, take: impl FnOnce(&mut Casebook) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let before = self.clone();
        take(self).inspect_err(|_| *self = before)
    }

    /// Takes in one record that a machine is about to apply, which is of this version of its plan.
    pub(crate) fn take_in(
        &mut self,
        machine: &mut Machine,
        version: PlanVersion,
        header: &RecordHeader,
        payload: &Payload<'_>,
    ) {
        machine.writer_epoch = header.epoch;
        let (decided, notes) = machine.apply_noting(header.position, header.log_time, payload);
        if decided.is_empty() && notes.is_empty() {
            return;
        }
        // Values of the plan are those of the machine's, which is bound to its dictionary.
        let (plan, names): (_, &dyn Texts) = (machine.plan.clone(), &machine.names);
        self.turn_to(&plan, version, machine.log_time);
        for (decided, client) in decided {
            let decided = super::Decided { version, ..decided };
            let said = || super::Telling(&machine.names).said(&decided);
            self.decided(&decided, (client.as_ref(), machine.log_time), names, said);
        }
        notes.iter().for_each(|note| self.noted(header.position, machine.log_time, note));
    }
}

/// The casebook of the newest checkpoint that has one, and where that stands.
pub(crate) fn of_checkpoint<D: Disk>(reader: &journal::Reader<D>, end: Position) -> (Casebook, Position) {
    // What cannot be read is derived.
    checkpoint::casebook(reader, end).ok().flatten().unwrap_or_default()
}

impl<D: Disk> Core<D> {
    /// Derives what is kept of decisions up to the end of the log from a casebook that has everything up to `from`.
    pub(crate) fn derive_cases(&self, mut book: Casebook, from: Position) -> Casebook {
        let (specs, last) = (self.specs.lock().clone(), self.reader.last());
        let first = specs.partition_point(|at| *at <= from.next()).max(1);
        let skipped = specs.len().saturating_sub(first - 1 + VERSIONS_MAX);
        let mut machine = None;
        for version in first + skipped..=specs.len() {
            let begin = specs[version - 1].max(from).max(Position(self.reader.first().0.saturating_sub(1)));
            let end = specs.get(version).map_or(last, |next| Position(next.0 - 1));
            if begin >= end {
                continue;
            }
            let before = machine.take();
            let derived = book.whole(|book| self.derive_version(book, before, version as u32, (begin, end)));
            machine = derived.unwrap_or_else(|_| {
                // It cannot be told what was decided there: what is kept begins behind it.
                book.since = Some((end.next(), book.log_time));
                None
            });
        }
        if skipped > 0 {
            book.since = book.since.max(Some((specs[first + skipped - 1], book.log_time)));
        }
        book
    }

    /// Takes in what stands behind `begin` up to `end`, which is all of one version; gives the machine for the next one.
    fn derive_version(
        &self,
        book: &mut Casebook,
        before: Option<Machine>,
        version: u32,
        (begin, end): (Position, Position),
    ) -> Result<Option<Machine>, Refusal> {
        let version = PlanVersion(version);
        let plan = self.written_plan(version)?;
        if plan.decisions.is_empty() && book.queue.open.is_empty() && book.tallies.is_empty() {
            return Ok(None);
        }
        let mut machine = match before.and_then(|machine| machine.going_on(&plan, begin)) {
            Some(machine) => machine,
            None => self.state_before(begin, plan)?,
        };
        let next = machine.position.next();
        let mut records = self.reader.iter_from(next).map_err(|error| unreadable(&error))?;
        while machine.position < end {
            let Some(record) = records.next().map_err(|error| unreadable(&error))? else { break };
            let header = record.header;
            let payload = Payload::decode(header.kind, record.payload).map_err(|error| unreadable(&error))?;
            if header.position > begin {
                book.take_in(&mut machine, version, &header, &payload);
            } else {
                machine.writer_epoch = header.epoch;
                machine.apply(header.position, header.log_time, &payload);
            }
        }
        Ok(Some(machine))
    }
}

impl<D: Disk> Core<D> {
    /// The plan of a version as the log has it: at a start with another spec that one is in force by nothing but its text.
    fn written_plan(&self, version: PlanVersion) -> Result<Arc<Plan>, Refusal> {
        let specs = self.specs.lock().clone();
        let gone = || crate::replay::gone(self.reader.replay_from());
        let at = *specs.get((version.0 as usize).wrapping_sub(1)).ok_or_else(gone)?;
        let text = crate::open::spec_text(&self.reader, at).map_err(|error| unreadable(&error))?;
        let text = text.or_else(|| checkpoint::spec_of_version(&self.reader, &specs, version));
        let plan = text.and_then(|text| spec::compile("an earlier spec", &text).ok());
        plan.map(Arc::new).ok_or_else(gone)
    }
}

impl Machine {
    /// It under the next plan, if that has the same state and the machine is not beyond where it begins.
    pub(crate) fn going_on(self, plan: &Arc<Plan>, begin: Position) -> Option<Machine> {
        let fits = self.position <= begin && spec::state_digest(&self.plan) == spec::state_digest(plan);
        if fits { self.under(plan) } else { None }
    }

    /// Applies one payload; gives the plan's decisions on it, each with the client's id of the event, and what it says of earlier ones.
    fn apply_noting(
        &mut self,
        position: Position,
        log_time: domain::Time,
        payload: &Payload<'_>,
    ) -> (Vec<(super::Decided, Option<super::Client>)>, Vec<super::Note>) {
        let mut notes = Vec::new();
        let decided = self.apply_deciding_and(position, log_time, payload, &mut |machine, change| {
            notes = noted(&machine.plan, (payload, &change.change), &machine.names).collect();
        });
        let client = |decided: &super::Decided| match payload {
            Payload::Event(event) => super::Client::of(&self.plan, decided.facts.decision, event),
            _ => None,
        };
        let decided = decided.into_iter().map(|decided| {
            let client = client(&decided);
            (decided, client)
        });
        (decided.collect(), notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Code, Time};

    #[test]
    fn what_fails_half_way_leaves_nothing() {
        let text = "version: 1\nevents:\n  payment: { user: user, fields: { amount: float } }\ndecisions:\n  risk:\n    on: payment\n    \
                    score: amount\n    tiers: { decline: 1, otherwise: approve }\n";
        let plan = spec::compile("test", text).unwrap_or_else(|errors| panic!("{}", spec::render(&errors)));
        let saved = |book: &Casebook| {
            let mut bytes = Vec::new();
            book.save(&mut bytes);
            bytes
        };
        let (mut book, turned) =
            (Casebook::default(), |book: &mut Casebook| book.turn_to(&plan, PlanVersion(1), Time(7)));
        let before = saved(&book);
        let cut: Result<(), Refusal> = book.whole(|book| {
            turned(book);
            Err(Refusal::new(Code::Internal, "", "the disk is not well"))
        });
        assert!(cut.is_err() && saved(&book) == before);
        let whole = book.whole(|book| {
            turned(book);
            Ok(())
        });
        whole.expect("nothing is wrong");
        assert_ne!(saved(&book), before);
    }
}

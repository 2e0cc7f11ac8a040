//! Work on a log that no node has open: its specs, its digest, the recomputation of its decisions. A whole log is read from
//! its first record; one that retention has cut, from a kept checkpoint.

use crate::checkpoint;
use crate::machine::Machine;
use crate::open::{OpenError, spec_text};
use crate::replay::{Question, first_read, recompute, strip};
use domain::{Answer, DecisionId, Payload, PlanVersion, Position};
use journal::{Disk, Reader};
use spec::Plan;
use state::Digest;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A recovered log and the specs in it.
pub struct LogFile<D: Disk> {
    /// Reads its records.
    pub reader: Reader<D>,
    /// The last position.
    pub last: Position,
    /// Where the spec of each plan version stands, or stood before retention; version 1 first.
    pub specs: Vec<Position>,
    /// A spec whose record may be gone, as a checkpoint has it.
    spec_of_checkpoint: Option<(PlanVersion, String)>,
}

/// What recomputing decisions found.
#[derive(Clone, Debug, Default)]
pub struct ReplayReport {
    /// Decisions recomputed.
    pub replayed: u64,
    /// How many came out the same, bit for bit.
    pub identical: u64,
    /// The first few that did not, and what differs.
    pub different: Vec<(DecisionId, Vec<String>)>,
    /// Decisions whose records are there, but not what they read, or not their spec: retention has dropped it.
    pub gone: u64,
}

/// Most differing decisions that a report lists.
const DIFFERENT_MAX: usize = 10;
/// Decisions recomputed in one reading of the log: bounds the memory for copies of rows.
pub(crate) const DECISIONS_PER_READING: usize = 20_000;

impl<D: Disk> LogFile<D> {
    /// Recovers the log (a torn tail is cut) and finds its specs. The directory must not be in use.
    pub fn open(disk: Arc<D>, options: journal::Options) -> Result<LogFile<D>, OpenError> {
        LogFile::of(journal::open(disk, options)?.reader)
    }

    /// The log that this reader reads.
    pub(crate) fn of(reader: Reader<D>) -> Result<LogFile<D>, OpenError> {
        let (first, last) = (reader.first(), reader.last());
        let known = if first > Position(1) { checkpoint::specs(&reader, last)? } else { None };
        let (known_to, mut specs, text) =
            known.map_or_else(Default::default, |known| (known.end, known.at, Some(known.text)));
        let spec_of_checkpoint = text.map(|text| (PlanVersion(specs.len() as u32), text));
        let mut records = reader.iter_from(first.max(known_to.next()))?;
        while let Some(record) = records.next()? {
            if record.header.kind == Payload::Spec("".into()).kind() {
                specs.push(record.header.position);
            }
        }
        Ok(LogFile { reader, last, specs, spec_of_checkpoint })
    }

    /// The plan of the spec last in force; none if neither the log nor its newest checkpoint has one that compiles.
    pub fn plan(&self) -> Option<Arc<Plan>> {
        self.plan_of(PlanVersion(self.specs.len() as u32))
    }

    /// The plan of a version; none if its spec is gone, or does not compile any more.
    pub fn plan_of(&self, version: PlanVersion) -> Option<Arc<Plan>> {
        let at = *self.specs.get((version.0 as usize).checked_sub(1)?)?;
        let saved = self.spec_of_checkpoint.iter().find(|(of, _)| *of == version).map(|(_, text)| text.clone());
        let of_checkpoint = || checkpoint::spec_of_version(&self.reader, &self.specs, version);
        let text = spec_text(&self.reader, at).ok()?.or(saved).or_else(of_checkpoint)?;
        spec::compile("the spec in the log", &text).ok().map(Arc::new)
    }

    /// State after the whole log, built as [`LogFile::build_to`] does.
    pub fn build(
        &self,
        plan: &Arc<Plan>,
        shards: u32,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Machine, OpenError> {
        self.build_to(plan, shards, self.last, progress)
    }

    /// State after the record at `end`, built from the first record; if that is gone, from the oldest checkpoint of this plan,
    /// so that as much as possible is computed again.
    pub fn build_to(
        &self,
        plan: &Arc<Plan>,
        shards: u32,
        end: Position,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Machine, OpenError> {
        self.apply_to(self.start(plan, shards, end)?, end, progress)
    }

    /// Applies the log to `machine` up to the record at `end`.
    pub(crate) fn apply_to(
        &self,
        mut machine: Machine,
        end: Position,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Machine, OpenError> {
        let mut records = self.reader.iter_from(machine.position.next())?;
        while let Some(record) = records.next()? {
            let header = &record.header;
            if header.position > end {
                break;
            }
            machine.apply_record(header, record.payload).map_err(|_| OpenError::Record(header.position))?;
            if header.position.0 % 8_192 == 0 {
                progress(header.position.0, end.0);
            }
        }
        Ok(machine)
    }

    fn start(&self, plan: &Arc<Plan>, shards: u32, end: Position) -> Result<Machine, OpenError> {
        if let Some(machine) = self.beginning(plan, shards) {
            return Ok(machine);
        }
        let oldest = Position(self.reader.replay_from().0 - 1);
        for position in [oldest.min(end), end] {
            let loaded = checkpoint::load_before(&self.reader, position, plan, shards, 0, &mut Vec::new())?;
            if let Some(loaded) = loaded {
                return Ok(loaded.machine);
            }
        }
        Err(OpenError::SpecNeedsOlderLog { replay_from: self.reader.replay_from() })
    }

    /// State before the first record, if the log is whole.
    fn beginning(&self, plan: &Arc<Plan>, shards: u32) -> Option<Machine> {
        (self.reader.first() == Position(1) && plan.carried.is_none())
            .then(|| Machine::new(plan.clone(), shards, u64::from(shards)))
    }

    /// The digest of state after the whole log.
    pub fn digest(&self, plan: &Arc<Plan>, shards: u32) -> Result<Digest, OpenError> {
        Ok(self.build(plan, shards, &mut |_, _| ())?.digest())
    }

    /// Recomputes the last `limit` decisions of the log with rows in `shards` shards, from stripped records, and compares. Of a
    /// cut log those that read nothing before `replay_from`; the others are counted as gone.
    pub fn replay(
        &self,
        limit: usize,
        shards: u32,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<ReplayReport, OpenError> {
        let mut report = ReplayReport::default();
        for (version, decisions) in self.decisions(limit)? {
            let Some(plan) = self.plan_of(version) else {
                report.gone += decisions.len() as u64;
                continue;
            };
            let (part, gone): (Vec<_>, Vec<_>) = decisions.into_iter().partition(|(_, answer)| self.reaches(answer));
            report.gone += gone.len() as u64;
            for part in part.chunks(DECISIONS_PER_READING) {
                self.replay_part(&plan, shards, part, progress, &mut report)?;
            }
        }
        Ok(report)
    }

    fn replay_part(
        &self,
        plan: &Arc<Plan>,
        shards: u32,
        part: &[(DecisionId, Answer)],
        progress: &mut dyn FnMut(u64, u64),
        report: &mut ReplayReport,
    ) -> Result<(), OpenError> {
        let questions: Vec<Question> = part.iter().map(|(_, answer)| strip(answer)).collect();
        let Some(start) = self.start_of(plan, shards, part)? else {
            report.gone += part.len() as u64;
            return Ok(());
        };
        let answers =
            recompute(&self.reader, &mut || start.clone(), &questions, progress).map_err(OpenError::Replay)?;
        for ((id, recorded), answer) in part.iter().zip(&answers) {
            let differences = decision::compare(recorded, answer);
            report.replayed += 1;
            if differences.is_empty() {
                report.identical += 1;
            } else if report.different.len() < DIFFERENT_MAX {
                report.different.push((*id, differences));
            }
        }
        Ok(())
    }

    /// State at or before everything that these decisions read; none if there is none any more.
    pub(crate) fn start_of(
        &self,
        plan: &Arc<Plan>,
        shards: u32,
        part: &[(DecisionId, Answer)],
    ) -> Result<Option<Machine>, OpenError> {
        let first = part.iter().map(|(_, answer)| first_read(answer)).min().unwrap_or_default();
        if let Some(machine) = self.beginning(plan, shards) {
            return Ok(Some(machine));
        }
        let loaded = checkpoint::load_before(&self.reader, first, plan, shards, 0, &mut Vec::new())?;
        Ok(loaded.map(|loaded| loaded.machine))
    }

    /// Whether the log can be replayed from before everything that the answer read.
    pub(crate) fn reaches(&self, answer: &Answer) -> bool {
        let from = self.reader.replay_from();
        from == Position(1) || first_read(answer).next() >= from
    }

    /// The last `limit` decisions by the plan version that answered them.
    fn decisions(&self, limit: usize) -> Result<BTreeMap<PlanVersion, Vec<(DecisionId, Answer)>>, OpenError> {
        let mut found = std::collections::VecDeque::new();
        let mut records = self.reader.iter_from(self.reader.first())?;
        while let Some(record) = records.next()? {
            if record.header.kind != Answer::KIND {
                continue;
            }
            let position = record.header.position;
            let Ok(Payload::Decision(answer)) = Payload::decode(Answer::KIND, record.payload) else {
                return Err(OpenError::Record(position));
            };
            if found.len() == limit {
                found.pop_front();
            }
            found.push_back((DecisionId { epoch: record.header.epoch, position }, *answer));
        }
        let mut by_plan: BTreeMap<PlanVersion, Vec<_>> = BTreeMap::new();
        found.into_iter().for_each(|(id, answer)| by_plan.entry(answer.plan).or_default().push((id, answer)));
        Ok(by_plan)
    }
}

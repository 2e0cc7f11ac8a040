//! Replay means recompute: a past answer is computed again from the log alone, at the positions, plan, `now` and effort that its
//! record names, and compared bit for bit. The log is read twice: once up to the rows that answers read, once up to their epochs.

use crate::checkpoint;
use crate::core::Core;
use crate::machine::Machine;
use crate::open::spec_text;
use crate::view::{entity_of, raw_of};
use decision::{Journey, Pace, Query, Scratch};
use domain::{Answer, Code, DecisionId, Payload, PlanVersion, Position, Refusal, Type, Value};
use journal::{Disk, Reader};
use spec::Plan;
use state::Dictionary;
use std::fmt;
use std::sync::Arc;

/// What a recorded answer read: enough to compute it again, nothing of what it said.
#[derive(Clone, Debug)]
pub struct Question {
    /// The answer with its slate, counts and removals taken out.
    pub stripped: Answer,
}

/// The outcome of one recomputation.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Whether it came out the same, bit for bit.
    pub identical: bool,
    /// What differs, if anything.
    pub differences: Vec<String>,
    /// The recomputed answer.
    pub answer: Answer,
}

/// The way of one item through an answer that was computed again.
#[derive(Clone, Debug)]
pub struct Journeyed {
    /// Whether the answer came out the same, bit for bit; if not, the way is another answer's.
    pub identical: bool,
    /// What differs, if anything.
    pub differences: Vec<String>,
    /// The way.
    pub journey: Journey,
}

impl fmt::Display for Journeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.journey.fmt(f)?;
        if !self.identical {
            writeln!(f, "note     the answer came out differently this time: {}", self.differences.join("; "))?;
        }
        Ok(())
    }
}

/// Takes out of a record everything that recomputation must find by itself.
pub fn strip(answer: &Answer) -> Question {
    let stripped = Answer {
        route_counts: Vec::new(),
        candidates: 0,
        removed: Vec::new(),
        items: Vec::new(),
        later: Vec::new(),
        ..answer.clone()
    };
    Question { stripped }
}

/// The first position at which the answer read state.
pub(crate) fn first_read(answer: &Answer) -> Position {
    answer.rows.min(answer.epoch)
}

/// Recomputes answers of one plan version from the log. Results are in the order of the questions. `start` makes state at or
/// before every position that they read: empty, or a checkpoint's. `progress` hears of (records read, records to read).
pub fn recompute<D: Disk>(
    reader: &Reader<D>,
    start: &mut dyn FnMut() -> Machine,
    questions: &[Question],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Answer>, Refusal> {
    let mut answers: Vec<Option<Answer>> = vec![None; questions.len()];
    let mut scratch = Scratch::default();
    recompute_each(reader, start, questions, progress, &mut |machine, names, index, query| {
        answers[index] = Some(answer_at((machine, names), &questions[index].stripped, &query, &mut scratch));
    })?;
    Ok(answers.into_iter().flatten().collect())
}

/// The same; `visit` answers each question, with state at its epoch, names at least as new as its rows, and its query.
fn recompute_each<D: Disk>(
    reader: &Reader<D>,
    start: &mut dyn FnMut() -> Machine,
    questions: &[Question],
    progress: &mut dyn FnMut(u64, u64),
    visit: &mut dyn FnMut(&Machine, &Dictionary, usize, Query),
) -> Result<(), Refusal> {
    let rows_end = questions.iter().map(|question| question.stripped.rows).max().unwrap_or_default();
    let epoch_end = questions.iter().map(|question| question.stripped.epoch).max().unwrap_or_default();
    let mut queries: Vec<Option<Query>> = vec![None; questions.len()];
    let by_rows = order(questions, |answer| answer.rows);
    let mut reached = start();
    let begin = reached.position.0;
    let rows_total = rows_end.0.saturating_sub(begin);
    let total = rows_total + epoch_end.0.saturating_sub(begin);
    let mut read = |position: Position| progress(position.0 - begin, total);
    walk(reader, &mut reached, rows_end, &by_rows, &mut read, &mut |machine, index| {
        queries[index] = Some(query_at(machine, &questions[index].stripped)?);
        Ok(())
    })?;
    let by_epoch = order(questions, |answer| answer.epoch);
    let mut machine = start();
    let mut read = |position: Position| progress(rows_total + (position.0 - begin), total);
    walk(reader, &mut machine, epoch_end, &by_epoch, &mut read, &mut |machine, index| {
        let query = queries[index].take().expect("every question was visited in the first walk, once");
        // Rows may be newer than the epoch, and with them the strings in them.
        visit(machine, &reached.names, index, query);
        Ok(())
    })
}

/// Question indexes ordered by a position of theirs.
pub(crate) fn order(questions: &[Question], of: impl Fn(&Answer) -> Position) -> Vec<(Position, usize)> {
    let mut order: Vec<_> =
        questions.iter().enumerate().map(|(index, question)| (of(&question.stripped), index)).collect();
    order.sort_unstable();
    order
}

/// Records between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// Applies the log up to `end` and stops at each of the ordered positions, before the first record after it. `read` hears now
/// and then how far it is.
pub(crate) fn walk<D: Disk>(
    reader: &Reader<D>,
    machine: &mut Machine,
    end: Position,
    stops: &[(Position, usize)],
    read: &mut dyn FnMut(Position),
    visit: &mut dyn FnMut(&Machine, usize) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut stops = stops.iter().peekable();
    let mut records = reader.iter_from(machine.position.next()).map_err(|error| unreadable(&error))?;
    loop {
        while let Some((_, index)) = stops.next_if(|(position, _)| *position <= machine.position) {
            visit(machine, *index)?;
        }
        if stops.peek().is_none() {
            read(machine.position);
            return Ok(());
        }
        if machine.position.0.is_multiple_of(PROGRESS_EVERY) {
            read(machine.position);
        }
        match records.next().map_err(|error| unreadable(&error))? {
            Some(record) if record.header.position <= end => {
                let header = &record.header;
                machine.apply_record(header, record.payload).map_err(|error| unreadable(&error))?;
            }
            _ => {
                return Err(Refusal::new(
                    Code::Gone,
                    "",
                    format!(
                        "the log ends at {} and does not reach a position that the decision read",
                        machine.position
                    ),
                ));
            }
        }
    }
}

pub(crate) fn query_at(machine: &Machine, stripped: &Answer) -> Result<Query, Refusal> {
    machine.query(&stripped.request)
}

pub(crate) fn answer_at(
    (machine, names): (&Machine, &Dictionary),
    stripped: &Answer,
    query: &Query,
    scratch: &mut Scratch,
) -> Answer {
    let pace = Pace::Replay(stripped.effort);
    let mut answer = machine.answer_with(names, stripped.request.clone(), query, stripped.now, pace, scratch);
    // The machine stands at the last record at or before the position that was read; both name the same state.
    (answer.plan, answer.rows, answer.epoch) = (stripped.plan, stripped.rows, stripped.epoch);
    answer
}

pub(crate) fn unreadable(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Code::Gone, "", format!("the log cannot be read: {error}"))
}

impl<D: Disk> Core<D> {
    /// The recorded answer of a decision. A record that is still on its way to the disk is synced first.
    pub fn decision(&self, id: DecisionId) -> Result<Answer, Refusal> {
        if id.epoch == self.writer_epoch && id.position > self.gate.durable() {
            self.sync()?;
        }
        if id.position < self.reader.first() {
            return Err(gone(self.reader.replay_from()));
        }
        let record = self.reader.record(id.position).map_err(|error| unreadable(&error))?;
        let record = record.filter(|record| record.header.epoch == id.epoch).ok_or_else(|| unknown_decision(id))?;
        match Payload::decode(record.header.kind, &record.payload) {
            Ok(Payload::Decision(answer)) => Ok(*answer),
            _ => Err(unknown_decision(id)),
        }
    }

    /// Whether an id names an event, on which decisions may be.
    pub fn is_event(&self, id: DecisionId) -> bool {
        let record = self.reader.record(id.position).ok().flatten().filter(|record| record.header.epoch == id.epoch);
        let decoded = record.as_ref().map(|record| Payload::decode(record.header.kind, &record.payload));
        matches!(decoded, Some(Ok(Payload::Event(_))))
    }

    /// Computes a decision again from the log (from the newest checkpoint before what it read, if there is one) and compares it
    /// with its record. Takes as long as reading the log from there twice. What was read before `replay_from` is gone.
    pub fn replay(&self, id: DecisionId, progress: &mut dyn FnMut(u64, u64)) -> Result<Replayed, Refusal> {
        let recorded = self.decision(id)?;
        let start = self.before(&recorded)?;
        let answers = recompute(&self.reader, &mut || start.clone(), &[strip(&recorded)], progress)?;
        let answer = answers.into_iter().next().ok_or_else(|| unknown_decision(id))?;
        let differences = decision::compare(&recorded, &answer);
        Ok(Replayed { identical: differences.is_empty(), differences, answer })
    }

    /// Computes a decision again as [`Core::replay`] does and notes the way of one item through it.
    ///
    /// # Errors
    /// `unknown_decision`, or `gone` if what the decision read cannot be computed again.
    pub fn journey(
        &self,
        id: DecisionId,
        item: &str,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Journeyed, Refusal> {
        let recorded = self.decision(id)?;
        let start = self.before(&recorded)?;
        let question = strip(&recorded);
        let mut told = None;
        recompute_each(
            &self.reader,
            &mut || start.clone(),
            std::slice::from_ref(&question),
            progress,
            &mut |machine, names, _, query| {
                let mut scratch = Scratch::default();
                let known = machine.plan.entity("item").and_then(|of| names.entity(of, item));
                known.into_iter().for_each(|item| scratch.follow(item));
                let answer = answer_at((machine, names), &question.stripped, &query, &mut scratch);
                let show = |value: &Value, ty: &Type| raw_of(value, (names, names), entity_of(ty).unwrap_or_default());
                let trace = scratch.followed();
                let journey = Journey::of(&machine.plan, &answer, item, trace.as_deref(), &show);
                let differences = decision::compare(&recorded, &answer);
                told = Some(Journeyed { identical: differences.is_empty(), differences, journey });
            },
        )?;
        told.ok_or_else(|| unknown_decision(id))
    }

    /// State at or before everything that an answer read.
    fn before(&self, recorded: &Answer) -> Result<Machine, Refusal> {
        self.state_before(first_read(recorded), self.plan_of(recorded.plan)?)
    }

    /// State under a plan at or before a position: a checkpoint's, or none at all.
    pub(crate) fn state_before(&self, first: Position, plan: Arc<Plan>) -> Result<Machine, Refusal> {
        let checkpoint = checkpoint::load_before(&self.reader, first, &plan, 1, 0, &mut Vec::new()).ok().flatten();
        match checkpoint {
            Some(loaded) => Ok(loaded.machine),
            None if self.reader.first() > Position(1) => Err(gone(self.reader.replay_from())),
            None => Ok(Machine::new(plan, 1, 0)),
        }
    }

    /// The plan of a version: the one in force, or an earlier one compiled again from the log.
    pub fn plan_of(&self, version: PlanVersion) -> Result<Arc<Plan>, Refusal> {
        let generation = self.generation();
        if version == generation.version {
            return Ok(generation.plan.clone());
        }
        let specs = self.specs.lock().clone();
        let at = specs.get((version.0 as usize).wrapping_sub(1)).copied();
        let text = at.map(|at| spec_text(&self.reader, at)).transpose().map_err(|error| unreadable(&error))?.flatten();
        let of_checkpoint = || at.and_then(|_| checkpoint::spec_of_version(&self.reader, &specs, version));
        let text = text.or_else(of_checkpoint);
        let plan = text.and_then(|text| spec::compile("an earlier spec", &text).ok());
        plan.map(Arc::new).ok_or_else(|| {
            Refusal::new(Code::Gone, "plan", format!("the spec of plan version {} is no longer in the log", version.0))
        })
    }
}

pub(crate) fn gone(replay_from: Position) -> Refusal {
    Refusal::new(
        Code::Gone,
        "id",
        format!(
            "the log can be replayed from position {replay_from} on; what was read before it cannot be computed again"
        ),
    )
}

pub(crate) fn unknown_decision(id: DecisionId) -> Refusal {
    Refusal::new(
        Code::UnknownDecision,
        "id",
        format!("there is no decision {id}; records of the last moments before a crash may be lost"),
    )
}

//! A backtest: a part of the log decided again under the spec that was in force and under another one, with state rebuilt as each
//! would have had it, new windows included; and what labels that came later say of both. Nothing is written.

mod measure;
mod report;
mod side;
mod sums;

pub use measure::{JudgedScore, auc, average_precision, roc};
pub use report::{Backtest, DecidedAs, Example, Group, Kind, Labelled, Quality, Reason, RuleCounts, ScoreBins};
pub use side::{Counted, SideCost};

use crate::decide::{Decided, Telling};
use crate::machine::Machine;
use crate::offline::LogFile;
use crate::open::OpenError;
use domain::{Event, Payload, PlanVersion, Position, Raw, Time, not_in_spec};
use expr::MadeTexts;
use journal::{Disk, RecordHeader, Records};
use side::Side;
use spec::Plan;
use spec::plan::{Decision, DecisionLabels};
use state::Change;
use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use sums::Sums;

/// Records that one plan applies before the other takes its turn.
const BATCH: u64 = 256;

/// What is asked for. Times are those of the log.
#[derive(Clone, Debug, Default)]
pub struct BacktestAsked {
    /// The decision; none: the spec's only one.
    pub decision: Option<String>,
    /// From this instant on.
    pub from: Option<Time>,
    /// Before this instant.
    pub to: Option<Time>,
    /// Labels that were logged before this instant; none: to the log's end.
    pub labels_until: Option<Time>,
}

/// Why there is no backtest.
#[derive(Debug)]
pub enum BacktestError {
    /// What was asked for does not make sense; says what would.
    Asked(String),
    /// The log cannot be read.
    Log(OpenError),
    /// It was told to stop.
    Stopped,
}

impl fmt::Display for BacktestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BacktestError::Asked(message) => f.write_str(message),
            BacktestError::Log(error) => error.fmt(f),
            BacktestError::Stopped => f.write_str("stopped before the end of the range"),
        }
    }
}

impl Error for BacktestError {}

impl From<OpenError> for BacktestError {
    fn from(error: OpenError) -> BacktestError {
        BacktestError::Log(error)
    }
}

impl From<journal::Error> for BacktestError {
    fn from(error: journal::Error) -> BacktestError {
        BacktestError::Log(OpenError::Journal(error))
    }
}

/// One event as it comes out under both specs; none where a spec does not decide it.
#[derive(Clone, Copy)]
pub struct Both<'b> {
    /// Where it stands.
    pub position: Position,
    /// When it was logged.
    pub log_time: Time,
    /// The client's id.
    pub event: Option<&'b str>,
    /// Under the spec in force.
    pub old: Option<(&'b Decided, &'b Telling<'b>)>,
    /// Under the other one.
    pub new: Option<(&'b Decided, &'b Telling<'b>)>,
}

/// Hears of (records read, records to read); says whether to go on.
type Going<'g> = dyn FnMut(u64, u64) -> bool + 'g;

impl<D: Disk> LogFile<D> {
    /// Decides the events of a range under the spec in force at its end and under `plan`. `each` has every event that is decided, in
    /// the order of the log. Holds the state of both plans, and for each event 40 bytes, with labels about 100 more.
    ///
    /// # Errors
    /// The decision is not in the spec, the range is upside down or too long, `progress` says no, or the log cannot be read.
    pub fn backtest(
        &self,
        plan: &Arc<Plan>,
        asked: &BacktestAsked,
        progress: &mut Going<'_>,
        each: &mut dyn FnMut(&Both<'_>),
    ) -> Result<Backtest, BacktestError> {
        let new = decision_asked(plan, asked.decision.as_deref())?;
        let decision = &plan.decisions[usize::from(new)];
        let range = self.range(asked)?;
        let in_force = self.specs.partition_point(|at| *at < range.end).max(1);
        let version = PlanVersion(in_force as u32);
        let baseline = self.plan_of(version).ok_or_else(|| {
            BacktestError::Asked(format!(
                "version {in_force} of the spec is gone from the log, or does not compile any more"
            ))
        })?;
        let old = same_decision(&baseline, plan, decision);
        let mut report = Backtest {
            decision: decision.name.clone(),
            baseline: version,
            in_baseline: old.is_some(),
            span: self.span()?,
            ..Backtest::default()
        };
        let old = Side::new(self, (&baseline, &baseline), old, range.start)?;
        let new = Side::new(self, (plan, &baseline), Some(new), range.start)?;
        let mut pass = Pass::new(old, new, range);
        let labels_end = self.end_at(asked.labels_until)?;
        pass.go(self, labels_end, progress, each)?;
        pass.finish(&mut report);
        Ok(report)
    }

    /// The positions of the range.
    fn range(&self, asked: &BacktestAsked) -> Result<Range<Position>, BacktestError> {
        if let (Some(from), Some(to)) = (asked.from, asked.to)
            && from >= to
        {
            return Err(BacktestError::Asked("--to is not after --from, so there is nothing between them".into()));
        }
        let first = asked.from.map_or(Ok(self.reader.first()), |from| self.reader.position_at(from))?;
        let first = first.max(self.reader.first());
        Ok(first..self.end_at(asked.to)?.max(first))
    }

    /// The first position that is not before an instant.
    fn end_at(&self, time: Option<Time>) -> Result<Position, BacktestError> {
        let end = self.last.next();
        Ok(time.map_or(Ok(end), |time| self.reader.position_at(time))?.min(end))
    }

    fn span(&self) -> Result<(Time, Time), BacktestError> {
        let at =
            |position| Ok::<_, BacktestError>(self.reader.record(position)?.map_or(Time(0), |of| of.header.log_time));
        // What came before the first event of a log whose time is that of events has none.
        let first = self.reader.position_at(Time(1))?.min(self.last);
        Ok((at(first)?, at(self.last)?))
    }
}

/// The decision asked for: index into `Plan::decisions`.
fn decision_asked(plan: &Plan, name: Option<&str>) -> Result<u16, BacktestError> {
    let known: Vec<&str> = plan.decisions.iter().map(|decision| decision.name.as_str()).collect();
    let message = match (name, known.len()) {
        (Some(name), _) => match plan.decision(name) {
            Some(found) => return Ok(found),
            None => not_in_spec("decision", name, known),
        },
        (None, 1) => return Ok(0),
        (None, 0) => "the spec has no decisions: declare one under `decisions:`".to_owned(),
        (None, _) => format!("the spec has several decisions; name one with --decision: {}", known.join(", ")),
    };
    Err(BacktestError::Asked(message))
}

/// The baseline's decision of this name, if it is on the same event.
fn same_decision(baseline: &Plan, plan: &Plan, decision: &Decision) -> Option<u16> {
    let old = baseline.decision(&decision.name)?;
    let event = |plan: &Plan, event: u16| plan.events[usize::from(event)].name.clone();
    let same = event(baseline, baseline.decisions[usize::from(old)].event) == event(plan, decision.event);
    same.then_some(old)
}

/// Both plans on their way through the log.
struct Pass {
    old: Side,
    new: Side,
    old_decision: Option<Decision>,
    new_decision: Decision,
    /// Whether labels are those of the new spec, if there are any.
    labels: Option<(DecisionLabels, bool)>,
    range: Range<Position>,
    sums: Sums,
}

/// Records that are read, with their bytes.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    headers: Vec<(RecordHeader, Range<usize>)>,
}

impl Pass {
    fn new(old: Side, new: Side, range: Range<Position>) -> Pass {
        let (old_decision, new_decision) = (old.decision().cloned(), new.decision().cloned());
        let new_decision = new_decision.expect("the new side was made with its decision");
        // Those that a side's own plan has: its programs know that side's dictionary.
        let labels = new_decision.labels.clone().map(|labels| (labels, true));
        let labels = labels.or_else(|| old_decision.as_ref()?.labels.clone().map(|labels| (labels, false)));
        let sums = Sums::new(labels.is_some(), old_decision.as_ref(), &new_decision);
        Pass { old, new, old_decision, new_decision, labels, range, sums }
    }

    fn go<D: Disk>(
        &mut self,
        log: &LogFile<D>,
        labels_end: Position,
        progress: &mut Going<'_>,
        each: &mut dyn FnMut(&Both<'_>),
    ) -> Result<(), BacktestError> {
        let begin = self.old.position().min(self.new.position());
        let end = if self.labels.is_some() { self.range.end.max(labels_end) } else { self.range.end };
        let mut records = log.reader.iter_from(begin.next())?;
        let (mut batch, mut at, mut number) = (Batch::default(), begin.next(), 0_u64);
        while at < end {
            // A batch lies before, in or behind the range.
            let edge = [self.range.start, self.range.end, end].into_iter().find(|edge| at < *edge).unwrap_or(end);
            batch.fill(&mut records, edge.0.saturating_sub(at.0).min(BATCH))?;
            let Some((last, _)) = batch.headers.last() else { break };
            at = last.position.next();
            let payloads = batch.payloads()?;
            if payloads[0].0.position < self.range.end {
                self.apply(&payloads, number.is_multiple_of(2), labels_end, each)?;
            } else {
                payloads.iter().for_each(|(header, payload)| self.label(header, payload, labels_end));
            }
            number += 1;
            if !progress(at.0 - begin.0, end.0 - begin.0) {
                return Err(BacktestError::Stopped);
            }
        }
        Ok(())
    }

    /// Applies records to both; which goes first changes, since the second finds the records in the cache.
    fn apply(
        &mut self,
        records: &[(RecordHeader, Payload<'_>)],
        old_first: bool,
        labels_end: Position,
        each: &mut dyn FnMut(&Both<'_>),
    ) -> Result<(), BacktestError> {
        let first = self.range.start;
        let (old, new) = if old_first {
            let old = self.old.apply(records, first);
            (old, self.new.apply(records, first))
        } else {
            let new = self.new.apply(records, first);
            (self.old.apply(records, first), new)
        };
        for (((header, payload), old), new) in records.iter().zip(&old).zip(&new) {
            if old.is_some() || new.is_some() {
                let telling = (&self.old.telling(), &self.new.telling());
                let event = match payload {
                    Payload::Event(event) => event.id.as_deref(),
                    _ => None,
                };
                let both = Both {
                    position: header.position,
                    log_time: header.log_time,
                    event,
                    old: old.as_ref().map(|decided| (decided, telling.0)),
                    new: new.as_ref().map(|decided| (decided, telling.1)),
                };
                each(&both);
                self.sums.add(&both)?;
            }
            // What came before the range can be about nothing in it.
            if header.position >= first {
                self.label(header, payload, labels_end);
            }
        }
        Ok(())
    }

    /// Takes in a record if it is a label.
    fn label(&mut self, header: &RecordHeader, payload: &Payload<'_>, labels_end: Position) {
        let (Some((labels, of_new)), Payload::Event(event)) = (&self.labels, payload) else { return };
        let side = if *of_new { &mut self.new } else { &mut self.old };
        if header.position < labels_end
            && side.plan().event(&event.kind) == Some(labels.event)
            && let Some((id, bad)) = said(side.machine(), labels, header, payload, event)
        {
            self.sums.label(id, bad);
        }
    }

    fn finish(mut self, report: &mut Backtest) {
        report.cost = (self.old.cost(), self.new.cost());
        self.sums.finish(self.old_decision.as_ref(), &self.new_decision, report);
    }
}

/// What a label says, and of which event.
fn said<'e>(
    machine: &mut Machine,
    labels: &DecisionLabels,
    header: &RecordHeader,
    payload: &Payload<'_>,
    event: &'e Event<'_>,
) -> Option<(&'e str, bool)> {
    let Machine { plan, names, catalogue, .. } = machine;
    let field = &plan.events[usize::from(labels.event)].fields[usize::from(labels.of)].name;
    let Some(Raw::Str(id)) = event.field(field) else { return None };
    let resolved = state::resolve(plan, names, catalogue, header.position, header.log_time, payload).ok()?;
    let Change::Event(change) = resolved.change else { return None };
    let row: Vec<_> = labels.reads.iter().map(|field| change.values[usize::from(*field)].clone()).collect();
    Some((id, labels.when.eval_bool_with(&row, &MadeTexts::new(names))))
}

impl Batch {
    /// Reads up to so many records.
    fn fill<D: Disk>(&mut self, records: &mut Records<D>, most: u64) -> Result<(), BacktestError> {
        self.bytes.clear();
        self.headers.clear();
        while (self.headers.len() as u64) < most {
            let Some(record) = records.next()? else { return Ok(()) };
            let start = self.bytes.len();
            self.bytes.extend_from_slice(record.payload);
            self.headers.push((record.header, start..self.bytes.len()));
        }
        Ok(())
    }

    fn payloads(&self) -> Result<Vec<(RecordHeader, Payload<'_>)>, BacktestError> {
        let payload = |(header, bytes): &(RecordHeader, Range<usize>)| {
            let payload = Payload::decode(header.kind, &self.bytes[bytes.clone()]);
            payload.map(|payload| (*header, payload)).map_err(|_| OpenError::Record(header.position).into())
        };
        self.headers.iter().map(payload).collect()
    }
}

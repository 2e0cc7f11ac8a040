//! The pass that makes rows. A first reading finds how many there are and how far answers stand behind what they read; then three
//! readings go on together: one that finds rows, one that applies the log, and one that finds what followed.

use super::followed::{Ahead, entity, weight};
use super::{EVENT, Samples, TrainingError, TrainingReport, TrainingRow, TrainingSet};
use crate::checkpoint;
use crate::machine::Machine;
use crate::offline::LogFile;
use crate::open::OpenError;
use crate::view::{entity_of, raw_of};
use decision::{HalfRead, Pair, PairReads, PairValue};
use domain::{Answer, DecisionId, EntityId, Event, Payload, Position, Raw, Subject, Time};
use expr::MadeTexts;
use journal::{Disk, Record, RecordHeader, Records};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

/// Records between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// Takes a finished row.
type Take<'t> = dyn FnMut(TrainingRow) -> Result<(), Box<dyn Error + Send + Sync>> + 't;

/// What the first reading found.
struct Extent {
    /// Records that rows are made of.
    last: Position,
    /// The first position that is read.
    first_read: Position,
    /// By how many positions a row stands behind what it read, at most.
    lag: u64,
}

/// Rows of one record, on their way.
struct Open {
    header: RecordHeader,
    what: What,
    /// Where items, and where the user's rows are read.
    epoch: Position,
    rows: Position,
    now: Time,
    user: Option<String>,
    /// Of an anonymous visit.
    visited: Option<Vec<String>>,
    items: Vec<Option<String>>,
    halves: Vec<(Option<EntityId>, HalfRead)>,
    values: Vec<Vec<Raw<'static>>>,
}

/// What the rows are of.
enum What {
    Answer(DecisionId, String),
    Event(u16, Option<Time>),
}

/// A pass that is going on.
struct Pass<'s, D: Disk> {
    set: &'s TrainingSet,
    reads: PairReads,
    machine: Machine,
    found: Records<D>,
    found_to: Position,
    ahead: Option<Ahead<'s, D>>,
    open: BTreeMap<Position, Open>,
    by_epoch: BTreeSet<(Position, Position)>,
    by_rows: BTreeSet<(Position, Position)>,
    report: TrainingReport,
}

/// Makes the rows of a set: see [`LogFile::training_rows`].
pub(super) fn run<D: Disk>(
    log: &LogFile<D>,
    set: &TrainingSet,
    progress: &mut dyn FnMut(u64, u64),
    take: &mut Take<'_>,
) -> Result<TrainingReport, TrainingError> {
    let mut report = TrainingReport::default();
    let Some(extent) = extent(log, set, &mut report)? else { return Ok(report) };
    let machine = start(log, set, extent.first_read, &mut report)?;
    let from = set.asked.range.0.max(log.reader.first());
    let mut pass = Pass {
        set,
        reads: PairReads::new(&machine.plan, &set.values),
        found: log.reader.iter_from(from)?,
        found_to: Position(from.0 - 1),
        ahead: Ahead::new(log, set, from)?,
        open: BTreeMap::new(),
        by_epoch: BTreeSet::new(),
        by_rows: BTreeSet::new(),
        report,
        machine,
    };
    pass.go(log, &extent, progress, take)?;
    Ok(pass.report)
}

/// Whether a row can be made of what was read at this position: state before it was built from records that are there.
fn reached<D: Disk>(log: &LogFile<D>, set: &TrainingSet, read: Position) -> bool {
    set.asked.partial || log.reader.first() == Position(1) || read.next() >= log.reader.replay_from()
}

fn extent<D: Disk>(
    log: &LogFile<D>,
    set: &TrainingSet,
    report: &mut TrainingReport,
) -> Result<Option<Extent>, TrainingError> {
    let (from, to) = (set.asked.range.0.max(log.reader.first()), set.asked.range.1);
    let mut extent = Extent { last: Position::START, first_read: Position(u64::MAX), lag: 1 };
    let (mut records, mut rows) = (log.reader.iter_from(from)?, 0);
    while let Some(record) = records.next()? {
        if record.header.position > to {
            break;
        }
        let Some(open) = sample(set, &record, Some(&mut report.erased))? else { continue };
        let position = record.header.position;
        let read = open.epoch.min(open.rows);
        if !reached(log, set, read) {
            report.gone += 1;
            continue;
        }
        rows += open.items.len() as u64;
        extent.last = position;
        extent.first_read = extent.first_read.min(read);
        extent.lag = extent.lag.max(position.0 - read.0.min(position.0));
    }
    if rows > set.asked.rows_max {
        return Err(TrainingError::Asked(format!(
            "the set would have {rows} rows, and at most {} were asked for: take a part of the log with --from and --to, or \
             raise --limit",
            set.asked.rows_max
        )));
    }
    Ok((rows > 0).then_some(extent))
}

/// State at or before everything that is read.
fn start<D: Disk>(
    log: &LogFile<D>,
    set: &TrainingSet,
    first_read: Position,
    report: &mut TrainingReport,
) -> Result<Machine, TrainingError> {
    let loaded = checkpoint::load_before(&log.reader, first_read, &set.plan, 1, 0, &mut Vec::new())?;
    if let Some(loaded) = loaded {
        return Ok(loaded.machine);
    }
    let first = log.reader.first();
    let mut machine = Machine::new(set.plan.clone(), 1, 0);
    if first == Position(1) {
        return Ok(machine);
    }
    let begins = log.reader.record(first)?.map_or(Time(0), |record| record.header.log_time);
    if !set.asked.partial {
        return Err(TrainingError::Asked(too_old(set, first, begins)));
    }
    report.counted_from = Some(begins);
    machine.position = Position(first.0 - 1);
    Ok(machine)
}

fn too_old(set: &TrainingSet, first: Position, begins: Time) -> String {
    let told = set.complete_from(begins).map(|(name, complete)| match complete {
        super::Complete::Always => format!("{name} always"),
        super::Complete::From(time) => format!("{name} from {time}"),
        super::Complete::Never => format!("{name} never"),
    });
    format!(
        "retention has dropped the log before position {first} ({begins}), and no checkpoint that is kept has this plan's state; \
         a later --from may find one; --partial counts from there on. Values would then be complete: {}",
        told.collect::<Vec<_>>().join(", ")
    )
}

/// The rows that a record is to become, if any. `erased` counts records that cannot.
fn sample(set: &TrainingSet, record: &Record<'_>, erased: Option<&mut u64>) -> Result<Option<Open>, TrainingError> {
    let header = record.header;
    let wanted = match set.asked.samples {
        Samples::Shown(_) => Answer::KIND,
        Samples::Events(_) => EVENT,
    };
    if header.kind != wanted {
        return Ok(None);
    }
    if header.erased {
        erased.into_iter().for_each(|erased| *erased += 1);
        return Ok(None);
    }
    let payload = Payload::decode(header.kind, record.payload).map_err(|_| OpenError::Record(header.position))?;
    Ok(match (&payload, &set.asked.samples) {
        (Payload::Decision(answer), Samples::Shown(feed)) => {
            let wanted = feed.as_ref().is_none_or(|feed| *feed == answer.request.feed);
            wanted.then(|| of_answer(&header, answer))
        }
        (Payload::Event(event), Samples::Events(_)) => {
            let known = set.events.iter().find(|kind| set.plan.events[usize::from(**kind)].name == event.kind);
            known.map(|kind| of_event(set, &header, *kind, event))
        }
        _ => None,
    })
}

fn of_answer(header: &RecordHeader, answer: &Answer) -> Open {
    let user = match &answer.request.subject {
        Subject::User(key) => Some(key.clone()),
        _ => None,
    };
    let anonymous = answer.request.subject == Subject::Anonymous;
    let id = DecisionId { epoch: header.epoch, position: header.position };
    Open {
        header: *header,
        what: What::Answer(id, answer.request.feed.clone()),
        epoch: answer.epoch,
        rows: answer.rows.max(answer.epoch),
        now: answer.now,
        user,
        visited: anonymous.then(|| answer.request.recent.clone()),
        items: answer.items.iter().map(|item| Some(item.item.clone())).collect(),
        halves: Vec::new(),
        values: Vec::new(),
    }
}

fn of_event(set: &TrainingSet, header: &RecordHeader, kind: u16, event: &Event<'_>) -> Open {
    let key = |name: &str| entity(&set.plan, kind, name, event).map(str::to_owned);
    let read = Position(header.position.0 - u64::from(!set.asked.with_event));
    Open {
        header: *header,
        what: What::Event(kind, event.time),
        epoch: read,
        rows: read,
        now: header.log_time,
        user: key("user"),
        visited: None,
        items: vec![key("item")],
        halves: Vec::new(),
        values: Vec::new(),
    }
}

impl<D: Disk> Pass<'_, D> {
    fn go(
        &mut self,
        log: &LogFile<D>,
        extent: &Extent,
        progress: &mut dyn FnMut(u64, u64),
        take: &mut Take<'_>,
    ) -> Result<(), TrainingError> {
        let begin = self.machine.position.0;
        let total = extent.last.0.saturating_sub(begin);
        let mut records = log.reader.iter_from(self.machine.position.next())?;
        loop {
            self.find(log, Position(self.machine.position.0 + extent.lag).min(extent.last))?;
            self.read()?;
            self.finish(take)?;
            if self.open.is_empty() && self.found_to >= extent.last {
                progress(total, total);
                return Ok(());
            }
            let Some(record) = records.next()? else {
                return Err(TrainingError::Asked(format!(
                    "the log ends at {}, before a position that a row was read at",
                    self.machine.position
                )));
            };
            let position = record.header.position;
            self.machine.apply_record(&record.header, record.payload).map_err(|_| OpenError::Record(position))?;
            if position.0.is_multiple_of(PROGRESS_EVERY) {
                progress(position.0 - begin, total);
            }
        }
    }

    /// Finds the rows of records up to a position.
    fn find(&mut self, log: &LogFile<D>, to: Position) -> Result<(), TrainingError> {
        while self.found_to < to {
            let Some(record) = self.found.next()? else {
                self.found_to = to;
                return Ok(());
            };
            let position = record.header.position;
            self.found_to = position;
            let Some(open) = sample(self.set, &record, None)? else { continue };
            if reached(log, self.set, open.epoch.min(open.rows)) && !open.items.is_empty() {
                self.by_epoch.insert((open.epoch, position));
                self.by_rows.insert((open.rows, position));
                self.open.insert(position, open);
            }
        }
        Ok(())
    }

    /// Reads what is due at the machine's position.
    fn read(&mut self) -> Result<(), TrainingError> {
        let at = self.machine.position;
        while let Some((_, position)) = due(&mut self.by_epoch, at) {
            if let Some(open) = self.open.get_mut(&position) {
                open.read_items(&self.machine, &self.reads);
            }
        }
        while let Some((_, position)) = due(&mut self.by_rows, at) {
            if let Some(open) = self.open.get_mut(&position) {
                open.read_rows(&self.machine, &self.reads, &self.set.values);
            }
        }
        Ok(())
    }

    /// Hands out what is finished, in log order.
    fn finish(&mut self, take: &mut Take<'_>) -> Result<(), TrainingError> {
        while let Some(entry) = self.open.first_entry() {
            if entry.get().values.len() < entry.get().items.len() {
                return Ok(());
            }
            let open = entry.remove();
            let place = (open.header.position, open.header.log_time);
            for (index, (item, features)) in open.items.into_iter().zip(open.values).enumerate() {
                let followed = match &mut self.ahead {
                    Some(ahead) => ahead.of(place, open.user.as_deref(), item.as_deref())?,
                    None => None,
                };
                let (shown, event) = match &open.what {
                    What::Answer(id, feed) => (Some((*id, feed.clone(), index as u16 + 1)), None),
                    What::Event(kind, time) => {
                        let name = self.set.plan.events[usize::from(*kind)].name.clone();
                        (None, Some((name, *time, weight(&self.set.plan, *kind))))
                    }
                };
                self.report.rows += 1;
                self.report.positive += u64::from(matches!(followed, Some(Some(_))));
                self.report.open += u64::from(self.ahead.is_some() && followed.is_none());
                let row = TrainingRow {
                    position: place.0,
                    log_time: place.1,
                    now: open.now,
                    shown,
                    event,
                    user: open.user.clone(),
                    item,
                    followed,
                    features,
                };
                take(row).map_err(TrainingError::Taken)?;
            }
        }
        Ok(())
    }
}

/// Takes out the next that is read at or before a position.
fn due(stops: &mut BTreeSet<(Position, Position)>, at: Position) -> Option<(Position, Position)> {
    stops.first().is_some_and(|(stop, _)| *stop <= at).then(|| stops.pop_first()).flatten()
}

impl Open {
    fn user_of(&self, machine: &Machine) -> Option<EntityId> {
        machine.names.entity(machine.plan.entity("user")?, self.user.as_deref()?)
    }

    fn read_items(&mut self, machine: &Machine, reads: &PairReads) {
        let user = self.user_of(machine);
        let item_type = machine.plan.entity("item");
        let halves = self.items.iter().map(|key| {
            let item = item_type.zip(key.as_deref()).and_then(|(of, key)| machine.names.entity(of, key));
            let pair = Pair { user, item, visited: None };
            (item, reads.at_epoch(&machine.epoch, pair, self.now))
        });
        self.halves = halves.collect();
    }

    fn read_rows(&mut self, machine: &Machine, reads: &PairReads, values: &[PairValue]) {
        let user = self.user_of(machine);
        let rows = user.zip(machine.plan.entity("user")).map(|(id, of)| machine.subject(of, id));
        let item_type = machine.plan.entity("item");
        let known = |key: &String| item_type.and_then(|of| machine.names.entity(of, key));
        let visited: Option<Vec<EntityId>> =
            self.visited.as_ref().map(|visited| visited.iter().filter_map(known).collect());
        let halves = std::mem::take(&mut self.halves);
        let read = halves.into_iter().map(|(item, half)| {
            let pair = Pair { user, item, visited: visited.as_deref() };
            let texts = &MadeTexts::new(&machine.names);
            let found = reads.at_rows(half, rows.as_ref(), pair, (self.now, texts));
            let raw =
                |(value, of): (_, &PairValue)| raw_of(value, (&machine.names, texts), entity_of(&of.ty).unwrap_or(0));
            found.iter().zip(values).map(raw).collect()
        });
        self.values = read.collect();
    }
}

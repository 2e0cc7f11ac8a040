//! Keyed rows: what each event adds to the rows of its entities, in log order, and what can be read of them at an instant.
//! Rows of a shard depend on that shard's records alone, so the number of shards changes no row.

mod alarms;
mod fact;
mod reading;
mod saving;

use crate::carry::{self, Between};
use crate::crossed::{Crossed, copied_bytes, row_bytes};
use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::layout::{Grid, Layout, Step, StepValue, StreamStep, TableLayout};
use crate::paged::Paged;
use crate::read::{next_change, value};
use crate::resolve::{Change, EventChange, Resolved};
use crate::row::{Counted, FAILS, Recent, Row};
use crate::saved::{put_text, put_u64};
use crate::sketch::Sketched;
use crate::subject::{Copied, Subject};
use crate::touched::Touched;
pub use alarms::Raised;
use alarms::{Alarms, Before, Place};
use domain::{EntityId, Position, Time, Type, Value};
use expr::Program;
pub use reading::Reading;
pub use saving::RowsSnapshot;
use spec::plan::{AggregateOp, Cross, EntityIndex, Table};
use spec::{Carrying, Plan};
use std::sync::Arc;

/// Which rows a `Rows` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The rows of tables keyed by `item` alone: what serving reads for every candidate.
    Items,
    /// All other rows whose owner's id, modulo `count`, is `index`.
    Shard {
        /// Which shard.
        index: u32,
        /// Of how many.
        count: u32,
    },
    /// Every row.
    All,
}

impl Scope {
    fn has_table(self, plan: &Plan, table: &Table) -> bool {
        let items = table.cross.is_none() && plan.entity("item") == Some(table.entity);
        match self {
            Scope::Items => items,
            Scope::Shard { .. } => !items,
            Scope::All => true,
        }
    }

    /// Where an owner's rows stand here; `None` if another shard has them.
    fn local(self, owner: u32) -> Option<u32> {
        match self {
            Scope::Shard { count: 1, .. } => Some(owner),
            Scope::Shard { index, count } => (owner % count == index).then(|| owner / count),
            Scope::Items | Scope::All => Some(owner),
        }
    }

    fn owner(self, local: u32) -> u32 {
        match self {
            Scope::Shard { index, count } => local * count + index,
            Scope::Items | Scope::All => local,
        }
    }
}

/// Memory taken by rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes, spare capacity included.
    pub bytes: usize,
    /// Rows that were ever written, crossed ones included.
    pub rows: usize,
}

/// The rows of one table.
#[derive(Clone)]
enum Keyed {
    /// The table is out of scope.
    Nothing,
    Plain(Paged<Row>),
    Crossed(Crossed),
}

/// The keyed rows of a scope.
#[derive(Clone)]
pub struct Rows {
    layout: Arc<Layout>,
    scope: Scope,
    tables: Vec<Keyed>,
    /// By table, of plain rows.
    touched: Vec<Touched>,
    position: Position,
    log_time: Time,
    alarms: Alarms,
    copied_bytes_max: usize,
    /// Whether no table is in scope.
    out_of_scope: bool,
}

impl Rows {
    /// How many records' memory is asked for ahead.
    pub const AHEAD: usize = 32;

    /// Empty rows.
    pub fn new(plan: Arc<Plan>, scope: Scope) -> Rows {
        let tables = plan.tables.iter().map(|table| match table.cross {
            _ if !scope.has_table(&plan, table) => Keyed::Nothing,
            None => Keyed::Plain(Paged::new()),
            Some(_) => Keyed::Crossed(Crossed::default()),
        });
        let tables: Vec<Keyed> = tables.collect();
        let touched = vec![Touched::default(); tables.len()];
        let in_scope = |table: &Table| scope.has_table(&plan, table);
        let layout = Layout::new(plan.clone(), in_scope);
        let (layout, position, log_time) = (Arc::new(layout), Position::START, Time(0));
        let out_of_scope = tables.iter().all(|table| matches!(table, Keyed::Nothing));
        let alarms = Alarms::default();
        Rows { layout, scope, tables, touched, position, log_time, alarms, copied_bytes_max: 0, out_of_scope }
    }

    /// Goes on under the plan of `new`: empty rows of the same scope and of a plan that has the same tables and streams.
    pub fn adopt(&mut self, new: &Rows) {
        self.layout = new.layout.clone();
        self.set_timers();
    }

    /// The rows under another plan, which goes on with `carrying` of them at the log's time; the rest is empty.
    pub fn carried(&self, plan: &Arc<Plan>, carrying: &Carrying, now: Time) -> Rows {
        let mut rows = Rows::new(plan.clone(), self.scope);
        (rows.position, rows.log_time) = (self.position, self.log_time);
        let tables = carry::tables(&self.layout, &rows.layout, carrying);
        for (number, of) in tables.iter().enumerate() {
            let Some(of) = of else { continue };
            let (old, new) = (&self.layout.tables[of.table], &rows.layout.tables[number]);
            let between = &Between { old, new, of, now };
            match (&self.tables[of.table], &mut rows.tables[number]) {
                (Keyed::Plain(from), Keyed::Plain(to)) => {
                    let used = from.iter().filter(|(_, row)| !row.is_unused());
                    used.for_each(|(local, row)| *to.get_mut(local) = row.carried(between));
                }
                (Keyed::Crossed(from), Keyed::Crossed(to)) => to.carry(from, between),
                _ => {}
            }
        }
        rows.set_timers();
        rows
    }

    /// Applies one record; records come in log order.
    pub fn apply(&mut self, resolved: &Resolved) {
        let (position, log_time) = (resolved.position, resolved.log_time);
        self.let_go_off(position, log_time);
        let Rows { layout, scope, tables, touched, alarms, copied_bytes_max, .. } = self;
        if let Change::Event(event) = &resolved.change {
            for step in &layout.steps[event.event as usize] {
                let local = scope.local(event.entities[step.owner].0);
                let second = step.cross.map_or(0, |cross| event.crosses[cross]);
                if let Some(local) = local.filter(|_| step.cross.is_none() || second != u32::MAX) {
                    let (table, of) = (&mut tables[step.table], &layout.tables[step.table]);
                    let watched = Some(&layout.watched[step.table]).filter(|watched| !watched.alarms.is_empty());
                    let now = event.time.max(log_time);
                    let before = watched.map(|watched| Before::of(table.plain(local), of, watched, (now, log_time)));
                    touched[step.table].insert(local);
                    let copied = table.apply(of, step, (local, second), event, resolved);
                    *copied_bytes_max = copied.max(*copied_bytes_max);
                    if let (Some(before), Some(watched)) = (before, watched) {
                        let owner = event.entities[step.owner];
                        let place = Place { table: step.table, local, owner };
                        let row = (table.plain(local), of, watched);
                        alarms.changed(&before, row, place, (position, now, log_time));
                    }
                }
            }
        }
        (self.position, self.log_time) = (position, log_time);
    }

    /// From now on notes which plain rows change, so that a copy can [`follow`](Rows::follow). For `Scope::Items`: crossed rows
    /// are not noted.
    pub fn lead(&mut self) {
        self.touched.iter_mut().for_each(Touched::keep);
    }

    /// Takes over the plain rows that changed in the copy that is ahead since this one was ahead of it.
    pub fn follow(&mut self, ahead: &Rows) {
        (self.position, self.log_time) = (ahead.position, ahead.log_time);
        self.touched.iter_mut().for_each(Touched::clear);
        let changed = ahead.touched.iter().enumerate();
        let changed = changed.flat_map(|(table, touched)| touched.ids().iter().map(move |&id| (table, id)));
        let due = changed.filter_map(|(table, id)| self.due_in(table, id)).collect();
        for ((rows, from), touched) in self.tables.iter_mut().zip(&ahead.tables).zip(&ahead.touched) {
            if let (Keyed::Plain(rows), Keyed::Plain(from)) = (rows, from) {
                touched.ids().iter().for_each(|&id| rows.take_over(from, id));
            }
        }
        self.follow_timers(due);
    }

    /// Applies records that follow one another. Faster than one by one: the memory they will need is asked for ahead.
    pub fn apply_all(&mut self, batch: &[Resolved]) {
        for few in batch.chunks(Rows::AHEAD) {
            self.touch_all(few);
            few.iter().for_each(|resolved| self.apply(resolved));
        }
    }

    /// Asks for the memory that records will need, so that the loads overlap: at most [`Rows::AHEAD`] at a time are of use.
    pub fn touch_all(&self, few: &[Resolved]) {
        // In each round what the next one needs of each row to go on from: so the loads of all rows overlap.
        self.wanted(few, |rows, local, _| rows.touch(local));
        self.wanted(few, |rows, local, _| rows.get(local).into_iter().for_each(Row::touch_header));
        self.wanted(few, |rows, local, layout| {
            rows.get(local).into_iter().for_each(|row| row.touch_newest(layout));
        });
    }

    /// The rows, keyed by one entity, that records will change.
    #[inline(always)]
    fn wanted(&self, few: &[Resolved], each: impl Fn(&Paged<Row>, u32, &TableLayout)) {
        for resolved in few {
            let Change::Event(event) = &resolved.change else { continue };
            for step in &self.layout.steps[usize::from(event.event)] {
                if let (Some(local), Keyed::Plain(rows)) =
                    (self.scope.local(event.entities[step.owner].0), &self.tables[step.table])
                {
                    each(rows, local, &self.layout.tables[step.table]);
                }
            }
        }
    }

    /// Whether none of the plan's tables are here, so that nothing can be read.
    pub fn is_out_of_scope(&self) -> bool {
        self.out_of_scope
    }

    /// Position of the last record applied.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Writes the value of each aggregate over a table keyed by the entity alone into `row[slot]`; others are left alone.
    pub fn read(&self, id: EntityId, aggregates: &[u16], now: Time, row: &mut [Value]) {
        for aggregate in aggregates {
            let read = &self.layout.aggregates[*aggregate as usize];
            let Keyed::Plain(rows) = &self.tables[read.table as usize] else {
                continue;
            };
            if !matches!(read.op, AggregateOp::Seen(_)) {
                let found = self.scope.local(id.0).and_then(|local| rows.get(local));
                row[read.slot as usize] = value(found, &self.layout.tables[read.table as usize], read, now);
            }
        }
    }

    /// A copy of the entity's rows and crossed rows. The scope must be the one that has them.
    pub fn subject(&self, entity: EntityIndex, id: EntityId) -> Subject {
        self.copied(entity, self.scope.local(id.0))
    }

    /// The rows of an entity that is not known: reads as if nothing ever happened.
    pub fn cold(&self, entity: EntityIndex) -> Subject {
        self.copied(entity, None)
    }

    fn copied(&self, entity: EntityIndex, local: Option<u32>) -> Subject {
        let plan = &self.layout.plan;
        let copied = plan.tables.iter().zip(&self.tables).enumerate().map(|(at, (table, rows))| match rows {
            _ if table.entity != entity => Copied::Nothing,
            Keyed::Nothing => Copied::Nothing,
            Keyed::Plain(rows) => {
                let row = local.and_then(|local| rows.get(local)).cloned().unwrap_or_default();
                Copied::Row(row, self.layout.tables[at].recents.iter().map(|_| Default::default()).collect())
            }
            Keyed::Crossed(rows) => {
                let rows = local.into_iter().flat_map(|local| rows.of(local));
                Copied::Crossed(rows.map(|(entry, row)| (entry.second, row.clone())).collect())
            }
        });
        Subject::new(self.position, entity, Arc::clone(&self.layout), copied.collect())
    }

    /// The earliest instant after `now` at which one of the aggregates may change by time alone: a pane leaves a window or (its
    /// events were ahead of `now`) enters it. `decayed` changes all the time and does not count. `None`: never.
    pub fn next_change(&self, id: EntityId, aggregates: &[u16], now: Time) -> Option<Time> {
        let changes = aggregates.iter().filter_map(|aggregate| {
            let read = &self.layout.aggregates[*aggregate as usize];
            let Keyed::Plain(rows) = &self.tables[read.table as usize] else {
                return None;
            };
            let row = rows.get(self.scope.local(id.0)?)?;
            next_change(row, &self.layout.tables[read.table as usize], read, now)
        });
        changes.min()
    }

    /// Digest of the content that a read at `now` or later can see; `now` is at least the log time of the last record. The digests
    /// of all shards and of `Scope::Items` add up to that of `Scope::All`.
    pub fn digest(&self, dictionary: &Dictionary, now: Time) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for ((table, layout), rows) in self.layout.plan.tables.iter().zip(&self.layout.tables).zip(&self.tables) {
            let mut add = |owner, second: Option<(u32, Position)>, row: &Row| {
                canonical.clear();
                put_text(&mut canonical, &table.name);
                put_text(&mut canonical, dictionary.key(table.entity, EntityId(self.scope.owner(owner))));
                if let Some((second, touched)) = second {
                    put_second(&mut canonical, &self.layout.plan, table.cross, second, dictionary);
                    put_u64(&mut canonical, touched.0);
                }
                if row.put_canonical(layout, now, &mut canonical, dictionary) {
                    digest.add_entry(&canonical);
                }
            };
            match rows {
                Keyed::Nothing => {}
                Keyed::Plain(rows) => rows.iter().for_each(|(owner, row)| add(owner, None, row)),
                Keyed::Crossed(rows) => rows.owners().for_each(|owner| {
                    rows.of(owner).for_each(|(entry, row)| add(owner, Some((entry.second, entry.touched)), row));
                }),
            }
        }
        digest
    }

    /// Memory taken.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for table in &self.tables {
            let (bytes, rows) = table.memory();
            memory.bytes += bytes;
            memory.rows += rows;
        }
        memory.bytes += self.alarms.bytes();
        memory
    }

    /// Pages copied because a snapshot still held them, since the start.
    pub fn copied_pages(&self) -> u64 {
        self.tables.iter().map(Keyed::copied_pages).sum()
    }

    /// Most bytes that adding one record to one table copied because a snapshot still held them, since the start.
    pub fn copied_bytes_max(&self) -> usize {
        self.copied_bytes_max
    }
}

impl Keyed {
    /// Adds an event to the row of a pair; how many bytes were copied because a snapshot still held them.
    fn apply(
        &mut self,
        layout: &TableLayout,
        step: &Step,
        (local, second): (u32, u32),
        event: &EventChange,
        resolved: &Resolved,
    ) -> usize {
        let mut streams = step.streams.iter();
        let mut next = || streams.find_map(|stream| Some((stream, taken(stream, event)?)));
        let Some(first) = next() else { return 0 };
        let before = self.copied_pages();
        let row = match self {
            Keyed::Nothing => return 0,
            Keyed::Plain(rows) => rows.get_mut(local),
            Keyed::Crossed(rows) => rows.touch(layout, local, second, resolved.position, resolved.log_time),
        };
        if row.is_unused() {
            let opening = if takes_all(step, event) { &step.opening } else { &step.bare };
            row.open(layout, opening.to_vec());
        }
        let log_time = resolved.log_time;
        let mut taken = Some(first);
        if step.held.is_empty() {
            while let Some((stream, bits)) = taken {
                add(row, layout, stream, event, bits, log_time);
                taken = next();
            }
        } else {
            let taken: Vec<_> = taken.into_iter().chain(std::iter::from_fn(next)).collect();
            add_judged(row, layout, step, event, &taken, log_time);
        }
        if self.copied_pages() == before { 0 } else { self.page_bytes(local, second) }
    }

    /// The row of an entity, in a table keyed by it alone.
    fn plain(&self, local: u32) -> Option<&Row> {
        match self {
            Keyed::Plain(rows) => rows.get(local),
            Keyed::Nothing | Keyed::Crossed(_) => None,
        }
    }

    fn copied_pages(&self) -> u64 {
        match self {
            Keyed::Nothing => 0,
            Keyed::Plain(rows) => rows.copied_pages(),
            Keyed::Crossed(rows) => rows.copied_pages(),
        }
    }

    #[cold]
    fn page_bytes(&self, local: u32, second: u32) -> usize {
        match self {
            Keyed::Nothing => 0,
            Keyed::Plain(rows) => rows.page(local).iter().map(copied_bytes).sum(),
            Keyed::Crossed(rows) => rows.page_bytes(local, second),
        }
    }

    fn memory(&self) -> (usize, usize) {
        match self {
            Keyed::Nothing => (0, 0),
            Keyed::Plain(rows) => (
                rows.iter().map(|(_, row)| row_bytes(row)).sum(),
                rows.iter().filter(|(_, row)| !row.is_unused()).count(),
            ),
            Keyed::Crossed(rows) => (rows.bytes(), rows.len()),
        }
    }
}

/// Whether an event counts in every stream that has no filter: then the room that it opens a row with is used at once.
fn takes_all(step: &Step, event: &EventChange) -> bool {
    step.streams.iter().all(|stream| stream.filter.is_some() || collect(stream, event).is_some())
}

/// What a stream is to be told of an event: what it takes, or only that the event was, for sessions. `None`: nothing.
#[inline]
fn taken(stream: &StreamStep, event: &EventChange) -> Option<Option<u64>> {
    let bits = collect(stream, event);
    (bits.is_some() || stream.sessions).then_some(bits)
}

/// What a stream takes of an event; `None` if the event does not count. An entity's id or what a list keeps, for streams of lists;
/// the bits of a float otherwise.
#[inline]
fn collect(stream: &StreamStep, event: &EventChange) -> Option<u64> {
    if stream.filter.as_ref().is_some_and(|filter| !filter.eval_bool(&event.values)) {
        return None;
    }
    let number = match &stream.value {
        StepValue::One => 1.0,
        StepValue::Number(program) => program.eval_f64(&event.values)?,
        StepValue::Converted(program) => match program.eval(&event.values) {
            Value::Bool(bool) => f64::from(u8::from(bool)),
            Value::Span(span) => span.0 as f64 / 1_000.0,
            value => value.as_f64()?,
        },
        StepValue::Role(role) => return Some(u64::from(event.entities[*role].0)),
        StepValue::Elements(at) => {
            event.elements.as_ref().filter(|elements| !elements.of(*at).is_empty())?;
            1.0
        }
        StepValue::Listed(program, of) => return of.bits(&program.eval(&event.values)),
        StepValue::Steps(steps) => {
            let is = |filter: &Option<Program>| filter.as_ref().is_none_or(|of| of.eval(&event.values).is_true());
            let steps = steps.iter().filter(|(_, filter)| is(filter));
            return Some(steps.fold(0, |bits, (step, _)| bits | 1 << step)).filter(|bits| *bits != 0);
        }
        StepValue::Run(condition) => return Some(if condition.eval(&event.values).is_true() { 1 } else { FAILS }),
    };
    number.is_finite().then(|| number.to_bits())
}

/// What a stream's sketches take of an event that counts.
fn sketched<'e>(stream: &StreamStep, event: &'e EventChange, number: f64) -> Sketched<'e> {
    match (&stream.value, &event.elements) {
        (StepValue::Elements(at), Some(elements)) => Sketched::Elements(elements.of(*at)),
        _ => Sketched::Number(number),
    }
}

/// Adds to a row what a stream takes of an event; nothing but that it happened where there are no bits.
#[inline]
fn add(
    row: &mut Row,
    layout: &TableLayout,
    stream: &StreamStep,
    event: &EventChange,
    bits: Option<u64>,
    log_time: Time,
) {
    match bits {
        Some(bits) if stream.panes_alone => {
            let counted = Counted { time: event.time, value: f64::from_bits(bits), log_time };
            row.add_to_panes(layout, (stream.segments.clone(), stream.alike), &counted);
        }
        _ => add_to_more(row, layout, stream, event, bits, log_time),
    }
}

/// The same for a stream that has more than panes.
fn add_to_more(
    row: &mut Row,
    layout: &TableLayout,
    stream: &StreamStep,
    event: &EventChange,
    bits: Option<u64>,
    log_time: Time,
) {
    if let Some(at) = stream.pattern {
        return bits.into_iter().for_each(|steps| row.take_steps(layout, at, steps, event.time));
    }
    let number = bits.map(f64::from_bits);
    for at in stream.segments.clone().filter(|_| stream.sessions) {
        if let Grid::Sessions { gap } = layout.segments[at].grid {
            row.add_to_session(layout, at, gap, (event.time, number), log_time);
        }
    }
    let (Some(bits), Some(number)) = (bits, number) else { return };
    let counted = Counted { time: event.time, value: number, log_time };
    row.add_to_panes(layout, (stream.segments.clone(), stream.alike), &counted);
    for at in stream.decays.clone() {
        row.add_decayed(at, layout.half_lives[at], event.time, number);
    }
    if let Some(at) = stream.newest {
        row.add_newest(layout, at, event.time);
    }
    if let Some(at) = stream.recents {
        row.add_recent(layout, at, Recent { time: event.time, bits });
    }
    for at in stream.rings.clone() {
        row.add_to_sketch(layout, at, (event.time, sketched(stream, event, number)), log_time);
    }
}

/// The same for all streams of a step, with the conditions over the row that are judged before and after it.
fn add_judged(
    row: &mut Row,
    layout: &TableLayout,
    step: &Step,
    event: &EventChange,
    taken: &[(&StreamStep, Option<u64>)],
    log_time: Time,
) {
    let takes = |at: &usize| {
        taken.iter().any(|(stream, bits)| bits.is_some() && std::ptr::eq(*stream, &raw const step.streams[*at]))
    };
    let judged: Vec<usize> =
        step.held.iter().filter(|held| held.streams.iter().any(takes)).map(|held| held.pattern).collect();
    let now = event.time.max(log_time);
    judged.iter().for_each(|at| row.judge_before(layout, *at, now));
    taken.iter().for_each(|(stream, bits)| add(row, layout, stream, event, *bits, log_time));
    judged.iter().for_each(|at| row.judge_after(layout, *at, now));
}

/// The second part of a crossed key in a form that depends on no numbering of strings.
fn put_second(out: &mut Vec<u8>, plan: &Plan, cross: Option<Cross>, second: u32, dictionary: &Dictionary) {
    match cross {
        Some(Cross::Entity(entity)) => put_text(out, dictionary.key(entity, EntityId(second))),
        Some(Cross::ItemField(field)) => {
            let item = plan.entity("item").and_then(|item| plan.entities[item as usize].fields.get(field as usize));
            match item.map(|field| &field.ty) {
                Some(Type::Str) => put_text(out, dictionary.text(domain::Symbol(second))),
                _ => put_u64(out, u64::from(second)),
            }
        }
        None => {}
    }
}

//! Where in a row everything is, and what each event adds to which rows: computed once from the plan.
//! A row's words are: two per decayed accumulator, one per newest time, those of patterns, one head per segment of panes, then the
//! segments.

mod pattern;
mod segment;

pub(crate) use pattern::{PatternLayout, PatternOf, Watched};
pub(crate) use segment::{Grid, SESSION_HEAD, Segment};

use crate::resolve::owner_role;
use crate::sketch::RingLayout;
use domain::{EntityId, Span, Symbol, Time, Type, Value, limits};
use expr::Program;
use spec::Plan;
use spec::plan::{AggregateOp, ElementSource, Pattern, PatternKind, RowFact, Stream, StreamValue, Table, Window};
use std::ops::Range;
use std::sync::Arc;

/// The layout of every table of a plan.
pub(crate) struct Layout {
    pub(crate) plan: Arc<Plan>,
    pub(crate) tables: Vec<TableLayout>,
    /// By stream.
    pub(crate) places: Vec<Place>,
    /// By aggregate.
    pub(crate) aggregates: Vec<AggregateRead>,
    /// By table: what alarms ask of its rows.
    pub(crate) watched: Vec<Watched>,
    /// By event: what it adds to which tables.
    pub(crate) steps: Vec<Vec<Step>>,
    /// Hash of everything that gives a row's bytes their meaning.
    pub(crate) fingerprint: u64,
}

/// The layout of one table's rows.
#[derive(Debug, Default)]
pub(crate) struct TableLayout {
    /// Half-life of each decayed accumulator; number `k` is words `2k` (value) and `2k + 1` (time).
    pub(crate) half_lives: Vec<Span>,
    /// How many newest times are kept; number `k` is word `2 * half_lives.len() + k`, the time in milliseconds and one more, or 0.
    pub(crate) newest: usize,
    /// The patterns; the words of number `k` begin at `patterns_at() + patterns[k].at`.
    pub(crate) patterns: Vec<PatternLayout>,
    /// How many words they have together.
    pub(crate) pattern_words: usize,
    /// Words before the heads of segments.
    heads: usize,
    /// The segments of panes; the head of number `k`, which says where it stands, is word `heads() + k`.
    pub(crate) segments: Vec<Segment>,
    /// The lists of recents.
    pub(crate) recents: Vec<RecentsLayout>,
    /// The rings of sketches.
    pub(crate) rings: Vec<RingLayout>,
    /// Of a crossed table, the most rows of one owner.
    pub(crate) rows_max: usize,
}

/// One list of recents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecentsLayout {
    pub(crate) capacity: usize,
    /// What is in it.
    pub(crate) of: RecentsOf,
    /// If only what is newer than this span is ever read, that span.
    pub(crate) window: Option<Span>,
}

/// What the bits of a list's entries mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecentsOf {
    /// Entities of this type, by id.
    Entity(u16),
    /// Strings, by symbol.
    Text,
    /// The bits of a float.
    Float,
    /// An int.
    Int,
    /// 0 or 1.
    Bool,
    /// Milliseconds since 1970.
    Time,
    /// Milliseconds.
    Span,
}

impl RecentsOf {
    fn new(plan: &Plan, stream: &Stream) -> RecentsOf {
        let StreamValue::Listed(program) = &stream.value else {
            return RecentsOf::Entity(recents_entity(plan, stream));
        };
        match program.ty() {
            Type::Str => RecentsOf::Text,
            Type::Int => RecentsOf::Int,
            Type::Bool => RecentsOf::Bool,
            Type::Time => RecentsOf::Time,
            Type::Span => RecentsOf::Span,
            Type::Float | Type::Entity(_) | Type::List(_) => RecentsOf::Float,
        }
    }

    /// The bits that stand for a value; `None` if it is missing or of another type.
    pub(crate) fn bits(self, value: &Value) -> Option<u64> {
        Some(match (self, value) {
            (RecentsOf::Entity(_), Value::Entity(id)) => u64::from(id.0),
            (RecentsOf::Text, Value::Str(symbol)) => u64::from(symbol.0),
            (RecentsOf::Float, value) => value.as_f64().filter(|number| number.is_finite())?.to_bits(),
            (RecentsOf::Int, Value::Int(int)) => *int as u64,
            (RecentsOf::Bool, Value::Bool(bool)) => u64::from(*bool),
            (RecentsOf::Time, Value::Time(time)) => time.0 as u64,
            (RecentsOf::Span, Value::Span(span)) => span.0 as u64,
            _ => return None,
        })
    }

    /// Whether such bits can have been written.
    pub(crate) fn is_sound(self, bits: u64) -> bool {
        match self {
            RecentsOf::Entity(_) => bits < u64::from(limits::ENTITIES_MAX),
            RecentsOf::Text => bits < u64::from(limits::SYMBOLS_MAX),
            RecentsOf::Float => f64::from_bits(bits).is_finite(),
            RecentsOf::Bool => bits < 2,
            RecentsOf::Int | RecentsOf::Time | RecentsOf::Span => true,
        }
    }

    /// The value that the bits stand for.
    pub(crate) fn value(self, bits: u64) -> Value {
        match self {
            RecentsOf::Entity(_) => Value::Entity(EntityId(bits as u32)),
            RecentsOf::Text => Value::Str(Symbol(bits as u32)),
            RecentsOf::Float => Value::Float(f64::from_bits(bits)),
            RecentsOf::Int => Value::Int(bits as i64),
            RecentsOf::Bool => Value::Bool(bits != 0),
            RecentsOf::Time => Value::Time(Time(bits as i64)),
            RecentsOf::Span => Value::Span(Span(bits as i64)),
        }
    }
}

impl RecentsLayout {
    /// Whether a read at `now` or later may see an entry of this time.
    pub(crate) fn is_live(&self, time: Time, now: Time) -> bool {
        self.window.is_none_or(|window| time > now.minus(window))
    }
}

/// How an aggregate is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AggregateRead {
    pub(crate) table: u16,
    pub(crate) slot: u16,
    pub(crate) op: AggregateOp,
    /// Over which window, if over any.
    pub(crate) window: Option<Window>,
    /// What of its panes it adds up, if that is all.
    pub(crate) simple: Option<Simple>,
    /// Number of the segment, the accumulator, the list or the ring in the table's layout.
    pub(crate) at: usize,
}

/// An aggregate that adds up panes of a window that is no session, and no more: most that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Simple {
    /// Counts in panes that hold nothing else.
    Count,
    Sum,
    Mean,
}

impl Simple {
    fn of(op: AggregateOp, segments: &[Segment], at: usize) -> Option<Simple> {
        match op {
            _ if matches!(op.window(), None | Some(Window::Session(_))) => None,
            AggregateOp::Count(_) => (segments[at].stride == 1).then_some(Simple::Count),
            AggregateOp::Sum(_) => Some(Simple::Sum),
            AggregateOp::Mean(_) => Some(Simple::Mean),
            _ => None,
        }
    }
}

/// What an event adds to one table.
pub(crate) struct Step {
    pub(crate) table: usize,
    /// The role whose entity owns the row.
    pub(crate) owner: usize,
    /// For a crossed table, which of the event's `crosses` is the second key part.
    pub(crate) cross: Option<usize>,
    pub(crate) streams: Vec<StreamStep>,
    /// The words of a row that begins with it: see [`TableLayout::opening`].
    pub(crate) opening: Box<[u64]>,
    /// The same without room.
    pub(crate) bare: Box<[u64]>,
    /// Conditions over the row that are judged when one of some streams takes the event.
    pub(crate) held: Vec<HeldStep>,
}

/// A held condition over a row.
pub(crate) struct HeldStep {
    /// Number of the pattern in the table's layout.
    pub(crate) pattern: usize,
    /// The streams that it counts, by their places in the step.
    pub(crate) streams: Vec<usize>,
}

/// What an event adds to one stream.
pub(crate) struct StreamStep {
    pub(crate) filter: Option<Program>,
    pub(crate) value: StepValue,
    pub(crate) segments: Range<usize>,
    /// The segments up to here, from the stream's first, take the same events.
    pub(crate) alike: usize,
    pub(crate) decays: Range<usize>,
    pub(crate) newest: Option<usize>,
    pub(crate) recents: Option<usize>,
    pub(crate) rings: Range<usize>,
    pub(crate) pattern: Option<usize>,
    /// Whether there are sessions among the segments: events that do not count carry them on all the same.
    pub(crate) sessions: bool,
    /// Whether it has nothing but panes, and no sessions.
    pub(crate) panes_alone: bool,
}

/// What is collected.
pub(crate) enum StepValue {
    One,
    /// A float or an int.
    Number(Program),
    /// What counts as a number.
    Converted(Program),
    Role(usize),
    Listed(Program, RecentsOf),
    /// Number among the event's collections.
    Elements(usize),
    /// Which steps of a pattern the event may be, with their filters.
    Steps(Vec<(u32, Option<Program>)>),
    /// Whether the event goes on with a run or ends it.
    Run(Program),
}

/// Where one stream's parts stand in its table's layout.
pub(crate) struct Place {
    pub(crate) segments: Range<usize>,
    pub(crate) decays: Range<usize>,
    pub(crate) newest: Option<usize>,
    pub(crate) recents: Option<usize>,
    pub(crate) rings: Range<usize>,
    pub(crate) pattern: Option<usize>,
    sessions: bool,
}

impl Layout {
    /// The layout of all tables, with the steps of those that `in_scope` takes.
    pub(crate) fn new(plan: Arc<Plan>, in_scope: impl Fn(&Table) -> bool) -> Layout {
        let mut tables: Vec<TableLayout> = plan.tables.iter().map(TableLayout::empty).collect();
        let places: Vec<Place> =
            plan.streams.iter().map(|stream| tables[stream.table as usize].place(&plan, stream)).collect();
        tables.iter_mut().for_each(|table| table.heads = table.patterns_at() + table.pattern_words);
        let aggregates = plan.aggregates.iter().map(|aggregate| {
            let stream = &plan.streams[aggregate.stream as usize];
            let at = places[aggregate.stream as usize].at(stream, aggregate.op);
            let window = aggregate.op.window();
            let simple = Simple::of(aggregate.op, &tables[usize::from(stream.table)].segments, at);
            AggregateRead { table: stream.table, slot: aggregate.slot, op: aggregate.op, window, simple, at }
        });
        let aggregates: Vec<AggregateRead> = aggregates.collect();
        for (stream, place) in plan.streams.iter().zip(&places) {
            if let (StreamValue::Pattern(pattern), Some(at)) = (&stream.value, place.pattern) {
                tables[usize::from(stream.table)].patterns[at].complete(pattern, &aggregates);
            }
        }
        let watched = watched(&plan, &tables, &aggregates, &in_scope);
        let steps = (0..plan.events.len()).map(|event| {
            let mut steps = steps(&plan, event as u16, &places, &tables);
            steps.retain(|step| in_scope(&plan.tables[step.table]));
            steps
        });
        let steps = steps.collect();
        let fingerprint = fingerprint(&plan, &tables);
        Layout { tables, places, aggregates, watched, steps, fingerprint, plan }
    }
}

impl TableLayout {
    fn empty(table: &Table) -> TableLayout {
        let rows_max = if table.for_caps { limits::CAPPED_ROWS_MAX } else { limits::CROSSED_ROWS_MAX };
        TableLayout { rows_max, ..TableLayout::default() }
    }

    /// Words before the heads of segments.
    #[inline]
    pub(crate) fn heads(&self) -> usize {
        self.heads
    }

    /// Words before those of patterns.
    pub(crate) fn patterns_at(&self) -> usize {
        2 * self.half_lives.len() + self.newest
    }

    /// Words before the first segment.
    pub(crate) fn header(&self) -> usize {
        self.heads() + self.segments.len()
    }

    fn place(&mut self, plan: &Plan, stream: &Stream) -> Place {
        let (segments, decays, rings) = (self.segments.len(), self.half_lives.len(), self.rings.len());
        let panes = stream.panes.iter().map(|level| Segment::new(plan, level, stream.parts));
        match stream.sketch {
            None => self.segments.extend(panes),
            Some(sketch) => {
                let entity = counted_entity(plan, stream);
                self.rings.extend(panes.map(|panes| RingLayout { panes, sketch, entity }));
            }
        }
        self.half_lives.extend(&stream.half_lives);
        let newest = stream.newest.then_some(self.newest);
        self.newest += usize::from(stream.newest);
        let pattern = if let StreamValue::Pattern(pattern) = &stream.value {
            self.patterns.push(PatternLayout::new(pattern, self.pattern_words));
            self.pattern_words += pattern.kind.words();
            Some(self.patterns.len() - 1)
        } else {
            None
        };
        let sessions = self.segments[segments..].iter().any(Segment::is_sessions);
        let recents = (stream.recents > 0).then_some(self.recents.len());
        let capacity = (stream.recents as usize).min(limits::RECENTS_MAX);
        let window = stream.recents_window;
        self.recents.extend(recents.map(|_| RecentsLayout { capacity, of: RecentsOf::new(plan, stream), window }));
        let (segments, decays) = (segments..self.segments.len(), decays..self.half_lives.len());
        Place { segments, decays, newest, recents, rings: rings..self.rings.len(), pattern, sessions }
    }
}

impl Place {
    fn is_panes_alone(&self) -> bool {
        let others = self.newest.is_some() || self.recents.is_some() || self.pattern.is_some() || self.sessions;
        !others && self.decays.is_empty() && self.rings.is_empty()
    }

    /// The part of the stream that an aggregate reads: for a window the finest level that reaches far enough.
    fn at(&self, stream: &Stream, op: AggregateOp) -> usize {
        let absent = "a plan gives every aggregate what it reads";
        if let Some(window) = op.window() {
            let start = if op.is_sketched() { self.rings.start } else { self.segments.start };
            return start + stream.panes.iter().position(|level| level.serves(window)).expect(absent);
        }
        match op {
            AggregateOp::Decayed(half_life) => {
                self.decays.start + stream.half_lives.iter().position(|known| *known == half_life).expect(absent)
            }
            AggregateOp::TimeSince => self.newest.expect(absent),
            AggregateOp::Pattern => self.pattern.expect(absent),
            _ => self.recents.expect(absent),
        }
    }
}

fn recents_entity(plan: &Plan, stream: &Stream) -> u16 {
    match (&stream.value, stream.events.first()) {
        (StreamValue::Role(roles), Some(event)) => {
            let role = roles.first().and_then(|role| plan.events[*event as usize].roles.get(*role as usize));
            role.map_or(0, |role| role.entity)
        }
        _ => 0,
    }
}

/// The type of the entities that a stream's elements are, if they are entities.
fn counted_entity(plan: &Plan, stream: &Stream) -> Option<u16> {
    let (StreamValue::Elements(nth), [event]) = (&stream.value, stream.events.as_slice()) else { return None };
    let mut of_event = plan.collections.iter().filter(|collection| collection.event == *event);
    match of_event.nth(usize::from(*nth))?.source {
        ElementSource::Role(role) => Some(plan.events[usize::from(*event)].roles[usize::from(role)].entity),
        ElementSource::Field(_) | ElementSource::Attribute { .. } => None,
    }
}

fn steps(plan: &Plan, event: u16, places: &[Place], tables: &[TableLayout]) -> Vec<Step> {
    let mut crossed = 0;
    let mut steps = Vec::new();
    for (index, table) in plan.tables.iter().enumerate() {
        let cross = table.cross.map(|_| crossed);
        crossed += usize::from(table.cross.is_some());
        let Some(owner) = owner_role(&plan.events[event as usize], table) else {
            continue;
        };
        let of_table = plan.streams.iter().zip(places).zip(0u16..);
        let of_table = of_table.filter(|((stream, _), _)| stream.table as usize == index);
        let (mut streams, mut numbers, mut held) = (Vec::new(), Vec::new(), Vec::new());
        for ((stream, place), number) in of_table {
            match held_over(plan, stream) {
                Some(over) if stream.events.contains(&event) => held.extend(place.pattern.map(|at| (at, over))),
                Some(_) => {}
                None => {
                    let step = stream_step(plan, stream, place, event);
                    numbers.extend(step.is_some().then_some(number));
                    streams.extend(step);
                }
            }
        }
        join_alike(&mut streams);
        let among = |stream: &u16| numbers.iter().position(|number| number == stream);
        let held = held
            .into_iter()
            .map(|(pattern, over)| HeldStep { pattern, streams: over.iter().filter_map(among).collect() });
        let held = held.collect();
        if !streams.is_empty() {
            let (opening, bare) = (tables[index].opening(&streams), tables[index].opening(&[]));
            steps.push(Step { table: index, owner, cross, streams, opening, bare, held });
        }
    }
    steps
}

/// The streams that a held condition counts, if a stream is one.
fn held_over(plan: &Plan, stream: &Stream) -> Option<Vec<u16>> {
    let StreamValue::Pattern(pattern) = &stream.value else { return None };
    let PatternKind::Held(over) = &pattern.kind else { return None };
    let streams = over.facts.iter().filter_map(|fact| match fact {
        RowFact::Aggregate(index) => Some(plan.aggregates[usize::from(*index)].stream),
        RowFact::Derived(_) => None,
    });
    Some(streams.collect())
}

/// What alarms ask of the rows of each table in scope.
fn watched(
    plan: &Plan,
    tables: &[TableLayout],
    aggregates: &[AggregateRead],
    in_scope: impl Fn(&Table) -> bool,
) -> Vec<Watched> {
    let mut watched: Vec<Watched> = tables.iter().map(|_| Watched::default()).collect();
    for (alarm, number) in plan.alarms.iter().zip(0u16..) {
        let table = usize::from(alarm.table);
        if in_scope(&plan.tables[table]) {
            watched[table].add(number, alarm, aggregates, &tables[table]);
        }
    }
    watched
}

/// Joins streams that follow one another and whose filters, if any, read the same.
fn join_alike(streams: &mut [StreamStep]) {
    for at in (1..streams.len()).rev() {
        let text = |stream: &StreamStep| stream.filter.as_ref().map(|filter| filter.text().to_owned());
        if streams[at - 1].segments.end == streams[at].segments.start && text(&streams[at - 1]) == text(&streams[at]) {
            streams[at - 1].alike = streams[at].alike;
        }
    }
}

fn stream_step(plan: &Plan, stream: &Stream, place: &Place, event: u16) -> Option<StreamStep> {
    let nth = stream.events.iter().position(|known| *known == event)?;
    let value = match &stream.value {
        StreamValue::One => StepValue::One,
        StreamValue::Number(program) if matches!(program.ty(), Type::Float | Type::Int) => {
            StepValue::Number(program.clone())
        }
        StreamValue::Number(program) => StepValue::Converted(program.clone()),
        StreamValue::Role(roles) => StepValue::Role(roles[nth] as usize),
        StreamValue::Listed(program) => StepValue::Listed(program.clone(), RecentsOf::new(plan, stream)),
        StreamValue::Elements(collection) => StepValue::Elements(usize::from(*collection)),
        StreamValue::Pattern(pattern) => pattern_step(pattern, event)?,
    };
    Some(StreamStep {
        filter: stream.filter.clone(),
        value,
        segments: place.segments.clone(),
        alike: place.segments.end,
        decays: place.decays.clone(),
        newest: place.newest,
        recents: place.recents,
        rings: place.rings.clone(),
        pattern: place.pattern,
        sessions: place.sessions,
        panes_alone: place.is_panes_alone(),
    })
}

/// What an event is to a pattern; a held condition is judged apart.
fn pattern_step(pattern: &Pattern, event: u16) -> Option<StepValue> {
    match &pattern.kind {
        PatternKind::Held(_) => None,
        PatternKind::Run(step) => step.filter.clone().map(StepValue::Run),
        kind => {
            let steps = kind.steps().into_iter().zip(0u32..).filter(|(step, _)| step.event == event);
            Some(StepValue::Steps(steps.map(|(step, number)| (number, step.filter.clone())).collect()))
        }
    }
}

/// Names, keys, streams and the words of every table; BLAKE3, cut to a word.
fn fingerprint(plan: &Plan, tables: &[TableLayout]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (table, layout) in plan.tables.iter().zip(tables) {
        hasher.update(format!("{} {} {:?} {layout:?};", table.name, table.entity, table.cross).as_bytes());
    }
    hasher.update(format!("{:?};", plan.collections).as_bytes());
    hasher.update(format!("{:?};", plan.calendars).as_bytes());
    for stream in &plan.streams {
        let events = stream.events.iter().map(|event| plan.events[*event as usize].name.as_str());
        let filter = stream.filter.as_ref().map(Program::text);
        let value = match &stream.value {
            StreamValue::One => "1".to_owned(),
            StreamValue::Number(program) => program.text().to_owned(),
            StreamValue::Role(roles) => format!("{roles:?}"),
            StreamValue::Listed(program) => format!("list {}", program.text()),
            StreamValue::Elements(collection) => format!("elements {collection}"),
            StreamValue::Pattern(pattern) => pattern.meaning(),
        };
        let events: Vec<&str> = events.collect();
        hasher.update(format!("{} {events:?} {filter:?} {value};", stream.table).as_bytes());
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

//! Where in a row everything is, and what each event adds to which rows: computed once from the plan.
//! A row's words are: two per decayed accumulator, one end offset per segment of panes, then the segments.

use crate::resolve::owner_role;
use crate::sketch::RingLayout;
use domain::{Span, Time, limits};
use expr::Program;
use spec::Plan;
use spec::plan::{AggregateOp, ElementSource, PaneLevel, Parts, Stream, StreamValue, Table};
use std::ops::Range;
use std::sync::Arc;

/// The layout of every table of a plan.
pub(crate) struct Layout {
    pub(crate) plan: Arc<Plan>,
    pub(crate) tables: Vec<TableLayout>,
    /// By aggregate.
    pub(crate) aggregates: Vec<AggregateRead>,
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
    /// The segments of panes; the end offset of number `k` is word `2 * half_lives.len() + k`.
    pub(crate) segments: Vec<Segment>,
    /// The lists of recents.
    pub(crate) recents: Vec<RecentsLayout>,
    /// The rings of sketches.
    pub(crate) rings: Vec<RingLayout>,
    /// Of a crossed table, the most rows of one owner.
    pub(crate) rows_max: usize,
}

/// One level of panes of one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) width: i64,
    pub(crate) window: i64,
    /// Words per pane: its index above its count in one, then the other parts.
    pub(crate) stride: usize,
    /// Bits of the count: what the largest index leaves, at least 22 for 100 ms, 40 for 6 h.
    pub(crate) count_bits: u32,
    pub(crate) parts: Parts,
    /// `2^(64 + reciprocal_shift) / width`, rounded up; 0 for a width of 1.
    reciprocal: u64,
    reciprocal_shift: u32,
}

/// `2^(64 + shift) / divisor` rounded up, and the shift: `n * reciprocal >> (64 + shift)` is `n / divisor` for every `n` below
/// 2^62 (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994). A divisor below 2 has none: 0.
fn reciprocal(divisor: i64) -> (u64, u32) {
    if divisor < 2 {
        return (0, 0);
    }
    let shift = (divisor - 1).ilog2();
    ((((1u128 << (64 + shift)) / divisor as u128) + 1) as u64, shift)
}

/// One list of recents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecentsLayout {
    pub(crate) capacity: usize,
    /// Type of the entities in it.
    pub(crate) entity: u16,
    /// If only what is newer than this span is ever read, that span.
    pub(crate) window: Option<Span>,
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
    /// Number of the segment, the accumulator, the list or the ring in the table's layout.
    pub(crate) at: usize,
}

/// What an event adds to one table.
pub(crate) struct Step {
    pub(crate) table: usize,
    /// The role whose entity owns the row.
    pub(crate) owner: usize,
    /// For a crossed table, which of the event's `crosses` is the second key part.
    pub(crate) cross: Option<usize>,
    pub(crate) streams: Vec<StreamStep>,
}

/// What an event adds to one stream.
pub(crate) struct StreamStep {
    pub(crate) filter: Option<Program>,
    pub(crate) value: StepValue,
    pub(crate) segments: Range<usize>,
    pub(crate) decays: Range<usize>,
    pub(crate) recents: Option<usize>,
    pub(crate) rings: Range<usize>,
}

/// What is collected.
pub(crate) enum StepValue {
    One,
    Number(Program),
    Role(usize),
    /// Number among the event's collections.
    Elements(usize),
}

/// Where one stream's parts stand in its table's layout.
struct Place {
    segments: Range<usize>,
    decays: Range<usize>,
    recents: Option<usize>,
    rings: Range<usize>,
}

impl Layout {
    /// The layout of all tables, with the steps of those that `in_scope` takes.
    pub(crate) fn new(plan: Arc<Plan>, in_scope: impl Fn(&Table) -> bool) -> Layout {
        let mut tables: Vec<TableLayout> = plan.tables.iter().map(TableLayout::empty).collect();
        let places: Vec<Place> = plan
            .streams
            .iter()
            .map(|stream| {
                tables[stream.table as usize].place(
                    stream,
                    recents_entity(&plan, stream),
                    counted_entity(&plan, stream),
                )
            })
            .collect();
        let aggregates = plan.aggregates.iter().map(|aggregate| {
            let stream = &plan.streams[aggregate.stream as usize];
            let at = places[aggregate.stream as usize].at(stream, aggregate.op);
            AggregateRead { table: stream.table, slot: aggregate.slot, op: aggregate.op, at }
        });
        let aggregates = aggregates.collect();
        let steps = (0..plan.events.len()).map(|event| {
            let mut steps = steps(&plan, event as u16, &places);
            steps.retain(|step| in_scope(&plan.tables[step.table]));
            steps
        });
        let steps = steps.collect();
        let fingerprint = fingerprint(&plan, &tables);
        Layout { tables, aggregates, steps, fingerprint, plan }
    }
}

impl TableLayout {
    fn empty(table: &Table) -> TableLayout {
        let rows_max = if table.for_caps { limits::CAPPED_ROWS_MAX } else { limits::CROSSED_ROWS_MAX };
        TableLayout { rows_max, ..TableLayout::default() }
    }

    /// Words before the first segment.
    pub(crate) fn header(&self) -> usize {
        2 * self.half_lives.len() + self.segments.len()
    }

    fn place(&mut self, stream: &Stream, entity: u16, counted: Option<u16>) -> Place {
        let (segments, decays, rings) = (self.segments.len(), self.half_lives.len(), self.rings.len());
        match stream.sketch {
            None => self.segments.extend(stream.panes.iter().map(|level| Segment::new(level, stream.parts))),
            Some(sketch) => self.rings.extend(stream.panes.iter().map(|level| RingLayout {
                panes: Segment::new(level, stream.parts),
                sketch,
                entity: counted,
            })),
        }
        self.half_lives.extend(&stream.half_lives);
        let recents = (stream.recents > 0).then_some(self.recents.len());
        let capacity = (stream.recents as usize).min(limits::RECENTS_MAX);
        let window = stream.recents_window;
        self.recents.extend(recents.map(|_| RecentsLayout { capacity, entity, window }));
        let (segments, decays) = (segments..self.segments.len(), decays..self.half_lives.len());
        Place { segments, decays, recents, rings: rings..self.rings.len() }
    }
}

impl Place {
    /// The part of the stream that an aggregate reads: for a window the finest level that reaches far enough.
    fn at(&self, stream: &Stream, op: AggregateOp) -> usize {
        let absent = "a plan gives every aggregate what it reads";
        match op {
            AggregateOp::Count(window)
            | AggregateOp::Sum(window)
            | AggregateOp::Mean(window)
            | AggregateOp::Min(window)
            | AggregateOp::Max(window)
            | AggregateOp::Last(window) => {
                let level = stream.panes.iter().position(|level| level.window >= window).expect(absent);
                self.segments.start + level
            }
            AggregateOp::Decayed(half_life) => {
                self.decays.start + stream.half_lives.iter().position(|known| *known == half_life).expect(absent)
            }
            AggregateOp::LastEntities(_) | AggregateOp::Seen(_) | AggregateOp::CountRecents(_) => {
                self.recents.expect(absent)
            }
            AggregateOp::Distinct(window) | AggregateOp::Quantile(_, window) | AggregateOp::TopK(_, window) => {
                let level = stream.panes.iter().position(|level| level.window >= window).expect(absent);
                self.rings.start + level
            }
        }
    }
}

impl Segment {
    fn new(level: &PaneLevel, parts: Parts) -> Segment {
        let words =
            usize::from(parts.sum) + usize::from(parts.min) + usize::from(parts.max) + 2 * usize::from(parts.last);
        let width = level.width.0.max(1);
        let count_bits = (limits::TIME_MAX_MS / width).leading_zeros();
        let (reciprocal, reciprocal_shift) = reciprocal(width);
        Segment { width, window: level.window.0, stride: 1 + words, count_bits, parts, reciprocal, reciprocal_shift }
    }

    /// Index of the pane of an instant: `time / width`, rounded down.
    pub(crate) fn pane(&self, time: Time) -> i64 {
        if self.reciprocal == 0 || !(0..=limits::TIME_MAX_MS).contains(&time.0) {
            return time.0.div_euclid(self.width);
        }
        ((time.0 as u128 * u128::from(self.reciprocal)) >> (64 + self.reciprocal_shift)) as i64
    }

    /// The index in a pane's first word.
    pub(crate) fn index(&self, word: u64) -> i64 {
        (word >> self.count_bits) as i64
    }

    /// The number of events in a pane's first word.
    pub(crate) fn count(&self, word: u64) -> u64 {
        word & ((1 << self.count_bits) - 1)
    }

    /// The first word of a pane with one event.
    pub(crate) fn first_word(&self, index: i64) -> u64 {
        (index as u64) << self.count_bits | 1
    }

    /// The oldest pane that the longest window at `now` reads.
    pub(crate) fn oldest(&self, now: Time) -> i64 {
        self.pane(now.minus(Span(self.window)))
    }

    /// Most panes that a row can hold: the window's, those of events ahead of the log, and one at either end.
    pub(crate) fn panes_max(&self) -> usize {
        ((self.window + limits::FUTURE_SKEW_MAX.0) / self.width + 3) as usize
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

fn steps(plan: &Plan, event: u16, places: &[Place]) -> Vec<Step> {
    let mut crossed = 0;
    let mut steps = Vec::new();
    for (index, table) in plan.tables.iter().enumerate() {
        let cross = table.cross.map(|_| crossed);
        crossed += usize::from(table.cross.is_some());
        let Some(owner) = owner_role(&plan.events[event as usize], table) else {
            continue;
        };
        let of_table = plan.streams.iter().zip(places).filter(|(stream, _)| stream.table as usize == index);
        let streams: Vec<StreamStep> =
            of_table.filter_map(|(stream, place)| stream_step(stream, place, event)).collect();
        if !streams.is_empty() {
            steps.push(Step { table: index, owner, cross, streams });
        }
    }
    steps
}

fn stream_step(stream: &Stream, place: &Place, event: u16) -> Option<StreamStep> {
    let nth = stream.events.iter().position(|known| *known == event)?;
    let value = match &stream.value {
        StreamValue::One => StepValue::One,
        StreamValue::Number(program) => StepValue::Number(program.clone()),
        StreamValue::Role(roles) => StepValue::Role(roles[nth] as usize),
        StreamValue::Elements(collection) => StepValue::Elements(usize::from(*collection)),
    };
    Some(StreamStep {
        filter: stream.filter.clone(),
        value,
        segments: place.segments.clone(),
        decays: place.decays.clone(),
        recents: place.recents,
        rings: place.rings.clone(),
    })
}

/// Names, keys, streams and the words of every table; BLAKE3, cut to a word.
fn fingerprint(plan: &Plan, tables: &[TableLayout]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (table, layout) in plan.tables.iter().zip(tables) {
        hasher.update(format!("{} {} {:?} {layout:?};", table.name, table.entity, table.cross).as_bytes());
    }
    for stream in &plan.streams {
        let events = stream.events.iter().map(|event| plan.events[*event as usize].name.as_str());
        let filter = stream.filter.as_ref().map(Program::text);
        let value = match &stream.value {
            StreamValue::One => "1".to_owned(),
            StreamValue::Number(program) => program.text().to_owned(),
            StreamValue::Role(roles) => format!("{roles:?}"),
            StreamValue::Elements(collection) => format!("elements {collection}"),
        };
        let events: Vec<&str> = events.collect();
        hasher.update(format!("{} {events:?} {filter:?} {value};", stream.table).as_bytes());
    }
    hasher.update(format!("{:?}", plan.collections).as_bytes());
    let hash = hasher.finalize();
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_are_the_quotient() {
        for width in [
            1,
            2,
            3,
            7,
            64,
            100,
            1_000,
            10_000,
            60_000,
            600_000,
            3_600_000,
            21_600_000,
            86_400_000,
            i64::from(i32::MAX),
        ] {
            let segment = Segment::new(&PaneLevel { width: Span(width), window: Span(width) }, Parts::default());
            let mut random = 88_172_645_463_325_252u64;
            for _ in 0..20_000 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let time = random as i64 % limits::TIME_MAX_MS;
                let near = time / width * width;
                for time in [
                    time,
                    near,
                    near - 1,
                    near + 1,
                    limits::TIME_MAX_MS,
                    limits::TIME_MAX_MS - width,
                    -1,
                    0,
                    i64::MIN,
                    i64::MAX,
                ] {
                    assert_eq!(segment.pane(Time(time)), time.div_euclid(width), "{time} / {width}");
                }
            }
        }
    }
}

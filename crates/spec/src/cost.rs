//! What streams cost: the most bytes that a row of them takes, and an estimate of the time that an event takes, from a model whose
//! constants were fitted to `cargo xtask bench windows` and `bench spine` on one core of a server of 2024. It says which of two
//! plans is dearer and by how much, not what a given machine will measure.

use crate::plan::{EventType, PaneLevel, Pattern, PatternKind, Plan, Sketch, Stream, StreamValue, Table};
use domain::limits;

/// Bytes of a row before anything is in it.
pub(crate) const ROW_BYTES: usize = 64;
/// Bytes of an empty list.
const LIST_BYTES: usize = 32;

/// Finding a row, and the memory that this waits for.
const ROW_NS: u64 = 45;
/// Making room among the panes of a level, per KiB that it may have: they are moved, and they are seldom in a cache.
const KIB_NS: u64 = 20;
/// Taking what a stream takes of an event.
const STREAM_NS: u64 = 6;
/// Asking a filter.
const FILTER_NS: u64 = 10;
/// Evaluating a value.
const VALUE_NS: u64 = 6;
/// Finding a pane, and the count in it.
const PANE_NS: u64 = 16;
/// Each further word of a pane.
const WORD_NS: u64 = 2;
/// Asking the calendar which period an instant lies in.
const CALENDAR_NS: u64 = 12;
/// A decayed accumulator.
const DECAY_NS: u64 = 14;
/// A list of the newest.
const LIST_NS: u64 = 25;
/// A value that the condition of a pattern reads.
const FACT_NS: u64 = 20;
/// A sketch of a pane.
const SKETCH_NS: u64 = 60;

/// Words of a pane beside the one with its count.
fn part_words(stream: &Stream) -> usize {
    let parts = &stream.parts;
    let words = [parts.sum, parts.min, parts.max, parts.variance, parts.first, parts.first, parts.last, parts.last];
    words.iter().filter(|kept| **kept).count()
}

/// Most panes that a row has of a level, those of events ahead of the log's time among them.
fn panes_max(level: &PaneLevel) -> usize {
    let ahead = |width: i64| (limits::FUTURE_SKEW_MAX.0 / width) as usize;
    match *level {
        PaneLevel::Sliding { width, window } => ((window.0 + limits::FUTURE_SKEW_MAX.0) / width.0) as usize + 3,
        PaneLevel::Tumbling { width, back } => usize::from(back) + ahead(width.0) + 2,
        PaneLevel::Calendar { back, .. } => usize::from(back) + 2,
        PaneLevel::Sessions { .. } => limits::SESSIONS_PER_ROW_MAX,
    }
}

/// Most bytes that a row needs for a stream: 8 per pane and partial result (16 for `first` and `last`: time and value), 24 more for
/// each session, 16 per half-life, 8 per newest time, and a quarter more for room to grow; 16 per entry of a list.
pub(crate) fn stream_bytes(stream: &Stream) -> usize {
    if let Some(sketch) = stream.sketch {
        return stream.panes.iter().map(|level| ring_bytes(sketch, level)).sum();
    }
    let head = |level: &PaneLevel| if matches!(level, PaneLevel::Sessions { .. }) { 3 } else { 1 };
    let panes = stream.panes.iter().map(|level| panes_max(level) * (head(level) + part_words(stream)));
    let pattern = if let StreamValue::Pattern(pattern) = &stream.value { pattern.kind.words() } else { 0 };
    let words = panes.sum::<usize>() + stream.panes.len() + 2 * stream.half_lives.len() + usize::from(stream.newest);
    let words = words + pattern;
    let list = if stream.recents > 0 { LIST_BYTES + 16 * usize::from(stream.recents) } else { 0 };
    10 * words + list
}

/// Most bytes of one ring of sketches: with every pane that may be there full.
fn ring_bytes(sketch: Sketch, level: &PaneLevel) -> usize {
    let pane = match sketch {
        Sketch::Distinct => limits::DISTINCT_REGISTERS.max(8 * limits::DISTINCT_EXACT_MAX),
        Sketch::Quantile => 8 * limits::QUANTILE_BUCKETS_MAX,
        Sketch::Top => 12 * limits::TOP_COUNTERS_MAX,
    };
    let panes = panes_max(level);
    limits::SKETCH_PANE_BYTES * (panes + 1) + pane * panes
}

/// Estimated nanoseconds that an event of its types takes in a stream.
pub(crate) fn stream_ns(stream: &Stream) -> u64 {
    let value = match &stream.value {
        StreamValue::One | StreamValue::Role(_) => 0,
        StreamValue::Pattern(pattern) => pattern_ns(pattern),
        _ => VALUE_NS,
    };
    let filter = if stream.filter.is_some() { FILTER_NS } else { 0 };
    let pane = |level: &PaneLevel| {
        let calendar = if matches!(level, PaneLevel::Calendar { .. }) { CALENDAR_NS } else { 0 };
        let sketch = if stream.sketch.is_some() { SKETCH_NS } else { 0 };
        let words = 1 + part_words(stream) as u64;
        let moved = if stream.sketch.is_some() { 0 } else { KIB_NS * words * panes_max(level) as u64 / 128 };
        PANE_NS + calendar + sketch + WORD_NS * (words - 1) + moved
    };
    let list = if stream.recents > 0 { LIST_NS } else { 0 };
    let decays = DECAY_NS * stream.half_lives.len() as u64;
    STREAM_NS + value + filter + stream.panes.iter().map(pane).sum::<u64>() + decays + list
}

/// Of a pattern: its filters, or twice the values that its condition reads.
fn pattern_ns(pattern: &Pattern) -> u64 {
    match &pattern.kind {
        PatternKind::Held(over) => 2 * FACT_NS * (1 + over.facts.len() as u64),
        kind => FILTER_NS * kind.steps().iter().filter(|step| step.filter.is_some()).count() as u64,
    }
}

/// Estimated nanoseconds that each event takes in all rows.
pub(crate) fn events_ns<'p>(
    events: &'p [EventType],
    tables: &[Table],
    streams: &[Stream],
) -> impl Iterator<Item = (&'p EventType, u64)> {
    events.iter().enumerate().map(move |(index, event)| {
        let of_event = |stream: &&Stream| stream.events.contains(&(index as u16));
        let rows = (0..tables.len())
            .filter(|&table| streams.iter().filter(of_event).any(|stream| usize::from(stream.table) == table));
        (event, ROW_NS * rows.count() as u64 + streams.iter().filter(of_event).map(stream_ns).sum::<u64>())
    })
}

impl Plan {
    /// The event that takes longest in all rows, with the estimated nanoseconds; of equal ones the first.
    pub fn costliest_event(&self) -> Option<(&str, u64)> {
        let all = events_ns(&self.events, &self.tables, &self.streams);
        all.reduce(|most, next| if next.1 > most.1 { next } else { most }).map(|(event, ns)| (event.name.as_str(), ns))
    }
}

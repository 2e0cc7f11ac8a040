//! What a plan costs and how exact it is, for `millrace check`.

use crate::plan::{Aggregate, AggregateOp, Feature, PaneLevel, Plan, Sketch, SlotSource, Stream, Window};
use domain::{Span, limits};
use std::fmt;

/// A plan in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Every table.
    pub tables: Vec<TableSummary>,
    /// How many streams are counted per key over all tables.
    pub streams: usize,
    /// How many slots a row of values has.
    pub slots: usize,
    /// Recall indexes kept.
    pub indexes: usize,
    /// Names of the feeds.
    pub feeds: Vec<String>,
}

/// A table in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSummary {
    /// Its name.
    pub name: String,
    /// Bytes of state that one key needs with every pane in use; most keys need far fewer.
    pub bytes_per_key: usize,
    /// Its features.
    pub features: Vec<FeatureSummary>,
}

/// A feature in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureSummary {
    /// Its name within the table.
    pub name: String,
    /// Its type.
    pub ty: String,
    /// The streams it reads, directly or through other features: indexes into `Plan::streams`, ascending.
    pub streams: Vec<u16>,
    /// Bytes of those streams per key; streams shared with other features are counted for each.
    pub bytes_per_key: usize,
    /// Longest time that a window may reach too far back: the widest pane it reads. None if it reads no window.
    pub window_error: Option<Span>,
}

impl Plan {
    /// What the plan costs and how exact it is.
    pub fn describe(&self) -> Summary {
        let tables = self.tables.iter().enumerate().map(|(index, table)| {
            let streams = self.streams.iter().filter(|stream| usize::from(stream.table) == index);
            let features = self.features.iter().filter(|feature| usize::from(feature.table) == index);
            TableSummary {
                name: table.name.clone(),
                bytes_per_key: streams.map(stream_bytes).sum(),
                features: features.map(|feature| self.describe_feature(feature)).collect(),
            }
        });
        Summary {
            tables: tables.collect(),
            streams: self.streams.len(),
            slots: self.slots.len(),
            indexes: self.indexes.len(),
            feeds: self.feeds.iter().map(|feed| feed.name.clone()).collect(),
        }
    }

    fn describe_feature(&self, feature: &Feature) -> FeatureSummary {
        let mut read = vec![false; self.aggregates.len()];
        let mut open: Vec<&Feature> = vec![feature];
        let mut done = vec![false; self.features.len()];
        while let Some(feature) = open.pop() {
            for &slot in feature.program.slots() {
                match self.slots[usize::from(slot)].source {
                    SlotSource::Aggregate(index) => read[usize::from(index)] = true,
                    SlotSource::Feature(index) if !done[usize::from(index)] => {
                        done[usize::from(index)] = true;
                        open.push(&self.features[usize::from(index)]);
                    }
                    _ => {}
                }
            }
        }
        let read: Vec<&Aggregate> =
            self.aggregates.iter().zip(&read).filter(|(_, read)| **read).map(|(a, _)| a).collect();
        let mut streams: Vec<u16> = read.iter().map(|aggregate| aggregate.stream).collect();
        streams.sort_unstable();
        streams.dedup();
        FeatureSummary {
            name: feature.name.clone(),
            ty: self.type_name(feature.program.ty()),
            bytes_per_key: streams.iter().map(|&stream| stream_bytes(&self.streams[usize::from(stream)])).sum(),
            streams,
            window_error: read.iter().filter_map(|aggregate| window_error(aggregate.op)).max(),
        }
    }

    fn type_name(&self, ty: &domain::Type) -> String {
        match ty {
            domain::Type::Entity(index) => self.entities[usize::from(*index)].name.clone(),
            domain::Type::List(of) => format!("[{}]", self.type_name(of)),
            _ => ty.to_string(),
        }
    }
}

fn window_error(op: AggregateOp) -> Option<Span> {
    match op.window() {
        Some(Window::Sliding(window)) if op.is_sketched() => Some(crate::build::sketch_pane_width(window)),
        Some(Window::Sliding(window)) => Some(crate::build::pane_width(window)),
        Some(Window::Tumbling { .. } | Window::Calendar { .. } | Window::Session(_)) => Some(Span(0)),
        None => None,
    }
}

/// Bytes that one row of a stream needs with everything in use: 8 per pane and partial result (16 for `first` and `last`: time
/// and value), 24 more for each session, 16 per half-life, 16 per entry of a list.
pub(crate) fn stream_bytes(stream: &Stream) -> usize {
    if let Some(sketch) = stream.sketch {
        return stream.panes.iter().map(|level| ring_bytes(sketch, level)).sum();
    }
    let parts = &stream.parts;
    let words = [parts.sum, parts.min, parts.max, parts.variance, parts.first, parts.first, parts.last, parts.last];
    let words = words.iter().filter(|kept| **kept).count();
    let panes = stream.panes.iter().map(|level| match *level {
        PaneLevel::Sliding { width, window } => {
            (((window.0 + limits::FUTURE_SKEW_MAX.0) / width.0) as usize + 3) * (1 + words)
        }
        PaneLevel::Tumbling { width, back } => {
            (usize::from(back) + (limits::FUTURE_SKEW_MAX.0 / width.0) as usize + 2) * (1 + words)
        }
        PaneLevel::Calendar { back, .. } => (usize::from(back) + 2) * (1 + words),
        PaneLevel::Sessions { .. } => limits::SESSIONS_PER_ROW_MAX * (3 + words),
    });
    let cells = stream.panes.len() + 2 * stream.half_lives.len() + usize::from(stream.newest);
    8 * (panes.sum::<usize>() + cells) + 16 * usize::from(stream.recents)
}

/// Most bytes of one ring of sketches: with every pane that may be there full, those of events ahead of the log's time among them.
fn ring_bytes(sketch: Sketch, level: &PaneLevel) -> usize {
    let pane = match sketch {
        Sketch::Distinct => limits::DISTINCT_REGISTERS.max(8 * limits::DISTINCT_EXACT_MAX),
        Sketch::Quantile => 8 * limits::QUANTILE_BUCKETS_MAX,
        Sketch::Top => 12 * limits::TOP_COUNTERS_MAX,
    };
    let panes = match *level {
        PaneLevel::Sliding { width, window } => ((window.0 + limits::FUTURE_SKEW_MAX.0) / width.0) as usize + 3,
        PaneLevel::Tumbling { width, back } => usize::from(back) + (limits::FUTURE_SKEW_MAX.0 / width.0) as usize + 2,
        PaneLevel::Calendar { back, .. } => usize::from(back) + 2,
        // The spec has none.
        PaneLevel::Sessions { .. } => limits::SESSIONS_PER_ROW_MAX,
    };
    limits::SKETCH_PANE_BYTES * (panes + 1) + pane * panes
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            writeln!(f, "{}: at most {} bytes per key", table.name, table.bytes_per_key)?;
            for feature in &table.features {
                write!(f, "  {}: {}, {} bytes", feature.name, feature.ty, feature.bytes_per_key)?;
                match feature.window_error {
                    Some(error) => writeln!(f, ", windows exact to {error}")?,
                    None => writeln!(f)?,
                }
            }
        }
        let Summary { streams, slots, indexes, .. } = self;
        writeln!(f, "{streams} streams, {slots} slots, {indexes} indexes; feeds: {}", self.feeds.join(", "))
    }
}

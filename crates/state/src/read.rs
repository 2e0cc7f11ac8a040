//! The value of an aggregate over one row at an instant.

use crate::layout::{AggregateRead, Segment, TableLayout};
use crate::row::{Row, decay};
use domain::{Span, Time, Value};
use spec::plan::{AggregateOp, Parts};

/// An aggregate to be read at an instant: what is the same for every row, worked out once.
pub(crate) struct ReadAt<'l> {
    layout: &'l TableLayout,
    read: &'l AggregateRead,
    now: Time,
    /// First and last pane of the window.
    panes: (i64, i64),
    /// Whether it counts in panes that hold nothing else.
    counts: bool,
}

impl<'l> ReadAt<'l> {
    /// This aggregate at this instant.
    pub(crate) fn new(layout: &'l TableLayout, read: &'l AggregateRead, now: Time) -> ReadAt<'l> {
        let panes = match read.op {
            AggregateOp::Count(window)
            | AggregateOp::Sum(window)
            | AggregateOp::Mean(window)
            | AggregateOp::Min(window)
            | AggregateOp::Max(window)
            | AggregateOp::Last(window) => {
                let segment = &layout.segments[read.at];
                (segment.pane(now.minus(window)), segment.pane(now))
            }
            AggregateOp::Distinct(window) | AggregateOp::Quantile(_, window) | AggregateOp::TopK(_, window) => {
                let panes = &layout.rings[read.at].panes;
                (panes.pane(now.minus(window)), panes.pane(now))
            }
            AggregateOp::Decayed(_)
            | AggregateOp::LastEntities(_)
            | AggregateOp::Seen(_)
            | AggregateOp::CountRecents(_) => (0, 0),
        };
        let counts = matches!(read.op, AggregateOp::Count(_)) && layout.segments[read.at].stride == 1;
        ReadAt { layout, read, now, panes, counts }
    }

    /// The slot that its value is for.
    pub(crate) fn slot(&self) -> usize {
        usize::from(self.read.slot)
    }

    /// Writes the value for a row into a slot. Floats go there directly: a value that comes back in memory is copied in one piece
    /// right after its parts were written, and processors wait for that.
    #[inline]
    pub(crate) fn write(&self, row: Option<&Row>, slot: &mut Value) {
        match self.float(row) {
            Some(float) => *slot = Value::Float(float),
            None => *slot = self.value(row),
        }
    }

    /// The value, if it is a count in panes that hold nothing else or a decayed sum; none where that has overflowed.
    #[inline]
    fn float(&self, row: Option<&Row>) -> Option<f64> {
        if self.counts {
            let (first, last) = self.panes;
            return Some(row.map_or(0, |row| row.count_in(self.layout, self.read.at, first, last)) as f64);
        }
        let AggregateOp::Decayed(half_life) = self.read.op else { return None };
        let (sum, since) = row.map_or((0.0, Time(0)), |row| row.decayed(self.read.at));
        let left = if sum == 0.0 { 0.0 } else { sum * decay(self.now.since(since), half_life) };
        left.is_finite().then_some(left)
    }

    /// The value for a row, or for one that does not exist. `seen` reads the candidate and has none here.
    pub(crate) fn value(&self, row: Option<&Row>) -> Value {
        let op = self.read.op;
        if let Some(float) = self.float(row) {
            return Value::Float(float);
        }
        let Some(row) = row.filter(|row| !row.is_unused()) else {
            return absent(op);
        };
        match op {
            AggregateOp::LastEntities(count) => {
                let newest = row.recents(self.read.at).take(count as usize);
                Value::List(newest.map(|recent| Value::Entity(recent.entity)).collect())
            }
            AggregateOp::Decayed(_) | AggregateOp::Seen(_) => Value::Missing,
            AggregateOp::CountRecents(window) => {
                let after = self.now.minus(window);
                Value::Float(row.recents(self.read.at).take_while(|recent| recent.time > after).count() as f64)
            }
            AggregateOp::Distinct(_) | AggregateOp::Quantile(..) | AggregateOp::TopK(..) => {
                row.sketched(self.layout, self.read.at, op, self.panes)
            }
            _ => self.windowed(row),
        }
    }

    /// Folds the panes of the window in ascending order.
    fn windowed(&self, row: &Row) -> Value {
        let ReadAt { layout, read, panes: (first, last), .. } = *self;
        let segment = &layout.segments[read.at];
        let panes = row.panes_in(layout, read.at, first, last);
        if panes.is_empty() {
            return absent(read.op);
        }
        let at = Offsets::of(segment.parts);
        let each = panes.chunks_exact(segment.stride);
        let count = || each.clone().map(|pane| segment.count(pane[0])).sum::<u64>();
        let sum = || each.clone().fold(0.0, |sum, pane| sum + f64::from_bits(pane[at.sum]));
        match read.op {
            AggregateOp::Count(_) => Value::Float(count() as f64),
            AggregateOp::Sum(_) => finite(sum()),
            AggregateOp::Mean(_) => finite(sum() / count() as f64),
            AggregateOp::Min(_) => finite(
                each.map(|pane| f64::from_bits(pane[at.min])).fold(f64::INFINITY, |a, b| if b < a { b } else { a }),
            ),
            AggregateOp::Max(_) => finite(
                each.map(|pane| f64::from_bits(pane[at.max])).fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a }),
            ),
            _ => panes
                .rchunks_exact(segment.stride)
                .next()
                .map_or(Value::Missing, |pane| Value::Float(f64::from_bits(pane[at.last + 1]))),
        }
    }
}

/// The value of one aggregate for one row.
pub(crate) fn value(row: Option<&Row>, layout: &TableLayout, read: &AggregateRead, now: Time) -> Value {
    ReadAt::new(layout, read, now).value(row)
}

/// The value where nothing was ever collected.
fn absent(op: AggregateOp) -> Value {
    match op {
        AggregateOp::Count(_)
        | AggregateOp::Sum(_)
        | AggregateOp::Decayed(_)
        | AggregateOp::CountRecents(_)
        | AggregateOp::Distinct(_) => Value::Float(0.0),
        AggregateOp::LastEntities(_) | AggregateOp::TopK(..) => Value::List([].into()),
        _ => Value::Missing,
    }
}

/// A number, or `Missing` if it overflowed.
fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::Missing }
}

/// Where in a pane each part stands.
struct Offsets {
    sum: usize,
    min: usize,
    max: usize,
    last: usize,
}

impl Offsets {
    fn of(parts: Parts) -> Offsets {
        let sum = 1;
        let min = sum + usize::from(parts.sum);
        let max = min + usize::from(parts.min);
        Offsets { sum, min, max, last: max + usize::from(parts.max) }
    }
}

/// The earliest instant after `now` at which a window's value may change by time alone.
pub(crate) fn next_change(row: &Row, layout: &TableLayout, read: &AggregateRead, now: Time) -> Option<Time> {
    let window = match read.op {
        AggregateOp::Count(window)
        | AggregateOp::Sum(window)
        | AggregateOp::Mean(window)
        | AggregateOp::Min(window)
        | AggregateOp::Max(window)
        | AggregateOp::Last(window) => window,
        AggregateOp::Distinct(window) | AggregateOp::Quantile(_, window) | AggregateOp::TopK(_, window) => {
            let first = |first, last| row.first_sketch(read.at, (first, last));
            return next_pane_change(&layout.rings[read.at].panes, window, now, first);
        }
        AggregateOp::Decayed(_)
        | AggregateOp::LastEntities(_)
        | AggregateOp::Seen(_)
        | AggregateOp::CountRecents(_) => return None,
    };
    let segment = &layout.segments[read.at];
    let first = |from, to| row.panes_in(layout, read.at, from, to).first().map(|word| segment.index(*word));
    next_pane_change(segment, window, now, first)
}

/// When the next pane leaves or enters a window; `first` is the first pane there is from one index to another.
fn next_pane_change(
    segment: &Segment,
    window: Span,
    now: Time,
    first: impl Fn(i64, i64) -> Option<i64>,
) -> Option<Time> {
    let current = segment.pane(now);
    let leaves = first(segment.pane(now.minus(window)), current)
        .map(|pane| Time((pane + 1).saturating_mul(segment.width)).plus(window));
    let enters = first(current + 1, i64::MAX - 1).map(|pane| Time(pane.saturating_mul(segment.width)));
    leaves.into_iter().chain(enters).min()
}

//! The value of an aggregate over one row at an instant.

use crate::layout::{AggregateRead, Grid, Segment, Simple, TableLayout};
use crate::row::{Moments, Row, decay};
use domain::{Span, Time, Value, limits};
use expr::Column;
use spec::plan::{AggregateOp, Window};

/// An aggregate to be read at an instant: what is the same for every row, worked out once.
pub(crate) struct ReadAt<'l> {
    layout: &'l TableLayout,
    read: &'l AggregateRead,
    now: Time,
    /// First and last pane of the window.
    panes: (i64, i64),
}

impl<'l> ReadAt<'l> {
    /// This aggregate at this instant.
    #[inline]
    pub(crate) fn new(layout: &'l TableLayout, read: &'l AggregateRead, now: Time) -> ReadAt<'l> {
        match (read.simple, read.window) {
            (Some(_), Some(Window::Sliding(window))) => {
                let segment = &layout.segments[read.at];
                ReadAt { layout, read, now, panes: (segment.pane(now.minus(window)), segment.pane(now)) }
            }
            _ => ReadAt::of_any(layout, read, now),
        }
    }

    fn of_any(layout: &'l TableLayout, read: &'l AggregateRead, now: Time) -> ReadAt<'l> {
        let panes = read.window.map_or((0, 0), |window| panes_of(layout, read).panes_of(window, now));
        let panes = match read.op {
            AggregateOp::StreakPeriods(_) => (panes.0, layout.segments[read.at].pane(now)),
            _ => panes,
        };
        ReadAt { layout, read, now, panes }
    }

    /// The slot that its value is for.
    pub(crate) fn slot(&self) -> usize {
        usize::from(self.read.slot)
    }

    /// Writes the value for a row into a slot. Floats go there directly: a value that comes back in memory is copied in one piece
    /// right after its parts were written, and processors wait for that.
    #[inline]
    pub(crate) fn write(&self, row: Option<&Row>, slot: &mut Value) {
        match row.and_then(|row| self.simple(row)).or_else(|| self.float(row)) {
            Some(float) => *slot = Value::Float(float),
            None => *slot = self.value(row),
        }
    }

    /// What it adds up of panes, if there are any and it has not overflowed.
    #[inline(always)]
    fn simple(&self, row: &Row) -> Option<f64> {
        let of = self.read.simple?;
        let segment = &self.layout.segments[self.read.at];
        let panes = row.panes_in(self.layout, self.read.at, self.panes.0, self.panes.1);
        if of == Simple::Count {
            // They lie side by side: compilers add several at once.
            return Some(panes.iter().map(|pane| segment.count(*pane)).sum::<u64>() as f64);
        }
        let (sum, count) = sum_and_count(segment, panes, |pane| segment.count(pane[0]));
        let value = if of == Simple::Mean { sum / count as f64 } else { sum };
        (value.is_finite() && !panes.is_empty()).then_some(value)
    }

    /// Writes the values for the rows of a block into a column of the value's type.
    pub(crate) fn write_block(&self, rows: &[Option<&Row>], column: &mut Column) {
        match column.floats_mut() {
            // Whether it is a count or a decayed sum does not change from row to row: compilers choose once.
            Some(lane) if self.read.simple == Some(Simple::Count) => {
                rows.iter().zip(0..).for_each(|(row, at)| lane.set(at, self.float(*row)))
            }
            Some(lane) if matches!(self.read.op, AggregateOp::Decayed(_)) => {
                rows.iter().zip(0..).for_each(|(row, at)| lane.set(at, self.float(*row)));
            }
            _ => rows.iter().zip(0..).for_each(|(row, at)| column.set(at, &self.value(*row))),
        }
    }

    /// The value, if it is a count in panes that hold nothing else or a decayed sum; none where that has overflowed.
    #[inline]
    fn float(&self, row: Option<&Row>) -> Option<f64> {
        if self.read.simple == Some(Simple::Count) {
            return Some(row.and_then(|row| self.simple(row)).unwrap_or(0.0));
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
            return op.over_nothing();
        };
        match op {
            AggregateOp::TimeSince => match row.newest(self.layout, self.read.at) {
                Some(newest) => Value::Span(Span(self.now.since(newest).0.max(0))),
                None => Value::Missing,
            },
            AggregateOp::LastEntities(count) | AggregateOp::LastValues(count) => {
                let of = self.layout.recents[self.read.at].of;
                let newest = row.recents(self.read.at).take(count as usize);
                Value::List(newest.map(|recent| of.value(recent.bits)).collect())
            }
            AggregateOp::StreakEvents => {
                let newest = row.recents(self.read.at).take(limits::STREAK_EVENTS_MAX.into());
                Value::Float(newest.take_while(|recent| recent.bits != 0).count() as f64)
            }
            AggregateOp::Pattern => Value::Bool(row.has_pattern(self.layout, self.read.at, self.now)),
            AggregateOp::StreakPeriods(_) => Value::Float(self.streak(row) as f64),
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

    /// How many panes with consecutive numbers end with the current one or the one before it.
    fn streak(&self, row: &Row) -> u64 {
        let ReadAt { layout, read, panes: (oldest, newest), .. } = *self;
        let segment = &layout.segments[read.at];
        let panes = row.panes_in(layout, read.at, oldest, newest);
        let mut numbers = panes.rchunks_exact(segment.stride).map(|pane| segment.index(pane[0])).peekable();
        let Some(&last) = numbers.peek().filter(|last| **last >= newest - 1) else { return 0 };
        let streak = numbers.zip(0i64..).take_while(|(number, place)| *number == last - place).count();
        streak.min(limits::STREAK_PERIODS_MAX.into()) as u64
    }

    /// Folds the panes of the window in ascending order.
    fn windowed(&self, row: &Row) -> Value {
        let ReadAt { layout, read, panes: (first, last), .. } = *self;
        let segment = &layout.segments[read.at];
        if let Some(Window::Session(gap)) = read.window {
            let session = row.session(layout, read.at, gap, self.now).filter(|(count, _)| *count > 0);
            return session
                .map_or(read.op.over_nothing(), |(count, session)| folded(read.op, segment, session, |_| count));
        }
        let panes = row.panes_in(layout, read.at, first, last);
        if panes.is_empty() {
            return read.op.over_nothing();
        }
        folded(read.op, segment, panes, |pane| segment.count(pane[0]))
    }
}

/// The panes that an aggregate over a window reads.
fn panes_of<'l>(layout: &'l TableLayout, read: &AggregateRead) -> &'l Segment {
    if read.op.is_sketched() { &layout.rings[read.at].panes } else { &layout.segments[read.at] }
}

/// The sum over panes, in ascending order, and how many events they hold.
#[inline]
fn sum_and_count(segment: &Segment, panes: &[u64], count_of: impl Fn(&[u64]) -> u64) -> (f64, u64) {
    if segment.stride == 2 {
        let each = panes.as_chunks::<2>().0.iter();
        return each.fold((0.0, 0), |(sum, count), pane| (sum + f64::from_bits(pane[1]), count + count_of(pane)));
    }
    let each = panes.chunks_exact(segment.stride);
    each.fold((0.0, 0), |(sum, count), pane| (sum + f64::from_bits(pane[segment.at.sum]), count + count_of(pane)))
}

/// Folds panes, at least one, in ascending order.
fn folded(op: AggregateOp, segment: &Segment, panes: &[u64], count_of: impl Fn(&[u64]) -> u64) -> Value {
    let at = segment.at;
    let each = panes.chunks_exact(segment.stride);
    let float = |pane: &[u64], at: usize| f64::from_bits(pane[at]);
    let count = || each.clone().map(&count_of).sum::<u64>();
    let sum_and_count = || sum_and_count(segment, panes, &count_of);
    let variance = || {
        let of = |pane: &[u64]| Moments {
            count: count_of(pane),
            sum: float(pane, at.sum),
            squares: float(pane, at.variance),
        };
        each.clone().fold(Moments::default(), |all, pane| all.join(of(pane))).variance()
    };
    let least = |best: f64, pane: &[u64]| if float(pane, at.min) < best { float(pane, at.min) } else { best };
    let most = |best: f64, pane: &[u64]| if float(pane, at.max) > best { float(pane, at.max) } else { best };
    match op {
        AggregateOp::Count(_) => Value::Float(count() as f64),
        AggregateOp::Rate(window) => Value::Float(count() as f64 / (window.0 as f64 / 1_000.0)),
        AggregateOp::Sum(_) => finite(sum_and_count().0),
        AggregateOp::Mean(_) => {
            let (sum, count) = sum_and_count();
            finite(sum / count as f64)
        }
        AggregateOp::Var(_) => variance().map_or(Value::Missing, finite),
        AggregateOp::Stddev(_) => variance().map_or(Value::Missing, |variance| finite(variance.sqrt())),
        AggregateOp::Min(_) => finite(each.fold(f64::INFINITY, least)),
        AggregateOp::Max(_) => finite(each.fold(f64::NEG_INFINITY, most)),
        AggregateOp::First(_) => Value::Float(float(panes, at.first + 1)),
        _ => finite(float(&panes[panes.len() - segment.stride..], at.last + 1)),
    }
}

/// The value of one aggregate for one row.
pub(crate) fn value(row: Option<&Row>, layout: &TableLayout, read: &AggregateRead, now: Time) -> Value {
    ReadAt::new(layout, read, now).value(row)
}

/// A number, or `Missing` if it overflowed.
fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::Missing }
}

/// The earliest instant after `now` at which a window's value may change by time alone.
pub(crate) fn next_change(row: &Row, layout: &TableLayout, read: &AggregateRead, now: Time) -> Option<Time> {
    if read.op == AggregateOp::Pattern {
        return row.pattern_change(layout, read.at, now);
    }
    let window = read.window?;
    let segment = panes_of(layout, read);
    let current = segment.pane(now);
    let first = |from, to| match read.op.is_sketched() {
        true => row.first_sketch(read.at, (from, to)),
        false => row.panes_in(layout, read.at, from, to).first().map(|word| segment.index(*word)),
    };
    match (&segment.grid, window) {
        (Grid::Sliding { width, .. }, Window::Sliding(window)) => {
            let leaves = first(segment.pane(now.minus(window)), current)
                .map(|pane| Time((pane + 1).saturating_mul(*width)).plus(window));
            let enters = first(current + 1, i64::MAX - 1).map(|pane| Time(pane.saturating_mul(*width)));
            leaves.into_iter().chain(enters).min()
        }
        (Grid::Sliding { width, .. }, Window::Tumbling { back, .. }) => {
            let next = Time((current + 1).saturating_mul(*width));
            first(current - i64::from(back) - 1, i64::MAX - 1).map(|_| next)
        }
        (Grid::Calendar { periods, back, .. }, _) => {
            first(current - back - 1, i64::MAX - 1).map(|_| periods.next_start(now))
        }
        (Grid::Sessions { gap }, _) => {
            let ends = row.session(layout, read.at, *gap, now).map(|(_, session)| Time(session[1] as i64).plus(*gap));
            let begins = first(now.0.saturating_add(1), i64::MAX - 1).map(Time);
            ends.map(|end| end.plus(Span(1))).into_iter().chain(begins).min()
        }
        _ => None,
    }
}

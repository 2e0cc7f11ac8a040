//! One level of panes of one stream: which pane an instant belongs to, and where a pane keeps what.

use domain::{Periods, Span, Time, limits};
use spec::Plan;
use spec::plan::{PaneLevel, Parts, Window};

/// One level of panes of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) grid: Grid,
    /// Words per pane: its index above its count in one, then the other parts. Of a session: start, end and count in three.
    pub(crate) stride: usize,
    /// Bits of the count: what the largest index leaves, at least 22 for 100 ms, 40 for 6 h.
    pub(crate) count_bits: u32,
    pub(crate) parts: Parts,
    /// Where in a pane each part stands.
    pub(crate) at: Offsets,
}

/// How time is cut into panes.
#[derive(Clone, Debug)]
pub(crate) enum Grid {
    /// In panes of one width, of which the longest window takes so much.
    Sliding {
        width: i64,
        window: i64,
        /// `2^(64 + shift) / width`, rounded up; 0 for a width of 1.
        reciprocal: u64,
        shift: u32,
    },
    /// By the calendar; the current period is read and so many before it.
    Calendar { periods: Periods, back: i64 },
    /// By the events themselves: no two of a session are further apart.
    Sessions { gap: Span },
}

/// Where in a pane each part stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets {
    pub(crate) sum: usize,
    pub(crate) variance: usize,
    pub(crate) min: usize,
    pub(crate) max: usize,
    /// Time, then value.
    pub(crate) first: usize,
    /// Time, then value.
    pub(crate) last: usize,
    end: usize,
}

/// Words of a session before its parts: when its first event happened, its last, how many there were that count.
pub(crate) const SESSION_HEAD: usize = 3;
/// Bits of the count of a calendar period: what the number of the last hour of the year 9999 leaves.
const CALENDAR_COUNT_BITS: u32 = 36;

/// `2^(64 + shift) / divisor` rounded up, and the shift: `n * reciprocal >> (64 + shift)` is `n / divisor` for every `n` below
/// 2^62 (Granlund and Montgomery, "Division by invariant integers using multiplication", 1994). A divisor below 2 has none: 0.
fn reciprocal(divisor: i64) -> (u64, u32) {
    if divisor < 2 {
        return (0, 0);
    }
    let shift = (divisor - 1).ilog2();
    ((((1u128 << (64 + shift)) / divisor as u128) + 1) as u64, shift)
}

/// Bits of a count beside the largest index of panes of this width.
fn count_bits(width: Span) -> u32 {
    (limits::TIME_MAX_MS / width.0.max(1)).leading_zeros()
}

impl Grid {
    fn sliding(width: Span, window: Span) -> Grid {
        let width = width.0.max(1);
        let (reciprocal, shift) = reciprocal(width);
        Grid::Sliding { width, window: window.0, reciprocal, shift }
    }
}

impl Offsets {
    fn new(head: usize, parts: Parts) -> Offsets {
        let sum = head;
        let variance = sum + usize::from(parts.sum);
        let min = variance + usize::from(parts.variance);
        let max = min + usize::from(parts.min);
        let first = max + usize::from(parts.max);
        let last = first + 2 * usize::from(parts.first);
        Offsets { sum, variance, min, max, first, last, end: last + 2 * usize::from(parts.last) }
    }
}

impl Segment {
    pub(crate) fn new(plan: &Plan, level: &PaneLevel, parts: Parts) -> Segment {
        let (grid, count_bits, head) = match *level {
            PaneLevel::Sliding { width, window } => (Grid::sliding(width, window), count_bits(width), 1),
            PaneLevel::Tumbling { width, back } => {
                let window = Span(width.0.saturating_mul(back.into()));
                (Grid::sliding(width, window), count_bits(width), 1)
            }
            PaneLevel::Calendar { calendar, back } => {
                let periods = plan.calendars[usize::from(calendar)].periods.clone();
                (Grid::Calendar { periods, back: i64::from(back) }, CALENDAR_COUNT_BITS, 1)
            }
            PaneLevel::Sessions { gap } => (Grid::Sessions { gap }, 0, SESSION_HEAD),
        };
        let at = Offsets::new(head, parts);
        Segment { grid, stride: at.end, count_bits, parts, at }
    }

    /// Index of the pane of an instant: `time / width`, rounded down, or the number of the calendar period. A session's index is the
    /// time of its first event, so an instant is its own.
    #[inline]
    pub(crate) fn pane(&self, time: Time) -> i64 {
        match &self.grid {
            &Grid::Sliding { width, reciprocal, shift, .. } => {
                if reciprocal == 0 || !(0..=limits::TIME_MAX_MS).contains(&time.0) {
                    return time.0.div_euclid(width);
                }
                (((time.0 as u128 * u128::from(reciprocal)) >> 64) as u64 >> shift) as i64
            }
            Grid::Calendar { periods, .. } => periods.number(time),
            Grid::Sessions { .. } => time.0,
        }
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

    /// The oldest pane that the longest window at `now` reads. Sessions are kept however old: which of them give way depends on
    /// nothing but the events.
    pub(crate) fn oldest(&self, now: Time) -> i64 {
        match &self.grid {
            Grid::Sliding { window, .. } => self.pane(now.minus(Span(*window))),
            Grid::Calendar { periods, back, .. } => periods.number(now) - back,
            Grid::Sessions { .. } => 0,
        }
    }

    /// Whether no read at `now` or later sees the pane of an instant.
    #[inline]
    pub(crate) fn is_past(&self, time: Time, now: Time) -> bool {
        match &self.grid {
            // No instant that a window holds stands in a pane before its first.
            Grid::Sliding { window, .. } if time >= now.minus(Span(*window)) => false,
            _ => self.pane(time) < self.oldest(now),
        }
    }

    /// First and last pane of a window at `now`.
    #[inline]
    pub(crate) fn panes_of(&self, window: Window, now: Time) -> (i64, i64) {
        match window {
            Window::Sliding(window) => (self.pane(now.minus(window)), self.pane(now)),
            Window::Tumbling { back, .. } | Window::Calendar { back, .. } => {
                let period = self.pane(now) - i64::from(back);
                (period, period)
            }
            Window::Session(_) => (0, now.0),
        }
    }

    /// Most panes that a row can hold: the window's, those of events ahead of the log, and one at either end.
    pub(crate) fn panes_max(&self) -> usize {
        match &self.grid {
            Grid::Sliding { width, window, .. } => ((window + limits::FUTURE_SKEW_MAX.0) / width + 3) as usize,
            Grid::Calendar { back, .. } => *back as usize + 2,
            Grid::Sessions { .. } => limits::SESSIONS_PER_ROW_MAX,
        }
    }

    /// Whether a read at `now` or later could see anything of a segment whose newest pane is this. Of sessions: whether an event
    /// that is late by a gap at most could still join it.
    pub(crate) fn is_live(&self, newest: &[u64], now: Time) -> bool {
        match &self.grid {
            Grid::Sessions { gap } => Time(newest[1] as i64) >= now.minus(*gap).minus(*gap),
            _ => self.index(newest[0]) >= self.oldest(now),
        }
    }

    /// Whether panes from a file have the form that they would have here, beside the order of their first words.
    pub(crate) fn are_sound(&self, panes: &[u64]) -> bool {
        let Grid::Sessions { gap } = &self.grid else { return true };
        let times = |session: &[u64]| (session[0] as i64, session[1] as i64);
        let each = panes.chunks_exact(self.stride).map(times);
        let apart =
            each.clone().zip(each.clone().skip(1)).all(|((_, end), (start, _))| start > end.saturating_add(gap.0));
        apart
            && each.clone().all(|(start, end)| {
                (0..=limits::TIME_MAX_MS).contains(&start) && (start..=limits::TIME_MAX_MS).contains(&end)
            })
    }

    /// Whether time is cut alike: panes of one are panes of the other, but for how far back they are kept.
    pub(crate) fn is_alike(&self, other: &Segment) -> bool {
        match (&self.grid, &other.grid) {
            (Grid::Sliding { width, .. }, Grid::Sliding { width: other, .. }) => width == other,
            (Grid::Calendar { periods, .. }, Grid::Calendar { periods: other, .. }) => {
                format!("{periods:?}") == format!("{other:?}")
            }
            (Grid::Sessions { gap }, Grid::Sessions { gap: other }) => gap == other,
            _ => false,
        }
    }

    /// Appends a pane of `from`, a level that is cut alike and keeps all that this one does.
    pub(crate) fn put_carried(&self, from: &Segment, pane: &[u64], out: &mut Vec<u64>) {
        let head = out.len();
        out.extend_from_slice(&pane[..from.at.sum]);
        out.resize(head + self.stride, 0);
        let words = &mut out[head..];
        let (parts, to, at) = (self.parts, self.at, from.at);
        let each = [
            (parts.sum, to.sum, at.sum, 1),
            (parts.variance, to.variance, at.variance, 1),
            (parts.min, to.min, at.min, 1),
            (parts.max, to.max, at.max, 1),
            (parts.first, to.first, at.first, 2),
            (parts.last, to.last, at.last, 2),
        ];
        for (_, to, at, words_of) in each.into_iter().filter(|(kept, ..)| *kept) {
            words[to..to + words_of].copy_from_slice(&pane[at..at + words_of]);
        }
    }

    /// Whether its entries are sessions.
    pub(crate) fn is_sessions(&self) -> bool {
        matches!(self.grid, Grid::Sessions { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_are_the_quotient() {
        let plan = spec::compile("empty.yaml", "version: 1\n").expect("an empty spec is right");
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
            let level = PaneLevel::Sliding { width: Span(width), window: Span(width) };
            let segment = Segment::new(&plan, &level, Parts::default());
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

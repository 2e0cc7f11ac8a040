//! Words of patterns in a row: times in milliseconds and one more, or 0 for none. How events move them is what docs/spec.md says of
//! `seq`, `absent` and `held`.

use super::Row;
use crate::carry::Between;
use crate::layout::{PatternLayout, PatternOf, TableLayout};
use crate::read::next_change;
use domain::{Span, Time};

/// The bit of an event of a run that does not meet the condition; the others are numbers of steps.
pub(crate) const FAILS: u64 = 1 << 63;

fn word(time: Time) -> u64 {
    time.0.max(0) as u64 + 1
}

fn time(word: u64) -> Option<Time> {
    word.checked_sub(1).map(|time| Time(time as i64))
}

impl Row {
    fn pattern(&self, layout: &TableLayout, of: &PatternLayout) -> &[u64] {
        let start = layout.patterns_at() + of.at;
        self.words.get(start..start + of.words).unwrap_or_default()
    }

    fn pattern_mut(&mut self, layout: &TableLayout, of: &PatternLayout) -> &mut [u64] {
        let start = layout.patterns_at() + of.at;
        &mut self.words[start..start + of.words]
    }

    /// An event that is these steps of a pattern, a bit each, happened at a time.
    pub(crate) fn take_steps(&mut self, layout: &TableLayout, at: usize, steps: u64, time: Time) {
        let of = &layout.patterns[at];
        let words = self.pattern_mut(layout, of);
        match of.kind {
            PatternOf::Sequence => take_sequence(words, steps, word(time)),
            PatternOf::Absence => take_absence(words, steps, word(time)),
            PatternOf::Run if steps & FAILS != 0 => words[0] = 0,
            PatternOf::Run if words[0] == 0 => words[0] = word(time),
            PatternOf::Run | PatternOf::Held(_) => {}
        }
    }

    /// Right before an event that a held condition counts: what does not hold any more is over.
    pub(crate) fn judge_before(&mut self, layout: &TableLayout, at: usize, now: Time) {
        let of = &layout.patterns[at];
        let PatternOf::Held(held) = &of.kind else { return };
        let is_over =
            self.pattern(layout, of).first().is_some_and(|since| *since != 0) && !held.holds(Some(self), layout, now);
        if is_over {
            self.pattern_mut(layout, of)[0] = 0;
        }
    }

    /// Right after it: what holds and did not begins now.
    pub(crate) fn judge_after(&mut self, layout: &TableLayout, at: usize, now: Time) {
        let of = &layout.patterns[at];
        let PatternOf::Held(held) = &of.kind else { return };
        let holds = held.holds(Some(self), layout, now);
        let since = &mut self.pattern_mut(layout, of)[0];
        *since = match (holds, *since) {
            (false, _) => 0,
            (true, 0) => word(now),
            (true, since) => since,
        };
    }

    /// Whether a pattern is there at an instant.
    pub(crate) fn has_pattern(&self, layout: &TableLayout, at: usize, now: Time) -> bool {
        let of = &layout.patterns[at];
        match &of.kind {
            PatternOf::Sequence => {
                let start = self.pattern(layout, of).last().and_then(|start| time(*start));
                start.is_some_and(|start| start > now.minus(of.span))
            }
            PatternOf::Absence | PatternOf::Run => self.pattern_due(layout, at).is_some_and(|due| due <= now),
            PatternOf::Held(held) => {
                self.pattern_due(layout, at).is_some_and(|due| due <= now) && held.holds(Some(self), layout, now)
            }
        }
    }

    /// When a pattern comes true by time alone, or has.
    pub(crate) fn pattern_due(&self, layout: &TableLayout, at: usize) -> Option<Time> {
        let of = &layout.patterns[at];
        let since = self.pattern(layout, of).first().filter(|_| of.is_timed())?;
        time(*since).map(|since| since.plus(of.span))
    }

    /// The earliest instant after `now` at which a pattern may change by time alone.
    pub(crate) fn pattern_change(&self, layout: &TableLayout, at: usize, now: Time) -> Option<Time> {
        let of = &layout.patterns[at];
        let ends = match &of.kind {
            PatternOf::Sequence => {
                self.pattern(layout, of).last().and_then(|start| time(*start)).map(|start| start.plus(of.span))
            }
            _ => self.pattern_due(layout, at),
        };
        let condition = match &of.kind {
            PatternOf::Held(held) => held.reads().filter_map(|read| next_change(self, layout, read, now)).min(),
            _ => None,
        };
        ends.filter(|end| *end > now).into_iter().chain(condition).min()
    }

    /// The words of a pattern without what no read at `now` or later can see.
    pub(super) fn pattern_seen<'r>(
        &'r self,
        layout: &TableLayout,
        of: &PatternLayout,
        now: Time,
    ) -> impl Iterator<Item = u64> + use<'r> {
        let is_sequence = matches!(of.kind, PatternOf::Sequence);
        let oldest = word(now.minus(of.span).plus(Span(1)));
        let words = self.pattern(layout, of);
        words.iter().map(move |word| if is_sequence && *word < oldest { 0 } else { *word })
    }

    /// Takes over the patterns that go on.
    pub(super) fn carry_patterns(&self, between: &Between<'_>, row: &mut Row) {
        let Between { old, new, of, .. } = between;
        for (to, from) in new.patterns.iter().zip(&of.patterns) {
            let from = from.map(|from| self.pattern(old, &old.patterns[from])).filter(|words| words.len() == to.words);
            if let Some(words) = from {
                row.pattern_mut(new, to).copy_from_slice(words);
            }
        }
    }
}

/// Each step goes on from the newest start of the steps before it, unless it happened before that. Last steps first, so that an event
/// is one step of a chain at most.
fn take_sequence(starts: &mut [u64], steps: u64, time: u64) {
    for step in (0..starts.len()).rev().filter(|step| steps & (1 << step) != 0) {
        let start = if step == 0 { time } else { starts[step - 1] };
        if start != 0 && time >= start {
            starts[step] = starts[step].max(start);
        }
    }
}

/// What is awaited answers first: an event that is both answers those before it and waits itself.
fn take_absence(words: &mut [u64], steps: u64, time: u64) {
    let [since, newest, answer] = words else { return };
    if steps & 0b10 != 0 {
        *answer = (*answer).max(time);
        if *since != 0 && *since <= time {
            *since = if *newest > time { *newest } else { 0 };
        }
    }
    if steps & 0b01 != 0 && time >= *answer {
        *newest = (*newest).max(time);
        *since = if *since == 0 { time } else { (*since).min(time) };
    }
}

//! Panes of a row's segments: where they stand among its words, how an event finds or begins its pane, and how a row grows.
//!
//! Each segment has a stretch of the row's words, with its panes at the front and room behind them. Panes that no read can see any
//! more stay until their room is wanted; only when all of a segment's are wanted is the row written anew, with room where it lacks.

use super::{Row, parts};
use crate::carry::Between;
use crate::layout::{Segment, StreamStep, TableLayout};
use crate::resolve::Few;
use domain::Time;
use prefetch_index::prefetch_index;
use std::ops::Range;

/// An event as panes take it: unless no read at `log_time` or later could see it.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) time: Time,
    pub(crate) value: f64,
    pub(crate) log_time: Time,
}

/// What a segment is given when a row is written anew.
#[derive(Clone, Copy, Default)]
struct Stretch {
    /// The first of the words that move there, and the one behind the last.
    kept: (usize, usize),
    /// How many words it gets.
    words: usize,
}

impl TableLayout {
    /// The words of a row that has no pane, and room for one in each segment of streams that take every event.
    pub(crate) fn opening(&self, streams: &[StreamStep]) -> Box<[u64]> {
        let mut words = vec![0; self.header()];
        for (at, segment) in self.segments.iter().enumerate() {
            let start = words.len();
            words[self.heads() + at] = head(start, start);
            let taken = streams.iter().any(|stream| stream.filter.is_none() && stream.segments.contains(&at));
            words.resize(start + if taken { segment.stride } else { 0 }, 0);
        }
        words.into()
    }
}

/// The head of a segment: the word where its stretch begins, and the one behind its last pane.
fn head(start: usize, end: usize) -> u64 {
    start as u64 | (end as u64) << 32
}

fn start_of(head: u64) -> usize {
    head as u32 as usize
}

fn end_of(head: u64) -> usize {
    (head >> 32) as usize
}

impl Row {
    /// The words of a segment's panes.
    #[inline]
    pub(super) fn range(&self, layout: &TableLayout, at: usize) -> Range<usize> {
        let head = self.words[layout.heads() + at];
        start_of(head)..end_of(head)
    }

    pub(super) fn set_end(&mut self, layout: &TableLayout, at: usize, end: usize) {
        let place = &mut self.words[layout.heads() + at];
        *place = head(start_of(*place), end);
    }

    /// The word behind a segment's stretch.
    #[inline]
    fn limit(&self, layout: &TableLayout, at: usize) -> usize {
        if at + 1 == layout.segments.len() { self.words.len() } else { start_of(self.words[layout.heads() + at + 1]) }
    }

    /// The panes of a segment, `stride` words each, ascending.
    #[inline]
    pub(crate) fn panes(&self, layout: &TableLayout, at: usize) -> &[u64] {
        let head = self.words.get(layout.heads() + at).copied().unwrap_or(0);
        self.words.get(start_of(head)..end_of(head)).unwrap_or_default()
    }

    /// The panes of a segment with an index in `first..=last`.
    #[inline]
    pub(crate) fn panes_in(&self, layout: &TableLayout, at: usize, first: i64, last: i64) -> &[u64] {
        let (segment, panes) = (&layout.segments[at], self.panes(layout, at));
        let Some(newest) = panes.len().checked_sub(segment.stride) else { return panes };
        if segment.index(panes[0]) >= first && segment.index(panes[newest]) <= last {
            return panes;
        }
        within(panes, segment, first, last)
    }

    /// Adds an event to its pane in one segment after another. Those from the first to `alike` will be asked for the same pane.
    #[inline]
    pub(crate) fn add_to_panes(
        &mut self,
        layout: &TableLayout,
        (segments, alike): (Range<usize>, usize),
        event: &Counted,
    ) {
        for at in segments {
            let segment = &layout.segments[at];
            if !segment.is_sessions() && !self.add_to_pane(layout, (segment, at), event) {
                self.add_grown(layout, at..alike, event);
            }
        }
    }

    /// Adds an event to the first of these segments, whose pane there is no room for.
    #[cold]
    fn add_grown(&mut self, layout: &TableLayout, alike: Range<usize>, event: &Counted) {
        // Those that come after it lack room as likely: the row is written once for all of them.
        self.grow(layout, event.log_time, |row, at| alike.contains(&at) && row.lacks_pane(layout, at, event.time));
        let at = alike.start;
        self.add_to_pane(layout, (&layout.segments[at], at), event);
    }

    /// Adds an event to its pane; false if that is to be made and there is no room for it.
    #[inline]
    fn add_to_pane(&mut self, layout: &TableLayout, (segment, at): (&Segment, usize), event: &Counted) -> bool {
        let (pane, Range { start, end }) = (segment.pane(event.time), self.range(layout, at));
        if start < end {
            let newest = &mut self.words[end - segment.stride..end];
            if segment.index(newest[0]) == pane {
                add(newest, segment, event);
                return true;
            }
        }
        self.add_beside(layout, at, pane, event)
    }

    /// The same for an event whose pane is not the newest.
    #[inline(never)]
    fn add_beside(&mut self, layout: &TableLayout, at: usize, pane: i64, event: &Counted) -> bool {
        let (segment, Range { start, end }) = (&layout.segments[at], self.range(layout, at));
        let stride = segment.stride;
        if start < end && segment.index(self.words[end - stride]) > pane {
            return self.add_late(layout, at, pane, event);
        }
        if segment.is_past(event.time, event.log_time) {
            return true;
        }
        if end + stride > self.limit(layout, at) {
            return self.add_new(layout, at, (pane, end), event);
        }
        begin(&mut self.words[end..end + stride], segment, pane, event);
        self.set_end(layout, at, end + stride);
        true
    }

    /// The same for an event that comes after one of a later pane.
    fn add_late(&mut self, layout: &TableLayout, at: usize, pane: i64, event: &Counted) -> bool {
        let (segment, range) = (&layout.segments[at], self.range(layout, at));
        let place = range.start + lower_bound(&self.words[range], segment, pane) * segment.stride;
        if segment.index(self.words[place]) == pane {
            add(&mut self.words[place..place + segment.stride], segment, event);
            return true;
        }
        segment.is_past(event.time, event.log_time) || self.add_new(layout, at, (pane, place), event)
    }

    /// Begins a pane at a word of a segment; false if there is no room for it.
    fn add_new(&mut self, layout: &TableLayout, at: usize, (pane, place): (i64, usize), event: &Counted) -> bool {
        let segment = &layout.segments[at];
        let Some(place) = self.insert(layout, at, place, segment.oldest(event.log_time)) else { return false };
        begin(&mut self.words[place..place + segment.stride], segment, pane, event);
        true
    }

    /// Makes room for a pane at a word of a segment, if need be over what is older than `oldest`: where it is. `None` if there is none.
    pub(super) fn insert(&mut self, layout: &TableLayout, at: usize, mut place: usize, oldest: i64) -> Option<usize> {
        let segment = &layout.segments[at];
        let Range { start, mut end } = self.range(layout, at);
        if self.limit(layout, at) < end + segment.stride {
            let gone = past(&self.words[start..end], segment, oldest);
            if gone == 0 {
                return None;
            }
            self.words.copy_within(start + gone..end, start);
            (place, end) = (place - gone, end - gone);
        }
        self.words.copy_within(place..end, place + segment.stride);
        self.set_end(layout, at, end + segment.stride);
        Some(place)
    }

    /// Whether a segment has no pane for an instant.
    fn lacks_pane(&self, layout: &TableLayout, at: usize, time: Time) -> bool {
        let (segment, panes) = (&layout.segments[at], self.panes(layout, at));
        let pane = segment.pane(time);
        match panes.len().checked_sub(segment.stride).map(|newest| segment.index(panes[newest])) {
            Some(newest) if newest > pane => {
                segment.index(panes[lower_bound(panes, segment, pane) * segment.stride]) != pane
            }
            newest => newest != Some(pane),
        }
    }

    /// Writes the row anew, without what no read at `log_time` or later can see, and with room for one pane where it is wanted.
    pub(super) fn grow(&mut self, layout: &TableLayout, log_time: Time, wanted: impl Fn(&Row, usize) -> bool) {
        let (heads, header) = (layout.heads(), layout.header());
        let (mut stretches, mut len) = (Few::<Stretch, 8>::default(), header);
        for (at, segment) in layout.segments.iter().enumerate() {
            let Range { start, end } = self.range(layout, at);
            let kept = start + past(&self.words[start..end], segment, segment.oldest(log_time));
            let panes = (end - kept) / segment.stride + usize::from(wanted(self, at));
            let has = (self.limit(layout, at) - start) / segment.stride;
            let words = room(panes, has, segment.panes_max()) * segment.stride;
            stretches.push(Stretch { kept: (kept, end), words });
            len += words;
        }
        let mut words = vec![0; len];
        words[..header].copy_from_slice(&self.words[..header]);
        let mut start = header;
        for (at, Stretch { kept, words: wanted }) in stretches.iter().enumerate() {
            let end = start + kept.1 - kept.0;
            words[heads + at] = head(start, end);
            words[start..end].copy_from_slice(&self.words[kept.0..kept.1]);
            start += wanted;
        }
        self.words = words;
    }

    /// The row's words without the room behind the panes.
    pub(super) fn dense(&self, layout: &TableLayout) -> Vec<u64> {
        let Some(header) = self.words.get(..layout.header()) else { return Vec::new() };
        let mut words = header.to_vec();
        for at in 0..layout.segments.len() {
            let start = words.len();
            words.extend_from_slice(self.panes(layout, at));
            words[layout.heads() + at] = head(start, words.len());
        }
        words
    }

    /// Appends to an empty row the panes that go on, of which a read at the log's time or later could see something.
    pub(super) fn carry_panes(&self, between: &Between<'_>, row: &mut Row) {
        let Between { old, new, of, now } = between;
        for (at, from) in of.segments.iter().enumerate() {
            let (start, to) = (row.words.len(), &new.segments[at]);
            if let Some(from) = *from {
                let segment = &old.segments[from];
                let first = segment.oldest(*now).max(to.oldest(*now));
                let panes = self.panes_in(old, from, first, i64::MAX - 1).chunks_exact(segment.stride);
                panes.for_each(|pane| to.put_carried(segment, pane, &mut row.words));
            }
            row.words[new.heads() + at] = head(start, row.words.len());
        }
    }

    /// Whether words from a file are dense, and panes of this layout.
    pub(super) fn are_panes_sound(&self, layout: &TableLayout) -> bool {
        if self.words.len() < layout.header() {
            return false;
        }
        let mut start = layout.header();
        for (at, segment) in layout.segments.iter().enumerate() {
            let range = self.range(layout, at);
            let Some(panes) = self.words.get(range.clone()).filter(|_| range.start == start) else { return false };
            let whole = panes.len().is_multiple_of(segment.stride);
            let each = panes.chunks_exact(segment.stride).map(|pane| segment.index(pane[0]));
            let few = panes.len() / segment.stride <= segment.panes_max();
            if !whole || !few || !each.is_sorted_by(|a, b| a < b) || !segment.are_sound(panes) {
                return false;
            }
            start = range.end;
        }
        start == self.words.len()
    }

    /// Asks for the newest pane of the first segments.
    pub(crate) fn touch_panes(&self, layout: &TableLayout) {
        let heads = self.words.get(layout.heads()..).unwrap_or(&[]);
        let heads = heads.iter().take(layout.segments.len().min(TOUCHED_MAX));
        heads.for_each(|head| prefetch_index(&self.words, end_of(*head).wrapping_sub(1)));
    }
}

/// Segments whose panes are asked for ahead: more would not stay in the caches nearest to the core.
const TOUCHED_MAX: usize = 32;

/// How many panes a segment gets room for that holds so many and had room for `has`: half more, as they come one after another. Room that is not
/// much too large stays, so that a number that goes up and down does not write the row anew each time.
fn room(panes: usize, has: usize, most: usize) -> usize {
    if (panes..=panes + panes / 2 + 1).contains(&has) { has } else { panes.max(most.min(panes + panes.div_ceil(2))) }
}

/// How many words the panes take whose index is below `oldest`.
fn past(panes: &[u64], segment: &Segment, oldest: i64) -> usize {
    match panes.first() {
        Some(first) if segment.index(*first) < oldest => lower_bound(panes, segment, oldest) * segment.stride,
        _ => 0,
    }
}

/// Adds an event to a pane that holds some.
#[inline]
fn add(pane: &mut [u64], segment: &Segment, event: &Counted) {
    match pane {
        [head] => *head += 1,
        [head, sum] if segment.parts.sum => {
            *head += 1;
            *sum = (f64::from_bits(*sum) + event.value).to_bits();
        }
        _ => {
            pane[0] += 1;
            parts::add(pane, segment, segment.count(pane[0]) - 1, (event.time, event.value));
        }
    }
}

/// Makes a pane of one event.
#[inline]
fn begin(words: &mut [u64], segment: &Segment, pane: i64, event: &Counted) {
    words[0] = segment.first_word(pane);
    if words.len() > 1 {
        parts::fresh(words, segment, (event.time, event.value));
    }
}

/// Those of some panes with an index in `first..=last`.
fn within<'p>(panes: &'p [u64], segment: &Segment, first: i64, last: i64) -> &'p [u64] {
    let panes = &panes[lower_bound(panes, segment, first) * segment.stride..];
    &panes[..lower_bound(panes, segment, last.saturating_add(1)) * segment.stride]
}

/// How many panes have an index below `pane`.
pub(super) fn lower_bound(panes: &[u64], segment: &Segment, pane: i64) -> usize {
    let stride = segment.stride;
    let (mut low, mut left) = (0, panes.len() / stride);
    // Halves as long as there are two, whatever is found: how often is known beforehand, and compilers need no branch.
    while left > 1 {
        let half = left / 2;
        low += if segment.index(panes[(low + half - 1) * stride]) < pane { half } else { 0 };
        left -= half;
    }
    low + usize::from(left == 1 && segment.index(panes[low * stride]) < pane)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use domain::Span;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    const SPEC: &str = "version: 1\nevents:\n  pay: { user: user, fields: { amount: float } }\nfeatures:\n  user:\n    \
                        a: sum(pay, amount, 5s)\n    b: sum(pay, amount, 1m)\n    c: sum(pay, amount, 1h)\n";

    #[test]
    fn room_is_enough_and_little_more() {
        for (panes, has, most) in
            (0..90).flat_map(|panes| (0..200).flat_map(move |has| [(panes, has, 90), (panes, has, panes)]))
        {
            let given = room(panes, has, most);
            assert!(given >= panes && 2 * given <= 3 * panes + 2, "{panes} {has} {most}: {given}");
            assert!(given <= most.max(has), "{panes} {has} {most}: {given}");
            assert!(panes > 0 || has > 1 || given == has, "an empty segment is not given room unasked");
        }
    }

    proptest! {
        #[test]
        fn panes_are_those_of_a_map_per_level(
            events in prop::collection::vec((0i64..4_000, 0i64..9_000, 1u32..9), 1..300)
        ) {
            let plan = Arc::new(spec::compile("panes.yaml", SPEC).expect("the spec is right"));
            let layout = &Layout::new(plan, |_| true).tables[0];
            let mut row = Row::default();
            row.open(layout, layout.opening(&[]).into_vec());
            let mut expected: Vec<BTreeMap<i64, (u64, f64)>> = vec![BTreeMap::new(); layout.segments.len()];
            let mut log_time = Time(1_790_000_000_000);
            for (later, late, amount) in events {
                log_time = log_time.plus(Span(later));
                let event = (log_time.minus(Span(late)), f64::from(amount));
                let counted = Counted { time: event.0, value: event.1, log_time };
                row.add_to_panes(layout, (0..layout.segments.len(), layout.segments.len()), &counted);
                for (segment, panes) in layout.segments.iter().zip(&mut expected) {
                    let pane = panes.entry(segment.pane(event.0)).or_default();
                    *pane = (pane.0 + 1, pane.1 + event.1);
                }
            }
            for (at, (segment, panes)) in layout.segments.iter().zip(&expected).enumerate() {
                let oldest = segment.oldest(log_time);
                let live = row.panes_in(layout, at, oldest, i64::MAX - 1).chunks_exact(segment.stride);
                let of = |pane: &[u64]| {
                    (segment.index(pane[0]), (segment.count(pane[0]), f64::from_bits(pane[segment.at.sum])))
                };
                let expected: Vec<_> = panes.range(oldest..).map(|(index, pane)| (*index, *pane)).collect();
                prop_assert_eq!(live.map(of).collect::<Vec<_>>(), expected);
            }
            let dense = Row { words: row.dense(layout), ..Row::default() };
            prop_assert!(dense.are_panes_sound(layout));
            prop_assert!((0..layout.segments.len()).all(|at| dense.panes(layout, at) == row.panes(layout, at)));
        }
    }
}

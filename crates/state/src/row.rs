//! One row: machine words (accumulators, segment ends, sparse panes sorted by index), lists of recent entities, and rings of
//! sketches.
//! What is too old for any read at the log's time or later may or may not still be there; no reader can tell.

mod parts;
mod sessions;

pub(crate) use parts::Moments;

use crate::dictionary::Dictionary;
use crate::layout::{RecentsLayout, RecentsOf, Segment, TableLayout};
use crate::saved::{LoadError, Reader, put_text, put_u32, put_u64};
use crate::sketch::{Rings, Sketched};
use domain::{EntityId, Span, Symbol, Time, Value};
use spec::plan::AggregateOp;
use std::collections::VecDeque;
use std::ops::Range;

/// A value of an event, with the event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(crate) time: Time,
    /// What they mean the list's layout says.
    pub(crate) bits: u64,
}

impl Recent {
    /// The entity, in a list of entities.
    pub(crate) fn entity(self) -> EntityId {
        EntityId(self.bits as u32)
    }
}

/// A row, empty until its first event.
#[derive(Default)]
pub(crate) struct Row {
    words: Vec<u64>,
    /// Newest first by (event time, position).
    recents: Box<[VecDeque<Recent>]>,
    rings: Rings,
}

impl Clone for Row {
    fn clone(&self) -> Row {
        Row { words: self.words.clone(), recents: self.recents.clone(), rings: self.rings.clone() }
    }

    /// Into the memory that is there.
    fn clone_from(&mut self, from: &Row) {
        self.words.clone_from(&from.words);
        self.recents.clone_from(&from.recents);
        self.rings.clone_from(&from.rings);
    }
}

impl Row {
    /// Whether nothing was ever collected.
    pub(crate) fn is_unused(&self) -> bool {
        self.words.is_empty() && self.recents.is_empty() && self.rings.is_empty()
    }

    /// Reads the row's own words, which brings their place in the page.
    pub(crate) fn touch_place(&self) -> u64 {
        self.words.len() as u64
    }

    /// Reads a word of the first cache lines and of the last.
    pub(crate) fn touch_words(&self) -> u64 {
        let word = |at| self.words.get(at).copied().unwrap_or(0);
        word(0) ^ word(8) ^ word(16) ^ self.words.last().copied().unwrap_or(0)
    }

    /// Makes the fixed part, if this is the row's first event.
    pub(crate) fn open(&mut self, layout: &TableLayout) {
        if !self.is_unused() {
            return;
        }
        let header = layout.header();
        self.words.reserve_exact(header + layout.segments.iter().map(|segment| segment.stride).sum::<usize>());
        self.words.resize(header, 0);
        self.words[layout.ends()..].fill(header as u64);
        self.recents = layout.recents.iter().map(|_| VecDeque::new()).collect();
        self.rings = Rings::opened(&layout.rings);
    }

    /// Heap bytes, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.copied_bytes() + self.rings.heap_bytes()
    }

    /// Adds an event to the sketch of its pane, unless no read at `log_time` or later could see it.
    pub(crate) fn add_to_sketch(
        &mut self,
        layout: &TableLayout,
        at: usize,
        (time, of): (Time, Sketched<'_>),
        log_time: Time,
    ) {
        self.rings.add(&layout.rings[at], at, time, of, log_time);
    }

    /// What an aggregate over a ring of sketches is, of the panes from first to last.
    pub(crate) fn sketched(&self, layout: &TableLayout, at: usize, op: AggregateOp, panes: (i64, i64)) -> Value {
        self.rings.value(&layout.rings[at], at, op, panes)
    }

    /// The index of a ring's first pane among those from first to last.
    pub(crate) fn first_sketch(&self, at: usize, (first, last): (i64, i64)) -> Option<i64> {
        self.rings.first_in(at, first, last)
    }

    /// Heap bytes that a copy takes: sketches are shared.
    pub(crate) fn copied_bytes(&self) -> usize {
        let lists = self.recents.iter().map(|list| list.capacity() * size_of::<Recent>());
        self.words.capacity() * 8 + self.recents.len() * size_of::<VecDeque<Recent>>() + lists.sum::<usize>()
    }

    /// A decayed accumulator: its value at the time beside it.
    pub(crate) fn decayed(&self, at: usize) -> (f64, Time) {
        match self.words.get(2 * at..2 * at + 2) {
            Some(pair) => (f64::from_bits(pair[0]), Time(pair[1] as i64)),
            None => (0.0, Time(0)),
        }
    }

    /// Adds to a decayed accumulator, which moves on to the later of the two times.
    pub(crate) fn add_decayed(&mut self, at: usize, half_life: Span, time: Time, value: f64) {
        let (sum, since) = self.decayed(at);
        let (sum, since) = if time == since {
            (sum + value, since)
        } else if time > since {
            (sum * decay(time.since(since), half_life) + value, time)
        } else {
            (sum + value * decay(since.since(time), half_life), since)
        };
        self.words[2 * at] = sum.to_bits();
        self.words[2 * at + 1] = since.0 as u64;
    }

    /// The newest time of a stream.
    pub(crate) fn newest(&self, layout: &TableLayout, at: usize) -> Option<Time> {
        let after = *self.words.get(2 * layout.half_lives.len() + at)?;
        after.checked_sub(1).map(|time| Time(time as i64))
    }

    /// Notes that an event happened at a time.
    pub(crate) fn add_newest(&mut self, layout: &TableLayout, at: usize, time: Time) {
        let newest = &mut self.words[2 * layout.half_lives.len() + at];
        *newest = (*newest).max(time.0 as u64 + 1);
    }

    /// The panes of a segment, `stride` words each, ascending.
    pub(crate) fn panes(&self, layout: &TableLayout, at: usize) -> &[u64] {
        if self.words.is_empty() { &[] } else { &self.words[self.range(layout, at)] }
    }

    /// The panes of a segment with an index in `first..=last`.
    pub(crate) fn panes_in(&self, layout: &TableLayout, at: usize, first: i64, last: i64) -> &[u64] {
        let panes = self.panes(layout, at);
        let (segment, stride) = (&layout.segments[at], layout.segments[at].stride);
        let newest = panes.len().saturating_sub(stride);
        if panes.is_empty() || (segment.index(panes[0]) >= first && segment.index(panes[newest]) <= last) {
            return panes;
        }
        let start = lower_bound(panes, segment, first);
        let end = lower_bound(panes, segment, last.saturating_add(1));
        &panes[start * stride..end * stride]
    }

    /// How many events the panes of a segment of counts alone hold with an index in `first..=last`. As by `panes_in`, for which
    /// most rows need no search.
    #[inline]
    pub(crate) fn count_in(&self, layout: &TableLayout, at: usize, first: i64, last: i64) -> u64 {
        let (segment, ends) = (&layout.segments[at], layout.ends() + at);
        let start = if at == 0 { Some(layout.header()) } else { self.words.get(ends - 1).map(|&end| end as usize) };
        let end = self.words.get(ends).map(|&end| end as usize);
        let panes = start.zip(end).and_then(|(start, end)| self.words.get(start..end)).unwrap_or_default();
        let (Some(&oldest), Some(&newest)) = (panes.first(), panes.last()) else { return 0 };
        let panes = if segment.index(oldest) >= first && segment.index(newest) <= last {
            panes
        } else {
            self.panes_in(layout, at, first, last)
        };
        // They lie side by side: compilers add several at once.
        panes.iter().map(|pane| segment.count(*pane)).sum()
    }

    /// Adds an event to its pane, unless no read at `log_time` or later could see it.
    pub(crate) fn add_to_pane(&mut self, layout: &TableLayout, at: usize, event: (Time, f64), log_time: Time) {
        let segment = &layout.segments[at];
        let pane = segment.pane(event.0);
        let range = self.range(layout, at);
        let panes = &self.words[range.clone()];
        let stride = segment.stride;
        let newest = panes.len().checked_sub(stride);
        let offset = match newest.map(|newest| (newest, segment.index(panes[newest]))) {
            Some((newest, index)) if index == pane => newest,
            Some((newest, index)) if index < pane => newest + stride,
            Some(_) => lower_bound(panes, segment, pane) * stride,
            None => 0,
        };
        if panes.get(offset).is_some_and(|word| segment.index(*word) == pane) {
            let pane = &mut self.words[range.start + offset..][..stride];
            pane[0] += 1;
            if stride > 1 {
                parts::add(pane, segment, segment.count(pane[0]) - 1, event);
            }
            return;
        }
        let oldest = segment.oldest(log_time);
        if pane >= oldest {
            let start = self.insert(layout, at, range, offset, oldest);
            self.words[start] = segment.first_word(pane);
            parts::fresh(&mut self.words[start..start + stride], segment, event);
        }
    }

    /// The newest entities of a list, newest first.
    pub(crate) fn recents(&self, at: usize) -> impl Iterator<Item = &Recent> {
        self.recents.get(at).into_iter().flatten()
    }

    /// Adds to a list of recents; among equal times the later in the log is the newer. The oldest gives way.
    pub(crate) fn add_recent(&mut self, layout: &TableLayout, at: usize, recent: Recent) {
        let (list, capacity) = (&mut self.recents[at], layout.recents[at].capacity);
        let place = list.iter().position(|known| known.time <= recent.time).unwrap_or(list.len());
        if place >= capacity {
            return;
        }
        if list.len() == capacity {
            list.pop_back();
        }
        if list.len() == list.capacity() {
            list.reserve_exact((list.len() / 2).clamp(4, 256).min(capacity - list.len()));
        }
        list.insert(place, recent);
    }

    /// Whether a read at `now` or later could see anything, with accumulators taken as gone after 64 half-lives.
    pub(crate) fn is_live(&self, layout: &TableLayout, now: Time) -> bool {
        let panes = layout.segments.iter().enumerate().any(|(at, segment)| {
            let panes = self.panes(layout, at);
            panes.len().checked_sub(segment.stride).is_some_and(|newest| segment.is_live(&panes[newest..], now))
        });
        let decayed = layout.half_lives.iter().enumerate().any(|(at, half_life)| {
            let (sum, since) = self.decayed(at);
            sum != 0.0 && now.since(since).0 <= half_life.0.saturating_mul(64)
        });
        let lists = self.recents.iter().zip(&layout.recents);
        let mut newest = lists.filter_map(|(list, of)| Some((list.front()?, of)));
        let noted = (0..layout.newest).any(|at| self.newest(layout, at).is_some());
        panes
            || decayed
            || noted
            || self.rings.is_live(&layout.rings, now)
            || newest.any(|(newest, of)| of.is_live(newest.time, now))
    }

    /// Appends all that a read at `now` or later can see, in one form; whether that is anything.
    pub(crate) fn put_canonical(
        &self,
        layout: &TableLayout,
        now: Time,
        out: &mut Vec<u8>,
        dictionary: &Dictionary,
    ) -> bool {
        let mut any = false;
        for at in 0..layout.half_lives.len() {
            let (sum, since) = self.decayed(at);
            any |= sum != 0.0;
            put_u64(out, sum.to_bits());
            put_u64(out, since.0 as u64);
        }
        for at in 0..layout.newest {
            let newest = self.newest(layout, at);
            any |= newest.is_some();
            put_u64(out, newest.map_or(0, |time| time.0 as u64 + 1));
        }
        for (at, segment) in layout.segments.iter().enumerate() {
            let live = self.panes_in(layout, at, segment.oldest(now), i64::MAX - 1);
            any |= !live.is_empty();
            put_u32(out, live.len() as u32);
            live.iter().for_each(|word| put_u64(out, *word));
        }
        for (at, list) in layout.recents.iter().enumerate() {
            let live = || self.recents(at).take_while(|recent| list.is_live(recent.time, now));
            put_u32(out, live().count() as u32);
            for recent in live() {
                any = true;
                put_u64(out, recent.time.0 as u64);
                put_recent(out, list.of, recent.bits, dictionary);
            }
        }
        self.rings.put_canonical(&layout.rings, now, out, dictionary) || any
    }

    /// Appends the row as it is.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        put_u32(out, self.words.len() as u32);
        self.words.iter().for_each(|word| put_u64(out, *word));
        for list in &self.recents {
            put_u32(out, list.len() as u32);
            for recent in list {
                put_u64(out, recent.time.0 as u64);
                put_u64(out, recent.bits);
            }
        }
        self.rings.save(out);
    }

    /// Reads what `save` wrote and checks that it is a row of this layout.
    pub(crate) fn load(layout: &TableLayout, input: &mut Reader<'_>) -> Result<Row, LoadError> {
        let count = input.count(8)?;
        let words = input.words(count)?;
        let recents = layout.recents.iter().map(|list| take_recents(list, input)).collect::<Result<_, _>>()?;
        let rings = Rings::load(&layout.rings, input)?;
        let row = Row { words, recents, rings };
        if row.is_sound(layout) { Ok(row) } else { Err(LoadError::new("a row does not have the form of its table")) }
    }

    fn is_sound(&self, layout: &TableLayout) -> bool {
        let (header, len) = (layout.header(), self.words.len());
        if len < header {
            return false;
        }
        let mut start = header;
        for (at, segment) in layout.segments.iter().enumerate() {
            let end = self.words[layout.ends() + at];
            if end < start as u64 || end > len as u64 || !(end as usize - start).is_multiple_of(segment.stride) {
                return false;
            }
            let panes = &self.words[start..end as usize];
            let ascending =
                panes.chunks_exact(segment.stride).map(|pane| segment.index(pane[0])).is_sorted_by(|a, b| a < b);
            if !ascending || !segment.are_sound(panes) || panes.len() / segment.stride > segment.panes_max() {
                return false;
            }
            start = end as usize;
        }
        start == len
    }

    fn range(&self, layout: &TableLayout, at: usize) -> Range<usize> {
        let ends = layout.ends();
        let start = if at == 0 { layout.header() } else { self.words[ends + at - 1] as usize };
        start..self.words[ends + at] as usize
    }

    /// Makes room for a pane at `offset` words into a segment, over what is older than `oldest`; where the room is.
    fn insert(&mut self, layout: &TableLayout, at: usize, range: Range<usize>, offset: usize, oldest: i64) -> usize {
        let stride = layout.segments[at].stride;
        let gone = lower_bound(&self.words[range.clone()], &layout.segments[at], oldest) * stride;
        let place = range.start + offset;
        let words = &mut self.words;
        if gone == 0 {
            if words.capacity() - words.len() < stride {
                words.reserve_exact((words.len() / 4).max(stride));
            }
            let len = words.len();
            words.resize(len + stride, 0);
            words.copy_within(place..len, place + stride);
        } else {
            words.copy_within(range.start + gone..place, range.start);
            if gone > stride {
                words.copy_within(place.., place - gone + stride);
                words.truncate(words.len() - gone + stride);
            }
        }
        let first_end = layout.ends() + at;
        for end in &mut words[first_end..layout.header()] {
            *end = *end + stride as u64 - gone as u64;
        }
        place - gone
    }
}

/// `2^(-elapsed / half_life)`.
pub(crate) fn decay(elapsed: Span, half_life: Span) -> f64 {
    libm::exp2(-(elapsed.0 as f64) / half_life.0 as f64)
}

/// How many panes have an index below `pane`.
fn lower_bound(panes: &[u64], segment: &Segment, pane: i64) -> usize {
    let stride = segment.stride;
    let (mut low, mut high) = (0, panes.len() / stride);
    while low < high {
        let middle = (low + high) / 2;
        if segment.index(panes[middle * stride]) < pane { low = middle + 1 } else { high = middle }
    }
    low
}

/// An entry of a list in a form that depends on no numbering.
fn put_recent(out: &mut Vec<u8>, of: RecentsOf, bits: u64, dictionary: &Dictionary) {
    match of {
        RecentsOf::Entity(entity) => put_text(out, dictionary.key(entity, EntityId(bits as u32))),
        RecentsOf::Text => put_text(out, dictionary.text(Symbol(bits as u32))),
        _ => put_u64(out, bits),
    }
}

fn take_recents(of: &RecentsLayout, input: &mut Reader<'_>) -> Result<VecDeque<Recent>, LoadError> {
    let count = input.count(16)?;
    let mut list = VecDeque::with_capacity(count);
    for _ in 0..count {
        let recent = Recent { time: Time(input.i64()?), bits: input.u64()? };
        let sorted = list.back().is_none_or(|newer: &Recent| newer.time >= recent.time);
        if !sorted || !of.of.is_sound(recent.bits) {
            return Err(LoadError::new("a list of recents is out of order"));
        }
        list.push_back(recent);
    }
    if count <= of.capacity { Ok(list) } else { Err(LoadError::new("a list of recents is too long")) }
}

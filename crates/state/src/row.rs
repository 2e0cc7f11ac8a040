//! One row: machine words (accumulators, heads of segments, sparse panes sorted by index), lists of recent entities, and rings of
//! sketches.
//! What is too old for any read at the log's time or later may or may not still be there; no reader can tell.

mod panes;
mod parts;
mod patterns;
mod sessions;

pub(crate) use panes::Counted;
pub(crate) use parts::Moments;
pub(crate) use patterns::FAILS;

use crate::carry::Between;
use crate::dictionary::Dictionary;
use crate::layout::{RecentsLayout, RecentsOf, TableLayout};
use crate::saved::{LoadError, Reader, put_text, put_u32, put_u64};
use crate::sketch::{Rings, Sketched};
use domain::{EntityId, Span, Symbol, Time, Value};
use prefetch_index::prefetch_index;
use spec::plan::AggregateOp;
use std::collections::VecDeque;

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
    #[inline]
    pub(crate) fn is_unused(&self) -> bool {
        self.words.is_empty() && self.recents.is_empty() && self.rings.is_empty()
    }

    /// Asks for what the row's own words point at: header, lists.
    pub(crate) fn touch_header(&self) {
        prefetch_index(&self.words, 0);
        prefetch_index(&self.words, 8);
        if !self.recents.is_empty() {
            prefetch_index(&self.recents, 0);
        }
    }

    /// Asks for what the header points at: newest panes and entries of lists.
    pub(crate) fn touch_newest(&self, layout: &TableLayout) {
        self.touch_panes(layout);
        self.rings.touch_newest();
        self.recents.iter().for_each(|list| prefetch_index(list.as_slices().0, 0));
    }

    /// Makes the fixed part, at the row's first event. `opening` are words that [`TableLayout::opening`] made.
    pub(crate) fn open(&mut self, layout: &TableLayout, opening: Vec<u64>) {
        self.words = opening;
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
        match place {
            0 => list.push_front(recent),
            _ => list.insert(place, recent),
        }
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
        let mut patterns = layout.patterns.iter().flat_map(|of| self.pattern_seen(layout, of, now));
        panes
            || decayed
            || patterns.any(|word| word != 0)
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
        for word in layout.patterns.iter().flat_map(|of| self.pattern_seen(layout, of, now)) {
            any |= word != 0;
            put_u64(out, word);
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

    /// Appends the row as it is, without the room that it has to grow.
    pub(crate) fn save(&self, layout: &TableLayout, out: &mut Vec<u8>) {
        let words = self.dense(layout);
        put_u32(out, words.len() as u32);
        words.iter().for_each(|word| put_u64(out, *word));
        for list in &self.recents {
            put_u32(out, list.len() as u32);
            for recent in list {
                put_u64(out, recent.time.0 as u64);
                put_u64(out, recent.bits);
            }
        }
        self.rings.save(out);
    }

    /// The row under another layout: what goes on, and the rest empty.
    pub(crate) fn carried(&self, between: &Between<'_>) -> Row {
        let Between { old, new, of, now } = between;
        let mut row = Row::default();
        if self.is_unused() {
            return row;
        }
        row.open(new, new.opening(&[]).into_vec());
        for (at, from) in of.decays.iter().enumerate() {
            if let Some(words) = from.and_then(|from| self.words.get(2 * from..2 * from + 2)) {
                row.words[2 * at..2 * at + 2].copy_from_slice(words);
            }
        }
        for (at, from) in of.newest.iter().enumerate() {
            if let Some(newest) = from.and_then(|from| self.newest(old, from)) {
                row.add_newest(new, at, newest);
            }
        }
        self.carry_patterns(between, &mut row);
        self.carry_panes(between, &mut row);
        for (at, from) in of.recents.iter().enumerate() {
            let Some(from) = *from else { continue };
            let live = self.recents(from).take_while(|recent| old.recents[from].is_live(recent.time, *now));
            row.recents[at] = live.take(new.recents[at].capacity).copied().collect();
        }
        row.rings = self.rings.carried(between);
        row
    }

    /// Reads what `save` wrote and checks that it is a row of this layout.
    pub(crate) fn load(layout: &TableLayout, input: &mut Reader<'_>) -> Result<Row, LoadError> {
        let count = input.count(8)?;
        let words = input.words(count)?;
        let recents = layout.recents.iter().map(|list| take_recents(list, input)).collect::<Result<_, _>>()?;
        let rings = Rings::load(&layout.rings, input)?;
        let row = Row { words, recents, rings };
        if row.are_panes_sound(layout) {
            Ok(row)
        } else {
            Err(LoadError::new("a row does not have the form of its table"))
        }
    }
}

/// `2^(-elapsed / half_life)`.
pub(crate) fn decay(elapsed: Span, half_life: Span) -> f64 {
    libm::exp2(-(elapsed.0 as f64) / half_life.0 as f64)
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

//! The most frequent elements of a pane: exact counts while there are few different ones, then Space-Saving (Metwally et al. 2005).
//! Up to `TOP_COUNTERS_MAX` different elements the bytes do not depend on the order of events. Beyond, they are a function of the
//! order in which the row's events stand in the log, which is the same for any number of shards and on every replay.

use crate::elements::Element;
use crate::saved::{LoadError, Reader, put_u32};
use domain::limits::{SYMBOLS_MAX, TOP_COUNTERS_MAX};
use prefetch_index::prefetch_index;
use std::cmp::Reverse;

/// How often one element came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counter {
    /// The upper half of the element's hash: orders elements in a way that depends on no numbering of texts.
    half: u32,
    number: u32,
    count: u32,
}

impl Counter {
    fn key(&self) -> (u32, u32) {
        (self.half, self.number)
    }
}

/// The counted elements of one pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Top {
    /// By hash, then number; ascending.
    counters: Vec<Counter>,
}

impl Top {
    /// Counts an element. Where no counter is left it takes over the smallest (of equal ones that of the largest hash) and goes on from
    /// its count: a count is too large by that at most, and what has no counter came no more often than the smallest says.
    pub(crate) fn add(&mut self, element: Element) {
        let new = Counter { half: (element.hash >> 32) as u32, number: element.number, count: 1 };
        let at = match self.counters.binary_search_by_key(&new.key(), Counter::key) {
            Ok(at) => {
                let count = &mut self.counters[at].count;
                *count = count.saturating_add(1);
                return;
            }
            Err(at) => at,
        };
        if self.counters.len() < TOP_COUNTERS_MAX {
            super::make_room(&mut self.counters, TOP_COUNTERS_MAX);
            return self.counters.insert(at, new);
        }
        // In two passes, of which the first is one that compilers make wide.
        let least = self.counters.iter().map(|counter| counter.count).min().unwrap_or(0);
        let smallest = self.counters.iter().rposition(|counter| counter.count == least).unwrap_or(0);
        let count = least.saturating_add(1);
        let place = if at > smallest {
            self.counters[smallest..at].rotate_left(1);
            at - 1
        } else {
            self.counters[at..=smallest].rotate_right(1);
            at
        };
        self.counters[place] = Counter { count, ..new };
    }

    /// Asks for its memory.
    pub(crate) fn touch(&self) {
        prefetch_index(&self.counters, 0);
    }

    /// Heap bytes, spare capacity included.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.counters.capacity() * size_of::<Counter>()
    }

    /// Appends it, elements by number.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        self.put(out, |number, out| put_u32(out, number));
    }

    /// Appends it, elements as `text` writes them.
    pub(crate) fn put(&self, out: &mut Vec<u8>, text: impl Fn(u32, &mut Vec<u8>)) {
        put_u32(out, self.counters.len() as u32);
        for Counter { half, number, count } in &self.counters {
            put_u32(out, *half);
            text(*number, out);
            put_u32(out, *count);
        }
    }

    /// Reads what `save` wrote.
    pub(crate) fn load(input: &mut Reader<'_>) -> Result<Top, LoadError> {
        let unsound = LoadError::new("the counters of a top list are not sound");
        let len = input.count(12)?;
        if !(1..=TOP_COUNTERS_MAX).contains(&len) {
            return Err(unsound);
        }
        let mut counters = Vec::with_capacity(len);
        for _ in 0..len {
            counters.push(Counter { half: input.u32()?, number: input.u32()?, count: input.u32()? });
        }
        let most = SYMBOLS_MAX.max(domain::limits::ENTITIES_MAX);
        let each = counters.iter().all(|counter: &Counter| counter.count > 0 && counter.number < most);
        let ascending = counters.is_sorted_by(|a, b| a.key() < b.key());
        if each && ascending { Ok(Top { counters }) } else { Err(unsound) }
    }
}

/// The numbers of the `k` elements that came most often in panes together, most often first; of equally frequent ones those of smaller
/// hash first. A count is off by at most the pane's elements divided by `TOP_COUNTERS_MAX`, over the panes that had more different ones.
pub(crate) fn most_frequent<'p>(panes: impl Iterator<Item = &'p Top> + Clone, k: usize) -> Vec<u32> {
    let mut all: Vec<((u32, u32), u64)> = Vec::with_capacity(panes.clone().map(|pane| pane.counters.len()).sum());
    panes.for_each(|pane| all.extend(pane.counters.iter().map(|of| (of.key(), u64::from(of.count)))));
    all.sort_unstable_by_key(|(key, _)| *key);
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        kept.1 += if same { next.1 } else { 0 };
        same
    });
    let order = |&(key, count): &((u32, u32), u64)| (Reverse(count), key);
    if all.len() > k {
        all.select_nth_unstable_by_key(k, order);
        all.truncate(k);
    }
    all.sort_unstable_by_key(order);
    all.into_iter().map(|((_, number), _)| number).collect()
}

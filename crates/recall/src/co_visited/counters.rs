//! The counters of one item: how often each other item was visited with it. Bounded; flat arrays without order, so that a
//! search or a read goes over them in vector registers.

use super::ageing::{Growth, eras};

/// Items compared at once when one is searched.
const LANES: usize = 16;

/// Counts by item. `f32`: a count takes 8 bytes with its item, and no longer grows where one event is below 2^-24 of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    era: i64,
    items: Vec<u32>,
    counts: Vec<f32>,
}

impl Counters {
    /// Takes up counters as they were saved, in their order.
    pub(crate) fn from_parts(era: i64, items: Vec<u32>, counts: Vec<f32>) -> Counters {
        Counters { era, items, counts }
    }

    /// The era that the counts belong to.
    pub(crate) fn era(&self) -> i64 {
        self.era
    }

    /// Which items, in no order, each once.
    pub(crate) fn items(&self) -> &[u32] {
        &self.items
    }

    /// Their counts, in parallel; positive.
    pub(crate) fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// Adds `weight`, grown to the event's time, to the counter of `item`. A new item in full counters takes the place of the
    /// smallest (of equal ones, of the largest item) and starts with its own weight.
    pub(crate) fn add(&mut self, item: u32, weight: f64, growth: Growth, capacity: usize) {
        let weight = self.aligned(weight * growth.factor, growth.era);
        if weight <= 0.0 {
            return;
        }
        if let Some(index) = find(&self.items, item) {
            self.counts[index] += weight;
        } else if self.items.len() < capacity {
            self.reserve(capacity);
            self.items.push(item);
            self.counts.push(weight);
        } else if let Some(index) = self.smallest() {
            self.items[index] = item;
            self.counts[index] = weight;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<u32>() + self.counts.capacity() * size_of::<f32>()
    }

    /// The weight in the era of the counts; a later era moves them to it first.
    fn aligned(&mut self, weight: f64, era: i64) -> f32 {
        if era == self.era {
            return weight as f32;
        }
        if era < self.era {
            return (weight * eras(era - self.era)) as f32;
        }
        self.move_to(era);
        weight as f32
    }

    #[cold]
    fn move_to(&mut self, era: i64) {
        let factor = eras(self.era - era) as f32;
        let moved: Vec<(u32, f32)> = self.items.iter().copied().zip(self.counts.iter().map(|c| c * factor)).collect();
        self.items.clear();
        self.counts.clear();
        for (item, count) in moved.into_iter().filter(|&(_, count)| count >= f32::MIN_POSITIVE) {
            self.items.push(item);
            self.counts.push(count);
        }
        self.era = era;
    }

    /// Grows by doubling, never beyond the capacity.
    fn reserve(&mut self, capacity: usize) {
        let len = self.items.len();
        if len == self.items.capacity() {
            let more = len.max(4).min(capacity - len);
            self.items.reserve_exact(more);
            self.counts.reserve_exact(more);
        }
    }

    /// Three passes without a branch, since compilers turn these to vector instructions.
    fn smallest(&self) -> Option<usize> {
        // Positive floats order as their bits do, and items are far below `i32::MAX`.
        let bits = self.counts.iter().map(|count| count.to_bits() as i32);
        let least = bits.clone().fold(i32::MAX, i32::min);
        let equal = bits.zip(&self.items).map(|(bits, &item)| if bits == least { item as i32 } else { -1 });
        find(&self.items, equal.fold(-1, i32::max) as u32)
    }
}

fn find(items: &[u32], item: u32) -> Option<usize> {
    let (blocks, rest) = items.as_chunks::<LANES>();
    for (index, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |hit, &other| hit | (other == item)) {
            let within = block.iter().position(|&other| other == item);
            return within.map(|within| index * LANES + within);
        }
    }
    rest.iter().position(|&other| other == item).map(|within| blocks.len() * LANES + within)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const FLAT: Growth = Growth { era: 0, factor: 1.0 };

    #[test]
    fn the_smallest_gives_way_and_of_equals_the_largest_item() {
        let mut counters = Counters::default();
        for (item, weight) in [(1, 2.0), (2, 1.0), (3, 1.0), (4, 0.5)] {
            counters.add(item, weight, FLAT, 3);
        }
        let mut kept: Vec<_> = counters.items().iter().copied().zip(counters.counts().iter().copied()).collect();
        kept.sort_by_key(|&(item, _)| item);
        assert_eq!(kept, [(1, 2.0), (2, 1.0), (4, 0.5)]);
    }

    #[test]
    fn a_later_era_shrinks_and_forgets() {
        let mut counters = Counters::default();
        counters.add(7, 8.0, FLAT, 10);
        counters.add(8, 1.0, Growth { era: 1, factor: 1.0 }, 10);
        assert_eq!(counters.counts(), [8.0 / 4_294_967_296.0, 1.0]);
        counters.add(9, 1.0, Growth { era: 0, factor: 2.0 }, 10);
        assert_eq!(counters.counts()[2], 2.0 / 4_294_967_296.0);
        counters.add(9, 1.0, Growth { era: 100, factor: 1.0 }, 10);
        assert_eq!((counters.items(), counters.counts()), (&[9][..], &[1.0][..]));
    }

    #[test]
    fn no_capacity_keeps_nothing() {
        let mut counters = Counters::default();
        counters.add(1, 1.0, FLAT, 0);
        assert!(counters.items().is_empty());
    }

    proptest! {
        #[test]
        fn as_a_map_that_drops_its_smallest(adds in prop::collection::vec((0u32..60, 1u8..4), 0..400), capacity in 1usize..50) {
            let mut counters = Counters::default();
            let mut map: BTreeMap<u32, f32> = BTreeMap::new();
            for (item, weight) in adds {
                counters.add(item, f64::from(weight), FLAT, capacity);
                if !map.contains_key(&item) && map.len() == capacity {
                    let (&last, _) = map.iter().min_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))).unwrap();
                    map.remove(&last);
                }
                *map.entry(item).or_default() += f32::from(weight);
                prop_assert!(counters.items().len() <= capacity);
            }
            let fast: BTreeMap<u32, f32> = counters.items().iter().copied().zip(counters.counts().iter().copied()).collect();
            prop_assert_eq!(fast, map);
        }
    }
}

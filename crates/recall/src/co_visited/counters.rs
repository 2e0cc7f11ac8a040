//! The counters of one item: how often each other item was visited with it. Bounded; flat arrays without order, so that a
//! search or a read goes over them in vector registers.
//!
//! Where they are full, a new item replaces the smallest with probability `w / (m + w)`, `w` being its weight and `m` the
//! smallest count, and then starts with `m + w`: the randomised admission policy of Ben Basat et al., "Randomized Admission
//! Policy for Efficient Top-k and Frequency Estimation" (INFOCOM 2017). Taking every new item in instead forgets, in a stream with a long tail,
//! all but the last comers.

use super::ageing::{Growth, eras};
use super::lot::Lot;
use super::places::Places;

/// Items compared at once when one is searched.
const LANES: usize = 16;
/// Longer lists have a table of places; shorter ones are searched faster without.
const SEARCHED_MAX: usize = 256;

/// Counts by item. `f32`: a count takes 8 bytes with its item, and no longer grows where one event is below 2^-24 of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    era: i64,
    items: Vec<u32>,
    counts: Vec<f32>,
    /// No count is less: what most new items are turned away by. Worked out again from time to time, it decides nothing.
    least: f32,
    places: Places,
}

impl Counters {
    /// Takes up counters as they were saved, in their order.
    pub(crate) fn from_parts(era: i64, items: Vec<u32>, counts: Vec<f32>) -> Counters {
        let mut counters = Counters { era, items, counts, least: 0.0, places: Places::default() };
        counters.index();
        counters
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

    /// The count of one item.
    pub(crate) fn count(&self, item: u32) -> Option<f32> {
        self.find(item).map(|index| self.counts[index])
    }

    /// Adds `weight`, grown to the event's time, to the counter of `item`. A new item in full counters may take the place of the
    /// smallest (of equal ones, of the largest item), as the lot falls. Returns where the counter stands that grew.
    pub(crate) fn add(&mut self, item: u32, weight: f64, growth: Growth, capacity: usize, lot: Lot) -> Option<usize> {
        let weight = self.aligned(weight * growth.factor, growth.era);
        if weight <= 0.0 {
            return None;
        }
        let place = match self.find(item) {
            Some(place) => place,
            None if self.items.len() < capacity => self.items.len(),
            None => self.won(item, weight, lot)?,
        };
        let before = self.counts.get(place).copied().unwrap_or(0.0);
        self.set(place, item, before + weight, capacity);
        Some(place)
    }

    /// Makes the counter at a place that of `item`; one past the end is a new place.
    pub(crate) fn set(&mut self, place: usize, item: u32, count: f32, capacity: usize) {
        if place == self.items.len() {
            return self.push(item, count, capacity);
        }
        self.counts[place] = count;
        let before = std::mem::replace(&mut self.items[place], item);
        if before != item && !self.places.is_empty() {
            self.places.replace(&self.items, place, before);
        }
    }

    fn push(&mut self, item: u32, count: f32, capacity: usize) {
        self.reserve(capacity);
        self.items.push(item);
        self.counts.push(count);
        self.least = self.least.min(count);
        if self.places.is_empty() { self.index() } else { self.places.push(&self.items) }
    }

    /// The place that a new item wins from the smallest count, if the lot falls so.
    fn won(&mut self, item: u32, weight: f32, lot: Lot) -> Option<usize> {
        let drawn = lot.draw(item);
        if !admitted(drawn, self.least, weight) {
            return None;
        }
        self.least = self.counts.iter().fold(f32::INFINITY, |least, &count| least.min(count));
        if admitted(drawn, self.least, weight) { self.smallest() } else { None }
    }

    fn find(&self, item: u32) -> Option<usize> {
        if self.places.is_empty() { find(&self.items, item) } else { self.places.find(&self.items, item) }
    }

    /// Makes the table of places, where there are items enough for one.
    fn index(&mut self) {
        self.places = if self.items.len() > SEARCHED_MAX { Places::of(&self.items) } else { Places::default() };
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<u32>() + self.counts.capacity() * size_of::<f32>() + self.places.bytes()
    }

    /// The weight in the era of the counts; a later era moves them to it first.
    fn aligned(&mut self, weight: f64, era: i64) -> f32 {
        self.enter(era);
        if era == self.era { weight as f32 } else { (weight * eras(era - self.era)) as f32 }
    }

    /// Moves the counts to an era if it is later than theirs; whether it is.
    pub(crate) fn enter(&mut self, era: i64) -> bool {
        let later = era > self.era;
        if later {
            self.move_to(era);
        }
        later
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
        self.least = 0.0;
        self.index();
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

    /// Where the smallest count stands, of equal ones that of the largest item. Passes without a branch, since compilers turn these to vector instructions.
    fn smallest(&self) -> Option<usize> {
        // Positive floats order as their bits do, and items are far below `i32::MAX`.
        let bits = self.counts.iter().map(|count| count.to_bits() as i32);
        let least = bits.clone().fold(i32::MAX, i32::min);
        let equal = bits.zip(&self.items).map(|(bits, &item)| if bits == least { item as i32 } else { -1 });
        self.find(equal.fold(-1, i32::max) as u32)
    }
}

/// Whether a new item of this weight replaces a count. The greater the count, the less; so one that a lower bound of the counts
/// turns away is turned away by the least.
fn admitted(drawn: f64, least: f32, weight: f32) -> bool {
    drawn * (f64::from(least) + f64::from(weight)) < f64::from(weight)
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

    fn lot(at: u32) -> Lot {
        Lot::new(domain::Position(u64::from(at)), 7)
    }

    #[test]
    fn the_smallest_gives_way_and_of_equals_the_largest_item() {
        let mut counters = Counters::default();
        for (item, weight) in [(1, 2e9), (2, 1.0), (3, 1.0), (4, 1e9)] {
            counters.add(item, weight, FLAT, 3, lot(item));
        }
        let mut kept: Vec<_> = counters.items().iter().copied().zip(counters.counts().iter().copied()).collect();
        kept.sort_by_key(|&(item, _)| item);
        assert_eq!(kept, [(1, 2e9), (2, 1.0), (4, 1e9 + 1.0)]);
    }

    #[test]
    fn newcomers_are_admitted_by_their_share() {
        let (mut counters, mut admitted) = (Counters::default(), 0);
        counters.add(0, 3.0, FLAT, 1, lot(0));
        for item in 1..=4_000 {
            let mut tried = counters.clone();
            tried.add(item, 1.0, FLAT, 1, lot(item));
            admitted += u32::from(tried.items() == [item]);
            counters.least = 3.0 * (item % 2) as f32;
        }
        assert!((900..1_100).contains(&admitted), "{admitted} of 4000 with a chance of a quarter");
    }

    #[test]
    fn a_later_era_shrinks_and_forgets() {
        let mut counters = Counters::default();
        counters.add(7, 8.0, FLAT, 10, lot(0));
        counters.add(8, 1.0, Growth { era: 1, factor: 1.0 }, 10, lot(0));
        assert_eq!(counters.counts(), [8.0 / 4_294_967_296.0, 1.0]);
        counters.add(9, 1.0, Growth { era: 0, factor: 2.0 }, 10, lot(0));
        assert_eq!(counters.counts()[2], 2.0 / 4_294_967_296.0);
        counters.add(9, 1.0, Growth { era: 100, factor: 1.0 }, 10, lot(0));
        assert_eq!((counters.items(), counters.counts()), (&[9][..], &[1.0][..]));
    }

    #[test]
    fn no_capacity_keeps_nothing() {
        let mut counters = Counters::default();
        counters.add(1, 1.0, FLAT, 0, lot(0));
        assert!(counters.items().is_empty());
    }

    proptest! {
        #[test]
        fn as_a_map_that_may_replace_its_smallest(
            adds in prop::collection::vec((0u32..600, 1u8..4), 0..2_000),
            capacity in prop::sample::select(vec![1usize, 5, 49, 257, 400]),
        ) {
            let mut counters = Counters::default();
            let mut map: BTreeMap<u32, f32> = BTreeMap::new();
            for (at, (item, weight)) in (0u32..).zip(adds) {
                counters.add(item, f64::from(weight), FLAT, capacity, lot(at));
                let weight = f32::from(weight);
                if let Some(count) = map.get_mut(&item) {
                    *count += weight;
                } else if map.len() < capacity {
                    map.insert(item, weight);
                } else {
                    let (&last, &least) = map.iter().min_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))).unwrap();
                    if lot(at).draw(item) * f64::from(least + weight) < f64::from(weight) {
                        map.remove(&last);
                        map.insert(item, least + weight);
                    }
                }
                prop_assert!(counters.items().len() <= capacity);
                if at % 500 == 499 {
                    let parts = (counters.items().to_vec(), counters.counts().to_vec());
                    counters = Counters::from_parts(counters.era(), parts.0, parts.1);
                }
            }
            let fast: BTreeMap<u32, f32> = counters.items().iter().copied().zip(counters.counts().iter().copied()).collect();
            prop_assert_eq!(fast, map);
        }
    }
}

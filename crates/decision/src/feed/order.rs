//! An order of candidates that is established from the front, only as far as somebody looks: most candidates of a
//! request are never returned, and sorting them would cost more than scoring them.

use std::ops::Range;

/// The fewest elements put in order at once.
const STEP: usize = 64;

/// Candidates, best first up to where the order is settled, in any order behind.
#[derive(Default)]
pub(crate) struct Order {
    /// By index: the score, inverted so that the best is smallest, and what decides between equal ones.
    keys: Vec<(u64, u32)>,
    /// What is put in order: inverted scores whose last bits are the index, so that nearly always one word decides. None behind
    /// `settled` may be equal to one before it but for those bits.
    fronts: Vec<u64>,
    /// Which bits of a front are its index.
    index_bits: u64,
    settled: usize,
    /// Candidates behind all of `fronts`, in this order.
    behind: Range<usize>,
}

impl Order {
    /// Becomes the order of these candidates, each with its score and what decides between equal ones: higher scores come first,
    /// equal scores by ascending tie.
    pub(crate) fn set(&mut self, candidates: impl ExactSizeIterator<Item = (f64, u32)>) {
        self.index_bits = (candidates.len() as u64).next_power_of_two() - 1;
        self.settled = 0;
        self.behind = 0..0;
        self.keys.clear();
        self.keys.extend(candidates.map(|(score, tie)| (descending(score), tie)));
        self.fronts.clear();
        self.fronts.extend(self.keys.iter().zip(0..).map(|((score, _), index)| score & !self.index_bits | index));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.fronts.len() + self.behind.len()
    }

    /// Puts candidates behind all that have a score, in the order of the range.
    pub(crate) fn append_behind(&mut self, indexes: Range<usize>) {
        self.behind = indexes;
    }

    /// The indexes of the first `count` candidates, of those that have scores.
    pub(crate) fn first(&mut self, count: usize) -> impl ExactSizeIterator<Item = usize> {
        self.settle(count);
        self.fronts.iter().take(count).map(|front| (front & self.index_bits) as usize)
    }

    /// The index of the candidate in this place, from 0.
    pub(crate) fn place(&mut self, place: usize) -> usize {
        if place >= self.fronts.len() {
            return self.behind.start + (place - self.fronts.len());
        }
        if place >= self.settled {
            self.settle(place + 1);
        }
        (self.fronts[place] & self.index_bits) as usize
    }

    /// Puts at least the first `upto` in order; each call at least doubles what is settled.
    pub(crate) fn settle(&mut self, upto: usize) {
        let end = upto.max(self.settled * 2).max(STEP).min(self.fronts.len());
        if end <= self.settled {
            return;
        }
        let rest = &mut self.fronts[self.settled..];
        let mut more = end - self.settled;
        if more < rest.len() {
            let (_, &mut last, behind) = rest.select_nth_unstable(more - 1);
            more += bring_forward(behind, |front| (front ^ last) & !self.index_bits == 0);
        }
        sort(&mut rest[..more], &self.keys, self.index_bits);
        self.settled += more;
    }
}

/// Moves those for which the test is true to the front; returns how many there are.
fn bring_forward(fronts: &mut [u64], test: impl Fn(u64) -> bool) -> usize {
    let mut count = 0;
    for at in 0..fronts.len() {
        if test(fronts[at]) {
            fronts.swap(count, at);
            count += 1;
        }
    }
    count
}

/// Sorts fronts; of those that are equal but for their indexes, all of the key decides.
fn sort(fronts: &mut [u64], keys: &[(u64, u32)], index_bits: u64) {
    fronts.sort_unstable();
    for same in fronts.chunk_by_mut(|a, b| (a ^ b) & !index_bits == 0).filter(|same| same.len() > 1) {
        same.sort_unstable_by_key(|front| {
            let index = front & index_bits;
            (keys[index as usize], index)
        });
    }
}

/// Bits that ascend where scores descend. Zeroes are equal.
pub(crate) fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { bits } else { !bits & (u64::MAX >> 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_are_those_of_a_sort(
            scores in prop::collection::vec(prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), Just(0.0), Just(-0.0), Just(1.5), (0u64..900).prop_map(|more| f64::from_bits(1.5f64.to_bits() + more))], 0..300),
            looks in prop::collection::vec(0usize..300, 0..8),
        ) {
            let mut order = Order::default();
            order.set(scores.iter().enumerate().map(|(index, &score)| (score, (index as u32).wrapping_mul(7919) % 5)));
            let mut slow: Vec<usize> = (0..scores.len()).collect();
            slow.sort_by(|&a, &b| {
                let tie = |i: usize| (i as u32).wrapping_mul(7919) % 5;
                scores[b].partial_cmp(&scores[a]).unwrap().then(tie(a).cmp(&tie(b))).then(a.cmp(&b))
            });
            prop_assert!(order.first(scores.len() / 3).eq(slow[..scores.len() / 3].iter().copied()));
            for look in looks {
                if look < scores.len() {
                    prop_assert_eq!(order.place(look), slow[look]);
                }
            }
        }
    }
}

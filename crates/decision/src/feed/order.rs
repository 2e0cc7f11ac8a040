//! An order of candidates that is established from the front, only as far as somebody looks: most candidates of a
//! request are never returned, and sorting them would cost more than scoring them.

use std::ops::Range;

/// The fewest elements put in order at once.
const STEP: usize = 64;
/// Bits of a key's front that name its place while keys are sorted by the rest of it.
const PLACE_BITS: u32 = 16;

/// Candidates, best first up to where the order is settled, in any order behind.
#[derive(Default)]
pub(crate) struct Order {
    /// Score (inverted, so that the best is smallest), item id, index: 64, 32 and 32 bits.
    keys: Vec<u128>,
    settled: usize,
    /// Candidates behind all of `keys`, in this order.
    behind: Range<usize>,
    fronts: Vec<u64>,
    sorted: Vec<u128>,
}

impl Order {
    /// Becomes the order of these candidates, each with its score and what decides between equal ones: higher scores come first,
    /// equal scores by ascending tie.
    pub(crate) fn set(&mut self, candidates: impl ExactSizeIterator<Item = (f64, u32)>) {
        self.keys.clear();
        self.settled = 0;
        self.behind = 0..0;
        let key = |((score, tie), index): ((f64, u32), u128)| {
            u128::from(descending(score)) << 64 | u128::from(tie) << 32 | index
        };
        self.keys.extend(candidates.zip(0..).map(key));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len() + self.behind.len()
    }

    /// Puts candidates behind all that have a score, in the order of the range.
    pub(crate) fn append_behind(&mut self, indexes: Range<usize>) {
        self.behind = indexes;
    }

    /// The indexes of the first `count` candidates in any order, of those that have scores.
    pub(crate) fn best(&mut self, count: usize) -> impl ExactSizeIterator<Item = usize> {
        if (1..self.keys.len()).contains(&count) {
            self.keys.select_nth_unstable(count - 1);
        }
        self.keys.iter().take(count).map(|key| *key as u32 as usize)
    }

    /// The indexes of the first `count` candidates, of those that have scores.
    pub(crate) fn first(&mut self, count: usize) -> impl ExactSizeIterator<Item = usize> {
        self.settle(count);
        self.keys.iter().take(count).map(|key| *key as u32 as usize)
    }

    /// The index of the candidate in this place, from 0.
    pub(crate) fn place(&mut self, place: usize) -> usize {
        if place >= self.keys.len() {
            return self.behind.start + (place - self.keys.len());
        }
        if place >= self.settled {
            self.settle(place + 1);
        }
        self.keys[place] as u32 as usize
    }

    /// Puts at least the first `upto` in order; each call at least doubles what is settled.
    pub(crate) fn settle(&mut self, upto: usize) {
        let end = upto.max(self.settled * 2).max(STEP).min(self.keys.len());
        if end <= self.settled {
            return;
        }
        let rest = &mut self.keys[self.settled..];
        let more = end - self.settled;
        if more < rest.len() {
            rest.select_nth_unstable(more - 1);
        }
        sort(&mut rest[..more], &mut self.fronts, &mut self.sorted);
        self.settled = end;
    }
}

/// Sorts keys by their fronts, which are half as long; of those whose fronts are equal but for the last bits, all of the key
/// decides. The other two are working memory.
fn sort(keys: &mut [u128], fronts: &mut Vec<u64>, sorted: &mut Vec<u128>) {
    const PLACES: u64 = (1 << PLACE_BITS) - 1;
    if keys.len() > 1 << PLACE_BITS {
        return keys.sort_unstable();
    }
    fronts.clear();
    fronts.extend(keys.iter().zip(0..).map(|(key, place)| ((key >> 64) as u64 & !PLACES) | place));
    fronts.sort_unstable();
    sorted.clear();
    sorted.extend(fronts.iter().map(|front| keys[(front & PLACES) as usize]));
    keys.copy_from_slice(sorted);
    let mut start = 0;
    for same in fronts.chunk_by(|a, b| a >> PLACE_BITS == b >> PLACE_BITS) {
        let end = start + same.len();
        if same.len() > 1 {
            keys[start..end].sort_unstable();
        }
        start = end;
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
            scores in prop::collection::vec(prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), Just(0.0), Just(-0.0), Just(1.5), (0u64..9).prop_map(|more| f64::from_bits(1.5f64.to_bits() + more * 20_000))], 0..300),
            looks in prop::collection::vec(0usize..300, 0..8),
        ) {
            let mut order = Order::default();
            order.set(scores.iter().enumerate().map(|(index, &score)| (score, (index as u32).wrapping_mul(7919) % 5)));
            let mut slow: Vec<usize> = (0..scores.len()).collect();
            slow.sort_by(|&a, &b| {
                let tie = |i: usize| (i as u32).wrapping_mul(7919) % 5;
                scores[b].partial_cmp(&scores[a]).unwrap().then(tie(a).cmp(&tie(b))).then(a.cmp(&b))
            });
            let mut best: Vec<usize> = order.best(scores.len() / 2).collect();
            best.sort_unstable();
            let mut expected = slow[..scores.len() / 2].to_vec();
            expected.sort_unstable();
            prop_assert_eq!(best, expected);
            prop_assert!(order.first(scores.len() / 3).eq(slow[..scores.len() / 3].iter().copied()));
            for look in looks {
                if look < scores.len() {
                    prop_assert_eq!(order.place(look), slow[look]);
                }
            }
        }
    }
}

//! Working memory of a read, owned by the thread that reads: sums by item in a dense array, and what was touched.

/// Working memory of `Indexes::co_visited`. Create one per thread and pass it to every read: it grows to the number of items
/// (8 bytes each) and is then never allocated again. It carries nothing from one read to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Sum by item; 0 where not touched.
    sums: Vec<f64>,
    /// Items with a sum.
    touched: Vec<u32>,
    /// Similarities of one context item, packed to be ordered as integers.
    pub(super) keys: Vec<u64>,
    /// Candidates as (bits of the sum, item).
    ranked: Vec<(u64, u32)>,
}

/// Candidates ordered at least at once.
const BLOCK_MIN: usize = 64;

impl Scratch {
    /// Empty working memory.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Forgets the last read and makes room for this many items.
    pub(super) fn start(&mut self, items: usize) {
        for item in self.touched.drain(..) {
            self.sums[item as usize] = 0.0;
        }
        if self.sums.len() < items {
            self.sums.resize(items, 0.0);
        }
    }

    /// Adds a value to an item's sum; one that is not positive is no visit.
    pub(super) fn add_positive(&mut self, item: u32, value: f64) {
        if value <= 0.0 {
            return;
        }
        let sum = &mut self.sums[item as usize];
        if *sum == 0.0 {
            self.touched.push(item);
        }
        *sum += value;
    }

    /// An item's sum; 0 if it has none.
    pub(super) fn sum(&self, item: u32) -> f64 {
        self.sums.get(item as usize).copied().unwrap_or(0.0)
    }

    /// Gives items and sums, best first and of equal ones the smallest item first, until `take` says that it has enough.
    /// Orders a block at a time: what is never asked for is never ordered.
    pub(super) fn best(&mut self, block: usize, mut take: impl FnMut(u32, f64) -> bool) {
        self.ranked.clear();
        let sums = &self.sums;
        // The bits of positive floats order as the floats; their complement puts the best first.
        self.ranked.extend(self.touched.iter().map(|&item| (!sums[item as usize].to_bits(), item)));
        let mut rest = self.ranked.as_mut_slice();
        while !rest.is_empty() {
            let block = block.max(BLOCK_MIN);
            if rest.len() > block {
                rest.select_nth_unstable(block);
            }
            let (head, tail) = rest.split_at_mut(block.min(rest.len()));
            head.sort_unstable();
            for &mut (bits, item) in head {
                if !take(item, f64::from_bits(!bits)) {
                    return;
                }
            }
            rest = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn as_a_sorted_map(adds in prop::collection::vec((0u32..500, 1u8..5), 0..1_000), block in 0usize..100, limit in 0usize..600) {
            let mut scratch = Scratch::new();
            for _ in 0..2 {
                scratch.start(500);
                let mut map: BTreeMap<u32, f64> = BTreeMap::new();
                for &(item, value) in &adds {
                    scratch.add_positive(item, f64::from(value));
                    *map.entry(item).or_default() += f64::from(value);
                }
                let mut slow: Vec<(u32, f64)> = map.into_iter().collect();
                slow.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                slow.truncate(limit);
                let mut fast = Vec::new();
                scratch.best(block, |item, sum| {
                    if fast.len() < limit {
                        fast.push((item, sum));
                    }
                    fast.len() < limit
                });
                prop_assert_eq!(fast, slow);
            }
        }
    }
}

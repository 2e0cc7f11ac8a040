//! Working memory of a read, owned by the thread that reads: sums by item in a dense array, and what was touched.

use crate::Hit;
use crate::sessions::SessionScratch;
use domain::EntityId;

/// Working memory of `Indexes::co_visited` and `Indexes::sessions`. Create one per thread and pass it to every read: it grows to the number of items
/// (8 bytes each) and is then never allocated again. It carries nothing from one read to the next.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    /// Sum by item; 0 where nothing was added.
    sums: Vec<f64>,
    /// Items added to.
    touched: Touched,
    /// Similarities of one context item, packed to be ordered as integers.
    pub(super) keys: Vec<u64>,
    /// Candidates, packed likewise.
    ranked: Vec<u64>,
    /// What reads of sessions need beside the sums.
    pub(crate) sessions: SessionScratch,
}

/// Which sums may not be 0.
#[derive(Clone, Debug)]
enum Touched {
    /// Any: there are so few items that looking at all of them is cheaper than listing some.
    Any,
    /// Those of these items.
    These(Vec<u32>),
}

impl Default for Touched {
    fn default() -> Touched {
        Touched::These(Vec::new())
    }
}

/// Candidates ordered at least at once.
const BLOCK_MIN: usize = 64;

impl Scratch {
    /// Empty working memory.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Forgets the last read and makes room for this many items, to which at most about `additions` will be made.
    pub(crate) fn start(&mut self, items: usize, additions: usize) {
        match &mut self.touched {
            Touched::Any => self.sums.fill(0.0),
            Touched::These(touched) => touched.drain(..).for_each(|item| self.sums[item as usize] = 0.0),
        }
        if self.sums.len() < items {
            self.sums.resize(items, 0.0);
        }
        match (&self.touched, self.sums.len() <= additions.saturating_mul(4)) {
            (Touched::Any, false) => self.touched = Touched::These(Vec::new()),
            (Touched::These(_), true) => self.touched = Touched::Any,
            _ => {}
        }
    }

    /// Adds values, none negative, to the sums of items; items beyond the number that `start` was given have none.
    pub(crate) fn add(&mut self, values: impl Iterator<Item = (u32, f64)>) {
        match &mut self.touched {
            Touched::Any => values.for_each(|(item, value)| {
                if let Some(sum) = self.sums.get_mut(item as usize) {
                    *sum += value;
                }
            }),
            Touched::These(touched) => {
                for (item, value) in values {
                    let Some(sum) = self.sums.get_mut(item as usize) else { continue };
                    if *sum == 0.0 && value > 0.0 {
                        touched.push(item);
                    }
                    *sum += value;
                }
            }
        }
    }

    /// Takes out the sums of these items, after the last addition.
    pub(crate) fn forget(&mut self, items: impl Iterator<Item = u32>) {
        items.for_each(|item| {
            if let Some(sum) = self.sums.get_mut(item as usize) {
                *sum = 0.0;
            }
        });
    }

    /// An item's sum; 0 if it has none.
    pub(super) fn sum(&self, item: u32) -> f64 {
        self.sums.get(item as usize).copied().unwrap_or(0.0)
    }

    /// Appends the best `limit` items that `skip` does not name, in the order of `best`; `limit` is at least 1.
    pub(crate) fn hits(&mut self, limit: usize, skip: &dyn Fn(EntityId) -> bool, out: &mut Vec<Hit>) {
        let mut left = limit;
        self.best(limit, |item, score| {
            if !skip(EntityId(item)) {
                out.push(Hit { item: EntityId(item), score });
                left -= 1;
            }
            left > 0
        });
    }

    /// Gives items and sums, rounded to `f32`, best first and of equal ones the smallest item first, until `take` says that it
    /// has enough. Orders a block at a time: what is never asked for is never ordered.
    fn best(&mut self, block: usize, mut take: impl FnMut(u32, f64) -> bool) {
        self.rank();
        let mut rest = self.ranked.as_mut_slice();
        while !rest.is_empty() {
            let block = block.max(BLOCK_MIN);
            if rest.len() > block {
                rest.select_nth_unstable(block);
            }
            let (head, tail) = rest.split_at_mut(block.min(rest.len()));
            head.sort_unstable();
            for &mut key in head {
                if !take(key as u32, f64::from(f32::from_bits(!((key >> 32) as u32)))) {
                    return;
                }
            }
            rest = tail;
        }
    }

    /// Packs every item with a sum.
    fn rank(&mut self) {
        // The bits of positive floats order as the floats; their complement puts the best first, then the smallest item.
        let key = |item: u32, sum: f64| u64::from(!(sum as f32).to_bits()) << 32 | u64::from(item);
        self.ranked.clear();
        match &self.touched {
            Touched::Any => {
                // Each is written and the next one over it unless it counts: no processor can guess which sums are 0.
                self.ranked.resize(self.sums.len(), 0);
                let mut count = 0;
                for (item, &sum) in (0u32..).zip(&self.sums) {
                    self.ranked[count] = key(item, sum);
                    count += usize::from(sum > 0.0);
                }
                self.ranked.truncate(count);
            }
            Touched::These(touched) => {
                let sums = &self.sums;
                let sums = touched.iter().map(|&item| (item, sums[item as usize])).filter(|(_, sum)| *sum > 0.0);
                self.ranked.extend(sums.map(|(item, sum)| key(item, sum)));
            }
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
        fn as_a_sorted_map(
            adds in prop::collection::vec((0u32..500, 0u8..5), 0..1_000),
            block in 0usize..100,
            limit in 0usize..600,
            additions in prop::sample::select(vec![[0, 0, 0], [0, 1_000, 0], [1_000, 0, 1_000]]),
        ) {
            let mut scratch = Scratch::new();
            for additions in additions {
                scratch.start(500, additions);
                let mut map: BTreeMap<u32, f64> = BTreeMap::new();
                scratch.add(adds.iter().map(|&(item, value)| (item, f64::from(value))));
                for &(item, value) in &adds {
                    *map.entry(item).or_default() += f64::from(value);
                }
                let mut slow: Vec<(u32, f64)> = map.into_iter().filter(|(_, sum)| *sum > 0.0).collect();
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

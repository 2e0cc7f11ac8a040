//! How similar two candidates are, from 0 (or, of vectors, -1) to 1. What is compared is read once per candidate.
//! A candidate that lacks it is similar to none.

use super::{Entry, Ground};
use domain::{EntityId, Value};
use spec::plan::Likeness;
use std::ops::Range;

/// Floats that are multiplied side by side. Their sums are added up in one fixed order.
const LANES: usize = 8;

/// Why equality is not asked for here.
const IS_EQUAL: &str = "rerankers by equal attributes go by `Alike`";

/// What is compared, of candidates by number.
#[derive(Default)]
pub(super) struct Likenesses {
    symbols: Vec<u32>,
    floats: Vec<f64>,
    /// Of each candidate's symbols or floats.
    ranges: Vec<Range<usize>>,
    items: Vec<EntityId>,
}

impl Likenesses {
    /// Reads what is compared of the candidates.
    pub(super) fn load(&mut self, by: Likeness, entries: &[Entry], ground: &Ground<'_>) {
        self.symbols.clear();
        self.floats.clear();
        self.ranges.clear();
        self.items.clear();
        for entry in entries {
            match by {
                Likeness::Equal(_) => unreachable!("{IS_EQUAL}"),
                Likeness::Shared(field) => self.push_symbols(ground.value(entry.pick, field)),
                Likeness::Cosine(field) => self.push_floats(ground.value(entry.pick, field)),
                Likeness::CoVisited(_) => self.items.push(ground.candidates[entry.pick.index].item),
            }
        }
    }

    fn push_symbols(&mut self, value: Option<&Value>) {
        let start = self.symbols.len();
        if let Some(Value::List(list)) = value {
            self.symbols.extend(list.iter().filter_map(|value| match value {
                Value::Str(symbol) => Some(symbol.0),
                _ => None,
            }));
        }
        self.symbols[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.symbols.len() {
            if at == start || self.symbols[at] != self.symbols[kept - 1] {
                self.symbols[kept] = self.symbols[at];
                kept += 1;
            }
        }
        self.symbols.truncate(kept);
        self.ranges.push(start..kept);
    }

    /// The vector at length 1; none for a zero or overflowing one.
    fn push_floats(&mut self, value: Option<&Value>) {
        let start = self.floats.len();
        if let Some(Value::List(list)) = value {
            self.floats.extend(list.iter().filter_map(Value::as_f64));
        }
        let length = dot(&self.floats[start..], &self.floats[start..]).sqrt();
        if length > 0.0 && length.is_finite() {
            self.floats[start..].iter_mut().for_each(|float| *float /= length);
        } else {
            self.floats.truncate(start);
        }
        self.ranges.push(start..self.floats.len());
    }

    /// Of two different candidates.
    pub(super) fn of(&self, by: Likeness, a: usize, b: usize, ground: &Ground<'_>) -> f64 {
        match by {
            Likeness::Equal(_) => unreachable!("{IS_EQUAL}"),
            Likeness::Shared(_) => {
                jaccard(&self.symbols[self.ranges[a].clone()], &self.symbols[self.ranges[b].clone()])
            }
            Likeness::Cosine(_) => {
                let (a, b) = (&self.floats[self.ranges[a].clone()], &self.floats[self.ranges[b].clone()]);
                if a.len() == b.len() { dot(a, b).clamp(-1.0, 1.0) } else { 0.0 }
            }
            Likeness::CoVisited(index) => {
                let indexes = ground.view.epoch.indexes();
                indexes.co_visited_likeness(index, self.items[a], self.items[b], ground.view.now)
            }
        }
    }
}

/// Size of the intersection as a share of that of the union; both ascending, each element once.
fn jaccard(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        common += u32::from(a[i] == b[j]);
        let (x, y) = (a[i], b[j]);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    if common == 0 { 0.0 } else { f64::from(common) / (a.len() + b.len() - common as usize) as f64 }
}

/// The scalar product, summed in one fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_add_up_to_the_product(pairs in prop::collection::vec((-9i32..9, -9i32..9), 0..40)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            let exact: i32 = pairs.iter().map(|(a, b)| a * b).sum();
            prop_assert_eq!(dot(&a, &b), f64::from(exact));
        }

        #[test]
        fn merging_counts_what_sets_have_in_common(
            a in prop::collection::btree_set(0u32..12, 0..8),
            b in prop::collection::btree_set(0u32..12, 0..8),
        ) {
            let (common, all) = (a.intersection(&b).count(), a.union(&b).count());
            let (a, b): (Vec<u32>, Vec<u32>) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert_eq!(jaccard(&a, &b), common as f64 / all.max(1) as f64);
        }
    }
}

//! The partial results of a pane or session: how one value joins them, and how two of them become one.
//! Sums are kept as they come, in log order. Squared differences follow Welford ("Note on a method for calculating corrected sums
//! of squares and products", 1962) with the mean taken from sum and count; two panes join as in Chan, Golub and LeVeque ("Updating
//! formulae and a pairwise algorithm for computing sample variances", 1979).

use crate::layout::Segment;
use domain::Time;

/// Count, sum and squared differences of some values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    /// Sum of squared differences from the mean.
    pub(crate) squares: f64,
}

impl Moments {
    /// Those of both, the older first.
    pub(crate) fn join(self, newer: Moments) -> Moments {
        if self.count == 0 || newer.count == 0 {
            return if self.count == 0 { newer } else { self };
        }
        let (older_count, newer_count) = (self.count as f64, newer.count as f64);
        let apart = newer.sum / newer_count - self.sum / older_count;
        let between = apart * apart * (older_count * newer_count / (older_count + newer_count));
        Moments {
            count: self.count + newer.count,
            sum: self.sum + newer.sum,
            squares: self.squares + newer.squares + between,
        }
    }

    /// Sample variance; `None` for fewer than two values.
    pub(crate) fn variance(self) -> Option<f64> {
        (self.count > 1).then(|| self.squares / (self.count - 1) as f64)
    }
}

fn number(word: u64) -> f64 {
    f64::from_bits(word)
}

/// Writes the parts of a pane with one value.
pub(crate) fn fresh(pane: &mut [u64], segment: &Segment, (time, value): (Time, f64)) {
    let (parts, at, bits) = (segment.parts, segment.at, value.to_bits());
    for (kept, at) in [(parts.sum, at.sum), (parts.min, at.min), (parts.max, at.max)] {
        if kept {
            pane[at] = bits;
        }
    }
    if parts.variance {
        pane[at.variance] = 0;
    }
    for (kept, at) in [(parts.first, at.first), (parts.last, at.last)] {
        if kept {
            pane[at] = time.0 as u64;
            pane[at + 1] = bits;
        }
    }
}

/// Adds a value to the parts of a pane that held `before` of them.
pub(crate) fn add(pane: &mut [u64], segment: &Segment, before: u64, (time, value): (Time, f64)) {
    let (parts, at) = (segment.parts, segment.at);
    if parts.sum {
        let sum = number(pane[at.sum]);
        pane[at.sum] = (sum + value).to_bits();
        if parts.variance {
            let (mean, moved) = (sum / before as f64, (sum + value) / (before + 1) as f64);
            pane[at.variance] = (number(pane[at.variance]) + (value - mean) * (value - moved)).to_bits();
        }
    }
    if parts.min && value < number(pane[at.min]) {
        pane[at.min] = value.to_bits();
    }
    if parts.max && value > number(pane[at.max]) {
        pane[at.max] = value.to_bits();
    }
    if parts.first && time.0 < pane[at.first] as i64 {
        (pane[at.first], pane[at.first + 1]) = (time.0 as u64, value.to_bits());
    }
    if parts.last && time.0 >= pane[at.last] as i64 {
        (pane[at.last], pane[at.last + 1]) = (time.0 as u64, value.to_bits());
    }
}

/// Adds the parts of a newer pane to those of an older one; each holds at least one value.
pub(crate) fn join(older: &mut [u64], newer: &[u64], segment: &Segment, counts: (u64, u64)) {
    let (parts, at) = (segment.parts, segment.at);
    if parts.sum {
        let moments = |pane: &[u64], count| {
            let squares = if parts.variance { number(pane[at.variance]) } else { 0.0 };
            Moments { count, sum: number(pane[at.sum]), squares }
        };
        let joined = moments(older, counts.0).join(moments(newer, counts.1));
        older[at.sum] = joined.sum.to_bits();
        if parts.variance {
            older[at.variance] = joined.squares.to_bits();
        }
    }
    if parts.min && number(newer[at.min]) < number(older[at.min]) {
        older[at.min] = newer[at.min];
    }
    if parts.max && number(newer[at.max]) > number(older[at.max]) {
        older[at.max] = newer[at.max];
    }
    if parts.last {
        older[at.last..at.last + 2].copy_from_slice(&newer[at.last..at.last + 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn joined_moments_are_those_of_all_values(
            values in prop::collection::vec(-1.0e6f64..1.0e6, 2..40),
            offset in prop_oneof![Just(0.0f64), Just(1.0e9)],
            cuts in prop::collection::vec(any::<bool>(), 40),
        ) {
            let values: Vec<f64> = values.iter().map(|value| value + offset).collect();
            let mut joined = Moments::default();
            let mut pane = Moments::default();
            for (value, cut) in values.iter().zip(&cuts) {
                if *cut {
                    joined = joined.join(std::mem::take(&mut pane));
                }
                pane = pane.join(Moments { count: 1, sum: *value, squares: 0.0 });
            }
            let joined = joined.join(pane);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            prop_assert_eq!(joined.count, values.len() as u64);
            let expected = squares / (values.len() - 1) as f64;
            let variance = joined.variance().unwrap_or(f64::NAN);
            prop_assert!((variance - expected).abs() <= 1e-6 * expected.max(1.0), "{} {}", variance, expected);
        }
    }
}

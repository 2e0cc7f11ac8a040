//! Items in an order that a seed draws, without a list of them: a keyed permutation of all item numbers, walked from its start.
//! A Feistel network over the next power of four (Luby and Rackoff, SIAM Journal on Computing 1988), with numbers beyond the
//! last item passed over ("cycle walking", Black and Rogaway, CT-RSA 2002).

use crate::mix::mix;

const ROUNDS: u64 = 4;

/// The numbers below a bound, each once, in an order that the seed draws.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    bound: u32,
    /// Bits of a half.
    half: u32,
    seed: u64,
}

impl Drawn {
    pub(crate) fn new(bound: u32, seed: u64) -> Drawn {
        let bits = 32 - bound.saturating_sub(1).leading_zeros();
        Drawn { bound, half: bits.div_ceil(2).max(1), seed: mix(seed) }
    }

    /// All numbers in their order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        (0..self.bound).map(move |place| {
            let mut number = self.permuted(u64::from(place));
            // The numbers beyond the bound are fewer than three in four, and every cycle comes back below it.
            while number >= u64::from(self.bound) {
                number = self.permuted(number);
            }
            number as u32
        })
    }

    fn permuted(self, number: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (number >> self.half, number & mask);
        for round in 0..ROUNDS {
            let key = mix(self.seed.wrapping_add(round << 40).wrapping_add(right));
            (left, right) = (right, left ^ (key & mask));
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_once(bound in 0u32..3_000, seed in any::<u64>()) {
            let mut numbers: Vec<u32> = Drawn::new(bound, seed).iter().collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..bound).collect::<Vec<_>>());
        }
    }

    #[test]
    fn each_is_first_about_as_often() {
        let mut first = [0; 10];
        (0..10_000).for_each(|seed| first[Drawn::new(10, seed).iter().next().expect("there are ten") as usize] += 1);
        assert!(first.iter().all(|count| (850..1_150).contains(count)), "{first:?}");
    }
}

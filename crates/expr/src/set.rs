//! The literals of `x in [...]` as words: few are scanned, numbers close to each other are bits, others are hashed.

/// Most words that are scanned from end to end.
const SCANNED_MAX: usize = 8;

/// Bits may take up this many times the room of the words themselves (64 bits each).
const BITS_PER_WORD: u64 = 64;

/// A set of words; which word stands for a value is `Scalar::key`.
#[derive(Debug)]
pub(crate) enum Set {
    Few(Box<[u64]>),
    /// Bits of the words from the first on.
    Close(u64, Box<[u64]>),
    /// A table with open addressing: at most half full, its length a power of two. `None` ends a search.
    Far(Box<[Option<u64>]>),
}

impl Set {
    pub(crate) fn new(mut words: Vec<u64>) -> Set {
        words.sort_unstable();
        words.dedup();
        let (Some(first), Some(last)) = (words.first().copied(), words.last().copied()) else {
            return Set::Few(Box::default());
        };
        if words.len() <= SCANNED_MAX {
            return Set::Few(words.into());
        }
        let range = last - first;
        if range < words.len() as u64 * BITS_PER_WORD {
            let mut bits = vec![0; range as usize / 64 + 1];
            words.iter().map(|word| word - first).for_each(|at| bits[at as usize / 64] |= 1 << (at % 64));
            return Set::Close(first, bits.into());
        }
        let mut table = vec![None; words.len().next_power_of_two() * 2];
        for word in words {
            let mut at = place(word, table.len());
            while table[at].is_some() {
                at = (at + 1) % table.len();
            }
            table[at] = Some(word);
        }
        Set::Far(table.into())
    }

    /// Its words, in no order.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let (few, first, bits, table) = match self {
            Set::Few(words) => (&**words, 0, &[][..], &[][..]),
            Set::Close(first, bits) => (&[][..], *first, &**bits, &[][..]),
            Set::Far(table) => (&[][..], 0, &[][..], &**table),
        };
        let set = (0..bits.len() as u64 * 64).filter(|at| bits[(at / 64) as usize] >> (at % 64) & 1 == 1);
        few.iter().copied().chain(set.map(move |at| first + at)).chain(table.iter().copied().flatten())
    }

    #[inline]
    pub(crate) fn contains(&self, word: u64) -> bool {
        match self {
            Set::Few(words) => words.contains(&word),
            Set::Close(first, bits) => {
                let at = word.wrapping_sub(*first);
                bits.get((at / 64) as usize).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
            }
            Set::Far(table) => {
                let mut at = place(word, table.len());
                while let Some(other) = table[at] {
                    if other == word {
                        return true;
                    }
                    at = (at + 1) & (table.len() - 1);
                }
                false
            }
        }
    }
}

/// Where to look first: the upper bits of a product with the golden ratio (Fibonacci hashing, Knuth volume 3, 6.4).
#[inline(always)]
fn place(word: u64, length: usize) -> usize {
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (length - 1)
}

#[cfg(test)]
mod tests {
    use super::Set;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_contains_what_was_put_in(
            words in prop_oneof![vec(any::<u64>(), 0..80), vec(100..900u64, 0..80), vec(u64::MAX - 300..u64::MAX, 0..80)],
            asked in vec(prop_oneof![any::<u64>(), 0..1_000u64, u64::MAX - 400..u64::MAX], 40),
        ) {
            let set = Set::new(words.clone());
            let (mut found, mut expected): (Vec<u64>, Vec<u64>) = (set.words().collect(), words.clone());
            found.sort_unstable();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(found, expected);
            for word in words.iter().chain(&asked) {
                prop_assert_eq!(set.contains(*word), words.contains(word), "{}", word);
            }
        }
    }
}

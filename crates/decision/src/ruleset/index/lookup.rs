//! Ranks to small numbers: a table with open addressing, at most half full.

/// Marks an empty place.
const EMPTY: u32 = u32::MAX;

/// Which number belongs to a rank.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    places: Box<[(i64, u32)]>,
    shift: u32,
}

impl Lookup {
    /// The number of each rank is its place here; each rank stands here once.
    pub(super) fn new(ranks: impl ExactSizeIterator<Item = i64>) -> Lookup {
        let bits = (ranks.len().max(1) * 2).next_power_of_two().ilog2();
        let mut lookup = Lookup { places: vec![(0, EMPTY); 1 << bits].into(), shift: 64 - bits };
        for (number, rank) in ranks.enumerate() {
            let mut at = lookup.place(rank);
            while lookup.places[at].1 != EMPTY {
                at = (at + 1) & (lookup.places.len() - 1);
            }
            lookup.places[at] = (rank, number as u32);
        }
        lookup
    }

    /// The number of a rank.
    #[inline]
    pub(super) fn find(&self, rank: i64) -> Option<usize> {
        let mut at = self.place(rank);
        loop {
            match self.places[at] {
                (_, EMPTY) => return None,
                (known, number) if known == rank => return Some(number as usize),
                _ => at = (at + 1) & (self.places.len() - 1),
            }
        }
    }

    /// Where to look first: the upper bits of a product with the golden ratio (Fibonacci hashing, Knuth volume 3, 6.4).
    #[inline]
    fn place(&self, rank: i64) -> usize {
        ((rank as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

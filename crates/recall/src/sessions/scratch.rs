//! Working memory of a read of sessions: two small tables and the neighbours found.

/// Kept in `Scratch` from read to read; carries nothing but capacity.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionScratch {
    /// Weights of the context items.
    pub(super) weights: Tally,
    /// Likeness by name of the session.
    pub(super) likeness: Tally,
    /// The neighbours and their likeness, the most alike first, of equal ones the newest.
    pub(super) nearest: Vec<(u32, f64)>,
    /// By place in one session: the context weight of its item, and how much the others reach it.
    pub(super) matched: Vec<f64>,
    pub(super) reached: Vec<f64>,
    keys: Vec<(u64, u32)>,
}

impl SessionScratch {
    /// Leaves the most alike sessions in `nearest`. Likeness is compared as `f32`, so that what differs by rounding alone is equal.
    pub(super) fn choose(&mut self, limit: usize, age: impl Fn(u32) -> u32) {
        let entries = (0u32..).zip(self.likeness.entries());
        self.keys.clear();
        // The bits of positive floats order as the floats; their complement puts the most alike first, then the newest.
        let key = |name: u32, likeness: f64| u64::from(!(likeness as f32).to_bits()) << 32 | u64::from(age(name));
        self.keys.extend(entries.map(|(place, &(name, likeness))| (key(name, likeness), place)));
        if self.keys.len() > limit {
            self.keys.select_nth_unstable(limit);
            self.keys.truncate(limit);
        }
        self.keys.sort_unstable();
        self.nearest.clear();
        let entries = self.likeness.entries();
        self.nearest.extend(self.keys.iter().map(|&(_, place)| entries[place as usize]));
    }
}

/// Sums by number, in the order in which numbers first came: open addressing with linear probing, at most half full.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Place among the entries plus one; 0 = free. A power of two of them.
    slots: Vec<u32>,
    entries: Vec<(u32, f64)>,
    /// One bit for the low six bits of every number that came: most numbers of a session are turned away by it.
    met: u64,
}

impl Tally {
    /// Forgets all and makes room for this many numbers.
    pub(super) fn start(&mut self, most: usize) {
        let slots = (most * 2).next_power_of_two().max(8);
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.entries.clear();
        self.met = 0;
    }

    /// Adds to the sum of a number.
    pub(super) fn add(&mut self, number: u32, value: f64) {
        let slot = self.find(number);
        self.met |= 1 << (number & 63);
        match self.slots[slot] {
            0 => {
                self.entries.push((number, value));
                self.slots[slot] = self.entries.len() as u32;
            }
            place => self.entries[place as usize - 1].1 += value,
        }
    }

    /// The sum of a number; 0 if it has none.
    pub(super) fn value(&self, number: u32) -> f64 {
        if self.met >> (number & 63) & 1 == 0 {
            return 0.0;
        }
        match self.slots[self.find(number)] {
            0 => 0.0,
            place => self.entries[place as usize - 1].1,
        }
    }

    /// Numbers and sums, by when each number first came.
    pub(super) fn entries(&self) -> &[(u32, f64)] {
        &self.entries
    }

    /// The slot where the number is or would be.
    fn find(&self, number: u32) -> usize {
        const GOLDEN: u32 = 0x9e37_79b9;
        let mask = self.slots.len() - 1;
        let mut slot = (number.wrapping_mul(GOLDEN) >> (32 - self.slots.len().trailing_zeros())) as usize;
        loop {
            match self.slots[slot] {
                0 => return slot,
                place if self.entries[place as usize - 1].0 == number => return slot,
                _ => slot = (slot + 1) & mask,
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
        fn tallies_as_a_map(adds in prop::collection::vec((0u32..300, 1u8..9), 0..400)) {
            let (mut tally, mut map) = (Tally::default(), BTreeMap::<u32, f64>::new());
            for _ in 0..2 {
                tally.start(adds.len());
                map.clear();
                for &(number, value) in &adds {
                    tally.add(number.wrapping_mul(0x0101_0101), f64::from(value));
                    *map.entry(number).or_default() += f64::from(value);
                }
            }
            for number in 0..300u32 {
                let expected = map.get(&number).copied().unwrap_or(0.0);
                prop_assert_eq!(tally.value(number.wrapping_mul(0x0101_0101)), expected);
            }
            prop_assert_eq!(tally.entries().len(), map.len());
        }
    }
}

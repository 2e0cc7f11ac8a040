//! Working memory of a read of sessions: context weights, likeness by session, and the neighbours found.

/// Kept in `Scratch` from read to read; carries nothing but capacity.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionScratch {
    /// Weights of the context items.
    pub(super) weights: Tally,
    /// Likeness by age of the session.
    pub(super) likeness: Likeness,
    /// The neighbours and their likeness, the most alike first, of equal ones the newest.
    pub(super) nearest: Vec<(u32, f64)>,
    /// By place in one session: the context weight of its item, and how much the others reach it.
    pub(super) matched: Vec<f64>,
    pub(super) reached: Vec<f64>,
    keys: Vec<u64>,
}

impl SessionScratch {
    /// Leaves the most alike sessions in `nearest`, by the names that they have by age. Likeness is compared as `f32`, so that
    /// what differs by rounding alone is equal.
    pub(super) fn choose(&mut self, limit: usize, name: impl Fn(u32) -> u32) {
        self.keys.clear();
        // The bits of positive floats order as the floats; their complement puts the most alike first, then the newest.
        let key = |(age, likeness): (u32, f64)| u64::from(!(likeness as f32).to_bits()) << 32 | u64::from(age);
        self.keys.extend(self.likeness.entries().map(key));
        if self.keys.len() > limit {
            self.keys.select_nth_unstable(limit);
            self.keys.truncate(limit);
        }
        self.keys.sort_unstable();
        self.nearest.clear();
        let ages = self.keys.iter().map(|&key| key as u32);
        self.nearest.extend(ages.map(|age| (name(age), self.likeness.value(age))));
    }
}

/// Sums by age, how many sessions have begun since. Items list their newest sessions, so most ages are small: those are places
/// of an array.
#[derive(Clone, Debug, Default)]
pub(super) struct Likeness {
    /// By age, below `NEAR`; 0 where nothing was added.
    near: Vec<f64>,
    /// Ages below `NEAR` that were added to, in the order in which they first came.
    met: Vec<u32>,
    /// The others.
    far: Tally,
    /// Whether there are others, and how many there may be.
    has_far: bool,
    most: usize,
}

/// Ages that are places of an array: a quarter of a megabyte.
const NEAR: u32 = 1 << 15;

impl Likeness {
    /// Forgets all and makes room for this many ages.
    pub(super) fn start(&mut self, most: usize) {
        self.met.drain(..).for_each(|age| self.near[age as usize] = 0.0);
        (self.has_far, self.most) = (false, most);
    }

    /// Adds to the sum of an age; the value is above 0.
    pub(super) fn add(&mut self, age: u32, value: f64) {
        if age >= NEAR {
            return self.add_far(age, value);
        }
        if self.near.len() <= age as usize {
            self.near.resize((age as usize + 1).next_power_of_two(), 0.0);
        }
        let sum = &mut self.near[age as usize];
        if *sum == 0.0 {
            self.met.push(age);
        }
        *sum += value;
    }

    fn add_far(&mut self, age: u32, value: f64) {
        if !std::mem::replace(&mut self.has_far, true) {
            self.far.start(self.most);
        }
        self.far.add(age, value);
    }

    /// The sum of an age that was added to.
    fn value(&self, age: u32) -> f64 {
        if age < NEAR { self.near[age as usize] } else { self.far.value(age) }
    }

    /// Ages and sums, each once.
    fn entries(&self) -> impl Iterator<Item = (u32, f64)> {
        let far = if self.has_far { self.far.entries() } else { &[] };
        self.met.iter().map(|&age| (age, self.near[age as usize])).chain(far.iter().copied())
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

        #[test]
        fn the_most_alike_and_of_these_the_newest_are_chosen(
            reads in prop::collection::vec(
                prop::collection::vec((prop_oneof![0u32..40, NEAR - 9..NEAR + 9, any::<u32>()], 1u8..4), 0..200), 1..4),
            limit in 1usize..60,
        ) {
            let mut scratch = SessionScratch::default();
            for adds in reads {
                scratch.likeness.start(adds.len());
                let mut map = BTreeMap::<u32, f64>::new();
                for &(age, value) in &adds {
                    scratch.likeness.add(age, f64::from(value));
                    *map.entry(age).or_default() += f64::from(value);
                }
                scratch.choose(limit, |age| !age);
                let mut slow: Vec<(u32, f64)> = map.into_iter().collect();
                slow.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
                slow.truncate(limit);
                slow.iter_mut().for_each(|(age, _)| *age = !*age);
                prop_assert_eq!(&scratch.nearest, &slow);
            }
        }
    }
}

//! Numbers by the hash of a key that stands elsewhere: extendible hashing (Fagin, Nievergelt, Pippenger and Strong, "Extendible Hashing - A Fast
//! Access Method for Dynamic Files", 1979). Pages of 4 KB part in two when they are full, so that growing moves a few hundred numbers at
//! a time and leaves no memory behind; in a page, buckets of one cache line, of which a lookup mostly loads one.

use prefetch_index::prefetch_index;

/// Slots of a bucket, and buckets of a page.
const SLOTS: usize = 8;
const BUCKETS: usize = 64;
/// Slots of a page that may be taken: more, and lookups would have to look at many buckets.
const TAKEN_MAX: usize = SLOTS * BUCKETS * 3 / 4;
/// Numbers that are left in a page whose dead ones were dropped, rather than parting it.
const KEPT_MAX: usize = TAKEN_MAX * 3 / 4;
/// How many times as many places as pages the directory may have. Hashes are random, so that it needs few; whoever manages to send
/// keys that hash alike gets a slow table, not a large one.
const SPARSE_MAX: usize = 64;

/// Halves of hashes, zero where vacant, and the numbers that belong to them. Taken in order, so that the last says whether all are.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    halves: [u32; SLOTS],
    numbers: [u32; SLOTS],
}

impl Bucket {
    fn is_full(&self) -> bool {
        self.halves[SLOTS - 1] != 0
    }

    /// A bit for each slot that has this half. Without a branch, as it cannot be foretold which does.
    #[inline]
    fn having(&self, half: u32) -> u32 {
        // Mostly none, which the processor finds out about all slots at once.
        if !self.halves.iter().fold(false, |any, has| any | (*has == half)) {
            return 0;
        }
        self.halves.iter().enumerate().fold(0, |bits, (at, has)| bits | u32::from(*has == half) << at)
    }
}

#[derive(Clone)]
struct Page {
    buckets: Box<[Bucket; BUCKETS]>,
    taken: usize,
    /// How many low bits of the halves in it are the same.
    depth: u32,
}

impl Page {
    fn new(depth: u32) -> Page {
        Page { buckets: Box::new([Bucket::default(); BUCKETS]), taken: 0, depth }
    }

    /// The bucket where a search begins: by other bits than those that choose the page, and not the one that all have.
    fn home(half: u32) -> usize {
        (half >> 25) as usize % BUCKETS
    }

    #[inline]
    fn find(&self, half: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = Page::home(half);
        loop {
            let bucket = &self.buckets[at];
            let mut having = bucket.having(half);
            while having != 0 {
                let number = bucket.numbers[having.trailing_zeros() as usize % SLOTS];
                if is(number) {
                    return Some(number);
                }
                having &= having - 1;
            }
            if !bucket.is_full() {
                return None;
            }
            at = (at + 1) % BUCKETS;
        }
    }

    /// Less than [`TAKEN_MAX`] are taken.
    fn put(&mut self, (half, number): (u32, u32)) {
        let mut at = Page::home(half);
        while self.buckets[at].is_full() {
            at = (at + 1) % BUCKETS;
        }
        let bucket = &mut self.buckets[at];
        let slot = bucket.halves.iter().position(|half| *half == 0).expect("the bucket is not full");
        (bucket.halves[slot], bucket.numbers[slot]) = (half, number);
        self.taken += 1;
    }

    /// Takes out all whose number lives, and drops the others.
    fn drain(&mut self, lives: &impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
        let slots = self.buckets.iter().flat_map(|bucket| bucket.halves.into_iter().zip(bucket.numbers));
        let living = slots.filter(|(half, number)| *half != 0 && lives(*number)).collect();
        self.buckets.fill(Bucket::default());
        self.taken = 0;
        living
    }
}

/// A map from the hashes of keys to their numbers, without iteration, so that no result can depend on hash order. Numbers are not taken
/// out: those that are not meant any longer are passed over by whoever asks, and dropped when a page is full.
#[derive(Clone)]
pub(crate) struct Numbered {
    /// The page of a half by its low bits: a power of two of places.
    directory: Vec<u32>,
    pages: Vec<Page>,
    /// Those for which a page that cannot be parted has no room.
    crowded: Vec<(u32, u32)>,
}

impl Numbered {
    pub(crate) fn new() -> Numbered {
        Numbered { directory: vec![0], pages: vec![Page::new(0)], crowded: Vec::new() }
    }

    /// The upper half of a hash, told from a vacant slot's by its highest bit.
    fn half(hash: u64) -> u32 {
        (hash >> 32) as u32 | 1 << 31
    }

    fn page(&self, half: u32) -> usize {
        self.directory[half as usize & (self.directory.len() - 1)] as usize
    }

    /// The number of a key; `is` says whether a number is that key's.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = Numbered::half(hash);
        let found = self.pages[self.page(half)].find(half, &mut is);
        if found.is_some() || self.crowded.is_empty() {
            return found;
        }
        self.crowded.iter().find(|(has, number)| *has == half && is(*number)).map(|(_, number)| *number)
    }

    /// Asks for the memory where a search begins.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) {
        let half = Numbered::half(hash);
        prefetch_index(&self.pages[self.page(half)].buckets[..], Page::home(half));
    }

    /// The number that a search looks at first: mostly the key's, if it has one.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds the number of a key that has none. `lives` says whether a number is still meant.
    pub(crate) fn insert(&mut self, hash: u64, number: u32, lives: impl Fn(u32) -> bool) {
        let half = Numbered::half(hash);
        loop {
            let at = self.page(half);
            if self.pages[at].taken < TAKEN_MAX {
                return self.pages[at].put((half, number));
            }
            if !self.make_room(at, &lives) {
                self.crowded.retain(|(_, number)| lives(*number));
                return self.crowded.push((half, number));
            }
        }
    }

    /// Makes room in a page that is full, by dropping what is dead or by parting it. False if neither is possible.
    #[cold]
    fn make_room(&mut self, at: usize, lives: &impl Fn(u32) -> bool) -> bool {
        let living = self.pages[at].drain(lives);
        let depth = self.pages[at].depth;
        let parts = living.len() > KEPT_MAX && 1 << depth < SPARSE_MAX * self.pages.len();
        if parts {
            self.part(at, living[0].0, depth);
        }
        let has_room = parts || living.len() < TAKEN_MAX;
        living.into_iter().for_each(|(half, number)| {
            let at = self.page(half);
            self.pages[at].put((half, number));
        });
        has_room
    }

    /// Gives those halves of a page, all drained, whose next bit is set a page of their own. `half` is any of them.
    fn part(&mut self, at: usize, half: u32, depth: u32) {
        let (bit, new) = (1 << depth, self.pages.len() as u32);
        if self.directory.len() == bit {
            self.directory.extend_from_within(..);
        }
        self.pages[at].depth += 1;
        self.pages.push(Page::new(depth + 1));
        let first = half as usize & (bit - 1) | bit;
        self.directory.iter_mut().skip(first).step_by(2 * bit).for_each(|page| *page = new);
    }

    /// Bytes of heap memory.
    pub(crate) fn bytes(&self) -> usize {
        let pages = self.pages.len() * (size_of::<Page>() + size_of::<[Bucket; BUCKETS]>());
        pages + self.directory.len() * 4 + self.crowded.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// All bits of the hash random, only a few buckets and pages, or hardly any, so that keys get into each other's way.
    fn hash(key: u32, crowding: u8) -> u64 {
        let spread = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        match crowding {
            0 => spread,
            1 => spread & 0x0600_0007_0000_0000,
            _ => spread & 0x0000_0002_0000_0000,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_a_tree(
            steps in prop::collection::vec((0u32..6_000, 0u8..16), 1..8_000),
            crowding in 0u8..3,
            often in 1u8..8,
        ) {
            let (mut table, mut tree) = (Numbered::new(), BTreeMap::new());
            // The keys by number: numbers are given once, from the highest one on, which is a number like any other.
            let mut keys = BTreeMap::new();
            let first = u32::MAX - 3;
            let (mut next, mut oldest) = (first, first);
            for (key, what) in steps {
                let hash = hash(key, crowding);
                let found = table.find(hash, |number| keys.get(&number.wrapping_sub(first)) == Some(&key));
                prop_assert_eq!(found, tree.get(&key).copied());
                if found.is_none() {
                    let lives = |number: u32| number.wrapping_sub(oldest) < next.wrapping_sub(oldest);
                    table.insert(hash, next, lives);
                    keys.insert(next.wrapping_sub(first), key);
                    tree.insert(key, next);
                    next = next.wrapping_add(1);
                }
                if what < often && oldest != next {
                    let forgotten = keys.remove(&oldest.wrapping_sub(first)).unwrap();
                    prop_assert_eq!(tree.remove(&forgotten), Some(oldest));
                    oldest = oldest.wrapping_add(1);
                }
            }
            for key in 0..6_000 {
                let is = |number: u32| keys.get(&number.wrapping_sub(first)) == Some(&key);
                prop_assert_eq!(table.find(hash(key, crowding), is), tree.get(&key).copied());
            }
            let mut slots: usize = 0;
            for (at, page) in table.pages.iter().enumerate() {
                let halves: Vec<u32> = page.buckets.iter().flat_map(|of| of.halves).filter(|half| *half != 0).collect();
                prop_assert!(halves.iter().all(|half| table.page(*half) == at));
                prop_assert_eq!(page.taken, halves.len());
                prop_assert!(page.taken <= TAKEN_MAX);
                slots += halves.len();
            }
            prop_assert!(slots + table.crowded.len() >= tree.len());
            prop_assert!(table.directory.len() <= 2 * SPARSE_MAX * table.pages.len());
            prop_assert!(crowding > 0 || table.crowded.is_empty());
        }
    }

    #[test]
    fn pages_part_and_drop_what_is_dead() {
        let mut table = Numbered::new();
        let hash = |number: u32| (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..100_000).for_each(|number| table.insert(hash(number), number, |_| true));
        let pages = table.pages.len();
        assert!((100_000 / TAKEN_MAX..100_000 / TAKEN_MAX * 2).contains(&pages), "{pages}");
        // A window of the newest 100,000 moves on: the table does not grow for ever.
        for number in 100_000..1_000_000 {
            table.insert(hash(number), number, |kept| kept + 100_000 >= number);
        }
        assert!(table.pages.len() < 2 * pages, "{} {pages}", table.pages.len());
        let found = |number: u32| table.find(hash(number), |found| found == number && found >= 900_000);
        assert!((900_000..1_000_000).all(|number| found(number) == Some(number)));
        assert_eq!(found(899_999), None);
    }
}

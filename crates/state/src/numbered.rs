//! Numbers by the hash of a key that stands elsewhere: open addressing with linear probing (Knuth, "The Art of Computer Programming",
//! volume 3, section 6.4, algorithms L and R). Eight slots share a cache line, so that a lookup mostly loads one.
//! Split into segments by hash, so that growing moves a small part at a time instead of stopping the writer.

/// Segments per table; a table of 50 M keys grows by moving about 200 k at a time.
const SEGMENTS: usize = 256;
/// Slots of a segment that has any.
const SLOTS_MIN: usize = 8;

/// A number and half of its key's hash, which spares most looks at the key and all of them on growth. A vacant one is all zeros.
#[derive(Clone, Copy, Default)]
struct Slot {
    half: u32,
    number: u32,
}

impl Slot {
    /// The upper half of a hash, told from a vacant slot's by its highest bit.
    fn half(hash: u64) -> u32 {
        (hash >> 32) as u32 | 1 << 31
    }

    fn is_vacant(self) -> bool {
        self.half == 0
    }

    /// Where it would stand among so many slots if nothing stood there: by other bits than those that choose the segment.
    fn home(half: u32, mask: usize) -> usize {
        (half >> 8) as usize & mask
    }
}

/// A power of two of slots, at most three quarters of them taken.
#[derive(Clone, Default)]
struct Segment {
    slots: Box<[Slot]>,
    taken: usize,
}

impl Segment {
    /// Where the first number stands that is under this half and is the one.
    #[inline]
    fn place(&self, half: u32, mut is: impl FnMut(u32) -> bool) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = Slot::home(half, mask);
        loop {
            let slot = self.slots[at & mask];
            if slot.half == half && is(slot.number) {
                return Some(at & mask);
            }
            if slot.is_vacant() {
                return None;
            }
            at += 1;
        }
    }

    fn insert(&mut self, slot: Slot) {
        if 4 * (self.taken + 1) > 3 * self.slots.len() {
            self.grow();
        }
        self.put(slot);
        self.taken += 1;
    }

    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = Slot::home(slot.half, mask);
        while !self.slots[at & mask].is_vacant() {
            at += 1;
        }
        self.slots[at & mask] = slot;
    }

    #[cold]
    fn grow(&mut self) {
        let slots = vec![Slot::default(); (2 * self.slots.len()).max(SLOTS_MIN)];
        let old = std::mem::replace(&mut self.slots, slots.into_boxed_slice());
        old.into_iter().filter(|slot| !slot.is_vacant()).for_each(|slot| self.put(slot));
    }

    /// Empties a slot; those behind it that were pushed out of their places move up.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.is_vacant() {
                break;
            }
            let pushed = at.wrapping_sub(Slot::home(slot.half, mask)) & mask;
            if pushed >= at.wrapping_sub(hole) & mask {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = Slot::default();
        self.taken -= 1;
    }
}

/// A map from the hashes of keys to their numbers, without iteration, so that no result can depend on hash order.
#[derive(Clone)]
pub(crate) struct Numbered {
    segments: Vec<Segment>,
}

impl Numbered {
    pub(crate) fn new() -> Numbered {
        Numbered { segments: vec![Segment::default(); SEGMENTS] }
    }

    /// The number of a key; `is` says whether a number is that key's.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl FnMut(u32) -> bool) -> Option<u32> {
        let half = Slot::half(hash);
        let segment = &self.segments[half as usize % SEGMENTS];
        segment.place(half, is).map(|at| segment.slots[at].number)
    }

    /// Reads where a search begins, which brings it.
    #[inline]
    pub(crate) fn touch(&self, hash: u64) -> u32 {
        let half = Slot::half(hash);
        let slots = &self.segments[half as usize % SEGMENTS].slots;
        slots.get(Slot::home(half, slots.len().wrapping_sub(1))).map_or(0, |slot| slot.half)
    }

    /// The number that a search looks at first: mostly the key's, if it has one.
    #[inline]
    pub(crate) fn candidate(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Adds the number of a key that has none.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        let half = Slot::half(hash);
        self.segments[half as usize % SEGMENTS].insert(Slot { half, number });
    }

    /// Forgets a number, if it is there.
    pub(crate) fn remove(&mut self, hash: u64, number: u32) {
        let half = Slot::half(hash);
        let segment = &mut self.segments[half as usize % SEGMENTS];
        if let Some(at) = segment.place(half, |found| found == number) {
            segment.vacate(at);
        }
    }

    /// Bytes of heap memory.
    pub(crate) fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.slots.len() * size_of::<Slot>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Few segments and few homes, so that keys get into each other's way.
    fn hash(key: u32, crowded: bool) -> u64 {
        let spread = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if crowded { spread & 0x0000_0702_0000_0000 } else { spread }
    }

    proptest! {
        #[test]
        fn agrees_with_a_tree(steps in prop::collection::vec((0u32..400, any::<bool>()), 1..3_000), crowded: bool) {
            let (mut table, mut tree) = (Numbered::new(), BTreeMap::new());
            // The keys by number: numbers are given once, from the highest one on, which is a number like any other.
            let mut keys = BTreeMap::new();
            let mut next = u32::MAX - 3;
            for (key, put) in steps {
                let hash = hash(key, crowded);
                let found = table.find(hash, |number| keys.get(&number) == Some(&key));
                prop_assert_eq!(found, tree.get(&key).copied());
                match found {
                    None if put => {
                        keys.insert(next, key);
                        tree.insert(key, next);
                        table.insert(hash, next);
                        next = next.wrapping_add(1);
                    }
                    Some(number) if !put => {
                        tree.remove(&key);
                        table.remove(hash, number);
                    }
                    _ => {}
                }
            }
            for key in 0..400 {
                let found = table.find(hash(key, crowded), |number| keys.get(&number) == Some(&key));
                prop_assert_eq!(found, tree.get(&key).copied());
            }
            let taken: usize = table.segments.iter().map(|segment| segment.taken).sum();
            prop_assert_eq!(taken, tree.len());
            prop_assert!(table.segments.iter().all(|segment| 4 * segment.taken <= 3 * segment.slots.len()));
        }
    }
}

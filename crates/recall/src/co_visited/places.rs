//! Where an item stands in a long list of items: a hash table of places, beside lists too long to be searched from end to end.

/// Places by item: open addressing with linear probing, at most half full. The items themselves stand in the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// Place plus one; 0 = free. A power of two of them, or none.
    slots: Vec<u16>,
}

impl Places {
    /// Of all items of a list of at most `u16::MAX - 1`, with room to grow.
    pub(super) fn of(items: &[u32]) -> Places {
        let mut places = Places { slots: vec![0; (items.len() * 4).next_power_of_two()] };
        (0..items.len()).for_each(|place| places.insert(items, place));
        places
    }

    /// Whether there is a table at all.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Where the item stands.
    pub(super) fn find(&self, items: &[u32], item: u32) -> Option<usize> {
        let mut slot = self.home(item);
        loop {
            let place = usize::from(self.slots[slot]).checked_sub(1)?;
            if items[place] == item {
                return Some(place);
            }
            slot = self.next(slot);
        }
    }

    /// Takes in the last item of the list.
    pub(super) fn push(&mut self, items: &[u32]) {
        if items.len() * 2 > self.slots.len() {
            *self = Places::of(items);
        } else {
            self.insert(items, items.len() - 1);
        }
    }

    fn insert(&mut self, items: &[u32], place: usize) {
        let mut slot = self.home(items[place]);
        while self.slots[slot] != 0 {
            slot = self.next(slot);
        }
        self.slots[slot] = place as u16 + 1;
    }

    /// The item at a place has become another: `before` goes, what stands there now comes.
    pub(super) fn replace(&mut self, items: &[u32], place: usize, before: u32) {
        let mut free = self.home(before);
        while usize::from(self.slots[free]) != place + 1 {
            free = self.next(free);
        }
        // What comes after the gap and would no longer be found moves into it.
        let mut slot = self.next(free);
        while self.slots[slot] != 0 {
            let home = self.home(items[usize::from(self.slots[slot]) - 1]);
            let mask = self.slots.len() - 1;
            if slot.wrapping_sub(home) & mask >= slot.wrapping_sub(free) & mask {
                self.slots[free] = self.slots[slot];
                free = slot;
            }
            slot = self.next(slot);
        }
        self.slots[free] = 0;
        self.insert(items, place);
    }

    fn home(&self, item: u32) -> usize {
        const GOLDEN: u32 = 0x9e37_79b9;
        (item.wrapping_mul(GOLDEN) >> (32 - self.slots.len().trailing_zeros())) as usize
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u16>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_search(steps in prop::collection::vec((any::<bool>(), 0u32..300, any::<prop::sample::Index>()), 1..400)) {
            let mut items = vec![1_000];
            let mut places = Places::of(&items);
            for (push, item, at) in steps {
                if items.contains(&item) {
                    prop_assert_eq!(places.find(&items, item), items.iter().position(|&other| other == item));
                } else if push {
                    items.push(item);
                    places.push(&items);
                } else {
                    let place = at.index(items.len());
                    let before = std::mem::replace(&mut items[place], item);
                    places.replace(&items, place, before);
                }
                for item in 0..300 {
                    prop_assert_eq!(places.find(&items, item), items.iter().position(|&other| other == item));
                }
            }
        }
    }
}

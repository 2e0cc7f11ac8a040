//! Words numbered in the order in which they first come: a table with open addressing and linear probing, at most half full.

/// The words that have come.
#[derive(Default)]
pub(super) struct Numbers {
    /// Number plus one; 0 = free. A power of two of them, or none.
    slots: Vec<u32>,
    words: Vec<u64>,
}

/// The fewest slots that there are once a word has come.
const SLOTS_MIN: usize = 64;

impl Numbers {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.slots.fill(0);
    }

    /// The number of a word, from 0; given now if it is new.
    pub(super) fn of(&mut self, word: u64) -> usize {
        if self.words.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let slot = self.find(word);
        if self.slots[slot] == 0 {
            self.words.push(word);
            self.slots[slot] = self.words.len() as u32;
        }
        self.slots[slot] as usize - 1
    }

    fn grow(&mut self) {
        let count = (self.slots.len() * 2).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(count, 0);
        for number in 0..self.words.len() {
            let slot = self.find(self.words[number]);
            self.slots[slot] = number as u32 + 1;
        }
    }

    /// The slot where a word is or would be.
    fn find(&self, word: u64) -> usize {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let mask = self.slots.len() - 1;
        let mut slot = (word.wrapping_mul(GOLDEN) >> (64 - self.slots.len().trailing_zeros())) as usize;
        loop {
            match self.slots[slot] {
                0 => return slot,
                place if self.words[place as usize - 1] == word => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_list_of_the_words_met(words in prop::collection::vec(prop_oneof![0u64..100, any::<u64>()], 0..400)) {
            let mut numbers = Numbers::default();
            for _ in 0..2 {
                numbers.clear();
                let mut met: Vec<u64> = Vec::new();
                for &word in &words {
                    let known = met.iter().position(|known| *known == word);
                    prop_assert_eq!(numbers.of(word), known.unwrap_or(met.len()));
                    met.extend(known.is_none().then_some(word));
                }
            }
        }
    }
}

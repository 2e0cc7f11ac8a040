//! The hash table of whole keys in the pure crates: key -> `u32`, without iteration, so that no result can depend on hash order. Numbers of
//! keys that stand elsewhere are found in `numbered.rs`.
//! Split into segments by hash, so that growing moves a small part at a time instead of stopping the writer.

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;
use std::borrow::Borrow;
use std::hash::Hasher;

/// Segments per table; a table of 50 M keys grows by moving about 200 k at a time.
const SEGMENTS: usize = 256;

/// Bits without a pattern: the golden ratio's.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A key that hashes with a seed. Equal keys (and borrowed forms of them) hash equally under the same seed.
pub trait TableKey: Eq {
    /// The seeded hash.
    fn seeded_hash(&self, seed: u64) -> u64;
}

fn hashed(seed: u64, write: impl FnOnce(&mut FoldHasher<'static>)) -> u64 {
    let mut hasher = FoldHasher::with_seed(seed ^ SPREAD, SharedSeed::global_fixed());
    write(&mut hasher);
    // Of short keys the hasher leaves some bits as they were: under a small seed `C0` to `C119` had 26 different upper halves.
    let hash = hasher.finish();
    (hash ^ hash >> 32).wrapping_mul(SPREAD)
}

impl TableKey for u64 {
    fn seeded_hash(&self, seed: u64) -> u64 {
        hashed(seed, |hasher| hasher.write_u64(*self))
    }
}

impl TableKey for u128 {
    fn seeded_hash(&self, seed: u64) -> u64 {
        hashed(seed, |hasher| hasher.write_u128(*self))
    }
}

impl TableKey for [u8] {
    fn seeded_hash(&self, seed: u64) -> u64 {
        hashed(seed, |hasher| hasher.write(self))
    }
}

impl TableKey for str {
    fn seeded_hash(&self, seed: u64) -> u64 {
        self.as_bytes().seeded_hash(seed)
    }
}

impl TableKey for Box<[u8]> {
    fn seeded_hash(&self, seed: u64) -> u64 {
        (**self).seeded_hash(seed)
    }
}

impl TableKey for Box<str> {
    fn seeded_hash(&self, seed: u64) -> u64 {
        (**self).seeded_hash(seed)
    }
}

/// A map from keys to `u32` that cannot be iterated. The seed changes speed under attack, never a result.
#[derive(Clone)]
pub struct KeyTable<K> {
    segments: Vec<HashTable<(K, u32)>>,
    len: usize,
    seed: u64,
}

/// Bits 40.. of the hash choose the segment; the table inside uses the lowest and the top seven.
fn segment(hash: u64) -> usize {
    (hash >> 40) as usize % SEGMENTS
}

impl<K: TableKey> KeyTable<K> {
    /// An empty table that hashes with `seed`.
    pub fn new(seed: u64) -> KeyTable<K> {
        KeyTable { segments: (0..SEGMENTS).map(|_| HashTable::new()).collect(), len: 0, seed }
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn find<Q: TableKey + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        let hash = key.seeded_hash(self.seed);
        self.segments[segment(hash)].find(hash, |(k, _)| k.borrow() == key).map(|(_, value)| *value)
    }

    /// Sets the value of a key; the value it had before, if any.
    pub fn insert(&mut self, key: K, value: u32) -> Option<u32> {
        let (hash, seed) = (key.seeded_hash(self.seed), self.seed);
        let table = &mut self.segments[segment(hash)];
        if let Some(entry) = table.find_mut(hash, |(k, _)| *k == key) {
            return Some(std::mem::replace(&mut entry.1, value));
        }
        table.insert_unique(hash, (key, value), |(k, _)| k.seeded_hash(seed));
        self.len += 1;
        None
    }

    /// Forgets a key; the value it had, if any.
    pub fn remove<Q: TableKey + ?Sized>(&mut self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        let hash = key.seeded_hash(self.seed);
        let found = self.segments[segment(hash)].find_entry(hash, |(k, _)| k.borrow() == key).ok()?;
        self.len -= 1;
        Some(found.remove().0.1)
    }

    /// Forgets every key.
    pub fn clear(&mut self) {
        *self = KeyTable::new(self.seed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn agrees_with_a_tree_under_any_seed() {
        for seed in [0, 1, u64::MAX] {
            let mut table = KeyTable::<u64>::new(seed);
            let mut tree = BTreeMap::new();
            let mut state = seed ^ 7;
            for step in 0..20_000u32 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let key = (state >> 33) % 3_000;
                if step % 3 == 0 {
                    assert_eq!(table.remove(&key), tree.remove(&key));
                } else {
                    assert_eq!(table.insert(key, step), tree.insert(key, step));
                }
                assert_eq!(table.len(), tree.len());
            }
            assert!((0..3_000).all(|key| table.find(&key) == tree.get(&key).copied()));
        }
    }

    #[test]
    fn short_keys_have_hashes_that_differ_in_either_half() {
        for seed in [0, 1, 2, 0x1234_5678_9abc_def0] {
            for prefix in ["C", "u", ""] {
                let hashes: Vec<u64> = (0..3_000).map(|n| format!("{prefix}{n}").seeded_hash(seed)).collect();
                let halves = |shift: u32| hashes.iter().map(|hash| (hash >> shift) as u32).collect::<BTreeSet<u32>>();
                assert!(halves(0).len() > 2_995 && halves(32).len() > 2_995, "{prefix} under {seed}");
            }
        }
    }

    #[test]
    fn borrowed_keys_find_owned_ones() {
        let mut table = KeyTable::<Box<str>>::new(3);
        table.insert("a".into(), 1);
        assert_eq!((table.find("a"), table.find("b")), (Some(1), None));
        assert_eq!(table.remove("a"), Some(1));
        assert!(table.is_empty());
    }
}

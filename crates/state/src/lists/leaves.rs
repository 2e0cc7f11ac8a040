//! A sorted map in leaves that copies share: what a copy changes it copies leaf by leaf, however many entries there are.

use std::sync::Arc;

/// Most entries of a leaf: the unit of copying.
const LEAF: usize = 256;

/// Keys and values apart, so that a search reads keys alone.
#[derive(Clone)]
struct Leaf<K, V> {
    keys: Vec<K>,
    values: Vec<V>,
}

/// Entries in the order of their keys. A clone costs a pointer per leaf.
#[derive(Clone)]
pub(super) struct Leaves<K, V> {
    /// The first key of each leaf; no leaf is empty.
    firsts: Vec<K>,
    leaves: Vec<Arc<Leaf<K, V>>>,
    len: usize,
}

impl<K, V> Default for Leaves<K, V> {
    fn default() -> Leaves<K, V> {
        Leaves { firsts: Vec::new(), leaves: Vec::new(), len: 0 }
    }
}

impl<K: Copy + Ord, V: Copy> Leaf<K, V> {
    fn insert(&mut self, at: usize, key: K, value: V) {
        self.keys.insert(at, key);
        self.values.insert(at, value);
    }

    fn pairs(&self, from: usize) -> impl Iterator<Item = (K, V)> {
        self.keys[from..].iter().copied().zip(self.values[from..].iter().copied())
    }
}

impl<K: Copy + Ord, V: Copy> Leaves<K, V> {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value of a key.
    pub(super) fn get(&self, key: K) -> Option<V> {
        let leaf = self.leaves.get(self.leaf_of(key))?;
        leaf.keys.binary_search(&key).ok().map(|at| leaf.values[at])
    }

    /// The entry with the least key.
    pub(super) fn first(&self) -> Option<(K, V)> {
        self.iter().next()
    }

    /// All entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.walk(0, 0)
    }

    /// The entries from a key on, itself included.
    pub(super) fn from(&self, key: K) -> impl Iterator<Item = (K, V)> {
        let at = self.leaf_of(key);
        let within = self.leaves.get(at).map_or(0, |leaf| leaf.keys.partition_point(|held| *held < key));
        self.walk(at, within)
    }

    /// The entries behind the first `count`, which are passed by whole leaves.
    pub(super) fn skip(&self, mut count: usize) -> impl Iterator<Item = (K, V)> {
        let whole = self.leaves.iter().take_while(|leaf| {
            let passed = leaf.keys.len() <= count;
            count -= if passed { leaf.keys.len() } else { 0 };
            passed
        });
        let at = whole.count();
        self.walk(at, if at < self.leaves.len() { count } else { 0 })
    }

    /// Puts the value in place of what the key had.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let (at, leaves) = (self.leaf_of(key), self.leaves.len());
        let Some(leaf) = self.leaves.get_mut(at) else { return self.add_leaf(0, vec![key], vec![value]) };
        let within = match leaf.keys.binary_search(&key) {
            Ok(within) => {
                Arc::make_mut(leaf).values[within] = value;
                return;
            }
            Err(within) => within,
        };
        if leaf.keys.len() < LEAF {
            self.insert_into(at, within, key, value);
        } else if within == LEAF && at + 1 == leaves {
            // What comes in the order of keys fills whole leaves.
            self.add_leaf(at + 1, vec![key], vec![value]);
        } else {
            let leaf = Arc::make_mut(leaf);
            let (keys, values) = (leaf.keys.split_off(LEAF / 2), leaf.values.split_off(LEAF / 2));
            self.len -= keys.len();
            self.add_leaf(at + 1, keys, values);
            match within.checked_sub(LEAF / 2).filter(|within| *within > 0) {
                Some(within) => self.insert_into(at + 1, within, key, value),
                None => self.insert_into(at, within, key, value),
            }
        }
    }

    /// Takes a key out; the value that it had.
    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.leaf_of(key);
        let within = self.leaves.get(at)?.keys.binary_search(&key).ok()?;
        let leaf = Arc::make_mut(&mut self.leaves[at]);
        leaf.keys.remove(within);
        let value = leaf.values.remove(within);
        self.len -= 1;
        match leaf.keys.first() {
            Some(&first) => self.firsts[at] = first,
            None => {
                self.firsts.remove(at);
                self.leaves.remove(at);
            }
        }
        self.join(at);
        if let Some(before) = at.checked_sub(1) {
            self.join(before);
        }
        Some(value)
    }

    /// Joins a leaf with the one behind it if both together are small.
    fn join(&mut self, at: usize) {
        let Some([leaf, next]) = self.leaves.get(at..at + 2) else { return };
        if leaf.keys.len() + next.keys.len() > LEAF / 2 {
            return;
        }
        self.firsts.remove(at + 1);
        let next = self.leaves.remove(at + 1);
        let leaf = Arc::make_mut(&mut self.leaves[at]);
        leaf.keys.extend_from_slice(&next.keys);
        leaf.values.extend_from_slice(&next.values);
    }

    fn insert_into(&mut self, at: usize, within: usize, key: K, value: V) {
        Arc::make_mut(&mut self.leaves[at]).insert(within, key, value);
        if within == 0 {
            self.firsts[at] = key;
        }
        self.len += 1;
    }

    fn add_leaf(&mut self, at: usize, keys: Vec<K>, values: Vec<V>) {
        self.len += keys.len();
        self.firsts.insert(at, keys[0]);
        self.leaves.insert(at, Arc::new(Leaf { keys, values }));
    }

    /// The leaf that holds, or would hold, a key.
    fn leaf_of(&self, key: K) -> usize {
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }

    fn walk(&self, at: usize, within: usize) -> impl Iterator<Item = (K, V)> {
        let first = self.leaves.get(at).into_iter().flat_map(move |leaf| leaf.pairs(within));
        first.chain(self.leaves.iter().skip(at + 1).flat_map(|leaf| leaf.pairs(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn shared(one: &Leaves<u32, u64>, other: &Leaves<u32, u64>) -> usize {
        let is_shared = |leaf: &&Arc<_>| other.leaves.iter().any(|held| Arc::ptr_eq(leaf, held));
        one.leaves.iter().filter(is_shared).count()
    }

    #[test]
    fn a_change_of_a_copy_copies_one_leaf() {
        let mut leaves = Leaves::default();
        (0..1_000_000u32).for_each(|key| leaves.insert(key, u64::from(key)));
        assert_eq!(leaves.leaves.len(), 1_000_000usize.div_ceil(LEAF), "what comes in order fills whole leaves");
        let mut copy = leaves.clone();
        copy.insert(500_000, 1);
        assert_eq!((copy.get(500_000), leaves.get(500_000)), (Some(1), Some(500_000)));
        assert_eq!(shared(&copy, &leaves), leaves.leaves.len() - 1);
        copy.remove(3);
        assert_eq!(shared(&copy, &leaves), leaves.leaves.len() - 2);
        assert!((0..999_990).all(|key| leaves.remove(key) == Some(u64::from(key))));
        assert!(leaves.len() == 10 && leaves.leaves.len() == 1);
        (0..100_000u32).for_each(|key| leaves.insert(key, 0));
        assert!((0..100_000).filter(|key| key % LEAF as u32 != 0).all(|key| leaves.remove(key) == Some(0)));
        assert!(leaves.leaves.len() <= 2 * leaves.len().div_ceil(LEAF / 2) + 1, "what is left does not stay apart");
    }

    proptest! {
        #[test]
        fn leaves_are_the_map_that_they_stand_for(
            acts in prop::collection::vec((0u32..2_000, prop::option::weighted(0.7, any::<u64>())), 0..4_000),
            from in 0u32..2_100,
        ) {
            let (mut slow, mut leaves) = (BTreeMap::new(), Leaves::default());
            for (key, value) in acts {
                match value {
                    Some(value) => {
                        slow.insert(key, value);
                        leaves.insert(key, value);
                    }
                    None => prop_assert_eq!(leaves.remove(key), slow.remove(&key)),
                }
                prop_assert_eq!(leaves.get(key), slow.get(&key).copied());
            }
            let all: Vec<_> = slow.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(leaves.len(), all.len());
            prop_assert_eq!(leaves.first(), all.first().copied());
            prop_assert_eq!(&leaves.iter().collect::<Vec<_>>(), &all);
            let behind: Vec<_> = slow.range(from..).map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(leaves.from(from).collect::<Vec<_>>(), behind);
            let skipped = from as usize / 2;
            prop_assert_eq!(leaves.skip(skipped).collect::<Vec<_>>(), &all[skipped.min(all.len())..]);
        }
    }
}

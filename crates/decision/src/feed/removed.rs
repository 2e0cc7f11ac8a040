//! How many candidates something has removed, and the first few of them in an order that depends on no order of walks.

use super::View;
use crate::query::Names;
use domain::{EntityId, Removal};

/// What one reason has removed; the order is that of keys, ties by item id.
#[derive(Clone, Debug)]
pub(crate) struct Removed<K> {
    count: u32,
    first: Vec<(K, EntityId)>,
}

impl<K> Default for Removed<K> {
    fn default() -> Removed<K> {
        Removed { count: 0, first: Vec::new() }
    }
}

impl<K: Ord> Removed<K> {
    /// Counts a candidate.
    pub(super) fn add(&mut self, key: K, item: EntityId) {
        self.count += 1;
        let own = (key, item);
        let place = self.first.partition_point(|known| *known < own);
        if place < Removal::EXAMPLES_MAX {
            self.first.truncate(Removal::EXAMPLES_MAX - 1);
            self.first.insert(place, own);
        }
    }

    /// As the answer says it; none if nothing was removed.
    pub(super) fn told(&self, view: &View<'_>, names: &dyn Names, reason: &str) -> Option<Removal> {
        let name = |&(_, item): &(K, EntityId)| names.item(view.epoch.item_type(), item);
        let told = || Removal {
            reason: reason.to_owned(),
            count: self.count,
            examples: self.first.iter().map(name).collect(),
        };
        (self.count > 0).then(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_are_those_of_a_sort(all in prop::collection::vec((0u64..5, 0u32..40), 0..60)) {
            let mut removed = Removed::default();
            all.iter().for_each(|&(key, item)| removed.add(key, EntityId(item)));
            let mut slow: Vec<(u64, EntityId)> = all.iter().map(|&(key, item)| (key, EntityId(item))).collect();
            slow.sort_unstable();
            slow.truncate(Removal::EXAMPLES_MAX);
            prop_assert_eq!((removed.count as usize, removed.first), (all.len(), slow));
        }
    }
}

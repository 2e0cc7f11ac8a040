//! Items in an order: a sorted set beside a table of each item's place in it.

use domain::EntityId;
use state::{Paged, Pages};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Items by key, largest first, of equal keys the smallest id first.
#[derive(Clone, Default)]
pub(crate) struct Ranked {
    keys: Paged<Option<i128>>,
    order: BTreeSet<(Reverse<i128>, u32)>,
}

impl Ranked {
    /// The key of an item, if it is listed.
    pub(crate) fn key(&self, item: EntityId) -> Option<i128> {
        self.keys.get(item.0).copied().flatten()
    }

    /// Lists an item under a key, or not at all.
    pub(crate) fn set(&mut self, item: EntityId, key: Option<i128>) {
        let before = self.key(item);
        if before == key {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(Reverse(before), item.0));
        }
        if let Some(key) = key {
            self.order.insert((Reverse(key), item.0));
        }
        *self.keys.get_mut(item.0) = key;
    }

    /// Lists an item as another list does.
    pub(crate) fn take_over(&mut self, from: &Ranked, item: EntityId) {
        self.set(item, from.key(item));
    }

    /// Items and keys in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (EntityId, i128)> {
        self.order.iter().map(|&(Reverse(key), item)| (EntityId(item), key))
    }

    /// How many items are listed.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Freezes the keys.
    pub(crate) fn snapshot(&mut self) -> Pages<Option<i128>> {
        self.keys.snapshot()
    }

    /// Bytes on the heap; of the set, an estimate.
    pub(crate) fn bytes(&self) -> usize {
        /// A set's nodes are about two thirds full.
        const SET_ENTRY: usize = size_of::<(Reverse<i128>, u32)>() * 3 / 2;
        self.keys.len() as usize * size_of::<Option<i128>>() + self.order.len() * SET_ENTRY
    }
}

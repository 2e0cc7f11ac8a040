//! Items that few events of a kind have named, to be shown to learn of them: those with fewest first. Of equal ones a seed draws:
//! a stretch of the level, which is kept in an order by hash, beginning at a drawn place; and an order within the stretch.

mod saved;

pub(crate) use saved::ExploreSnapshot;

use crate::mix::mix;
use crate::{Hit, ItemScores};
use domain::{EntityId, limits};
use state::{Paged, Touched};
use std::collections::BTreeSet;

/// Fewest items of a stretch: chances within a stretch differ by the gaps of the hashes, which even out over many.
const STRETCH: usize = 1_024;

/// The index.
#[derive(Clone)]
pub(crate) struct Explore {
    event: u16,
    below: u32,
    items: Paged<Counted>,
    /// Count, hash, item: of those that are listed.
    order: BTreeSet<(u32, u64, u32)>,
    touched: Touched,
}

/// What is known of an item.
#[derive(Clone, Copy, Default, PartialEq)]
struct Counted {
    /// Events that named it, at most `below`.
    count: u32,
    present: bool,
}

impl Explore {
    pub(crate) fn new(event: u16, below: u32) -> Explore {
        Explore { event, below, items: Paged::new(), order: BTreeSet::new(), touched: Touched::default() }
    }

    /// An event named the item.
    pub(crate) fn touch(&mut self, event: u16, item: EntityId, scores: &dyn ItemScores) {
        let Counted { count, present } = self.of(item);
        let now = Counted {
            count: if event == self.event { (count + 1).min(self.below) } else { count },
            present: present || scores.present(item),
        };
        self.set(item, now);
    }

    /// The item has come or gone.
    pub(crate) fn refresh(&mut self, item: EntityId, scores: &dyn ItemScores) {
        self.set(item, Counted { present: scores.present(item), ..self.of(item) });
    }

    /// From now on notes what changes.
    pub(crate) fn lead(&mut self) {
        self.touched.keep();
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &Explore) {
        ahead.touched.ids().iter().for_each(|&item| self.set(EntityId(item), ahead.of(EntityId(item))));
        self.touched.clear();
    }

    /// Lists every item that is there now.
    pub(crate) fn rebuild(&mut self, scores: &dyn ItemScores) {
        (0..scores.item_count()).for_each(|item| self.refresh(EntityId(item), scores));
    }

    /// See `Indexes::explore`.
    pub(crate) fn read(&self, seed: u64, limit: usize, skip: &dyn Fn(EntityId) -> bool, out: &mut Vec<Hit>) {
        let (mut left, mut walk, mut stretch) = (limit, limits::ROUTE_WALK_MAX, Vec::new());
        let mut from = 0;
        while left > 0 && walk > 0 {
            let Some(&(count, ..)) = self.order.range((from, 0, 0)..).next() else { return };
            let start = mix(seed ^ u64::from(count));
            let before = self.order.range((count, 0, 0)..(count, start, 0));
            let level = self.order.range((count, start, 0)..=(count, u64::MAX, u32::MAX)).chain(before);
            stretch.clear();
            let walked = level.take(walk).map(|&(.., item)| EntityId(item)).inspect(|_| walk -= 1);
            stretch.extend(walked.filter(|&item| !skip(item)).take(STRETCH.max(limit)));
            stretch.sort_unstable_by_key(|item| (mix(start.wrapping_add(u64::from(item.0))), *item));
            let score = f64::from(self.below - count);
            out.extend(stretch.iter().take(left).map(|&item| Hit { item, score }));
            left = left.saturating_sub(stretch.len());
            from = count + 1;
        }
    }

    /// How many items are listed, and bytes on the heap.
    pub(crate) fn memory(&self) -> crate::Memory {
        /// A set's nodes are about two thirds full.
        const SET_ENTRY: usize = size_of::<(u32, u64, u32)>() * 3 / 2;
        let bytes = self.items.len() as usize * size_of::<Counted>() + self.order.len() * SET_ENTRY;
        crate::Memory { items: self.order.len(), bytes }
    }

    fn of(&self, item: EntityId) -> Counted {
        self.items.get(item.0).copied().unwrap_or_default()
    }

    fn set(&mut self, item: EntityId, now: Counted) {
        let before = self.of(item);
        if before == now {
            return;
        }
        self.touched.insert(item.0);
        if let Some(entry) = self.entry(item, before) {
            self.order.remove(&entry);
        }
        self.order.extend(self.entry(item, now));
        *self.items.get_mut(item.0) = now;
    }

    /// How an item is listed; another order at every count.
    fn entry(&self, item: EntityId, Counted { count, present }: Counted) -> Option<(u32, u64, u32)> {
        let hash = mix(u64::from(count) << 32 | u64::from(item.0));
        (present && count < self.below).then_some((count, hash, item.0))
    }
}

//! Items by a timestamp attribute, newest first. A pure function of the catalogue: not saved, but rebuilt.

use crate::{Hit, ItemScores, ranked::Ranked};
use domain::{EntityId, Value, limits};
use state::Touched;

/// The index.
#[derive(Clone)]
pub(crate) struct Newest {
    field: u16,
    ranked: Ranked,
    pub(crate) touched: Touched,
}

impl Newest {
    pub(crate) fn new(field: u16) -> Newest {
        Newest { field, ranked: Ranked::default(), touched: Touched::default() }
    }

    /// Lists an item as the catalogue has it now.
    pub(crate) fn refresh(&mut self, item: EntityId, scores: &dyn ItemScores) {
        let time = match scores.attribute(item, self.field) {
            Value::Time(time) if scores.present(item) => Some(i128::from(time.0)),
            _ => None,
        };
        self.touched.insert(item.0);
        self.ranked.set(item, time);
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &Newest) {
        self.touched.clear();
        ahead.touched.ids().iter().for_each(|&item| self.ranked.take_over(&ahead.ranked, EntityId(item)));
    }

    /// Lists every item as the catalogue has it now.
    pub(crate) fn rebuild(&mut self, scores: &dyn ItemScores) {
        self.ranked = Ranked::default();
        (0..scores.item_count()).for_each(|id| self.refresh(EntityId(id), scores));
    }

    /// The newest items; see `Indexes::newest`.
    pub(crate) fn read(&self, limit: usize, skip: &dyn Fn(EntityId) -> bool, out: &mut Vec<Hit>) {
        let walk = self.ranked.iter().take(limits::ROUTE_WALK_MAX);
        let items = walk.filter(|&(item, _)| !skip(item)).take(limit);
        out.extend(items.map(|(item, time)| Hit { item, score: time as f64 }));
    }

    pub(crate) fn ranked(&self) -> &Ranked {
        &self.ranked
    }
}

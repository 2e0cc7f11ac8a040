//! Filters that are asked while routes look for candidates, so that `limit` counts items that pass: those that read nothing but
//! what is at hand for any item (`Plan::is_early`). Each item is asked about once per request, whichever routes look at it.

use crate::feed::features::Routes;
use crate::feed::filter::Condition;
use crate::feed::{Candidate, View};
use domain::{EntityId, Removal, Value};
use std::cell::RefCell;

/// What is known of items so far.
#[derive(Default)]
pub(crate) struct Sieved {
    /// By item: 0 is not known, 1 passes, above that the number of the filter that removes it, counted from 2.
    verdicts: Vec<u8>,
    /// Items that have a verdict.
    asked: Vec<EntityId>,
    row: Vec<Value>,
    /// By filter: how many it has removed, and those of them with the smallest ids, which depends on no order of walks.
    removed: Vec<(u32, Vec<EntityId>)>,
}

impl Sieved {
    /// Forgets all.
    fn clear(&mut self, filters: usize) {
        self.asked.drain(..).for_each(|item| self.verdicts[item.0 as usize] = 0);
        self.row.clear();
        self.removed.clear();
        self.removed.resize(filters, (0, Vec::new()));
    }

    /// Whether a filter has removed the item.
    pub(crate) fn has_removed(&self, item: EntityId) -> bool {
        self.verdicts.get(item.0 as usize).is_some_and(|&verdict| verdict > 1)
    }

    /// How many items a filter has removed, and the oldest of them.
    pub(crate) fn removed(&self, filter: usize) -> (u32, &[EntityId]) {
        self.removed.get(filter).map_or((0, &[]), |(count, examples)| (*count, examples))
    }
}

/// The early filters of a feed, ready for one item after another.
pub(super) struct Sieve<'v> {
    view: &'v View<'v>,
    filters: Vec<(usize, Condition<'v>)>,
    sieved: RefCell<&'v mut Sieved>,
}

impl<'v> Sieve<'v> {
    pub(super) fn new(view: &'v View<'v>, row: &[Value], sieved: &'v mut Sieved) -> Sieve<'v> {
        sieved.clear(view.feed.filters.len());
        let early = view.reads.early.iter().zip(&view.reads.facts).enumerate().filter(|(_, (early, _))| **early);
        if early.clone().any(|(_, (_, fact))| fact.is_none()) {
            sieved.row.extend_from_slice(row);
        }
        let filters = early.map(|(filter, _)| (filter, Condition::new(view, filter, &mut sieved.row))).collect();
        Sieve { view, filters, sieved: RefCell::new(sieved) }
    }

    /// Whether all early filters are true for the item; if not, it is counted under the first that is not.
    pub(super) fn passes(&self, item: EntityId) -> bool {
        if self.filters.is_empty() {
            return true;
        }
        let sieved = &mut **self.sieved.borrow_mut();
        let id = item.0 as usize;
        if sieved.verdicts.len() <= id {
            sieved.verdicts.resize(id + 1, 0);
        }
        if sieved.verdicts[id] == 0 {
            let failing = self.failing(item, &mut sieved.row);
            sieved.verdicts[id] = failing.map_or(1, |filter| filter as u8 + 2);
            sieved.asked.push(item);
            if let Some(filter) = failing {
                let (count, examples) = &mut sieved.removed[filter];
                *count += 1;
                let place = examples.partition_point(|known| *known < item);
                if place < Removal::EXAMPLES_MAX {
                    examples.insert(place, item);
                    examples.truncate(Removal::EXAMPLES_MAX);
                }
            }
        }
        sieved.verdicts[id] == 1
    }

    /// The first early filter that is not true for the item.
    fn failing(&self, item: EntityId, row: &mut [Value]) -> Option<usize> {
        let candidate = Candidate { item, routes: 0..0, fused: 0.0, score: 0.0 };
        let facts = self.view.epoch.facts(item);
        // They read nothing of routes.
        let found = Routes { hits: &[], best: &[] };
        let failing = self.filters.iter().find(|(_, filter)| !filter.holds(facts, &candidate, found, row));
        failing.map(|(filter, _)| *filter)
    }
}

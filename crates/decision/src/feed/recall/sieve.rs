//! Filters that are asked while routes look for candidates, so that `limit` counts items that pass: those that read nothing but
//! what is at hand for any item (`Plan::is_early`). Each item is asked about once per request, whichever routes look at it.

use crate::feed::features::Routes;
use crate::feed::filter::Condition;
use crate::feed::removed::Removed;
use crate::feed::{Candidate, View};
use domain::{EntityId, Value};
use std::cell::RefCell;

/// What is known of items so far.
#[derive(Default)]
pub(crate) struct Sieved {
    /// By item: 0 is not known, 1 passes, above that the number of the filter that removes it, counted from 2.
    verdicts: Vec<u8>,
    /// Items that have a verdict.
    asked: Vec<EntityId>,
    row: Vec<Value>,
    /// By filter: what it has removed, first those with the smallest ids.
    removed: Vec<Removed<()>>,
}

impl Sieved {
    /// Forgets all.
    fn clear(&mut self, filters: usize) {
        self.asked.drain(..).for_each(|item| self.verdicts[item.0 as usize] = 0);
        self.row.clear();
        self.removed.clear();
        self.removed.resize_with(filters, Removed::default);
    }

    /// Whether a filter has removed the item.
    pub(crate) fn has_removed(&self, item: EntityId) -> bool {
        self.verdicts.get(item.0 as usize).is_some_and(|&verdict| verdict > 1)
    }

    /// What each filter has removed.
    pub(in crate::feed) fn removed(&self) -> &[Removed<()>] {
        &self.removed
    }
}

/// The early filters of a feed, ready for one item after another.
pub(super) struct Sieve<'v> {
    view: &'v View<'v>,
    filters: Vec<(usize, Condition<'v>)>,
    /// Where all of them are facts, their bits: nearly every item has them all, and of one that passes nothing is noted.
    facts: Option<u64>,
    sieved: RefCell<&'v mut Sieved>,
}

impl<'v> Sieve<'v> {
    pub(super) fn new(view: &'v View<'v>, row: &[Value], sieved: &'v mut Sieved) -> Sieve<'v> {
        sieved.clear(view.feed.filters.len());
        let early = view.reads.early.iter().zip(&view.reads.facts).enumerate().filter(|(_, (early, _))| **early);
        if early.clone().any(|(_, (_, fact))| fact.is_none()) {
            sieved.row.extend_from_slice(row);
        }
        let filters: Vec<_> =
            early.map(|(filter, _)| (filter, Condition::new(view, filter, &mut sieved.row))).collect();
        let facts = filters.iter().try_fold(0, |all, (_, filter)| Some(all | filter.bit()?));
        Sieve { view, filters, facts, sieved: RefCell::new(sieved) }
    }

    /// Whether all early filters are true for the item; if not, it is counted under the first that is not.
    pub(super) fn passes(&self, item: EntityId) -> bool {
        let facts = self.view.epoch.facts(item);
        self.facts.is_some_and(|all| facts & all == all) || self.ask(item, facts)
    }

    fn ask(&self, item: EntityId, facts: u64) -> bool {
        let sieved = &mut **self.sieved.borrow_mut();
        let id = item.0 as usize;
        if sieved.verdicts.len() <= id {
            sieved.verdicts.resize(id + 1, 0);
        }
        if sieved.verdicts[id] == 0 {
            let failing = self.failing(item, facts, &mut sieved.row);
            sieved.verdicts[id] = failing.map_or(1, |filter| filter as u8 + 2);
            sieved.asked.push(item);
            if let Some(filter) = failing {
                sieved.removed[filter].add((), item);
            }
        }
        sieved.verdicts[id] == 1
    }

    /// The first early filter that is not true for the item.
    fn failing(&self, item: EntityId, facts: u64, row: &mut [Value]) -> Option<usize> {
        let candidate = Candidate { item, routes: 0..0, fused: 0.0, score: 0.0 };
        // They read nothing of routes.
        let found = Routes { hits: &[], best: &[] };
        let failing = self.filters.iter().find(|(_, filter)| !filter.holds(facts, &candidate, found, row));
        failing.map(|(filter, _)| *filter)
    }
}

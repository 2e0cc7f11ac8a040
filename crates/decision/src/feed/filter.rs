//! Filter: takes out candidates that must not be in the answer, by the feed's filters and then by its policies, and counts them
//! by reason.
//! A condition without a value (something it reads is missing) does not hold, and its candidate goes.

use super::features::{Filling, Routes};
use super::policy::Removing;
use super::{Candidate, View};
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{EntityId, Removal, Value};

/// Removes excluded items and those for which one of the feed's filters is not true; each is counted under the first that
/// removes it. Returns the reasons that removed something: `exclude`, then filters, then policies in the spec's order. Examples are the best
/// by fused score.
pub(super) fn run(view: &View<'_>, names: &dyn Names, scratch: &mut Scratch) -> Vec<Removal> {
    let mut removed = Vec::new();
    let excluded = scratch.excluded.iter().filter(|(_, met)| *met).map(|(item, _)| *item);
    excluded.for_each(|item| note(view, names, &mut removed, "exclude", item));
    scratch.gone.clear();
    let (filters, policies) = (&view.feed.filters, &view.feed.policies);
    if filters.is_empty() && view.reads.policies.removing.is_empty() {
        return removed;
    }
    let mut reasons: Vec<Vec<Removal>> = vec![Vec::new(); filters.len() + policies.len()];
    let gates = Gates::new(view, &mut scratch.row);
    let mut kept = 0;
    for index in 0..scratch.candidates.len() {
        let candidate = &scratch.candidates[index];
        let found = Routes { hits: &scratch.routes, best: &scratch.best };
        if let Some(filter) = gates.failing(view, candidate, found, &mut scratch.row) {
            let policy = || policies[filter - filters.len()].text.as_str();
            let reason = filters.get(filter).map_or_else(policy, |filter| filter.text());
            note(view, names, &mut reasons[filter], reason, scratch.candidates[index].item);
        } else {
            scratch.candidates.swap(kept, index);
            kept += 1;
        }
    }
    if view.policies.pins > 0 {
        scratch.gone.extend(scratch.candidates[kept..].iter().map(|candidate| candidate.item));
    }
    scratch.candidates.truncate(kept);
    removed.extend(reasons.into_iter().flatten());
    removed
}

/// What removes candidates, ready for one after another.
pub(super) struct Gates<'v> {
    filters: Vec<Filling<'v>>,
    policies: Removing<'v>,
}

impl<'v> Gates<'v> {
    /// The feed's filters and policies.
    pub(super) fn new(view: &'v View<'v>, row: &mut [Value]) -> Gates<'v> {
        let filters = view.reads.filters.iter().map(|reads| Filling::new(view, reads, row)).collect();
        Gates { filters, policies: Removing::new(view, row) }
    }

    /// The first filter that is not true for the candidate, by number, or else the first policy that removes it, counted on from
    /// the filters. Later filters read what earlier ones have filled.
    pub(super) fn failing(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        found: Routes<'_>,
        row: &mut [Value],
    ) -> Option<usize> {
        let filter = view.feed.filters.iter().zip(&self.filters).position(|(filter, filling)| {
            filling.fill(candidate, found, row);
            !filter.eval_bool(row)
        });
        filter.or_else(|| Some(view.feed.filters.len() + self.policies.first(view, candidate, found, row)?))
    }
}

/// Counts one removal under the reason's only entry of the list.
fn note(view: &View<'_>, names: &dyn Names, removals: &mut Vec<Removal>, reason: &str, item: EntityId) {
    if removals.is_empty() {
        removals.push(Removal { reason: reason.to_owned(), count: 0, examples: Vec::new() });
    }
    let removal = &mut removals[0];
    removal.count += 1;
    if removal.examples.len() < Removal::EXAMPLES_MAX {
        removal.examples.push(names.item(view.epoch.item_type(), item));
    }
}

//! Filter: takes out candidates that must not be in the answer, and counts them by reason.
//! A condition without a value (something it reads is missing) does not hold, and its candidate goes.

use super::View;
use super::features::{Filling, Routes};
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{EntityId, Removal};

/// Removes excluded items and those for which one of the feed's filters is not true; each is counted under the first that
/// removes it. Returns the reasons that removed something: `exclude`, then filters in the spec's order. Examples are the best
/// by fused score.
pub(super) fn run(view: &View<'_>, names: &dyn Names, scratch: &mut Scratch) -> Vec<Removal> {
    let mut removed = Vec::new();
    let excluded = scratch.excluded.iter().filter(|(_, met)| *met).map(|(item, _)| *item);
    excluded.for_each(|item| note(view, names, &mut removed, "exclude", item));
    let filters = &view.feed.filters;
    if filters.is_empty() {
        return removed;
    }
    let mut reasons: Vec<Vec<Removal>> = vec![Vec::new(); filters.len()];
    let filling = |reads| Filling::new(view, reads, &mut scratch.row);
    let fillings: Vec<Filling<'_>> = view.reads.filters.iter().map(filling).collect();
    let mut kept = 0;
    for index in 0..scratch.candidates.len() {
        if let Some(filter) = failing(view, &fillings, scratch, index) {
            note(view, names, &mut reasons[filter], filters[filter].text(), scratch.candidates[index].item);
        } else {
            scratch.candidates.swap(kept, index);
            kept += 1;
        }
    }
    scratch.candidates.truncate(kept);
    removed.extend(reasons.into_iter().flatten());
    removed
}

/// The first filter that is not true for the candidate. Later filters read what earlier ones have filled.
fn failing(view: &View<'_>, fillings: &[Filling<'_>], scratch: &mut Scratch, index: usize) -> Option<usize> {
    let Scratch { candidates, routes, best, row, .. } = scratch;
    view.feed.filters.iter().zip(fillings).position(|(filter, filling)| {
        filling.fill(&candidates[index], Routes { hits: routes, best }, row);
        !filter.eval_bool(row)
    })
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

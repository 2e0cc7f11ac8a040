//! Page: a further page of an earlier answer. Its items come in the order that answer gave them; the filters are asked again,
//! since items, lists and the user have changed meanwhile. Nothing is recalled, scored or reranked.

use super::features::Routes;
use super::filter::{Gates, OfRequest};
use super::policy::Removing;
use super::{Candidate, Made, View, features, fuse, rerank};
use crate::scratch::Scratch;
use domain::{EntityId, Page, Recommended, Removal, RouteHit};
use spec::plan::{Mix, Rerank};

/// The reason under which items are counted that have left the catalogue since the first page.
const DELETED: &str = "deleted";

/// Looks at the items in order until the page is full. `Made::candidates` says how many were looked at.
pub(super) fn run(view: &View<'_>, page: &Page, scratch: &mut Scratch) -> Made {
    let ids = view.query.page.as_deref().unwrap_or_default();
    let mut made = Made {
        route_counts: Vec::new(),
        candidates: 0,
        removed: Vec::new(),
        items: Vec::new(),
        later: Vec::new(),
        off: Vec::new(),
    };
    let gates = Gates::new(view, &mut scratch.row);
    for (item, id) in page.items.iter().zip(ids) {
        if made.items.len() == view.shown() {
            break;
        }
        made.candidates += 1;
        match removing(view, &gates, page, item, *id, scratch) {
            None => made.items.push(item.clone()),
            Some(reason) => count(&mut made.removed, reason, item),
        }
    }
    made
}

/// Counts one removal; reasons stand in the order in which they came up.
fn count(removed: &mut Vec<Removal>, reason: &str, item: &Recommended) {
    let at = removed.iter().position(|known| known.reason == reason).unwrap_or_else(|| {
        removed.push(Removal { reason: reason.to_owned(), count: 0, examples: Vec::new() });
        removed.len() - 1
    });
    removed[at].count += 1;
    if removed[at].examples.len() < Removal::EXAMPLES_MAX {
        removed[at].examples.push(item.item.clone());
    }
}

/// Why the item is not shown.
fn removing<'a>(
    view: &View<'a>,
    gates: &Gates<'_>,
    page: &Page,
    item: &Recommended,
    id: Option<EntityId>,
    scratch: &mut Scratch,
) -> Option<&'a str> {
    let Some(id) = id.filter(|id| view.epoch.present(*id)) else {
        return Some(DELETED);
    };
    if view.query.exclude.contains(&id) {
        return Some("exclude");
    }
    if let Some((mix, first_route)) = mixed(view, item) {
        return removing_mixed(view, mix, first_route, page, item, id, scratch);
    }
    set(view, id, item.routes.iter().cloned(), &page.best, scratch);
    failing(view, gates, scratch).map(|number| Gates::reason(view, number))
}

/// Makes the item the only candidate, with its hits of the feed's routes.
fn set(view: &View<'_>, id: EntityId, hits: impl Iterator<Item = RouteHit>, best: &[f64], scratch: &mut Scratch) {
    let Scratch { candidates, routes, best: of_routes, .. } = scratch;
    of_routes.clear();
    of_routes.extend(best.iter().take(view.feed.routes.len()));
    of_routes.resize(view.feed.routes.len(), 0.0);
    routes.clear();
    routes.extend(hits);
    let fused = fuse::fused(view, routes, of_routes);
    candidates.clear();
    candidates.push(Candidate { item: id, routes: 0..routes.len() as u32, fused, score: 0.0 });
}

/// The number of the first that removes the only candidate.
fn failing(view: &View<'_>, gates: &Gates<'_>, scratch: &mut Scratch) -> Option<usize> {
    let Scratch { candidates, routes, best, row, .. } = scratch;
    gates.failing(view, &candidates[0], Routes { hits: routes, best }, false, row)
}

/// The step that mixed the item in, if another feed has found it, and the number of that feed's first route.
fn mixed<'a>(view: &View<'a>, item: &Recommended) -> Option<(&'a Mix, usize)> {
    let route = usize::from(item.routes.first()?.route);
    let mut first = view.feed.routes.len();
    if route < first {
        return None;
    }
    for rerank in &view.feed.reranks {
        let Rerank::Mix(mix) = rerank else { continue };
        let next = first + view.plan.feeds[usize::from(mix.feed)].routes.len();
        if route < next {
            return Some((mix, first));
        }
        first = next;
    }
    None
}

/// An item of another feed must pass that feed's filters and the request's.
fn removing_mixed<'a>(
    outer: &View<'a>,
    mix: &Mix,
    first_route: usize,
    page: &Page,
    item: &Recommended,
    id: EntityId,
    scratch: &mut Scratch,
) -> Option<&'a str> {
    let context = rerank::context_of(mix, outer);
    let view = rerank::view_of(mix, outer, &context);
    // Few of a page's items are of another feed: each gets a row of its own.
    let mut other = Scratch::default();
    features::of_subject(&view, &mut other);
    let own = |hit: &RouteHit| RouteHit { route: hit.route - first_route as u16, ..hit.clone() };
    set(&view, id, item.routes.iter().map(own), page.best.get(first_route..).unwrap_or_default(), &mut other);
    let gates = Gates::new(&view, &mut other.row);
    if let Some(number) = failing(&view, &gates, &mut other) {
        let feed = &outer.plan.feeds[usize::from(mix.feed)];
        let policy = || feed.policies.get(number - feed.filters.len() - 1).map(|policy| policy.text.as_str());
        return feed.filters.get(number).map(|filter| filter.text()).or_else(policy);
    }
    removing_outside(outer, id, scratch)
}

/// What the request and the policies of the feed that was asked say of an item that none of its routes has found.
fn removing_outside<'a>(outer: &View<'a>, id: EntityId, scratch: &mut Scratch) -> Option<&'a str> {
    let Scratch { best, row, .. } = scratch;
    let filters = outer.feed.filters.len();
    if let Some(own) = OfRequest::new(outer, row)
        && !own.passes_bare(id, best, row)
    {
        return Some(Gates::reason(outer, filters));
    }
    let candidate = Candidate { item: id, routes: 0..0, fused: 0.0, score: 0.0 };
    let policy = Removing::new(outer, row).first(&candidate, Routes { hits: &[], best }, row)?;
    Some(Gates::reason(outer, filters + 1 + policy))
}

//! Recall: each route of the feed in the spec's order gives its candidates.
//! Whoever is new, anonymous or unknown has no context items, so that personal routes give nothing and the others answer.

mod sieve;
mod terms;

pub(crate) use sieve::Sieved;

use super::{Found, View};
use crate::epoch::ItemView;
use crate::pace::Meter;
use crate::scratch::Scratch;
use ::recall::{Hit, Indexes, Known, Visitor};
use domain::{EntityId, RouteHit, Value, limits};
use sieve::Sieve;
use spec::plan::{From, Route, RouteSource, TagsFrom};

/// Runs the routes that their conditions and the pace allow, and leaves what they found in `scratch.found`, and which were off
/// in `scratch.off`. Returns how many each gave.
pub(super) fn run(view: &View<'_>, meter: &mut Meter<'_>, scratch: &mut Scratch) -> Vec<u32> {
    let mut counts = vec![0; view.feed.routes.len()];
    scratch.found.clear();
    scratch.best.clear();
    scratch.best.resize(view.feed.routes.len(), 0.0);
    note_excluded(view, scratch);
    scratch.off.clear();
    let mut sieved = std::mem::take(&mut scratch.sieved);
    let sieve = Sieve::new(view, &scratch.row, &mut sieved);
    for (index, route) in view.feed.routes.iter().enumerate() {
        if route.when.as_ref().is_some_and(|when| !when.eval_bool_with(&scratch.row, view.texts)) {
            meter.pass_route();
            scratch.off.push(index as u16);
            continue;
        }
        if !meter.next_route() {
            break;
        }
        scratch.hits.clear();
        // Excluded items take no places of the route's, so that a caller can page through a feed by excluding what it has shown.
        let extra = scratch.excluded.len().min(limits::CANDIDATES_MAX);
        let limit = usize::from(route.limit);
        search(view, route, limit + extra, &sieve, scratch);
        let Scratch { hits, excluded, found, best, .. } = scratch;
        if !excluded.is_empty() {
            hits.retain(|hit| !meet(excluded, hit.item));
        }
        hits.truncate(limit);
        // Walks have asked already; of the others' candidates the limit counts those that are removed too.
        hits.retain(|hit| sieve.passes(hit.item));
        counts[index] = hits.len() as u32;
        best[index] = hits.first().map_or(0.0, |hit| hit.score);
        found.extend(hits.iter().enumerate().map(|(rank, hit)| Found {
            item: hit.item,
            hit: RouteHit {
                route: index as u16,
                rank: rank as u16,
                score: if hit.score.is_finite() { hit.score } else { 0.0 },
            },
        }));
    }
    drop(sieve);
    scratch.sieved = sieved;
    counts
}

/// One route's best candidates, best first.
fn search(view: &View<'_>, route: &Route, limit: usize, sieve: &Sieve<'_>, scratch: &mut Scratch) {
    let Scratch { row, item_row, context, hits, sums, tags, excluded, .. } = scratch;
    let items = ItemView::new(view.epoch, view.texts, item_row);
    // A related-items feed never gives the item itself.
    let itself = view.query.subject.filter(|&(entity, _)| entity == view.epoch.item_type()).map(|(_, id)| id);
    let skip = |item: EntityId| Some(item) == itself;
    // An excluded item is counted as that, whatever filters say.
    let is_excluded = |item: EntityId| excluded.binary_search_by_key(&item, |&(excluded, _)| excluded).is_ok();
    let sift = |item: EntityId| skip(item) || (!is_excluded(item) && !sieve.passes(item));
    let indexes = view.epoch.indexes();
    match route.source {
        RouteSource::Top { index } => indexes.top(index, limit, view.now, &items, &sift, hits),
        RouteSource::Newest { index } => indexes.newest(index, limit, &sift, hits),
        RouteSource::CoVisited { index, from, recency, context: most, skip_known } => {
            set_context(view, row, from, usize::from(most), context);
            weigh(context, recency);
            let known = if skip_known { known(view) } else { Known::default() };
            indexes.co_visited(index, context, limit, view.now, known, sums, &skip, hits);
        }
        RouteSource::Sessions { index, from, recency, context: most, skip_known } => {
            set_context(view, row, from, usize::from(most), context);
            weigh(context, recency);
            let Known { user, items: recent } = known(view);
            let visitor = Visitor { user, recent, skip_known };
            indexes.sessions(index, context, limit, view.now, visitor, sums, &skip, hits);
        }
        RouteSource::List { list } => {
            let entries = view.epoch.listed().best(list, view.now);
            let entries = entries.filter(|&(item, _)| view.epoch.present(item) && !sift(item));
            hits.extend(entries.take(limit).map(|(item, score)| Hit { item, score }));
        }
        RouteSource::Explore { index } => indexes.explore(index, view.request.seed, limit, &sift, hits),
        RouteSource::Random => Indexes::random(view.request.seed, limit, &items, &sift, hits),
        RouteSource::Tags { index, from, recency, context: most, .. } => {
            if let TagsFrom::Items(from) = from {
                set_context(view, row, from, usize::from(most), context);
                weigh(context, recency);
            }
            terms::set(view, row, index, from, context, tags);
            indexes.tagged(index, tags, limit, view.now, &items, &sift, hits);
        }
        RouteSource::History { from, recency } => {
            set_context(view, row, from, usize::MAX, context);
            context.retain(|&(item, _)| !skip(item) && view.epoch.present(item));
            context.truncate(limit);
            weigh(context, recency);
            hits.extend(context.iter().map(|&(item, score)| Hit { item, score }));
        }
    }
}

/// What the user has visited before, as far as the indexes remember, and what the visit has.
fn known<'a>(view: &View<'a>) -> Known<'a> {
    let user = view.query.subject.filter(|&(entity, _)| Some(entity) == view.plan.entity("user"));
    Known { user: user.map(|(_, id)| id), items: &view.query.recent }
}

/// The score of a route's hit as expressions see it (`recall.<route>`): a share of the route's best in this answer. The scores of
/// `newest` are times and those of `list` the operator's own, of which the place says more.
pub(super) fn share(route: &Route, hit: &RouteHit, best: f64) -> f64 {
    match route.source {
        RouteSource::Newest { .. } | RouteSource::List { .. } | RouteSource::Tags { by_time: true, .. } => {
            1.0 - f64::from(hit.rank) / f64::from(route.limit)
        }
        _ if best > 0.0 => (hit.score / best).clamp(0.0, 1.0),
        _ => 0.0,
    }
}

/// The context items, newest first, each once, unweighted: the request's item, or a stored list with the visit's own items before
/// it. Of the visit's items only those in the catalogue count, so that a replay, which knows more keys, finds the same.
fn set_context(view: &View<'_>, row: &[Value], from: From, most: usize, context: &mut Vec<(EntityId, f64)>) {
    context.clear();
    let mut add = |item: EntityId| {
        if context.len() < most && context.iter().all(|&(known, _)| known != item) {
            context.push((item, 1.0));
        }
    };
    match from {
        From::RequestItem => view.query.subject.iter().for_each(|&(_, item)| add(item)),
        From::Slot(slot) => {
            view.query.recent.iter().copied().filter(|&item| view.epoch.present(item)).for_each(&mut add);
            if let Value::List(stored) = &row[usize::from(slot)] {
                stored.iter().for_each(|value| {
                    if let Value::Entity(item) = value {
                        add(*item)
                    }
                });
            }
        }
    }
}

/// Weights `1, recency, recency^2, ...` by repeated multiplication.
fn weigh(context: &mut [(EntityId, f64)], recency: f64) {
    let mut weight = 1.0;
    for (_, of_item) in context {
        *of_item = weight;
        weight *= recency;
    }
}

/// The request's excluded items that could be candidates, ascending, none of them met.
fn note_excluded(view: &View<'_>, scratch: &mut Scratch) {
    let excluded = &mut scratch.excluded;
    excluded.clear();
    let known = view.query.exclude.iter().filter(|&&item| view.epoch.present(item));
    excluded.extend(known.map(|&item| (item, false)));
    excluded.sort_unstable();
    excluded.dedup();
}

/// Whether the item is excluded; if so, that a route met it is noted.
fn meet(excluded: &mut [(EntityId, bool)], item: EntityId) -> bool {
    match excluded.binary_search_by_key(&item, |&(excluded, _)| excluded) {
        Ok(place) => {
            excluded[place].1 = true;
            true
        }
        Err(_) => false,
    }
}

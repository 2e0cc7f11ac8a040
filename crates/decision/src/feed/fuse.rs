//! Fuse: what the routes found becomes one list of candidates, each item once, by the feed's way of fusion; the default is
//! reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): ranks are comparable between routes where scores are not.

mod kept;
mod turns;

use super::order::descending;
use super::{Order, View, recall};
use crate::scratch::Scratch;
use domain::{EntityId, RouteHit};
use spec::plan::FusionKind;
use std::ops::Range;

/// The constant of reciprocal rank fusion: how little the first few ranks differ.
const RANK_OFFSET: f64 = 60.0;

/// The place of an item that is not among the candidates.
const UNSEEN: u32 = u32::MAX;

/// A route found an item.
pub(crate) struct Found {
    pub(crate) item: EntityId,
    pub(crate) hit: RouteHit,
}

/// An item that may be recommended.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(crate) item: EntityId,
    /// Its routes, a range of `Scratch::routes`, in the spec's order.
    pub(crate) routes: Range<u32>,
    /// What fusion makes of its routes; see `FusionKind`.
    pub(crate) fused: f64,
    /// What it is ranked by: the fused score, until the formula has scored it.
    pub(crate) score: f64,
}

impl Candidate {
    /// Ascends from the best fused score to the worst, ties by item id.
    pub(crate) fn fused_place(&self) -> (u64, EntityId) {
        (descending(self.fused), self.item)
    }
}

/// Makes the candidates, in any order; keeps as many as the feed says, those with the best fused scores, ties by item id.
/// Returns how many different items the routes found, before that cut.
pub(super) fn run(view: &View<'_>, scratch: &mut Scratch) -> u32 {
    let Scratch { found, best, places_of, routes, fused, candidates, order, .. } = scratch;
    fused.iter().for_each(|last: &Candidate| places_of[last.item.0 as usize] = UNSEEN);
    fused.clear();
    for Found { item, hit } in found.iter() {
        let id = item.0 as usize;
        if places_of.len() <= id {
            places_of.resize(id + 1, UNSEEN);
        }
        if places_of[id] == UNSEEN {
            places_of[id] = fused.len() as u32;
            fused.push(Candidate { item: *item, routes: 0..0, fused: 0.0, score: 0.0 });
        }
        let candidate = &mut fused[places_of[id] as usize];
        candidate.fused += part(view, hit, best);
        candidate.routes.end += 1;
    }
    if view.feed.fusion.kind == FusionKind::Interleave {
        turns::run(view, found, places_of, fused);
    }
    gather(found, places_of, fused, routes);
    fused.iter_mut().for_each(|candidate| candidate.score = candidate.fused);
    kept::run(view, found, places_of, fused, order, candidates);
    fused.len() as u32
}

/// Puts the candidates in order, best fused score first, ties by item id.
pub(super) fn sort(scratch: &mut Scratch) {
    let Scratch { candidates, sorted, order, .. } = scratch;
    set_order(order, candidates);
    sorted.clear();
    sorted.extend(order.first(candidates.len()).map(|index| candidates[index].clone()));
    std::mem::swap(candidates, sorted);
}

fn set_order(order: &mut Order, candidates: &[Candidate]) {
    order.set(candidates.iter().map(|candidate| (candidate.fused, candidate.item.0)));
}

/// What one hit adds to the fused score.
fn part(view: &View<'_>, hit: &RouteHit, best: &[f64]) -> f64 {
    // A page may have hits that no route of the feed has.
    let Some(route) = view.feed.routes.get(usize::from(hit.route)) else { return 0.0 };
    match view.feed.fusion.kind {
        FusionKind::Rrf | FusionKind::Quota => route.weight / (RANK_OFFSET + f64::from(hit.rank) + 1.0),
        FusionKind::Score => route.weight * recall::share(route, hit, best[usize::from(hit.route)]),
        FusionKind::Interleave => 0.0,
    }
}

/// What each route found, with its number; routes that found nothing are left out.
fn by_route(found: &[Found]) -> impl Iterator<Item = (usize, &[Found])> {
    found.chunk_by(|a, b| a.hit.route == b.hit.route).map(|hits| (usize::from(hits[0].hit.route), hits))
}

/// Puts the hits of each candidate side by side; `routes` holds as many as it has.
fn gather(found: &[Found], places_of: &[u32], fused: &mut [Candidate], routes: &mut Vec<RouteHit>) {
    let mut start = 0;
    for candidate in fused.iter_mut() {
        let count = candidate.routes.end;
        candidate.routes = start..start;
        start += count;
    }
    // Each place gets its hit below, whatever is there now.
    routes.resize(found.len(), RouteHit { route: 0, rank: 0, score: 0.0 });
    for Found { item, hit } in found {
        let end = &mut fused[places_of[item.0 as usize] as usize].routes.end;
        routes[*end as usize] = hit.clone();
        *end += 1;
    }
}

/// The fused score of an item with these hits. Whose turn it was cannot be told from them: of interleaved routes it is what the
/// item's best place in one of them is worth.
pub(super) fn fused(view: &View<'_>, hits: &[RouteHit], best: &[f64]) -> f64 {
    if view.feed.fusion.kind == FusionKind::Interleave {
        let place = |hit: &RouteHit| 1.0 / (RANK_OFFSET + f64::from(hit.rank) + 1.0);
        return hits.iter().map(place).fold(0.0, f64::max);
    }
    hits.iter().fold(0.0, |sum, hit| sum + part(view, hit, best))
}

//! Fuse: what the routes found becomes one list of candidates, each item once, ranked by reciprocal rank fusion
//! (Cormack, Clarke and Buettcher, SIGIR 2009): ranks are comparable between routes where scores are not.

use super::View;
use crate::scratch::Scratch;
use domain::{EntityId, RouteHit, limits};
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
    /// Sum of `weight / (60 + rank + 1)` over its routes, ranks from 0.
    pub(crate) fused: f64,
    /// What it is ranked by: the fused score, until the formula has scored it.
    pub(crate) score: f64,
}

/// Makes the candidates, best fused score first, ties by item id; keeps at most `limits::CANDIDATES_MAX`.
/// Returns how many different items the routes found, before that limit.
pub(super) fn run(view: &View<'_>, scratch: &mut Scratch) -> u32 {
    let Scratch { found, places_of, routes, fused, candidates, order, .. } = scratch;
    fused.drain(..).for_each(|last: Candidate| places_of[last.item.0 as usize] = UNSEEN);
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
        candidate.fused += share(view, hit);
        candidate.routes.end += 1;
    }
    gather(found, places_of, fused, routes);
    order.clear();
    for (index, candidate) in fused.iter_mut().enumerate() {
        candidate.score = candidate.fused;
        order.push(candidate.fused, candidate.item.0, index);
    }
    let kept = order.len().min(limits::CANDIDATES_MAX);
    order.settle(kept);
    candidates.clear();
    candidates.extend((0..kept).map(|place| fused[order.place(place)].clone()));
    fused.len() as u32
}

/// Puts the hits of each candidate side by side; `routes` holds as many as it has.
fn gather(found: &[Found], places_of: &[u32], fused: &mut [Candidate], routes: &mut Vec<RouteHit>) {
    let mut start = 0;
    for candidate in fused.iter_mut() {
        let count = candidate.routes.end;
        candidate.routes = start..start;
        start += count;
    }
    routes.clear();
    routes.resize(found.len(), RouteHit { route: 0, rank: 0, score: 0.0 });
    for Found { item, hit } in found {
        let end = &mut fused[places_of[item.0 as usize] as usize].routes.end;
        routes[*end as usize] = hit.clone();
        *end += 1;
    }
}

/// What a route's hit adds to the fused score.
fn share(view: &View<'_>, hit: &RouteHit) -> f64 {
    let weight = view.feed.routes.get(usize::from(hit.route)).map_or(0.0, |route| route.weight);
    weight / (RANK_OFFSET + f64::from(hit.rank) + 1.0)
}

/// The fused score of an item with these hits.
pub(super) fn fused(view: &View<'_>, hits: &[RouteHit]) -> f64 {
    hits.iter().fold(0.0, |sum, hit| sum + share(view, hit))
}

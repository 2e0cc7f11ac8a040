//! Fuse: what the routes found becomes one list of candidates, each item once, ranked by reciprocal rank fusion
//! (Cormack, Clarke and Buettcher, SIGIR 2009): ranks are comparable between routes where scores are not.

use super::View;
use crate::scratch::Scratch;
use domain::{EntityId, RouteHit, limits};
use std::ops::Range;

/// The constant of reciprocal rank fusion: how little the first few ranks differ.
const RANK_OFFSET: f64 = 60.0;

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
    let Scratch { found, sorted, routes, fused, candidates, order, .. } = scratch;
    sorted.clear();
    sorted.extend(found.iter().enumerate().map(|(index, found)| u64::from(found.item.0) << 32 | index as u64));
    // The index in the low half keeps an item's routes in the spec's order.
    sorted.sort_unstable();
    routes.clear();
    fused.clear();
    for &key in sorted.iter() {
        let Found { item, hit } = &found[key as u32 as usize];
        if fused.last().is_none_or(|last: &Candidate| last.item != *item) {
            let start = routes.len() as u32;
            fused.push(Candidate { item: *item, routes: start..start, fused: 0.0, score: 0.0 });
        }
        let last = fused.last_mut().expect("one was pushed if there was none");
        last.fused += view.feed.routes[usize::from(hit.route)].weight / (RANK_OFFSET + f64::from(hit.rank) + 1.0);
        routes.push(hit.clone());
        last.routes.end = routes.len() as u32;
    }
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

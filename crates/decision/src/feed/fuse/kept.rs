//! Who is kept where the routes found more than the feed carries on: first each route's `min` best, then its quota, then the best
//! by fused score (with quotas: what the routes have left, in the spec's order).

use super::{Candidate, Found, by_route, set_order};
use crate::feed::{Order, View};
use spec::plan::{FusionKind, Route};

/// Leaves the kept candidates in `candidates`, in any order.
pub(super) fn run(
    view: &View<'_>,
    found: &[Found],
    places_of: &[u32],
    fused: &[Candidate],
    order: &mut Order,
    candidates: &mut Vec<Candidate>,
) {
    let most = usize::from(view.feed.fusion.candidates);
    candidates.clear();
    if fused.len() <= most {
        return candidates.extend_from_slice(fused);
    }
    set_order(order, fused);
    if view.feed.fusion.kind != FusionKind::Quota && view.feed.routes.iter().all(|route| route.min == 0) {
        return candidates.extend(order.first(most).map(|index| fused[index].clone()));
    }
    let mut seats = Seats { taken: vec![false; fused.len()], left: most, places_of };
    let mut had = vec![0; view.feed.routes.len()];
    for (route, hits) in by_route(found) {
        had[route] = seats.first(hits, usize::from(view.feed.routes[route].min));
    }
    if view.feed.fusion.kind == FusionKind::Quota {
        for (route, hits) in by_route(found) {
            seats.next(hits, places(&view.feed.routes[route], most).saturating_sub(had[route]));
        }
        by_route(found).for_each(|(_, hits)| seats.next(hits, usize::MAX));
    }
    for place in 0..fused.len() {
        let index = order.place(place);
        if seats.taken[index] || seats.take(index) {
            candidates.push(fused[index].clone());
        }
    }
}

/// How many of the places are a route's by its quota.
fn places(route: &Route, most: usize) -> usize {
    (route.quota * most as f64).round() as usize
}

/// Places that are given away one by one.
struct Seats<'p> {
    /// By index of the candidate.
    taken: Vec<bool>,
    left: usize,
    places_of: &'p [u32],
}

impl Seats<'_> {
    /// Gives a candidate a place if one is left and it has none; whether it did.
    fn take(&mut self, index: usize) -> bool {
        let may = self.left > 0 && !self.taken[index];
        self.left -= usize::from(may);
        self.taken[index] |= may;
        may
    }

    /// Sees to it that the first `count` of a route have places; returns how many it took for that.
    fn first(&mut self, hits: &[Found], count: usize) -> usize {
        let first = hits.iter().take(count);
        first.filter(|hit| self.take(self.places_of[hit.item.0 as usize] as usize)).count()
    }

    /// Gives the next `count` of a route that have no place one each.
    fn next(&mut self, hits: &[Found], count: usize) {
        let mut left = count;
        for hit in hits {
            if left == 0 {
                return;
            }
            left -= usize::from(self.take(self.places_of[hit.item.0 as usize] as usize));
        }
    }
}

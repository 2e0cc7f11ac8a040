//! Interleaving: routes take turns in proportion to their weights, by smooth weighted round robin: at each turn every route
//! gains its weight, the one with most gives its next item and pays what all gained. Of equal ones the first in the spec's order.

use super::{Candidate, Found, RANK_OFFSET, UNSEEN, by_route};
use crate::feed::View;

/// A route that takes turns.
struct Taking<'f> {
    /// What it has not given yet.
    rest: &'f [Found],
    weight: f64,
    credit: f64,
}

/// Sets each candidate's fused score by its place in the interleaved list. An item stands where the first route gives it.
pub(super) fn run(view: &View<'_>, found: &[Found], places_of: &[u32], fused: &mut [Candidate]) {
    let place_of = |hit: &Found| places_of[hit.item.0 as usize] as usize;
    let mut places = vec![UNSEEN; fused.len()];
    let weight = |route: usize| view.feed.routes[route].weight;
    let mut taking: Vec<Taking<'_>> =
        by_route(found).map(|(route, rest)| Taking { rest, weight: weight(route), credit: 0.0 }).collect();
    for place in 0..fused.len() as u32 {
        for of in &mut taking {
            let given = of.rest.iter().take_while(|hit| places[place_of(hit)] != UNSEEN).count();
            of.rest = &of.rest[given..];
        }
        taking.retain(|of| !of.rest.is_empty());
        let total: f64 = taking.iter().map(|of| of.weight).sum();
        taking.iter_mut().for_each(|of| of.credit += of.weight);
        let ahead = |best: usize, next: usize| if taking[next].credit > taking[best].credit { next } else { best };
        let Some(next) = (0..taking.len()).reduce(ahead) else { break };
        taking[next].credit -= total;
        places[place_of(&taking[next].rest[0])] = place;
    }
    for (candidate, place) in fused.iter_mut().zip(places) {
        candidate.fused = 1.0 / (RANK_OFFSET + f64::from(place) + 1.0);
    }
}

//! Slate: the first candidates of the final order, with their keys, routes, terms, and what rerankers did to them.

use super::View;
use super::policy::{self, Placing};
use super::rerank::Pick;
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{Change, Effect, Few, Recommended, RouteHit, Step, Term};

/// The whole final order: what is shown first, then what is kept for further pages.
pub(super) fn run(view: &View<'_>, names: &dyn Names, scratch: &mut Scratch) -> Vec<Recommended> {
    let mut picks = std::mem::take(&mut scratch.picks);
    picks.clear();
    let mut order = Placing::new(view, names, scratch);
    while picks.len() < view.count()
        && let Some(pick) = order.next()
    {
        picks.push(pick);
    }
    let mut effects = Vec::new();
    let recommended = |(place, &pick)| recommended(view, names, scratch, (pick, place), &mut effects);
    let slate = picks.iter().enumerate().map(recommended).collect();
    scratch.picks = picks;
    slate
}

/// An item of the slate. One of another feed has the routes and terms of that one, numbered behind this feed's own
/// (`Plan::route_names`, `Plan::term_names`). `effects` is working memory.
fn recommended(
    view: &View<'_>,
    names: &dyn Names,
    scratch: &Scratch,
    (pick, place): (Pick, usize),
    effects: &mut Vec<Effect>,
) -> Recommended {
    let candidate = &scratch.candidates[pick.index];
    let (mut routes, mut terms);
    match scratch.chain.mixed(pick.index) {
        None => {
            routes = hits(scratch, pick.index);
            terms = valued(scratch, pick.index, view.feed.terms.len());
        }
        Some(mixed) => {
            let mut before: Vec<_> = [view.feed].into_iter().chain(view.plan.mixed(view.feed)).collect();
            before.truncate(mixed.nth + 2);
            let width = before.pop().map_or(0, |other| other.terms.len());
            let first_route: usize = before.iter().map(|feed| feed.routes.len()).sum();
            let first_term: usize = before.iter().map(|feed| feed.terms.len()).sum();
            routes = hits(mixed.scratch, mixed.index);
            terms = valued(mixed.scratch, mixed.index, width);
            routes.iter_mut().for_each(|hit| hit.route += first_route as u16);
            terms.iter_mut().for_each(|term| term.term += first_term as u16);
        }
    }
    effects.clear();
    effects.extend(boosts(view, &scratch.boosted, pick.index));
    policy::add_effects(scratch, pick.index, effects);
    Recommended {
        item: names.item(view.epoch.item_type(), candidate.item),
        score: candidate.score,
        routes,
        terms,
        moved: pick.rank.map_or(0, |rank| (place as i64 - i64::from(rank)) as i16),
        effects: effects.as_slice().into(),
    }
}

fn hits(scratch: &Scratch, index: usize) -> Few<RouteHit> {
    let own = scratch.candidates[index].routes.clone();
    scratch.routes[own.start as usize..own.end as usize].into()
}

/// What the request's boosts did to a candidate.
fn boosts(view: &View<'_>, boosted: &[(usize, u16)], index: usize) -> impl Iterator<Item = Effect> {
    let first = boosted.partition_point(|(of, _)| *of < index);
    let own = boosted[first..].iter().take_while(move |(of, _)| *of == index);
    own.filter_map(|&(_, boost)| {
        let by = view.request.boosts.get(usize::from(boost))?.by;
        Some(Effect { step: Step::Boost(boost), change: Change::Scaled(by) })
    })
}

/// The terms that have a value; none for a candidate that was not scored.
fn valued(scratch: &Scratch, index: usize, width: usize) -> Few<Term> {
    let numbered = (0..).zip(scratch.terms_of(index, width)).filter(|(_, value)| !value.is_nan());
    numbered.map(|(term, value)| Term { term, value }).collect()
}

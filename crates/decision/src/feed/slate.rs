//! Slate: the first candidates of the final order, with their keys, routes and terms.

use super::View;
use crate::query::Names;
use crate::scratch::Scratch;
use domain::{Change, Effect, Recommended, Step, Term};

/// At most as many items as the request asks for, and `limits::SLATE_MAX`.
pub(super) fn run(view: &View<'_>, names: &dyn Names, scratch: &mut Scratch) -> Vec<Recommended> {
    let Scratch { candidates, routes, terms, places, .. } = scratch;
    let width = view.feed.terms.len();
    let place = |&(index, moved): &(usize, i16)| {
        let candidate = &candidates[index];
        let terms = terms.chunks_exact(width.max(1)).nth(index).unwrap_or_default();
        Recommended {
            item: names.item(view.epoch.item_type(), candidate.item),
            score: candidate.score,
            routes: routes[candidate.routes.start as usize..candidate.routes.end as usize].to_vec(),
            terms: valued(terms),
            moved,
            effects: effects(moved),
        }
    };
    places.slate.iter().map(place).collect()
}

/// What the feed's one reranker did.
fn effects(moved: i16) -> Vec<Effect> {
    (moved != 0).then_some(Effect { step: Step::Rerank(0), change: Change::Moved(moved) }).into_iter().collect()
}

/// The terms that have a value.
fn valued(terms: &[f64]) -> Vec<Term> {
    let numbered = terms.iter().enumerate().filter(|(_, value)| !value.is_nan());
    numbered.map(|(term, &value)| Term { term: term as u16, value }).collect()
}

//! Rank: scores candidates by the feed's formula, in fused order, as far as the pace allows.
//! A score is the sum of its terms from left to right. A term without a finite value (missing, NaN, infinite, not a number)
//! adds 0 and is left out of the answer's terms. A sum that overflows is the lowest finite score: it sinks to the bottom.
//! Boosts of the request change the score of each candidate that meets their condition, in order.
//! Candidates that were not scored keep their fused score and order, behind all that were.

use super::features::{Filling, Routes};
use super::{View, policy};
use crate::pace::Meter;
use crate::rules::Rules;
use crate::scratch::Scratch;

/// Leaves in `scratch.order` the candidates by score, ties by item id; what was not scored follows. Without a formula the
/// fused score ranks, and is what boosts change.
pub(super) fn run(view: &View<'_>, meter: &mut Meter<'_>, scratch: &mut Scratch) {
    scratch.terms.clear();
    scratch.order.clear();
    scratch.boosted.clear();
    let mut scored = 0;
    let boosts = view.rules.filter(|rules| !rules.overlay.boosts.is_empty());
    if boosts.is_some() || !view.feed.terms.is_empty() {
        let filling = Filling::new(view, &view.reads.score, &mut scratch.row);
        let boosts = boosts.map(|rules| (rules, Filling::new(view, &rules.boosts, &mut scratch.row)));
        loop {
            let block = meter.next_block(scratch.candidates.len() - scored);
            if block == 0 {
                break;
            }
            let ahead = scratch.candidates[scored..scored + block].iter();
            view.epoch.items().touch_rows(ahead.map(|candidate| candidate.item));
            (scored..scored + block).for_each(|index| score(view, &filling, boosts.as_ref(), scratch, index));
            scored += block;
        }
    }
    // Without a formula the fused order stands, unless policies change fused scores.
    let fused = view.feed.terms.is_empty() && view.policies.scales;
    let scored = if fused { scratch.candidates.len() } else { scored };
    policy::scale(view, scored, scratch);
    let Scratch { candidates, order, .. } = scratch;
    for (index, candidate) in candidates.iter().enumerate().take(scored) {
        order.push(candidate.score, candidate.item.0, index);
    }
    order.settle(scored.min(view.count()));
    order.append_behind(scored..candidates.len());
}

/// Scores one candidate; its terms go to the end of `scratch.terms`.
fn score(
    view: &View<'_>,
    filling: &Filling<'_>,
    boosts: Option<&(&Rules, Filling<'_>)>,
    scratch: &mut Scratch,
    index: usize,
) {
    let Scratch { candidates, routes, best, row, terms, .. } = &mut *scratch;
    filling.fill(&candidates[index], Routes { hits: routes, best }, row);
    let mut sum = 0.0;
    for term in &view.feed.terms {
        let value = term.eval_f64_with(row, view.texts).filter(|value| value.is_finite());
        sum += value.unwrap_or(0.0);
        terms.push(value.unwrap_or(f64::NAN));
    }
    if view.feed.terms.is_empty() {
        sum = candidates[index].fused;
    }
    let score = match boosts {
        _ if !sum.is_finite() => f64::MIN,
        Some((rules, filling)) => boosted((rules, filling), view.texts, scratch, index, sum),
        None => sum,
    };
    scratch.candidates[index].score = score;
}

/// The score after the request's boosts: each whose condition is true adds `|score| * (by - 1)`, so that a factor above 1
/// raises negative scores too.
fn boosted(
    (rules, filling): (&Rules, &Filling<'_>),
    texts: &dyn expr::Texts,
    scratch: &mut Scratch,
    index: usize,
    mut score: f64,
) -> f64 {
    let Scratch { candidates, routes, best, row, boosted, .. } = scratch;
    filling.fill(&candidates[index], Routes { hits: routes, best }, row);
    for (place, (by, when)) in rules.overlay.boosts.iter().enumerate() {
        if when.eval_bool_with(row, texts) {
            score = policy::scaled(score, *by);
            boosted.push((index, place as u16));
        }
    }
    score
}

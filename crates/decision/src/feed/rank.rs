//! Rank: scores candidates by the feed's formula, in fused order, as far as the pace allows.
//! A score is the sum of its terms from left to right. A term without a finite value (missing, NaN, infinite, not a number)
//! adds 0 and is left out of the answer's terms. A sum that overflows is the lowest finite score: it sinks to the bottom.
//! Boosts of the request change the score of each candidate that meets their condition, in order.
//! Candidates that were not scored keep their fused score and order, behind all that were.

use super::features::{Filling, Routes};
use super::{View, fuse, policy};
use crate::pace::Meter;
use crate::rules::Rules;
use crate::scratch::Scratch;
use expr::{BLOCK_ROWS, Texts};
use std::ops::Range;

/// Leaves in `scratch.order` the candidates by score, ties by item id; what was not scored follows. Without a formula the
/// fused score ranks, and is what boosts change.
pub(super) fn run(view: &View<'_>, meter: &mut Meter<'_>, scratch: &mut Scratch) {
    scratch.terms.clear();
    scratch.boosted.clear();
    let mut scored = 0;
    // The order matters to what is not scored.
    if view.feed.terms.is_empty() || !meter.scores_all(scratch.candidates.len()) {
        fuse::sort(scratch);
    }
    let boosts = view.rules.filter(|rules| !rules.overlay.boosts.is_empty());
    if boosts.is_some() || !view.feed.terms.is_empty() {
        let filling = Filling::new(view, &view.reads.score, &mut scratch.row);
        filling.fill_same(&view.reads.score_same, &scratch.row, &mut scratch.columns);
        let boosts = boosts.map(|rules| (rules, Filling::new(view, &rules.boosts, &mut scratch.row)));
        loop {
            let block = meter.next_block(scratch.candidates.len() - scored);
            if block == 0 {
                break;
            }
            score(view, &filling, scratch, scored..scored + block);
            if let Some((rules, filling)) = &boosts {
                (scored..scored + block).for_each(|index| boost((rules, filling), view.texts, scratch, index));
            }
            scored += block;
        }
    }
    // Without a formula the fused order stands, unless policies change fused scores.
    let fused = view.feed.terms.is_empty() && view.policies.scales;
    let scored = if fused { scratch.candidates.len() } else { scored };
    policy::scale(view, scored, scratch);
    let Scratch { candidates, order, .. } = scratch;
    order.set(candidates[..scored].iter().map(|candidate| (candidate.score, candidate.item.0)));
    order.settle(scored.min(view.count()));
    order.append_behind(scored..candidates.len());
}

/// Scores a block of candidates; the values of its terms go to the end of `scratch.terms`.
fn score(view: &View<'_>, filling: &Filling<'_>, scratch: &mut Scratch, block: Range<usize>) {
    let Scratch { candidates, routes, best, row, columns, block: memory, terms, .. } = scratch;
    let block = &mut candidates[block];
    let mut sums = [0.0; BLOCK_ROWS];
    if view.feed.terms.is_empty() {
        sums.iter_mut().zip(&*block).for_each(|(sum, candidate)| *sum = candidate.fused);
    } else {
        filling.fill_block(block, Routes { hits: routes, best }, row, (columns, memory));
    }
    for term in &view.feed.terms {
        let mut values = [f64::NAN; BLOCK_ROWS];
        term.eval_block_f64_with(columns, memory, view.texts, &mut values);
        for (sum, value) in sums.iter_mut().zip(&mut values) {
            let counts = value.is_finite();
            *sum += if counts { *value } else { 0.0 };
            *value = if counts { *value } else { f64::NAN };
        }
        terms.push(values);
    }
    for (candidate, sum) in block.iter_mut().zip(sums) {
        candidate.score = if sum.is_finite() { sum } else { f64::MIN };
    }
}

/// Applies the request's boosts to a candidate's score: each whose condition is true adds `|score| * (by - 1)`, so that a factor
/// above 1 raises negative scores too. A score that has overflowed stays.
fn boost((rules, filling): (&Rules, &Filling<'_>), texts: &dyn Texts, scratch: &mut Scratch, index: usize) {
    let Scratch { candidates, routes, best, row, boosted, .. } = scratch;
    let candidate = &mut candidates[index];
    if candidate.score == f64::MIN {
        return;
    }
    filling.fill(candidate, Routes { hits: routes, best }, row);
    for (place, (by, when)) in rules.overlay.boosts.iter().enumerate() {
        if when.eval_bool_with(row, texts) {
            candidate.score = policy::scaled(candidate.score, *by);
            boosted.push((index, place as u16));
        }
    }
}

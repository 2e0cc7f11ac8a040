//! Rerank: the order of the scores becomes the order of the slate, as the feed's rerankers say and the pace allows.

mod spread;

pub(crate) use spread::Places;

use super::View;
use crate::pace::Meter;
use crate::scratch::Scratch;
use spec::plan::Rerank;

/// Leaves the slate in `scratch.places`: in score order, or as the reranker has it.
pub(super) fn run(view: &View<'_>, meter: &mut Meter<'_>, scratch: &mut Scratch) {
    let count = view.count().min(scratch.order.len());
    match view.feed.reranks.first() {
        Some(Rerank::Spread(spread)) if meter.rerank() => spread::run(view, *spread, count, scratch),
        _ => {
            let Scratch { order, places, .. } = scratch;
            places.slate.clear();
            places.slate.extend((0..count).map(|rank| (order.place(rank), 0)));
        }
    }
}

//! Rerank by maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering
//! documents and producing summaries", SIGIR 1998): each place takes the candidate with the largest
//! `lambda * relevance - (1 - lambda) * max(0, similarity to the most similar one that has its place)`, of equal ones the one
//! that came first. Only the best `depth` are ordered anew; the others follow as they were.

use super::likeness::Likenesses;
use super::window::Window;
use super::{Entry, Ground, Source};

/// The memory of one step.
#[derive(Default)]
pub(super) struct Mmr {
    window: Window,
    likenesses: Likenesses,
    /// The similarity to the most similar one that has its place.
    closest: Vec<f64>,
}

impl Mmr {
    pub(super) fn clear(&mut self) {
        self.window.clear();
    }

    pub(super) fn next(
        &mut self,
        mmr: &spec::plan::Mmr,
        source: &mut Source<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Entry> {
        let Mmr { window, likenesses, closest } = self;
        if window.fill(mmr.depth, source, ground) {
            likenesses.load(mmr.by, window.entries(), ground);
            closest.clear();
            closest.resize(window.entries().len(), 0.0);
        }
        let worth = |place: usize| mmr.lambda * window.relevance()[place] - (1.0 - mmr.lambda) * closest[place];
        let Some(taken) = window.best(worth) else { return source.next(ground) };
        let entry = window.take(taken);
        for place in window.left() {
            closest[place] = closest[place].max(likenesses.of(mmr.by, taken, place, ground));
        }
        Some(entry)
    }
}

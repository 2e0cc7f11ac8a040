//! Rerank by maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering
//! documents and producing summaries", SIGIR 1998): each place takes the candidate with the largest
//! `lambda * relevance - (1 - lambda) * max(0, similarity to the most similar one that has its place)`, of equal ones the one
//! that came first. Only the best `depth` are ordered anew; the others follow as they were.

use super::alike::{Alike, NONE};
use super::likeness::Likenesses;
use super::window::Window;
use super::{Entry, Ground, Source};
use spec::plan::Likeness;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Mmr {
    window: Window,
    likenesses: Likenesses,
    /// The similarity to the most similar one that has its place.
    closest: Vec<f64>,
    /// Where candidates are alike or not at all, which are.
    alike: Alike,
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
        let Mmr { window, likenesses, closest, alike } = self;
        if window.fill(mmr.depth, source, ground) {
            match mmr.by {
                Likeness::Equal(field) => alike.load(field, window.entries(), ground),
                by => {
                    likenesses.load(by, window.entries(), ground);
                    closest.clear();
                    closest.resize(window.entries().len(), 0.0);
                }
            }
        }
        let worth = |place: usize, closest: f64| mmr.lambda * window.relevance()[place] - (1.0 - mmr.lambda) * closest;
        if let Likeness::Equal(_) = mmr.by {
            // Relevance falls from place to place, so the first places are the best: of the groups that have a place already,
            // and of the others.
            let behind = alike.behind().iter().copied().min().filter(|&place| place != NONE);
            let taken = match (alike.ahead(), behind) {
                (Some(ahead), Some(behind)) => {
                    let (of_ahead, of_behind) = (worth(ahead as usize, 0.0), worth(behind as usize, 1.0));
                    let first = of_ahead > of_behind || (of_ahead == of_behind && ahead < behind);
                    Some(if first { ahead } else { behind })
                }
                (ahead, behind) => ahead.or(behind),
            };
            let Some(taken) = taken else { return source.next(ground) };
            alike.take(taken);
            return Some(window.take(taken as usize));
        }
        let Some(taken) = window.best(|place| worth(place, closest[place])) else { return source.next(ground) };
        let entry = window.take(taken);
        for place in window.left() {
            closest[place] = closest[place].max(likenesses.of(mmr.by, taken, place, ground));
        }
        Some(entry)
    }
}

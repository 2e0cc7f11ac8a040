//! Rerank by a determinantal point process: fast greedy inference of the most probable slate (Chen, Zhang and Zhou, "Fast
//! greedy MAP inference for determinantal point process to improve recommendation diversity", NeurIPS 2018, algorithm 1).
//!
//! Each place takes the candidate with the largest `theta * relevance + (1 - theta) * ln(d^2)`, of equal ones the one that
//! came first; `d^2` is what it adds to the determinant of the similarities of those that have their places, kept up by one
//! row of the Cholesky factor per place. Similarities of different candidates count [`SHARE`], as if each had a little of
//! its own: so equal candidates are put off and not ruled out. Where rounding leaves nothing of `d^2`, the rest follow by
//! relevance. Only the best `depth` are ordered anew.

use super::likeness::Likenesses;
use super::window::Window;
use super::{Entry, Ground, Source};

/// How much of a similarity counts.
const SHARE: f64 = 0.95;
/// What is left of `d^2` if nothing is.
const NOTHING: f64 = 1e-10;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Dpp {
    window: Window,
    likenesses: Likenesses,
    /// `d^2` by place.
    gains: Vec<f64>,
    /// The Cholesky factor: for each candidate that has its place, a row of one number per place of the window.
    rows: Vec<f64>,
}

impl Dpp {
    pub(super) fn clear(&mut self) {
        self.window.clear();
        self.rows.clear();
    }

    pub(super) fn next(
        &mut self,
        dpp: &spec::plan::Dpp,
        source: &mut Source<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Entry> {
        if self.window.fill(dpp.depth, source, ground) {
            self.likenesses.load(dpp.by, self.window.entries(), ground);
            self.gains.clear();
            self.gains.resize(self.window.entries().len(), 1.0);
        }
        let worth = |place: usize| match self.gains[place] {
            gain if gain > NOTHING => dpp.theta * self.window.relevance()[place] + (1.0 - dpp.theta) * libm::log(gain),
            _ => f64::NAN,
        };
        if let Some(taken) = self.window.best(worth) {
            let entry = self.window.take(taken);
            self.add_row(dpp, taken, ground);
            return Some(entry);
        }
        let rest = self.window.left().next();
        match rest {
            Some(place) => Some(self.window.take(place)),
            None => source.next(ground),
        }
    }

    /// Takes into account that a candidate has its place.
    fn add_row(&mut self, dpp: &spec::plan::Dpp, taken: usize, ground: &Ground<'_>) {
        let Dpp { window, likenesses, gains, rows } = self;
        let width = window.entries().len();
        let start = rows.len();
        rows.resize(start + width, 0.0);
        let (before, row) = rows.split_at_mut(start);
        for place in window.left() {
            row[place] = SHARE * likenesses.of(dpp.by, taken, place, ground);
        }
        for earlier in before.chunks_exact(width) {
            let factor = earlier[taken];
            row.iter_mut().zip(earlier).for_each(|(sum, other)| *sum -= factor * other);
        }
        let root = gains[taken].sqrt();
        for place in window.left() {
            row[place] /= root;
            gains[place] -= row[place] * row[place];
        }
    }
}

//! Rerank by a determinantal point process: fast greedy inference of the most probable slate (Chen, Zhang and Zhou, "Fast
//! greedy MAP inference for determinantal point process to improve recommendation diversity", NeurIPS 2018, algorithm 1).
//!
//! Each place takes the candidate with the largest `theta * relevance + (1 - theta) * ln(d^2)`, of equal ones the one that
//! came first; `d^2` is what it adds to the determinant of the similarities of those that have their places, kept up by one
//! row of the Cholesky factor per place. Similarities of different candidates count [`SHARE`], as if each had a little of
//! its own: so equal candidates are put off and not ruled out. Where rounding leaves nothing of `d^2`, the rest follow by
//! relevance. Only the best `depth` are ordered anew.

use super::alike::{Alike, NONE};
use super::likeness::Likenesses;
use super::window::Window;
use super::{Entry, Ground, Source};
use spec::plan::Likeness;

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
    /// `ln(d^2)` by place; NaN where nothing is left of it.
    logs: Vec<f64>,
    /// The Cholesky factor: for each candidate that has its place, a row of one number per place of the window.
    rows: Vec<f64>,
    blocks: Blocks,
}

/// The kernel where candidates are alike or not at all: its elements between groups are 0, and so are those of the Cholesky
/// factor; within a group all that are left have the same ones. So each group has one `d^2` and one column of the factor.
#[derive(Default)]
struct Blocks {
    alike: Alike,
    /// By group that has given a place: `d^2` of those that are left, and its logarithm (NaN where nothing is left of it).
    gains: Vec<(f64, f64)>,
    /// By group: the elements of the factor.
    columns: Vec<Vec<f64>>,
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
            match dpp.by {
                Likeness::Equal(field) => self.blocks.load(field, self.window.entries(), ground),
                by => {
                    let count = self.window.entries().len();
                    self.likenesses.load(by, self.window.entries(), ground);
                    self.gains.clear();
                    self.logs.clear();
                    self.gains.resize(count, 1.0);
                    self.logs.resize(count, 0.0);
                }
            }
        }
        let worth = |place: usize, log: f64| dpp.theta * self.window.relevance()[place] + (1.0 - dpp.theta) * log;
        let best = match dpp.by {
            Likeness::Equal(_) => self.blocks.best(worth),
            _ => self.window.best(|place| worth(place, self.logs[place])),
        };
        let Some(taken) = best.or_else(|| self.window.left().next()) else { return source.next(ground) };
        let entry = self.window.take(taken);
        match dpp.by {
            Likeness::Equal(_) => self.blocks.take(taken),
            // Of those that follow by relevance nothing is reckoned any more.
            _ if best.is_some() => self.add_row(dpp, taken, ground),
            _ => {}
        }
        Some(entry)
    }

    /// Takes into account that a candidate has its place.
    fn add_row(&mut self, dpp: &spec::plan::Dpp, taken: usize, ground: &Ground<'_>) {
        let Dpp { window, likenesses, gains, logs, rows, .. } = self;
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
            let gain = gains[place] - row[place] * row[place];
            if gain != gains[place] {
                gains[place] = gain;
                logs[place] = log(gain);
            }
        }
    }
}

impl Blocks {
    fn load(&mut self, field: u16, entries: &[Entry], ground: &Ground<'_>) {
        self.alike.load(field, entries, ground);
        self.gains.clear();
        self.columns.iter_mut().for_each(Vec::clear);
    }

    /// The place with the highest worth; see `Window::best`. Within a group, and among groups of which none has its place, the
    /// first is at least as relevant as the others.
    fn best(&self, worth: impl Fn(usize, f64) -> f64) -> Option<usize> {
        let ahead = self.alike.ahead().map(|place| (place, worth(place as usize, 0.0)));
        let behind =
            self.alike.behind().iter().zip(&self.gains).filter(|(place, (_, log))| **place != NONE && !log.is_nan());
        let behind = behind.map(|(&place, &(_, log))| (place, worth(place as usize, log)));
        let better = |best: (u32, f64), next: (u32, f64)| {
            if next.1 > best.1 || (next.1 == best.1 && next.0 < best.0) { next } else { best }
        };
        ahead.into_iter().chain(behind).reduce(better).map(|(place, _)| place as usize)
    }

    /// Takes into account that a candidate, the first that is left of its group, has its place.
    fn take(&mut self, place: usize) {
        let group = self.alike.take(place as u32);
        self.gains.resize(self.alike.opened(), (1.0, 0.0));
        if self.columns.len() <= group {
            self.columns.resize_with(group + 1, Vec::new);
        }
        let (gain, column) = (self.gains[group].0, &mut self.columns[group]);
        if gain <= NOTHING {
            return;
        }
        let element = column.iter().fold(SHARE, |sum, earlier| sum - earlier * earlier) / gain.sqrt();
        column.push(element);
        let left = gain - element * element;
        self.gains[group] = (left, log(left));
    }
}

/// The logarithm of what is left of `d^2`; NaN if that is nothing.
fn log(gain: f64) -> f64 {
    if gain > NOTHING { libm::log(gain) } else { f64::NAN }
}

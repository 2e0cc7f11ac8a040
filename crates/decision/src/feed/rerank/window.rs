//! The best candidates of an order, taken at once to be put in another one, with their relevance from 0 to 1.

use super::{Entry, Ground, Source};

/// The first `depth` candidates of an order.
#[derive(Default)]
pub(super) struct Window {
    entries: Vec<Entry>,
    /// By place in the order. That of place `k` is the `k`-th largest score among the candidates, scaled so that the largest is
    /// 1 and the smallest 0: what a step before has moved up or down counts by where it is.
    relevance: Vec<f64>,
    filled: bool,
    /// Whether a candidate has gone on, by place.
    gone: Vec<bool>,
    left: usize,
    /// Smallest and largest score.
    range: (f64, f64),
}

impl Window {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.filled = false;
        self.left = 0;
    }

    /// Takes the candidates, the first time; says whether it was that.
    pub(super) fn fill(&mut self, depth: u16, source: &mut Source<'_>, ground: &mut Ground<'_>) -> bool {
        if std::mem::replace(&mut self.filled, true) {
            return false;
        }
        while self.entries.len() < usize::from(depth)
            && let Some(entry) = source.next(ground)
        {
            self.entries.push(entry);
        }
        self.left = self.entries.len();
        self.gone.clear();
        self.gone.resize(self.left, false);
        self.scale();
        true
    }

    fn scale(&mut self) {
        let Window { entries, relevance, range, .. } = self;
        relevance.clear();
        relevance.extend(entries.iter().map(|entry| entry.pick.score));
        relevance.sort_unstable_by(|a, b| b.total_cmp(a));
        let high = relevance.first().copied().unwrap_or_default();
        // The lowest finite score is that of sums that overflow; it would make all others alike.
        let low = relevance.iter().rev().copied().find(|&score| score > f64::MIN).unwrap_or(high);
        *range = (low, high);
        // Halves, since the difference of two finite floats may be none.
        let width = high / 2.0 - low / 2.0;
        for score in relevance {
            *score = if width > 0.0 { ((*score / 2.0 - low / 2.0) / width).max(0.0) } else { 1.0 };
        }
    }

    /// The candidates, in the order before.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Relevance by place.
    pub(super) fn relevance(&self) -> &[f64] {
        &self.relevance
    }

    /// The score that a relevance stands for.
    pub(super) fn score(&self, relevance: f64) -> f64 {
        let (low, high) = self.range;
        low + (high - low) * relevance
    }

    /// Places of candidates that have not gone on, best first.
    pub(super) fn left(&self) -> impl Iterator<Item = usize> + use<'_> {
        let places = if self.left == 0 { 0 } else { self.entries.len() };
        (0..places).filter(|&place| !self.gone[place])
    }

    /// The place with the highest worth, of equal ones the first; `None` if none is left or all are NaN.
    pub(super) fn best(&self, worth: impl Fn(usize) -> f64) -> Option<usize> {
        let worths = self.left().map(|place| (place, worth(place))).filter(|(_, worth)| !worth.is_nan());
        worths.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(place, _)| place)
    }

    /// Lets a candidate go on.
    pub(super) fn take(&mut self, place: usize) -> Entry {
        self.gone[place] = true;
        self.left -= 1;
        self.entries[place]
    }
}

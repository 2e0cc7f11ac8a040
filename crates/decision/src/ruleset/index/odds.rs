//! How likely tests hold, guessed from past events and from the rules themselves. A wrong guess costs time and changes nothing else.

use super::{Column, ColumnTest};
use crate::ruleset::Facts;
use expr::Wanted;
use std::collections::BTreeSet;

/// What is known of each column, by its number.
pub(super) struct Odds {
    columns: Vec<Seen>,
    /// Events that were looked at.
    samples: usize,
}

#[derive(Default)]
struct Seen {
    /// Ranks in past events, ascending.
    ranks: Vec<i64>,
    /// How many ranks rules name one by one.
    named: usize,
}

/// The guess for a range of which nothing is known.
const RANGE: f64 = 0.3;

impl Odds {
    pub(super) fn new(columns: &[Column], tests: &[ColumnTest], samples: &[&Facts]) -> Odds {
        let mut named: Vec<BTreeSet<i64>> = vec![BTreeSet::new(); columns.len()];
        for test in tests {
            if let Wanted::Among(ranks) | Wanted::Except(ranks) = &test.wanted {
                named[test.column as usize].extend(ranks);
            }
        }
        let seen = columns.iter().zip(&named).map(|(column, named)| {
            let mut ranks: Vec<i64> = samples.iter().filter_map(|facts| column.rank(facts)).collect();
            ranks.sort_unstable();
            Seen { ranks, named: named.len() }
        });
        Odds { columns: seen.collect(), samples: samples.len() }
    }

    /// How likely a test holds, from 0 to 1: as often as in the samples, with the guess from the rules as one more sample.
    pub(super) fn of(&self, test: &ColumnTest) -> f64 {
        let seen = &self.columns[test.column as usize];
        let (count, guess) = match &test.wanted {
            Wanted::Among(ranks) => (seen.among(ranks), ranks.len() as f64 / (seen.named + 1) as f64),
            Wanted::Except(ranks) => (seen.ranks.len() - seen.among(ranks), 1.0),
            Wanted::Between(least, most) => (seen.between(*least, *most), RANGE),
        };
        (count as f64 + guess) / (self.samples + 1) as f64
    }
}

impl Seen {
    fn among(&self, ranks: &[i64]) -> usize {
        ranks.iter().map(|rank| self.between(*rank, *rank)).sum()
    }

    fn between(&self, least: i64, most: i64) -> usize {
        let below = self.ranks.partition_point(|rank| *rank < least);
        self.ranks[below..].partition_point(|rank| *rank <= most)
    }
}

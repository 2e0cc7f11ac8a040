//! The ranks of one event's facts, by column. Columns of one kind are read together: most are numbers.

use super::{Column, Facts};
use expr::{RankKind, Reading};

/// All columns of a ruleset.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    count: usize,
    /// With their columns.
    floats: Vec<(u32, Reading)>,
    strs: Vec<(u32, Reading)>,
    rest: Vec<(u32, Column)>,
}

impl Readings {
    pub(super) fn new(columns: &[Column]) -> Readings {
        let mut readings = Readings { count: columns.len(), floats: Vec::new(), strs: Vec::new(), rest: Vec::new() };
        for (column, at) in columns.iter().zip(0..) {
            match column {
                Column::Fact(of) if of.kind == RankKind::Float => readings.floats.push((at, *of)),
                Column::Fact(of) if of.kind == RankKind::Str => readings.strs.push((at, *of)),
                _ => readings.rest.push((at, *column)),
            }
        }
        readings
    }

    /// Sets the ranks of all columns.
    #[inline]
    pub(super) fn fill(&self, facts: &Facts, ranks: &mut Vec<Option<i64>>) {
        if ranks.len() != self.count {
            ranks.clear();
            ranks.resize(self.count, None);
        }
        // The kind is said again, so that it is known where the loop is compiled.
        for (column, of) in &self.floats {
            ranks[*column as usize] = Reading { kind: RankKind::Float, ..*of }.rank(&facts.row);
        }
        for (column, of) in &self.strs {
            ranks[*column as usize] = Reading { kind: RankKind::Str, ..*of }.rank(&facts.row);
        }
        for (column, of) in &self.rest {
            ranks[*column as usize] = of.rank(facts);
        }
    }
}

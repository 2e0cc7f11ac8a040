//! One event, as rules are looked for in the tree: the ranks of its facts, and which conditions it meets.

use super::Ruleset;
use domain::Value;

/// Which conditions an event meets, as far as that has been asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    /// The number of the event, from 1.
    event: u64,
    /// By condition: twice the number of the event that it was asked of last, and one more if that meets it.
    answers: Vec<u64>,
}

/// One event, as rules are looked for in the tree.
pub(super) struct Event<'e> {
    pub(super) ruleset: &'e Ruleset,
    pub(super) row: &'e [Value],
    pub(super) ranks: &'e [Option<i64>],
    pub(super) met: &'e mut Met,
}

impl Event<'_> {
    /// The rank of a column.
    #[inline(always)]
    pub(super) fn rank(&self, column: u32) -> Option<i64> {
        self.ranks[column as usize]
    }

    /// Whether a test holds: index into `Ruleset::tests`.
    pub(super) fn passes(&self, test: u32) -> bool {
        self.ruleset.tests[test as usize].holds(self.ranks)
    }

    /// Whether a condition holds: index into `Ruleset::conditions`. It is computed once.
    #[inline]
    pub(super) fn meets(&mut self, condition: u32) -> bool {
        let answer = self.met.answers[condition as usize];
        if answer >> 1 == self.met.event { answer & 1 == 1 } else { self.ask(condition) }
    }

    #[inline(never)]
    fn ask(&mut self, condition: u32) -> bool {
        let holds = self.ruleset.conditions[condition as usize].holds(self.row);
        self.met.answers[condition as usize] = self.met.event << 1 | u64::from(holds);
        holds
    }
}

impl Met {
    /// Nothing has been asked of the next event.
    pub(super) fn next(&mut self, conditions: usize) {
        self.event += 1;
        if self.answers.len() < conditions {
            self.answers.resize(conditions, 0);
        }
    }
}

//! Rules side by side, a bit for each. Tests that many of them share are made for all at once: the value of a fact says which rules it
//! leaves. What is left is tested rule by rule.

mod wide;
mod word;

use super::found::Found;
use super::odds::Odds;
use super::{ColumnTest, Entry, Event};
use expr::Wanted;
use wide::Wide;
use word::Word;

/// Fewest tests of a column for which bits are kept, and the part of all rules (one in so many) that they have to be.
const TESTS_MIN: usize = 3;
const TESTS_ONE_IN: usize = 32;
/// Most words of bits for the values of one column.
const VALUE_WORDS_MAX: usize = 1 << 14;

/// Up to some thousand rules.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Word(Word),
    Wide(Wide),
}

/// Rules with the tests that are made one by one.
#[derive(Clone, Debug)]
struct Tried {
    /// By place in the block.
    places: Vec<Place>,
    tests: Vec<Single>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    rule: u32,
    /// Its tests are `Tried::tests[from..until]`.
    from: u32,
    until: u32,
}

/// A test of one rule; ranges lie here, since tests of different rules are far from each other.
#[derive(Clone, Copy, Debug)]
enum Single {
    Range(u32, i64, i64),
    /// Index into `Ruleset::tests`.
    Other(u32),
    /// Index into `Ruleset::conditions`.
    Condition(u32),
}

impl Single {
    fn of(at: u32, tests: &[ColumnTest]) -> Single {
        let ColumnTest { column, wanted } = &tests[at as usize];
        match wanted {
            Wanted::Between(least, most) => Single::Range(*column, *least, *most),
            Wanted::Among(ranks) if ranks.len() == 1 => Single::Range(*column, ranks[0], ranks[0]),
            _ => Single::Other(at),
        }
    }

    #[inline(always)]
    fn holds(&self, event: &mut Event<'_>) -> bool {
        match self {
            Single::Range(column, least, most) => {
                event.rank(*column).is_some_and(|rank| *least <= rank && rank <= *most)
            }
            Single::Other(at) => event.passes(*at),
            Single::Condition(at) => event.meets(*at),
        }
    }
}

impl Tried {
    /// `masked` says which test of the rule at a place is not to be made.
    fn new(entries: &[Entry], tests: &[ColumnTest], masked: impl Fn(u32, u32) -> bool) -> Tried {
        let mut tried = Tried { places: Vec::with_capacity(entries.len()), tests: Vec::new() };
        for (place, entry) in (0..).zip(entries) {
            let from = tried.tests.len() as u32;
            let left = entry.tests.iter().filter(|at| !masked(place, **at)).map(|at| Single::of(*at, tests));
            // What is computed comes last.
            let conditions = entry.conditions.iter().map(|at| Single::Condition(*at));
            tried.tests.extend(left.chain(conditions));
            tried.places.push(Place { rule: entry.rule, from, until: tried.tests.len() as u32 });
        }
        tried
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    /// Adds those whose tests hold of the rules that have a bit, from a place on.
    #[inline]
    fn search(&self, from: usize, mut bits: u64, event: &mut Event<'_>, found: &mut Found) {
        while bits != 0 {
            let Place { rule, from, until } = self.places[from + bits.trailing_zeros() as usize];
            if self.tests[from as usize..until as usize].iter().all(|test| test.holds(event)) {
                found.add(rule);
            }
            bits &= bits - 1;
        }
    }
}

impl Block {
    pub(super) fn new(entries: &[Entry], tests: &[ColumnTest], odds: &Odds) -> Block {
        match entries.len() {
            0..=64 => Block::Word(Word::new(entries, tests, odds)),
            _ => Block::Wide(Wide::new(entries, tests, odds)),
        }
    }

    /// Adds the rules whose tests hold, in no order.
    #[inline]
    pub(super) fn search(&self, event: &mut Event<'_>, bits: &mut Vec<u64>, found: &mut Found) {
        match self {
            Block::Word(word) => word.search(event, found),
            Block::Wide(wide) => wide.search(event, bits, found),
        }
    }
}

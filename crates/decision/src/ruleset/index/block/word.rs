//! Up to 64 rules: of each fact that many of them test it is known for every value which of them it leaves.

use super::{TESTS_MIN, TESTS_ONE_IN, Tried, VALUE_WORDS_MAX};
use crate::ruleset::index::found::Found;
use crate::ruleset::index::lookup::Lookup;
use crate::ruleset::index::odds::Odds;
use crate::ruleset::index::{ColumnTest, Entry, Event};
use expr::Wanted;
use std::collections::BTreeMap;

/// Fewest rules for which bits are kept.
const BITS_MIN: usize = 6;

/// Rules, and those that a value of a column leaves.
#[derive(Clone, Debug)]
pub(in crate::ruleset::index) struct Word {
    tried: Tried,
    /// A bit for each rule.
    all: u64,
    /// Those that most rules fail first.
    masks: Vec<Masks>,
}

/// The rules that a column's value leaves.
#[derive(Clone, Debug)]
struct Masks {
    column: u32,
    /// Without a value: those that do not test it.
    missing: u64,
    ranks: Ranks,
}

#[derive(Clone, Debug)]
enum Ranks {
    /// Ascending where what is left changes: `masks[k]` from `firsts[k - 1]` to below `firsts[k]`.
    Ranges { firsts: Vec<i64>, masks: Vec<u64> },
    /// By number in the lookup; those without one leave what a missing value leaves.
    Values { lookup: Lookup, masks: Vec<u64> },
}

/// The tests of one column.
#[derive(Default)]
struct Column {
    /// Place and test.
    tests: Vec<(u32, u32)>,
    /// How many rules have one.
    rules: usize,
    /// How many of the tests hold on an event, guessed.
    passing: f64,
}

impl Word {
    pub(super) fn new(entries: &[Entry], tests: &[ColumnTest], odds: &Odds) -> Word {
        let columns = if entries.len() >= BITS_MIN { columns(entries, tests, odds) } else { BTreeMap::new() };
        let tried = Tried::new(entries, tests, |_, at| columns.contains_key(&tests[at as usize].column));
        let all = u64::MAX.checked_shr(64 - entries.len() as u32).unwrap_or(0);
        let mut columns: Vec<(u32, Column)> = columns.into_iter().collect();
        columns.sort_by(|(_, a), (_, b)| b.failing().total_cmp(&a.failing()));
        let masks = columns.into_iter().map(|(column, of)| of.masks(column, tests)).collect();
        Word { tried, all, masks }
    }

    #[inline]
    pub(super) fn search(&self, event: &mut Event<'_>, found: &mut Found) {
        let mut left = self.all;
        for masks in &self.masks {
            left &= masks.of(event.rank(masks.column));
            if left == 0 {
                return;
            }
        }
        self.tried.search(0, left, event, found);
    }
}

impl Masks {
    #[inline]
    fn of(&self, rank: Option<i64>) -> u64 {
        let Some(rank) = rank else { return self.missing };
        match &self.ranks {
            Ranks::Ranges { firsts, masks } => masks[firsts.partition_point(|first| *first <= rank)],
            Ranks::Values { lookup, masks } => lookup.find(rank).map_or(self.missing, |number| masks[number]),
        }
    }
}

/// The columns that enough rules test.
fn columns(entries: &[Entry], tests: &[ColumnTest], odds: &Odds) -> BTreeMap<u32, Column> {
    let mut columns: BTreeMap<u32, Column> = BTreeMap::new();
    for (place, entry) in (0u32..).zip(entries) {
        for at in &entry.tests {
            let test = &tests[*at as usize];
            let of = columns.entry(test.column).or_default();
            of.rules += usize::from(of.tests.last().is_none_or(|(last, _)| *last != place));
            of.tests.push((place, *at));
            of.passing += odds.of(test);
        }
    }
    columns.retain(|_, of| {
        let many = of.rules >= TESTS_MIN && of.rules * TESTS_ONE_IN >= entries.len();
        let turns = of.tests.iter().map(|(_, at)| turns(&tests[*at as usize].wanted).count());
        many && turns.sum::<usize>() <= VALUE_WORDS_MAX
    });
    columns
}

/// The ranks from which on a test holds, or no longer does.
fn turns(wanted: &Wanted) -> impl Iterator<Item = i64> {
    let (ranks, range) = match wanted {
        Wanted::Among(ranks) | Wanted::Except(ranks) => (ranks.as_slice(), None),
        Wanted::Between(least, most) => (&[][..], Some([Some(*least), most.checked_add(1)])),
    };
    let ends = ranks.iter().flat_map(|rank| [Some(*rank), rank.checked_add(1)]);
    ends.chain(range.into_iter().flatten()).flatten()
}

impl Column {
    /// How many tests fail here, guessed.
    fn failing(&self) -> f64 {
        self.tests.len() as f64 - self.passing
    }

    fn masks(&self, column: u32, tests: &[ColumnTest]) -> Masks {
        let missing = self.tests.iter().fold(u64::MAX, |left, (place, _)| left & !(1 << place));
        let of = |rank: i64| {
            let fails = self.tests.iter().filter(|(_, at)| !tests[*at as usize].wanted.holds(rank));
            fails.fold(u64::MAX, |left, (place, _)| left & !(1 << place))
        };
        let wanted = || self.tests.iter().map(|(_, at)| &tests[*at as usize].wanted);
        let ranks = if wanted().all(|wanted| matches!(wanted, Wanted::Among(_))) {
            let mut values: Vec<i64> = wanted().flat_map(named).copied().collect();
            values.sort_unstable();
            values.dedup();
            let masks = values.iter().map(|rank| of(*rank)).collect();
            Ranks::Values { lookup: Lookup::new(values.into_iter()), masks }
        } else {
            let mut firsts: Vec<i64> = wanted().flat_map(turns).filter(|first| *first != i64::MIN).collect();
            firsts.sort_unstable();
            firsts.dedup();
            let masks = [i64::MIN].iter().chain(&firsts).map(|rank| of(*rank)).collect();
            Ranks::Ranges { firsts, masks }
        };
        Masks { column, missing, ranks }
    }
}

/// The ranks that a test wants one of.
fn named(wanted: &Wanted) -> &[i64] {
    match wanted {
        Wanted::Among(ranks) => ranks,
        _ => &[],
    }
}

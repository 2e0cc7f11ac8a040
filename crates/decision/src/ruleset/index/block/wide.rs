//! More than 64 rules: thresholds of one fact are sorted, and the bits of the rules whose threshold is reached are known for every few
//! of them.

use super::{TESTS_MIN, TESTS_ONE_IN, Tried, VALUE_WORDS_MAX};
use crate::ruleset::index::found::Found;
use crate::ruleset::index::lookup::Lookup;
use crate::ruleset::index::odds::Odds;
use crate::ruleset::index::{ColumnTest, Entry, Event};
use expr::Wanted;
use std::collections::BTreeMap;

/// Up to some thousand rules.
#[derive(Clone, Debug)]
pub(in crate::ruleset::index) struct Wide {
    tried: Tried,
    /// Those that most rules fail first.
    masks: Vec<Masks>,
}

/// Bits of the rules that a column's value leaves.
#[derive(Clone, Debug)]
enum Masks {
    Thresholds(Thresholds),
    Values(Values),
}

/// Rules that want a rank at or above their threshold. For those that want it at or below, everything is mirrored: `!rank`.
#[derive(Clone, Debug)]
struct Thresholds {
    column: u32,
    mirrored: bool,
    /// Ascending.
    thresholds: Vec<i64>,
    /// Whose: places in the block.
    places: Vec<u32>,
    /// Thresholds between two of the masks.
    stride: usize,
    /// The rules without such a test, with those of the first 0, `stride`, 2 `stride`, ... thresholds.
    masks: Vec<u64>,
}

/// Rules that want one of some ranks.
#[derive(Clone, Debug)]
struct Values {
    column: u32,
    lookup: Lookup,
    /// The rules without such a test; then, for each rank in the lookup, those with the ones that want it.
    masks: Vec<u64>,
}

/// Terms of one kind on one column while the block is built.
#[derive(Default)]
struct Terms {
    /// Rank and place.
    terms: Vec<(i64, u32)>,
    /// Place and test, by place.
    from: Vec<(u32, u32)>,
    /// How many of them hold on an event, guessed.
    passing: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    AtLeast,
    AtMost,
    Among,
}

impl Wide {
    pub(super) fn new(entries: &[Entry], tests: &[ColumnTest], odds: &Odds) -> Wide {
        let kept = terms(entries, tests, odds);
        let words = entries.len().div_ceil(64);
        let masked = |place: u32, at: u32| {
            let test = &tests[at as usize];
            let has = |kind: &Kind| kept.get(&(test.column, *kind)).is_some_and(|of| of.has(place, at));
            let kinds = kinds(&test.wanted);
            !kinds.is_empty() && kinds.iter().all(has)
        };
        let tried = Tried::new(entries, tests, masked);
        let mut kept: Vec<((u32, Kind), Terms)> = kept.into_iter().collect();
        kept.sort_by(|(_, a), (_, b)| b.failing().total_cmp(&a.failing()));
        let masks = kept.into_iter().map(|((column, kind), terms)| terms.masks(column, kind, words)).collect();
        Wide { tried, masks }
    }

    pub(super) fn search(&self, event: &mut Event<'_>, bits: &mut Vec<u64>, found: &mut Found) {
        let rules = self.tried.len();
        let words = rules.div_ceil(64);
        bits.clear();
        bits.resize(words, u64::MAX);
        bits[words - 1] >>= words * 64 - rules;
        for masks in &self.masks {
            let left = match masks {
                Masks::Thresholds(of) => of.narrow(event.rank(of.column), bits),
                Masks::Values(of) => of.narrow(event.rank(of.column), bits),
            };
            if !left {
                return;
            }
        }
        for (word, left) in bits.iter().enumerate() {
            self.tried.search(word * 64, *left, event, found);
        }
    }
}

/// What a test is made of; nothing where it holds for nearly every rank.
fn kinds(wanted: &Wanted) -> &'static [Kind] {
    match wanted {
        Wanted::Among(_) => &[Kind::Among],
        Wanted::Except(_) => &[],
        Wanted::Between(i64::MIN, most) if *most < i64::MAX => &[Kind::AtMost],
        Wanted::Between(_, i64::MAX) => &[Kind::AtLeast],
        Wanted::Between(..) => &[Kind::AtLeast, Kind::AtMost],
    }
}

/// The ranks of a test's terms of one kind.
fn ranks(wanted: &Wanted, kind: Kind) -> Vec<i64> {
    match (wanted, kind) {
        (Wanted::Between(least, _), Kind::AtLeast) => vec![*least],
        (Wanted::Between(_, most), Kind::AtMost) => vec![!*most],
        (Wanted::Among(ranks), Kind::Among) => ranks.clone(),
        _ => Vec::new(),
    }
}

/// The terms of each column and kind that are shared by enough rules.
fn terms(entries: &[Entry], tests: &[ColumnTest], odds: &Odds) -> BTreeMap<(u32, Kind), Terms> {
    let mut kept: BTreeMap<(u32, Kind), Terms> = BTreeMap::new();
    for (place, entry) in (0u32..).zip(entries) {
        for at in &entry.tests {
            let test = &tests[*at as usize];
            for kind in kinds(&test.wanted) {
                let of = kept.entry((test.column, *kind)).or_default();
                // A second test of the kind on the same column is made by itself.
                if of.from.last().is_none_or(|(last, _)| *last != place) {
                    of.from.push((place, *at));
                    of.terms.extend(ranks(&test.wanted, *kind).into_iter().map(|rank| (rank, place)));
                    of.passing += odds.of(test);
                }
            }
        }
    }
    let words = entries.len().div_ceil(64);
    kept.retain(|(_, kind), of| {
        of.terms.sort_unstable();
        let many = of.from.len() >= TESTS_MIN && of.from.len() * TESTS_ONE_IN >= entries.len();
        many && (*kind != Kind::Among || of.terms.len() * words <= VALUE_WORDS_MAX)
    });
    kept
}

impl Terms {
    /// Whether the bits of a place are those of this test.
    fn has(&self, place: u32, test: u32) -> bool {
        self.from.binary_search(&(place, test)).is_ok()
    }

    /// How many rules fail here, guessed.
    fn failing(&self) -> f64 {
        self.from.len() as f64 - self.passing
    }

    fn masks(self, column: u32, kind: Kind, words: usize) -> Masks {
        let mut base = vec![u64::MAX; words];
        self.from.iter().for_each(|(place, _)| base[*place as usize / 64] &= !(1 << (place % 64)));
        match kind {
            Kind::Among => Masks::Values(self.values(column, &base)),
            _ => Masks::Thresholds(self.thresholds(column, kind == Kind::AtMost, base)),
        }
    }

    fn thresholds(self, column: u32, mirrored: bool, base: Vec<u64>) -> Thresholds {
        let stride = (base.len() / 2).max(1);
        let mut masks = base.clone();
        let mut now = base;
        for some in self.terms.chunks(stride) {
            some.iter().for_each(|(_, place)| now[*place as usize / 64] |= 1 << (place % 64));
            masks.extend_from_slice(&now);
        }
        let (thresholds, places) = self.terms.into_iter().unzip();
        Thresholds { column, mirrored, thresholds, places, stride, masks }
    }

    fn values(self, column: u32, base: &[u64]) -> Values {
        let mut masks = base.to_vec();
        let mut ranks = Vec::new();
        for same in self.terms.chunk_by(|a, b| a.0 == b.0) {
            let from = masks.len();
            masks.extend_from_slice(base);
            same.iter().for_each(|(_, place)| masks[from + *place as usize / 64] |= 1 << (place % 64));
            ranks.push(same[0].0);
        }
        Values { column, lookup: Lookup::new(ranks.into_iter()), masks }
    }
}

impl Thresholds {
    /// Leaves the rules whose threshold is reached; whether there are any.
    #[inline]
    fn narrow(&self, rank: Option<i64>, bits: &mut [u64]) -> bool {
        let reached = match rank {
            None => 0,
            Some(rank) => {
                let rank = if self.mirrored { !rank } else { rank };
                self.thresholds.partition_point(|threshold| *threshold <= rank)
            }
        };
        let mask = reached.div_ceil(self.stride);
        let left = and(bits, &self.masks[mask * bits.len()..][..bits.len()]);
        // The mask has a few more than are reached.
        let until = (mask * self.stride).min(self.places.len());
        self.places[reached..until].iter().for_each(|place| bits[*place as usize / 64] &= !(1 << (place % 64)));
        left
    }
}

impl Values {
    #[inline]
    fn narrow(&self, rank: Option<i64>, bits: &mut [u64]) -> bool {
        let mask = rank.and_then(|rank| self.lookup.find(rank)).map_or(0, |number| number + 1);
        and(bits, &self.masks[mask * bits.len()..][..bits.len()])
    }
}

/// Whether any bit is left.
#[inline(always)]
fn and(bits: &mut [u64], mask: &[u64]) -> bool {
    let mut any = 0;
    for (bits, mask) in bits.iter_mut().zip(mask) {
        *bits &= mask;
        any |= *bits;
    }
    any != 0
}

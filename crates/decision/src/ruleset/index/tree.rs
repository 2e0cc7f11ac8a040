//! The tree over rules: by the value of the fact that tells most about them, again and again while they are many; a block of rules
//! with bitmaps at each node for those that no value parts.

use super::block::Block;
use super::found::Found;
use super::lookup::Lookup;
use super::odds::Odds;
use super::{ColumnTest, Entry, Event};
use expr::Wanted;
use std::collections::BTreeMap;

/// Most rules that are not parted further.
const BLOCK_MAX: usize = 64;
/// Fewest rules for which a column is looked up.
const GROUP_MIN: usize = 12;
/// Most levels.
const DEPTH_MAX: usize = 4;
/// A test that holds more often than this parts too little.
const ODDS_MAX: f64 = 0.4;
/// Most values of one test that a rule is entered under, by level: a rule stands in as many places.
const VALUES_MAX: [usize; DEPTH_MAX] = [32, 4, 2, 1];

/// Rules: those whose test of a column names a value, by that value, and the rest.
#[derive(Clone, Debug)]
pub(super) struct Node {
    parts: Vec<Part>,
    block: Block,
}

#[derive(Clone, Debug)]
struct Part {
    column: u32,
    lookup: Lookup,
    /// By number in `lookup`.
    nodes: Vec<Node>,
}

/// The entries under each value of a column.
type Groups = BTreeMap<i64, Vec<Entry>>;

impl Node {
    pub(super) fn new(entries: Vec<Entry>, depth: usize, tests: &[ColumnTest], odds: &Odds) -> Node {
        if entries.len() <= BLOCK_MAX || depth == DEPTH_MAX {
            return Node { parts: Vec::new(), block: Block::new(&entries, tests, odds) };
        }
        let mut chosen: BTreeMap<u32, Vec<(Entry, u32)>> = BTreeMap::new();
        let mut rest = Vec::new();
        for entry in entries {
            match access(&entry, VALUES_MAX[depth], tests, odds) {
                Some(test) => chosen.entry(tests[test as usize].column).or_default().push((entry, test)),
                None => rest.push(entry),
            }
        }
        let mut parts = Vec::new();
        for (column, group) in chosen {
            if group.len() < GROUP_MIN {
                rest.extend(group.into_iter().map(|(entry, _)| entry));
                continue;
            }
            let groups = grouped(group, tests);
            let lookup = Lookup::new(groups.keys().copied().collect::<Vec<_>>().into_iter());
            let nodes = groups.into_values().map(|entries| Node::new(entries, depth + 1, tests, odds)).collect();
            parts.push(Part { column, lookup, nodes });
        }
        Node { parts, block: Block::new(&rest, tests, odds) }
    }

    /// Adds the rules whose tests hold, in no order.
    pub(super) fn search(&self, event: &mut Event<'_>, bits: &mut Vec<u64>, found: &mut Found) {
        for part in &self.parts {
            if let Some(rank) = event.rank(part.column)
                && let Some(node) = part.lookup.find(rank)
            {
                part.nodes[node].search(event, bits, found);
            }
        }
        self.block.search(event, bits, found);
    }
}

/// The test by whose values an entry is found: the one that holds least often.
fn access(entry: &Entry, values_max: usize, tests: &[ColumnTest], odds: &Odds) -> Option<u32> {
    let by_value = entry.tests.iter().filter_map(|at| {
        let test = &tests[*at as usize];
        match &test.wanted {
            Wanted::Among(values) if values.len() <= values_max => Some((odds.of(test), *at)),
            _ => None,
        }
    });
    let least = by_value.min_by(|a, b| a.0.total_cmp(&b.0))?;
    (least.0 <= ODDS_MAX).then_some(least.1)
}

/// Entries by the values of their tests, which then need not be made any more.
fn grouped(group: Vec<(Entry, u32)>, tests: &[ColumnTest]) -> Groups {
    let mut groups = Groups::new();
    for (mut entry, test) in group {
        entry.tests.retain(|at| *at != test);
        let Wanted::Among(values) = &tests[test as usize].wanted else { continue };
        for value in values {
            groups.entry(*value).or_default().push(entry.clone());
        }
    }
    groups
}

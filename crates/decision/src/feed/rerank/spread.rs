//! Rerank by quotas: within any `window` consecutive places at most `max`, and at least `min`, items of one kind.
//! Greedy and stable: each place takes the best remaining candidate that keeps all rules; where none does, rules give way
//! from the last to the first, and of the candidates that keep most the best one comes. A minimum binds a place if a full
//! window could no longer hold enough without it. Candidates without the attribute are not constrained.

use super::{Entry, Ground, Source};
use domain::Value;
use spec::plan::{Of, Rule};
use std::ops::Range;

/// No entry.
const NONE: u32 = u32::MAX;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Quotas {
    /// For each group and rule the number of values, and the values.
    keys: Vec<u64>,
    values: Values,
    /// Candidates with the same values are alike to the rules.
    groups: Vec<Group>,
    /// By group a number that its values make.
    hashes: Vec<u64>,
    /// By the top bits of that number the group that last had them: nearly always the one that is looked for.
    likely: Vec<u32>,
    /// Candidates that were passed over, and the next one of the same group.
    waiting: Vec<(Entry, u32)>,
    /// Groups of which some wait, by the place of their best before this step.
    heads: Vec<u32>,
    /// The group of each place given.
    placed: Vec<u32>,
    /// By number of a value: how often it is in the window that ends before the next place.
    inside: Vec<u16>,
    /// By rule: how many places of that window have any of its values, and whether only such a candidate may come next.
    kinds: Vec<(usize, bool)>,
}

/// Bits of a hash that say which group is likely.
const LIKELY_BITS: u32 = 8;

/// The values of all groups by number.
#[derive(Default)]
struct Values {
    /// Those that have numbers, each with its rule.
    numbered: Vec<(usize, u64)>,
    numbers: Vec<u32>,
    /// By group and then by rule: which of `numbers` are its values.
    ranges: Vec<Range<u32>>,
}

/// Candidates with the same values.
struct Group {
    /// In `keys`.
    keys: Range<u32>,
    /// The best that waits, and the last.
    first: u32,
    last: u32,
}

impl Quotas {
    pub(super) fn new() -> Quotas {
        let mut quotas = Quotas::default();
        quotas.clear();
        quotas
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.values.numbered.clear();
        self.values.numbers.clear();
        self.values.ranges.clear();
        self.groups.clear();
        self.hashes.clear();
        self.likely.clear();
        self.likely.resize(1 << LIKELY_BITS, NONE);
        self.waiting.clear();
        self.heads.clear();
        self.placed.clear();
        self.inside.clear();
        self.kinds.clear();
    }

    pub(super) fn next(&mut self, rules: &[Rule], source: &mut Source<'_>, ground: &mut Ground<'_>) -> Option<Entry> {
        self.bind(rules);
        if let Some(at) = self.heads.iter().position(|&group| self.kept(rules, group) == rules.len()) {
            return Some(self.take(rules, at));
        }
        while let Some(entry) = source.next(ground) {
            let group = self.group_of(rules, entry, source.number, ground);
            if self.kept(rules, group) == rules.len() {
                self.place(rules, group);
                return Some(entry);
            }
            self.wait(group, entry);
        }
        let kept = self.heads.iter().map(|&group| self.kept(rules, group)).enumerate();
        let best = kept.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(at, _)| self.take(rules, at))
    }

    /// Works out of which rules only the kind may come to the next place: those where some full window that it is in could not
    /// hold `least` any more if another kind came there, even if all places after it were of the kind.
    fn bind(&mut self, rules: &[Rule]) {
        self.kinds.resize(rules.len(), (0, false));
        for (rule, (inside, forced)) in rules.iter().zip(&mut self.kinds) {
            // Of these windows the first can hold the fewest: with each later one a place comes that may be of the kind, and one
            // goes that may not have been.
            let after = (usize::from(rule.window) - 1).saturating_sub(self.placed.len());
            *forced = *inside + after < usize::from(rule.least);
        }
    }

    /// Gives the next place to a group, and lets the place go that the window then leaves behind.
    fn place(&mut self, rules: &[Rule], group: u32) {
        self.placed.push(group);
        for (number, rule) in rules.iter().enumerate() {
            let values = self.values.of(rules, group, number);
            values.iter().for_each(|&value| self.inside[value as usize] += 1);
            self.kinds[number].0 += usize::from(!values.is_empty());
            if let Some(left) = self.placed.len().checked_sub(usize::from(rule.window)) {
                let values = self.values.of(rules, self.placed[left], number);
                values.iter().for_each(|&value| self.inside[value as usize] -= 1);
                self.kinds[number].0 -= usize::from(!values.is_empty());
            }
        }
    }

    /// How many rules, from the first, a candidate of this group would keep in the next place.
    fn kept(&self, rules: &[Rule], group: u32) -> usize {
        let keeps = |number: usize| {
            let values = self.values.of(rules, group, number);
            let room = |most: u16| values.iter().all(|&value| self.inside[value as usize] < most);
            rules[number].most.is_none_or(room) && (!self.kinds[number].1 || !values.is_empty())
        };
        (0..rules.len()).position(|number| !keeps(number)).unwrap_or(rules.len())
    }

    /// The group of a candidate, made if it is the first of it.
    fn group_of(&mut self, rules: &[Rule], entry: Entry, number: usize, ground: &mut Ground<'_>) -> u32 {
        let start = self.keys.len();
        for rule in rules {
            let count = self.keys.len();
            self.keys.push(0);
            match &rule.of {
                Of::Attribute(field) => {
                    ground.value(entry.pick, *field).into_iter().for_each(|value| push_values(value, &mut self.keys));
                }
                of => self.keys.extend(ground.is_of(number, entry.pick, of).then_some(1)),
            }
            self.keys[count] = (self.keys.len() - count - 1) as u64;
        }
        let own = &self.keys[start..];
        let hash = own.iter().fold(0u64, |hash, key| (hash.rotate_left(5) ^ key).wrapping_mul(0x517c_c1b7_2722_0a95));
        let is_own = |group: usize| {
            let Range { start, end } = self.groups[group].keys;
            self.hashes[group] == hash && self.keys[start as usize..end as usize] == *own
        };
        let likely = &mut self.likely[(hash >> (u64::BITS - LIKELY_BITS)) as usize];
        let known = Some(*likely as usize).filter(|&group| group < self.groups.len() && is_own(group));
        if let Some(group) = known.or_else(|| (0..self.groups.len()).find(|&group| is_own(group))) {
            *likely = group as u32;
            self.keys.truncate(start);
            return group as u32;
        }
        *likely = self.groups.len() as u32;
        self.values.add(&self.keys[start..]);
        self.inside.resize(self.values.numbered.len(), 0);
        self.groups.push(Group { keys: start as u32..self.keys.len() as u32, first: NONE, last: NONE });
        self.hashes.push(hash);
        self.groups.len() as u32 - 1
    }

    /// Passes a candidate over.
    fn wait(&mut self, group: u32, entry: Entry) {
        let at = self.waiting.len() as u32;
        self.waiting.push((entry, NONE));
        let of = &mut self.groups[group as usize];
        match of.last {
            NONE => {
                of.first = at;
                self.heads.push(group);
            }
            last => self.waiting[last as usize].1 = at,
        }
        of.last = at;
    }

    /// Gives the next place to the best of a group that waits.
    fn take(&mut self, rules: &[Rule], head: usize) -> Entry {
        let group = self.heads.remove(head);
        self.place(rules, group);
        let of = &mut self.groups[group as usize];
        let (entry, next) = self.waiting[of.first as usize];
        of.first = next;
        if next == NONE {
            of.last = NONE;
        } else {
            // Candidates wait in the order in which they came.
            let behind =
                self.heads[head..].iter().take_while(|&&other| self.groups[other as usize].first < next).count();
            self.heads.insert(head + behind, group);
        }
        entry
    }
}

impl Values {
    /// Those of a group under a rule.
    fn of(&self, rules: &[Rule], group: u32, rule: usize) -> &[u32] {
        let Range { start, end } = self.ranges[group as usize * rules.len() + rule];
        &self.numbers[start as usize..end as usize]
    }

    /// Numbers those of a new group.
    fn add(&mut self, mut keys: &[u64]) {
        let mut rule = 0;
        while let Some((&count, rest)) = keys.split_first() {
            let (values, others) = rest.split_at(count as usize);
            let start = self.numbers.len() as u32;
            for &value in values {
                let known = self.numbered.iter().position(|known| *known == (rule, value));
                let number = known.unwrap_or_else(|| {
                    self.numbered.push((rule, value));
                    self.numbered.len() - 1
                });
                self.numbers.push(number as u32);
            }
            self.ranges.push(start..self.numbers.len() as u32);
            (keys, rule) = (others, rule + 1);
        }
    }
}

/// The values of an attribute as numbers that differ where they do, ascending, each once.
fn push_values(value: &Value, keys: &mut Vec<u64>) {
    match value {
        Value::Str(symbol) => keys.push(u64::from(symbol.0)),
        Value::Bool(bool) => keys.push(u64::from(*bool)),
        Value::Int(int) => keys.push(*int as u64),
        Value::List(list) => {
            let start = keys.len();
            list.iter().for_each(|value| push_values(value, keys));
            keys[start..].sort_unstable();
            let mut kept = start;
            for at in start..keys.len() {
                if at == start || keys[at] != keys[kept - 1] {
                    keys[kept] = keys[at];
                    kept += 1;
                }
            }
            keys.truncate(kept);
        }
        _ => {}
    }
}

//! Rerank by quotas: within any `window` consecutive places at most `max`, and at least `min`, items of one kind.
//! Greedy and stable: each place takes the best remaining candidate that keeps all rules; where none does, rules give way
//! from the last to the first, and of the candidates that keep most the best one comes. A minimum binds a place if a full
//! window could no longer hold enough without it. Candidates without the attribute are not constrained.

use super::{Entry, Ground, Source};
use domain::Value;
use spec::plan::{Of, Rule};
use std::cmp::Reverse;
use std::ops::Range;

/// No entry.
const NONE: u32 = u32::MAX;

/// The memory of one step.
#[derive(Default)]
pub(super) struct Quotas {
    /// For each group and rule the number of values, and the values.
    keys: Vec<u64>,
    /// Candidates with the same values are alike to the rules.
    groups: Vec<Group>,
    /// Groups by their values.
    sorted: Vec<u32>,
    /// Candidates that were passed over, and the next one of the same group.
    waiting: Vec<(Entry, u32)>,
    /// The group of each place given.
    placed: Vec<u32>,
    /// What the rules say of the place at hand.
    bounds: Vec<Bound>,
    /// Values in a window.
    inside: Vec<u64>,
}

/// Candidates with the same values.
struct Group {
    keys: Range<u32>,
    /// The best that waits, and the last.
    first: u32,
    last: u32,
}

/// What one rule says of one place.
#[derive(Default)]
struct Bound {
    /// Values of which no more may come, ascending.
    full: Vec<u64>,
    /// Whether only the rule's kind may come.
    forced: bool,
}

impl Quotas {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.groups.clear();
        self.sorted.clear();
        self.waiting.clear();
        self.placed.clear();
    }

    pub(super) fn next(&mut self, rules: &[Rule], source: &mut Source<'_>, ground: &mut Ground<'_>) -> Option<Entry> {
        self.bind(rules);
        let keep_all = |group: &u32| self.kept(rules, *group) == rules.len();
        let waiting = (0..self.groups.len() as u32).filter(|&group| self.groups[group as usize].first != NONE);
        if let Some(group) = waiting.filter(keep_all).min_by_key(|&group| self.first_place(group)) {
            return Some(self.take(group));
        }
        while let Some(entry) = source.next(ground) {
            let group = self.group_of(rules, entry, source.number, ground);
            if self.kept(rules, group) == rules.len() {
                self.placed.push(group);
                return Some(entry);
            }
            self.wait(group, entry);
        }
        let waiting = (0..self.groups.len() as u32).filter(|&group| self.groups[group as usize].first != NONE);
        let best = waiting.max_by_key(|&group| (self.kept(rules, group), Reverse(self.first_place(group))));
        best.map(|group| self.take(group))
    }

    /// Works out what the rules say of the next place.
    fn bind(&mut self, rules: &[Rule]) {
        self.bounds.resize_with(rules.len(), Bound::default);
        for (number, rule) in rules.iter().enumerate() {
            let mut bound = std::mem::take(&mut self.bounds[number]);
            bound.full.clear();
            if let Some(most) = rule.most {
                self.fill(number, rule, usize::from(most), &mut bound.full);
            }
            bound.forced = rule.least > 0 && self.is_forced(number, rule);
            self.bounds[number] = bound;
        }
    }

    /// The values of which the window that ends before the next place holds `most` already.
    fn fill(&mut self, number: usize, rule: &Rule, most: usize, full: &mut Vec<u64>) {
        if most == 0 {
            // Of a condition: it has one value.
            full.push(1);
            return;
        }
        let mut inside = std::mem::take(&mut self.inside);
        inside.clear();
        let start = self.placed.len().saturating_sub(usize::from(rule.window) - 1);
        self.placed[start..].iter().for_each(|&group| inside.extend_from_slice(self.values(group, number)));
        inside.sort_unstable();
        full.extend(inside.chunk_by(|a, b| a == b).filter(|same| same.len() >= most).map(|same| same[0]));
        self.inside = inside;
    }

    /// Whether some full window that the next place is in could not hold `least` any more if another kind came there, even if
    /// all places after it were of the kind.
    fn is_forced(&self, number: usize, rule: &Rule) -> bool {
        let (place, window) = (self.placed.len(), usize::from(rule.window));
        let mut inside = 0;
        for start in (place.saturating_sub(window - 1)..=place).rev() {
            if start < place {
                inside += usize::from(!self.values(self.placed[start], number).is_empty());
            }
            let after = start + window - 1 - place;
            if inside + after < usize::from(rule.least) {
                return true;
            }
        }
        false
    }

    /// How many rules, from the first, a candidate of this group would keep in the next place.
    fn kept(&self, rules: &[Rule], group: u32) -> usize {
        let keeps = |number: usize| {
            let (values, bound) = (self.values(group, number), &self.bounds[number]);
            let room = values.iter().all(|value| bound.full.binary_search(value).is_err());
            room && (!bound.forced || !values.is_empty())
        };
        (0..rules.len()).position(|number| !keeps(number)).unwrap_or(rules.len())
    }

    /// The values of a group under a rule.
    fn values(&self, group: u32, number: usize) -> &[u64] {
        let Range { start, end } = self.groups[group as usize].keys.clone();
        let mut keys = &self.keys[start as usize..end as usize];
        for _ in 0..number {
            keys = &keys[1 + keys[0] as usize..];
        }
        &keys[1..=keys[0] as usize]
    }

    /// The place before this step of the best that waits.
    fn first_place(&self, group: u32) -> u32 {
        self.waiting[self.groups[group as usize].first as usize].0.place.unwrap_or_default()
    }

    /// The group of a candidate, made if it is the first of it.
    fn group_of(&mut self, rules: &[Rule], entry: Entry, number: usize, ground: &mut Ground<'_>) -> u32 {
        let start = self.keys.len();
        for rule in rules {
            let count = self.keys.len();
            self.keys.push(0);
            match &rule.of {
                Of::Attribute(field) => push_values(&ground.attribute(entry.pick, *field), &mut self.keys),
                of => self.keys.extend(ground.is_of(number, entry.pick, of).then_some(1)),
            }
            self.keys[count] = (self.keys.len() - count - 1) as u64;
        }
        let own = &self.keys[start..];
        let of = |group: &Group| &self.keys[group.keys.start as usize..group.keys.end as usize];
        match self.sorted.binary_search_by(|&group| of(&self.groups[group as usize]).cmp(own)) {
            Ok(at) => {
                self.keys.truncate(start);
                self.sorted[at]
            }
            Err(at) => {
                let keys = start as u32..self.keys.len() as u32;
                self.groups.push(Group { keys, first: NONE, last: NONE });
                self.sorted.insert(at, self.groups.len() as u32 - 1);
                self.groups.len() as u32 - 1
            }
        }
    }

    /// Passes a candidate over.
    fn wait(&mut self, group: u32, entry: Entry) {
        let at = self.waiting.len() as u32;
        self.waiting.push((entry, NONE));
        let group = &mut self.groups[group as usize];
        match group.last {
            NONE => group.first = at,
            last => self.waiting[last as usize].1 = at,
        }
        group.last = at;
    }

    /// Gives the next place to the best of a group that waits.
    fn take(&mut self, group: u32) -> Entry {
        self.placed.push(group);
        let group = &mut self.groups[group as usize];
        let (entry, next) = self.waiting[group.first as usize];
        group.first = next;
        if next == NONE {
            group.last = NONE;
        }
        entry
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

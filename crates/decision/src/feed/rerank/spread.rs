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
    /// Candidates with the same values are alike to the rules.
    groups: Vec<Group>,
    /// Groups by their values.
    sorted: Vec<u32>,
    /// Candidates that were passed over, and the next one of the same group.
    waiting: Vec<(Entry, u32)>,
    /// Groups of which some wait, by the place of their best before this step.
    heads: Vec<u32>,
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
    /// Values of which no more may come.
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
        self.heads.clear();
        self.placed.clear();
    }

    pub(super) fn next(&mut self, rules: &[Rule], source: &mut Source<'_>, ground: &mut Ground<'_>) -> Option<Entry> {
        self.bind(rules);
        if let Some(at) = self.heads.iter().position(|&group| self.kept(rules, group) == rules.len()) {
            return Some(self.take(at));
        }
        while let Some(entry) = source.next(ground) {
            let group = self.group_of(rules, entry, source.number, ground);
            if self.kept(rules, group) == rules.len() {
                self.placed.push(group);
                return Some(entry);
            }
            self.wait(group, entry);
        }
        let kept = self.heads.iter().map(|&group| self.kept(rules, group)).enumerate();
        let best = kept.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(at, _)| self.take(at))
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
        // Of these windows the first can hold the fewest: with each later one a place comes that may be of the kind, and one
        // goes that may not have been.
        let start = place.saturating_sub(window - 1);
        let inside = self.placed[start..].iter().filter(|&&group| !self.values(group, number).is_empty()).count();
        let after = start + window - 1 - place;
        inside + after < usize::from(rule.least)
    }

    /// How many rules, from the first, a candidate of this group would keep in the next place.
    fn kept(&self, rules: &[Rule], group: u32) -> usize {
        let keeps = |number: usize| {
            let (values, bound) = (self.values(group, number), &self.bounds[number]);
            let room = values.iter().all(|value| !bound.full.contains(value));
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
    fn take(&mut self, head: usize) -> Entry {
        let group = self.heads.remove(head);
        self.placed.push(group);
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

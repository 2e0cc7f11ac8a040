//! Items by tag: for every element of an attribute the items that have it, ordered by a feature, a timestamp, or not at all.
//!
//! The keys of items are kept as `top` keeps them (and with its staleness where a feature changes by time alone); the lists follow
//! from keys and catalogue. A read takes the first items of each tag's list and scores them by all tags that are looked for.

mod saved;

use crate::{Hit, ItemScores, top::Top};
use domain::{EntityId, Symbol, Time, Value, limits};
use spec::plan::{Plan, TagsBy};
use state::{Paged, Touched};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Items of a tag that a read looks at for each that it is to give, and some more: those that have several of the tags
/// need not be first in any list.
const READ_TIMES: usize = 4;
const READ_BEYOND: usize = 32;

/// The index.
#[derive(Clone)]
pub(crate) struct Tags {
    field: u16,
    keys: Keys,
    listed: Paged<Listed>,
    /// Tag, key, item.
    lists: BTreeSet<(u32, Reverse<i128>, u32)>,
    touched: Touched,
}

/// What orders the items of a tag.
#[derive(Clone)]
enum Keys {
    Feature(Box<Top>),
    Time(u16),
    Nothing,
}

/// How an item is listed.
#[derive(Clone, Default, PartialEq)]
struct Listed {
    /// None: not at all.
    key: Option<i128>,
    /// Ascending, each once.
    tags: Vec<u32>,
}

impl Tags {
    pub(crate) fn new(plan: &Plan, field: u16, by: TagsBy) -> Tags {
        let keys = match by {
            TagsBy::Feature(feature) => Keys::Feature(Box::new(Top::new(plan, feature))),
            TagsBy::Time(field) => Keys::Time(field),
            TagsBy::Nothing => Keys::Nothing,
        };
        Tags { field, keys, listed: Paged::new(), lists: BTreeSet::new(), touched: Touched::default() }
    }

    /// See `Indexes::adopt`.
    pub(crate) fn adopt(&mut self, new: &Tags) {
        if let (Keys::Feature(top), Keys::Feature(new)) = (&mut self.keys, &new.keys) {
            top.adopt(new);
        }
    }

    /// An event touched the item.
    pub(crate) fn touch(&mut self, event: u16, item: EntityId, now: Time, scores: &dyn ItemScores) {
        if let Keys::Feature(top) = &mut self.keys {
            top.touch(event, item, now, scores);
            self.rekey(item, scores);
        }
    }

    /// The item's attributes have changed, or it has come or gone.
    pub(crate) fn refresh(&mut self, item: EntityId, now: Time, scores: &dyn ItemScores) {
        if let Keys::Feature(top) = &mut self.keys {
            top.refresh(item, now, scores);
        }
        let listed = Listed { key: self.key(item, scores), tags: self.tags_of(item, scores) };
        self.list(item, listed);
    }

    /// Computes due items again, as far as one change may.
    pub(crate) fn advance(&mut self, now: Time, scores: &dyn ItemScores) {
        let Keys::Feature(top) = &mut self.keys else { return };
        let mut again = Vec::new();
        top.advance(now, scores, &mut |item| again.push(item));
        again.into_iter().for_each(|item| self.rekey(item, scores));
    }

    /// From now on notes what changes.
    pub(crate) fn lead(&mut self) {
        self.touched.keep();
        if let Keys::Feature(top) = &mut self.keys {
            top.touched.keep();
        }
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &Tags) {
        self.touched.clear();
        if let (Keys::Feature(top), Keys::Feature(ahead)) = (&mut self.keys, &ahead.keys) {
            top.follow(ahead);
        }
        for &item in ahead.touched.ids() {
            self.list(EntityId(item), ahead.listed.get(item).cloned().unwrap_or_default());
        }
        self.touched.clear();
    }

    /// Lists every item as the catalogue has it now; keys that came from a checkpoint stay.
    pub(crate) fn rebuild(&mut self, now: Time, scores: &dyn ItemScores) {
        if let Keys::Feature(top) = &mut self.keys
            && !top.is_loaded()
        {
            top.rebuild(now, scores);
        }
        for item in (0..scores.item_count()).map(EntityId) {
            let listed = Listed { key: self.key(item, scores), tags: self.tags_of(item, scores) };
            self.list(item, listed);
        }
    }

    /// See `Indexes::tagged`. The terms are ascending by tag, each once.
    pub(crate) fn read(
        &self,
        terms: &[(Symbol, f64)],
        limit: usize,
        now: Time,
        scores: &dyn ItemScores,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        let most = limit.saturating_mul(READ_TIMES).saturating_add(READ_BEYOND);
        let most = if limit == 0 { 0 } else { most };
        let walk = limits::ROUTE_WALK_MAX / terms.len().max(1);
        let mut items = BTreeSet::new();
        for &(Symbol(tag), _) in terms {
            let list = self.lists.range((tag, Reverse(i128::MAX), 0)..=(tag, Reverse(i128::MIN), u32::MAX));
            let walked = list.take(walk).map(|&(_, _, item)| EntityId(item));
            items.extend(walked.filter(|&item| !skip(item)).take(most));
        }
        let start = out.len();
        out.extend(
            items.into_iter().filter_map(|item| Some(Hit { item, score: self.score(item, terms, now, scores)? })),
        );
        out[start..].sort_by(Hit::best_first);
        out.truncate(start + limit);
    }

    /// The tags of an item, ascending.
    pub(crate) fn of(&self, item: EntityId) -> &[u32] {
        self.listed.get(item.0).map_or(&[], |listed| &listed.tags)
    }

    /// How many items are listed, and bytes on the heap.
    pub(crate) fn memory(&self) -> crate::Memory {
        /// A set's nodes are about two thirds full.
        const SET_ENTRY: usize = size_of::<(u32, Reverse<i128>, u32)>() * 3 / 2;
        let tags: usize = self.listed.iter().map(|(_, listed)| listed.tags.capacity() * size_of::<u32>()).sum();
        let keys = match &self.keys {
            Keys::Feature(top) => top.bytes(),
            Keys::Time(_) | Keys::Nothing => 0,
        };
        let items = self.listed.iter().filter(|(_, listed)| listed.key.is_some() && !listed.tags.is_empty()).count();
        let bytes = keys + tags + self.listed.len() as usize * size_of::<Listed>() + self.lists.len() * SET_ENTRY;
        crate::Memory { items, bytes }
    }

    fn score(&self, item: EntityId, terms: &[(Symbol, f64)], now: Time, scores: &dyn ItemScores) -> Option<f64> {
        let value = match &self.keys {
            Keys::Feature(top) => top.value(item, now, scores)?,
            Keys::Time(_) => self.listed.get(item.0)?.key? as f64,
            Keys::Nothing => 1.0,
        };
        let tags = &self.listed.get(item.0)?.tags;
        let matched = tags.iter().filter_map(|&tag| {
            let at = terms.binary_search_by_key(&tag, |&(Symbol(term), _)| term).ok()?;
            Some(terms[at].1 * value)
        });
        Some(sum(matched))
    }

    /// The key of an item as it is now.
    fn key(&self, item: EntityId, scores: &dyn ItemScores) -> Option<i128> {
        match &self.keys {
            Keys::Feature(top) => top.ranked().key(item),
            Keys::Time(field) => match scores.attribute(item, *field) {
                Value::Time(time) if scores.present(item) => Some(i128::from(time.0)),
                _ => None,
            },
            Keys::Nothing => scores.present(item).then_some(0),
        }
    }

    fn tags_of(&self, item: EntityId, scores: &dyn ItemScores) -> Vec<u32> {
        let symbol = |value: &Value| match value {
            Value::Str(Symbol(tag)) => Some(*tag),
            _ => None,
        };
        let mut tags: Vec<u32> = match scores.attribute(item, self.field) {
            Value::List(list) => list.iter().filter_map(symbol).collect(),
            one => symbol(&one).into_iter().collect(),
        };
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Lists an item under its key as it is now, if that has changed.
    fn rekey(&mut self, item: EntityId, scores: &dyn ItemScores) {
        let key = self.key(item, scores);
        let before = self.listed.get(item.0);
        if before.and_then(|listed| listed.key) != key {
            let tags = before.map(|listed| listed.tags.clone()).unwrap_or_default();
            self.list(item, Listed { key, tags });
        }
    }

    fn list(&mut self, item: EntityId, listed: Listed) {
        let before = self.listed.get(item.0);
        if before == Some(&listed) || before.is_none() && listed == Listed::default() {
            return;
        }
        self.touched.insert(item.0);
        let before = std::mem::replace(self.listed.get_mut(item.0), listed);
        if let Some(key) = before.key {
            before.tags.iter().for_each(|&tag| {
                self.lists.remove(&(tag, Reverse(key), item.0));
            });
        }
        let listed = self.listed.get(item.0).into_iter();
        for (key, listed) in listed.filter_map(|listed| Some((listed.key?, listed))) {
            self.lists.extend(listed.tags.iter().map(|&tag| (tag, Reverse(key), item.0)));
        }
    }
}

/// The sum, the same in any order of the numbers: a tag's number may differ where its text does not.
fn sum(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    if numbers.clone().nth(2).is_none() {
        return numbers.sum();
    }
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.into_iter().sum()
}

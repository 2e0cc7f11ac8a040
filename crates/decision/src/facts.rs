//! Facts: conditions that read nothing but an item's own attributes ("in stock", "of this category"). They are evaluated when
//! the item changes and kept as one bit each, so that a feed that asks them of every candidate reads a word.

use crate::reads::{Reads, closure};
use domain::{EntityId, Value};
use expr::{MadeTexts, Program, Texts};
use spec::Plan;
use spec::plan::{Action, EntityIndex, Feed, SlotIndex, SlotSource};
use state::{Catalogue, Change, Resolved, Touched};
use std::collections::BTreeSet;

/// The conditions of all feeds of a plan that are facts, by their bits.
#[derive(Debug)]
pub(crate) struct Conditions {
    item: EntityIndex,
    known: Vec<(Program, Reads)>,
    /// The word of an item that has no attributes.
    nothing: u64,
    /// Their texts, with those of the features that they read.
    meaning: String,
}

impl Conditions {
    /// Of a plan. What does not find room in a word is asked of the row, as all other conditions are.
    pub(crate) fn new(plan: &Plan, item: EntityIndex) -> Conditions {
        let mut conditions = Conditions { item, known: Vec::new(), nothing: 0, meaning: String::new() };
        for program in plan.feeds.iter().flat_map(conditions_of) {
            let has_room = conditions.known.len() < u64::BITS as usize;
            if has_room && conditions.bit(program).is_none() && is_fact(plan, item, program) {
                let slots = closure(plan, program.slots().iter().copied());
                conditions.mean(plan, program, &slots);
                conditions.known.push((program.clone(), Reads::new(plan, None, item, &slots)));
            }
        }
        let mut row = vec![Value::Missing; plan.slots.len()];
        conditions.nothing = conditions.word(plan, plan, |_| Value::Missing, &mut row);
        conditions
    }

    fn mean(&mut self, plan: &Plan, program: &Program, slots: &BTreeSet<SlotIndex>) {
        let features = slots.iter().filter_map(|&slot| match plan.slots[usize::from(slot)].source {
            SlotSource::Feature(index) => Some(&plan.features[usize::from(index)]),
            _ => None,
        });
        let features = features.map(|feature| format!(" {} = {};", feature.name, feature.program.text()));
        self.meaning.push_str(&format!("{}:{}\n", program.text(), features.collect::<String>()));
    }

    /// Whether another plan with the same entities has the same ones in the same places.
    pub(crate) fn alike(&self, other: &Conditions) -> bool {
        self.meaning == other.meaning
    }

    /// The bit of a condition, if it is a fact that has one. One text means one thing in a plan: names of requests and routes,
    /// which differ between feeds, are in no fact.
    pub(crate) fn bit(&self, program: &Program) -> Option<u64> {
        self.known.iter().position(|(known, _)| known.text() == program.text()).map(|at| 1 << at)
    }

    fn word(&self, plan: &Plan, texts: &dyn Texts, attribute: impl Fn(u16) -> Value, row: &mut [Value]) -> u64 {
        let (texts, mut word) = (MadeTexts::new(texts), 0);
        for (at, (program, reads)) in self.known.iter().enumerate() {
            reads.item_attributes.iter().for_each(|&(slot, field)| row[usize::from(slot)] = attribute(field));
            reads.fill_features(plan, &texts, row);
            word |= u64::from(program.eval_bool_with(row, &texts)) << at;
        }
        word
    }
}

/// The conditions of a feed that are asked of candidates.
fn conditions_of(feed: &Feed) -> impl Iterator<Item = &Program> {
    let policies = feed.policies.iter().flat_map(|policy| {
        let sides = match &policy.action {
            Action::NeverFollow(rule) => [Some(&rule.item), Some(&rule.after)],
            _ => [None, None],
        };
        policy.when.iter().chain(sides.into_iter().flatten())
    });
    feed.filters.iter().chain(policies)
}

fn is_fact(plan: &Plan, item: EntityIndex, program: &Program) -> bool {
    let of_item = |&slot: &u16| match plan.slots[usize::from(slot)].source {
        SlotSource::Attribute { entity, .. } => entity == item,
        SlotSource::Feature(index) => is_fact(plan, item, &plan.features[usize::from(index)].program),
        _ => false,
    };
    program.slots().iter().all(of_item)
}

/// What facts are worked out from.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) conditions: &'a Conditions,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) texts: &'a dyn Texts,
}

/// Which facts hold for each item. They follow from the catalogue and are not saved.
#[derive(Clone, Default)]
pub(crate) struct Facts {
    /// By item: its word, different from that of nothing where a bit is set.
    words: Vec<u64>,
    touched: Touched,
}

/// What the facts of an item must be: some hold, others do not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Required {
    /// Bits of those that must hold.
    pub(crate) holds: u64,
    /// Bits of those that must not.
    pub(crate) fails: u64,
}

impl Required {
    /// Whether these facts are so.
    pub(crate) fn is_met(self, facts: u64) -> bool {
        facts & self.holds == self.holds && facts & self.fails == 0
    }
}

impl Facts {
    /// Takes in a change that the catalogue has taken in. `row` is working memory.
    pub(crate) fn apply(&mut self, change: &Resolved, of: Asked<'_>, row: &mut Vec<Value>) {
        match change.change {
            Change::Upsert { entity, id, .. } | Change::Delete { entity, id } if entity == of.conditions.item => {
                self.refresh(id, of, row);
            }
            _ => {}
        }
    }

    fn refresh(&mut self, id: EntityId, of: Asked<'_>, row: &mut Vec<Value>) {
        let Asked { plan, conditions, catalogue, texts } = of;
        if conditions.known.is_empty() {
            return;
        }
        row.resize(plan.slots.len(), Value::Missing);
        self.touched.insert(id.0);
        let word = conditions.word(plan, texts, |field| catalogue.attribute(conditions.item, id, field), row);
        self.set(id.0, word ^ conditions.nothing);
    }

    fn set(&mut self, id: u32, word: u64) {
        let id = id as usize;
        if self.words.len() <= id {
            self.words.resize(id + 1, 0);
        }
        self.words[id] = word;
    }

    /// Works out those of every item.
    pub(crate) fn rebuild(&mut self, of: Asked<'_>, row: &mut Vec<Value>) {
        self.words.clear();
        let items = (0..of.catalogue.bound(of.conditions.item)).map(EntityId);
        items.for_each(|id| self.refresh(id, of, row));
    }

    /// A copy has the same now: nothing is left for it to take over.
    pub(crate) fn settle(&mut self) {
        self.touched.clear();
    }

    /// From now on notes what changes.
    pub(crate) fn lead(&mut self) {
        self.touched.keep();
    }

    /// Takes over what changed in the copy that is ahead since this one was ahead of it.
    pub(crate) fn follow(&mut self, ahead: &Facts) {
        self.touched.clear();
        for &id in ahead.touched.ids() {
            self.set(id, ahead.words.get(id as usize).copied().unwrap_or(0));
        }
    }

    /// The bits of an item.
    pub(crate) fn of(&self, item: EntityId, conditions: &Conditions) -> u64 {
        self.words.get(item.0 as usize).copied().unwrap_or(0) ^ conditions.nothing
    }
}

/// A condition, ready to be asked of one candidate after another.
#[derive(Clone, Copy)]
pub(crate) enum Test<'p> {
    /// There is none.
    Always,
    /// A fact, by its bit.
    Fact(u64),
    /// One of the row, with its slots filled.
    Row(&'p Program, &'p dyn Texts),
}

impl<'p> Test<'p> {
    /// Of a condition, if there is one, and the bit that it has, if it is a fact.
    pub(crate) fn new(condition: Option<&'p Program>, bit: Option<u64>, texts: &'p dyn Texts) -> Test<'p> {
        match (condition, bit) {
            (None, _) => Test::Always,
            (Some(_), Some(bit)) => Test::Fact(bit),
            (Some(program), None) => Test::Row(program, texts),
        }
    }

    /// Whether it holds for a candidate with these facts, whose slots are in the row.
    pub(crate) fn holds(self, facts: u64, row: &[Value]) -> bool {
        match self {
            Test::Always => true,
            Test::Fact(bit) => facts & bit != 0,
            Test::Row(program, texts) => program.eval_bool_with(row, texts),
        }
    }

    /// Its bit, if it is a fact.
    pub(crate) fn bit(self) -> Option<u64> {
        match self {
            Test::Fact(bit) => Some(bit),
            Test::Always | Test::Row(..) => None,
        }
    }
}

#[cfg(test)]
mod tests;

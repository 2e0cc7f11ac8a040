//! Impressions by the value of an item's attribute over a rolling window, and how the catalogue's items share the values:
//! what fairness of exposure compares.

use crate::catalogue::Catalogue;
use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::resolve::{Change, Resolved};
use crate::saved::{LoadError, Reader, put_text, put_u32, put_u64};
use domain::{EntityId, Span, Symbol, Time, Value, limits};
use spec::Plan;
use spec::plan::EntityIndex;
use std::collections::{BTreeMap, VecDeque};

/// Panes in a window.
const PANES: i64 = 24;
/// Stands for the values beyond `limits::EXPOSURE_VALUES_MAX`, which count together.
const REST: u32 = u32::MAX;

/// One count. Impressions count by their event time in panes of a 24th of the window; `(now - window, now]` is widened to a
/// whole pane at its old end. An impression counts under the value that its item has when it is taken in.
#[derive(Clone, Debug)]
pub struct Exposure {
    field: u16,
    item: EntityIndex,
    /// The index of the built-in event, and of its role that names the item.
    impression: Option<(u16, usize)>,
    window: Span,
    width: Span,
    /// Ascending by number.
    panes: VecDeque<Pane>,
    /// Sums over the panes.
    totals: BTreeMap<u32, u64>,
    total: u64,
    /// Items of the catalogue by value. Not saved: it follows from the catalogue.
    items: BTreeMap<u32, u32>,
    item_count: u32,
    /// What happened since this copy followed another one, if it has to be known.
    noted: Option<Vec<Note>>,
}

/// Something that changes the counts.
#[derive(Clone, Copy, Debug)]
enum Note {
    /// An impression of this value in the pane of this number.
    Shown(u32, i64),
    /// Panes before this number have left the window.
    Expired(i64),
    /// An item with this value has come into the catalogue.
    Entered(u32),
    /// One has left it.
    Left(u32),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Pane {
    number: i64,
    counts: BTreeMap<u32, u64>,
}

impl Exposure {
    /// Nothing was shown yet.
    pub fn new(plan: &Plan, of: &spec::plan::Exposure) -> Exposure {
        let item = plan.entity("item").expect("every plan has the entity type 'item'");
        let impression = plan.event("impression").and_then(|event| {
            let role = plan.events[usize::from(event)].roles.iter().position(|role| role.entity == item)?;
            Some((event, role))
        });
        Exposure {
            field: of.field,
            item,
            impression,
            window: of.window,
            width: Span((of.window.0 / PANES).max(1)),
            panes: VecDeque::new(),
            totals: BTreeMap::new(),
            total: 0,
            items: BTreeMap::new(),
            item_count: 0,
            noted: None,
        }
    }

    /// From now on notes what happens, so that a copy can [`follow`](Exposure::follow).
    pub fn lead(&mut self) {
        self.noted = Some(Vec::new());
    }

    /// Takes over what happened in the copy that is ahead since this one was ahead of it.
    pub fn follow(&mut self, ahead: &Exposure) {
        ahead.noted.iter().flatten().for_each(|&note| self.happen(note));
        if let Some(noted) = &mut self.noted {
            noted.clear();
        }
    }

    /// The one way in which counts change.
    fn happen(&mut self, note: Note) {
        match note {
            Note::Shown(value, number) => self.show(value, number),
            Note::Expired(oldest) => self.drop_before(oldest),
            Note::Entered(value) => {
                *self.items.entry(value).or_default() += 1;
                self.item_count += 1;
            }
            Note::Left(value) => self.drop_item(value),
        }
        if let Some(noted) = &mut self.noted {
            noted.push(note);
        }
    }

    /// Takes in a change that `before`, the catalogue, has not yet taken in. Every change comes, ticks too: time passes by them.
    pub fn apply(&mut self, resolved: &Resolved, before: &Catalogue) {
        self.expire(resolved.log_time);
        match &resolved.change {
            Change::Event(event) => {
                if let Some((_, role)) = self.impression.filter(|(impression, _)| *impression == event.event)
                    && let Value::Str(value) = before.attribute(self.item, event.entities[role], self.field)
                {
                    self.count(value, event.time, resolved.log_time);
                }
            }
            Change::Upsert { entity, id, fields } if *entity == self.item => {
                self.leave(*id, before);
                self.enter(&fields[usize::from(self.field)]);
            }
            Change::Delete { entity, id } if *entity == self.item => self.leave(*id, before),
            Change::Upsert { .. } | Change::Delete { .. } => {}
            Change::ListPut { .. } | Change::ListDelete { .. } | Change::None => {}
        }
    }

    fn leave(&mut self, id: EntityId, before: &Catalogue) {
        if let Value::Str(Symbol(value)) = before.attribute(self.item, id, self.field)
            && before.present(self.item, id)
        {
            self.happen(Note::Left(value));
        }
    }

    fn drop_item(&mut self, value: u32) {
        let Some(count) = self.items.get_mut(&value) else { return };
        *count -= 1;
        self.item_count -= 1;
        if *count == 0 {
            self.items.remove(&value);
        }
    }

    fn enter(&mut self, value: &Value) {
        if let Value::Str(Symbol(value)) = value {
            self.happen(Note::Entered(*value));
        }
    }

    fn count(&mut self, Symbol(value): Symbol, time: Time, log_time: Time) {
        let number = time.0.div_euclid(self.width.0);
        if number >= self.oldest(log_time) {
            let room = self.totals.len() < limits::EXPOSURE_VALUES_MAX || self.totals.contains_key(&value);
            self.happen(Note::Shown(if room { value } else { REST }, number));
        }
    }

    fn show(&mut self, value: u32, number: i64) {
        let at = self.panes.partition_point(|pane| pane.number < number);
        if self.panes.get(at).is_none_or(|pane| pane.number != number) {
            self.panes.insert(at, Pane { number, counts: BTreeMap::new() });
        }
        *self.panes[at].counts.entry(value).or_default() += 1;
        *self.totals.entry(value).or_default() += 1;
        self.total += 1;
    }

    /// The number of the oldest pane in the window that ends at `now`.
    fn oldest(&self, now: Time) -> i64 {
        (now.0 - self.window.0 + 1).div_euclid(self.width.0)
    }

    fn expire(&mut self, now: Time) {
        let oldest = self.oldest(now);
        if self.panes.front().is_some_and(|pane| pane.number < oldest) {
            self.happen(Note::Expired(oldest));
        }
    }

    fn drop_before(&mut self, oldest: i64) {
        while self.panes.front().is_some_and(|pane| pane.number < oldest) {
            let pane = self.panes.pop_front().expect("it was there at the line before");
            for (value, count) in pane.counts {
                self.total -= count;
                let Some(total) = self.totals.get_mut(&value) else { continue };
                *total -= count;
                if *total == 0 {
                    self.totals.remove(&value);
                }
            }
        }
    }

    /// Impressions in the window that ends at `now`, which is at or after the log time of the last change.
    pub fn impressions(&self, now: Time) -> u64 {
        self.total - self.expired(now).map(|pane| pane.counts.values().sum::<u64>()).sum::<u64>()
    }

    /// Those of items with this value.
    pub fn impressions_of(&self, Symbol(value): Symbol, now: Time) -> u64 {
        let total = self.totals.get(&value).copied().unwrap_or_default();
        total - self.expired(now).filter_map(|pane| pane.counts.get(&value)).sum::<u64>()
    }

    /// Panes that the log's time has not yet left behind, but `now` has.
    fn expired(&self, now: Time) -> impl Iterator<Item = &Pane> {
        let oldest = self.oldest(now);
        self.panes.iter().take_while(move |pane| pane.number < oldest)
    }

    /// Items of the catalogue that have a value.
    pub fn items(&self) -> u32 {
        self.item_count
    }

    /// Those with this one.
    pub fn items_of(&self, Symbol(value): Symbol) -> u32 {
        self.items.get(&value).copied().unwrap_or_default()
    }

    /// How many different values the items of the catalogue have.
    pub fn values(&self) -> u32 {
        self.items.len() as u32
    }

    /// Digest of the impressions that count, by the text of the value; `number` tells one exposure of the plan from another.
    pub fn digest(&self, number: u32, dictionary: &Dictionary) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for pane in &self.panes {
            for (&value, &count) in &pane.counts {
                canonical.clear();
                put_text(&mut canonical, "exposure");
                put_u32(&mut canonical, number);
                put_u64(&mut canonical, pane.number as u64);
                put_text(&mut canonical, if value == REST { "" } else { dictionary.text(Symbol(value)) });
                put_u32(&mut canonical, u32::from(value == REST));
                put_u64(&mut canonical, count);
                digest.add_entry(&canonical);
            }
        }
        digest
    }

    /// Appends what a checkpoint keeps of it.
    pub fn save(&self, out: &mut Vec<u8>) {
        put_u32(out, self.panes.len() as u32);
        for pane in &self.panes {
            put_u64(out, pane.number as u64);
            put_u32(out, pane.counts.len() as u32);
            for (&value, &count) in &pane.counts {
                put_u32(out, value);
                put_u64(out, count);
            }
        }
    }

    /// Takes in what `save` wrote, into a new one of the same plan. Then [`Exposure::rebuild`].
    ///
    /// # Errors
    /// The bytes are damaged.
    pub fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        for _ in 0..input.count(12)? {
            let number = input.i64()?;
            if self.panes.back().is_some_and(|pane| pane.number >= number) {
                return Err(LoadError::new("panes of impressions are out of order"));
            }
            let mut pane = Pane { number, counts: BTreeMap::new() };
            for _ in 0..input.count(12)? {
                let (value, count) = (input.u32()?, input.u64()?);
                let known = pane.counts.insert(value, count).is_some();
                let total = self.totals.entry(value).or_default();
                let sums = (total.checked_add(count), self.total.checked_add(count));
                let (Some(of_value), Some(of_all), false) = (sums.0, sums.1, known || count == 0) else {
                    return Err(LoadError::new("a count of impressions is not one"));
                };
                (*total, self.total) = (of_value, of_all);
            }
            self.panes.push_back(pane);
        }
        Ok(())
    }

    /// Counts the items of the catalogue, which are not saved.
    pub fn rebuild(&mut self, catalogue: &Catalogue) {
        self.items.clear();
        self.item_count = 0;
        for id in (0..catalogue.bound(self.item)).map(EntityId) {
            if catalogue.present(self.item, id) {
                self.enter(&catalogue.attribute(self.item, id, self.field));
            }
        }
    }
}

#[cfg(test)]
mod tests;

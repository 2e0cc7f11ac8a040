//! Quotas: how often each item, or each value of an item attribute, was shown to anybody in the present window. Exact: late
//! and early events count in the window that they belong to. Per value one window and the next are kept; an event is never
//! further ahead than that, and windows that the log has left are never read again.

use crate::catalogue::Catalogue;
use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::paged::{Paged, Pages};
use crate::resolve::{Change, EventChange, Resolved};
use crate::saved::{LoadError, Reader, Snapshot, put_text, put_u32, put_u64};
use crate::touched::Touched;
use domain::{EntityId, Symbol, Time, Value};
use spec::Plan;
use spec::plan::{EntityIndex, QuotaCount};
use std::sync::Arc;

/// Pages per checkpoint chunk.
const CHUNK_PAGES: u32 = 64;

/// The count of one value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    /// Number of the first window counted.
    first: i64,
    /// Events in it, and in the next.
    events: [u32; 2],
}

impl Counted {
    /// Moves on so that `window` is the first counted, if it is later.
    fn advance(&mut self, window: i64) {
        if window > self.first {
            self.events = if window == self.first + 1 { [self.events[1], 0] } else { [0, 0] };
            self.first = window;
        }
    }

    fn of(&self, window: i64) -> u32 {
        let at = usize::try_from(window.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.events.get(at).copied().unwrap_or(0)
    }
}

/// The counts of all quotas of a plan: one entry per item or string that was ever shown, by its dense number.
#[derive(Clone)]
pub struct Quotas {
    plan: Arc<Plan>,
    item: EntityIndex,
    counts: Vec<Paged<Counted>>,
    /// By quota, the values counted.
    touched: Vec<Touched>,
}

impl Quotas {
    /// Nothing was shown yet.
    pub fn new(plan: Arc<Plan>) -> Quotas {
        let item = plan.entity("item").expect("every plan has the entity type 'item'");
        let counts = plan.quotas.iter().map(|_| Paged::new()).collect();
        Quotas { item, counts, touched: vec![Touched::default(); plan.quotas.len()], plan }
    }

    /// Goes on under a plan with the same quotas.
    pub fn adopt(&mut self, plan: &Arc<Plan>) {
        self.plan = plan.clone();
    }

    /// The counts under another plan: `from` says, for each of its quotas, which of these goes on.
    pub fn carried(mut self, plan: Arc<Plan>, from: &[Option<u16>]) -> Quotas {
        let mut new = Quotas::new(plan);
        for (counts, from) in new.counts.iter_mut().zip(from) {
            if let Some(from) = *from {
                *counts = std::mem::take(&mut self.counts[usize::from(from)]);
            }
        }
        new
    }

    /// Takes in a record; `catalogue` has taken it in and no later one.
    pub fn apply(&mut self, resolved: &Resolved, catalogue: &Catalogue) {
        if let (Change::Event(event), false) = (&resolved.change, self.counts.is_empty()) {
            self.count(event, resolved.log_time, catalogue);
        }
    }

    /// From now on notes what changes, so that a copy can [`follow`](Quotas::follow).
    pub fn lead(&mut self) {
        self.touched.iter_mut().for_each(Touched::keep);
    }

    /// Takes over what changed in the copy that is ahead since this one was ahead of it.
    pub fn follow(&mut self, ahead: &Quotas) {
        self.touched.iter_mut().for_each(Touched::clear);
        for ((counts, from), touched) in self.counts.iter_mut().zip(&ahead.counts).zip(&ahead.touched) {
            touched.ids().iter().for_each(|&value| counts.take_over(from, value));
        }
    }

    fn count(&mut self, event: &EventChange, log_time: Time, catalogue: &Catalogue) {
        let roles = &self.plan.events[usize::from(event.event)].roles;
        let Some(item) = roles.iter().position(|role| role.entity == self.item).map(|role| event.entities[role]) else {
            return;
        };
        let counts = self.counts.iter_mut().zip(&mut self.touched);
        for (quota, (counts, touched)) in self.plan.quotas.iter().zip(counts) {
            let (present, window) = (quota.window_of(log_time), quota.window_of(event.time));
            if quota.event != event.event || window < present {
                continue;
            }
            let Some(value) = value_of(quota, item, self.item, catalogue) else { continue };
            touched.insert(value);
            let counted = counts.get_mut(value);
            counted.advance(present);
            if let Some(events) = counted.events.get_mut((window - present) as usize) {
                *events = events.saturating_add(1);
            }
        }
    }

    /// A quota ready to be read, for one item after another, in the window that holds `now`, which is not before the log time of
    /// the last record; none if the plan has no such quota.
    pub fn reading<'q>(&'q self, quota: u16, now: Time, catalogue: &'q Catalogue) -> Option<QuotaReading<'q>> {
        let of = self.plan.quotas.get(usize::from(quota))?;
        let values = of.of.map(|field| catalogue.column(self.item, field));
        Some(QuotaReading { counts: &self.counts[usize::from(quota)], values, window: of.window_of(now) })
    }

    /// How often an item's value (or the item) was shown; see [`Quotas::reading`].
    pub fn counted(&self, quota: u16, item: EntityId, now: Time, catalogue: &Catalogue) -> Option<u32> {
        self.reading(quota, now, catalogue)?.counted(item)
    }

    /// Digest of what a read at `now` or later can see.
    pub fn digest(&self, dictionary: &Dictionary, now: Time) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for (index, (quota, counts)) in self.plan.quotas.iter().zip(&self.counts).enumerate() {
            let present = quota.window_of(now);
            for (value, counted) in counts.iter() {
                let events = [counted.of(present), counted.of(present + 1)];
                if events == [0, 0] {
                    continue;
                }
                canonical.clear();
                put_text(&mut canonical, "quota");
                put_u32(&mut canonical, index as u32);
                put_text(
                    &mut canonical,
                    match quota.of {
                        None => dictionary.key(self.item, EntityId(value)),
                        Some(_) => dictionary.text(Symbol(value)),
                    },
                );
                put_u64(&mut canonical, present as u64);
                events.iter().for_each(|&events| put_u32(&mut canonical, events));
                digest.add_entry(&canonical);
            }
        }
        digest
    }

    /// Freezes the present content for a checkpoint; later writes copy the pages they touch.
    pub fn snapshot(&mut self) -> QuotasSnapshot {
        QuotasSnapshot { counts: self.counts.iter_mut().map(Paged::snapshot).collect() }
    }

    /// Loads one chunk of a snapshot under the same plan.
    ///
    /// # Errors
    /// The bytes are damaged or of another plan.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        let counts = self.counts.get_mut(input.u32()? as usize);
        let counts = counts.ok_or(LoadError::new("a quota is not in the plan"))?;
        for _ in 0..input.count(20)? {
            let value = input.u32()?;
            if value >= domain::limits::ENTITIES_MAX {
                return Err(LoadError::new("the value of a quota is too large"));
            }
            let first = input.i64()?;
            *counts.get_mut(value) = Counted { first, events: [input.u32()?, input.u32()?] };
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a chunk of quotas is too long")) }
    }
}

/// One quota at one instant: see [`Quotas::reading`].
pub struct QuotaReading<'q> {
    counts: &'q Paged<Counted>,
    /// The attribute whose value is counted; none: the item itself.
    values: Option<Option<&'q Paged<Value>>>,
    window: i64,
}

impl QuotaReading<'_> {
    /// Whether a count that some item may have passes the test. Where more than `most` values have room for one it is not looked:
    /// then it may.
    pub fn may_have(&self, most: usize, test: impl Fn(u32) -> bool) -> bool {
        let mut counted = self.counts.iter();
        let few = counted.by_ref().take(most).map(|(_, counted)| counted.of(self.window));
        // What was never shown has none.
        test(0) || few.fold(false, |any, count| any | test(count)) || counted.next().is_some()
    }

    /// How often the item's value (or the item) was shown; `None` if the item has no value and no quota holds for it.
    pub fn counted(&self, item: EntityId) -> Option<u32> {
        let value = match self.values {
            None => item.0,
            Some(column) => match column?.get(item.0)? {
                Value::Str(symbol) => symbol.0,
                _ => return None,
            },
        };
        Some(self.counts.get(value).map_or(0, |counted| counted.of(self.window)))
    }
}

/// The number under which an item is counted: its own, or that of its attribute's string.
fn value_of(quota: &QuotaCount, item: EntityId, item_type: EntityIndex, catalogue: &Catalogue) -> Option<u32> {
    match quota.of.map(|field| catalogue.attribute(item_type, item, field)) {
        None => Some(item.0),
        Some(Value::Str(symbol)) => Some(symbol.0),
        Some(_) => None,
    }
}

/// Frozen quotas.
pub struct QuotasSnapshot {
    counts: Vec<Pages<Counted>>,
}

impl Snapshot for QuotasSnapshot {
    fn chunks(&self) -> u32 {
        self.counts.iter().map(|pages| pages.len().div_ceil(CHUNK_PAGES)).sum()
    }

    fn save(&self, mut chunk: u32, out: &mut Vec<u8>) {
        for (index, pages) in self.counts.iter().enumerate() {
            let chunks = pages.len().div_ceil(CHUNK_PAGES);
            if chunk >= chunks {
                chunk -= chunks;
                continue;
            }
            put_u32(out, index as u32);
            let count_at = out.len();
            put_u32(out, 0);
            let mut count = 0u32;
            let values = (chunk * CHUNK_PAGES..(chunk + 1) * CHUNK_PAGES).flat_map(|page| pages.page(page));
            for (value, counted) in values.filter(|(_, counted)| counted.events != [0, 0]) {
                put_u32(out, value);
                put_u64(out, counted.first as u64);
                counted.events.iter().for_each(|&events| put_u32(out, events));
                count += 1;
            }
            out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
            return;
        }
    }
}

//! Which entities stand on which of the spec's lists: put on and taken off by records, until a time of the log.
//! A record's `log_time` ends what ends by then, whatever the record is; so equal logs give equal lists.

mod leaves;
mod saved;

pub use saved::ListsSnapshot;

use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::resolve::{Change, Resolved};
use crate::saved::put_text;
use crate::touched::Touched;
use domain::{Code, EntityId, ListPut, Payload, Refusal, Time, limits};
use leaves::Leaves;
use spec::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an entity stands on a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ListEntry {
    /// What it is ordered by, higher first; none counts as 0.
    pub score: Option<f64>,
    /// It is on the list before this time.
    pub until: Option<Time>,
}

impl ListEntry {
    fn lasts(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    fn rank(&self) -> u64 {
        descending(self.score.unwrap_or(0.0))
    }
}

/// An entry in 16 bytes.
#[derive(Clone, Copy)]
struct Packed {
    /// Bits of the score; `NO_SCORE` without one.
    score: u64,
    /// The largest time there is: it does not end.
    until: Time,
}

/// Bits of no number that a score may be.
const NO_SCORE: u64 = u64::MAX;
const NEVER: Time = Time(i64::MAX);

impl From<ListEntry> for Packed {
    fn from(entry: ListEntry) -> Packed {
        Packed { score: entry.score.map_or(NO_SCORE, f64::to_bits), until: entry.until.unwrap_or(NEVER) }
    }
}

impl From<Packed> for ListEntry {
    fn from(packed: Packed) -> ListEntry {
        let score = (packed.score != NO_SCORE).then_some(f64::from_bits(packed.score));
        ListEntry { score, until: (packed.until != NEVER).then_some(packed.until) }
    }
}

/// One list. Checkpoints and the sequencer share its leaves; a change copies those that it touches.
#[derive(Clone, Default)]
struct List {
    entries: Leaves<EntityId, Packed>,
    /// Entries that are not at the level of no score: best score first, ties by id.
    ranked: Leaves<(u64, EntityId), ()>,
    /// Entries that end, soonest first.
    ending: Leaves<(Time, EntityId), ()>,
}

/// All lists of a plan.
#[derive(Clone)]
pub struct Lists {
    plan: Arc<Plan>,
    lists: Vec<Arc<List>>,
    /// Which entries changed, for a copy that follows; by list.
    touched: Vec<Touched>,
    /// Nothing ends before this.
    soonest: Time,
}

impl Lists {
    /// Empty lists.
    pub fn new(plan: Arc<Plan>) -> Lists {
        Lists {
            lists: plan.lists.iter().map(|_| Arc::default()).collect(),
            touched: plan.lists.iter().map(|_| Touched::default()).collect(),
            soonest: Time(i64::MAX),
            plan,
        }
    }

    /// Goes on under a plan with the same lists.
    pub fn adopt(&mut self, plan: &Arc<Plan>) {
        self.plan = plan.clone();
    }

    /// Applies one record.
    pub fn apply(&mut self, resolved: &Resolved) {
        self.end(resolved.log_time);
        match resolved.change {
            Change::ListPut { list, id, score, until } => {
                self.put(list, id, ListEntry { score, until }, resolved.log_time)
            }
            Change::ListDelete { list, id } if self.of(list).entry(id).is_some() => {
                self.touched[usize::from(list)].insert(id.0);
                Arc::make_mut(&mut self.lists[usize::from(list)]).remove(id);
            }
            _ => {}
        }
    }

    /// From now on notes what changes, so that a copy can [`follow`](Lists::follow).
    pub fn lead(&mut self) {
        self.touched.iter_mut().for_each(Touched::keep);
    }

    /// Takes over what changed in the copy that is ahead since this one was ahead of it.
    pub fn follow(&mut self, ahead: &Lists) {
        self.soonest = ahead.soonest;
        for (index, list) in self.lists.iter_mut().enumerate() {
            self.touched[index].clear();
            for &id in ahead.touched[index].ids() {
                let (list, id) = (Arc::make_mut(list), EntityId(id));
                list.remove(id);
                ahead.lists[index].entry(id).into_iter().for_each(|entry| list.insert(id, entry));
            }
        }
    }

    /// Whether the entity stands on the list at `now`, which is not before the last record applied.
    pub fn contains(&self, list: u16, id: EntityId, now: Time) -> bool {
        self.entry(list, id, now).is_some()
    }

    /// How the entity stands on the list at `now`.
    pub fn entry(&self, list: u16, id: EntityId, now: Time) -> Option<ListEntry> {
        self.of(list).entry(id).filter(|entry| entry.lasts(now))
    }

    /// How many entities stand on the list at `now`.
    pub fn len(&self, list: u16, now: Time) -> usize {
        let list = self.of(list);
        list.entries.len() - list.ending.iter().take_while(|((until, _), ())| *until <= now).count()
    }

    /// Entities of the list at `now` with their scores, best first, ties by id.
    pub fn best(&self, list: u16, now: Time) -> impl Iterator<Item = (EntityId, f64)> {
        let list = self.of(list);
        list.best().filter(move |(_, entry)| entry.lasts(now)).map(|(id, entry)| (id, entry.score.unwrap_or(0.0)))
    }

    /// Entries of the list at `now` in the order of ids, behind `after`.
    pub fn entries(
        &self,
        list: u16,
        after: Option<EntityId>,
        now: Time,
    ) -> impl Iterator<Item = (EntityId, ListEntry)> {
        let from = after.map_or(0, |id| id.0.saturating_add(1));
        let entries = self.of(list).entries.from(EntityId(from)).map(|(id, entry)| (id, ListEntry::from(entry)));
        entries.filter(move |(_, entry)| entry.lasts(now))
    }

    /// Checks that a validated record has its place: that the list has room, and that the entry does not end before it begins.
    ///
    /// # Errors
    /// `list_full`, `invalid_value`.
    pub fn admit(&self, dictionary: &Dictionary, log_time: Time, payload: &Payload<'_>) -> Result<(), Refusal> {
        self.admit_all(dictionary, log_time, std::slice::from_ref(payload))
    }

    /// The same for all records of a call that is all or nothing, each as the ones before it leave the lists.
    ///
    /// # Errors
    /// Of the first record that has no place.
    pub fn admit_all(&self, dictionary: &Dictionary, log_time: Time, payloads: &[Payload<'_>]) -> Result<(), Refusal> {
        let mut lens: BTreeMap<u16, usize> = BTreeMap::new();
        let mut changed: BTreeMap<(u16, &str), bool> = BTreeMap::new();
        for payload in payloads {
            let (name, key, puts) = match payload {
                Payload::ListPut(put) => (&put.list, &put.key, Some(put)),
                Payload::ListDelete { list, key } => (list, key, None),
                _ => continue,
            };
            let Some(list) = self.plan.list(name) else { continue };
            let of = self.plan.lists[usize::from(list)].of;
            let known = || dictionary.entity(of, key).is_some_and(|id| self.contains(list, id, log_time));
            let before = changed.get(&(list, &**key)).copied().unwrap_or_else(known);
            let len = lens.entry(list).or_insert_with(|| self.len(list, log_time));
            if let Some(put) = puts {
                self.admit_put(list, put, before, *len, log_time)?;
            }
            *len = *len + usize::from(puts.is_some()) - usize::from(before);
            changed.insert((list, key), puts.is_some());
        }
        Ok(())
    }

    fn admit_put(&self, list: u16, put: &ListPut<'_>, known: bool, len: usize, log_time: Time) -> Result<(), Refusal> {
        if put.until.is_some_and(|until| until <= log_time) {
            let message = "the entry would end before it begins; send a later time, or delete the entry";
            return Err(Refusal::new(Code::InvalidValue, "until", message));
        }
        let list = &self.plan.lists[usize::from(list)];
        if known || len < list.max as usize {
            return Ok(());
        }
        let what_to_do = match list.max {
            limits::LIST_ENTRIES_MAX => ", the most that a list may; delete some",
            _ => " and takes no more; delete some, or raise its `max` in the spec",
        };
        let message = format!("the list `{}` holds {} entries{what_to_do}", list.name, list.max);
        Err(Refusal::new(Code::ListFull, "list", message))
    }

    /// Digest of every entry, by the names of list and entity.
    pub fn digest(&self, dictionary: &Dictionary) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for (list, declared) in self.lists.iter().zip(&self.plan.lists) {
            for (id, entry) in list.entries.iter() {
                canonical.clear();
                put_text(&mut canonical, "list");
                put_text(&mut canonical, &declared.name);
                put_text(&mut canonical, dictionary.key(declared.of, id));
                saved::put_entry(&mut canonical, &entry.into());
                digest.add_entry(&canonical);
            }
        }
        digest
    }

    fn of(&self, list: u16) -> &List {
        &self.lists[usize::from(list)]
    }

    /// Takes off what ends by `now`.
    fn end(&mut self, now: Time) {
        if now < self.soonest {
            return;
        }
        for (list, touched) in self.lists.iter_mut().zip(&mut self.touched) {
            if list.ends().is_some_and(|(until, _)| until <= now) {
                let list = Arc::make_mut(list);
                while let Some((_, id)) = list.ends().filter(|(until, _)| *until <= now) {
                    touched.insert(id.0);
                    list.remove(id);
                }
            }
        }
        let ends = self.lists.iter().filter_map(|list| list.ends().map(|(until, _)| until));
        self.soonest = ends.min().unwrap_or(Time(i64::MAX));
    }

    /// A list that is full (the plan may be a later one than the record) stays as it is.
    fn put(&mut self, list: u16, id: EntityId, entry: ListEntry, now: Time) {
        let max = self.plan.lists[usize::from(list)].max as usize;
        let of = self.of(list);
        if of.entries.len() >= max && of.entry(id).is_none() {
            return;
        }
        self.touched[usize::from(list)].insert(id.0);
        let of = Arc::make_mut(&mut self.lists[usize::from(list)]);
        of.remove(id);
        if entry.lasts(now) {
            of.insert(id, entry);
            self.soonest = self.soonest.min(entry.until.unwrap_or(self.soonest));
        }
    }
}

impl List {
    fn entry(&self, id: EntityId) -> Option<ListEntry> {
        self.entries.get(id).map(ListEntry::from)
    }

    /// The entry that ends next.
    fn ends(&self) -> Option<(Time, EntityId)> {
        self.ending.first().map(|(ends, ())| ends)
    }

    /// All entries, best score first, ties by id. Those at the level of no score are in that order by themselves.
    fn best(&self) -> impl Iterator<Item = (EntityId, ListEntry)> {
        let level = descending(0.0);
        let ranked = |((_, id), ())| Some((id, self.entry(id)?));
        let above = self.ranked.iter().take_while(move |((rank, _), ())| *rank < level).filter_map(ranked);
        let equal = self.entries.iter().map(|(id, entry)| (id, ListEntry::from(entry)));
        let equal = equal.filter(move |(_, entry)| entry.rank() == level);
        let below = self.ranked.from((level, EntityId(0))).filter_map(ranked);
        above.chain(equal.take(self.entries.len() - self.ranked.len())).chain(below)
    }

    fn insert(&mut self, id: EntityId, entry: ListEntry) {
        if entry.rank() != descending(0.0) {
            self.ranked.insert((entry.rank(), id), ());
        }
        entry.until.into_iter().for_each(|until| self.ending.insert((until, id), ()));
        self.entries.insert(id, entry.into());
    }

    fn remove(&mut self, id: EntityId) {
        let Some(entry) = self.entries.remove(id).map(ListEntry::from) else { return };
        self.ranked.remove((entry.rank(), id));
        if let Some(until) = entry.until {
            self.ending.remove((until, id));
        }
    }
}

/// Bits that ascend where scores descend; zeroes are equal.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { bits } else { !bits & (u64::MAX >> 1) }
}

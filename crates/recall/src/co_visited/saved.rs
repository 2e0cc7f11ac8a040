//! A `co_visited` index in a checkpoint: items with their counters, and the users' recents.

use super::counters::Counters;
use super::recents::{Recent, Recents};
use super::{CoVisited, Item};
use crate::saved::Entries;
use domain::{EntityId, Time, limits::ENTITIES_MAX};
use spec::plan::EntityIndex;
use state::{LoadError, Pages, Reader};
use std::sync::Arc;

/// Pages of 64 items, and of 64 users, in one chunk.
const ITEM_PAGES: u32 = 8;
const USER_PAGES: u32 = 64;
/// What a chunk holds.
const ITEMS: u8 = 0;
const USERS: u8 = 1;

/// A frozen index.
pub(crate) struct CoVisitedSnapshot {
    items: Pages<Option<Arc<Item>>>,
    recents: Pages<Recents>,
}

impl CoVisitedSnapshot {
    fn item_chunks(&self) -> u32 {
        self.items.len().div_ceil(ITEM_PAGES)
    }

    pub(crate) fn chunks(&self) -> u32 {
        self.item_chunks() + self.recents.len().div_ceil(USER_PAGES)
    }

    pub(crate) fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        match chunk.checked_sub(self.item_chunks()) {
            None => {
                out.push(ITEMS);
                let pages = chunk * ITEM_PAGES..(chunk + 1) * ITEM_PAGES;
                for (id, item) in pages.flat_map(|page| self.items.page(page)) {
                    if let Some(item) = item {
                        put_item(out, id, item);
                    }
                }
            }
            Some(chunk) => {
                out.push(USERS);
                let pages = chunk * USER_PAGES..(chunk + 1) * USER_PAGES;
                for (id, recents) in pages.flat_map(|page| self.recents.page(page)) {
                    let count = recents.iter().len();
                    if count > 0 {
                        put_words(out, &[id, count as u32]);
                        recents.iter().for_each(|recent| put_words(out, &[recent.item, recent.weight.to_bits()]));
                    }
                }
            }
        }
    }
}

fn put_words(out: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

fn put_item(out: &mut Vec<u8>, id: u32, item: &Item) {
    put_words(out, &[id]);
    out.extend_from_slice(&item.total.to_bits().to_le_bytes());
    out.extend_from_slice(&item.at.0.to_le_bytes());
    out.extend_from_slice(&item.counters.era().to_le_bytes());
    put_words(out, &[item.counters.items().len() as u32]);
    put_words(out, item.counters.items());
    item.counters.counts().iter().for_each(|count| out.extend_from_slice(&count.to_bits().to_le_bytes()));
}

const OTHER_PLAN: LoadError = LoadError { what: "a co-visited index holds more than its plan allows" };
const DAMAGED: LoadError = LoadError { what: "an entry of a co-visited index is out of range" };

fn id(input: &mut Reader<'_>) -> Result<u32, LoadError> {
    let id = input.u32()?;
    if id < ENTITIES_MAX { Ok(id) } else { Err(DAMAGED) }
}

fn recent(input: &mut Reader<'_>) -> Result<Recent, LoadError> {
    let (item, weight) = (id(input)?, f32::from_bits(input.u32()?));
    if weight.is_finite() { Ok(Recent { item, weight }) } else { Err(DAMAGED) }
}

impl CoVisited {
    pub(crate) fn snapshot(&mut self) -> CoVisitedSnapshot {
        CoVisitedSnapshot { items: self.items.snapshot(), recents: self.recents.snapshot() }
    }

    pub(crate) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let kind = input.u8()?;
        while !input.is_done() {
            match kind {
                ITEMS => self.load_item(input)?,
                USERS => self.load_user(input)?,
                _ => return Err(LoadError { what: "a chunk of a co-visited index is of no known kind" }),
            }
        }
        Ok(())
    }

    fn load_item(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let item = id(input)?;
        let total = f64::from_bits(input.u64()?);
        let (at, era) = (Time(input.i64()?), input.i64()?);
        let count = input.count(2 * size_of::<u32>())?;
        if count > usize::from(self.parameters.counters) {
            return Err(OTHER_PLAN);
        }
        let items = (0..count).map(|_| id(input)).collect::<Result<Vec<u32>, _>>()?;
        let counts = (0..count).map(|_| input.u32().map(f32::from_bits)).collect::<Result<Vec<f32>, _>>()?;
        if !total.is_finite() || counts.iter().any(|count| !count.is_finite() || *count <= 0.0) {
            return Err(DAMAGED);
        }
        let row = Item { total, at, counters: Counters::from_parts(era, items, counts) };
        *self.items.get_mut(item) = Some(Arc::new(row));
        Ok(())
    }

    fn load_user(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let user = id(input)?;
        let count = input.count(2 * size_of::<u32>())?;
        if count > usize::from(self.parameters.keep) {
            return Err(OTHER_PLAN);
        }
        *self.recents.get_mut(user) = (0..count).map(|_| recent(input)).collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(crate) fn digest(&self, item: Option<EntityIndex>, user: Option<EntityIndex>, entries: &mut Entries<'_>) {
        for (id, row) in self.items.iter().filter_map(|(id, row)| row.as_ref().map(|row| (id, row))) {
            let counters = row.counters.items().iter().zip(row.counters.counts());
            let mut sorted: Vec<(u32, u32)> = counters.map(|(&item, count)| (item, count.to_bits())).collect();
            sorted.sort_unstable();
            entries.add(0, (item, EntityId(id)), |keys| {
                keys.bytes(&row.total.to_bits().to_le_bytes());
                keys.bytes(&row.at.0.to_le_bytes());
                keys.bytes(&row.counters.era().to_le_bytes());
                for (other, count) in sorted {
                    keys.entity(item, EntityId(other));
                    keys.bytes(&count.to_le_bytes());
                }
            });
        }
        for (id, recents) in self.recents.iter().filter(|(_, recents)| recents.iter().len() > 0) {
            entries.add(1, (user, EntityId(id)), |keys| {
                for recent in recents.iter() {
                    keys.entity(item, EntityId(recent.item));
                    keys.bytes(&recent.weight.to_bits().to_le_bytes());
                }
            });
        }
    }
}

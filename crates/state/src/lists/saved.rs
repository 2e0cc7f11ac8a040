//! Lists in a checkpoint.

use super::{List, ListEntry, Lists};
use crate::saved::{LoadError, Reader, Snapshot, put_u32, put_u64};
use domain::{EntityId, Time, limits};
use std::sync::Arc;

/// Entries per checkpoint chunk.
const CHUNK: usize = 16_384;

/// Frozen lists.
pub struct ListsSnapshot {
    lists: Vec<Arc<List>>,
}

impl Lists {
    /// Freezes the present content for a checkpoint; the lists are shared until they change.
    pub fn snapshot(&self) -> ListsSnapshot {
        ListsSnapshot { lists: self.lists.clone() }
    }

    /// Loads one chunk of a snapshot into new lists of the same plan; chunks may come in any order.
    ///
    /// # Errors
    /// The bytes are damaged or of another plan.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        let index = input.u32()? as usize;
        let max = self.plan.lists.get(index).ok_or(LoadError::new("a list is not in the plan"))?.max as usize;
        let list = Arc::make_mut(&mut self.lists[index]);
        for _ in 0..input.count(6)? {
            let id = EntityId(input.u32()?);
            let entry = ListEntry { score: take_score(&mut input)?, until: take_until(&mut input)? };
            if id.0 >= limits::ENTITIES_MAX || list.entry(id).is_some() || list.entries.len() >= max {
                return Err(LoadError::new("a list's entry is repeated, or one too many"));
            }
            list.insert(id, entry);
            self.soonest = self.soonest.min(entry.until.unwrap_or(self.soonest));
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a chunk of lists is too long")) }
    }
}

impl Snapshot for ListsSnapshot {
    fn chunks(&self) -> u32 {
        self.lists.iter().map(|list| chunks(list)).sum()
    }

    fn save(&self, mut chunk: u32, out: &mut Vec<u8>) {
        for (index, list) in self.lists.iter().enumerate() {
            if chunk >= chunks(list) {
                chunk -= chunks(list);
                continue;
            }
            let skipped = chunk as usize * CHUNK;
            let count = (list.entries.len() - skipped).min(CHUNK);
            put_u32(out, index as u32);
            put_u32(out, count as u32);
            for (id, entry) in list.entries.skip(skipped).take(count) {
                put_u32(out, id.0);
                put_entry(out, &entry.into());
            }
            return;
        }
    }
}

/// An empty list has none.
fn chunks(list: &List) -> u32 {
    list.entries.len().div_ceil(CHUNK) as u32
}

pub(super) fn put_entry(out: &mut Vec<u8>, entry: &ListEntry) {
    out.push(u8::from(entry.score.is_some()));
    entry.score.iter().for_each(|score| put_u64(out, score.to_bits()));
    out.push(u8::from(entry.until.is_some()));
    entry.until.iter().for_each(|until| put_u64(out, until.0 as u64));
}

fn is_there(input: &mut Reader<'_>) -> Result<bool, LoadError> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(LoadError::new("a part of a list's entry is neither missing nor there")),
    }
}

fn take_score(input: &mut Reader<'_>) -> Result<Option<f64>, LoadError> {
    Ok(if is_there(input)? { Some(f64::from_bits(input.u64()?)) } else { None })
}

fn take_until(input: &mut Reader<'_>) -> Result<Option<Time>, LoadError> {
    Ok(if is_there(input)? { Some(Time(input.i64()?)) } else { None })
}

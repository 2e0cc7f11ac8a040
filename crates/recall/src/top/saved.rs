//! A `top` index in a checkpoint: keys and due times as they were left, for a key also says when it was computed.

use super::Top;
use crate::ranked::Ranked;
use crate::saved::Entries;
use domain::{EntityId, Time};
use spec::plan::EntityIndex;
use state::{LoadError, Pages, Reader};

/// Pages of 64 items in one chunk.
const CHUNK_PAGES: u32 = 64;

/// A frozen index.
pub(crate) struct TopSnapshot {
    keys: Pages<Option<i128>>,
    due: Pages<Option<Time>>,
}

impl TopSnapshot {
    /// At least one, so that an empty index counts as loaded.
    pub(crate) fn chunks(&self) -> u32 {
        self.keys.len().max(self.due.len()).div_ceil(CHUNK_PAGES).max(1)
    }

    pub(crate) fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        for page in chunk * CHUNK_PAGES..(chunk + 1) * CHUNK_PAGES {
            for (item, key) in self.keys.page(page) {
                if let Some(key) = key {
                    put(out, item, 0, &key.to_le_bytes());
                }
            }
            for (item, due) in self.due.page(page) {
                if let Some(due) = due {
                    put(out, item, 1, &due.0.to_le_bytes());
                }
            }
        }
    }
}

fn put(out: &mut Vec<u8>, item: u32, kind: u8, bytes: &[u8]) {
    out.extend_from_slice(&item.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(bytes);
}

impl Top {
    pub(crate) fn snapshot(&mut self) -> TopSnapshot {
        TopSnapshot { keys: self.ranked.snapshot(), due: self.due.snapshot() }
    }

    pub(crate) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        self.loaded = true;
        while !input.is_done() {
            let item = EntityId(input.u32()?);
            if item.0 >= domain::limits::ENTITIES_MAX {
                return Err(LoadError { what: "an item of a top index is out of range" });
            }
            match input.u8()? {
                0 => {
                    let key = input.slice(size_of::<i128>())?;
                    let key = i128::from_le_bytes(key.try_into().expect("as long as asked for"));
                    self.ranked.set(item, Some(key));
                }
                1 => self.set_due(item, Some(Time(input.i64()?))),
                _ => return Err(LoadError { what: "an entry of a top index is of no known kind" }),
            }
        }
        Ok(())
    }

    /// Whether it came from a checkpoint.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(crate) fn digest(&self, item: Option<EntityIndex>, entries: &mut Entries<'_>) {
        self.ranked.digest(item, entries);
        for &(due, id) in &self.queue {
            entries.add(1, (item, EntityId(id)), |keys| keys.bytes(&due.0.to_le_bytes()));
        }
    }
}

impl Ranked {
    pub(crate) fn digest(&self, item: Option<EntityIndex>, entries: &mut Entries<'_>) {
        for (id, key) in self.iter() {
            entries.add(0, (item, id), |keys| keys.bytes(&key.to_le_bytes()));
        }
    }
}

//! Counts of an `explore` index in a checkpoint and in digests; which items are present, the catalogue says.

use super::{Counted, Explore};
use crate::saved::Entries;
use domain::EntityId;
use spec::plan::EntityIndex;
use state::{LoadError, Pages, Reader};

/// Pages of 64 items in one chunk.
const CHUNK_PAGES: u32 = 256;

/// Frozen counts.
pub(crate) struct ExploreSnapshot(Pages<Counted>);

impl ExploreSnapshot {
    pub(crate) fn chunks(&self) -> u32 {
        self.0.len().div_ceil(CHUNK_PAGES)
    }

    pub(crate) fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        for page in chunk * CHUNK_PAGES..(chunk + 1) * CHUNK_PAGES {
            for (item, counted) in self.0.page(page).filter(|(_, counted)| counted.count > 0) {
                out.extend_from_slice(&item.to_le_bytes());
                out.extend_from_slice(&counted.count.to_le_bytes());
            }
        }
    }
}

impl Explore {
    pub(crate) fn snapshot(&mut self) -> ExploreSnapshot {
        ExploreSnapshot(self.items.snapshot())
    }

    pub(crate) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        while !input.is_done() {
            let (item, count) = (input.u32()?, input.u32()?);
            if item >= domain::limits::ENTITIES_MAX || count > self.below {
                return Err(LoadError { what: "a count of an explored item is out of range" });
            }
            self.set(EntityId(item), Counted { count, present: false });
        }
        Ok(())
    }

    pub(crate) fn digest(&self, item: Option<EntityIndex>, entries: &mut Entries<'_>) {
        for (id, Counted { count, present }) in self.items.iter().filter(|(_, of)| **of != Counted::default()) {
            entries.add(0, (item, EntityId(id)), |keys| {
                keys.bytes(&count.to_le_bytes());
                keys.bytes(&[u8::from(*present)]);
            });
        }
    }
}

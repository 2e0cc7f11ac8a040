//! A `tags` index in a checkpoint: the keys by a feature, which say when they were computed; the lists follow.

use super::{Keys, Tags};
use crate::saved::Entries;
use crate::top::TopSnapshot;
use domain::{EntityId, Symbol};
use spec::plan::EntityIndex;
use state::{LoadError, Reader};

impl Tags {
    /// None where all follows from the catalogue.
    pub(crate) fn snapshot(&mut self) -> Option<TopSnapshot> {
        match &mut self.keys {
            Keys::Feature(top) => Some(top.snapshot()),
            Keys::Time(_) | Keys::Nothing => None,
        }
    }

    pub(crate) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        match &mut self.keys {
            Keys::Feature(top) => top.load(input),
            Keys::Time(_) | Keys::Nothing => {
                Err(LoadError { what: "a chunk belongs to an index of tags that keeps no keys" })
            }
        }
    }

    /// The keys, and every item under every tag.
    pub(crate) fn digest(&self, item: Option<EntityIndex>, entries: &mut Entries<'_>) {
        if let Keys::Feature(top) = &self.keys {
            top.digest(item, entries);
        }
        for &(tag, key, id) in &self.lists {
            entries.add(2, (item, EntityId(id)), |keys| {
                keys.symbol(Symbol(tag));
                keys.bytes(&key.0.to_le_bytes());
            });
        }
    }
}

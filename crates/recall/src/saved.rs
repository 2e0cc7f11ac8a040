//! Indexes in checkpoints and in digests: each chunk names the index it belongs to.

use crate::ItemScores;
use crate::co_visited::CoVisitedSnapshot;
use crate::explore::ExploreSnapshot;
use crate::indexes::{Indexes, Kept};
use crate::sessions::SessionsSnapshot;
use crate::top::TopSnapshot;
use domain::{EntityId, Symbol, Time};
use spec::plan::EntityIndex;
use state::{Dictionary, Digest, LoadError, Reader, Snapshot};

/// Frozen indexes. `Newest` indexes are not in it: the catalogue says all.
pub struct IndexesSnapshot {
    parts: Vec<(u16, Part)>,
}

enum Part {
    Top(TopSnapshot),
    CoVisited(CoVisitedSnapshot),
    Sessions(SessionsSnapshot),
    Explore(ExploreSnapshot),
}

impl Part {
    fn chunks(&self) -> u32 {
        match self {
            Part::Top(part) => part.chunks(),
            Part::CoVisited(part) => part.chunks(),
            Part::Sessions(part) => part.chunks(),
            Part::Explore(part) => part.chunks(),
        }
    }
}

impl Snapshot for IndexesSnapshot {
    fn chunks(&self) -> u32 {
        self.parts.iter().map(|(_, part)| part.chunks()).sum()
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let mut chunk = chunk;
        for (index, part) in &self.parts {
            if chunk < part.chunks() {
                out.extend_from_slice(&index.to_le_bytes());
                return match part {
                    Part::Top(part) => part.save(chunk, out),
                    Part::CoVisited(part) => part.save(chunk, out),
                    Part::Sessions(part) => part.save(chunk, out),
                    Part::Explore(part) => part.save(chunk, out),
                };
            }
            chunk -= part.chunks();
        }
    }
}

impl Indexes {
    /// Freezes the indexes; costs a few words per 64 items or users.
    pub fn snapshot(&mut self) -> IndexesSnapshot {
        let parts = self.kept.iter_mut().zip(0u16..).filter_map(|(kept, index)| match kept {
            Kept::Top(top) => Some((index, Part::Top(top.snapshot()))),
            Kept::CoVisited(kept) => Some((index, Part::CoVisited(kept.snapshot()))),
            Kept::Sessions(kept) => Some((index, Part::Sessions(kept.snapshot()))),
            Kept::Tags(tags) => Some((index, Part::Top(tags.snapshot()?))),
            Kept::Explore(explore) => Some((index, Part::Explore(explore.snapshot()))),
            Kept::Newest(_) => None,
        });
        IndexesSnapshot { parts: parts.collect() }
    }

    /// Takes in one chunk of a snapshot of indexes of the same plan; chunks may come in any order. After the last, `rebuild`.
    ///
    /// # Errors
    /// The bytes are damaged or of another plan; the indexes are then to be thrown away.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        let index = u16::from_le_bytes([input.u8()?, input.u8()?]);
        match self.kept.get_mut(usize::from(index)) {
            Some(Kept::Top(top)) => top.load(&mut input)?,
            Some(Kept::Tags(tags)) => tags.load(&mut input)?,
            Some(Kept::Explore(explore)) => explore.load(&mut input)?,
            Some(Kept::CoVisited(kept)) => kept.load(&mut input)?,
            Some(Kept::Sessions(kept)) => kept.load(&mut input)?,
            _ => return Err(LoadError { what: "a chunk belongs to an index that the plan does not have" }),
        }
        if input.is_done() {
            Ok(())
        } else {
            Err(LoadError { what: "a chunk of an index is longer than what it holds" })
        }
    }

    /// Completes the indexes after the last `load`, or fills new ones, from items as of log time `now`: the newest, lists of tags, which items
    /// are present, and every `Index::Top` of which no chunk was loaded. Co-visits and sessions are filled only by applying the log.
    pub fn rebuild(&mut self, now: Time, scores: &dyn ItemScores) {
        for kept in &mut self.kept {
            match kept {
                Kept::Top(top) if top.is_loaded() => {}
                Kept::Top(top) => top.rebuild(now, scores),
                Kept::CoVisited(index) => index.rebuild(scores),
                Kept::Sessions(index) => index.rebuild(scores),
                Kept::Newest(newest) => newest.rebuild(scores),
                Kept::Tags(tags) => tags.rebuild(now, scores),
                Kept::Explore(explore) => explore.rebuild(scores),
            }
        }
    }

    /// Digest of what the indexes hold, by entity keys; independent of the order in which anything is kept in memory, and the
    /// same for indexes restored from a checkpoint.
    pub fn digest(&self, dictionary: &Dictionary) -> Digest {
        let mut digest = Digest::EMPTY;
        for (kept, index) in self.kept.iter().zip(0u16..) {
            let mut entries = Entries { digest: &mut digest, dictionary, index, bytes: Vec::new() };
            match kept {
                Kept::Top(top) => top.digest(self.item, &mut entries),
                Kept::CoVisited(kept) => kept.digest(self.item, self.user, &mut entries),
                Kept::Sessions(kept) => kept.digest(self.item, self.user, &mut entries),
                Kept::Newest(newest) => newest.ranked().digest(self.item, &mut entries),
                Kept::Tags(tags) => tags.digest(self.item, &mut entries),
                Kept::Explore(explore) => explore.digest(self.item, &mut entries),
            }
        }
        digest
    }
}

/// Writes the entries of one index into the digest.
pub(crate) struct Entries<'a> {
    digest: &'a mut Digest,
    dictionary: &'a Dictionary,
    index: u16,
    bytes: Vec<u8>,
}

impl Entries<'_> {
    /// Adds one entry: of which kind, of which entity, and its bytes.
    pub(crate) fn add(&mut self, kind: u8, of: (Option<EntityIndex>, EntityId), write: impl FnOnce(&mut Keys<'_>)) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&self.index.to_le_bytes());
        self.bytes.push(kind);
        let mut keys = Keys { dictionary: self.dictionary, bytes: &mut self.bytes };
        keys.entity(of.0, of.1);
        write(&mut keys);
        self.digest.add_entry(&self.bytes);
    }
}

/// Canonical bytes of an entry.
pub(crate) struct Keys<'a> {
    dictionary: &'a Dictionary,
    bytes: &'a mut Vec<u8>,
}

impl Keys<'_> {
    /// Appends an entity by its key.
    pub(crate) fn entity(&mut self, entity: Option<EntityIndex>, id: EntityId) {
        let key = entity.map_or("", |entity| self.dictionary.key(entity, id));
        self.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(key.as_bytes());
    }

    /// Appends a string by its text.
    pub(crate) fn symbol(&mut self, symbol: Symbol) {
        let text = self.dictionary.text(symbol);
        self.bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Appends bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

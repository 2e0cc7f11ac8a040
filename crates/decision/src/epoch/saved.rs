//! An epoch in a checkpoint: a head and the chunks of its parts, each under the part's tag.

use super::{Epoch, ItemView};
use crate::facts::Asked;
use domain::{Position, Time};
use expr::Texts;
use recall::IndexesSnapshot;
use state::{CatalogueSnapshot, Exposure, ListsSnapshot, LoadError, QuotasSnapshot, Reader, RowsSnapshot, Snapshot};

const HEAD: u8 = 0;
const CATALOGUE: u8 = 1;
const ITEMS: u8 = 2;
const INDEXES: u8 = 3;
const EXPOSURES: u8 = 4;
const QUOTAS: u8 = 7;
const LISTS: u8 = 5;

/// A frozen epoch. Chunk 0 is its head.
pub struct EpochSnapshot {
    position: Position,
    log_time: Time,
    catalogue: CatalogueSnapshot,
    items: RowsSnapshot,
    indexes: IndexesSnapshot,
    exposures: ExposuresSnapshot,
    quotas: QuotasSnapshot,
    listed: ListsSnapshot,
}

/// Frozen counts of impressions, one chunk each.
struct ExposuresSnapshot(Vec<Exposure>);

impl Snapshot for ExposuresSnapshot {
    fn chunks(&self) -> u32 {
        self.0.len() as u32
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&chunk.to_le_bytes());
        self.0[chunk as usize].save(out);
    }
}

impl EpochSnapshot {
    fn parts(&self) -> [(u8, &dyn Snapshot); 6] {
        let EpochSnapshot { catalogue, items, indexes, exposures, quotas, listed, .. } = self;
        [
            (CATALOGUE, catalogue),
            (ITEMS, items),
            (INDEXES, indexes),
            (EXPOSURES, exposures),
            (QUOTAS, quotas),
            (LISTS, listed),
        ]
    }
}

impl Snapshot for EpochSnapshot {
    fn chunks(&self) -> u32 {
        1 + self.parts().iter().map(|(_, part)| part.chunks()).sum::<u32>()
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let Some(mut chunk) = chunk.checked_sub(1) else {
            out.push(HEAD);
            out.extend_from_slice(&self.position.0.to_le_bytes());
            out.extend_from_slice(&self.log_time.0.to_le_bytes());
            return;
        };
        for (tag, part) in self.parts() {
            if chunk < part.chunks() {
                out.push(tag);
                part.save(chunk, out);
                return;
            }
            chunk -= part.chunks();
        }
    }
}

impl Epoch {
    /// Freezes the present content for a checkpoint; cheap.
    pub fn snapshot(&mut self) -> EpochSnapshot {
        EpochSnapshot {
            position: self.position,
            log_time: self.log_time,
            catalogue: self.catalogue.snapshot(),
            items: self.items.snapshot(),
            indexes: self.indexes.snapshot(),
            exposures: ExposuresSnapshot(self.exposures.clone()),
            quotas: self.quotas.snapshot(),
            listed: self.listed.snapshot(),
        }
    }

    /// Takes in one chunk of a snapshot under the same plan; chunks may come in any order. After the last, [`Epoch::complete`].
    ///
    /// # Errors
    /// The bytes are damaged or of another plan; the epoch is then to be thrown away.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let (&tag, body) = bytes.split_first().ok_or(LoadError { what: "a chunk of the epoch is empty" })?;
        match tag {
            HEAD => self.load_head(body),
            CATALOGUE => self.catalogue.load(body),
            ITEMS => self.items.load(body),
            INDEXES => self.indexes.load(body),
            EXPOSURES => self.load_exposure(body),
            QUOTAS => self.quotas.load(body),
            LISTS => self.listed.load(body),
            _ => Err(LoadError { what: "a chunk of the epoch has an unknown tag" }),
        }
    }

    fn load_head(&mut self, body: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(body);
        self.position = Position(input.u64()?);
        self.log_time = Time(input.i64()?);
        if input.is_done() { Ok(()) } else { Err(LoadError { what: "the head of the epoch is too long" }) }
    }

    fn load_exposure(&mut self, body: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(body);
        let number = input.u32()? as usize;
        let exposure = self.exposures.get_mut(number);
        exposure.ok_or(LoadError { what: "a count of impressions is not in the plan" })?.load(&mut input)?;
        if input.is_done() { Ok(()) } else { Err(LoadError { what: "a count of impressions is too long" }) }
    }

    /// Completes the epoch after the last chunk: makes what is not saved because it follows from the rest.
    /// `texts` knows every string of it.
    pub fn complete(&mut self, texts: &dyn Texts) {
        let Epoch { catalogue, items, indexes, exposures, facts, lists, row, log_time, .. } = self;
        facts.rebuild(Asked { plan: &lists.plan, conditions: &lists.conditions, catalogue, texts }, row);
        exposures.iter_mut().for_each(|exposure| exposure.rebuild(catalogue));
        indexes.rebuild(*log_time, &ItemView::of(catalogue, items, lists, (texts, row)));
    }
}

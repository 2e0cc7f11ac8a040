//! Keyed rows.

use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::layout::Layout;
use crate::resolve::Resolved;
use crate::saved::{LoadError, Snapshot};
use crate::subject::Subject;
use domain::{EntityId, Position, Time, Value};
use spec::Plan;
use spec::plan::EntityIndex;
use std::sync::Arc;

/// Which rows a `Rows` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The rows of tables keyed by `item` alone: what serving reads for every candidate.
    Items,
    /// All other rows whose owner's id, modulo `count`, is `index`.
    Shard {
        /// Which shard.
        index: u32,
        /// Of how many.
        count: u32,
    },
    /// Every row.
    All,
}

/// Memory taken by rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes, page tables and spare capacity included.
    pub bytes: usize,
    /// Rows that hold something, crossed ones included.
    pub rows: usize,
}

/// The keyed rows of a scope.
#[derive(Clone)]
pub struct Rows {
    layout: Arc<Layout>,
    position: Position,
}

impl Rows {
    /// Empty rows.
    pub fn new(plan: Arc<Plan>, scope: Scope) -> Rows {
        let _ = scope;
        Rows { layout: Arc::new(Layout::new(plan)), position: Position::START }
    }

    /// Applies one record; records come in log order.
    pub fn apply(&mut self, resolved: &Resolved) {
        self.position = resolved.position;
    }

    /// Position of the last record applied.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Writes the value of each aggregate over a table keyed by the entity alone into `row[slot]`; others are left alone.
    pub fn read(&self, id: EntityId, aggregates: &[u16], now: Time, row: &mut [Value]) {
        let _ = (id, aggregates, now, row);
    }

    /// A copy of the entity's rows and crossed rows.
    pub fn subject(&self, entity: EntityIndex, id: EntityId) -> Subject {
        let _ = id;
        Subject { position: self.position, entity, layout: self.layout.clone(), rows: vec![], crossed: vec![] }
    }

    /// The rows of an entity that is not known: reads as if nothing ever happened.
    pub fn cold(&self, entity: EntityIndex) -> Subject {
        Subject { position: self.position, entity, layout: self.layout.clone(), rows: vec![], crossed: vec![] }
    }

    /// The earliest instant after `now` at which one of the aggregates may change by time alone: a pane leaves a window or (its
    /// events were ahead of `now`) enters it. `decayed` changes all the time and does not count. `None`: never.
    pub fn next_change(&self, id: EntityId, aggregates: &[u16], now: Time) -> Option<Time> {
        let _ = (id, aggregates, now);
        None
    }

    /// Digest of the content that a read at `now` or later can see. Parts of one table set add up.
    pub fn digest(&self, dictionary: &Dictionary, now: Time) -> Digest {
        let _ = (dictionary, now);
        Digest::EMPTY
    }

    /// Memory taken.
    pub fn memory(&self) -> Memory {
        Memory::default()
    }

    /// Pages copied because a snapshot still held them, since the start.
    pub fn copied_pages(&self) -> u64 {
        0
    }

    /// Most bytes that applying one record copied because a snapshot still held them, since the start.
    pub fn copied_bytes_max(&self) -> usize {
        0
    }

    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&mut self) -> RowsSnapshot {
        RowsSnapshot {}
    }

    /// Loads one chunk of a snapshot of any scope, keeping the rows of this one.
    ///
    /// # Errors
    /// The bytes are damaged or of another plan.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let _ = bytes;
        Ok(())
    }
}

/// Frozen rows.
pub struct RowsSnapshot {}

impl Snapshot for RowsSnapshot {
    fn chunks(&self) -> u32 {
        0
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let _ = (chunk, out);
    }
}

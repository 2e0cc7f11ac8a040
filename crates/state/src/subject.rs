//! One entity's rows, copied at one position, so that a request reads them while the shard goes on.

use crate::layout::Layout;
use crate::read::{ReadAt, value};
use crate::row::{Recent, Row};
use domain::{EntityId, Position, Time, Value};
use spec::plan::{AggregateOp, EntityIndex};
use std::sync::{Arc, OnceLock};

/// An owned copy of an entity's row in every table it owns and of all its crossed rows.
#[derive(Clone)]
pub struct Subject {
    /// Position of the rows: every record up to it is in them.
    pub position: Position,
    /// The entity type.
    pub entity: EntityIndex,
    layout: Arc<Layout>,
    tables: Vec<Copied>,
}

/// What was copied of one table.
#[derive(Clone)]
pub(crate) enum Copied {
    /// A table that is not the entity's, or not of the shard's scope.
    Nothing,
    /// The entity's row.
    Row(Row, SeenIndexes),
    /// Its crossed rows by second key part, ascending.
    Crossed(Vec<(u32, Row)>),
}

/// One lazily built index per list of recents.
pub(crate) type SeenIndexes = Box<[OnceLock<SeenIndex>]>;

impl Subject {
    pub(crate) fn new(position: Position, entity: EntityIndex, layout: Arc<Layout>, tables: Vec<Copied>) -> Subject {
        Subject { position, entity, layout, tables }
    }

    /// Writes the value of each aggregate into `row[slot]`. `cross` gives the second key part for a crossed table (`u32::MAX` for
    /// none: see [`cross_key`](crate::cross_key)). Aggregates of other entities' tables and `seen` are left alone.
    pub fn read(&self, aggregates: &[u16], cross: &dyn Fn(u16) -> u32, now: Time, row: &mut [Value]) {
        for aggregate in aggregates {
            let read = &self.layout.aggregates[*aggregate as usize];
            if matches!(read.op, AggregateOp::Seen(_)) {
                continue;
            }
            let found = match &self.tables[read.table as usize] {
                Copied::Nothing => continue,
                Copied::Row(found, _) => Some(found),
                Copied::Crossed(rows) => {
                    let second = cross(read.table);
                    rows.binary_search_by_key(&second, |(known, _)| *known).ok().map(|at| &rows[at].1)
                }
            };
            row[read.slot as usize] = value(found, &self.layout.tables[read.table as usize], read, now);
        }
    }

    /// Makes aggregates over crossed tables ready to be read at `now` for one candidate after another; others are left out.
    pub fn crossed(&self, aggregates: &[u16], now: Time) -> CrossedReading<'_> {
        let mut tables: Vec<CrossedTable<'_>> = Vec::new();
        for aggregate in aggregates {
            let read = &self.layout.aggregates[*aggregate as usize];
            let Copied::Crossed(rows) = &self.tables[read.table as usize] else { continue };
            let ready = ReadAt::new(&self.layout.tables[read.table as usize], read, now);
            match tables.iter_mut().find(|known| known.table == read.table) {
                Some(known) => known.reads.push(ready),
                None => tables.push(CrossedTable { table: read.table, rows, reads: vec![ready] }),
            }
        }
        CrossedReading { tables }
    }

    /// One aggregate over crossed rows ready to be read at `now`; none if the subject has no such rows.
    pub fn crossed_value(&self, aggregate: u16, now: Time) -> Option<CrossedValue<'_>> {
        let read = &self.layout.aggregates[aggregate as usize];
        match &self.tables[read.table as usize] {
            Copied::Crossed(rows) if !rows.is_empty() => {
                Some(CrossedValue { rows, read: ReadAt::new(&self.layout.tables[read.table as usize], read, now) })
            }
            _ => None,
        }
    }

    /// Whether the item is among the recents of a `seen` aggregate within its window.
    pub fn seen(&self, aggregate: u16, item: EntityId, now: Time) -> bool {
        let read = &self.layout.aggregates[aggregate as usize];
        let (AggregateOp::Seen(window), Copied::Row(row, indexes)) = (read.op, &self.tables[read.table as usize])
        else {
            return false;
        };
        let Some(index) = indexes.get(read.at) else {
            return false;
        };
        let index = index.get_or_init(|| SeenIndex::new(row.recents(read.at)));
        let after = now.minus(window);
        match index.newest(item) {
            None => false,
            Some(newest) if newest <= now => newest > after,
            // The newest is ahead of `now`; an older one may lie in the window.
            Some(_) => row.recents(read.at).any(|r| r.entity() == item && r.time <= now && r.time > after),
        }
    }
}

/// Aggregates over crossed rows ready to be read for one candidate after another: see [`Subject::crossed`].
pub struct CrossedReading<'s> {
    tables: Vec<CrossedTable<'s>>,
}

/// The part of a reading that one table's rows answer.
struct CrossedTable<'s> {
    table: u16,
    rows: &'s [(u32, Row)],
    reads: Vec<ReadAt<'s>>,
}

impl CrossedReading<'_> {
    /// The tables that it reads.
    pub fn tables(&self) -> impl Iterator<Item = u16> {
        self.tables.iter().map(|table| table.table)
    }

    /// Writes the value of each aggregate into `row[slot]`. `cross` is asked once per table for the second key part, as by
    /// [`Subject::read`].
    pub fn read(&self, cross: impl Fn(u16) -> u32, row: &mut [Value]) {
        for table in &self.tables {
            let second = cross(table.table);
            let found = table.rows.binary_search_by_key(&second, |(known, _)| *known).ok().map(|at| &table.rows[at].1);
            for read in &table.reads {
                read.write(found, &mut row[read.slot()]);
            }
        }
    }
}

/// One aggregate over crossed rows at one instant: see [`Subject::crossed_value`].
pub struct CrossedValue<'s> {
    rows: &'s [(u32, Row)],
    read: ReadAt<'s>,
}

impl CrossedValue<'_> {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Second key parts, ascending, and their values.
    pub fn all(&self) -> impl Iterator<Item = (u32, Value)> {
        self.rows.iter().map(|(second, row)| (*second, self.read.value(Some(row))))
    }

    /// Its value for a second key part.
    pub fn of(&self, second: u32) -> Value {
        let found = self.rows.binary_search_by_key(&second, |(known, _)| *known).ok().map(|at| &self.rows[at].1);
        self.read.value(found)
    }
}

/// The newest time of each entity in a list: open addressing, at most half full.
#[derive(Clone)]
pub(crate) struct SeenIndex {
    slots: Box<[Option<Recent>]>,
    shift: u32,
}

impl SeenIndex {
    fn new<'r>(recents: impl Iterator<Item = &'r Recent>) -> SeenIndex {
        let recents: Vec<&Recent> = recents.collect();
        let size = (2 * recents.len()).next_power_of_two().max(2);
        let mut index = SeenIndex { slots: vec![None; size].into(), shift: 32 - size.trailing_zeros() };
        for recent in recents {
            // Newest first: the first of an entity stays.
            let slot = index.probe(recent.entity());
            index.slots[slot].get_or_insert(*recent);
        }
        index
    }

    fn newest(&self, entity: EntityId) -> Option<Time> {
        self.slots[self.probe(entity)].map(|recent| recent.time)
    }

    /// The slot of the entity, or the free one where it would go.
    fn probe(&self, entity: EntityId) -> usize {
        let mut slot = (entity.0.wrapping_mul(0x9E37_79B9) >> self.shift) as usize;
        while self.slots[slot].is_some_and(|recent| recent.entity() != entity) {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }
}

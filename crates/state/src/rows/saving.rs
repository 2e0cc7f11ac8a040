//! Rows in checkpoints: by table and the owner's dense id, so that any number of shards can load what any other saved.
//! A chunk: position, log time, layout fingerprint, table, count, then each row (or owner with its crossed rows) with its id.

use super::{Keyed, Rows, Scope};
use crate::crossed::FrozenCrossed;
use crate::layout::{Layout, TableLayout};
use crate::paged::Pages;
use crate::row::Row;
use crate::saved::{LoadError, Reader, Snapshot, put_u32, put_u64};
use domain::{Position, Time, limits};
use std::ops::Range;
use std::sync::Arc;

/// Pages of plain rows per chunk.
const CHUNK_PAGES: u32 = 16;
/// Pages of owners of crossed rows per chunk.
const CHUNK_OWNER_PAGES: u32 = 2;
/// The same for rows with sketches, which may be a hundred times as large.
const CHUNK_SKETCH_PAGES: u32 = 1;
/// Stands for the table of the chunk that holds none: it only carries the position.
const NO_TABLE: u32 = u32::MAX;

enum Frozen {
    Nothing,
    Plain(Pages<Row>),
    Crossed(FrozenCrossed),
}

/// Frozen rows.
pub struct RowsSnapshot {
    scope: Scope,
    tables: Vec<Frozen>,
    position: Position,
    log_time: Time,
    layout: Arc<Layout>,
    /// By table: pages per chunk.
    chunk_pages: Vec<u32>,
}

impl Rows {
    /// Freezes the present content for a checkpoint: a few words per page of 64 rows; later writes copy the pages they touch.
    pub fn snapshot(&mut self) -> RowsSnapshot {
        let tables = self.tables.iter_mut().map(|table| match table {
            Keyed::Nothing => Frozen::Nothing,
            Keyed::Plain(rows) => Frozen::Plain(rows.snapshot()),
            Keyed::Crossed(rows) => Frozen::Crossed(rows.snapshot()),
        });
        let chunk_pages = self.layout.plan.tables.iter().zip(&self.layout.tables);
        let chunk_pages = chunk_pages.map(|(table, layout)| match table.cross {
            _ if !layout.rings.is_empty() => CHUNK_SKETCH_PAGES,
            None => CHUNK_PAGES,
            Some(_) => CHUNK_OWNER_PAGES,
        });
        let chunk_pages = chunk_pages.collect();
        RowsSnapshot {
            scope: self.scope,
            tables: tables.collect(),
            position: self.position,
            log_time: self.log_time,
            layout: self.layout.clone(),
            chunk_pages,
        }
    }

    /// Loads one chunk of a snapshot of any scope into new rows, keeping what is of this scope.
    ///
    /// # Errors
    /// The bytes are damaged, of another plan, or loaded twice.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        let (position, log_time) = (Position(input.u64()?), Time(input.i64()?));
        if input.u64()? != self.layout.fingerprint {
            return Err(LoadError::new("rows are of a plan with another layout"));
        }
        (self.position, self.log_time) = (position, log_time);
        let table = input.u32()?;
        if table != NO_TABLE {
            if table as usize >= self.tables.len() {
                return Err(LoadError::new("rows are of a table that is not in the plan"));
            }
            for _ in 0..input.count(8)? {
                self.load_owner(table as usize, &mut input)?;
            }
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a chunk of rows is too long")) }
    }

    /// One row, or one owner's crossed rows.
    fn load_owner(&mut self, table: usize, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let owner = input.u32()?;
        if owner >= limits::ENTITIES_MAX {
            return Err(LoadError::new("a row's number is too large"));
        }
        let layout = &self.layout.tables[table];
        let local = self.scope.local(owner);
        let repeated = LoadError::new("a row comes twice, or an owner has too many");
        if self.layout.plan.tables[table].cross.is_none() {
            let row = Row::load(layout, input)?;
            if let (Keyed::Plain(rows), Some(local)) = (&mut self.tables[table], local) {
                let place = rows.get_mut(local);
                if !place.is_unused() {
                    return Err(repeated);
                }
                *place = row;
                self.set_timers_of(table, local);
            }
            return Ok(());
        }
        for _ in 0..input.count(16)? {
            let (second, touched) = (input.u32()?, Position(input.u64()?));
            let row = Row::load(layout, input)?;
            if let (Keyed::Crossed(rows), Some(local)) = (&mut self.tables[table], local)
                && !rows.restore(layout, local, second, touched, row)
            {
                return Err(repeated);
            }
        }
        Ok(())
    }
}

impl Frozen {
    fn chunks(&self, chunk_pages: u32) -> u32 {
        match self {
            Frozen::Nothing => 0,
            Frozen::Plain(rows) => rows.len().div_ceil(chunk_pages),
            Frozen::Crossed(rows) => rows.pages().div_ceil(chunk_pages),
        }
    }
}

impl Snapshot for RowsSnapshot {
    fn chunks(&self) -> u32 {
        1 + self.tables.iter().zip(&self.chunk_pages).map(|(table, pages)| table.chunks(*pages)).sum::<u32>()
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        put_u64(out, self.position.0);
        put_u64(out, self.log_time.0 as u64);
        put_u64(out, self.layout.fingerprint);
        let Some(mut chunk) = chunk.checked_sub(1) else {
            return put_u32(out, NO_TABLE);
        };
        for (index, (table, &chunk_pages)) in self.tables.iter().zip(&self.chunk_pages).enumerate() {
            let chunks = table.chunks(chunk_pages);
            if chunk < chunks {
                put_u32(out, index as u32);
                return self.save_table(
                    (table, &self.layout.tables[index]),
                    chunk * chunk_pages..(chunk + 1) * chunk_pages,
                    out,
                );
            }
            chunk -= chunks;
        }
        put_u32(out, NO_TABLE);
    }
}

impl RowsSnapshot {
    fn save_table(&self, (table, layout): (&Frozen, &TableLayout), pages: Range<u32>, out: &mut Vec<u8>) {
        let count_at = out.len();
        put_u32(out, 0);
        let mut count = 0u32;
        match table {
            Frozen::Nothing => {}
            Frozen::Plain(rows) => {
                let used = pages.flat_map(|page| rows.page(page)).filter(|(_, row)| !row.is_unused());
                for (local, row) in used {
                    put_u32(out, self.scope.owner(local));
                    row.save(layout, out);
                    count += 1;
                }
            }
            Frozen::Crossed(rows) => {
                for (local, rows) in pages.flat_map(|page| rows.page(page)) {
                    put_u32(out, self.scope.owner(local));
                    put_u32(out, rows.len() as u32);
                    for (entry, row) in rows {
                        put_u32(out, entry.second);
                        put_u64(out, entry.touched.0);
                        row.save(layout, out);
                    }
                    count += 1;
                }
            }
        }
        out[count_at..count_at + 4].copy_from_slice(&count.to_le_bytes());
    }
}

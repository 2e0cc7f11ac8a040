//! Some aggregates of one entity after another at one instant: what is the same for all of them is worked out once, and each
//! entity's row is looked up once.

use super::{Keyed, Rows, Scope};
use crate::paged::Paged;
use crate::read::ReadAt;
use crate::row::Row;
use domain::{EntityId, Time, Type, Value};
use expr::{BLOCK_ROWS, Columns};
use spec::plan::AggregateOp;

/// Aggregates ready to be read for one entity after another: see [`Rows::reading`].
pub struct Reading<'r> {
    scope: Scope,
    tables: Vec<ReadTable<'r>>,
}

/// The part of a reading that one table's rows answer.
struct ReadTable<'r> {
    table: u16,
    rows: &'r Paged<Row>,
    reads: Vec<ReadAt<'r>>,
}

impl Reading<'_> {
    /// Writes the entity's value of each aggregate into `row[slot]`.
    pub fn read(&self, id: EntityId, row: &mut [Value]) {
        let local = self.scope.local(id.0);
        for table in &self.tables {
            let found = local.and_then(|local| table.rows.get(local));
            for read in &table.reads {
                read.write(found, &mut row[read.slot()]);
            }
        }
    }

    /// Writes the values of several entities, at most [`BLOCK_ROWS`], into the columns of the aggregates' slots, a row for each.
    /// `type_of` says what type a slot has.
    pub fn read_block<'p>(
        &self,
        ids: impl Iterator<Item = EntityId> + Clone,
        type_of: impl Fn(usize) -> &'p Type,
        columns: &mut Columns,
    ) {
        for table in &self.tables {
            let mut found = [None; BLOCK_ROWS];
            let mut count = 0;
            for (found, id) in found.iter_mut().zip(ids.clone()) {
                *found = self.scope.local(id.0).and_then(|local| table.rows.get(local));
                count += 1;
            }
            // All their loads overlap, which those between computations would not.
            found[..count].iter().flatten().for_each(|row| row.touch_header());
            for read in &table.reads {
                let column = columns.column_mut(read.slot() as u16, type_of(read.slot()));
                read.write_block(&found[..count], column);
            }
        }
    }
}

impl Rows {
    /// Makes aggregates ready to be read at `now` for one entity after another; those over tables that are not keyed by the
    /// entity alone, and `seen`, are left out.
    pub fn reading(&self, aggregates: &[u16], now: Time) -> Reading<'_> {
        let mut tables: Vec<ReadTable<'_>> = Vec::new();
        for aggregate in aggregates {
            let read = &self.layout.aggregates[*aggregate as usize];
            let Keyed::Plain(rows) = &self.tables[read.table as usize] else { continue };
            if matches!(read.op, AggregateOp::Seen(_)) {
                continue;
            }
            let ready = ReadAt::new(&self.layout.tables[read.table as usize], read, now);
            match tables.iter_mut().find(|known| known.table == read.table) {
                Some(known) => known.reads.push(ready),
                None => tables.push(ReadTable { table: read.table, rows, reads: vec![ready] }),
            }
        }
        Reading { scope: self.scope, tables }
    }
}

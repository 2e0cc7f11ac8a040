//! What a decision reads of the rows of the entities that one event names.

use super::{Keyed, Rows};
use crate::read::ReadAt;
use crate::resolve::EventChange;
use crate::row::Row;
use domain::{Time, Value};
use spec::plan::RowRead;

impl Rows {
    /// Writes the values at `now` that a decision reads of the rows that the event's entities own into `row[fact]`; for a crossed table
    /// the row's second key part is the event's own. Those of rows that belong to another scope are left alone.
    pub fn facts(&self, event: &EventChange, reads: &[RowRead], now: Time, row: &mut [Value]) {
        if self.out_of_scope {
            return;
        }
        let (mut at, mut found) = (None, None);
        for read in reads {
            let table = usize::from(read.table);
            if at != Some((read.role, read.table)) {
                at = Some((read.role, read.table));
                found = self.found(event, table, usize::from(read.role));
            }
            let Some(found) = found else { continue };
            let aggregate = &self.layout.aggregates[usize::from(read.aggregate)];
            let read_at = ReadAt::new(&self.layout.tables[table], aggregate, now);
            read_at.write(found, &mut row[usize::from(read.fact)]);
        }
    }

    /// The row that the entity in a role owns, if it has one; none if it would belong to another scope.
    fn found(&self, event: &EventChange, table: usize, role: usize) -> Option<Option<&Row>> {
        match &self.tables[table] {
            Keyed::Nothing => None,
            Keyed::Plain(rows) => Some(rows.get(self.scope.local(event.entities[role].0)?)),
            Keyed::Crossed(rows) => {
                let owner = self.scope.local(event.entities[role].0)?;
                let crossed = self.layout.plan.tables[..table].iter().filter(|table| table.cross.is_some()).count();
                Some(rows.get(owner, event.crosses[crossed]))
            }
        }
    }
}

//! What a decision reads of the rows of the entities that one event names.

use super::{Keyed, Rows};
use crate::read::value;
use crate::resolve::EventChange;
use domain::{Time, Value};

impl Rows {
    /// The value at `now` of an aggregate (index into `Plan::aggregates`) of the row that the entity in a role of the event owns; for
    /// a crossed table the row's second key part is the event's own. None if the row belongs to another scope.
    pub fn fact(&self, event: &EventChange, role: u8, aggregate: u16, now: Time) -> Option<Value> {
        let read = &self.layout.aggregates[usize::from(aggregate)];
        let table = usize::from(read.table);
        let owner = || self.scope.local(event.entities[usize::from(role)].0);
        let row = match &self.tables[table] {
            Keyed::Nothing => return None,
            Keyed::Plain(rows) => rows.get(owner()?),
            Keyed::Crossed(rows) => {
                let crossed = self.layout.plan.tables[..table].iter().filter(|table| table.cross.is_some()).count();
                let second = event.crosses[crossed];
                rows.get(owner()?, second)
            }
        };
        Some(value(row, &self.layout.tables[table], read, now))
    }
}

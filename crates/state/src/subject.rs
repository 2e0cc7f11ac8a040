//! One entity's rows, copied at one position, so that a request reads them while the shard goes on.

use crate::layout::Layout;
use crate::row::Row;
use domain::{EntityId, Position, Time, Value};
use spec::plan::EntityIndex;
use std::sync::Arc;

/// An owned copy of an entity's row in every table it owns and of all its crossed rows.
#[derive(Clone)]
pub struct Subject {
    /// Position of the rows: every record up to it is in them.
    pub position: Position,
    /// The entity type.
    pub entity: EntityIndex,
    pub(crate) layout: Arc<Layout>,
    /// By table; only tables of the entity's shard.
    pub(crate) rows: Vec<(u16, Row)>,
    /// By table and second key part, ascending.
    pub(crate) crossed: Vec<(u16, u32, Row)>,
}

impl Subject {
    /// Writes the value of each aggregate into `row[slot]`. `cross` gives the second key part for a crossed table (`u32::MAX` for
    /// none: see [`cross_key`](crate::cross_key)). Aggregates of other entities' tables and `seen` are left alone.
    pub fn read(&self, aggregates: &[u16], cross: &dyn Fn(u16) -> u32, now: Time, row: &mut [Value]) {
        let _ = (aggregates, cross, now, row);
    }

    /// Whether the item is among the recents of a `seen` aggregate within its window.
    pub fn seen(&self, aggregate: u16, item: EntityId, now: Time) -> bool {
        let _ = (aggregate, item, now);
        false
    }
}

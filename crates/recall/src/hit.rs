//! What an index gives, and what it asks about items.

use domain::{EntityId, Time, Value};
use std::cmp::Ordering;

/// A candidate that an index found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The item.
    pub item: EntityId,
    /// What the index orders by: the feature's value, the sum of similarities, or the timestamp in milliseconds.
    pub score: f64,
}

impl Hit {
    /// The better score first, of equal ones the smaller item.
    pub(crate) fn best_first(&self, other: &Hit) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// Items as of the last change applied: their features and attributes.
pub trait ItemScores {
    /// A feature of the item table at `now`; `None` where it is missing.
    fn score(&self, feature: u16, item: EntityId, now: Time) -> Option<f64>;

    /// When the feature next changes by time alone because a pane of a window it reads expires; `None` if never. Changes of
    /// `decayed` aggregates and of the time itself are not meant.
    fn next_change(&self, feature: u16, item: EntityId, now: Time) -> Option<Time>;

    /// Whether the item may be recommended.
    fn present(&self, item: EntityId) -> bool;

    /// One more than the largest item id.
    fn item_count(&self) -> u32;

    /// An attribute of the item; `Missing` where it has none.
    fn attribute(&self, item: EntityId, field: u16) -> Value;
}

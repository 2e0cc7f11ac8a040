//! A request with its names resolved to numbers, and the way back from numbers to names.

use crate::rules::Rules;
use domain::{EntityId, Value};
use expr::{MadeTexts, Texts};
use spec::plan::{Action, EntityIndex, Feed};
use state::Subject;
use std::sync::Arc;

/// A resolved request: what the pipeline needs to know beside the request as it was sent.
#[derive(Clone)]
pub struct Query {
    /// Index into `Plan::feeds`.
    pub feed: u16,
    /// Whom or what the feed is asked for; `None` for an anonymous visit and for a key that is not known (a cold user).
    pub subject: Option<(EntityIndex, EntityId)>,
    /// A copy of the subject's rows; `None` where there is no subject.
    pub rows: Option<Subject>,
    /// Items of this visit, most recent first; unknown ones are left out.
    pub recent: Vec<EntityId>,
    /// Items that must not be in the answer; unknown ones are left out.
    pub exclude: Vec<EntityId>,
    /// Request context, one value for each of `Feed::context`; `Missing` where the request gave none.
    pub context: Vec<Value>,
    /// Strings of the request that nothing in the log has: the `k`th stands as `Symbol(u32::MAX - k)` in its context and rules.
    pub unknown: Vec<String>,
    /// The feed's pinned items, in the order of its pins ([`pinned`]); `None` for a key that is not known.
    pub pinned: Vec<Option<EntityId>>,
    /// The request's own filter and boosts; none if it has none.
    pub rules: Option<Arc<Rules>>,
    /// The items of a further page, in its order; none for the first.
    pub page: Option<Vec<Option<EntityId>>>,
}

impl Query {
    /// The texts that the request's expressions read: those of the log, of the request, and what is made while it is answered.
    pub fn texts<'t>(&self, known: &'t dyn Texts) -> MadeTexts<'t> {
        MadeTexts::with(known, self.unknown.iter().map(String::as_str))
    }
}

/// The pinned items of a feed by their keys, as `item` knows them.
pub fn pinned(feed: &Feed, item: impl Fn(&str) -> Option<EntityId>) -> Vec<Option<EntityId>> {
    let keys = feed.policies.iter().filter_map(|policy| match &policy.action {
        Action::Pin(pin) => Some(pin.item.as_str()),
        _ => None,
    });
    keys.map(item).collect()
}

/// The keys of entities and the texts of strings. The engine's dictionary supplies it.
pub trait Names: expr::Texts {
    /// The key of an entity; `item` is the index of the item type.
    fn item(&self, item: EntityIndex, id: EntityId) -> String;
}

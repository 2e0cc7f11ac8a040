//! An expression to be tried, and on whom.

use crate::Raw;

/// Asks for the value of one expression, now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// The expression, as in a feed's filter or score.
    pub expression: String,
    /// Key of the user that it reads.
    pub user: Option<String>,
    /// Key of the item that it reads.
    pub item: Option<String>,
    /// The feed whose context and names it reads; without it the spec's first one for the user, or for the item.
    pub feed: Option<String>,
    /// What a request would bring along, by name.
    pub context: Vec<(String, Raw<'static>)>,
}

//! What a caller asks of a feed.

use crate::{Raw, Span};

/// Whom or what a feed is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user by key; unknown users are answered as cold ones.
    User(String),
    /// An item by key, for related items.
    Item(String),
    /// A visit without identity; `FeedRequest::recent` says what it looked at.
    Anonymous,
}

/// One request for a slate.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedRequest {
    /// The feed's name.
    pub feed: String,
    /// For whom.
    pub subject: Subject,
    /// Items of this visit, most recent first; they come before the stored recents.
    pub recent: Vec<String>,
    /// Request context (`device`, `country`, ...), readable in expressions as `request.<name>`.
    pub context: Vec<(String, Raw<'static>)>,
    /// Items that must not be in the answer.
    pub exclude: Vec<String>,
    /// How many items to return.
    pub count: u16,
    /// Seed for every random choice; 0 unless the caller gives one.
    pub seed: u64,
    /// How long the answer may take; the pipeline degrades rather than overrun it.
    pub deadline: Option<Span>,
}

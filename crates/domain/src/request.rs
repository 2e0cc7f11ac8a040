//! What a caller asks of a feed.

use crate::{DecisionId, Raw, Recommended, Span};

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
    /// One more condition that candidates must meet, in the language of the spec's filters.
    pub filter: Option<String>,
    /// What raises or lowers scores for this request only, in order.
    pub boosts: Vec<Boost>,
    /// Whether further pages may be asked for: the answer then keeps what would follow.
    pub pages: bool,
    /// The page that is asked for; none for the first.
    pub page: Option<Page>,
}

/// A factor on the score of the candidates that meet a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Boost {
    /// The factor: above 1 raises, below 1 lowers; 0 or more.
    pub by: f64,
    /// The condition, in the language of the spec's filters.
    pub when: String,
}

/// A further page of an earlier answer: what it works on is carried along, so that it depends on no other record.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The decision of the first page.
    pub of: DecisionId,
    /// How many places of the first answer's order the pages before have used up.
    pub from: u16,
    /// The best score of each of the feed's routes among what the first answer kept.
    pub best: Vec<f64>,
    /// What the first answer kept for later, best first, from that place on, as far as this page has looked.
    pub items: Vec<Recommended>,
}

impl FeedRequest {
    /// A request with nothing but a feed, a subject and a count.
    pub fn new(feed: impl Into<String>, subject: Subject, count: u16) -> FeedRequest {
        FeedRequest {
            feed: feed.into(),
            subject,
            recent: Vec::new(),
            context: Vec::new(),
            exclude: Vec::new(),
            count,
            seed: 0,
            deadline: None,
            filter: None,
            boosts: Vec::new(),
            pages: false,
            page: None,
        }
    }
}

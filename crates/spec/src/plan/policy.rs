//! Policies: what the operator's business asks of a feed beside the score. Which wins over which stands in docs/spec.md.

use super::Program;
use domain::{Span, Time};

/// One policy of a feed.
#[derive(Clone, Debug)]
pub struct Policy {
    /// As answers call it: its name, or what it says on one line.
    pub text: String,
    /// What it depends on; it acts where this is true. For `Block` and `Allow` this is all they are.
    pub when: Option<Program>,
    /// Not before this instant, by `now`.
    pub from: Option<Time>,
    /// Not from this instant on, by `now`.
    pub until: Option<Time>,
    /// What it does.
    pub action: Action,
}

/// What a policy does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Raises (above 1) or lowers (below 1) a candidate's score: `score + |score| * (by - 1)`.
    Scale(f64),
    /// Removes candidates that meet the condition.
    Block,
    /// Removes candidates that do not.
    Allow,
    /// Removes what the user has been shown often enough.
    Cap(Cap),
    /// Removes what everybody together has been shown often enough.
    Quota(Quota),
    /// Puts an item in a place.
    Pin(Pin),
    /// Keeps candidates of one kind from standing directly behind those of another.
    NeverFollow(NeverFollow),
}

/// Most impressions per user of an item or of an item attribute's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Index into `Plan::aggregates`: an `AggregateOp::CountRecents` over at least this many entries.
    pub aggregate: u16,
    /// How many are enough.
    pub impressions: u16,
}

/// Most impressions of an item or of an item attribute's value over all users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Index into `Plan::quotas`.
    pub count: u16,
    /// How many are enough per window.
    pub impressions: u32,
    /// Whether no more than the elapsed share of the window may be delivered at any time.
    pub even: bool,
}

impl Quota {
    /// Whether nothing more may be shown, `counted` impressions having been delivered and `elapsed` of `window` gone. With `even`
    /// an impression is due as soon as the share delivered is below the share elapsed.
    pub fn is_reached(&self, counted: u32, elapsed: Span, window: Span) -> bool {
        let due = || i128::from(self.impressions) * i128::from(elapsed.0);
        counted >= self.impressions || (self.even && i128::from(counted) * i128::from(window.0) >= due())
    }
}

/// What is counted for quotas: events per item, or per value of an item attribute as the catalogue has it at the event's
/// position, in windows that follow one another: `[anchor + k * window, anchor + (k + 1) * window)` of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaCount {
    /// Index into `Plan::events`; it names an item.
    pub event: u16,
    /// Index into the item type's fields (a string); none: the item itself.
    pub of: Option<u16>,
    /// Length of a window.
    pub window: Span,
    /// Where a window starts.
    pub anchor: Time,
}

impl QuotaCount {
    /// The number of the window that holds an instant.
    pub fn window_of(&self, time: Time) -> i64 {
        time.since(self.anchor).0.div_euclid(self.window.0.max(1))
    }

    /// How much of its window has gone at an instant.
    pub fn elapsed(&self, time: Time) -> Span {
        Span(time.since(self.anchor).0.rem_euclid(self.window.0.max(1)))
    }
}

/// An item in a place of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The item's key.
    pub item: String,
    /// The place, from 1.
    pub place: u16,
}

/// An item that meets `item` is never directly behind one that meets `after`.
#[derive(Clone, Debug)]
pub struct NeverFollow {
    /// Which items may not follow.
    pub item: Program,
    /// Which items they may not follow.
    pub after: Program,
}

/// Users who get a feed without boosts, burials, pins, slots and `never_follow`, to be compared with the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Holdout {
    /// The share of users, from 0 to 1.
    pub share: f64,
    /// Another salt holds out other users.
    pub salt: String,
}

impl Holdout {
    /// Whether a user is held out: the first 53 bits (little-endian) of BLAKE3 over salt, a zero byte and key, as a number from 0
    /// to 1, are below the share. So the same users stay held out when the share grows.
    pub fn holds(&self, user: &str) -> bool {
        in_share(&self.salt, user, self.share)
    }
}

/// See [`Holdout::holds`].
pub(super) fn in_share(salt: &str, key: &str, share: f64) -> bool {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt.as_bytes()).update(&[0]).update(key.as_bytes());
    let hash = hasher.finalize();
    let head = hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes");
    ((u64::from_le_bytes(head) >> 11) as f64) < share * (1u64 << 53) as f64
}

impl Policy {
    /// Whether `now` lies between its `from` and its `until`.
    pub fn is_in_force(&self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

//! What a feed answered, and everything that is needed to compute it again.

use crate::{FeedRequest, PlanVersion, Position, Time};
use smallvec::SmallVec;
use std::fmt;

/// Names a decision: the position of its record in the log and the writer epoch that wrote it. Text form `d<epoch>-<position>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DecisionId {
    /// The writer epoch: a position reused after a crash has another epoch.
    pub epoch: u32,
    /// Where the decision's record stands.
    pub position: Position,
}

impl DecisionId {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<DecisionId> {
        let (epoch, position) = text.strip_prefix('d')?.split_once('-')?;
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(epoch) || !digits(position) {
            return None;
        }
        Some(DecisionId { epoch: epoch.parse().ok()?, position: Position(position.parse().ok()?) })
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}-{}", self.epoch, self.position)
    }
}

/// What was skipped to meet the deadline. Replay obeys it and no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// How many of the feed's routes had their turn, in the spec's order; those that were off are among them.
    pub routes_run: u16,
    /// How many candidates were scored by the formula; the rest kept the fused order behind them.
    pub candidates_scored: u16,
    /// Whether the reranker ran.
    pub reranked: bool,
}

/// A route found an item.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteHit {
    /// Index of the route in the feed's spec order.
    pub route: u16,
    /// Rank within the route, from 0.
    pub rank: u16,
    /// The route's own score.
    pub score: f64,
}

/// One additive term of a score.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Index of the term in the feed's score formula.
    pub term: u16,
    /// What it added.
    pub value: f64,
}

/// Which step of a feed changed an item's score or place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Index into the feed's rerankers.
    Rerank(u16),
    /// Index into the feed's policies.
    Policy(u16),
    /// Index into the request's boosts.
    Boost(u16),
}

/// What a step did to an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Moved it by this many places (positive: down).
    Moved(i16),
    /// Its score was multiplied by this.
    Scaled(f64),
    /// Put it where it is, from outside the order.
    Placed,
}

/// A step that changed an item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The step.
    pub step: Step,
    /// What it did.
    pub change: Change,
}

/// A list that is mostly short: a slate has one of each kind per item, and no allocation for any of them.
pub type Few<T> = SmallVec<[T; 4]>;

/// One recommended item.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommended {
    /// The item's key.
    pub item: String,
    /// The final score.
    pub score: f64,
    /// Which routes found it.
    pub routes: Few<RouteHit>,
    /// What its score is made of.
    pub terms: Few<Term>,
    /// How many places it is from where its score would have it (positive: further down).
    pub moved: i16,
    /// What rerankers, policies and boosts did to it, in the order in which they did.
    pub effects: Few<Effect>,
}

/// How many candidates a filter removed, with up to a few of them by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// The filter's text in the spec, or `exclude`.
    pub reason: String,
    /// How many it removed.
    pub count: u32,
    /// Some of the items removed, at most `Removal::EXAMPLES_MAX`.
    pub examples: Vec<String>,
}

impl Removal {
    /// Most examples kept per reason.
    pub const EXAMPLES_MAX: usize = 8;
}

/// A feed's answer and all that it read: with the log it is enough to compute the same answer again.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What was asked.
    pub request: FeedRequest,
    /// Which plan answered.
    pub plan: PlanVersion,
    /// Position at which the subject's rows were read.
    pub rows: Position,
    /// Position of the epoch (items, indexes) that was read.
    pub epoch: Position,
    /// The request's `now`.
    pub now: Time,
    /// What was skipped.
    pub effort: Effort,
    /// How many candidates each route gave, in the spec's order.
    pub route_counts: Vec<u32>,
    /// How many different candidates the routes gave together. What filters removed while routes looked for them is not among
    /// them; what fusion cut off and filters removed later is.
    pub candidates: u32,
    /// What filters removed, in the spec's order.
    pub removed: Vec<Removal>,
    /// The slate.
    pub items: Vec<Recommended>,
    /// What further pages would show, best first; empty unless the request asked for pages.
    pub later: Vec<Recommended>,
    /// Whether the subject is held out of the feed's policies.
    pub holdout: bool,
    /// Routes that did not run because their condition did not hold, by index, ascending.
    pub off: Vec<u16>,
}

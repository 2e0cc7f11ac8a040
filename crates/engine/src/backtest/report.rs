//! What a backtest found.

use super::measure::{JudgedScore, auc, average_precision, roc};
use super::side::SideCost;
use domain::{DecisionId, PlanVersion, Raw, Time};

/// The decisions of a part of the log under two specs.
#[derive(Clone, Debug, Default)]
pub struct Backtest {
    /// The decision's name.
    pub decision: String,
    /// Which spec of the log it is compared with: the one in force at the range's end.
    pub baseline: PlanVersion,
    /// Whether that one has a decision of this name on the same event.
    pub in_baseline: bool,
    /// Log time of the first and of the last decided event; of the log's first and last record if there is none.
    pub span: (Time, Time),
    /// Events decided under one of the specs at least.
    pub events: u64,
    /// Those with another outcome.
    pub changed: u64,
    /// Those with the same outcome, but another score, by its bits.
    pub rescored: u64,
    /// Those with the same outcome and score, of which other rules fired.
    pub refired: u64,
    /// Old to new outcome, all there were; by precedence in the old spec, then in the new one.
    pub kinds: Vec<Kind>,
    /// The rules of both specs: those of the new one in its order, then those that it has no more.
    pub rules: Vec<RuleCounts>,
    /// How scores are distributed.
    pub scores: ScoreBins,
    /// What labels say; none if neither spec declares labels.
    pub labels: Option<Labelled>,
    /// What the old spec and the new one cost.
    pub cost: (SideCost, SideCost),
}

/// Events with one old and one new outcome.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The old outcome; none: not decided.
    pub old: Option<String>,
    /// The new one.
    pub new: Option<String>,
    /// How many.
    pub events: u64,
    /// The first few, if the two differ.
    pub examples: Vec<Example>,
}

impl Kind {
    /// Whether the outcomes differ.
    pub fn is_change(&self) -> bool {
        self.old != self.new
    }
}

/// One event whose outcome changed.
#[derive(Clone, Debug)]
pub struct Example {
    /// The decision.
    pub id: DecisionId,
    /// The client's id of the event.
    pub event: Option<String>,
    /// When it was logged.
    pub log_time: Time,
    /// How it came out.
    pub old: Option<DecidedAs>,
    /// How it would have come out.
    pub new: Option<DecidedAs>,
    /// Facts that differ by name, value or presence: name, old, new.
    pub facts: Vec<(String, Option<Raw<'static>>, Option<Raw<'static>>)>,
    /// Whether a label said that it was bad, if one came.
    pub bad: Option<bool>,
}

/// One side of an example.
#[derive(Clone, Debug, PartialEq)]
pub struct DecidedAs {
    /// The outcome.
    pub outcome: String,
    /// The score.
    pub score: f64,
    /// What fired.
    pub reasons: Vec<Reason>,
}

/// A rule that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Its id.
    pub rule: String,
    /// What it says.
    pub text: String,
    /// Whether it does nothing.
    pub shadow: bool,
}

/// How often a rule fired; none: the spec has no such rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// Its id.
    pub rule: String,
    /// Under the old spec.
    pub old: Option<u64>,
    /// Under the new one.
    pub new: Option<u64>,
    /// Whether it does nothing, in the newest spec that has it.
    pub shadow: bool,
}

/// Scores in ranges of equal width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreBins {
    /// The least and the greatest score of both.
    pub range: (f64, f64),
    /// Events in each range, old.
    pub old: Vec<u64>,
    /// The same, new.
    pub new: Vec<u64>,
}

/// What labels say of decided events.
#[derive(Clone, Debug, Default)]
pub struct Labelled {
    /// Decided events that a label came for.
    pub labelled: u64,
    /// Of these, those that were bad.
    pub bad: u64,
    /// Labels that name no decided event of the range.
    pub strays: u64,
    /// How good the old spec was at telling them; none if it lacks the decision.
    pub old: Option<Quality>,
    /// How good the new one is.
    pub new: Quality,
}

/// How good decisions were, by labels.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// The chance that a bad event has a higher score than a good one.
    pub auc: f64,
    /// Mean precision over the scores of bad events.
    pub average_precision: f64,
    /// Share of good and of bad events at or above each score.
    pub roc: Vec<(f64, f64)>,
    /// By outcome, by precedence.
    pub outcomes: Vec<Group>,
    /// By tier of the score, in the spec's order; the last is of scores that reach none.
    pub tiers: Vec<Group>,
}

/// Events that came out alike.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// The outcome, or the tier's outcome.
    pub name: String,
    /// Events.
    pub events: u64,
    /// Those with a label.
    pub labelled: u64,
    /// Those that were bad.
    pub bad: u64,
    /// The share of bad ones among those with a label: precision; for a tier, what its scores stand for.
    pub precision: Option<f64>,
    /// The share of all bad ones that are here.
    pub recall: Option<f64>,
}

impl Group {
    /// Counts an event.
    pub(super) fn add(&mut self, bad: Option<bool>) {
        self.events += 1;
        self.labelled += u64::from(bad.is_some());
        self.bad += u64::from(bad == Some(true));
    }

    pub(super) fn finish(&mut self, all_bad: u64) {
        let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        self.precision = share(self.bad, self.labelled);
        self.recall = share(self.bad, all_bad);
    }
}

impl Quality {
    /// Of labelled scores and of what came out in groups.
    pub(super) fn new(judged: &[JudgedScore], outcomes: Vec<Group>, tiers: Vec<Group>) -> Quality {
        Quality { auc: auc(judged), average_precision: average_precision(judged), roc: roc(judged), outcomes, tiers }
    }
}

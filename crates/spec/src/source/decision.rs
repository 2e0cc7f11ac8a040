//! Decisions as written.

use crate::yaml::Text;
use domain::{Span, Time};

/// A decision; parts with mistakes are not there.
#[derive(Debug)]
pub(crate) struct DecisionSource {
    pub(crate) name: Text,
    /// None: not said properly.
    pub(crate) on: Option<Text>,
    pub(crate) outcomes: Option<Vec<Text>>,
    pub(crate) score: Option<Text>,
    pub(crate) rules: Vec<DecisionRuleSource>,
    pub(crate) tiers: Option<TiersSource>,
    pub(crate) otherwise: Option<Text>,
    pub(crate) deadline: Option<Span>,
    pub(crate) fallback: Option<Text>,
    /// Whether a part that gives outcomes or a score could not be read: then what seems missing is not.
    pub(crate) broken: bool,
}

/// `{ act: 0.98, observe: 0.65, otherwise: label }`
#[derive(Debug)]
pub(crate) struct TiersSource {
    /// Outcome and threshold.
    pub(crate) list: Vec<(Text, Text)>,
    /// None: not said properly.
    pub(crate) otherwise: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct DecisionRuleSource {
    pub(crate) id: Text,
    pub(crate) when: Text,
    pub(crate) effect: EffectSource,
    pub(crate) reason: Option<Text>,
    pub(crate) tags: Vec<String>,
    pub(crate) from: Option<Time>,
    pub(crate) until: Option<Time>,
    pub(crate) shadow: bool,
    pub(crate) share: Option<ShareSource>,
}

#[derive(Debug)]
pub(crate) enum EffectSource {
    Score(Text),
    Outcome(Text),
}

#[derive(Debug)]
pub(crate) struct ShareSource {
    pub(crate) of: f64,
    /// A role; none: the first.
    pub(crate) by: Option<Text>,
    /// None: the rule's id.
    pub(crate) salt: Option<String>,
}

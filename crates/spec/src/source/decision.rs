//! Decisions as written.

use crate::plan::{GuardAction, Hit};
use crate::yaml::Text;
use domain::{Span, Time};
use std::ops::Range;

/// A decision; parts with mistakes are not there.
#[derive(Debug)]
pub(crate) struct DecisionSource {
    pub(crate) name: Text,
    /// None: not said properly.
    pub(crate) on: Option<Text>,
    pub(crate) outcomes: Option<Vec<Text>>,
    pub(crate) score: Option<Text>,
    pub(crate) rules: Vec<DecisionRuleSource>,
    pub(crate) tables: Vec<RuleTableSource>,
    pub(crate) scorecards: Vec<ScorecardSource>,
    pub(crate) tiers: Option<TiersSource>,
    pub(crate) otherwise: Option<Text>,
    pub(crate) deadline: Option<Span>,
    pub(crate) fallback: Option<Text>,
    pub(crate) labels: Option<LabelsSource>,
    pub(crate) review: Option<ReviewSource>,
    pub(crate) guards: Vec<GuardSource>,
    /// Whether a part that gives outcomes or a score could not be read: then what seems missing is not.
    pub(crate) broken: bool,
}

impl DecisionSource {
    /// What rules and rows of tables do.
    pub(crate) fn effects(&self) -> impl Iterator<Item = &EffectSource> {
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        self.rules.iter().map(|rule| &rule.effect).chain(rows.map(|row| &row.effect))
    }
}

/// `{ act: 0.98, observe: 0.65, otherwise: label }`
#[derive(Debug)]
pub(crate) struct TiersSource {
    /// Outcome and threshold.
    pub(crate) list: Vec<(Text, Text)>,
    /// None: not said properly.
    pub(crate) otherwise: Option<Text>,
}

/// `{ event: label, of: payment, when: fraud }`
#[derive(Debug)]
pub(crate) struct LabelsSource {
    pub(crate) event: Text,
    pub(crate) of: Text,
    pub(crate) when: Text,
}

/// `{ outcomes: [check], answers: { fraud: { bad: true } }, claim: 30m }`
#[derive(Debug)]
pub(crate) struct ReviewSource {
    /// Where it begins.
    pub(crate) key: Text,
    pub(crate) outcomes: Vec<Text>,
    /// Name, and what it sets: field and value.
    pub(crate) answers: Vec<(Text, Vec<(Text, Text)>)>,
    pub(crate) claim: Span,
}

/// `{ outcome: decline, share_up: 8%, over: 10m, min: 200, then: rollback }`
#[derive(Debug)]
pub(crate) struct GuardSource {
    pub(crate) outcome: Text,
    pub(crate) share_up: f64,
    pub(crate) over: Span,
    pub(crate) min: u64,
    /// A rule, whose part is compared with the rest; none: the plan before.
    pub(crate) rule: Option<Text>,
    pub(crate) then: GuardAction,
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

/// A decision table.
#[derive(Debug)]
pub(crate) struct RuleTableSource {
    pub(crate) name: Text,
    pub(crate) hit: Hit,
    /// Name and expression.
    pub(crate) inputs: Vec<(Text, Text)>,
    pub(crate) rows: Vec<RowSource>,
}

#[derive(Debug)]
pub(crate) struct RowSource {
    /// By input, the alternatives of its cell; none: anything.
    pub(crate) cells: Vec<Vec<Text>>,
    pub(crate) effect: EffectSource,
    pub(crate) reason: Option<Text>,
    pub(crate) tags: Vec<String>,
    /// Where it begins.
    pub(crate) span: Range<usize>,
}

#[derive(Debug)]
pub(crate) struct ScorecardSource {
    pub(crate) name: Text,
    pub(crate) base: f64,
    pub(crate) parts: Vec<PartSource>,
}

#[derive(Debug)]
pub(crate) struct PartSource {
    pub(crate) name: Text,
    pub(crate) of: Text,
    pub(crate) points: PointsSource,
    pub(crate) missing: f64,
    pub(crate) reason: Option<Text>,
}

#[derive(Debug)]
pub(crate) enum PointsSource {
    /// Ascending; the last has no bound.
    Bins(Vec<BinSource>),
    /// Points of single values, and of all others.
    Values(Vec<(Text, f64)>, Option<f64>),
}

#[derive(Debug)]
pub(crate) struct BinSource {
    pub(crate) below: Option<f64>,
    pub(crate) points: f64,
}

/// An alarm; what could not be read is not there.
#[derive(Debug)]
pub(crate) struct AlarmSource {
    pub(crate) name: Text,
    pub(crate) of: Option<Text>,
    pub(crate) when: Option<Text>,
    pub(crate) reason: Option<Text>,
    pub(crate) tags: Vec<String>,
}

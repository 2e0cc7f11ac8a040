//! The engine: joins the journal and the state, and owns threads, clocks and the order of events.
//! Start at `core.rs` (`submit`, the walk of an event) and `serve.rs` (`recommend`, the walk of a request).

mod attribution;
mod backtest;
mod bell;
mod blob;
mod change;
mod checkpoint;
mod clock;
mod config;
mod core;
mod decide;
mod dry_run;
mod engine;
mod epochs;
mod explain;
mod extract;
mod follow;
mod gate;
mod generation;
mod housekeeping;
mod machine;
mod offline;
mod open;
mod outcomes;
mod page;
mod replay;
mod ring;
mod rules;
mod sequencer;
mod serve;
mod training;
mod trial;
mod view;

pub use crate::core::{Core, Submitted};
#[cfg(test)]
mod tests;

pub use attribution::{AttributionReport, By, FeedReport, Row, Share};
pub use backtest::{
    Backtest, BacktestAsked, BacktestError, Both, Counted, DecidedAs, Example, Group, JudgedScore, Kind, Labelled,
    Quality, Reason, RuleCounts, ScoreBins, SideCost, auc, average_precision, roc,
};
#[cfg(feature = "planted")]
pub use change::PlantedChange;
pub use change::{
    ChangeOutcome, ChangeStage, ChangeStarted, ChangeStatus, CompleteFrom, Completeness, Needs, PlannedChange,
    SpecVersion,
};
pub use checkpoint::machine_of_checkpoint;
pub use clock::Clock;
pub use config::{Config, Mode, Tell};
pub use decide::{
    Alarm, Decided, DecidedAgain, DecisionReport, GuardReport, GuardState, ReportCounts, ReviewAsked, ReviewCase,
    ReviewClosed, ReviewPage, ReviewQuery, ReviewVerb, Reviewed, RuleReport, ShadowReport, ShareReport, Telling,
    TierReport, Verdicts, WindowReport,
};
pub use decision::{
    DecisionExplanation, FactOfDecision, NearestChange, OperandOfRule, RuleOfDecision, ScoreStep, TermOfRule,
    TierOfDecision, Unindexed, WhyNot,
};
pub use decision::{
    EffectOfItem, End, Explanation, FiredEffect, GateOfJourney, ItemExplanation, Journey, ReadOfJourney,
    RouteOfJourney, ScoreOfJourney, TermOfItem,
};
pub use dry_run::{Acted, Asked, DryRun, Moved};
pub use engine::Engine;
pub use follow::Follower;
pub use gate::Wake;
pub use housekeeping::Housekeeping;
pub use machine::{Machine, Record};
pub use offline::{LogFile, ReplayReport};
pub use open::{OpenError, OpenReport};
pub use outcomes::{Asked as OutcomesAsked, Derived, Kinds, Outcome, OutcomeCursor, OutcomeReader, What, Which};
pub use page::{PageKey, page_key};
pub use replay::{Journeyed, Question, Replayed, recompute, strip};
pub use sequencer::Accepted;
pub use serve::Served;
pub use spec::plan::{Retry, Sink, SinkUrl};
pub use spec::{Diff, Plan, render as render_diagnostics};
pub use training::{
    Complete, Followed, Labels, Samples, TrainingAsked, TrainingError, TrainingReport, TrainingRow, TrainingSet,
};
pub use trial::{TrialRead, TrialResult};
pub use view::{EntityView, ListView, Status};

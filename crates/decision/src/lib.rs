//! The read half: a request, what is known about its subject, and an epoch of items and indexes make an answer.
//! Pure: the same inputs and the same recorded effort give the same answer, bit for bit. Start at `feed.rs`.

mod compare;
mod entity;
mod epoch;
mod explain;
mod facts;
mod feed;
mod journey;
mod pace;
mod pair;
mod query;
mod reads;
mod rules;
mod ruleset;
mod scratch;
#[cfg(test)]
mod world;

pub use compare::compare;
pub use entity::features_of;
pub use epoch::{Epoch, EpochSnapshot, ItemView};
pub use explain::{EffectOfItem, Explanation, ItemExplanation, RouteExplanation, RouteOfItem, TermOfItem, explain};
pub use expr::Texts;
pub use feed::{ReadSlot, Trace, answer, row_of};
pub use journey::{End, GateOfJourney, Journey, ReadOfJourney, RouteOfJourney, ScoreOfJourney, Show};
pub use pace::{Budget, Pace};
pub use pair::{HalfRead, Pair, PairReads, PairValue, pair_values};
pub use query::{Names, Query, pinned};
pub use rules::Rules;
pub use ruleset::{
    DecisionExplanation, FactOfDecision, NearestChange, OperandOfRule, RuleOfDecision, ScoreStep, TermOfRule,
    TierOfDecision, WhyNot, explain_decision,
};
pub use ruleset::{
    Facts, Fired, FiredEffect, FiredRules, Ruleset, RulesetScratch, Rulesets, Told, Unindexed, Verdict, decide,
    outcome_with, reason, said,
};
pub use scratch::Scratch;

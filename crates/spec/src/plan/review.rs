//! What becomes of decisions after they are made: which wait for a person, and which changes of the spec are taken back.

use domain::{Raw, Span};

/// Which decisions wait for a person, and what a person can say of them.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionReview {
    /// Outcomes that wait: indexes into `Decision::outcomes`, ascending.
    pub outcomes: Vec<u16>,
    /// How long a claim holds, by log time.
    pub claim: Span,
    /// In the spec's order.
    pub answers: Vec<ReviewAnswer>,
}

/// What a person can say of a decision.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewAnswer {
    /// What it is called.
    pub name: String,
    /// What it sets of the label event: fields and their values.
    pub sets: Vec<(String, Raw<'static>)>,
}

/// What must not happen to the share of an outcome when the spec changes or a rule is rolled out.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// Index into `Decision::outcomes`.
    pub outcome: u16,
    /// By how much the share of the outcome may grow, as a part of all decisions: 0.08 is eight percentage points.
    pub share_up: f64,
    /// How long a change is watched, and how much of the time before it is looked at, by log time.
    pub over: Span,
    /// Decisions that each side must have before they are compared.
    pub min: u64,
    /// What the share is compared with.
    pub against: GuardAgainst,
    /// What is done when it is broken.
    pub then: GuardAction,
}

/// What the share of an outcome is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardAgainst {
    /// The share before the last change of the spec.
    PreviousPlan,
    /// The share among the entities that a rule is not rolled out to.
    Rest {
        /// The rule, which has a `share`.
        rule: String,
        /// Its fact (`FactSource::Share`).
        share: u16,
    },
}

/// What is done when a guard is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardAction {
    /// The spec before comes into force again.
    Rollback,
    /// Every `share` of the decision is held at what it was in the spec before.
    Freeze,
}

impl GuardAction {
    /// As specs say it.
    pub fn as_str(self) -> &'static str {
        match self {
            GuardAction::Rollback => "rollback",
            GuardAction::Freeze => "freeze",
        }
    }
}

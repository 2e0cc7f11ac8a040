//! What becomes of decisions after they are made, as the log has it: what a person does with one that waits for a person, and which
//! callers were given a fallback instead.

use crate::{DecisionId, Span};
use std::borrow::Cow;

/// One act of a person on one case of the review queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review<'a> {
    /// The decided event.
    pub case: DecisionId,
    /// The decision's name: one event may be decided by several.
    pub decision: Cow<'a, str>,
    /// Who acts.
    pub by: Cow<'a, str>,
    /// What they do.
    pub act: ReviewAct<'a>,
}

/// What a person does with a case. That it was allowed was judged before it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewAct<'a> {
    /// Takes it, or goes on having it, until `lease` of log time has passed.
    Claim {
        /// For how long.
        lease: Span,
    },
    /// Gives it back undecided.
    Release,
    /// Answers it, which closes it. The label event that follows from the answer stands right before in the log.
    Decide {
        /// One of the answers that the spec declares.
        answer: Cow<'a, str>,
        /// Why, in the person's words.
        reason: Cow<'a, str>,
    },
}

/// Callers were given a decision's declared fallback, since their deadline passed before what was decided could leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbacksGiven<'a> {
    /// The decision's name.
    pub decision: Cow<'a, str>,
    /// The decided events.
    pub on: Vec<DecisionId>,
}

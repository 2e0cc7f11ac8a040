//! What a person does with a decision that waits for one, as the log has it.

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

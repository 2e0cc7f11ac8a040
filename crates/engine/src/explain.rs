//! Why an answer is what it is, from its record and the plan that made it.

use crate::core::Core;
use decision::Explanation;
use domain::{Answer, DecisionId, Refusal};
use journal::Disk;

impl<D: Disk> Core<D> {
    /// Explains a recorded decision: routes, terms, removals, effort.
    pub fn explain(&self, id: DecisionId) -> Result<Explanation, Refusal> {
        let answer = self.decision(id)?;
        self.explain_answer(&answer)
    }

    /// Explains an answer.
    pub fn explain_answer(&self, answer: &Answer) -> Result<Explanation, Refusal> {
        Ok(decision::explain(&*self.plan_of(answer.plan)?, answer))
    }
}

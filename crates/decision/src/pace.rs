//! How much of the pipeline runs: live under a budget, or again exactly as it was recorded.
//! The budget is the only thing an answer depends on that is not in the log; so what it allowed is in the answer.

use domain::Effort;

/// How many candidates are scored at once, between two looks at the budget.
pub(crate) const BLOCK: usize = expr::BLOCK_ROWS;

/// The time left for an answer.
pub trait Budget {
    /// Whether it is used up. Once it was, the pipeline does not ask again.
    fn spent(&mut self) -> bool;

    /// Whether it never is. Then all is done, and nothing needs to be ordered by what must be done first.
    fn is_endless(&self) -> bool {
        false
    }
}

/// Who says when to stop.
pub enum Pace<'a> {
    /// A budget, asked between routes, before every block of 64 candidates to score, and before the reranker.
    Live(&'a mut dyn Budget),
    /// A record of what was done, obeyed without any budget.
    Replay(Effort),
}

/// Counts what is done and says what may still be done.
pub(crate) struct Meter<'a> {
    pace: Pace<'a>,
    spent: bool,
    done: Effort,
    /// How many routes of `done` were off.
    passed: u16,
}

impl<'a> Meter<'a> {
    /// Nothing is done yet.
    pub(crate) fn new(pace: Pace<'a>) -> Meter<'a> {
        Meter { pace, spent: false, done: Effort::default(), passed: 0 }
    }

    /// Whether the next route may run. Live, the first always does: an answer that is late is better than none.
    pub(crate) fn next_route(&mut self) -> bool {
        let may = match self.recorded() {
            Some(effort) => self.done.routes_run < effort.routes_run,
            None => self.done.routes_run == self.passed || self.in_time(),
        };
        self.done.routes_run += u16::from(may);
        may
    }

    /// Notes a route that is off: it counts as one of those that had their time.
    pub(crate) fn pass_route(&mut self) {
        self.done.routes_run += 1;
        self.passed += 1;
    }

    /// How many of the `left` candidates are scored next: at most a block, 0 to stop.
    pub(crate) fn next_block(&mut self, left: usize) -> usize {
        let block = left.min(BLOCK);
        let may = match self.recorded() {
            Some(effort) => {
                block.min(usize::from(effort.candidates_scored.saturating_sub(self.done.candidates_scored)))
            }
            None if block > 0 && self.in_time() => block,
            None => 0,
        };
        self.done.candidates_scored += may as u16;
        may
    }

    /// Whether all of so many candidates will be scored, if any are.
    pub(crate) fn scores_all(&self, count: usize) -> bool {
        match &self.pace {
            Pace::Replay(effort) => usize::from(effort.candidates_scored) >= count,
            Pace::Live(budget) => budget.is_endless(),
        }
    }

    /// Whether the reranker may run.
    pub(crate) fn rerank(&mut self) -> bool {
        self.done.reranked = match self.recorded() {
            Some(effort) => effort.reranked,
            None => self.in_time(),
        };
        self.done.reranked
    }

    /// What was done.
    pub(crate) fn effort(&self) -> Effort {
        self.done
    }

    fn recorded(&self) -> Option<Effort> {
        match self.pace {
            Pace::Replay(effort) => Some(effort),
            Pace::Live(_) => None,
        }
    }

    fn in_time(&mut self) -> bool {
        if let Pace::Live(budget) = &mut self.pace
            && !self.spent
        {
            self.spent = budget.spent();
        }
        !self.spent
    }
}

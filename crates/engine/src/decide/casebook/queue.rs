//! Cases: decisions that wait for a person, and for a while those that were decided.

use domain::{Code, DecisionId, PlanVersion, Position, Refusal, Review, ReviewAct, Time, limits};
use std::collections::{BTreeMap, VecDeque};

/// The decided event's position, and whose tally the decision has.
pub(crate) type CaseKey = (Position, u16);

/// A decision that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    /// Who wrote the event: with its position the decision's id.
    pub(crate) epoch: u32,
    pub(crate) version: PlanVersion,
    /// As the tally numbers them.
    pub(crate) outcome: u16,
    pub(crate) tier: Option<u16>,
    pub(crate) score: f64,
    /// The log's time at the event.
    pub(crate) log_time: Time,
    /// The client's id of the event.
    pub(crate) client: Option<Box<str>>,
    /// What the rules that fired say.
    pub(crate) said: Box<str>,
    pub(crate) claimed: Option<Claimed>,
}

/// Who has a case, and until when of log time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) by: Box<str>,
    pub(crate) until: Time,
}

/// A case that was decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Closed {
    pub(crate) case: Case,
    pub(crate) by: Box<str>,
    pub(crate) at: Time,
    pub(crate) answer: Box<str>,
    pub(crate) reason: Box<str>,
}

/// Open cases, the oldest first, and decided ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Queue {
    pub(crate) open: BTreeMap<CaseKey, Case>,
    pub(crate) closed: BTreeMap<CaseKey, Closed>,
    /// Of the decided ones, in the order of their decisions.
    pub(crate) order: VecDeque<CaseKey>,
    /// Cases that gave way undecided.
    pub(crate) gave_way: u64,
}

impl Case {
    /// Who has it at an instant.
    pub(crate) fn held(&self, now: Time) -> Option<&Claimed> {
        self.claimed.as_ref().filter(|claimed| claimed.until > now)
    }

    pub(crate) fn id(&self, position: Position) -> DecisionId {
        DecisionId { epoch: self.epoch, position }
    }
}

impl Queue {
    /// One more; the oldest gives way.
    pub(crate) fn open(&mut self, key: CaseKey, case: Case) {
        self.open.insert(key, case);
        while self.open.len() > limits::REVIEWS_OPEN_MAX {
            self.open.pop_first();
            self.gave_way += 1;
        }
    }

    /// Whether a person may do this now.
    ///
    /// # Errors
    /// `unknown_review`; `review_decided`, `review_claimed`, each with who and when.
    pub(crate) fn judge(&self, key: Option<CaseKey>, review: &Review<'_>, now: Time) -> Result<&Case, Refusal> {
        let case = key.and_then(|key| self.open.get(&key)).filter(|case| case.epoch == review.case.epoch);
        let Some(case) = case else {
            let closed = key.and_then(|key| self.closed.get(&key));
            return Err(closed
                .filter(|of| of.case.epoch == review.case.epoch)
                .map_or_else(|| unknown(review), decided));
        };
        match case.held(now) {
            Some(held) if *held.by != *review.by => Err(claimed(held)),
            _ => Ok(case),
        }
    }

    /// A person did this, as was judged right.
    pub(crate) fn apply(&mut self, key: CaseKey, review: &Review<'_>, log_time: Time) {
        match &review.act {
            ReviewAct::Claim { lease } => {
                if let Some(case) = self.open.get_mut(&key) {
                    case.claimed = Some(Claimed { by: (*review.by).into(), until: log_time.plus(*lease) });
                }
            }
            ReviewAct::Release => {
                self.open.get_mut(&key).into_iter().for_each(|case| case.claimed = None);
            }
            ReviewAct::Decide { answer, reason } => {
                if let Some(case) = self.open.remove(&key) {
                    let (by, answer, reason) = ((*review.by).into(), (**answer).into(), (**reason).into());
                    self.close(key, Closed { case, by, at: log_time, answer, reason });
                }
            }
        }
    }

    fn close(&mut self, key: CaseKey, closed: Closed) {
        let now = closed.at;
        self.closed.insert(key, closed);
        self.order.push_back(key);
        while let Some(oldest) = self.order.front() {
            let of = self.closed.get(oldest);
            let late = of.is_none_or(|of| now.since(of.at) > limits::REVIEWS_CLOSED_FOR);
            if !late && self.order.len() <= limits::REVIEWS_CLOSED_MAX {
                return;
            }
            self.closed.remove(oldest);
            self.order.pop_front();
        }
    }
}

fn unknown(review: &Review<'_>) -> Refusal {
    let message = format!(
        "no case {} of '{}' waits for a person or was decided lately; list those that wait",
        review.case, review.decision
    );
    Refusal::new(Code::UnknownReview, "case", message)
}

fn decided(closed: &Closed) -> Refusal {
    let message = format!(
        "{} decided this case at {}: {} ({}); nothing was changed",
        closed.by, closed.at, closed.answer, closed.reason
    );
    Refusal::new(Code::ReviewDecided, "case", message)
}

fn claimed(held: &Claimed) -> Refusal {
    let message = format!("{} has this case until {}; take another one", held.by, held.until);
    Refusal::new(Code::ReviewClaimed, "by", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Span;

    fn case() -> Case {
        let said = "".into();
        let (version, log_time) = (PlanVersion(1), Time(0));
        Case { epoch: 1, version, outcome: 0, tier: None, score: 0.5, log_time, client: None, said, claimed: None }
    }

    fn decided(position: u64) -> (CaseKey, Review<'static>) {
        let case = DecisionId { epoch: 1, position: Position(position) };
        let act = ReviewAct::Decide { answer: "fine".into(), reason: "so".into() };
        ((Position(position), 0), Review { case, decision: "risk".into(), by: "anna".into(), act })
    }

    #[test]
    fn what_waits_and_what_is_remembered_is_bounded() {
        let mut queue = Queue::default();
        let most = limits::REVIEWS_OPEN_MAX as u64;
        (1..=most + 5).for_each(|at| queue.open((Position(at), 0), case()));
        assert_eq!((queue.open.len() as u64, queue.gave_way), (most, 5));
        assert_eq!(queue.open.first_key_value().map(|(key, _)| key.0), Some(Position(6)));
        let closed = limits::REVIEWS_CLOSED_MAX as u64;
        for at in 6..6 + closed + 3 {
            let (key, review) = decided(at);
            queue.apply(key, &review, Time(at as i64));
        }
        assert_eq!((queue.closed.len() as u64, queue.order.len() as u64), (closed, closed));
        // A month later the next decision is all that is remembered.
        let (key, review) = decided(6 + closed + 3);
        queue.apply(key, &review, Time(0).plus(limits::REVIEWS_CLOSED_FOR).plus(Span(1_000_000_000)));
        assert_eq!((queue.closed.len(), queue.order.len()), (1, 1));
        // What has given way, or was decided, is left alone.
        let before = queue.clone();
        for at in [1, 7] {
            let (key, review) = decided(at);
            queue.apply(key, &review, Time(9));
        }
        assert_eq!(queue, before);
    }
}

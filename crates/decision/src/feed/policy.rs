//! Policies: what the feed's operator asks for beside the score. They remove with the filters, change scores after ranking and
//! place items after reranking; which wins over which stands in docs/spec.md.

mod placement;
mod removal;

pub(crate) use placement::Placement;
pub(super) use placement::{Placing, start};
pub(super) use removal::{Removing, counted};

use super::View;
use super::features::{Filling, Routes};
use crate::facts::Test;
use crate::scratch::Scratch;
use domain::{Change, Effect, FeedRequest, Step, Subject, Time};
use spec::plan::{Action, Feed, Policy};

/// Which policies of a feed act in one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InForce {
    /// A bit per policy: `limits::POLICIES_MAX` of them.
    acting: u64,
    /// Whether the subject is held out.
    pub(crate) holdout: bool,
    /// Whether some change scores.
    pub(crate) scales: bool,
    /// How many pin.
    pub(crate) pins: u16,
    /// Whether some keep items apart.
    apart: bool,
}

impl InForce {
    /// Those whose time it is; for a subject who is held out only those that remove.
    pub(crate) fn of(feed: &Feed, request: &FeedRequest, now: Time) -> InForce {
        let holdout = match (&feed.holdout, &request.subject) {
            (Some(holdout), Subject::User(key)) => holdout.holds(key),
            _ => false,
        };
        let mut in_force = InForce { holdout, ..InForce::default() };
        for (index, policy) in feed.policies.iter().enumerate().filter(|(_, policy)| policy.is_in_force(now)) {
            let removes = matches!(policy.action, Action::Block | Action::Allow | Action::Cap(_) | Action::Quota(_));
            if holdout && !removes {
                continue;
            }
            in_force.acting |= 1 << index;
            match policy.action {
                Action::Scale(_) => in_force.scales = true,
                Action::Pin(_) => in_force.pins += 1,
                Action::NeverFollow(_) => in_force.apart = true,
                Action::Block | Action::Allow | Action::Cap(_) | Action::Quota(_) => {}
            }
        }
        in_force
    }

    /// Whether the policy of this number acts.
    fn acts(self, index: usize) -> bool {
        self.acting >> index & 1 == 1
    }

    /// The policies that act, with their numbers.
    fn policies(self, feed: &Feed) -> impl Iterator<Item = (usize, &Policy)> {
        feed.policies.iter().enumerate().filter(move |(index, _)| self.acts(*index))
    }
}

/// Boosts and buries the first `scored` candidates: each policy in turn changes the score that the one before it left.
pub(super) fn scale(view: &View<'_>, scored: usize, scratch: &mut Scratch) {
    scratch.scaled.clear();
    if !view.policies.scales {
        return;
    }
    let Scratch { candidates, routes, best, row, scaled: effects, .. } = scratch;
    let filling = Filling::new(view, &view.reads.policies.scale, row);
    let acting = view.policies.policies(view.feed).filter_map(|(index, policy)| {
        let Action::Scale(by) = policy.action else { return None };
        Some((index as u16, by, Test::new(policy.when.as_ref(), view.reads.policies.facts[index][0], view.texts)))
    });
    let acting: Vec<(u16, f64, Test<'_>)> = acting.collect();
    // Where all of them are facts, their bits: most candidates have none.
    let any = acting.iter().try_fold(0, |any, (_, _, when)| Some(any | when.bit()?));
    for (at, candidate) in candidates.iter_mut().enumerate().take(scored) {
        let facts = view.epoch.facts(candidate.item);
        if any.is_some_and(|any| facts & any == 0) {
            continue;
        }
        filling.fill(candidate, Routes { hits: routes, best }, row);
        for &(index, by, when) in &acting {
            if when.holds(facts, row) {
                candidate.score = scaled(candidate.score, by);
                effects.push((at, Effect { step: Step::Policy(index), change: Change::Scaled(by) }));
            }
        }
    }
}

/// `score + |score| * (by - 1)`, which raises a score of either sign where `by` is above 1. What overflows is the largest or the
/// lowest finite score; the lowest one stays, since it stands for a score that overflowed.
pub(crate) fn scaled(score: f64, by: f64) -> f64 {
    if score == f64::MIN { score } else { (score + score.abs() * (by - 1.0)).clamp(f64::MIN, f64::MAX) }
}

/// Appends what was done to a candidate: by boosts, by rerankers (to a pinned one nothing that counts), by the placement, in this
/// order.
pub(super) fn add_effects(scratch: &Scratch, index: usize, effects: &mut Vec<Effect>) {
    let first = scratch.scaled.partition_point(|(of, _)| *of < index);
    effects.extend(scratch.scaled[first..].iter().take_while(|(of, _)| *of == index).map(|(_, effect)| *effect));
    if !scratch.placement.is_pinned(index) {
        scratch.chain.add_effects(index, effects);
    }
    effects.extend(scratch.placement.effects(index));
}

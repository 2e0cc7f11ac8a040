//! Policies: what the feed's operator asks for beside the score. They remove with the filters, change scores after ranking and
//! place items after reranking; which wins over which stands in docs/spec.md.

mod placement;

pub(crate) use placement::Placement;
pub(super) use placement::{Placing, start};

use super::features::{Filling, Routes};
use super::{Candidate, View};
use crate::scratch::Scratch;
use domain::{Change, Effect, FeedRequest, Step, Subject, Time, Value};
use spec::plan::{Action, Cap, Feed, Policy, Quota, SlotIndex};

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

/// The policies that remove, ready for one candidate after another.
pub(super) struct Removing<'v>(Filling<'v>);

impl<'v> Removing<'v> {
    /// Those of the feed.
    pub(super) fn new(view: &'v View<'v>, row: &mut [Value]) -> Removing<'v> {
        Removing(Filling::new(view, &view.reads.policies.removal, row))
    }

    /// The first policy, by precedence, that removes the candidate.
    pub(super) fn first(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        found: Routes<'_>,
        row: &mut [Value],
    ) -> Option<usize> {
        let removing = view.reads.policies.removing.iter().map(|&index| usize::from(index));
        let mut acting = removing.filter(|&index| view.policies.acts(index)).peekable();
        if acting.peek().is_some() {
            self.0.fill(candidate, found, row);
        }
        acting.find(|&index| removes(view, &view.feed.policies[index], candidate, row))
    }

    /// Every policy that removes and acts, by precedence, and whether it removes the candidate, whose slots are then filled.
    pub(super) fn each(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        found: Routes<'_>,
        row: &mut [Value],
    ) -> Vec<(usize, bool)> {
        let removing = view.reads.policies.removing.iter().map(|&index| usize::from(index));
        self.0.fill(candidate, found, row);
        let acting = removing.filter(|&index| view.policies.acts(index));
        acting.map(|index| (index, removes(view, &view.feed.policies[index], candidate, row))).collect()
    }
}

/// Whether a policy removes a candidate whose slots are filled.
fn removes(view: &View<'_>, policy: &Policy, candidate: &Candidate, row: &[Value]) -> bool {
    let meets = policy.when.as_ref().is_none_or(|when| when.eval_bool(row));
    match &policy.action {
        Action::Block => meets,
        Action::Allow => !meets,
        Action::Cap(cap) => meets && is_capped(view, *cap, row),
        Action::Quota(quota) => meets && is_used_up(view, *quota, candidate),
        Action::Scale(_) | Action::Pin(_) | Action::NeverFollow(_) => false,
    }
}

/// The slot of what a cap counts.
pub(super) fn counted(view: &View<'_>, policy: &Policy) -> Option<SlotIndex> {
    let Action::Cap(cap) = &policy.action else { return None };
    Some(view.plan.aggregates[usize::from(cap.aggregate)].slot)
}

/// Whether the user has been shown it often enough; its row is filled.
fn is_capped(view: &View<'_>, cap: Cap, row: &[Value]) -> bool {
    let slot = view.plan.aggregates[usize::from(cap.aggregate)].slot;
    row[usize::from(slot)].as_f64().is_some_and(|shown| shown >= f64::from(cap.impressions))
}

/// Whether everybody together has been shown it often enough.
fn is_used_up(view: &View<'_>, quota: Quota, candidate: &Candidate) -> bool {
    let of = &view.plan.quotas[usize::from(quota.count)];
    let counted = view.epoch.counted(quota.count, candidate.item, view.now);
    counted.is_some_and(|counted| quota.is_reached(counted, of.elapsed(view.now), of.window))
}

/// Boosts and buries the first `scored` candidates: each policy in turn changes the score that the one before it left.
pub(super) fn scale(view: &View<'_>, scored: usize, scratch: &mut Scratch) {
    scratch.scaled.clear();
    if !view.policies.scales {
        return;
    }
    let Scratch { candidates, routes, best, row, scaled: effects, .. } = scratch;
    let filling = Filling::new(view, &view.reads.policies.scale, row);
    for (at, candidate) in candidates.iter_mut().enumerate().take(scored) {
        filling.fill(candidate, Routes { hits: routes, best }, row);
        for (index, policy) in view.policies.policies(view.feed) {
            let Action::Scale(by) = policy.action else { continue };
            if policy.when.as_ref().is_none_or(|when| when.eval_bool(row)) {
                candidate.score = scaled(candidate.score, by);
                effects.push((at, Effect { step: Step::Policy(index as u16), change: Change::Scaled(by) }));
            }
        }
    }
}

/// `score + |score| * (by - 1)`, which raises a score of either sign where `by` is above 1. What overflows is the largest or the
/// lowest finite score; the lowest one stays, since it stands for a score that overflowed.
pub(crate) fn scaled(score: f64, by: f64) -> f64 {
    if score == f64::MIN { score } else { (score + score.abs() * (by - 1.0)).clamp(f64::MIN, f64::MAX) }
}

/// What was done to a candidate: by boosts, by rerankers (to a pinned one nothing that counts), by the placement, in this order.
pub(super) fn effects(scratch: &Scratch, index: usize) -> Vec<Effect> {
    let first = scratch.scaled.partition_point(|(of, _)| *of < index);
    let scaled = scratch.scaled[first..].iter().take_while(|(of, _)| *of == index).map(|(_, effect)| *effect);
    let pinned = scratch.placement.is_pinned(index);
    let reranked = if pinned { Vec::new() } else { scratch.chain.effects(index) };
    scaled.chain(reranked).chain(scratch.placement.effects(index)).collect()
}

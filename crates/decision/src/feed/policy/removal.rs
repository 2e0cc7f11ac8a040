//! The policies that remove: what blocks, what allows, caps and quotas, made ready for one candidate after another.

use super::super::features::{CrossBy, Filling, Routes};
use super::super::{Candidate, View};
use crate::facts::{Required, Test};
use domain::{Span, Value};
use spec::plan::{Action, Policy, Quota, SlotIndex};
use state::{CrossedValue, QuotaReading};

/// Those of a feed that act, by precedence.
pub(in super::super) struct Removing<'v> {
    view: &'v View<'v>,
    /// What conditions read that are no facts.
    filling: Filling<'v>,
    policies: Vec<Acting<'v>>,
}

/// One policy.
struct Acting<'v> {
    index: usize,
    when: Test<'v>,
    does: Does<'v>,
}

/// What it does where its condition holds.
enum Does<'v> {
    Block,
    Allow,
    Cap(Capped<'v>),
    Quota(UsedUp<'v>),
}

/// Most impressions per user.
struct Capped<'v> {
    counts: Counts<'v>,
    by: CrossBy<'v>,
    most: f64,
}

/// What the user was shown how often.
enum Counts<'v> {
    /// Nothing.
    None,
    /// Little: so what was shown often enough is known, by ascending key.
    Few(Vec<u32>),
    /// So much that each candidate is looked up.
    Many(CrossedValue<'v>),
}

/// Rows that are all read before the first candidate comes; in tests few, so that both ways are taken.
const FEW: usize = if cfg!(test) { 3 } else { 128 };

/// Values of a quota that are all read before the first candidate comes, since mostly none is used up; in tests few, so that both
/// ways are taken.
const COUNTED_FEW: usize = if cfg!(test) { 64 } else { 256 };

/// Most impressions for everybody together.
struct UsedUp<'v> {
    /// None if nothing is used up.
    counts: Option<QuotaReading<'v>>,
    quota: Quota,
    elapsed: Span,
    window: Span,
}

impl<'v> Removing<'v> {
    /// Those of the feed that can remove anything.
    pub(in super::super) fn new(view: &'v View<'v>, row: &mut [Value]) -> Removing<'v> {
        let mut removing = Removing::all(view, row);
        removing.policies.retain(|policy| !policy.is_idle());
        removing
    }

    /// All of the feed.
    pub(in super::super) fn all(view: &'v View<'v>, row: &mut [Value]) -> Removing<'v> {
        let reads = &view.reads.policies;
        let acting = reads.removing.iter().map(|&index| usize::from(index)).filter(|&index| view.policies.acts(index));
        let policies = acting.filter_map(|index| {
            let policy = &view.feed.policies[index];
            let when = Test::new(policy.when.as_ref(), reads.facts[index][0], view.texts);
            Some(Acting { index, when, does: Does::of(view, policy)? })
        });
        Removing { view, filling: Filling::new(view, &reads.removal, row), policies: policies.collect() }
    }

    /// What of a candidate's facts is enough for none to remove it; none if more than facts is asked.
    pub(in super::super) fn required(&self) -> Option<Required> {
        self.policies.iter().try_fold(Required::default(), |required, policy| {
            let bit = policy.when.bit()?;
            match policy.does {
                Does::Block => Some(Required { fails: required.fails | bit, ..required }),
                Does::Allow => Some(Required { holds: required.holds | bit, ..required }),
                Does::Cap(_) | Does::Quota(_) => None,
            }
        })
    }

    /// The first policy, by precedence, that removes the candidate.
    pub(in super::super) fn first(&self, candidate: &Candidate, found: Routes<'_>, row: &mut [Value]) -> Option<usize> {
        if self.policies.is_empty() {
            return None;
        }
        self.filling.fill(candidate, found, row);
        let facts = self.view.epoch.facts(candidate.item);
        self.policies.iter().find(|policy| policy.removes(facts, candidate, row)).map(|policy| policy.index)
    }

    /// Every policy that removes and acts, by precedence, and whether it removes the candidate. All that they read and count by
    /// is then in the row.
    pub(in super::super) fn each(
        &self,
        candidate: &Candidate,
        found: Routes<'_>,
        row: &mut [Value],
    ) -> Vec<(usize, bool)> {
        Filling::new(self.view, &self.view.reads.policies.told, row).fill(candidate, found, row);
        let facts = self.view.epoch.facts(candidate.item);
        self.policies.iter().map(|policy| (policy.index, policy.removes(facts, candidate, row))).collect()
    }
}

impl<'v> Does<'v> {
    /// What a policy does; none if it does not remove.
    fn of(view: &'v View<'v>, policy: &'v Policy) -> Option<Does<'v>> {
        Some(match &policy.action {
            Action::Block => Does::Block,
            Action::Allow => Does::Allow,
            Action::Cap(cap) => {
                let table =
                    view.plan.streams[usize::from(view.plan.aggregates[usize::from(cap.aggregate)].stream)].table;
                let rows = view.query.rows.as_ref();
                let (by, most) = (CrossBy::new(view, table), f64::from(cap.impressions));
                let counts = match rows.and_then(|rows| rows.crossed_value(cap.aggregate, view.now)) {
                    None => Counts::None,
                    Some(counts) if counts.rows() > FEW => Counts::Many(counts),
                    Some(counts) => {
                        let reached = counts.all().filter(|(_, shown)| is_enough(shown, most));
                        Counts::Few(reached.map(|(key, _)| key).collect())
                    }
                };
                Does::Cap(Capped { counts, by, most })
            }
            Action::Quota(quota) => {
                let of = &view.plan.quotas[usize::from(quota.count)];
                let (elapsed, window) = (of.elapsed(view.now), of.window);
                let is_reached = |counted| quota.is_reached(counted, elapsed, window);
                let counts = view.epoch.quota(quota.count, view.now);
                let counts = counts.filter(|counts| counts.may_have(COUNTED_FEW, is_reached));
                Does::Quota(UsedUp { counts, quota: *quota, elapsed, window })
            }
            Action::Scale(_) | Action::Pin(_) | Action::NeverFollow(_) => return None,
        })
    }
}

impl Acting<'_> {
    /// Whether it removes nothing, whatever comes.
    fn is_idle(&self) -> bool {
        match &self.does {
            Does::Block => false,
            Does::Allow => matches!(self.when, Test::Always),
            Does::Cap(cap) => match &cap.counts {
                Counts::None => true,
                Counts::Few(reached) => reached.is_empty(),
                Counts::Many(_) => false,
            },
            Does::Quota(quota) => quota.counts.is_none(),
        }
    }

    /// Whether it removes a candidate with these facts, whose slots are filled.
    fn removes(&self, facts: u64, candidate: &Candidate, row: &[Value]) -> bool {
        match &self.does {
            Does::Block => self.when.holds(facts, row),
            Does::Allow => !self.when.holds(facts, row),
            Does::Cap(cap) => cap.is_reached(candidate) && self.when.holds(facts, row),
            Does::Quota(quota) => quota.is_reached(candidate) && self.when.holds(facts, row),
        }
    }
}

impl Capped<'_> {
    /// Whether the user has been shown it often enough, which is once at least.
    fn is_reached(&self, candidate: &Candidate) -> bool {
        match &self.counts {
            Counts::None => false,
            Counts::Few(reached) => reached.binary_search(&self.by.key(candidate.item)).is_ok(),
            Counts::Many(counts) => is_enough(&counts.of(self.by.key(candidate.item)), self.most),
        }
    }
}

fn is_enough(shown: &Value, most: f64) -> bool {
    shown.as_f64().is_some_and(|shown| shown >= most)
}

impl UsedUp<'_> {
    /// Whether everybody together has been shown it often enough.
    fn is_reached(&self, candidate: &Candidate) -> bool {
        let counted = self.counts.as_ref().and_then(|counts| counts.counted(candidate.item));
        counted.is_some_and(|counted| self.quota.is_reached(counted, self.elapsed, self.window))
    }
}

/// The slot of what a cap counts.
pub(in super::super) fn counted(view: &View<'_>, policy: &Policy) -> Option<SlotIndex> {
    let Action::Cap(cap) = &policy.action else { return None };
    Some(view.plan.aggregates[usize::from(cap.aggregate)].slot)
}

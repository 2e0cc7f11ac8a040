//! What guards watch: the share of an outcome since the spec changed, and what it was before. What is compared with is the last version
//! that held out for as long as its guards ask: a change that follows before that does not take the place of it.

use domain::{PlanVersion, Position, Time};
use spec::plan::{Guard, GuardAgainst};

/// How often an outcome came out, and how many decisions there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hits {
    pub(crate) hits: u64,
    pub(crate) all: u64,
}

impl Hits {
    pub(crate) fn share(&self) -> f64 {
        if self.all == 0 { 0.0 } else { self.hits as f64 / self.all as f64 }
    }

    fn count(&mut self, hit: bool) {
        self.all += 1;
        self.hits += u64::from(hit);
    }
}

/// What one guard has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GuardCount {
    /// Before the change, or the rest.
    pub(crate) before: Hits,
    /// Since, or the part that a rule is rolled out to.
    pub(crate) now: Hits,
    /// When counting began.
    pub(crate) since: Time,
    /// It was watched for long enough, and held.
    pub(crate) passed: bool,
}

/// The version that is gone back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) version: PlanVersion,
    /// The first bytes of its digest.
    pub(crate) plan: u64,
}

/// A guard was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// Index into `Decision::guards`.
    pub(crate) guard: u16,
    /// The decision that broke it.
    pub(crate) position: Position,
    pub(crate) log_time: Time,
    /// In a sentence.
    pub(crate) said: Box<str>,
}

/// One decision's version under watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watch {
    /// 0: nothing has been decided yet.
    pub(crate) version: PlanVersion,
    pub(crate) plan: u64,
    pub(crate) before: Option<Before>,
    /// By index into `Decision::guards`.
    pub(crate) guards: Vec<GuardCount>,
    /// Whether all guards against the plan before have held.
    pub(crate) passed: bool,
    /// Guards that are broken, each once, in the order in which they were.
    pub(crate) breaches: Vec<Breach>,
    /// The last one of any version.
    pub(crate) last: Option<(PlanVersion, Breach)>,
}

impl Watch {
    /// Another version is in force. `share` says of a plan how often an outcome came out of late, over a guard's span.
    pub(crate) fn turn(
        &mut self,
        (version, plan): (PlanVersion, u64),
        guards: &[Guard],
        log_time: Time,
        share: impl Fn(u64, &Guard) -> (u64, u64),
    ) {
        if self.version == version {
            return;
        }
        if self.version.0 > 0 && (self.passed || self.before.is_none()) {
            self.before = Some(Before { version: self.version, plan: self.plan });
        }
        // The version before again: nothing is to be compared.
        self.before = self.before.filter(|before| before.plan != plan);
        (self.version, self.plan) = (version, plan);
        self.breaches.clear();
        let before = self.before;
        let count = guards.iter().map(|guard| {
            let against_plan = guard.against == GuardAgainst::PreviousPlan;
            let (hits, all) = before.filter(|_| against_plan).map_or((0, 0), |before| share(before.plan, guard));
            let passed = against_plan && before.is_none();
            GuardCount { before: Hits { hits, all }, now: Hits::default(), since: log_time, passed }
        });
        self.guards = count.collect();
        self.note_passed(guards);
    }

    fn note_passed(&mut self, guards: &[Guard]) {
        let mut of_plan = guards.iter().zip(&self.guards).filter(|(of, _)| of.against == GuardAgainst::PreviousPlan);
        self.passed = self.breaches.is_empty() && of_plan.all(|(_, count)| count.passed);
    }

    /// Whether a guard is broken. It stays so, with the counts that broke it, until its version gives way.
    pub(crate) fn is_broken(&self, guard: u16) -> bool {
        self.breaches.iter().any(|breach| breach.guard == guard)
    }

    /// One decision. `is_in` says of a rule's share whether the decided event's entity is in it.
    pub(crate) fn count(
        &mut self,
        guards: &[Guard],
        outcome: u16,
        (position, log_time): (Position, Time),
        is_in: impl Fn(u16) -> bool,
    ) {
        let mut turned = false;
        let breaches = &mut self.breaches;
        for ((guard, count), at) in guards.iter().zip(&mut self.guards).zip(0..) {
            if breaches.iter().any(|breach| breach.guard == at) {
                continue;
            }
            let hit = outcome == guard.outcome;
            let broken = match &guard.against {
                GuardAgainst::PreviousPlan if count.passed => continue,
                GuardAgainst::PreviousPlan => {
                    count.now.count(hit);
                    let compared = count.now.all >= guard.min && count.before.all >= guard.min;
                    let over = log_time.since(count.since) >= guard.over && count.now.all >= guard.min;
                    let broken = compared && count.now.share() > count.before.share() + guard.share_up;
                    count.passed = over && !broken;
                    turned |= count.passed;
                    broken
                }
                GuardAgainst::Rest { share, .. } => {
                    if log_time.since(count.since) >= guard.over {
                        *count = GuardCount { since: log_time, ..GuardCount::default() };
                    }
                    if is_in(*share) {
                        count.now.count(hit)
                    } else {
                        count.before.count(hit)
                    }
                    let compared = count.now.all >= guard.min && count.before.all >= guard.min;
                    compared && count.now.share() > count.before.share() + guard.share_up
                }
            };
            turned |= broken;
            if broken {
                breaches.push(Breach { guard: at, position, log_time, said: Box::default() });
            }
        }
        if turned {
            self.note_passed(guards);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Span;
    use spec::plan::GuardAction;

    #[test]
    fn a_version_with_a_broken_guard_is_not_gone_back_to() {
        let guard = |against, then| Guard { outcome: 1, share_up: 0.2, over: Span(100), min: 4, against, then };
        let rest = GuardAgainst::Rest { rule: "new".into(), share: 0 };
        let guards =
            [guard(GuardAgainst::PreviousPlan, GuardAction::Rollback), guard(rest.clone(), GuardAction::Freeze)];
        for breaks in [false, true] {
            let mut watch = Watch::default();
            let turn = |watch: &mut Watch, version: u32, at: i64| {
                watch.turn((PlanVersion(version), u64::from(version)), &guards, Time(at), |_, _| (5, 10));
            };
            turn(&mut watch, 1, 0);
            turn(&mut watch, 2, 1_000);
            for n in 0..20i64 {
                // Half of all come out so, as before; those in the share all of them, if the guard is to break.
                let (is_in, hit) = (n % 2 == 0, n % 4 == 0 || n % 4 == if breaks { 2 } else { 3 });
                let place = (Position(n as u64), Time(1_000 + n * 9));
                watch.count(&guards, u16::from(hit), place, |_| is_in);
            }
            assert_eq!((watch.is_broken(1), watch.passed), (breaks, !breaks));
            assert!(watch.guards[0].passed && !watch.is_broken(0), "the other has held for long enough");
            turn(&mut watch, 3, 2_000);
            let expected = if breaks { 1 } else { 2 };
            assert_eq!(watch.before.map(|before| before.version), Some(PlanVersion(expected)));
        }
    }
}

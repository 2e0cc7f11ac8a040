//! Counts of one decision: what came out, which rules fired, what rules in shadow would have changed, and what labels say of tiers.

use super::{Breach, Panes, Watch};
use crate::decide::Decided;
use domain::{DecisionId, PlanVersion, Time, Value, limits};
use expr::Texts;
use spec::Plan;
use spec::plan::{Decision, Guard, GuardAgainst};
use std::collections::BTreeMap;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Counts of a decision by its name, whatever the version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tally {
    pub(crate) name: String,
    /// When the first was counted.
    pub(crate) since: Time,
    /// The outcomes that there have been; everything else names one by its place here.
    pub(crate) outcomes: Vec<String>,
    pub(crate) minutes: Panes,
    pub(crate) days: Panes,
    /// By outcome.
    pub(crate) all: Vec<u64>,
    /// By outcome of the tier that was reached.
    pub(crate) tiers: Vec<u64>,
    /// By index into `Decision::rules` of the version in force.
    pub(crate) rules: Vec<RuleTally>,
    /// Of what reached no tier, and then by outcome of the tier.
    pub(crate) calibration: Vec<Calibration>,
    /// Labels about events that are not remembered.
    pub(crate) unjoined: u64,
    /// Callers that were given the fallback.
    pub(crate) fallbacks: u64,
    pub(crate) watch: Watch,
    /// By index into `Decision::outcomes` of the version in force: its place here.
    slots: Vec<u16>,
}

/// Counts of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RuleTally {
    pub(crate) id: Box<str>,
    pub(crate) shadow: bool,
    /// When the first was counted.
    pub(crate) since: Time,
    pub(crate) fired: u64,
    /// Of a rule in shadow: decisions that would have had another outcome with it.
    pub(crate) differs: u64,
    /// The newest of these.
    pub(crate) examples: Vec<DecisionId>,
}

/// What labels say of one tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calibration {
    /// Decisions that a label can be about.
    pub(crate) decided: u64,
    pub(crate) bad: u64,
    pub(crate) good: u64,
}

impl Calibration {
    /// A label says this of a decision of which one has said that before.
    pub(crate) fn say(&mut self, before: Option<bool>, bad: bool) {
        match before {
            Some(true) => self.bad = self.bad.saturating_sub(1),
            Some(false) => self.good = self.good.saturating_sub(1),
            None => {}
        }
        *(if bad { &mut self.bad } else { &mut self.good }) += 1;
    }
}

/// The first bytes of a plan's digest, which tell versions apart where a mistake costs nothing but a comparison.
fn short(plan: &Plan) -> u64 {
    let (first, _) = plan.digest.split_first_chunk::<8>().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

impl Tally {
    pub(crate) fn new(name: &str, since: Time) -> Tally {
        Tally {
            name: name.to_owned(),
            since,
            outcomes: Vec::new(),
            minutes: Tally::minutes(),
            days: Tally::days(),
            all: Vec::new(),
            tiers: Vec::new(),
            rules: Vec::new(),
            calibration: vec![Calibration::default()],
            unjoined: 0,
            fallbacks: 0,
            watch: Watch::default(),
            slots: Vec::new(),
        }
    }

    /// No counts by minute.
    pub(super) fn minutes() -> Panes {
        Panes::new(MINUTE_MS, limits::REPORT_MINUTES_MAX)
    }

    /// No counts by day.
    pub(super) fn days() -> Panes {
        Panes::new(DAY_MS, limits::REPORT_DAYS_MAX)
    }

    /// Another version is in force: a rule of the same id, in shadow or not as before, goes on with its counts.
    pub(crate) fn turn(&mut self, plan: &Plan, decision: &Decision, version: PlanVersion, log_time: Time) {
        self.slots = decision.outcomes.iter().map(|name| slot(&mut self.outcomes, name)).collect();
        self.all.resize(self.outcomes.len(), 0);
        self.tiers.resize(self.outcomes.len(), 0);
        self.calibration.resize(self.outcomes.len() + 1, Calibration::default());
        let known = std::mem::take(&mut self.rules).into_iter().map(|of| ((of.id.clone(), of.shadow), of));
        let mut known: BTreeMap<_, _> = known.collect();
        let rules = decision.rules.iter().map(|rule| {
            let (id, shadow): (Box<str>, _) = (rule.id.as_str().into(), rule.shadow);
            let new = || RuleTally { id: id.clone(), shadow, since: log_time, ..RuleTally::default() };
            known.remove(&(id.clone(), shadow)).unwrap_or_else(new)
        });
        self.rules = rules.collect();
        let (minutes, slots) = (&self.minutes, &self.slots);
        let share = |plan, guard: &Guard| minutes.share(plan, slots[usize::from(guard.outcome)], guard.over.0);
        self.watch.turn((version, short(plan)), &decision.guards, log_time, share);
    }

    /// Counts a decision; gives its outcome and that of its tier as places in `outcomes`.
    pub(crate) fn count(&mut self, decided: &Decided, log_time: Time, texts: &dyn Texts) -> (u16, Option<u16>) {
        let (decision, verdict) = (decided.decision(), &decided.verdict);
        let outcome = self.slots[usize::from(verdict.outcome)];
        let tier = verdict.tier.map(|tier| self.slots[usize::from(decision.tiers[usize::from(tier)].outcome)]);
        self.minutes.count(log_time, self.watch.plan, outcome, tier);
        self.days.count(log_time, 0, outcome, tier);
        self.all[usize::from(outcome)] += 1;
        tier.into_iter().for_each(|tier| self.tiers[usize::from(tier)] += 1);
        for fired in &verdict.fired {
            let tally = &mut self.rules[fired.rule as usize];
            tally.fired += 1;
            if tally.shadow
                && decision::outcome_with(decision, &decided.facts, texts, verdict, fired.rule) != verdict.outcome
            {
                tally.differ(decided.id);
            }
        }
        if !decision.guards.is_empty() {
            self.watch_one(decided, log_time);
        }
        (outcome, tier)
    }

    fn watch_one(&mut self, decided: &Decided, log_time: Time) {
        let (decision, row) = (decided.decision(), &decided.facts.row);
        let is_in = |share: u16| row.get(usize::from(share)).is_some_and(Value::is_true);
        let known = self.watch.breaches.len();
        let at = (decided.id.position, log_time);
        self.watch.count(&decision.guards, decided.verdict.outcome, at, is_in);
        for new in known..self.watch.breaches.len() {
            let said = self.said(decision, &self.watch.breaches[new]).into();
            self.watch.breaches[new].said = said;
            self.watch.last = Some((self.watch.version, self.watch.breaches[new].clone()));
        }
    }

    /// A breach in a sentence.
    fn said(&self, decision: &Decision, breach: &Breach) -> String {
        let at = usize::from(breach.guard);
        let (guard, count) = (&decision.guards[at], &self.watch.guards[at]);
        let outcome = &decision.outcomes[usize::from(guard.outcome)];
        let percent = |share: f64| share * 100.0;
        let (now, before) = (&count.now, &count.before);
        let against = match &guard.against {
            GuardAgainst::PreviousPlan => match self.watch.before {
                Some(of) => format!("under version {}", of.version.0),
                None => "before".to_owned(),
            },
            GuardAgainst::Rest { rule, .. } => format!("where the rule {rule} is not rolled out"),
        };
        format!(
            "guard of {}: {outcome} came out of {:.2}% ({} of {}), against {:.2}% ({} of {}) {against}, which is more than {} points more",
            decision.name,
            percent(now.share()),
            now.hits,
            now.all,
            percent(before.share()),
            before.hits,
            before.all,
            percent(guard.share_up),
        )
    }

    /// What labels say of a tier.
    pub(crate) fn calibrated(&mut self, tier: Option<u16>) -> &mut Calibration {
        &mut self.calibration[tier.map_or(0, |tier| usize::from(tier) + 1)]
    }
}

impl RuleTally {
    fn differ(&mut self, id: DecisionId) {
        self.differs += 1;
        if self.examples.len() == limits::SHADOW_EXAMPLES_MAX {
            self.examples.remove(0);
        }
        self.examples.push(id);
    }
}

/// An outcome's place; when there are too many, the last stands for all others.
fn slot(outcomes: &mut Vec<String>, name: &str) -> u16 {
    let found = outcomes.iter().position(|known| known == name);
    let place = found.unwrap_or_else(|| {
        if outcomes.len() < limits::REPORT_OUTCOMES_MAX {
            outcomes.push(name.to_owned());
        }
        outcomes.len() - 1
    });
    place as u16
}

//! What a decision has come to lately: outcomes and tiers by time, rules and rules in shadow, what labels say of tiers, and guards.

use super::casebook::{GuardCount, Tally};
use crate::attribution::Share;
use crate::core::Core;
use domain::{DecisionId, PlanVersion, Position, Refusal, Span, Time};
use journal::Disk;
use spec::plan::{Decision, Guard, GuardAgainst};
use std::fmt;

/// Most rules of a report: those that fired most often.
const RULES_MAX: usize = 1_000;
/// Windows by minutes, and their names.
const MINUTES: [(&str, usize); 3] = [("10m", 10), ("1h", 60), ("24h", 1_440)];
/// Windows by days in UTC, today's among them.
const DAYS: [(&str, usize); 2] = [("7d", 7), ("35d", 35)];

/// Counts of one decision, by log time.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionReport {
    /// The decision's name.
    pub decision: String,
    /// The plan in force.
    pub plan: PlanVersion,
    /// The log's time now.
    pub now: Time,
    /// From when on decisions are counted.
    pub since: Time,
    /// Whether that is later than the first decision in the log.
    pub cut: bool,
    /// The last minutes and days, and all.
    pub windows: Vec<WindowReport>,
    /// Rules of the plan in force, in the spec's order: those that fired or are in shadow, at most 1,000.
    pub rules: Vec<RuleReport>,
    /// Rules that are left out.
    pub more_rules: usize,
    /// What labels say of tiers; none if the decision declares no labels.
    pub tiers: Option<Vec<TierReport>>,
    /// Labels about events that are not remembered.
    pub unjoined: u64,
    /// Callers that were given the fallback instead, since their deadline had passed.
    pub fallbacks: u64,
    /// In the spec's order.
    pub guards: Vec<GuardReport>,
    /// The last time that a guard was broken: under which version, when, and how.
    pub last_broken: Option<(PlanVersion, Time, String)>,
    /// Cases that wait for a person.
    pub reviews: usize,
    /// What must be durable before this is said.
    pub position: Position,
}

/// Names with counts.
pub type ReportCounts = Vec<(String, u64)>;

/// What came out in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowReport {
    /// `10m`, `1h`, `24h`, `7d`, `35d` or `all`; the first minute or day of one is whole.
    pub window: &'static str,
    /// How many decisions.
    pub decisions: u64,
    /// By outcome; those that did not come out are left out.
    pub outcomes: ReportCounts,
    /// By tier that the score reached.
    pub tiers: ReportCounts,
}

/// What a rule did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleReport {
    /// Its id.
    pub rule: String,
    /// How often it fired.
    pub fired: u64,
    /// Since when that is counted.
    pub since: Time,
    /// If it is in shadow.
    pub shadow: Option<ShadowReport>,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowReport {
    /// Decisions that would have had another outcome with it.
    pub differs: u64,
    /// The newest of these.
    pub examples: Vec<DecisionId>,
}

/// What labels say of one tier.
#[derive(Clone, Debug, PartialEq)]
pub struct TierReport {
    /// Its outcome; none for what reached no tier.
    pub tier: Option<String>,
    /// Decisions that a label can be about.
    pub decided: u64,
    /// Of these bad.
    pub bad: u64,
    /// Of these not bad.
    pub good: u64,
    /// Of these without a label yet.
    pub unlabelled: u64,
    /// Of those with a label the share of bad ones.
    pub share: Option<Share>,
}

/// How a guard stands.
#[derive(Clone, Debug, PartialEq)]
pub struct GuardReport {
    /// The outcome that it watches.
    pub outcome: String,
    /// By how much its share may grow.
    pub share_up: f64,
    /// How long a change is watched.
    pub over: Span,
    /// The rule whose part is compared with the rest; none: the plan before.
    pub rule: Option<String>,
    /// `rollback` or `freeze`.
    pub then: &'static str,
    /// Before the change, or the rest.
    pub before: ShareReport,
    /// Since the change, or the rule's part.
    pub now: ShareReport,
    /// How it stands.
    pub state: GuardState,
}

/// How often an outcome came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareReport {
    /// How often.
    pub hits: u64,
    /// Of how many decisions.
    pub decisions: u64,
}

/// How a guard stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardState {
    /// It compares.
    Watching,
    /// It held for as long as it was to, or has nothing to be compared with.
    Passed,
    /// It was broken; what it asks for is done, or will be.
    Broken,
}

impl GuardState {
    /// As reports say it.
    pub fn as_str(self) -> &'static str {
        match self {
            GuardState::Watching => "watching",
            GuardState::Passed => "passed",
            GuardState::Broken => "broken",
        }
    }
}

impl<D: Disk> Core<D> {
    /// What a decision of the spec in force has come to.
    ///
    /// # Errors
    /// `unknown_decision`.
    pub fn decision_report(&self, name: &str) -> Result<DecisionReport, Refusal> {
        self.decision_named(name)?;
        let now = self.log_time_now();
        let generation = self.generation();
        let decision = generation.plan.decision(name).map(|at| &generation.plan.decisions[usize::from(at)]);
        let book = generation.state.cases.lock();
        let now = now.max(book.log_time);
        let place = book.tallies.iter().position(|tally| tally.name == name);
        let mut tally = place.map_or_else(|| Tally::new(name, now), |place| book.tallies[place].clone());
        if let Some(decision) = decision {
            // As the first decision under this version will find it.
            tally.turn(&generation.plan, decision, generation.version, now);
        }
        let of_this = |key: &&(Position, u16)| Some(usize::from(key.1)) == place;
        let report = DecisionReport {
            reviews: book.queue.open.keys().filter(of_this).count(),
            cut: book.since.is_some(),
            position: book.seen,
            ..report_of(&tally, decision, now)
        };
        Ok(report)
    }
}

fn report_of(tally: &Tally, decision: Option<&Decision>, now: Time) -> DecisionReport {
    let (rules, more_rules) = rules_of(tally);
    let last = tally.watch.last.as_ref();
    DecisionReport {
        decision: tally.name.clone(),
        plan: tally.watch.version,
        now,
        since: tally.since,
        cut: false,
        windows: windows_of(tally, now),
        rules,
        more_rules,
        tiers: decision.and_then(|of| of.labels.as_ref()).map(|_| tiers_of(tally)),
        unjoined: tally.unjoined,
        fallbacks: tally.fallbacks,
        guards: decision.map_or(Vec::new(), |decision| guards_of(tally, decision)),
        last_broken: last.map(|(version, breach)| (*version, breach.log_time, breach.said.to_string())),
        reviews: 0,
        position: Position::START,
    }
}

fn windows_of(tally: &Tally, now: Time) -> Vec<WindowReport> {
    let named = |counts: &[u64]| {
        let named = tally.outcomes.iter().zip(counts).filter(|(_, count)| **count > 0);
        named.map(|(name, count)| (name.clone(), *count)).collect::<ReportCounts>()
    };
    let window = |window, (outcomes, tiers): (&[u64], &[u64])| WindowReport {
        window,
        decisions: outcomes.iter().sum(),
        outcomes: named(outcomes),
        tiers: named(tiers),
    };
    let of = |panes: &super::casebook::Panes, (name, most): (&'static str, usize)| {
        let (outcomes, tiers) = panes.sum(now, most);
        window(name, (&outcomes, &tiers))
    };
    let minutes = MINUTES.map(|named| of(&tally.minutes, named));
    let days = DAYS.map(|named| of(&tally.days, named));
    minutes.into_iter().chain(days).chain([window("all", (&tally.all, &tally.tiers))]).collect()
}

fn rules_of(tally: &Tally) -> (Vec<RuleReport>, usize) {
    let told = |at: &usize| tally.rules[*at].fired > 0 || tally.rules[*at].shadow;
    let mut places: Vec<usize> = (0..tally.rules.len()).filter(told).collect();
    let more = places.len().saturating_sub(RULES_MAX);
    if more > 0 {
        places.sort_by_key(|at| std::cmp::Reverse(tally.rules[*at].fired));
        places.truncate(RULES_MAX);
        places.sort_unstable();
    }
    let report = |at: usize| {
        let of = &tally.rules[at];
        let shadow = || ShadowReport { differs: of.differs, examples: of.examples.clone() };
        RuleReport { rule: of.id.to_string(), fired: of.fired, since: of.since, shadow: of.shadow.then(shadow) }
    };
    (places.into_iter().map(report).collect(), more)
}

fn tiers_of(tally: &Tally) -> Vec<TierReport> {
    let names = tally.outcomes.iter().map(|name| Some(name.clone()));
    let all = names.zip(tally.calibration.iter().skip(1)).chain([(None, &tally.calibration[0])]);
    let tier = |(tier, of): (Option<String>, &super::casebook::Calibration)| TierReport {
        tier,
        decided: of.decided,
        bad: of.bad,
        good: of.good,
        unlabelled: of.decided.saturating_sub(of.bad + of.good),
        share: Share::of(of.bad, of.bad + of.good),
    };
    all.filter(|(_, of)| of.decided > 0).map(tier).collect()
}

fn guards_of(tally: &Tally, decision: &Decision) -> Vec<GuardReport> {
    let watch = &tally.watch;
    let guard = |((guard, count), at): ((&Guard, &GuardCount), u16)| {
        let share = |of: super::casebook::Hits| ShareReport { hits: of.hits, decisions: of.all };
        let broken = watch.is_broken(at);
        GuardReport {
            outcome: decision.outcomes[usize::from(guard.outcome)].clone(),
            share_up: guard.share_up,
            over: guard.over,
            rule: match &guard.against {
                GuardAgainst::Rest { rule, .. } => Some(rule.clone()),
                GuardAgainst::PreviousPlan => None,
            },
            then: guard.then.as_str(),
            before: share(count.before),
            now: share(count.now),
            state: match count.passed {
                _ if broken => GuardState::Broken,
                true => GuardState::Passed,
                false => GuardState::Watching,
            },
        }
    };
    decision.guards.iter().zip(&watch.guards).zip(0..).map(guard).collect()
}

impl fmt::Display for DecisionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "decision {}, spec {}, counted from {} to {}", self.decision, self.plan.0, self.since, self.now)?;
        if self.cut {
            writeln!(f, "what was decided before was not counted")?;
        }
        for of in &self.windows {
            writeln!(f, "\n{:<6}{:>12} decisions", of.window, of.decisions)?;
            for (name, count) in &of.outcomes {
                let share = *count as f64 * 100.0 / of.decisions.max(1) as f64;
                writeln!(f, "  {name:<30}{count:>12}  {share:>6.2}%")?;
            }
            for (name, count) in &of.tiers {
                writeln!(f, "  tier {name:<25}{count:>12}")?;
            }
        }
        self.write_rules(f)?;
        self.write_tiers(f)?;
        self.write_guards(f)?;
        if self.fallbacks > 0 {
            writeln!(f, "\n{} callers were given the fallback, past their deadline", self.fallbacks)?;
        }
        writeln!(f, "\n{} cases wait for a person", self.reviews)
    }
}

impl DecisionReport {
    fn write_rules(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rules.is_empty() {
            writeln!(f, "\n{:<36}{:>12}", "rule", "fired")?;
        }
        for of in &self.rules {
            write!(f, "  {:<34}{:>12}", of.rule, of.fired)?;
            if let Some(ShadowReport { differs, examples }) = &of.shadow {
                write!(f, "  in shadow, {differs} would come out differently")?;
                let examples: Vec<String> = examples.iter().map(|id| id.to_string()).collect();
                if !examples.is_empty() {
                    write!(f, ": {}", examples.join(", "))?;
                }
            }
            writeln!(f)?;
        }
        if self.more_rules > 0 { writeln!(f, "  and {} more", self.more_rules) } else { Ok(()) }
    }

    fn write_tiers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tiers) = &self.tiers else { return Ok(()) };
        writeln!(
            f,
            "\n{:<22}{:>10}{:>10}{:>10}{:>12}  share bad (95%)",
            "tier, by labels", "decided", "bad", "good", "unlabelled"
        )?;
        for of in tiers {
            let name = of.tier.as_deref().unwrap_or("none");
            write!(f, "  {name:<20}{:>10}{:>10}{:>10}{:>12}", of.decided, of.bad, of.good, of.unlabelled)?;
            match of.share {
                Some(share) => writeln!(f, "  {:.4} ({:.4} to {:.4})", share.value, share.low, share.high)?,
                None => writeln!(f, "  -")?,
            }
        }
        writeln!(f, "  {} labels name no event that is remembered", self.unjoined)
    }

    fn write_guards(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for of in &self.guards {
            let against = of.rule.as_ref().map_or("the plan before".to_owned(), |rule| format!("the rest of {rule}"));
            writeln!(
                f,
                "\nguard: {} up by more than {} points against {against}, over {}, then {}: {}",
                of.outcome,
                of.share_up * 100.0,
                of.over,
                of.then,
                of.state.as_str()
            )?;
            let share = |of: ShareReport| format!("{} of {}", of.hits, of.decisions);
            writeln!(f, "  {} against {}", share(of.now), share(of.before))?;
        }
        match &self.last_broken {
            Some((version, at, said)) => writeln!(f, "\nlast broken under spec {} at {at}: {said}", version.0),
            None => Ok(()),
        }
    }
}

//! What is kept of each event until all labels are in, and what the report is made of.

use super::measure::JudgedScore;
use super::report::{Backtest, DecidedAs, Example, Group, Kind, Labelled, Quality, Reason, RuleCounts, ScoreBins};
use super::{BacktestError, Both};
use crate::decide::{Decided, Telling};
use domain::{Raw, Time, limits};
use spec::plan::Decision;
use std::collections::{BTreeMap, HashMap};

/// Examples of one kind of change.
const EXAMPLES: usize = 10;
/// Ranges of scores.
const BINS: usize = 40;
/// No outcome, no tier.
const NONE: u16 = u16::MAX;

/// How one event came out under one spec.
#[derive(Clone, Copy)]
struct Came {
    score: f64,
    outcome: u16,
    tier: u16,
}

/// One event.
struct Seen {
    old: Came,
    new: Came,
    bad: Option<bool>,
}

pub(super) struct Sums {
    seen: Vec<Seen>,
    /// By the client's id, if labels are awaited.
    by_id: Option<HashMap<Box<str>, u32>>,
    strays: u64,
    kinds: BTreeMap<(u16, u16), Kept>,
    /// By index into the rules.
    fired: (Vec<u64>, Vec<u64>),
    refired: u64,
    span: Option<(Time, Time)>,
}

#[derive(Default)]
struct Kept {
    events: u64,
    /// With the index of what was seen.
    examples: Vec<(usize, Example)>,
}

impl Sums {
    pub(super) fn new(labelled: bool, old: Option<&Decision>, new: &Decision) -> Sums {
        let rules = |decision: &Decision| vec![0; decision.rules.len()];
        Sums {
            seen: Vec::new(),
            by_id: labelled.then(HashMap::new),
            strays: 0,
            kinds: BTreeMap::new(),
            fired: (old.map_or(Vec::new(), rules), rules(new)),
            refired: 0,
            span: None,
        }
    }

    /// Takes in an event that at least one spec decides.
    pub(super) fn add(&mut self, both: &Both<'_>) -> Result<(), BacktestError> {
        if self.seen.len() >= limits::BACKTEST_EVENTS_MAX {
            let message = format!(
                "more than {} events are decided in this range: take a part of it with --from and --to",
                limits::BACKTEST_EVENTS_MAX
            );
            return Err(BacktestError::Asked(message));
        }
        let decided = (both.old.map(|(decided, _)| decided), both.new.map(|(decided, _)| decided));
        let (old, new) = (Came::of(decided.0), Came::of(decided.1));
        count_fired(&mut self.fired.0, decided.0);
        count_fired(&mut self.fired.1, decided.1);
        self.span = Some((self.span.map_or(both.log_time, |span| span.0), both.log_time));
        if let (Some(by_id), Some(id)) = (&mut self.by_id, both.event) {
            by_id.insert(id.into(), self.seen.len() as u32);
        }
        let changed = outcome(decided.0) != outcome(decided.1);
        if !changed && old.score.to_bits() == new.score.to_bits() && rules(decided.0) != rules(decided.1) {
            self.refired += 1;
        }
        let kept = self.kinds.entry((old.outcome, new.outcome)).or_default();
        kept.events += 1;
        if changed && kept.examples.len() < EXAMPLES {
            kept.examples.extend(example(both).map(|example| (self.seen.len(), example)));
        }
        self.seen.push(Seen { old, new, bad: None });
        Ok(())
    }

    /// A label says of the event with this id whether it was bad; the last one is believed.
    pub(super) fn label(&mut self, id: &str, bad: bool) {
        let at = self.by_id.as_ref().and_then(|by_id| by_id.get(id));
        match at {
            Some(&at) => self.seen[at as usize].bad = Some(bad),
            None => self.strays += 1,
        }
    }

    /// Everything that hangs on events alone.
    pub(super) fn finish(self, old: Option<&Decision>, new: &Decision, report: &mut Backtest) {
        report.labels = self.by_id.is_some().then(|| self.labelled(old, new));
        report.scores = self.bins();
        report.events = self.seen.len() as u64;
        report.refired = self.refired;
        report.span = self.span.unwrap_or(report.span);
        let rescored = self.seen.iter().filter(|seen| {
            let same = name(old, seen.old.outcome) == name(Some(new), seen.new.outcome);
            same && seen.old.score.to_bits() != seen.new.score.to_bits()
        });
        report.rescored = rescored.count() as u64;
        report.rules = counts(old, new, &self.fired);
        let seen = &self.seen;
        report.kinds = self
            .kinds
            .into_iter()
            .map(|((was, is), kept)| {
                let judged = |(at, example): (usize, Example)| Example { bad: seen[at].bad, ..example };
                let examples = kept.examples.into_iter().map(judged).collect();
                Kind {
                    old: name(old, was).map(str::to_owned),
                    new: name(Some(new), is).map(str::to_owned),
                    events: kept.events,
                    examples,
                }
            })
            .collect();
        report.changed = report.kinds.iter().filter(|kind| kind.is_change()).map(|kind| kind.events).sum();
    }

    fn labelled(&self, old: Option<&Decision>, new: &Decision) -> Labelled {
        let judged = self.seen.iter().filter(|seen| seen.bad.is_some());
        let labelled = judged.count() as u64;
        let bad = self.seen.iter().filter(|seen| seen.bad == Some(true)).count() as u64;
        let quality = |decision: &Decision, came: fn(&Seen) -> Came| {
            let scores: Vec<JudgedScore> = self
                .seen
                .iter()
                .filter(|seen| came(seen).outcome != NONE)
                .filter_map(|seen| Some(JudgedScore { score: came(seen).score, bad: seen.bad? }))
                .collect();
            let tiers = decision.tiers.iter().map(|tier| tier.outcome).chain([decision.otherwise]);
            let tiers: Vec<String> = tiers.map(|tier| decision.outcomes[usize::from(tier)].clone()).collect();
            // A score that reaches no tier is in the last one.
            let no_tier = decision.tiers.len();
            let outcomes = self.groups(&decision.outcomes, bad, |seen| usize::from(came(seen).outcome));
            let tiers = self.groups(&tiers, bad, |seen| match came(seen) {
                Came { outcome: NONE, .. } => usize::MAX,
                Came { tier: NONE, .. } => no_tier,
                Came { tier, .. } => usize::from(tier),
            });
            Quality::new(&scores, outcomes, tiers)
        };
        let old = old.map(|old| quality(old, |seen| seen.old));
        Labelled { labelled, bad, strays: self.strays, old, new: quality(new, |seen| seen.new) }
    }

    fn groups(&self, names: &[String], all_bad: u64, of: impl Fn(&Seen) -> usize) -> Vec<Group> {
        let mut groups: Vec<Group> =
            names.iter().map(|name| Group { name: name.clone(), ..Group::default() }).collect();
        for seen in &self.seen {
            if let Some(group) = groups.get_mut(of(seen)) {
                group.add(seen.bad);
            }
        }
        groups.iter_mut().for_each(|group| group.finish(all_bad));
        groups
    }

    fn bins(&self) -> ScoreBins {
        let scores = |came: fn(&Seen) -> Came| {
            let decided = self.seen.iter().map(came).filter(|came| came.outcome != NONE);
            decided.map(|came| came.score).filter(|score| score.is_finite())
        };
        let (old, new) = (|| scores(|seen| seen.old), || scores(|seen| seen.new));
        let least = old().chain(new()).fold(f64::INFINITY, f64::min);
        let most = old().chain(new()).fold(f64::NEG_INFINITY, f64::max);
        if least > most {
            return ScoreBins::default();
        }
        let width = (most - least) / BINS as f64;
        let count = |scores: &mut dyn Iterator<Item = f64>| {
            let mut bins = vec![0; BINS];
            // Where all scores are one there is no width, and the quotient is no number: the first range.
            scores.for_each(|score| bins[(((score - least) / width) as usize).min(BINS - 1)] += 1);
            bins
        };
        ScoreBins { range: (least, most), old: count(&mut old()), new: count(&mut new()) }
    }
}

impl Came {
    fn of(decided: Option<&Decided>) -> Came {
        decided.map_or(Came { score: 0.0, outcome: NONE, tier: NONE }, |Decided { verdict, .. }| Came {
            score: verdict.score,
            outcome: verdict.outcome,
            tier: verdict.tier.unwrap_or(NONE),
        })
    }
}

/// The name of an outcome; none: not decided.
fn name(decision: Option<&Decision>, outcome: u16) -> Option<&str> {
    decision?.outcomes.get(usize::from(outcome)).map(String::as_str)
}

fn count_fired(counts: &mut [u64], decided: Option<&Decided>) {
    let fired = decided.iter().flat_map(|decided| &decided.verdict.fired);
    fired.for_each(|fired| counts[fired.rule as usize] += 1);
}

fn outcome(decided: Option<&Decided>) -> Option<&str> {
    decided.map(|decided| decided.decision().outcomes[usize::from(decided.verdict.outcome)].as_str())
}

/// The rules that fired.
fn rules(decided: Option<&Decided>) -> Vec<&str> {
    let Some(decided) = decided else { return Vec::new() };
    let rules = &decided.decision().rules;
    decided.verdict.fired.iter().map(|fired| rules[fired.rule as usize].id.as_str()).collect()
}

fn counts(old: Option<&Decision>, new: &Decision, fired: &(Vec<u64>, Vec<u64>)) -> Vec<RuleCounts> {
    let was: BTreeMap<&str, u64> =
        old.iter().flat_map(|old| &old.rules).zip(&fired.0).map(|(rule, count)| (rule.id.as_str(), *count)).collect();
    let of_new = new.rules.iter().zip(&fired.1).map(|(rule, count)| RuleCounts {
        rule: rule.id.clone(),
        old: was.get(rule.id.as_str()).copied(),
        new: Some(*count),
        shadow: rule.shadow,
    });
    let kept: BTreeMap<&str, ()> = new.rules.iter().map(|rule| (rule.id.as_str(), ())).collect();
    let gone = old.iter().flat_map(|old| &old.rules).filter(|rule| !kept.contains_key(rule.id.as_str()));
    let of_old = gone.map(|rule| RuleCounts {
        rule: rule.id.clone(),
        old: was.get(rule.id.as_str()).copied(),
        new: None,
        shadow: rule.shadow,
    });
    of_new.chain(of_old).collect()
}

/// What is told of an event whose outcome changed.
fn example(both: &Both<'_>) -> Option<Example> {
    let id = both.new.or(both.old)?.0.id;
    Some(Example {
        id,
        event: both.event.map(str::to_owned),
        log_time: both.log_time,
        old: both.old.map(|(decided, telling)| told(decided, telling)),
        new: both.new.map(|(decided, telling)| told(decided, telling)),
        facts: facts_that_differ(both),
        bad: None,
    })
}

fn told(decided: &Decided, telling: &Telling<'_>) -> DecidedAs {
    let decision = decided.decision();
    let reason = |fired: &decision::Fired| {
        let rule = &decision.rules[fired.rule as usize];
        Reason { rule: rule.id.clone(), text: telling.reason(decided, fired.rule), shadow: rule.shadow }
    };
    DecidedAs {
        outcome: decision.outcomes[usize::from(decided.verdict.outcome)].clone(),
        score: decided.verdict.score,
        reasons: decided.verdict.fired.iter().map(reason).collect(),
    }
}

type Differs = (String, Option<Raw<'static>>, Option<Raw<'static>>);

fn facts_that_differ(both: &Both<'_>) -> Vec<Differs> {
    let facts = |side: Option<(&Decided, &Telling<'_>)>| -> BTreeMap<String, Raw<'static>> {
        let (decided, telling) = side.unzip();
        let facts = decided.zip(telling).map_or(Vec::new(), |(decided, telling)| telling.facts(decided));
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    };
    let (mut old, new) = (facts(both.old), facts(both.new));
    // Where one side was not decided at all there is nothing to compare.
    if both.old.is_none() || both.new.is_none() {
        return Vec::new();
    }
    let mut differ: Vec<Differs> = Vec::new();
    for (name, value) in new {
        let was = old.remove(&name);
        if was.as_ref() != Some(&value) {
            differ.push((name, was, Some(value)));
        }
    }
    // First what both read and find different, then what only the new one reads.
    differ.sort_by_key(|(_, was, _)| was.is_none());
    differ.extend(old.into_iter().map(|(name, was)| (name, Some(was), None)));
    differ
}

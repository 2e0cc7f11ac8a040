//! The smallest change of a single fact that gives another outcome, among changes that are tried.
//!
//! Tried are, for each fact that is not computed, no share and not `now`: a bool the other way; a string that a rule names; a number at
//! and just beyond everything that it is compared with (counts by whole numbers, ints by 1, floats by 1/100,000 of the threshold, at
//! least of 1); and a number that a score, a threshold of a tier or a computed fact reads, further and further away, then nearer again
//! by halves until the change is as small as it gets. A number's change is measured by its size, at least 1; any other change is 1.
//! The smallest wins, then the fact that stands first, then the smaller value.

use super::shown;
use super::terms::compared_with;
use crate::ruleset::{Facts, Ruleset, RulesetScratch, Told};
use domain::{Span, Symbol, Time, Type, Value};
use expr::{Program, RankKind, Test, Texts, Wanted};
use spec::Plan;
use spec::plan::{AggregateOp, Decision, Effect, Fact, FactSource};
use std::collections::BTreeSet;

/// Most changes that are tried.
const TRIED_MAX: usize = 4_000;
/// A float is moved by this part of a threshold to be beyond it.
const BEYOND: f64 = 1e-5;
/// How far numbers are moved, as powers of 2 of their size, and how often the way to a change is halved.
const FURTHEST: i32 = 20;
const NEAREST: i32 = -12;
const HALVED: u32 = 32;

/// A change of one fact that gives another outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct NearestChange {
    /// Index into `Decision::facts`.
    pub fact: u16,
    /// The fact's name.
    pub name: String,
    /// What it would have to be.
    pub value: Value,
    /// What it is, as people read it.
    pub shown: String,
    /// What it would have to be, as people read it.
    pub instead: String,
    /// How large the change is: that of a number by its size (at least 1); 1 for any other.
    pub size: f64,
    /// The outcome that it gives.
    pub outcome: String,
}

/// What is tried, under one plan and facts.
struct Trials<'a> {
    plan: &'a Plan,
    decision: &'a Decision,
    ruleset: &'a Ruleset,
    facts: &'a Facts,
    known: &'a dyn Texts,
    outcome: u16,
    scratch: RulesetScratch,
    left: usize,
}

/// A change that was found.
struct Found {
    size: f64,
    fact: usize,
    value: Value,
    outcome: u16,
}

pub(super) fn nearest(
    (plan, ruleset): (&Plan, &Ruleset),
    facts: &Facts,
    outcome: u16,
    (known, told): (&dyn Texts, Told<'_>),
) -> Option<NearestChange> {
    let decision = &plan.decisions[usize::from(facts.decision)];
    let scratch = RulesetScratch::default();
    let mut trials = Trials { plan, decision, ruleset, facts, known, outcome, scratch, left: TRIED_MAX };
    let mut found = trials.at_thresholds();
    for fact in trials.smooth() {
        let nearer = trials.by_halves(fact, found.as_ref().map_or(f64::INFINITY, |found| found.size));
        found = nearer.or(found);
    }
    let found = found?;
    let fact = &decision.facts[found.fact];
    Some(NearestChange {
        fact: found.fact as u16,
        name: fact.name.clone(),
        shown: shown(&facts.row[found.fact], &fact.ty, told),
        instead: exact(&found.value, &fact.ty, told),
        value: found.value,
        size: found.size,
        outcome: decision.outcomes[usize::from(found.outcome)].clone(),
    })
}

/// A value with all its digits: a rounded one might not change anything.
fn exact(value: &Value, ty: &Type, told: Told<'_>) -> String {
    match value {
        Value::Float(float) => float.to_string(),
        value => told(value, ty),
    }
}

/// Whether somebody could have sent something else.
fn is_input(fact: &Fact) -> bool {
    !matches!(fact.source, FactSource::Derived(_) | FactSource::Share(_) | FactSource::Now)
}

impl Trials<'_> {
    /// Another outcome, if this value of a fact gives one.
    fn outcome(&mut self, fact: usize, value: &Value) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        let mut facts = self.facts.clone();
        facts.row[fact] = value.clone();
        facts.derive(self.plan, self.known);
        let verdict = self.ruleset.decide(self.decision, &facts, self.known, &mut self.scratch);
        (verdict.outcome != self.outcome).then_some(verdict.outcome)
    }

    /// The smallest change to a value at or beyond what a fact is compared with.
    fn at_thresholds(&mut self) -> Option<Found> {
        let mut values: Vec<(f64, usize, Value)> = Vec::new();
        let compared = self.compared();
        for (at, fact) in self.decision.facts.iter().enumerate().filter(|(_, fact)| is_input(fact)) {
            let now = &self.facts.row[at];
            let to = compared.iter().filter(|(slot, _)| usize::from(*slot) == at).map(|(_, threshold)| *threshold);
            let mut add = |value: Value| {
                if value != *now {
                    values.push((size(now, &value), at, value));
                }
            };
            match &fact.ty {
                Type::Bool => [false, true].into_iter().for_each(|bool| add(Value::Bool(bool))),
                Type::Str => to.for_each(|threshold| add(Value::Str(Symbol(threshold.0 as u32)))),
                ty => to.for_each(|threshold| self.around(fact, ty, threshold.0, &mut add)),
            }
        }
        values
            .sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then_with(|| order(&a.2).total_cmp(&order(&b.2))));
        values.dedup_by(|a, b| a.1 == b.1 && a.2 == b.2);
        values.into_iter().find_map(|(size, fact, value)| {
            let outcome = self.outcome(fact, &value)?;
            Some(Found { size, fact, value, outcome })
        })
    }

    /// Values at and just beyond a threshold.
    fn around(&self, fact: &Fact, ty: &Type, threshold: f64, add: &mut dyn FnMut(Value)) {
        let whole = [threshold.floor() - 1.0, threshold.floor(), threshold.ceil(), threshold.ceil() + 1.0];
        let step = threshold.abs().max(1.0) * BEYOND;
        match ty {
            Type::Float if self.counts(fact) => {
                whole.into_iter().filter(|count| *count >= 0.0).for_each(|count| add(Value::Float(count)));
            }
            Type::Float => {
                [threshold - step, threshold, threshold + step].into_iter().for_each(|float| add(Value::Float(float)));
            }
            Type::Int => whole.into_iter().for_each(|int| add(Value::Int(int as i64))),
            Type::Time => whole.into_iter().for_each(|ms| add(Value::Time(Time(ms as i64)))),
            Type::Span => whole.into_iter().for_each(|ms| add(Value::Span(Span(ms as i64)))),
            _ => {}
        }
    }

    /// Whether a fact is a number of things.
    fn counts(&self, fact: &Fact) -> bool {
        match fact.source {
            FactSource::Aggregate { aggregate, .. } => {
                let op = self.plan.aggregates[usize::from(aggregate)].op;
                matches!(op, AggregateOp::Count(_) | AggregateOp::Distinct(_))
            }
            _ => false,
        }
    }

    /// What facts are compared with, ascending: slots and numbers, symbols' numbers among them.
    fn compared(&self) -> BTreeSet<(u16, Threshold)> {
        let mut compared = BTreeSet::new();
        let texts = &self.facts.texts(self.known);
        for rule in &self.decision.rules {
            let required = rule.when.required();
            for test in required.tests.iter().chain(required.either.iter().flatten()) {
                thresholds(test, &mut |number| _ = compared.insert((test.reading.slot, Threshold(number))));
            }
            if !required.is_complete() {
                compared_with(self.decision, &rule.when, &self.facts.row, texts, &mut |slot, number| {
                    compared.insert((slot, Threshold(number)));
                });
            }
        }
        compared
    }

    /// Numbers that more than comparisons read: scores, thresholds of tiers, computed facts.
    fn smooth(&self) -> Vec<usize> {
        let mut read = vec![false; self.decision.facts.len()];
        let mut note = |program: &Program| program.slots().iter().for_each(|slot| read[usize::from(*slot)] = true);
        self.decision.score.iter().for_each(&mut note);
        self.decision.tiers.iter().for_each(|tier| note(&tier.threshold));
        for rule in &self.decision.rules {
            if let Effect::Score(score) = &rule.effect {
                note(score);
            }
        }
        for fact in &self.decision.facts {
            if let FactSource::Derived(program) = &fact.source {
                note(program);
            }
        }
        let number = |at: &usize| matches!(self.facts.row[*at], Value::Float(float) if float.is_finite());
        let input = |at: &usize| read[*at] && is_input(&self.decision.facts[*at]);
        (0..read.len()).filter(input).filter(number).collect()
    }

    /// A change of a float that is smaller than `below`, if one is met on the way outwards; then as small as halving makes it.
    fn by_halves(&mut self, fact: usize, below: f64) -> Option<Found> {
        let Value::Float(now) = self.facts.row[fact] else { return None };
        let (unit, counts) = (now.abs().max(1.0), self.counts(&self.decision.facts[fact]));
        let moved = |by: f64| Value::Float(if counts { (now + by).round() } else { now + by });
        let mut best: Option<Found> = None;
        for sign in [-1.0, 1.0] {
            let (mut near, mut far) = (0.0, None);
            for power in NEAREST..=FURTHEST {
                let by = sign * unit * libm::exp2(f64::from(power));
                let limit = best.as_ref().map_or(below, |best| best.size);
                if counts && now + by < 0.0 || size(&Value::Float(now), &moved(near)) >= limit {
                    break;
                }
                if let Some(outcome) = self.outcome(fact, &moved(by)) {
                    far = Some((by, outcome));
                    break;
                }
                near = by;
            }
            let Some((mut by, mut outcome)) = far else { continue };
            for _ in 0..HALVED {
                let half = near + (by - near) / 2.0;
                match self.outcome(fact, &moved(half)) {
                    Some(other) => (by, outcome) = (half, other),
                    None => near = half,
                }
            }
            let size = size(&Value::Float(now), &moved(by));
            if size < best.as_ref().map_or(below, |best| best.size) {
                best = Some(Found { size, fact, value: moved(by), outcome });
            }
        }
        best
    }
}

/// A number that something is compared with; ordered as floats are.
#[derive(Clone, Copy, Debug)]
struct Threshold(f64);

impl Ord for Threshold {
    fn cmp(&self, other: &Threshold) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Threshold {
    fn partial_cmp(&self, other: &Threshold) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Threshold {
    fn eq(&self, other: &Threshold) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Threshold {}

/// The numbers at which a test turns.
fn thresholds(test: &Test, add: &mut dyn FnMut(f64)) {
    let kind = test.reading.kind;
    let number = |rank: i64| match kind {
        RankKind::Float => order(&kind.value(rank)),
        _ => rank as f64,
    };
    // `> 1000` begins at the float after 1000: what was written is the shorter one.
    let written = |rank: i64, beside: i64| {
        let (number, beside) = (number(rank), number(beside));
        if beside.to_string().len() < number.to_string().len() { beside } else { number }
    };
    match &test.wanted {
        Wanted::Among(ranks) | Wanted::Except(ranks) => ranks.iter().for_each(|rank| add(number(*rank))),
        Wanted::Between(least, most) => {
            if *least != i64::MIN {
                add(written(*least, *least - 1));
            }
            if *most != i64::MAX {
                add(written(*most, *most + 1));
            }
        }
    }
}

/// How large a change is.
fn size(from: &Value, to: &Value) -> f64 {
    match (order(from), order(to)) {
        (from, to) if from.is_finite() && to.is_finite() => (to - from).abs() / from.abs().max(1.0),
        _ => 1.0,
    }
}

/// A number as such; anything else is none.
fn order(value: &Value) -> f64 {
    match value {
        Value::Int(int) => *int as f64,
        Value::Float(float) => *float,
        Value::Time(Time(ms)) | Value::Span(Span(ms)) => *ms as f64,
        _ => f64::NAN,
    }
}

//! Why a decision came out as it did, worked out when somebody asks: each rule's terms with their values, the windows that were read,
//! the score step by step, the tiers, and the smallest single change that would have changed the outcome.

mod nearest;
mod terms;
mod text;

#[cfg(test)]
mod tests;

pub use nearest::NearestChange;
pub use terms::{OperandOfRule, TermOfRule};

use super::{Facts, FiredEffect, Ruleset, Told, Verdict};
use domain::{Time, Value};
use expr::Texts;
use spec::Plan;
use spec::plan::{Decision, DecisionRule, Effect, Fact, FactSource};

/// Why a decision came out as it did.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionExplanation {
    /// The decision's name.
    pub decision: String,
    /// What came out.
    pub outcome: String,
    /// The score.
    pub score: f64,
    /// Everything that was read, in the order in which it was.
    pub facts: Vec<FactOfDecision>,
    /// All rules, in the spec's order.
    pub rules: Vec<RuleOfDecision>,
    /// How the score came about: the decision's own, then what each rule added.
    pub steps: Vec<ScoreStep>,
    /// All tiers, in the spec's order.
    pub tiers: Vec<TierOfDecision>,
    /// The smallest change of a single fact that gives another outcome; none: none of those that were tried does.
    pub nearest: Option<NearestChange>,
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct FactOfDecision {
    /// How expressions call it.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// The value as people read it; `?` for a missing one.
    pub shown: String,
    /// The window that it was read from, if it is one: `count(payment, 1h)`.
    pub window: Option<String>,
    /// Whether the event at hand is not in that window.
    pub before: bool,
    /// The expression that it was computed by, if it was computed of other facts.
    pub computed: Option<String>,
}

/// One rule on one event.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleOfDecision {
    /// Its name.
    pub id: String,
    /// What it did, or would have done; none: it did not fire.
    pub effect: Option<FiredEffect>,
    /// Why it did not fire; none: it did.
    pub why_not: Option<WhyNot>,
    /// Whether it is told and does nothing.
    pub shadow: bool,
    /// The operands of its condition's `&&`.
    pub terms: Vec<TermOfRule>,
}

/// Why a rule did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// It is in force from this instant on.
    NotYet(Time),
    /// It was in force until this instant.
    Over(Time),
    /// The event's entity is not in its share.
    NotShared,
    /// This term (an index into `terms`) is false.
    False(usize),
    /// No term is false, and this one has no value: something that it reads is missing.
    Missing(usize),
    /// Its condition holds, but a row before it in its table has fired.
    Passed,
}

/// A step of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreStep {
    /// The rule; none: the decision's own score.
    pub rule: Option<String>,
    /// What was added.
    pub added: f64,
    /// The score after it.
    pub total: f64,
}

/// A tier on one event.
#[derive(Clone, Debug, PartialEq)]
pub struct TierOfDecision {
    /// Its outcome.
    pub outcome: String,
    /// How its threshold is written.
    pub text: String,
    /// The least score; none: it has no value, so that no score reaches it.
    pub threshold: Option<f64>,
    /// Whether it is the one that the score fell into.
    pub reached: bool,
}

/// Explains a decision on complete facts. `known` has the texts of strings, `told` shows values to people; `ruleset` is the index of the
/// decision's rules.
pub fn explain_decision(
    plan: &Plan,
    ruleset: &Ruleset,
    facts: &Facts,
    known: &dyn Texts,
    told: Told<'_>,
) -> DecisionExplanation {
    let decision = &plan.decisions[usize::from(facts.decision)];
    let verdict = super::decide(decision, facts, known);
    let texts = &facts.texts(known);
    DecisionExplanation {
        decision: decision.name.clone(),
        outcome: decision.outcomes[usize::from(verdict.outcome)].clone(),
        score: verdict.score,
        facts: decision.facts.iter().zip(&facts.row).map(|(fact, value)| fact_of(plan, fact, value, told)).collect(),
        rules: (0..).zip(&decision.rules).map(|of| rule_of(decision, facts, of, &verdict, (texts, told))).collect(),
        steps: steps(decision, &verdict, &facts.row, texts),
        tiers: (0..)
            .zip(&decision.tiers)
            .map(|(at, tier)| TierOfDecision {
                outcome: decision.outcomes[usize::from(tier.outcome)].clone(),
                text: tier.threshold.text().to_owned(),
                threshold: tier.threshold.eval_f64_with(&facts.row, texts),
                reached: verdict.tier == Some(at),
            })
            .collect(),
        nearest: nearest::nearest((plan, ruleset), facts, verdict.outcome, (known, told)),
    }
}

/// A value as people read it.
fn shown(value: &Value, ty: &domain::Type, told: Told<'_>) -> String {
    match value {
        Value::Missing => "?".to_owned(),
        Value::Float(float) => super::reason::rounded(*float),
        value => told(value, ty),
    }
}

fn fact_of(plan: &Plan, fact: &Fact, value: &Value, told: Told<'_>) -> FactOfDecision {
    let (window, before) = match fact.source {
        FactSource::Aggregate { aggregate, before, .. } => {
            let slot = plan.aggregates[usize::from(aggregate)].slot;
            (Some(plan.slots[usize::from(slot)].name.clone()), before)
        }
        _ => (None, false),
    };
    let computed = match &fact.source {
        FactSource::Derived(program) => Some(program.text().to_owned()),
        _ => None,
    };
    let shown = shown(value, &fact.ty, told);
    FactOfDecision { name: fact.name.clone(), value: value.clone(), shown, window, before, computed }
}

fn rule_of(
    decision: &Decision,
    facts: &Facts,
    (index, rule): (u32, &DecisionRule),
    verdict: &Verdict,
    (texts, told): (&dyn Texts, Told<'_>),
) -> RuleOfDecision {
    let terms = terms::terms(decision, &rule.when, &facts.row, texts, told);
    let fired = verdict.fired.iter().find(|fired| fired.rule == index);
    let why_not = match fired {
        Some(_) => None,
        None => Some(why_not(rule, facts, &terms)),
    };
    RuleOfDecision {
        id: rule.id.clone(),
        effect: fired.map(|fired| fired.effect()),
        why_not,
        shadow: rule.shadow,
        terms,
    }
}

fn why_not(rule: &DecisionRule, facts: &Facts, terms: &[TermOfRule]) -> WhyNot {
    let shared = rule.share.is_none_or(|share| facts.row[usize::from(share)].is_true());
    let is_false = terms.iter().position(|term| term.value == Value::Bool(false));
    let missing = || terms.iter().position(|term| term.value == Value::Missing);
    match (rule.from, rule.until) {
        (Some(from), _) if facts.now < from => WhyNot::NotYet(from),
        (_, Some(until)) if facts.now >= until => WhyNot::Over(until),
        _ if !shared => WhyNot::NotShared,
        _ => match is_false {
            Some(term) => WhyNot::False(term),
            None => missing().map_or(WhyNot::Passed, WhyNot::Missing),
        },
    }
}

fn steps(decision: &Decision, verdict: &Verdict, row: &[Value], texts: &dyn Texts) -> Vec<ScoreStep> {
    let mut steps = Vec::new();
    let mut total = 0.0;
    if let Some(score) = &decision.score {
        total = score.eval_f64_with(row, texts).filter(|score| score.is_finite()).unwrap_or(0.0);
        steps.push(ScoreStep { rule: None, added: total, total });
    }
    for fired in &verdict.fired {
        let rule = &decision.rules[fired.rule as usize];
        if let (FiredEffect::Added(added), Effect::Score(_), false) = (fired.effect(), &rule.effect, rule.shadow) {
            total += added;
            steps.push(ScoreStep { rule: Some(rule.id.clone()), added, total });
        }
    }
    steps
}

//! Decisions on events: `facts -> rules -> score -> tier -> outcome`. Pure: the same facts give the same verdict, whenever and
//! wherever it is asked for.

mod explain;
mod facts;
mod index;
mod reason;
mod shadow;

pub use explain::{
    DecisionExplanation, FactOfDecision, NearestChange, OperandOfRule, RuleOfDecision, ScoreStep, TermOfRule,
    TierOfDecision, WhyNot, explain_decision,
};
pub use facts::Facts;
pub use index::{Ruleset, RulesetScratch, Rulesets, Unindexed};
pub use reason::{Told, reason, said};
pub use shadow::outcome_with;

use domain::{Time, Value};
use expr::{Program, Texts};
use spec::plan::{Decision, DecisionRule, Effect};

/// What came out for one event.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Index into `Decision::outcomes`.
    pub outcome: u16,
    /// The decision's score and what rules added to it.
    pub score: f64,
    /// The tier that the score reached: index into `Decision::tiers`; none: no tier.
    pub tier: Option<u16>,
    /// The rules that fired, in the spec's order, those in shadow among them.
    pub fired: Vec<Fired>,
}

/// A rule that fired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fired {
    /// Index into `Decision::rules`.
    pub rule: u32,
    /// What it did, or would have done.
    pub effect: FiredEffect,
}

/// What a rule that fired did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FiredEffect {
    /// Added this to the score.
    Added(f64),
    /// Asked for this outcome: index into `Decision::outcomes`.
    Asked(u16),
}

/// Decides: every rule is looked at, one after another. What they add is summed in the spec's order.
pub fn decide(decision: &Decision, facts: &Facts, texts: &dyn Texts) -> Verdict {
    let texts = &facts.texts(texts);
    conclude(decision, facts, texts, 0..decision.rules.len() as u32, |index| {
        let rule = &decision.rules[index as usize];
        fires(rule, facts.now, &facts.row, texts).then(|| (effect(rule, &facts.row, texts), rule.shadow))
    })
}

/// What comes of rules that may fire, ascending: `fires` says what one does that fires, and whether it is in shadow. Of a table that
/// gives one row only the first fires. `texts` has those of the facts too.
fn conclude(
    decision: &Decision,
    facts: &Facts,
    texts: &dyn Texts,
    candidates: impl Iterator<Item = u32>,
    fires: impl Fn(u32) -> Option<(FiredEffect, bool)>,
) -> Verdict {
    let row = &facts.row;
    let base = decision.score.as_ref().and_then(|score| score.eval_f64_with(row, texts));
    let base = base.filter(|score| score.is_finite()).unwrap_or(0.0);
    let mut verdict = Verdict { outcome: decision.otherwise, score: base, tier: None, fired: Vec::new() };
    let mut asked = None::<u16>;
    let mut next = 0;
    for rule in candidates {
        if rule < next {
            continue;
        }
        let Some((effect, shadow)) = fires(rule) else { continue };
        verdict.fired.push(Fired { rule, effect });
        if shadow {
            // A row in shadow does nothing: it does not keep the rows behind it from firing either.
            continue;
        }
        next = decision.rule_after(rule);
        match effect {
            FiredEffect::Added(score) => verdict.score += score,
            FiredEffect::Asked(outcome) => asked = Some(asked.map_or(outcome, |before| before.min(outcome))),
        }
    }
    let reached = |threshold: &Program| threshold.eval_f64_with(row, texts).is_some_and(|least| verdict.score >= least);
    let tier = decision.tiers.iter().position(|tier| reached(&tier.threshold));
    let by_score = tier.map_or(decision.otherwise, |tier| decision.tiers[tier].outcome);
    verdict.tier = tier.map(|tier| tier as u16);
    // Outcomes stand by precedence.
    verdict.outcome = asked.map_or(by_score, |asked| asked.min(by_score));
    verdict
}

/// Whether a rule fires.
fn fires(rule: &DecisionRule, now: Time, row: &[Value], texts: &dyn Texts) -> bool {
    let shared = rule.share.is_none_or(|share| row[usize::from(share)].is_true());
    shared && rule.is_in_force(now) && rule.when.eval_bool_with(row, texts)
}

/// What a rule that fires does.
fn effect(rule: &DecisionRule, row: &[Value], texts: &dyn Texts) -> FiredEffect {
    match &rule.effect {
        Effect::Outcome(outcome) => FiredEffect::Asked(*outcome),
        Effect::Score(score) => {
            let added = score.eval_f64_with(row, texts).filter(|score| score.is_finite());
            FiredEffect::Added(added.unwrap_or(0.0))
        }
    }
}

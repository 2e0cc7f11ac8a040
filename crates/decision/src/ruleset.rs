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
use expr::Texts;
use smallvec::SmallVec;
use spec::plan::{Decision, DecisionRule, Effect, Tier};

/// What came out for one event. The default: nothing yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Index into `Decision::outcomes`.
    pub outcome: u16,
    /// The decision's score and what rules added to it.
    pub score: f64,
    /// The tier that the score reached: index into `Decision::tiers`; none: no tier.
    pub tier: Option<u16>,
    /// The rules that fired, in the spec's order, those in shadow among them.
    pub fired: FiredRules,
}

/// Rules that fired: most often none or a few, which take no memory of their own.
pub type FiredRules = SmallVec<[Fired; 4]>;

/// A rule that fired, in 16 bytes: every verdict has room for some.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fired {
    /// Index into `Decision::rules`.
    pub rule: u32,
    /// The outcome that it asked for; none: it added to the score.
    asked: Option<u16>,
    added: f64,
}

/// What a rule that fired did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FiredEffect {
    /// Added this to the score.
    Added(f64),
    /// Asked for this outcome: index into `Decision::outcomes`.
    Asked(u16),
}

impl Fired {
    fn new(rule: u32, effect: FiredEffect) -> Fired {
        let (asked, added) = match effect {
            FiredEffect::Added(score) => (None, score),
            FiredEffect::Asked(outcome) => (Some(outcome), 0.0),
        };
        Fired { rule, asked, added }
    }

    /// What it did, or would have done.
    pub fn effect(&self) -> FiredEffect {
        self.asked.map_or(FiredEffect::Added(self.added), FiredEffect::Asked)
    }
}

/// Decides: every rule is looked at, one after another. What they add is summed in the spec's order.
pub fn decide(decision: &Decision, facts: &Facts, texts: &dyn Texts) -> Verdict {
    let texts = &facts.texts(texts);
    let mut fired = Vec::new();
    let mut course = Course::new(decision, base(decision, &facts.row, texts), &mut fired);
    for (rule, index) in decision.rules.iter().zip(0..) {
        if course.asks(index) && fires(rule, facts.now, &facts.row, texts) {
            course.fire(index, effect(rule, &facts.row, texts), rule.shadow);
        }
    }
    let tier = tier(decision, course.score, &facts.row, texts);
    course.end(tier)
}

/// The score before any rule.
fn base(decision: &Decision, row: &[Value], texts: &dyn Texts) -> f64 {
    let base = decision.score.as_ref().and_then(|score| score.eval_f64_with(row, texts));
    base.filter(|score| score.is_finite()).unwrap_or(0.0)
}

/// The first tier whose threshold a score reaches: index into `Decision::tiers`.
fn tier(decision: &Decision, score: f64, row: &[Value], texts: &dyn Texts) -> Option<usize> {
    let least = |tier: &Tier| tier.threshold.eval_f64_with(row, texts);
    decision.tiers.iter().position(|tier| least(tier).is_some_and(|least| score >= least))
}

/// What rules have come to so far that fired, in the spec's order. Of a table that gives one row only the first fires.
struct Course<'d> {
    decision: &'d Decision,
    score: f64,
    /// The outcome that rules ask for.
    asked: Option<u16>,
    /// The first rule that is to be asked yet.
    next: u32,
    fired: &'d mut Vec<Fired>,
}

impl<'d> Course<'d> {
    /// No rule has fired. `fired` is working memory; what it holds is of no account.
    fn new(decision: &'d Decision, base: f64, fired: &'d mut Vec<Fired>) -> Course<'d> {
        fired.clear();
        Course { decision, score: base, asked: None, next: 0, fired }
    }

    /// Whether a rule behind all that were asked so far is to be asked.
    #[inline]
    fn asks(&self, rule: u32) -> bool {
        rule >= self.next
    }

    /// A rule fires that was to be asked.
    #[inline]
    fn fire(&mut self, rule: u32, effect: FiredEffect, shadow: bool) {
        self.fired.push(Fired::new(rule, effect));
        if shadow {
            // A row in shadow does nothing: it does not keep the rows behind it from firing either.
            return;
        }
        self.next = self.decision.rule_after(rule);
        self.count(effect);
    }

    /// What a rule that is not in shadow does.
    #[inline]
    fn count(&mut self, effect: FiredEffect) {
        match effect {
            FiredEffect::Added(score) => self.score += score,
            FiredEffect::Asked(outcome) => self.asked = Some(self.asked.map_or(outcome, |before| before.min(outcome))),
        }
    }

    /// The verdict, with the tier that the score reaches.
    fn end(self, tier: Option<usize>) -> Verdict {
        let Course { decision, score, asked, fired, .. } = self;
        let by_score = tier.map_or(decision.otherwise, |tier| decision.tiers[tier].outcome);
        // Outcomes stand by precedence.
        let outcome = asked.map_or(by_score, |asked| asked.min(by_score));
        Verdict { outcome, score, tier: tier.map(|tier| tier as u16), fired: FiredRules::from_slice(fired) }
    }
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

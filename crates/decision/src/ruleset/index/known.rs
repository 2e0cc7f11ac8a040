//! What is known of a decision before any event: what its rules do, the score before them, and the thresholds of its tiers.

use crate::ruleset::{FiredEffect, base, effect};
use domain::Symbol;
use expr::{Program, Texts};
use spec::plan::{Decision, DecisionRule, Effect, Tier};
use std::sync::Arc;

/// A rule without its expressions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// What it does when it fires, unless that is to be computed.
    pub(super) effect: FiredEffect,
    pub(super) is_computed: bool,
    /// Whether it fires wherever its tests hold, and its conditions.
    pub(super) is_complete: bool,
    pub(super) shadow: bool,
    /// Whether nothing else is to be looked at when it is found, other rules neither.
    pub(super) is_plain: bool,
}

/// What needs no event to be computed.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) base: Option<f64>,
    /// By tier.
    pub(super) thresholds: Option<Vec<f64>>,
}

impl Known {
    pub(super) fn new(decision: &Decision, rule: &DecisionRule, is_complete: bool) -> Known {
        let is_computed = matches!(&rule.effect, Effect::Score(score) if !reads_nothing(score));
        let effect = if is_computed { FiredEffect::Added(0.0) } else { effect(rule, &[], &NoTexts) };
        let shadow = rule.shadow;
        let is_plain = is_complete && !is_computed && !shadow && decision.tables.is_empty();
        Known { effect, is_computed, is_complete, shadow, is_plain }
    }
}

impl Fixed {
    pub(super) fn new(decision: &Decision) -> Fixed {
        let has_base = decision.score.as_ref().is_none_or(reads_nothing);
        // No score reaches a threshold that is missing.
        let least =
            |tier: &Tier| reads_nothing(&tier.threshold).then(|| tier.threshold.eval_f64(&[]).unwrap_or(f64::NAN));
        Fixed {
            base: has_base.then(|| base(decision, &[], &NoTexts)),
            thresholds: decision.tiers.iter().map(least).collect(),
        }
    }
}

/// Whether a program has one value.
fn reads_nothing(program: &Program) -> bool {
    !program.needs_texts() && program.slots().is_empty()
}

/// For what reads none.
struct NoTexts;

impl Texts for NoTexts {
    fn text(&self, _: Symbol) -> Option<Arc<str>> {
        None
    }

    fn symbol(&self, _: &str) -> Option<Symbol> {
        None
    }
}

//! What a decision's rules and outcomes can never do, and where they contradict each other: warned of, since the rest still holds.

use super::Builder;
use super::never::contradicts_itself;
use super::outcome::Outcomes;
use crate::build::stream::canonical;
use crate::diagnostic::{Issue, quoted};
use crate::plan::DecisionRule;
use crate::source::{DecisionRuleSource, DecisionSource, EffectSource};
use crate::yaml::Text;
use std::collections::BTreeMap;

/// Most rules of one condition that each further one is compared with.
const COMPARED_MAX: usize = 256;

impl Builder<'_> {
    /// Looks at every rule alone, and at those with the same condition. `rules` are those that were compiled.
    pub(super) fn check_rules(&mut self, source: &DecisionSource, rules: &[DecisionRule]) {
        if rules.len() != source.rules.len() {
            return;
        }
        let mut by_condition: BTreeMap<String, Vec<&DecisionRuleSource>> = BTreeMap::new();
        for (written, rule) in source.rules.iter().zip(rules) {
            let when = &rule.when;
            let constant = when.slots().is_empty() && !when.needs_texts();
            let never = expr::parse(&written.when.text).is_ok_and(|ast| contradicts_itself(&ast));
            if never || constant && !when.eval(&[]).is_true() {
                self.warn("no_effect", &written.when.span, "this condition is never true", "remove the rule");
            }
            if let Some(until) = written.until {
                let message = "this rule has expired and fires no more";
                let issue = Issue::new("expired", &written.id.span, message);
                self.issues.warn(Some(until), issue.help("remove it, or move its `until`"));
            }
            if matches!(written.effect, EffectSource::Outcome(_)) && !written.shadow && written.share.is_none() {
                by_condition.entry(canonical(&written.when.text)).or_default().push(written);
            }
        }
        by_condition.values().for_each(|same| self.check_same_condition(same));
    }

    /// Rules that ask for outcomes on one condition.
    fn check_same_condition(&mut self, rules: &[&DecisionRuleSource]) {
        for (at, second) in rules.iter().enumerate() {
            let other = rules[..at].iter().take(COMPARED_MAX).find(|first| overlap(first, second));
            let Some(first) = other else { continue };
            let (EffectSource::Outcome(one), EffectSource::Outcome(two)) = (&first.effect, &second.effect) else {
                continue;
            };
            let (message, help) = if one.text == two.text {
                let message = format!("{} asks for the same outcome on the same condition", quoted(&first.id.text));
                (message, "remove one of them")
            } else {
                let (first, one) = (quoted(&first.id.text), quoted(&one.text));
                let message = format!("on this condition {first} asks for {one}: the first of `outcomes` wins");
                (message, "remove one of the rules, or narrow its condition")
            };
            self.warn("may_conflict", &second.when.span, &message, help);
        }
    }

    /// What is asked for or listed in vain.
    pub(super) fn check_outcomes(&mut self, source: &DecisionSource, outcomes: &Outcomes) {
        // With mistakes around, what seems missing may only be misspelt.
        if source.broken || !self.issues.is_empty() {
            return;
        }
        let asked: Vec<&Text> = source.effects().filter_map(asked).collect();
        let mut given: Vec<&Text> =
            source.tiers.iter().flat_map(|tiers| tiers.list.iter().map(|(name, _)| name)).collect();
        given.extend(source.tiers.iter().filter_map(|tiers| tiers.otherwise.as_ref()).chain(&source.otherwise));
        // The least precedence that the score can end in: what is not above it changes nothing.
        let last = given.iter().filter_map(|name| outcomes.place(&name.text)).max();
        let mut told = Vec::new();
        for name in asked.iter().filter(|name| outcomes.place(&name.text) >= last && last.is_some()) {
            if !told.contains(&name.text.as_str()) {
                told.push(&name.text);
                let message = format!("asking for {} changes nothing: no outcome gives way to it", quoted(&name.text));
                self.warn(
                    "no_effect",
                    &name.span,
                    &message,
                    "list it in `outcomes` before those that it is to outrank",
                );
            }
        }
        for name in source.outcomes.iter().flatten() {
            let names = asked.iter().chain(&given).copied().chain(&source.fallback);
            if names.into_iter().all(|known| known.text != name.text) {
                let message = format!("nothing gives the outcome {}", quoted(&name.text));
                self.warn("no_effect", &name.span, &message, "remove it, or name it in a rule or a tier");
            }
        }
        let scored = source.score.is_some() || source.effects().any(|effect| matches!(effect, EffectSource::Score(_)));
        if let Some((_, first)) = source.tiers.as_ref().and_then(|tiers| tiers.list.first())
            && !scored
        {
            let message = "nothing gives a score, so it is 0 for every event";
            self.warn("no_effect", &first.span, message, "give the decision a `score`, or rules that add one");
        }
    }
}

fn asked(effect: &EffectSource) -> Option<&Text> {
    match effect {
        EffectSource::Outcome(outcome) => Some(outcome),
        EffectSource::Score(_) => None,
    }
}

/// Whether there is an instant at which both are in force.
fn overlap(a: &DecisionRuleSource, b: &DecisionRuleSource) -> bool {
    let ends_before = |one: &DecisionRuleSource, other: &DecisionRuleSource| matches!((one.until, other.from), (Some(until), Some(from)) if until <= from);
    !ends_before(a, b) && !ends_before(b, a)
}

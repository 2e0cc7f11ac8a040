//! Decisions: rules, outcomes and tiers over the facts of one event, each expression compiled over the decision's own facts.

mod cell;
mod check;
mod cover;
mod facts;
mod feature;
mod guard;
mod labels;
mod never;
mod outcome;
mod reason;
mod review;
mod scope;
mod scorecard;
mod table;

use super::Builder;
use crate::diagnostic::{Issue, quoted};
use crate::plan::{Decision, DecisionRule, Effect, Fact, FactSource, RowRead, Share, Tier};
use crate::source::{DecisionRuleSource, DecisionSource, EffectSource, ShareSource, Source};
use crate::yaml::Text;
use domain::{Type, limits};
use expr::Program;
use facts::{FactKey, Facts};
use outcome::Outcomes;
use scope::DecisionScope;
use std::ops::Range;

impl Builder<'_> {
    pub(super) fn decisions(&mut self, source: &Source) {
        for declared in &source.decisions {
            if self.issues.full() {
                return;
            }
            if let Some(decision) = self.decision(declared) {
                self.decisions.push(decision);
            }
        }
    }

    fn decision(&mut self, source: &DecisionSource) -> Option<Decision> {
        let event = self.known_event(source.on.as_ref()?)?;
        let mut facts = Facts::new(event);
        facts.source_broken = source.broken;
        let outcomes = Outcomes::new(source);
        if outcomes.names().len() > limits::OUTCOMES_MAX && source.outcomes.is_none() {
            let message = format!(
                "rules ask for {} outcomes; at most {} are allowed",
                outcomes.names().len(),
                limits::OUTCOMES_MAX
            );
            self.issues.push(Issue::new("too_many", &source.name.span, message).help("let rules share outcomes"));
            return None;
        }
        let scorecards = self.scorecards(&mut facts, source);
        let score = source.score.as_ref().and_then(|text| self.number_in_decision(&mut facts, text, "a score"));
        let mut rules = Vec::with_capacity(source.rules.len());
        for rule in &source.rules {
            if self.issues.full() {
                return None;
            }
            rules.extend(self.decision_rule(&mut facts, &outcomes, rule));
        }
        self.check_rules(source, &rules);
        let tables = self.rule_tables(&mut facts, &outcomes, source, &mut rules);
        let tiers = self.decision_tiers(&mut facts, &outcomes, source);
        self.check_outcomes(source, &outcomes);
        let otherwise = source.tiers.as_ref().map_or(&source.otherwise, |tiers| &tiers.otherwise);
        let otherwise = self.outcome_of(&outcomes, otherwise.as_ref()?)?;
        let fallback = match &source.fallback {
            Some(fallback) => self.outcome_of(&outcomes, fallback)?,
            None => otherwise,
        };
        let labels = match &source.labels {
            Some(labels) => Some(self.labels(event, labels)?),
            None => None,
        };
        let review = match &source.review {
            Some(review) => Some(self.review(event, &outcomes, labels.as_ref(), review)?),
            None => None,
        };
        let guards = self.guards(&outcomes, &rules, &source.guards);
        let deadline = source.deadline;
        let (name, outcomes, facts) = (source.name.text.clone(), outcomes.into_names(), facts.list);
        let [reads_before, reads_after] = [true, false].map(|before| self.row_reads(&facts, before));
        let derived = those(&facts, |source| matches!(source, FactSource::Derived(_)));
        let fields = those(&facts, |source| matches!(source, FactSource::Field(_)));
        Some(Decision {
            name,
            event,
            facts,
            reads_before,
            reads_after,
            derived,
            fields,
            score,
            rules,
            tables,
            scorecards,
            outcomes,
            tiers,
            otherwise,
            deadline,
            fallback,
            labels,
            review,
            guards,
        })
    }

    fn row_reads(&self, facts: &[Fact], before_event: bool) -> Vec<RowRead> {
        let reads = facts.iter().zip(0..).filter_map(|(fact, at)| match fact.source {
            FactSource::Aggregate { role, aggregate, before } if before == before_event => {
                let stream = self.aggregates[usize::from(aggregate)].stream;
                let table = self.streams[stream as usize].table;
                Some(RowRead { role, table, aggregate, fact: at })
            }
            _ => None,
        });
        let mut reads: Vec<RowRead> = reads.collect();
        reads.sort_unstable();
        reads
    }

    fn decision_rule(
        &mut self,
        facts: &mut Facts,
        outcomes: &Outcomes,
        source: &DecisionRuleSource,
    ) -> Option<DecisionRule> {
        let when = self.condition_in_decision(facts, &source.when);
        let effect = match &source.effect {
            EffectSource::Score(text) => self.number_in_decision(facts, text, "a score").map(Effect::Score),
            EffectSource::Outcome(text) => self.outcome_of(outcomes, text).map(Effect::Outcome),
        };
        let reason = source.reason.as_ref().map_or(Some(Vec::new()), |text| self.reason(facts, text));
        let share = match &source.share {
            None => Some(None),
            Some(share) => self.share_of_rule(facts, source, share).map(Some),
        };
        Some(DecisionRule {
            id: source.id.text.clone(),
            when: when?,
            effect: effect?,
            reason: reason?,
            tags: source.tags.clone(),
            from: source.from,
            until: source.until,
            shadow: source.shadow,
            share: share?,
        })
    }

    /// The fact that says whether the event's entity is in a rule's share.
    fn share_of_rule(&mut self, facts: &mut Facts, rule: &DecisionRuleSource, source: &ShareSource) -> Option<u16> {
        let roles = &self.events[usize::from(facts.event)].roles;
        let role = match &source.by {
            // An event without roles has been refused.
            None => (!roles.is_empty()).then_some(0)?,
            Some(by) => match roles.iter().position(|role| role.name == by.text) {
                Some(role) => role,
                None => {
                    let event = &self.events[usize::from(facts.event)].name;
                    let message = format!("{} is not a role of the event `{event}`", quoted(&by.text));
                    let known: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
                    let issue = Issue::new("unknown_role", &by.span, message);
                    self.issues.push(issue.near(&by.text, known.into_iter()));
                    return None;
                }
            },
        };
        let salt = source.salt.clone().unwrap_or_else(|| rule.id.text.clone());
        let name = format!("share of {} by {}, salt {salt}", source.of, roles[role].name);
        let share = Share { role: role as u8, share: source.of, salt };
        facts.add(FactKey::of_share(&share), || name, Type::Bool).or_else(|| {
            self.too_many_facts(facts, &rule.id.span);
            None
        })
    }

    /// What an expression has to be.
    fn condition_in_decision(&mut self, facts: &mut Facts, text: &Text) -> Option<Program> {
        let program = self.compile_in_decision(facts, text, 0..text.text.len())?;
        if *program.ty() == Type::Bool {
            return Some(program);
        }
        let message = format!("this must be a condition (bool), but it is {}", program.ty());
        self.issues.push(Issue::new("wrong_type", &text.span, message).help("compare it with something"));
        None
    }

    fn number_in_decision(&mut self, facts: &mut Facts, text: &Text, what: &str) -> Option<Program> {
        let program = self.compile_in_decision(facts, text, 0..text.text.len())?;
        if matches!(program.ty(), Type::Int | Type::Float) {
            return Some(program);
        }
        let issue = Issue::new("wrong_type", &text.span, format!("{what} is a number, but this is {}", program.ty()));
        self.issues.push(match program.ty() {
            Type::Bool => issue.help("write `condition ? 1.0 : 0.0`"),
            _ => issue.help("write a number, as in `0.6`, or an expression of numbers, as in `0.01 * amount`"),
        });
        None
    }

    /// Compiles a part of a text over a decision's facts.
    fn compile_in_decision(&mut self, facts: &mut Facts, text: &Text, part: Range<usize>) -> Option<Program> {
        let result = expr::parse(&text.text[part.clone()]).and_then(|ast| {
            let mut scope = DecisionScope { builder: &mut *self, facts: &mut *facts, ast: &ast, within: None };
            expr::compile(&ast, ast.root(), &mut scope)
        });
        result
            .map_err(|mut wrong| {
                for diagnostic in &mut wrong {
                    diagnostic.span = diagnostic.span.start + part.start..diagnostic.span.end + part.start;
                }
                self.note(text, wrong);
            })
            .ok()
    }

    /// Notes once that a decision reads too much.
    fn too_many_facts(&mut self, facts: &mut Facts, span: &Range<usize>) {
        if !std::mem::replace(&mut facts.full_noted, true) {
            let (message, help) = facts::TOO_MANY;
            self.issues.push(Issue::new("over_budget", span, message()).help(help));
        }
    }

    fn decision_tiers(&mut self, facts: &mut Facts, outcomes: &Outcomes, source: &DecisionSource) -> Vec<Tier> {
        let mut tiers = Vec::new();
        let mut least: Option<f64> = None;
        for (outcome, text) in source.tiers.iter().flat_map(|tiers| &tiers.list) {
            let threshold = self.number_in_decision(facts, text, "a threshold");
            let outcome = self.outcome_of(outcomes, outcome);
            if let Some(threshold) = &threshold
                && threshold.slots().is_empty()
                && !threshold.needs_texts()
            {
                self.check_threshold(text, threshold.eval_f64(&[]), &mut least);
            }
            if let (Some(threshold), Some(outcome)) = (threshold, outcome) {
                tiers.push(Tier { outcome, threshold });
            }
        }
        tiers
    }

    /// Refuses a constant threshold that no score can reach before an earlier tier has it.
    fn check_threshold(&mut self, text: &Text, threshold: Option<f64>, least: &mut Option<f64>) {
        let Some(threshold) = threshold.filter(|threshold| threshold.is_finite()) else {
            let issue = Issue::new("out_of_range", &text.span, "this threshold is no finite number");
            self.issues.push(issue.help("write the least score of the tier, as in `act: 0.98`"));
            return;
        };
        if let Some(before) = least.filter(|before| threshold >= *before) {
            let message = format!("no score reaches this tier: at {before} it is in an earlier one already");
            let issue = Issue::new("unreachable_tier", &text.span, message);
            self.issues.push(issue.help("write the tiers from the highest threshold to the lowest"));
        }
        *least = Some(least.map_or(threshold, |before| before.min(threshold)));
    }
}

/// Which of the facts have such a source, ascending.
fn those(facts: &[Fact], of: fn(&FactSource) -> bool) -> Vec<u16> {
    facts.iter().zip(0..).filter_map(|(fact, at)| of(&fact.source).then_some(at)).collect()
}

//! The meaning of a decision as text, in which no index of the plan occurs.

use crate::build::canonical;
use crate::plan::{Decision, DecisionLabels, DecisionRule, Effect, Fact, FactSource, Plan, ReasonPart, ScorecardPart};
use expr::Program;

/// Everything that a decision says, and all that it reads.
pub(super) fn definition(plan: &Plan, decision: &Decision) -> String {
    let Decision { event, facts, score, rules, tables, scorecards, outcomes, tiers, .. } = decision;
    let Decision { otherwise, deadline, fallback, labels, review, guards, .. } = decision;
    let event = &plan.events[usize::from(*event)];
    let mut text = format!("on {} outcomes {outcomes:?} {otherwise} {deadline:?} {fallback}\n", event.name);
    let roles: Vec<&str> = event.roles.iter().map(|role| role.name.as_str()).collect();
    facts.iter().for_each(|of| text.push_str(&fact(plan, decision, of, &roles)));
    score.iter().for_each(|score| text.push_str(&format!("score {}\n", program(decision, score))));
    rules.iter().for_each(|of| text.push_str(&rule(decision, of)));
    text.push_str(&format!("{tables:?}\n"));
    for card in scorecards {
        let part = |part: &ScorecardPart| format!("{} {}; ", part.name, said(decision, &part.reason));
        text.push_str(&format!("scorecard {} {}\n", card.name, card.parts.iter().map(part).collect::<String>()));
    }
    for tier in tiers {
        text.push_str(&format!("tier {} {}\n", tier.outcome, program(decision, &tier.threshold)));
    }
    if let Some(DecisionLabels { event, of, reads, when }) = labels {
        let event = &plan.events[usize::from(*event)];
        let name = |field: &u16| event.fields[usize::from(*field)].name.as_str();
        let reads: Vec<&str> = reads.iter().map(name).collect();
        text.push_str(&format!("labels {} {} {} {reads:?}\n", event.name, name(of), canonical(when.text())));
    }
    if review.is_some() || !guards.is_empty() {
        text.push_str(&format!("{review:?} {guards:?}\n"));
    }
    text
}

/// A program by its text and the facts that it reads.
fn program(decision: &Decision, program: &Program) -> String {
    let reads = program.slots().iter().map(|&fact| format!(" {};", decision.facts[usize::from(fact)].name));
    format!("{} reads{}", canonical(program.text()), reads.collect::<String>())
}

fn fact(plan: &Plan, decision: &Decision, fact: &Fact, roles: &[&str]) -> String {
    let role = |role: u8| roles[usize::from(role)];
    let source = match &fact.source {
        FactSource::Field(_) | FactSource::Now => "given".to_owned(),
        FactSource::Attribute { role: of, .. } => format!("attribute of {}", role(*of)),
        FactSource::Listed { role: of, list } => format!("{} on {}", role(*of), plan.lists[usize::from(*list)].name),
        FactSource::Aggregate { role: of, aggregate, before } => {
            let aggregate = &plan.aggregates[usize::from(*aggregate)];
            let table = &plan.tables[usize::from(plan.streams[usize::from(aggregate.stream)].table)].name;
            format!("{} {table} {} {before}", role(*of), canonical(&plan.slots[usize::from(aggregate.slot)].name))
        }
        FactSource::Share(share) => format!("{} {:?} {:?}", role(share.role), share.share, share.salt),
        FactSource::Derived(of) => program(decision, of),
    };
    format!("fact {} {} {source}\n", fact.name, fact.ty)
}

/// What a template says.
fn said(decision: &Decision, reason: &[ReasonPart]) -> String {
    let said = reason.iter().map(|part| match part {
        ReasonPart::Text(text) => format!("{text:?}"),
        ReasonPart::Value(of) => program(decision, of),
    });
    said.collect()
}

fn rule(decision: &Decision, rule: &DecisionRule) -> String {
    let DecisionRule { id, when, effect, reason, tags, from, until, shadow, share } = rule;
    let effect = match effect {
        Effect::Score(score) => format!("score {}", program(decision, score)),
        Effect::Outcome(outcome) => format!("outcome {outcome}"),
    };
    let said = said(decision, reason);
    let share = share.map(|share| decision.facts[usize::from(share)].name.as_str());
    let when = program(decision, when);
    format!("rule {id} {when} {effect} says {said} {tags:?} {from:?} {until:?} {shadow} {share:?}\n")
}

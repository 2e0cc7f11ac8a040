//! What explanations say, by example; and that a change they name gives the outcome that they say.

use super::{DecisionExplanation, WhyNot, explain_decision};
use crate::ruleset::index::tests::realistic::{self, Draw};
use crate::ruleset::{Facts, Ruleset, decide};
use domain::{Symbol, Time, Type, Value};
use expr::Texts;
use spec::Plan;

const SPEC: &str = "version: 1
entities:
  card: { fields: { country: string } }
events:
  payment: { card: card, fields: { amount: float, country: string, n: int } }
features:
  card:
    payments_1h: count(payment, 1h)
    spent_1h: sum(payment, amount, 1h)
    mean_1h: spent_1h / payments_1h
decisions:
  risk:
    on: payment
    score: 0.1
    rules:
      - { id: large, when: 'amount > 1000 && country != card.country', score: 0.5 }
      - { id: often, when: 'card.payments_1h >= 5', score: 0.3, reason: 'x' }
      - { id: far, when: 'amount > 3 * card.mean_1h && n in [1, 2]', score: 0.25 }
      - { id: later, when: 'amount > 1', score: 1, from: 2030-01-01 }
      - { id: seen, when: 'amount > 1', score: 1, shadow: true }
    tiers: { act: 0.8, look: 0.5, otherwise: pass }
";

fn told(plan: &Plan) -> impl Fn(&Value, &Type) -> String {
    move |value, _| match value {
        Value::Str(symbol) => plan.text(*symbol).map_or("other".to_owned(), |text| text.to_string()),
        Value::Int(int) => int.to_string(),
        value => format!("{value:?}"),
    }
}

fn explained(plan: &Plan, facts: &Facts) -> DecisionExplanation {
    explain_decision(plan, &Ruleset::new(&plan.decisions[0], &[]), facts, plan, &told(plan))
}

/// Facts by name; the rest is missing, but for what is computed.
fn facts(plan: &Plan, given: &[(&str, Value)]) -> Facts {
    let value = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let row = plan.decisions[0].facts.iter().map(|fact| value(&fact.name).unwrap_or_default()).collect();
    let mut facts = Facts { decision: 0, now: Time(0), row, made: Vec::new() };
    facts.derive(plan, plan);
    facts
}

fn given(amount: f64, payments: f64) -> Vec<(&'static str, Value)> {
    vec![
        ("amount", Value::Float(amount)),
        ("country", Value::Str(Symbol(100))),
        ("card.country", Value::Str(Symbol(101))),
        ("card.payments_1h", Value::Float(payments)),
        ("n", Value::Int(7)),
    ]
}

#[test]
fn every_part_is_told() {
    let plan = spec::compile("explained", SPEC).unwrap();
    let found = explained(&plan, &facts(&plan, &given(1_200.0, 2.0)));
    assert_eq!((found.outcome.as_str(), found.score), ("look", 0.6));
    let steps: Vec<(Option<&str>, f64, f64)> =
        found.steps.iter().map(|step| (step.rule.as_deref(), step.added, step.total)).collect();
    assert_eq!(steps, [(None, 0.1, 0.1), (Some("large"), 0.5, 0.6)]);
    let why: Vec<(&str, Option<WhyNot>)> = found.rules.iter().map(|rule| (rule.id.as_str(), rule.why_not)).collect();
    let later = Time(1_893_456_000_000);
    let expected = [
        ("large", None),
        ("often", Some(WhyNot::False(0))),
        ("far", Some(WhyNot::False(1))),
        ("later", Some(WhyNot::NotYet(later))),
        ("seen", None),
    ];
    assert_eq!(why, expected);
    let far = &found.rules[2].terms;
    assert_eq!((far[0].text.as_str(), &far[0].value), ("amount > 3 * card.mean_1h", &Value::Missing));
    let operands: Vec<(&str, &str)> =
        far[0].operands.iter().map(|operand| (operand.text.as_str(), operand.shown.as_str())).collect();
    assert_eq!(operands, [("amount", "1200"), ("3 * card.mean_1h", "?")]);
    assert_eq!((far[1].text.as_str(), &far[1].value), ("n in [1, 2]", &Value::Bool(false)));
    let tiers: Vec<(&str, bool)> = found.tiers.iter().map(|tier| (tier.outcome.as_str(), tier.reached)).collect();
    assert_eq!(tiers, [("act", false), ("look", true)]);
    let windows: Vec<&str> = found.facts.iter().filter_map(|fact| fact.window.as_deref()).collect();
    assert_eq!(windows, ["count(payment, 1h)", "sum(payment, amount, 1h)"]);
    let shown = found.to_string();
    for line in ["risk: look at a score of 0.6", "rule often did not fire: `card.payments_1h >= 5` is false"] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn the_nearest_change_is_the_smallest_one() {
    let plan = spec::compile("explained", SPEC).unwrap();
    let nearest = |given: &[(&'static str, Value)]| {
        let found = explained(&plan, &facts(&plan, given)).nearest?;
        Some((found.name, found.value, found.outcome))
    };
    // To 1,000 is nearer than the three payments that are missing.
    let found = nearest(&given(1_200.0, 2.0)).unwrap();
    assert_eq!(found, ("amount".to_owned(), Value::Float(1_000.0), "pass".to_owned()));
    // One payment more is less than the way to 1,000.
    let found = nearest(&given(9_000.0, 4.0)).unwrap();
    assert_eq!(found, ("card.payments_1h".to_owned(), Value::Float(5.0), "act".to_owned()));
    // Just beyond what it is compared with.
    let found = nearest(&given(900.0, 0.0)).unwrap();
    assert_eq!(found, ("amount".to_owned(), Value::Float(1_000.01), "look".to_owned()));
}

#[test]
fn a_number_in_a_score_is_moved_until_the_tier_changes() {
    let text = SPEC.replace("score: 0.1\n", "score: amount / 1000 - card.mean_1h\n");
    let plan = spec::compile("explained", &text).unwrap();
    let mut given = given(450.0, 4.0);
    given.push(("card.spent_1h", Value::Float(0.0)));
    let found = explained(&plan, &facts(&plan, &given)).nearest.unwrap();
    assert_eq!((found.name.as_str(), found.outcome.as_str()), ("amount", "look"));
    assert!(found.value.as_f64().is_some_and(|to| (500.0..500.001).contains(&to)), "{found:?}");
}

#[test]
fn what_is_said_to_change_the_outcome_does() {
    let plan = spec::compile("realistic", &realistic::spec(150, 5)).unwrap();
    let mut draw = Draw(3);
    let mut changes = 0;
    for _ in 0..40 {
        let row = realistic::payment(&plan, &mut draw);
        let facts = Facts { decision: 0, now: Time(0), row, made: Vec::new() };
        let found = explained(&plan, &facts);
        let Some(change) = found.nearest else { continue };
        let mut other = facts.clone();
        other.row[usize::from(change.fact)] = change.value.clone();
        let outcome = decide(&plan.decisions[0], &other, &plan).outcome;
        assert_eq!(plan.decisions[0].outcomes[usize::from(outcome)], change.outcome);
        assert_ne!(change.outcome, found.outcome);
        changes += 1;
        let fired = decide(&plan.decisions[0], &facts, &plan).fired.len();
        assert_eq!(found.rules.iter().filter(|rule| rule.why_not.is_none()).count(), fired);
        for rule in found.rules.iter().filter(|rule| rule.why_not.is_none()) {
            assert!(rule.terms.iter().all(|term| term.value.is_true()), "{rule:?}");
        }
    }
    assert!(changes > 20, "{changes}");
}

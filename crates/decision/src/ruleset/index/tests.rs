//! What the index finds is what evaluating all rules finds: on random rules over random facts, and on realistic ones.

pub(crate) mod realistic;

use super::{Ruleset, RulesetScratch};
use crate::ruleset::{Facts, decide};
use domain::{EntityId, Symbol, Time, Type, Value};
use proptest::prelude::*;
use realistic::Draw;
use spec::Plan;
use spec::plan::Decision;

const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string, n: int } }
events:
  payment: { user: user, fields: { amount: float, n: int, country: string, mcc: string, vip: bool, at: timestamp } }
features:
  user:
    payments_1h: count(payment, 1h)
lists:
  blocked: { of: user }
decisions:
  risk:
    on: payment
    outcomes: [stop, look, pass]
    score: 0.01 * amount
";

const TESTS: [&str; 27] = [
    "amount > {}",
    "amount <= {}.5",
    "amount == {}",
    "n >= {}",
    "n < {}",
    "n != {}",
    "n in [{}, 3, 7]",
    "n == {}",
    "user.n == {}",
    "user.n == {}",
    "mcc == \"{}\"",
    "mcc == \"{}\"",
    "country == \"{}\"",
    "country in [\"{}\", \"a\", \"b\"]",
    "country != \"{}\"",
    "vip",
    "!vip",
    "listed(user, blocked)",
    "user.payments_1h >= {}",
    "default(amount, {}) < 5",
    "n > user.n",
    "has(amount)",
    "country.startsWith(\"{}\")",
    "country == user.country",
    "amount > {} * user.payments_1h",
    "n + {} > user.n",
    "now > timestamp(\"1970-01-01T00:00:00.00{}Z\")",
];

fn condition(draw: &mut Draw, depth: usize) -> String {
    if depth == 0 {
        let number = draw.below(10).to_string();
        return TESTS[draw.below(TESTS.len())].replace("{}", &number);
    }
    if depth == 1 && draw.below(10) == 0 {
        return format!("!({})", condition(draw, 0));
    }
    let (op, count) = if draw.below(3) == 0 { (" || ", 2) } else { (" && ", 2 + draw.below(3)) };
    let some: Vec<String> = (0..count).map(|_| condition(draw, depth - 1)).collect();
    format!("({})", some.join(op))
}

fn random_spec(draw: &mut Draw) -> String {
    let mut text = HEAD.to_owned() + "    rules:\n";
    let most = [8, 60, 220][draw.below(3)];
    let count = 1 + draw.below(most);
    for number in 0..count {
        let depth = draw.below(3);
        let when = condition(draw, depth);
        let effect = match draw.below(4) {
            0 => "outcome: stop".to_owned(),
            1 => "outcome: look".to_owned(),
            2 => format!("score: {}.{number}", draw.below(3)),
            _ => "score: 0.1 * amount".to_owned(),
        };
        let extra = match draw.below(12) {
            0 => ", shadow: true",
            1 => ", share: 0.5",
            2 => ", from: 1970-01-01T00:00:00.003Z",
            3 => ", until: 1970-01-01T00:00:00.006Z",
            _ => "",
        };
        text.push_str(&format!("      - {{ id: r{number}, when: '{when}', {effect}{extra} }}\n"));
    }
    if draw.below(2) == 0 {
        text.push_str(&random_tables(draw));
    }
    let tiers = ["stop: 3, look: '1 + 0.1 * n'", "stop: 3, look: 1.5"][draw.below(2)];
    text + &format!("    tiers: {{ {tiers}, otherwise: pass }}\n")
}

/// A table of which one row fires, and one of which all do.
fn random_tables(draw: &mut Draw) -> String {
    let mut text = "    tables:\n".to_owned();
    for (name, hit) in [("once", "first"), ("every", "collect")] {
        text.push_str(&format!("      {name}:\n        hit: {hit}\n"));
        text.push_str("        inputs: { n: n, amount: amount, country: country }\n        rows:\n");
        for _ in 0..1 + draw.below(20) {
            let cells: Vec<String> = ["n", "amount", "country"].iter().filter_map(|name| cell(name, draw)).collect();
            let effect = ["outcome: stop", "score: 0.7", "score: 0.1 * amount"][draw.below(3)];
            let cells: String = cells.iter().map(|cell| format!("{cell}, ")).collect();
            text.push_str(&format!("          - {{ {cells}{effect} }}\n"));
        }
    }
    text
}

fn cell(name: &str, draw: &mut Draw) -> Option<String> {
    let number = draw.below(10);
    Some(match draw.below(4) {
        0 => return None,
        1 => format!("{name}: \"{number}\""),
        _ if name == "country" => format!("{name}: [\"{number}\", \"a\"]"),
        2 => format!("{name}: \">= {number}\""),
        _ => format!("{name}: \"{number}..{}\"", number + 4),
    })
}

/// Facts that tests of small numbers part, some of them missing or of a rare kind.
fn random_facts(decision: &Decision, draw: &mut Draw) -> Facts {
    let value = |ty: &Type, draw: &mut Draw| match ty {
        Type::Bool => Value::Bool(draw.below(2) == 0),
        Type::Int => Value::Int(draw.below(11) as i64),
        Type::Float => match draw.below(8) {
            0 => Value::Float([f64::NAN, -0.0, f64::INFINITY, 9.5][draw.below(4)]),
            _ => Value::Float(draw.below(11) as f64),
        },
        Type::Str => Value::Str(Symbol(draw.below(30) as u32)),
        Type::Time => Value::Time(Time(draw.below(10) as i64)),
        _ => Value::Entity(EntityId(draw.below(4) as u32)),
    };
    let now = Time(draw.below(10) as i64);
    let row = decision.facts.iter().map(|fact| match draw.below(7) {
        0 => Value::Missing,
        _ if fact.name == "now" => Value::Time(now),
        _ => value(&fact.ty, draw),
    });
    Facts { decision: 0, now, row: row.collect(), made: Vec::new() }
}

/// Compares both on these facts; how many rules fired in all.
fn compare(plan: &Plan, samples: &[Facts], facts: &[Facts], scratch: &mut RulesetScratch) -> usize {
    let decision = &plan.decisions[0];
    let samples: Vec<&Facts> = samples.iter().collect();
    let ruleset = Ruleset::new(decision, &samples);
    let mut fired = 0;
    for facts in facts {
        let expected = decide(decision, facts, plan);
        let found = ruleset.decide(decision, facts, plan, scratch);
        assert_eq!(found.score.to_bits(), expected.score.to_bits(), "{facts:?}");
        // A score that is not finite is no part of it, so that equality is meant.
        assert_eq!(found, expected, "{facts:?}");
        fired += expected.fired.len();
    }
    fired
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_decides_as_a_walk_through_all_rules(seed in any::<u64>()) {
        let mut draw = Draw(seed);
        let plan = spec::compile("random", &random_spec(&mut draw)).unwrap();
        let facts: Vec<Facts> = (0..60).map(|_| random_facts(&plan.decisions[0], &mut draw)).collect();
        let mut scratch = RulesetScratch::default();
        let fired = compare(&plan, &[], &facts, &mut scratch);
        // With other guesses of what is likely the tree is another, and finds the same.
        prop_assert_eq!(compare(&plan, &facts[..20], &facts, &mut scratch), fired);
    }
}

#[test]
fn realistic_rules_are_decided_as_by_a_walk() {
    let plan = spec::compile("realistic", &realistic::spec(3_200, 7)).unwrap();
    let mut draw = Draw(11);
    let facts = |_| Facts { decision: 0, now: Time(0), row: realistic::payment(&plan, &mut draw), made: Vec::new() };
    let facts: Vec<Facts> = (0..400).map(facts).collect();
    let mut scratch = RulesetScratch::default();
    let fired = compare(&plan, &[], &facts, &mut scratch);
    assert!(fired > 1_000, "{fired} is too few to compare");
    assert_eq!(compare(&plan, &facts[..200], &facts, &mut scratch), fired);
}

#[test]
fn rules_that_run_on_every_event_are_named() {
    let mut text = HEAD.to_owned() + "    rules:\n";
    let conditions = [
        ("a", "n > user.n"),
        ("b", "n > user.n && vip"),
        ("c", "n != 3"),
        ("d", "vip || country == user.country"),
        ("e", "vip || n == 3 && amount > 5"),
        ("f", "true"),
        ("g", "country.startsWith(\"x\")"),
        ("h", "country.startsWith(\"x\") && n in [1, 2]"),
        ("i", "has(amount)"),
    ];
    for (id, when) in conditions {
        text.push_str(&format!("      - {{ id: {id}, when: '{when}', score: 1 }}\n"));
    }
    text.push_str("    tiers: { stop: 3, otherwise: pass }\n");
    let plan = spec::compile("named", &text).unwrap();
    let ruleset = Ruleset::new(&plan.decisions[0], &[]);
    let named: Vec<(&str, &str)> =
        ruleset.unindexed().iter().map(|of| (plan.decisions[0].rules[of.rule as usize].id.as_str(), of.why)).collect();
    let computed = "it compares no fact with a constant, only facts with each other, with what is computed of them, or by their texts";
    let nearly = "what it asks is true of nearly every value";
    let expected = [
        ("a", computed),
        ("c", nearly),
        ("d", "an alternative of its `||` compares no fact with a constant"),
        ("f", "its condition is always true"),
        ("g", computed),
        ("i", nearly),
    ];
    assert_eq!(named, expected);
}

//! Decisions: what a good one becomes, and every mistake of bad ones.

mod broken;
mod docs;
mod labels;
mod mistakes;
mod review;
mod tables;

use super::{plan, refused};
use crate::plan::{Decision, Effect, FactSource, ReasonPart, Share};
use crate::{Plan, diff, interim};
use domain::{Span, Symbol, Type, Value, parse_timestamp};

/// The decisions of the design's example, and what it is about.
const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string, vip: bool } }
  item: { fields: { category: string, price: float } }
  device: {}
events:
  view: { user: user, item: item }
  payment: { user: user, device: device, fields: { amount: float, card: string, country: string } }
  order: { user: user, item: item, device: device, fields: { n: int } }
  transfer: { payer: user, payee: user, fields: { amount: float } }
features:
  user:
    views_7d: count(view, 7d)
    views_1h: count(view, 1h)
    spent_1d: sum(transfer, amount, 1d)
    spent_1h: sum(payment, amount, 1h)
    share_1h: spent_1h / max(sum(payment, amount, 7d), 1)
    twice: 2 * share_1h + views_1h
    local: user.country == \"DE\"
    seen_it: seen(item, 7d)
  item:
    heat: decayed(view, 6h)
  user.category:
    share_7d: count(view, 7d) / max(user.views_7d, 1)
  user.device:
    count_1d: count(payment, 1d)
  device:
    cards_10m: distinct(payment, card, 10m)
lists:
  blocked: { of: user }
  goods: { of: item }
";

const RISK: &str = "decisions:
  payment_risk:
    on: payment
    rules:
      - id: many-cards
        when: device.cards_10m >= 5
        score: 0.6
        reason: \"{device.cards_10m} cards on one device in 10 minutes\"
      - id: large
        when: amount > 1000
        score: 0.4
    tiers: { act: 0.98, second_check: 0.85, observe: 0.65, otherwise: label }
";

fn with(decisions: &str) -> String {
    format!("{HEAD}decisions:\n{decisions}")
}

/// The plan of one decision over the events of a type, with this condition.
fn on(event: &str, when: &str) -> (Plan, Decision) {
    let plan = plan(&with(&format!(
        "  d:\n    on: {event}\n    rules:\n      - {{ id: r, when: '{when}', outcome: stop }}\n    otherwise: go\n"
    )));
    let decision = plan.decisions[0].clone();
    (plan, decision)
}

/// The facts as `name: type = source`.
fn facts(plan: &Plan, decision: &Decision) -> Vec<String> {
    let roles = &plan.events[usize::from(decision.event)].roles;
    let role = |role: u8| roles[usize::from(role)].name.as_str();
    let source = |source: &FactSource| match source {
        FactSource::Field(field) => format!("field {field}"),
        FactSource::Now => "now".to_owned(),
        FactSource::Attribute { role: of, field } => format!("attribute {} {field}", role(*of)),
        FactSource::Listed { role: of, list } => format!("listed {} {list}", role(*of)),
        FactSource::Aggregate { role: of, aggregate, before } => {
            let slot = plan.aggregates[usize::from(*aggregate)].slot;
            let before = if *before { " before" } else { "" };
            format!("{} {}{before}", role(*of), plan.slots[usize::from(slot)].name)
        }
        FactSource::Share(Share { role: of, share, salt }) => format!("share {} {share} {salt}", role(*of)),
        FactSource::Derived(program) => format!("{} {:?}", program.text(), program.slots()),
    };
    decision.facts.iter().map(|fact| format!("{}: {} = {}", fact.name, fact.ty, source(&fact.source))).collect()
}

#[test]
fn the_design_compiles() {
    let plan = plan(&format!("{HEAD}{RISK}"));
    let [decision] = plan.decisions.as_slice() else { panic!() };
    assert_eq!((decision.name.as_str(), decision.event), ("payment_risk", plan.event("payment").unwrap()));
    assert_eq!(
        facts(&plan, decision),
        ["device.cards_10m: float = device distinct(payment, card, 10m)", "amount: float = field 0"]
    );
    assert_eq!(decision.outcomes, ["act", "second_check", "observe", "label"]);
    let tiers = decision.tiers.iter().map(|tier| (tier.outcome, tier.threshold.eval_f64(&[])));
    assert_eq!(tiers.collect::<Vec<_>>(), [(0, Some(0.98)), (1, Some(0.85)), (2, Some(0.65))]);
    assert_eq!((decision.otherwise, decision.fallback, decision.deadline), (3, 3, None));
    let [many, large] = decision.rules.as_slice() else { panic!() };
    assert_eq!((many.id.as_str(), large.id.as_str()), ("many-cards", "large"));
    let row = [Value::Float(5.0), Value::Float(1000.0)];
    assert!(many.when.eval_bool(&row) && !large.when.eval_bool(&row));
    assert!(matches!(&many.effect, Effect::Score(score) if score.eval_f64(&row) == Some(0.6)));
    let [ReasonPart::Value(cards), ReasonPart::Text(text)] = many.reason.as_slice() else { panic!() };
    assert_eq!((cards.eval(&row), text.as_str()), (Value::Float(5.0), " cards on one device in 10 minutes"));
    assert!(large.reason.is_empty() && plan.warnings.is_empty());
    assert_eq!(plan.decisions_on(decision.event).count(), 1);
    assert_eq!(plan.decision("payment_risk"), Some(0));
}

#[test]
fn every_field_of_a_rule_is_taken() {
    let plan = plan(&with(
        "  risk:
    on: payment
    outcomes: [decline, check, approve, wait]
    score: 0.1 * amount
    rules:
      - id: a.b-c_1
        when: amount > 10 && event.country == 'DE'
        outcome: decline
        reason: 'of {{x}} {amount} in {country == \"}\" ? \"{\" : country}'
        tags: [velocity, card-testing]
        from: 2026-12-01
        until: 2027-01-01T12:00:00+01:00
        shadow: true
        share: { of: 10%, by: device, salt: x }
      - { id: second, when: now > timestamp('2026-01-01T00:00:00Z'), score: amount / 2, share: 0.25 }
    tiers: { check: '0.5 + 0.1 * double(now.getHours())', otherwise: approve }
    deadline: 50ms
    fallback: wait
",
    ));
    let decision = &plan.decisions[0];
    assert_eq!(decision.outcomes, ["decline", "check", "approve", "wait"]);
    assert_eq!((decision.otherwise, decision.fallback, decision.deadline), (2, 3, Some(Span(50))));
    assert_eq!(decision.score.as_ref().unwrap().eval_f64(&[Value::Float(7.0)]), Some(0.7000000000000001));
    let [first, second] = decision.rules.as_slice() else { panic!() };
    assert!(matches!(first.effect, Effect::Outcome(0)) && first.shadow && !second.shadow);
    assert_eq!(first.tags, ["velocity", "card-testing"]);
    assert_eq!(
        (first.from, first.until),
        (parse_timestamp("2026-12-01T00:00:00Z"), parse_timestamp("2027-01-01T11:00:00Z"))
    );
    let texts: Vec<String> = first
        .reason
        .iter()
        .map(|part| match part {
            ReasonPart::Text(text) => text.clone(),
            ReasonPart::Value(program) => format!("<{}>", program.text()),
        })
        .collect();
    assert_eq!(texts, ["of {x} ", "<amount>", " in ", "<country == \"}\" ? \"{\" : country>"]);
    let shares: Vec<String> = facts(&plan, decision).into_iter().filter(|fact| fact.starts_with("share")).collect();
    assert_eq!(
        shares,
        [
            "share of 0.1 by device, salt x: bool = share device 0.1 x",
            "share of 0.25 by user, salt second: bool = share user 0.25 second"
        ]
    );
    assert!(first.share.is_some() && second.share.is_some() && first.share != second.share);
}

#[test]
fn facts_are_there_once_and_after_what_they_read() {
    let (plan, decision) = on("payment", "user.twice > amount && user.share_1h < 1 && user.spent_1h > 3");
    assert_eq!(
        facts(&plan, &decision),
        [
            "user.views_1h: float = user count(view, 1h)",
            "user.spent_1h: float = user sum(payment, amount, 1h)",
            "user.sum(payment, amount, 7d): float = user sum(payment, amount, 7d)",
            "user.share_1h: float = spent_1h / max(sum(payment, amount, 7d), 1) [1, 2]",
            "user.twice: float = 2 * share_1h + views_1h [0, 3]",
            "amount: float = field 0",
        ]
    );
    for (index, fact) in decision.facts.iter().enumerate() {
        if let FactSource::Derived(program) = &fact.source {
            assert!(program.slots().iter().all(|slot| usize::from(*slot) < index));
        }
    }
}

#[test]
fn before_reads_the_aggregates_without_the_event() {
    let (plan, decision) = on("payment", "before(user.share_1h) < user.share_1h && before(user.spent_1h) > 0");
    assert_eq!(
        facts(&plan, &decision),
        [
            "before(user.spent_1h): float = user sum(payment, amount, 1h) before",
            "before(user.sum(payment, amount, 7d)): float = user sum(payment, amount, 7d) before",
            "before(user.share_1h): float = spent_1h / max(sum(payment, amount, 7d), 1) [0, 1]",
            "user.spent_1h: float = user sum(payment, amount, 1h)",
            "user.sum(payment, amount, 7d): float = user sum(payment, amount, 7d)",
            "user.share_1h: float = spent_1h / max(sum(payment, amount, 7d), 1) [3, 4]",
        ]
    );
}

#[test]
fn crossed_tables_take_their_key_from_the_event() {
    let (plan, decision) =
        on("order", "user.category.share_7d > 0.5 && user.device.count_1d > n && item.heat > 1 && item.price > 2");
    assert_eq!(
        facts(&plan, &decision),
        [
            "user.views_7d: float = user count(view, 7d)",
            "user.category.count(view, 7d): float = user count(view, 7d)",
            "user.category.share_7d: float = count(view, 7d) / max(user.views_7d, 1) [0, 1]",
            "user.device.count_1d: float = user count(payment, 1d)",
            "n: int = field 0",
            "item.heat: float = item decayed(view, 6h)",
            "item.price: float = attribute item 1",
        ]
    );
}

#[test]
fn roles_of_one_type_are_told_apart() {
    let (plan, decision) = on(
        "transfer",
        "payee.spent_1d > payer.spent_1d && payer.local && listed(payee, blocked) && payee.country != payer.country",
    );
    assert_eq!(
        facts(&plan, &decision),
        [
            "payee.spent_1d: float = payee sum(transfer, amount, 1d)",
            "payer.spent_1d: float = payer sum(transfer, amount, 1d)",
            "payer.country: string = attribute payer 0",
            "payer.local: bool = user.country == \"DE\" [2]",
            "listed(payee, blocked): bool = listed payee 0",
            "payee.country: string = attribute payee 0",
        ]
    );
    // The constant of the feature is the plan's, in every program.
    let FactSource::Derived(local) = &decision.facts[3].source else { panic!() };
    let symbol = Symbol(plan.constants.iter().position(|text| text == "DE").unwrap() as u32);
    let mut row = vec![Value::Missing; 3];
    row[2] = Value::Str(symbol);
    assert!(local.eval(&row).is_true());
}

#[test]
fn default_precedence_puts_what_rules_ask_for_first() {
    let plan = plan(&with(
        "  d:
    on: payment
    rules:
      - { id: a, when: amount > 3, outcome: observe }
      - { id: b, when: amount > 4, outcome: decline }
      - { id: c, when: amount > 5, score: 1 }
      - { id: d, when: amount > 6, outcome: approve }
    tiers: { act: 2, observe: 1, otherwise: label }
    fallback: later
",
    ));
    assert_eq!(plan.decisions[0].outcomes, ["decline", "approve", "act", "observe", "label", "later"]);
}

#[test]
fn a_reason_may_show_any_type() {
    let (_, decision) = on("payment", "amount > 1");
    assert_eq!(decision.facts[0].ty, Type::Float);
    let plan = plan(&with(
        "  d: { on: payment, rules: [{ id: a, when: amount > 1, outcome: x, reason: '{now} {country + \"x\"} {amount > 2} {user.vip} {[1, 2].size()}' }], otherwise: y }\n",
    ));
    assert_eq!(plan.decisions[0].rules[0].reason.len(), 9);
}

#[test]
fn a_decision_needs_an_event() {
    let diagnostics = refused(&with("  d: { rules: [], otherwise: x }\n"));
    assert_eq!(diagnostics.list[0].code, "missing_field");
}

#[test]
fn another_meaning_is_another_decision_and_no_other_state() {
    let text = format!("{HEAD}{RISK}");
    let before = plan(&text);
    for (from, to) in [
        ("amount > 1000", "amount > 1001"),
        ("score: 0.6", "score: 0.7"),
        ("cards on", "different cards on"),
        ("act: 0.98", "act: 0.99"),
        ("otherwise: label", "otherwise: observe"),
        ("id: large", "id: larger"),
        ("        when: amount", "        shadow: true\n        when: amount"),
        ("        when: amount", "        share: 10%\n        when: amount"),
        ("    on: payment", "    deadline: 5ms\n    fallback: label\n    on: payment"),
    ] {
        let after = diff(&before, &plan(&text.replace(from, to)));
        assert_eq!((after.changed, after.rebuild), (vec!["decision payment_risk".to_owned()], false), "{to}");
    }
    let same = diff(&before, &plan(&text.replace("amount > 1000", "amount  >  1000 # large")));
    assert!(same.changed.is_empty() && same.unchanged.contains(&"decision payment_risk".to_owned()));
    let other_feature = diff(&before, &plan(&text.replace("card, 10m", "card, 11m")));
    assert_eq!(other_feature.changed, ["decision payment_risk", "feature device.cards_10m"]);
    let without = plan(HEAD);
    assert_eq!(diff(&without, &before).added, ["decision payment_risk"]);
    assert_eq!(diff(&before, &without).removed, ["decision payment_risk"]);
}

#[test]
fn a_summary_says_what_is_read() {
    let said = plan(&format!("{HEAD}{RISK}")).describe().to_string();
    let line = "payment_risk: on `payment`, 2 rules over 2 facts (1 aggregates): act, second_check, observe, label";
    assert!(said.lines().any(|one| one == line), "{said}");
}

#[test]
fn what_is_not_filled_yet_is_missing() {
    let text = with(
        "  d: { on: payment, rules: [{ id: a, when: user.share_1h > 1 || user.spent_1h > 1, outcome: x }], otherwise: y }\n",
    );
    let old = plan(&text);
    let new =
        text.replace("sum(payment, amount, 7d)", "sum(payment, amount, 9d)").replace("user.spent_1h > 1", "amount > 1");
    let between = interim(&old, "spec.yaml", &new).unwrap_or_else(|wrong| panic!("{wrong}"));
    let decision = &between.decisions[0];
    assert_eq!(facts(&between, decision), ["user.share_1h: float = unfilled []", "amount: float = field 0"]);
    assert!(decision.rules[0].when.eval_bool(&[Value::Missing, Value::Float(2.0)]));
    let FactSource::Derived(missing) = &decision.facts[0].source else { panic!() };
    assert_eq!((between.decisions.len(), missing.eval(&[])), (1, Value::Missing));
}

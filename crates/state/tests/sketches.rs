//! Rows with sketches under load: errors over windows of late and early events, the promised ceiling of memory, the same bytes in any
//! order of events, and under plans that number strings differently.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use domain::{EntityId, Event, Field, Payload, Position, Raw, Time, Value};
use spec::Plan;
use state::{Catalogue, Dictionary, Resolved, Rows, Scope, resolve};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW: i64 = 1_790_000_000_000;
const HOUR: i64 = 3_600_000;

fn spec(extra: &str) -> Arc<Plan> {
    let text = format!(
        "version: 1
events: {{ pay: {{ user: user, item: item, fields: {{ card: string, amount: float, kind: string }} }} }}
features:
  user:
    cards: distinct(pay, card, 1h)
    cards_10m: distinct(pay, card, 10m)
    median: quantile(pay, amount, 0.5, 1h)
    dear: quantile(pay, amount, 0.99, 1h)
    kinds: top_k(pay, kind, 3, 1h)
    top_items: top_k(pay, item, 5, 1h)
{extra}"
    );
    Arc::new(spec::compile("pay.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}")))
}

/// A payment of the one user.
#[derive(Clone)]
struct Pay {
    card: u64,
    item: u64,
    amount: f64,
    kind: u64,
    time: i64,
}

/// Payments of an hour and a half with late ones; `cards` different cards.
fn payments(count: u64, cards: u64) -> Vec<Pay> {
    let mut seed = count ^ cards << 20 ^ 88_172_645_463_325_252;
    let mut next = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let pay = |at: u64| {
        let late = if next(4) == 0 { next(5_400_000) as i64 } else { 0 };
        let time = NOW - 5_400_000 + (5_400_000 * at / count) as i64 - late;
        let (items, kinds) = (1 + next(250), 1 + next(9));
        let item = next(items);
        let amount = libm::exp2(next(10_000) as f64 / 1_000.0);
        Pay { card: next(cards), item, amount, kind: next(kinds), time }
    };
    (0..count).map(pay).collect()
}

fn resolved(plan: &Arc<Plan>, payments: &[Pay]) -> (Dictionary, Vec<Resolved>) {
    let mut dictionary = Dictionary::new(plan, 3);
    let catalogue = Catalogue::new(plan.clone());
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let text = |kind: &str, number: u64| Raw::Str(format!("{kind}{number}").into());
    let resolved = payments.iter().enumerate().map(|(at, pay)| {
        let fields = vec![
            field("user", text("u", 1)),
            field("item", text("i", pay.item)),
            field("card", text("c", pay.card)),
            field("amount", Raw::Float(pay.amount)),
            field("kind", text("k", pay.kind)),
        ];
        let event = Event { kind: "pay".into(), source: "".into(), id: None, time: Some(Time(pay.time)), fields };
        let payload = Payload::Event(event);
        resolve(plan, &mut dictionary, &catalogue, Position(at as u64 + 1), Time(NOW), &payload).unwrap()
    });
    let resolved = resolved.collect();
    (dictionary, resolved)
}

fn applied(plan: &Arc<Plan>, payments: &[Pay]) -> (Dictionary, Rows) {
    let (dictionary, resolved) = resolved(plan, payments);
    let mut rows = Rows::new(plan.clone(), Scope::All);
    rows.apply_all(&resolved);
    (dictionary, rows)
}

/// The features as texts and numbers.
fn features(plan: &Plan, dictionary: &Dictionary, rows: &Rows, now: i64) -> BTreeMap<String, (f64, Vec<String>)> {
    let all: Vec<u16> = (0..plan.aggregates.len() as u16).collect();
    let mut row = vec![Value::Missing; plan.slots.len()];
    rows.read(EntityId(0), &all, Time(now), &mut row);
    let text = |value: &Value| match value {
        Value::Str(symbol) => dictionary.text(*symbol).to_owned(),
        Value::Entity(id) => dictionary.key(1, *id).to_owned(),
        other => panic!("{other:?} in a list"),
    };
    let named = plan.features.iter().filter(|feature| plan.tables[usize::from(feature.table)].name == "user");
    let found = named.map(|feature| match feature.program.eval(&row) {
        Value::List(list) => (feature.name.clone(), (f64::NAN, list.iter().map(text).collect())),
        value => (feature.name.clone(), (value.as_f64().unwrap(), Vec::new())),
    });
    found.collect()
}

/// Payments in the window, widened to whole panes.
fn within(payments: &[Pay], window: i64, width: i64) -> Vec<&Pay> {
    let first = (NOW - window).div_euclid(width) * width;
    payments.iter().filter(|pay| pay.time >= first && pay.time <= NOW).collect()
}

#[test]
fn errors_are_within_their_bounds() {
    let plan = spec("");
    for cards in [50, 2_000, 100_000] {
        let payments = payments(60_000, cards);
        let (dictionary, rows) = applied(&plan, &payments);
        let found = features(&plan, &dictionary, &rows, NOW);
        let hour = within(&payments, HOUR, 120_000);
        let different = |of: &[&Pay]| of.iter().map(|pay| pay.card).collect::<BTreeSet<_>>().len() as f64;
        for (name, of) in [("cards", &hour), ("cards_10m", &within(&payments, 600_000, 20_000))] {
            let (found, expected) = (found[name].0, different(of));
            let exact = cards == 50;
            assert!(if exact { found == expected } else { (found / expected - 1.0).abs() < 0.07 }, "{name} {cards}");
        }
        let mut amounts: Vec<f64> = hour.iter().map(|pay| pay.amount).collect();
        amounts.sort_by(f64::total_cmp);
        for (name, q) in [("median", 0.5), ("dear", 0.99)] {
            let expected = amounts[((amounts.len() - 1) as f64 * q) as usize];
            assert!((found[name].0 / expected - 1.0).abs() <= 0.010_001, "{name}");
        }
        let mut items: BTreeMap<String, u32> = BTreeMap::new();
        hour.iter().for_each(|pay| *items.entry(format!("i{}", pay.item)).or_default() += 1);
        let listed: Vec<u32> = found["top_items"].1.iter().map(|item| items[item]).collect();
        let mut best: Vec<u32> = items.into_values().collect();
        best.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        assert_eq!(listed, best[..5], "of 250 items none is left out");
    }
}

#[test]
fn a_full_row_is_below_the_ceiling_that_check_tells() {
    let plan = spec("");
    let ceiling = plan.describe().tables.iter().find(|table| table.name == "user").unwrap().bytes_per_key;
    let mut many = payments(400_000, 400_000);
    // Everything different, in every pane of the longest window and of the minute ahead.
    many.iter_mut().enumerate().for_each(|(at, pay)| {
        pay.time = NOW - 3_720_000 + 3_780_000 * at as i64 / 400_000;
        (pay.item, pay.kind) = (at as u64 % 5_000, at as u64 % 7_000);
    });
    let (_, rows) = applied(&plan, &many);
    let bytes = rows.memory().bytes;
    assert!(bytes <= ceiling + 200, "{bytes} of {ceiling}");
    assert!(bytes > ceiling * 3 / 4, "{bytes} of {ceiling}: the ceiling is near");
}

#[test]
fn the_order_of_events_leaves_no_trace() {
    let plan = spec("");
    let mut payments = payments(20_000, 3_000);
    let (dictionary, rows) = applied(&plan, &payments);
    payments.reverse();
    payments.rotate_left(7_777);
    let (other_dictionary, other) = applied(&plan, &payments);
    assert_eq!(rows.digest(&dictionary, Time(NOW)), other.digest(&other_dictionary, Time(NOW)));
}

#[test]
fn the_numbers_of_strings_leave_no_trace() {
    let payments = payments(20_000, 3_000);
    let (one, two) =
        (spec(""), spec("  item: { x: 'count(pay, 1h, kind == \"k7\" || kind == \"k2\" || card == \"c9\")' }\n"));
    assert_ne!(one.constants, two.constants);
    let (names, rows) = applied(&one, &payments);
    let (other_names, other) = applied(&two, &payments);
    for now in [NOW, NOW + 1_000_000, NOW + 3_000_000] {
        let found = features(&one, &names, &rows, now);
        assert_eq!(format!("{found:?}"), format!("{:?}", features(&two, &other_names, &other, now)));
    }
}

#[test]
fn old_panes_are_gone() {
    let plan = spec("");
    let (dictionary, rows) = applied(&plan, &payments(5_000, 300));
    let later = NOW + 3 * HOUR;
    let all: Vec<u16> = (0..plan.aggregates.len() as u16).collect();
    let mut row = vec![Value::Bool(true); plan.slots.len()];
    rows.read(EntityId(0), &all, Time(later), &mut row);
    let values: Vec<Value> = plan.aggregates.iter().map(|of| row[usize::from(of.slot)].clone()).collect();
    let (none, empty) = (Value::Float(0.0), Value::List([].into()));
    assert_eq!(values, [none.clone(), none, Value::Missing, Value::Missing, empty.clone(), empty]);
    let nothing = Rows::new(plan.clone(), Scope::All);
    assert_eq!(rows.digest(&dictionary, Time(later)), nothing.digest(&dictionary, Time(later)));
}

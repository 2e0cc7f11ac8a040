//! Expressions of a request: what they can read, what they compile to, and how they are refused.

use super::plan;
use crate::plan::SlotSource;
use crate::{Overlay, Plan, overlay};
use domain::{Boost, Code, FeedRequest, Refusal, Subject, Symbol, Value, limits};

const SPEC: &str = r#"
version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, price: float, new: bool, created: timestamp } }
  device: { fields: { os: string } }
events:
  view: { user: user, item: item }
  buy: { user: user, item: item }
  use: { user: user, device: device }
features:
  user:
    views: count(view, 7d)
    name: last(view, item, 3)
  item:
    heat: decayed(view, 1h)
  user.category:
    share: count(view, 7d)
  user.device:
    used: count(use, 7d)
lists:
  blocked: { of: item }
  vip: { of: user }
feeds:
  home:
    for: user
    context: { device: string }
    recall: { hot: { top: item.heat }, fresh: { newest: item.created } }
    filter: ["!seen(buy, item, 30d)", item.category != "gone"]
  related:
    for: item
    context: { device: int }
    recall: { hot: { top: item.heat } }
"#;

fn request(feed: &str, filter: &str) -> FeedRequest {
    FeedRequest { filter: Some(filter.to_owned()), ..FeedRequest::new(feed, Subject::Anonymous, 10) }
}

fn compiled(plan: &Plan, request: &FeedRequest) -> Result<Overlay, Refusal> {
    let feed = plan.feed(&request.feed).unwrap();
    overlay(plan, feed, request, &|text| (text == "shoes").then_some(Symbol(70)))
}

/// Names of the slots that the filter reads.
fn reads(plan: &Plan, overlay: &Overlay) -> Vec<String> {
    let slots = overlay.filter.as_ref().unwrap().slots().iter();
    slots.map(|&slot| plan.slots.iter().chain(&overlay.slots).nth(usize::from(slot)).unwrap().name.clone()).collect()
}

#[test]
fn whatever_the_plan_keeps_can_be_read() {
    let plan = plan(SPEC);
    for (feed, text, own, read) in [
        ("home", "item.price < 20", 1, "item.price"),
        ("home", "item.category == \"gone\"", 0, "item.category"),
        ("home", "item.heat > 1", 0, "item.heat"),
        ("home", "user.country == \"DE\"", 1, "user.country"),
        ("home", "user.views > 3", 0, "user.views"),
        ("home", "user.category.share > 0", 0, "user.category.share"),
        ("home", "request.device == \"phone\"", 1, "request.device"),
        ("related", "request.device == 3", 1, "request.device"),
        ("home", "recall.fresh > 0.5", 1, "recall.fresh"),
        ("home", "recall.score > 0.5", 1, "recall.score"),
        ("home", "now - item.created < 7d", 2, "now"),
        ("home", "seen(buy, item, 30d)", 0, "seen(buy, item, 30d)"),
        ("home", "seen(buy, item, 720h)", 0, "seen(buy, item, 30d)"),
        ("home", "listed(item, blocked)", 1, "listed(item, blocked)"),
        ("home", "listed(user, vip)", 1, "listed(user, vip)"),
        ("related", "!listed(item, blocked) && item.new", 2, "listed(item, blocked)"),
    ] {
        let overlay = compiled(&plan, &request(feed, text)).unwrap_or_else(|wrong| panic!("{text}: {wrong}"));
        assert_eq!(overlay.slots.len(), own, "{text}");
        assert!(reads(&plan, &overlay).contains(&read.to_owned()), "{text}: {:?}", reads(&plan, &overlay));
    }
    // What is read twice has one slot.
    let overlay = compiled(&plan, &request("home", "item.price > 2 && item.price < 20")).unwrap();
    assert_eq!(
        overlay.slots.iter().map(|slot| slot.source).collect::<Vec<_>>(),
        [SlotSource::Attribute { entity: 1, field: 1 }]
    );
}

#[test]
fn strings_are_those_of_the_log_or_nobodys() {
    let plan = plan(SPEC);
    let text = "item.category in [\"gone\", \"shoes\", \"hats\"] || user.country == \"hats\" || user.country == \"DE\"";
    let overlay = compiled(&plan, &request("home", text)).unwrap();
    assert_eq!(overlay.unknown, ["hats", "DE"]);
    let filter = overlay.filter.clone().unwrap();
    let passes = |category: u32, country: u32| {
        let mut row = vec![Value::Missing; plan.slots.len() + overlay.slots.len()];
        for &slot in filter.slots() {
            let name = &plan.slots.iter().chain(&overlay.slots).nth(usize::from(slot)).unwrap().name;
            row[usize::from(slot)] = Value::Str(Symbol(if name == "item.category" { category } else { country }));
        }
        filter.eval_bool(&row)
    };
    let gone = plan.constants.iter().position(|text| text == "gone").unwrap() as u32;
    assert!(passes(gone, 900) && passes(70, 900) && !passes(71, 900) && !passes(900, gone));
    // The first unknown text has the highest symbol, wherever it stands.
    assert!(passes(u32::MAX, 900) && passes(900, u32::MAX) && passes(900, u32::MAX - 1) && !passes(u32::MAX - 1, 900));
}

#[test]
fn mistakes_have_a_place() {
    let plan = plan(SPEC);
    for (feed, text, column, said) in [
        ("home", "item.prise < 20", 1, "did you mean `item.price`"),
        ("home", "item.new && price < 20", 13, "write `item.price`"),
        ("home", "item.price", 1, "condition"),
        ("home", "item.price <", 13, ""),
        ("home", "item.price < \"a\"", 1, ""),
        ("home", "request.divice == \"x\"", 1, "did you mean `request.device`"),
        ("home", "recall.hott > 1", 1, "did you mean `recall.hot`"),
        ("home", "count(view, 1h) > 3", 1, "declare a feature"),
        ("home", "max(view, item, 1h) > 3.0", 1, "declare a feature"),
        ("home", "seen(item, 30d)", 1, "counted are: seen(buy, item, 30d)"),
        ("home", "seen(buy, item, 31d)", 1, "counted are"),
        ("home", "listed(item, blokced)", 14, "did you mean `blocked`"),
        ("home", "user.device.used > 1", 1, "neither"),
        ("home", "device.os == \"x\"", 1, "neither"),
        ("related", "user.country == \"DE\"", 1, "neither"),
        ("related", "listed(user, vip)", 8, "no user"),
        ("home", "nope(1)", 1, "no function"),
    ] {
        let refusal = compiled(&plan, &request(feed, text)).expect_err(text);
        assert_eq!((refusal.code, refusal.field.as_str()), (Code::InvalidExpression, "filter"), "{text}: {refusal}");
        assert!(refusal.message.contains(said), "{text}: {refusal}");
        let mark = refusal.mark.unwrap();
        assert_eq!(mark.column, column, "{text}: {}", mark.caret);
        assert!(mark.caret.starts_with(text) && mark.caret.ends_with('^'));
    }
}

#[test]
fn expressions_of_a_request_have_a_price() {
    let plan = plan(SPEC);
    let of = |filter: String| compiled(&plan, &request("home", &filter)).map(|_| ()).map_err(|wrong| wrong.code);
    let nested = |depth: usize| format!("{}item.new", "!".repeat(depth - 1));
    assert_eq!(of(nested(limits::REQUEST_EXPRESSION_DEPTH_MAX)), Ok(()));
    assert_eq!(of(nested(limits::REQUEST_EXPRESSION_DEPTH_MAX + 1)), Err(Code::TooLarge));
    assert_eq!(of(format!("item.new{}", " ".repeat(limits::REQUEST_EXPRESSION_BYTES_MAX))), Err(Code::TooLarge));
    // The comparison, its left side, the list and its elements, and the boost's one node.
    let list = |nodes: usize| format!("item.price in [{}]", vec!["1"; nodes - 4].join(","));
    let with = |nodes: usize| {
        let boosts = vec![Boost { by: 2.0, when: "item.new".to_owned() }];
        let whole = FeedRequest { boosts, ..request("home", &list(nodes)) };
        compiled(&plan, &whole).map(|overlay| overlay.boosts.len()).map_err(|wrong| wrong.field)
    };
    assert_eq!(with(limits::REQUEST_EXPRESSION_NODES_MAX), Ok(1));
    assert_eq!(with(limits::REQUEST_EXPRESSION_NODES_MAX + 1), Err("boost.0.when".to_owned()));
    let boost = |by: f64, when: &str| Boost { by, when: when.to_owned() };
    for (boosts, code, field) in [
        (vec![boost(1.0, "true"); limits::BOOSTS_MAX + 1], Code::TooMany, "boost"),
        (vec![boost(1.0, "true"), boost(f64::NAN, "true")], Code::InvalidValue, "boost.1.by"),
        (vec![boost(-0.5, "true")], Code::InvalidValue, "boost.0.by"),
        (vec![boost(limits::BOOST_FACTOR_MAX + 1.0, "true")], Code::InvalidValue, "boost.0.by"),
        (vec![boost(1.0, "item.price")], Code::InvalidExpression, "boost.0.when"),
    ] {
        let whole = FeedRequest { boosts, ..FeedRequest::new("home", Subject::Anonymous, 1) };
        let refusal = compiled(&plan, &whole).unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_str()), (code, field));
    }
}

//! Good specs: what the plan holds.

use super::{SHOP, plan};
use crate::plan::*;
use domain::{Span, Type, Value};

const HOUR: Span = Span(3_600_000);
const DAY: Span = Span::DAY;

/// The design's example, cut to what this release has.
const DESIGN: &str = r#"
version: 1
entities:
  user:
    fields: { country: string }
  item:
    fields: { title: string, category: string, tags: [string], price: float, created: timestamp, in_stock: bool }
  device: {}

events:                                  # `impression` is built in: user, item, decision id, place
  view:    { user: user, item: item, fields: { dwell: duration } }
  buy:     { user: user, item: item, fields: { price: float } }
  payment: { user: user, device: device, fields: { amount: float, card: string, country: string } }

features:
  user:
    views_1h:    count(view, 1h)
    views_7d:    count(view, 7d)
    long_views:  count(view, 1d, dwell > 30s)
    recent:      last(view, item, 20)
    top_tags:    top_k(view, item.tags, 5, 30d)
    spend_30d:   sum(buy, price, 30d)
    basket:      spend_30d / max(count(buy, 30d), 1)
  item:
    heat:        decayed(view, 6h) + 5 * decayed(buy, 6h)
    conversion:  (count(buy, 7d) + 1) / (count(view, 7d) + 20)
  user.category:                         # a crossed entity: the user x the item's category
    share_7d:    count(view, 7d) / max(user.views_7d, 1)
  device:
    paid_10m:    sum(payment, amount, 10m)
    cards_10m:   distinct(payment, card, 10m)

feeds:
  home:
    for: user                            # `for: item` gives related items
    recall:
      hot:      { top: item.heat, limit: 200 }
      similar:  { co_visited: view, from: user.recent, limit: 300 }
      tagged:   { tags: item.tags, from: user.top_tags, by: item.heat, limit: 200 }
      fresh:    { newest: item.created, limit: 100 }
    filter:
      - item.in_stock
      - "!seen(item, 30d)"
    rank:    { score: 0.8 * recall.score + 0.2 * item.conversion }
    rerank:  { spread: item.category, window: 5, max: 2 }
"#;

fn feature<'p>(plan: &'p Plan, name: &str) -> &'p Feature {
    let found = plan.features.iter().find(|feature| plan.slots[usize::from(feature.slot)].name == name);
    found.unwrap_or_else(|| panic!("no feature {name}"))
}

fn slot<'p>(plan: &'p Plan, name: &str) -> &'p Slot {
    plan.slots.iter().find(|slot| slot.name == name).unwrap_or_else(|| panic!("no slot {name}"))
}

#[test]
fn examples_compile() {
    plan(SHOP);
    let design = plan(DESIGN);
    assert_eq!(design.digest, *blake3::hash(DESIGN.as_bytes()).as_bytes());
    assert_eq!(design.text, DESIGN);
    let names: Vec<&str> = design.entities.iter().map(|entity| entity.name.as_str()).collect();
    assert_eq!(names, ["user", "item", "device"]);
    let names: Vec<&str> = design.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["impression", "view", "buy", "payment"]);
    assert_eq!(design.entities[1].fields[2].ty, Type::List(Box::new(Type::Str)));
}

#[test]
fn the_smallest_spec_has_what_is_built_in() {
    let plan = plan("version: 1\n");
    assert_eq!((plan.entity("user"), plan.entity("item")), (Some(0), Some(1)));
    let impression = &plan.events[usize::from(plan.event("impression").unwrap())];
    assert_eq!(impression.roles.iter().map(|role| role.entity).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(impression.fields.iter().map(|field| &field.ty).collect::<Vec<_>>(), [&Type::Str, &Type::Int]);
    assert!(plan.tables.is_empty() && plan.slots.is_empty() && plan.feeds.is_empty());
}

#[test]
fn impression_takes_more_fields() {
    let text =
        "version: 1\nevents: { impression: { user: user, item: item, fields: { place: int, screen: string } } }\n";
    let names: Vec<String> = plan(text).events[0].fields.iter().map(|field| field.name.clone()).collect();
    assert_eq!(names, ["decision", "place", "screen"]);
}

#[test]
fn equal_counts_share_one_stream_with_the_union_of_needs() {
    let plan = plan(DESIGN);
    let user = plan.tables.iter().position(|table| table.name == "user").unwrap() as u16;
    let view = plan.event("view").unwrap();
    let ones =
        |stream: &&Stream| stream.table == user && stream.events == [view] && matches!(stream.value, StreamValue::One);
    let streams: Vec<&Stream> = plan.streams.iter().filter(ones).filter(|stream| stream.filter.is_none()).collect();
    assert_eq!(streams.len(), 1, "views_1h and views_7d count the same");
    let minute = PaneLevel::Sliding { width: Span(60_000), window: HOUR };
    let hours = PaneLevel::Sliding { width: Span(6 * HOUR.0), window: Span(7 * DAY.0) };
    assert_eq!(streams[0].panes, [minute, hours]);
    assert_eq!(streams[0].parts, Parts { count: true, ..Parts::default() });
    let filtered: Vec<&Stream> = plan.streams.iter().filter(ones).filter(|stream| stream.filter.is_some()).collect();
    assert_eq!(filtered.len(), 1);
    assert_eq!(filtered[0].filter.as_ref().unwrap().text(), "dwell > 30s");
}

#[test]
fn layout_of_a_filter_does_not_count_but_its_strings_do() {
    let text = r#"
version: 1
events: { view: { user: user, item: item, fields: { dwell: duration, page: string } } }
features:
  user:
    a: count(view, 1h, dwell > 30s)
    b: count(view, 2h, dwell>30s)
    c: 'count(view, 1h, page == "a b")'
    d: 'count(view, 1h, page == "ab")'
    e: sum(view, dwell, 1h) + mean(view, dwell, 1h) + max(view, dwell, 70m)
"#;
    let plan = plan(text);
    assert_eq!(plan.streams.len(), 4);
    assert_eq!(plan.constants, ["a b", "ab"]);
    let two_hours = PaneLevel::Sliding { width: Span(60_000), window: Span(2 * HOUR.0) };
    assert_eq!(plan.streams[0].panes, [two_hours], "windows with one pane width share a level");
    let parts = Parts { count: true, sum: true, max: true, ..Parts::default() };
    assert_eq!(plan.streams[3].parts, parts);
}

#[test]
fn half_lives_recents_and_decays_join_their_streams() {
    let text = r#"
version: 1
events: { view: { user: user, item: item } }
features:
  user:
    heat: decayed(view, 2h) + decayed(view, 1h) + count(view, 1h)
    short: last(view, item, 5)
    long: last(view, item, 50)
    seen_1d: seen(view, item, 1d)
  item:
    visitors: last(view, user, 3)
"#;
    let plan = plan(text);
    assert_eq!(plan.streams.len(), 3);
    assert_eq!(plan.streams[0].half_lives, [HOUR, Span(2 * HOUR.0)]);
    assert_eq!(plan.streams[0].panes.len(), 1);
    assert_eq!(plan.streams[1].recents, domain::limits::SEEN_RECENTS, "`seen` and both lists share a stream");
    assert!(matches!(&plan.streams[1].value, StreamValue::Role(roles) if *roles == [1]));
    assert!(slot(&plan, "user.seen_1d").per_candidate, "it reads the candidate");
    assert!(!slot(&plan, "user.short").per_candidate);
    assert_eq!(feature(&plan, "item.visitors").program.ty(), &Type::List(Box::new(Type::Entity(0))));
}

#[test]
fn seen_looks_at_every_event_of_user_and_item() {
    let plan = plan(DESIGN);
    let seen = plan.aggregates.iter().find(|aggregate| matches!(aggregate.op, AggregateOp::Seen(_))).unwrap();
    assert_eq!(seen.op, AggregateOp::Seen(Span(30 * DAY.0)));
    let stream = &plan.streams[usize::from(seen.stream)];
    let both = ["impression", "view", "buy"].map(|name| plan.event(name).unwrap());
    assert_eq!(stream.events, both);
    assert!(plan.slots[usize::from(seen.slot)].per_candidate);
}

#[test]
fn seen_in_a_feed_makes_the_table_of_users() {
    let text = r#"
version: 1
entities: { item: { fields: { created: timestamp } } }
feeds: { f: { for: user, recall: { new: { newest: item.created } }, filter: [ "!seen(item, 1d)" ] } }
"#;
    let plan = plan(text);
    assert_eq!(plan.tables.len(), 1);
    assert_eq!((plan.tables[0].name.as_str(), plan.feeds[0].routes[0].limit), ("user", 100));
}

#[test]
fn features_stand_after_those_they_read() {
    let text = r#"
version: 1
events: { view: { user: user, item: item } }
entities: { item: { fields: { category: string } } }
features:
  user.category:
    share: views / max(user.views, 1)
    views: count(view, 7d)
  user:
    c: b + 1
    b: a + user.views
    a: views * 2
    views: count(view, 7d)
"#;
    let plan = plan(text);
    let names: Vec<&str> = plan.features.iter().map(|f| plan.slots[usize::from(f.slot)].name.as_str()).collect();
    let expected = ["user.category.views", "user.views", "user.category.share", "user.a", "user.b", "user.c"];
    assert_eq!(names, expected);
    for (index, feature) in plan.features.iter().enumerate() {
        for &slot in feature.program.slots() {
            if let SlotSource::Feature(read) = plan.slots[usize::from(slot)].source {
                assert!(usize::from(read) < index);
            }
        }
    }
}

#[test]
fn landmarks_are_sums_of_decays_of_one_half_life() {
    let text = r#"
version: 1
events: { view: { user: user, item: item }, buy: { user: user, item: item } }
features:
  item:
    yes: decayed(view, 6h) + 5 * decayed(buy, 6h) + (decayed(view, 6h) * 0.5)
    one: decayed(view, 1h)
    mixed: decayed(view, 6h) + decayed(buy, 1h)
    negative: decayed(view, 6h) + -5 * decayed(buy, 6h)
    minus: decayed(view, 6h) - decayed(buy, 6h)
    constant: decayed(view, 6h) + 1
    other: count(view, 6h)
"#;
    let plan = plan(text);
    let landmark = |name: &str| feature(&plan, &format!("item.{name}")).landmark;
    assert_eq!((landmark("yes"), landmark("one")), (Some(Span(6 * HOUR.0)), Some(HOUR)));
    for name in ["mixed", "negative", "minus", "constant", "other"] {
        assert_eq!(landmark(name), None, "{name}");
    }
}

#[test]
fn slots_say_what_differs_between_candidates() {
    let plan = plan(SHOP);
    let candidate = ["item.heat", "item.in_stock", "user.category.share_7d", "recall.score", "recall.again"];
    candidate.iter().for_each(|name| assert!(slot(&plan, name).per_candidate, "{name}"));
    let request = ["user.views_7d", "user.recent", "user.basket"];
    request.iter().for_each(|name| assert!(!slot(&plan, name).per_candidate, "{name}"));
    assert!(slot(&plan, "seen(buy, item, 30d)").per_candidate);
}

#[test]
fn crossed_tables_know_their_second_key() {
    let text = r#"
version: 1
entities: { item: { fields: { category: string, price: float } }, device: { fields: { kind: string } } }
events: { view: { user: user, item: item }, use: { user: user, device: device } }
features:
  user.category: { n: 'count(view, 1d)', reads: 'item.price > 1.0 ? n : 0.0' }
  user.device: { n: 'count(use, 1d)', reads: 'device.kind == "tv" ? n : 0.0' }
  user.item: { n: 'count(view, 1d)' }
"#;
    let plan = plan(text);
    let crosses: Vec<Option<Cross>> = plan.tables.iter().map(|table| table.cross).collect();
    assert_eq!(crosses, [Some(Cross::ItemField(0)), Some(Cross::Entity(2)), Some(Cross::Entity(1))]);
}

#[test]
fn scores_split_into_terms_from_left_to_right() {
    let text = r#"
version: 1
entities: { item: { fields: { a: float, b: float, c: int, created: timestamp } } }
feeds:
  f:
    for: user
    recall: { new: { newest: item.created } }
    rank: { score: item.a + item.b * 2 - (item.a - item.b) - item.c }
  g:
    for: user
    recall: { new: { newest: item.created } }
"#;
    let plan = plan(text);
    let texts: Vec<&str> = plan.feeds[0].terms.iter().map(|term| term.text()).collect();
    assert_eq!(texts, ["item.a", "item.b * 2", "-(item.a - item.b)", "-item.c"]);
    let mut row = vec![Value::Missing; plan.slots.len()];
    for (name, value) in [("item.a", Value::Float(3.0)), ("item.b", Value::Float(0.5)), ("item.c", Value::Int(7))] {
        row[plan.slots.iter().position(|slot| slot.name == name).unwrap()] = value;
    }
    let values: Vec<Value> = plan.feeds[0].terms.iter().map(|term| term.eval(&row)).collect();
    assert_eq!(values, [Value::Float(3.0), Value::Float(1.0), Value::Float(-2.5), Value::Int(-7)]);
    row.fill(Value::Missing);
    assert_eq!(plan.feeds[0].terms[3].eval(&row), Value::Missing);
    assert!(plan.feeds[1].terms.is_empty());
}

#[test]
fn equal_indexes_are_shared_and_parameters_default() {
    let plan = plan(SHOP);
    assert_eq!(plan.indexes.len(), 3);
    let (home, related) = (&plan.feeds[0], &plan.feeds[1]);
    assert!(matches!(related.routes[0].source, RouteSource::CoVisited { index: 1, from: From::RequestItem, .. }));
    let recent = feature(&plan, "user.recent").slot;
    assert!(
        matches!(home.routes[1].source, RouteSource::CoVisited { index: 1, from: From::Slot(slot), .. } if slot == recent)
    );
    let Index::CoVisited(index) = &plan.indexes[1] else { panic!("the second index is of co-visits") };
    let weights: Vec<f64> = index.events.iter().map(|(_, weight)| *weight).collect();
    assert_eq!((weights.as_slice(), index.half_life), ([1.0, 3.0, 5.0].as_slice(), Some(Span(30 * DAY.0))));
    assert_eq!((index.neighbours, index.counters, index.history), (0, 200, 20));
    assert!(matches!(&home.reranks[..], [Rerank::Spread(rules)]
        if matches!(rules[..], [Rule { of: Of::Attribute(1), window: 5, most: Some(2), least: 0 }])));
}

#[test]
fn a_list_of_events_is_a_map_of_ones() {
    let text = r#"
version: 1
events: { view: { user: user, item: item }, buy: { user: user, item: item } }
feeds:
  f:
    for: item
    recall:
      a: { co_visited: [buy, view], from: request.item }
      b: { co_visited: { view: 1, buy: 1 }, from: request.item, recency: 0.5 }
      c: { co_visited: view, from: request.item }
"#;
    assert_eq!(plan(text).indexes.len(), 2);
}

#[test]
fn sessions_and_histories_are_one_index_with_other_defaults() {
    let text = r#"
version: 1
events: { view: { user: user, item: item }, buy: { user: user, item: item } }
feeds:
  f:
    for: item
    recall:
      a: { session: { buy: 3, view: 1 }, from: request.item, gap: 10m, half_life: 2d }
      b: { users_like: view, from: request.item, keep: 1000, recency: 0.5, known: keep }
      c: { session: view, from: request.item, gap: none, recency: 0.1, limit: 7 }
      d: { session: view, from: request.item, gap: none }
"#;
    let plan = plan(text);
    let sessions = |index: usize| match &plan.indexes[index] {
        Index::Sessions(of) => of,
        other => panic!("{other:?}"),
    };
    assert_eq!(plan.indexes.len(), 3);
    let (visits, users, endless) = (sessions(0), sessions(1), sessions(2));
    assert_eq!(visits.events.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), [1.0, 3.0]);
    assert_eq!((visits.gap, visits.half_life), (Some(Span(600_000)), Some(Span(2 * DAY.0))));
    assert_eq!((users.gap, users.keep, users.length), (None, 1_000, 200));
    assert_eq!((endless.gap, endless.keep, endless.length), (None, 500_000, 50));
    let RouteSource::Sessions { skip_known, recency, .. } = plan.feeds[0].routes[1].source else { panic!() };
    assert!(!skip_known && recency == 0.5);
}

#[test]
fn context_and_time_are_read_in_feeds() {
    let text = r#"
version: 1
entities: { item: { fields: { created: timestamp } } }
feeds:
  f:
    for: user
    context: { device: string }
    recall: { new: { newest: item.created } }
    filter: [ 'request.device != "tv" || now - item.created < 7d' ]
    durable: true
"#;
    let plan = plan(text);
    assert_eq!(slot(&plan, "request.device").source, SlotSource::Context);
    assert_eq!(slot(&plan, "now").source, SlotSource::Now);
    assert_eq!(plan.constants, ["tv"]);
    assert!(plan.feeds[0].durable);
}

#[test]
fn text_is_taken_as_written() {
    let text = "version: 1\nentities: { item: { fields: { no: string, yes: bool, off: int, null_: float } } }\n";
    let names: Vec<String> = plan(text).entities[1].fields.iter().map(|field| field.name.clone()).collect();
    assert_eq!(names, ["no", "yes", "off", "null_"]);
}

#[test]
fn panes_are_a_24th_of_the_window_or_finer() {
    for (window, width) in [
        ("1s", "100ms"),
        ("23s", "100ms"),
        ("24s", "1s"),
        ("10m", "10s"),
        ("1h", "1m"),
        ("1d", "1h"),
        ("7d", "6h"),
        ("24d", "1d"),
        ("90d", "1d"),
    ] {
        let [window, width] = [window, width].map(|text| Span::parse(text).unwrap());
        assert_eq!(crate::build::pane_width(window), width, "{window}");
    }
}

#[test]
fn a_summary_says_bytes_and_errors() {
    let text = plan(DESIGN).describe().to_string();
    assert!(text.contains("views_7d: float"), "{text}");
    assert!(text.contains("recent: [item]"), "{text}");
    assert!(text.contains("windows exact to 6h"), "{text}");
    let summary = plan(DESIGN).describe();
    let share = &summary.tables[2].features[0];
    assert_eq!(share.streams.len(), 2, "its own count and the user's, through the feature that it reads");
}

#[test]
fn a_list_of_events_is_one_stream_of_recents() {
    let text = r#"
version: 1
events: { view: { user: user, item: item }, buy: { item: item, user: user } }
features:
  user: { recent: "last([view, buy], item, 9)", again: "last([buy, view], item, 5)", views: "last(view, item, 9)" }
feeds: { f: { for: user, recall: { a: { history: user.recent, recency: 0.5 } } } }
"#;
    let plan = plan(text);
    assert_eq!(plan.streams.len(), 2);
    let (view, buy) = (plan.event("view").unwrap(), plan.event("buy").unwrap());
    let mut events = [(view, 1), (buy, 0)];
    events.sort_unstable();
    assert_eq!(plan.streams[0].events, events.map(|(event, _)| event));
    assert!(matches!(&plan.streams[0].value, StreamValue::Role(roles) if *roles == events.map(|(_, role)| role)));
    assert_eq!(plan.streams[0].recents, 9);
    assert!(matches!(plan.feeds[0].routes[0].source, RouteSource::History { recency: 0.5, .. }));
}

//! A small shop: a spec with every kind of aggregate, and random records for it.

use domain::{Event, Field, Payload, Position, Raw, Time, Upsert};
use proptest::prelude::*;
use spec::Plan;
use state::{Catalogue, Dictionary, Resolved, resolve};
use std::sync::{Arc, OnceLock};

const SPEC: &str = r#"
version: 1
entities:
  user: {}
  item:
    fields: { category: string, grade: int, sale: bool, tags: [string] }
  device: {}
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float, gift: bool } }
  payment: { user: user, device: device, fields: { amount: int } }
features:
  user:
    views_1s: count(view, 1s)
    views_1m: count(view, 1m)
    views_1h: count(view, 1h)
    views_1d: count(view, 1d)
    long: count(view, 1h, dwell > 30s)
    spend: sum(buy, price, 1h)
    spend_1d: sum(buy, price, 1d)
    mean_price: mean(buy, price, 1d)
    low: min(buy, price, 1h)
    high: max(buy, price, 1h)
    newest: last(buy, price, 1h)
    dwelt: sum(view, dwell, 1h)
    gifts: mean(buy, gift, 1d)
    habit: decayed(view, 1h)
    recent: last(view, item, 3)
    bought: last(buy, item, 50)
    again: "seen(item, 1h)"
    items: distinct(view, item, 1h)
    items_1d: distinct(view, item, 1d)
    items_today: distinct(view, item, day("Europe/Berlin"))
    items_tumbling: distinct(view, item, previous(tumbling(10m)))
    kinds_tumbling: top_k(view, item.category, 2, tumbling(7m))
    dwells: distinct(view, dwell, 1m, dwell > 5s)
    grades: distinct(buy, item.grade, 1h)
    median: quantile(buy, price, 0.5, 1d)
    dear: quantile(buy, price, 0.9, 1d, gift)
    dear_yesterday: quantile(buy, price, 0.9, previous(day()))
    dwell_90: quantile(view, dwell, 0.9, 10s)
    tastes: top_k(view, item.tags, 2, 1d)
    kinds: top_k(view, item.category, 4, 1h, dwell > 2s)
    kinds_month: top_k(view, item.category, 4, month("Pacific/Auckland"))
    favourites: top_k(view, item, 3, 1d)
    spread: var(buy, price, 1h)
    spread_1d: stddev(buy, price, 1d, price > 1.0)
    oldest: first(buy, price, 1h)
    pace: rate(view, 1m)
    pause: time_since(view)
    pause_long: time_since(view, dwell > 30s)
    prices: last_n(buy, price, 4)
    gifts_last: last_n(buy, gift, 3, price > 1.0)
    wanted: streak(view, dwell > 10s)
    days: streak(view, day("America/New_York"))
    cheap: sum(buy, price, 1h, string(price).endsWith("5"))
    sporty: count(view, 1d, item.category.matches("[13]"))
    graded_high: count(view, session(30m), item.grade > 0 && item.tags.exists(tag, tag > "t0"))
    shouted: distinct(view, item.category.upperAscii(), 1h)
    labels: last_n(buy, item.category + "!", 3, gift)
    loud: top_k(view, item.category.upperAscii(), 2, 1d)
    hours: streak(buy, hour())
    today: count(view, day("Europe/Berlin"))
    yesterday: sum(buy, price, previous(day("Europe/Berlin")))
    this_hour: mean(buy, price, hour("Asia/Kolkata"))
    last_hour: first(buy, price, previous(hour("Asia/Kolkata")))
    week: count(view, week(), dwell > 30s)
    month: max(buy, price, month("Pacific/Auckland"))
    month_spread: var(buy, price, month("Pacific/Auckland"))
    visit: count(view, session(30m))
    ten: count(view, tumbling(10s))
    ten_before: mean(buy, price, previous(tumbling(7m)))
    visit_long: count(view, session(1m), dwell > 30s)
    visit_spend: sum(buy, price, session(30m))
    visit_mean: mean(buy, price, session(30m), gift)
    visit_low: min(buy, price, session(30m), gift)
    visit_high: max(buy, price, session(30m), gift)
    visit_first: first(buy, price, session(30m), gift)
    visit_last: last(buy, price, session(30m), gift)
    visit_spread: stddev(buy, price, session(30m))
  item:
    heat: decayed(view, 10m) + 5 * decayed(buy, 10m)
    slow: decayed(view, 1d)
    views_10m: count(view, 10m)
    sold: count(buy, 1d, price > 2.0)
    viewers: distinct(view, user, 10m)
    usual: quantile(buy, price, 0.25, 1h)
    sold_today: count(buy, day("Australia/Lord_Howe"))
    busy: count(view, session(10m))
    quiet: time_since(view)
  device:
    paid: sum(payment, amount, 10m)
    most: max(payment, amount, 10m)
    users: last(payment, user, 4)
    amounts: distinct(payment, amount, 10m)
  user.category:
    share: count(view, 1h)
    spent: sum(buy, price, 1d)
    trend: decayed(view, 1h)
    variety: distinct(view, item, 1h)
    style: top_k(view, item.tags, 1, 1h)
    today: count(view, day("Europe/Berlin"))
  user.grade:
    graded: count(view, 1d)
    spree: sum(buy, price, session(30m))
    prices: last_n(buy, price, 3)
    pause: time_since(view)
  user.sale:
    sales: count(buy, 1d)
  user.device:
    here: count(payment, 1h)
feeds:
  capped:
    for: user
    recall: { hot: { top: item.heat } }
    policy:
      - cap: { per: user, impressions: 2, in: 10m, event: view }
      - cap: { per: user, impressions: 3, in: 1d, of: item.category, event: view }
      - cap: { per: user, impressions: 1, in: 1h, of: item.category, event: view }
      - cap: { per: user, impressions: 1, in: 1h, of: item.grade, event: buy }
      - cap: { per: user, impressions: 5, in: 30s, of: item.sale, event: view }
      - quota: { of: item, impressions: 4, in: 1m, event: view }
      - quota: { of: item.category, impressions: 4, in: 1d, event: view }
      - quota: { of: item.category, impressions: 4, in: 1h, event: buy, from: 2023-11-14T22:13:21Z }
"#;

pub(crate) fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| Arc::new(spec::compile("shop.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}")))).clone()
}

/// A record to be.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    kind: u8,
    user: u8,
    item: usize,
    number: i64,
    /// Log time since the record before.
    pause: i64,
    /// How much earlier than the log the event happened; negative: the future.
    late: i64,
}

impl Act {
    pub(crate) fn categorised(item: usize) -> Act {
        Act { kind: 4, user: 0, item, number: item as i64, pause: 1, late: 0 }
    }

    pub(crate) fn viewed(item: usize) -> Act {
        Act { kind: 0, user: 0, item, number: 1, pause: 1, late: 0 }
    }
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let pause = prop_oneof![Just(0i64), 0i64..3_000, 0i64..120_000, 0i64..20_000_000];
    let late = prop_oneof![4 => Just(0i64), 2 => 0i64..2_000, 2 => 0i64..4_000_000, 1 => 0i64..200_000_000, 1 => -60_000i64..0];
    (0u8..6, 0u8..4, 0usize..5, -5i64..60, pause, late).prop_map(|(kind, user, item, number, pause, late)| Act {
        kind,
        user,
        item,
        number,
        pause,
        late,
    })
}

/// Few owners and short pauses.
pub(crate) fn dense_act() -> impl Strategy<Value = Act> {
    let pause =
        prop_oneof![2 => Just(0i64), 1 => 0i64..3_000, 3 => 0i64..400_000, 3 => 0i64..2_700_000, 1 => 0i64..90_000_000];
    let late =
        prop_oneof![4 => Just(0i64), 1 => 0i64..2_000, 3 => 0i64..3_600_000, 1 => 0i64..10_000_000, 1 => -60_000i64..0];
    let number = prop_oneof![1 => -5i64..0, 5 => 0i64..60];
    (1u8..3, 0u8..2, 0usize..2, number, pause, late).prop_map(|(kind, user, item, number, pause, late)| Act {
        kind,
        user,
        item,
        number,
        pause,
        late,
    })
}

/// The log so far, as what records resolve against.
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) dictionary: Dictionary,
    pub(crate) catalogue: Catalogue,
    pub(crate) log_time: Time,
    position: Position,
}

impl World {
    pub(crate) fn new(plan: Arc<Plan>) -> World {
        World {
            dictionary: Dictionary::new(&plan, 11),
            catalogue: Catalogue::new(plan.clone()),
            plan,
            log_time: Time(1_790_000_000_000),
            position: Position::START,
        }
    }

    pub(crate) fn resolve(&mut self, act: &Act) -> Resolved {
        self.log_time.0 += act.pause;
        self.position = self.position.next();
        let payload = payload(act, self.log_time);
        state::validate(&self.plan, &payload).unwrap();
        let (position, log_time) = (self.position, self.log_time);
        let resolved =
            resolve(&self.plan, &mut self.dictionary, &self.catalogue, position, log_time, &payload).unwrap();
        self.catalogue.apply(&resolved);
        resolved
    }
}

fn payload(act: &Act, log_time: Time) -> Payload<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let key = |kind: &str, id: usize| Raw::Str(format!("{kind}{id}").into());
    let price = if act.number < 0 { Raw::Null } else { Raw::Float(act.number as f64 / 10.0) };
    let fields = match act.kind {
        0 | 1 => (
            "view",
            vec![
                field("user", key("u", act.user.into())),
                field("item", key("i", act.item)),
                field("dwell", Raw::Int(act.number.max(0))),
            ],
        ),
        2 => (
            "buy",
            vec![
                field("item", key("i", act.item)),
                field("user", key("u", act.user.into())),
                field("price", price),
                field("gift", Raw::Bool(act.number % 2 == 0)),
            ],
        ),
        3 => (
            "payment",
            vec![
                field("user", key("u", act.user.into())),
                field("device", key("d", act.item)),
                field("amount", Raw::Int(act.number)),
            ],
        ),
        _ => ("", vec![]),
    };
    if !fields.0.is_empty() {
        let time = (act.late != 0).then(|| Time(log_time.0 - act.late));
        return Payload::Event(Event { kind: fields.0.into(), source: "".into(), id: None, time, fields: fields.1 });
    }
    if act.kind == 5 && act.number % 4 == 0 {
        return Payload::Delete { entity: "item".into(), key: format!("i{}", act.item).into() };
    }
    let category = if act.kind == 4 { act.number } else { act.number % 5 };
    Payload::Upsert(Upsert {
        entity: "item".into(),
        key: format!("i{}", act.item).into(),
        fields: vec![
            field("category", Raw::Str(format!("c{category}").into())),
            field("grade", Raw::Int(act.number % 3)),
            field("sale", Raw::Bool(act.number % 2 == 0)),
            field(
                "tags",
                Raw::List((0..act.number % 4).map(|tag| Raw::Str(format!("t{}", tag * tag % 3).into())).collect()),
            ),
        ],
    })
}

//! Windows of every kind against the model on dense streams: few owners, many events near each other, late and equal ones, so that
//! sessions meet, panes hold several values, and periods follow one another.

use crate::reference::Reference;
use crate::world::{World, dense_act};
use crate::{Parts, compare};
use domain::Time;
use proptest::prelude::*;
use spec::Plan;
use std::sync::{Arc, OnceLock};

const SPEC: &str = r#"
version: 1
entities:
  user: {}
  item:
    fields: { category: string, grade: int, sale: bool }
  device: {}
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float, gift: bool } }
  payment: { user: user, device: device, fields: { amount: int } }
features:
  user:
    spread: var(buy, price, 1h)
    spread_1d: stddev(buy, price, 1d, price > 1.0)
    oldest: first(buy, price, 1h)
    newest: last(buy, price, 1d)
    pace: rate(view, 1m)
    pause: time_since(view)
    pause_long: time_since(view, dwell > 30s)
    prices: last_n(buy, price, 4)
    gifts_last: last_n(buy, gift, 3, price > 1.0)
    dwells: last_n(view, dwell, 5)
    wanted: streak(view, dwell > 10s)
    wanted_dear: streak(buy, gift, price > 2.0)
    days: streak(view, day("America/New_York"))
    hours: streak(buy, hour())
    today: count(view, day("Europe/Berlin"))
    yesterday: sum(buy, price, previous(day("Europe/Berlin")))
    this_hour: mean(buy, price, hour("Asia/Kolkata"))
    last_hour: first(buy, price, previous(hour("Asia/Kolkata")))
    week: count(view, week(), dwell > 30s)
    month: max(buy, price, month("Pacific/Auckland"))
    month_spread: var(buy, price, month("Pacific/Auckland"))
    ten: count(view, tumbling(10s))
    ten_before: mean(buy, price, previous(tumbling(7m)))
    visit: count(view, session(30m))
    visit_short: count(view, session(1s))
    visit_long: count(view, session(3m), dwell > 30s)
    visit_spend: sum(buy, price, session(30m))
    visit_mean: mean(buy, price, session(30m), gift)
    visit_low: min(buy, price, session(30m), gift)
    visit_high: max(buy, price, session(30m), gift)
    visit_first: first(buy, price, session(30m), gift)
    visit_last: last(buy, price, session(30m), gift)
    visit_newest: last(buy, price, session(10m))
    visit_least: min(view, dwell, session(10m), dwell > 30s)
    visit_spread: stddev(buy, price, session(10m))
  item:
    sold_today: count(buy, day("Australia/Lord_Howe"))
    busy: count(view, session(10m))
    last_prices: last_n(buy, price, 2)
"#;

fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    let compiled = || Arc::new(spec::compile("windows.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}")));
    PLAN.get_or_init(compiled).clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn windows_agree_with_the_model(
        acts in prop::collection::vec(dense_act(), 1..60),
        cut in 0usize..60,
        ahead in 0i64..100_000_000,
    ) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut reference = Reference::default();
        let mut parts = Parts::new(&plan, 2);
        for (at, act) in acts.iter().enumerate() {
            if at == cut {
                parts = parts.reloaded(&plan, 3);
            }
            let resolved = world.resolve(act);
            parts.all().for_each(|rows| rows.apply(&resolved));
            reference.apply(&resolved);
        }
        let now = world.log_time;
        for now in [now, Time(now.0 + ahead / 10_000), Time(now.0 + ahead / 60), Time(now.0 + ahead)] {
            compare(&world, &parts, &reference, now);
        }
    }
}

//! Patterns and alarms over rows against a slow model that works them out from the list of all events: with late and early events,
//! ticks, any number of shards, checkpoints in between, and a second copy that follows.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use domain::{EntityId, Position, Span, Time, Value};
use proptest::prelude::*;
use spec::Plan;
use spec::plan::AggregateOp;
use state::{Change, EventChange, Resolved, Rows, Scope, Snapshot};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

const SPEC: &str = r"
version: 1
events:
  fail: { user: user, item: item }
  change: { user: user, item: item }
  pay: { user: user, item: item, fields: { amount: float } }
features:
  user:
    takeover: seq(fail, change, pay(amount > 5.0), 10s)
    thrice: seq(fail, fail, fail, 5s)
    idle: absent(pay(amount > 2.0), change, 7s)
    silent: absent(fail, fail, 4s)
    high: held(pay, amount > 5.0, 3s)
    pays: count(pay, 6s)
    often: pays > 1
    busy: held(often, 2s)
    calm: held(pays < 2, 3s)
  item:
    idle: absent(pay, change, 7s)
    hot: held(count(pay, 6s) > 1, 2s)
    order: seq(change, pay, 8s)
alarms:
  takeover: { of: user, when: takeover }
  thrice: { of: user, when: thrice && pays > 0 }
  idle: { of: user, when: idle || silent }
  both: { of: user, when: idle && silent }
  high: { of: user, when: high && !takeover }
  busy: { of: user, when: busy }
  item_idle: { of: item, when: idle || (hot && order) }
";

fn plan() -> Arc<Plan> {
    static PLAN: OnceLock<Arc<Plan>> = OnceLock::new();
    PLAN.get_or_init(|| Arc::new(spec::compile("patterns.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}"))))
        .clone()
}

const FAIL: u16 = 1;
const CHANGE: u16 = 2;
const PAY: u16 = 3;

/// An event as the model has it.
#[derive(Clone, Copy, Debug)]
struct Happened {
    event: u16,
    time: i64,
    log_time: i64,
    amount: f64,
}

type Is = fn(&Happened) -> bool;

fn fails(of: &Happened) -> bool {
    of.event == FAIL
}

fn changes(of: &Happened) -> bool {
    of.event == CHANGE
}

fn pays(of: &Happened) -> bool {
    of.event == PAY
}

/// The newest start of a chain of these steps: each behind the one before it in the log, and not before the start.
fn newest_start(steps: &[Is], events: &[Happened]) -> Option<i64> {
    let (last, before) = steps.split_last()?;
    let starts = events.iter().enumerate().filter(|(_, of)| last(of)).filter_map(|(at, of)| {
        if before.is_empty() {
            return Some(of.time);
        }
        newest_start(before, &events[..at]).filter(|start| *start <= of.time)
    });
    starts.max()
}

/// Since when one waits.
fn waits_since(awaited: Is, after: Is, events: &[Happened]) -> Option<i64> {
    let mut waiting: Vec<i64> = Vec::new();
    for (at, of) in events.iter().enumerate() {
        if awaited(of) && waiting.iter().any(|since| *since <= of.time) {
            waiting = waiting.iter().copied().filter(|since| *since > of.time).max().into_iter().collect();
        }
        let answered = events[..=at].iter().any(|earlier| awaited(earlier) && earlier.time > of.time);
        if after(of) && !answered {
            waiting.push(of.time);
        }
    }
    waiting.into_iter().min()
}

/// Since when all payments were high.
fn high_since(events: &[Happened]) -> Option<i64> {
    let pays: Vec<&Happened> = events.iter().filter(|of| pays(of)).collect();
    let run = pays.iter().rev().take_while(|of| of.amount > 5.0).count();
    pays[pays.len() - run..].first().map(|of| of.time)
}

/// Payments in a window of 6 s, read from panes of 100 ms.
fn paid(events: &[Happened], now: i64) -> usize {
    let pane = |of: &&Happened| of.time.div_euclid(100) * 100;
    events.iter().filter(|of| pays(of) && pane(of) + 100 > now - 6_000 && pane(of) <= now).count()
}

/// Since when a condition over the payments has held.
fn held_since(events: &[Happened], holds: fn(usize) -> bool) -> Option<i64> {
    let mut since = None;
    for (at, of) in events.iter().enumerate().filter(|(_, of)| pays(of)) {
        let now = of.time.max(of.log_time);
        since = since.filter(|_| holds(paid(&events[..at], now)));
        since = if holds(paid(&events[..=at], now)) { since.or(Some(now)) } else { None };
    }
    since
}

/// When a timed pattern comes true if nothing comes.
fn due(name: &str, events: &[Happened]) -> Option<i64> {
    let after = |since: Option<i64>, span: i64| since.map(|since| since + span);
    match name {
        "user.idle" => after(waits_since(|of| pays(of) && of.amount > 2.0, changes, events), 7_000),
        "user.silent" => after(waits_since(fails, fails, events), 4_000),
        "user.high" => after(high_since(events), 3_000),
        "user.busy" | "item.hot" => after(held_since(events, |paid| paid > 1), 2_000),
        "user.calm" => after(held_since(events, |paid| paid < 2), 3_000),
        "item.idle" => after(waits_since(pays, changes, events), 7_000),
        _ => None,
    }
}

fn pattern(name: &str, events: &[Happened], now: i64) -> bool {
    let started = |steps: &[Is], within: i64| newest_start(steps, events).is_some_and(|start| start > now - within);
    match name {
        "user.takeover" => started(&[fails, changes, |of| pays(of) && of.amount > 5.0], 10_000),
        "user.thrice" => started(&[fails, fails, fails], 5_000),
        "item.order" => started(&[changes, pays], 8_000),
        _ => {
            let holds = match name {
                "user.busy" | "item.hot" => paid(events, now) > 1,
                "user.calm" => paid(events, now) < 2,
                _ => true,
            };
            holds && due(name, events).is_some_and(|due| due <= now)
        }
    }
}

/// Whether an alarm's condition is true: windows end at `now`, patterns are those of `log_time`.
fn condition(alarm: &str, events: &[Happened], now: i64, log_time: i64) -> bool {
    let is = |name: &str| pattern(name, events, log_time);
    match alarm {
        "takeover" => is("user.takeover"),
        "thrice" => is("user.thrice") && paid(events, now) > 0,
        "idle" => is("user.idle") || is("user.silent"),
        "both" => is("user.idle") && is("user.silent"),
        "high" => is("user.high") && !is("user.takeover"),
        "busy" => is("user.busy"),
        _ => is("item.idle") || (is("item.hot") && is("item.order")),
    }
}

fn waits_for(alarm: &str) -> &'static [&'static str] {
    match alarm {
        "idle" | "both" => &["user.idle", "user.silent"],
        "high" => &["user.high"],
        "busy" => &["user.busy"],
        "item_idle" => &["item.idle", "item.hot"],
        _ => &[],
    }
}

/// Position, alarm, entity.
type Key = (u64, u16, u32);

/// All events by entity, users and items.
#[derive(Default)]
struct Model {
    of: [[Vec<Happened>; 3]; 2],
    log_time: i64,
}

impl Model {
    /// Applies a record; what it raises.
    fn apply(&mut self, plan: &Plan, record: &Resolved) -> BTreeSet<Key> {
        let (before, log_time) = (self.log_time, record.log_time.0);
        self.log_time = log_time;
        let mut raised = BTreeSet::new();
        for (number, alarm) in plan.alarms.iter().enumerate() {
            for id in 0..3 {
                let events = &self.of[usize::from(alarm.of)][id as usize];
                let key = (record.position.0, number as u16, id);
                let dues = waits_for(&alarm.name).iter().filter_map(|name| due(name, events));
                for due in dues.filter(|due| (before + 1..=log_time).contains(due)) {
                    if !condition(&alarm.name, events, due - 1, due - 1)
                        && condition(&alarm.name, events, log_time, log_time)
                    {
                        raised.insert(key);
                    }
                }
                let Change::Event(event) = &record.change else { continue };
                if event.entities[usize::from(alarm.of)].0 != id {
                    continue;
                }
                let now = event.time.0.max(log_time);
                let mut after = events.clone();
                after.push(happened(event, log_time));
                if !condition(&alarm.name, events, now, log_time) && condition(&alarm.name, &after, now, log_time) {
                    raised.insert(key);
                }
            }
        }
        if let Change::Event(event) = &record.change {
            for of in 0..2 {
                self.of[of][event.entities[of].0 as usize].push(happened(event, log_time));
            }
        }
        raised
    }
}

fn happened(event: &EventChange, log_time: i64) -> Happened {
    let amount = event.values.first().and_then(Value::as_f64).unwrap_or(0.0);
    Happened { event: event.event, time: event.time.0, log_time, amount }
}

/// Event (none: a tick), user, item, milliseconds since the last record, how late, amount.
type Act = (Option<u16>, u32, u32, i64, i64, u32);

fn act() -> impl Strategy<Value = Act> {
    let event = prop_oneof![1 => Just(None), 5 => (FAIL..=PAY).prop_map(Some)];
    let later = prop_oneof![3 => 0i64..1_500, 1 => 0i64..6_000];
    let late = prop_oneof![6 => Just(0i64), 2 => 0i64..4_000, 1 => 0i64..12_000, 2 => -1_500i64..0];
    (event, 0u32..3, 0u32..2, later, late, 0u32..10)
}

fn records(acts: &[Act]) -> Vec<Resolved> {
    let mut log_time = Time(1_790_000_000_000);
    let records = acts.iter().zip(1..).map(|((event, user, item, later, late, amount), position)| {
        log_time = log_time.plus(Span(*later));
        let change = event.map_or(Change::None, |event| {
            let values: Vec<Value> = if event == PAY { vec![Value::Float(f64::from(*amount))] } else { Vec::new() };
            Change::Event(EventChange {
                event,
                time: log_time.minus(Span(*late)),
                entities: [EntityId(*user), EntityId(*item)].into_iter().collect(),
                values: values.into(),
                crosses: std::iter::empty().collect(),
                elements: None,
            })
        });
        Resolved { position: Position(position), log_time, change }
    });
    records.collect()
}

fn saved(rows: &mut Rows) -> Vec<Vec<u8>> {
    let snapshot = rows.snapshot();
    let save = |chunk| {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        bytes
    };
    (0..snapshot.chunks()).map(save).collect()
}

/// Shards and the rows of items.
fn parts(plan: &Arc<Plan>, count: u32) -> Vec<Rows> {
    let shards = (0..count).map(|index| Scope::Shard { index, count });
    shards.chain([Scope::Items]).map(|scope| Rows::new(plan.clone(), scope)).collect()
}

fn reloaded(parts_before: &mut [Rows], plan: &Arc<Plan>, count: u32) -> Vec<Rows> {
    let chunks: Vec<Vec<u8>> = parts_before.iter_mut().flat_map(saved).collect();
    let mut parts = parts(plan, count);
    parts.iter_mut().for_each(|rows| chunks.iter().for_each(|chunk| rows.load(chunk).unwrap()));
    parts
}

fn keys(rows: &mut Rows) -> BTreeSet<Key> {
    rows.take_raised().into_iter().map(|raised| (raised.position.0, raised.alarm, raised.entity.0)).collect()
}

/// Compares every pattern with the model.
fn compare(plan: &Plan, parts: &[Rows], model: &Model, now: Time) {
    let (items, shards) = parts.split_last().unwrap();
    for (number, aggregate) in plan.aggregates.iter().enumerate().filter(|(_, of)| of.op == AggregateOp::Pattern) {
        let table = &plan.tables[usize::from(plan.streams[usize::from(aggregate.stream)].table)];
        let feature = plan.features.iter().find(|of| of.program.slots() == [aggregate.slot]).unwrap();
        let name = format!("{}.{}", table.name, feature.name);
        for id in 0..3 {
            let rows = if table.name == "item" { items } else { &shards[id as usize % shards.len()] };
            let mut row = vec![Value::Missing; plan.slots.len()];
            rows.read(EntityId(id), &[number as u16], now, &mut row);
            let expected = pattern(&name, &model.of[usize::from(table.entity)][id as usize], now.0);
            assert_eq!(row[usize::from(aggregate.slot)], Value::Bool(expected), "{name} of {id} at {now:?}");
            let Some(next) = rows.next_change(EntityId(id), &[number as u16], now) else { continue };
            assert!(next > now);
            let until = pattern(&name, &model.of[usize::from(table.entity)][id as usize], next.0 - 1);
            assert_eq!(expected, until, "{name} of {id} changes between {now:?} and {next:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patterns_and_alarms_are_those_of_the_list_of_all_events(
        acts in prop::collection::vec(act(), 1..60),
        cut in 0usize..60,
        ahead in 0i64..12_000,
    ) {
        let plan = plan();
        let mut model = Model::default();
        let (mut one, mut three) = (parts(&plan, 1), parts(&plan, 3));
        for (at, record) in records(&acts).iter().enumerate() {
            if at == cut {
                (one, three) = (reloaded(&mut three, &plan, 1), reloaded(&mut one, &plan, 3));
            }
            let expected = model.apply(&plan, record);
            for parts in [&mut one, &mut three] {
                parts.iter_mut().for_each(|rows| rows.apply(record));
                let raised: BTreeSet<Key> = parts.iter_mut().flat_map(keys).collect();
                prop_assert_eq!(&raised, &expected, "at {:?}", record);
                compare(&plan, parts, &model, record.log_time);
            }
            compare(&plan, &one, &model, record.log_time.plus(Span(ahead)));
        }
    }

    #[test]
    fn a_copy_that_follows_raises_the_same(acts in prop::collection::vec(act(), 1..80), batch in 1usize..7) {
        let plan = plan();
        let mut alone = Rows::new(plan.clone(), Scope::Items);
        let mut front = Rows::new(plan.clone(), Scope::Items);
        front.lead();
        let mut back = front.clone();
        for records in records(&acts).chunks(batch) {
            back.follow(&front);
            back.apply_all(records);
            alone.apply_all(records);
            prop_assert_eq!(back.take_raised(), alone.take_raised());
            prop_assert_eq!((back.next_due(), back.timers()), (alone.next_due(), alone.timers()));
            std::mem::swap(&mut front, &mut back);
        }
    }
}

//! Rows against the slow model on random streams of late, early, equal and future events; the same for every number of
//! shards, through checkpoints, and beside a live snapshot.

#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod quotas;
mod reference;
mod windows;
mod world;

use domain::{EntityId, Time, Value};
use proptest::prelude::*;
use reference::Reference;
use spec::Plan;
use spec::plan::{AggregateOp, Window};
use state::{Digest, Rows, Scope, Snapshot};
use std::sync::Arc;
use world::{Act, World, plan};

const ITEMS: Scope = Scope::Items;

/// The rows of a deployment: items, and the others in shards.
struct Parts {
    items: Rows,
    shards: Vec<Rows>,
}

impl Parts {
    fn new(plan: &Arc<Plan>, count: u32) -> Parts {
        let shards = (0..count).map(|index| Rows::new(plan.clone(), Scope::Shard { index, count }));
        Parts { items: Rows::new(plan.clone(), ITEMS), shards: shards.collect() }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Rows> {
        self.shards.iter_mut().chain([&mut self.items])
    }

    fn digest(&self, world: &World, now: Time) -> Digest {
        let mut digest = self.items.digest(&world.dictionary, now);
        self.shards.iter().for_each(|shard| digest.add(shard.digest(&world.dictionary, now)));
        digest
    }

    /// The same content in another number of shards, by way of checkpoint bytes.
    fn reloaded(&mut self, plan: &Arc<Plan>, count: u32) -> Parts {
        let chunks: Vec<Vec<u8>> = self.all().flat_map(|rows| saved(&rows.snapshot())).collect();
        let mut parts = Parts::new(plan, count);
        for rows in parts.all() {
            chunks.iter().for_each(|chunk| rows.load(chunk).unwrap());
        }
        parts
    }
}

fn saved(snapshot: &dyn Snapshot) -> Vec<Vec<u8>> {
    let save = |chunk| {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        bytes
    };
    (0..snapshot.chunks()).map(save).collect()
}

/// Compares every aggregate of every row with the model.
fn compare(world: &World, parts: &Parts, reference: &Reference, now: Time) {
    let plan = &world.plan;
    let count = parts.shards.len() as u32;
    for (at, aggregate) in plan.aggregates.iter().enumerate() {
        let table_index = plan.streams[aggregate.stream as usize].table;
        let table = &plan.tables[table_index as usize];
        for id in (0..world.dictionary.entity_count(table.entity)).map(EntityId) {
            let plain_item = table.cross.is_none() && table.name == "item";
            let rows = if plain_item { &parts.items } else { &parts.shards[(id.0 % count) as usize] };
            let subject = rows.subject(table.entity, id);
            if let AggregateOp::Seen(_) = aggregate.op {
                for item in (0..6).map(EntityId) {
                    let expected = reference.seen(plan, aggregate, id, item, now);
                    assert_eq!(subject.seen(at as u16, item, now), expected, "{at} {item:?} {now:?}");
                }
                continue;
            }
            for second in (0..if table.cross.is_some() { 20 } else { 1 }).chain([u32::MAX]) {
                if second == u32::MAX && table.cross.is_none() {
                    continue;
                }
                let expected = reference.value(plan, aggregate, id, second, now);
                let mut row = vec![Value::Bool(true); plan.slots.len()];
                subject.read(&[at as u16], &|_| second, now, &mut row);
                let found = &row[aggregate.slot as usize];
                let same = *found == expected || nearly(table.cross.is_some(), aggregate.op, found, &expected);
                assert!(same, "{:?} of {id:?} x {second} at {now:?}: {found:?}, expected {expected:?}", aggregate.op);
                if table.cross.is_none() {
                    let mut row = vec![Value::Missing; plan.slots.len()];
                    rows.read(id, &[at as u16], now, &mut row);
                    let again = &row[aggregate.slot as usize];
                    assert!(*again == expected || nearly(false, aggregate.op, again, &expected));
                    check_next_change(rows, reference, plan, (at as u16, id), now);
                }
            }
        }
    }
}

/// A crossed row that gave way had decayed to 2^-64 at most. Sums of sessions and squared differences are folded in another
/// order. Quantiles are within 1 %.
fn nearly(crossed: bool, op: AggregateOp, found: &Value, expected: &Value) -> bool {
    let (Value::Float(found), Value::Float(expected)) = (found, expected) else { return false };
    let apart = (found - expected).abs();
    match op {
        AggregateOp::Decayed(_) => crossed && apart < 1e-15,
        AggregateOp::Var(_) | AggregateOp::Sum(Window::Session(_)) | AggregateOp::Mean(Window::Session(_)) => {
            apart < 1e-9 * expected.abs().max(1.0)
        }
        AggregateOp::Quantile(..) => apart <= 0.010_000_1 * expected.abs(),
        // A root makes more of what is left of a difference.
        AggregateOp::Stddev(_) => {
            apart < 1e-9 * expected.abs().max(1.0) || (found * found - expected * expected).abs() < 1e-9
        }
        _ => false,
    }
}

/// Until the announced change the value stays as it is.
fn check_next_change(rows: &Rows, reference: &Reference, plan: &Plan, (at, id): (u16, EntityId), now: Time) {
    let aggregate = &plan.aggregates[at as usize];
    if aggregate.op.window().is_none() {
        return;
    }
    let next = rows.next_change(id, &[at], now);
    let value = |now| reference.value(plan, aggregate, id, 0, now);
    let until = next.map_or(Time(now.0 + 400_000_000), |next| Time(next.0 - 1));
    assert!(until >= now, "the next change is later than now");
    for step in 0..=4 {
        let between = Time(now.0 + (until.0 - now.0) / 4 * step);
        assert_eq!(value(now), value(between), "{aggregate:?} changes between {now:?} and {next:?}");
    }
    for soon in [500, 5_000, 20_000, 45_000].map(|ms| Time(now.0 + ms)).into_iter().filter(|soon| *soon <= until) {
        assert_eq!(value(now), value(soon), "{aggregate:?} changes between {now:?} and {next:?}");
    }
    assert_eq!(value(now), value(until), "{aggregate:?}");
    if let (Some(next), AggregateOp::Count(Window::Sliding(_))) = (next, aggregate.op) {
        assert_ne!(value(now), value(next), "a count does change when it is said to, or {now:?} {next:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_agree_with_the_model(acts in prop::collection::vec(world::act(), 1..120), ahead in 0i64..200_000_000) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut reference = Reference::default();
        let mut parts = Parts::new(&plan, 2);
        for act in &acts {
            let resolved = world.resolve(act);
            parts.all().for_each(|rows| rows.apply(&resolved));
            reference.apply(&resolved);
        }
        let now = world.log_time;
        compare(&world, &parts, &reference, now);
        compare(&world, &parts, &reference, Time(now.0 + ahead));
        compare(&world, &parts, &reference, Time(now.0 + ahead / 1_000));
    }

    #[test]
    fn digests_do_not_depend_on_shards_or_checkpoints(
        acts in prop::collection::vec(world::act(), 1..200),
        cut in 0usize..200,
        ahead in 0i64..100_000_000,
    ) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut whole = Rows::new(plan.clone(), Scope::All);
        let mut parts: Vec<Parts> = [1, 2, 4, 8].map(|count| Parts::new(&plan, count)).into();
        for (at, act) in acts.iter().enumerate() {
            if at == cut {
                let (three, eight) = (parts[2].reloaded(&world.plan, 3), parts[0].reloaded(&world.plan, 8));
                parts.extend([three, eight]);
                parts[1] = parts[3].reloaded(&world.plan, 2);
            }
            let resolved = world.resolve(act);
            whole.apply(&resolved);
            parts.iter_mut().flat_map(Parts::all).for_each(|rows| rows.apply(&resolved));
        }
        for now in [world.log_time, Time(world.log_time.0 + ahead)] {
            let expected = whole.digest(&world.dictionary, now);
            for parts in &mut parts {
                prop_assert_eq!(parts.digest(&world, now), expected);
                prop_assert_eq!(parts.items.position(), whole.position());
                let again = parts.reloaded(&plan, 5);
                prop_assert_eq!(again.digest(&world, now), expected);
            }
        }
    }

    #[test]
    fn a_snapshot_is_what_was_there(acts in prop::collection::vec(world::act(), 2..160), cut in 1usize..160) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut rows = Rows::new(plan.clone(), Scope::All);
        let (before, after) = acts.split_at(cut.min(acts.len()));
        before.iter().for_each(|act| rows.apply(&world.resolve(act)));
        let digest = rows.digest(&world.dictionary, world.log_time);
        let now = world.log_time;
        let dictionary = world.dictionary.clone();
        let at_once = saved(&rows.snapshot());
        let (snapshot, catalogue) = (rows.snapshot(), world.catalogue.snapshot());
        let catalogue_at_once = saved(&catalogue);
        after.iter().for_each(|act| rows.apply(&world.resolve(act)));
        prop_assert_eq!(&saved(&snapshot), &at_once);
        prop_assert_eq!(&saved(&catalogue), &catalogue_at_once);
        let mut loaded = Rows::new(plan.clone(), Scope::All);
        at_once.iter().for_each(|chunk| loaded.load(chunk).unwrap());
        prop_assert_eq!(loaded.digest(&dictionary, now), digest);
    }

    #[test]
    fn damaged_rows_are_refused_and_nothing_panics(
        acts in prop::collection::vec(world::act(), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut rows = Rows::new(plan.clone(), Scope::All);
        let resolved: Vec<_> = acts.iter().map(|act| world.resolve(act)).collect();
        resolved.iter().for_each(|resolved| rows.apply(resolved));
        for mut chunk in saved(&rows.snapshot()) {
            let mut loaded = Rows::new(plan.clone(), Scope::All);
            prop_assert!(loaded.load(&chunk[..cut.index(chunk.len())]).is_err(), "a cut chunk");
            for (at, byte) in &damage {
                let at = at.index(chunk.len());
                chunk[at] = *byte;
            }
            let mut loaded = Rows::new(plan.clone(), Scope::All);
            if loaded.load(&chunk).is_ok() {
                // Damage that reads as a row: it must still be one that can be read and written.
                resolved.iter().for_each(|resolved| loaded.apply(resolved));
                loaded.digest(&world.dictionary, world.log_time);
                let subject = loaded.subject(0, EntityId(0));
                let all: Vec<u16> = (0..plan.aggregates.len() as u16).collect();
                subject.read(&all, &|_| 1, world.log_time, &mut vec![Value::Missing; plan.slots.len()]);
            }
        }
    }
}

#[test]
fn an_owner_keeps_the_crossed_rows_touched_last() {
    let plan = plan();
    let mut world = World::new(plan.clone());
    let mut parts = Parts::new(&plan, 2);
    let mut whole = Rows::new(plan.clone(), Scope::All);
    let max = domain::limits::CROSSED_ROWS_MAX;
    for category in 0..max + 50 {
        // One item per category; the item of category 0 is viewed again and again.
        for act in [Act::categorised(category), Act::viewed(category), Act::viewed(0)] {
            let resolved = world.resolve(&act);
            whole.apply(&resolved);
            parts.all().for_each(|rows| rows.apply(&resolved));
        }
    }
    let now = world.log_time;
    assert_eq!(parts.digest(&world, now), whole.digest(&world.dictionary, now));
    let mut again = parts.reloaded(&plan, 3);
    assert_eq!(again.digest(&world, now), whole.digest(&world.dictionary, now));
    let table = plan.tables.iter().position(|table| table.name == "user.category").unwrap() as u16;
    let count = plan.aggregates.iter().position(|aggregate| {
        plan.streams[aggregate.stream as usize].table == table && matches!(aggregate.op, AggregateOp::Count(_))
    });
    let count = count.unwrap();
    let subject = whole.subject(0, EntityId(0));
    let views = |category: usize| {
        let second = world.dictionary.symbol(&format!("c{category}")).unwrap().0;
        let mut row = vec![Value::Missing; plan.slots.len()];
        subject.read(&[count as u16], &|_| second, now, &mut row);
        row[plan.aggregates[count].slot as usize].clone()
    };
    assert_ne!(views(0), Value::Float(0.0), "touched all the time");
    assert_eq!((1..=50).filter(|c| views(*c) == Value::Float(0.0)).count(), 50, "the longest untouched gave way");
    assert!((52..max + 50).all(|c| views(c) == Value::Float(1.0)), "the others are there");
    let extra = world.resolve(&Act::viewed(7));
    again.all().for_each(|rows| rows.apply(&extra));
    whole.apply(&extra);
    assert_eq!(again.digest(&world, now), whole.digest(&world.dictionary, now), "the order of touching is restored");
}

#[test]
fn caps_remember_far_more_rows_than_features_do() {
    let plan = plan();
    let mut world = World::new(plan.clone());
    let mut rows = Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 });
    let items = 3 * domain::limits::CROSSED_ROWS_MAX;
    for item in 0..items {
        rows.apply(&world.resolve(&Act::viewed(item)));
    }
    let cap = plan.aggregates.iter().position(|of| of.op == AggregateOp::CountRecents(domain::Span(600_000))).unwrap();
    let subject = rows.subject(0, EntityId(0));
    let count = |item: usize, now| {
        let second = world.dictionary.entity(1, &format!("i{item}")).unwrap().0;
        let mut row = vec![Value::Missing; plan.slots.len()];
        subject.read(&[cap as u16], &|_| second, now, &mut row);
        row[plan.aggregates[cap].slot as usize].clone()
    };
    assert!((0..items).all(|item| count(item, world.log_time) == Value::Float(1.0)));
    // Out of the window they are gone, and the next new rows make the memory free.
    let later = Time(world.log_time.0 + 600_000);
    assert!((0..items).all(|item| count(item, later) == Value::Float(0.0)));
}

//! Quotas against counting every event, for late, early and equal times; the same from a checkpoint taken at any record.

use crate::saved;
use crate::world::{World, act, plan};
use domain::{EntityId, Time, Value};
use proptest::prelude::*;
use state::{Change, Quotas};

/// An event as a quota sees it: its type, when it happened, and what it is counted under.
struct Counted {
    event: u16,
    time: Time,
    item: EntityId,
    category: Value,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quotas_are_what_was_counted(
        acts in prop::collection::vec(act(), 1..150),
        cut in 0usize..150,
        ahead in prop_oneof![Just(0i64), 0i64..90_000, 0i64..100_000_000],
    ) {
        let plan = plan();
        let mut world = World::new(plan.clone());
        let mut quotas = Quotas::new(plan.clone());
        let mut all: Vec<Counted> = Vec::new();
        let item_type = plan.entity("item").unwrap();
        for (at, act) in acts.iter().enumerate() {
            if at == cut {
                let chunks = saved(&quotas.snapshot());
                quotas = Quotas::new(plan.clone());
                chunks.iter().for_each(|chunk| quotas.load(chunk).unwrap());
            }
            let resolved = world.resolve(act);
            quotas.apply(&resolved, &world.catalogue);
            let Change::Event(event) = &resolved.change else { continue };
            let roles = &plan.events[usize::from(event.event)].roles;
            if let Some(role) = roles.iter().position(|role| role.entity == item_type) {
                let item = event.entities[role];
                let category = world.catalogue.attribute(item_type, item, 0);
                all.push(Counted { event: event.event, time: event.time, item, category });
            }
        }
        let mut untouched = Quotas::new(plan.clone());
        saved(&quotas.snapshot()).iter().for_each(|chunk| untouched.load(chunk).unwrap());
        for now in [world.log_time, Time(world.log_time.0 + ahead)] {
            prop_assert_eq!(quotas.digest(&world.dictionary, now), untouched.digest(&world.dictionary, now));
            for (index, quota) in plan.quotas.iter().enumerate() {
                for item in (0..6).map(EntityId) {
                    let category = world.catalogue.attribute(item_type, item, 0);
                    let start = now.0 - (now.0 - quota.anchor.0).rem_euclid(quota.window.0);
                    let within = |time: Time| time.0 >= start && time.0 < start + quota.window.0;
                    let same = |one: &Counted| if quota.of.is_some() { one.category == category } else { one.item == item };
                    let counted = all.iter().filter(|one| one.event == quota.event && within(one.time) && same(one)).count();
                    let expected = (quota.of.is_none() || category != Value::Missing).then_some(counted as u32);
                    let found = quotas.counted(index as u16, item, now, &world.catalogue);
                    prop_assert_eq!(found, expected, "quota {} of {:?} at {:?}", index, item, now);
                }
            }
        }
    }
}

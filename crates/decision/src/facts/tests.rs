//! Facts are what their conditions say of the catalogue, however they came about.

use super::*;
use crate::Epoch;
use crate::world::World;
use domain::Payload;
use proptest::prelude::*;
use state::Snapshot;

const SPEC: &str = r#"
version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, price: float, created: timestamp, in_stock: bool } }
events:
  view: { user: user, item: item }
features:
  item:
    views: count(view, 1d)
feeds:
  home:
    for: user
    context: { country: string }
    recall: { hot: { top: item.views, limit: 9 } }
    filter:
      - item.in_stock
      - "!has(item.price) || item.price > 3.0"
      - item.views > 1.0
      - item.category == request.country
      - item.created > now - 1d
    policy:
      - block: { when: item.category == "c1" && item.price > 5.0 }
      - boost: { by: 2, when: item.category == "c2" }
      - never_follow: { item: item.category == "c1", after: "default(item.price, 9.0) < 4.0" }
      - pin: { item: i3, at: 2, when: item.in_stock }
"#;

/// Whether each fact of each item is what its condition says of the item's attributes.
fn are_true(epoch: &Epoch) {
    let (plan, item) = (epoch.plan(), epoch.item_type());
    let conditions = Conditions::new(plan, item);
    assert!(!conditions.known.is_empty());
    for id in (0..epoch.catalogue().bound(item) + 3).map(EntityId) {
        let value = |source: &SlotSource| match *source {
            SlotSource::Attribute { entity, field } if entity == item => epoch.catalogue().attribute(item, id, field),
            _ => Value::Missing,
        };
        let row: Vec<Value> = plan.slots.iter().map(|slot| value(&slot.source)).collect();
        for (program, _) in &conditions.known {
            let bit = conditions.bit(program).unwrap();
            assert_eq!(epoch.facts(id) & bit != 0, program.eval_bool(&row), "{} of {id:?}", program.text());
        }
    }
}

#[test]
fn what_reads_attributes_alone_is_a_fact() {
    let plan = spec::compile("test", SPEC).unwrap();
    let conditions = Conditions::new(&plan, plan.entity("item").unwrap());
    let texts: Vec<&str> = conditions.known.iter().map(|(program, _)| program.text()).collect();
    let expected = [
        "item.in_stock",
        "!has(item.price) || item.price > 3.0",
        "item.category == \"c1\" && item.price > 5.0",
        "item.category == \"c2\"",
        "item.category == \"c1\"",
        "default(item.price, 9.0) < 4.0",
    ];
    assert_eq!(texts, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn facts_follow_the_catalogue(changes in prop::collection::vec((0u8..4, 0u8..90, 0u8..3, 0u8..9), 1..60)) {
        let mut world = World::new(SPEC);
        world.epoch.lead();
        let mut behind = world.epoch.clone();
        for (place, (what, item, category, price)) in changes.into_iter().enumerate() {
            let key = format!("i{item}");
            match what {
                0 => world.event("view", "u", &key),
                1 => world.record(&Payload::Delete { entity: "item".into(), key: key.into() }),
                _ => world.item(&key, &format!("c{category}"), f64::from(price), price % 2 == 0),
            }
            are_true(&world.epoch);
            if place % 7 == 0 {
                behind.follow(&world.epoch);
                are_true(&behind);
                std::mem::swap(&mut world.epoch, &mut behind);
            }
        }
        let snapshot = world.epoch.snapshot();
        let mut restored = Epoch::new(world.plan.clone());
        for chunk in 0..snapshot.chunks() {
            let mut bytes = Vec::new();
            snapshot.save(chunk, &mut bytes);
            restored.load(&bytes).unwrap();
        }
        restored.complete(&world.names);
        are_true(&restored);
        let other = spec::compile("other", &SPEC.replace("3.0", "4.0").replace("default(item.price, 9.0)", "item.price"));
        let other = spec::bind(&other.unwrap().into(), &mut |text| world.names.intern_symbol(text));
        restored.adopt(&Epoch::new(other), None, &world.names);
        are_true(&restored);
    }
}

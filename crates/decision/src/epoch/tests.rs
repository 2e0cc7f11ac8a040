use super::*;
use crate::features_of;
use crate::pace::Pace;
use crate::world::{HOUR, SPEC, World, ample, request, user};
use domain::Subject;
use state::Snapshot;

fn shop() -> World {
    let mut world = World::new(SPEC);
    for (item, category) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "")] {
        world.item(item, category, 10.0, true);
        world.now = Time(world.now.0 + HOUR);
        for user in ["u1", "u2", "u3"].into_iter().take(item.len() + usize::from(item > "b")) {
            world.event("view", user, item);
            world.event("view", user, "a");
            world.event("impression", user, item);
        }
    }
    world.event("buy", "u1", "b");
    world
}

#[test]
fn a_restored_epoch_is_the_same() {
    let mut world = shop();
    let snapshot = world.epoch.snapshot();
    let digest = world.epoch.digest(&world.names, world.now);
    let asked = [request("home", user("u1"), 10), request("related", Subject::Item("a".into()), 10)];
    let before: Vec<_> = asked.iter().map(|asked| world.ask(asked.clone(), Pace::Live(&mut ample()))).collect();

    let mut restored = Epoch::new(world.plan.clone());
    // The original goes on meanwhile, and chunks may come in any order.
    world.event("view", "u3", "d");
    for chunk in (0..snapshot.chunks()).rev() {
        let mut bytes = Vec::new();
        snapshot.save(chunk, &mut bytes);
        restored.load(&bytes).unwrap();
    }
    restored.complete(&world.names);
    assert_ne!(world.epoch.digest(&world.names, world.now), digest);
    assert_eq!(restored.digest(&world.names, world.now), digest);
    let mut world = shop();
    world.epoch = restored;
    let after: Vec<_> = asked.iter().map(|asked| world.ask(asked.clone(), Pace::Live(&mut ample()))).collect();
    assert_eq!(before, after);
}

#[test]
fn damaged_chunks_are_refused() {
    let world = shop();
    let mut epoch = Epoch::new(world.plan.clone());
    for bytes in [&[][..], &[9], &[0, 1, 2], &[0; 18], &[1], &[3, 200, 0]] {
        assert!(epoch.load(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_copy_that_follows_is_no_different_from_one_that_works_it_out() {
    let (mut world, mut plain) = (shop(), shop());
    world.epoch.lead();
    let mut behind = world.epoch.clone();
    for round in 0..4 {
        for world in [&mut world, &mut plain] {
            for (user, item) in [("u1", "a"), ("u2", "c"), ("new", "d"), ("u1", "b")] {
                world.event("view", user, item);
                // Quotas and `fair` count these.
                world.event("impression", user, item);
            }
            world.item("c", "z", 1.0 + f64::from(round), round != 2);
            world.now = Time(world.now.0 + HOUR);
        }
        behind.follow(&world.epoch);
        assert_eq!(behind.position, plain.epoch.position);
        let digest = plain.epoch.digest(&plain.names, plain.now);
        for epoch in [&behind, &world.epoch] {
            assert_eq!(epoch.digest(&world.names, world.now), digest);
        }
        std::mem::swap(&mut world.epoch, &mut behind);
    }
}

#[test]
fn a_copy_does_not_follow() {
    let mut world = shop();
    let copy = world.epoch.clone();
    let digest = copy.digest(&world.names, copy.log_time);
    world.event("buy", "u2", "c");
    assert!(copy.position < world.epoch.position);
    assert_eq!(copy.digest(&world.names, copy.log_time), digest);
}

#[test]
fn items_are_scored_as_their_features_say() {
    let world = shop();
    let mut row = Vec::new();
    let items = ItemView::new(&world.epoch, &world.names, &mut row);
    for (index, feature) in world.plan.features.iter().enumerate() {
        if world.plan.tables[usize::from(feature.table)].name == "item" {
            let named = features_of(
                &world.plan,
                &world.epoch,
                None,
                world.epoch.item_type(),
                world.id("b"),
                (world.now, &world.names),
            );
            let (_, value) = named.iter().find(|(name, _)| *name == feature.name).unwrap();
            assert_eq!(items.score(index as u16, world.id("b"), world.now), value.as_f64());
            assert!(value.as_f64().is_some());
        }
    }
    assert!(items.present(world.id("a")));
    assert_eq!(items.attribute(world.id("a"), 1), Value::Float(10.0));
}

#[test]
fn an_entity_shows_its_features() {
    let world = shop();
    let user_type = world.plan.entity("user").unwrap();
    let id = world.names.entity(user_type, "u1").unwrap();
    let rows = world.shard.subject(user_type, id);
    let features = features_of(&world.plan, &world.epoch, Some(&rows), user_type, id, (world.now, &world.names));
    let names: Vec<&str> = features.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["views_7d", "recent"]);
    assert_eq!(features[0].1, Value::Float(8.0));
    let Value::List(recent) = &features[1].1 else { panic!("{features:?}") };
    assert_eq!(recent[..2], [Value::Entity(world.id("a")), Value::Entity(world.id("d"))]);
    let cold = features_of(&world.plan, &world.epoch, None, user_type, EntityId(99), (world.now, &world.names));
    assert_eq!(cold, [("views_7d".to_owned(), Value::Float(0.0)), ("recent".to_owned(), Value::List([].into()))]);
}

//! Journeys: over all items of a random world, what they tell of each adds up to what the answer tells of all.

use super::{random_request, same, shop, step, world};
use crate::Pace;
use crate::world::{World, ample, request, user};
use crate::{End, Journey};
use domain::{Answer, EntityId, FeedRequest, Raw};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The journey of one item through a fresh answer, and that answer.
fn journey(world: &mut World, request: &FeedRequest, key: &str) -> (Answer, Journey) {
    let known = world.names.entity(world.epoch.item_type(), key);
    known.into_iter().for_each(|item| world.scratch.follow(item));
    let answer = world.ask(request.clone(), Pace::Live(&mut ample()));
    let trace = world.scratch.followed();
    let show = |value: &domain::Value, _: &domain::Type| value.as_f64().map_or(Raw::Null, Raw::Float);
    let journey = Journey::of(&world.plan, &answer, key, trace.as_deref(), &show);
    (answer, journey)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn journeys_add_up(items in 20usize..100, steps in prop::collection::vec(step(), 0..120), request in random_request()) {
        let mut world = world(items, steps);
        let plain = world.ask(request.clone(), Pace::Live(&mut ample()));
        let mut removed: BTreeMap<String, u32> = BTreeMap::new();
        let mut found = vec![0; plain.route_counts.len()];
        let mut ranks = Vec::new();
        let mut fused = 0;
        for item in (0u8..120).map(|item| format!("i{item}")) {
            let (answer, journey) = journey(&mut world, &request, &item);
            same(&plain, &answer)?;
            let place = plain.items.iter().position(|shown| shown.item == item);
            prop_assert_eq!(journey.place, place.map(|place| place as u32 + 1));
            prop_assert_eq!(journey.end == End::InSlate, place.is_some());
            prop_assert!(!journey.said.is_empty());
            let known = world.names.entity(world.epoch.item_type(), &item);
            let present = known.is_some_and(|item| world.epoch.present(item));
            prop_assert_eq!(journey.end == End::UnknownItem, known.is_none());
            prop_assert_eq!(journey.end == End::NotPresent, known.is_some() && !present && journey.end != End::Itself);
            for (route, count) in journey.routes.iter().zip(&mut found) {
                prop_assert_eq!(route.found.is_none(), route.why_not.is_some());
                *count += u32::from(route.found.is_some());
            }
            fused += u32::from(journey.fused.is_some());
            if journey.end == End::Removed {
                let gate = journey.removed_by.clone().expect("something removed it");
                *removed.entry(gate).or_default() += 1;
            }
            if let Some(score) = &journey.score {
                prop_assert!(journey.gates.iter().all(|gate| gate.passes));
                ranks.push((score.rank, score.score, known.map_or(0, |EntityId(id)| id)));
                if let Some(place) = place {
                    prop_assert_eq!(score.score.to_bits(), plain.items[place].score.to_bits());
                }
            }
        }
        prop_assert_eq!(&found, &plain.route_counts);
        prop_assert_eq!(fused, plain.candidates);
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        for of in plain.removed.iter().filter(|of| of.reason != "exclude") {
            *told.entry(of.reason.clone()).or_default() += of.count;
        }
        prop_assert_eq!(removed, told);
        // Ranks are those of a sort by score and id.
        ranks.sort_by_key(|(rank, _, _)| *rank);
        prop_assert!(ranks.iter().map(|(rank, _, _)| *rank).eq(1..=ranks.len() as u32));
        for pair in ranks.windows(2) {
            prop_assert!(pair[0].1 > pair[1].1 || pair[0].1 == pair[1].1 && pair[0].2 < pair[1].2, "{pair:?}");
        }
    }
}

#[test]
fn a_journey_reads_well() {
    let mut world = shop();
    world.item("f", "x", 95.0, true);
    world.event("view", "u2", "f");
    let ask = request("home", user("u2"), 1);
    let said = |world: &mut World, ask: &FeedRequest, item: &str| journey(world, ask, item).1.said;
    assert_eq!(said(&mut world, &ask, "nothing"), "unknown item: no event and no upsert had named it then");
    assert_eq!(
        said(&mut world, &ask, "f"),
        "removed by item.price < 90.0 || request.country == \"DE\" because item.price = 95, request.country = missing"
    );
    let excluding = FeedRequest { exclude: vec!["a".into()], ..ask.clone() };
    assert_eq!(said(&mut world, &excluding, "a"), "the request excludes it");
    let (answer, first) = journey(&mut world, &ask, "b");
    assert_eq!(answer.items[0].item, "b");
    assert_eq!(first.said, "place 1 of 1");
    let text = first.to_string();
    for part in [
        "item b in feed home: place 1 of 1\n",
        "route    hot found it: rank ",
        "filter   passed item.in_stock",
        "score    ",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let below = said(&mut world, &ask, "a");
    assert!(below.contains(" by score: not within the 1 asked; its score is"), "{below}");
    let plain = request("plain", user("u1"), 2);
    let lost = journey(&mut world, &plain, "d").1;
    assert_eq!((lost.end, lost.said.as_str()), (End::NotFound, "no route found it"));
    assert!(lost.routes[0].why_not.as_ref().unwrap().starts_with("not in its best 3, the last of which has"));
}

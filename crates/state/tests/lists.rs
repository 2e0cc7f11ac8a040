//! Lists against a map that is searched from end to end, and through checkpoints at any place.

use domain::{EntityId, ListPut, Payload, Position, Time};
use proptest::prelude::*;
use spec::Plan;
use state::{Catalogue, Dictionary, Lists, Snapshot, resolve};
use std::collections::BTreeMap;
use std::sync::Arc;

fn plan() -> Arc<Plan> {
    let text = "version: 1\nlists:\n  picks: { of: item, max: 3 }\n  vip: { of: user }\n";
    Arc::new(spec::compile("test", text).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))))
}

#[derive(Clone, Debug)]
enum Act {
    Put { list: &'static str, key: u8, score: Option<f64>, lasts: Option<i64> },
    Delete { list: &'static str, key: u8 },
    Tick,
}

fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let list = prop_oneof![3 => Just("picks"), 1 => Just("vip")];
    let score = prop_oneof![Just(None), Just(Some(0.0)), Just(Some(-0.0)), Just(Some(2.5)), Just(Some(-1e300))];
    let put = (list.clone(), 0u8..6, score, prop::option::of(-5i64..60))
        .prop_map(|(list, key, score, lasts)| Act::Put { list, key, score, lasts });
    let delete = (list, 0u8..6).prop_map(|(list, key)| Act::Delete { list, key });
    prop::collection::vec((0i64..20, prop_oneof![6 => put, 2 => delete, 1 => Just(Act::Tick)]), 0..80)
}

/// Key to (score, until) of one list.
type Slow = BTreeMap<String, (f64, Option<i64>)>;

struct World {
    plan: Arc<Plan>,
    names: Dictionary,
    lists: Lists,
    slow: BTreeMap<&'static str, Slow>,
    position: u64,
    now: i64,
}

impl World {
    fn new(seed: u64) -> World {
        let plan = plan();
        World {
            names: Dictionary::new(&plan, seed),
            lists: Lists::new(plan.clone()),
            slow: BTreeMap::from([("picks", Slow::new()), ("vip", Slow::new())]),
            position: 0,
            now: 1_000,
            plan,
        }
    }

    fn payload(&self, act: &Act) -> Payload<'static> {
        match act {
            Act::Put { list, key, score, lasts } => Payload::ListPut(ListPut {
                list: (*list).into(),
                key: format!("k{key}").into(),
                score: *score,
                until: lasts.map(|lasts| Time(self.now + lasts)),
            }),
            Act::Delete { list, key } => Payload::ListDelete { list: (*list).into(), key: format!("k{key}").into() },
            Act::Tick => Payload::Tick,
        }
    }

    fn act(&mut self, wait: i64, act: &Act) {
        self.now += wait;
        let now = self.now;
        self.slow.values_mut().for_each(|list| list.retain(|_, (_, until)| until.is_none_or(|until| now < until)));
        let payload = self.payload(act);
        let admitted = self.lists.admit(&self.names, Time(now), &payload);
        if let Act::Put { list, key, score, lasts } = act {
            let slow = self.slow.get_mut(list).expect("it is there");
            let key = format!("k{key}");
            let room = *list == "vip" || slow.len() < 3 || slow.contains_key(&key);
            assert_eq!(admitted.is_ok(), room && lasts.is_none_or(|lasts| lasts > 0), "{act:?}: {admitted:?}");
            if admitted.is_ok() {
                slow.insert(key, (score.unwrap_or(0.0), lasts.map(|lasts| now + lasts)));
            }
        } else if let Act::Delete { list, key } = act {
            self.slow.get_mut(list).expect("it is there").remove(&format!("k{key}"));
        }
        if admitted.is_err() {
            return;
        }
        self.position += 1;
        let catalogue = Catalogue::new(self.plan.clone());
        let position = Position(self.position);
        let resolved =
            resolve(&self.plan, &mut self.names, &catalogue, position, Time(now), &payload).expect("it is there");
        self.lists.apply(&resolved);
    }

    fn check(&self, later: i64) {
        for (index, name) in ["picks", "vip"].into_iter().enumerate() {
            let (index, now) = (index as u16, Time(self.now + later));
            let mut slow: Vec<(EntityId, f64)> = self.slow[name]
                .iter()
                .filter(|(_, (_, until))| until.is_none_or(|until| now.0 < until))
                .map(|(key, (score, _))| (self.names.entity(1 - index, key).expect("it is there"), *score))
                .collect();
            slow.sort_by_key(|(id, _)| *id);
            let listed: Vec<EntityId> = self.lists.entries(index, None, now).map(|(id, _)| id).collect();
            assert_eq!(listed, slow.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            if let Some(first) = listed.first() {
                let rest: Vec<EntityId> = self.lists.entries(index, Some(*first), now).map(|(id, _)| id).collect();
                assert_eq!(rest, listed[1..]);
            }
            slow.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("it is there"));
            assert_eq!(self.lists.best(index, now).collect::<Vec<_>>(), slow);
            assert_eq!(self.lists.len(index, now), slow.len());
            assert!((0..6).all(|id| self.lists.contains(index, EntityId(id), now) == listed.contains(&EntityId(id))));
        }
    }

    fn reload(&mut self) {
        let snapshot = self.lists.snapshot();
        let mut loaded = Lists::new(self.plan.clone());
        for chunk in 0..snapshot.chunks() {
            let mut bytes = Vec::new();
            snapshot.save(chunk, &mut bytes);
            loaded.load(&bytes).expect("it is there");
            assert!(loaded.clone().load(&bytes).is_err(), "an entry twice is damage");
            for len in 0..bytes.len() {
                assert!(Lists::new(self.plan.clone()).load(&bytes[..len]).is_err(), "cut at {len}");
            }
        }
        assert_eq!(loaded.digest(&self.names), self.lists.digest(&self.names));
        self.lists = loaded;
    }
}

proptest! {
    #[test]
    fn lists_are_the_map_they_stand_for(acts in acts(), reload_at in 0usize..80) {
        let (mut straight, mut reloaded, mut paired) = (World::new(1), World::new(2), World::new(3));
        paired.lists.lead();
        let mut behind = paired.lists.clone();
        for (at, (wait, act)) in acts.iter().enumerate() {
            straight.act(*wait, act);
            reloaded.act(*wait, act);
            paired.act(*wait, act);
            if at % 3 == 0 {
                // As the two copies of the epoch are swapped.
                behind.follow(&paired.lists);
                std::mem::swap(&mut behind, &mut paired.lists);
            }
            if at == reload_at {
                reloaded.reload();
            }
            straight.check(0);
            straight.check(17);
        }
        reloaded.check(3);
        paired.check(3);
        prop_assert_eq!(straight.lists.digest(&straight.names), paired.lists.digest(&paired.names));
        prop_assert_eq!(straight.lists.digest(&straight.names), reloaded.lists.digest(&reloaded.names));
    }

    #[test]
    fn a_whole_call_is_judged_as_its_records_one_by_one(before in acts(), call in acts()) {
        let mut world = World::new(3);
        before.iter().for_each(|(wait, act)| world.act(*wait, act));
        let payloads: Vec<_> = call.iter().map(|(_, act)| world.payload(act)).collect();
        let whole = world.lists.admit_all(&world.names, Time(world.now), &payloads);
        let catalogue = Catalogue::new(world.plan.clone());
        let (mut lists, mut names) = (world.lists.clone(), world.names.clone());
        let mut each = Ok(());
        for (number, payload) in payloads.iter().enumerate() {
            each = each.and_then(|()| lists.admit(&names, Time(world.now), payload));
            let position = Position(1_000 + number as u64);
            let resolved = resolve(&world.plan, &mut names, &catalogue, position, Time(world.now), payload).unwrap();
            lists.apply(&resolved);
        }
        prop_assert_eq!(whole, each);
    }
}

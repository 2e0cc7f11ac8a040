use super::*;
use crate::{Dictionary, resolve};
use domain::{Event, Field, Payload, Position, Raw, Upsert};
use proptest::prelude::*;
use std::sync::Arc;

const SPEC: &str = "
version: 1
entities: { item: { fields: { seller: string } } }
events: { view: { user: user, item: item } }
feeds:
  home:
    for: user
    recall: { hot: { co_visited: view, from: user.recent } }
    rerank: { fair: { of: item.seller, target: equal, window: 1h } }
features: { user: { recent: 'last(view, item, 5)' } }
";

#[derive(Clone, Debug)]
enum Step {
    Show { item: u8, late_s: i64 },
    Put { item: u8, seller: u8 },
    Delete { item: u8 },
    Wait { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..8, prop_oneof![3 => Just(0i64), 1 => -60i64..5_000]).prop_map(|(item, late_s)| Step::Show { item, late_s }),
        2 => (0u8..8, 0u8..4).prop_map(|(item, seller)| Step::Put { item, seller }),
        1 => (0u8..8).prop_map(|item| Step::Delete { item }),
        2 => (0i64..2_000).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// A catalogue, the exposure beside it, and all impressions as a list.
struct World {
    plan: Arc<Plan>,
    names: Dictionary,
    catalogue: Catalogue,
    exposure: Exposure,
    shown: Vec<(Option<Symbol>, Time)>,
    now: Time,
    position: Position,
}

impl World {
    fn new() -> World {
        let plan =
            Arc::new(spec::compile("test.yaml", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))));
        World {
            names: Dictionary::new(&plan, 3),
            catalogue: Catalogue::new(plan.clone()),
            exposure: Exposure::new(&plan, &plan.exposures[0]),
            shown: Vec::new(),
            now: Time(1_700_000_000_000),
            position: Position::START,
            plan,
        }
    }

    fn record(&mut self, payload: &Payload<'_>) {
        self.position = self.position.next();
        let change = resolve(&self.plan, &mut self.names, &self.catalogue, self.position, self.now, payload).unwrap();
        self.exposure.apply(&change, &self.catalogue);
        self.catalogue.apply(&change);
    }

    fn happen(&mut self, step: &Step) {
        match *step {
            Step::Show { item, late_s } => {
                let key = format!("i{item}");
                let time = Time(self.now.0 - late_s * 1_000);
                let role =
                    |name: &'static str, key: &str| Field { name: name.into(), value: Raw::Str(key.to_owned().into()) };
                let fields = vec![role("user", "u"), role("item", &key)];
                let event = Event { kind: "impression".into(), source: "".into(), id: None, time: Some(time), fields };
                self.record(&Payload::Event(event));
                let id = self.names.entity(1, &key).unwrap();
                let seller = match self.catalogue.attribute(1, id, 0) {
                    Value::Str(seller) => Some(seller),
                    _ => None,
                };
                self.shown.push((seller, time));
            }
            Step::Put { item, seller } => {
                let value = Raw::Str(format!("s{seller}").into());
                let fields = if seller == 0 { vec![] } else { vec![Field { name: "seller".into(), value }] };
                let key = format!("i{item}").into();
                self.record(&Payload::Upsert(Upsert { entity: "item".into(), key, fields }));
            }
            Step::Delete { item } => {
                self.record(&Payload::Delete { entity: "item".into(), key: format!("i{item}").into() });
            }
            Step::Wait { seconds } => {
                self.now = Time(self.now.0 + seconds * 1_000);
                self.record(&Payload::Tick);
            }
        }
    }

    /// Whether an impression counts at `now`: its pane of 150 s is one of those that the hour touches.
    fn counts(&self, time: Time, now: Time) -> bool {
        time.0 / 150_000 >= (now.0 - 3_600_000 + 1) / 150_000
    }

    fn check(&self, now: Time) -> Result<(), TestCaseError> {
        let counted = |seller: Option<Symbol>| {
            let of = self
                .shown
                .iter()
                .filter(|(of, time)| of.is_some() && self.counts(*time, now) && (seller.is_none() || *of == seller));
            of.count() as u64
        };
        prop_assert_eq!(self.exposure.impressions(now), counted(None));
        let (mut items, mut values) = (0, 0);
        for seller in 1..4 {
            let Some(symbol) = self.names.symbol(&format!("s{seller}")) else { continue };
            prop_assert_eq!(self.exposure.impressions_of(symbol, now), counted(Some(symbol)));
            let has = |id: &u32| {
                let id = EntityId(*id);
                self.catalogue.present(1, id) && self.catalogue.attribute(1, id, 0) == Value::Str(symbol)
            };
            let own = (0..self.catalogue.bound(1)).filter(has).count() as u32;
            prop_assert_eq!(self.exposure.items_of(symbol), own);
            items += own;
            values += u32::from(own > 0);
        }
        prop_assert_eq!((self.exposure.items(), self.exposure.values()), (items, values));
        Ok(())
    }
}

proptest! {
    #[test]
    fn as_a_list_of_impressions(steps in prop::collection::vec(step(), 0..150), later in 0i64..4_000_000) {
        let mut world = World::new();
        world.exposure.lead();
        let mut other = world.exposure.clone();
        for (number, step) in steps.iter().enumerate() {
            world.happen(step);
            if number % 3 == 0 {
                // The other copy catches up and goes ahead, as the two copies of an epoch do.
                other.follow(&world.exposure);
                std::mem::swap(&mut other, &mut world.exposure);
            }
            // What has left the window when it was taken in never comes back into one.
            let now = world.now;
            let kept: Vec<_> = world.shown.iter().copied().filter(|(_, time)| world.counts(*time, now)).collect();
            world.shown = kept;
            world.check(now)?;
        }
        world.check(Time(world.now.0 + later))?;

        let mut saved = Vec::new();
        world.exposure.save(&mut saved);
        let mut loaded = Exposure::new(&world.plan, &world.plan.exposures[0]);
        let mut input = Reader::new(&saved);
        loaded.load(&mut input).unwrap();
        prop_assert!(input.is_done());
        loaded.rebuild(&world.catalogue);
        prop_assert_eq!(loaded.digest(0, &world.names), world.exposure.digest(0, &world.names));
        for seller in 1..4 {
            let Some(symbol) = world.names.symbol(&format!("s{seller}")) else { continue };
            prop_assert_eq!(loaded.items_of(symbol), world.exposure.items_of(symbol));
            prop_assert_eq!(loaded.impressions_of(symbol, world.now), world.exposure.impressions_of(symbol, world.now));
        }
        for cut in 0..saved.len() {
            let mut damaged = Exposure::new(&world.plan, &world.plan.exposures[0]);
            let _ = damaged.load(&mut Reader::new(&saved[..cut]));
        }
    }
}

#[test]
fn values_beyond_the_limit_count_together() {
    let mut world = World::new();
    world.happen(&Step::Put { item: 1, seller: 1 });
    let now = world.now;
    for value in 0..limits::EXPOSURE_VALUES_MAX as u32 + 2 {
        world.exposure.count(Symbol(value + 1_000), now, now);
    }
    let many = limits::EXPOSURE_VALUES_MAX as u32 + 1_000;
    assert_eq!(world.exposure.impressions_of(Symbol(many), now), 0);
    assert_eq!(world.exposure.impressions_of(Symbol(REST), now), 2);
    assert_eq!(world.exposure.impressions(now), limits::EXPOSURE_VALUES_MAX as u64 + 2);
}

//! Chains of rerankers: random ones against the slow reference, and by hand where a person can say what is right.

use super::{items, reference, same};
use crate::Pace;
use crate::world::{HOUR, Told, World, ample, request, user};
use domain::{Answer, Change, Event, Field, Payload, Raw, Subject, Time, Upsert};
use proptest::prelude::*;

const HEAD: &str = "
version: 1
entities:
  item:
    fields: { category: string, seller: string, tags: [string], vector: [float], price: float, created: timestamp }
events:
  view: { user: user, item: item }
features:
  user:
    recent: last(view, item, 20)
  item:
    heat: decayed(view, 6h)
    views: count(view, 1d)
feeds:
  home:
    for: user
    context: { country: string }
    recall:
      hot: { top: item.heat, limit: 60 }
      similar: { co_visited: view, from: user.recent, limit: 20, known: keep }
      cold: { newest: item.created, limit: 30 }
    filter: [item.price < 95.0]
    rank: { score: item.heat + recall.similar - 0.01 * item.price }
  other:
    for: user
    context: { country: string, city: string }
    recall: { cold: { newest: item.created, limit: 40 }, busy: { top: item.views, limit: 9 } }
    filter: ['item.price < 90.0 || request.country == \"DE\"']
    rank: { score: 0.5 * item.price + recall.busy }
  plain:
    for: user
    recall: { busy: { top: item.views, limit: 12 } }
";

/// The spec with these steps in `home`.
fn spec(steps: &[String]) -> String {
    let list: String = steps.iter().map(|step| format!("      - {step}\n")).collect();
    let home = HEAD.find("  other:").unwrap();
    format!("{}    rerank:\n{list}{}", &HEAD[..home], &HEAD[home..])
}

fn step() -> impl Strategy<Value = String> {
    let by = || prop::sample::select(vec!["item.tags", "item.category", "item.vector", "similar", "item.seller"]);
    let rule = prop_oneof![
        (prop::sample::select(vec!["item.tags", "item.category", "item.seller"]), 3u8..9, 1u8..3)
            .prop_map(|(by, window, max)| format!("{{ by: {by}, window: {window}, max: {max} }}")),
        (3u8..9, 1u8..4).prop_map(|(window, min)| format!("{{ when: item.price > 40.0, window: {window}, min: {min} }}")),
        (3u8..9).prop_map(|window| format!("{{ when: 'recall.hot > 0.2', window: {window}, max: 1 }}")),
        (3u8..9).prop_map(|window| format!("{{ when: item.category == \"c1\", window: {window}, min: 1, max: 2 }}")),
    ];
    let slot = (1u8..6, prop::option::of(1u8..6), prop::sample::select(vec!["from: cold", "from: similar", "when: item.price < 9.0"]))
        .prop_map(|(at, every, who)| match every {
            Some(every) => format!("{{ at: {at}, every: {every}, {who} }}"),
            None => format!("{{ at: {at}, {who} }}"),
        });
    prop_oneof![
        prop::collection::vec(rule, 1..4).prop_map(|rules| format!("spread: [{}]", rules.join(", "))),
        Just("{ spread: [item.category, item.seller], window: 4, max: 1 }".to_owned()),
        (by(), 0u8..10, 2u8..50).prop_map(|(by, lambda, depth)| format!("mmr: {{ by: {by}, lambda: 0.{lambda}, depth: {depth} }}")),
        (by(), 0u8..10, 2u8..50).prop_map(|(by, theta, depth)| format!("dpp: {{ by: {by}, theta: 0.{theta}, depth: {depth} }}")),
        prop::collection::vec(slot, 1..4).prop_map(|slots| format!("slots: [{}]", slots.join(", "))),
        (prop::sample::select(vec!["other", "plain"]), 2u8..6, 1u8..4)
            .prop_map(|(feed, every, at)| format!("mix: {{ feed: {feed}, at: {at}, every: {every} }}")),
        (1u8..4).prop_map(|least| format!("fresh: {{ by: item.created, within: 20h, at_least: {least}, in: 6 }}")),
        (prop::sample::select(vec!["equal", "proportional", "{ s1: 0.5, s2: 0.1 }"]), 1u8..10, 2u8..80)
            .prop_map(|(target, strength, depth)| format!("fair: {{ of: item.seller, target: {target}, strength: 0.{strength}, depth: {depth} }}")),
    ]
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Seen { kind: &'static str, user: u8, item: u8 },
    Item { item: u8, parts: [u8; 6] },
    Pass { hours: u8 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (prop_oneof![Just("view"), Just("impression")], 0u8..4, 0u8..50)
            .prop_map(|(kind, user, item)| Happening::Seen { kind, user, item }),
        4 => (0u8..50, any::<[u8; 6]>()).prop_map(|(item, parts)| Happening::Item { item, parts }),
        1 => (0u8..9).prop_map(|hours| Happening::Pass { hours }),
    ]
}

/// An item whose attributes follow from six numbers; some of them have none.
fn put(world: &mut World, key: String, [category, seller, tags, vector, price, age]: [u8; 6]) {
    let mut fields = vec![
        Field { name: "price".into(), value: Raw::Float(f64::from(price % 100)) },
        Field { name: "created".into(), value: Raw::Int(world.now.0 - i64::from(age % 50) * HOUR) },
    ];
    let mut add = |name: &'static str, value: Raw<'static>| fields.push(Field { name: name.into(), value });
    if category % 4 > 0 {
        add("category", Raw::Str(format!("c{}", category % 4).into()));
    }
    if seller % 4 > 0 {
        add("seller", Raw::Str(format!("s{}", seller % 4).into()));
    }
    if tags % 5 > 0 {
        let tags = (0..5).filter(|tag| tags >> tag & 1 == 1).flat_map(|tag| vec![tag; 1 + usize::from(tags % 2)]);
        add("tags", Raw::List(tags.map(|tag| Raw::Str(format!("t{tag}").into())).collect()));
    }
    if vector % 6 > 0 {
        let dimensions = if vector % 6 == 5 { 2 } else { 3 };
        let float = |at: u8| Raw::Float(f64::from(vector >> (2 * at) & 3) - 1.0);
        add("vector", Raw::List((0..dimensions).map(float).collect()));
    }
    world.record(&Payload::Upsert(Upsert { entity: "item".into(), key: key.into(), fields }));
}

fn see(world: &mut World, kind: &'static str, user: &str, item: &str) {
    let role = |name: &'static str, key: &str| Field { name: name.into(), value: Raw::Str(key.to_owned().into()) };
    let fields = vec![role("user", user), role("item", item)];
    let event = Event { kind: kind.into(), source: "".into(), id: None, time: Some(world.now), fields };
    world.record(&Payload::Event(event));
    if kind == "view" {
        let user_type = world.plan.entity("user").unwrap();
        world.visited.insert((world.names.entity(user_type, user).unwrap(), world.id(item)));
    }
}

fn random_world(steps: &[String], items: u8, happenings: Vec<Happening>) -> World {
    let mut world = World::new(&spec(steps));
    for item in 0..items {
        let parts = [3, 5, 7, 11, 13, 17].map(|factor: u8| item.wrapping_mul(factor).wrapping_add(factor));
        put(&mut world, format!("i{item}"), parts);
        see(&mut world, "view", &format!("u{}", item % 4), &format!("i{}", item.wrapping_mul(7) % items));
    }
    for happening in happenings {
        match happening {
            Happening::Seen { kind, user, item } => see(&mut world, kind, &format!("u{user}"), &format!("i{item}")),
            Happening::Item { item, parts } => put(&mut world, format!("i{item}"), parts),
            Happening::Pass { hours } => {
                world.now = Time(world.now.0 + i64::from(hours) * HOUR);
                world.record(&Payload::Tick);
            }
        }
    }
    world
}

fn each_once(answer: &Answer) -> Result<(), TestCaseError> {
    let mut keys = items(answer);
    keys.sort_unstable();
    keys.dedup();
    prop_assert_eq!(keys.len(), answer.items.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn as_the_reference(
        steps in prop::collection::vec(step(), 1..5),
        count in 0u8..50,
        happenings in prop::collection::vec(happening(), 0..120),
        who in 0u8..6,
        few in 0u16..12,
        german in any::<bool>(),
        late in prop::bool::weighted(0.1),
    ) {
        let mut world = random_world(&steps, count, happenings);
        let subject = if who == 5 { Subject::Anonymous } else { user(&format!("u{who}")) };
        let mut asked = request("home", subject, 200);
        if german {
            asked.context.push(("country".into(), Raw::Str("DE".into())));
        }
        // Said from the end: the fifth look at the clock is the rerankers' or that of a block before.
        let told = if late { vec![true, true, false, false, false] } else { vec![] };
        let all = world.ask(asked.clone(), Pace::Live(&mut Told(told)));
        each_once(&all)?;
        let slow = reference::answer(&world, &asked, all.effort);
        same(&slow, &all)?;
        same(&world.ask(asked.clone(), Pace::Replay(all.effort)), &all)?;
        // Fewer places are the first of more.
        asked.count = few;
        let first = world.ask(asked, Pace::Replay(all.effort));
        prop_assert_eq!(&first.items[..], &all.items[..first.items.len()]);
        prop_assert_eq!(first.items.len(), all.items.len().min(usize::from(few)));
    }
}

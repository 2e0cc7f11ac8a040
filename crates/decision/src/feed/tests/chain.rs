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
        (3u8..9, 1u8..4)
            .prop_map(|(window, min)| format!("{{ when: item.price > 40.0, window: {window}, min: {min} }}")),
        (3u8..9).prop_map(|window| format!("{{ when: 'recall.hot > 0.2', window: {window}, max: 1 }}")),
        (3u8..9).prop_map(|window| format!("{{ when: item.category == \"c1\", window: {window}, min: 1, max: 2 }}")),
    ];
    let slot = (
        1u8..6,
        prop::option::of(1u8..6),
        prop::sample::select(vec!["from: cold", "from: similar", "when: item.price < 9.0"]),
    )
        .prop_map(|(at, every, who)| match every {
            Some(every) => format!("{{ at: {at}, every: {every}, {who} }}"),
            None => format!("{{ at: {at}, {who} }}"),
        });
    prop_oneof![
        prop::collection::vec(rule, 1..4).prop_map(|rules| format!("spread: [{}]", rules.join(", "))),
        Just("{ spread: [item.category, item.seller], window: 4, max: 1 }".to_owned()),
        (by(), 0u8..10, 2u8..50)
            .prop_map(|(by, lambda, depth)| format!("mmr: {{ by: {by}, lambda: 0.{lambda}, depth: {depth} }}")),
        (by(), 0u8..10, 2u8..50)
            .prop_map(|(by, theta, depth)| format!("dpp: {{ by: {by}, theta: 0.{theta}, depth: {depth} }}")),
        prop::collection::vec(slot, 1..4).prop_map(|slots| format!("slots: [{}]", slots.join(", "))),
        (prop::sample::select(vec!["other", "plain"]), 2u8..6, 1u8..4)
            .prop_map(|(feed, every, at)| format!("mix: {{ feed: {feed}, at: {at}, every: {every} }}")),
        (1u8..4).prop_map(|least| format!("fresh: {{ by: item.created, within: 20h, at_least: {least}, in: 6 }}")),
        (prop::sample::select(vec!["equal", "proportional", "{ s1: 0.5, s2: 0.1 }"]), 1u8..10, 2u8..80).prop_map(
            |(target, strength, depth)| format!(
                "fair: {{ of: item.seller, target: {target}, strength: 0.{strength}, depth: {depth} }}"
            )
        ),
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

/// A shop of items `i0`, `i1`, .. that score in this order, with the given fields.
fn shop(step: &str, items: &[&[(&'static str, Raw<'static>)]]) -> World {
    let mut world = World::new(&spec(&[step.to_owned()]));
    for (index, given) in items.iter().enumerate() {
        let mut fields: Vec<Field<'_>> =
            given.iter().map(|(name, value)| Field { name: (*name).into(), value: value.clone() }).collect();
        let default = |name: &'static str, value: Raw<'static>| Field { name: name.into(), value };
        for (name, value) in [("price", Raw::Float(index as f64)), ("created", Raw::Int(world.now.0 - index as i64))] {
            if fields.iter().all(|field| field.name != name) {
                fields.push(default(name, value));
            }
        }
        let key = format!("i{index}");
        world.record(&Payload::Upsert(Upsert { entity: "item".into(), key: key.into(), fields }));
    }
    world
}

fn text(value: &'static str) -> Raw<'static> {
    Raw::Str(value.into())
}

fn tags(of: &[&'static str]) -> Raw<'static> {
    Raw::List(of.iter().map(|tag| text(tag)).collect())
}

fn ask(world: &mut World, count: u16) -> Answer {
    world.ask(request("home", user("u0"), count), Pace::Live(&mut ample()))
}

/// What the steps did to an item.
fn changes(answer: &Answer, key: &str) -> Vec<Change> {
    let item = answer.items.iter().find(|item| item.item == key).unwrap();
    item.effects.iter().map(|effect| effect.change).collect()
}

#[test]
fn a_tag_is_spread_wherever_it_stands() {
    let of = [tags(&["a", "b"]), tags(&["b", "c"]), tags(&["c", "a"]), tags(&["d"]), tags(&[])];
    let items: Vec<_> = of.map(|tags| vec![("tags", tags)]).into();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let answer = ask(&mut shop("{ spread: item.tags, window: 2, max: 1 }", &items), 10);
    // i1 shares b with i0, and i2 shares a: i3 comes first, then i1; i2 shares c with it, i4 shares nothing.
    assert_eq!(super::items(&answer), ["i0", "i3", "i1", "i4", "i2"]);
    assert_eq!((changes(&answer, "i3"), answer.items[1].moved), (vec![Change::Moved(-2)], -2));
    assert_eq!(changes(&answer, "i0"), []);
}

#[test]
fn a_minimum_comes_as_late_as_it_may() {
    let items: Vec<_> = (0..8).map(|_| vec![]).collect::<Vec<Vec<(&'static str, Raw<'static>)>>>();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let step = "spread: { when: item.price > 4.5, window: 3, min: 2 }";
    // i5, i6, i7 meet the condition: of the first three places two must, and then the third of them as late as may be.
    assert_eq!(super::items(&ask(&mut shop(step, &items), 10)), ["i0", "i5", "i6", "i1", "i7", "i2", "i3", "i4"]);
}

#[test]
fn mmr_and_dpp_put_the_different_first() {
    let of = [["a", "b"], ["a", "b"], ["a", "c"], ["d", "e"]];
    let items: Vec<_> = of.iter().map(|of| vec![("tags", tags(of))]).collect();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    // By relevance 1, 2/3, 1/3, 0. After i0: i1 0.5*2/3 - 0.5*1, i2 0.5/3 - 0.5/3, i3 0: i2 and i3 are equal.
    let answer = ask(&mut shop("mmr: { by: item.tags, lambda: 0.5 }", &items), 10);
    assert_eq!(super::items(&answer), ["i0", "i2", "i3", "i1"]);
    let answer = ask(&mut shop("dpp: { by: item.tags, theta: 0.1 }", &items), 10);
    assert_eq!(super::items(&answer), ["i0", "i3", "i2", "i1"]);
    let answer = ask(&mut shop("mmr: { by: item.tags, lambda: 0.5, depth: 2 }", &items), 10);
    assert_eq!(super::items(&answer), ["i0", "i1", "i2", "i3"]);
}

#[test]
fn vectors_of_other_lengths_are_unlike() {
    let vector = |of: &[f64]| Raw::List(of.iter().map(|&x| Raw::Float(x)).collect());
    let of = [vector(&[1.0, 0.0]), vector(&[2.0, 0.1]), vector(&[1.0, 0.0, 0.0]), vector(&[0.0, 0.0])];
    let items: Vec<_> = of.map(|of| vec![("vector", of)]).into();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let answer = ask(&mut shop("mmr: { by: item.vector, lambda: 0.4 }", &items), 10);
    assert_eq!(super::items(&answer), ["i0", "i2", "i3", "i1"]);
}

#[test]
fn a_kept_place_without_a_candidate_is_given_back() {
    let items: Vec<_> = (0..5).map(|_| vec![]).collect::<Vec<Vec<(&'static str, Raw<'static>)>>>();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let step = "slots: [{ at: 1, every: 2, when: item.price > 2.5 }, { at: 2, from: similar }]";
    let answer = ask(&mut shop(step, &items), 10);
    assert_eq!(super::items(&answer), ["i3", "i0", "i4", "i1", "i2"]);
    assert_eq!((answer.items[0].moved, changes(&answer, "i3")), (-3, vec![Change::Moved(-3)]));
}

#[test]
fn mixed_items_come_with_routes_and_terms_of_their_feed() {
    let items: Vec<_> = (0..6).map(|_| vec![]).collect::<Vec<Vec<(&'static str, Raw<'static>)>>>();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let mut world = shop("mix: { feed: other, every: 3 }", &items);
    let answer = ask(&mut world, 10);
    // The other feed scores by price: i5 is its best, then i4.
    assert_eq!(super::items(&answer), ["i0", "i1", "i5", "i2", "i3", "i4"]);
    let mixed = &answer.items[2];
    let home = &world.plan.feeds[0];
    let routes: Vec<&str> =
        mixed.routes.iter().map(|hit| world.plan.route_names(home)[usize::from(hit.route)]).collect();
    assert_eq!((routes, mixed.score, mixed.moved), (vec!["other.cold", "other.busy"], 2.5, 0));
    assert_eq!(world.plan.term_names(home)[usize::from(mixed.terms[0].term)], "0.5 * item.price");
    assert_eq!(changes(&answer, "i5"), [Change::Placed]);
    let explained = crate::explain(&world.plan, &answer);
    assert_eq!(
        explained.items[2].reason,
        "other.cold (rank 6), other.busy (rank 6); most by 0.5 * item.price; placed by rerank 1 (mix)"
    );
}

#[test]
fn exposure_approaches_its_target() {
    // The five of seller s1 always score higher than those of s2.
    let items: Vec<_> =
        (0..10).map(|index| vec![("seller", text(if index < 5 { "s1" } else { "s2" }))]).collect::<Vec<_>>();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    for (target, wanted) in [("equal", 0.5), ("proportional", 0.5), ("{ s1: 0.7, s2: 0.3 }", 0.3)] {
        let step = format!("fair: {{ of: item.seller, target: {target}, window: 1d, strength: 0.8 }}");
        let mut world = shop(&step, &items);
        let mut shown = [0, 0];
        for turn in 0..400 {
            let answer = ask(&mut world, 2);
            for item in super::items(&answer) {
                see(&mut world, "impression", "u1", item);
                if turn >= 200 {
                    shown[usize::from(item >= "i5")] += 1;
                }
            }
            world.now = Time(world.now.0 + HOUR / 20);
        }
        let share = f64::from(shown[1]) / f64::from(shown[0] + shown[1]);
        assert!((share - wanted).abs() < 0.05, "{target}: {share}");
    }
}

#[test]
fn late_answers_are_not_reranked() {
    let items: Vec<_> = (0..6).map(|_| vec![("category", text("x"))]).collect::<Vec<_>>();
    let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
    let mut world = shop("mix: { feed: other, every: 2 }", &items);
    let asked = request("home", user("u0"), 10);
    let late = world.ask(asked.clone(), Pace::Live(&mut Told(vec![true, false, false, false])));
    assert_eq!((late.effort.reranked, late.items[1].item.as_str()), (false, "i1"));
    assert_eq!(world.ask(asked, Pace::Replay(late.effort)), late);
}

/// The determinant, by elimination with pivots.
fn determinant(mut rows: Vec<Vec<f64>>) -> f64 {
    let mut product = 1.0;
    for at in 0..rows.len() {
        let pivot = (at..rows.len()).max_by(|&a, &b| rows[a][at].abs().total_cmp(&rows[b][at].abs())).unwrap();
        if pivot != at {
            rows.swap(at, pivot);
            product = -product;
        }
        product *= rows[at][at];
        let head = rows[at].clone();
        for row in &mut rows[at + 1..] {
            let factor = if head[at] == 0.0 { 0.0 } else { row[at] / head[at] };
            row.iter_mut().zip(&head).for_each(|(element, of_head)| *element -= factor * of_head);
        }
    }
    product
}

proptest! {
    #[test]
    fn each_pick_of_dpp_adds_most_to_the_determinant(sets in prop::collection::vec(1u8..64, 2..10), theta in 0u8..10) {
        const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
        let of = |set: u8| NAMES.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, tag)| *tag).collect::<Vec<_>>();
        let items: Vec<_> = sets.iter().map(|&set| vec![("tags", tags(&of(set)))]).collect();
        let items: Vec<_> = items.iter().map(Vec::as_slice).collect();
        let mut world = shop(&format!("dpp: {{ by: item.tags, theta: 0.{theta} }}"), &items);
        let answer = ask(&mut world, 50);
        let order: Vec<usize> = super::items(&answer).iter().map(|key| key[1..].parse().unwrap()).collect();
        let theta = f64::from(theta) / 10.0;
        let last = (sets.len() - 1) as f64;
        let relevance = |item: usize| 1.0 - item as f64 / last;
        let like = |a: usize, b: usize| {
            let share = f64::from((sets[a] & sets[b]).count_ones()) / f64::from((sets[a] | sets[b]).count_ones());
            if a == b { 1.0 } else { 0.95 * share }
        };
        let volume = |of: &[usize]| determinant(of.iter().map(|&a| of.iter().map(|&b| like(a, b)).collect()).collect());
        for place in 0..order.len() {
            let worth = |item: usize| {
                let with: Vec<usize> = order[..place].iter().copied().chain([item]).collect();
                theta * relevance(item) + (1.0 - theta) * (volume(&with) / volume(&order[..place])).ln()
            };
            let best = order[place..].iter().map(|&item| worth(item)).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(worth(order[place]) > best - 1e-9, "place {place} of {order:?}");
        }
    }
}

//! Policies, slow and obvious: caps and quotas by counting every impression ever, placement on the whole list at once.

use super::reference::{Item, Placed, Slow};
use crate::Pace;
use crate::world::{HOUR, SPEC, Shown, World, ample, request, user};
use domain::{Answer, Change, Effect, EntityId, Step, Time, Value};
use proptest::prelude::*;
use spec::plan::{Action, AggregateOp, Cap, Cross, Policy, Quota, Rerank};

/// The policies that act, with their numbers.
pub(super) fn acting<'a>(slow: &'a Slow<'_>) -> impl Iterator<Item = (usize, &'a Policy)> {
    let spared = slow.holdout();
    let removes =
        |policy: &Policy| matches!(policy.action, Action::Block | Action::Allow | Action::Cap(_) | Action::Quota(_));
    let in_time = |policy: &Policy| {
        policy.from.is_none_or(|from| slow.world.now >= from) && policy.until.is_none_or(|until| slow.world.now < until)
    };
    slow.feed.policies.iter().enumerate().filter(move |(_, policy)| in_time(policy) && (!spared || removes(policy)))
}

fn meets(slow: &Slow<'_>, policy: &Policy, item: &Item) -> bool {
    policy.when.as_ref().is_none_or(|when| slow.eval(when, item).is_true())
}

/// The first policy that removes an item: what blocks, then what allows, then caps and quotas.
pub(super) fn removing(slow: &Slow<'_>, item: &Item) -> Option<usize> {
    let stages: [fn(&Action) -> bool; 3] = [
        |action| matches!(action, Action::Block),
        |action| matches!(action, Action::Allow),
        |action| matches!(action, Action::Cap(_) | Action::Quota(_)),
    ];
    stages
        .iter()
        .find_map(|stage| {
            let mut of_stage = acting(slow).filter(|(_, policy)| stage(&policy.action));
            of_stage.find(|(_, policy)| match policy.action {
                Action::Allow => !meets(slow, policy, item),
                Action::Cap(cap) => meets(slow, policy, item) && capped(slow, cap, item.id),
                Action::Quota(quota) => meets(slow, policy, item) && used_up(slow, quota, item.id),
                _ => meets(slow, policy, item),
            })
        })
        .map(|(index, _)| index)
}

fn category(slow: &Slow<'_>, item: EntityId) -> Value {
    slow.world.epoch.catalogue().attribute(slow.world.epoch.item_type(), item, 0)
}

fn capped(slow: &Slow<'_>, cap: Cap, item: EntityId) -> bool {
    let plan = &slow.world.plan;
    let aggregate = &plan.aggregates[usize::from(cap.aggregate)];
    let AggregateOp::CountRecents(window) = aggregate.op else { panic!("a cap reads such a list") };
    let table = &plan.tables[usize::from(plan.streams[usize::from(aggregate.stream)].table)];
    let own = category(slow, item);
    let same = |shown: &&Shown| match table.cross {
        Some(Cross::Entity(_)) => shown.item == item,
        _ => own != Value::Missing && shown.category == own,
    };
    let of_user = slow.world.shown.iter().filter(|shown| slow.query.subject.is_some_and(|(_, id)| shown.user == id));
    of_user.filter(same).filter(|shown| shown.time.0 > slow.world.now.0 - window.0).count()
        >= usize::from(cap.impressions)
}

fn used_up(slow: &Slow<'_>, quota: Quota, item: EntityId) -> bool {
    let of = &slow.world.plan.quotas[usize::from(quota.count)];
    let (window, now, own) = (of.window.0, slow.world.now.0, category(slow, item));
    let start = now - (now - of.anchor.0).rem_euclid(window);
    if of.of.is_some() && own == Value::Missing {
        return false;
    }
    let same = |shown: &&Shown| if of.of.is_some() { shown.category == own } else { shown.item == item };
    let within = |shown: &&Shown| (start..start + window).contains(&shown.time.0);
    let counted = slow.world.shown.iter().filter(same).filter(within).count() as f64;
    let impressions = f64::from(quota.impressions);
    // Both products are whole and far below 2^53.
    counted >= impressions || quota.even && counted * window as f64 >= impressions * (now - start) as f64
}

/// Takes out what policies remove, under their texts in the spec's order; returns all that is gone by now.
pub(super) fn remove(
    slow: &Slow<'_>,
    items: &mut Vec<Item>,
    removed: &mut Vec<(String, Vec<EntityId>)>,
) -> Vec<EntityId> {
    let mut by_policy: Vec<Vec<EntityId>> = vec![Vec::new(); slow.feed.policies.len()];
    items.retain(|item| {
        let policy = removing(slow, item);
        policy.into_iter().for_each(|policy| by_policy[policy].push(item.id));
        policy.is_none()
    });
    removed.extend(slow.feed.policies.iter().map(|policy| policy.text.clone()).zip(by_policy));
    removed.iter().flat_map(|(_, ids)| ids).copied().collect()
}

/// Boosts and buries, each policy in turn.
pub(super) fn scale(slow: &Slow<'_>, items: &mut [Item]) {
    for item in items {
        for (index, policy) in acting(slow) {
            let Action::Scale(by) = policy.action else { continue };
            if meets(slow, policy, item) {
                if item.score != f64::MIN {
                    item.score = (item.score + item.score.abs() * (by - 1.0)).clamp(f64::MIN, f64::MAX);
                }
                item.effects.push(Effect { step: Step::Policy(index as u16), change: Change::Scaled(by) });
            }
        }
    }
}

/// The pins that hold: place, policy, item; by place.
fn pins(slow: &Slow<'_>, items: &[Item], gone: &[EntityId], count: usize) -> Vec<(usize, usize, Item)> {
    let mut wanted = Vec::new();
    for (index, policy) in acting(slow) {
        let Action::Pin(pin) = &policy.action else { continue };
        let Some(id) = slow.world.names.entity(slow.world.epoch.item_type(), &pin.item) else { continue };
        wanted.push((usize::from(pin.place) - 1, index, id));
    }
    wanted.sort();
    let mut pins: Vec<(usize, usize, Item)> = Vec::new();
    for (place, index, id) in wanted {
        let new = Item { id, hits: vec![], fused: 0.0, score: 0.0, terms: vec![], effects: vec![] };
        let item = items.iter().find(|item| item.id == id).unwrap_or(&new).clone();
        let passes =
            slow.feed.filters.iter().chain(&slow.own_filter()).all(|filter| slow.eval(filter, &item).is_true());
        let good = passes && removing(slow, &item).is_none() && !gone.contains(&id);
        let there = slow.present(id) && !slow.query.exclude.contains(&id);
        let first = pins.iter().all(|(_, _, pinned)| pinned.id != id);
        if good && there && first && meets(slow, &slow.feed.policies[index], &item) {
            let place = pins.last().map_or(place, |(before, _, _)| place.max(before + 1));
            if place >= count {
                break;
            }
            pins.push((place, index, item));
        }
    }
    pins
}

/// The first policy that keeps `item` from standing directly behind `before`.
fn forbids(slow: &Slow<'_>, before: Option<&Item>, item: &Item) -> Option<usize> {
    let before = before?;
    let mut rules = acting(slow).filter(|(_, policy)| match &policy.action {
        Action::NeverFollow(rule) => {
            slow.eval(&rule.after, before).is_true()
                && slow.eval(&rule.item, item).is_true()
                && meets(slow, policy, item)
        }
        _ => false,
    });
    rules.next().map(|(index, _)| index)
}

/// Whether a slot has brought an item up: then it waits for nothing.
fn kept(slow: &Slow<'_>, placed: &Placed) -> bool {
    placed.effects.iter().any(|effect| match effect {
        Effect { step: Step::Rerank(step), change: Change::Moved(moved) } => {
            *moved < 0 && matches!(slow.feed.reranks[usize::from(*step)], Rerank::Slots(_))
        }
        _ => false,
    })
}

/// The slate of an order.
pub(super) fn place(slow: &Slow<'_>, order: Vec<Placed>, gone: &[EntityId], count: usize) -> Vec<Placed> {
    let own: Vec<Item> =
        order.iter().filter(|placed| placed.rank.is_some()).map(|placed| placed.item.clone()).collect();
    let mut pins = pins(slow, &own, gone, count);
    let order = order.into_iter().filter(|placed| placed.rank.is_some() || removing(slow, &placed.item).is_none());
    let order = order.filter(|placed| pins.iter().all(|(_, _, pin)| pin.id != placed.item.id));
    // With the number in the order, and the policy that made it wait first.
    let mut rest: Vec<(usize, Option<usize>, Placed)> =
        order.enumerate().map(|(number, placed)| (number, None, placed)).collect();
    let (mut slate, mut taken): (Vec<Placed>, usize) = (Vec::new(), 0);
    while slate.len() < count {
        let due = pins.first().is_some_and(|(place, _, _)| *place <= slate.len());
        let behind = pins.first().filter(|(place, _, _)| *place == slate.len() + 1).map(|(_, _, pin)| pin.clone());
        let before = slate.last().map(|placed| &placed.item);
        let mut chosen = None;
        for (at, (_, because, placed)) in rest.iter_mut().enumerate().take(if due { 0 } else { usize::MAX }) {
            let reason = forbids(slow, before, &placed.item)
                .or_else(|| behind.as_ref().and_then(|pin| forbids(slow, Some(&placed.item), pin)));
            if reason.is_none() || kept(slow, placed) {
                chosen = Some(at);
                break;
            }
            *because = because.or(reason);
        }
        if let Some(at) = chosen {
            let (number, because, mut placed) = rest.remove(at);
            if let Some(policy) = because.filter(|_| taken > number) {
                let change = Change::Moved((taken - number) as i16);
                placed.effects.push(Effect { step: Step::Policy(policy as u16), change });
            }
            taken += 1;
            slate.push(placed);
        } else if pins.is_empty() {
            break;
        } else {
            let (_, policy, item) = pins.remove(0);
            let effect = Effect { step: Step::Policy(policy as u16), change: Change::Placed };
            slate.push(Placed::outside(item, effect));
        }
    }
    slate
}

fn items(answer: &Answer) -> Vec<&str> {
    answer.items.iter().map(|item| item.item.as_str()).collect()
}

/// A feed of the newest items with these policies, over items `a`, `b`, ... that are newer the earlier they stand.
fn newest(policies: &str) -> World {
    let head = SPEC.split("feeds:").next().unwrap();
    let spec = format!(
        "{head}feeds:\n  f:\n    for: user\n    context: {{ country: string }}\n    recall: {{ new: {{ newest: item.created, limit: 50 }} }}\n{policies}"
    );
    let mut world = World::new(&spec);
    for (index, key) in ["h", "g", "f", "e", "d", "c", "b", "a"].into_iter().enumerate() {
        world.now.0 += 1_000;
        world.item(key, if index % 2 == 0 { "even" } else { "odd" }, index as f64, index != 3);
    }
    world
}

fn ask(world: &mut World, key: &str, count: u16) -> Answer {
    world.ask(request("f", user(key), count), Pace::Live(&mut ample()))
}

#[test]
fn a_cap_counts_to_the_millisecond() {
    let mut world = newest("    policy: [ cap: { per: user, impressions: 2, in: 1h } ]\n");
    let start = world.now;
    // One late and one in time; the second user's do not count for the first.
    world.event_at("impression", "u1", "a", Time(start.0 - 100));
    world.event("impression", "u2", "a");
    assert!(items(&ask(&mut world, "u1", 9)).contains(&"a"));
    world.event("impression", "u1", "a");
    let answer = ask(&mut world, "u1", 9);
    assert!(!items(&answer).contains(&"a"));
    assert_eq!((answer.removed[0].reason.as_str(), answer.removed[0].count), ("cap 2 of item in 1h per user", 1));
    world.now = Time(start.0 - 100 + HOUR - 1);
    assert!(!items(&ask(&mut world, "u1", 9)).contains(&"a"), "the first impression is still in the window");
    world.now = Time(start.0 - 100 + HOUR);
    assert!(items(&ask(&mut world, "u1", 9)).contains(&"a"), "it has just left the window");
}

#[test]
fn impressions_ahead_of_the_clock_count_at_once() {
    let mut world = newest("    policy: [ cap: { per: user, impressions: 2, in: 10s } ]\n");
    world.event("impression", "u1", "a");
    world.event("impression", "u1", "a");
    for _ in 0..2 {
        let ahead = Time(world.now.0 + 50_000);
        world.event_at("impression", "u1", "a", ahead);
    }
    assert!(!items(&ask(&mut world, "u1", 9)).contains(&"a"), "the early ones do not push the others out of the count");
}

#[test]
fn a_quota_ends_for_everybody_and_begins_again_with_its_window() {
    let mut world = newest("    policy: [ quota: { of: item.category, impressions: 3, in: 1h } ]\n");
    world.now = Time(world.now.0 / HOUR * HOUR + HOUR);
    for user in ["u1", "u2", "u3"] {
        assert!(items(&ask(&mut world, "u9", 9)).contains(&"b"));
        world.event("impression", user, "b");
    }
    let left = ask(&mut world, "u9", 9);
    assert_eq!(items(&left), ["a", "c", "e", "g"], "nothing of the category is left");
    world.now.0 += HOUR - 1;
    assert_eq!(items(&ask(&mut world, "u9", 9)).len(), 4);
    world.now.0 += 1;
    assert_eq!(items(&ask(&mut world, "u9", 9)).len(), 8);
}

#[test]
fn an_even_pace_gives_out_what_is_due() {
    let mut world = newest("    policy: [ quota: { of: item, impressions: 4, in: 1h, pace: even } ]\n");
    let start = world.now.0 / HOUR * HOUR + HOUR;
    let mut shown = 0;
    for minute in 0..60 {
        world.now = Time(start + minute * HOUR / 60);
        let there = items(&ask(&mut world, "u1", 9)).contains(&"a");
        // The n-th is due once more than n quarters have gone.
        assert_eq!(there, shown * 15 < minute, "{shown} at minute {minute}");
        if there {
            world.event("impression", "u1", "a");
            shown += 1;
        }
    }
    assert_eq!(shown, 4);
}

#[test]
fn precedence_from_block_to_score() {
    let mut world = newest(
        "    filter: [item.in_stock]
    policy:
      - pin: { item: e, at: 1, name: out of stock }
      - pin: { item: h, at: 2, name: blocked }
      - pin: { item: g, at: 3 }
      - boost: { by: 100, when: item.price < 1.0 }
      - block: { when: item.price == 0.0 }
      - never_follow: { item: item.category == \"even\", after: item.category == \"even\" }
",
    );
    let answer = ask(&mut world, "u1", 9);
    // e is out of stock, h is blocked; g has its place, though its score is the lowest.
    assert_eq!(items(&answer)[2], "g");
    assert_eq!(answer.items[2].effects.as_slice(), [Effect { step: Step::Policy(2), change: Change::Placed }]);
    assert!(["e", "h"].iter().all(|gone| !items(&answer).contains(gone)));
}

#[test]
fn what_may_not_follow_waits() {
    let mut world = newest("    policy: [ never_follow: { item: item.price > 4.0, after: item.price > 4.0 } ]\n");
    // a, b and c are above 4; of what is left at the end nothing may follow.
    let answer = ask(&mut world, "u1", 9);
    assert_eq!(items(&answer), ["a", "d", "b", "e", "c", "f", "g", "h"]);
    assert_eq!(answer.items[2].effects.as_slice(), [Effect { step: Step::Policy(0), change: Change::Moved(1) }]);
    assert_eq!((answer.items[1].moved, answer.items[2].moved), (-2, 1));
    let mut world = newest("    policy: [ never_follow: { item: item.price > 1.0, after: item.price > 1.0 } ]\n");
    assert_eq!(items(&ask(&mut world, "u1", 9)), ["a", "g", "b", "h", "c"], "the slate ends where nothing may follow");
}

#[test]
fn a_pinned_item_need_not_be_found() {
    let mut world = newest("    policy: [ pin: { item: h, at: 1, until: 2099-01-01 } ]\n");
    let answer = world.ask(
        domain::FeedRequest { exclude: vec!["a".into()], ..request("f", user("u1"), 3) },
        Pace::Live(&mut ample()),
    );
    assert_eq!(items(&answer), ["h", "b", "c"]);
    world.record(&domain::Payload::Delete { entity: "item".into(), key: "h".into() });
    assert_eq!(items(&ask(&mut world, "u1", 3)), ["a", "b", "c"], "what is gone is pinned nowhere");
}

#[test]
fn held_out_users_are_spared_what_places_but_not_what_removes() {
    let mut world = newest(
        "    holdout: { share: 50%, salt: x }
    policy:
      - pin: { item: h, at: 1 }
      - block: { when: item.category == \"odd\" }
",
    );
    let mut held = 0;
    for number in 0..40 {
        let answer = ask(&mut world, &format!("u{number}"), 9);
        assert_eq!(answer.holdout, items(&answer)[0] != "h");
        assert!(!items(&answer).contains(&"a"));
        held += usize::from(answer.holdout);
    }
    assert!((8..32).contains(&held), "{held}");
    let visit = world.ask(request("f", domain::Subject::Anonymous, 9), Pace::Live(&mut ample()));
    assert!(!visit.holdout);
}

proptest! {
    #[test]
    fn a_boost_raises_and_a_burial_lowers_whatever_the_sign(score in -1e9f64..1e9, up in 1.0f64..1e6, down in 0.0f64..1.0) {
        prop_assert!(crate::feed::policy::scaled(score, up) >= score);
        prop_assert!(crate::feed::policy::scaled(score, down) <= score);
    }
}

//! Ways of fusion, conditions, minima and quotas of routes: random ones against the slow reference, and by hand.

use super::{happen, items, reference, same, step};
use crate::Pace;
use crate::world::{SPEC, Told, World, ample, request, user};
use domain::{FeedRequest, Raw, Subject};
use proptest::prelude::*;

/// The world's spec with these feeds.
fn with_feeds(feeds: &str) -> String {
    format!("{}feeds:\n{feeds}", &SPEC[..SPEC.find("feeds:").unwrap()])
}

/// A route's source, with limits that make routes overlap and be short.
const SOURCES: [&str; 7] = [
    "top: item.heat, limit: 12",
    "top: item.views_1d, limit: 9",
    "co_visited: view, from: user.recent, limit: 8, known: keep",
    "newest: item.created, limit: 10",
    "history: user.recent, limit: 5",
    "explore: view, below: 4, limit: 6",
    "random: item, limit: 7",
];

fn feed() -> impl Strategy<Value = String> {
    let when = prop::sample::select(vec![
        "",
        "",
        "",
        ", when: user.views_7d > 2",
        ", when: 'request.country == \"DE\"'",
        ", when: user.country == request.country",
    ]);
    let weight = prop::sample::select(vec!["0", "0.5", "1", "1", "2.25", "3"]);
    let routes = prop::collection::vec((when, weight, 0u8..4, 0u8..4), 7);
    let kind = prop::sample::select(vec!["rrf", "quota", "interleave", "score"]);
    (kind, 21u8..40, routes).prop_map(|(kind, candidates, routes)| {
        let mut text = format!("  home:\n    for: user\n    context: {{ country: string }}\n    fuse: {kind}\n");
        text.push_str(&format!("    candidates: {candidates}\n    recall:\n"));
        for (number, (source, (when, weight, min, quota))) in SOURCES.iter().zip(routes).enumerate() {
            let min = if min == 0 { String::new() } else { format!(", min: {min}") };
            // One route at least says its quota.
            let says = kind == "quota" && (quota > 0 || number == 0);
            let quota = if says { format!(", quota: 0.{}", quota.min(1)) } else { String::new() };
            text.push_str(&format!("      r{number}: {{ {source}, weight: {weight}{min}{quota}{when} }}\n"));
        }
        text.push_str("    filter: [item.price < 80.0]\n    rank: { score: recall.score + 0.01 * recall.r1 }\n");
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn as_the_reference(
        feed in feed(),
        steps in prop::collection::vec(step(), 20..160),
        who in 0u8..6,
        german in any::<bool>(),
        seed in 0u64..4,
        exclude in prop::collection::vec((0u8..120).prop_map(|item| format!("i{item}")), 0..4),
        said in prop::collection::vec(prop::bool::weighted(0.1), 0..9),
    ) {
        let mut world = World::new(&with_feeds(&feed));
        steps.into_iter().for_each(|step| happen(&mut world, step));
        let mut asked = FeedRequest { exclude, seed, ..request("home", user(&format!("u{who}")), 40) };
        if german {
            asked.context.push(("country".into(), Raw::Str("DE".into())));
        }
        let answer = world.ask(asked.clone(), Pace::Live(&mut Told(said)));
        same(&reference::answer(&world, &asked, answer.effort), &answer)?;
        same(&answer, &world.ask(asked, Pace::Replay(answer.effort)))?;
    }
}

/// Items `a` to `h`, hotter the earlier, newer the later; in the end nobody has seen `i`.
fn shop(feeds: &str) -> World {
    let mut world = World::new(&with_feeds(feeds));
    for (number, item) in ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().enumerate() {
        world.now.0 += 1_000;
        world.item(item, "x", 10.0, true);
        (number..9).for_each(|viewer| world.event("view", &format!("u{viewer}"), item));
    }
    world
}

fn ask(feeds: &str, subject: Subject) -> domain::Answer {
    shop(feeds).ask(request("home", subject, 20), Pace::Live(&mut ample()))
}

#[test]
fn a_route_without_its_condition_does_not_run() {
    let feed = "  home:
    for: user
    recall:
      again: { history: user.recent, when: user.views_7d > 3 }
      hot: { top: item.heat, limit: 3 }
";
    let few = ask(feed, user("u1"));
    assert_eq!((few.off.as_slice(), few.route_counts.as_slice(), few.effort.routes_run), (&[0][..], &[0, 3][..], 2));
    assert_eq!(items(&few), ["a", "b", "c"]);
    let many = ask(feed, user("u8"));
    assert_eq!((many.off.as_slice(), many.route_counts.as_slice()), (&[][..], &[8, 3][..]));
    // What nobody knows does not hold; the first route that is on runs however late it is.
    let late = shop(feed).ask(request("home", Subject::Anonymous, 20), Pace::Live(&mut Told(vec![true; 9])));
    assert_eq!((late.off.as_slice(), items(&late).len()), (&[0][..], 3));
}

#[test]
fn a_minimum_is_kept_whatever_the_order_is() {
    let feed = |min: &str| {
        format!(
            "  home:
    for: user
    candidates: 4
    recall:
      hot: {{ top: item.heat, limit: 5 }}
      fresh: {{ newest: item.created, limit: 3, weight: 0.01{min} }}
"
        )
    };
    assert_eq!(items(&ask(&feed(""), user("u1"))), ["a", "b", "c", "d"]);
    let answer = ask(&feed(", min: 2"), user("u1"));
    assert_eq!(items(&answer), ["a", "b", "h", "g"]);
    assert_eq!(answer.candidates, 8, "the cut is no filter");
}

#[test]
fn quotas_share_the_places_and_pass_on_what_is_not_used() {
    let feed = |quotas: [&str; 3]| {
        let [hot, fresh, again] = quotas;
        format!(
            "  home:
    for: user
    fuse: quota
    candidates: 5
    recall:
      hot: {{ top: item.heat, limit: 8, quota: {hot} }}
      fresh: {{ newest: item.created, limit: 8, quota: {fresh} }}
      again: {{ history: user.recent, quota: {again} }}
"
        )
    };
    let sorted = |quotas, who| {
        let answer = ask(&feed(quotas), user(who));
        let mut items: Vec<String> = items(&answer).into_iter().map(str::to_owned).collect();
        items.sort();
        items.concat()
    };
    assert_eq!(sorted(["0.4", "0.6", "0"], "u0"), "abfgh");
    assert_eq!(sorted(["0.2", "0.2", "0.6"], "u8"), "aefgh", "what is newest is what was seen last, each counts once");
    assert_eq!(sorted(["0", "0.2", "0.8"], "u0"), "abcdh", "nobody's history gives nothing, and `hot` comes next");
}

#[test]
fn routes_take_turns_by_weight() {
    let feed = "  home:
    for: user
    fuse: interleave
    recall:
      hot: { top: item.heat, limit: 4, weight: 2 }
      fresh: { newest: item.created, limit: 6 }
";
    let answer = ask(feed, user("u1"));
    assert_eq!(items(&answer).concat(), "ahbcgdfe");
    assert_eq!(answer.items[2].score, 1.0 / 63.0);
}

#[test]
fn a_seed_draws_the_same_and_another_another() {
    let feed = "  home:
    for: user
    recall:
      new: { explore: view, below: 3, limit: 9 }
      any: { random: item, limit: 4, weight: 0.001 }
";
    let mut world = shop(feed);
    let mut ask = |seed| world.ask(FeedRequest { seed, ..request("home", user("u1"), 20) }, Pace::Live(&mut ample()));
    let first = ask(1);
    // `h` has two views, `g` three: nothing else is new. Of all eight, four are drawn.
    assert_eq!((first.route_counts.as_slice(), items(&first)[0]), (&[1, 4][..], "h"));
    assert_eq!(first, ask(1));
    let drawn: std::collections::BTreeSet<String> = (0..20).map(|seed| items(&ask(seed)).concat()).collect();
    assert!(drawn.len() > 10, "{drawn:?}");
}

#[test]
fn scores_are_shares_of_the_best() {
    let feed = "  home:
    for: user
    fuse: score
    recall:
      busy: { top: item.views_1d, limit: 4, weight: 3 }
      fresh: { newest: item.created, limit: 2 }
";
    let answer = ask(feed, user("u1"));
    // Nine views of `a` and one less of each that follows.
    assert_eq!(items(&answer).concat(), "abcdhg");
    assert_eq!(answer.items[1].score, 3.0 * (8.0 / 9.0));
    assert_eq!(answer.items[5].score, 0.5);
}

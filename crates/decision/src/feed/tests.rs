//! The pipeline against the slow reference on random worlds, and by hand where a person can say what is right.

mod blocks;
mod chain;
mod fusion;
mod journeys;
mod policies;
mod reference;
mod tags;
mod texts;

use crate::world::{HOUR, SPEC, Told, World, ample, request, user};
use crate::{Pace, compare};
use domain::{
    Answer, Boost, Change, DecisionId, Effect, FeedRequest, ListPut, Page, Payload, Raw, Removal, Subject, Time,
};
use proptest::prelude::*;

/// Something that happens in a random world.
#[derive(Clone, Debug)]
enum Step {
    Event { kind: &'static str, user: u8, item: u8 },
    Impression { user: u8, item: u8, late_ms: i64 },
    Item { item: u8, category: u8, price: u8, in_stock: bool },
    Delete { item: u8 },
    List { list: &'static str, key: u8, score: Option<u8>, hours: Option<u8> },
    Unlist { list: &'static str, key: u8 },
    Pass { hours: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (prop_oneof![4 => Just("view"), 1 => Just("buy")], 0u8..5, 0u8..110)
            .prop_map(|(kind, user, item)| Step::Event { kind, user, item }),
        // Few users and items, so that caps and quotas are reached; late, early, and at equal times.
        6 => (0u8..3, 0u8..24, prop_oneof![3 => Just(0i64), 1 => -60_000i64..0, 2 => 0i64..2 * HOUR])
            .prop_map(|(user, item, late_ms)| Step::Impression { user, item: item * 4, late_ms }),
        2 => (0u8..110, 0u8..5, 0u8..100, any::<bool>())
            .prop_map(|(item, category, price, in_stock)| Step::Item { item, category, price, in_stock }),
        1 => (0u8..110).prop_map(|item| Step::Delete { item }),
        3 => (list(), 0u8..110, prop::option::of(0u8..4), prop::option::of(1u8..40))
            .prop_map(|(list, key, score, hours)| Step::List { list, key, score, hours }),
        1 => (list(), 0u8..110).prop_map(|(list, key)| Step::Unlist { list, key }),
        1 => (0u8..30).prop_map(|hours| Step::Pass { hours }),
    ]
}

fn list() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("picks"), Just("blocked"), Just("vip")]
}

fn listed_key(list: &str, key: u8) -> std::borrow::Cow<'static, str> {
    if list == "vip" { format!("u{}", key % 7).into() } else { format!("i{key}").into() }
}

fn happen(world: &mut World, step: Step) {
    match step {
        Step::Event { kind, user, item } => world.event(kind, &format!("u{user}"), &format!("i{item}")),
        Step::Impression { user, item, late_ms } => {
            let time = Time(world.now.0 - late_ms);
            world.event_at("impression", &format!("u{user}"), &format!("i{item}"), time);
        }
        Step::Item { item, category, price, in_stock } => {
            let category = if category == 0 { String::new() } else { format!("c{category}") };
            world.item(&format!("i{item}"), &category, f64::from(price), in_stock);
        }
        Step::Delete { item } => {
            world.record(&Payload::Delete { entity: "item".into(), key: format!("i{item}").into() });
        }
        Step::List { list, key, score, hours } => world.record(&Payload::ListPut(ListPut {
            list: list.into(),
            key: listed_key(list, key),
            score: score.map(f64::from),
            until: hours.map(|hours| Time(world.now.0 + i64::from(hours) * HOUR)),
        })),
        Step::Unlist { list, key } => {
            world.record(&Payload::ListDelete { list: list.into(), key: listed_key(list, key) });
        }
        Step::Pass { hours } => {
            world.now = Time(world.now.0 + i64::from(hours) * HOUR);
            world.record(&Payload::Tick);
        }
    }
}

fn keys(max: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0u8..120).prop_map(|item| format!("i{item}")), 0..max)
}

/// Conditions that a request may bring; the first few for feeds of items too.
const CONDITIONS: [&str; 10] = [
    "item.price < 60.0",
    "!listed(item, blocked)",
    "item.category in [\"c1\", \"c2\", \"nowhere\"]",
    "recall.score > 0.02 || recall.hot > 0.5",
    "now - item.created < 12h",
    "item.views_1d + item.price > 40",
    "user.country == \"DE\" || item.price > 20.0",
    "!seen(item, 30d)",
    "listed(user, vip) || listed(item, picks)",
    "user.category.share_7d > 0.1",
];

fn conditions(feed: &'static str) -> impl Strategy<Value = (Option<String>, Vec<Boost>)> {
    let of_items = if feed == "related" { 6 } else { CONDITIONS.len() };
    let condition = (0..of_items).prop_map(|index| CONDITIONS[index].to_owned());
    let boost = (prop_oneof![Just(0.0), Just(0.5), Just(1.0), Just(3.5)], condition.clone())
        .prop_map(|(by, when)| Boost { by, when });
    (prop::option::of(condition), prop::collection::vec(boost, 0..3))
}

fn random_request() -> impl Strategy<Value = FeedRequest> {
    let subject = prop_oneof![
        4 => (0u8..7).prop_map(|user| Subject::User(format!("u{user}"))),
        1 => Just(Subject::Anonymous),
    ];
    let feed = prop_oneof![
        (
            prop_oneof![
                3 => Just("home"),
                1 => Just("plain"),
                1 => Just("unseen"),
                1 => Just("onward"),
                4 => Just("policed"),
                1 => Just("capped"),
                2 => Just("curated"),
            ],
            subject,
            conditions("home")
        )
            .boxed(),
        (Just("related"), (0u8..120).prop_map(|item| Subject::Item(format!("i{item}"))), conditions("related")).boxed(),
    ];
    (feed, keys(6), keys(6), 0u16..130, any::<(bool, bool, bool)>()).prop_map(
        |((feed, subject, (filter, boosts)), recent, exclude, count, (german, pages, own))| {
            let mut request = FeedRequest { recent, exclude, pages, ..request(feed, subject, count) };
            if own {
                // This feed has no route `hot`.
                let known = |text: &String| feed != "onward" || !text.contains("recall.hot");
                request.filter = filter.filter(known);
                request.boosts = boosts.into_iter().filter(|boost| known(&boost.when)).collect();
            }
            if matches!(feed, "home" | "policed") && german {
                request.context.push(("country".into(), Raw::Str("DE".into())));
            }
            request
        },
    )
}

fn world(items: usize, steps: Vec<Step>) -> World {
    let mut world = World::new(SPEC);
    for item in 0..items as u8 {
        let category = item.wrapping_mul(37) % 5;
        let price = item.wrapping_mul(91) % 100;
        happen(&mut world, Step::Item { item, category, price, in_stock: item % 9 != 0 });
        happen(&mut world, Step::Event { kind: "view", user: item % 3, item: item.wrapping_mul(17) % items as u8 });
    }
    steps.into_iter().for_each(|step| happen(&mut world, step));
    world
}

fn same(a: &Answer, b: &Answer) -> Result<(), TestCaseError> {
    prop_assert_eq!(compare(a, b), Vec::<String>::new());
    prop_assert_eq!(a, b);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn as_the_reference(items in 0usize..100, steps in prop::collection::vec(step(), 0..120), request in random_request()) {
        let mut world = world(items, steps);
        let answer = world.ask(request.clone(), Pace::Live(&mut ample()));
        let feed = &world.plan.feeds[usize::from(world.plan.feed(&request.feed).unwrap())];
        let early = |reason: &str| {
            feed.filters.iter().any(|filter| filter.text() == reason && world.plan.is_early(filter))
        };
        let late = answer.removed.iter().filter(|of| of.reason != "exclude" && !early(&of.reason));
        let gone: u32 = late.map(|of| of.count).sum();
        prop_assert_eq!(usize::from(answer.effort.routes_run), feed.routes.len());
        let scored = if feed.terms.is_empty() && request.boosts.is_empty() { 0 } else { answer.candidates - gone };
        prop_assert_eq!(u32::from(answer.effort.candidates_scored), scored);
        prop_assert_eq!(answer.effort.reranked, !feed.reranks.is_empty());
        same(&reference::answer(&world, &request, answer.effort), &answer)?;
    }

    #[test]
    fn effort_replays(
        items in 60usize..100,
        steps in prop::collection::vec(step(), 0..60),
        request in random_request(),
        said in prop::collection::vec(prop::bool::weighted(0.2), 0..9),
    ) {
        let mut world = world(items, steps);
        let live = world.ask(request.clone(), Pace::Live(&mut Told(said)));
        prop_assert!(live.effort.routes_run > 0);
        same(&live, &world.ask(request.clone(), Pace::Replay(live.effort)))?;
        same(&reference::answer(&world, &request, live.effort), &live)?;
    }
}

/// The request for what an answer keeps for later, from a place of its order on.
fn next(first: &Answer, from: usize, count: u16) -> FeedRequest {
    let kept = || first.items.iter().chain(&first.later);
    let last = kept().flat_map(|of| &of.routes).map(|hit| hit.route + 1).max().unwrap_or_default();
    let routes = last.max(first.route_counts.len() as u16);
    let best = |route| kept().flat_map(|of| &of.routes).filter(move |hit| hit.route == route).map(|hit| hit.score);
    let page = Page {
        of: DecisionId { epoch: 1, position: first.epoch },
        from: from as u16,
        best: (0..routes).map(|route| best(route).fold(0.0, f64::max)).collect(),
        items: kept().skip(from).cloned().collect(),
    };
    FeedRequest { count, page: Some(page), ..first.request.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pages_go_through_the_first_order_once(
        items in 20usize..100,
        request in random_request(),
        turns in prop::collection::vec((1u16..12, prop::collection::vec(step(), 0..30)), 1..8),
    ) {
        let mut world = world(items, Vec::new());
        let first = world.ask(FeedRequest { pages: true, ..request }, Pace::Live(&mut ample()));
        let order: Vec<String> = first.items.iter().chain(&first.later).map(|of| of.item.clone()).collect();
        let mut shown: Vec<String> = first.items.iter().map(|of| of.item.clone()).collect();
        let mut from = shown.len();
        for (count, steps) in turns {
            steps.into_iter().for_each(|step| happen(&mut world, step));
            let asked = next(&first, from, count);
            let page = world.ask(asked.clone(), Pace::Live(&mut ample()));
            let (wanted, looked) = reference::page(&world, &asked);
            prop_assert_eq!((&page.items, page.candidates), (&wanted, looked));
            let removed: u32 = page.removed.iter().map(|of| of.count).sum();
            prop_assert_eq!(removed as usize + page.items.len(), looked as usize);
            // What was not looked at is not recorded, and the record gives the same page.
            prop_assert_eq!(page.request.page.as_ref().unwrap().items.len(), looked as usize);
            same(&page, &world.ask(page.request.clone(), Pace::Replay(page.effort)))?;
            shown.extend(page.items.into_iter().map(|of| of.item));
            from += looked as usize;
        }
        let mut rest = order.iter();
        prop_assert!(shown.iter().all(|item| rest.any(|of| of == item)), "in order, nothing twice: {:?}", shown);
    }

    #[test]
    fn the_same_request_and_seed_give_the_same_answer(
        items in 20usize..100,
        steps in prop::collection::vec(step(), 0..60),
        request in random_request(),
        seed in any::<u64>(),
    ) {
        let mut world = world(items, steps);
        let request = FeedRequest { seed, ..request };
        let first = world.ask(request.clone(), Pace::Live(&mut ample()));
        prop_assert_eq!(first.request.seed, seed);
        same(&first, &world.ask(request, Pace::Live(&mut ample())))?;
    }
}

#[test]
fn a_boost_raises_negative_scores_too() {
    let mut world = shop();
    let ask = |world: &mut World, by: f64| {
        let boosts = vec![Boost { by, when: "item.category == \"y\"".into() }];
        world.ask(FeedRequest { boosts, ..request("home", user("u9"), 10) }, Pace::Live(&mut ample()))
    };
    let score = |answer: &Answer| answer.items.iter().find(|of| of.item == "d").unwrap().score;
    let (plain, doubled, none) = (ask(&mut world, 1.0), ask(&mut world, 2.0), ask(&mut world, 0.0));
    assert_eq!(score(&doubled), score(&plain) + score(&plain).abs());
    assert_eq!(score(&none), score(&plain) - score(&plain).abs());
    let effects = &doubled.items.iter().find(|of| of.item == "d").unwrap().effects;
    assert_eq!(effects[0], Effect { step: domain::Step::Boost(0), change: Change::Scaled(2.0) });
    assert!(doubled.items.iter().all(|of| of.item == "d"
        || of.score.to_bits() == { plain.items.iter().find(|other| other.item == of.item).unwrap().score.to_bits() }));
}

fn items(answer: &Answer) -> Vec<&str> {
    answer.items.iter().map(|item| item.item.as_str()).collect()
}

fn shop() -> World {
    let mut world = World::new(SPEC);
    for (item, category) in [("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "")] {
        world.item(item, category, 10.0, true);
    }
    for (who, item) in [("u1", "a"), ("u1", "b"), ("u2", "a"), ("u2", "c"), ("u3", "a"), ("u3", "b"), ("u3", "c")] {
        world.event("view", who, item);
    }
    world
}

#[test]
fn fused_ranks_without_a_formula() {
    let mut world = shop();
    let answer = world.ask(request("plain", user("u1"), 10), Pace::Live(&mut ample()));
    // hot: a (3 views), b and c (2); again, with weight 2: b, a. 1/62 + 2/61 beats 1/61 + 2/62.
    assert_eq!(items(&answer), ["b", "a", "c"]);
    assert_eq!(answer.items[0].score, 1.0 / 62.0 + 2.0 / 61.0);
    assert_eq!(answer.route_counts, [3, 2]);
    assert_eq!(answer.effort.candidates_scored, 0);
}

#[test]
fn strangers_get_what_is_popular() {
    let mut world = shop();
    let unknown = world.ask(request("plain", user("nobody"), 10), Pace::Live(&mut ample()));
    assert_eq!(items(&unknown), ["a", "b", "c"]);
    assert_eq!(unknown.route_counts, [3, 0]);
    let anonymous = world.ask(request("plain", Subject::Anonymous, 10), Pace::Live(&mut ample()));
    assert_eq!(items(&anonymous), items(&unknown));
}

#[test]
fn a_visit_counts_for_the_anonymous() {
    let mut world = shop();
    let asked = FeedRequest { recent: vec!["d".into(), "gone".into()], ..request("plain", Subject::Anonymous, 10) };
    assert_eq!(items(&world.ask(asked, Pace::Live(&mut ample()))), ["d", "a", "b", "c"]);
    let asked = FeedRequest { recent: vec!["a".into()], ..request("unseen", Subject::Anonymous, 10) };
    let answer = world.ask(asked, Pace::Live(&mut ample()));
    assert!(!items(&answer).contains(&"a"));
    assert_eq!(answer.removed, [Removal { reason: "!seen(item, 30d)".into(), count: 1, examples: vec!["a".into()] }]);
}

#[test]
fn an_empty_world_answers() {
    for feed in ["home", "plain", "unseen", "onward"] {
        let answer = World::new(SPEC).ask(request(feed, user("u1"), 10), Pace::Live(&mut ample()));
        assert_eq!((answer.items.len(), answer.candidates), (0, 0), "{feed}");
    }
    let answer = World::new(SPEC).ask(request("related", Subject::Item("a".into()), 10), Pace::Live(&mut ample()));
    assert_eq!(answer.items, []);
}

#[test]
fn filters_may_leave_nothing() {
    let mut world = World::new(SPEC);
    for item in 0..12 {
        world.item(&format!("i{item}"), "x", 10.0, false);
    }
    let answer = world.ask(request("home", user("u1"), 10), Pace::Live(&mut ample()));
    assert_eq!(answer.items, []);
    assert_eq!(answer.removed.len(), 1);
    assert_eq!((answer.removed[0].reason.as_str(), answer.removed[0].count), ("item.in_stock", 12));
    assert_eq!((answer.candidates, answer.route_counts[0]), (0, 0));
    assert_eq!(answer.removed[0].examples.len(), Removal::EXAMPLES_MAX);
}

#[test]
fn limits_count_what_early_filters_let_pass() {
    let mut world = World::new(SPEC);
    for item in 0..200 {
        // Every third is in stock, and every ninth of those is too dear.
        world.item(&format!("i{item}"), "x", if item % 27 == 0 { 95.0 } else { 10.0 }, item % 3 == 0);
    }
    let exclude = vec!["i3".to_owned(), "i4".to_owned()];
    let asked = FeedRequest { exclude, ..request("home", user("u1"), 10) };
    let answer = world.ask(asked.clone(), Pace::Live(&mut ample()));
    // Nothing has a score, so that both tops go by age. `hot` comes to the end: of 67 in stock 3 are dear, and one is excluded.
    assert_eq!((answer.route_counts[0], answer.route_counts[1]), (58, 5));
    let removed: Vec<(&str, u32)> = answer.removed.iter().map(|of| (of.reason.as_str(), of.count)).collect();
    assert_eq!(
        removed,
        [("exclude", 2), ("item.in_stock", 132), ("item.price < 90.0 || request.country == \"DE\"", 8)]
    );
    assert_eq!(answer.removed[1].examples[..3], ["i1", "i2", "i5"], "an excluded item is counted as that alone");
    same(&reference::answer(&world, &asked, answer.effort), &answer).unwrap();
}

#[test]
fn filters_are_early_by_what_they_read() {
    let filters = [
        ("item.price < 3.0", true),
        ("user.views_7d > 2 || item.in_stock", true),
        ("!seen(buy, item, 30d) && request.country == item.category", true),
        ("item.created > now - 3d", true),
        ("item.views_1d > 2", false),
        ("user.category.share_7d > 0.1 || item.in_stock", false),
        ("item.in_stock && recall.hot > 0.5", false),
        ("recall.score > 0.5", false),
    ];
    for (filter, early) in filters {
        let text = SPEC.replacen("item.in_stock", &format!("'{filter}'"), 1);
        let plan = spec::compile("test.yaml", &text).unwrap_or_else(|errors| panic!("{}", spec::render(&errors)));
        assert_eq!(plan.is_early(&plan.feeds[0].filters[0]), early, "{filter}");
    }
}

#[test]
fn a_missing_value_does_not_pass_a_filter() {
    let mut world = World::new(SPEC);
    world.item("a", "x", 10.0, true);
    world.record(&Payload::Upsert(domain::Upsert { entity: "item".into(), key: "b".into(), fields: vec![] }));
    world.event("view", "u2", "a");
    world.event("view", "u2", "b");
    let answer = world.ask(request("home", user("u1"), 10), Pace::Live(&mut ample()));
    assert_eq!(items(&answer), ["a"]);
    assert_eq!(answer.removed[0].examples, ["b"]);
}

#[test]
fn related_items_leave_out_the_item_itself() {
    let mut world = shop();
    let answer = world.ask(request("related", Subject::Item("a".into()), 10), Pace::Live(&mut ample()));
    assert_eq!(items(&answer)[..2], ["b", "c"]);
    assert!(!items(&answer).contains(&"a"));
}

#[test]
fn excluding_pages_through_a_feed() {
    let mut world = shop();
    let first = world.ask(request("plain", Subject::Anonymous, 2), Pace::Live(&mut ample()));
    assert_eq!(items(&first), ["a", "b"]);
    let exclude = first.items.iter().map(|item| item.item.clone()).collect();
    let next = world.ask(FeedRequest { exclude, ..request("plain", Subject::Anonymous, 5) }, Pace::Live(&mut ample()));
    assert_eq!(items(&next)[0], "c");
    assert_eq!((next.route_counts[0], next.removed[0].count), (3, 2));
}

#[test]
fn a_term_without_a_finite_value_adds_nothing() {
    let mut world = World::new(SPEC);
    world.item("finite", "x", 7.0, true);
    world.item("infinite", "x", 5.0, true);
    world.event("view", "u2", "finite");
    world.event("view", "u2", "infinite");
    let answer = world.ask(request("unseen", user("u1"), 10), Pace::Live(&mut ample()));
    assert_eq!(items(&answer), ["finite", "infinite"]);
    assert_eq!(answer.items[0].terms.len(), 2);
    assert_eq!(answer.items[1].terms.iter().map(|term| term.term).collect::<Vec<_>>(), [1]);
    assert_eq!(answer.items[1].score, answer.items[1].terms[0].value);
}

#[test]
fn spread_keeps_its_window_where_it_can() {
    let mut world = World::new(SPEC);
    for (index, category) in ["x", "x", "x", "x", "x", "y", "", "y"].into_iter().enumerate() {
        // Cheaper items score higher, as nothing else differs but the fused score.
        world.item(&format!("{category}{index}"), category, 9.0 + index as f64 * 9.0, true);
    }
    let answer = world.ask(request("home", user("u1"), 10), Pace::Live(&mut ample()));
    // Fresh is the only route with candidates beside the tops of equal scores; what counts is the rule.
    let categories: Vec<&str> = items(&answer).iter().map(|item| item.trim_end_matches(char::is_numeric)).collect();
    assert_eq!(categories.len(), 8);
    assert!(answer.effort.reranked);
    for window in categories[..6].windows(4) {
        assert!(window.iter().filter(|&&category| category == "x").count() <= 2, "{categories:?}");
    }
    let moved: i32 = answer.items.iter().map(|item| i32::from(item.moved)).sum();
    assert_eq!(moved, 0, "a permutation of the whole list moves as much up as down");
}

#[test]
fn a_late_answer_still_has_the_first_route() {
    let mut world = shop();
    let mut late = Told(vec![true; 20]);
    let answer = world.ask(request("home", user("u1"), 10), Pace::Live(&mut late));
    assert_eq!((answer.effort.routes_run, answer.effort.candidates_scored, answer.effort.reranked), (1, 0, false));
    assert_eq!(items(&answer), ["a", "b", "c", "d", "e"]);
    assert_eq!(late.0.len(), 19, "a spent budget is not asked again");
}

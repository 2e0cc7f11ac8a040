//! Texts of strings in every place of a feed: against the slow model, and against a spec that says the same without them.

use super::{reference, same};
use crate::Pace;
use crate::world::{SPEC, World, ample, request, user};
use domain::{Answer, Boost, FeedRequest, Field, Payload, Raw, Subject, Upsert};
use proptest::prelude::*;
use proptest::sample::select;

/// Items of categories `shoes`, `shirts`, `hats`, all viewed as often, with this filter and score.
fn world(filter: &str, score: &str) -> World {
    let feeds = format!(
        "  home:\n    for: user\n    recall: {{ fresh: {{ newest: item.created }} }}\n    filter: [\"{filter}\"]\n    rank: {{ score: \"{score}\" }}\n"
    );
    let mut world = World::new(&format!("{}feeds:\n{feeds}", &SPEC[..SPEC.find("feeds:").unwrap()]));
    for (key, category) in [("a", "shoes"), ("b", "shirts"), ("c", "hats")] {
        world.item(key, category, 10.0, true);
    }
    world
}

fn answered(world: &mut World, asked: FeedRequest) -> Vec<String> {
    let answer = world.ask(asked.clone(), Pace::Live(&mut ample()));
    let again = world.ask(asked, Pace::Replay(answer.effort));
    assert_eq!(answer.items, again.items);
    answer.items.into_iter().map(|item| item.item).collect()
}

#[test]
fn filters_and_scores_read_texts() {
    let score = "item.category < 'shirts' ? 1.0 : (item.category.endsWith('s') ? 0.5 : 0.0)";
    let mut plain = world("item.in_stock", score);
    assert_eq!(answered(&mut plain, request("home", user("u"), 9))[0], "c");
    let mut world = world("item.category.startsWith('sh') && item.in_stock", "item.price");
    let mut found = answered(&mut world, request("home", user("u"), 9));
    found.sort_unstable();
    assert_eq!(found, ["a", "b"]);
}

#[test]
fn a_request_reads_texts_and_goes_over_lists() {
    let mut world = world("item.in_stock", "item.price");
    let filter = Some("[item.category, 'x'].exists(c, c.matches('^.h'))".to_owned());
    let boosts = vec![Boost { by: 2.0, when: "item.category.contains('irt')".to_owned() }];
    let asked = FeedRequest { filter, boosts, ..request("home", user("u"), 9) };
    assert_eq!(answered(&mut world, asked), ["b", "a"]);
    let asked = FeedRequest {
        filter: Some("['hats', 'gloves'].exists(c, c == item.category)".to_owned()),
        ..request("home", user("u"), 9)
    };
    assert_eq!(answered(&mut world, asked), ["c"]);
}

/// A place, what stands there by texts, and what that comes to where categories are `c0` to `c4` and countries `DE`, `de`, `fr` and `xx`.
const TWINS: [[&str; 3]; 12] = [
    ["LIKES", "item.category.endsWith('1')", "item.category == 'c1'"],
    ["KIND", "item.category.upperAscii()", "item.category"],
    ["IS_C2", "kind.substring(1) == '2'", "kind == 'c2'"],
    ["LOCAL", "user.country.lowerAscii()", "(user.country == 'DE' ? 'de' : user.country)"],
    ["ROUTE", "request.country.startsWith('D') || size(user.local) > 2", "request.country == 'DE'"],
    ["EARLY", "item.kind != 'C' + '3'", "item.kind != 'c3'"],
    [
        "LATE",
        "request.country.lowerAscii() == 'de' || item.category.matches('[0124]') || recall.lift > 0.9",
        "request.country in ['DE', 'de'] || item.category != 'c3' || recall.lift > 0.9",
    ],
    [
        "SCORE",
        "user.local == request.country.lowerAscii()",
        "user.local == (request.country == 'DE' ? 'de' : request.country)",
    ],
    ["BOOST", "item.kind.lowerAscii() in ['c1', 'c2']", "item.category in ['c1', 'c2']"],
    ["BLOCK", "(request.country + item.category) == 'frc4'", "request.country == 'fr' && item.category == 'c4'"],
    ["SPREAD", "'c0c1'.contains(item.category)", "item.category in ['c0', 'c1']"],
    ["SLOT", "item.category > 'c3'", "item.category == 'c4'"],
];

/// The shop's first part, and a feed in which every expression is one of the twins.
fn twin(by_texts: bool) -> World {
    const FEATURES: [[&str; 2]; 2] = [
        [
            "  item:\n    heat",
            "    likes: \"count(view, 7d, LIKES)\"\n    local: \"LOCAL\"\n  item:\n    kind: KIND\n    heat",
        ],
        [
            "    views_1d: count(view, 1d)\n",
            "    views_1d: count(view, 1d)\n    lift: \"(IS_C2) ? 2.0 * views_1d : views_1d\"\n",
        ],
    ];
    const FEED: &str = "
feeds:
  home:
    for: user
    context: { country: string }
    recall:
      lift: { top: item.lift, limit: 25, when: \"ROUTE\" }
      fresh: { newest: item.created, limit: 20 }
    filter: [\"EARLY\", \"LATE\"]
    rank: { score: \"item.lift + user.likes + user.category.liked + (SCORE ? 3.0 : 0.0) + recall.fresh\" }
    rerank:
      - spread: [{ when: \"SPREAD\", window: 4, max: 2 }]
      - slots: { at: 2, every: 5, when: \"SLOT\" }
    policy:
      - boost: { by: 1.5, when: \"BOOST\" }
      - block: { when: \"BLOCK\" }
      - never_follow: { item: \"BOOST\", after: \"SLOT\" }
";
    let mut text = SPEC[..SPEC.find("lists:").unwrap()].to_owned() + "    liked: \"count(view, 7d, LIKES)\"\n" + FEED;
    let places = TWINS.iter().map(|[place, texts, plain]| [*place, if by_texts { *texts } else { *plain }]);
    for [place, is] in FEATURES.into_iter().chain(places) {
        assert!(text.contains(place), "{place}");
        text = text.replace(place, is);
    }
    World::new(&text)
}

#[derive(Clone, Debug)]
enum Step {
    View(u8, u8),
    Item(u8, u8),
    Country(u8, &'static str),
}

const COUNTRIES: [&str; 4] = ["DE", "de", "fr", "xx"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3, 0u8..40).prop_map(|(user, item)| Step::View(user, item)),
        2 => (0u8..40, 0u8..5).prop_map(|(item, category)| Step::Item(item, category)),
        1 => (0u8..3, select(&COUNTRIES[..])).prop_map(|(user, country)| Step::Country(user, country)),
    ]
}

fn happen(world: &mut World, step: &Step) {
    match *step {
        Step::View(user, item) => world.event("view", &format!("u{user}"), &format!("i{item}")),
        Step::Item(item, category) => world.item(&format!("i{item}"), &format!("c{category}"), f64::from(item), true),
        Step::Country(user, country) => {
            let fields = vec![Field { name: "country".into(), value: Raw::Str(country.into()) }];
            world.record(&Payload::Upsert(Upsert { entity: "user".into(), key: format!("u{user}").into(), fields }));
        }
    }
}

/// What is of the state alone: the texts of reasons differ between twins.
fn shown(answer: &Answer) -> Vec<(String, u64, i16)> {
    let all = answer.items.iter().map(|item| (item.item.clone(), item.score.to_bits(), item.moved));
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Every place at once, among them what indexes are ordered by, and strings that features make.
    #[test]
    fn texts_say_the_same_as_equality_in_every_place(
        steps in prop::collection::vec(step(), 1..120),
        asked in prop::collection::vec((0u8..4, select(&COUNTRIES[..]), prop::bool::ANY), 1..6),
    ) {
        let mut worlds = [twin(true), twin(false)];
        for (steps, (user, country, own)) in steps.chunks(steps.len().div_ceil(asked.len())).zip(asked) {
            let asked = FeedRequest {
                context: vec![("country".to_owned(), Raw::Str(country.into()))],
                ..request("home", Subject::User(format!("u{user}")), 30)
            };
            let own = |by_texts: bool| own.then(|| match by_texts {
                true => "item.kind + request.country != 'C0xx' && item.kind != 'CNEW'".to_owned(),
                false => "!(item.category == 'c0' && request.country == 'xx')".to_owned(),
            });
            let answers = worlds.each_mut().map(|world| {
                steps.iter().for_each(|step| happen(world, step));
                let by_texts = world.plan.feeds[0].filters[1].needs_texts();
                let asked = FeedRequest { filter: own(by_texts), ..asked.clone() };
                let answer = world.ask(asked.clone(), Pace::Live(&mut ample()));
                let again = world.ask(asked.clone(), Pace::Replay(answer.effort));
                (reference::answer(world, &asked, answer.effort), again, answer)
            });
            for (slow, again, answer) in &answers {
                same(slow, answer)?;
                same(again, answer)?;
            }
            prop_assert_eq!(shown(&answers[0].2), shown(&answers[1].2));
        }
    }
}

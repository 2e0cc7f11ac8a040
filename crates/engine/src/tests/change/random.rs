//! Random pairs of specs, random events, a change at a random place, inline and in threads, any number of shards: state after the
//! change is that of the new spec over the whole log, and every answer, before and after, comes out again bit for bit.

use super::{holds, switched};
use crate::tests::{Folder, open, released, text};
use crate::{ChangeOutcome, Engine, Mode};
use domain::{Event, FeedRequest, Field, Payload, Raw, Subject, Time, Upsert};
use proptest::prelude::*;

/// A spec of a small grammar: what it counts, over which windows, and what its feed does.
#[derive(Clone, Debug)]
struct Drawn {
    user: Vec<(u8, u8)>,
    item: bool,
    crossed: bool,
    routes: Vec<u8>,
    hours: u8,
    word: u8,
    weight: u8,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let user = prop::collection::vec((0u8..9, 1u8..4), 0..4);
    let routes = prop::collection::vec(0u8..5, 0..3);
    (user, any::<bool>(), any::<bool>(), routes, 1u8..4, 0u8..4, 0u8..4).prop_map(
        |(user, item, crossed, routes, hours, word, weight)| Drawn { user, item, crossed, routes, hours, word, weight },
    )
}

impl Drawn {
    fn text(&self) -> String {
        let Drawn { user, item, crossed, routes, hours, word, weight } = self;
        let mut spec = "version: 1\nentities:\n  item: { fields: { category: string, made: timestamp } }\nevents:\n  \
                        view: { user: user, item: item, fields: { n: int, s: string } }\n  \
                        buy: { user: user, item: item }\nfeatures:\n  user:\n    recent: last(view, item, 9)\n"
            .to_owned();
        for (place, (kind, window)) in user.iter().enumerate() {
            let call = match kind {
                0 => format!("count(view, {window}h)"),
                1 => format!("last(buy, item, {window})"),
                2 => format!("sum(view, n, {window}h)"),
                3 => format!("count(view, {window}h, s == \"c{word}\")"),
                4 => format!("decayed(view, {window}h)"),
                5 => format!("count(view, {window}h, (s + item.category).contains(\"c{word}\"))"),
                6 => format!("size(last_n(view, s.upperAscii() + string(n), {window}))"),
                7 => format!("distinct(view, item.category.substring(1), {window}h)"),
                _ => format!("count(buy, {window}h) + {weight}"),
            };
            spec.push_str(&format!("    f{place}: {call}\n"));
        }
        spec.push_str(&format!("  item:\n    kind: item.category.upperAscii() + \".\"\n    heat: 'decayed(view, {hours}h) * (kind > \"C{word}\" ? 2.0 : 1.0)'\n"));
        spec.push_str(if *item { "    bought: count(buy, 2h)\n" } else { "" });
        spec.push_str(if *crossed { "  user.category:\n    share: count(view, 3h)\n" } else { "" });
        spec.push_str("feeds:\n  home:\n    for: user\n    recall:\n      hot: { top: item.heat, limit: 9 }\n");
        for (place, route) in routes.iter().enumerate() {
            let route = match route {
                0 => "{ co_visited: view, from: user.recent, limit: 5 }",
                1 => "{ newest: item.made, limit: 4 }",
                2 => "{ tags: item.category, from: user.recent, by: item.heat, limit: 5 }",
                3 => "{ session: view, from: user.recent, limit: 5 }",
                _ => "{ random: item, limit: 3 }",
            };
            spec.push_str(&format!("      r{place}: {route}\n"));
        }
        spec + &format!(
            "    filter: ['item.kind.size() > 3 || item.kind != \"C{word}.\"']\n    rank: {{ score: recall.score + {weight} * item.heat }}\n"
        )
    }
}

fn event(seed: u64, number: u64) -> Payload<'static> {
    let of =
        |salt: u64, most: u64| (seed ^ salt).wrapping_mul(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33 & most;
    let field = |name: &'static str, value| Field { name: name.into(), value };
    if of(1, 15) == 0 {
        let fields = vec![
            field("category", text(format!("c{}", of(2, 7)))),
            field("made", Raw::Int(1_000_000 + of(3, 1_000) as i64)),
        ];
        return Payload::Upsert(Upsert { entity: "item".into(), key: format!("i{}", of(4, 31)).into(), fields });
    }
    let view = of(5, 3) > 0;
    let mut fields =
        vec![field("user", text(format!("u{}", of(6, 15)))), field("item", text(format!("i{}", of(7, 31))))];
    if view {
        fields.push(field("n", Raw::Int(of(8, 9) as i64)));
        fields.push(field("s", text(format!("c{}", of(9, 7)))));
    }
    Payload::Event(Event {
        kind: if view { "view" } else { "buy" }.into(),
        source: "test".into(),
        id: None,
        time: Some(Time(1_000_000 + number as i64 * 30_000)),
        fields,
    })
}

/// Events and now and then a request; how many requests.
fn live(engine: &Engine, seed: u64, from: u64, to: u64) -> u64 {
    let mut asked = 0;
    for number in from..to {
        let submitted = engine.submit(&[event(seed, number)], false).expect("the node is well");
        if number % 8 == 0 {
            released(engine, submitted.last);
            let user = Subject::User(format!("u{}", number & 15));
            engine.recommend(FeedRequest::new("home", user, 8)).expect("the feed exists");
            asked += 1;
        }
    }
    asked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn state_is_that_of_the_new_spec_over_the_whole_log(
        specs in (drawn(), drawn(), drawn()),
        (seed, first, second) in (any::<u64>(), 0u64..150, 1u64..80),
        (threaded, shards, at_once) in (any::<bool>(), 1u32..4, any::<[bool; 2]>()),
    ) {
        let (folder, texts) = (Folder::new(), [specs.0.text(), specs.1.text(), specs.2.text()]);
        let mode = if threaded { Mode::Threaded } else { Mode::Inline };
        let (engine, _) = open(&folder, &texts[0], mode, shards);
        let mut asked = live(&engine, seed, 0, first);
        let mut next = first;
        for (text, at_once) in texts[1..].iter().zip(at_once) {
            let started = match at_once {
                true => engine.change_spec_at_once("new.yaml", text, None),
                false => engine.change_spec("new.yaml", text, None),
            };
            let started = started.expect("it compiles");
            prop_assert!(!at_once || engine.plan().written() == text);
            asked += live(&engine, seed, next, next + second);
            next += second;
            if let ChangeOutcome::Filling | ChangeOutcome::Interim { .. } = started.outcome {
                switched(&engine);
            }
            prop_assert_eq!(&engine.plan().text, text);
            asked += live(&engine, seed, next, next + second);
            next += second;
        }
        engine.stop();
        drop(engine);
        holds(&folder, asked);
    }
}

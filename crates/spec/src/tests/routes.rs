//! Options of routes and the ways of fusion: what is refused and where, what defaults are, and what counts as a change.

use super::{plan, refused};
use crate::diff;
use crate::plan::*;

const HEAD: &str = "
version: 1
entities: { user: { fields: { country: string, age: int } }, item: { fields: { price: float, created: timestamp, tags: [string] } } }
events: { view: { user: user, item: item }, login: { user: user } }
features:
  user: { recent: 'last(view, item, 9)', views: 'count(view, 7d)' }
  item: { heat: 'decayed(view, 6h)' }
feeds:
  home:
    for: user
    context: { place: string, shown: int }
";

/// A spec of one feed with these lines.
fn spec(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{HEAD}{lines}")
}

/// Routes on line 12, from column 15; further lines; code, line, column, a part of message or help.
type Case = (&'static str, &'static [&'static str], &'static str, u32, u32, &'static str);

#[test]
fn options_that_are_refused() {
    let cases: &[Case] = &[
        ("{ a: { top: item.heat, whem: user.views > 1 } }", &[], "unknown_field", 12, 36, "did you mean `when`"),
        ("{ a: { top: item.heat, quote: 0.5 } }", &[], "unknown_field", 12, 36, "did you mean `quota`"),
        ("{ a: { top: item.heat, when: user.views } }", &[], "wrong_type", 12, 42, "compare it"),
        ("{ a: { top: item.heat, when: user.veiws > 1 } }", &[], "unknown_name", 12, 42, "user.views"),
        ("{ a: { top: item.heat, when: item.price > 1.0 } }", &[], "not_here", 12, 42, "belongs into `filter`"),
        ("{ a: { top: item.heat, when: '!seen(item, 7d)' } }", &[], "not_here", 12, 42, "before there are candidates"),
        ("{ a: { top: item.heat, when: recall.a > 0.5 } }", &[], "not_here", 12, 42, "`recall.a`"),
        ("{ a: { top: item.heat, min: 0 } }", &["candidates: 9"], "out_of_range", 12, 41, "from 1 to"),
        ("{ a: { top: item.heat, min: 3 } }", &[], "no_effect", 12, 41, "candidates: <n>"),
        ("{ a: { top: item.heat, limit: 2, min: 3 } }", &["candidates: 9"], "contradiction", 12, 51, "`limit` (2)"),
        (
            "{ a: { top: item.heat, min: 3 }, b: { history: user.recent, min: 2 } }",
            &["candidates: 4"],
            "contradiction",
            12,
            78,
            "`candidates` is 4",
        ),
        ("{ a: { top: item.heat, quota: 0.5 } }", &[], "no_effect", 12, 43, "fuse: quota"),
        ("{ a: { top: item.heat, quota: 1.5 } }", &["fuse: rrf"], "out_of_range", 12, 43, "to 1"),
        ("{ a: { top: item.heat, quota: 0.5 } }", &["fuse: quota"], "missing_field", 13, 11, "candidates: <n>"),
        ("{ a: { top: item.heat } }", &["fuse: quota", "candidates: 9"], "missing_field", 13, 11, "quota: 0.3"),
        (
            "{ a: { top: item.heat, quota: 0.7 }, b: { history: user.recent, quota: 0.4 } }",
            &["fuse: quota", "candidates: 9"],
            "contradiction",
            12,
            84,
            "more than 1 together",
        ),
        ("{ a: { explore: veiw } }", &[], "unknown_event", 12, 29, "did you mean `view`"),
        ("{ a: { explore: login } }", &[], "missing_role", 12, 29, "does not name an item"),
        ("{ a: { explore: view, below: 0 } }", &[], "out_of_range", 12, 42, "from 1 to"),
        ("{ a: { explore: view, bellow: 3 } }", &[], "unknown_field", 12, 35, "did you mean `below`"),
        ("{ a: { random: user } }", &[], "out_of_range", 12, 28, "random: item"),
        ("{ a: { random: item, by: item.heat } }", &[], "unknown_field", 12, 34, "known here"),
        ("{ a: { tags: item.tags } }", &[], "missing_field", 12, 15, "from: user.<attribute>"),
        ("{ a: { tags: item.tgs, from: user.country } }", &[], "unknown_name", 12, 26, "did you mean `item.tags`"),
        ("{ a: { tags: item.price, from: user.country } }", &[], "wrong_type", 12, 26, "a string or [string]"),
        ("{ a: { tags: item.tags, from: user.age } }", &[], "wrong_type", 12, 43, "tags are a string"),
        ("{ a: { tags: item.tags, from: user.views } }", &[], "wrong_type", 12, 43, "`last(event, item, n)`"),
        ("{ a: { tags: item.tags, from: request.plaze } }", &[], "unknown_name", 12, 43, "did you mean `place`"),
        ("{ a: { tags: item.tags, from: request.shown } }", &[], "wrong_type", 12, 43, "tags are a string"),
        ("{ a: { tags: item.tags, from: request.item } }", &[], "not_here", 12, 43, "feeds for items only"),
        ("{ a: { tags: item.tags, from: user.country, by: item.heet } }", &[], "unknown_name", 12, 61, "item.heat"),
        ("{ a: { tags: item.tags, from: user.country, by: item.price } }", &[], "wrong_type", 12, 61, "a timestamp or"),
        ("{ a: { tags: item.tags, from: user.country, gap: 3m } }", &[], "unknown_field", 12, 57, "known here"),
        ("{ a: { tags: item.tags, from: user.country, recency: 2 } }", &[], "out_of_range", 12, 66, "to 1"),
        ("{ a: { tags: item.tags, top: item.heat, from: user.country } }", &[], "several_kinds", 12, 37, "of its own"),
        ("{ a: { top: item.heat } }", &["fuse: interleaf"], "out_of_range", 13, 11, "did you mean `interleave`"),
        ("{ a: { top: item.heat } }", &["fuze: rrf"], "unknown_field", 13, 5, "did you mean `fuse`"),
        ("{ a: { top: item.heat } }", &["candidates: 0"], "out_of_range", 13, 17, "from 1 to 4096"),
        ("{ a: { top: item.heat } }", &["candidates: 5000"], "out_of_range", 13, 17, "from 1 to 4096"),
    ];
    let mut wrong = String::new();
    for (routes, more, code, line, column, said) in cases {
        let lines: Vec<String> =
            [format!("recall: {routes}")].into_iter().chain(more.iter().map(|line| (*line).to_owned())).collect();
        let text = spec(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let Err(found) = crate::compile("spec.yaml", &text) else {
            wrong.push_str(&format!("not refused: {routes} {more:?}\n"));
            continue;
        };
        let first = &found.list[0];
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        if found.list.len() != 1
            || (first.code, first.line, first.column) != (code, *line, *column)
            || !words.contains(said)
        {
            wrong.push_str(&format!("wanted {code} {line}:{column} with `{said}`, got\n{found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_feed_for_items_has_no_user_to_ask() {
    let text = spec(&["recall: { a: { top: item.heat, when: user.views > 1 } }"]).replace("for: user", "for: item");
    assert_eq!(refused(&text).list[0].code, "not_here");
    let text = spec(&["recall: { a: { top: item.heat, when: item.price > 1.0 } }"]).replace("for: user", "for: item");
    assert!(refused(&text).list[0].help.as_deref().is_some_and(|help| help.contains("`request` and `now`")));
}

#[test]
fn options_default() {
    let plain = plan(&spec(&["recall: { a: { top: item.heat } }"]));
    let Feed { fusion, routes, .. } = &plain.feeds[0];
    assert_eq!(*fusion, Fusion { kind: FusionKind::Rrf, candidates: 4_096 });
    assert!(routes[0].when.is_none());
    assert_eq!((routes[0].min, routes[0].quota, routes[0].weight), (0, 0.0, 1.0));
    let full = plan(&spec(&[
        "recall: { a: { newest: item.created, min: 3, quota: 0.25, when: 'user.views > 2 && request.place == \"x\"' } }",
        "fuse: quota",
        "candidates: 200",
    ]));
    let Feed { fusion, routes, .. } = &full.feeds[0];
    assert_eq!(*fusion, Fusion { kind: FusionKind::Quota, candidates: 200 });
    assert_eq!((routes[0].min, routes[0].quota), (3, 0.25));
    assert_eq!(routes[0].when.as_ref().map(|when| when.slots().len()), Some(2));
}

#[test]
fn tags_share_an_index_and_their_order_is_state() {
    let of = |routes: &str| plan(&spec(&[&format!("recall: {{ {routes} }}")]));
    let base = of(
        "a: { tags: item.tags, from: user.country, by: item.heat }, b: { tags: item.tags, from: user.recent, by: item.heat, context: 3 }, c: { tags: item.tags, from: request.place, by: item.created }",
    );
    assert_eq!(
        base.indexes,
        [Index::Tags { field: 2, by: TagsBy::Feature(2) }, Index::Tags { field: 2, by: TagsBy::Time(1) },]
    );
    let RouteSource::Tags { index: 0, from: TagsFrom::Items(_), recency: 0.8, context: 3, by_time: false } =
        base.feeds[0].routes[1].source
    else {
        panic!("{:?}", base.feeds[0].routes[1])
    };
    let rebuild = |a: &str, b: &str| {
        let diff = diff(&of(a), &of(b));
        assert_eq!(diff.changed, ["feed home"], "{a} -> {b}");
        diff.rebuild
    };
    assert!(rebuild("a: { explore: view }", "a: { explore: view, below: 50 }"));
    assert!(!rebuild(
        "a: { explore: view }, b: { random: item }",
        "a: { explore: view }, b: { random: item, limit: 3 }"
    ));
    assert!(diff(&of("a: { explore: view }"), &of("a: { explore: view, below: 100 }")).changed.is_empty());
    assert!(!rebuild("a: { tags: item.tags, from: user.country }", "a: { tags: item.tags, from: request.place }"));
    assert!(!rebuild(
        "a: { tags: item.tags, from: user.recent }",
        "a: { tags: item.tags, from: user.recent, recency: 0.5 }"
    ));
    assert!(rebuild(
        "a: { tags: item.tags, from: user.country }",
        "a: { tags: item.tags, from: user.country, by: item.heat }"
    ));
}

#[test]
fn every_option_is_a_change_and_none_rebuilds() {
    let route = |options: &str| format!("recall: {{ a: {{ top: item.heat{options} }} }}");
    let of = |options: &str, more: &[&str]| {
        let route = route(options);
        let lines: Vec<&str> = [route.as_str()].into_iter().chain(more.iter().copied()).collect();
        plan(&spec(&lines))
    };
    let base = of("", &[]);
    let others = [
        of(", when: user.age > 3", &[]),
        of(", min: 2", &["candidates: 4096"]),
        of("", &["candidates: 100"]),
        of("", &["fuse: interleave"]),
        of("", &["fuse: score"]),
        of(", quota: 1", &["fuse: quota", "candidates: 4096"]),
    ];
    for (number, other) in others.iter().enumerate() {
        let diff = diff(&base, other);
        assert_eq!((diff.changed, diff.rebuild), (vec!["feed home".to_owned()], false), "{number}");
    }
    assert!(diff(&base, &of("", &["fuse: rrf", "candidates: 4096"])).changed.is_empty());
    assert!(!diff(&of(", when: user.age > 3", &[]), &of(", when: user.age > 4", &[])).changed.is_empty());
}

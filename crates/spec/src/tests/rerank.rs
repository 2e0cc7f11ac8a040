//! Rerankers: what is refused and where, what defaults are, and what counts as a change.

use crate::plan::*;
use crate::{Diff, compile, diff};
use domain::Span;

const HEAD: &str = "
version: 1
entities:
  item:
    fields: { category: string, seller: string, tags: [string], vector: [float], price: float, created: timestamp }
events: { view: { user: user, item: item } }
features:
  user: { recent: 'last(view, item, 9)' }
  item: { heat: 'decayed(view, 6h)' }
feeds:
  other: { for: user, recall: { hot: { top: item.heat } } }
  things: { for: item, recall: { near: { co_visited: view, from: request.item } } }
  aside: { for: user, context: { place: int }, recall: { hot: { top: item.heat } } }
  home:
    for: user
    context: { place: string }
    recall: { hot: { top: item.heat }, near: { co_visited: view, from: user.recent }, new: { newest: item.created } }
    rerank:
";

/// A step on line 19, after six columns and `- `; the code, the column, and a part of message or help.
type Case = (&'static str, &'static str, u32, &'static str);

#[test]
fn steps_that_are_refused() {
    let cases: &[Case] = &[
        ("{ sprad: item.category }", "unknown_field", 11, "did you mean `spread`"),
        ("{ window: 5 }", "missing_field", 9, "spread"),
        ("{ spread: item.category, mmr: { by: item.tags } }", "several_kinds", 34, "a step of its own"),
        ("{ spread: item.category, min: 1 }", "unknown_field", 34, "known here: spread, window, max"),
        ("{ mmr: { by: item.tags }, window: 5 }", "unknown_field", 35, "this step"),
        ("{ spread: [] }", "missing_value", 19, "remove the step"),
        ("{ spread: item.price }", "wrong_type", 19, "string, bool or int, or [string]"),
        ("{ spread: item.vector }", "wrong_type", 19, "[string]"),
        ("{ spread: [{ by: item.category, window: 2, max: 2 }] }", "out_of_range", 20, "not below `window`"),
        ("{ spread: [{ by: item.category, max: 0 }] }", "out_of_range", 20, "with `when`"),
        ("{ spread: [{ by: item.category, min: 1 }] }", "not_here", 41, "name the kind"),
        ("{ spread: [{ when: item.price > 1.0 }] }", "missing_field", 20, "`max` or `min`"),
        ("{ spread: [{ window: 4 }] }", "missing_field", 20, "`by` or `when`"),
        ("{ spread: [{ by: item.tags, when: item.price > 1.0 }] }", "several_kinds", 20, "exactly one"),
        ("{ spread: [{ when: item.price, max: 1 }] }", "wrong_type", 28, "compare it"),
        ("{ spread: [{ when: item.prize > 1.0, max: 1 }] }", "unknown_name", 28, "item.price"),
        ("{ spread: [{ when: item.price > 1.0, window: 3, min: 4 }] }", "out_of_range", 20, "no window can hold"),
        ("{ spread: [{ when: item.price > 1.0, window: 4, min: 2, max: 1 }] }", "contradiction", 20, "below `min`"),
        ("{ mmr: item.tags }", "wrong_type", 16, "a map"),
        ("{ mmr: { lambda: 0.5 } }", "missing_field", 11, "co_visited"),
        ("{ mmr: { by: item.tags, theta: 0.5 } }", "unknown_field", 33, "`theta`"),
        ("{ mmr: { by: item.tags, lambda: 1.5 } }", "out_of_range", 41, "from 0 to 1"),
        ("{ mmr: { by: item.tags, lambda: 1 } }", "no_effect", 41, "does nothing"),
        ("{ mmr: { by: item.tags, depth: 1 } }", "out_of_range", 40, "from 2 to 500"),
        ("{ mmr: { by: item.tgs } }", "unknown_name", 22, "did you mean `item.tags`"),
        ("{ mmr: { by: item.price } }", "wrong_type", 22, "[float]"),
        ("{ dpp: { by: hot } }", "wrong_type", 22, "co_visited"),
        ("{ dpp: { by: naer } }", "unknown_name", 22, "did you mean `near`"),
        ("{ slots: [{ from: hot }] }", "missing_field", 19, "third place"),
        ("{ slots: [{ at: 3 }] }", "missing_field", 19, "`from` or `when`"),
        ("{ slots: [{ at: 0, from: hot }] }", "out_of_range", 25, "from 1 to 200"),
        ("{ slots: [{ at: 3, from: hat }] }", "unknown_name", 34, "did you mean `hot`"),
        ("{ mix: { feed: otter, every: 4 } }", "unknown_name", 24, "did you mean `other`"),
        ("{ mix: { feed: home, every: 4 } }", "cycle", 24, "mix in itself"),
        ("{ mix: { feed: things, every: 4 } }", "wrong_subject", 24, "same kind of subject"),
        ("{ mix: { feed: aside, every: 4 } }", "wrong_type", 24, "`place`"),
        ("{ mix: { feed: other } }", "missing_field", 11, "every: 4"),
        ("{ mix: { feed: other, every: 1 } }", "out_of_range", 38, "from 2 to 200"),
        ("{ fresh: { by: item.price, within: 1d, at_least: 1 } }", "wrong_type", 24, "a timestamp"),
        ("{ fresh: { by: item.created, at_least: 1 } }", "missing_field", 11, "within: 1d"),
        ("{ fresh: { by: item.created, within: 1d } }", "missing_field", 18, "`share` or `at_least`"),
        ("{ fresh: { by: item.created, within: 1d, at_least: 11 } }", "out_of_range", 9, "larger than `in`"),
        ("{ fair: { of: item.tags, target: equal } }", "wrong_type", 23, "needs a string"),
        ("{ fair: { of: item.seller } }", "missing_field", 11, "proportional"),
        ("{ fair: { of: item.seller, target: equl } }", "out_of_range", 44, "did you mean `equal`"),
        ("{ fair: { of: item.seller, target: { a: 0.7, b: 0.7 } } }", "out_of_range", 44, "more than 1"),
        ("{ fair: { of: item.seller, target: equal, strength: 2 } }", "out_of_range", 61, "to 1"),
        ("{ fair: { of: item.seller, target: equal, window: 100d } }", "out_of_range", 59, "90d"),
    ];
    let mut wrong = String::new();
    for (step, code, column, said) in cases {
        let Err(found) = compile("spec.yaml", &format!("{HEAD}      - {step}\n")) else {
            wrong.push_str(&format!("not refused: {step}\n"));
            continue;
        };
        let first = &found.list[0];
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        if found.list.len() != 1
            || (first.code, first.line, first.column) != (code, 19, *column)
            || !words.contains(said)
        {
            wrong.push_str(&format!("wanted {code} 19:{column} with `{said}`, got\n{found}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn home(steps: &[&str]) -> Plan {
    let steps: String = steps.iter().map(|step| format!("      - {step}\n")).collect();
    compile("spec.yaml", &format!("{HEAD}{steps}")).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn too_many_steps_are_refused() {
    let steps = vec!["{ spread: item.category }"; domain::limits::RERANKS_MAX + 1];
    let steps: String = steps.iter().map(|step| format!("      - {step}\n")).collect();
    let found = compile("spec.yaml", &format!("{HEAD}{steps}")).unwrap_err();
    assert_eq!((found.list.len(), found.list[0].code), (1, "too_many"));
}

#[test]
fn parameters_default() {
    let plan = home(&[
        "{ spread: [item.category, item.tags], window: 6, max: 3 }",
        "{ mmr: { by: item.vector } }",
        "{ dpp: { by: near, theta: 0.5, depth: 40 } }",
        "{ slots: { every: 4, from: new } }",
        "{ mix: { feed: other, every: 5 } }",
        "{ fresh: { by: item.created, within: 1d, share: 0.25 } }",
        "{ fair: { of: item.seller, target: { acme: 0.5 } } }",
        "{ fair: { of: item.seller, target: proportional, window: 1d } }",
    ]);
    let reranks = &plan.feeds[3].reranks;
    let kinds: Vec<&str> = reranks.iter().map(Rerank::kind).collect();
    assert_eq!(kinds, ["spread", "mmr", "dpp", "slots", "mix", "fresh", "fair", "fair"]);
    let [Rerank::Spread(rules), Rerank::Mmr(mmr), Rerank::Dpp(dpp), Rerank::Slots(slots), Rerank::Mix(mix), ..] =
        &reranks[..]
    else {
        panic!("{reranks:?}")
    };
    assert!(matches!(rules[1], Rule { of: Of::Attribute(2), window: 6, most: Some(3), least: 0 }));
    assert_eq!(*mmr, Mmr { by: Likeness::Cosine(3), lambda: 0.7, depth: 100 });
    assert!(
        matches!(dpp.by, Likeness::CoVisited(index) if matches!(plan.indexes[usize::from(index)], Index::CoVisited(_)))
    );
    assert!(matches!(slots[..], [PlaceRule { at: 4, every: Some(4), source: PlaceSource::Route(2) }]));
    assert_eq!((mix.feed, mix.at, mix.every, mix.routes.as_slice()), (0, 5, 5, ["other.hot".to_owned()].as_slice()));
    let [Rerank::Fresh(fresh), Rerank::Fair(first), Rerank::Fair(second)] = &reranks[5..] else {
        panic!("{reranks:?}")
    };
    assert!(matches!(fresh, Rule { of: Of::Age { field: 5, .. }, window: 10, most: None, least: 3 }));
    let Target::Shares(shares) = &first.target else { panic!("{first:?}") };
    assert_eq!(plan.constants[shares[0].0 as usize], "acme");
    // Equal attribute and window: one count.
    assert_eq!(plan.exposures, [Exposure { field: 1, window: Span::DAY }]);
    assert_eq!((first.exposure, second.exposure, second.strength, second.depth), (0, 0, 0.3, 100));
    assert_eq!(plan.route_names(&plan.feeds[3]), ["hot", "near", "new", "other.hot"]);
}

#[test]
fn every_setting_is_a_change_and_only_exposures_rebuild() {
    let change = |before: &str, after: &str| -> Diff { diff(&home(&[before]), &home(&[after])) };
    let pairs = [
        ("{ spread: item.category }", "{ spread: item.seller }"),
        ("{ spread: item.category }", "{ spread: item.category, max: 1 }"),
        ("{ spread: [{ when: item.price > 1.0, max: 1 }] }", "{ spread: [{ when: item.price > 2.0, max: 1 }] }"),
        ("{ mmr: { by: item.tags } }", "{ mmr: { by: item.vector } }"),
        ("{ mmr: { by: item.tags } }", "{ mmr: { by: item.tags, lambda: 0.6 } }"),
        ("{ mmr: { by: item.tags } }", "{ dpp: { by: item.tags } }"),
        ("{ dpp: { by: item.tags } }", "{ dpp: { by: item.tags, depth: 50 } }"),
        ("{ slots: { at: 2, from: hot } }", "{ slots: { at: 2, from: new } }"),
        ("{ slots: { at: 2, from: hot } }", "{ slots: { at: 2, every: 3, from: hot } }"),
        ("{ mix: { feed: other, every: 3 } }", "{ mix: { feed: other, every: 4 } }"),
        (
            "{ fresh: { by: item.created, within: 1d, at_least: 1 } }",
            "{ fresh: { by: item.created, within: 2d, at_least: 1 } }",
        ),
        ("{ fair: { of: item.seller, target: equal } }", "{ fair: { of: item.seller, target: { acme: 0.5 } } }"),
        (
            "{ fair: { of: item.seller, target: { acme: 0.5 } } }",
            "{ fair: { of: item.seller, target: { acme: 0.4 } } }",
        ),
    ];
    for (before, after) in pairs {
        let diff = change(before, after);
        assert_eq!((diff.changed, diff.rebuild), (vec!["feed home".to_owned()], false), "{before} -> {after}");
    }
    let window = change(
        "{ fair: { of: item.seller, target: equal, window: 1d } }",
        "{ fair: { of: item.seller, target: equal, window: 2d } }",
    );
    assert_eq!((window.changed, window.rebuild), (vec!["feed home".to_owned()], true));
    assert!(change("{ mmr: { by: item.tags } }", "{ mmr: { by: item.tags, lambda: 0.7 } }").changed.is_empty());
}

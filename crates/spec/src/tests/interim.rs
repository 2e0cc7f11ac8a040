//! The plan that serves until a changed spec's state is filled.

use super::{SHOP, plan};
use crate::plan::{Action, RouteSource, SlotSource};
use crate::{Plan, bind, compile, diff, interim, state_digest};
use domain::Symbol;
use std::sync::Arc;

fn between(changes: &[(&str, &str)]) -> (Plan, Plan, Plan) {
    let text = changes.iter().fold(SHOP.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let (old, new) = (plan(SHOP), plan(&text));
    let between = interim(&old, "spec.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    (old, between, new)
}

fn source(plan: &Plan, name: &str) -> SlotSource {
    let of_table = |feature: &&crate::plan::Feature| {
        format!("{}.{}", plan.tables[usize::from(feature.table)].name, feature.name) == name
    };
    let feature = plan.declared_features().find(of_table).unwrap_or_else(|| panic!("{name} is declared"));
    plan.slots[usize::from(feature.slot)].source
}

#[test]
fn what_is_counted_stays_and_what_is_not_is_missing() {
    let (old, between, new) =
        between(&[("count(view, 7d)\n    long_views", "count(view, 14d)\n    fresh: count(view, 3h)\n    long_views")]);
    assert!(diff(&old, &new).rebuild);
    assert_eq!(state_digest(&between), state_digest(&old), "it has the old state");
    assert!(!diff(&old, &between).rebuild);
    assert_eq!(source(&between, "user.views_7d"), SlotSource::Unfilled);
    assert_eq!(source(&between, "user.fresh"), SlotSource::Unfilled);
    assert_eq!(source(&between, "user.category.share_7d"), SlotSource::Unfilled, "it reads one that has changed");
    assert!(matches!(source(&between, "user.views_1h"), SlotSource::Feature(_)));
    assert!(matches!(source(&between, "item.heat"), SlotSource::Feature(_)));
    assert!(between.is_interim() && !old.is_interim());
    assert_eq!((between.written(), between.text_of_state()), (new.text.as_str(), SHOP));
    // What is filled is what has changed since.
    let filled = diff(&between, &new);
    assert!(filled.rebuild && filled.added.is_empty() && filled.removed.is_empty(), "{filled:?}");
    assert!(filled.changed.contains(&"feature user.fresh".to_owned()), "{filled:?}");
    assert!(filled.unchanged.contains(&"feature user.views_1h".to_owned()), "{filled:?}");
}

#[test]
fn what_is_computed_of_events_stays_and_nothing_is_added() {
    let counted = |text: &str| SHOP.replacen("count(view, 7d)\n    long_views", &format!("{text}\n    long_views"), 1);
    let old = plan(&counted("count(view, 7d, item.title.contains('x'))"));
    let text = counted(
        "count(view, 7d, item.title.contains('x') && item.price > 1.0) + count(view, 3h, item.title.contains('x'))",
    );
    let between = interim(&old, "spec.yaml", &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(state_digest(&between), state_digest(&old), "it has the old state");
    assert_eq!(source(&between, "user.views_7d"), SlotSource::Unfilled);
    let computed = |plan: &Plan| plan.events.iter().map(|event| event.computed.len()).collect::<Vec<_>>();
    assert_eq!(computed(&between), computed(&old));
    assert!(computed(&plan(&text)) > computed(&old));
}

#[test]
fn its_text_means_it_and_binds_to_any_dictionary() {
    let (_, between, _) = between(&[("count(view, 7d)\n    long_views", "count(view, 14d)\n    long_views")]);
    let again = compile("from the log", &between.text).expect("it was compiled before");
    assert_eq!(format!("{:?}", again.slots), format!("{:?}", between.slots));
    assert_eq!((again.digest, again.interim), (between.digest, between.interim));
    let mut next = 70;
    let bound = bind(&Arc::new(between), &mut |_| {
        next += 1;
        Symbol(next)
    });
    assert!(bound.is_interim() && bound.symbols.iter().all(|symbol| symbol.0 > 70));
    // A second change before the first one is filled is again one of the state that is there.
    let once_more = interim(&bound, "spec.yaml", &SHOP.replace("count(view, 1h)", "count(view, 2h)"));
    assert_eq!(once_more.expect("it compiles").text_of_state(), SHOP);
}

#[test]
fn a_removed_feature_that_an_index_is_ordered_by_stays_out_of_sight() {
    let (old, between, _) = between(&[("3 * decayed(cart", "4 * decayed(cart")]);
    let all = between.features.iter().filter(|feature| feature.name == "heat").count();
    assert_eq!((all, between.declared_features().filter(|feature| feature.name == "heat").count()), (2, 1));
    assert_eq!(between.indexes, old.indexes);
    let home = &between.feeds[usize::from(between.feed("home").expect("it is there"))];
    let hot = home.routes.iter().find(|route| route.name == "hot").expect("it is there");
    assert!(matches!(hot.source, RouteSource::Random), "an index by the changed formula is not there yet");
    let never = hot.when.as_ref().expect("it never runs");
    assert!(!never.eval_bool(&[]));
    assert!(matches!(source(&between, "item.heat"), SlotSource::Feature(_)), "its counts are all there");
}

#[test]
fn policies_that_would_have_to_count_are_left_out() {
    let policies = "    policy:\n      - boost: { by: 2.0, when: item.in_stock }\n      \
                    - cap: { per: user, impressions: 3, in: 2h }\n      \
                    - quota: { of: item, impressions: 12, in: 1d }\n    rank:";
    let (old, between, _) = between(&[("    rank:", policies)]);
    let home = &between.feeds[0];
    assert_eq!(home.policies.len(), 1, "{:?}", home.policies);
    assert!(matches!(home.policies[0].action, Action::Scale(_)));
    assert_eq!((between.tables.len(), between.quotas.len()), (old.tables.len(), old.quotas.len()));
}

#[test]
fn what_is_declared_must_be_what_it_was() {
    let old = plan(SHOP);
    for (from, to) in
        [("price: float, in_stock", "price: int, in_stock"), ("in_stock: bool", "in_stock: bool, c: string")]
    {
        assert!(SHOP.contains(from), "{from}");
        let wrong = interim(&old, "spec.yaml", &SHOP.replacen(from, to, 1)).expect_err("the catalogue differs");
        assert_eq!(wrong.list[0].code, "needs_filling", "{wrong}");
    }
    let wrong = interim(&old, "spec.yaml", "version: 1\nfeatures: { user: { a: 'count(vew, 1h)' } }\n");
    assert_eq!(wrong.expect_err("it is wrong in itself").list[0].code, "unknown_event");
    let forged = "# interim spec, kept bytes: 3\nabcversion: 1\n";
    assert!(compile("spec.yaml", forged).is_err());
    let endless = format!("# interim spec, kept bytes: 99999\n{SHOP}");
    assert!(compile("spec.yaml", &endless).is_ok(), "a comment, then a spec");
}

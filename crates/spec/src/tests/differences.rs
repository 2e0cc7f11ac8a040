//! What changes between two plans.

use super::{SHOP, plan};
use crate::{Diff, diff};

fn changed(from: &str, to: &str) -> Diff {
    assert!(SHOP.contains(from), "{from}");
    diff(&plan(SHOP), &plan(&SHOP.replacen(from, to, 1)))
}

#[test]
fn comments_and_layout_are_no_change() {
    let diff = changed("count(view, 1d, dwell > 30s)", "count(view,   1d, dwell>30s)   # per day");
    assert!(diff.added.is_empty() && diff.removed.is_empty() && diff.changed.is_empty(), "{diff:?}");
    assert!(!diff.rebuild);
    assert!(diff.unchanged.contains(&"feature user.views_1h".to_owned()), "{diff:?}");
    assert!(diff.unchanged.contains(&"event impression".to_owned()), "{diff:?}");
}

#[test]
fn a_feed_changes_without_rebuilding() {
    let diff = changed("0.3 * item.conversion", "0.4 * item.conversion");
    assert_eq!((diff.changed, diff.rebuild), (vec!["feed home".to_owned()], false));
}

#[test]
fn a_changed_feature_changes_what_reads_it() {
    let diff = changed("count(view, 7d)\n    long_views", "count(view, 14d)\n    long_views");
    let names = ["feature user.category.share_7d", "feature user.views_7d", "feed home"];
    assert_eq!(diff.changed, names);
    assert!(diff.rebuild);
}

#[test]
fn features_come_and_go() {
    let diff = changed("    views_1h:    count(view, 1h)\n", "    views_2d:    count(view, 2d)\n");
    assert_eq!(
        (diff.added, diff.removed),
        (vec!["feature user.views_2d".to_owned()], vec!["feature user.views_1h".to_owned()])
    );
    assert!(diff.changed.is_empty() && diff.rebuild);
}

#[test]
fn a_formula_over_the_same_counts_keeps_state_unless_an_index_is_ordered_by_it() {
    assert!(!changed("spend_30d / max(", "2 * spend_30d / max(").rebuild);
    let heat = changed("3 * decayed(cart", "4 * decayed(cart");
    assert!(heat.rebuild);
    assert_eq!(heat.changed, ["feature item.heat", "feed home", "feed related"]);
}

#[test]
fn types_and_indexes_rebuild() {
    assert!(changed("price: float, in_stock", "price: int, in_stock").rebuild);
    assert!(changed("limit: 300, half_life: 30d", "limit: 300, half_life: 10d").rebuild);
    assert!(!changed("limit: 300, half_life: 30d", "limit: 200, half_life: 30d").rebuild);
    assert!(changed("limit: 300, half_life: 30d", "limit: 300, half_life: 30d, keep: 500").rebuild);
}

#[test]
fn what_a_route_leaves_out_and_how_it_scores_needs_no_other_state() {
    for (from, to) in [
        ("limit: 300, half_life: 30d", "limit: 300, half_life: 30d, known: keep"),
        ("history: user.recent, limit: 20", "history: user.recent, recency: 0.5, limit: 20"),
    ] {
        let diff = changed(from, to);
        assert_eq!((diff.changed, diff.rebuild), (vec!["feed home".to_owned()], false), "{to}");
    }
}

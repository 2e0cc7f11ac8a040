//! `distinct`, `quantile`, `top_k`: what the plan holds, and what is refused.

use super::diagnostics::{HEAD, check};
use super::plan;
use crate::plan::*;
use domain::{Span, Type, limits};

const HOUR: Span = Span(3_600_000);

fn features(features: &str) -> Plan {
    plan(&format!("{HEAD}features: {{ user: {{ {features} }} }}\n"))
}

#[test]
fn equal_elements_share_a_ring_and_a_collection() {
    let plan = features(
        "a: 'distinct(view, item.tags, 1h)', b: 'distinct(view, item.tags, 50m)', c: 'top_k(view, item.tags, 5, 1h)', \
         d: 'top_k(view, item.tags, 9, 1h)', e: 'distinct(view, item, 1h, dwell > 3s)', f: 'distinct(view, page, 30d)', \
         g: 'quantile(view, dwell, 0.5, 1h)', h: 'quantile(view, dwell, 0.999, 1h)', i: 'distinct(use, device, 1h)'",
    );
    let view = plan.event("view").unwrap();
    let tags = ElementSource::Attribute { role: 1, field: 3 };
    let sources = [tags, ElementSource::Role(1), ElementSource::Field(1)];
    let of_view = plan.collections.iter().filter(|of| of.event == view);
    assert_eq!(of_view.map(|of| of.source).collect::<Vec<_>>(), sources);
    let kinds: Vec<Option<Sketch>> = plan.streams.iter().map(|stream| stream.sketch).collect();
    let [distinct, top, quantile] = [Sketch::Distinct, Sketch::Top, Sketch::Quantile].map(Some);
    assert_eq!(kinds, [distinct, top, distinct, distinct, quantile, distinct]);
    let level = PaneLevel::Sliding { width: Span(120_000), window: HOUR };
    assert_eq!(plan.streams[0].panes, [level], "an hour and 50 minutes have panes of one width");
    assert!(matches!(plan.streams[5].value, StreamValue::Elements(0)), "the first collection of its event");
    assert_eq!(plan.streams[0].parts, Parts::default());
}

#[test]
fn types_are_those_of_the_elements() {
    let plan = features(
        "a: 'distinct(view, page, 1h) + 1', b: 'quantile(view, dwell, 1, 1h)', c: 'top_k(view, page, 3, 1h)', \
         d: 'top_k(view, item, 3, 1h)', e: 'top_k(view, item.category, 64, 1h)', f: 'distinct(view, item.price, 1h)'",
    );
    let list = |of| Type::List(Box::new(of));
    let types: Vec<Type> = plan.features.iter().map(|feature| feature.program.ty().clone()).collect();
    assert_eq!(types, [Type::Float, Type::Float, list(Type::Str), list(Type::Entity(1)), list(Type::Str), Type::Float]);
}

#[test]
fn panes_fit_24_times_and_are_a_second_at_least() {
    for (window, width) in [("1s", "1s"), ("23s", "1s"), ("1m", "2s"), ("10m", "20s"), ("1h", "2m"), ("1d", "1h")] {
        let [window, width] = [window, width].map(|text| Span::parse(text).unwrap());
        assert_eq!(crate::build::sketch_pane_width(window), width, "{window}");
    }
    for seconds in 1..=limits::WINDOW_MAX.0 / 60_000 {
        let window = Span(seconds * 60_000);
        let width = crate::build::sketch_pane_width(window);
        assert!(window.0 / width.0 <= 90 && window.0 / width.0 >= 24, "{window} in panes of {width}");
    }
}

#[test]
fn a_ceiling_of_bytes_is_told() {
    let plan =
        features("a: 'distinct(view, page, 1h)', b: 'quantile(view, dwell, 0.5, 1h)', c: 'top_k(view, page, 5, 1h)'");
    let of = &plan.describe().tables[0];
    let bytes: Vec<usize> = of.features.iter().map(|feature| feature.bytes_per_key).collect();
    // An hour in panes of two minutes, a minute ahead, and one at either end: 33 panes of 2,048, 4,096 and 3,072 bytes.
    assert_eq!(bytes, [33 * 2_048 + 34 * 80, 33 * 4_096 + 34 * 80, 33 * 3_072 + 34 * 80]);
    assert_eq!(of.bytes_per_key, 64 + bytes.iter().sum::<usize>());
    assert_eq!(of.features[0].window_error, Some(Span(120_000)));
}

#[test]
fn a_route_takes_tags_from_a_feature() {
    let text = |from: &str| {
        format!(
            "{HEAD}features: {{ user: {{ likes: 'top_k(view, item.tags, 5, 30d)', items: 'top_k(view, item, 5, 30d)' }} }}\n\
             feeds: {{ f: {{ for: user, recall: {{ a: {{ tags: item.tags, from: {from} }} }} }} }}\n"
        )
    };
    let plan = plan(&text("user.likes"));
    let slot = plan.features[0].slot;
    let RouteSource::Tags { from, .. } = plan.feeds[0].routes[0].source else { panic!("a tags route") };
    assert_eq!(from, TagsFrom::Slot(slot));
    assert!(super::refused(&text("user.items")).to_string().contains("is not a list of items"));
    assert!(!crate::diff(&plan, &super::plan(&text("user.likes"))).rebuild);
}

#[test]
fn calendar_periods_are_windows_of_one_pane() {
    let plan = features("a: 'distinct(view, page, day())', b: 'distinct(view, page, previous(day()))'");
    assert_eq!(plan.streams[0].panes, [PaneLevel::Calendar { calendar: 0, back: 1 }]);
    let of = &plan.describe().tables[0].features[0];
    assert_eq!((of.bytes_per_key, of.window_error), (3 * 2_048 + 4 * 80, Some(Span(0))));
}

#[test]
fn mistakes() {
    check(
        HEAD,
        &[
            ("features: { user: { a: 'distinct(view, 1h)' } }\n", "wrong_arity", 8, 25, "3 to 4"),
            ("features: { user: { a: 'distinct(view, pag, 1h)' } }\n", "unknown_name", 8, 40, "did you mean `page`"),
            ("features: { user: { a: 'distinct(view, item.tag, 1h)' } }\n", "unknown_name", 8, 40, "`item.tags`"),
            ("features: { user: { a: 'distinct(view, 1s + 1s, 1h)' } }\n", "wrong_type", 8, 40, "must be of the event"),
            ("features: { user: { a: 'distinct(view, page, 91d)' } }\n", "out_of_range", 8, 46, "window"),
            ("features: { user: { a: 'distinct(view, page, 1h, dwell)' } }\n", "wrong_type", 8, 50, "condition"),
            ("features: { item: { a: 'distinct(use, device, 1h)' } }\n", "missing_role", 8, 34, "names no `item`"),
            ("features: { user: { a: 'quantile(view, page, 0.5, 1h)' } }\n", "wrong_type", 8, 40, "takes numbers"),
            ("features: { user: { a: 'quantile(view, dwell, 50, 1h)' } }\n", "out_of_range", 8, 47, "from 0 to 1"),
            ("features: { user: { a: 'quantile(view, dwell, 0.1234567, 1h)' } }\n", "out_of_range", 8, 47, "six"),
            ("features: { user: { a: 'quantile(view, dwell, page, 1h)' } }\n", "wrong_type", 8, 47, "a number"),
            ("features: { user: { a: 'top_k(view, dwell, 5, 1h)' } }\n", "wrong_type", 8, 37, "strings and entities"),
            ("features: { user: { a: 'top_k(view, page, 65, 1h)' } }\n", "out_of_range", 8, 43, "from 1 to 64"),
            ("features: { user: { a: 'top_k(view, page, 1h, 1h)' } }\n", "wrong_type", 8, 43, "a count"),
            ("features: { user: { a: 'top_k(view, page, 5)' } }\n", "wrong_arity", 8, 25, "top_k(event, what, 5"),
            ("features: { user: { a: 'distinct(view, page, session(30m))' } }\n", "wrong_type", 8, 46, "a session"),
        ],
    );
}

//! Expressions over the texts of strings, in every place, and what is worked out of events for them.

use super::{plan, refused};
use crate::overlay;
use crate::plan::{Computed, ElementSource};
use domain::{FeedRequest, Subject};

fn shop(feature: &str, filter: &str, score: &str, policy: &str) -> String {
    format!(
        "version: 1
entities:
  user: {{ fields: {{ country: string }} }}
  item: {{ fields: {{ brand: string, tags: [string], price: float }} }}
events:
  view: {{ user: user, item: item, fields: {{ device: string }} }}
features:
  user:
    views: \"{feature}\"
  item:
    heat: decayed(view, 1h)
feeds:
  home:
    for: user
    context: {{ device: string }}
    recall: {{ hot: {{ top: item.heat }} }}
    filter: [\"{filter}\"]
    rank: {{ score: \"{score}\" }}
    policy: [{{ block: {{ when: \"{policy}\" }} }}]
"
    )
}

#[test]
fn texts_are_read_in_every_place() {
    let text = shop(
        "count(view, 7d, device.startsWith('i')) + (user.country.startsWith('D') ? 1.0 : 0.0)",
        "request.device.contains('phone') && item.brand.lowerAscii() != 'acme'",
        "item.heat + (item.brand < user.country ? 1.0 : 0.0)",
        "item.brand.endsWith('x')",
    );
    let plan = plan(&text);
    assert!(plan.features.iter().any(|feature| feature.program.needs_texts()));
    assert!(plan.feeds[0].filters[0].needs_texts());
    assert!(plan.feeds[0].terms.iter().any(|term| term.needs_texts()));
    assert!(plan.feeds[0].policies.iter().all(|policy| policy.when.as_ref().is_some_and(|when| when.needs_texts())));
    // What rows are filled by reads what was computed with the event.
    assert!(plan.streams.iter().flat_map(|stream| &stream.filter).all(|filter| !filter.needs_texts()));
    let request = |filter: &str| FeedRequest {
        filter: Some(filter.to_owned()),
        ..FeedRequest::new("home", Subject::Anonymous, 3)
    };
    for filter in ["item.brand.matches('^a')", "request.device.startsWith('a')"] {
        let filter = overlay(&plan, 0, &request(filter), &|_| None).map(|overlay| overlay.filter);
        assert!(filter.is_ok_and(|filter| filter.is_some_and(|filter| filter.needs_texts())));
    }
}

#[test]
fn what_compares_strings_for_equality_needs_none() {
    let text = shop(
        "count(view, 7d, [device, 'x'].exists(d, d == 'mobile'))",
        "item.tags.exists(t, t in [user.country, request.device])",
        "item.heat * (size(item.tags) > 2 ? 2.0 : 1.0)",
        "item.tags.all(t, t != request.device)",
    );
    let plan = plan(&text);
    let feed = &plan.feeds[0];
    assert!(feed.filters.iter().chain(&feed.terms).all(|program| !program.needs_texts()));
    assert!(plan.events.iter().all(|event| event.computed.is_empty()));
}

#[test]
fn what_is_computed_of_an_event_is_computed_once() {
    let feature = "count(view, 7d, item.brand.size() > 3) + count(view, 1d, item.brand.size()>3) + count(view, 1d, item.price > 2.0)
      + distinct(view, device.lowerAscii(), 1d) + distinct(view, device.lowerAscii(), 7d) + size(last_n(view, device.lowerAscii(), 3))
      + distinct(view, item.price > 2.0, 1d) + distinct(view, item.brand, 1d)";
    let plan = plan(&shop(feature, "true", "item.heat", "false"));
    let view = plan.event("view").expect("it is declared");
    let computed = &plan.events[usize::from(view)].computed;
    let shown: Vec<String> = computed.iter().map(|computed| format!("{computed:?}")).collect();
    let expected = [
        "Attribute { role: 1, field: 0 }",
        "Program(Program(item.brand.size() > 3))",
        "Attribute { role: 1, field: 2 }",
        "Program(Program(device.lowerAscii()))",
        "Program(Program(item.price > 2.0))",
    ];
    assert_eq!(shown, expected);
    let sources: Vec<ElementSource> = plan.collections.iter().map(|collection| collection.source).collect();
    // Behind the one field of the event; a name alone is read where it is.
    assert_eq!(
        sources,
        [ElementSource::Field(4), ElementSource::Field(5), ElementSource::Attribute { role: 1, field: 0 }]
    );
    assert!(matches!(&computed[3], Computed::Program(program) if program.slots() == [0]));
}

#[test]
fn mistakes_in_what_is_computed_are_told() {
    for (feature, code) in [
        ("count(view, 7d, item.colour.size() > 1)", "unknown_name"),
        ("count(view, 7d, device.brand == 'a')", "unknown_name"),
        ("count(view, 7d, request.device.size() > 1)", "unknown_name"),
        ("count(view, 7d, item.brand.lowerAscii())", "wrong_type"),
        ("distinct(view, item.brand.size() * 'a', 7d)", "wrong_type"),
        ("size(last_n(view, device.split(','), 3))", "unsupported_result"),
    ] {
        let text = shop(feature, "true", "item.heat", "false");
        let codes: Vec<&str> = refused(&text).list.iter().map(|issue| issue.code).collect();
        assert_eq!(codes, [code], "{feature}");
    }
}

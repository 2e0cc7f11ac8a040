//! Where expressions may read the texts of strings, and where only whether strings are equal.

use super::{plan, refused};
use crate::overlay;
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

const FEATURE: &str = "count(view, 7d)";
const NONE: &str = "true";

#[test]
fn filters_and_scores_of_feeds_read_texts() {
    let text = shop(
        FEATURE,
        "user.country.startsWith('D') && item.brand.lowerAscii() != 'acme'",
        "item.heat + (item.brand < user.country ? 1.0 : 0.0)",
        "item.tags.exists(t, t == 'old')",
    );
    let plan = plan(&text);
    assert!(plan.feeds[0].filters[0].needs_texts());
    assert!(plan.feeds[0].terms.iter().any(|term| term.needs_texts()));
    let request = |filter: &str| FeedRequest {
        filter: Some(filter.to_owned()),
        ..FeedRequest::new("home", Subject::Anonymous, 3)
    };
    let filter = overlay(&plan, 0, &request("item.brand.matches('^a')"), &|_| None).map(|overlay| overlay.filter);
    assert!(filter.is_ok_and(|filter| filter.is_some_and(|filter| filter.needs_texts())));
    let refusal = overlay(&plan, 0, &request("request.device.startsWith('a')"), &|_| None);
    assert!(refusal.is_err_and(|refusal| refusal.message.contains("text of a string")));
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
}

#[test]
fn elsewhere_texts_are_refused() {
    for (feature, filter, policy) in [
        ("count(view, 7d) + (user.country.startsWith('D') ? 1.0 : 0.0)", NONE, NONE),
        ("count(view, 7d, device.startsWith('i'))", NONE, NONE),
        (FEATURE, "request.device.contains('phone')", NONE),
        (FEATURE, NONE, "item.brand.endsWith('x')"),
    ] {
        let text = shop(feature, filter, "item.heat", policy);
        let codes: Vec<&str> = refused(&text).list.iter().map(|issue| issue.code).collect();
        assert!(codes.contains(&"needs_texts"), "{text}\n{codes:?}");
    }
}

//! Filters and scores that read the texts of strings, or go over lists.

use crate::Pace;
use crate::world::{SPEC, World, ample, request, user};
use domain::{Boost, FeedRequest};

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

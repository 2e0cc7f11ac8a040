//! Texts of strings in every place of a running node: the same in every mode and number of shards, from checkpoints, computed again,
//! and after a change that is adopted in place; strings that features make are shown as texts.

use super::change::holds;
use super::{Folder, fill, item, open, request, run_of, text};
use crate::{ChangeOutcome, Mode};
use domain::{FeedRequest, Raw, Trial};

const TEXTS: &str = "
version: 1
entities:
  item: { fields: { category: string } }
events:
  view: { user: user, item: item }
features:
  user:
    recent: last(view, item, 20)
    views: count(view, 1d)
    odd: count(view, 1h, item.category.matches('[13]'))
    kinds: last_n(view, item.category.upperAscii(), 4)
    variety: distinct(view, item.category.upperAscii() + '.', 1h)
    often: top_k(view, item.category.upperAscii(), 2, 1h)
    newest: \"size(kinds) > 0 ? kinds[0] : 'none'\"
    fan: \"newest.lowerAscii() + '!'\"
  item:
    heat: decayed(view, 1h)
    kind: item.category.upperAscii()
    lift: \"kind.endsWith('3') ? heat * 2.0 : heat\"
feeds:
  home:
    for: user
    context: { device: string }
    recall:
      hot: { top: item.lift, limit: 30 }
      similar: { co_visited: view, from: user.recent, limit: 50, when: \"user.fan.startsWith('c')\" }
    filter: [\"item.kind != 'C0' || request.device.startsWith('tab')\"]
    rank: { score: \"recall.score + item.lift / 100 + user.odd + (user.fan == item.category + '!' ? 0.5 : 0.0)\" }
    rerank: { spread: [{ when: \"item.kind > 'C2'\", window: 4, max: 2 }] }
    policy:
      - boost: { by: 1.5, when: \"user.often.exists(kind, kind == item.kind)\" }
      - never_follow: { item: \"item.category.contains('1')\", after: \"item.kind.contains('2')\" }
";

#[test]
fn nothing_depends_on_mode_shards_or_checkpoints() {
    let (expected, _) = run_of(TEXTS, Mode::Inline, 1);
    for (mode, shards) in [(Mode::Inline, 4), (Mode::Threaded, 1), (Mode::Threaded, 4)] {
        assert_eq!(run_of(TEXTS, mode, shards).0, expected, "{mode:?} with {shards} shards");
    }
}

#[test]
fn strings_that_are_made_are_shown_as_texts() {
    let (_, folder) = run_of(TEXTS, Mode::Threaded, 2);
    let (engine, _) = open(&folder, TEXTS, Mode::Threaded, 3);
    let of = |kind: &str, key: &str, name: &str| {
        let view = engine.entity(kind, key).expect("it is known");
        view.features.into_iter().find(|(feature, _)| feature == name).expect("it is declared").1
    };
    assert_eq!(of("item", "i3", "kind"), text("C3"));
    let Raw::Str(newest) = of("user", "u3", "newest") else { panic!("a string") };
    assert_eq!(of("user", "u3", "fan"), text(newest.to_lowercase() + "!"));
    let trial = Trial {
        expression: "user.fan + item.kind + request.device".to_owned(),
        user: Some("u3".into()),
        item: Some("i3".into()),
        feed: None,
        context: vec![("device".into(), text("never seen"))],
    };
    let tried = engine.try_expression(&trial).expect("it compiles");
    assert_eq!(tried.value, Some(text(newest.to_lowercase() + "!C3never seen")));
    let read: Vec<&Raw<'_>> = tried.reads.iter().map(|read| &read.value).collect();
    assert!(read.contains(&&text("C3")) && read.contains(&&text("never seen")), "{read:?}");
}

#[test]
fn a_request_brings_texts_that_the_log_has_not() {
    let (_, folder) = run_of(TEXTS, Mode::Inline, 2);
    let (engine, _) = open(&folder, TEXTS, Mode::Inline, 2);
    let shown = |device: &str, filter: Option<&str>| {
        let context = vec![("device".to_owned(), text(device.to_owned()))];
        let asked = FeedRequest { context, filter: filter.map(str::to_owned), count: 50, ..request("u3") };
        let served = engine.recommend(asked).expect("the feed exists");
        engine.sync().expect("the disk is well");
        let replayed = engine.replay(served.id, &mut |_, _| ()).expect("the log is whole");
        assert!(replayed.identical, "{:?}", replayed.differences);
        let category = |key: &str| key[1..].parse::<u64>().expect("keys are numbered") % 5;
        served.answer.items.iter().map(|item| category(&item.item)).collect::<Vec<u64>>()
    };
    assert!(shown("tablet of nobody", None).contains(&0));
    assert!(!shown("phone of nobody", None).contains(&0));
    // The request's constant, its context and what is made of both are one string, which the log does not know.
    let some = shown("phone", Some("request.device + item.kind == 'phoneC4' || item.kind + 'x' == 'C1x'"));
    assert!(!some.is_empty() && some.iter().all(|category| [1, 4].contains(category)), "{some:?}");
    assert_eq!(shown("phone", Some("item.kind == 'Unknown' || request.device == 'Unknown'")), []);
    assert!(!shown("unknown", Some("request.device.upperAscii() == 'UNKNOWN'")).is_empty());
}

#[test]
fn a_change_of_conditions_alone_is_adopted() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, TEXTS, Mode::Threaded, 2);
    engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    fill(&engine, 0, 200);
    let changed = TEXTS
        .replace("item.category.contains('1')", "item.category.contains('4')")
        .replace("item.kind != 'C0'", "item.kind.size() > 1 && item.kind != 'C4'")
        .replace("item.category.upperAscii() + '.'", "item.category.upperAscii()  +  '.'");
    let started = engine.change_spec("new.yaml", &changed, None).expect("it compiles");
    assert!(matches!(started.outcome, ChangeOutcome::Switched { .. }), "{:?}", started.outcome);
    fill(&engine, 200, 300);
    let served = engine.recommend(request("u3")).expect("the feed exists");
    assert!(served.answer.removed.iter().any(|removal| removal.reason.contains("C4")), "{:?}", served.answer.removed);
    engine.stop();
    drop(engine);
    holds(&folder, 31);
}

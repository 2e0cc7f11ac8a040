//! Lists, request-time expressions and pages on a node: what is refused, what survives a restart, what replays.

use super::{Folder, plan, released, text};
use crate::{Clock, Config, Engine, LogFile, page_key};
use domain::{Boost, Code, Event, FeedRequest, Field, ListPut, Payload, Raw, Span, Subject, Time, Upsert, limits};
use journal::Options;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

const SPEC: &str = "
version: 1
entities:
  item: { fields: { category: string, price: float } }
events:
  view: { user: user, item: item }
features:
  item:
    heat: decayed(view, 1h)
lists:
  picks: { of: item, max: 3 }
  blocked: { of: item }
feeds:
  home:
    for: user
    context: { word: string }
    recall:
      hot: { top: item.heat, limit: 90 }
      picks: { list: picks, limit: 3 }
    filter: ['!listed(item, blocked)']
    rank: { score: item.heat + recall.picks }
    rerank: { spread: item.category, window: 4, max: 2 }
  other:
    for: user
    recall: { hot: { top: item.heat, limit: 90 } }
";

struct Node {
    engine: Engine,
    clock: Arc<Clock>,
}

fn open(folder: &Folder, spec: &str, now: i64) -> Node {
    let clock = Arc::new(Clock::Manual(AtomicI64::new(now)));
    let page_key = page_key(&folder.0).expect("the folder is writable");
    let config = Config {
        clock: clock.clone(),
        page_key,
        checkpoint_every: Span(0),
        tick_every: Span(0),
        ..Config::new(Clock::Wall)
    };
    let opened = Engine::open(folder.disk(), Options::default(), plan(spec), config, &mut |_, _| ());
    Node { engine: opened.expect("the node opens").0, clock }
}

impl Node {
    fn send(&self, payloads: &[Payload<'_>]) {
        let submitted = self.engine.submit(payloads, false).expect("the node is well");
        submitted.results.iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
        released(&self.engine, submitted.last);
    }

    fn refused(&self, payload: Payload<'_>) -> Code {
        let submitted = self.engine.submit(&[payload], false).expect("the node is well");
        submitted.results[0].as_ref().expect_err("it must be refused").code
    }

    /// Forty items, the first the hottest.
    fn fill(&self) {
        for number in 0..40i64 {
            let fields = vec![
                Field { name: "category".into(), value: text(format!("c{}", number % 5)) },
                Field { name: "price".into(), value: Raw::Float(number as f64) },
            ];
            let key = format!("i{number}");
            self.send(&[Payload::Upsert(Upsert { entity: "item".into(), key: key.clone().into(), fields })]);
            let field = |name: &'static str, value: &str| Field { name: name.into(), value: text(value) };
            let fields = vec![field("user", "u1"), field("item", &key)];
            let time = Some(Time(NOW - number * 60_000));
            self.send(&[Payload::Event(Event { kind: "view".into(), source: "".into(), id: None, time, fields })]);
        }
    }

    fn replays(&self, id: domain::DecisionId) {
        self.engine.sync().expect("the disk is well");
        let replayed = self.engine.replay(id, &mut |_, _| ()).expect("the log is whole");
        assert!(replayed.identical, "{:?}", replayed.differences);
    }
}

const NOW: i64 = 1_700_000_000_000;

fn put(list: &'static str, key: &str, score: f64, until: Option<i64>) -> Payload<'static> {
    let until = until.map(Time);
    Payload::ListPut(ListPut { list: list.into(), key: key.to_owned().into(), score: Some(score), until })
}

fn delete(list: &'static str, key: &str) -> Payload<'static> {
    Payload::ListDelete { list: list.into(), key: key.to_owned().into() }
}

fn request() -> FeedRequest {
    FeedRequest::new("home", Subject::User("u1".into()), 10)
}

fn keys(served: &crate::Served) -> Vec<&str> {
    served.answer.items.iter().map(|of| of.item.as_str()).collect()
}

#[test]
fn lists_are_bounded_and_end_by_the_log() {
    let folder = Folder::new();
    let node = open(&folder, SPEC, NOW);
    node.fill();
    node.send(&[
        put("picks", "i30", 5.0, None),
        put("picks", "i31", 9.0, Some(NOW + 1_000)),
        put("picks", "new", 1.0, None),
    ]);
    assert_eq!(node.refused(put("picks", "i33", 1.0, None)), Code::ListFull);
    assert_eq!(node.refused(put("pics", "i33", 1.0, None)), Code::UnknownList);
    assert_eq!(node.refused(delete("pics", "i33")), Code::UnknownList);
    assert_eq!(node.refused(put("picks", "i30", 1.0, Some(NOW))), Code::InvalidValue);
    node.send(&[put("picks", "i30", 6.0, None), put("blocked", "i0", 0.0, None)]);
    let call = [delete("picks", "i30"), put("picks", "i33", 1.0, None), put("picks", "i34", 1.0, None)];
    let whole = node.engine.submit(&call, true).expect("the node is well");
    assert!(whole.results.iter().all(|result| result.as_ref().is_err_and(|wrong| wrong.code == Code::ListFull)));
    let served = node.engine.recommend(request()).expect("the feed exists");
    assert!(keys(&served)[..2] == ["i31", "i30"] && !keys(&served).contains(&"i0"), "{:?}", keys(&served));
    let view = node.engine.list("picks", None, 2).expect("it exists");
    assert_eq!((view.of.as_str(), view.count, view.next.as_deref()), ("item", 3, Some("i31")));
    let rest = node.engine.list("picks", view.next.as_deref(), 2).expect("it exists");
    assert_eq!((rest.entries.len(), rest.entries[0].key.as_ref(), rest.next), (1, "new", None));
    assert_eq!(node.engine.list("pics", None, 2).expect_err("no such list").code, Code::UnknownList);
    assert_eq!(node.engine.list("picks", Some("nobody"), 2).expect_err("no such key").code, Code::InvalidValue);
    // Time alone makes room.
    node.clock.set(Time(NOW + 1_000));
    assert_eq!(node.engine.list("picks", None, 9).expect("it exists").count, 2);
    node.send(&[put("picks", "i33", 1.0, None)]);
    node.replays(served.id);
    let digest = |node: Node| {
        drop(node);
        let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
        log.digest(&plan(SPEC), 2).expect("the log is whole")
    };
    let before = digest(node);
    let node = open(&folder, SPEC, NOW + 2_000);
    assert_eq!(node.engine.list("picks", None, 9).expect("it exists").count, 3);
    assert_eq!(node.refused(put("picks", "i34", 1.0, None)), Code::ListFull);
    assert_eq!(digest(node), before);
}

#[test]
fn a_string_that_comes_up_later_is_known_then() {
    let folder = Folder::new();
    let node = open(&folder, SPEC, NOW);
    node.fill();
    let ask = |filter: &str, word: &str| {
        let context = vec![("word".to_owned(), text(word))];
        let request = FeedRequest { filter: Some(filter.to_owned()), context, ..request() };
        node.engine.recommend(request).expect("the filter is good")
    };
    let hats = "item.category == \"hats\"";
    let none = ask(hats, "");
    assert_eq!((none.answer.items.len(), none.answer.removed.last().map(|of| of.reason.as_str())), (0, Some(hats)));
    // An unknown text equals itself and nothing else.
    let word = "request.word == \"boots\" && item.category != \"boots\" && item.category != request.word";
    assert_eq!(ask(word, "boots").answer.items.len(), 10);
    assert_eq!(ask(word, "shirts").answer.items.len(), 0);
    assert_eq!(ask("item.category == request.word", "shirts").answer.items.len(), 0);
    let fields = vec![Field { name: "category".into(), value: text("hats") }];
    node.send(&[Payload::Upsert(Upsert { entity: "item".into(), key: "i5".into(), fields })]);
    let one = ask(hats, "");
    assert_eq!(keys(&one), ["i5"]);
    let boosts = vec![Boost { by: 1_000.0, when: hats.to_owned() }];
    let boosted = node.engine.recommend(FeedRequest { boosts, ..request() }).expect("the boost is good");
    assert_eq!(keys(&boosted)[0], "i5");
    [none.id, one.id, boosted.id].into_iter().for_each(|id| node.replays(id));
    let refused = node.engine.recommend(FeedRequest { filter: Some("item.prise > 1".into()), ..request() });
    assert_eq!(refused.expect_err("no such attribute").code, Code::InvalidExpression);
}

#[test]
fn pages_survive_changes_and_a_restart() {
    let folder = Folder::new();
    let node = open(&folder, SPEC, NOW);
    node.fill();
    let wanted = FeedRequest { pages: true, filter: Some("item.price < 38.0".into()), ..request() };
    let first = node.engine.recommend(wanted).expect("the feed exists");
    assert_eq!((first.answer.items.len(), first.answer.later.len()), (10, 28));
    let order: Vec<String> = first.answer.items.iter().chain(&first.answer.later).map(|of| of.item.clone()).collect();
    let token = first.next.clone().expect("there is more");
    let second = node.engine.page("home", &token, Some(5)).expect("the token is good");
    assert_eq!(keys(&second), order[10..15]);
    assert_eq!(keys(&node.engine.page("home", &token, Some(5)).expect("again")), order[10..15]);
    // One is deleted, one blocked, one too dear now.
    let fields = vec![Field { name: "price".into(), value: Raw::Float(99.0) }];
    node.send(&[
        Payload::Delete { entity: "item".into(), key: order[15].clone().into() },
        put("blocked", &order[16], 0.0, None),
        Payload::Upsert(Upsert { entity: "item".into(), key: order[18].clone().into(), fields }),
    ]);
    let third =
        node.engine.page("home", second.next.as_deref().expect("there is more"), None).expect("the token is good");
    let shown: Vec<&str> = [17].into_iter().chain(19..28).map(|place| order[place].as_str()).collect();
    assert_eq!(keys(&third), shown);
    let removed: Vec<(&str, u32)> = third.answer.removed.iter().map(|of| (of.reason.as_str(), of.count)).collect();
    assert_eq!(removed, [("deleted", 1), ("!listed(item, blocked)", 1), ("item.price < 38.0", 1)]);
    [first.id, second.id, third.id].into_iter().for_each(|id| node.replays(id));
    drop(node);
    let node = open(&folder, SPEC, NOW + 5_000);
    let last = node.engine.page("home", third.next.as_deref().expect("there is more"), Some(200)).expect("still good");
    assert_eq!((keys(&last), last.next.as_deref()), (order[28..].iter().map(String::as_str).collect(), None));
    let past = node.engine.page("home", &token, Some(200)).expect("still good");
    assert_eq!((past.answer.items.len(), past.next), (25, None));
    node.replays(last.id);
    drop(node);
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let report = log.replay(100, 3, &mut |_, _| ()).expect("the log is whole");
    assert_eq!((report.replayed, report.identical), (6, 6), "{:?}", report.different);
}

#[test]
fn tokens_are_this_nodes_and_expire() {
    let (folder, stranger) = (Folder::new(), Folder::new());
    let (node, other) = (open(&folder, SPEC, NOW), open(&stranger, SPEC, NOW));
    node.fill();
    let ask = |node: &Node| node.engine.recommend(FeedRequest { pages: true, ..request() }).expect("the feed exists");
    let token = ask(&node).next.expect("there is more");
    let code = |node: &Node, feed: &str, token: &str| node.engine.page(feed, token, None).expect_err(token).code;
    assert_eq!(code(&other, "home", &token), Code::BadPageToken);
    assert_eq!(code(&node, "other", &token), Code::BadPageToken);
    assert_eq!(code(&node, "home", &token[1..]), Code::BadPageToken);
    assert_eq!(code(&node, "home", ""), Code::BadPageToken);
    node.clock.set(Time(NOW + limits::PAGE_TTL.0));
    assert!(node.engine.page("home", &token, None).is_ok());
    node.clock.set(Time(NOW + limits::PAGE_TTL.0 + 1));
    assert_eq!(code(&node, "home", &token), Code::PageExpired);
    let (plain, token) = (node.engine.recommend(request()).expect("the feed exists"), ask(&node).next.expect("more"));
    assert!(plain.next.is_none() && plain.answer.later.is_empty());
    drop(node);
    let node = open(&folder, &SPEC.replace("window: 4", "window: 5"), NOW + limits::PAGE_TTL.0 + 2);
    assert_eq!(code(&node, "home", &token), Code::PageExpired, "the spec has changed");
    assert_eq!(node.engine.seed(&request()), node.engine.seed(&request()));
    assert_ne!(node.engine.seed(&request()), node.engine.seed(&FeedRequest::new("home", Subject::Anonymous, 1)));
}

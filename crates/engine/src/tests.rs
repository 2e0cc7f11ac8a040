//! A node on a real directory: what it acknowledges, answers, keeps and computes again.

mod alarms;
mod attribution;
mod backtest;
mod change;
mod decisions;
mod dry_run;
mod full;
mod outcomes;
mod pages;
mod retention;
mod reviews;
mod shared;
mod texts;
mod training;

use crate::{Clock, Config, Core, Engine, LogFile, Mode, OpenReport};
use domain::{Event, FeedRequest, Field, Payload, Position, Raw, Span, Subject, Time, Upsert};
use journal::{Disk, FileDisk, Options};
use spec::Plan;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

const SPEC: &str = "
version: 1
entities:
  item: { fields: { category: string } }
events:
  view: { user: user, item: item }
features:
  user:
    recent: last(view, item, 20)
    views: count(view, 1d)
  item:
    heat: decayed(view, 1h)
feeds:
  home:
    for: user
    recall:
      hot: { top: item.heat, limit: 50 }
      similar: { co_visited: view, from: user.recent, limit: 50 }
    rank: { score: recall.score + item.heat / 100 }
    rerank: { spread: item.category, window: 4, max: 2 }
";

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("millrace-engine-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        Folder(path)
    }

    fn disk(&self) -> Arc<FileDisk> {
        Arc::new(FileDisk::open(&self.0).expect("the folder was just made"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn plan(text: &str) -> Arc<Plan> {
    Arc::new(spec::compile("test", text).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))))
}

fn open(folder: &Folder, text: &str, mode: Mode, shards: u32) -> (Engine, OpenReport) {
    let config = Config { mode, shards, checkpoint_every: Span(0), ..Config::new(Clock::Log) };
    let options = Options { segment_bytes: 1 << 16, ..Options::default() };
    Engine::open(folder.disk(), options, plan(text), config, &mut |_, _| ()).expect("the node opens")
}

fn text(value: impl Into<String>) -> Raw<'static> {
    Raw::Str(value.into().into())
}

fn view(number: u64) -> Payload<'static> {
    let field = |name: &'static str, value: String| Field { name: name.into(), value: text(value) };
    Payload::Event(Event {
        kind: "view".into(),
        source: "test".into(),
        id: Some(format!("e{number}").into()),
        time: Some(Time(1_000_000 + number as i64 * 250)),
        fields: vec![
            field("user", format!("u{}", number * 7 % 23)),
            field("item", format!("i{}", number * number % 41)),
        ],
    })
}

fn item(number: u64) -> Payload<'static> {
    let fields = vec![Field { name: "category".into(), value: text(format!("c{}", number % 5)) }];
    Payload::Upsert(Upsert { entity: "item".into(), key: format!("i{number}").into(), fields })
}

fn released(engine: &Engine, position: Position) {
    let (sender, receiver) = mpsc::channel();
    engine.when_released(position, Box::new(move |result| sender.send(result).expect("the test waits")));
    receiver.recv().expect("the engine answers").expect("nothing has failed");
}

fn request(user: &str) -> FeedRequest {
    FeedRequest::new("home", Subject::User(user.into()), 10)
}

fn fill(engine: &Engine, from: u64, to: u64) -> Position {
    let mut last = Position::START;
    for number in from..to {
        let submitted = engine.submit(&[view(number)], false).expect("the node is well");
        last = last.max(submitted.last);
        if number % 10 == 0 {
            released(engine, last);
            engine.recommend(request(&format!("u{}", number % 23))).expect("the feed exists");
        }
    }
    released(engine, last);
    last
}

fn run(mode: Mode, shards: u32) -> (String, Folder) {
    run_of(SPEC, mode, shards)
}

fn run_of(text: &str, mode: Mode, shards: u32) -> (String, Folder) {
    let folder = Folder::new();
    let (engine, report) = open(&folder, text, mode, shards);
    assert_eq!(report.replayed, 0);
    let items: Vec<_> = (0..41).map(item).collect();
    engine.submit(&items, true).expect("items are taken");
    fill(&engine, 0, 300);
    engine.checkpoint().expect("the disk is well");
    fill(&engine, 300, 500);
    engine.stop();
    drop(engine);
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let plan = log.plan().expect("the spec is in the log");
    let digest = format!("{:?}", log.digest(&plan, 3).expect("the log is whole"));
    let report = log.replay(1_000, 2, &mut |_, _| ()).expect("the log is whole");
    assert_eq!((report.replayed, report.identical), (50, 50), "{:?}", report.different);
    let checkpointed = crate::machine_of_checkpoint(&log.reader, &plan, 5).expect("readable").expect("written at stop");
    let rebuilt = log.build_to(&plan, 1, checkpointed.position, &mut |_, _| ()).expect("the log is whole");
    assert_eq!(checkpointed.digest(), rebuilt.digest(), "a checkpoint is what the log says");
    (digest, folder)
}

#[test]
fn digests_do_not_depend_on_mode_or_shards() {
    let (expected, _) = run(Mode::Inline, 1);
    for (mode, shards) in [(Mode::Inline, 4), (Mode::Threaded, 1), (Mode::Threaded, 4)] {
        assert_eq!(run(mode, shards).0, expected, "{mode:?} with {shards} shards");
    }
}

#[test]
fn a_restart_continues_and_knows_its_duplicates() {
    let (_, folder) = run(Mode::Inline, 2);
    let (engine, report) = open(&folder, SPEC, Mode::Inline, 3);
    assert!(report.diff.is_none() && report.checkpoint > Position::START, "{report:?}");
    let again = engine.submit(&[view(499)], false).expect("the node is well");
    assert!(again.results[0].as_ref().expect("it is a duplicate").duplicate);
    let Payload::Event(other) = view(498) else { panic!("it is an event") };
    let other = Payload::Event(Event { id: Some("e499".into()), ..other });
    let refused = engine.submit(&[other], false).expect("the node is well");
    assert_eq!(refused.results[0].as_ref().expect_err("another body").code.as_str(), "id_reused");
    let served = engine.recommend(request("u3")).expect("the feed exists");
    assert_eq!(served.answer.items.len(), 10);
    engine.sync().expect("the disk is well");
    released(&engine, served.seen);
    assert_eq!(engine.decision(served.id).expect("it was synced"), served.answer);
    let replayed = engine.replay(served.id, &mut |_, _| ()).expect("the log is whole");
    assert!(replayed.identical, "{:?}", replayed.differences);
}

#[test]
fn a_changed_spec_rebuilds_from_the_log() {
    let (_, folder) = run(Mode::Inline, 1);
    let changed = SPEC.replace("views: count(view, 1d)", "views: count(view, 7d)");
    let (engine, report) = open(&folder, &changed, Mode::Inline, 1);
    let diff = report.diff.expect("the spec changed");
    assert!(diff.rebuild && diff.changed == ["feature user.views"], "{diff:?}");
    assert_eq!(report.checkpoint, Position::START);
    let view = engine.entity("user", "u7").expect("the user is known");
    assert!(view.features.iter().any(|(name, value)| name == "views" && *value != Raw::Null), "{view:?}");
    assert_eq!(engine.status().plan_version.0, 2);
    let first = engine.plan_of(domain::PlanVersion(1)).expect("it is in the log");
    assert_eq!(first.text, SPEC);
}

#[test]
fn an_atomic_call_is_taken_whole_or_not_at_all() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, Mode::Inline, 1);
    let before = engine.status().position;
    let Payload::Event(bad) = view(2) else { panic!("it is an event") };
    let bad = Payload::Event(Event { kind: "veiw".into(), ..bad });
    let refused = engine.submit(&[view(1), bad.clone()], true).expect("the node is well");
    assert!(refused.results[1].is_err());
    assert_eq!(engine.status().position, before, "nothing was taken");
    let partly = engine.submit(&[view(1), bad], false).expect("the node is well");
    assert!(partly.results[0].is_ok() && partly.results[1].is_err());
}

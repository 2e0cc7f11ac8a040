//! A changed spec on a log that retention has cut: what is unchanged goes on to the bit, what is new counts what is retained, and
//! everything that is built of the log again is the same.

use super::switched;
use crate::core::Core;
use crate::tests::{Folder, SPEC, fill, item, plan, request, view};
use crate::{
    ChangeOutcome, ChangeStage, Clock, CompleteFrom, Config, Engine, LogFile, Mode, Needs, OpenReport,
    machine_of_checkpoint,
};
use domain::{Code, Event, Payload, PlanVersion, Position, Raw, Span};
use journal::{FileDisk, Options};

/// An event is 250 ms after the one before, so this is 400 of them.
const RETAIN: Span = Span(100_000);

fn config(mode: Mode, shards: u32, window: Span) -> Config {
    let config = Config::new(Clock::Log);
    Config { mode, shards, retain: Some(RETAIN), checkpoint_every: Span(0), rollback_window: window, ..config }
}

fn options() -> Options {
    Options { segment_bytes: 1 << 13, ..Options::default() }
}

fn open(folder: &Folder, text: &str, mode: Mode, shards: u32) -> (Engine, OpenReport) {
    Engine::open(folder.disk(), options(), plan(text), config(mode, shards, Span(0)), &mut |_, _| ())
        .expect("the node opens")
}

fn turns(engine: &Engine, from: u64, to: u64) {
    for turn in from..to {
        fill(engine, turn * 30, (turn + 1) * 30);
        engine.checkpoint().expect("the disk is well");
    }
}

/// A node whose log is cut.
fn cut(folder: &Folder, mode: Mode, shards: u32) -> Engine {
    let (engine, _) = open(folder, SPEC, mode, shards);
    engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    turns(&engine, 0, 40);
    assert!(engine.status().replay_from > Position(1), "the log is cut");
    engine
}

/// `recent`, `views`, `heat` and both indexes stay; the others come, over streams that are there and ones that are not.
fn changed() -> String {
    const COMES: [(&str, &str); 3] = [
        ("views: count(view, 1d)", "few: last(view, item, 3)\n    minutes: count(view, 2m)\n    began: BEGAN"),
        ("heat: decayed(view, 1h)", "warm: decayed(view, 2h)\n    shown: count(view, 7d)"),
        ("      hot: { top: item.heat, limit: 50 }", "      warm: { top: item.warm, limit: 50 }"),
    ];
    let text = COMES.iter().fold(SPEC.to_owned(), |text, (at, new)| {
        let indent = if at.starts_with(' ') { "" } else { "    " };
        text.replace(at, &format!("{at}\n{indent}{new}"))
    });
    text.replace("BEGAN", "count(view, 7d, item.category != \"nothing\")")
}

fn features(engine: &Engine, user: u64) -> Vec<(String, Raw<'static>)> {
    engine.entity("user", &format!("u{user}")).expect("the user is known").features
}

fn of(features: &[(String, Raw<'static>)], name: &str) -> Raw<'static> {
    features.iter().find(|(known, _)| known == name).expect("it is declared").1.clone()
}

/// State and every decision of the plan in force again, from the log and from what is carried over.
fn holds(folder: &Folder) -> String {
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let plan = log.plan().expect("the spec is in the log");
    assert!(plan.carried.is_some());
    let kept = machine_of_checkpoint(&log.reader, &plan, 3).expect("readable").expect("written at the stop");
    let rebuilt = log.build_to(&plan, 2, kept.position, &mut |_, _| ()).expect("the base is there");
    assert_eq!(kept.digest(), rebuilt.digest(), "state is what the plan says of the base and the log");
    let report = log.replay(10_000, 2, &mut |_, _| ()).expect("it starts from a checkpoint");
    let mut records = log.reader.iter_from(log.reader.first()).expect("readable");
    let mut reached = 0;
    while let Some(record) = records.next().expect("readable") {
        if let Ok(Payload::Decision(answer)) = Payload::decode(record.header.kind, record.payload) {
            reached += u64::from(log.reaches(&answer));
        }
    }
    assert!(reached > 10 && report.replayed == reached && report.identical == reached, "{reached}: {report:?}");
    format!("{:?}", kept.digest())
}

/// Digest of a node whose spec is changed, with or without traffic beside: then the position of the switch is by chance.
fn life(mode: Mode, shards: u32, beside: bool) -> String {
    let (folder, twin) = (Folder::new(), Folder::new());
    let (engine, unchanged) = (cut(&folder, mode, shards), cut(&twin, Mode::Inline, 1));
    let base = engine.status().replay_from.0 - 1;
    let started = engine.change_spec("new.yaml", &changed(), Some(PlanVersion(1))).expect("it compiles");
    let Needs::Fill { counted_from: Some(from), records } = started.planned.needs else { panic!("{started:?}") };
    assert!(records > 300, "{records}");
    let complete: Vec<_> = started.planned.complete.iter().map(|of| (of.feature.as_str(), of.from)).collect();
    let names: Vec<_> = complete.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["item.shown", "item.warm", "user.began", "user.few", "user.minutes"]);
    assert!(
        complete.contains(&("user.few", CompleteFrom::Never)) && complete.contains(&("item.warm", CompleteFrom::Never))
    );
    assert!(matches!(complete[4].1, CompleteFrom::Time(time) if time.since(from) >= Span(120_000)), "{complete:?}");
    if !beside {
        assert_eq!(switched(&engine), PlanVersion(2));
    }
    turns(&engine, 40, 42);
    assert_eq!(switched(&engine), PlanVersion(2));
    turns(&engine, 42, 46);
    turns(&unchanged, 40, 46);
    let first = event_number(&engine, base);
    let before = engine.plan_of(PlanVersion(1)).expect("a checkpoint has its text");
    assert_eq!(before.text, SPEC);
    for user in 0..23 {
        let (new, old) = (features(&engine, user), features(&unchanged, user));
        old.iter().for_each(|(name, value)| assert_eq!(of(&new, name), *value, "{name} of {user}"));
        let since = (first..46 * 30).filter(|number| number * 7 % 23 == user).count();
        assert_eq!(of(&new, "began"), Raw::Float(since as f64), "counted since {first}");
    }
    assert_eq!(engine.spec_text(PlanVersion(2)).expect("it is in force"), changed());
    engine.stop();
    drop((engine, unchanged));
    let digest = holds(&folder);
    let (engine, report) = open(&folder, &changed(), mode, shards + 1);
    assert!(report.diff.is_none() && report.replayed <= 2, "{report:?}");
    // The base leaves in time, and nothing shows.
    turns(&engine, 46, 80);
    assert!(engine.status().replay_from.0 > base + 1, "the log was cut again");
    engine.stop();
    drop(engine);
    holds(&folder);
    digest
}

/// The number of the first event after a position.
fn event_number(engine: &Engine, base: u64) -> u64 {
    let mut records = engine.reader.iter_from(Position(base + 1)).expect("the log reaches there");
    while let Some(record) = records.next().expect("readable") {
        if let Ok(Payload::Event(Event { id: Some(id), .. })) = Payload::decode(record.header.kind, record.payload) {
            return id[1..].parse().expect("a number");
        }
    }
    panic!("there is an event")
}

#[test]
fn what_is_unchanged_goes_on_and_what_is_new_counts_what_is_retained() {
    let expected = life(Mode::Inline, 1, false);
    assert_eq!(life(Mode::Threaded, 3, false), expected);
}

#[test]
fn a_change_on_a_cut_log_is_filled_beside_traffic() {
    life(Mode::Threaded, 2, true);
}

/// A node without threads: nothing goes on but by a call.
fn core(folder: &Folder, text: &str, window: Span) -> Core<FileDisk> {
    let config = config(Mode::Inline, 2, window);
    Core::open(folder.disk(), options(), plan(text), config, &mut |_, _| ()).expect("the node opens").0
}

fn send(core: &Core<FileDisk>, from: u64, to: u64) {
    for number in from..to {
        core.submit(&[view(number)], false).expect("the node is well");
        while core.sync().expect("the disk is well") {}
    }
    core.publish_epoch();
    core.recommend(request("u3")).expect("the feed exists");
    while core.sync().expect("the disk is well") {}
}

fn views(core: &Core<FileDisk>) -> Vec<(String, Raw<'static>)> {
    core.entity("user", "u7").expect("the user is known").features
}

fn advance(core: &Core<FileDisk>, slices: u64) {
    for _ in 0..slices {
        core.advance_change(16);
        while core.sync().expect("the disk is well") {}
    }
}

#[test]
fn a_node_that_ends_at_any_slice_is_old_or_new() {
    let mut ends = [0, 0];
    for slices in [0, 1, 9, 30, 34, 36, 37, 38, 39, 40, 41, 60, 200] {
        let folder = Folder::new();
        drop(cut(&folder, Mode::Inline, 1));
        let node = core(&folder, SPEC, Span(0));
        let before = views(&node);
        node.change_spec("new.yaml", &changed(), None).expect("it is carried over");
        advance(&node, slices);
        let new = matches!(node.change_status().expect("it was begun").stage, ChangeStage::Switched { .. });
        // As after a crash: nothing is written at its end.
        drop(node);
        ends[usize::from(new)] += 1;
        let text = if new { changed() } else { SPEC.to_owned() };
        let (node, report) = {
            let opened =
                Core::open(folder.disk(), options(), plan(&text), config(Mode::Inline, 3, Span(0)), &mut |_, _| ());
            opened.expect("the node opens")
        };
        assert!(report.diff.is_none(), "{slices}: {report:?}");
        before.iter().for_each(|(name, value)| assert_eq!(of(&views(&node), name), *value, "{name}, {slices}"));
        send(&node, 1_200, 1_203);
        node.checkpoint().expect("the disk is well");
        drop(node);
        if new {
            holds(&folder);
        }
    }
    assert!(ends[0] > 3 && ends[1] > 1, "{ends:?}");
}

#[test]
fn going_back_finds_the_state_that_was_there() {
    for window in [Span(0), Span(3_600_000)] {
        let folder = Folder::new();
        drop(cut(&folder, Mode::Inline, 1));
        let node = core(&folder, SPEC, window);
        node.change_spec("new.yaml", &changed(), None).expect("it is carried over");
        advance(&node, 300);
        assert_eq!(node.generation().version, PlanVersion(2));
        send(&node, 1_200, 1_230);
        let now = views(&node);
        let back = node.roll_back(PlanVersion(1), None).expect("its text is in a checkpoint");
        assert!(matches!(back.planned.needs, Needs::Fill { counted_from: None, .. }), "{back:?}");
        advance(&node, 300);
        assert_eq!((node.generation().version, node.plan().text.as_str()), (PlanVersion(3), SPEC));
        views(&node).iter().for_each(|(name, value)| assert_eq!(of(&now, name), *value, "{name}"));
        let again = node.plan_change("new.yaml", &changed()).expect("it compiles");
        assert!(matches!(again.needs, Needs::Fill { counted_from: None, .. }), "{:?}", again.needs);
        // A change with the same state is adopted over what was carried.
        node.change_spec("new.yaml", &changed(), None).expect("its state is there");
        advance(&node, 300);
        let feeds = changed().replace("window: 4, max: 2", "window: 4, max: 3");
        assert_eq!(node.plan_change("new.yaml", &feeds).expect("it compiles").needs, Needs::Adoption);
        assert_eq!(node.plan_change("new.yaml", &changed()).expect("it compiles").needs, Needs::Nothing);
    }
}

#[test]
fn what_cannot_be_carried_over_is_refused_with_the_reason() {
    let folder = Folder::new();
    drop(cut(&folder, Mode::Inline, 1));
    let node = core(&folder, SPEC, Span(0));
    let other = SPEC.replace("{ category: string }", "{ category: string, brand: string }");
    let refusal = node.change_spec("new.yaml", &other, None).expect_err("attributes are numbered");
    assert!(refusal.code == Code::SpecNeedsOlderLog && refusal.message.contains("attributes"), "{refusal}");
    let other = SPEC.replace(
        "  view: { user: user, item: item }",
        "  like: { user: user, item: item }\n  view: { user: user, item: item }",
    );
    let refusal = node.change_spec("new.yaml", &other, None).expect_err("events are numbered");
    assert!(refusal.message.contains("behind those"), "{refusal}");
    let other = SPEC.replace(
        "  view: { user: user, item: item }",
        "  view: { user: user, item: item }\n  like: { user: user, item: item }",
    );
    let other = other.replace("views: count(view, 1d)", "views: count(view, 1d)\n    likes: count(like, 1d)");
    assert!(matches!(node.plan_change("new.yaml", &other).expect("it compiles").needs, Needs::Fill { .. }));
}

#[test]
fn without_any_checkpoint_of_its_own_state_is_carried_over_once_more() {
    let folder = Folder::new();
    drop(cut(&folder, Mode::Inline, 1));
    let node = core(&folder, SPEC, Span(0));
    node.change_spec("new.yaml", &changed(), None).expect("it is carried over");
    advance(&node, 300);
    send(&node, 1_200, 1_230);
    let served = node.recommend(request("u3")).expect("the feed exists");
    while node.sync().expect("the disk is well") {}
    let before = views(&node);
    drop(node);
    // The newest checkpoint file is the one that the change wrote.
    let listed =
        std::fs::read_dir(&folder.0).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let newest = listed.filter(|path| path.to_string_lossy().contains("checkpoint-")).max().expect("there are some");
    let bytes = std::fs::read(&newest).expect("readable");
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).expect("writable");
    let opened =
        Core::open(folder.disk(), options(), plan(&changed()), config(Mode::Inline, 3, Span(0)), &mut |_, _| ());
    let (node, report) = opened.expect("the base is there");
    assert!(report.warnings.len() == 1 && report.diff.is_none() && report.replayed > 300, "{report:?}");
    assert_eq!(views(&node), before);
    assert!(node.replay(served.id, &mut |_, _| ()).expect("the log reaches there").identical);
    node.checkpoint().expect("the disk is well");
    drop(node);
    holds(&folder);
}

#[test]
fn a_new_spec_may_serve_at_once_and_through_a_restart() {
    let folder = Folder::new();
    drop(cut(&folder, Mode::Inline, 1));
    let node = core(&folder, SPEC, Span(0));
    let before = views(&node);
    let started = node.change_spec_at_once("new.yaml", &changed(), None).expect("it is carried over");
    assert!(matches!(started.outcome, ChangeOutcome::Interim { version: PlanVersion(2), .. }), "{started:?}");
    assert_eq!(of(&views(&node), "began"), Raw::Null);
    before.iter().for_each(|(name, value)| assert_eq!(of(&views(&node), name), *value, "{name}"));
    send(&node, 1_200, 1_210);
    let text = node.plan().text.clone();
    drop(node);
    let node = core(&folder, &text, Span(0));
    advance(&node, 300);
    assert_eq!(node.generation().version, PlanVersion(3));
    assert_ne!(of(&views(&node), "began"), Raw::Null);
    node.checkpoint().expect("the disk is well");
    drop(node);
    holds(&folder);
}

#[test]
fn a_node_that_is_started_with_another_spec_carries_over_too() {
    let (folder, twin) = (Folder::new(), Folder::new());
    drop((cut(&folder, Mode::Inline, 1), cut(&twin, Mode::Inline, 1)));
    let node = core(&twin, SPEC, Span(0));
    node.change_spec("new.yaml", &changed(), None).expect("it is carried over");
    advance(&node, 300);
    let expected = views(&node);
    let node = core(&folder, &changed(), Span(0));
    assert_eq!((views(&node), node.generation().version), (expected, PlanVersion(2)));
    send(&node, 1_200, 1_210);
    drop(node);
    let node = core(&folder, &changed(), Span(0));
    assert_eq!(node.generation().version, PlanVersion(2), "nothing has changed");
    node.checkpoint().expect("the disk is well");
    drop(node);
    holds(&folder);
}

#[test]
fn what_would_share_panes_that_lack_a_part_is_told_apart_by_a_filter() {
    let paid = |text: &str| {
        let view = "  view: { user: user, item: item, fields: { price: float } }";
        SPEC.replace("  view: { user: user, item: item }", view)
            .replace("views: count(view, 1d)", &format!("views: count(view, 1d)\n    paid: sum(view, price, 1d){text}"))
    };
    let folder = Folder::new();
    let (engine, _) = open(&folder, &paid(""), Mode::Inline, 1);
    turns(&engine, 0, 40);
    let more = paid("\n    most: max(view, price, 2h)");
    let refusal = engine.change_spec("new.yaml", &more, None).expect_err("panes have kept no maximum");
    assert!(refusal.message.contains("max(view, price, 2h)") && refusal.message.contains("filter"), "{refusal}");
    let apart = paid("\n    most: max(view, price, 2h, true)");
    assert!(matches!(engine.plan_change("new.yaml", &apart).expect("it compiles").needs, Needs::Fill { .. }));
    // What is no longer read gives way.
    let other = paid("").replace("sum(view, price, 1d)", "max(view, price, 1d)");
    assert!(matches!(engine.plan_change("new.yaml", &other).expect("it compiles").needs, Needs::Fill { .. }));
}

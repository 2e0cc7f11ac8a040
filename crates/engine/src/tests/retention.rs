//! Retention on a real directory: what a small log still answers, and that it is the same as a whole one.

use super::{Folder, SPEC, fill, item, plan, released, request};
use crate::{Clock, Config, Engine, LogFile, Mode, OpenReport};
use domain::{Code, DecisionId, Position, Span};
use journal::Options;

/// An event is 250 ms after the one before, so this is 400 of them.
pub(super) const RETAIN: Span = Span(100_000);
const TURNS: u64 = 40;
const PER_TURN: u64 = 30;

fn open(folder: &Folder, text: &str, mode: Mode, shards: u32, retain: Option<Span>) -> (Engine, OpenReport) {
    let config = Config { mode, shards, retain, checkpoint_every: Span(0), ..Config::new(Clock::Log) };
    let options = Options { segment_bytes: 1 << 13, ..Options::default() };
    Engine::open(folder.disk(), options, plan(text), config, &mut |_, _| ()).expect("the node opens")
}

fn turn(engine: &Engine, turn: u64) -> DecisionId {
    fill(engine, turn * PER_TURN, (turn + 1) * PER_TURN);
    let served = engine.recommend(request("u3")).expect("the feed exists");
    engine.sync().expect("the disk is well");
    released(engine, served.seen);
    engine.checkpoint().expect("the disk is well");
    served.id
}

/// A life of many checkpoints; returns a decision of every turn.
pub(super) fn live(folder: &Folder, mode: Mode, shards: u32, retain: Option<Span>) -> (Engine, Vec<DecisionId>) {
    let (engine, _) = open(folder, SPEC, mode, shards, retain);
    let items: Vec<_> = (0..41).map(item).collect();
    engine.submit(&items, true).expect("items are taken");
    let decisions = (0..TURNS).map(|number| turn(&engine, number)).collect();
    (engine, decisions)
}

fn digest(folder: &Folder) -> String {
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let plan = log.plan().expect("the spec is in the log or in a checkpoint");
    format!("{:?}", log.digest(&plan, 3).expect("it is built from the oldest checkpoint"))
}

/// Every decision is computed again alike, or is gone because of what it read. Returns how many are there.
fn check_replays(engine: &Engine, decisions: &[DecisionId]) -> usize {
    let (first, from) = (engine.reader.first(), engine.status().replay_from);
    assert!(first <= from && from > Position(1), "{first} {from}");
    let mut there = 0;
    for &id in decisions {
        let kept = match engine.decision(id) {
            Ok(answer) => answer.rows.min(answer.epoch).next() >= from,
            Err(refusal) => {
                assert!(refusal.code == Code::Gone && id.position < first, "{id}: {refusal}");
                false
            }
        };
        match engine.replay(id, &mut |_, _| ()) {
            Ok(replayed) => assert!(kept && replayed.identical, "{id}: {:?}", replayed.differences),
            Err(refusal) => assert!(!kept && refusal.code == Code::Gone, "{id}: {refusal}"),
        }
        there += usize::from(kept);
    }
    there
}

#[test]
fn a_retained_log_restarts_and_replays_what_it_kept() {
    let whole = Folder::new();
    drop(live(&whole, Mode::Inline, 1, None));
    let expected = digest(&whole);
    for (mode, shards) in [(Mode::Inline, 2), (Mode::Threaded, 3)] {
        let folder = Folder::new();
        let (engine, decisions) = live(&folder, mode, shards, Some(RETAIN));
        // The retained part is 400 events, at least 13 turns, and up to an eighth and a checkpoint more.
        let there = check_replays(&engine, &decisions);
        assert!((13..=17).contains(&there), "{there} of {TURNS}");
        engine.stop();
        drop(engine);
        assert_eq!(digest(&folder), expected, "{mode:?}");
        let (engine, report) = open(&folder, SPEC, mode, shards + 1, Some(RETAIN));
        assert!(report.diff.is_none() && report.warnings.is_empty() && report.replayed == 0, "{report:?}");
        assert_eq!(check_replays(&engine, &decisions), there);
        drop(engine);
        assert_eq!(digest(&folder), expected, "{mode:?}, after a restart");
        let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
        let report = log.replay(10_000, 2, &mut |_, _| ()).expect("it starts from a checkpoint");
        // How many kept decisions read what is gone depends on where segments happen to end.
        assert!(report.replayed > 40 && report.gone < 30, "{report:?}");
        assert_eq!(report.identical, report.replayed, "{report:?}");
    }
}

/// Cuts the newest checkpoint files in half; returns how many there are.
fn damage(folder: &Folder, newest: usize) -> usize {
    let listed =
        std::fs::read_dir(&folder.0).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let mut files: Vec<_> = listed.filter(|path| path.to_string_lossy().contains("checkpoint-")).collect();
    files.sort();
    for path in files.iter().rev().take(newest) {
        let bytes = std::fs::read(path).expect("readable");
        std::fs::write(path, &bytes[..bytes.len() / 2]).expect("writable");
    }
    files.len()
}

#[test]
fn a_restart_falls_back_over_all_checkpoints() {
    let folder = Folder::new();
    let (engine, decisions) = live(&folder, Mode::Inline, 1, Some(RETAIN));
    drop(engine);
    let expected = digest(&folder);
    let count = damage(&folder, 0);
    assert!(count > 5, "{count} checkpoints");
    damage(&folder, count - 2);
    let (engine, report) = open(&folder, SPEC, Mode::Inline, 2, Some(RETAIN));
    assert_eq!(report.warnings.len(), count - 2, "{:?}", report.warnings);
    assert!(report.replayed > 0 && report.checkpoint > Position::START);
    assert!(check_replays(&engine, &decisions) > 10);
    drop(engine);
    assert_eq!(digest(&folder), expected);
    damage(&folder, usize::MAX);
    let refused = LogFile::open(folder.disk(), Options::default()).expect("the log itself is well");
    assert!(refused.digest(&plan(SPEC), 1).is_err(), "nothing is left to start from");
}

#[test]
fn going_back_to_an_earlier_spec_finds_its_checkpoint() {
    let folder = Folder::new();
    let (engine, mut decisions) = live(&folder, Mode::Inline, 1, Some(Span::DAY));
    drop(engine);
    let changed = SPEC.replace("views: count(view, 1d)", "views: count(view, 7d)");
    let (engine, report) = open(&folder, &changed, Mode::Inline, 1, Some(Span::DAY));
    assert_eq!(report.checkpoint, Position::START, "state of a new spec is built from the whole log");
    decisions.extend((TURNS..TURNS + 4).map(|number| turn(&engine, number)));
    drop(engine);
    let (engine, report) = open(&folder, SPEC, Mode::Inline, 1, Some(Span::DAY));
    assert!(report.checkpoint > Position::START && report.replayed > 100, "{report:?}");
    assert!(report.diff.is_some_and(|diff| diff.rebuild));
    assert_eq!(engine.status().replay_from, Position(1), "nothing was dropped");
    for &id in decisions.iter().step_by(7) {
        assert!(engine.replay(id, &mut |_, _| ()).expect("the log is whole").identical);
    }
    drop(engine);
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let checkpointed =
        crate::machine_of_checkpoint(&log.reader, &plan(SPEC), 2).expect("readable").expect("there is one");
    let rebuilt = log.build_to(&plan(SPEC), 1, checkpointed.position, &mut |_, _| ()).expect("the log is whole");
    assert_eq!(checkpointed.digest(), rebuilt.digest());
}

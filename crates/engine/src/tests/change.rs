//! The spec of a running node is changed: state is what the new plan says of the whole log, and answers are of one plan.

mod cut;
mod interim;
mod random;

use super::{Folder, SPEC, fill, item, open, released, request};
use crate::{ChangeOutcome, ChangeStage, Engine, LogFile, Mode, Needs, machine_of_checkpoint};
use domain::PlanVersion;
use journal::Options;
use std::time::Duration;

fn switched(engine: &Engine) -> PlanVersion {
    loop {
        match engine.change_status().expect("a change was started").stage {
            ChangeStage::Switched { version, .. } => return version,
            ChangeStage::Cancelled | ChangeStage::Failed(_) => panic!("{:?}", engine.change_status()),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// State as the node had it at its end, against the plan in force over the whole log; and every answer again.
pub(super) fn holds(folder: &Folder, decisions: u64) {
    let log = LogFile::open(folder.disk(), Options::default()).expect("the log opens");
    let plan = log.plan().expect("the spec is in the log");
    let kept = machine_of_checkpoint(&log.reader, &plan, 3).expect("readable").expect("written at the stop");
    assert!(kept.position.0 + 2 >= log.last.0, "the newest checkpoint is of the plan in force");
    let rebuilt = log.build_to(&plan, 2, kept.position, &mut |_, _| ()).expect("the log is whole");
    assert_eq!(kept.digest(), rebuilt.digest(), "state is what the plan says of the log");
    let report = log.replay(10_000, 2, &mut |_, _| ()).expect("the log is whole");
    assert_eq!((report.replayed, report.identical), (decisions, decisions), "{:?}", report.different);
}

fn filled_and_served(mode: Mode, shards: u32) {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, mode, shards);
    engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    fill(&engine, 0, 300);
    let changed = SPEC.replace("views: count(view, 1d)", "views: count(view, 7d)\n    last: last(view, item, 3)");
    let started = engine.change_spec("new.yaml", &changed, Some(PlanVersion(1))).expect("it compiles");
    assert!(matches!(started.planned.needs, Needs::Fill { counted_from: None, .. }), "{:?}", started.planned);
    assert_eq!(started.outcome, ChangeOutcome::Filling);
    fill(&engine, 300, 400);
    assert_eq!(switched(&engine), PlanVersion(2));
    assert_eq!(engine.plan().text, changed);
    fill(&engine, 400, 500);
    let served = engine.recommend(request("u3")).expect("the feed exists");
    assert_eq!(served.answer.plan, PlanVersion(2));
    engine.stop();
    drop(engine);
    holds(&folder, 51);
    let (engine, report) = open(&folder, &changed, mode, shards);
    assert!(report.diff.is_none() && report.replayed <= 2, "{report:?}");
    let versions = engine.spec_versions(10);
    assert_eq!(versions.len(), 2);
    assert!(versions[1].in_force && versions[0].log_time.is_some() && versions[0].position.0 == 1, "{versions:?}");
    assert_eq!(engine.spec_text(PlanVersion(1)).expect("it is in the log"), SPEC);
    let back = engine.roll_back(PlanVersion(1), None).expect("its text is there");
    assert_eq!(back.outcome, ChangeOutcome::Filling);
    assert_eq!(switched(&engine), PlanVersion(3));
    engine.stop();
    drop(engine);
    holds(&folder, 51);
}

#[test]
fn a_change_is_filled_beside_traffic_inline() {
    filled_and_served(Mode::Inline, 2);
}

#[test]
fn a_change_is_filled_beside_traffic_in_threads() {
    filled_and_served(Mode::Threaded, 3);
}

#[test]
fn a_change_of_what_is_no_longer_in_force_is_refused() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, Mode::Inline, 1);
    released(&engine, fill(&engine, 0, 20));
    let before = engine.status().position;
    let stale = engine.change_spec("new.yaml", SPEC, Some(PlanVersion(7))).expect_err("another is in force");
    assert_eq!(stale.code.as_str(), "spec_conflict");
    let wrong = engine.change_spec("new.yaml", "version: 1\nfeeds: 3\n", None).expect_err("it does not compile");
    assert_eq!(wrong.code.as_str(), "invalid_spec");
    let same = engine.change_spec("new.yaml", SPEC, Some(PlanVersion(1))).expect("it is in force");
    assert_eq!(same.outcome, ChangeOutcome::Unchanged);
    assert_eq!(engine.cancel_change().expect_err("none is running").code.as_str(), "no_change_running");
    assert_eq!(engine.roll_back(PlanVersion(9), None).expect_err("no such version").code.as_str(), "unknown_version");
    assert_eq!((engine.status().position, engine.status().plan_version), (before, PlanVersion(1)));
}

fn adopted_and_served(mode: Mode, shards: u32) {
    let folder = Folder::new();
    let (engine, _) = open(&folder, SPEC, mode, shards);
    engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    fill(&engine, 0, 200);
    let filter = "    filter: ['item.category != \"c2\" && item.category != \"new\"']\n    rank:";
    let changed = SPEC.replace("    rank:", filter).replace("item.heat / 100", "item.heat / 7");
    let started = engine.change_spec("new.yaml", &changed, Some(PlanVersion(1))).expect("it compiles");
    assert_eq!(started.planned.needs, Needs::Adoption);
    assert!(matches!(started.outcome, ChangeOutcome::Switched { version: PlanVersion(2), .. }), "{started:?}");
    let served = engine.recommend(request("u3")).expect("the feed exists");
    assert_eq!(served.answer.plan, PlanVersion(2));
    assert!(served.answer.removed.iter().any(|removal| removal.count > 0) || !served.answer.items.is_empty());
    fill(&engine, 200, 300);
    let back = engine.roll_back(PlanVersion(1), Some(PlanVersion(2))).expect("its text is there");
    assert!(matches!(back.outcome, ChangeOutcome::Switched { version: PlanVersion(3), .. }), "{back:?}");
    fill(&engine, 300, 400);
    engine.stop();
    drop(engine);
    holds(&folder, 41);
    let (engine, report) = open(&folder, &changed, mode, shards);
    assert!(report.diff.is_some_and(|diff| !diff.rebuild) && report.replayed <= 2, "a start takes the state as it is");
    engine.stop();
}

#[test]
fn a_change_of_feeds_is_adopted_inline() {
    adopted_and_served(Mode::Inline, 2);
}

#[test]
fn a_change_of_feeds_is_adopted_in_threads() {
    adopted_and_served(Mode::Threaded, 3);
}

#[test]
fn the_plan_before_is_gone_back_to_without_a_fill() {
    for (mode, shards) in [(Mode::Inline, 2), (Mode::Threaded, 3)] {
        let folder = Folder::new();
        let (engine, _) = open(&folder, SPEC, mode, shards);
        engine.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
        fill(&engine, 0, 300);
        let changed = SPEC.replace("views: count(view, 1d)", "views: count(view, 7d)");
        engine.change_spec("new.yaml", &changed, None).expect("it compiles");
        switched(&engine);
        fill(&engine, 300, 350);
        for version in [3, 4, 5] {
            let to = PlanVersion(version - 2);
            let back = engine.roll_back(to, Some(PlanVersion(version - 1))).expect("its text is there");
            let Needs::Fill { records, .. } = back.planned.needs else { panic!("{:?}", back.planned) };
            assert!(records < 300, "{records} records are to be read again");
            assert_eq!(switched(&engine), PlanVersion(version));
            fill(&engine, 300 + u64::from(version) * 20, 320 + u64::from(version) * 20);
        }
        engine.stop();
        drop(engine);
        holds(&folder, 30 + 5 + 3 * 2);
    }
}

//! Guards: a change that makes an outcome come out too often is taken back or held, by an ordinary change of the spec.

use super::*;
use crate::GuardState;
use std::time::Duration;

const GUARD: &str =
    "    guards: [{ outcome: decline, share_up: 8%, over: 10m, against: previous_plan, min: 200, then: rollback }]\n";

/// Waits until a version is in force that the node has brought about itself.
fn version(engine: &Engine, wanted: u32) {
    for _ in 0..60_000 {
        if engine.status().plan_version == PlanVersion(wanted) {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("version {wanted} did not come into force: {:?}", engine.decision_report("risk"));
}

fn state(engine: &Engine) -> GuardState {
    engine.decision_report("risk").expect("it is declared").guards[0].state
}

/// One in ten is declined, then one in five.
fn doubled(mode: Mode, shards: u32) -> (Folder, Engine, String) {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, GUARD), mode, shards);
    pay(&engine, 0, 1_000);
    assert_eq!(state(&engine), GuardState::Passed, "nothing was before the first");
    let changed = spec_of(80, GUARD);
    engine.change_spec("test", &changed, None).expect("it compiles");
    (folder, engine, changed)
}

#[test]
fn a_change_that_doubles_declines_is_rolled_back() {
    let mut first = None;
    for (mode, shards) in [(Mode::Inline, 1), (Mode::Threaded, 4)] {
        let (_folder, engine, _) = doubled(mode, shards);
        pay(&engine, 1_000, 1_300);
        version(&engine, 3);
        assert_eq!(engine.plan().text, spec_of(90, GUARD));
        released(&engine, engine.status().position);
        let versions = engine.spec_versions(9);
        let reason = versions[2].reason.as_ref().expect("it is in the log");
        assert!(
            reason.contains("rolled back to version 1") && reason.contains("decline came out of 20.00% (40 of 200)"),
            "{reason}"
        );
        assert!(versions[0].reason.is_none() && versions[1].reason.is_none());
        let report = engine.decision_report("risk").expect("it is declared");
        let (under, at, said) = report.last_broken.expect("it was broken");
        assert_eq!(under, PlanVersion(2));
        assert!(reason.contains(&said));
        assert_eq!(first.get_or_insert_with(|| (at, said.clone())), &(at, said), "{mode:?} {shards}");
        // What is back is watched no more.
        pay(&engine, 1_300, 2_000);
        assert_eq!(engine.status().plan_version, PlanVersion(3));
    }
}

#[test]
fn a_change_that_does_little_is_kept() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, GUARD), Mode::Inline, 1);
    pay(&engine, 0, 1_000);
    engine.change_spec("test", &spec_of(85, GUARD), None).expect("it compiles");
    pay(&engine, 1_000, 3_000);
    assert_eq!(state(&engine), GuardState::Watching);
    pay(&engine, 3_000, 3_500);
    assert_eq!(state(&engine), GuardState::Passed, "ten minutes of log time have passed");
    // From there on it is what others are compared with.
    engine.change_spec("test", &spec_of(80, GUARD), None).expect("it compiles");
    pay(&engine, 3_500, 4_000);
    engine.keep_guards();
    assert_eq!((engine.status().plan_version, state(&engine)), (PlanVersion(3), GuardState::Watching));
    let guard = engine.decision_report("risk").expect("it is declared").guards[0].clone();
    assert_eq!((guard.before.hits * 100 / guard.before.decisions, guard.now.hits), (15, 100));
}

#[test]
fn a_change_in_between_does_not_hide_a_bad_one() {
    let (_folder, engine, changed) = doubled(Mode::Inline, 1);
    pay(&engine, 1_000, 1_100);
    // Not judged yet; another change, and the bad one would be what it is compared with.
    engine.change_spec("test", &changed.replace("user.n > 3", "user.n > 4"), None).expect("it compiles");
    pay(&engine, 1_100, 1_400);
    version(&engine, 4);
    assert_eq!(engine.plan().text, spec_of(90, GUARD));
}

#[test]
fn a_restart_in_between_does_no_harm() {
    let (folder, engine, changed) = doubled(Mode::Inline, 1);
    pay(&engine, 1_000, 1_150);
    for checkpointed in [false, true] {
        if checkpointed {
            engine.checkpoint().expect("the disk is well");
        }
        let copy = crashed(&folder);
        let (again, _) = open(&copy, &changed, Mode::Threaded, 2);
        assert_eq!(told(&again), told(&engine));
        pay(&again, 1_150, 1_300);
        version(&again, 3);
        assert_eq!(again.plan().text, spec_of(90, GUARD));
        // Once back, a restart leaves it alone.
        released(&again, again.status().position);
        let (before, copy) = (told(&again), crashed(&copy));
        drop(again);
        let (last, _) = open(&copy, &spec_of(90, GUARD), Mode::Inline, 1);
        assert_eq!((told(&last), last.status().plan_version), (before, PlanVersion(3)));
    }
}

fn rolled_out(share: &str, guard: &str) -> String {
    let rule = format!("      - {{ id: new, when: amount >= 20, outcome: decline, share: {share} }}\n    tiers");
    spec_of(90, &format!("    guards: [{{ outcome: decline, share_up: 20%, over: 10m, min: 100, {guard} }}]\n"))
        .replace("    tiers", &rule)
}

#[test]
fn shares_are_frozen_at_what_they_were() {
    let folder = Folder::new();
    let first = rolled_out("0.1%", "then: freeze");
    let (engine, _) = open(&folder, &first, Mode::Inline, 2);
    pay(&engine, 0, 1_000);
    let wide = rolled_out("100%", "then: freeze");
    engine.change_spec("test", &wide, None).expect("it compiles");
    pay(&engine, 1_000, 1_300);
    version(&engine, 3);
    let frozen = engine.plan().text.clone();
    assert!(frozen.starts_with("# frozen shares: risk/new 0.001 user") && frozen.ends_with(&wide), "{frozen}");
    released(&engine, engine.status().position);
    let reason = engine.spec_versions(9)[2].reason.clone().expect("it is in the log");
    assert!(reason.starts_with("shares are held as of version 1"), "{reason}");
    // It is as before: the guard goes on watching, and holds.
    pay(&engine, 1_300, 2_000);
    let report = engine.decision_report("risk").expect("it is declared");
    assert_eq!((report.plan, report.guards[0].state), (PlanVersion(3), GuardState::Watching));
    assert!(report.guards[0].now.hits <= report.guards[0].now.decisions / 5, "{report:?}");
}

#[test]
fn a_guard_that_nothing_can_be_done_about_hides_no_other() {
    let freeze = "{ outcome: decline, share_up: 5%, over: 10m, min: 200, then: freeze }";
    let rollback = "{ outcome: decline, share_up: 8%, over: 10m, min: 250, then: rollback }";
    let guards = format!("    guards: [{freeze}, {rollback}]\n");
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, &guards), Mode::Inline, 1);
    pay(&engine, 0, 1_000);
    engine.change_spec("test", &spec_of(80, &guards), None).expect("it compiles");
    pay(&engine, 1_000, 1_220);
    // No rule has a share, so there is none to be held.
    engine.keep_guards();
    let states = || engine.decision_report("risk").expect("it is declared").guards.iter().map(|of| of.state).collect();
    let told: Vec<GuardState> = states();
    assert_eq!((told, engine.status().plan_version), (vec![GuardState::Broken, GuardState::Watching], PlanVersion(2)));
    pay(&engine, 1_220, 1_300);
    version(&engine, 3);
    assert_eq!(engine.plan().text, spec_of(90, &guards));
}

#[test]
fn a_part_is_compared_with_the_rest() {
    let folder = Folder::new();
    let before = spec_of(90, "");
    let (engine, _) = open(&folder, &before, Mode::Inline, 2);
    pay(&engine, 0, 100);
    let part = rolled_out("50%", "against: rest, rule: new, then: rollback");
    engine.change_spec("test", &part, None).expect("it compiles");
    pay(&engine, 100, 1_000);
    version(&engine, 3);
    assert_eq!(engine.plan().text, before);
    released(&engine, engine.status().position);
    let reason = engine.spec_versions(9)[2].reason.clone().expect("it is in the log");
    assert!(reason.contains("where the rule new is not rolled out"), "{reason}");
}

#[test]
fn a_change_that_serves_before_it_is_filled_is_rolled_back() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, GUARD), Mode::Inline, 2);
    pay(&engine, 0, 1_000);
    let filled = spec_of(80, GUARD).replace("n: count(payment, 1d)", "n: count(payment, 2d)");
    engine.change_spec_at_once("test", &filled, None).expect("it compiles");
    pay(&engine, 1_000, 1_300);
    for _ in 0..60_000 {
        if engine.plan().text == spec_of(90, GUARD) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(engine.plan().text, spec_of(90, GUARD));
    released(&engine, engine.status().position);
    let last = engine.spec_versions(1).remove(0);
    assert!(last.in_force && last.reason.is_some_and(|reason| reason.contains("rolled back to version 1")));
}

//! A changed spec that serves at once: what is not filled reads as missing, until it has its values.

use super::holds;
use crate::core::Core;
use crate::tests::{Folder, SPEC, item, plan, request, view};
use crate::{ChangeOutcome, ChangeStage, Clock, Config};
use domain::{PlanVersion, Raw, Span};
use journal::{FileDisk, Options};

const CHANGED: [(&str, &str); 2] = [
    ("views: count(view, 1d)", "views: count(view, 7d)\n    twice: 2 * views"),
    ("hot: { top: item.heat", "hot: { top: item.warm"),
];

/// Other counts of users, another index of items; `recent`, `heat` and `similar` stay.
fn changed() -> String {
    let text = CHANGED.iter().fold(SPEC.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("    heat: decayed(view, 1h)", "    heat: decayed(view, 1h)\n    warm: decayed(view, 2h)")
}

/// A node without threads: nothing goes on but by a call.
fn core(folder: &Folder, text: &str) -> Core<FileDisk> {
    let config = Config { checkpoint_every: Span(0), unsynced_bytes_max: 2_000, ..Config::new(Clock::Log) };
    let opened = Core::open(folder.disk(), Options::default(), plan(text), config, &mut |_, _| ());
    opened.expect("the node opens").0
}

fn send(core: &Core<FileDisk>, from: u64, to: u64) {
    for number in from..to {
        core.submit(&[view(number)], false).expect("the node is well");
        core.sync().expect("the disk is well");
    }
    while core.sync().expect("the disk is well") {}
    core.publish_epoch();
    core.recommend(request("u3")).expect("the feed exists");
    while core.sync().expect("the disk is well") {}
}

fn features(core: &Core<FileDisk>) -> Vec<(String, Raw<'static>)> {
    core.entity("user", "u7").expect("the user is known").features
}

fn finish(core: &Core<FileDisk>) {
    for _ in 0..100 {
        core.advance_change(64);
        while core.sync().expect("the disk is well") {}
    }
    core.checkpoint().expect("the disk is well");
}

#[test]
fn what_is_not_filled_is_missing_and_then_has_its_value() {
    let folder = Folder::new();
    let node = core(&folder, SPEC);
    node.submit(&(0..41).map(item).collect::<Vec<_>>(), true).expect("items are taken");
    send(&node, 0, 100);
    let before = features(&node);
    let started = node.change_spec_at_once("new.yaml", &changed(), Some(PlanVersion(1))).expect("it compiles");
    assert!(matches!(started.outcome, ChangeOutcome::Interim { version: PlanVersion(2), .. }), "{started:?}");
    let between = features(&node);
    let names: Vec<&str> = between.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["recent", "views", "twice"]);
    assert_eq!(between[0], before[0], "what has not changed goes on");
    assert_eq!((&between[1].1, &between[2].1), (&Raw::Null, &Raw::Null));
    let served = node.recommend(request("u3")).expect("the feed exists").answer;
    assert_eq!(served.plan, PlanVersion(2));
    assert_eq!(served.route_counts[0], 0, "its index is not there yet: {served:?}");
    assert!(served.items.len() > 3, "the other route goes on");
    send(&node, 100, 120);
    finish(&node);
    let versions = node.spec_versions(9);
    assert_eq!(versions.iter().map(|of| of.interim).collect::<Vec<_>>(), [false, true, false], "{versions:?}");
    assert_eq!(versions[1].digest, versions[2].digest, "it is the same spec");
    assert_eq!(node.spec_text(PlanVersion(2)).expect("it is there"), changed());
    assert!(matches!(features(&node)[2].1, Raw::Float(_)), "{:?}", features(&node));
    let served = node.recommend(request("u3")).expect("the feed exists").answer;
    assert!(served.plan == PlanVersion(3) && served.route_counts[0] > 0);
    // The state before is kept, whichever spec had it last.
    let back = node.roll_back(PlanVersion(1), None).expect("its text is there");
    let crate::Needs::Fill { records, .. } = back.planned.needs else { panic!("{back:?}") };
    assert!(records < 100, "{records}");
    finish(&node);
    assert_eq!(node.plan().text, SPEC);
    drop(node);
    holds(&folder, 4);
}

#[test]
fn a_restart_goes_on_filling() {
    let folder = Folder::new();
    let node = core(&folder, SPEC);
    send(&node, 0, 60);
    node.change_spec_at_once("new.yaml", &changed(), None).expect("it compiles");
    node.advance_change(10);
    send(&node, 60, 80);
    let text = node.plan().text.clone();
    drop(node);
    let node = core(&folder, &text);
    assert_eq!(node.change_status().expect("it goes on").stage, ChangeStage::Filling);
    assert_eq!(features(&node)[2].1, Raw::Null);
    send(&node, 80, 90);
    finish(&node);
    assert_eq!((node.plan().text.clone(), node.generation().version), (changed(), PlanVersion(3)));
    drop(node);
    holds(&folder, 3);
}

#[test]
fn the_way_back_needs_no_filling_and_a_cancelled_fill_can_begin_again() {
    let folder = Folder::new();
    let node = core(&folder, SPEC);
    send(&node, 0, 60);
    node.change_spec_at_once("new.yaml", &changed(), None).expect("it compiles");
    let refused = node.change_spec_at_once("new.yaml", &changed(), None).expect_err("one is being filled");
    assert_eq!(refused.code.as_str(), "change_running");
    node.cancel_change().expect("it is running");
    assert!(node.plan().is_interim(), "what is in force stays in force");
    let again = node.change_spec_at_once("new.yaml", &changed(), None).expect("it compiles");
    assert!(matches!(again.outcome, ChangeOutcome::Interim { version: PlanVersion(2), .. }), "nothing was written");
    node.cancel_change().expect("it is running");
    let back = node.roll_back(PlanVersion(1), None).expect("its text is there");
    assert!(matches!(back.outcome, ChangeOutcome::Switched { version: PlanVersion(3), .. }), "{back:?}");
    let other = changed().replace("category: string", "category: int");
    let refused = node.change_spec_at_once("new.yaml", &other, None).expect_err("the catalogue differs");
    assert!(refused.message.contains("needs_filling"), "{refused}");
    assert_eq!(node.plan().text, SPEC, "nothing has changed");
    send(&node, 60, 70);
    node.checkpoint().expect("the disk is well");
    drop(node);
    holds(&folder, 2);
}

#[test]
fn a_disk_that_is_behind_delays_the_switch_and_does_not_undo_the_fill() {
    let folder = Folder::new();
    let node = core(&folder, SPEC);
    send(&node, 0, 60);
    node.change_spec("new.yaml", &changed(), None).expect("it compiles");
    while node.change_status().expect("it is running").stage != ChangeStage::Following {
        node.advance_change(64);
        node.sync().expect("the disk is well");
    }
    for number in 60..120 {
        if node.submit(&[view(number)], false).is_err() {
            break;
        }
    }
    assert!(node.status().unsynced_bytes > 2_000, "more waits for the disk than may");
    for _ in 0..5 {
        node.advance_change(64);
    }
    assert_eq!(node.change_status().expect("it is running").stage, ChangeStage::Following);
    finish(&node);
    assert_eq!(node.plan().text, changed());
    send(&node, 200, 210);
    node.checkpoint().expect("the disk is well");
    drop(node);
    holds(&folder, 2);
}

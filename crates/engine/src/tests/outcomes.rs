//! Outcomes read in the order of the log: the same from memory and derived again, in any slices, from any position, over a change of
//! the spec; and only what is durable.

use super::decisions::{RISK, Said, payment, run, said_of};
use super::*;
use crate::{Derived, OutcomesAsked};
use domain::OutcomeId;

/// Two decisions on the one event, one of them named after what it is on.
fn two() -> String {
    RISK.to_owned()
        + "  large:\n    on: payment\n    rules: [{ id: large, when: amount >= 20, outcome: large }]\n    otherwise: small\n"
}

type Told = Vec<(OutcomeId, String, String, String)>;

/// Everything behind a position that is wanted, in calls of so many, with how many of them ended with `more`.
fn read(engine: &Engine, after: Position, most: usize, wanted: &dyn Fn(&Derived<'_>) -> bool) -> Told {
    let mut reader = engine.core().outcomes(after);
    let mut told = Told::new();
    loop {
        let before = told.len();
        let mut tell = |outcome: &crate::Outcome<'_>| {
            let Derived::Verdict(decided) = outcome.derived;
            let reasons = said_of(std::slice::from_ref(decided), outcome.telling);
            let event = format!("{:?}", outcome.event);
            told.push((
                outcome.id,
                outcome.derived.name().to_owned(),
                event,
                format!("{reasons:?}{}", decided.version.0),
            ));
        };
        let position = reader.position();
        let more = reader.read(&mut OutcomesAsked { most, wanted, tell: &mut tell }).expect("the log is whole");
        assert!(told.len() - before < most + 2, "two at most are of one event");
        assert!(reader.position() >= position);
        if !more {
            assert_eq!(reader.position(), engine.released());
            return told;
        }
    }
}

fn all(_: &Derived<'_>) -> bool {
    true
}

#[test]
fn outcomes_are_the_same_from_memory_and_from_the_log() {
    let (folder, text) = (Folder::new(), two());
    let (engine, _) = open(&folder, &text, Mode::Threaded, 3);
    let live: Said = run(&engine, 0, 300);
    let lively = read(&engine, Position::START, 7, &all);
    assert!(!engine.core().outcomes(Position(1)).is_far());
    assert_eq!(lively.len(), live.len(), "two decisions on each");
    for (pair, number) in lively.chunks(2).zip(0..) {
        let (first, second) = (&pair[0], &pair[1]);
        assert_eq!((first.0.place, second.0.place, first.0.decision), (0, 1, second.0.decision));
        assert_eq!((first.1.as_str(), second.1.as_str()), ("risk", "large"));
        assert!(first.2.contains(&format!("\"p{number}\"")) && first.2 == second.2, "{}", first.2);
    }
    engine.stop();
    drop(engine);
    let (engine, _) = open(&folder, &text, Mode::Inline, 1);
    assert!(engine.core().outcomes(Position(1)).is_far(), "memory does not last");
    for most in [1, 50, 100_000] {
        assert_eq!(read(&engine, Position::START, most, &all), lively);
    }
    // From any position, and over the border of what is in memory.
    let more = run(&engine, 300, 320);
    let whole = read(&engine, Position::START, 64, &all);
    assert_eq!((whole.len(), &whole[..lively.len()]), (lively.len() + more.len(), &lively[..]));
    for at in [1, 17, 399, 600, 620] {
        let after = whole[at].0.decision.position;
        let behind: Told = whole.iter().filter(|told| told.0.decision.position > after).cloned().collect();
        assert_eq!(read(&engine, after, 3, &all), behind, "after {after}");
    }
    let large = |derived: &Derived<'_>| derived.name() == "large" && derived.outcome() == "large";
    let chosen = read(&engine, Position::START, 5, &large);
    assert!(
        !chosen.is_empty() && chosen.iter().all(|told| told.0.place == 1),
        "a place does not hang on what is wanted"
    );
    assert!(chosen.iter().all(|told| whole.contains(told)));
}

#[test]
fn each_outcome_is_of_the_version_at_its_position() {
    let folder = Folder::new();
    let none = RISK.split("decisions:").next().expect("a text has a beginning");
    let (engine, _) = open(&folder, none, Mode::Inline, 2);
    assert!(run(&engine, 0, 20).is_empty());
    // The state stays as it is, then something is counted that was not.
    let adopted = RISK.replace("0.001 * amount", "0.002 * amount");
    let filled = RISK.replace("count(payment, 7d)\n  device", "count(payment, 8d)\n  device");
    let mut live = Said::new();
    for (text, from) in [(RISK, 20), (adopted.as_str(), 60), (filled.as_str(), 120), (none, 200), (RISK, 300)] {
        engine.change_spec("new.yaml", text, None).expect("it compiles");
        while engine.plan().text != text {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        live.extend(run(&engine, from, from + 40));
    }
    let told = |engine: &Engine| read(engine, Position::START, 9, &all);
    let lively = told(&engine);
    assert_eq!((lively.len(), live.len()), (160, 160));
    engine.stop();
    drop(engine);
    let (engine, _) = open(&folder, RISK, Mode::Threaded, 2);
    assert_eq!(told(&engine), lively);
    // Where nothing can be read any more, reading goes on behind it.
    let mut reader = engine.core().outcomes(Position(30));
    assert!(reader.pass_over() > 0 && reader.position() > Position(30));
}

#[test]
fn what_is_not_durable_is_not_told() {
    let folder = Folder::new();
    let (core, _) = Core::open(
        folder.disk(),
        Options::default(),
        plan(RISK),
        Config { checkpoint_every: Span(0), ..Config::new(Clock::Log) },
        &mut |_, _| (),
    )
    .expect("the node opens");
    let core = Arc::new(core);
    core.sync().expect("the disk is well");
    core.publish_epoch();
    let submitted = core.submit(&[payment(1)], false).expect("the node is well");
    core.publish_epoch();
    let mut reader = core.outcomes(Position::START);
    let count = |reader: &mut crate::OutcomeReader<FileDisk>| {
        let mut told = 0;
        let mut tell = |_: &crate::Outcome<'_>| told += 1;
        reader.read(&mut OutcomesAsked { most: 9, wanted: &all, tell: &mut tell }).expect("the log is whole");
        told
    };
    assert_eq!(count(&mut reader), 0, "it is decided, but may be lost yet");
    core.sync().expect("the disk is well");
    assert_eq!((count(&mut reader), reader.position()), (1, submitted.last));
}

#[test]
fn a_blob_is_replaced_whole() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, RISK, Mode::Inline, 1);
    assert_eq!(engine.blob("sink-ledger").expect("readable"), None);
    for bytes in [&b"one"[..], b"", b"and another one"] {
        engine.write_blob("sink-ledger", bytes).expect("the disk is well");
        assert_eq!(engine.blob("sink-ledger").expect("readable").as_deref(), Some(bytes));
    }
    engine.stop();
    drop(engine);
    let (engine, _) = open(&folder, RISK, Mode::Inline, 1);
    assert_eq!(engine.blob("sink-ledger").expect("readable").as_deref(), Some(&b"and another one"[..]));
}

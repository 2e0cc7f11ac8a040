//! Outcomes read in the order of the log: the same from memory and derived again, in any slices, from any position, over a change of
//! the spec; and only what is durable.

use super::decisions::{RISK, Said, payment, run, said_of};
use super::*;
use crate::{Derived, Kinds, OutcomeCursor, OutcomesAsked, What, Which};
use domain::OutcomeId;

/// Two decisions on the one event, one of them named after what it is on.
fn two() -> String {
    RISK.to_owned()
        + "  large:\n    on: payment\n    rules: [{ id: large, when: amount >= 20, outcome: large }]\n    otherwise: small\n"
}

type Told = Vec<(OutcomeId, String, String, String)>;

/// All decisions behind a position that are wanted, in calls of so many.
fn read(engine: &Engine, after: Position, most: usize, wanted: &dyn Fn(&Which<'_>) -> bool) -> Told {
    read_on(engine.core().outcomes(after, Kinds { verdicts: true, alarms: false }), most, wanted)
}

/// Everything that a reader comes to, in calls of so many.
fn read_on(mut reader: crate::OutcomeReader, most: usize, wanted: &dyn Fn(&Which<'_>) -> bool) -> Told {
    let mut told = Told::new();
    loop {
        let before = told.len();
        let mut tell = |outcome: &crate::Outcome<'_>| told.push(said(outcome));
        let position = reader.position();
        let more = reader.read(&mut OutcomesAsked { most, wanted, tell: &mut tell }).expect("the log is whole");
        assert!(told.len() - before < most + 2, "two decisions at most are on one event");
        assert!(reader.position() >= position);
        if !more {
            assert_eq!(reader.cursor(), reader.core().released().into());
            return told;
        }
    }
}

fn said(outcome: &crate::Outcome<'_>) -> (OutcomeId, String, String, String) {
    match outcome.derived {
        Derived::Verdict(decided, telling, event) => {
            let reasons = said_of(std::slice::from_ref(decided), telling);
            let name = decided.decision().name.clone();
            (outcome.id, name, format!("{event:?}"), format!("{reasons:?}{}", decided.version.0))
        }
        Derived::Alarm(alarm) => {
            assert_eq!(alarm.id, outcome.id);
            let said = format!("{} {}{}", alarm.log_time.0, alarm.reason, alarm.version.0);
            (outcome.id, alarm.name().to_owned(), format!("{} {}", alarm.of(), alarm.entity), said)
        }
    }
}

fn all(_: &Which<'_>) -> bool {
    true
}

#[test]
fn outcomes_are_the_same_from_memory_and_from_the_log() {
    let (folder, text) = (Folder::new(), two());
    let (engine, _) = open(&folder, &text, Mode::Threaded, 3);
    let live: Said = run(&engine, 0, 300);
    let lively = read(&engine, Position::START, 7, &all);
    assert!(!engine.core().outcomes(Position(1), Kinds::ALL).is_far());
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
    assert!(engine.core().outcomes(Position(1), Kinds::ALL).is_far(), "memory does not last");
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
    let large = |which: &Which<'_>| which.what == What::Verdict { decision: "large", outcome: "large" };
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
    let mut reader = engine.core().outcomes(Position(30), Kinds::ALL);
    assert!(reader.pass_over() > 0 && reader.position() > Position(30));
}

/// Decisions on every event, and alarms: some raised by those events, some by time.
const BOTH: &str = "
version: 1
entities: { device: {}, item: {} }
events:
  payment: { user: user, device: device, item: item, fields: { amount: float, country: string } }
features:
  user:
    again: seq(payment, payment, 20s)
    gone: absent(payment, payment, 2s)
alarms:
  again: { of: user, when: again, reason: '{again} again' }
  gone: { of: user, when: gone }
decisions:
  risk: { on: payment, score: amount, tiers: { high: 50, otherwise: low } }
  size: { on: payment, rules: [{ id: odd, when: 'amount > 30.0', outcome: odd }], otherwise: even }
";

#[test]
fn decisions_come_before_alarms_of_the_same_position_from_anywhere() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, BOTH, Mode::Threaded, 3);
    run(&engine, 0, 300);
    let read = |engine: &Engine, after: OutcomeCursor, most: usize, wanted: &dyn Fn(&Which<'_>) -> bool| {
        read_on(engine.core().outcomes(after, Kinds::ALL), most, wanted)
    };
    let whole = read(&engine, OutcomeCursor::default(), 100_000, &all);
    let ids: Vec<OutcomeId> = whole.iter().map(|told| told.0).collect();
    assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
    let is_alarm = |told: &(OutcomeId, String, String, String)| ["again", "gone"].contains(&told.1.as_str());
    for of_record in whole.chunk_by(|a, b| a.0.decision == b.0.decision) {
        assert!(of_record.iter().zip(0..).all(|(told, place)| told.0.place == place), "{of_record:?}");
        assert!(of_record.is_sorted_by_key(is_alarm), "{of_record:?}");
    }
    let alarms = whole.iter().filter(|told| is_alarm(told)).count();
    assert!(alarms > 100, "{alarms}");
    let alone = read_on(engine.core().outcomes(Position::START, Kinds { verdicts: false, alarms: true }), 3, &all);
    assert_eq!(alone, whole.iter().filter(|told| is_alarm(told)).cloned().collect::<Told>());
    let gone = |which: &Which<'_>| matches!(which.what, What::Alarm("gone"));
    let chosen: Told = whole.iter().filter(|told| told.1 == "gone").cloned().collect();
    let mut others = Vec::new();
    let check = |engine: &Engine| {
        for most in [1, 2, 50] {
            assert_eq!(read(engine, OutcomeCursor::default(), most, &all), whole, "in calls of {most}");
            assert_eq!(read(engine, OutcomeCursor::default(), most, &gone), chosen);
        }
        for at in (0..whole.len()).step_by(17) {
            let cursor = OutcomeCursor::behind(whole[at].0);
            assert_eq!(OutcomeCursor::parse(&cursor.to_string()), Some(cursor));
            assert_eq!(read(engine, cursor, 3, &all), whole[at + 1..], "behind {cursor}");
        }
        let from_log = engine.core().outcomes(Position::START, Kinds::ALL).from_log();
        assert_eq!(read_on(from_log, 5, &all), whole);
    };
    check(&engine);
    engine.stop();
    drop(engine);
    for (mode, shards) in [(Mode::Inline, 1), (Mode::Threaded, 2)] {
        let (engine, _) = open(&folder, BOTH, mode, shards);
        check(&engine);
        others.push(read(&engine, OutcomeCursor::default(), 64, &all).len());
    }
    assert_eq!(others, [whole.len(); 2]);
}

#[test]
fn alarms_of_one_record_are_told_in_parts() {
    let folder = Folder::new();
    let count = 1_000;
    let spec = "version: 1
events: { basket: { user: user }, purchase: { user: user } }
features: { user: { idle: 'absent(purchase, basket, 1s)' } }
alarms: { idle: { of: user, when: idle } }
";
    let basket = |user: u64, time: i64| {
        let field = domain::Field { name: "user".into(), value: text(format!("u{user}")) };
        let (kind, source) = ("basket".into(), "test".into());
        Payload::Event(Event { kind, source, id: None, time: Some(domain::Time(time)), fields: vec![field] })
    };
    let (engine, _) = open(&folder, spec, Mode::Threaded, 3);
    let baskets: Vec<_> = (0..count).map(|user| basket(user, 1_000_000)).collect();
    engine.submit(&baskets, false).expect("the node is well");
    // All of them are overdue at the next record.
    let last = engine.submit(&[basket(0, 1_005_000)], false).expect("the node is well").last;
    released(&engine, last);
    let cursor = OutcomeCursor::default();
    let whole = read_on(engine.core().outcomes(cursor, Kinds::ALL), 300, &all);
    assert_eq!((whole.len() as u64, whole[0].0.decision.position), (count, last));
    let users: Vec<String> = (0..count).map(|user| format!("user u{user}")).collect();
    assert_eq!(whole.iter().map(|told| told.2.clone()).collect::<Vec<_>>(), users, "as the log first named them");
    for most in [1, 7, 256] {
        assert_eq!(read_on(engine.core().outcomes(cursor, Kinds::ALL), most, &all), whole);
        assert_eq!(read_on(engine.core().outcomes(cursor, Kinds::ALL).from_log(), most, &all), whole);
    }
    let mut reader = engine.core().outcomes(cursor, Kinds::ALL).from_log();
    let mut told = 0;
    let mut tell = |_: &crate::Outcome<'_>| told += 1;
    while reader.position() < last && reader.cursor().last().is_none() {
        reader.read(&mut OutcomesAsked { most: 10, wanted: &all, tell: &mut tell }).expect("the log is whole");
    }
    assert_eq!((told, reader.cursor()), (10, OutcomeCursor::behind(whole[9].0)), "never more than asked for");
    reader.rest();
    assert_eq!(read_on(reader, 9, &all), whole[10..]);
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
    let mut reader = core.outcomes(Position::START, Kinds::ALL);
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

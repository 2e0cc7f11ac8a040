//! Decisions that wait for a person, reports, and guards: the same in every mode, and across restarts.

mod guards;

use super::*;
use crate::{ReviewAsked, ReviewCase, ReviewQuery, ReviewVerb};
use domain::{Code, DecisionId, PlanVersion};

/// `decline` above this amount, and what stands behind the tiers.
fn spec_of(decline: u32, more: &str) -> String {
    format!(
        "
version: 1
entities:
  device: {{}}
events:
  payment: {{ user: user, device: device, fields: {{ amount: float, country: string }} }}
  verdict: {{ user: user, fields: {{ payment: string, fraud: bool, country: string, note: string }} }}
features:
  user:
    n: count(payment, 1d)
    verdicts: count(verdict, 30d)
decisions:
  risk:
    on: payment
    score: 0.01 * amount
    rules:
      - {{ id: busy, when: user.n > 3 && amount < 50, score: 0.005, reason: '{{user.n}} in a day' }}
      - {{ id: large, when: amount >= {decline}, outcome: decline }}
      - {{ id: strict, when: amount >= 70, outcome: decline, shadow: true }}
    tiers: {{ check: 0.5, otherwise: approve }}
    labels: {{ event: verdict, of: payment, when: fraud }}
    review: {{ outcomes: [check], answers: {{ fraud: {{ fraud: true, note: seen }}, fine: {{ fraud: false }} }}, claim: 10m }}
{more}"
    )
}

fn amount(number: u64) -> u64 {
    number * 37 % 100
}

fn payment(number: u64) -> Payload<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    Payload::Event(Event {
        kind: "payment".into(),
        source: "test".into(),
        id: Some(format!("p{number}").into()),
        time: Some(Time(1_000_000 + number as i64 * 250)),
        fields: vec![
            field("user", text(format!("u{}", number * 7 % 11))),
            field("device", text(format!("d{}", number % 5))),
            field("amount", Raw::Float(amount(number) as f64)),
            field("country", text(format!("c{}", number % 3))),
        ],
    })
}

fn pay(engine: &Engine, from: u64, to: u64) -> Position {
    let mut last = Position::START;
    for start in (from..to).step_by(16) {
        let batch: Vec<_> = (start..(start + 16).min(to)).map(payment).collect();
        last = engine.submit(&batch, false).expect("the node is well").last;
    }
    released(engine, last);
    last
}

fn label(of: u64, fraud: bool) -> Payload<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    Payload::Event(Event {
        kind: "verdict".into(),
        source: "bank".into(),
        id: None,
        time: None,
        fields: vec![
            field("user", text("u1")),
            field("payment", text(format!("p{of}"))),
            field("fraud", Raw::Bool(fraud)),
        ],
    })
}

fn all(engine: &Engine) -> Vec<ReviewCase> {
    engine.reviews(&ReviewQuery { limit: 1_000, ..ReviewQuery::default() }).expect("nothing is named").cases
}

fn asked(case: &ReviewCase, by: &str, verb: ReviewVerb) -> ReviewAsked {
    ReviewAsked { case: case.id, decision: case.decision.clone(), by: by.into(), verb }
}

fn decide(answer: &str) -> ReviewVerb {
    ReviewVerb::Decide { answer: answer.into(), reason: "looked at it".into() }
}

/// A copy of a directory as it is: what a crash would leave.
fn crashed(folder: &Folder) -> Folder {
    let copy = Folder::new();
    for entry in std::fs::read_dir(&folder.0).expect("it is there") {
        let entry = entry.expect("it is there");
        if entry.file_type().expect("it has one").is_file() {
            std::fs::copy(entry.path(), copy.0.join(entry.file_name())).expect("there is room");
        }
    }
    copy
}

/// Everything that can be told of what is kept.
fn told(engine: &Engine) -> (Vec<ReviewCase>, Vec<ReviewCase>, crate::DecisionReport) {
    let closed = ReviewQuery { closed: true, limit: 1_000, ..ReviewQuery::default() };
    let closed = engine.reviews(&closed).expect("nothing is named").cases;
    (all(engine), closed, engine.decision_report("risk").expect("it is declared"))
}

/// Claims, answers and labels while payments go on.
fn work(engine: &Engine) {
    pay(engine, 0, 120);
    let cases = all(engine);
    engine.review(&asked(&cases[0], "anna", ReviewVerb::Claim)).expect("nobody has it");
    engine.review(&asked(&cases[1], "bob", decide("fraud"))).expect("it may be decided without a claim");
    engine.review(&asked(&cases[2], "bob", decide("fine"))).expect("it may be decided");
    let labels = [label(3, true), label(5, false), label(5, true), label(9_999, true)];
    released(engine, engine.submit(&labels, false).expect("the node is well").last);
    pay(engine, 120, 200);
}

#[test]
fn the_queue_and_the_report_are_the_same_in_every_mode() {
    let mut first = None;
    for (mode, shards) in [(Mode::Inline, 1), (Mode::Inline, 3), (Mode::Threaded, 1), (Mode::Threaded, 4)] {
        let folder = Folder::new();
        let (engine, _) = open(&folder, &spec_of(90, ""), mode, shards);
        work(&engine);
        let told = told(&engine);
        assert_eq!(first.get_or_insert_with(|| told.clone()), &told, "{mode:?} {shards}");
    }
    let (open, closed, report) = first.expect("there was a run");
    // By hand: what comes out follows from the amount.
    let checked = (0..200).filter(|number| (50..90).contains(&amount(*number))).count();
    assert_eq!((open.len(), closed.len()), (checked - 2, 2));
    let whole = report.windows.last().expect("there is one of everything");
    let count = |low: u64, high: u64| (0..200).filter(|number| (low..high).contains(&amount(*number))).count() as u64;
    let outcomes = [("approve", count(0, 50)), ("check", count(50, 90)), ("decline", count(90, 100))];
    let mut found = whole.outcomes.clone();
    found.sort();
    assert_eq!(found, outcomes.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!(whole.decisions, 200);
    let strict = report.rules.iter().find(|of| of.rule == "strict").expect("it is in shadow");
    let shadow = strict.shadow.as_ref().expect("it is in shadow");
    assert_eq!((strict.fired, shadow.differs, shadow.examples.len()), (count(70, 100), count(70, 90), 5));
    // Of p7 fine; of p5, which a person found bad, two labels of the bank, the last of which is believed; of p3 bad; of p9999 nothing.
    let tiers = report.tiers.expect("labels are declared");
    let (bad, good) = tiers.iter().fold((0, 0), |sum, of| (sum.0 + of.bad, sum.1 + of.good));
    assert_eq!((bad, good, report.unjoined), (2, 1, 1));
    assert_eq!(tiers.iter().map(|of| of.decided).sum::<u64>(), 200);
    assert!(open.iter().all(|case| case.event.is_some() && case.outcome == "check" && case.age.0 >= 0));
}

#[test]
fn cases_are_claimed_and_decided_once() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, ""), Mode::Inline, 1);
    pay(&engine, 0, 60);
    let cases = all(&engine);
    let refused = |asked: ReviewAsked| engine.review(&asked).expect_err("it is refused");
    let claimed = engine.review(&asked(&cases[0], "anna", ReviewVerb::Claim)).expect("nobody has it");
    let (by, until) = claimed.case.claimed.clone().expect("it was just claimed");
    assert_eq!((by.as_str(), until), ("anna", engine.status().log_time.plus(Span(600_000))));
    engine.review(&asked(&cases[0], "anna", ReviewVerb::Claim)).expect("she has it");
    for verb in [ReviewVerb::Claim, ReviewVerb::Release, decide("fraud")] {
        let wrong = refused(asked(&cases[0], "bob", verb));
        assert!(wrong.code == Code::ReviewClaimed && wrong.message.contains("anna has this case until"), "{wrong:?}");
    }
    let held = ReviewQuery { claimed: Some(true), limit: 9, ..ReviewQuery::default() };
    assert_eq!(engine.reviews(&held).expect("it is declared").cases.len(), 1);
    // What is missing or unknown is refused, and nothing is written.
    let before = engine.status().position;
    let no_reason = ReviewVerb::Decide { answer: "fraud".into(), reason: " ".into() };
    assert_eq!(refused(asked(&cases[0], "anna", no_reason)).code, Code::MissingField);
    assert_eq!(refused(asked(&cases[0], " ", ReviewVerb::Claim)).code, Code::MissingField);
    let wrong = refused(asked(&cases[0], "anna", decide("froud")));
    assert!(wrong.code == Code::InvalidValue && wrong.message.contains("fraud, fine"), "{wrong:?}");
    let nobody = ReviewCase { id: DecisionId { epoch: 1, position: Position(3) }, ..cases[0].clone() };
    assert_eq!(refused(asked(&nobody, "anna", decide("fraud"))).code, Code::UnknownReview);
    let other = ReviewCase { decision: "other".into(), ..cases[0].clone() };
    assert_eq!(refused(asked(&other, "anna", decide("fraud"))).code, Code::UnknownReview);
    assert_eq!(engine.status().position, before);
    let done = engine.review(&asked(&cases[0], "anna", decide("fraud"))).expect("she has it");
    assert!(done.labelled && done.case.closed.as_ref().is_some_and(|of| of.by == "anna" && of.answer == "fraud"));
    for by in ["anna", "bob"] {
        let wrong = refused(asked(&cases[0], by, decide("fine")));
        assert!(wrong.code == Code::ReviewDecided && wrong.message.contains("anna decided this case at"), "{wrong:?}");
    }
    // The label is an event like any: it counts, with the decided event's entities and fields.
    engine.sync().expect("the disk is well");
    let record = engine.reader.record(Position(done.position.0 - 1)).expect("it is readable").expect("it is there");
    let Ok(Payload::Event(event)) = Payload::decode(record.header.kind, &record.payload) else { panic!("no event") };
    let number = cases[0].event.as_ref().and_then(|id| id[1..].parse::<u64>().ok()).expect("it has an id");
    assert_eq!((&*event.kind, event.field("payment")), ("verdict", Some(&text(format!("p{number}")))));
    assert_eq!(event.field("country"), Some(&text(format!("c{}", number % 3))));
    assert_eq!((event.field("fraud"), event.field("note")), (Some(&Raw::Bool(true)), Some(&text("seen"))));
    let user = engine.entity("user", &format!("u{}", number * 7 % 11)).expect("the user is known");
    assert!(user.features.iter().any(|(name, value)| name == "verdicts" && *value == Raw::Float(1.0)), "{user:?}");
    // A claim ends by log time.
    engine.review(&asked(&cases[1], "anna", ReviewVerb::Claim)).expect("nobody has it");
    pay(&engine, 3_000, 3_001);
    engine.review(&asked(&cases[1], "bob", ReviewVerb::Claim)).expect("her claim has ended");
    engine.review(&asked(&cases[1], "bob", ReviewVerb::Release)).expect("he has it");
    let again = engine.review(&asked(&cases[1], "anna", ReviewVerb::Release)).expect("nobody has it");
    assert!(again.case.claimed.is_none() && !again.labelled);
}

#[test]
fn pages_follow_one_another() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, ""), Mode::Inline, 1);
    pay(&engine, 0, 100);
    let (whole, mut pages, mut after) = (all(&engine), Vec::new(), None);
    loop {
        let page =
            engine.reviews(&ReviewQuery { after, limit: 7, ..ReviewQuery::default() }).expect("nothing is named");
        assert!(page.cases.len() <= 7 && page.open == whole.len());
        pages.extend(page.cases);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, whole);
    let asked = |query: ReviewQuery| engine.reviews(&ReviewQuery { limit: 1_000, ..query });
    let some = |query: ReviewQuery| asked(query).expect("its names are known").cases.len();
    assert_eq!(some(ReviewQuery { decision: Some("risk".into()), ..ReviewQuery::default() }), whole.len());
    assert_eq!(some(ReviewQuery { tier: Some("approve".into()), ..ReviewQuery::default() }), 0);
    let unknown =
        asked(ReviewQuery { decision: Some("other".into()), ..ReviewQuery::default() }).expect_err("it is none");
    assert!(unknown.code == Code::UnknownDecision && unknown.message.ends_with("ask for one of: risk"), "{unknown:?}");
    let unknown = asked(ReviewQuery { tier: Some("chek".into()), ..ReviewQuery::default() }).expect_err("it is none");
    assert!(unknown.code == Code::InvalidValue && unknown.field == "tier", "{unknown:?}");
    assert!(unknown.message.ends_with("ask for one of: check"), "{unknown:?}");
    assert_eq!(some(ReviewQuery { tier: Some("check".into()), ..ReviewQuery::default() }), whole.len());
    let old = whole[3].age;
    assert_eq!(some(ReviewQuery { older: Some(old), ..ReviewQuery::default() }), 4);
}

#[test]
fn a_report_is_of_the_spec_in_force_before_anything_is_decided() {
    let folder = Folder::new();
    let guard = "    guards: [{ outcome: decline, share_up: 8%, over: 10m, min: 200, then: rollback }]\n";
    let (engine, _) = open(&folder, &spec_of(90, guard), Mode::Inline, 1);
    let report = || engine.decision_report("risk").expect("it is declared");
    assert_eq!((report().plan, report().guards.len()), (PlanVersion(1), 1));
    pay(&engine, 0, 60);
    engine.change_spec("test", &spec_of(80, ""), None).expect("it compiles");
    assert_eq!((report().plan, report().guards.len()), (PlanVersion(2), 0));
    let before = report();
    pay(&engine, 60, 61);
    assert_eq!((report().plan, &report().windows[0].window), (PlanVersion(2), &before.windows[0].window));
}

#[test]
fn callers_that_were_given_the_fallback_are_known_by_id_and_counted() {
    for (mode, shards) in [(Mode::Inline, 1), (Mode::Threaded, 3)] {
        let folder = Folder::new();
        let (engine, _) = open(&folder, &spec_of(90, ""), mode, shards);
        pay(&engine, 0, 40);
        let last = pay(&engine, 40, 60).0;
        let id = |back: u64| DecisionId { epoch: 1, position: Position(last - back) };
        let before = (engine.status().log_time, engine.decision_report("risk").expect("it is declared"));
        engine.note_fallbacks("risk", &[id(3), id(1)]);
        assert!(engine.fallbacks_given(id(1)).contains("risk"), "also before it is in the log");
        // The node writes them down by itself.
        for round in 0.. {
            if engine.status().position.0 > last {
                break;
            }
            assert!(round < 60_000, "nothing is written down");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // Twice is once; what nobody has decided is nothing.
        engine.note_fallbacks("risk", &[id(1), id(4)]);
        engine.note_fallbacks("other", &[id(2)]);
        engine.append_fallbacks(false);
        released(&engine, engine.status().position);
        let given = |engine: &Engine| [0, 1, 2, 3, 4].map(|back| engine.fallbacks_given(id(back)).contains("risk"));
        assert_eq!(given(&engine), [false, true, false, true, true]);
        // Whoever reviews it sees that too.
        let cases = all(&engine);
        assert!(cases.iter().all(|case| case.given_fallback == engine.fallbacks_given(case.id).contains("risk")));
        assert!(cases.iter().any(|case| case.given_fallback) && !cases.iter().all(|case| case.given_fallback));
        let foreign = DecisionId { epoch: 2, ..id(1) };
        assert!(engine.fallbacks_given(foreign).is_empty());
        let report = engine.decision_report("risk").expect("it is declared");
        assert_eq!((report.fallbacks, engine.status().log_time), (3, before.0));
        assert_eq!(crate::DecisionReport { fallbacks: 0, position: before.1.position, ..report }, before.1);
        // From the log, from a checkpoint, and in the other mode.
        for checkpointed in [false, true] {
            if checkpointed {
                engine.checkpoint().expect("the disk is well");
            }
            let (again, _) = open(&crashed(&folder), &spec_of(90, ""), Mode::Inline, 2);
            assert_eq!((given(&again), told(&again)), (given(&engine), told(&engine)), "{mode:?} {checkpointed}");
        }
    }
}

#[test]
fn a_restart_knows_all_of_it() {
    for (before, after) in [(Mode::Inline, Mode::Threaded), (Mode::Threaded, Mode::Inline)] {
        let folder = Folder::new();
        let (engine, _) = open(&folder, &spec_of(90, ""), before, 2);
        work(&engine);
        let expected = told(&engine);
        // Nothing but the log.
        let copy = crashed(&folder);
        assert_eq!(told(&open(&copy, &spec_of(90, ""), after, 3).0), expected);
        // A checkpoint, and then a checkpoint with a tail.
        engine.checkpoint().expect("the disk is well");
        let copy = crashed(&folder);
        assert_eq!(told(&open(&copy, &spec_of(90, ""), after, 3).0), expected);
        pay(&engine, 200, 260);
        let claimed = all(&engine)[4].clone();
        engine.review(&asked(&claimed, "eve", decide("fine"))).expect("nobody has it");
        released(&engine, engine.status().position);
        let expected = told(&engine);
        let copy = crashed(&folder);
        let (again, report) = open(&copy, &spec_of(90, ""), after, 1);
        assert!(report.checkpoint > Position::START && report.replayed > 0);
        assert_eq!(told(&again), expected);
        // What was decided stays decided.
        let wrong = again.review(&asked(&claimed, "anna", decide("fraud"))).expect_err("it was decided");
        assert_eq!(wrong.code, Code::ReviewDecided);
        engine.stop();
        drop(engine);
        assert_eq!(told(&open(&folder, &spec_of(90, ""), after, 2).0), expected);
    }
}

#[test]
fn what_is_kept_is_saved_whole_and_damage_is_no_panic() {
    use crate::decide::Casebook;
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, ""), Mode::Inline, 1);
    work(&engine);
    let saved = |book: &Casebook| {
        let mut bytes = Vec::new();
        book.save(&mut bytes);
        bytes
    };
    let bytes = engine.generation().state.cases_saved();
    assert_eq!(saved(&Casebook::load(&bytes).expect("it is whole")), bytes);
    for end in (0..bytes.len()).step_by(7) {
        assert!(Casebook::load(&bytes[..end]).is_err(), "cut at {end}");
    }
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        // What a checksum did not find is read as something, or refused.
        let _ = Casebook::load(&damaged).map(|book| saved(&book).len());
    }
}

#[test]
fn a_restart_decides_each_record_under_its_own_spec() {
    let folder = Folder::new();
    let (engine, _) = open(&folder, &spec_of(90, ""), Mode::Inline, 2);
    pay(&engine, 0, 100);
    engine.checkpoint().expect("the disk is well");
    pay(&engine, 100, 130);
    // One that needs nothing filled, and one that does.
    engine.change_spec("test", &spec_of(60, ""), None).expect("it compiles");
    pay(&engine, 130, 160);
    let filled = spec_of(70, "").replace("n: count(payment, 1d)", "n: count(payment, 2d)");
    engine.change_spec("test", &filled, None).expect("it compiles");
    while engine.plan().text != filled {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let last = pay(&engine, 160, 200);
    released(&engine, last);
    let expected = told(&engine);
    let count = |from: u64, to: u64, low: u64| (from..to).filter(|of| amount(*of) >= low).count() as u64;
    let declined = count(0, 130, 90) + count(130, 160, 60) + count(160, 200, 70);
    let whole = expected.2.windows.last().expect("there is one of everything");
    assert!(whole.outcomes.contains(&("decline".to_owned(), declined)), "{whole:?}");
    let copy = crashed(&folder);
    assert_eq!(told(&open(&copy, &filled, Mode::Threaded, 3).0), expected);
    // With yet another spec at the start, which has decided nothing.
    let copy = crashed(&folder);
    let (other, _) = open(&copy, &spec_of(80, ""), Mode::Inline, 1);
    assert_eq!((told(&other).0, told(&other).1), (expected.0, expected.1));
    let copy = crashed(&copy);
    drop(other);
    assert_eq!(
        open(&copy, &spec_of(80, ""), Mode::Inline, 1)
            .0
            .reviews(&ReviewQuery::default())
            .expect("nothing is named")
            .since,
        None
    );
}

//! Alarms of a node: the same for any number of shards and threads, from memory and from the log; and raised when their time has
//! come, without a further event.

use super::*;
use crate::{Derived, Kinds, OutcomesAsked};
use domain::OutcomeId;
use std::time::{Duration, Instant};

const SPEC: &str = "
version: 1
events:
  basket: { user: user, item: item }
  purchase: { user: user, item: item, fields: { amount: float } }
features:
  user:
    idle: absent(purchase, basket, 30s)
    bought: seq(basket, purchase(amount > 3.0), 20s)
    spent: sum(purchase, amount, 1h)
    busy: held(count(purchase, 1m) > 1, 5s)
  item:
    left: absent(purchase, basket, 10s)
";

const ALARMS: &str = "
alarms:
  idle: { of: user, when: idle, reason: '{spent} spent before', tags: [basket] }
  bought: { of: user, when: bought && spent > 4 }
  busy: { of: user, when: busy || idle }
  left: { of: item, when: left }
";

fn event(number: u64) -> Payload<'static> {
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let is_basket = number * number / 7 % 5 < 3;
    let mut fields =
        vec![field("user", text(format!("u{}", number * 7 % 5))), field("item", text(format!("i{}", number * 3 % 4)))];
    if !is_basket {
        fields.push(field("amount", Raw::Float((number % 6) as f64)));
    }
    let late = if number.is_multiple_of(9) { 7_000 } else { 0 };
    Payload::Event(Event {
        kind: if is_basket { "basket" } else { "purchase" }.into(),
        source: "test".into(),
        id: Some(format!("e{number}").into()),
        time: Some(Time(1_000_000 + number as i64 * 1_900 - late)),
        fields,
    })
}

fn run(engine: &Engine, from: u64, to: u64) -> Position {
    let mut last = Position::START;
    for start in (from..to).step_by(7) {
        let batch: Vec<_> = (start..(start + 7).min(to)).map(event).collect();
        last = engine.submit(&batch, false).expect("the node is well").last;
    }
    released(engine, last);
    last
}

/// An alarm as these tests compare it.
#[derive(Clone, Debug, PartialEq)]
struct Alarm {
    id: OutcomeId,
    log_time: Time,
    alarm: String,
    of: String,
    entity: String,
    reason: String,
    tags: Vec<String>,
}

impl Alarm {
    fn of(alarm: &crate::Alarm) -> Alarm {
        let (of, tags) = (alarm.of().to_owned(), alarm.tags().to_vec());
        let crate::Alarm { id, log_time, entity, reason, .. } = alarm.clone();
        // A node that was stopped in between has other epochs.
        let id = OutcomeId { decision: domain::DecisionId { epoch: 0, ..id.decision }, ..id };
        Alarm { id, log_time, alarm: alarm.name().to_owned(), of, entity, reason, tags }
    }

    fn position(&self) -> Position {
        self.id.decision.position
    }
}

/// All alarms behind a position, in parts of about this many.
fn all(engine: &Engine, after: Position, limit: usize) -> Vec<Alarm> {
    let mut reader = engine.core().outcomes(after, Kinds { verdicts: false, alarms: true });
    let mut all = Vec::new();
    let mut tell = |outcome: &crate::Outcome<'_>| match outcome.derived {
        Derived::Alarm(alarm) => all.push(Alarm::of(alarm)),
        Derived::Verdict(..) => panic!("nothing is decided"),
    };
    while reader.read(&mut OutcomesAsked { most: limit, wanted: &|_| true, tell: &mut tell }).expect("the log is whole")
    {
    }
    assert_eq!(reader.position(), engine.released());
    all
}

#[test]
fn alarms_are_the_same_for_any_number_of_shards_and_from_the_log() {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let modes = [(Mode::Inline, 1), (Mode::Threaded, 3), (Mode::Inline, 5)];
    let whole = format!("{SPEC}{ALARMS}");
    let told: Vec<Vec<Alarm>> = folders
        .iter()
        .zip(modes)
        .map(|(folder, (mode, shards))| {
            let (engine, _) = open(folder, &whole, mode, shards);
            run(&engine, 0, 300);
            all(&engine, Position::START, usize::MAX)
        })
        .collect();
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0], told[2]);
    for name in ["idle", "bought", "busy", "left"] {
        assert!(told[0].iter().filter(|alarm| alarm.alarm == name).count() > 2, "{name}: {:?}", told[0]);
    }
    let idle = told[0].iter().find(|alarm| alarm.alarm == "idle").expect("there is one");
    assert!(idle.reason.ends_with("spent before") && idle.of == "user" && idle.tags == ["basket"], "{idle:?}");
    let mut keys: Vec<_> = told[0].iter().map(|of| (of.position(), of.alarm.clone(), of.entity.clone())).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), told[0].len(), "none is there twice");
    // After a restart none of them is in memory, and the log has them all.
    let (engine, _) = open(&folders[1], &whole, Mode::Threaded, 2);
    assert!(engine.alarms_kept_from() >= told[0][told[0].len() - 1].position());
    assert_eq!(all(&engine, Position::START, usize::MAX), told[0]);
    for limit in [1, 7] {
        assert_eq!(all(&engine, Position::START, limit), told[0], "in parts of {limit}");
    }
    let middle = told[0][told[0].len() / 2].position();
    let behind: Vec<Alarm> = told[0].iter().filter(|alarm| alarm.position() > middle).cloned().collect();
    assert_eq!(all(&engine, middle, 5), behind);
}

#[test]
fn timers_go_on_where_a_node_was_stopped_and_under_alarms_that_came_later() {
    let (stopped, later, once) = (Folder::new(), Folder::new(), Folder::new());
    let whole = format!("{SPEC}{ALARMS}");
    let reference = {
        let (engine, _) = open(&once, &whole, Mode::Inline, 1);
        run(&engine, 0, 300);
        all(&engine, Position::START, usize::MAX)
    };
    for (mode, shards, from, to) in [(Mode::Inline, 2, 0, 97), (Mode::Threaded, 3, 97, 98), (Mode::Inline, 1, 98, 300)]
    {
        let (engine, _) = open(&stopped, &whole, mode, shards);
        run(&engine, from, to);
        engine.stop();
    }
    let (engine, _) = open(&stopped, &whole, Mode::Inline, 1);
    assert_eq!(all(&engine, Position::START, 100), reference, "with a checkpoint at each stop");
    // The same state without alarms first: they are adopted on it, and the timers are those of its rows.
    let (engine, _) = open(&later, SPEC, Mode::Threaded, 2);
    run(&engine, 0, 97);
    let before = engine.status().position;
    let started = engine.change_spec("later.yaml", &whole, None).expect("it is a spec");
    assert_eq!(started.planned.needs, crate::Needs::Adoption, "alarms are no state");
    run(&engine, 97, 300);
    // The spec has a position of its own.
    let expected = reference.iter().filter(|alarm| alarm.position() > before);
    let moved = |id: OutcomeId| {
        let decision = domain::DecisionId { position: id.decision.position.next(), ..id.decision };
        OutcomeId { decision, ..id }
    };
    let expected: Vec<Alarm> = expected.map(|alarm| Alarm { id: moved(alarm.id), ..alarm.clone() }).collect();
    assert_eq!(all(&engine, Position::START, usize::MAX), expected);
    drop(engine);
    let (engine, _) = open(&later, &whole, Mode::Inline, 1);
    assert_eq!(all(&engine, Position::START, usize::MAX), expected, "each under the plan that was in force");
}

#[test]
fn an_alarm_is_raised_when_its_time_has_come() {
    let folder = Folder::new();
    let clock = Clock::Manual(std::sync::atomic::AtomicI64::new(1_000_000_000));
    let config = Config { mode: Mode::Threaded, shards: 2, tick_every: Span(0), ..Config::new(clock) };
    let whole = format!("{SPEC}{ALARMS}");
    let options = Options::default();
    let (engine, _) = Engine::open(folder.disk(), options, plan(&whole), config, &mut |_, _| ()).expect("it opens");
    let fields = [("user", "u1"), ("item", "i1")].map(|(name, value)| Field { name: name.into(), value: text(value) });
    let basket = Payload::Event(Event {
        kind: "basket".into(),
        source: "test".into(),
        id: None,
        time: None,
        fields: fields.into(),
    });
    let last = engine.submit(&[basket], false).expect("it is taken").last;
    released(&engine, last);
    let set = |ms: i64| engine.core().config.clock.set(Time(1_000_000_000 + ms));
    let wait_for = |count: usize| {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let alarms = all(&engine, Position::START, usize::MAX);
            if alarms.len() >= count {
                return alarms;
            }
            assert!(Instant::now() < end, "no alarm comes: {alarms:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    set(9_999);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.status().position, last, "nothing is due, so nothing is written");
    set(10_000);
    let left = wait_for(1);
    assert_eq!((left[0].alarm.as_str(), left[0].entity.as_str(), left[0].position()), ("left", "i1", last.next()));
    set(40_000);
    let names: Vec<(String, Time)> = wait_for(3).into_iter().map(|of| (of.alarm, of.log_time)).collect();
    let at = |ms: i64| Time(1_000_000_000 + ms);
    let expected = [("left", at(10_000)), ("idle", at(40_000)), ("busy", at(40_000))];
    assert_eq!(names, expected.map(|(name, time)| (name.to_owned(), time)));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.status().position, last.next().next(), "one tick for each instant at which something was due");
}

//! Backtests: of a log whose outcome is known by hand, against a node that always had the spec, of a log that was cut, of bad asks.

use super::{Folder, open, plan, text};
use crate::{Backtest, BacktestAsked, BacktestError, Complete, LogFile, Mode, auc, average_precision};
use domain::{Event, Field, Payload, Raw, Span, Time};
use journal::FileDisk;
use std::collections::BTreeMap;
use std::sync::Arc;

const OLD: &str = "
version: 1
events:
  payment: { user: user, fields: { amount: float } }
  label: { user: user, fields: { payment: string, kind: string } }
features:
  user:
    payments_1h: count(payment, 1h)
decisions:
  risk:
    on: payment
    score: amount / 100
    rules:
      - { id: many, when: user.payments_1h >= 3, outcome: check, reason: \"{user.payments_1h} payments in an hour\" }
      - { id: big, when: amount > 90, score: 0.5 }
      - { id: idle, when: amount > 1000, score: 0 }
    tiers: { stop: 0.95, check: 0.5, otherwise: go }
    labels: { event: label, of: payment, when: kind == 'fraud' }
";

/// Another threshold, a rule over a window that the old spec has not, one rule less.
fn new() -> String {
    let text = OLD.replace("stop: 0.95", "stop: 0.85").replace(
        "    payments_1h: count(payment, 1h)\n",
        "    payments_1h: count(payment, 1h)\n    spent_1d: sum(payment, amount, 1d)\n",
    );
    text.replace(
        "      - { id: idle, when: amount > 1000, score: 0 }\n",
        "      - { id: spender, when: user.spent_1d > 200, outcome: stop, reason: \"{user.spent_1d} in a day\" }\n",
    )
}

const HOUR: i64 = 3_600_000;

fn field(name: &'static str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.into(), value }
}

fn event(kind: &'static str, id: String, hour: i64, fields: Vec<Field<'static>>) -> Payload<'static> {
    let time = Some(Time(1_000_000 + hour * HOUR));
    Payload::Event(Event { kind: kind.into(), source: "test".into(), id: Some(id.into()), time, fields })
}

fn payment(number: i64, hour: i64, user: &'static str, amount: f64) -> Payload<'static> {
    event("payment", format!("p{number}"), hour, vec![field("user", text(user)), field("amount", Raw::Float(amount))])
}

fn label(number: i64, hour: i64, of: i64, kind: &'static str) -> Payload<'static> {
    let fields = vec![field("user", text("u")), field("payment", text(format!("p{of}"))), field("kind", text(kind))];
    event("label", format!("l{number}"), hour, fields)
}

/// Ten payments over two days, and what was found out after the last of them.
fn history() -> Vec<Payload<'static>> {
    let paid = [
        (0, "a", 60.0),
        (0, "a", 60.0),
        (0, "a", 60.0),
        (2, "a", 60.0),
        (3, "b", 88.0),
        (4, "c", 10.0),
        (5, "d", 99.0),
        (30, "a", 20.0),
        (31, "b", 60.0),
        (32, "c", 5.0),
    ];
    let paid = paid.iter().zip(0..).map(|(&(hour, user, amount), number)| payment(number, hour, user, amount));
    let labels = [(3, "fraud"), (4, "fraud"), (5, "fine"), (6, "fine"), (9, "fine"), (5, "fine"), (77, "fraud")];
    let labels = labels.iter().zip(0..).map(|(&(of, kind), number)| label(number, 50 + number, of, kind));
    paid.chain(labels).collect()
}

fn lived(text: &str, mode: Mode, shards: u32) -> Folder {
    let folder = Folder::new();
    let (engine, _) = open(&folder, text, mode, shards);
    for payload in history() {
        let submitted = engine.submit(&[payload], true).expect("the node is well");
        assert!(submitted.results.iter().all(Result::is_ok), "{:?}", submitted.results);
    }
    engine.stop();
    folder
}

fn opened(folder: &Folder) -> LogFile<FileDisk> {
    LogFile::open_to_read(&Arc::new(FileDisk::open_to_read(&folder.0).expect("it is there"))).expect("it is read").0
}

fn tested(folder: &Folder, text: &str, asked: &BacktestAsked) -> Result<Backtest, BacktestError> {
    opened(folder).backtest(&plan(text), asked, &mut |_, _| true, &mut |_| ())
}

fn at(hour: i64) -> Option<Time> {
    Some(Time(1_000_000 + hour * HOUR))
}

#[test]
fn a_log_whose_outcome_is_known() {
    let folder = lived(OLD, Mode::Inline, 1);
    let report = tested(&folder, &new(), &BacktestAsked::default()).expect("the log is whole");
    assert_eq!((report.events, report.changed, report.rescored, report.refired), (10, 2, 0, 0));
    let kinds: Vec<_> =
        report.kinds.iter().map(|kind| (kind.old.as_deref(), kind.new.as_deref(), kind.events)).collect();
    let (stop, check, go) = (Some("stop"), Some("check"), Some("go"));
    assert_eq!(kinds, [(stop, stop, 1), (check, stop, 2), (check, check, 4), (go, go, 3)]);
    // The fourth of `a` in a day, and 88 alone.
    let examples = &report.kinds[1].examples;
    let told: Vec<_> = examples.iter().map(|of| (of.event.as_deref(), of.bad)).collect();
    assert_eq!(told, [(Some("p3"), Some(true)), (Some("p4"), Some(true))]);
    let new_side = examples[0].new.as_ref().expect("it was decided");
    assert_eq!((new_side.reasons[0].rule.as_str(), new_side.reasons[0].text.as_str()), ("spender", "240 in a day"));
    assert_eq!(examples[0].facts, [("user.spent_1d".to_owned(), None, Some(Raw::Float(240.0)))]);
    let rules: Vec<_> = report.rules.iter().map(|of| (of.rule.as_str(), of.old, of.new)).collect();
    let expected =
        [("many", Some(1), Some(1)), ("big", Some(1), Some(1)), ("spender", None, Some(1)), ("idle", Some(0), None)];
    assert_eq!(rules, expected);
    assert_eq!(report.scores.old.iter().sum::<u64>(), 10);
    assert_eq!(report.scores.range, (0.05, 99.0 / 100.0 + 0.5));
    assert!(report.cost.0.state_bytes < report.cost.1.state_bytes, "{:?}", report.cost);
}

#[test]
fn labels_come_later() {
    let folder = lived(OLD, Mode::Inline, 1);
    let report = tested(&folder, &new(), &BacktestAsked::default()).expect("the log is whole");
    let labels = report.labels.expect("they are declared");
    // Of seven labels one is said twice and one is of no payment.
    assert_eq!((labels.labelled, labels.bad, labels.strays), (5, 2, 1));
    let old = labels.old.expect("the old spec has the decision");
    let of = |name: &str, groups: &[crate::Group]| {
        let group = groups.iter().find(|group| group.name == name).expect("it is there").clone();
        (group.events, group.labelled, group.bad, group.precision, group.recall)
    };
    assert_eq!(of("check", &old.outcomes), (6, 2, 2, Some(1.0), Some(1.0)));
    assert_eq!(of("stop", &old.outcomes), (1, 1, 0, Some(0.0), Some(0.0)));
    assert_eq!(of("stop", &labels.new.outcomes), (3, 3, 2, Some(2.0 / 3.0), Some(1.0)));
    // By score alone `p3` stays where it was.
    assert_eq!(of("stop", &labels.new.tiers), (2, 2, 1, Some(0.5), Some(0.5)));
    assert_eq!(of("go", &labels.new.tiers), (3, 2, 0, Some(0.0), Some(0.0)));
    let judged = [(0.6, true), (0.88, true), (0.1, false), (1.49, false), (0.05, false)];
    let judged = judged.map(|(score, bad)| crate::JudgedScore { score, bad });
    assert_eq!((labels.new.auc, labels.new.average_precision), (auc(&judged), average_precision(&judged)));

    // Before anything was found out, and when half of it was: labels are behind the events that are asked for.
    let asked = |labels_until| BacktestAsked { to: at(40), labels_until, ..BacktestAsked::default() };
    let none = tested(&folder, &new(), &asked(at(45))).expect("the log is whole");
    assert_eq!(none.labels.map(|labels| (labels.labelled, labels.new.auc)), Some((0, 0.0)));
    let some = tested(&folder, &new(), &asked(at(52))).expect("the log is whole");
    assert_eq!(some.labels.map(|labels| (labels.labelled, labels.bad)), Some((2, 2)));
    let all = tested(&folder, &new(), &asked(None)).expect("the log is whole");
    assert_eq!(all.labels.map(|labels| (labels.labelled, labels.bad, labels.strays)), Some((5, 2, 1)));

    // The new spec has no labels any more: those of the old one are read.
    let without = new().replace("    labels: { event: label, of: payment, when: kind == 'fraud' }\n", "");
    let report = tested(&folder, &without, &BacktestAsked::default()).expect("the log is whole");
    assert_eq!(report.labels.map(|labels| (labels.labelled, labels.bad)), Some((5, 2)));
    let neither =
        lived(&OLD.replace("    labels: { event: label, of: payment, when: kind == 'fraud' }\n", ""), Mode::Inline, 1);
    assert!(tested(&neither, &without, &BacktestAsked::default()).expect("the log is whole").labels.is_none());
}

/// What a decision comes to, to the bit, by the event's id.
fn verdicts(folder: &Folder, text: &str, asked: &BacktestAsked) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let each = &mut |both: &crate::Both<'_>| {
        let (decided, telling) = both.new.expect("the new spec decides it");
        let reasons: Vec<_> = decided.verdict.fired.iter().map(|of| telling.reason(decided, of.rule)).collect();
        let told = format!("{:?} {:?} {reasons:?} {:?}", decided.verdict, decided.facts.row, telling.facts(decided));
        found.insert(both.event.expect("each has an id").to_owned(), told);
    };
    opened(folder).backtest(&plan(text), asked, &mut |_, _| true, each).expect("the log is whole");
    found
}

#[test]
fn a_new_window_is_as_if_it_had_always_been_there() {
    let expected = verdicts(&lived(&new(), Mode::Inline, 1), &new(), &BacktestAsked::default());
    assert_eq!(expected.len(), 10);
    for (mode, shards) in [(Mode::Inline, 3), (Mode::Threaded, 2)] {
        let folder = lived(OLD, mode, shards);
        assert_eq!(verdicts(&folder, &new(), &BacktestAsked::default()), expected);
        let late = BacktestAsked { from: at(5), ..BacktestAsked::default() };
        let part = verdicts(&folder, &new(), &late);
        assert!(part.len() == 4 && part.iter().all(|(id, told)| expected[id] == *told), "{part:?}");
    }
}

#[test]
fn what_cannot_be_asked() {
    let folder = lived(OLD, Mode::Inline, 1);
    let refused = |text: &str, asked: BacktestAsked| match tested(&folder, text, &asked) {
        Err(BacktestError::Asked(message)) => message,
        other => panic!("not refused: {other:?}"),
    };
    let named = |name: &str| BacktestAsked { decision: Some(name.to_owned()), ..BacktestAsked::default() };
    assert_eq!(refused(OLD, named("rsk")), "the spec has no decision 'rsk'; it has: risk");
    let two = OLD.replace("decisions:\n", "decisions:\n  other: { on: payment, score: 1, otherwise: go }\n");
    assert!(refused(&two, BacktestAsked::default()).ends_with("--decision: other, risk"));
    let none = OLD.split("decisions:").next().expect("there is a first part");
    assert!(refused(none, BacktestAsked::default()).contains("no decisions"));
    let upside_down = BacktestAsked { from: at(9), to: at(9), ..BacktestAsked::default() };
    assert!(refused(OLD, upside_down).contains("--to is not after --from"));
    let stopped = opened(&folder).backtest(&plan(OLD), &named("risk"), &mut |_, _| false, &mut |_| ());
    assert!(matches!(stopped, Err(BacktestError::Stopped)));

    // A decision that the old spec has not, and a range without an event.
    let report = tested(&folder, &two, &named("other")).expect("the log is whole");
    assert!(!report.in_baseline && report.changed == 10 && report.cost.0.ns_per_event > 0.0);
    assert_eq!((report.kinds.len(), report.kinds[0].old.as_deref()), (1, None));
    let empty = BacktestAsked { from: at(10), to: at(20), ..BacktestAsked::default() };
    let report = tested(&folder, &new(), &empty).expect("the log is whole");
    assert_eq!((report.events, report.kinds.len(), report.scores.old.len()), (0, 0, 0));
    let beyond = BacktestAsked { from: at(100), ..BacktestAsked::default() };
    assert_eq!(tested(&folder, &new(), &beyond).expect("the log is whole").events, 0);
}

#[test]
fn a_cut_log_says_from_when_windows_are_whole() {
    let folder = Folder::new();
    let config = crate::Config {
        shards: 1,
        checkpoint_every: Span(0),
        retain: Some(Span(20 * HOUR)),
        ..crate::Config::new(crate::Clock::Log)
    };
    let options = journal::Options { segment_bytes: 1 << 12, ..journal::Options::default() };
    let (engine, _) = crate::Engine::open(folder.disk(), options, plan(OLD), config, &mut |_, _| ()).expect("it opens");
    for number in 0..600 {
        engine.submit(&[payment(number, number / 4, "a", 50.0)], true).expect("the node is well");
        if number % 40 == 39 {
            engine.sync().expect("the disk is well");
            engine.checkpoint().expect("the disk is well");
        }
    }
    engine.stop();
    let log = opened(&folder);
    assert!(log.reader.first().0 > 1, "retention has cut the log");
    let report = tested(&folder, &new(), &BacktestAsked::default()).expect("what is there is read");
    let since = log.reader.record(log.reader.first()).expect("readable").expect("it is there").header.log_time;
    let counted = report.cost.1.counted.expect("it was counted from the cut");
    assert!(counted.since <= since && since > Time(1_000_000), "{counted:?}");
    let day = counted.whole.iter().find(|(name, _)| name == "user.spent_1d").expect("it is read").1;
    assert!(matches!(day, Complete::From(time) if time >= since.plus(Span(24 * HOUR))), "{day:?}");
    // A checkpoint of the spec in force serves from its position on.
    let late = BacktestAsked { from: at(140), ..BacktestAsked::default() };
    let report = tested(&folder, &new(), &late).expect("what is there is read");
    assert!(report.cost.0.counted.is_none() && report.cost.0.begins > log.reader.first(), "{:?}", report.cost);
    // The new one goes on with what it counts alike.
    let counted = report.cost.1.counted.expect("its new window begins at a checkpoint");
    let whole = |name: &str| counted.whole.iter().find(|(of, _)| of == name).expect("it is read").1;
    assert_eq!(whole("user.payments_1h"), Complete::Always);
    assert!(matches!(whole("user.spent_1d"), Complete::From(time) if time >= counted.since.plus(Span(24 * HOUR))));
}

//! Training sets hold what was served: values read online, one entity after another and as terms of scores, against those that the
//! log gives afterwards, bit for bit; labels against a slow search.

use super::{Folder, plan, released, retention};
use crate::{
    Clock, Complete, Config, Engine, Labels, LogFile, Mode, Samples, TrainingAsked, TrainingError, TrainingReport,
    TrainingRow, TrainingSet,
};
use domain::{Event, FeedRequest, Field, Payload, Position, Raw, Span, Subject, Time, Upsert};
use journal::{FileDisk, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every feature of a pair is a term of its own, so that records of answers hold the values that were served.
const SPEC: &str = "
version: 1
entities:
  user: { fields: { level: int } }
  item: { fields: { category: string, price: float } }
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float } }
weights: { view: 1, buy: 5 }
features:
  user:
    recent: last(view, item, 20)
    views: count(view, 60s)
    spent: mean(buy, price, 5m)
    odd: count(view, 1m, item.category.matches('[13]$'))
    words: last_n(buy, item.category + string(price), 3)
    label: \"size(words) > 0 ? words[0].upperAscii() + '!' : 'none'\"
    kinds: distinct(view, item.category, 2m)
    idle: time_since(view)
  user.category:
    views: count(view, 2m)
    share: count(view, 2m) / max(user.views, 1)
  user.item:
    bought: count(buy, 10m)
  item:
    heat: decayed(view, 30s) + 3 * decayed(buy, 30s)
    p90: quantile(buy, price, 0.9, 5m)
    kind: default(item.category, '?').upperAscii() + '/'
    worth: \"kind.startsWith('C3') ? heat : 0.5\"
feeds:
  home:
    for: user
    recall: { hot: { top: item.heat, limit: 30 }, again: { history: user.recent, limit: 10 } }
    rank:
      score: >-
        default(user.category.views, -1.0) + default(user.category.share, -1.0) + default(user.item.bought, -1.0)
        + default(item.heat, -1.0) + default(item.p90, -1.0) + default(user.views, -1.0) + default(user.spent, -1.0)
";

/// The values behind the terms of `SPEC`'s score.
const TERMS: [&str; 7] = [
    "user.category.views",
    "user.category.share",
    "user.item.bought",
    "item.heat",
    "item.p90",
    "user.views",
    "user.spent",
];

/// What is read online: a user's or an item's value by name, before the record at a position.
type Online = BTreeMap<(Position, String), Raw<'static>>;

fn changed() -> String {
    SPEC.replace("views: count(view, 60s)", "views: count(view, 90s)")
        .replace("idle: time_since(view)", "idle: time_since(view)\n    calm: views / 2 + 1")
        .replace("decayed(view, 30s)", "decayed(view, 45s)")
}

/// The numbers of a linear congruential generator (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn field(name: &'static str, value: Raw<'static>) -> Field<'static> {
    Field { name: name.into(), value }
}

fn happened(numbers: &mut Numbers, number: u64) -> Payload<'static> {
    let buy = numbers.below(4) == 0;
    // Some are late, some by more than a window.
    let late = if numbers.below(6) == 0 { numbers.below(200_000) } else { 0 };
    let value = if buy {
        field("price", Raw::Float(numbers.below(900) as f64 / 7.0))
    } else {
        field("dwell", Raw::Int(numbers.below(90) as i64))
    };
    Payload::Event(Event {
        kind: if buy { "buy" } else { "view" }.into(),
        source: "".into(),
        id: None,
        time: Some(Time(10_000_000 + number as i64 * 700 - late as i64)),
        fields: vec![
            field("user", Raw::Str(format!("u{}", numbers.below(9)).into())),
            field("item", Raw::Str(format!("i{}", numbers.below(25)).into())),
            value,
        ],
    })
}

fn upsert(numbers: &mut Numbers) -> Payload<'static> {
    let category = field("category", Raw::Str(format!("c{}", numbers.below(5)).into()));
    let price = field("price", Raw::Float(numbers.below(100) as f64));
    let fields = if numbers.below(5) == 0 { vec![price] } else { vec![category, price] };
    Payload::Upsert(Upsert { entity: "item".into(), key: format!("i{}", numbers.below(25)).into(), fields })
}

/// A node whose clock stands until it is told: what is read before an event is read at the event's log time.
fn open(folder: &Folder, text: &str, mode: Mode, shards: u32) -> (Engine, Arc<Clock>) {
    let no_ticks = Span(0);
    let config = Config { mode, shards, tick_every: no_ticks, ..Config::new(Clock::Manual(9_000_000.into())) };
    let (clock, options) = (config.clock.clone(), Options { segment_bytes: 1 << 16, ..Options::default() });
    let opened = Engine::open(folder.disk(), options, plan(text), config, &mut |_, _| ());
    (opened.expect("the node opens").0, clock)
}

/// Reads what is known of the entities of the event that comes next.
fn read(engine: &Engine, next: Position, event: &Payload<'_>, online: &mut Online) {
    let Payload::Event(event) = event else { return };
    for kind in ["user", "item"] {
        let Some(Raw::Str(key)) = event.field(kind) else { continue };
        let Ok(view) = engine.entity(kind, key) else { continue };
        for (name, value) in view.fields.into_iter().chain(view.features) {
            online.insert((next, format!("{kind}.{name}")), value);
        }
    }
}

/// Feeds a node events from `from` to `to`, reads online before some of them, and asks for answers.
fn live((engine, clock): &(Engine, Arc<Clock>), numbers: &mut Numbers, (from, to): (u64, u64), online: &mut Online) {
    let mut last = engine.status().position;
    for number in from..to {
        let next = if numbers.below(12) == 0 { upsert(numbers) } else { happened(numbers, number) };
        clock.set(Time(10_000_000 + number as i64 * 700));
        if number % 5 == 0 {
            released(engine, last);
            engine.recommend(FeedRequest::new("home", Subject::User(format!("u{}", number % 10)), 8)).expect("served");
        }
        let looked = number % 7 == 0;
        if looked {
            released(engine, last);
            read(engine, engine.status().position.next(), &next, online);
        }
        last = engine.submit(&[next], false).expect("the node is well").last;
    }
    released(engine, last);
}

fn asked(samples: Samples, features: &[&str]) -> TrainingAsked {
    TrainingAsked {
        samples,
        features: features.iter().map(|name| (*name).to_owned()).collect(),
        labels: None,
        range: (Position(1), Position(u64::MAX)),
        with_event: false,
        partial: false,
        rows_max: 1_000_000,
    }
}

fn both() -> Samples {
    Samples::Events(vec!["view".into(), "buy".into()])
}

fn to_read(folder: &Folder) -> LogFile<FileDisk> {
    let disk = Arc::new(FileDisk::open_to_read(&folder.0).expect("the folder is there"));
    LogFile::open_to_read(&disk).expect("the log is read").0
}

type Rows = (TrainingSet, Vec<TrainingRow>, TrainingReport);

fn rows(folder: &Folder, text: &str, asked: TrainingAsked) -> Result<Rows, TrainingError> {
    let set = TrainingSet::new(&plan(text), asked)?;
    let mut rows = Vec::new();
    let report = to_read(folder).training_rows(&set, &mut |_, _| (), &mut |row| {
        rows.push(row);
        Ok(())
    })?;
    Ok((set, rows, report))
}

/// The bits of a value, which tell also what compares as equal and is not the same.
fn bits(value: &Raw<'_>) -> String {
    match value {
        Raw::Float(float) => format!("float {:016x}", float.to_bits()),
        Raw::List(list) => format!("{:?}", list.iter().map(bits).collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

/// Compares what was read online with the rows of events; returns how many values there were, missing ones aside.
fn compare(online: &Online, (set, rows, _): &Rows) -> usize {
    let mut known = 0;
    for row in rows {
        for ((name, ty), value) in set.columns().zip(&row.features) {
            if let Some(served) = online.get(&(row.position, name.to_owned())) {
                assert_eq!(bits(value), bits(served), "{name} ({ty}) at {}", row.position);
                known += usize::from(*served != Raw::Null);
            }
        }
    }
    known
}

/// Compares the terms of recorded answers of some plan version with the rows of what was shown.
fn compare_answers(engine: &Engine, version: u32, (_, rows, _): &Rows) -> usize {
    let mut compared = 0;
    for row in rows {
        let (id, _, place) = row.shown.as_ref().expect("it is a row of an answer");
        let answer = engine.decision(*id).expect("it was synced");
        let item = &answer.items[usize::from(*place) - 1];
        assert_eq!((Some(&item.item), row.now), (row.item.as_ref(), answer.now));
        if answer.plan.0 != version {
            continue;
        }
        for (index, value) in row.features.iter().enumerate() {
            let served = item.terms.iter().find(|term| usize::from(term.term) == index).map_or(0.0, |term| term.value);
            let value = if *value == Raw::Null { -1.0 } else { as_float(value) };
            assert_eq!(value.to_bits(), served.to_bits(), "{} at {}", TERMS[index], row.position);
            compared += 1;
        }
    }
    compared
}

fn as_float(value: &Raw<'_>) -> f64 {
    match value {
        Raw::Float(float) => *float,
        other => panic!("{other:?} is no float"),
    }
}

fn parity(mode: Mode, shards: u32, seed: u64) {
    let (folder, changed) = (Folder::new(), changed());
    let node = open(&folder, SPEC, mode, shards);
    let engine = &node.0;
    let mut numbers = Numbers(seed);
    let items: Vec<_> = (0..40).map(|_| upsert(&mut numbers)).collect();
    engine.submit(&items, true).expect("items are taken");
    let (mut before, mut after) = (Online::new(), Online::new());
    live(&node, &mut numbers, (0, 350), &mut before);
    engine.checkpoint().expect("the disk is well");
    engine.change_spec("new.yaml", &changed, None).expect("it compiles");
    while engine.status().plan_version.0 == 1 {
        std::thread::yield_now();
    }
    live(&node, &mut numbers, (350, 600), &mut after);
    while engine.sync().expect("the disk is well") {}
    // Beside a writer a group is read once a later one proves it.
    engine.submit(&[upsert(&mut numbers)], true).expect("an item is taken");
    while engine.sync().expect("the disk is well") {}
    let known = compare(&before, &rows(&folder, SPEC, asked(both(), &[])).expect("the log is whole"));
    assert!(known > 300, "{known} values");
    let known = compare(&after, &rows(&folder, &changed, asked(both(), &[])).expect("the log is whole"));
    assert!(known > 200, "{known} values");
    for (version, text) in [(1, SPEC), (2, changed.as_str())] {
        let shown = rows(&folder, text, asked(Samples::Shown(Some("home".into())), &TERMS)).expect("the log is whole");
        assert!(shown.1.is_sorted_by_key(|row| row.position));
        let compared = compare_answers(engine, version, &shown);
        assert!(compared > 1_000, "{compared} values");
    }
    engine.stop();
}

#[test]
fn what_was_served_is_what_the_log_gives_inline() {
    (1..3).for_each(|seed| parity(Mode::Inline, 2, seed));
}

#[test]
fn what_was_served_is_what_the_log_gives_in_threads() {
    parity(Mode::Threaded, 3, 4);
}

/// A closed log of events.
fn log() -> Folder {
    let folder = Folder::new();
    let node = open(&folder, SPEC, Mode::Inline, 1);
    live(&node, &mut Numbers(9), (0, 300), &mut Online::new());
    node.0.stop();
    folder
}

#[test]
fn labels_are_those_of_a_slow_search() {
    let folder = log();
    let window = Span(30_000);
    let labels = Some(Labels { events: vec!["buy".into()], window });
    let asked = TrainingAsked { labels, ..asked(both(), &["user.views"]) };
    let (_, rows, report) = rows(&folder, SPEC, asked).expect("the log is whole");
    let end = rows.last().expect("there are rows").log_time;
    let (mut positive, mut open) = (0, 0);
    for row in &rows {
        let follows = |later: &&TrainingRow| {
            later.position > row.position
                && later.log_time <= row.log_time.plus(window)
                && (&later.user, &later.item) == (&row.user, &row.item)
                && later.event.as_ref().is_some_and(|(kind, ..)| kind == "buy")
        };
        let expected = rows.iter().find(follows).map(|later| later.position);
        match &row.followed {
            None => assert!(row.log_time.plus(window) >= end, "{}", row.position),
            Some(found) => assert_eq!(found.as_ref().map(|found| found.position), expected, "{}", row.position),
        }
        if let Some(Some(found)) = &row.followed {
            assert_eq!((found.event.as_str(), found.weight), ("buy", Some(5.0)));
        }
        positive += u64::from(matches!(row.followed, Some(Some(_))));
        open += u64::from(row.followed.is_none());
    }
    assert_eq!((report.rows, report.positive, report.open), (rows.len() as u64, positive, open));
    assert!(positive > 3 && open > 10, "{report:?}");
}

#[test]
fn a_part_and_a_row_with_its_event() {
    let folder = log();
    let (_, whole, _) = rows(&folder, SPEC, asked(both(), &["user.views", "item.heat"])).expect("the log is whole");
    let range = (whole[100].position, whole[150].position);
    let part = TrainingAsked { range, ..asked(both(), &["user.views", "item.heat"]) };
    let (_, part, _) = rows(&folder, SPEC, part).expect("the log is whole");
    assert_eq!(part, whole[100..=150]);
    let with = TrainingAsked { with_event: true, ..asked(both(), &["user.views", "item.heat"]) };
    let (_, with, _) = rows(&folder, SPEC, with).expect("the log is whole");
    assert!(with.iter().zip(&whole).any(|(with, without)| with.features != without.features));
    assert_eq!(with.len(), whole.len());
}

#[test]
fn what_cannot_be_a_set_is_said() {
    let folder = log();
    let said = |asked: TrainingAsked| rows(&folder, SPEC, asked).map(|_| ()).expect_err("it is refused").to_string();
    assert!(said(asked(both(), &["user.veiws"])).contains("did you mean 'user.views'?"));
    assert!(said(asked(both(), &["user.views", "user.views"])).contains("named twice"));
    assert!(said(asked(Samples::Events(vec!["biy".into()]), &[])).contains("did you mean 'buy'?"));
    assert!(said(asked(Samples::Shown(Some("hme".into())), &[])).contains("did you mean 'home'?"));
    let few = TrainingAsked { rows_max: 10, ..asked(both(), &[]) };
    assert!(said(few).contains("at most 10 were asked for"));
}

#[test]
fn from_when_on_values_are_complete() {
    let features = ["user.views", "item.heat", "user.category.views", "item.price", "user.item.bought"];
    let set = TrainingSet::new(&plan(SPEC), asked(both(), &features)).expect("the names are the spec's");
    let found: Vec<Complete> = set.complete_from(Time(0)).map(|(_, complete)| complete).collect();
    let Complete::From(Time(views)) = found[0] else { panic!("{found:?}") };
    let Complete::From(Time(bought)) = found[4] else { panic!("{found:?}") };
    assert!((60_000..=62_500).contains(&views) && (600_000..=625_000).contains(&bought), "{found:?}");
    assert_eq!(found[1..4], [Complete::Never; 3]);
}

#[test]
fn a_cut_log_makes_a_partial_set() {
    let (whole, cut) = (Folder::new(), Folder::new());
    drop(retention::live(&whole, Mode::Inline, 1, None));
    drop(retention::live(&cut, Mode::Inline, 1, Some(retention::RETAIN)));
    let text = super::SPEC.replace("views: count(view, 1d)", "views: count(view, 20s)");
    let asked = || asked(Samples::Events(vec!["view".into()]), &["user.views", "item.heat"]);
    let refused = rows(&cut, &text, asked()).map(|_| ()).expect_err("there is no state of this plan").to_string();
    assert!(refused.contains("--partial") && refused.contains("item.heat never"), "{refused}");
    let (set, part, report) = rows(&cut, &text, TrainingAsked { partial: true, ..asked() }).expect("it counts");
    let begins = report.counted_from.expect("the log is cut");
    let Some((_, Complete::From(complete))) = set.complete_from(begins).next() else { panic!("it is a window") };
    let (_, all, _) = rows(&whole, &text, asked()).expect("the log is whole");
    let skipped = all.len() - part.len();
    assert!(skipped > 300 && part.len() > 300, "{skipped} of {}", all.len());
    let (mut same, mut other) = (0, 0);
    for (row, expected) in part.iter().zip(&all[skipped..]) {
        assert_eq!((row.position, &row.user, row.now), (expected.position, &expected.user, expected.now));
        if row.now >= complete {
            assert_eq!(row.features[0], expected.features[0], "{}", row.position);
            same += 1;
        } else {
            other += usize::from(row.features[0] != expected.features[0]);
        }
    }
    assert!(same > 200 && other > 5, "{same} {other}");
}

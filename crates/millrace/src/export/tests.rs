//! What is exported and read back is the same state; what is interrupted is gone on with; what has no room leaves nothing.

use super::*;
use crate::import::tests::{Folder, SPEC, changes, import};
use crate::import::{Go, typed};
use clap::Parser;
use domain::{Event, Field, ListPut, Payload, Raw, Span, Time, Upsert};
use engine::{Clock, Config, Engine};
use proptest::prelude::*;
use std::fs;
use std::path::Path;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    export: Export,
}

fn export(folder: &Folder, dir: &str, out: &str, more: &[&str]) -> Export {
    let dir = folder.path(dir).display().to_string();
    let out = folder.path(out).display().to_string();
    let line = ["export", "--dir", &dir, "--out", &out];
    Line::parse_from(line.into_iter().chain(more.iter().copied())).export
}

/// A change, and how long after the one before.
pub(super) type Step = (Payload<'static>, i64);

fn plan() -> Arc<Plan> {
    Arc::new(spec::compile("test", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))))
}

fn text(text: impl Into<String>) -> Raw<'static> {
    Raw::Str(text.into().into())
}

fn field(
    name: &'static str,
    value: impl Strategy<Value = Raw<'static>> + 'static,
) -> BoxedStrategy<Vec<Field<'static>>> {
    prop::option::of(value)
        .prop_map(move |value| value.map(|value| Field { name: name.into(), value }).into_iter().collect())
        .boxed()
}

fn fields(of: Vec<BoxedStrategy<Vec<Field<'static>>>>) -> impl Strategy<Value = Vec<Field<'static>>> {
    of.prop_map(|fields| fields.concat())
}

fn words() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![Just("shoes"), Just("wool"), Just("\"ü\"\n\\")].prop_map(text)
}

fn float() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![(0..1_000i64).prop_map(Raw::Int), (0.0..1e9f64).prop_map(Raw::Float)]
}

fn instant() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![Just(text("2026-01-31T12:00:00.5Z")), (0..1i64 << 40).prop_map(Raw::Int)]
}

fn duration() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![Just(text("41s")), Just(text("7ms")), (0..99i64).prop_map(Raw::Int), (0.0..99f64).prop_map(Raw::Float)]
}

fn upsert() -> impl Strategy<Value = Payload<'static>> {
    let item = fields(vec![
        field("title", words()),
        field("category", words()),
        field("price", float()),
        field("stock", (0..9i64).prop_map(Raw::Int)),
        field("live", any::<bool>().prop_map(Raw::Bool)),
        field("created", instant()),
        field("wait", duration()),
        field("tags", prop::collection::vec(words(), 0..3).prop_map(Raw::List)),
    ]);
    let user = fields(vec![field("country", words())]);
    let set = |entity: &'static str| {
        move |(key, fields): (u8, Vec<Field<'static>>)| {
            Payload::Upsert(Upsert { entity: entity.into(), key: format!("k{key}").into(), fields })
        }
    };
    prop_oneof![(0..9u8, item).prop_map(set("item")), (0..5u8, user).prop_map(set("user"))]
}

fn event() -> impl Strategy<Value = Payload<'static>> {
    let view = fields(vec![field("dwell", duration()), field("score", float())]);
    let buy = fields(vec![
        field("price", float()),
        field("count", (0..9i64).prop_map(Raw::Int)),
        field("gift", any::<bool>().prop_map(Raw::Bool)),
        field("at", instant()),
    ]);
    let with_kind = prop_oneof![view.prop_map(|fields| ("view", fields)), buy.prop_map(|fields| ("buy", fields))];
    let id = prop::option::of(0..500u32);
    let time = prop::option::of(1_700_000_000_000..1_700_000_100_000i64);
    (with_kind, 0..5u8, 0..9u8, id, time, any::<bool>()).prop_map(|((kind, fields), user, item, id, time, source)| {
        let mut all = vec![
            Field { name: "user".into(), value: text(format!("k{user}")) },
            Field { name: "item".into(), value: text(format!("k{item}")) },
        ];
        all.extend(fields);
        Payload::Event(Event {
            kind: kind.into(),
            source: if source { "web" } else { "" }.into(),
            id: id.map(|id| id.to_string().into()),
            time: time.map(Time),
            fields: all,
        })
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let delete = (0..9u8).prop_map(|key| Payload::Delete { entity: "item".into(), key: format!("k{key}").into() });
    let listed = prop_oneof![Just("vip"), Just("promo")];
    let until = prop::option::of(1_700_000_100_000..1_700_003_000_000i64);
    let put = (listed.clone(), 0..9u8, prop::option::of(0.0..9.0f64), until).prop_map(|(list, key, score, until)| {
        let key = format!("k{key}").into();
        Payload::ListPut(ListPut { list: list.into(), key, score, until: until.map(Time) })
    });
    let off = (listed, 0..9u8)
        .prop_map(|(list, key)| Payload::ListDelete { list: list.into(), key: format!("k{key}").into() });
    let change = prop_oneof![3 => put, 1 => off, 8 => event(), 4 => upsert(), 1 => delete, 1 => Just(Payload::Tick)];
    prop::collection::vec((change, 0..100_000i64), 1..60)
}

/// A log of these changes, each at its time.
pub(super) fn fill(dir: &Path, steps: &[Step]) {
    let config = Config { tick_every: Span(0), ..Config::new(Clock::Manual(1_700_000_100_000.into())) };
    let clock = config.clock.clone();
    let disk = crate::node::open_disk(dir).unwrap();
    let (engine, _) = Engine::open(disk, journal::Options::default(), plan(), config, &mut |_, _| ()).unwrap();
    let mut now = 1_700_000_100_000;
    for (payload, pause) in steps {
        now += pause;
        clock.set(Time(now));
        engine.submit(std::slice::from_ref(payload), false).unwrap();
    }
    engine.stop();
}

fn state(dir: &Path) -> Machine {
    let disk = FileDisk::open_to_read(dir).unwrap();
    let (log, beside) = LogFile::open_to_read(&Arc::new(disk)).unwrap();
    assert!(!beside);
    log.build(&log.plan().unwrap(), 1, &mut |_, _| ()).unwrap()
}

/// The state without the ids of events: they are remembered with what the client sent, to the last bit.
fn digest_without_ids(machine: &Machine) -> Vec<[u64; 4]> {
    let rows = machine.shards.iter().map(|shard| shard.digest(&machine.names, machine.log_time).0);
    rows.chain([machine.epoch.digest(&machine.names, machine.log_time).0]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_exported_makes_the_same_state(steps in steps(), part in 1..40u64, parquet in any::<bool>()) {
        let folder = Folder::new();
        fill(&folder.path("from"), &steps);
        let part = part.to_string();
        let format = if parquet { "parquet" } else { "jsonl" };
        let ask = ["--what", "all", "--part-records", &part, "--format", format];
        export(&folder, "from", "out", &ask).write(u64::MAX).unwrap();
        let back = import(&folder, "out", &["--restore"]).transfer(&|_| Go::On).unwrap();
        prop_assert_eq!((back.counts.refused, back.counts.duplicates), (0, 0));
        let (from, to) = (state(&folder.path("from")), state(&folder.path("dir")));
        prop_assert_eq!(digest_without_ids(&from), digest_without_ids(&to));
        if !parquet {
            prop_assert_eq!(from.digest(), to.digest());
            prop_assert_eq!(changes(&folder.path("from")), changes(&folder.path("dir")));
        }
    }

    #[test]
    fn entities_and_events_read_back_by_themselves(steps in steps(), parquet in any::<bool>()) {
        let folder = Folder::new();
        fill(&folder.path("from"), &steps);
        let format = if parquet { "parquet" } else { "jsonl" };
        export(&folder, "from", "out", &["--what", "users,item,lists", "--format", format]).write(u64::MAX).unwrap();
        import(&folder, "out", &[]).transfer(&|_| Go::On).unwrap();
        let (from, to) = (state(&folder.path("from")), state(&folder.path("dir")));
        for entity in 0..from.plan.entities.len() as u16 {
            let sorted = |machine: &Machine| {
                let mut all: Vec<_> = machine.entities(entity).map(|(key, values)| format!("{key} {values:?}")).collect();
                all.sort();
                all
            };
            prop_assert_eq!(sorted(&from), sorted(&to));
        }
        // What ends while the log goes on may have ended in the one and not yet in the other.
        for list in 0..from.plan.lists.len() as u16 {
            let all = |machine: &Machine| {
                let entries = machine.epoch.listed().entries(list, None, from.log_time);
                let of = machine.plan.lists[usize::from(list)].of;
                let mut all: Vec<_> =
                    entries.map(|(id, entry)| format!("{} {entry:?}", machine.names.key(of, id))).collect();
                all.sort();
                all
            };
            prop_assert_eq!(all(&from), all(&to));
        }
        export(&folder, "from", "events", &["--what", "events", "--format", format]).write(u64::MAX).unwrap();
        let events = changes(&folder.path("from")).iter().filter(|(kind, _)| *kind == 1).count() as u64;
        let to = folder.path("other").display().to_string();
        let back = import(&folder, "events", &["--dir", &to]).transfer(&|_| Go::On).unwrap();
        prop_assert_eq!((back.counts.rows, back.counts.refused), (events, 0));
    }

    #[test]
    fn a_full_disk_leaves_no_part_and_is_gone_on_with(steps in steps(), room in 0..20_000u64, part in 1..30u64) {
        let folder = Folder::new();
        fill(&folder.path("from"), &steps);
        let part = part.to_string();
        let ask = ["--what", "all", "--part-records", &part];
        export(&folder, "from", "whole", &ask).write(u64::MAX).unwrap();
        let cut = export(&folder, "from", "out", &ask).write(room);
        let names = |of: &str| {
            let entries = fs::read_dir(folder.path(of)).map(|entries| entries.map(|entry| entry.unwrap().file_name()));
            let mut names: Vec<_> = entries.map(|names| names.collect()).unwrap_or_default();
            names.sort();
            names
        };
        prop_assert!(names("out").iter().all(|name| !name.to_string_lossy().ends_with(".tmp")));
        if cut.is_err() {
            prop_assert!(!folder.path("out").join(MANIFEST).exists());
            prop_assert!(import(&folder, "out", &[]).transfer(&|_| Go::On).is_err());
            let begun = folder.path("out").join(UNFINISHED).exists();
            let again = if begun { [&ask[..], &["--resume"]].concat() } else { ask.to_vec() };
            export(&folder, "from", "out", &again).write(u64::MAX).unwrap();
        }
        prop_assert_eq!(names("out"), names("whole"));
        for name in names("whole") {
            let read = |of: &str| fs::read(folder.path(of).join(&name)).unwrap();
            prop_assert_eq!(read("out"), read("whole"));
        }
    }
}

/// Ends the writing also where an assertion fails.
struct Ends<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, std::sync::atomic::Ordering::Release);
    }
}

#[test]
fn a_server_beside_it_is_read_as_far_as_it_is_durable() {
    let folder = Folder::new();
    let dir = folder.path("from");
    let disk = crate::node::open_disk(&dir).unwrap();
    let (engine, _) =
        Engine::open(disk, journal::Options::default(), plan(), Config::new(Clock::Wall), &mut |_, _| ()).unwrap();
    let writing = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let _ends = Ends(&writing);
        scope.spawn(|| {
            let view = Payload::Event(Event {
                kind: "view".into(),
                source: "".into(),
                id: None,
                time: None,
                fields: ["user", "item"].map(|name| Field { name: name.into(), value: text("x") }).to_vec(),
            });
            while writing.load(std::sync::atomic::Ordering::Acquire) {
                let last = engine.submit(&vec![view.clone(); 50], false).unwrap().last;
                while engine.durable() < last && engine.failed().is_none() {
                    std::thread::yield_now();
                }
            }
        });
        while engine.durable().0 < 60 {
            std::thread::yield_now();
        }
        for round in 0..4 {
            let before = engine.durable().0;
            // While groups follow each other the newest one is proved by the next.
            while engine.durable().0 == before {
                std::thread::yield_now();
            }
            let out = format!("out{round}");
            let ledger = export(&folder, "from", &out, &["--what", "events,item"]).write(u64::MAX).unwrap();
            // The first record is the spec.
            assert!(ledger.header.to.0 >= before, "what was durable is in it");
            let rows = ledger.parts.iter().find(|part| part.name.starts_with("events")).unwrap().rows;
            assert_eq!(rows, ledger.header.to.0 - 1);
        }
    });
    engine.stop();
}

#[test]
fn what_cannot_be_exported_is_said() {
    let folder = Folder::new();
    let error = |dir: &str, more: &[&str]| {
        let out = export(&folder, dir, "out", more).write(u64::MAX);
        out.map(|_| ()).map_err(|error| format!("{error:#}")).expect_err("it is refused")
    };
    assert!(error("nowhere", &["--what", "all"]).contains("nowhere"));
    fs::create_dir(folder.path("empty")).unwrap();
    assert!(error("empty", &["--what", "all"]).contains("no log in this directory"));
    assert_eq!(fs::read_dir(folder.path("empty")).unwrap().count(), 0, "nothing was made in it");
    fill(&folder.path("from"), &[(Payload::Tick, 5)]);
    assert!(error("from", &["--what", "itms"]).contains("user, item"));
    assert!(!folder.path("out").exists(), "nothing was made");
    assert!(error("from", &["--what", "item", "--to", "99"]).contains("ends at position"));
    assert!(error("from", &["--what", "item", "--from", "soon"]).contains("neither a position nor a time"));
    assert!(error("from", &["--what", "item", "--resume"]).contains("leave --resume out"));
    export(&folder, "from", "done", &["--what", "item"]).write(u64::MAX).unwrap();
    let again = export(&folder, "from", "done", &["--what", "item"]).write(u64::MAX).map(|_| ()).unwrap_err();
    assert!(again.to_string().contains("a whole export already"));
    fs::write(folder.path("done").join("entity-item.jsonl"), "{}").unwrap();
    let changed = import(&folder, "done", &[]).transfer(&|_| Go::On).unwrap_err();
    assert!(changed.to_string().contains("not as it was exported"), "{changed}");
    let number = Payload::Event(Event { kind: "view".into(), source: "".into(), id: None, time: None, fields: vec![] });
    assert_eq!(typed(&plan(), number.clone()), number);
}

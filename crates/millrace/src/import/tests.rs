//! Imports that are interrupted anywhere, files that are broken anyhow, and what is said of them.

use super::*;
use crate::table::{Column, Kind, Writer};
use clap::Parser;
use domain::Position;
use engine::LogFile;
use journal::FileDisk;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// A spec with a field of every type.
pub(crate) const SPEC: &str = "
version: 1
entities:
  user: { fields: { country: string } }
  item:
    fields:
      { title: string, category: string, price: float, stock: int, live: bool, created: timestamp, wait: duration, tags: [string] }
events:
  view: { user: user, item: item, fields: { dwell: duration, score: float } }
  buy: { user: user, item: item, fields: { price: float, count: int, gift: bool, at: timestamp } }
lists:
  vip: { of: user, max: 100 }
  promo: { of: item, max: 100 }
features:
  user:
    views: count(view, 7d)
    recent: last(view, item, 20)
  user.category:
    interest: count(view, 7d)
  item:
    heat: decayed(view, 1d)
    sold: sum(buy, price, 7d)
feeds:
  home: { for: user, recall: { hot: { top: item.heat }, near: { co_visited: view, from: user.recent } } }
";

/// A folder that goes with its owner.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("millrace-io-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        fs::create_dir_all(&folder.0).expect("the temporary folder is writable");
        folder.write("spec.yaml", SPEC.as_bytes());
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("the folder is writable");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the system's temporary folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    import: Import,
}

/// The command with these arguments, into `dir` of a folder unless it says otherwise.
pub(crate) fn import(folder: &Folder, data: &str, more: &[&str]) -> Import {
    let data = folder.path(data).display().to_string();
    let dir = folder.path("dir").display().to_string();
    let spec = folder.path("spec.yaml").display().to_string();
    let mut line = vec!["import", "--data", &data, "--spec", &spec];
    if !more.contains(&"--dir") {
        line.extend(["--dir", &dir]);
    }
    Line::parse_from(line.into_iter().chain(more.iter().copied())).import
}

fn to_end(import: &Import) -> Result<Ended> {
    import.transfer(&|_| Go::On)
}

/// Every change in a directory's log: kind and payload, without what only marks time.
pub(crate) fn changes(dir: &Path) -> Vec<(u8, Vec<u8>)> {
    let disk = FileDisk::open_to_read(dir).unwrap();
    let (log, _) = LogFile::open_to_read(&Arc::new(disk)).unwrap();
    let mut records = log.reader.iter_from(Position(1)).unwrap();
    let mut found = Vec::new();
    while let Some(record) = records.next().unwrap() {
        if !matches!(record.header.kind, 4..=6) {
            found.push((record.header.kind, record.payload.to_vec()));
        }
    }
    found
}

fn lines(count: u64) -> String {
    let line = |n: u64| match n % 7 {
        0 => format!("{{\"entity\":\"item\",\"key\":\"i{}\",\"fields\":{{\"price\":{n}}}}}\n", n % 13),
        3 => "{\"event\":\"view\",\"user\":\"u\"}\n".to_owned(),
        5 => "not json\n".to_owned(),
        // Days apart: an id of the row before is forgotten already.
        _ => format!("{{\"event\":\"view\",\"user\":\"u{}\",\"item\":\"i1\",\"time\":{}}}\n", n % 5, n * 90_000_000),
    };
    (0..count).map(line).collect()
}

#[test]
fn rows_are_taken_once_and_bad_ones_are_kept() {
    let folder = Folder::new();
    folder.write("in.jsonl", lines(70).as_bytes());
    let ended = to_end(&import(&folder, "in.jsonl", &[])).unwrap();
    assert_eq!((ended.counts.rows, ended.counts.accepted, ended.counts.refused), (70, 50, 20));
    let rejects = fs::read_to_string(folder.path("in.jsonl.rejects.jsonl")).unwrap();
    assert_eq!(rejects.lines().count(), 20);
    let first: serde_json::Value = serde_json::from_str(rejects.lines().next().unwrap()).unwrap();
    assert_eq!((first["line"].as_u64(), first["code"].as_str()), (Some(4), Some("missing_field")));
    assert_eq!(first["field"], "item");
    let again = to_end(&import(&folder, "in.jsonl", &[])).unwrap();
    assert!(again.already && again.this_run == Default::default());
    assert_eq!(changes(&folder.path("dir")).len(), 50);
    // More lines came: only they are taken.
    folder.write("in.jsonl", lines(77).as_bytes());
    let more = to_end(&import(&folder, "in.jsonl", &[])).unwrap();
    assert_eq!((more.this_run.rows, more.this_run.accepted), (7, 5));
    // Another file under the name of the old one is not gone on with.
    folder.write("in.jsonl", lines(77).replace("view", "buy ").as_bytes());
    let other = to_end(&import(&folder, "in.jsonl", &[])).unwrap_err();
    assert!(other.to_string().contains("--restart"), "{other}");
}

#[test]
fn what_is_no_file_is_not_called_absent() {
    let said = |path: &str| super::source::Source::open(Path::new(path)).map(|_| ()).unwrap_err().to_string();
    assert!(said("/dev/null").contains("neither a file nor a folder"), "{}", said("/dev/null"));
    assert!(said("/dev/none").contains("does not exist"), "{}", said("/dev/none"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_import_interrupted_anywhere_ends_the_same(
        cuts in prop::collection::vec((0..4_000u64, any::<bool>()), 0..5),
        count in 0..4_000u64,
        restore in any::<bool>(),
    ) {
        let folder = Folder::new();
        let mut text = lines(count);
        if restore {
            text = text.lines().enumerate().map(|(n, line)| match line.strip_prefix('{') {
                Some(rest) => format!("{{\"@position\":{n},\"@log_time\":{},{rest}\n", n as u64 * 90_000_000),
                None => format!("{line}\n"),
            }).collect();
        }
        folder.write("in.jsonl", text.as_bytes());
        let more: &[&str] = if restore { &["--restore", "--max-errors", "5000"] } else { &["--max-errors", "5000"] };
        let whole = folder.path("whole").display().to_string();
        to_end(&import(&folder, "in.jsonl", &[more, &["--dir", &whole]].concat())).unwrap();
        for (at, clean) in cuts {
            let how = if clean { Go::Stop } else { Go::Vanish };
            let cut = import(&folder, "in.jsonl", more).transfer(&|row| if row >= at { how } else { Go::On });
            prop_assert!(cut.is_ok() || !clean);
        }
        let ended = to_end(&import(&folder, "in.jsonl", more)).unwrap();
        prop_assert_eq!(ended.counts.rows, count);
        prop_assert_eq!(changes(&folder.path("dir")), changes(&folder.path("whole")));
    }
}

#[test]
fn too_many_bad_rows_stop_it_and_it_goes_on() {
    let folder = Folder::new();
    folder.write("in.jsonl", lines(700).as_bytes());
    let ended = to_end(&import(&folder, "in.jsonl", &["--max-errors", "3"])).unwrap();
    assert!(ended.stopped.is_some_and(|why| why.contains("more than 3")));
    let ended = to_end(&import(&folder, "in.jsonl", &[])).unwrap();
    assert_eq!((ended.stopped, ended.counts.rows, changes(&folder.path("dir")).len()), (None, 700, 500));
}

#[test]
fn times_ahead_of_the_clock_are_refused_unless_they_are_meant() {
    let line = |n: u64, time: &str| format!("{{\"event\":\"view\",\"user\":\"u{n}\",\"item\":\"i1\"{time}}}\n");
    let soon = format!(",\"time\":{}", node::now().0 + 20_000);
    let far = ",\"time\":\"9999-01-01T00:00:00Z\"";
    let text = [line(1, ",\"time\":1000"), line(2, ""), line(3, &soon), line(4, far), line(5, "")].concat();
    let folder = Folder::new();
    folder.write("in.jsonl", text.as_bytes());
    let ended = to_end(&import(&folder, "in.jsonl", &[])).unwrap();
    assert_eq!((ended.counts.accepted, ended.counts.refused, ended.untimed), (4, 1, 2));
    let rejects = fs::read_to_string(folder.path("in.jsonl.rejects.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(&rejects).unwrap();
    assert_eq!((first["line"].as_u64(), first["code"].as_str()), (Some(4), Some("time_in_future")));
    let meant = folder.path("meant").display().to_string();
    let ended = to_end(&import(&folder, "in.jsonl", &["--dir", &meant, "--allow-future"])).unwrap();
    assert_eq!((ended.counts.accepted, ended.counts.refused), (5, 0));
    // Where log time itself is restored, it is what counts.
    let restored = |n: u64, at: &str| format!("{{\"@position\":{n},\"@log_time\":{at},{}", &line(n, far)[1..]);
    folder.write("out.jsonl", [restored(1, "1000"), restored(2, "253370764800000")].concat().as_bytes());
    let ended = to_end(&import(&folder, "out.jsonl", &["--restore", "--dir", &folder.path("r").display().to_string()]));
    let ended = ended.unwrap();
    assert_eq!((ended.counts.accepted, ended.counts.refused, ended.untimed), (0, 2, 0), "one by its log's refusal");
}

#[test]
fn csv_columns_are_typed_by_the_spec() {
    let folder = Folder::new();
    let csv = "sku,title,price,live,tags,created\n7,42,1.5,true,a|b,2026-01-01T00:00:00Z\n8,,x,,,\n\"9\n";
    folder.write("items.csv", csv.as_bytes());
    let ended = to_end(&import(&folder, "items.csv", &["--entity", "item", "--key", "sku"])).unwrap();
    assert_eq!((ended.counts.accepted, ended.counts.refused), (1, 2));
    let found = changes(&folder.path("dir"));
    let Payload::Upsert(upsert) = Payload::decode(found[0].0, &found[0].1).unwrap() else { panic!("no entity") };
    assert_eq!((&*upsert.key, upsert.fields.len()), ("7", 5));
    assert_eq!(upsert.fields[0].value, Raw::Str("42".into()));
    assert_eq!(upsert.fields[3].value, Raw::List(vec![Raw::Str("a".into()), Raw::Str("b".into())]));
    let error = to_end(&import(&folder, "items.csv", &["--entity", "item", "--restart"])).unwrap_err();
    assert!(format!("{error:#}").contains("--key"), "{error:#}");
}

fn parquet(folder: &Folder, name: &str, columns: Vec<Column>, rows: &[Vec<Raw<'static>>]) {
    let mut writer = Writer::new(fs::File::create(folder.path(name)).unwrap(), columns).unwrap();
    for row in rows {
        row.iter().enumerate().for_each(|(column, value)| assert!(writer.set(column, value)));
        writer.end_row().unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn parquet_is_held_against_the_spec_before_the_first_row() {
    let folder = Folder::new();
    let text = |text: &str| Raw::Str(text.to_owned().into());
    let key = || Column::new("key", Kind::Text);
    let error = |more: &[&str]| format!("{:#}", to_end(&import(&folder, "in.parquet", more)).unwrap_err());
    parquet(&folder, "in.parquet", vec![key(), Column::new("price", Kind::Text)], &[vec![text("a"), text("x")]]);
    let wrong = error(&["--entity", "item"]);
    assert!(wrong.contains("column 'price'") && wrong.contains("the spec says float"), "{wrong}");
    parquet(&folder, "in.parquet", vec![key(), Column::new("prize", Kind::Float)], &[]);
    let unknown = error(&["--entity", "item"]);
    assert!(unknown.contains("column 'prize'") && unknown.contains("--skip prize"), "{unknown}");
    assert!(error(&[]).contains("--event NAME or --entity NAME"));
    parquet(&folder, "in.parquet", vec![Column::new("price", Kind::Float)], &[]);
    assert!(error(&["--entity", "item"]).contains("no column 'key'"));
    let whole = fs::read(folder.path("in.parquet")).unwrap();
    folder.write("in.parquet", &whole[..whole.len() - 9]);
    assert!(error(&["--entity", "item"]).contains("not a whole Parquet file"));
    assert!(!folder.path("dir").exists(), "nothing was begun");
}

#[test]
fn bad_cells_are_refused_row_by_row() {
    let folder = Folder::new();
    let text = |text: &str| Raw::Str(text.to_owned().into());
    let columns = ["user", "item"].map(|name| Column::new(name, Kind::Text));
    let columns =
        columns.into_iter().chain([Column::new("time", Kind::Int), Column::new("score", Kind::Float)]).collect();
    let row = |user: Raw<'static>, time: i64| vec![user, text("i"), Raw::Int(time), Raw::Float(0.5)];
    let rows =
        [row(text("a"), 1_700_000_000), row(Raw::Null, 5), row(text("b"), -7), row(text("c"), 1_700_000_000_001)];
    parquet(&folder, "in.parquet", columns, &rows);
    let ended = to_end(&import(&folder, "in.parquet", &["--event", "view"])).unwrap();
    assert_eq!((ended.counts.accepted, ended.counts.refused), (2, 2));
    let rejects = fs::read_to_string(folder.path("in.parquet.rejects.jsonl")).unwrap();
    let row = |at: usize| serde_json::from_str::<serde_json::Value>(rejects.lines().nth(at).unwrap()).unwrap();
    assert_eq!((row(0)["line"].as_u64(), row(0)["field"].as_str()), (Some(2), Some("user")));
    assert_eq!((row(1)["line"].as_u64(), row(1)["code"].as_str()), (Some(3), Some("time_out_of_range")));
}

#[test]
fn a_file_of_a_million_rows_is_read_group_by_group() {
    let folder = Folder::new();
    let mut writer =
        Writer::new(fs::File::create(folder.path("in.parquet")).unwrap(), vec![Column::new("n", Kind::Int)]).unwrap();
    for n in 0..1_000_000 {
        writer.set(0, &Raw::Int(n));
        writer.end_row().unwrap();
    }
    writer.finish().unwrap();
    let mut reader = crate::table::Reader::open(&folder.path("in.parquet")).unwrap();
    reader.skip(999_990).unwrap();
    let mut last = Vec::new();
    while let Some(mut chunk) = reader.read(3).unwrap() {
        assert!(chunk[0].len() <= 3);
        last.append(&mut chunk[0]);
    }
    assert_eq!(last, (999_990..1_000_000).map(|n| Ok(Raw::Int(n))).collect::<Vec<_>>());
}

//! A training set as a file: the same rows in both formats, whole or not there, and what is said of a wrong question.

use super::*;
use crate::export::tests::{Step, fill};
use crate::import::tests::{Folder, SPEC};
use crate::table::Reader;
use clap::Parser;
use domain::{Event, Field, Payload, Raw, Time, Upsert};
use std::fs;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    training: Training,
}

fn training(folder: &Folder, out: &str, more: &[&str]) -> Training {
    let (dir, out) = (folder.path("from").display().to_string(), folder.path(out).display().to_string());
    let line = ["training", "--dir", &dir, "--out", &out];
    Line::parse_from(line.into_iter().chain(more.iter().copied())).training
}

fn text(text: &str) -> Raw<'static> {
    Raw::Str(text.to_owned().into())
}

fn event(kind: &'static str, user: &str, item: &str, time: i64) -> Step {
    let fields = [("user", text(user)), ("item", text(item))].map(|(name, value)| Field { name: name.into(), value });
    let time = Some(Time(1_700_000_000_000 + time));
    (Payload::Event(Event { kind: kind.into(), source: "".into(), id: None, time, fields: fields.to_vec() }), 1_000)
}

/// An item, two views and a purchase of it, and a view of what the catalogue has not.
fn log() -> Folder {
    let folder = Folder::new();
    let fields = vec![Field { name: "category".into(), value: text("shoes") }];
    let item = Payload::Upsert(Upsert { entity: "item".into(), key: "a".into(), fields });
    let steps = [
        (item, 0),
        event("view", "u", "a", 1),
        event("view", "u", "a", 2),
        event("buy", "u", "a", 3),
        event("view", "v", "b", 4),
        (Payload::Tick, 60_000),
    ];
    fill(&folder.path("from"), &steps);
    folder
}

const ASK: [&str; 10] = [
    "--rows",
    "events",
    "--events",
    "view,buy",
    "--features",
    "user.views,user.category.interest,item.category,user.recent",
    "--labels",
    "buy",
    "--window",
    "10s",
];

#[test]
fn rows_are_as_of_just_before_their_event() {
    let folder = log();
    let written = training(&folder, "set.jsonl", &ASK).write().unwrap();
    assert_eq!((written.report.rows, written.report.positive, written.report.open), (4, 2, 0));
    let lines = fs::read_to_string(folder.path("set.jsonl")).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| rows.iter().map(|row| row[name].clone()).collect::<Vec<_>>();
    let floats = |name: &str| of(name).iter().map(Value::as_f64).collect::<Vec<_>>();
    assert_eq!(floats("user.views"), [0.0, 1.0, 2.0, 0.0].map(Some));
    assert_eq!(floats("user.category.interest"), [0.0, 1.0, 2.0, 0.0].map(Some));
    assert_eq!(of("item.category"), [json!("shoes"), json!("shoes"), json!("shoes"), Value::Null]);
    assert_eq!(of("user.recent"), [json!([]), json!(["a"]), json!(["a", "a"]), json!([])]);
    assert_eq!(of("label"), [json!(1), json!(1), json!(0), json!(0)]);
    assert_eq!(floats("label_after_s"), [Some(2.0), Some(1.0), None, None]);
    assert_eq!(of("event"), [json!("view"), json!("view"), json!("buy"), json!("view")]);
}

#[test]
fn parquet_has_the_same_columns_and_rows() {
    let folder = log();
    let written = training(&folder, "set.parquet", &ASK).write().unwrap();
    assert_eq!(written.report.rows, 4);
    let reader = Reader::open(&folder.path("set.parquet")).unwrap();
    let names: Vec<&str> = reader.columns().iter().map(|column| column.name.as_str()).collect();
    assert!(names.ends_with(&["user.views", "user.category.interest", "item.category", "user.recent"]), "{names:?}");
    assert_eq!(&names[..3], ["position", "log_time", "now"]);
}

#[test]
fn other_definitions_have_the_same_past() {
    let folder = log();
    folder.write("new.yaml", SPEC.replace("views: count(view, 7d)", "views: 10 * count(view, 7d)").as_bytes());
    let spec = folder.path("new.yaml").display().to_string();
    training(&folder, "set.jsonl", &[&ASK[..], &["--spec", &spec]].concat()).write().unwrap();
    let lines = fs::read_to_string(folder.path("set.jsonl")).unwrap();
    let third: Value = serde_json::from_str(lines.lines().nth(2).unwrap()).unwrap();
    assert_eq!(third["user.views"].as_f64(), Some(20.0));
}

#[test]
fn a_wrong_question_leaves_no_file() {
    let folder = log();
    let error = |out: &str, more: &[&str]| {
        let written = training(&folder, out, more).write();
        format!("{:#}", written.map(|_| ()).expect_err("it is refused"))
    };
    assert!(error("set.csv", &[]).contains("must end in .parquet or .jsonl"));
    assert!(error("set.jsonl", &["--rows", "events"]).contains("--events"));
    assert!(error("set.jsonl", &["--features", "user.veiws"]).contains("did you mean 'user.views'?"));
    assert!(error("set.jsonl", &["--labels", "byu"]).contains("did you mean 'buy'?"));
    assert!(error("set.jsonl", &[&ASK[..], &["--limit", "2"]].concat()).contains("would have 4 rows"));
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("set")), "{left:?}");
    fs::write(folder.path("set.jsonl"), "mine").unwrap();
    assert!(error("set.jsonl", &ASK).contains("is there already"));
    assert_eq!(fs::read_to_string(folder.path("set.jsonl")).unwrap(), "mine");
}

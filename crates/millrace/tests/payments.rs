//! `examples/payments`, run as its README says: every command of it through the program, a server and HTTP. The shared data is looked for
//! in `../shared/data` beside the repository, or in what `MILLRACE_DATA` names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/payments")
}

/// Whether the machine has a program that the example needs beside ours.
fn has(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    let found = command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("SKIPPED: there is no {program}");
    }
    found
}

/// What the example prints, and its verdicts as (outcome, rules that fired).
fn run(name: &str, more: &[&str]) -> (String, Vec<(String, Vec<String>)>) {
    let dir = std::env::temp_dir().join(format!("millrace-payments-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("the temporary folder is writable");
    let mut command = Command::new("sh");
    command.arg(example().join("run.sh")).arg("--dir").arg(&dir).args(more);
    let output = command.env("MILLRACE", env!("CARGO_BIN_EXE_millrace")).output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let verdicts = fs::read_to_string(dir.join("verdicts.ndjson")).expect("they were written");
    let verdicts = verdicts.lines().map(|line| {
        let verdict: serde_json::Value = serde_json::from_str(line).expect("it is JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
        let reasons = verdict["reasons"].as_array().expect("reasons").iter();
        (text(&verdict["outcome"]), reasons.map(|reason| text(&reason["rule"])).collect())
    });
    let verdicts = verdicts.collect();
    assert!(fs::read_to_string(dir.join("backtest.html")).expect("it was written").ends_with("</html>\n"));
    // What is left behind lies in the system's temporary folder.
    let _ = fs::remove_dir_all(&dir);
    (said, verdicts)
}

fn files() -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(example()).expect("it is there");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("it can be listed").file_name()).collect();
    names.sort();
    names
}

#[test]
fn it_runs_on_its_own_stream() {
    if !has("curl", "--version") {
        return;
    }
    let before = files();
    let (said, verdicts) = run("own", &[]);
    assert_eq!(files(), before, "it leaves nothing beside itself");
    let expected = [
        ("approve", &[][..]),
        ("approve", &[]),
        ("approve", &[]),
        ("second_check", &["watched"]),
        ("second_check", &["tested"]),
        ("decline", &["tested", "unusual"]),
        ("decline", &["terminal-with-frauds"]),
        ("decline", &["large", "unusual", "card-with-frauds"]),
    ];
    for ((outcome, rules), (expected, fired)) in verdicts.iter().zip(expected) {
        assert_eq!((outcome.as_str(), rules.len()), (expected, fired.len()), "{rules:?}, not {fired:?}");
        assert!(rules.iter().zip(fired).all(|(rule, fired)| rule == fired), "{rules:?}, not {fired:?}");
    }
    assert_eq!(verdicts.len(), 8);
    for part in [
        " accepted, 0 duplicates, 0 refused",
        "\"duplicate\":true",
        "instead of 212 for amount would give second_check",
        "\"identical\":true",
        "terminal-with-frauds",
        "0.5263   0.6000",
    ] {
        assert!(said.contains(part), "without `{part}`: {said}");
    }
}

#[test]
fn it_runs_on_the_shared_data() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("MILLRACE_DATA").unwrap_or_else(|| beside.into());
    let data = PathBuf::from(data).join("fraud-simulated");
    if !data.is_dir() {
        eprintln!("SKIPPED: the data folder is absent, the example was not run on it");
        return;
    }
    if !has("curl", "--version") {
        return;
    }
    let (said, verdicts) = run("shared", &["--data", &data.to_string_lossy()]);
    assert!(said.contains("268260 accepted, 0 duplicates, 0 refused"), "{said}");
    assert!(said.contains("events labelled, 1126 of them bad"), "{said}");
    let outcomes: Vec<&str> = verdicts.iter().map(|(outcome, _)| outcome.as_str()).collect();
    assert_eq!(outcomes, ["approve", "approve", "approve", "second_check", "decline", "decline"]);
}

#[test]
fn its_stream_is_what_its_generator_makes() {
    if !has("awk", "BEGIN { exit 0 }") {
        return;
    }
    let mut command = Command::new("awk");
    let made = command.arg("-f").arg(example().join("generate.awk")).stdin(Stdio::null()).output().expect("it starts");
    assert!(made.stdout == fs::read(example().join("stream.csv")).expect("it is there"), "run generate.awk again");
}

#[test]
fn its_readme_names_what_is_there() {
    let readme = fs::read_to_string(example().join("README.md")).expect("it is there");
    let named = readme
        .split(|c: char| c.is_whitespace() || "@`'".contains(c))
        .filter(|word| word.starts_with("examples/payments/"));
    let named: Vec<&str> = named.collect();
    assert!(named.len() >= 6, "{named:?}");
    for file in named {
        let name = file.trim_start_matches("examples/payments/");
        assert!(example().join(name).is_file(), "{file}");
    }
}

#[test]
fn the_desk_is_the_same_spec_with_people_behind_it() {
    let read = |name: &str| fs::read_to_string(example().join(name)).expect("it is there");
    let (desk, payments) = (read("desk.yaml"), read("payments.yaml"));
    let mut lines = desk.lines();
    for line in payments.lines().skip(1) {
        assert!(lines.any(|of_desk| of_desk == line), "desk.yaml has not, or not here: {line}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    let checked = command.arg("check").arg(example().join("desk.yaml")).output().expect("it starts");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && !said.contains("warning"), "{said}");
    let plan = spec::compile("desk.yaml", &desk).unwrap_or_else(|wrong| panic!("{}", spec::render(&wrong)));
    assert!(plan.decisions[0].review.is_some());
    let [ledger, desk] = plan.sinks.as_slice() else { panic!("{:?}", plan.sinks) };
    assert!(
        ledger.takes("card_risk", "decline") && !ledger.takes("card_risk", "approve") && !ledger.takes_alarm("silent")
    );
    assert!(!desk.takes("card_risk", "decline") && desk.takes_alarm("silent") && desk.takes_alarm("tried_out"));
}

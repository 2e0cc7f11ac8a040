//! Mistakes as people see them: each with its place, a caret, the cause and what to do, compared with what was read and approved.
//! A file in `golden/` holds cases of one kind, each its text and what is said of it. To add one, write `=== a title` and the text;
//! `UPDATE_GOLDEN=1 cargo test -p spec every_mistake` writes what is said behind it. Read the difference before it is committed.

use crate::{Diagnostics, compile, render};
use std::collections::BTreeSet;
use std::path::PathBuf;

pub(super) const FILES: [&str; 8] =
    ["yaml", "declarations", "features", "expressions", "feeds", "policies", "rerank", "decisions"];
/// Begins a case.
const CASE: &str = "=== ";
/// Stands between the text of a case and what is said of it.
const SAID: &str = ">>>";
/// Title of what all cases of a file begin with.
const HEAD: &str = "head of every case";
/// How many different mistakes there are to be at least.
const SHAPES_MIN: usize = 60;

pub(super) struct Case {
    pub(super) title: String,
    pub(super) text: String,
    said: String,
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/tests/golden/{name}.txt"))
}

/// The cases of a file, the first of which is the head.
fn cases(file: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut saying = false;
    for line in file.lines() {
        if let Some(title) = line.strip_prefix(CASE) {
            cases.push(Case { title: title.to_owned(), text: String::new(), said: String::new() });
            saying = false;
        } else if line == SAID {
            saying = true;
        } else if let Some(case) = cases.last_mut() {
            let to = if saying { &mut case.said } else { &mut case.text };
            to.push_str(line);
            to.push('\n');
        }
    }
    for case in &mut cases {
        case.text.truncate(case.text.trim_end().len());
        case.text.push('\n');
    }
    cases
}

/// What editors hide is written by its number in the cases.
fn with_hidden(text: &str) -> String {
    text.replace("<U+202E>", "\u{202e}")
        .replace("<U+FEFF>", "\u{feff}")
        .replace("<TAB>", "\t")
        .replace("<U+0007>", "\u{7}")
}

/// What is wrong with a case, and it as it should stand in its file.
pub(super) fn judged(head: &str, case: &Case) -> (Diagnostics, String) {
    let text = with_hidden(&format!("{head}{}", case.text));
    let diagnostics = match compile("spec.yaml", &text) {
        Ok(_) => panic!("{} is no mistake", case.title),
        Err(diagnostics) => diagnostics,
    };
    let said = render(&diagnostics);
    (diagnostics, format!("{CASE}{}\n{}{SAID}\n{said}", case.title, case.text))
}

pub(super) fn read(name: &str) -> (String, Vec<Case>) {
    let written = std::fs::read_to_string(path(name)).unwrap();
    let mut cases = cases(&written);
    let head = if cases[0].title == HEAD { cases.remove(0).text } else { String::new() };
    (head, cases)
}

#[test]
fn every_mistake_is_told_as_it_was_approved() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for name in FILES {
        let (head, cases) = read(name);
        let mut whole = if head.is_empty() { String::new() } else { format!("{CASE}{HEAD}\n{head}\n") };
        for case in &cases {
            let (diagnostics, written) = judged(&head, case);
            let said = render(&diagnostics);
            assert!(update || said.trim_end() == case.said.trim_end(), "{name}: {}\n{said}", case.title);
            whole.push_str(&written);
            whole.push('\n');
        }
        if update {
            std::fs::write(path(name), whole).unwrap();
        }
    }
}

/// A message without what it quotes and counts.
fn shape(message: &str) -> String {
    let unquoted: String = message.split('`').step_by(2).collect::<Vec<_>>().join("`_`");
    unquoted.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

#[test]
fn the_cases_are_many_and_each_says_what_to_do() {
    let mut shapes = BTreeSet::new();
    let mut silent = Vec::new();
    for name in FILES {
        let (head, cases) = read(name);
        for case in &cases {
            let (diagnostics, _) = judged(&head, case);
            assert!(!diagnostics.list.is_empty());
            for one in &diagnostics.list {
                shapes.insert((one.code, shape(&one.message)));
                if one.help.is_none() && !one.message.contains("it must be from") {
                    silent.push(format!("{name}: {}: {}", case.title, one.message));
                }
            }
        }
    }
    assert!(shapes.len() >= SHAPES_MIN, "{}", shapes.len());
    assert!(silent.is_empty(), "these say not what to do:\n{}", silent.join("\n"));
}

#[test]
fn titles_are_different() {
    for name in FILES {
        let (_, cases) = read(name);
        let titles: BTreeSet<&str> = cases.iter().map(|case| case.title.as_str()).collect();
        assert_eq!(titles.len(), cases.len(), "{name}");
    }
}

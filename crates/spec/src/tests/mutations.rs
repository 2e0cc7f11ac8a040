//! Broken text of every kind: never a panic, always a place inside the file.

use super::SHOP;
use crate::{compile, compile_bytes, render};
use proptest::prelude::*;

pub(super) fn check(text: &str) {
    let Err(diagnostics) = compile("spec.yaml", text) else { return };
    let lines: Vec<&str> = text.split('\n').collect();
    assert!(!diagnostics.list.is_empty());
    for diagnostic in &diagnostics.list {
        let line = lines.get(diagnostic.line as usize - 1).unwrap_or_else(|| panic!("line {}", diagnostic.line));
        assert!(diagnostic.column as usize <= line.chars().count() + 1, "{diagnostic:?}");
        assert!(diagnostic.width >= 1 && !diagnostic.message.is_empty());
        assert_ne!(diagnostic.code, "cascade");
    }
    render(&diagnostics);
}

/// Pieces that mean something in YAML or in expressions.
pub(super) const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ", ",
    "\n",
    "  ",
    "- ",
    "#",
    "\"",
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "<<: ",
    "---\n",
    "...",
    "%",
    "@",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "é",
    "(",
    ")",
    "count(",
    "last(",
    "seen(item, 1d)",
    "user.",
    "item",
    "0",
    "-1",
    "1e999",
    "null",
    "?",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn mutated_specs_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, any::<prop::sample::Index>()), 1..6)) {
        let mut text: Vec<char> = SHOP.chars().collect();
        for (at, remove, piece) in edits {
            let start = at.index(text.len());
            let end = (start + remove).min(text.len());
            text.splice(start..end, PIECES[piece.index(PIECES.len())].chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn moved_lines_never_panic(swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..5), tail in any::<prop::sample::Index>()) {
        let mut lines: Vec<&str> = SHOP.lines().collect();
        for (a, b) in swaps {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
        }
        lines.truncate(1 + tail.index(lines.len()));
        check(&lines.join("\n"));
    }

    #[test]
    fn noise_never_panics(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..60)) {
        check(&format!("version: 1\n{}", pieces.concat()));
        check(&pieces.concat());
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = compile_bytes("spec.yaml", &bytes).map_err(|diagnostics| render(&diagnostics));
    }
}

/// Megabytes of the worst that is known: refused or read within the time of a test.
#[test]
fn large_bad_specs_are_refused_without_much_work() {
    let head = "version: 1\nevents: { view: { user: user, item: item } }\nfeatures:\n  user:\n";
    let unknown: String = (0..950)
        .map(|n| format!("    feature_{n:04}: {}\n", vec![format!("faeture_{n:04}x"); 60].join(" + ")))
        .collect();
    check(&format!("{head}{unknown}"));
    for (piece, times) in [
        ("a: ", 300_000),
        ("a: 1\n", 200_000),
        ("- ", 500_000),
        ("? ", 500_000),
        ("\"", 1_000_000),
        ("'", 1_000_000),
        ("a ", 500_000),
        ("a\n", 500_000),
        ("{a", 500_000),
        ("[a, ", 250_000),
        ("&a ", 300_000),
        ("!a ", 300_000),
        ("*a ", 300_000),
        ("\n", 1_000_000),
        (" ", 1_000_000),
        ("#", 1_000_000),
        ("|\n", 500_000),
        ("${", 500_000),
    ] {
        check(&piece.repeat(times));
        check(&format!("version: 1\nfeeds: {}", piece.repeat(times)));
        let lines: String = (0..times.min(90_000)).map(|n| format!("x{n}: {piece}\n")).collect();
        check(&lines);
    }
}

#[test]
fn every_prefix_of_the_example_is_read_or_refused() {
    for end in (0..SHOP.len()).step_by(7).filter(|&end| SHOP.is_char_boundary(end)) {
        check(&SHOP[..end]);
    }
}

//! The catalogue of bad specs, row by row: what is written, and the code, line and column of the first diagnostic.
//!
//! Not here, since there is nothing of the kind: a changed type of a live state key is no mistake of a spec, which is read when the
//! node starts and then rebuilds (`differences::types_and_indexes_rebuild`); a fallback, since no step of a feed asks anybody else
//! and can fail.

use crate::{Diagnostics, compile_bytes, render};

/// A row of the catalogue, the file, and what is said of it first: `code line:column`.
type Row = (&'static str, Vec<u8>, &'static str);

/// Six good lines that the rest is added to.
const HEAD: &str = "version: 1
entities:
  item: { fields: { title: string, price: float } }
events: { view: { user: user, item: item } }
features: { item: { heat: 'decayed(view, 6h)' } }
# here
";

/// Says all that is not as expected.
fn check(rows: Vec<Row>) {
    let mut wrong = Vec::new();
    for (what, file, expected) in rows {
        let shown: String =
            String::from_utf8_lossy(&file).chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
        let found = match compile_bytes("spec.yaml", &file) {
            Ok(_) => "taken".to_owned(),
            Err(diagnostics) => first(&diagnostics),
        };
        if found != expected {
            wrong.push(format!("{what}: ...{shown:?}\n  is {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn first(diagnostics: &Diagnostics) -> String {
    let shown = render(diagnostics);
    assert!(shown.len() < 100_000 && !shown.contains(['\u{202e}', '\u{200b}', '\0']), "{shown}");
    let first = &diagnostics.list[0];
    assert!(!first.message.is_empty());
    format!("{} {}:{}", first.code, first.line, first.column)
}

fn text(text: impl Into<String>) -> Vec<u8> {
    text.into().into_bytes()
}

/// `HEAD` and more: the first line of it is line 7.
fn more(rest: impl AsRef<str>) -> Vec<u8> {
    text(format!("{HEAD}{}", rest.as_ref()))
}

/// A feature of users; it begins at line 1, column 85.
fn feature(expression: &str) -> Vec<u8> {
    text(format!(
        "{{ version: 1, events: {{ view: {{ user: user, item: item }} }}, features: {{ user: {{ a: \"{expression}\" }} }} }}"
    ))
}

/// A feed with more lines in it, from line 11 on.
fn feed(rest: impl AsRef<str>) -> Vec<u8> {
    more(format!("feeds:\n  f:\n    for: user\n    recall: {{ hot: {{ top: item.heat }} }}\n{}", rest.as_ref()))
}

#[test]
fn bytes_and_documents() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let bomb: String =
        (b'b'..=b'z').map(|c| (c as char, (c - 1) as char)).map(|(n, o)| format!("{n}: &{n} [*{o}, *{o}]\n")).collect();
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    check(vec![
        ("not UTF-8", more("feeds: \"caf\u{e9}").into_iter().filter(|&b| b != 0xc3).collect(), "not_utf8 7:12"),
        ("not UTF-8", b"\x80".to_vec(), "not_utf8 1:1"),
        ("UTF-16", [vec![0xfe, 0xff], utf16("version: 1")].concat(), "not_utf8 1:1"),
        ("UTF-16", [vec![0xff, 0xfe], utf16("version: 1")].concat(), "not_utf8 1:1"),
        ("UTF-16", utf16("version: 1"), "bad_character 1:1"),
        ("BOM", text(format!("\u{feff}{HEAD}")), "byte_order_mark 1:1"),
        ("empty", text(""), "empty 1:1"),
        ("empty", text("\n\n# nothing\n---\n"), "empty 1:1"),
        ("empty", text("~"), "wrong_type 1:1"),
        ("2 documents", more("---\nversion: 1\n"), "several_documents 7:1"),
        ("2 documents", more("...\n---\n{}\n"), "several_documents 8:1"),
        ("tabs", more("feeds:\n \tf: {}\n"), "tab 8:2"),
        ("duplicate key", more("feeds: {}\n\"feeds\": {}\n"), "duplicate_key 8:1"),
        ("merge keys `<<`", more("feeds:\n  <<: { a: b }\n"), "merge_key 8:3"),
        ("alias bomb", text(format!("version: 1\nentities: &a {{}}\n{bomb}")), "anchor 2:11"),
        ("alias bomb", more(format!("feeds: &a [x]\nentities: [{}]\n", "*a, ".repeat(1_000))), "anchor 7:8"),
        ("recursive alias", more("feeds: &a [*a]\n"), "anchor 7:8"),
        ("recursive alias", more("feeds: { a: *a }\n"), "yaml_syntax 7:13"),
        ("depth 200", more(format!("feeds: {}{}", "[".repeat(200), "]".repeat(200))), "too_deep 7:23"),
        ("depth 200", text(block), "too_deep 16:16"),
        ("20 MiB", text("#".repeat(20 << 20)), "too_large 1:1"),
        ("20 MiB", more("a: b\n".repeat(4 << 20)), "too_large 1:1"),
        ("`!!python/object` and any tag", more("feeds: !!python/object:os.system { a: b }\n"), "tag 7:8"),
        ("`!!python/object` and any tag", more("feeds: !local {}\n"), "tag 7:8"),
        ("`!!python/object` and any tag", more("feeds: !<tag:example.com,2026:x> {}\n"), "tag 7:8"),
        ("`!!python/object` and any tag", feed("    durable: !!bool true\n"), "tag 11:14"),
        ("`!!python/object` and any tag", text("%TAG ! tag:example.com,2026:\n---\nversion: !x 1\n"), "tag 3:10"),
    ]);
}

#[test]
fn values_and_fields() {
    check(vec![
        ("`no` where a bool is meant", feed("    durable: no\n"), "wrong_type 11:14"),
        ("`no` where a duration is meant", feed("    rank: { score: no }\n"), "unknown_name 11:20"),
        ("`012` where an int is meant", text("version: 012\n"), "wrong_type 1:10"),
        (
            "`1_000` where an int is meant",
            feed("    rerank: { spread: item.title, window: 1_000 }\n"),
            "wrong_type 11:43",
        ),
        ("`.inf` where a number is meant", feed("    holdout: { share: .inf }\n"), "out_of_range 11:23"),
        ("`.nan` where a number is meant", feed("    holdout: { share: .nan }\n"), "out_of_range 11:23"),
        ("`nan` where a number is meant", feed("    holdout: { share: nan% }\n"), "out_of_range 11:23"),
        (
            "`0x10` where an int is meant",
            feed("    rerank: { spread: item.title, window: 0x10 }\n"),
            "wrong_type 11:43",
        ),
        ("unknown field with \"did you mean\"", more("fedes: {}\n"), "unknown_field 7:1"),
        ("unknown field with \"did you mean\"", feed("    reccall: {}\n"), "unknown_field 11:5"),
        ("wrong type", more("feeds: []\n"), "wrong_type 7:8"),
        ("wrong type", feed("    filter: { a: b }\n"), "wrong_type 11:13"),
        ("version unknown", text("version: 0\n"), "unknown_version 1:10"),
        ("version newer", text("version: 2\n"), "unknown_version 1:10"),
        ("version newer", text("version: 9223372036854775808\n"), "wrong_type 1:10"),
        ("10^5 rules", feed(format!("    filter:\n{}", "      - item.price > 1.0\n".repeat(100_000))), "too_many 11:5"),
        ("10^5 rules", feed(format!("    filter:\n{}", "      - a\n".repeat(90_000))), "too_many 11:5"),
        ("10^5 rules", feed(format!("    policy:\n{}", "      - {}\n".repeat(60_000))), "too_many 11:5"),
        (
            "two rules of one name",
            feed("    policy:\n      - pin: { item: i1, at: 1, name: a }\n      - pin: { item: i2, at: 2, name: a }\n"),
            "duplicate_name 13:39",
        ),
        ("two rules of one name", more("feeds:\n  a: {}\n  a: {}\n"), "missing_field 8:3"),
        ("percentage split summing to 101", feed("    holdout: { share: 101% }\n"), "out_of_range 11:23"),
        ("percentage split summing to 101", more("experiments: { a: 51%, b: 50% }\n"), "not_available 7:1"),
        ("include", more("include: secrets.yaml\n"), "not_available 7:1"),
        ("include", more("feeds: !include feeds.yaml\n"), "tag 7:8"),
        ("env interpolation", feed("    filter: [ \"item.title == '${HOME}'\" ]\n"), "interpolation 11:15"),
        ("env interpolation", feed("    filter: [ \"item.title == $HOME\" ]\n"), "unexpected_character 11:30"),
        ("file interpolation", more("feeds: ${file:/etc/passwd}\n"), "interpolation 7:8"),
        // No field of a spec takes a secret; tokens are a file of their own.
        ("secret in plain text", more("token: 0123456789abcdef\n"), "unknown_field 7:1"),
    ]);
}

#[test]
fn references_and_expressions() {
    check(vec![
        (
            "cycle between features",
            text("version: 1\nfeatures:\n  user:\n    a: b + 1\n    b: c + 1\n    c: a + 1\n"),
            "cycle 4:8",
        ),
        ("reference to missing model", more("models: { ctr: { file: ctr.onnx } }\n"), "not_available 7:1"),
        ("reference to missing model", feed("    rank: { score: model.ctr }\n"), "unknown_name 11:20"),
        ("reference to missing stream", feature("count(buy, 1h)"), "unknown_event 1:91"),
        ("reference to missing table", feed("    rank: { score: user.title.n }\n"), "unknown_name 11:20"),
        ("window of 0", feature("count(view, 0s)"), "out_of_range 1:97"),
        ("window negative", feature("count(view, -1s)"), "out_of_range 1:97"),
        ("window of 10^9 years", feature("count(view, 365000000000d)"), "invalid_duration 1:97"),
        ("window of 10^6 years", feature("count(view, 365000000d)"), "out_of_range 1:97"),
        (
            "removal of a feature still read",
            feed("    rank: { score: recall.score + item.views }\n"),
            "unknown_name 11:35",
        ),
        ("removal of a feature still read", text("version: 1\nfeatures: { user: { a: b } }\n"), "unknown_name 2:24"),
        (
            "cost estimate over budget",
            feed(
                "  g:\n    for: item\n    recall: { a: { top: item.heat, limit: 4096 }, b: { top: item.heat, limit: 1 } }\n",
            ),
            "over_budget 13:5",
        ),
        (
            "expression error (line and column)",
            text("version: 1\nfeatures:\n  user:\n    a: |\n      1 +\n        (2 * )\n"),
            "unexpected_token 6:14",
        ),
        ("expression error (line and column)", feature("1 + 'a'"), "wrong_type 1:85"),
        ("expression of 1 MiB", feature(&"1".repeat(900_000)), "expression_too_long 1:85"),
    ]);
}

#[test]
fn names() {
    let entity = |name: &str| more(format!("feeds: {{ {name}: {{}} }}\n"));
    check(vec![
        ("invisible characters in names", entity("ho\u{200b}me"), "bad_name 7:10"),
        ("invisible characters in names", entity("ho\u{ad}me"), "bad_name 7:10"),
        ("bidi characters in names", entity("ho\u{202e}me"), "bad_character 7:12"),
        ("bidi characters in names", entity("\"ho\\u202eme\""), "bad_name 7:10"),
        ("letters of another script in names", entity("h\u{43e}me"), "bad_name 7:10"),
        ("name with `/`", entity("a/b"), "bad_name 7:10"),
        ("name with `..`", entity(".."), "bad_name 7:10"),
        ("name with `..`", entity("../../etc/passwd"), "bad_name 7:10"),
        ("name with NUL", entity("a\0b"), "bad_character 7:11"),
        ("name with NUL", entity("\"a\\0b\""), "bad_name 7:10"),
        ("name of 10 kB", entity(&"a".repeat(10_000)), "bad_name 7:10"),
        ("name of nothing", entity("\"\""), "bad_name 7:10"),
    ]);
}

/// The other half of the rows above: where a string is meant, what YAML 1.1 makes a bool, a number or nothing of is the string.
#[test]
fn a_string_is_what_is_written() {
    for word in ["no", "012", "1_000", ".inf", "~", "null", "0x10", "2026-01-01", "12:30:45"] {
        let file =
            String::from_utf8(feed(format!("    holdout: {{ share: 5%, salt: {word} }}\n"))).expect("it is text");
        let holdout = super::plan(&file).feeds[0].holdout.clone().expect("it is declared");
        assert_eq!(holdout.salt, word);
    }
}

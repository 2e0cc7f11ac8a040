//! One mistake after another: its code, line, column and help.

use super::{plan, refused};
use crate::{compile, compile_bytes, render};

/// A good start for specs with one mistake in the rest; 7 lines.
pub(super) const HEAD: &str = "version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { title: string, category: string, price: float, tags: [string], created: timestamp } }
  device: {}
events: { view: { user: user, item: item, fields: { dwell: duration, page: string } }, use: { user: user, device: device } }
# here
";

/// Text, code, line, column, a part of message or help.
pub(super) type Case = (&'static str, &'static str, u32, u32, &'static str);

/// Checks that each text has exactly one mistake: this one.
pub(super) fn check(head: &str, cases: &[Case]) {
    let mut wrong = Vec::new();
    for (text, code, line, column, said) in cases {
        let whole = format!("{head}{text}");
        let Err(diagnostics) = compile("spec.yaml", &whole) else {
            wrong.push(format!("not refused:\n{text}\n"));
            continue;
        };
        let first = &diagnostics.list[0];
        let words = format!("{} {}", first.message, first.help.as_deref().unwrap_or(""));
        let place = (first.code, first.line, first.column);
        if diagnostics.list.len() != 1 || place != (*code, *line, *column) || !words.contains(said) {
            wrong.push(format!("wanted {code} {line}:{column} with `{said}`, got\n{diagnostics}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_is_no_spec() {
    check(
        "",
        &[
            ("", "empty", 1, 1, "version: 1"),
            ("# only a comment\n", "empty", 1, 1, "version: 1"),
            ("\u{feff}version: 1\n", "byte_order_mark", 1, 1, "without BOM"),
            ("version: 1\n---\nversion: 1\n", "several_documents", 2, 1, "one YAML document"),
            ("version: 1\nfeeds:\n\tf: {}\n", "tab", 3, 1, "spaces"),
            ("version: 1\nversion: 1\n", "duplicate_key", 2, 1, "first on line 1"),
            ("version: 1\nentities: &all { user: {} }\n", "anchor", 2, 11, "anchors"),
            ("version: 1\nentities: !!python/object { }\n", "tag", 2, 11, "tag"),
            ("version: 1\nentities: { <<: { user: {} } }\n", "merge_key", 2, 13, "merge"),
            ("version: 1\nentities: { [a]: {} }\n", "bad_key", 2, 13, "word"),
            ("version: 1\nentities: { user: { a: b }\n", "yaml_syntax", 3, 1, ""),
            ("version: 1\nfeeds: a: b\n", "yaml_syntax", 2, 9, "quotes"),
            ("version: 1\n# \u{202e}txt\n", "bad_character", 2, 3, "direction"),
            ("version: 1\n# \u{7}\n", "bad_character", 2, 3, "U+0007"),
            ("[version, 1]\n", "wrong_type", 1, 1, "must be a map"),
            ("entities: {}\n", "missing_field", 1, 1, "begin with `version: 1`"),
            ("version: 2\n", "unknown_version", 1, 10, "this release reads"),
            ("version: '1'\n", "wrong_type", 1, 10, "without quotes"),
            ("version: 01\n", "wrong_type", 1, 10, "digits only"),
            ("version: 1_000\n", "wrong_type", 1, 10, "integer"),
            ("version: .inf\n", "wrong_type", 1, 10, "integer"),
            ("version:\n", "missing_value", 1, 1, "empty"),
        ],
    );
    let diagnostics = refused("version: 1\nentities: &a { user: *a }\n");
    assert!(diagnostics.list.iter().any(|diagnostic| diagnostic.code == "alias"), "{diagnostics}");
    let diagnostics = refused("version: ${VERSION}\n");
    assert!(diagnostics.list.iter().any(|diagnostic| diagnostic.code == "interpolation"), "{diagnostics}");
}

#[test]
fn bytes_that_are_no_text() {
    let code = |bytes: &[u8]| {
        let diagnostics = compile_bytes("spec.yaml", bytes).unwrap_err();
        let first = &diagnostics.list[0];
        (first.code, first.line, first.column, first.message.clone())
    };
    let (latin, line, column, _) = code(b"version: 1\n# caf\xe9\n");
    assert_eq!((latin, line, column), ("not_utf8", 2, 6));
    let utf16: Vec<u8> = "version: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(code(&[&[0xff, 0xfe], utf16.as_slice()].concat()).3.contains("UTF-16"));
    assert_eq!(code(&utf16).0, "bad_character");
    assert!(compile_bytes("spec.yaml", b"version: 1\n").is_ok());
}

#[test]
fn budgets() {
    let first = |text: &str| refused(text).list[0].code;
    assert_eq!(first(&"#".repeat(domain::limits::SPEC_BYTES_MAX + 1)), "too_large");
    assert_eq!(first(&format!("version: 1\na: {}", "[".repeat(200))), "too_deep");
    assert_eq!(first(&format!("version: 1\na: {}", "[".repeat(100_000))), "too_deep");
    let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert_eq!(first(&block), "too_deep");
    assert_eq!(first(&format!("version: 1\na: [{}]", "a,".repeat(domain::limits::SPEC_NODES_MAX))), "too_many");
    let entities: String = (0..1_001).map(|n| format!("  e{n}: {{}}\n")).collect();
    assert_eq!(first(&format!("version: 1\nentities:\n{entities}")), "too_many");
    let features: String = (0..1_001).map(|n| format!("    f{n}: count(view, 1h)\n")).collect();
    assert_eq!(first(&format!("{HEAD}features:\n  user:\n{features}")), "too_many");
    let bomb = "version: 1\na: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    assert!(refused(bomb).list.iter().any(|diagnostic| diagnostic.code == "alias"));
    let deep: String = (0..120).map(|n| format!("    f{n}: last(view, item, 4000, page == \"{n}\")\n")).collect();
    assert_eq!(first(&format!("{HEAD}features:\n  user:\n{deep}")), "over_budget");
    let wide: String = (0..950)
        .map(|n| {
            format!(
                "    f{n}: {}\n",
                (0..5).map(|k| format!("count(view, {}s)", 1 + n * 5 + k)).collect::<Vec<_>>().join(" + ")
            )
        })
        .collect();
    assert_eq!(first(&format!("{HEAD}features:\n  user:\n{wide}")), "over_budget");
    let streams: String = (0..950)
        .map(|n| format!("    f{n}: count(view, 1s, page == \"{n}\") + count(view, 1s, page != \"{n}\")\n"))
        .collect();
    assert_eq!(first(&format!("{HEAD}features:\n  user:\n{streams}")), "over_budget");
}

#[test]
fn a_long_chain_of_features_is_no_problem() {
    let chain: String = (0..999).map(|n| format!("    f{n}: f{} + 1\n", n + 1)).collect();
    plan(&format!("{HEAD}features:\n  user:\n{chain}    f999: count(view, 1h)\n"));
}

#[test]
fn sections_entities_and_events() {
    check(
        "version: 1\n",
        &[
            ("feed: {}\n", "unknown_field", 2, 1, "did you mean `feeds`"),
            ("models: { ctr: {} }\n", "not_available", 2, 1, "release"),
            ("models: {}\n", "not_available", 2, 1, "release"),
            ("include: other.yaml\n", "not_available", 2, 1, "no other files"),
            ("entities: [user]\n", "wrong_type", 2, 11, "name: value"),
            ("entities: { user: }\n", "missing_value", 2, 13, "must be a map"),
            ("entities: { user: { field: {} } }\n", "unknown_field", 2, 21, "did you mean `fields`"),
            ("entities: { user: { vectors: { taste: 64 } } }\n", "not_available", 2, 21, "vectors"),
            ("entities: { item: { fields: { a: strng } } }\n", "unknown_type", 2, 34, "did you mean `string`"),
            ("entities: { item: { fields: { a: integer } } }\n", "unknown_type", 2, 34, "did you mean `int`"),
            ("entities: { item: { fields: { a: [int] } } }\n", "unknown_type", 2, 34, "[float]"),
            ("entities: { item: { fields: { a-b: int } } }\n", "bad_name", 2, 31, "letters"),
            ("entities: { item: { fields: { 1a: int } } }\n", "bad_name", 2, 31, "letter first"),
            ("entities: { item: { fields: { in: int } } }\n", "reserved_name", 2, 31, "another name"),
            ("entities: { item: { fields: { true: int } } }\n", "reserved_name", 2, 31, "another name"),
            ("entities: { a/b: {} }\n", "bad_name", 2, 13, "letters"),
            ("entities: { a..b: {} }\n", "bad_name", 2, 13, "letters"),
            ("entities: { us\u{200b}er: {} }\n", "bad_name", 2, 13, "letters"),
            ("entities: { \"a\\0b\": {} }\n", "bad_name", 2, 13, "letters"),
            ("entities: { recall: {} }\n", "reserved_name", 2, 13, "another name"),
            (
                "entities: { item: { fields: { kind: string } }, kind: {} }\nfeatures: { user.kind: { a: '1' } }\n",
                "ambiguous",
                3,
                13,
                "rename",
            ),
            ("events: { view: { user: usr } }\n", "unknown_entity", 2, 25, "did you mean `user`"),
            ("events: { view: { fields: { a: int } } }\n", "missing_field", 2, 11, "names no entity"),
            ("events: { view: { user: user, time: user } }\n", "reserved_name", 2, 31, "every event"),
            ("events: { view: { user: user, fields: { id: string } } }\n", "reserved_name", 2, 41, "every event"),
            ("events: { view: { user: user, fields: { user: int } } }\n", "duplicate_name", 2, 41, "role"),
            ("events: { impression: { device: user } }\n", "built_in", 2, 25, "only `fields`"),
            ("events: { impression: { fields: { place: string } } }\n", "built_in", 2, 35, "int"),
            ("events: { impression: { fields: { item: string } } }\n", "duplicate_name", 2, 35, "role"),
        ],
    );
    let long = format!("version: 1\nentities: {{ {}: {{}} }}\n", "a".repeat(10_000));
    assert_eq!(refused(&long).list[0].code, "bad_name");
    assert!(render(&refused(&long)).len() < 1_000);
}

#[test]
fn features() {
    check(
        HEAD,
        &[
            ("features: { usr: { a: '1' } }\n", "unknown_entity", 8, 13, "did you mean `user`"),
            ("features: { user.categry: { a: '1' } }\n", "unknown_name", 8, 13, "did you mean `category`"),
            ("features: { user.price: { a: '1' } }\n", "wrong_type", 8, 13, "string, bool or int"),
            ("features: { item.user: { a: '1' } }\n", "bad_cross", 8, 13, "user.item"),
            ("features: { user.user: { a: '1' } }\n", "bad_cross", 8, 13, "itself"),
            ("features: { a.b.c: { a: '1' } }\n", "bad_name", 8, 13, "crossed"),
            ("features: { user: { a: } }\n", "missing_value", 8, 21, "expression"),
            ("features: { user: { a: [1] } }\n", "wrong_type", 8, 24, "text"),
            ("features: { user: { a: count(view, 1h) } }\n", "split_expression", 8, 24, "quotes"),
            ("features: { user: { a: 'count(veiw, 1h)' } }\n", "unknown_event", 8, 31, "did you mean `view`"),
            ("features: { user: { a: 'coutn(view, 1h)' } }\n", "unknown_function", 8, 25, "did you mean `count`"),
            ("features: { user: { a: 'count(view)' } }\n", "wrong_arity", 8, 25, "count(event, window)"),
            ("features: { user: { a: 'count(view, 1)' } }\n", "wrong_type", 8, 37, "duration"),
            ("features: { user: { a: 'count(view, 0s)' } }\n", "out_of_range", 8, 37, "from 1s to 90d"),
            ("features: { user: { a: 'count(view, -1h)' } }\n", "out_of_range", 8, 37, "from 1s"),
            ("features: { user: { a: 'count(view, 91d)' } }\n", "out_of_range", 8, 37, "90d"),
            ("features: { user: { a: 'count(\"view\", 1h)' } }\n", "wrong_type", 8, 31, "name of an event"),
            (
                "features: { user: { a: 'count(view, 1h, dwel > 1s)' } }\n",
                "unknown_name",
                8,
                41,
                "did you mean `dwell`",
            ),
            ("features: { user: { a: 'count(view, 1h, dwell)' } }\n", "wrong_type", 8, 41, "condition"),
            ("features: { user: { a: 'count(view, 1h, now > 1.0)' } }\n", "unknown_name", 8, 41, "not a field"),
            ("features: { user: { a: 'count(view, 1h, request.page > 1)' } }\n", "unknown_name", 8, 41, "own fields"),
            (
                "features: { user: { a: 'count(view, 1h, count(view, 1h) > 1.0)' } }\n",
                "nested_aggregate",
                8,
                41,
                "inside",
            ),
            ("features: { user: { a: 'sum(view, page, 1h)' } }\n", "wrong_type", 8, 35, "numbers"),
            ("features: { user: { a: 'last(view, itm, 5)' } }\n", "unknown_role", 8, 36, "did you mean `item`"),
            ("features: { user: { a: 'last(view, item, 0)' } }\n", "out_of_range", 8, 42, "from 1 to 4096"),
            ("features: { user: { a: 'last(view, item, dwell)' } }\n", "wrong_type", 8, 42, "count or a window"),
            ("features: { user: { a: 'last([view, view], item, 5)' } }\n", "duplicate_name", 8, 37, "twice"),
            (
                "features: { user: { a: 'last([view, veiw], item, 5)' } }\n",
                "unknown_event",
                8,
                37,
                "did you mean `view`",
            ),
            ("features: { user: { a: 'last([], item, 5)' } }\n", "wrong_type", 8, 30, "[event, event]"),
            (
                "features: { user: { a: 'last([view], item, 5, true)' } }\n",
                "wrong_arity",
                8,
                25,
                "takes 3 arguments here",
            ),
            ("features: { user: { a: 'last([view], item, dwell)' } }\n", "wrong_type", 8, 44, "count or a window"),
            ("features: { user: { a: 'decayed(view, 9999d)' } }\n", "out_of_range", 8, 39, "half-life"),
            ("features: { user: { a: 'held(view, 1h)' } }\n", "wrong_type", 8, 30, "no condition"),
            ("features: { item: { a: 'count(use, 1h)' } }\n", "missing_role", 8, 31, "names no `item`"),
            ("features: { user.category: { a: 'count(use, 1h)' } }\n", "missing_role", 8, 40, "names no `item`"),
            ("features: { item: { a: 'seen(item, 1d)' } }\n", "not_here", 8, 25, "user"),
            ("features: { user: { a: 'seen(view, 1d)' } }\n", "wrong_type", 8, 30, "`item`"),
            ("features: { user: { a: 'seen(use, item, 1d)' } }\n", "missing_role", 8, 30, "user and an item"),
            ("features: { user: { country: '1' } }\n", "duplicate_name", 8, 21, "attribute"),
            ("features: { user: { a: 'view + 1' } }\n", "wrong_type", 8, 25, "count(view, 7d)"),
            ("features: { user: { a: 'country == \"DE\"' } }\n", "unknown_name", 8, 25, "`user.country`"),
            (
                "features: { user: { views: 'count(view, 1h)', a: 'viwes + 1' } }\n",
                "unknown_name",
                8,
                51,
                "did you mean `views`",
            ),
            (
                "features: { user: { a: 'item.price' } }\n",
                "not_here",
                8,
                25,
                "only the features and attributes of user",
            ),
            (
                "features: { user: { a: 'user.contry == \"DE\"' } }\n",
                "unknown_name",
                8,
                25,
                "did you mean `user.country`",
            ),
            ("features: { user: { a: 'shop.size' } }\n", "unknown_name", 8, 25, "entity type"),
            ("features: { user: { a: 'now' } }\n", "not_here", 8, 25, "feeds only"),
            ("features: { user: { a: 'request.device' } }\n", "not_here", 8, 25, "feeds only"),
            ("features: { user: { a: 'a + 1' } }\n", "cycle", 8, 24, "user.a -> user.a"),
            ("features: { user: { a: 'b', b: 'user.a' } }\n", "cycle", 8, 24, "user.a -> user.b -> user.a"),
            ("features: { user: { z: 'b', a: 'b', b: 'user.a' } }\n", "cycle", 8, 32, "user.a -> user.b -> user.a"),
            ("features: { user: { a: '1 +' } }\n", "unexpected_token", 8, 28, ""),
            ("features: { user: { a: '1 + true' } }\n", "wrong_type", 8, 25, "bool"),
            ("features: { user: { a: '!seen(item, 1d', b: 'a' } }\n", "unclosed_bracket", 8, 30, ""),
        ],
    );
}

/// A feed with one good route, and the field under test in the place of `#`.
fn feed(fields: &str) -> String {
    format!(
        "features: {{ item: {{ heat: 'decayed(view, 6h)' }} }}\nfeeds:\n  f:\n    for: user\n    recall: {{ hot: {{ top: item.heat }} }}\n{fields}"
    )
}

#[test]
fn feeds() {
    let cases: &[Case] = &[
        ("    filtr: []\n", "unknown_field", 13, 5, "did you mean `filter`"),
        ("    explore: []\n", "not_available", 13, 5, "release"),
        ("    durable: yes\n", "wrong_type", 13, 14, "`true` or `false`"),
        ("    durable: \"true\"\n", "wrong_type", 13, 14, "without quotes"),
        ("    filter: item.price > 1.0\n", "wrong_type", 13, 13, "a list"),
        ("    filter: [ item.price ]\n", "wrong_type", 13, 15, "condition"),
        ("    filter: [ seen(item, 30d) ]\n", "split_expression", 13, 15, "quotes"),
        ("    filter:\n      - item.prise > 1.0\n", "unknown_name", 14, 9, "did you mean `item.price`"),
        ("    filter: [ price > 1.0 ]\n", "unknown_name", 13, 15, "write `item.price`"),
        ("    filter: [ request.device == \"tv\" ]\n", "unknown_name", 13, 15, "context: { device: string }"),
        ("    filter: [ device.kind == \"tv\" ]\n", "not_here", 13, 15, "user and item"),
        ("    filter: [ recall.hut > 0.5 ]\n", "unknown_name", 13, 15, "did you mean `hot`"),
        ("    rank: { scor: item.heat }\n", "unknown_field", 13, 13, "did you mean `score`"),
        ("    rank: { score: item.title }\n", "wrong_type", 13, 20, "number"),
        ("    rank: { score: item.heat + item.haet }\n", "unknown_name", 13, 32, "did you mean `item.heat`"),
        ("    rank: { score: item.price > 1.0 }\n", "wrong_type", 13, 20, "? 1.0 : 0.0"),
        ("    rank:\n      score: count(view, 1h)\n", "not_here", 14, 14, "declare a feature"),
        ("    rerank: { spread: item.categry }\n", "unknown_name", 13, 23, "did you mean `item.category`"),
        ("    rerank: { spread: item.price }\n", "wrong_type", 13, 23, "a string, bool or int"),
        ("    rerank: { spread: item.category, window: 0 }\n", "out_of_range", 13, 46, "from 1 to 200"),
        ("    rerank: { spread: item.category, window: 2, max: 3 }\n", "out_of_range", 13, 13, "nothing is spread"),
        ("    rerank: { window: 2 }\n", "missing_field", 13, 13, "spread"),
        ("    context: { item: string }\n", "reserved_name", 13, 16, "another name"),
    ];
    check(&format!("{HEAD}{}", feed("")), cases);
}

#[test]
fn routes() {
    let head = format!(
        "{HEAD}features: {{ user: {{ recent: 'last(view, item, 9)', n: 'count(view, 1h)' }}, item: {{ heat: 'decayed(view, 6h)' }} }}\nfeeds:\n  f:\n    for: user\n    recall:\n"
    );
    let cases: &[Case] = &[
        ("      a: { tpo: item.heat }\n", "unknown_field", 13, 12, "did you mean `top`"),
        ("      a: { limit: 5 }\n", "missing_field", 13, 7, "`co_visited`"),
        ("      a: { top: item.haet }\n", "unknown_name", 13, 17, "did you mean `item.heat`"),
        ("      a: { top: item.heat, newest: item.created }\n", "several_kinds", 13, 28, "of its own"),
        ("      a: { top: item.heat, limits: 5 }\n", "unknown_field", 13, 28, "did you mean `limit`"),
        ("      a: { top: item.heat, limit: 0 }\n", "out_of_range", 13, 35, "from 1 to 4096"),
        ("      a: { top: item.heat, limit: 1_000 }\n", "wrong_type", 13, 35, "integer"),
        ("      a: { top: item.heat, limit: \"5\" }\n", "wrong_type", 13, 35, "without quotes"),
        ("      a: { top: item.heat, weight: .5 }\n", "wrong_type", 13, 36, "number"),
        ("      a: { top: item.heat, weight: -1 }\n", "out_of_range", 13, 36, "from 0"),
        ("      a: { newest: item.price }\n", "wrong_type", 13, 20, "timestamp"),
        ("      a: { nearest: item.taste }\n", "not_available", 13, 12, "release"),
        ("      a: { history: user.recnt }\n", "unknown_name", 13, 21, "did you mean `user.recent`"),
        ("      a: { history: user.n }\n", "wrong_type", 13, 21, "last(event, item, n)"),
        ("      a: { co_visited: view }\n", "missing_field", 13, 7, "from"),
        ("      a: { co_visited: veiw, from: user.recent }\n", "unknown_event", 13, 24, "did you mean `view`"),
        ("      a: { co_visited: use, from: user.recent }\n", "missing_role", 13, 24, "user and an item"),
        ("      a: { co_visited: [view, view], from: user.recent }\n", "duplicate_name", 13, 31, "twice"),
        ("      a: { co_visited: [], from: user.recent }\n", "missing_value", 13, 24, "at least one"),
        ("      a: { co_visited: { view: 0 }, from: user.recent }\n", "out_of_range", 13, 32, "weight"),
        ("      a: { co_visited: view, from: request.item }\n", "not_here", 13, 36, "for items only"),
        ("      a: { co_visited: view, from: user.recent, half_life: 30 }\n", "wrong_type", 13, 60, "duration"),
        ("      a: { co_visited: view, from: user.recent, half_life: 400d }\n", "out_of_range", 13, 60, "90d"),
        (
            "      a: { co_visited: view, from: user.recent, neighbors: 5 }\n",
            "unknown_field",
            13,
            49,
            "did you mean `neighbours`",
        ),
        ("      a: { co_visited: view, from: user.recent, backward: 2 }\n", "out_of_range", 13, 59, "from 0 to 1"),
        (
            "      a: { co_visited: view, from: user.recent, known: keeps }\n",
            "out_of_range",
            13,
            56,
            "`history` routes",
        ),
        ("      a: { co_visited: view, from: user.recent, keep: 10 }\n", "out_of_range", 13, 7, "at least `history`"),
        ("      a: { co_visited: view, from: user.recent, neighbours: -1 }\n", "out_of_range", 13, 61, "from 0 to"),
        ("      a: { session: view }\n", "missing_field", 13, 7, "from"),
        ("      a: { sesion: view }\n", "unknown_field", 13, 12, "did you mean `session`"),
        ("      a: { session: view, users_like: view, from: user.recent }\n", "several_kinds", 13, 27, "of its own"),
        ("      a: { session: [], from: user.recent }\n", "missing_value", 13, 21, "`session` needs"),
        ("      a: { session: use, from: user.recent }\n", "missing_role", 13, 21, "user and an item"),
        ("      a: { session: view, from: user.recent, gap: never }\n", "wrong_type", 13, 51, "`30d`"),
        ("      a: { session: view, from: user.recent, gap: 100d }\n", "out_of_range", 13, 51, "90d"),
        ("      a: { session: view, from: user.recent, length: 0 }\n", "out_of_range", 13, 54, "from 1 to 4096"),
        ("      a: { users_like: view, from: user.recent, keep: 0 }\n", "out_of_range", 13, 55, "from 1 to 16000000"),
        ("      a: { users_like: view, from: user.recent, counters: 5 }\n", "unknown_field", 13, 49, ""),
        ("      a: { history: user.recent, recency: 1.5 }\n", "out_of_range", 13, 43, "from 0 to 1"),
        ("      a: { top: item.heat, recency: 0.5 }\n", "unknown_field", 13, 28, ""),
        ("      score: { top: item.heat }\n", "reserved_name", 13, 7, "another name"),
        (
            "      a: { top: item.heat, limit: 4096 }\n      b: { top: item.heat, limit: 1 }\n",
            "over_budget",
            12,
            5,
            "limit",
        ),
        ("      {}\n", "missing_value", 12, 5, "no routes"),
    ];
    check(&head, cases);
}

#[test]
fn feeds_for_items_have_no_user() {
    let head = format!(
        "{HEAD}features: {{ user: {{ recent: 'last(view, item, 9)' }}, item: {{ heat: 'decayed(view, 6h)' }} }}\nfeeds:\n  f:\n    for: item\n    recall: {{ hot: {{ top: item.heat }} }}\n"
    );
    let cases: &[Case] = &[
        ("    filter: [ user.country == \"DE\" ]\n", "not_here", 13, 15, "of item"),
        ("    filter: [ \"seen(item, 1d)\" ]\n", "not_here", 13, 16, "for items"),
        ("  g:\n    for: item\n    recall: { a: { history: user.recent } }\n", "not_here", 15, 29, "request.item"),
        ("  g:\n    for: device\n    recall: { a: { top: item.heat } }\n", "wrong_subject", 14, 10, "`user` or `item`"),
        ("  g:\n    recall: { a: { top: item.heat } }\n", "missing_field", 13, 3, "for: user"),
        ("  g:\n    for: user\n", "missing_field", 13, 3, "recall"),
    ];
    check(&head, cases);
}

#[test]
fn a_mistake_is_not_repeated_by_what_reads_it() {
    let text = format!("{HEAD}features: {{ user: {{ a: 'count(veiw, 1h)', b: 'a + 1', c: 'user.b + a' }} }}\n");
    assert_eq!(refused(&text).list.len(), 1);
}

#[test]
fn a_broken_declaration_is_not_told_again_by_its_readers() {
    let text = "version: 1
entities:
  user: [country]
  item: { fields: { category: strng, created: tstamp } }
events:
  view: { user: usr, item: item, fields: { dwell: durtion } }
  buy: { user: user, item: item }
features:
  user:
    a: count(view, 1h, dwell > 1s)
    b: { x: 1 }
    c: b + 1
    recent: [ last(buy, item, 9) ]
  user.category:
    share: count(buy, 1h)
feeds:
  f:
    for: user
    context: { device: strin }
    recall:
      new: { newest: item.created }
      top: { co_visited: view, from: user.recent }
    filter: [ user.country == \"DE\", request.device == \"tv\", user.category.share > 1.0 ]
    rerank: { spread: item.category }
";
    let found: Vec<(u32, &str)> =
        refused(text).list.iter().map(|diagnostic| (diagnostic.line, diagnostic.code)).collect();
    let expected = [
        (3, "wrong_type"),
        (4, "unknown_type"),
        (4, "unknown_type"),
        (6, "unknown_entity"),
        (6, "unknown_type"),
        (11, "wrong_type"),
        (13, "wrong_type"),
        (13, "split_expression"),
        (19, "unknown_type"),
    ];
    assert_eq!(found, expected, "{}", refused(text));
}

#[test]
fn every_mistake_of_one_expression_is_told() {
    let text = format!("{HEAD}features:\n  user:\n    a: count(veiw, 1h) + sum(view, pge, 0s, dwel > 1s) + nothing\n");
    let codes: Vec<&str> = refused(&text).list.iter().map(|diagnostic| diagnostic.code).collect();
    assert!(codes.len() >= 4, "{codes:?}");
}

/// Twenty mistakes, one a line where they can be.
const TWENTY: &str = "\
version: 2
entities:
  user: { fields: { country: strng } }
  item: { fields: { category: string, price: float, created: timestamp }, vectors: { taste: 64 } }
  a-b: {}
events:
  view: { user: usr, item: item }
  buy: { user: user, item: item, fields: { price: float, id: string } }
features:
  user:
    a: count(veiw, 1h)
    b: count(buy, 0s)
    c: d + 1
    d: c + 1
    e: sum(buy, pric, 1d)
    f: nothing + 1
  item:
    heat: decayed(buy, 6h
feeds:
  home:
    for: usr
    recall:
      hot: { top: item.haet, limit: 0 }
      new: { newest: item.price }
    filter:
      - item.price
      - seen(itm, 1d)
    durable: yes
    colour: blue
models: {}
";

#[test]
fn twenty_mistakes_are_all_told() {
    let found: Vec<(u32, &str)> =
        refused(TWENTY).list.iter().map(|diagnostic| (diagnostic.line, diagnostic.code)).collect();
    let expected = [
        (1, "unknown_version"),
        (3, "unknown_type"),
        (4, "not_available"),
        (5, "bad_name"),
        (7, "unknown_entity"),
        (8, "reserved_name"),
        (11, "unknown_event"),
        (12, "out_of_range"),
        (13, "cycle"),
        (15, "unknown_name"),
        (16, "unknown_name"),
        (18, "unclosed_bracket"),
        (21, "wrong_subject"),
        (23, "unknown_name"),
        (23, "out_of_range"),
        (24, "wrong_type"),
        (26, "wrong_type"),
        (27, "wrong_type"),
        (28, "wrong_type"),
        (29, "unknown_field"),
        (30, "not_available"),
    ];
    assert_eq!(found, expected, "{}", refused(TWENTY));
}

#[test]
fn diagnostics_are_rendered_with_line_caret_and_help() {
    let text = "version: 1\nevents: { view: { user: user, item: item } }\nfeatures:\n  user:\n    views: count(veiw, 1h)\nfeed: {}\n";
    let expected = "\
spec.yaml:5:18: error[unknown_event]: `veiw` is not an event
  |
5 |     views: count(veiw, 1h)
  |                  ^^^^
  = help: did you mean `view`?

spec.yaml:6:1: error[unknown_field]: `feed` is not a field of the spec
  |
6 | feed: {}
  | ^^^^
  = help: did you mean `feeds`?

spec.yaml: 2 errors
";
    assert_eq!(render(&refused(text)), expected);
}

#[test]
fn rendering_hides_nothing_and_shows_only_a_part_of_long_lines() {
    let text = format!("version: 1\nentities: {{ {}b\u{202e}: x }}\n", "a: {}, ".repeat(200));
    let rendered = render(&refused(&text));
    assert!(rendered.contains('\u{fffd}') && !rendered.contains('\u{202e}'), "{rendered}");
    assert!(rendered.lines().all(|line| line.chars().count() < 200), "{rendered}");
}

#[test]
fn many_mistakes_are_cut_off_and_counted() {
    let lines: String = (0..300).map(|n| format!("x{n}: 1\n")).collect();
    let diagnostics = refused(&format!("version: 1\n{lines}"));
    assert_eq!((diagnostics.list.len(), diagnostics.omitted), (100, 200));
    assert!(render(&diagnostics).ends_with("... and 200 more\nspec.yaml: 300 errors\n"));
}

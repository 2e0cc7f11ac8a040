//! The catalogue of bad expressions, row by row: the code and place of what is refused, the value of what is defined. Values are
//! read from slots, so that nothing is folded when the expression is compiled; `semantics` has the same for literals.

use super::{House, build, value};
use domain::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};
use domain::{Span, Time, Value};

/// What becomes of an expression.
enum Outcome {
    /// Its first diagnostic: the code and the byte where it stands.
    Refused(&'static str, usize),
    /// Its value on `row`.
    Gives(Value),
}
use Outcome::{Gives, Refused};

const MISSING: Outcome = Gives(Value::Missing);
const FALSE: Outcome = Gives(Value::Bool(false));

/// `i.x` is the least int and `i.y` is -1; `f.x` is NaN and `f.y` the largest float; `t.x` the last time and `d.x` the longest
/// duration. The rest is as in `full_row`.
fn row() -> Vec<Value> {
    let mut row = super::full_row();
    for (name, value) in [
        (("i", "x"), Value::Int(i64::MIN)),
        (("i", "y"), Value::Int(-1)),
        (("f", "x"), Value::Float(f64::NAN)),
        (("f", "y"), Value::Float(f64::MAX)),
        (("t", "x"), Value::Time(Time(domain::limits::TIME_MAX_MS))),
        (("d", "x"), Value::Span(Span(i64::MAX))),
    ] {
        let (slot, _) = super::slot(name.0, name.1).expect("the slot is there");
        row[usize::from(slot)] = value;
    }
    row
}

/// Rows of the catalogue, each with the expressions that stand for it. Says all that is not as expected.
fn check(table: Vec<(&str, Vec<(String, Outcome)>)>) {
    let mut wrong = Vec::new();
    for (what, cases) in table {
        assert!(!cases.is_empty(), "{what}");
        for (text, outcome) in cases {
            let shown: String = text.chars().take(60).collect();
            let found = match outcome {
                Gives(expected) => {
                    let found = value(&text, &row());
                    if found == expected { continue } else { format!("{found:?}, not {expected:?}") }
                }
                Refused(code, at) => match build(&text, &mut House::default()) {
                    Err(faults) if (faults[0].code, faults[0].span.start) == (code, at) => {
                        assert!(faults.len() <= 16 && faults[0].message.len() < 200, "{what}: {shown}");
                        continue;
                    }
                    Err(faults) => format!("{} at {}, not {code} at {at}", faults[0].code, faults[0].span.start),
                    Ok(_) => "taken".to_owned(),
                },
            };
            wrong.push(format!("{what}: {shown}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn case(text: &str, outcome: Outcome) -> (String, Outcome) {
    (text.to_owned(), outcome)
}

#[test]
fn sizes() {
    let deep = EXPRESSION_DEPTH_MAX;
    let times = |text: &str, count: usize| text.repeat(count);
    check(vec![
        (
            "depth 1,000 (limit 64)",
            vec![
                (format!("{}1{}", times("(", 1_000), times(")", 1_000)), Refused("too_deep", deep)),
                (times("(", 8_000), Refused("too_deep", deep)),
                (times("[", 8_000), Refused("too_deep", deep / 2)),
                (format!("{}1", times("-", 8_000)), Refused("too_deep", deep + 1)),
                (format!("{}b.x", times("!", 8_000)), Refused("too_deep", deep + 1)),
                (times("f(", 4_000), Refused("too_deep", 2 * deep + 2)),
                (format!("{}1", times("b.x?1:", 1_000)), Refused("too_deep", 6 * deep + 4)),
                (vec!["1"; 4_000].join("+"), Refused("too_deep", 0)),
                (vec!["b.x"; 1_000].join("&&"), Refused("too_deep", 0)),
            ],
        ),
        (
            "1 MiB of text",
            vec![
                (times("1", 1 << 20), Refused("expression_too_long", 0)),
                (vec!["1"; 20_000].join("+"), Refused("expression_too_long", 0)),
                (times("(", 20_000), Refused("expression_too_long", 0)),
                (times("1", EXPRESSION_BYTES_MAX), Refused("invalid_number", 0)),
                (times("* ", 4_000), Refused("unexpected_token", 0)),
                (times("#", EXPRESSION_BYTES_MAX), Refused("unexpected_character", 0)),
                (format!("'{}'", times("x", 5_000)), Refused("string_too_long", 0)),
                (format!("1 in [{}]", vec!["1"; 4_000].join(",")), Refused("too_many_nodes", 4_100)),
            ],
        ),
        (
            "`a.b.c....`",
            vec![
                (vec!["a"; 4_000].join("."), Refused("too_many_nodes", 0)),
                case("a.b.c.d", Refused("unknown_name", 0)),
                case("a.b....", Refused("unexpected_token", 4)),
            ],
        ),
    ]);
}

#[test]
fn numbers() {
    check(vec![
        ("i64::MIN / -1", vec![case("i.x / i.y", MISSING)]),
        ("MIN % -1", vec![case("i.x % i.y", MISSING)]),
        (
            "overflow in + - *",
            vec![
                case("i.x + i.y", MISSING),
                case("i.x - 1", MISSING),
                case("i.x * i.y", MISSING),
                case("-i.x", MISSING),
                case("abs(i.x)", MISSING),
                case("d.x + 1ms", MISSING),
                case("f.y * 2", Gives(Value::Float(f64::INFINITY))),
                case("f.y * 2 - f.y * 2", MISSING),
            ],
        ),
        (
            "shift by 64",
            vec![case("i.x << 64", Refused("unexpected_token", 5)), case("i.x >> 64", Refused("unexpected_token", 5))],
        ),
        (
            "/0",
            vec![
                case("i.x / (i.y + 1)", MISSING),
                case("i.x % (i.y + 1)", MISSING),
                case("f.y / (i.y + 1)", Gives(Value::Float(f64::INFINITY))),
                case("d.x / (t.x - t.x)", Gives(Value::Float(f64::INFINITY))),
            ],
        ),
        (
            "NaN compare and sort",
            vec![
                case("f.x == f.x", FALSE),
                case("f.x != f.x", Gives(Value::Bool(true))),
                case("f.x < f.y || f.x >= f.y", FALSE),
                case("f.x in [1.0, 2.0]", FALSE),
                case("has(max(f.x, 1.0)) || has(min(1.0, f.x))", FALSE),
                case("default(f.x, 4.0)", Gives(Value::Float(4.0))),
                case("sort(lf.x)", Refused("unknown_function", 0)),
            ],
        ),
        ("0.1+0.2 determinism", vec![case("f.y / f.y * 0.1 + 0.2", Gives(Value::Float(0.1 + 0.2)))]),
        (
            "decimal scale 10^6",
            vec![
                (format!("0.{}1", "0".repeat(8_000)), Gives(Value::Float(0.0))),
                (format!("1.{}", "0".repeat(1_000_000)), Refused("expression_too_long", 0)),
                case("decimal('1e-1000000')", Refused("unknown_function", 0)),
            ],
        ),
    ]);
}

#[test]
fn types_and_names() {
    let operators = ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "in", "&&", "||"];
    let null = operators.iter().map(|op| (format!("1 {op} null"), Refused("wrong_type", 0)));
    let mismatched = operators.iter().map(|op| (format!("s.x {op} d.x"), Refused("wrong_type", 0)));
    check(vec![
        // A slot without a value in each operator: `semantics::each_operator_on_missing`.
        (
            "null in each operator",
            null.chain([case("!null", Refused("wrong_type", 0)), case("-null", Refused("wrong_type", 0))]).collect(),
        ),
        (
            "type mismatch",
            mismatched
                .chain([case("b.x ? 1 : 's'", Refused("wrong_type", 6)), case("!i.x", Refused("wrong_type", 0))])
                .collect(),
        ),
        (
            "unknown function",
            vec![
                case("1 + frobnicate(1)", Refused("unknown_function", 4)),
                case("cuont(view)", Refused("unknown_function", 0)),
            ],
        ),
        (
            "wrong arity",
            vec![
                case("abs()", Refused("wrong_arity", 0)),
                case("1 + pow(1, 2, 3)", Refused("wrong_arity", 4)),
                (format!("max({})", vec!["1"; 65].join(",")), Refused("wrong_arity", 0)),
            ],
        ),
        ("now() (must be event time)", vec![case("t.x < now()", Refused("unknown_function", 6))]),
        (
            "random() (must be seeded by event id)",
            vec![case("random()", Refused("unknown_function", 0)), case("rand(7)", Refused("unknown_function", 0))],
        ),
    ]);
}

#[test]
fn what_other_languages_have() {
    check(vec![
        (
            "string repeat to 1 GiB",
            vec![
                case("'a' * 1000000000", Refused("wrong_type", 0)),
                case("repeat('a', 1000000000)", Refused("unknown_function", 0)),
                case("s.x + 1", Refused("wrong_type", 0)),
            ],
        ),
        (
            "list comprehension product 10^9",
            vec![
                case("[1, 2].map(x, x * x)", Refused("unsupported_result", 0)),
                // More steps than an expression may take: no value, and soon.
                (
                    format!("size({0}.map(a, {0}.map(b, {0}.map(c, a + b + c))))", format!("[{}1]", "1, ".repeat(63))),
                    MISSING,
                ),
                (format!("{}'a'{} == 'b'", "cel.bind(a, ".repeat(30), ", a + a)".repeat(30)), MISSING),
                (
                    format!("{}[1]{} == [2]", "cel.bind(a, ".repeat(30), ", [a, a])".repeat(30)),
                    Refused("wrong_type", 0),
                ),
            ],
        ),
        (
            "regex: invalid",
            vec![
                case("s.x.matches('(a+')", Refused("bad_pattern", 12)),
                case("matches(s.x, '(a+')", Refused("bad_pattern", 13)),
            ],
        ),
        (
            r"regex: `(\p{L}{1000}){1000}`",
            vec![case(r"matches(s.x, '(\\p{L}{1000}){1000}')", Refused("bad_pattern", 13))],
        ),
        (
            "1 MiB pattern",
            vec![(format!("matches(s.x, '{}')", "a".repeat(1 << 20)), Refused("expression_too_long", 0))],
        ),
        (
            "regex on 1 MiB text",
            vec![(format!("matches('{}', 'a')", "a".repeat(1 << 20)), Refused("expression_too_long", 0))],
        ),
        (
            "slice on a UTF-8 boundary",
            vec![
                case("'é'[0:1]", Refused("unexpected_token", 6)),
                case("substring(s.x, 0, 1)", Refused("wrong_type", 0)),
            ],
        ),
        ("index out of range", vec![case("li.x[99]", MISSING), case("li.x[-1]", MISSING)]),
        (
            "map order",
            vec![
                case("{'b': 1, 'a': 2}", Refused("unsupported_result", 0)),
                case("{'b': 1, 'a': 2} == {'a': 2, 'b': 1}", Gives(Value::Bool(true))),
            ],
        ),
        (
            "date out of range",
            vec![
                case("t.x + 1ms", MISSING),
                case("t.x - d.x", MISSING),
                case("timestamp('10000-01-01T00:00:00Z')", MISSING),
            ],
        ),
        ("time zone unknown", vec![case("t.x.getHours('Mars/Olympus')", Refused("unknown_time_zone", 13))]),
    ]);
}

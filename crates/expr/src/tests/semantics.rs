//! Tables of expressions with their trees and values.

use super::{House, build, full_row, parse, shape, value};
use crate::{BlockScratch, Columns, suggest};
use domain::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use domain::{Span, Time, Type, Value};

#[test]
fn operators_bind_as_in_cel() {
    for (text, tree) in [
        ("a.b + c * d - e", "(- (+ a.b (* c d)) e)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b * c % d", "(% (* (/ a b) c) d)"),
        ("a || b && c == d + 1", "(|| a (&& b (== c (+ d Int(1)))))"),
        ("a && b || c && d", "(|| (&& a b) (&& c d))"),
        ("a < b == c", "(== (< a b) c)"),
        ("!a && -b < c", "(&& (! a) (< (- b) c))"),
        ("!!a", "(! (! a))"),
        ("a ? b : c ? d : e", "(? a b (? c d e))"),
        ("a || b ? c : d", "(? (|| a b) c d)"),
        ("(a + b) * c", "(* (+ a b) c)"),
        ("x in [1, 2,] && y", "(&& (in x [Int(1) Int(2)]) y)"),
        ("f(a, g(), [1])", "(f a (g ) [Int(1)])"),
        ("a - 1", "(- a Int(1))"),
        ("a -1", "(- a Int(1))"),
        ("-1 - -1", "(- Int(-1) Int(-1))"),
        ("2 - -x", "(- Int(2) (- x))"),
    ] {
        assert_eq!(shape(parse(text).unwrap().root()), tree, "{text}");
    }
}

#[test]
fn literals() {
    for (text, tree) in [
        ("0x1F", "Int(31)"),
        ("-9223372036854775808", "Int(-9223372036854775808)"),
        ("-0x8000000000000000", "Int(-9223372036854775808)"),
        ("1e3", "Float(1000.0)"),
        (".5", "Float(0.5)"),
        ("1.5E-2", "Float(0.015)"),
        ("10m", "Span(Span(600000))"),
        ("1.5s", "Span(Span(1500))"),
        ("-7d", "Span(Span(-604800000))"),
        ("250ms", "Span(Span(250))"),
        (r#"'it\'s "\u00e9" \x41\101\U0001F600\n'"#, "Str(\"it's \\\"é\\\" AA😀\\n\")"),
        (r#""""#, "Str(\"\")"),
        ("\"é\"", "Str(\"é\")"),
    ] {
        assert_eq!(shape(parse(text).unwrap().root()), tree, "{text}");
    }
}

fn float(x: f64) -> Value {
    Value::Float(x)
}

/// With `b.x` true, `b.y` false, `i.x` 7, `i.y` -2, `f.x` 2.5, `f.y` -0.5, `t.x - t.y` 600 s, `d.x` 60 s, `d.y` 1.5 s.
#[test]
fn values() {
    for (text, expected) in [
        ("i.x / i.y", Value::Int(-3)),
        ("i.x % i.y", Value::Int(1)),
        ("(count(view) + 1) / 20", float(0.65)),
        ("i.x / 2.0", float(3.5)),
        ("i.x * f.x + i.y", float(15.5)),
        ("0.1 + 0.2", float(0.30000000000000004)),
        ("t.x - t.y", Value::Span(Span(600_000))),
        ("(t.x - t.y) / 1m", float(10.0)),
        ("t.y + 10m == t.x", Value::Bool(true)),
        ("t.x - t.y < 10m", Value::Bool(false)),
        ("1h + t.y", Value::Time(Time(4_000_000))),
        ("s.x == 'zero' && s.y in ['one', 'two']", Value::Bool(true)),
        ("s.y in ls.x", Value::Bool(true)),
        ("e.x in le.x && e.y in le.x", Value::Bool(false)),
        ("e.x == e.y", Value::Bool(false)),
        ("i.x in lf.x && f.x in [2.5]", Value::Bool(true)),
        ("b.y ? i.x : f.x", float(2.5)),
        ("(b.x ? 1 : 2.0) / 2", float(0.5)),
        ("min(i.x, i.y, 3)", Value::Int(-2)),
        ("max(i.x, f.x)", float(7.0)),
        ("clamp(f.x, 0, 1)", float(1.0)),
        ("abs(f.y) + floor(f.x) + ceil(f.x) + round(f.x)", float(8.5)),
        ("sqrt(16) + log2(8) + pow(2, 3) + exp(0) + ln(1)", float(16.0)),
        ("f.x / 0", float(f64::INFINITY)),
        ("9007199254740993 == 9007199254740992.0", Value::Bool(false)),
        ("9223372036854775807 < 9223372036854775808.0", Value::Bool(true)),
        ("0.0 == -0.0", Value::Bool(true)),
        ("0.0 / 0.0 == 0.0 / 0.0", Value::Bool(false)),
        ("0.0 / 0.0 != 1", Value::Bool(true)),
        ("has(0.0 / 0.0)", Value::Bool(false)),
        ("default(0.0 / 0.0, 1)", float(1.0)),
        ("default(1 / 0, 5)", Value::Int(5)),
    ] {
        assert_eq!(value(text, &full_row()), expected, "{text}");
    }
}

#[test]
fn errors_inside_are_missing() {
    for text in [
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "9223372036854775807 + 1",
        "-9223372036854775808 - 1",
        "9223372036854775807 * 2",
        "-(-9223372036854775808 + 0)",
        "abs(-9223372036854775808)",
        "i.x / 0",
        "i.x % 0",
        "0.0 / 0.0",
        "f.x * 0.0 / 0.0",
        "sqrt(-1)",
        "ln(-1.0)",
        "clamp(1, 3, 2)",
        "t.x + 9223372036854775807ms",
        "t.x + 3000000d",
        "t.x - 800000d",
    ] {
        assert_eq!(value(text, &full_row()), Value::Missing, "{text}");
    }
}

#[test]
fn each_operator_on_missing() {
    let missing = vec![Value::Missing; full_row().len()];
    for text in [
        "i.x + 1",
        "1 - i.x",
        "i.x * f.x",
        "f.x / 2",
        "i.x % 2",
        "-i.x",
        "-f.x",
        "-d.x",
        "!b.x",
        "i.x < 1",
        "1.5 <= i.x",
        "f.x > f.y",
        "d.x >= 1s",
        "t.x == t.y",
        "s.x != 'a'",
        "e.x == e.y",
        "b.x == true",
        "i.x in [1]",
        "1 in li.x",
        "s.x in []",
        "e.x in le.x",
        "b.x ? 1 : 2",
        "t.x - t.y",
        "t.x + 1h",
        "d.x / 1h",
        "true && b.x",
        "b.x && true",
        "false || b.x",
        "b.x || false",
        "b.x && b.y",
        "b.x || b.y",
        "min(1, i.x)",
        "max(f.x, 1.0)",
        "abs(i.x)",
        "floor(f.x)",
        "sqrt(f.x)",
        "pow(2, f.x)",
        "clamp(i.x, 0, 1)",
        "clamp(1, i.x, 2)",
        "default(i.x, i.y)",
        "li.x",
    ] {
        assert_eq!(value(text, &missing), Value::Missing, "{text}");
    }
    for (text, expected) in [
        ("false && b.x", Value::Bool(false)),
        ("b.x && false", Value::Bool(false)),
        ("true || b.x", Value::Bool(true)),
        ("b.x || true", Value::Bool(true)),
        ("has(b.x)", Value::Bool(false)),
        ("has(li.x) || !has(1)", Value::Bool(false)),
        ("default(i.x, 4)", Value::Int(4)),
        ("default(i.x, 0.5)", float(0.5)),
        ("default(f.x, 1) + 1", float(2.0)),
        ("true ? 1 : i.x", Value::Int(1)),
        ("default(b.x, true)", Value::Bool(true)),
    ] {
        assert_eq!(value(text, &missing), expected, "{text}");
    }
}

#[test]
fn a_short_row_reads_as_missing() {
    assert_eq!(value("f.x + 1", &[]), Value::Missing);
    assert_eq!(value("e.x in le.x", &full_row()[..13]), Value::Missing);
}

#[test]
fn a_program_knows_its_text_type_and_slots() {
    let mut house = House::default();
    let (ast, program) = build(" f.y * 2 + f.x - f.y ", &mut house).unwrap();
    assert_eq!((program.text(), program.ty()), ("f.y * 2 + f.x - f.y", &Type::Float));
    assert_eq!(program.slots(), [4, 5]);
    let crate::NodeKind::Binary { left, .. } = &ast.root().kind else { panic!("a sum") };
    let part = crate::compile(&ast, left, &mut house).unwrap();
    assert_eq!(part.text(), "f.y * 2 + f.x");
    assert_eq!(part.eval(&full_row()), float(1.5));
}

#[test]
fn the_limits_themselves_are_allowed() {
    let deep = format!("{}1{}", "(".repeat(EXPRESSION_DEPTH_MAX), ")".repeat(EXPRESSION_DEPTH_MAX));
    assert!(parse(&deep).is_ok());
    assert!(parse(&format!("({deep})")).is_err());
    let chain = vec!["1"; EXPRESSION_DEPTH_MAX].join("+");
    assert!(parse(&chain).is_ok());
    assert!(parse(&format!("{chain}+1")).is_err());
    let wide = |elements: usize| format!("1 in [{}]", vec!["1"; elements].join(","));
    assert!(parse(&wide(EXPRESSION_NODES_MAX - 3)).is_ok());
    assert!(parse(&wide(EXPRESSION_NODES_MAX - 2)).is_err());
}

#[test]
fn the_nearest_word_is_suggested() {
    let known = ["count", "decayed", "country", "max", "min"];
    for (wrong, nearest) in [
        ("cuont", Some("count")),
        ("Count", Some("count")),
        ("decayd", Some("decayed")),
        ("mxa", Some("max")),
        ("mon", Some("min")),
        ("contry", Some("country")),
        ("banana", None),
        ("", None),
        ("é", None),
    ] {
        assert_eq!(suggest(wrong, known.into_iter()).as_deref(), nearest, "{wrong}");
    }
    assert_eq!(suggest(&"x".repeat(100_000), known.into_iter()), None);
}

#[test]
fn strings_that_are_only_compared_need_no_texts() {
    for (text, needs) in [
        ("s.x in ['zero', s.y]", false),
        ("ls.x.exists(t, t == 'one')", false),
        ("size(ls.x) > 0 && ls.x[0] != s.x", false),
        ("{'one': 2}[s.y] == 2", false),
        ("s.x.startsWith('z')", true),
        ("s.x > s.y", true),
        ("s.x + s.y == 'zeroone'", true),
        ("size(s.x) == 4", true),
        ("s.x.matches('^z')", true),
        ("cel.bind(m, {'a': 1}, m.a == 1 && s.x == 'zero')", true),
    ] {
        let mut house = House { constants: vec!["zero".into(), "one".into()] };
        let (_, program) = build(text, &mut house).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        assert_eq!(program.needs_texts(), needs, "{text}");
        assert_eq!(program.eval_with(&full_row(), &house), Value::Bool(true), "{text}");
        assert_eq!(program.eval(&full_row()), if needs { Value::Missing } else { Value::Bool(true) }, "{text}");
    }
}

/// The deepest forms there are: evaluated with a stack of a thread, by rows and by blocks.
#[test]
fn nested_extremes_are_not_too_deep() {
    let args = ["1"; 62].join(",");
    let nested = (0..29).fold("i.x".to_owned(), |inner, _| format!("max({inner},{args},f.x)"));
    assert_eq!(value(&nested, &full_row()), float(7.0));
    let (_, program) = build(&nested, &mut House::default()).unwrap();
    let mut columns = Columns::new();
    columns.set_rows(2);
    for (slot, ty, value) in [(2, Type::Int, Value::Int(7)), (4, Type::Float, float(2.5))] {
        columns.column_mut(slot, &ty).set(1, &value);
    }
    let mut out = [0.0; 64];
    assert_eq!(program.eval_block_f64(&columns, &mut BlockScratch::default(), &mut out), 0b10);
    assert_eq!(out[1], 7.0);
}

/// Beside a text that is computed a string is a text as well, not a symbol.
#[test]
fn computed_texts_equal_literals_and_slots() {
    for (text, expected) in [
        ("string(i.x) == '7'", true),
        ("'7' != string(i.x)", false),
        ("string(b.x) in ['false', 'true']", true),
        ("base64.encode(b'a') == 'YQ=='", true),
        ("{'7': 1}[string(i.x)] == 1", true),
        ("string(i.x) == s.x", false),
        ("li.x.map(n, string(n)) == ['7', '8']", true),
        ("li.x.exists(n, string(n) == '8' && s.y == 'one')", true),
    ] {
        assert_eq!(value(text, &full_row()), Value::Bool(expected), "{text}");
    }
}

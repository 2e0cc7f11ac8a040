//! Random expressions: compiled closures against the reference interpreter bit for bit, and texts of any kind
//! against the promise that nothing panics.

use super::{House, build, reference};
use crate::{compile, parse};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

type Text = BoxedStrategy<String>;

fn one_of(texts: &'static [&'static str]) -> Text {
    select(texts).prop_map(str::to_owned).boxed()
}

fn leaf(ty: &Type) -> Text {
    match ty {
        Type::Bool => one_of(&["true", "false", "b.x", "b.y", "b.x"]),
        Type::Int => one_of(&["0", "1", "-3", "9223372036854775807", "-9223372036854775808", "i.x", "i.y", "i.x"]),
        Type::Float => {
            one_of(&["0.0", "1.5", "-2e3", "1e308", "9007199254740993.0", "f.x", "f.y", "f.x", "count(view)"])
        }
        Type::Str => one_of(&["'zero'", "\"one\"", "'two'", "s.x", "s.y"]),
        Type::Time => one_of(&["t.x", "t.y"]),
        Type::Span => one_of(&["10m", "-1.5s", "d.x", "d.y"]),
        _ => one_of(&["e.x", "e.y"]),
    }
}

fn two(a: Text, op: &'static [&'static str], b: Text) -> Text {
    (a, select(op), b).prop_map(|(a, op, b)| format!("({a} {op} {b})")).boxed()
}

fn called(name: &'static [&'static str], args: Vec<Text>) -> Text {
    (select(name), args).prop_map(|(name, args)| format!("{name}({})", args.join(", "))).boxed()
}

fn number(depth: u32) -> Text {
    prop_oneof![well_typed(Type::Int, depth), well_typed(Type::Float, depth)].boxed()
}

fn any_type(depth: u32) -> Text {
    select(vec![Type::Bool, Type::Int, Type::Float, Type::Str, Type::Time, Type::Span, Type::Entity(0)])
        .prop_flat_map(move |ty| well_typed(ty, depth))
        .boxed()
}

/// Expressions of this type, at most this deep.
fn well_typed(ty: Type, depth: u32) -> Text {
    let plain = leaf(&ty);
    let Some(below) = depth.checked_sub(1) else { return plain };
    let of = |ty: Type| move || well_typed(ty.clone(), below);
    let same = of(ty.clone());
    let (bool, int, float, span, time) =
        (of(Type::Bool), of(Type::Int), of(Type::Float), of(Type::Span), of(Type::Time));
    let mut made: Vec<Text> = vec![
        plain,
        (bool(), same(), same()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")).boxed(),
        called(&["default"], vec![same(), same()]),
    ];
    match ty {
        Type::Bool => made.extend(conditions(below)),
        Type::Int => made.extend([
            two(int(), &["+", "-", "*", "/", "%"], int()),
            int().prop_map(|x| format!("(-{x})")).boxed(),
            called(&["min", "max"], vec![int(), int(), int()]),
            called(&["clamp"], vec![int(), int(), int()]),
            called(&["abs"], vec![int()]),
        ]),
        Type::Float => made.extend([
            two(float(), &["+", "-", "*", "/"], number(below)),
            two(number(below), &["+", "-", "*", "/"], float()),
            two(span(), &["/"], span()),
            float().prop_map(|x| format!("(-{x})")).boxed(),
            called(&["min", "max"], vec![number(below), float()]),
            called(&["clamp"], vec![number(below), float(), number(below)]),
            called(&["default"], vec![int(), float()]),
            called(&["floor", "ceil", "round", "sqrt", "ln", "log2", "exp"], vec![number(below)]),
            called(&["pow"], vec![number(below), number(below)]),
            called(&["abs"], vec![float()]),
        ]),
        Type::Time => made.extend([two(time(), &["+", "-"], span()), two(span(), &["+"], time())]),
        Type::Span => made.extend([
            two(time(), &["-"], time()),
            two(span(), &["+", "-"], span()),
            span().prop_map(|x| format!("(-{x})")).boxed(),
        ]),
        _ => {}
    }
    proptest::strategy::Union::new(made).boxed()
}

fn conditions(below: u32) -> Vec<Text> {
    let bool = || well_typed(Type::Bool, below);
    let equal = |ty: Type| two(well_typed(ty.clone(), below), &["==", "!="], well_typed(ty, below));
    let ordered: &[&str] = &["<", "<=", ">", ">=", "==", "!="];
    vec![
        two(bool(), &["&&", "||"], bool()),
        bool().prop_map(|x| format!("!{x}")).boxed(),
        two(number(below), ordered, number(below)),
        two(well_typed(Type::Time, below), ordered, well_typed(Type::Time, below)),
        two(well_typed(Type::Span, below), ordered, well_typed(Type::Span, below)),
        equal(Type::Bool),
        equal(Type::Str),
        equal(Type::Entity(0)),
        called(&["has"], vec![any_type(below)]),
        two(number(below), &["in"], one_of(&["[]", "[1, -3.0, 0.5]", "li.x", "lf.x", "[9007199254740993]"])),
        two(number(below), &["in"], one_of(&["[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.5, 9007199254740993.0]"])),
        two(well_typed(Type::Str, below), &["in"], one_of(&["['zero', 'two',]", "ls.x", "[]"])),
        two(well_typed(Type::Span, below), &["in"], one_of(&["[10m, 1s]"])),
        two(well_typed(Type::Entity(0), below), &["in"], one_of(&["le.x", "[]"])),
        two(bool(), &["in"], one_of(&["[true]"])),
    ]
}

fn some_int() -> BoxedStrategy<i64> {
    let edges = vec![0, 1, -1, 2, 7, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1];
    prop_oneof![select(edges), -5..20i64, any::<i64>()].boxed()
}

fn some_float() -> BoxedStrategy<f64> {
    let edges = vec![0.0, -0.0, 1.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9_007_199_254_740_992.0];
    let far = vec![9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0, 1e308, 5e-324];
    prop_oneof![select(edges), select(far), -3.0..20.0f64, any::<f64>()].boxed()
}

fn some_value(ty: &Type) -> BoxedStrategy<Value> {
    let ms = || prop_oneof![Just(0), Just(i64::MAX), Just(253_402_300_799_999), 0..10_000_000i64, some_int()];
    let present = match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Int => some_int().prop_map(Value::Int).boxed(),
        Type::Float => some_float().prop_map(Value::Float).boxed(),
        Type::Str => (0..4u32).prop_map(|symbol| Value::Str(Symbol(symbol))).boxed(),
        Type::Time => ms().prop_map(|ms| Value::Time(Time(ms))).boxed(),
        Type::Span => ms().prop_map(|ms| Value::Span(Span(ms))).boxed(),
        Type::Entity(_) => (0..4u32).prop_map(|id| Value::Entity(EntityId(id))).boxed(),
        Type::List(of) => vec(some_value(of), 0..5).prop_map(|values| Value::List(Arc::from(values))).boxed(),
    };
    prop_oneof![1 => Just(Value::Missing), 3 => present].boxed()
}

fn some_row() -> impl Strategy<Value = Vec<Value>> {
    super::SLOTS.iter().map(|(first, _)| some_value(&super::slot_type(first))).collect::<Vec<_>>()
}

fn bits(value: &Value) -> Value {
    match value {
        Value::Float(float) => Value::Int(float.to_bits() as i64),
        value => value.clone(),
    }
}

fn constants() -> House {
    House { constants: vec!["zero".into(), "one".into(), "two".into()] }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn compiled_equals_interpreted(text in any_type(3), rows in vec(some_row(), 4)) {
        let mut house = constants();
        let built = build(&text, &mut house);
        prop_assert!(built.is_ok(), "{text}: {:?}", built.err());
        let (ast, program) = built.unwrap();
        for row in rows {
            let expected = reference::evaluate(ast.root(), &house.constants, &row);
            let found = program.eval(&row);
            prop_assert_eq!(bits(&found), bits(&expected), "{} on {:?}", text, row);
            prop_assert_eq!(program.eval_bool(&row), found.is_true());
            prop_assert_eq!(program.eval_f64(&row), found.as_f64());
        }
    }

    #[test]
    fn spans_give_the_text_back(text in any_type(3)) {
        let ast = parse(&text).unwrap();
        prop_assert_eq!(ast.slice(ast.root()), text.as_str());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_or_refused(&text);
    }

    #[test]
    fn a_damaged_expression_is_read_or_refused(
        text in any_type(3),
        at in any::<prop::sample::Index>(),
        length in 0..4usize,
        wrong in select(vec!["", "(", ")", "[", "'", "\"", "\\", ".", "..", "?", ":", "e", "0x", "1m", "null", "é", "\u{202e}",
            "\0", "- -", "!", "in", "&", "=", ",", "{", "9999999999999999999", "1e999"]),
    ) {
        let from = text.floor_char_boundary(at.index(text.len() + 1));
        let to = text.floor_char_boundary((from + length).min(text.len()));
        read_or_refused(&format!("{}{wrong}{}", &text[..from], &text[to..]));
    }

    #[test]
    fn a_heap_of_tokens_is_read_or_refused(
        tokens in vec(select(vec!["(", ")", "[", "]", "?", ":", ",", ".", "-", "!", "+", "in", "==", "&&", "a", "f(",
            "1", "'s'", "10m", "9223372036854775808", "null", "and", "#"]), 0..60),
    ) {
        read_or_refused(&tokens.join(" "));
    }
}

/// Every report lies within the text, on character boundaries.
fn read_or_refused(text: &str) {
    let faults = match parse(text) {
        Ok(ast) => compile(&ast, ast.root(), &mut constants()).err(),
        Err(faults) => Some(faults),
    };
    for fault in faults.iter().flatten() {
        assert!(text.get(fault.span.clone()).is_some(), "{text:?}: {fault:?}");
        assert!(!fault.message.is_empty() && !fault.message.ends_with('.'), "{fault:?}");
    }
    assert!(faults.is_none_or(|faults| !faults.is_empty()), "{text:?} is refused without a reason");
}

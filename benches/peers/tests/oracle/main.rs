//! The crate `cel` as an oracle: random expressions of what both languages share have the same value in our interpreter, or none in
//! both. Where the two differ on purpose, or where `cel` departs from its specification, the difference is listed and held as well.

mod examples;
mod written;

use cel::{Context, Program};
use examples::{DIFFERENT, SAME};
use expr::{Datum, Diagnostic, Environment, Fault, Meaning, Name, Names, Node, Static, check, interpret, parse};
use proptest::prelude::*;
use std::ops::Range;
use std::sync::Arc;
use written::written;

/// What expressions may name; the same in both.
fn variables() -> [(&'static str, Datum, Static); 6] {
    let list = Datum::List([3, -1, 7].map(Datum::Int).into());
    [
        ("i", Datum::Int(7), Static::Int),
        ("j", Datum::Int(i64::MAX), Static::Int),
        ("f", Datum::Float(2.5), Static::Float),
        ("s", Datum::Str("one two".into()), Static::Str),
        ("b", Datum::Bool(true), Static::Bool),
        ("l", list, Static::List(Box::new(Static::Int))),
    ]
}

struct Given;

impl Environment for Given {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic> {
        let found = variables().into_iter().find(|(name, ..)| path[0] == *name);
        let unknown = || Diagnostic::new("unknown_name", span, "there is no such name");
        found.map(|(_, _, ty)| Meaning::Value(ty, 1)).ok_or_else(unknown)
    }

    fn call(&mut self, _: &str, _: &[Node], _: Range<usize>) -> Option<Result<Meaning, Diagnostic>> {
        None
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl Names for Given {
    fn path(&self, path: &[Name]) -> Result<(Datum, usize), Fault> {
        let found = variables().into_iter().find(|(name, ..)| path[0].text == *name);
        found.map(|(_, value, _)| (value, 1)).ok_or(Fault::Missing)
    }
}

/// Our value as text; `none` where there is none.
fn ours(text: &str) -> Result<String, String> {
    let ast = parse(text).map_err(|faults| format!("{text}: {faults:?}"))?;
    let checked = check(ast.root(), &mut Given).map_err(|faults| format!("{text}: {faults:?}"))?;
    Ok(interpret(&checked.node, &Given).map_or_else(|_| "none".to_owned(), |value| of_datum(&value)))
}

fn of_datum(value: &Datum) -> String {
    match value {
        Datum::Float(float) => of_float(*float),
        Datum::Str(text) => format!("{text:?}"),
        Datum::List(list) => format!("[{}]", list.iter().map(of_datum).collect::<Vec<_>>().join(", ")),
        Datum::Int(int) => int.to_string(),
        Datum::Uint(uint) => format!("{uint}u"),
        Datum::Bool(bool) => bool.to_string(),
        Datum::Null => "null".to_owned(),
        other => format!("{other:?}"),
    }
}

/// All digits, so that floats are the same only if their bits are; a NaN is like another.
fn of_float(float: f64) -> String {
    if float.is_nan() { "NaN".to_owned() } else { format!("{float:?} {:x}", float.to_bits()) }
}

/// The crate's value as text; `none` for an error of any kind.
fn theirs(text: &str) -> String {
    let mut context = Context::default();
    for (name, value, _) in variables() {
        context.add_variable_from_value(name, of_theirs(&value));
    }
    let Ok(program) = Program::compile(text) else { return "refused".to_owned() };
    program.execute(&context).map_or_else(|_| "none".to_owned(), |value| of_value(&value))
}

fn of_theirs(value: &Datum) -> cel::Value {
    match value {
        Datum::Int(int) => cel::Value::Int(*int),
        Datum::Float(float) => cel::Value::Float(*float),
        Datum::Bool(bool) => cel::Value::Bool(*bool),
        Datum::Str(text) => cel::Value::String(Arc::new(text.to_string())),
        Datum::List(list) => cel::Value::List(Arc::new(list.iter().map(of_theirs).collect())),
        other => panic!("no variable holds {other:?}"),
    }
}

fn of_value(value: &cel::Value) -> String {
    match value {
        cel::Value::Float(float) => of_float(*float),
        cel::Value::String(text) => format!("{:?}", text.as_str()),
        cel::Value::List(list) => format!("[{}]", list.iter().map(of_value).collect::<Vec<_>>().join(", ")),
        cel::Value::Int(int) => int.to_string(),
        cel::Value::UInt(uint) => format!("{uint}u"),
        cel::Value::Bool(bool) => bool.to_string(),
        cel::Value::Null => "null".to_owned(),
        other => format!("{other:?}"),
    }
}

/// `PROPTEST_CASES` asks for more cases, never for fewer.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(3_000), failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_expressions_have_the_same_value(numbers in prop::collection::vec(any::<u16>(), 1..100)) {
        let text = written(&numbers);
        let ours = ours(&text);
        prop_assert!(ours.is_ok(), "{}", ours.unwrap_err());
        prop_assert_eq!(ours.unwrap(), theirs(&text), "{}", text);
    }
}

#[test]
fn examples_have_the_same_value() {
    for text in SAME {
        assert_eq!(ours(text), Ok(theirs(text)), "{text}");
    }
}

/// A difference that is gone shall be taken off the list.
#[test]
fn differences_are_those_of_the_list() {
    for (text, mine, other, why) in DIFFERENT {
        let ours = ours(text).unwrap_or_else(|_| "refused".to_owned());
        assert_eq!((ours.as_str(), theirs(text).as_str()), (*mine, *other), "{text}: {why}");
    }
}

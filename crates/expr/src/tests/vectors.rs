//! `dot` and `cosine` over slots: values, what is missing, what is refused.

use super::{House, slot};
use crate::{compile, parse};
use domain::{Type, Value};

fn list(numbers: &[f64]) -> Value {
    Value::List(numbers.iter().map(|x| Value::Float(*x)).collect())
}

/// The value with `lf.x` and `li.x` as given.
fn value(text: &str, floats: Value, ints: Value) -> Value {
    let ast = parse(text).expect("an expression");
    let program = compile(&ast, ast.root(), &mut House::default()).expect("it compiles");
    let mut row = vec![Value::Missing; 32];
    let at = |name| usize::from(slot(name, "x").expect("a slot").0);
    (row[at("lf")], row[at("li")]) = (floats, ints);
    assert_eq!(*program.ty(), Type::Float, "{text}");
    program.eval(&row)
}

#[test]
fn products_and_what_is_missing() {
    let ints = || Value::List([3, 4].map(Value::Int).into());
    let of = |text: &str| value(text, list(&[1.0, 2.0]), ints());
    assert_eq!(of("dot(lf.x, li.x)"), Value::Float(11.0));
    assert_eq!(of("dot(lf.x, li.x) * 2 + 1"), Value::Float(23.0));
    assert_eq!(of("cosine(li.x, li.x)"), Value::Float(1.0));
    assert_eq!(of("cosine(lf.x, li.x)"), Value::Float(11.0 / (5.0f64.sqrt() * 5.0)));
    assert_eq!(value("dot(lf.x, li.x)", list(&[1.0]), ints()), Value::Missing, "lengths differ");
    assert_eq!(value("default(dot(lf.x, li.x), -1)", list(&[1.0]), ints()), Value::Float(-1.0));
    assert_eq!(value("dot(default(lf.x, lf.x), li.x)", Value::Missing, ints()), Value::Missing);
    assert_eq!(value("cosine(lf.x, lf.x)", list(&[0.0, 0.0]), ints()), Value::Missing, "no direction");
    assert_eq!(value("dot(lf.x, lf.x)", list(&[]), ints()), Value::Float(0.0));
    assert_eq!(value("dot(lf.x, lf.x)", list(&[1.0, f64::NAN]), ints()), Value::Missing);
}

#[test]
fn only_lists_of_numbers() {
    for (text, code) in
        [("dot(f.x, lf.x)", "wrong_type"), ("cosine(lf.x, ls.x)", "wrong_type"), ("dot(lf.x)", "wrong_arity")]
    {
        let ast = parse(text).expect("an expression");
        let wrong = compile(&ast, ast.root(), &mut House::default()).expect_err("it is refused");
        assert_eq!(wrong[0].code, code, "{text}: {}", wrong[0].message);
    }
}

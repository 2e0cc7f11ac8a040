//! Our own functions of numbers, as `compile` documents them; and `has` and `default`, of arguments that have a value. Ints and floats
//! mix only where the checker has promoted the ints.

use super::{Function, Given, global};
use crate::vector;
use crate::{Datum, Fault};

pub(super) const FUNCTIONS: &[Function] = &[
    global("abs", abs),
    global("ceil", |args| of_float(args, f64::ceil)),
    global("clamp", clamp),
    global("cosine", |args| of_vectors(args, vector::cosine)),
    global("dot", |args| of_vectors(args, vector::dot)),
    global("exp", |args| of_float(args, libm::exp)),
    global("floor", |args| of_float(args, f64::floor)),
    global("ln", |args| of_float(args, libm::log)),
    global("log2", |args| of_float(args, libm::log2)),
    global("max", |args| extreme(args, greater)),
    global("min", |args| extreme(args, lesser)),
    global("pow", pow),
    global("round", |args| of_float(args, f64::round)),
    global("sqrt", |args| of_float(args, f64::sqrt)),
];

fn float(x: &Datum) -> Result<f64, Fault> {
    match x {
        Datum::Int(x) => Ok(*x as f64),
        Datum::Float(x) => Ok(*x),
        _ => Err(Fault::NoOverload),
    }
}

fn of_float(args: &[&Datum], f: impl Fn(f64) -> f64) -> Given {
    let [x] = args else { return Err(Fault::NoOverload) };
    float(x).map(|x| Datum::Float(f(x)))
}

type OfElements = fn(&[Datum], &[Datum], fn(&Datum) -> Option<f64>) -> Option<f64>;

fn of_vectors(args: &[&Datum], function: OfElements) -> Given {
    let [Datum::List(a), Datum::List(b)] = args else { return Err(Fault::NoOverload) };
    let product = function(a, b, |x| float(x).ok());
    product.map(Datum::Float).ok_or(Fault::Argument("two lists of numbers of one length"))
}

fn abs(args: &[&Datum]) -> Given {
    match args {
        [Datum::Int(x)] => x.checked_abs().map(Datum::Int).ok_or(Fault::Overflow),
        [Datum::Float(x)] => Ok(Datum::Float(x.abs())),
        _ => Err(Fault::NoOverload),
    }
}

fn pow(args: &[&Datum]) -> Given {
    let [base, exponent] = args else { return Err(Fault::NoOverload) };
    Ok(Datum::Float(libm::pow(float(base)?, float(exponent)?)))
}

fn extreme(args: &[&Datum], better: fn(&Datum, &Datum) -> Given) -> Given {
    let [first, rest @ ..] = args else { return Err(Fault::NoOverload) };
    if rest.is_empty() {
        return Err(Fault::NoOverload);
    }
    rest.iter().try_fold((*first).clone(), |best, next| better(&best, next))
}

/// The first of equal ones; a NaN where one is.
fn lesser(a: &Datum, b: &Datum) -> Given {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => Ok(Datum::Int(*a.min(b))),
        (Datum::Float(a), Datum::Float(b)) => Ok(Datum::Float(if b < a || b.is_nan() { *b } else { *a })),
        _ => Err(Fault::NoOverload),
    }
}

fn greater(a: &Datum, b: &Datum) -> Given {
    match (a, b) {
        (Datum::Int(a), Datum::Int(b)) => Ok(Datum::Int(*a.max(b))),
        (Datum::Float(a), Datum::Float(b)) => Ok(Datum::Float(if b > a || b.is_nan() { *b } else { *a })),
        _ => Err(Fault::NoOverload),
    }
}

fn clamp(args: &[&Datum]) -> Given {
    let [x, least, most] = args else { return Err(Fault::NoOverload) };
    let ordered = match (least, most) {
        (Datum::Int(least), Datum::Int(most)) => least <= most,
        (Datum::Float(least), Datum::Float(most)) => least <= most,
        _ => return Err(Fault::NoOverload),
    };
    let clamped = lesser(&greater(x, least)?, most)?;
    if ordered { Ok(clamped) } else { Err(Fault::Argument("`clamp(x, least, most)` needs `least <= most`")) }
}

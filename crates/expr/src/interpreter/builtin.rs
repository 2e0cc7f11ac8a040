//! Our functions of numbers, over values.

use super::Given;
use crate::{Datum, Fault};

/// A function of numbers; `None` if it is another one.
pub(super) fn call(name: &str, args: &[Datum]) -> Option<Given> {
    Some(match (name, args) {
        ("abs", [x]) => abs(x),
        ("ceil", [x]) => of_float(x, f64::ceil),
        ("floor", [x]) => of_float(x, f64::floor),
        ("round", [x]) => of_float(x, f64::round),
        ("sqrt", [x]) => of_float(x, f64::sqrt),
        ("exp", [x]) => of_float(x, libm::exp),
        ("ln", [x]) => of_float(x, libm::log),
        ("log2", [x]) => of_float(x, libm::log2),
        ("pow", [x, y]) => float(x).and_then(|x| float(y).map(|y| Datum::Float(libm::pow(x, y)))),
        ("min", [first, rest @ ..]) if !rest.is_empty() => rest.iter().try_fold(first.clone(), |a, b| lesser(&a, b)),
        ("max", [first, rest @ ..]) if !rest.is_empty() => rest.iter().try_fold(first.clone(), |a, b| greater(&a, b)),
        ("clamp", [x, least, most]) => clamp(x, least, most),
        _ => return None,
    })
}

fn float(x: &Datum) -> Result<f64, Fault> {
    match x {
        Datum::Int(int) => Ok(*int as f64),
        Datum::Float(float) => Ok(*float),
        _ => Err(Fault::NoOverload),
    }
}

fn of_float(x: &Datum, f: impl Fn(f64) -> f64) -> Given {
    float(x).map(|x| Datum::Float(f(x)))
}

fn abs(x: &Datum) -> Given {
    match x {
        Datum::Int(int) => int.checked_abs().map(Datum::Int).ok_or(Fault::Overflow),
        Datum::Float(float) => Ok(Datum::Float(float.abs())),
        _ => Err(Fault::NoOverload),
    }
}

/// The lesser one, the first of equal ones; a NaN if one is.
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

fn clamp(x: &Datum, least: &Datum, most: &Datum) -> Given {
    let ordered = match (least, most) {
        (Datum::Int(least), Datum::Int(most)) => least <= most,
        (Datum::Float(least), Datum::Float(most)) => least <= most,
        _ => return Err(Fault::NoOverload),
    };
    if !ordered {
        return Err(Fault::Argument("`clamp(x, least, most)` needs `least <= most`"));
    }
    lesser(&greater(x, least)?, most)
}

//! CEL's extension of mathematics: extremes over numbers of all kinds, rounding, signs, bits.

use super::{Function, Given, global};
use crate::numbers::compared;
use crate::{Datum, Fault};
use std::cmp::Ordering;

pub(super) const FUNCTIONS: &[Function] = &[
    global("math.greatest", |args| extreme(args, Ordering::Greater)),
    global("math.least", |args| extreme(args, Ordering::Less)),
    global("math.ceil", |args| rounded(args, f64::ceil)),
    global("math.floor", |args| rounded(args, f64::floor)),
    global("math.round", |args| rounded(args, f64::round)),
    global("math.trunc", |args| rounded(args, f64::trunc)),
    global("math.isFinite", |args| asked(args, f64::is_finite)),
    global("math.isInf", |args| asked(args, f64::is_infinite)),
    global("math.isNaN", |args| asked(args, f64::is_nan)),
    global("math.abs", abs),
    global("math.sign", sign),
    global("math.sqrt", sqrt),
    global("math.bitAnd", |args| bits(args, |a, b| a & b)),
    global("math.bitOr", |args| bits(args, |a, b| a | b)),
    global("math.bitXor", |args| bits(args, |a, b| a ^ b)),
    global("math.bitNot", not),
    global("math.bitShiftLeft", |args| shifted(args, u64::checked_shl)),
    global("math.bitShiftRight", |args| shifted(args, u64::checked_shr)),
];

/// The first of the numbers (or of a list of them) that no other one beats; NaN where one is NaN.
fn extreme(args: &[&Datum], wanted: Ordering) -> Given {
    match args {
        [Datum::List(list)] if list.is_empty() => Err(Fault::Argument("an empty list has no greatest and no least")),
        [Datum::List(list)] => of_numbers(list.iter(), wanted),
        _ => of_numbers(args.iter().copied(), wanted),
    }
}

fn of_numbers<'a>(numbers: impl Iterator<Item = &'a Datum>, wanted: Ordering) -> Given {
    let mut best: Option<&Datum> = None;
    for number in numbers {
        let order = best.map(|best| compared(number, best)).transpose()?;
        let is_nan = matches!(number, Datum::Float(x) if x.is_nan());
        match order {
            None => best = compared(number, number).map(|_| Some(number))?,
            Some(order) if order == Some(wanted) || is_nan => best = Some(number),
            Some(_) => {}
        }
    }
    best.cloned().ok_or(Fault::NoOverload)
}

fn rounded(args: &[&Datum], round: fn(f64) -> f64) -> Given {
    match args {
        [Datum::Float(x)] => Ok(Datum::Float(round(*x))),
        _ => Err(Fault::NoOverload),
    }
}

fn asked(args: &[&Datum], asked: fn(f64) -> bool) -> Given {
    match args {
        [Datum::Float(x)] => Ok(Datum::Bool(asked(*x))),
        _ => Err(Fault::NoOverload),
    }
}

fn abs(args: &[&Datum]) -> Given {
    match args {
        [Datum::Int(x)] => x.checked_abs().map(Datum::Int).ok_or(Fault::Overflow),
        [Datum::Uint(x)] => Ok(Datum::Uint(*x)),
        [Datum::Float(x)] => Ok(Datum::Float(x.abs())),
        _ => Err(Fault::NoOverload),
    }
}

/// -1, 0 or 1 of the same kind; a zero and a NaN as they are.
fn sign(args: &[&Datum]) -> Given {
    match args {
        [Datum::Int(x)] => Ok(Datum::Int(x.signum())),
        [Datum::Uint(x)] => Ok(Datum::Uint((*x).min(1))),
        [Datum::Float(x)] => Ok(Datum::Float(if *x == 0.0 || x.is_nan() { *x } else { x.signum() })),
        _ => Err(Fault::NoOverload),
    }
}

fn sqrt(args: &[&Datum]) -> Given {
    Ok(Datum::Float(f64::sqrt(match args {
        [Datum::Int(x)] => *x as f64,
        [Datum::Uint(x)] => *x as f64,
        [Datum::Float(x)] => *x,
        _ => return Err(Fault::NoOverload),
    })))
}

fn bits(args: &[&Datum], op: fn(u64, u64) -> u64) -> Given {
    match args {
        [Datum::Int(a), Datum::Int(b)] => Ok(Datum::Int(op(*a as u64, *b as u64) as i64)),
        [Datum::Uint(a), Datum::Uint(b)] => Ok(Datum::Uint(op(*a, *b))),
        _ => Err(Fault::NoOverload),
    }
}

fn not(args: &[&Datum]) -> Given {
    match args {
        [Datum::Int(x)] => Ok(Datum::Int(!x)),
        [Datum::Uint(x)] => Ok(Datum::Uint(!x)),
        _ => Err(Fault::NoOverload),
    }
}

/// Shifts in zeros from either side, whatever the sign; by 64 places or more all is 0.
fn shifted(args: &[&Datum], shift: fn(u64, u32) -> Option<u64>) -> Given {
    let [x, Datum::Int(places)] = args else { return Err(Fault::NoOverload) };
    let by = |x: u64| {
        let places = u64::try_from(*places).map_err(|_| Fault::Argument("bits are shifted by 0 places or more"))?;
        Ok(shift(x, u32::try_from(places).unwrap_or(u32::MAX)).unwrap_or(0))
    };
    match x {
        Datum::Int(x) => Ok(Datum::Int(by(*x as u64)? as i64)),
        Datum::Uint(x) => Ok(Datum::Uint(by(*x)?)),
        _ => Err(Fault::NoOverload),
    }
}

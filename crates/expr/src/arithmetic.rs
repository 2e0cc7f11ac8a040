//! `+ - * / %`, the minus sign, and comparisons. Integers and times are checked: what does not fit is missing.

use crate::BinaryOp;
use crate::operand::{Operand, Scalar};
use crate::typed::{Pair, Typed};
use domain::limits::TIME_MAX_MS;
use domain::{Span, Time};
use std::cmp::Ordering;

/// The instant 0001-01-01, the first that CEL knows.
const TIME_FIRST_MS: i64 = -62_135_596_800_000;

/// `left op right` for an arithmetic operator; `None` where it does not take these types.
pub(crate) fn arithmetic(op: BinaryOp, left: Typed, right: Typed) -> Option<Typed> {
    Some(match (left, right) {
        (Typed::Time(a), Typed::Time(b)) if op == BinaryOp::Subtract => {
            Typed::Span(a.join(b, |a: Time, b: Time| a.0.checked_sub(b.0).map(Span)))
        }
        (Typed::Time(a), Typed::Span(b)) if op == BinaryOp::Add => {
            Typed::Time(a.join(b, |a: Time, b: Span| instant(a.0.checked_add(b.0)?)))
        }
        (Typed::Span(a), Typed::Time(b)) if op == BinaryOp::Add => {
            Typed::Time(a.join(b, |a: Span, b: Time| instant(a.0.checked_add(b.0)?)))
        }
        (Typed::Time(a), Typed::Span(b)) if op == BinaryOp::Subtract => {
            Typed::Time(a.join(b, |a: Time, b: Span| instant(a.0.checked_sub(b.0)?)))
        }
        (Typed::Span(a), Typed::Span(b)) => spans(op, a, b)?,
        (left, right) => match left.numbers(right)? {
            Pair::Int(a, b) => Typed::Int(ints(op, a, b)?),
            Pair::Float(a, b) => Typed::Float(floats(op, a, b)?),
        },
    })
}

fn instant(ms: i64) -> Option<Time> {
    (TIME_FIRST_MS..=TIME_MAX_MS).contains(&ms).then_some(Time(ms))
}

fn spans(op: BinaryOp, a: Operand<Span>, b: Operand<Span>) -> Option<Typed> {
    Some(match op {
        BinaryOp::Add => Typed::Span(a.join(b, |a: Span, b: Span| a.0.checked_add(b.0).map(Span))),
        BinaryOp::Subtract => Typed::Span(a.join(b, |a: Span, b: Span| a.0.checked_sub(b.0).map(Span))),
        BinaryOp::Divide => Typed::Float(a.join(b, |a: Span, b: Span| Some(a.0 as f64 / b.0 as f64))),
        _ => return None,
    })
}

fn ints(op: BinaryOp, a: Operand<i64>, b: Operand<i64>) -> Option<Operand<i64>> {
    Some(match op {
        BinaryOp::Add => a.join(b, i64::checked_add),
        BinaryOp::Subtract => a.join(b, i64::checked_sub),
        BinaryOp::Multiply => a.join(b, i64::checked_mul),
        BinaryOp::Divide => a.join(b, i64::checked_div),
        BinaryOp::Remainder => a.join(b, i64::checked_rem),
        _ => return None,
    })
}

fn floats(op: BinaryOp, a: Operand<f64>, b: Operand<f64>) -> Option<Operand<f64>> {
    Some(match op {
        BinaryOp::Add => a.join(b, |a, b| Some(a + b)),
        BinaryOp::Subtract => a.join(b, |a, b| Some(a - b)),
        BinaryOp::Multiply => a.join(b, |a, b| Some(a * b)),
        BinaryOp::Divide => a.join(b, |a, b| Some(a / b)),
        _ => return None,
    })
}

/// `-operand`; `None` where it is neither a number nor a duration.
pub(crate) fn negation(operand: Typed) -> Option<Typed> {
    Some(match operand {
        Typed::Int(int) => Typed::Int(int.map(i64::checked_neg)),
        Typed::Float(float) => Typed::Float(float.map(|float| Some(-float))),
        Typed::Span(span) => Typed::Span(span.map(|span| span.0.checked_neg().map(Span))),
        _ => return None,
    })
}

/// `left op right` for a comparison; `None` where it does not take these types.
pub(crate) fn comparison(op: BinaryOp, left: Typed, right: Typed) -> Option<Operand<bool>> {
    match (left, right) {
        (Typed::Int(a), Typed::Int(b)) => Some(ordered(op, a, b)),
        (Typed::Float(a), Typed::Float(b)) => Some(ordered(op, a, b)),
        (Typed::Int(a), Typed::Float(b)) => Some(mixed(op, a, b)),
        (Typed::Float(a), Typed::Int(b)) => Some(mixed(mirrored(op), b, a)),
        (Typed::Time(a), Typed::Time(b)) => Some(ordered(op, a, b)),
        (Typed::Span(a), Typed::Span(b)) => Some(ordered(op, a, b)),
        (Typed::Bool(a), Typed::Bool(b)) => equality(op, a, b),
        (Typed::Str(a), Typed::Str(b)) => equality(op, a, b),
        (Typed::Entity(one, a), Typed::Entity(other, b)) if one == other => equality(op, a, b),
        _ => None,
    }
}

fn equality<T: Scalar + PartialEq>(op: BinaryOp, a: Operand<T>, b: Operand<T>) -> Option<Operand<bool>> {
    match op {
        BinaryOp::Equal => Some(a.join(b, |a, b| Some(a == b))),
        BinaryOp::NotEqual => Some(a.join(b, |a, b| Some(a != b))),
        _ => None,
    }
}

/// Any comparison; a NaN is unlike everything.
fn ordered<T: Scalar + PartialOrd>(op: BinaryOp, a: Operand<T>, b: Operand<T>) -> Operand<bool> {
    match op {
        BinaryOp::Less => a.join(b, |a, b| Some(a < b)),
        BinaryOp::LessEqual => a.join(b, |a, b| Some(a <= b)),
        BinaryOp::Greater => a.join(b, |a, b| Some(a > b)),
        BinaryOp::GreaterEqual => a.join(b, |a, b| Some(a >= b)),
        BinaryOp::Equal => a.join(b, |a, b| Some(a == b)),
        _ => a.join(b, |a, b| Some(a != b)),
    }
}

/// An int with a float, exactly. A constant that the other type can hold is converted once, here.
fn mixed(op: BinaryOp, a: Operand<i64>, b: Operand<f64>) -> Operand<bool> {
    match (a, b) {
        (Operand::Fixed(Some(int)), b) if as_float(int).is_some() => ordered(op, Operand::Fixed(as_float(int)), b),
        (a, Operand::Fixed(Some(float))) if as_int(float).is_some() => ordered(op, a, Operand::Fixed(as_int(float))),
        (a, b) => match op {
            BinaryOp::Less => a.join(b, |a, b| Some(order(a, b) == Some(Ordering::Less))),
            BinaryOp::LessEqual => a.join(b, |a, b| Some(order(a, b).is_some_and(Ordering::is_le))),
            BinaryOp::Greater => a.join(b, |a, b| Some(order(a, b) == Some(Ordering::Greater))),
            BinaryOp::GreaterEqual => a.join(b, |a, b| Some(order(a, b).is_some_and(Ordering::is_ge))),
            BinaryOp::Equal => a.join(b, |a, b| Some(order(a, b) == Some(Ordering::Equal))),
            _ => a.join(b, |a, b| Some(order(a, b) != Some(Ordering::Equal))),
        },
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEqual => BinaryOp::GreaterEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEqual => BinaryOp::LessEqual,
        op => op,
    }
}

/// How an int stands to a float as numbers, without rounding either; `None` for a NaN.
pub(crate) fn order(int: i64, float: f64) -> Option<Ordering> {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if float.is_nan() {
        return None;
    }
    if float >= END {
        return Some(Ordering::Less);
    }
    if float < -END {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    Some(int.cmp(&(whole as i64)).then_with(|| whole.total_cmp(&float)))
}

/// The float that is exactly this int, if there is one.
pub(crate) fn as_float(int: i64) -> Option<f64> {
    (order(int, int as f64) == Some(Ordering::Equal)).then_some(int as f64)
}

/// The int that is exactly this float, if there is one.
pub(crate) fn as_int(float: f64) -> Option<i64> {
    let int = float as i64;
    (order(int, float) == Some(Ordering::Equal)).then_some(int)
}

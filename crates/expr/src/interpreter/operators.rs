//! The infix and prefix operators over values: CEL's rules for each kind, and ours for durations.

use super::equality::equal;
use super::{Budget, Given, MILLISECOND, field};
use crate::{BinaryOp, Datum, Fault, numbers};
use domain::INSTANT_RANGE_NS;
use domain::limits::EXPRESSION_SPAN_MAX;
use std::cmp::Ordering;
use std::sync::Arc;

/// The longest duration in nanoseconds.
const SPAN_MAX: i128 = EXPRESSION_SPAN_MAX.0 as i128 * MILLISECOND;

pub(super) fn negated(value: Datum) -> Given {
    match value {
        Datum::Int(int) => int.checked_neg().map(Datum::Int).ok_or(Fault::Overflow),
        Datum::Float(float) => Ok(Datum::Float(-float)),
        Datum::Span(ns) => span(-ns),
        _ => Err(Fault::NoOverload),
    }
}

/// Any infix operator but `&&` and `||`, which need not look at both operands.
pub(super) fn binary(op: BinaryOp, left: &Datum, right: &Datum, budget: &mut Budget) -> Given {
    match op {
        BinaryOp::Equal => equal(left, right, budget).map(Datum::Bool),
        BinaryOp::NotEqual => equal(left, right, budget).map(|equal| Datum::Bool(!equal)),
        BinaryOp::In => field::contains(right, left, budget).map(Datum::Bool),
        BinaryOp::Less => compared(left, right, budget, Ordering::is_lt),
        BinaryOp::LessEqual => compared(left, right, budget, Ordering::is_le),
        BinaryOp::Greater => compared(left, right, budget, Ordering::is_gt),
        BinaryOp::GreaterEqual => compared(left, right, budget, Ordering::is_ge),
        _ => match (left, right) {
            (Datum::Int(a), Datum::Int(b)) => int(op, *a, *b),
            (Datum::Uint(a), Datum::Uint(b)) => uint(op, *a, *b),
            (Datum::Float(a), Datum::Float(b)) => float(op, *a, *b),
            (Datum::Time(_) | Datum::Span(_), Datum::Time(_) | Datum::Span(_)) => moment(op, left, right),
            _ if op == BinaryOp::Add => joined(left, right, budget),
            _ => Err(Fault::NoOverload),
        },
    }
}

/// A comparison by order; a NaN is neither less nor greater nor equal.
fn compared(left: &Datum, right: &Datum, budget: &mut Budget, holds: fn(Ordering) -> bool) -> Given {
    Ok(Datum::Bool(order(left, right, budget)?.is_some_and(holds)))
}

fn order(left: &Datum, right: &Datum, budget: &mut Budget) -> Result<Option<Ordering>, Fault> {
    Ok(match (left, right) {
        (Datum::Bool(a), Datum::Bool(b)) => Some(a.cmp(b)),
        (Datum::Str(a), Datum::Str(b)) => {
            budget.spend(a.len().min(b.len()) / 16)?;
            Some(a.cmp(b))
        }
        (Datum::Bytes(a), Datum::Bytes(b)) => {
            budget.spend(a.len().min(b.len()) / 16)?;
            Some(a.cmp(b))
        }
        (Datum::Time(a), Datum::Time(b)) | (Datum::Span(a), Datum::Span(b)) => Some(a.cmp(b)),
        (a, b) => numbers::compared(a, b)?,
    })
}

fn int(op: BinaryOp, a: i64, b: i64) -> Given {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide | BinaryOp::Remainder if b == 0 => return Err(Fault::DivideByZero),
        BinaryOp::Divide => a.checked_div(b),
        BinaryOp::Remainder => a.checked_rem(b),
        _ => return Err(Fault::NoOverload),
    };
    result.map(Datum::Int).ok_or(Fault::Overflow)
}

fn uint(op: BinaryOp, a: u64, b: u64) -> Given {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide | BinaryOp::Remainder if b == 0 => return Err(Fault::DivideByZero),
        BinaryOp::Divide => a.checked_div(b),
        BinaryOp::Remainder => a.checked_rem(b),
        _ => return Err(Fault::NoOverload),
    };
    result.map(Datum::Uint).ok_or(Fault::Overflow)
}

fn float(op: BinaryOp, a: f64, b: f64) -> Given {
    Ok(Datum::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide => a / b,
        _ => return Err(Fault::NoOverload),
    }))
}

/// Timestamps and durations.
fn moment(op: BinaryOp, left: &Datum, right: &Datum) -> Given {
    match (op, left, right) {
        (BinaryOp::Add, Datum::Time(a), Datum::Span(b)) | (BinaryOp::Add, Datum::Span(a), Datum::Time(b)) => {
            time(a + b)
        }
        (BinaryOp::Add, Datum::Span(a), Datum::Span(b)) => span(a + b),
        (BinaryOp::Subtract, Datum::Time(a), Datum::Span(b)) => time(a - b),
        (BinaryOp::Subtract, Datum::Time(a), Datum::Time(b)) | (BinaryOp::Subtract, Datum::Span(a), Datum::Span(b)) => {
            span(a - b)
        }
        (BinaryOp::Divide, Datum::Span(a), Datum::Span(b)) => Ok(Datum::Float(ratio(*a, *b))),
        _ => Err(Fault::NoOverload),
    }
}

/// How often one duration is in another; of whole milliseconds, those are divided, as slots hold them.
fn ratio(a: i128, b: i128) -> f64 {
    let unit = if a % MILLISECOND == 0 && b % MILLISECOND == 0 { MILLISECOND } else { 1 };
    (a / unit) as f64 / (b / unit) as f64
}

fn time(ns: i128) -> Given {
    if (INSTANT_RANGE_NS.0..=INSTANT_RANGE_NS.1).contains(&ns) { Ok(Datum::Time(ns)) } else { Err(Fault::Overflow) }
}

fn span(ns: i128) -> Given {
    if (-SPAN_MAX..=SPAN_MAX).contains(&ns) { Ok(Datum::Span(ns)) } else { Err(Fault::Overflow) }
}

/// `+` of texts, bytes and lists.
fn joined(left: &Datum, right: &Datum, budget: &mut Budget) -> Given {
    match (left, right) {
        (Datum::Str(a), Datum::Str(b)) => {
            budget.make(a.len() + b.len())?;
            Ok(Datum::Str([&**a, &**b].concat().into()))
        }
        (Datum::Bytes(a), Datum::Bytes(b)) => {
            budget.make(a.len() + b.len())?;
            Ok(Datum::Bytes([&**a, &**b].concat().into()))
        }
        (Datum::List(a), Datum::List(b)) => {
            budget.make(a.len() + b.len())?;
            budget.spend(a.len() + b.len())?;
            Ok(Datum::List(a.iter().chain(&**b).cloned().collect::<Arc<[Datum]>>()))
        }
        _ => Err(Fault::NoOverload),
    }
}

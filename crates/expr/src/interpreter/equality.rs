//! When two values are equal. Values of different kinds are not, but for numbers, which are compared as such; a NaN equals nothing.

use super::Budget;
use crate::{Datum, Fault};
use std::cmp::Ordering;

pub(super) fn equal(left: &Datum, right: &Datum, budget: &mut Budget) -> Result<bool, Fault> {
    budget.spend(1)?;
    Ok(match (left, right) {
        (Datum::Null, Datum::Null) => true,
        (Datum::Symbol(a), Datum::Symbol(b)) => a == b,
        (Datum::Bool(a), Datum::Bool(b)) => a == b,
        (Datum::Str(a), Datum::Str(b)) => {
            budget.spend(a.len() / 16)?;
            a == b
        }
        (Datum::Bytes(a), Datum::Bytes(b)) => {
            budget.spend(a.len() / 16)?;
            a == b
        }
        (Datum::Time(a), Datum::Time(b)) | (Datum::Span(a), Datum::Span(b)) => a == b,
        (Datum::Type(a), Datum::Type(b)) => a == b,
        (Datum::Entity(a, x), Datum::Entity(b, y)) => a == b && x == y,
        (Datum::Optional(a), Datum::Optional(b)) => match (a, b) {
            (Some(a), Some(b)) => equal(a, b, budget)?,
            (a, b) => a.is_none() && b.is_none(),
        },
        (Datum::List(a), Datum::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                if !equal(a, b, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Datum::Map(a), Datum::Map(b)) => same_entries(a, b, budget)?,
        (a, b) => same_number(a, b),
    })
}

fn same_entries(a: &[(Datum, Datum)], b: &[(Datum, Datum)], budget: &mut Budget) -> Result<bool, Fault> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, value) in a {
        match value_at(b, key, budget)? {
            Some(other) if equal(value, other, budget)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

/// The value of the entry with an equal key.
pub(super) fn value_at<'m>(
    map: &'m [(Datum, Datum)],
    key: &Datum,
    budget: &mut Budget,
) -> Result<Option<&'m Datum>, Fault> {
    for (known, value) in map {
        if equal(known, key, budget)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn same_number(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Float(a), Datum::Float(b)) => a == b,
        (Datum::Float(float), other) | (other, Datum::Float(float)) => {
            whole(other).is_some_and(|int| exactly(int, *float) == Some(Ordering::Equal))
        }
        (a, b) => whole(a).is_some_and(|a| whole(b) == Some(a)),
    }
}

fn whole(value: &Datum) -> Option<i128> {
    match value {
        Datum::Int(int) => Some((*int).into()),
        Datum::Uint(uint) => Some((*uint).into()),
        _ => None,
    }
}

/// An int of at most 65 bits beside a float, by the exact value of both; `None` for a NaN.
pub(super) fn exactly(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float.abs() > 1e30 {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    // A float up to 1e30 has a whole part that fits.
    let below = float.floor();
    match int.cmp(&(below as i128)) {
        Ordering::Equal if float > below => Some(Ordering::Less),
        order => Some(order),
    }
}

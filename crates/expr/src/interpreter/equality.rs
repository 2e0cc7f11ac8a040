//! When two values are equal. Values of different kinds are not, but for numbers, which are compared as such; a NaN equals nothing.

use super::Budget;
use crate::numbers::compared;
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
        (a, b) => compared(a, b) == Ok(Some(Ordering::Equal)),
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

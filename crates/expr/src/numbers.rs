//! Numbers of different types beside each other, and the instants and durations that there are.

use crate::{Datum, Fault};
use domain::limits::EXPRESSION_SPAN_MAX;
use domain::limits::TIME_MAX_MS;
use domain::{Span, Time};
use std::cmp::Ordering;

/// The instant 0001-01-01, the first that CEL knows.
const TIME_FIRST_MS: i64 = -62_135_596_800_000;

/// The instant this many milliseconds after 1970; `None` outside of the years 1 to 9999.
pub(crate) fn instant(ms: i64) -> Option<Time> {
    (TIME_FIRST_MS..=TIME_MAX_MS).contains(&ms).then_some(Time(ms))
}

/// The duration of this many milliseconds; `None` for one that is too long.
pub(crate) fn length(ms: i64) -> Option<Span> {
    (-EXPRESSION_SPAN_MAX.0..=EXPRESSION_SPAN_MAX.0).contains(&ms).then_some(Span(ms))
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

/// How two numbers of any kinds stand to each other, exactly; `None` if one is a NaN.
///
/// # Errors
/// `NoOverload` if one is no number.
pub(crate) fn compared(a: &Datum, b: &Datum) -> Result<Option<Ordering>, Fault> {
    match (a, b, whole(a), whole(b)) {
        (_, _, Some(a), Some(b)) => Ok(Some(a.cmp(&b))),
        (Datum::Float(a), Datum::Float(b), ..) => Ok(a.partial_cmp(b)),
        (_, Datum::Float(b), Some(a), _) => Ok(exactly(a, *b)),
        (Datum::Float(a), _, _, Some(b)) => Ok(exactly(b, *a).map(Ordering::reverse)),
        _ => Err(Fault::NoOverload),
    }
}

fn whole(number: &Datum) -> Option<i128> {
    match number {
        Datum::Int(int) => Some((*int).into()),
        Datum::Uint(uint) => Some((*uint).into()),
        _ => None,
    }
}

/// [`order`] for ints of up to 65 bits.
fn exactly(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // The cast saturates far beyond 65 bits, and cuts towards zero: what is cut off decides between equal ones.
    let whole = float.trunc();
    Some(int.cmp(&(whole as i128)).then_with(|| whole.total_cmp(&float)))
}

//! A client's raw value as a value of a declared type: the few conversions there are, the same at the edge and in the log.

use crate::dictionary::Dictionary;
use domain::{Raw, Span, Time, Type, Value, limits, parse_timestamp};

/// Why a raw value is not of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Another type.
    Type,
    /// The right type, a value that the type does not have.
    Value,
    /// Longer than allowed.
    Size,
}

/// The longest duration taken: ten thousand years either way.
const SPAN_MAX_MS: f64 = 3.2e14;

/// The value, `Missing` if it does not fit the type; strings are interned.
pub(crate) fn coerce(raw: &Raw<'_>, ty: &Type, dictionary: &mut Dictionary) -> Value {
    match (raw, ty) {
        (Raw::Str(text), Type::Str) if text.len() <= limits::STRING_BYTES_MAX => {
            Value::Str(dictionary.intern_symbol(text))
        }
        (Raw::Str(text), Type::Entity(entity)) if fits(raw, ty).is_ok() => {
            Value::Entity(dictionary.intern_entity(*entity, text))
        }
        (Raw::List(list), Type::List(of)) if fits(raw, ty).is_ok() => {
            Value::List(list.iter().map(|raw| coerce(raw, of, dictionary)).collect())
        }
        _ => scalar(raw, ty).unwrap_or_default(),
    }
}

/// Whether the raw value fits the type; interns nothing.
pub(crate) fn fits(raw: &Raw<'_>, ty: &Type) -> Result<(), Misfit> {
    match (raw, ty) {
        (Raw::Null, _) => Ok(()),
        (Raw::Str(text), Type::Str) => sized(text.len() <= limits::STRING_BYTES_MAX),
        (Raw::Str(text), Type::Entity(_)) => {
            sized(text.len() <= limits::KEY_BYTES_MAX)?;
            if text.is_empty() { Err(Misfit::Value) } else { Ok(()) }
        }
        (Raw::List(list), Type::List(of)) => {
            sized(list.len() <= list_max(of))?;
            list.iter().try_for_each(|raw| if *raw == Raw::Null { Err(Misfit::Type) } else { fits(raw, of) })
        }
        _ => scalar(raw, ty).map(|_| ()),
    }
}

/// Most elements of a list of this type.
pub(crate) fn list_max(of: &Type) -> usize {
    if *of == Type::Float { limits::VECTOR_MAX } else { limits::LIST_MAX }
}

fn sized(ok: bool) -> Result<(), Misfit> {
    if ok { Ok(()) } else { Err(Misfit::Size) }
}

/// Values of types that need no dictionary.
#[inline]
fn scalar(raw: &Raw<'_>, ty: &Type) -> Result<Value, Misfit> {
    match (raw, ty) {
        (Raw::Bool(bool), Type::Bool) => Ok(Value::Bool(*bool)),
        (Raw::Int(int), Type::Int) => Ok(Value::Int(*int)),
        (Raw::Int(int), Type::Float) => Ok(Value::Float(*int as f64)),
        (Raw::Float(float), Type::Float) => if_ok(float.is_finite(), Value::Float(*float)),
        (Raw::Int(ms), Type::Time) => if_ok(in_range(*ms), Value::Time(Time(*ms))),
        (Raw::Str(text), Type::Time) => parse_timestamp(text).map(Value::Time).ok_or(Misfit::Value),
        (Raw::Int(seconds), Type::Span) => span(*seconds as f64),
        (Raw::Float(seconds), Type::Span) => span(*seconds),
        (Raw::Str(text), Type::Span) => {
            let parsed = Span::parse(text).filter(|span| span.0 as f64 <= SPAN_MAX_MS);
            parsed.map(Value::Span).ok_or(Misfit::Value)
        }
        _ => Err(Misfit::Type),
    }
}

fn if_ok(ok: bool, value: Value) -> Result<Value, Misfit> {
    if ok { Ok(value) } else { Err(Misfit::Value) }
}

/// Whether an instant lies in the range that the product represents.
pub(crate) fn in_range(ms: i64) -> bool {
    (limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&ms)
}

/// A number of seconds, rounded to the nearest millisecond, halves away from zero.
fn span(seconds: f64) -> Result<Value, Misfit> {
    let ms = libm::round(seconds * 1_000.0);
    if_ok(ms.is_finite() && ms.abs() <= SPAN_MAX_MS, Value::Span(Span(ms as i64)))
}

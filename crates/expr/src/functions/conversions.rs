//! Conversions between kinds, `type`, and the names of types. Ranges are CEL's: what does not fit is an overflow, never wrapped.

use super::{Function, Given, bytes, floats, global, text, times};
use crate::{Datum, Fault};
use std::str::from_utf8;

pub(super) const FUNCTIONS: &[Function] = &[
    global("bool", to_bool),
    global("bytes", to_bytes),
    global("double", to_double),
    global("duration", times::to_duration),
    global("int", to_int),
    global("string", to_string),
    global("timestamp", times::to_timestamp),
    global("type", type_of),
    global("uint", to_uint),
];

/// 2 to the 63rd and 64th power: floats from here on are no ints, no uints.
const INT_END: f64 = 9_223_372_036_854_775_808.0;
const UINT_END: f64 = 18_446_744_073_709_551_616.0;

/// The type of a value, as `type(x)` names it.
fn type_name(value: &Datum) -> &'static str {
    match value {
        Datum::Null => "null_type",
        Datum::Bool(_) => "bool",
        Datum::Int(_) => "int",
        Datum::Uint(_) => "uint",
        Datum::Float(_) => "double",
        Datum::Str(_) | Datum::Symbol(_) => "string",
        Datum::Bytes(_) => "bytes",
        Datum::List(_) => "list",
        Datum::Map(_) => "map",
        Datum::Time(_) => "google.protobuf.Timestamp",
        Datum::Span(_) => "google.protobuf.Duration",
        Datum::Type(_) => "type",
        Datum::Optional(_) => "optional_type",
        Datum::Entity(..) => "entity",
    }
}

fn type_of(args: &[&Datum]) -> Given {
    let [x] = args else { return Err(Fault::NoOverload) };
    Ok(Datum::Type(type_name(x).into()))
}

fn to_bool(args: &[&Datum]) -> Given {
    match args {
        [Datum::Bool(x)] => Ok(Datum::Bool(*x)),
        [Datum::Str(x)] => match &**x {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Datum::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Datum::Bool(false)),
            _ => Err(Fault::Argument("a bool is written `true` or `false`")),
        },
        _ => Err(Fault::NoOverload),
    }
}

fn to_bytes(args: &[&Datum]) -> Given {
    match args {
        [x @ Datum::Bytes(_)] => Ok((*x).clone()),
        [Datum::Str(x)] => bytes(x.as_bytes()),
        _ => Err(Fault::NoOverload),
    }
}

fn to_double(args: &[&Datum]) -> Given {
    Ok(Datum::Float(match args {
        [Datum::Float(x)] => *x,
        [Datum::Int(x)] => *x as f64,
        [Datum::Uint(x)] => *x as f64,
        [Datum::Str(x)] => floats::read(x)?,
        _ => return Err(Fault::NoOverload),
    }))
}

/// Floats are cut towards zero; the two ends of the range count as outside, as in CEL. Timestamps give seconds since 1970, durations
/// nanoseconds.
fn to_int(args: &[&Datum]) -> Given {
    let int = match args {
        [Datum::Int(x)] => Some(*x),
        [Datum::Uint(x)] => i64::try_from(*x).ok(),
        [Datum::Float(x)] => (-INT_END < *x && *x < INT_END).then_some(*x as i64),
        [Datum::Str(x)] => Some(x.parse().map_err(|_| Fault::Argument("this text is no int"))?),
        [Datum::Time(ns)] => i64::try_from(ns.div_euclid(times::SECOND)).ok(),
        [Datum::Span(ns)] => i64::try_from(*ns).ok(),
        _ => return Err(Fault::NoOverload),
    };
    int.map(Datum::Int).ok_or(Fault::Overflow)
}

fn to_uint(args: &[&Datum]) -> Given {
    let uint = match args {
        [Datum::Uint(x)] => Some(*x),
        [Datum::Int(x)] => u64::try_from(*x).ok(),
        [Datum::Float(x)] => (0.0 <= *x && *x < UINT_END).then_some(*x as u64),
        [Datum::Str(x)] => Some(x.parse().map_err(|_| Fault::Argument("this text is no uint"))?),
        _ => return Err(Fault::NoOverload),
    };
    uint.map(Datum::Uint).ok_or(Fault::Overflow)
}

fn to_string(args: &[&Datum]) -> Given {
    match args {
        [x @ Datum::Str(_)] => Ok((*x).clone()),
        [Datum::Bool(x)] => text(x.to_string()),
        [Datum::Int(x)] => text(x.to_string()),
        [Datum::Uint(x)] => text(x.to_string()),
        [Datum::Float(x)] => text(floats::shortest(*x)),
        [Datum::Bytes(x)] => text(from_utf8(x).map_err(|_| Fault::Argument("these bytes are no UTF-8"))?),
        [Datum::Time(ns)] => text(times::instant_text(*ns)),
        [Datum::Span(ns)] => text(times::span_text(*ns)),
        _ => Err(Fault::NoOverload),
    }
}

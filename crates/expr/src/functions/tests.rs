//! The function library against CEL's facts, and against slow and obvious versions on random input.

mod cases;
mod random;

use super::*;
use std::fmt::Write;

fn s(text: &str) -> Datum {
    Datum::Str(text.into())
}

fn list(elements: &[Datum]) -> Datum {
    Datum::List(elements.into())
}

/// A value or a fault as a short text that tells kinds apart.
fn shown(given: &Given) -> String {
    match given {
        Err(Fault::Argument(_)) => "!argument".to_owned(),
        Err(fault) => format!("!{fault:?}"),
        Ok(value) => literal(value),
    }
}

fn literal(value: &Datum) -> String {
    match value {
        Datum::Uint(x) => format!("{x}u"),
        Datum::Float(x) => format!("{x:?}"),
        Datum::Int(x) => x.to_string(),
        Datum::Bool(x) => x.to_string(),
        Datum::Str(x) => format!("{x:?}"),
        Datum::Bytes(x) => x.iter().fold("b:".to_owned(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        }),
        Datum::Time(ns) => format!("T{}", times::instant_text(*ns)),
        Datum::Span(ns) => format!("D{}", times::span_text(*ns)),
        Datum::List(list) => format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

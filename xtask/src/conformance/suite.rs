//! Tests of the suite as the language has them: expression, names with their types and values, what is expected.

use super::textproto::{Field, Message};
use expr::{Datum, Static};

/// One test.
pub(super) struct Test {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) disable_check: bool,
    pub(super) check_only: bool,
    /// Names with their types.
    pub(super) types: Vec<(String, Static)>,
    /// Functions with the type that they give.
    pub(super) functions: Vec<(String, Static)>,
    /// Names with their values.
    pub(super) values: Vec<(String, Datum)>,
    pub(super) expected: Expected,
}

/// What a test expects.
pub(super) enum Expected {
    Value(Datum),
    /// A value, where one is asked for, and a type.
    Typed(Option<Datum>, Static),
    Error,
}

/// Why a test is not run.
pub(super) type Skip = &'static str;

/// Tests that need messages.
pub(super) const MESSAGES: Skip = "needs protobuf messages";

pub(super) fn test(message: &Message) -> Result<Test, Skip> {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    for declared in message.messages("type_env") {
        let name = declared.text("name");
        if let Some(ident) = declared.message("ident").and_then(|ident| ident.message("type")) {
            types.push((name, ty(ident)?));
        } else if let Some(overload) = declared.message("function").and_then(|function| function.message("overloads")) {
            functions.push((name, ty(overload.message("result_type").ok_or(MESSAGES)?)?));
        }
    }
    let mut values = Vec::new();
    for binding in message.messages("bindings") {
        let value = binding.message("value").and_then(|value| value.message("value")).ok_or("needs unknown values")?;
        values.push((binding.text("key"), datum(value)?));
    }
    Ok(Test {
        name: message.text("name"),
        expr: message.text("expr"),
        disable_check: message.is("disable_check"),
        check_only: message.is("check_only"),
        types,
        functions,
        values,
        expected: expected(message)?,
    })
}

fn expected(message: &Message) -> Result<Expected, Skip> {
    if message.field("eval_error").is_some() || message.field("any_eval_errors").is_some() {
        return Ok(Expected::Error);
    }
    if message.field("unknown").is_some() || message.field("any_unknowns").is_some() {
        return Err("needs unknown values");
    }
    if let Some(typed) = message.message("typed_result") {
        let value = typed.message("result").map(datum).transpose()?;
        return Ok(Expected::Typed(value, ty(typed.message("deduced_type").ok_or(MESSAGES)?)?));
    }
    match message.message("value") {
        Some(value) => datum(value).map(Expected::Value),
        None => Ok(Expected::Value(Datum::Bool(true))),
    }
}

fn word(field: &Field) -> &str {
    match field {
        Field::Word(word) => word,
        _ => "",
    }
}

fn float(text: &str) -> Option<f64> {
    Some(match text {
        "inf" | "infinity" => f64::INFINITY,
        "-inf" | "-infinity" => f64::NEG_INFINITY,
        "nan" => f64::NAN,
        text => text.parse().ok()?,
    })
}

/// A whole number, decimal, hexadecimal or octal.
fn whole(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let number = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * number)
}

/// A value of the suite.
fn datum(message: &Message) -> Result<Datum, Skip> {
    let (name, field) = message.only().ok_or("has no value")?;
    let int = |field: &Field| whole(word(field)).ok_or("has no number");
    Ok(match (name, field) {
        ("null_value", _) => Datum::Null,
        ("bool_value", field) => Datum::Bool(word(field) == "true"),
        ("int64_value", field) => Datum::Int(int(field)? as i64),
        ("uint64_value", field) => Datum::Uint(int(field)? as u64),
        ("double_value", field) => Datum::Float(float(word(field)).ok_or("has no number")?),
        ("string_value", Field::Text(bytes)) => Datum::Str(String::from_utf8_lossy(bytes).into()),
        ("bytes_value", Field::Text(bytes)) => Datum::Bytes(bytes.as_slice().into()),
        ("type_value", Field::Text(bytes)) => Datum::Type(String::from_utf8_lossy(bytes).into()),
        ("list_value", Field::Message(list)) => {
            Datum::List(list.messages("values").map(datum).collect::<Result<Vec<_>, Skip>>()?.into())
        }
        ("map_value", Field::Message(map)) => {
            let part = |entry: &Message, name: &str| entry.message(name).ok_or("has no entry").and_then(datum);
            let entries = map.messages("entries").map(|entry| Ok((part(entry, "key")?, part(entry, "value")?)));
            Datum::Map(entries.collect::<Result<Vec<_>, Skip>>()?.into())
        }
        ("object_value", Field::Message(object)) => moment(object)?,
        _ => return Err(MESSAGES),
    })
}

/// The two messages that the language has as values: timestamps and durations.
fn moment(object: &Message) -> Result<Datum, Skip> {
    let Some((name, Field::Message(value))) = object.only() else { return Err(MESSAGES) };
    let part = |name: &str| value.field(name).and_then(|field| whole(word(field))).unwrap_or(0);
    let ns = part("seconds") * 1_000_000_000 + part("nanos");
    match name {
        "[type.googleapis.com/google.protobuf.Timestamp]" => Ok(Datum::Time(ns)),
        "[type.googleapis.com/google.protobuf.Duration]" => Ok(Datum::Span(ns)),
        _ => Err(MESSAGES),
    }
}

/// A type of the suite.
fn ty(message: &Message) -> Result<Static, Skip> {
    let (name, field) = message.only().ok_or(MESSAGES)?;
    let inner = |message: &Message, name: &str| -> Result<Box<Static>, Skip> {
        message.message(name).map_or(Ok(Static::Dyn), ty).map(Box::new)
    };
    Ok(match (name, field) {
        ("dyn", _) => Static::Dyn,
        ("null", _) => Static::Null,
        ("primitive", field) => match word(field) {
            "BOOL" => Static::Bool,
            "INT64" => Static::Int,
            "UINT64" => Static::Uint,
            "DOUBLE" => Static::Float,
            "STRING" => Static::Str,
            "BYTES" => Static::Bytes,
            _ => return Err(MESSAGES),
        },
        ("well_known", field) => match word(field) {
            "TIMESTAMP" => Static::Time,
            "DURATION" => Static::Span,
            _ => return Err(MESSAGES),
        },
        ("list_type", Field::Message(list)) => Static::List(inner(list, "elem_type")?),
        ("map_type", Field::Message(map)) => Static::Map(inner(map, "key_type")?, inner(map, "value_type")?),
        ("type", Field::Message(of)) if of.only().is_some() => Static::Type(Box::new(ty(of)?)),
        ("type", _) => Static::Type(Box::new(Static::Dyn)),
        ("abstract_type", Field::Message(of)) if of.text("name") == "optional_type" => {
            Static::Optional(inner(of, "parameter_types")?)
        }
        _ => return Err(MESSAGES),
    })
}

//! The little JSON that a schema needs, written with indentation.

use std::fmt;

/// A JSON value; maps keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

pub(super) fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

pub(super) fn texts(all: &[&str]) -> Json {
    Json::List(all.iter().map(|one| text(*one)).collect())
}

pub(super) fn number(number: i64) -> Json {
    Json::Number(number as f64)
}

pub(super) fn list(list: Vec<Json>) -> Json {
    Json::List(list)
}

pub(super) fn map(entries: Vec<(&str, Json)>) -> Json {
    Json::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Json {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::Text(value) => write_text(f, value),
            Json::List(list) => {
                f.write_str("[")?;
                for (index, value) in list.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    value.write(f, depth + 1)?;
                }
                f.write_str("]")
            }
            Json::Map(entries) if entries.is_empty() => f.write_str("{}"),
            Json::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}\n{:indent$}", if index > 0 { "," } else { "" }, "", indent = 2 * (depth + 1))?;
                    write_text(f, key)?;
                    f.write_str(": ")?;
                    value.write(f, depth + 1)?;
                }
                write!(f, "\n{:indent$}}}", "", indent = 2 * depth)
            }
        }
    }
}

/// What stands in a schema has no control characters.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

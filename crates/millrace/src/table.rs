//! Tables of columns in Parquet files, written and read row group by row group: no more than one group is in memory.

mod read;
mod write;

pub(crate) use read::{Cell, Reader, Shape};
pub(crate) use write::Writer;

use domain::{Raw, Span, Type};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// True or false.
    Bool,
    /// 64-bit integers.
    Int,
    /// 64-bit floats.
    Float,
    /// UTF-8.
    Text,
    /// Milliseconds since 1970, UTC.
    Time,
    /// Seconds, as a float.
    Seconds,
}

/// A column to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// What it, or each of its lists, holds.
    pub(crate) kind: Kind,
    /// Whether it holds lists.
    pub(crate) list: bool,
}

impl Column {
    /// A column of single values.
    pub(crate) fn new(name: &str, kind: Kind) -> Column {
        Column { name: name.to_owned(), kind, list: false }
    }

    /// A column of lists.
    pub(crate) fn of_lists(name: &str, kind: Kind) -> Column {
        Column { name: name.to_owned(), kind, list: true }
    }

    /// The column for values of a declared type.
    pub(crate) fn of(name: &str, ty: &Type) -> Column {
        let kind = |ty: &Type| match ty {
            Type::Bool => Kind::Bool,
            Type::Int => Kind::Int,
            Type::Float => Kind::Float,
            Type::Time => Kind::Time,
            Type::Span => Kind::Seconds,
            Type::Str | Type::Entity(_) | Type::List(_) => Kind::Text,
        };
        match ty {
            Type::List(of) => Column::of_lists(name, kind(of)),
            ty => Column::new(name, kind(ty)),
        }
    }
}

/// Largest integer up to which every integer is a float too.
const WHOLE_MAX: u64 = 1 << 53;

/// A raw value as a column of this kind holds it: the same value, if the kind has it.
fn fitted(kind: Kind, raw: &Raw<'_>) -> Option<Raw<'static>> {
    Some(match (kind, raw) {
        (Kind::Bool, Raw::Bool(bool)) => Raw::Bool(*bool),
        (Kind::Int | Kind::Time, Raw::Int(int)) => Raw::Int(*int),
        (Kind::Float | Kind::Seconds, Raw::Float(float)) => Raw::Float(*float),
        (Kind::Float | Kind::Seconds, Raw::Int(int)) if int.unsigned_abs() <= WHOLE_MAX => Raw::Float(*int as f64),
        (Kind::Text, Raw::Str(text)) => Raw::Str(text.clone().into_owned().into()),
        (Kind::Time, Raw::Str(text)) => Raw::Int(wire::parse_time(text)?.0),
        (Kind::Seconds, Raw::Str(text)) => Raw::Float(seconds(Span::parse(text)?)?),
        _ => return None,
    })
}

/// The span in seconds, if they read back as the same span.
fn seconds(span: Span) -> Option<f64> {
    let seconds = span.0 as f64 / 1_000.0;
    ((seconds * 1_000.0).round() == span.0 as f64 && span.0.unsigned_abs() <= WHOLE_MAX).then_some(seconds)
}

#[cfg(test)]
mod tests;

//! Typed values as expressions and state see them: strings are symbols, entities are dense ids.

use crate::{EntityId, Span, Symbol, Time};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A value at run time. `Missing` is the absence of a value; each use of it has one written rule (see `expr`).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Missing,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A string, interned.
    Str(Symbol),
    /// An instant.
    Time(Time),
    /// A length of time.
    Span(Span),
    /// An entity of the type that the slot's static type names.
    Entity(EntityId),
    /// Several values of one type.
    List(Values),
}

const _: () = assert!(size_of::<Value>() == 16);

/// Values that are shared, not copied: behind one thin pointer, so that rows of values, which are read and copied all the time, take 16
/// bytes for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Arc<Vec<Value>>);

impl Deref for Values {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl FromIterator<Value> for Values {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Values {
        Values(Arc::new(values.into_iter().collect()))
    }
}

impl From<Vec<Value>> for Values {
    fn from(values: Vec<Value>) -> Values {
        Values(Arc::new(values))
    }
}

impl<const N: usize> From<[Value; N]> for Values {
    fn from(values: [Value; N]) -> Values {
        values.into_iter().collect()
    }
}

impl Value {
    /// The number in it, if it is an int or a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(int) => Some(*int as f64),
            Value::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// True only for `Bool(true)`: what a filter lets pass.
    pub fn is_true(&self) -> bool {
        matches!(self, Value::Bool(true))
    }
}

/// A static type. `Entity` carries the index of the entity type in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `string`
    Str,
    /// `timestamp`
    Time,
    /// `duration`
    Span,
    /// An entity of the plan's type with this index.
    Entity(u16),
    /// `[T]`
    List(Box<Type>),
}

impl Type {
    /// Whether its values are strings or hold some.
    pub fn has_strings(&self) -> bool {
        match self {
            Type::Str => true,
            Type::List(of) => of.has_strings(),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Str => f.write_str("string"),
            Type::Time => f.write_str("timestamp"),
            Type::Span => f.write_str("duration"),
            Type::Entity(_) => f.write_str("entity"),
            Type::List(of) => write!(f, "[{of}]"),
        }
    }
}

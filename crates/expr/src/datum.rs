//! Values as the language defines them, whatever a slot can hold or not: what the interpreter and its functions work on.
//! Fast evaluators work on [`domain::Value`] and agree with these wherever both can say a thing.

use domain::{EntityId, Symbol};
use std::sync::Arc;

/// A value of the language. CEL's kinds, and ours: entities.
#[derive(Clone, Debug)]
pub enum Datum {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A 64-bit signed integer.
    Int(i64),
    /// A 64-bit unsigned integer: `1u`.
    Uint(u64),
    /// A 64-bit float.
    Float(f64),
    /// A string; counted and indexed by code point.
    Str(Arc<str>),
    /// A string by its symbol, in programs that never need its text.
    Symbol(Symbol),
    /// Bytes: `b"abc"`.
    Bytes(Arc<[u8]>),
    /// A list; elements may differ in kind.
    List(Arc<[Datum]>),
    /// A map: entries in the order in which they were written, keys (bool, int, uint or string) each once.
    Map(Arc<[(Datum, Datum)]>),
    /// An instant: nanoseconds since 1970 in UTC, years 1 to 9999.
    Time(i128),
    /// A length of time in nanoseconds.
    Span(i128),
    /// A type as a value: `type(1) == int`.
    Type(Arc<str>),
    /// `optional.of(x)`, `optional.none()`
    Optional(Option<Arc<Datum>>),
    /// An entity of the plan's type with this index.
    Entity(u16, EntityId),
}

/// Why an expression has no value. At the boundary of a feature, a filter or a score all of them are a missing value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Something it reads has no value.
    Missing,
    /// No such operation for values of these kinds.
    NoOverload,
    /// A map has no such key, or a list no such index.
    NoSuchKey,
    /// A number, a timestamp or a duration beyond its range.
    Overflow,
    /// Division or remainder by zero.
    DivideByZero,
    /// An argument that the function does not take (a bad regular expression, a text that is no number); what is wrong with it.
    Argument(&'static str),
    /// It would take more steps or memory than `domain::limits` allows.
    Limit,
}

/// Texts of interned strings, for what needs more of them than whether they are equal.
pub trait Texts {
    /// The text of a symbol; `None` for one that is not known here.
    fn text(&self, symbol: Symbol) -> Option<Arc<str>>;

    /// The symbol of a text: what a string that was computed becomes. `None` where it has none and is given none.
    fn symbol(&self, text: &str) -> Option<Symbol>;
}

//! Optional values: how they are made and asked.

use super::{Given, Interpreter};
use crate::ast::Node;
use crate::{Datum, Fault};
use std::sync::Arc;

/// `optional.of(x)`, `optional.ofNonZeroValue(x)`, `optional.none()`.
pub(super) fn made(name: &str, args: &[Datum]) -> Given {
    let some = |value: &Datum| Datum::Optional(Some(Arc::new(value.clone())));
    match (name, args) {
        ("of", [value]) => Ok(some(value)),
        ("ofNonZeroValue", [value]) => Ok(if is_zero(value) { Datum::Optional(None) } else { some(value) }),
        ("none", []) => Ok(Datum::Optional(None)),
        _ => Err(Fault::NoOverload),
    }
}

/// Whether it is the value that stands for nothing of its kind: 0, the empty string or list, null.
fn is_zero(value: &Datum) -> bool {
    match value {
        Datum::Null | Datum::Optional(None) => true,
        Datum::Bool(bool) => !bool,
        Datum::Int(int) => *int == 0,
        Datum::Uint(uint) => *uint == 0,
        Datum::Float(float) => *float == 0.0,
        Datum::Str(text) => text.is_empty(),
        Datum::Bytes(bytes) => bytes.is_empty(),
        Datum::List(list) => list.is_empty(),
        Datum::Map(map) => map.is_empty(),
        Datum::Span(ns) | Datum::Time(ns) => *ns == 0,
        Datum::Type(_) | Datum::Optional(Some(_)) | Datum::Entity(..) | Datum::Symbol(_) => false,
    }
}

impl<'n> Interpreter<'n> {
    /// `x.hasValue()`, `x.value()`, `x.or(y)`, `x.orValue(y)`; `y` is computed only where `x` has no value.
    pub(super) fn of_optional(&mut self, inner: Option<&Datum>, name: &str, args: &'n [Node]) -> Given {
        match (name, args, inner) {
            ("hasValue", [], inner) => Ok(Datum::Bool(inner.is_some())),
            ("value", [], Some(value)) | ("orValue", [_], Some(value)) => Ok(value.clone()),
            ("value", [], None) => Err(Fault::Argument("an optional without a value has none")),
            ("or", [_], Some(value)) => Ok(Datum::Optional(Some(Arc::new(value.clone())))),
            ("or" | "orValue", [other], None) => match (name, self.node(other)?) {
                ("or", other @ Datum::Optional(_)) => Ok(other),
                ("or", _) => Err(Fault::NoOverload),
                (_, other) => Ok(other),
            },
            _ => Err(Fault::NoOverload),
        }
    }
}

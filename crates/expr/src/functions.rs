//! The function library over values.

use crate::{Datum, Fault};

/// A type's name as a value.
pub(crate) fn constant(name: &str) -> Option<Datum> {
    crate::check::type_constant(name).map(|_| Datum::Type(name.into()))
}

/// The value of a function.
///
/// # Errors
/// There is no such function for these values, or it has no value for them.
pub(crate) fn call(_name: &str, _receiver: Option<&Datum>, _args: &[Datum]) -> Result<Datum, Fault> {
    Err(Fault::NoOverload)
}

//! The function library over [`Datum`]: CEL's standard functions, its extensions of strings, mathematics and encodings, and our own
//! functions of numbers, one file per family. What they take and give is declared in `check`; arguments that do not fit are
//! `Fault::NoOverload`. Every text, list and pattern made here is bounded by `domain::limits`.

mod conversions;
mod encodings;
mod floats;
mod format;
mod math;
mod numbers;
mod patterns;
mod quote;
mod strings;
mod times;

#[cfg(test)]
mod tests;

use crate::{Datum, Fault};
use domain::Zone;
use domain::limits::EXPRESSION_VALUE_MAX;

pub use patterns::Pattern;

/// Most arguments of a call, its receiver among them.
pub(crate) const ARGUMENTS_MAX: usize = 64;

/// What a function gives.
type Given = Result<Datum, Fault>;

/// A function in one of its two forms, global or member.
pub(crate) struct Function {
    /// With its namespace: `size`, `math.greatest`.
    pub(crate) name: &'static str,
    /// Whether it is written behind its first argument: `"abc".size()`.
    pub(crate) member: bool,
    /// What it computes; a member function takes what it is called on as its first argument.
    pub(crate) run: fn(&[&Datum]) -> Given,
}

/// A function called by its name alone.
const fn global(name: &'static str, run: fn(&[&Datum]) -> Given) -> Function {
    Function { name, member: false, run }
}

/// A function called on its first argument.
const fn member(name: &'static str, run: fn(&[&Datum]) -> Given) -> Function {
    Function { name, member: true, run }
}

/// All functions, by family.
pub(crate) fn functions() -> impl Iterator<Item = &'static Function> {
    [
        conversions::FUNCTIONS,
        numbers::FUNCTIONS,
        strings::FUNCTIONS,
        math::FUNCTIONS,
        times::FUNCTIONS,
        encodings::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function of this name (with its namespace, `math.greatest`) in its global or its member form.
pub(crate) fn function(name: &str, member: bool) -> Option<&'static Function> {
    functions().find(|function| function.name == name && function.member == member)
}

/// Calls a function: a member function with its receiver, a global one without.
///
/// # Errors
/// `Fault::NoOverload` where no function of this name takes these arguments; else what the function says.
pub(crate) fn call(name: &str, receiver: Option<&Datum>, args: &[Datum]) -> Given {
    let function = function(name, receiver.is_some()).ok_or(Fault::NoOverload)?;
    let args: Vec<&Datum> = receiver.into_iter().chain(args).collect();
    if args.len() > ARGUMENTS_MAX { Err(Fault::NoOverload) } else { (function.run)(&args) }
}

/// A type's name as a value: `int`, `google.protobuf.Timestamp`.
pub(crate) fn constant(name: &str) -> Option<Datum> {
    crate::check::type_constant(name).map(|_| Datum::Type(name.into()))
}

/// What is wrong with the last argument of a function, a literal, that can be told before anything runs: a code and a sentence.
pub(crate) fn mistaken_literal(name: &str, last: &str) -> Option<(&'static str, String)> {
    match name {
        "matches" => Pattern::mistake(last).map(|mistake| ("bad_pattern", mistake)),
        "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" | "getFullYear" | "getHours"
        | "getMilliseconds" | "getMinutes" | "getMonth" | "getSeconds" => match Zone::parse(last) {
            Some(_) => None,
            None => Some(("unknown_time_zone", format!("there is no time zone `{last}`"))),
        },
        _ => None,
    }
}

/// A text, unless it is too long.
fn text(text: impl AsRef<str>) -> Given {
    let text = text.as_ref();
    if text.len() > EXPRESSION_VALUE_MAX { Err(Fault::Limit) } else { Ok(Datum::Str(text.into())) }
}

/// Bytes, unless they are too many.
fn bytes(bytes: &[u8]) -> Given {
    if bytes.len() > EXPRESSION_VALUE_MAX { Err(Fault::Limit) } else { Ok(Datum::Bytes(bytes.into())) }
}

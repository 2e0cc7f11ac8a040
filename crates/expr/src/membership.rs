//! `x in [...]` and `x in slot`: which types go together, and the words of literals.

use crate::Literal;
use crate::form::{Condition, Form, Scalar};
use crate::numbers::{as_float, as_int};
use crate::set::Set;
use crate::typed::{Typed, each_form};
use domain::{Symbol, Type, Values};
use std::sync::Arc;

/// A literal of a list with its symbol, if it is a string.
pub(crate) type Element = (Literal, Symbol);

/// Whether a value of the first type can equal one of the second.
pub(crate) fn comparable(a: &Type, b: &Type) -> bool {
    let number = |ty: &Type| matches!(ty, Type::Int | Type::Float);
    !matches!(a, Type::List(_)) && (a == b || number(a) && number(b))
}

/// `x in [elements]`, whose types are comparable with that of `x`.
pub(crate) fn in_literals(x: Typed, elements: &[Element]) -> Form<bool> {
    let ty = x.ty();
    let set = Set::new(elements.iter().filter_map(|element| word(&ty, element)).collect());
    let known = each_form!(&x, form => match form {
        Form::Fixed(value) => Some(value.as_ref().map(|value| set.contains(value.key()))),
        _ => None,
    });
    known.map_or_else(|| Form::special(Condition::Among(x, Arc::new(set))), Form::Fixed)
}

/// The key of the value of this type that equals the literal, if there is one.
fn word(ty: &Type, (literal, symbol): &Element) -> Option<u64> {
    match (ty, literal) {
        (Type::Bool, Literal::Bool(bool)) => Some(bool.key()),
        (Type::Int, Literal::Int(int)) => Some(int.key()),
        (Type::Int, Literal::Float(float)) => as_int(*float).map(|int| int.key()),
        (Type::Float, Literal::Int(int)) => as_float(*int).map(|float| float.key()),
        (Type::Float, Literal::Float(float)) => Some(float.key()),
        (Type::Str, Literal::Str(_)) => Some(symbol.key()),
        (Type::Span, Literal::Span(span)) => Some(span.key()),
        // Of the other types there are no literals.
        _ => None,
    }
}

/// `x in list`, whose elements are comparable with `x`.
pub(crate) fn in_list(x: Typed, list: Form<Values>) -> Form<bool> {
    Form::special(Condition::Within(x, list))
}

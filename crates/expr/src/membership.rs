//! `x in [...]` and `x in slot`.

use crate::Literal;
use crate::arithmetic::{as_float, as_int, order};
use crate::operand::{Operand, Scalar};
use crate::typed::Typed;
use domain::{Span, Symbol, Type, Value};
use std::cmp::Ordering;
use std::sync::Arc;

/// Longest list that is searched from end to end and not by halves.
const SCANNED_MAX: usize = 8;

/// A literal of a list with its symbol, if it is a string.
pub(crate) type Element = (Literal, Symbol);

/// The static type of a literal that slots can hold.
pub(crate) fn literal_type(literal: &Literal) -> Option<Type> {
    Some(match literal {
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Float(_) => Type::Float,
        Literal::Str(_) => Type::Str,
        Literal::Span(_) => Type::Span,
        Literal::Null | Literal::Uint(_) | Literal::Bytes(_) => return None,
    })
}

/// Whether a value of the first type can equal one of the second.
pub(crate) fn comparable(a: &Type, b: &Type) -> bool {
    let number = |ty: &Type| matches!(ty, Type::Int | Type::Float);
    !matches!(a, Type::List(_)) && (a == b || number(a) && number(b))
}

/// `x in [elements]`, whose types are comparable with that of `x`.
pub(crate) fn in_literals(x: Typed, elements: &[Element]) -> Operand<bool> {
    match x {
        Typed::Bool(x) => among(
            x,
            pick(elements, |(literal, _)| match literal {
                Literal::Bool(bool) => Some(*bool),
                _ => None,
            }),
        ),
        Typed::Int(x) => among(
            x,
            pick(elements, |(literal, _)| match literal {
                Literal::Int(int) => Some(*int),
                Literal::Float(float) => as_int(*float),
                _ => None,
            }),
        ),
        Typed::Float(x) => {
            let mut floats = pick(elements, |(literal, _)| match literal {
                Literal::Int(int) => as_float(*int),
                Literal::Float(float) => Some(*float),
                _ => None,
            });
            floats.sort_by(f64::total_cmp);
            x.map(move |x| Some(search(&floats, |float| float.partial_cmp(&x).unwrap_or(Ordering::Less))))
        }
        Typed::Str(x) => among(x, pick(elements, |(_, symbol)| Some(*symbol))),
        Typed::Span(x) => among(
            x,
            pick(elements, |(literal, _)| match literal {
                Literal::Span(Span(ms)) => Some(Span(*ms)),
                _ => None,
            }),
        ),
        // Of these types there are no literals: the list is empty.
        Typed::Time(x) => x.map(|_| Some(false)),
        Typed::Entity(_, x) => x.map(|_| Some(false)),
        Typed::List(_, x) => x.map(|_| Some(false)),
    }
}

fn pick<T>(elements: &[Element], read: impl Fn(&Element) -> Option<T>) -> Vec<T> {
    elements.iter().filter_map(read).collect()
}

fn among<T: Scalar + Ord>(x: Operand<T>, mut known: Vec<T>) -> Operand<bool> {
    known.sort_unstable();
    known.dedup();
    x.map(move |x| Some(search(&known, |element| element.cmp(&x))))
}

/// Whether a sorted list holds an element that compares as equal.
fn search<T>(sorted: &[T], compare: impl Fn(&T) -> Ordering) -> bool {
    if sorted.len() <= SCANNED_MAX {
        return sorted.iter().any(|element| compare(element) == Ordering::Equal);
    }
    sorted.binary_search_by(compare).is_ok()
}

/// `x in list`, whose elements are comparable with `x`.
pub(crate) fn in_list(x: Typed, list: Operand<Arc<[Value]>>) -> Operand<bool> {
    match x {
        Typed::Bool(x) => any(x, list, holds),
        Typed::Int(x) => any(x, list, |int: &i64, element| match element {
            Value::Int(other) => int == other,
            Value::Float(float) => order(*int, *float) == Some(Ordering::Equal),
            _ => false,
        }),
        Typed::Float(x) => any(x, list, |float: &f64, element| match element {
            Value::Int(int) => order(*int, *float) == Some(Ordering::Equal),
            Value::Float(other) => float == other,
            _ => false,
        }),
        Typed::Str(x) => any(x, list, holds),
        Typed::Time(x) => any(x, list, holds),
        Typed::Span(x) => any(x, list, holds),
        Typed::Entity(_, x) => any(x, list, holds),
        Typed::List(_, x) => any(x, list, |_, _| false),
    }
}

fn holds<T: Scalar + PartialEq>(x: &T, element: &Value) -> bool {
    T::of(element).as_ref() == Some(x)
}

/// A list in a slot is read where it lies: counting another owner of it would cost more than the search.
fn any<T: Scalar>(
    x: Operand<T>,
    list: Operand<Arc<[Value]>>,
    equal: impl Fn(&T, &Value) -> bool + Send + Sync + 'static,
) -> Operand<bool> {
    let Operand::Slot(slot) = list else {
        return x.join(list, move |x: T, list: Arc<[Value]>| Some(list.iter().any(|element| equal(&x, element))));
    };
    let x = x.run();
    Operand::Run(Box::new(move |row| {
        let x = x(row)?;
        match row.get(usize::from(slot))? {
            Value::List(list) => Some(list.iter().any(|element| equal(&x, element))),
            _ => None,
        }
    }))
}

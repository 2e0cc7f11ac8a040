//! `x in [...]` and `x in slot` as closures.

use super::{Operand, Run};
use crate::form::{Form, Scalar};
use crate::numbers::order;
use crate::set::Set;
use crate::typed::Typed;
use domain::{Value, Values};
use std::cmp::Ordering;
use std::sync::Arc;

pub(super) fn among<T: Scalar>(x: &Form<T>, set: &Arc<Set>) -> Operand<bool> {
    let set = Arc::clone(set);
    Operand::of(x).map(move |x| Some(set.contains(x.key())))
}

pub(super) fn within(x: &Typed, list: &Form<Values>) -> Operand<bool> {
    match x {
        Typed::Bool(x) => any(x, list, holds),
        Typed::Int(x) => any(x, list, holds_int),
        Typed::Float(x) => any(x, list, holds_float),
        Typed::Str(x) => any(x, list, holds),
        Typed::Time(x) => any(x, list, holds),
        Typed::Span(x) => any(x, list, holds),
        Typed::Entity(_, x) => any(x, list, holds),
        Typed::List(_, x) => any(x, list, |_, _| false),
    }
}

/// Whether an element of a list is this value.
pub(crate) fn holds<T: Scalar + PartialEq>(x: &T, element: &Value) -> bool {
    T::of(element).as_ref() == Some(x)
}

pub(crate) fn holds_int(int: &i64, element: &Value) -> bool {
    match element {
        Value::Int(other) => int == other,
        Value::Float(float) => order(*int, *float) == Some(Ordering::Equal),
        _ => false,
    }
}

pub(crate) fn holds_float(float: &f64, element: &Value) -> bool {
    match element {
        Value::Int(int) => order(*int, *float) == Some(Ordering::Equal),
        Value::Float(other) => float == other,
        _ => false,
    }
}

/// A list in a slot is read where it lies: counting another owner of it would cost more than the search.
fn any<T: Scalar>(x: &Form<T>, list: &Form<Values>, equal: fn(&T, &Value) -> bool) -> Operand<bool> {
    let Form::Slot(slot) = list else {
        let list: Operand<Values> = Operand::of(list);
        return Operand::of(x)
            .join(list, move |x: T, list: Values| Some(list.iter().any(|element| equal(&x, element))));
    };
    let slot = usize::from(*slot);
    let x: Run<T> = Operand::of(x).run();
    Operand::Run(Box::new(move |row| {
        let x = x(row)?;
        match row.get(slot)? {
            Value::List(list) => Some(list.iter().any(|element| equal(&x, element))),
            _ => None,
        }
    }))
}

//! Pieces of an expression with their static type, and the rules that join types.

use crate::form::{Condition, FloatOp, Form, Scalar, Term};
use crate::sum;
use domain::{EntityId, Span, Symbol, Time, Type, Values};

/// A piece of any type.
#[derive(Debug)]
pub(crate) enum Typed {
    Bool(Form<bool>),
    Int(Form<i64>),
    Float(Form<f64>),
    Str(Form<Symbol>),
    Time(Form<Time>),
    Span(Form<Span>),
    Entity(u16, Form<EntityId>),
    /// With the type of its elements.
    List(Type, Form<Values>),
}

/// The same for a piece of any type: `each_form!(typed, form => expression)`.
macro_rules! each_form {
    ($typed:expr, $form:ident => $made:expr) => {
        match $typed {
            $crate::typed::Typed::Bool($form) => $made,
            $crate::typed::Typed::Int($form) => $made,
            $crate::typed::Typed::Float($form) => $made,
            $crate::typed::Typed::Str($form) => $made,
            $crate::typed::Typed::Time($form) => $made,
            $crate::typed::Typed::Span($form) => $made,
            $crate::typed::Typed::Entity(_, $form) => $made,
            $crate::typed::Typed::List(_, $form) => $made,
        }
    };
}
pub(crate) use each_form;

/// A piece, or a float sum that may still grow.
pub(crate) enum Open {
    Typed(Typed),
    Sum(Vec<Term>),
}

impl Open {
    /// As a finished piece.
    pub(crate) fn settled(self) -> Typed {
        match self {
            Open::Typed(typed) => typed,
            Open::Sum(terms) => Typed::Float(sum::settled(terms)),
        }
    }
}

/// Two numbers under one arithmetic.
pub(crate) enum Pair {
    Int(Form<i64>, Form<i64>),
    Float(Form<f64>, Form<f64>),
}

/// Something that joins two pieces of one type.
pub(crate) trait Merge {
    fn merge<T: Scalar>(self, a: Form<T>, b: Form<T>) -> Form<T>;
}

impl Typed {
    /// A slot of this type.
    pub(crate) fn slot(slot: u16, ty: Type) -> Typed {
        match ty {
            Type::Bool => Typed::Bool(Form::Slot(slot)),
            Type::Int => Typed::Int(Form::Slot(slot)),
            Type::Float => Typed::Float(Form::Slot(slot)),
            Type::Str => Typed::Str(Form::Slot(slot)),
            Type::Time => Typed::Time(Form::Slot(slot)),
            Type::Span => Typed::Span(Form::Slot(slot)),
            Type::Entity(entity) => Typed::Entity(entity, Form::Slot(slot)),
            Type::List(of) => Typed::List(*of, Form::Slot(slot)),
        }
    }

    /// Its static type.
    pub(crate) fn ty(&self) -> Type {
        match self {
            Typed::Bool(_) => Type::Bool,
            Typed::Int(_) => Type::Int,
            Typed::Float(_) => Type::Float,
            Typed::Str(_) => Type::Str,
            Typed::Time(_) => Type::Time,
            Typed::Span(_) => Type::Span,
            Typed::Entity(entity, _) => Type::Entity(*entity),
            Typed::List(of, _) => Type::List(Box::new(of.clone())),
        }
    }

    /// As a float, where it is a number.
    pub(crate) fn into_float(self) -> Option<Form<f64>> {
        match self {
            Typed::Int(int) => Some(Form::op(FloatOp::OfInt(int))),
            Typed::Float(float) => Some(float),
            _ => None,
        }
    }

    /// Joins two pieces of one type; an int beside a float is promoted. `None` where the types differ.
    pub(crate) fn merge(self, other: Typed, how: impl Merge) -> Option<Typed> {
        Some(match (self, other) {
            (Typed::Bool(a), Typed::Bool(b)) => Typed::Bool(how.merge(a, b)),
            (Typed::Str(a), Typed::Str(b)) => Typed::Str(how.merge(a, b)),
            (Typed::Time(a), Typed::Time(b)) => Typed::Time(how.merge(a, b)),
            (Typed::Span(a), Typed::Span(b)) => Typed::Span(how.merge(a, b)),
            (Typed::Entity(of, a), Typed::Entity(other, b)) if of == other => Typed::Entity(of, how.merge(a, b)),
            (Typed::List(of, a), Typed::List(other, b)) if of == other => Typed::List(of, how.merge(a, b)),
            (a, b) => match a.numbers(b)? {
                Pair::Int(a, b) => Typed::Int(how.merge(a, b)),
                Pair::Float(a, b) => Typed::Float(how.merge(a, b)),
            },
        })
    }

    /// Both as ints, or both as floats; `None` where one is no number.
    pub(crate) fn numbers(self, other: Typed) -> Option<Pair> {
        Some(match (self, other) {
            (Typed::Int(a), Typed::Int(b)) => Pair::Int(a, b),
            (a, b) => Pair::Float(a.into_float()?, b.into_float()?),
        })
    }

    /// Whether it has a value.
    pub(crate) fn has(self) -> Form<bool> {
        let known = each_form!(&self, form => match form {
            Form::Fixed(value) => Some(value.as_ref().is_some_and(|value| !value.is_absent())),
            _ => None,
        });
        match known {
            Some(has) => Form::Fixed(Some(has)),
            None => Form::special(Condition::Has(self)),
        }
    }
}

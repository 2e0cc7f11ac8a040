//! Pieces of a compiled expression with their static type, and the rules that join types.

use crate::operand::{Operand, Scalar};
use crate::sum::{self, Term};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use std::sync::Arc;

/// A piece of any type.
pub(crate) enum Typed {
    Bool(Operand<bool>),
    Int(Operand<i64>),
    Float(Operand<f64>),
    Str(Operand<Symbol>),
    Time(Operand<Time>),
    Span(Operand<Span>),
    Entity(u16, Operand<EntityId>),
    /// With the type of its elements.
    List(Type, Operand<Arc<[Value]>>),
}

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
    Int(Operand<i64>, Operand<i64>),
    Float(Operand<f64>, Operand<f64>),
}

/// Something that joins two pieces of one type.
pub(crate) trait Merge {
    fn merge<T: Scalar>(self, a: Operand<T>, b: Operand<T>) -> Operand<T>;
}

impl Typed {
    /// A slot of this type.
    pub(crate) fn slot(slot: u16, ty: Type) -> Typed {
        match ty {
            Type::Bool => Typed::Bool(Operand::Slot(slot)),
            Type::Int => Typed::Int(Operand::Slot(slot)),
            Type::Float => Typed::Float(Operand::Slot(slot)),
            Type::Str => Typed::Str(Operand::Slot(slot)),
            Type::Time => Typed::Time(Operand::Slot(slot)),
            Type::Span => Typed::Span(Operand::Slot(slot)),
            Type::Entity(entity) => Typed::Entity(entity, Operand::Slot(slot)),
            Type::List(of) => Typed::List(*of, Operand::Slot(slot)),
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
    pub(crate) fn into_float(self) -> Option<Operand<f64>> {
        match self {
            Typed::Int(int) => Some(int.map(|int| Some(int as f64))),
            Typed::Float(float) => Some(float),
            _ => None,
        }
    }

    /// Whether it has a value.
    pub(crate) fn has(self) -> Operand<bool> {
        match self {
            Typed::Bool(operand) => operand.has(),
            Typed::Int(operand) => operand.has(),
            Typed::Float(operand) => operand.has(),
            Typed::Str(operand) => operand.has(),
            Typed::Time(operand) => operand.has(),
            Typed::Span(operand) => operand.has(),
            Typed::Entity(_, operand) => operand.has(),
            Typed::List(_, operand) => operand.has(),
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
}

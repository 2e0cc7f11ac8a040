//! What operations compute, each written once. All are missing where an operand is; integers and times are checked: what
//! does not fit is missing.

use super::{Form, Operation, Visitor};
use crate::numbers::{instant, length, order};
use domain::{EntityId, Span, Symbol, Time};
use std::cmp::Ordering;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

impl Relation {
    /// The relation of the second to the first.
    pub(crate) fn mirrored(self) -> Relation {
        match self {
            Relation::Less => Relation::Greater,
            Relation::LessEqual => Relation::GreaterEqual,
            Relation::Greater => Relation::Less,
            Relation::GreaterEqual => Relation::LessEqual,
            equality => equality,
        }
    }
}

/// Comparisons of two values. A NaN is unlike everything.
#[derive(Debug)]
pub(crate) enum Comparison {
    Ints(Relation, Form<i64>, Form<i64>),
    Floats(Relation, Form<f64>, Form<f64>),
    /// Exactly, without rounding either.
    Mixed(Relation, Form<i64>, Form<f64>),
    Times(Relation, Form<Time>, Form<Time>),
    Spans(Relation, Form<Span>, Form<Span>),
    Strs(Relation, Form<Symbol>, Form<Symbol>),
    Entities(Relation, Form<EntityId>, Form<EntityId>),
}

macro_rules! compared {
    ($relation:expr, $a:expr, $b:expr, $visitor:expr, |$x:ident| $key:expr) => {{
        macro_rules! by {
            ($operator:tt) => {
                $visitor.join($a, $b, |a, b| {
                    let a = { let $x = a; $key };
                    let b = { let $x = b; $key };
                    a $operator b
                })
            };
        }
        match $relation {
            Relation::Less => by!(<),
            Relation::LessEqual => by!(<=),
            Relation::Greater => by!(>),
            Relation::GreaterEqual => by!(>=),
            Relation::Equal => by!(==),
            Relation::NotEqual => by!(!=),
        }
    }};
}

impl Operation<bool> for Comparison {
    fn visit<V: Visitor<bool>>(&self, visitor: V) -> V::Out {
        match self {
            Comparison::Ints(how, a, b) => compared!(how, a, b, visitor, |x| x),
            Comparison::Floats(how, a, b) => compared!(how, a, b, visitor, |x| x),
            Comparison::Times(how, a, b) => compared!(how, a, b, visitor, |x| x.0),
            Comparison::Spans(how, a, b) => compared!(how, a, b, visitor, |x| x.0),
            Comparison::Strs(how, a, b) => compared!(how, a, b, visitor, |x| x.0),
            Comparison::Entities(how, a, b) => compared!(how, a, b, visitor, |x| x.0),
            Comparison::Mixed(how, a, b) => match how {
                Relation::Less => visitor.join(a, b, |a, b| order(a, b) == Some(Ordering::Less)),
                Relation::LessEqual => visitor.join(a, b, |a, b| order(a, b).is_some_and(Ordering::is_le)),
                Relation::Greater => visitor.join(a, b, |a, b| order(a, b) == Some(Ordering::Greater)),
                Relation::GreaterEqual => visitor.join(a, b, |a, b| order(a, b).is_some_and(Ordering::is_ge)),
                Relation::Equal => visitor.join(a, b, |a, b| order(a, b) == Some(Ordering::Equal)),
                Relation::NotEqual => visitor.join(a, b, |a, b| order(a, b) != Some(Ordering::Equal)),
            },
        }
    }
}

/// Functions of two ints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntTwo {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Min,
    Max,
}

/// Operations that give an int.
#[derive(Debug)]
pub(crate) enum IntOp {
    Negate(Form<i64>),
    Abs(Form<i64>),
    Two(IntTwo, Form<i64>, Form<i64>),
    /// A value, the least and the most.
    Clamp([Form<i64>; 3]),
}

impl Operation<i64> for IntOp {
    fn visit<V: Visitor<i64>>(&self, visitor: V) -> V::Out {
        match self {
            IntOp::Negate(x) => visitor.try_map(x, i64::checked_neg),
            IntOp::Abs(x) => visitor.try_map(x, i64::checked_abs),
            IntOp::Clamp(of) => visitor.try_three(of, |x, least, most| (least <= most).then(|| x.max(least).min(most))),
            IntOp::Two(op, a, b) => match op {
                IntTwo::Add => visitor.try_join(a, b, i64::checked_add),
                IntTwo::Subtract => visitor.try_join(a, b, i64::checked_sub),
                IntTwo::Multiply => visitor.try_join(a, b, i64::checked_mul),
                IntTwo::Divide => visitor.try_join(a, b, i64::checked_div),
                IntTwo::Remainder => visitor.try_join(a, b, i64::checked_rem),
                IntTwo::Min => visitor.join(a, b, |a: i64, b: i64| a.min(b)),
                IntTwo::Max => visitor.join(a, b, |a: i64, b: i64| a.max(b)),
            },
        }
    }
}

/// Functions of one float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatOne {
    Negate,
    Abs,
    Ceil,
    Exp,
    Floor,
    Ln,
    Log2,
    Round,
    Sqrt,
}

/// Functions of two floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatTwo {
    Add,
    Subtract,
    Multiply,
    Divide,
    Pow,
    Min,
    Max,
}

/// Operations that give a float.
#[derive(Debug)]
pub(crate) enum FloatOp {
    OfInt(Form<i64>),
    One(FloatOne, Form<f64>),
    Two(FloatTwo, Form<f64>, Form<f64>),
    /// A value, the least and the most.
    Clamp([Form<f64>; 3]),
    /// How often the second duration is in the first.
    Ratio(Form<Span>, Form<Span>),
}

impl Operation<f64> for FloatOp {
    fn visit<V: Visitor<f64>>(&self, visitor: V) -> V::Out {
        match self {
            FloatOp::OfInt(x) => visitor.map(x, |x| x as f64),
            FloatOp::Ratio(a, b) => visitor.join(a, b, |a: Span, b: Span| a.0 as f64 / b.0 as f64),
            FloatOp::Clamp(of) => {
                visitor.try_three(of, |x, least, most| (least <= most).then(|| lesser(greater(x, least), most)))
            }
            FloatOp::One(op, x) => match op {
                FloatOne::Negate => visitor.map(x, |x: f64| -x),
                FloatOne::Abs => visitor.map(x, f64::abs),
                FloatOne::Ceil => visitor.map(x, f64::ceil),
                FloatOne::Exp => visitor.map(x, libm::exp),
                FloatOne::Floor => visitor.map(x, f64::floor),
                FloatOne::Ln => visitor.map(x, libm::log),
                FloatOne::Log2 => visitor.map(x, libm::log2),
                FloatOne::Round => visitor.map(x, f64::round),
                FloatOne::Sqrt => visitor.map(x, f64::sqrt),
            },
            FloatOp::Two(op, a, b) => match op {
                FloatTwo::Add => visitor.join(a, b, |a: f64, b: f64| a + b),
                FloatTwo::Subtract => visitor.join(a, b, |a: f64, b: f64| a - b),
                FloatTwo::Multiply => visitor.join(a, b, |a: f64, b: f64| a * b),
                FloatTwo::Divide => visitor.join(a, b, |a: f64, b: f64| a / b),
                FloatTwo::Pow => visitor.join(a, b, libm::pow),
                FloatTwo::Min => visitor.join(a, b, lesser),
                FloatTwo::Max => visitor.join(a, b, greater),
            },
        }
    }
}

/// The first of equal ones; NaN where one is NaN.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if b < a || b.is_nan() { b } else { a }
}

#[inline(always)]
fn greater(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// Operations that give a timestamp.
#[derive(Debug)]
pub(crate) enum TimeOp {
    After(Form<Time>, Form<Span>),
    Before(Form<Time>, Form<Span>),
}

impl Operation<Time> for TimeOp {
    fn visit<V: Visitor<Time>>(&self, visitor: V) -> V::Out {
        match self {
            TimeOp::After(time, span) => {
                visitor.try_join(time, span, |a: Time, b: Span| instant(a.0.checked_add(b.0)?))
            }
            TimeOp::Before(time, span) => {
                visitor.try_join(time, span, |a: Time, b: Span| instant(a.0.checked_sub(b.0)?))
            }
        }
    }
}

/// Operations that give a duration.
#[derive(Debug)]
pub(crate) enum SpanOp {
    Negate(Form<Span>),
    Between(Form<Time>, Form<Time>),
    Add(Form<Span>, Form<Span>),
    Subtract(Form<Span>, Form<Span>),
}

impl Operation<Span> for SpanOp {
    fn visit<V: Visitor<Span>>(&self, visitor: V) -> V::Out {
        match self {
            SpanOp::Negate(x) => visitor.try_map(x, |x: Span| length(x.0.checked_neg()?)),
            SpanOp::Between(a, b) => visitor.try_join(a, b, |a: Time, b: Time| length(a.0.checked_sub(b.0)?)),
            SpanOp::Add(a, b) => visitor.try_join(a, b, |a: Span, b: Span| length(a.0.checked_add(b.0)?)),
            SpanOp::Subtract(a, b) => visitor.try_join(a, b, |a: Span, b: Span| length(a.0.checked_sub(b.0)?)),
        }
    }
}

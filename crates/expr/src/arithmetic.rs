//! Which types `+ - * / %`, the minus sign and comparisons take, and the operation that each pair of types is.

use crate::BinaryOp;
use crate::form::{Comparison, FloatOne, FloatOp, FloatTwo, Form, IntOp, IntTwo, Relation, SpanOp, TimeOp};
use crate::numbers::{as_float, as_int};
use crate::typed::{Pair, Typed};
use domain::Span;

/// `left op right` for an arithmetic operator; `None` where it does not take these types.
pub(crate) fn arithmetic(op: BinaryOp, left: Typed, right: Typed) -> Option<Typed> {
    Some(match (left, right) {
        (Typed::Time(a), Typed::Time(b)) if op == BinaryOp::Subtract => Typed::Span(Form::op(SpanOp::Between(a, b))),
        (Typed::Time(a), Typed::Span(b)) if op == BinaryOp::Add => Typed::Time(Form::op(TimeOp::After(a, b))),
        (Typed::Span(a), Typed::Time(b)) if op == BinaryOp::Add => Typed::Time(Form::op(TimeOp::After(b, a))),
        (Typed::Time(a), Typed::Span(b)) if op == BinaryOp::Subtract => Typed::Time(Form::op(TimeOp::Before(a, b))),
        (Typed::Span(a), Typed::Span(b)) => spans(op, a, b)?,
        (left, right) => match left.numbers(right)? {
            Pair::Int(a, b) => Typed::Int(Form::op(IntOp::Two(of_ints(op)?, a, b))),
            Pair::Float(a, b) if op == BinaryOp::Multiply => Typed::Float(a.times(b)),
            Pair::Float(a, b) => Typed::Float(Form::op(FloatOp::Two(of_floats(op)?, a, b))),
        },
    })
}

fn spans(op: BinaryOp, a: Form<Span>, b: Form<Span>) -> Option<Typed> {
    Some(match op {
        BinaryOp::Add => Typed::Span(Form::op(SpanOp::Add(a, b))),
        BinaryOp::Subtract => Typed::Span(Form::op(SpanOp::Subtract(a, b))),
        BinaryOp::Divide => Typed::Float(Form::op(FloatOp::Ratio(a, b))),
        _ => return None,
    })
}

fn of_ints(op: BinaryOp) -> Option<IntTwo> {
    Some(match op {
        BinaryOp::Add => IntTwo::Add,
        BinaryOp::Subtract => IntTwo::Subtract,
        BinaryOp::Multiply => IntTwo::Multiply,
        BinaryOp::Divide => IntTwo::Divide,
        BinaryOp::Remainder => IntTwo::Remainder,
        _ => return None,
    })
}

fn of_floats(op: BinaryOp) -> Option<FloatTwo> {
    Some(match op {
        BinaryOp::Add => FloatTwo::Add,
        BinaryOp::Subtract => FloatTwo::Subtract,
        BinaryOp::Divide => FloatTwo::Divide,
        _ => return None,
    })
}

/// `-operand`; `None` where it is neither a number nor a duration.
pub(crate) fn negation(operand: Typed) -> Option<Typed> {
    Some(match operand {
        Typed::Int(int) => Typed::Int(Form::op(IntOp::Negate(int))),
        Typed::Float(float) => Typed::Float(Form::op(FloatOp::One(FloatOne::Negate, float))),
        Typed::Span(span) => Typed::Span(Form::op(SpanOp::Negate(span))),
        _ => return None,
    })
}

/// `left op right` for a comparison; `None` where it does not take these types.
pub(crate) fn comparison(op: BinaryOp, left: Typed, right: Typed) -> Option<Form<bool>> {
    let relation = relation(op)?;
    let equality = matches!(relation, Relation::Equal | Relation::NotEqual);
    Some(match (left, right) {
        (Typed::Int(a), Typed::Int(b)) => Form::op(Comparison::Ints(relation, a, b)),
        (Typed::Float(a), Typed::Float(b)) => Form::op(Comparison::Floats(relation, a, b)),
        (Typed::Int(a), Typed::Float(b)) => mixed(relation, a, b),
        (Typed::Float(a), Typed::Int(b)) => mixed(relation.mirrored(), b, a),
        (Typed::Time(a), Typed::Time(b)) => Form::op(Comparison::Times(relation, a, b)),
        (Typed::Span(a), Typed::Span(b)) => Form::op(Comparison::Spans(relation, a, b)),
        (Typed::Bool(a), Typed::Bool(b)) if equality => a.same(relation == Relation::Equal, b),
        (Typed::Str(a), Typed::Str(b)) if equality => Form::op(Comparison::Strs(relation, a, b)),
        (Typed::Entity(one, a), Typed::Entity(other, b)) if equality && one == other => {
            Form::op(Comparison::Entities(relation, a, b))
        }
        _ => return None,
    })
}

fn relation(op: BinaryOp) -> Option<Relation> {
    Some(match op {
        BinaryOp::Less => Relation::Less,
        BinaryOp::LessEqual => Relation::LessEqual,
        BinaryOp::Greater => Relation::Greater,
        BinaryOp::GreaterEqual => Relation::GreaterEqual,
        BinaryOp::Equal => Relation::Equal,
        BinaryOp::NotEqual => Relation::NotEqual,
        _ => return None,
    })
}

/// An int with a float, exactly. A constant that the other type can hold is converted once, here.
fn mixed(relation: Relation, a: Form<i64>, b: Form<f64>) -> Form<bool> {
    match (a, b) {
        (Form::Fixed(Some(int)), b) if as_float(int).is_some() => {
            Form::op(Comparison::Floats(relation, Form::Fixed(as_float(int)), b))
        }
        (a, Form::Fixed(Some(float))) if as_int(float).is_some() => {
            Form::op(Comparison::Ints(relation, a, Form::Fixed(as_int(float))))
        }
        (a, b) => Form::op(Comparison::Mixed(relation, a, b)),
    }
}

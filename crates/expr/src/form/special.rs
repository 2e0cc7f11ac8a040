//! Operations that evaluators know by name: those with a rule of their own for missing operands, and those that are fused.

use super::{FloatOp, FloatTwo, Form};
use crate::set::Set;
use crate::typed::Typed;
use domain::Values;
use std::sync::Arc;

/// Conditions other than comparisons.
#[derive(Debug)]
pub(crate) enum Condition {
    Not(Form<bool>),
    /// Whether two bools are equal, or unequal.
    Same(bool, Form<bool>, Form<bool>),
    /// `a && b && c` where the bool is false, `a || b || c` where it is true: one such operand decides, even beside
    /// missing ones.
    Chain(bool, Vec<Form<bool>>),
    /// Whether there is a value.
    Has(Typed),
    /// `x in [literals]`
    Among(Typed, Arc<Set>),
    /// `x in list`
    Within(Typed, Form<Values>),
}

/// Floats joined from left to right.
#[derive(Debug)]
pub(crate) enum Fused {
    /// At least two terms.
    Sum(Vec<Term>),
    /// At least three factors.
    Product(Vec<Form<f64>>),
}

/// `factor * source`
#[derive(Debug)]
pub(crate) struct Term {
    pub(crate) factor: f64,
    pub(crate) source: Form<f64>,
}

impl Form<f64> {
    /// `self * other`. Where `self` is a product its factors stay in their order, and the result is the same bit for bit.
    pub(crate) fn times(self, other: Form<f64>) -> Form<f64> {
        let factors = match self {
            Form::Special(special) => match *special {
                Fused::Product(factors) => Ok(factors),
                sum => Err(Form::special(sum)),
            },
            Form::Op(op) => match *op {
                FloatOp::Two(FloatTwo::Multiply, a, b) => Ok(vec![a, b]),
                op => Err(Form::Op(Box::new(op))),
            },
            form => Err(form),
        };
        match factors {
            Ok(mut factors) => {
                factors.push(other);
                Form::special(Fused::Product(factors))
            }
            Err(form) => Form::op(FloatOp::Two(FloatTwo::Multiply, form, other)),
        }
    }
}

impl Form<bool> {
    /// `self && other` where `decisive` is false, `self || other` where it is true. Chains are joined: their operands may
    /// be grouped in any way.
    pub(crate) fn logic(self, decisive: bool, other: Form<bool>) -> Form<bool> {
        let mut operands = Vec::with_capacity(2);
        for form in [self, other] {
            match form {
                Form::Special(special) => match *special {
                    Condition::Chain(of, inner) if of == decisive => operands.extend(inner),
                    special => operands.push(Form::special(special)),
                },
                form => operands.push(form),
            }
        }
        if operands.iter().any(|form| form.known() == Some(&decisive)) {
            return Form::Fixed(Some(decisive));
        }
        // The other bool changes nothing.
        operands.retain(|form| form.known().is_none());
        match operands.len() {
            0 => Form::Fixed(Some(!decisive)),
            1 => operands.swap_remove(0),
            _ => Form::special(Condition::Chain(decisive, operands)),
        }
    }

    /// `!self`
    pub(crate) fn not(self) -> Form<bool> {
        match self {
            Form::Fixed(value) => Form::Fixed(value.map(|value| !value)),
            form => Form::special(Condition::Not(form)),
        }
    }

    /// Whether both are equal, or unequal.
    pub(crate) fn same(self, equal: bool, other: Form<bool>) -> Form<bool> {
        match (self, other) {
            (Form::Fixed(None), _) | (_, Form::Fixed(None)) => Form::Fixed(None),
            (Form::Fixed(Some(a)), Form::Fixed(Some(b))) => Form::Fixed(Some((a == b) == equal)),
            (a, b) => Form::special(Condition::Same(equal, a, b)),
        }
    }
}

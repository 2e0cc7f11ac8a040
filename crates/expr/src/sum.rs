//! Sums of floats from left to right, `0.8 * a + 0.2 * default(b, 0) - c`, as one piece with all their terms:
//! what scores and features mostly are. The result is that of the nested operators bit for bit, since `x - t` is
//! `x + -t` and `1.0 * t` is `t` in IEEE arithmetic.

use crate::BinaryOp;
use crate::form::{Form, Fused, Term};
use crate::typed::{Open, Typed};
use domain::Type;

impl Term {
    /// A piece times one.
    fn of(source: Form<f64>) -> Term {
        Term { factor: 1.0, source }
    }

    /// Alone, as the piece that it was made of.
    fn alone(self) -> Form<f64> {
        if self.factor == 1.0 {
            return self.source;
        }
        self.source.times(Form::Fixed(Some(self.factor)))
    }
}

/// `left op right` as the terms of one sum, for `+`, `-` and `*`; both back where it is none.
pub(crate) fn joined(op: BinaryOp, left: Open, right: Open) -> Result<Vec<Term>, (Open, Open)> {
    let other = |open: &Open| !matches!(open.ty(), Type::Float | Type::Int);
    let float = left.ty() == Type::Float || right.ty() == Type::Float;
    let constants = (left.constant(), right.constant());
    if other(&left) || other(&right) || !float || constants.0.is_some() && constants.1.is_some() {
        return Err((left, right));
    }
    match (op, constants) {
        (BinaryOp::Add | BinaryOp::Subtract, _) => {
            let mut terms = left.terms();
            terms.push(right.term(if op == BinaryOp::Subtract { -1.0 } else { 1.0 }));
            Ok(terms)
        }
        (BinaryOp::Multiply, (Some(factor), None)) if right.is_bare() => Ok(vec![right.term(factor)]),
        (BinaryOp::Multiply, (None, Some(factor))) if left.is_bare() => Ok(vec![left.term(factor)]),
        _ => Err((left, right)),
    }
}

impl Open {
    fn ty(&self) -> Type {
        match self {
            Open::Typed(typed) => typed.ty(),
            Open::Sum(_) => Type::Float,
        }
    }

    /// The number that it always is.
    fn constant(&self) -> Option<f64> {
        match self {
            Open::Typed(Typed::Int(Form::Fixed(Some(int)))) => Some(*int as f64),
            Open::Typed(Typed::Float(Form::Fixed(Some(float)))) => Some(*float),
            _ => None,
        }
    }

    /// Whether it is one term without a factor, or can be made one.
    fn is_bare(&self) -> bool {
        match self {
            Open::Typed(_) => true,
            Open::Sum(terms) => terms.len() > 1 || terms.first().is_some_and(|term| term.factor == 1.0),
        }
    }

    /// Its terms, where it is a number.
    fn terms(self) -> Vec<Term> {
        match self {
            Open::Sum(terms) => terms,
            Open::Typed(typed) => typed.into_float().map(Term::of).into_iter().collect(),
        }
    }

    /// As one term times `factor`, which is 1, -1 or any number if it is bare.
    fn term(self, factor: f64) -> Term {
        let mut terms = self.terms();
        match terms.pop() {
            Some(term) if terms.is_empty() => Term { factor: term.factor * factor, ..term },
            Some(term) => {
                terms.push(term);
                Term { factor, ..Term::of(settled(terms)) }
            }
            None => Term::of(Form::Fixed(None)),
        }
    }
}

/// A sum as one piece.
pub(crate) fn settled(mut terms: Vec<Term>) -> Form<f64> {
    if terms.len() == 1
        && let Some(term) = terms.pop()
    {
        return term.alone();
    }
    Form::special(Fused::Sum(terms))
}

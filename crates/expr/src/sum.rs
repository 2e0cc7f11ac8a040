//! Sums of floats from left to right, `0.8 * a + 0.2 * default(b, 0) - c`, as one closure over all their terms:
//! what scores and features mostly are. The result is that of the nested operators bit for bit, since `x - t` is
//! `x + -t` and `1.0 * t` is `t` in IEEE arithmetic.

use crate::BinaryOp;
use crate::operand::{Operand, Run, Scalar};
use crate::typed::{Open, Typed};
use domain::{Type, Value};

/// Longest sum whose terms lie in the closure itself.
const INLINE_MAX: usize = 6;

/// `factor * source`
pub(crate) struct Term {
    factor: f64,
    source: Source,
}

enum Source {
    /// A float slot, and what stands for it where it is absent.
    Slot {
        slot: usize,
        fallback: Option<f64>,
    },
    Run(Run<f64>),
}

impl Term {
    /// A piece times one. A constant is the fallback of a slot that no row has.
    pub(crate) fn of(operand: Operand<f64>) -> Term {
        let source = match operand {
            Operand::Fixed(value) => Source::Slot { slot: usize::MAX, fallback: value },
            Operand::Slot(slot) => Source::Slot { slot: slot.into(), fallback: None },
            Operand::Run(run) => Source::Run(run),
        };
        Term { factor: 1.0, source }
    }

    /// The term of `default(slot, constant)`, if these are such arguments.
    pub(crate) fn defaulted(args: &[Typed]) -> Option<Term> {
        let [Typed::Float(Operand::Slot(slot)), fallback] = args else { return None };
        let fallback = match fallback {
            Typed::Int(Operand::Fixed(Some(int))) => *int as f64,
            Typed::Float(Operand::Fixed(Some(float))) => *float,
            _ => return None,
        };
        Some(Term { factor: 1.0, source: Source::Slot { slot: (*slot).into(), fallback: Some(fallback) } })
    }

    /// Alone, as the piece that it was made of.
    fn alone(self) -> Operand<f64> {
        let factor = self.factor;
        let plain = match self.source {
            Source::Slot { slot, fallback } => match (u16::try_from(slot), fallback) {
                (Err(_), value) => Operand::Fixed(value),
                (Ok(slot), None) => Operand::Slot(slot),
                (Ok(slot), Some(value)) => Operand::Slot(slot).or_else(Operand::Fixed(Some(value))),
            },
            Source::Run(run) => Operand::Run(run),
        };
        if factor == 1.0 { plain } else { plain.join(Operand::Fixed(Some(factor)), |x, factor| Some(x * factor)) }
    }

    #[inline(always)]
    fn read(&self, row: &[Value]) -> Option<f64> {
        match &self.source {
            Source::Slot { slot, fallback } => match row.get(*slot) {
                Some(Value::Float(float)) if fallback.is_none() || !float.is_absent() => Some(*float),
                _ => *fallback,
            },
            Source::Run(run) => run(row),
        }
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
            Open::Typed(Typed::Int(Operand::Fixed(Some(int)))) => Some(*int as f64),
            Open::Typed(Typed::Float(Operand::Fixed(Some(float)))) => Some(*float),
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
            None => Term::of(Operand::Fixed(None)),
        }
    }
}

/// A sum as one piece.
pub(crate) fn settled(mut terms: Vec<Term>) -> Operand<f64> {
    if terms.len() == 1
        && let Some(term) = terms.pop()
    {
        return term.alone();
    }
    let terms = match inline::<2>(terms).or_else(inline::<3>).or_else(inline::<4>).or_else(inline::<5>) {
        Ok(operand) => return operand,
        Err(terms) => terms,
    };
    match inline::<INLINE_MAX>(terms) {
        Ok(operand) => operand,
        Err(terms) => Operand::Run(Box::new(move |row| total(&terms, row))),
    }
}

fn inline<const N: usize>(terms: Vec<Term>) -> Result<Operand<f64>, Vec<Term>> {
    let terms = <[Term; N]>::try_from(terms)?;
    Ok(Operand::Run(Box::new(move |row| total(&terms, row))))
}

#[inline(always)]
fn total(terms: &[Term], row: &[Value]) -> Option<f64> {
    let (first, rest) = terms.split_first()?;
    let mut sum = first.factor * first.read(row)?;
    for term in rest {
        sum += term.factor * term.read(row)?;
    }
    Some(sum)
}

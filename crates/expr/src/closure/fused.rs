//! Sums and products as one closure over all their terms or factors.

use super::{Operand, Run};
use crate::form::{Form, Fused, Scalar, Special};
use domain::Value;

/// Most terms or factors that lie in the closure itself.
const INLINE_MAX: usize = 6;

/// `factor * source`
struct Part {
    factor: f64,
    source: Source,
}

enum Source {
    /// A float slot, and what stands for it where it is absent. A constant is the fallback of a slot that no row has.
    Slot {
        slot: usize,
        fallback: Option<f64>,
    },
    Run(Run<f64>),
}

impl Part {
    fn of(factor: f64, source: &Form<f64>) -> Part {
        let slot = |slot: u16, fallback| Source::Slot { slot: slot.into(), fallback };
        let source = match source {
            Form::Fixed(value) => Source::Slot { slot: usize::MAX, fallback: *value },
            Form::Slot(of) => slot(*of, None),
            Form::OrElse(of) => match &**of {
                [Form::Slot(of), Form::Fixed(Some(value))] => slot(*of, Some(*value)),
                _ => Source::Run(Operand::of(source).run()),
            },
            form => Source::Run(Operand::of(form).run()),
        };
        Part { factor, source }
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

impl Special<f64> for Fused {
    fn closure(&self) -> Operand<f64> {
        match self {
            Fused::Sum(terms) => closure(terms.iter().map(|term| Part::of(term.factor, &term.source)).collect(), sum),
            Fused::Product(factors) => closure(factors.iter().map(|factor| Part::of(1.0, factor)).collect(), product),
        }
    }
}

fn closure(parts: Vec<Part>, join: impl Join) -> Operand<f64> {
    let short = inline::<2>(parts, join).or_else(|parts| inline::<3>(parts, join));
    let short = short.or_else(|parts| inline::<4>(parts, join)).or_else(|parts| inline::<5>(parts, join));
    match short.or_else(|parts| inline::<INLINE_MAX>(parts, join)) {
        Ok(operand) => operand,
        Err(parts) => Operand::Run(Box::new(move |row| join(&parts, row))),
    }
}

/// How the parts become one number.
trait Join: Fn(&[Part], &[Value]) -> Option<f64> + Copy + Send + Sync + 'static {}
impl<F: Fn(&[Part], &[Value]) -> Option<f64> + Copy + Send + Sync + 'static> Join for F {}

fn inline<const N: usize>(parts: Vec<Part>, join: impl Join) -> Result<Operand<f64>, Vec<Part>> {
    let parts = <[Part; N]>::try_from(parts)?;
    Ok(Operand::Run(Box::new(move |row| join(&parts, row))))
}

#[inline(always)]
fn sum(parts: &[Part], row: &[Value]) -> Option<f64> {
    let (first, rest) = parts.split_first()?;
    let mut sum = first.factor * first.read(row)?;
    for part in rest {
        sum += part.factor * part.read(row)?;
    }
    Some(sum)
}

#[inline(always)]
fn product(parts: &[Part], row: &[Value]) -> Option<f64> {
    let (first, rest) = parts.split_first()?;
    rest.iter().try_fold(first.read(row)?, |product, part| Some(product * part.read(row)?))
}

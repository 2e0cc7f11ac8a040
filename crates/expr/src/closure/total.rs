//! Sums as one closure over all their terms.

use super::{Operand, Run};
use crate::form::{Form, Scalar, Special, Term, Total};
use domain::Value;

/// Longest sum whose terms lie in the closure itself.
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
    fn of(term: &Term) -> Part {
        let slot = |slot: u16, fallback| Source::Slot { slot: slot.into(), fallback };
        let source = match &term.source {
            Form::Fixed(value) => Source::Slot { slot: usize::MAX, fallback: *value },
            Form::Slot(of) => slot(*of, None),
            Form::OrElse(of) => match &**of {
                [Form::Slot(of), Form::Fixed(Some(value))] => slot(*of, Some(*value)),
                _ => Source::Run(Operand::of(&term.source).run()),
            },
            form => Source::Run(Operand::of(form).run()),
        };
        Part { factor: term.factor, source }
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

impl Special<f64> for Total {
    fn closure(&self) -> Operand<f64> {
        let parts: Vec<Part> = self.0.iter().map(Part::of).collect();
        let parts = match inline::<2>(parts).or_else(inline::<3>).or_else(inline::<4>).or_else(inline::<5>) {
            Ok(operand) => return operand,
            Err(parts) => parts,
        };
        match inline::<INLINE_MAX>(parts) {
            Ok(operand) => operand,
            Err(parts) => Operand::Run(Box::new(move |row| total(&parts, row))),
        }
    }
}

fn inline<const N: usize>(parts: Vec<Part>) -> Result<Operand<f64>, Vec<Part>> {
    let parts = <[Part; N]>::try_from(parts)?;
    Ok(Operand::Run(Box::new(move |row| total(&parts, row))))
}

#[inline(always)]
fn total(parts: &[Part], row: &[Value]) -> Option<f64> {
    let (first, rest) = parts.split_first()?;
    let mut sum = first.factor * first.read(row)?;
    for part in rest {
        sum += part.factor * part.read(row)?;
    }
    Some(sum)
}

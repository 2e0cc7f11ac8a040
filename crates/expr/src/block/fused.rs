//! Sums and products over columns: one pass per term or factor.

use super::{Fill, fill, load};
use crate::columns::{BLOCK_ROWS, BlockScratch, Columns, Plain};
use crate::form::{Form, Fused, InBlock, Term};

impl Fill<f64> for Fused {
    fn fill(&self, columns: &Columns, scratch: &mut BlockScratch, out: &mut [f64; BLOCK_ROWS]) -> u64 {
        match self {
            Fused::Sum(terms) => sum(terms, columns, scratch, out),
            Fused::Product(factors) => product(factors, columns, scratch, out),
        }
    }
}

fn sum(terms: &[Term], columns: &Columns, scratch: &mut BlockScratch, out: &mut [f64; BLOCK_ROWS]) -> u64 {
    let Some((first, rest)) = terms.split_first() else { return 0 };
    let mut present = each(first, columns, scratch, out, |_, product| product);
    for term in rest {
        present &= each(term, columns, scratch, out, |sum, product| sum + product);
    }
    present
}

fn product(factors: &[Form<f64>], columns: &Columns, scratch: &mut BlockScratch, out: &mut [f64; BLOCK_ROWS]) -> u64 {
    let Some((first, rest)) = factors.split_first() else { return 0 };
    let mut present = fill(first, columns, scratch, out);
    for factor in rest {
        let mut buffer = [f64::ABSENT; BLOCK_ROWS];
        let (values, also) = load(factor, columns, scratch, &mut buffer);
        out.iter_mut().zip(values).for_each(|(out, value)| *out *= value);
        present &= also;
    }
    present
}

/// Joins what is in `out` with the products of a term; gives a bit for each product.
#[inline(always)]
fn each(
    term: &Term,
    columns: &Columns,
    scratch: &mut BlockScratch,
    out: &mut [f64; BLOCK_ROWS],
    join: impl Fn(f64, f64) -> f64,
) -> u64 {
    let factor = term.factor;
    if let Form::OrElse(of) = &term.source
        && let [Form::Slot(slot), Form::Fixed(Some(fallback))] = &**of
        && let Some((values, _)) = columns.column(*slot).and_then(f64::lane)
    {
        // A slot without a value holds a NaN, which is replaced all the same.
        for (out, value) in out.iter_mut().zip(values) {
            *out = join(*out, factor * if value.is_nan() { *fallback } else { *value });
        }
        return u64::MAX;
    }
    let mut buffer = [f64::ABSENT; BLOCK_ROWS];
    let (values, present) = load(&term.source, columns, scratch, &mut buffer);
    for (out, value) in out.iter_mut().zip(values) {
        *out = join(*out, factor * value);
    }
    present
}

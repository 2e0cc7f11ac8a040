//! Sums over columns: one pass per term.

use super::{Fill, load};
use crate::columns::{BLOCK_ROWS, BlockScratch, Columns, Plain};
use crate::form::{Form, InBlock, Term, Total};

impl Fill<f64> for Total {
    fn fill(&self, columns: &Columns, scratch: &mut BlockScratch, out: &mut [f64; BLOCK_ROWS]) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        let mut present = each(first, columns, scratch, out, |_, product| product);
        for term in rest {
            present &= each(term, columns, scratch, out, |sum, product| sum + product);
        }
        present
    }
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

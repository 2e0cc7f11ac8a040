//! Column kernels: a form evaluated over all 64 rows of a block at once. Each operation is a loop over arrays without
//! branches, which the compiler turns into vector instructions; which rows have a value is a word of bits beside it.
//! Rows without a value are computed like the others, on whatever lies there, and forgotten.
//! The functions are those of the closures, so that both give the same bits.

mod condition;
mod fused;

pub(crate) use condition::bits;

use crate::columns::{BLOCK_ROWS, BlockScratch, Column, Columns};
use crate::form::{Form, InBlock, Never, Operation, Pure, Scalar, Visitor};
use domain::{Value, Values};

/// Special operations whose values lie in arrays.
pub(crate) trait Fill<T> {
    /// Fills all rows; gives a bit for each with a value.
    fn fill(&self, columns: &Columns, scratch: &mut BlockScratch, out: &mut [T; BLOCK_ROWS]) -> u64;
}

impl<T> Fill<T> for Never {
    fn fill(&self, _: &Columns, _: &mut BlockScratch, _: &mut [T; BLOCK_ROWS]) -> u64 {
        match *self {}
    }
}

/// The values of a form: where they lie, or computed into the buffer; and a bit for each row with a value.
#[inline]
fn load<'a, T: InBlock>(
    form: &Form<T>,
    columns: &'a Columns,
    scratch: &mut BlockScratch,
    buffer: &'a mut [T; BLOCK_ROWS],
) -> (&'a [T; BLOCK_ROWS], u64) {
    if let Form::Slot(slot) = form
        && let Some(lane) = columns.column(*slot).and_then(T::lane)
    {
        return lane;
    }
    let present = fill(form, columns, scratch, buffer);
    (buffer, present)
}

/// Computes a form into `out`; gives a bit for each row with a value.
pub(crate) fn fill<T: InBlock>(
    form: &Form<T>,
    columns: &Columns,
    scratch: &mut BlockScratch,
    out: &mut [T; BLOCK_ROWS],
) -> u64 {
    match form {
        Form::Fixed(value) => {
            out.fill(value.unwrap_or(T::ABSENT));
            if value.is_some() { u64::MAX } else { 0 }
        }
        Form::Slot(slot) => match columns.column(*slot).and_then(T::lane) {
            Some((values, present)) => {
                *out = *values;
                present
            }
            None => {
                out.fill(T::ABSENT);
                0
            }
        },
        Form::OrElse(of) => or_else(of, columns, scratch, out),
        Form::Choose(of) => choose(of, columns, scratch, out),
        Form::Op(op) => op.visit(Filling { columns, scratch, out }),
        Form::Special(special) => special.fill(columns, scratch, out),
        Form::Rows(run, slots) => {
            out.fill(T::ABSENT);
            by_rows(&**run, slots, columns, scratch, |row, value| out[row] = value)
        }
    }
}

fn or_else<T: InBlock>(
    [first, second]: &[Form<T>; 2],
    columns: &Columns,
    scratch: &mut BlockScratch,
    out: &mut [T; BLOCK_ROWS],
) -> u64 {
    let present = fill(first, columns, scratch, out);
    let present = present & mask(out, |value| !value.is_absent());
    if present & columns.mask() == columns.mask() {
        return present;
    }
    let mut buffer = [T::ABSENT; BLOCK_ROWS];
    let (others, there) = load(second, columns, scratch, &mut buffer);
    select(present, out, others);
    present | there
}

fn choose<T: InBlock>(
    (condition, [then, otherwise]): &(Form<bool>, [Form<T>; 2]),
    columns: &Columns,
    scratch: &mut BlockScratch,
    out: &mut [T; BLOCK_ROWS],
) -> u64 {
    let which = bits(condition, columns, scratch);
    let (first, second) = (which.set, which.present & !which.set);
    if first & columns.mask() == 0 {
        return fill(otherwise, columns, scratch, out) & second;
    }
    let there = fill(then, columns, scratch, out) & first;
    if second & columns.mask() == 0 {
        return there;
    }
    let mut buffer = [T::ABSENT; BLOCK_ROWS];
    let (others, other_there) = load(otherwise, columns, scratch, &mut buffer);
    select(first, out, others);
    there | other_there & second
}

/// What only closures can compute, one row after another.
pub(crate) fn by_rows<T>(
    run: &dyn Fn(&[Value]) -> Option<T>,
    slots: &[u16],
    columns: &Columns,
    scratch: &mut BlockScratch,
    mut each: impl FnMut(usize, T),
) -> u64 {
    let end = slots.last().map_or(0, |slot| usize::from(*slot) + 1);
    if scratch.row.len() < end {
        scratch.row.resize(end, Value::Missing);
    }
    let mut present = 0;
    for row in 0..columns.rows() {
        columns.read_row(row, slots, &mut scratch.row);
        if let Some(value) = run(&scratch.row[..end]) {
            present |= 1 << row;
            each(row, value);
        }
    }
    present
}

/// A bit for each value that passes the test.
#[inline(always)]
fn mask<T: Copy>(values: &[T; BLOCK_ROWS], test: impl Fn(T) -> bool) -> u64 {
    let mut bits = 0;
    for (row, value) in values.iter().enumerate() {
        bits |= u64::from(test(*value)) << row;
    }
    bits
}

/// The same for pairs of values.
#[inline(always)]
fn mask_of_pairs<T: Copy, U: Copy>(a: &[T; BLOCK_ROWS], b: &[U; BLOCK_ROWS], test: impl Fn(T, U) -> bool) -> u64 {
    let mut bits = 0;
    for row in 0..BLOCK_ROWS {
        bits |= u64::from(test(a[row], b[row])) << row;
    }
    bits
}

/// Computes operations into `out`.
struct Filling<'a, T> {
    columns: &'a Columns,
    scratch: &'a mut BlockScratch,
    out: &'a mut [T; BLOCK_ROWS],
}

impl<T: InBlock> Visitor<T> for Filling<'_, T> {
    type Out = u64;

    fn map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> T) -> u64 {
        let mut buffer = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut buffer);
        for (out, a) in self.out.iter_mut().zip(a) {
            *out = f(*a);
        }
        present
    }

    fn try_map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> Option<T>) -> u64 {
        let mut buffer = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut buffer);
        present & store(self.out, |row| f(a[row]))
    }

    fn join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> T) -> u64 {
        let mut buffer = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut buffer);
        if let Form::Fixed(Some(b)) = b {
            for (out, a) in self.out.iter_mut().zip(a) {
                *out = f(*a, *b);
            }
            return present;
        }
        let mut buffer = [B::ABSENT; BLOCK_ROWS];
        let (b, also) = load(b, self.columns, self.scratch, &mut buffer);
        for (out, (a, b)) in self.out.iter_mut().zip(a.iter().zip(b)) {
            *out = f(*a, *b);
        }
        present & also
    }

    fn try_join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> Option<T>) -> u64 {
        let (mut of_a, mut of_b) = ([A::ABSENT; BLOCK_ROWS], [B::ABSENT; BLOCK_ROWS]);
        let (a, present) = load(a, self.columns, self.scratch, &mut of_a);
        let (b, also) = load(b, self.columns, self.scratch, &mut of_b);
        present & also & store(self.out, |row| f(a[row], b[row]))
    }

    fn try_three<A: InBlock>(self, [a, b, c]: &[Form<A>; 3], f: impl Pure + Fn(A, A, A) -> Option<T>) -> u64 {
        let mut buffers = [[A::ABSENT; BLOCK_ROWS]; 3];
        let [of_a, of_b, of_c] = &mut buffers;
        let (a, present) = load(a, self.columns, self.scratch, of_a);
        let (b, also) = load(b, self.columns, self.scratch, of_b);
        let (c, too) = load(c, self.columns, self.scratch, of_c);
        present & also & too & store(self.out, |row| f(a[row], b[row], c[row]))
    }
}

/// Fills the rows that the function has a value for; gives a bit for each.
#[inline(always)]
fn store<T: InBlock>(out: &mut [T; BLOCK_ROWS], f: impl Fn(usize) -> Option<T>) -> u64 {
    let mut present = 0;
    for (row, out) in out.iter_mut().enumerate() {
        let value = f(row);
        present |= u64::from(value.is_some()) << row;
        *out = value.unwrap_or(T::ABSENT);
    }
    present
}

/// Ends an evaluation: a value that counts as missing is none, and rows without one hold what stands for that.
pub(crate) fn settle<T: InBlock>(values: &mut [T; BLOCK_ROWS], present: u64) -> u64 {
    let present = present & mask(values, |value| !value.is_absent());
    if present != u64::MAX {
        select(present, values, &[T::ABSENT; BLOCK_ROWS]);
    }
    present
}

/// Keeps the values of the rows whose bit is set, and takes the others' from elsewhere. Eight rows at a time, so that the
/// bits to look at are constants.
#[inline(always)]
fn select<T: Copy>(bits: u64, values: &mut [T; BLOCK_ROWS], others: &[T; BLOCK_ROWS]) {
    let (values, _) = values.as_chunks_mut::<8>();
    let (others, _) = others.as_chunks::<8>();
    for ((values, others), bits) in values.iter_mut().zip(others).zip(bits.to_le_bytes()) {
        for row in 0..8 {
            values[row] = if bits & 1 << row != 0 { values[row] } else { others[row] };
        }
    }
}

/// The lists of a form, by row.
pub(crate) type Lists = [Option<Values>; BLOCK_ROWS];

/// Lists are shared, not copied, and looked at row by row.
pub(crate) fn lists(form: &Form<Values>, columns: &Columns, scratch: &mut BlockScratch) -> Lists {
    match form {
        Form::Fixed(value) => std::array::from_fn(|_| value.clone()),
        Form::Slot(slot) => match columns.column(*slot) {
            Some(Column::List(values)) => std::array::from_fn(|row| Scalar::of(&values[row])),
            _ => std::array::from_fn(|_| None),
        },
        Form::OrElse(of) => {
            let (mut first, second) = (lists(&of[0], columns, scratch), lists(&of[1], columns, scratch));
            first.iter_mut().zip(second).for_each(|(list, other)| *list = list.take().or(other));
            first
        }
        Form::Choose(of) => {
            let which = bits(&of.0, columns, scratch);
            let [mut then, mut otherwise] = [0, 1].map(|index| lists(&of.1[index], columns, scratch));
            std::array::from_fn(|row| if which.value(row)? { then[row].take() } else { otherwise[row].take() })
        }
        Form::Op(op) => match **op {},
        Form::Special(special) => match **special {},
        Form::Rows(run, slots) => {
            let mut lists: Lists = std::array::from_fn(|_| None);
            by_rows(&**run, slots, columns, scratch, |row, list| lists[row] = Some(list));
            lists
        }
    }
}

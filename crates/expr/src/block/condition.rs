//! Conditions over columns: a bit for each row that is true, and one for each that has a value.

use super::{by_rows, lists, load, mask, mask_of_pairs};
use crate::closure::{holds, holds_float, holds_int};
use crate::columns::{BLOCK_ROWS, Bits, BlockScratch, Column, Columns};
use crate::form::{Condition, Form, InBlock, Operation, Pure, Scalar, Visitor};
use crate::set::Set;
use crate::typed::Typed;
use domain::{Value, Values};

/// Computes a condition.
pub(crate) fn bits(form: &Form<bool>, columns: &Columns, scratch: &mut BlockScratch) -> Bits {
    match form {
        Form::Fixed(value) => Bits::of(*value),
        Form::Slot(slot) => match columns.column(*slot) {
            Some(Column::Bool(bits)) => *bits,
            _ => Bits::default(),
        },
        Form::OrElse(of) => {
            let (a, b) = (bits(&of[0], columns, scratch), bits(&of[1], columns, scratch));
            Bits { set: a.set | b.set & !a.present, present: a.present | b.present }
        }
        Form::Choose(of) => {
            let which = bits(&of.0, columns, scratch);
            let (first, second) = (which.set, which.present & !which.set);
            let [a, b] = [0, 1].map(|index| bits(&of.1[index], columns, scratch));
            Bits { set: a.set & first | b.set & second, present: a.present & first | b.present & second }
        }
        Form::Op(op) => op.visit(Marking { columns, scratch }),
        Form::Special(condition) => special(condition, columns, scratch),
        Form::Rows(run, slots) => {
            let mut set = 0;
            let present = by_rows(&**run, slots, columns, scratch, |row, value| set |= u64::from(value) << row);
            Bits { set, present }
        }
    }
}

fn special(condition: &Condition, columns: &Columns, scratch: &mut BlockScratch) -> Bits {
    match condition {
        Condition::Not(x) => {
            let x = bits(x, columns, scratch);
            Bits { set: x.present & !x.set, present: x.present }
        }
        Condition::Same(equal, a, b) => {
            let (a, b) = (bits(a, columns, scratch), bits(b, columns, scratch));
            let (present, unequal) = (a.present & b.present, a.set ^ b.set);
            Bits { set: present & if *equal { !unequal } else { unequal }, present }
        }
        Condition::Chain(decisive, operands) => chain(*decisive, operands, columns, scratch),
        Condition::Has(x) => {
            let present = present(x, columns, scratch);
            Bits { set: present, present: u64::MAX }
        }
        Condition::Among(x, set) => among(x, set, columns, scratch),
        Condition::Within(x, list) => within(x, list, columns, scratch),
    }
}

/// Ends as soon as each row is decided.
fn chain(decisive: bool, operands: &[Form<bool>], columns: &Columns, scratch: &mut BlockScratch) -> Bits {
    let (mut decided, mut present) = (0, u64::MAX);
    for operand in operands {
        let of = bits(operand, columns, scratch);
        decided |= if decisive { of.set } else { of.present & !of.set };
        present &= of.present;
        if decided & columns.mask() == columns.mask() {
            break;
        }
    }
    let present = present | decided;
    Bits { set: if decisive { decided } else { present & !decided }, present }
}

/// Rows with a value that does not count as missing.
fn present(x: &Typed, columns: &Columns, scratch: &mut BlockScratch) -> u64 {
    fn of<T: InBlock>(x: &Form<T>, columns: &Columns, scratch: &mut BlockScratch) -> u64 {
        let mut buffer = [T::ABSENT; BLOCK_ROWS];
        let (values, present) = load(x, columns, scratch, &mut buffer);
        present & mask(values, |value| !value.is_absent())
    }
    match x {
        Typed::Bool(x) => bits(x, columns, scratch).present,
        Typed::Int(x) => of(x, columns, scratch),
        Typed::Float(x) => of(x, columns, scratch),
        Typed::Str(x) => of(x, columns, scratch),
        Typed::Time(x) => of(x, columns, scratch),
        Typed::Span(x) => of(x, columns, scratch),
        Typed::Entity(_, x) => of(x, columns, scratch),
        Typed::List(_, x) => lists(x, columns, scratch)
            .iter()
            .enumerate()
            .fold(0, |bits, (row, list)| bits | u64::from(list.is_some()) << row),
    }
}

fn among(x: &Typed, set: &Set, columns: &Columns, scratch: &mut BlockScratch) -> Bits {
    fn of<T: InBlock>(x: &Form<T>, set: &Set, columns: &Columns, scratch: &mut BlockScratch) -> Bits {
        let mut buffer = [T::ABSENT; BLOCK_ROWS];
        let (values, present) = load(x, columns, scratch, &mut buffer);
        let set = match set {
            Set::Few(words) => words.iter().fold(0, |set, word| set | mask(values, |value| value.key() == *word)),
            set => mask(values, |value| set.contains(value.key())),
        };
        Bits { set: set & present, present }
    }
    match x {
        Typed::Bool(x) => {
            let x = bits(x, columns, scratch);
            let (of_true, of_false) = (set.contains(true.key()), set.contains(false.key()));
            let trues = if of_true { x.set } else { 0 };
            let falses = if of_false { x.present & !x.set } else { 0 };
            Bits { set: trues | falses, present: x.present }
        }
        Typed::Int(x) => of(x, set, columns, scratch),
        Typed::Float(x) => of(x, set, columns, scratch),
        Typed::Str(x) => of(x, set, columns, scratch),
        Typed::Time(x) => of(x, set, columns, scratch),
        Typed::Span(x) => of(x, set, columns, scratch),
        Typed::Entity(_, x) => of(x, set, columns, scratch),
        // There are no literals that are lists.
        Typed::List(..) => Bits { set: 0, present: present(x, columns, scratch) },
    }
}

fn within(x: &Typed, list: &Form<Values>, columns: &Columns, scratch: &mut BlockScratch) -> Bits {
    match x {
        Typed::Bool(x) => {
            let x = bits(x, columns, scratch);
            any(|row| x.value(row), list, columns, scratch, holds)
        }
        Typed::Int(x) => any_of(x, list, columns, scratch, holds_int),
        Typed::Float(x) => any_of(x, list, columns, scratch, holds_float),
        Typed::Str(x) => any_of(x, list, columns, scratch, holds),
        Typed::Time(x) => any_of(x, list, columns, scratch, holds),
        Typed::Span(x) => any_of(x, list, columns, scratch, holds),
        Typed::Entity(_, x) => any_of(x, list, columns, scratch, holds),
        // A list is in no list.
        Typed::List(..) => {
            let x = present(x, columns, scratch);
            any(|row| (x >> row & 1 == 1).then_some(()), list, columns, scratch, |_, _| false)
        }
    }
}

fn any_of<T: InBlock>(
    x: &Form<T>,
    list: &Form<Values>,
    columns: &Columns,
    scratch: &mut BlockScratch,
    equal: fn(&T, &Value) -> bool,
) -> Bits {
    let mut buffer = [T::ABSENT; BLOCK_ROWS];
    let (values, present) = load(x, columns, scratch, &mut buffer);
    any(|row| (present >> row & 1 == 1).then(|| values[row]), list, columns, scratch, equal)
}

/// Row by row: lists differ in length. One in a slot is read where it lies.
fn any<T>(
    x: impl Fn(usize) -> Option<T>,
    list: &Form<Values>,
    columns: &Columns,
    scratch: &mut BlockScratch,
    equal: fn(&T, &Value) -> bool,
) -> Bits {
    let mut found = Bits::default();
    let mut look = |row: usize, list: &[Value]| {
        if let Some(x) = x(row) {
            found.set(row, Some(list.iter().any(|element| equal(&x, element))));
        }
    };
    if let Form::Slot(slot) = list {
        if let Some(Column::List(lists)) = columns.column(*slot) {
            for (row, list) in lists.iter().enumerate().take(columns.rows()) {
                if let Value::List(list) = list {
                    look(row, list);
                }
            }
        }
        return found;
    }
    let lists = lists(list, columns, scratch);
    lists
        .iter()
        .enumerate()
        .filter_map(|(row, list)| Some((row, list.as_ref()?)))
        .for_each(|(row, list)| look(row, list));
    found
}

/// Computes comparisons.
struct Marking<'a> {
    columns: &'a Columns,
    scratch: &'a mut BlockScratch,
}

impl Visitor<bool> for Marking<'_> {
    type Out = Bits;

    fn map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> bool) -> Bits {
        let mut buffer = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut buffer);
        Bits { set: present & mask(a, f), present }
    }

    fn try_map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> Option<bool>) -> Bits {
        let mut buffer = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut buffer);
        let present = present & mask(a, |a| f(a).is_some());
        Bits { set: present & mask(a, |a| f(a) == Some(true)), present }
    }

    fn join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> bool) -> Bits {
        let mut of_a = [A::ABSENT; BLOCK_ROWS];
        let (a, present) = load(a, self.columns, self.scratch, &mut of_a);
        if let Form::Fixed(Some(b)) = b {
            return Bits { set: present & mask(a, |a| f(a, *b)), present };
        }
        let mut of_b = [B::ABSENT; BLOCK_ROWS];
        let (b, also) = load(b, self.columns, self.scratch, &mut of_b);
        let present = present & also;
        Bits { set: present & mask_of_pairs(a, b, f), present }
    }

    fn try_join<A: InBlock, B: InBlock>(
        self,
        a: &Form<A>,
        b: &Form<B>,
        f: impl Pure + Fn(A, B) -> Option<bool>,
    ) -> Bits {
        let (mut of_a, mut of_b) = ([A::ABSENT; BLOCK_ROWS], [B::ABSENT; BLOCK_ROWS]);
        let (a, present) = load(a, self.columns, self.scratch, &mut of_a);
        let (b, also) = load(b, self.columns, self.scratch, &mut of_b);
        let present = present & also & mask_of_pairs(a, b, |a, b| f(a, b).is_some());
        Bits { set: present & mask_of_pairs(a, b, |a, b| f(a, b) == Some(true)), present }
    }

    fn try_three<A: InBlock>(self, of: &[Form<A>; 3], f: impl Pure + Fn(A, A, A) -> Option<bool>) -> Bits {
        let mut values = [[A::ABSENT; BLOCK_ROWS]; 3];
        let mut present = u64::MAX;
        for (form, values) in of.iter().zip(&mut values) {
            present &= super::fill(form, self.columns, self.scratch, values);
        }
        let [a, b, c] = values;
        let mut found = Bits::default();
        (0..BLOCK_ROWS).for_each(|row| found.set(row, f(a[row], b[row], c[row])));
        Bits { set: found.set & present, present: found.present & present }
    }
}

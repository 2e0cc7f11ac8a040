//! `a && b && c` and `a || b || c` as one closure. Operands that compare a slot with a constant are tests: a few words
//! read in a loop, without a call. They come first, since the order of operands changes no value.

use super::{Operand, Run};
use crate::form::{Comparison, Condition, Form, Relation, Scalar};
use crate::set::Set;
use crate::typed::each_form;
use domain::{Symbol, Value};
use std::sync::Arc;

/// A condition on one slot.
struct Test {
    slot: usize,
    of: Of,
}

enum Of {
    /// Whether the float lies between the two, both included; or whether it does not. Nothing lies between NaNs.
    Float(f64, f64, bool),
    Int(i64, i64, bool),
    Span(i64, i64, bool),
    Str(Symbol, bool),
    Bool(bool),
    /// With how a value is read as a word of the set.
    Among(Arc<Set>, fn(&Value) -> Option<u64>),
}

impl Test {
    /// The condition as a test, if it is one.
    fn of(form: &Form<bool>) -> Option<Test> {
        let (slot, of) = match form {
            Form::Slot(slot) => (*slot, Of::Bool(true)),
            Form::Op(op) => compared(op)?,
            Form::Special(special) => match &**special {
                Condition::Not(Form::Slot(slot)) => (*slot, Of::Bool(false)),
                Condition::Among(x, set) => each_form!(x, x => (slot_of(x)?, Of::Among(Arc::clone(set), key_in(x)))),
                _ => return None,
            },
            _ => return None,
        };
        Some(Test { slot: slot.into(), of })
    }

    #[inline(always)]
    fn read(&self, row: &[Value]) -> Option<bool> {
        match (&self.of, row.get(self.slot)?) {
            (Of::Float(least, most, inside), Value::Float(x)) => Some((least <= x && x <= most) == *inside),
            (Of::Str(symbol, equal), Value::Str(x)) => Some((symbol == x) == *equal),
            (Of::Int(least, most, inside), Value::Int(x)) => Some((least <= x && x <= most) == *inside),
            (Of::Span(least, most, inside), Value::Span(x)) => Some((*least <= x.0 && x.0 <= *most) == *inside),
            (Of::Bool(wanted), Value::Bool(x)) => Some(x == wanted),
            (Of::Among(set, key), value) => Some(set.contains(key(value)?)),
            _ => None,
        }
    }
}

fn slot_of<T: Scalar>(form: &Form<T>) -> Option<u16> {
    match form {
        Form::Slot(slot) => Some(*slot),
        _ => None,
    }
}

fn key_in<T: Scalar>(_: &Form<T>) -> fn(&Value) -> Option<u64> {
    |value| T::of(value).map(|value| value.key())
}

/// A comparison of a slot with a constant, on either side.
fn compared(comparison: &Comparison) -> Option<(u16, Of)> {
    Some(match comparison {
        Comparison::Floats(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = float_range(relation, *constant);
            (slot, Of::Float(least, most, inside))
        }
        Comparison::Ints(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = int_range(relation, *constant);
            (slot, Of::Int(least, most, inside))
        }
        Comparison::Spans(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = int_range(relation, constant.0);
            (slot, Of::Span(least, most, inside))
        }
        Comparison::Strs(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            (slot, Of::Str(*constant, relation == Relation::Equal))
        }
        _ => return None,
    })
}

fn sides<'a, T: Scalar>(relation: Relation, a: &'a Form<T>, b: &'a Form<T>) -> Option<(u16, Relation, &'a T)> {
    match (a, b) {
        (Form::Slot(slot), Form::Fixed(Some(constant))) => Some((*slot, relation, constant)),
        (Form::Fixed(Some(constant)), Form::Slot(slot)) => Some((*slot, relation.mirrored(), constant)),
        _ => None,
    }
}

fn float_range(relation: Relation, constant: f64) -> (f64, f64, bool) {
    const NEVER: (f64, f64, bool) = (f64::NAN, f64::NAN, true);
    match relation {
        Relation::Less if constant == f64::NEG_INFINITY => NEVER,
        Relation::Less => (f64::NEG_INFINITY, constant.next_down(), true),
        Relation::LessEqual => (f64::NEG_INFINITY, constant, true),
        Relation::Greater if constant == f64::INFINITY => NEVER,
        Relation::Greater => (constant.next_up(), f64::INFINITY, true),
        Relation::GreaterEqual => (constant, f64::INFINITY, true),
        Relation::Equal => (constant, constant, true),
        Relation::NotEqual => (constant, constant, false),
    }
}

fn int_range(relation: Relation, constant: i64) -> (i64, i64, bool) {
    const NEVER: (i64, i64, bool) = (1, 0, true);
    match relation {
        Relation::Less => constant.checked_sub(1).map_or(NEVER, |most| (i64::MIN, most, true)),
        Relation::LessEqual => (i64::MIN, constant, true),
        Relation::Greater => constant.checked_add(1).map_or(NEVER, |least| (least, i64::MAX, true)),
        Relation::GreaterEqual => (constant, i64::MAX, true),
        Relation::Equal => (constant, constant, true),
        Relation::NotEqual => (constant, constant, false),
    }
}

/// `&&` where `decisive` is false, `||` where it is true.
pub(super) fn closure<const DECISIVE: bool>(operands: &[Form<bool>]) -> Operand<bool> {
    let (mut tests, mut rest): (Vec<Test>, Vec<Run<bool>>) = Default::default();
    for operand in operands {
        match Test::of(operand) {
            Some(test) => tests.push(test),
            None => rest.push(Operand::of(operand).run()),
        }
    }
    let tests = if rest.is_empty() {
        let short = inline::<DECISIVE, 2>(tests).or_else(inline::<DECISIVE, 3>).or_else(inline::<DECISIVE, 4>);
        match short {
            Ok(operand) => return operand,
            Err(tests) => tests,
        }
    } else {
        tests
    };
    Operand::Run(Box::new(move |row| {
        let decided = chained::<DECISIVE>(&tests, row);
        if decided == Some(DECISIVE) {
            return decided;
        }
        rest.iter()
            .try_fold(decided, |so_far, run| absorbed::<DECISIVE>(so_far, run(row)))
            .unwrap_or_else(|decided| decided)
    }))
}

fn inline<const DECISIVE: bool, const N: usize>(tests: Vec<Test>) -> Result<Operand<bool>, Vec<Test>> {
    let tests = <[Test; N]>::try_from(tests)?;
    Ok(Operand::Run(Box::new(move |row| chained::<DECISIVE>(&tests, row))))
}

#[inline(always)]
fn chained<const DECISIVE: bool>(tests: &[Test], row: &[Value]) -> Option<bool> {
    let mut all = Some(!DECISIVE);
    for test in tests {
        match test.read(row) {
            Some(decisive) if decisive == DECISIVE => return Some(DECISIVE),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

/// One more operand of a chain; the error is the value that decides it.
#[inline(always)]
fn absorbed<const DECISIVE: bool>(so_far: Option<bool>, next: Option<bool>) -> Result<Option<bool>, Option<bool>> {
    match next {
        Some(decisive) if decisive == DECISIVE => Err(next),
        Some(_) => Ok(so_far),
        None => Ok(None),
    }
}

//! `a && b && c` and `a || b || c` as one closure. Operands that compare a slot with a constant are tests: a few words,
//! read without a call. They come first, since the order of operands changes no value.

use super::{Operand, Run};
use crate::form::{Comparison, Condition, Form, Relation, Scalar};
use crate::set::Set;
use crate::typed::each_form;
use domain::{Symbol, Value};
use std::sync::Arc;

/// A condition on one slot.
trait Check: Send + Sync + 'static {
    fn check(&self, row: &[Value]) -> Option<bool>;
}

/// Whether a float lies between the two, both included; or whether it does not. Nothing lies between NaNs.
struct Between {
    slot: usize,
    least: f64,
    most: f64,
    inside: bool,
}

/// Whether a string is this one; or whether it is not.
struct Named {
    slot: usize,
    symbol: Symbol,
    equal: bool,
}

/// The rarer conditions.
struct Rare {
    slot: usize,
    of: Of,
}

enum Of {
    Int(i64, i64, bool),
    Span(i64, i64, bool),
    Bool(bool),
    /// With how a value is read as a word of the set.
    Among(Arc<Set>, fn(&Value) -> Option<u64>),
}

impl Check for Between {
    #[inline(always)]
    fn check(&self, row: &[Value]) -> Option<bool> {
        match row.get(self.slot) {
            Some(Value::Float(x)) => Some((self.least <= *x && *x <= self.most) == self.inside),
            _ => None,
        }
    }
}

impl Check for Named {
    #[inline(always)]
    fn check(&self, row: &[Value]) -> Option<bool> {
        match row.get(self.slot) {
            Some(Value::Str(x)) => Some((self.symbol == *x) == self.equal),
            _ => None,
        }
    }
}

impl Check for Rare {
    #[inline(always)]
    fn check(&self, row: &[Value]) -> Option<bool> {
        match (&self.of, row.get(self.slot)?) {
            (Of::Int(least, most, inside), Value::Int(x)) => Some((least <= x && x <= most) == *inside),
            (Of::Span(least, most, inside), Value::Span(x)) => Some((*least <= x.0 && x.0 <= *most) == *inside),
            (Of::Bool(wanted), Value::Bool(x)) => Some(x == wanted),
            (Of::Among(set, key), value) => Some(set.contains(key(value)?)),
            _ => None,
        }
    }
}

/// Any condition on one slot.
enum Test {
    Between(Between),
    Named(Named),
    Rare(Rare),
}

impl Check for Test {
    #[inline(always)]
    fn check(&self, row: &[Value]) -> Option<bool> {
        match self {
            Test::Between(test) => test.check(row),
            Test::Named(test) => test.check(row),
            Test::Rare(test) => test.check(row),
        }
    }
}

/// The same for each kind of test, with its type known: `each_kind!(test, check => expression)`.
macro_rules! each_kind {
    ($test:expr, $check:ident => $made:expr) => {
        match $test {
            Test::Between($check) => $made,
            Test::Named($check) => $made,
            Test::Rare($check) => $made,
        }
    };
}

impl Test {
    /// The condition as a test, if it is one.
    fn of(form: &Form<bool>) -> Option<Test> {
        let rare = |slot: u16, of| Some(Test::Rare(Rare { slot: slot.into(), of }));
        match form {
            Form::Slot(slot) => rare(*slot, Of::Bool(true)),
            Form::Op(op) => compared(op),
            Form::Special(special) => match &**special {
                Condition::Not(Form::Slot(slot)) => rare(*slot, Of::Bool(false)),
                Condition::Among(x, set) => {
                    each_form!(x, x => rare(slot_of(x)?, Of::Among(Arc::clone(set), key_in(x))))
                }
                _ => None,
            },
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
fn compared(comparison: &Comparison) -> Option<Test> {
    Some(match comparison {
        Comparison::Floats(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = float_range(relation, *constant);
            Test::Between(Between { slot, least, most, inside })
        }
        Comparison::Strs(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            Test::Named(Named { slot, symbol: *constant, equal: relation == Relation::Equal })
        }
        Comparison::Ints(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = int_range(relation, *constant);
            Test::Rare(Rare { slot, of: Of::Int(least, most, inside) })
        }
        Comparison::Spans(relation, a, b) => {
            let (slot, relation, constant) = sides(*relation, a, b)?;
            let (least, most, inside) = int_range(relation, constant.0);
            Test::Rare(Rare { slot, of: Of::Span(least, most, inside) })
        }
        _ => return None,
    })
}

fn sides<'a, T: Scalar>(relation: Relation, a: &'a Form<T>, b: &'a Form<T>) -> Option<(usize, Relation, &'a T)> {
    match (a, b) {
        (Form::Slot(slot), Form::Fixed(Some(constant))) => Some((usize::from(*slot), relation, constant)),
        (Form::Fixed(Some(constant)), Form::Slot(slot)) => Some((usize::from(*slot), relation.mirrored(), constant)),
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
    if rest.is_empty() {
        return tests_only::<DECISIVE>(tests);
    }
    Operand::Run(Box::new(move |row| {
        let decided = chained::<DECISIVE>(&tests, row);
        if decided == Some(DECISIVE) {
            return decided;
        }
        let all = rest.iter().try_fold(decided, |so_far, run| joined::<DECISIVE>(so_far, run(row)));
        all.unwrap_or(Some(DECISIVE))
    }))
}

/// Chains of two and three tests have closures for their kinds.
fn tests_only<const DECISIVE: bool>(tests: Vec<Test>) -> Operand<bool> {
    let tests = match <[Test; 2]>::try_from(tests) {
        Ok([a, b]) => return each_kind!(a, a => each_kind!(b, b => two::<DECISIVE>(a, b))),
        Err(tests) => tests,
    };
    match <[Test; 3]>::try_from(tests) {
        Ok([a, b, c]) => each_kind!(a, a => each_kind!(b, b => each_kind!(c, c => three::<DECISIVE>(a, b, c)))),
        Err(tests) => Operand::Run(Box::new(move |row| chained::<DECISIVE>(&tests, row))),
    }
}

fn two<const DECISIVE: bool>(a: impl Check, b: impl Check) -> Operand<bool> {
    Operand::Run(Box::new(move |row| {
        let all = joined::<DECISIVE>(Some(!DECISIVE), a.check(row));
        let all = all.and_then(|all| joined::<DECISIVE>(all, b.check(row)));
        all.unwrap_or(Some(DECISIVE))
    }))
}

fn three<const DECISIVE: bool>(a: impl Check, b: impl Check, c: impl Check) -> Operand<bool> {
    Operand::Run(Box::new(move |row| {
        let all = joined::<DECISIVE>(Some(!DECISIVE), a.check(row));
        let all = all.and_then(|all| joined::<DECISIVE>(all, b.check(row)));
        let all = all.and_then(|all| joined::<DECISIVE>(all, c.check(row)));
        all.unwrap_or(Some(DECISIVE))
    }))
}

#[inline(always)]
fn chained<const DECISIVE: bool>(tests: &[Test], row: &[Value]) -> Option<bool> {
    let all = tests.iter().try_fold(Some(!DECISIVE), |all, test| joined::<DECISIVE>(all, test.check(row)));
    all.unwrap_or(Some(DECISIVE))
}

/// What decides a chain, whatever its other operands are.
struct Decided;

/// A chain's value with one more operand.
#[inline(always)]
fn joined<const DECISIVE: bool>(so_far: Option<bool>, next: Option<bool>) -> Result<Option<bool>, Decided> {
    match next {
        Some(decisive) if decisive == DECISIVE => Err(Decided),
        Some(_) => Ok(so_far),
        None => Ok(None),
    }
}

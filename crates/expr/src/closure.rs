//! Closures for single rows. Joining two operands picks the closure for their shapes, so that `slot op constant` is one
//! call and not three; chains of conditions and sums are one closure each.

mod chain;
mod fused;
mod membership;

pub(crate) use membership::{holds, holds_float, holds_int};

use crate::form::{Condition, Form, InBlock, Pure, Scalar, Special, Visitor};
use crate::typed::each_form;
use domain::Value;
use std::sync::Arc;

/// A closure over a row; `None` is a missing value.
pub(crate) type Run<T> = Box<dyn Fn(&[Value]) -> Option<T> + Send + Sync>;

/// An operand of a closure.
pub(crate) enum Operand<T> {
    /// Known now; `None` is always missing.
    Fixed(Option<T>),
    /// Read from this slot.
    Slot(u16),
    /// Computed.
    Run(Run<T>),
}

/// How a closure reads one of its operands.
trait Read<T>: Send + Sync + 'static {
    fn read(&self, row: &[Value]) -> Option<T>;
}

struct Slot(usize);
struct Fixed<T>(T);

impl<T: Scalar> Read<T> for Slot {
    #[inline(always)]
    fn read(&self, row: &[Value]) -> Option<T> {
        row.get(self.0).and_then(T::of)
    }
}

impl<T: Scalar> Read<T> for Fixed<T> {
    #[inline(always)]
    fn read(&self, _: &[Value]) -> Option<T> {
        Some(self.0.clone())
    }
}

impl<T: Scalar> Read<T> for Run<T> {
    #[inline(always)]
    fn read(&self, row: &[Value]) -> Option<T> {
        self(row)
    }
}

impl<T: Scalar> Operand<T> {
    /// A piece as an operand.
    pub(crate) fn of(form: &Form<T>) -> Operand<T> {
        match form {
            Form::Fixed(value) => Operand::Fixed(value.clone()),
            Form::Slot(slot) => Operand::Slot(*slot),
            Form::OrElse(of) => Operand::of(&of[0]).or_else(Operand::of(&of[1])),
            Form::Choose(of) => choose(Operand::of(&of.0), Operand::of(&of.1[0]), Operand::of(&of.1[1])),
            Form::Op(op) => crate::form::Operation::visit(&**op, Closing),
            Form::Special(special) => special.closure(),
            Form::Rows(run, _) => {
                let run = Arc::clone(run);
                Operand::Run(Box::new(move |row| run(row)))
            }
        }
    }

    /// As a closure, whatever its shape.
    pub(crate) fn run(self) -> Run<T> {
        match self {
            Operand::Fixed(value) => Box::new(move |_| value.clone()),
            Operand::Slot(slot) => {
                let slot = Slot(slot.into());
                Box::new(move |row| slot.read(row))
            }
            Operand::Run(run) => run,
        }
    }

    /// `f` of its value.
    fn map<R>(self, f: impl Fn(T) -> Option<R> + Send + Sync + 'static) -> Operand<R> {
        match self {
            Operand::Fixed(value) => Operand::Fixed(value.and_then(f)),
            Operand::Slot(slot) => {
                let slot = Slot(slot.into());
                Operand::Run(Box::new(move |row| f(slot.read(row)?)))
            }
            Operand::Run(run) => Operand::Run(Box::new(move |row| f(run(row)?))),
        }
    }

    /// `f` of both values. Of two constants there are none: the form is folded.
    fn join<U: Scalar, R: 'static>(self, other: Operand<U>, f: impl Join<T, U, R>) -> Operand<R> {
        use Operand::{Fixed as Known, Run as Computed, Slot as Stored};
        match (self, other) {
            (Known(None), _) | (_, Known(None)) => Known(None),
            (Known(Some(a)), Known(Some(b))) => Known(f(a, b)),
            (Known(Some(a)), Stored(b)) => joined(Fixed(a), Slot(b.into()), f),
            (Known(Some(a)), Computed(b)) => joined(Fixed(a), b, f),
            (Stored(a), Known(Some(b))) => joined(Slot(a.into()), Fixed(b), f),
            (Stored(a), Stored(b)) => joined(Slot(a.into()), Slot(b.into()), f),
            (Stored(a), Computed(b)) => joined(Slot(a.into()), b, f),
            (Computed(a), Known(Some(b))) => joined(a, Fixed(b), f),
            (Computed(a), Stored(b)) => joined(a, Slot(b.into()), f),
            (Computed(a), Computed(b)) => joined(a, b, f),
        }
    }

    /// Whether there is a value.
    fn has(self) -> Operand<bool> {
        let present = |value: Option<T>| Some(value.is_some_and(|value| !value.is_absent()));
        match self {
            Operand::Fixed(value) => Operand::Fixed(present(value)),
            Operand::Slot(slot) => {
                let slot = Slot(slot.into());
                Operand::Run(Box::new(move |row| present(slot.read(row))))
            }
            Operand::Run(run) => Operand::Run(Box::new(move |row| present(run(row)))),
        }
    }

    /// Its value, or the other's where it has none.
    fn or_else(self, other: Operand<T>) -> Operand<T> {
        use Operand::{Fixed as Known, Run as Computed, Slot as Stored};
        match (self, other) {
            (Stored(a), Known(Some(b))) => fallback(Slot(a.into()), Fixed(b)),
            (Stored(a), Stored(b)) => fallback(Slot(a.into()), Slot(b.into())),
            (Stored(a), other) => fallback(Slot(a.into()), other.run()),
            (Computed(a), Known(Some(b))) => fallback(a, Fixed(b)),
            (a, other) => fallback(a.run(), other.run()),
        }
    }
}

fn choose<T: Scalar>(condition: Operand<bool>, then: Operand<T>, otherwise: Operand<T>) -> Operand<T> {
    let (condition, then, otherwise) = (condition.run(), then.run(), otherwise.run());
    Operand::Run(Box::new(move |row| if condition(row)? { then(row) } else { otherwise(row) }))
}

/// What `Operand::join` applies.
trait Join<T, U, R>: Fn(T, U) -> Option<R> + Send + Sync + 'static {}
impl<T, U, R, F: Fn(T, U) -> Option<R> + Send + Sync + 'static> Join<T, U, R> for F {}

fn joined<T: Scalar, U: Scalar, R>(a: impl Read<T>, b: impl Read<U>, f: impl Join<T, U, R>) -> Operand<R> {
    Operand::Run(Box::new(move |row| f(a.read(row)?, b.read(row)?)))
}

fn fallback<T: Scalar>(a: impl Read<T>, b: impl Read<T>) -> Operand<T> {
    Operand::Run(Box::new(move |row| a.read(row).filter(|value| !value.is_absent()).or_else(|| b.read(row))))
}

/// Makes closures of operations.
struct Closing;

impl<R: Scalar> Visitor<R> for Closing {
    type Out = Operand<R>;

    fn map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> R) -> Operand<R> {
        Operand::of(a).map(move |a| Some(f(a)))
    }

    fn try_map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> Option<R>) -> Operand<R> {
        Operand::of(a).map(f)
    }

    fn join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> R) -> Operand<R> {
        Operand::of(a).join(Operand::of(b), move |a, b| Some(f(a, b)))
    }

    fn try_join<A: InBlock, B: InBlock>(
        self,
        a: &Form<A>,
        b: &Form<B>,
        f: impl Pure + Fn(A, B) -> Option<R>,
    ) -> Operand<R> {
        Operand::of(a).join(Operand::of(b), f)
    }

    fn try_three<A: InBlock>(self, [a, b, c]: &[Form<A>; 3], f: impl Pure + Fn(A, A, A) -> Option<R>) -> Operand<R> {
        if let (Form::Fixed(Some(b)), Form::Fixed(Some(c))) = (b, c) {
            let (b, c) = (*b, *c);
            return Operand::of(a).map(move |a| f(a, b, c));
        }
        let (a, b, c) = (Operand::of(a).run(), Operand::of(b).run(), Operand::of(c).run());
        Operand::Run(Box::new(move |row| f(a(row)?, b(row)?, c(row)?)))
    }
}

impl Special<bool> for Condition {
    fn closure(&self) -> Operand<bool> {
        match self {
            Condition::Not(x) => Operand::of(x).map(|x| Some(!x)),
            Condition::Same(true, a, b) => Operand::of(a).join(Operand::of(b), |a, b| Some(a == b)),
            Condition::Same(false, a, b) => Operand::of(a).join(Operand::of(b), |a, b| Some(a != b)),
            Condition::Chain(true, operands) => chain::closure::<true>(operands),
            Condition::Chain(false, operands) => chain::closure::<false>(operands),
            Condition::Has(x) => each_form!(x, x => Operand::of(x).has()),
            Condition::Among(x, set) => each_form!(x, x => membership::among(x, set)),
            Condition::Within(x, list) => membership::within(x, list),
        }
    }
}

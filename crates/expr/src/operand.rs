//! Typed pieces of a compiled expression: a constant, a slot or a closure. Joining two pieces picks the closure
//! for their shapes, so that `slot op constant` is one call and not three.

use domain::{EntityId, Span, Symbol, Time, Value};
use std::sync::Arc;

/// A closure over a row; `None` is a missing value.
pub(crate) type Run<T> = Box<dyn Fn(&[Value]) -> Option<T> + Send + Sync>;

/// A Rust type behind a static type of the language.
pub(crate) trait Scalar: Clone + Send + Sync + 'static {
    /// The value in a slot; `None` for a missing one and for one of another type.
    fn of(value: &Value) -> Option<Self>;
    /// As a value.
    fn value(self) -> Value;
    /// Whether it counts as missing where that is asked (`has`, `default`, a program's result): a NaN does.
    #[inline(always)]
    fn is_absent(&self) -> bool {
        false
    }
}

macro_rules! scalar {
    ($type:ty, $variant:ident $(, $absent:expr)?) => {
        impl Scalar for $type {
            #[inline(always)]
            fn of(value: &Value) -> Option<$type> {
                match value {
                    Value::$variant(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
            #[inline(always)]
            fn value(self) -> Value {
                Value::$variant(self)
            }
            $(
                #[inline(always)]
                fn is_absent(&self) -> bool {
                    $absent(*self)
                }
            )?
        }
    };
}

scalar!(bool, Bool);
scalar!(i64, Int);
scalar!(f64, Float, f64::is_nan);
scalar!(Symbol, Str);
scalar!(Time, Time);
scalar!(Span, Span);
scalar!(EntityId, Entity);
scalar!(Arc<[Value]>, List);

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

/// A typed piece.
pub(crate) enum Operand<T> {
    /// Known now; `None` is always missing.
    Fixed(Option<T>),
    /// Read from this slot.
    Slot(u16),
    /// Computed.
    Run(Run<T>),
}

impl<T: Scalar> Operand<T> {
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
    pub(crate) fn map<R: Scalar>(self, f: impl Fn(T) -> Option<R> + Send + Sync + 'static) -> Operand<R> {
        match self {
            Operand::Fixed(value) => Operand::Fixed(value.and_then(f)),
            Operand::Slot(slot) => {
                let slot = Slot(slot.into());
                Operand::Run(Box::new(move |row| f(slot.read(row)?)))
            }
            Operand::Run(run) => Operand::Run(Box::new(move |row| f(run(row)?))),
        }
    }

    /// `f` of both values.
    pub(crate) fn join<U: Scalar, R: Scalar>(self, other: Operand<U>, f: impl Join<T, U, R>) -> Operand<R> {
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
    pub(crate) fn has(self) -> Operand<bool> {
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
    pub(crate) fn or_else(self, other: Operand<T>) -> Operand<T> {
        use Operand::{Fixed as Known, Run as Computed, Slot as Stored};
        match (self, other) {
            (Known(value), other) => match value.filter(|value| !value.is_absent()) {
                Some(value) => Known(Some(value)),
                None => other,
            },
            (Stored(a), Known(Some(b))) => fallback(Slot(a.into()), Fixed(b)),
            (Stored(a), Stored(b)) => fallback(Slot(a.into()), Slot(b.into())),
            (Stored(a), other) => fallback(Slot(a.into()), other.run()),
            (Computed(a), Known(Some(b))) => fallback(a, Fixed(b)),
            (Computed(a), other) => fallback(a, other.run()),
        }
    }

    /// `then` where the condition is true, `otherwise` where it is false.
    pub(crate) fn choose(condition: Operand<bool>, then: Operand<T>, otherwise: Operand<T>) -> Operand<T> {
        let condition = match condition {
            Operand::Fixed(None) => return Operand::Fixed(None),
            Operand::Fixed(Some(true)) => return then,
            Operand::Fixed(Some(false)) => return otherwise,
            condition => condition.run(),
        };
        let (then, otherwise) = (then.run(), otherwise.run());
        Operand::Run(Box::new(move |row| if condition(row)? { then(row) } else { otherwise(row) }))
    }
}

impl Operand<bool> {
    /// `a && b` where `decisive` is false, `a || b` where it is true: one decisive operand decides, even beside a
    /// missing one.
    pub(crate) fn logic<const DECISIVE: bool>(self, other: Operand<bool>) -> Operand<bool> {
        use Operand::{Run as Computed, Slot as Stored};
        match (self, other) {
            (Operand::Fixed(a), Operand::Fixed(b)) => Operand::Fixed(absorb::<DECISIVE>(a, || b)),
            (Stored(a), Stored(b)) => logic::<DECISIVE>(Slot(a.into()), Slot(b.into())),
            (Stored(a), b) => logic::<DECISIVE>(Slot(a.into()), b.run()),
            (Computed(a), Stored(b)) => logic::<DECISIVE>(a, Slot(b.into())),
            (a, b) => logic::<DECISIVE>(a.run(), b.run()),
        }
    }
}

#[inline(always)]
fn absorb<const DECISIVE: bool>(a: Option<bool>, b: impl FnOnce() -> Option<bool>) -> Option<bool> {
    if a == Some(DECISIVE) {
        return a;
    }
    let b = b();
    if b == Some(DECISIVE) { b } else { a.and(b) }
}

fn logic<const DECISIVE: bool>(a: impl Read<bool>, b: impl Read<bool>) -> Operand<bool> {
    Operand::Run(Box::new(move |row| absorb::<DECISIVE>(a.read(row), || b.read(row))))
}

/// What `Operand::join` applies.
pub(crate) trait Join<T, U, R>: Fn(T, U) -> Option<R> + Send + Sync + 'static {}
impl<T, U, R, F: Fn(T, U) -> Option<R> + Send + Sync + 'static> Join<T, U, R> for F {}

fn joined<T: Scalar, U: Scalar, R: Scalar>(a: impl Read<T>, b: impl Read<U>, f: impl Join<T, U, R>) -> Operand<R> {
    Operand::Run(Box::new(move |row| f(a.read(row)?, b.read(row)?)))
}

fn fallback<T: Scalar>(a: impl Read<T>, b: impl Read<T>) -> Operand<T> {
    Operand::Run(Box::new(move |row| a.read(row).filter(|value| !value.is_absent()).or_else(|| b.read(row))))
}

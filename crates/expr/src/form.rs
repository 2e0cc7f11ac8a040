//! The checked form of an expression: typed operations over slots and constants. Names, types and promotions are resolved,
//! constants are folded, sums and chains of `&&` and `||` are flat. Closures (`closure.rs`) and column kernels (`block.rs`)
//! are made of it; what an operation computes is written once, in `operations.rs`.

mod operations;
mod special;

pub(crate) use operations::{Comparison, FloatOne, FloatOp, FloatTwo, IntOp, IntTwo, Relation, SpanOp, TimeOp};
pub(crate) use special::{Condition, Fused, Term};

use crate::block::Fill;
use crate::closure::Operand;
use crate::columns::{BLOCK_ROWS, Column, Plain};
use domain::{EntityId, Span, Symbol, Time, Value, Values};
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// A closure over a row that others share; `None` is a missing value.
pub(crate) type Shared<T> = Arc<dyn Fn(&[Value]) -> Option<T> + Send + Sync>;

/// A typed piece of an expression.
pub(crate) enum Form<T: Scalar> {
    /// Known now; `None` is always missing.
    Fixed(Option<T>),
    /// Read from this slot.
    Slot(u16),
    /// The first, or the second where the first has no value or is a NaN.
    OrElse(Box<[Form<T>; 2]>),
    /// The first where the condition is true, the second where it is false.
    Choose(Box<(Form<bool>, [Form<T>; 2])>),
    /// Missing where an operand is.
    Op(Box<T::Op>),
    /// An operation with a rule of its own for missing operands, or for its speed.
    Special(Box<T::Special>),
    /// What is only known how to compute for one row; with the slots that it reads.
    Rows(Shared<T>, Arc<[u16]>),
}

/// A Rust type behind a static type of the language.
pub(crate) trait Scalar: Clone + Debug + Send + Sync + 'static {
    /// Operations that give it.
    type Op: Operation<Self> + Debug;
    /// Operations with rules of their own that give it.
    type Special: Special<Self> + Debug;
    /// The value in a slot; `None` for a missing one and for one of another type.
    fn of(value: &Value) -> Option<Self>;
    /// As a value.
    fn value(self) -> Value;
    /// Whether it counts as missing where that is asked (`has`, `default`, a program's result): a NaN does.
    #[inline(always)]
    fn is_absent(&self) -> bool {
        false
    }
    /// The word that is the same for equal values and no others of the type; lists are never asked.
    fn key(&self) -> u64;
}

/// A scalar whose values lie in arrays of a block. Bools do not: they are bits.
pub(crate) trait InBlock: Scalar<Special: Fill<Self>> + Plain {
    /// The values of a column of this type and a bit for each that is there.
    fn lane(column: &Column) -> Option<(&[Self; BLOCK_ROWS], u64)>;
}

/// Operations that are missing where an operand is. They show each visitor their operands and the function of them.
pub(crate) trait Operation<R: Scalar>: Send + Sync + Sized {
    fn visit<V: Visitor<R>>(&self, visitor: V) -> V::Out;
}

/// What an evaluator makes of an operation with the result `R`. `try_` functions may give no value.
pub(crate) trait Visitor<R: Scalar>: Sized {
    type Out;
    fn map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> R) -> Self::Out;
    fn try_map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> Option<R>) -> Self::Out;
    fn join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> R) -> Self::Out;
    fn try_join<A: InBlock, B: InBlock>(
        self,
        a: &Form<A>,
        b: &Form<B>,
        f: impl Pure + Fn(A, B) -> Option<R>,
    ) -> Self::Out;
    fn try_three<A: InBlock>(self, of: &[Form<A>; 3], f: impl Pure + Fn(A, A, A) -> Option<R>) -> Self::Out;
}

/// A function without state.
pub(crate) trait Pure: Copy + Send + Sync + 'static {}
impl<F: Copy + Send + Sync + 'static> Pure for F {}

/// Operations that evaluators know by name.
pub(crate) trait Special<R: Scalar>: Send + Sync {
    fn closure(&self) -> Operand<R>;
}

/// Types that have no operation.
#[derive(Debug)]
pub(crate) enum Never {}

impl<R: Scalar> Operation<R> for Never {
    fn visit<V: Visitor<R>>(&self, _: V) -> V::Out {
        match *self {}
    }
}

impl<R: Scalar> Special<R> for Never {
    fn closure(&self) -> Operand<R> {
        match *self {}
    }
}

macro_rules! scalar {
    ($type:ty, $variant:ident, $op:ty, $special:ty, $key:expr $(, $absent:expr)?) => {
        impl Scalar for $type {
            type Op = $op;
            type Special = $special;
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
            #[inline(always)]
            fn key(&self) -> u64 {
                $key(self)
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

// Zero has two floats that are equal: adding the positive one makes them one.
scalar!(bool, Bool, Comparison, Condition, |bool: &bool| u64::from(*bool));
scalar!(i64, Int, IntOp, Never, |int: &i64| *int as u64);
scalar!(f64, Float, FloatOp, Fused, |float: &f64| (*float + 0.0).to_bits(), f64::is_nan);
scalar!(Symbol, Str, Never, Never, |symbol: &Symbol| u64::from(symbol.0));
scalar!(Time, Time, TimeOp, Never, |time: &Time| time.0 as u64);
scalar!(Span, Span, SpanOp, Never, |span: &Span| span.0 as u64);
scalar!(EntityId, Entity, Never, Never, |id: &EntityId| u64::from(id.0));
scalar!(Values, List, Never, Never, |_: &Values| 0);

macro_rules! in_block {
    ($($type:ty, $variant:ident;)*) => {$(
        impl InBlock for $type {
            #[inline(always)]
            fn lane(column: &Column) -> Option<(&[$type; BLOCK_ROWS], u64)> {
                match column {
                    Column::$variant(lane) => Some((&lane.values, lane.present)),
                    _ => None,
                }
            }
        }
    )*};
}

in_block! {
    i64, Int;
    f64, Float;
    Symbol, Str;
    Time, Time;
    Span, Span;
    EntityId, Entity;
}

/// Its structure: forms that show the same give the same values. What is only known as a function is itself alone.
impl<T: Scalar> Debug for Form<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Form::Fixed(value) => write!(f, "{value:?}"),
            Form::Slot(slot) => write!(f, "Slot({slot})"),
            Form::OrElse(of) => write!(f, "OrElse({of:?})"),
            Form::Choose(of) => write!(f, "Choose({of:?})"),
            Form::Op(op) => op.fmt(f),
            Form::Special(special) => special.fmt(f),
            Form::Rows(run, slots) => write!(f, "Rows({:p}, {slots:?})", Arc::as_ptr(run)),
        }
    }
}

impl<T: Scalar> Form<T> {
    /// An operation, or its value if its operands are known.
    pub(crate) fn op(op: T::Op) -> Form<T> {
        op.visit(Fold).unwrap_or_else(|| Form::Op(Box::new(op)))
    }

    pub(crate) fn special(special: T::Special) -> Form<T> {
        Form::Special(Box::new(special))
    }

    /// The value known now, if there is one.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Form::Fixed(value) => value.as_ref(),
            _ => None,
        }
    }

    /// Its value, or the other's where it has none.
    pub(crate) fn or_else(self, other: Form<T>) -> Form<T> {
        match self {
            Form::Fixed(value) => match value.filter(|value| !value.is_absent()) {
                Some(value) => Form::Fixed(Some(value)),
                None => other,
            },
            form => Form::OrElse(Box::new([form, other])),
        }
    }

    /// `then` where the condition is true, `otherwise` where it is false.
    pub(crate) fn choose(condition: Form<bool>, then: Form<T>, otherwise: Form<T>) -> Form<T> {
        match condition {
            Form::Fixed(None) => Form::Fixed(None),
            Form::Fixed(Some(true)) => then,
            Form::Fixed(Some(false)) => otherwise,
            condition => Form::Choose(Box::new((condition, [then, otherwise]))),
        }
    }
}

/// The value of an operation whose operands are known.
struct Fold;

impl<R: Scalar> Visitor<R> for Fold {
    type Out = Option<Form<R>>;

    fn map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> R) -> Option<Form<R>> {
        Visitor::<R>::try_map(self, a, move |a| Some(f(a)))
    }

    fn try_map<A: InBlock>(self, a: &Form<A>, f: impl Pure + Fn(A) -> Option<R>) -> Option<Form<R>> {
        match a {
            Form::Fixed(a) => Some(Form::Fixed(a.and_then(f))),
            _ => None,
        }
    }

    fn join<A: InBlock, B: InBlock>(self, a: &Form<A>, b: &Form<B>, f: impl Pure + Fn(A, B) -> R) -> Option<Form<R>> {
        Visitor::<R>::try_join(self, a, b, move |a, b| Some(f(a, b)))
    }

    fn try_join<A: InBlock, B: InBlock>(
        self,
        a: &Form<A>,
        b: &Form<B>,
        f: impl Pure + Fn(A, B) -> Option<R>,
    ) -> Option<Form<R>> {
        match (a, b) {
            (Form::Fixed(None), _) | (_, Form::Fixed(None)) => Some(Form::Fixed(None)),
            (Form::Fixed(Some(a)), Form::Fixed(Some(b))) => Some(Form::Fixed(f(*a, *b))),
            _ => None,
        }
    }

    fn try_three<A: InBlock>(
        self,
        [a, b, c]: &[Form<A>; 3],
        f: impl Pure + Fn(A, A, A) -> Option<R>,
    ) -> Option<Form<R>> {
        match (a, b, c) {
            (Form::Fixed(a), Form::Fixed(b), Form::Fixed(c)) => {
                Some(Form::Fixed((*a).zip(*b).zip(*c).and_then(|((a, b), c)| f(a, b, c))))
            }
            _ => None,
        }
    }
}

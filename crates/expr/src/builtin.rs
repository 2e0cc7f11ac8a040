//! Our functions as forms, and what to write for those of other languages. Their types are checked in `check`.

use crate::closure::{Operand, Run};
use crate::form::{FloatOne, FloatOp, FloatTwo, Form, IntOp, IntTwo, Scalar};
use crate::typed::{Merge, Typed};
use crate::vector;
use domain::{Type, Value, Values};
use std::sync::Arc;

/// A built-in function.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    /// Joins its arguments, which are checked; `None` where there is no form of them.
    pub(crate) build: fn(Vec<Typed>) -> Option<Typed>,
}

/// All built-in functions, by name.
pub(crate) const BUILTINS: &[Builtin] = &[
    Builtin { name: "abs", build: abs },
    Builtin { name: "ceil", build: |args| float(args, FloatOne::Ceil) },
    Builtin { name: "clamp", build: clamp },
    Builtin { name: "cosine", build: |args| of_vectors(args, vector::cosine) },
    Builtin { name: "default", build: default },
    Builtin { name: "dot", build: |args| of_vectors(args, vector::dot) },
    Builtin { name: "exp", build: |args| float(args, FloatOne::Exp) },
    Builtin { name: "floor", build: |args| float(args, FloatOne::Floor) },
    Builtin { name: "has", build: has },
    Builtin { name: "ln", build: |args| float(args, FloatOne::Ln) },
    Builtin { name: "log2", build: |args| float(args, FloatOne::Log2) },
    Builtin { name: "max", build: |args| extreme(args, IntTwo::Max, FloatTwo::Max) },
    Builtin { name: "min", build: |args| extreme(args, IntTwo::Min, FloatTwo::Min) },
    Builtin { name: "pow", build: pow },
    Builtin { name: "round", build: |args| float(args, FloatOne::Round) },
    Builtin { name: "sqrt", build: |args| float(args, FloatOne::Sqrt) },
];

/// The built-in function of this name.
pub(crate) fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// What to write for a function that other languages have.
pub(crate) fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "log" => "write `ln(x)` or `log2(x)`",
        "if" | "iff" | "ifelse" | "iif" => "write `condition ? a : b`",
        "coalesce" | "ifnull" | "nvl" | "isnull" | "is_null" => "write `default(x, y)` or `!has(x)`",
        "now" => "write `now`, the time of the request, without brackets",
        "random" | "rand" => "expressions have no randomness: one log gives one answer",
        "power" => "write `pow(x, y)`",
        "least" => "write `min(x, y)`",
        "greatest" => "write `max(x, y)`",
        "not" => "write `!x`",
        _ => return None,
    })
}

/// A function of one number that gives a float.
fn float(args: Vec<Typed>, function: FloatOne) -> Option<Typed> {
    let x = args.into_iter().next().and_then(Typed::into_float)?;
    Some(Typed::Float(Form::op(FloatOp::One(function, x))))
}

fn abs(args: Vec<Typed>) -> Option<Typed> {
    match args.into_iter().next() {
        Some(Typed::Int(x)) => Some(Typed::Int(Form::op(IntOp::Abs(x)))),
        Some(Typed::Float(x)) => Some(Typed::Float(Form::op(FloatOp::One(FloatOne::Abs, x)))),
        _ => None,
    }
}

fn pow(args: Vec<Typed>) -> Option<Typed> {
    let [base, exponent] = <[Typed; 2]>::try_from(args).ok()?;
    let base = base.into_float()?;
    let exponent = exponent.into_float()?;
    Some(Typed::Float(Form::op(FloatOp::Two(FloatTwo::Pow, base, exponent))))
}

/// A function of the elements of two lists.
type OfElements = fn(&[Value], &[Value], fn(&Value) -> Option<f64>) -> Option<f64>;

/// A function of two lists of numbers, computed row by row.
fn of_vectors(args: Vec<Typed>, function: OfElements) -> Option<Typed> {
    let [a, b] = <[Typed; 2]>::try_from(args).ok()?;
    let (a, mut slots) = vector_of(a)?;
    let (b, more) = vector_of(b)?;
    slots.extend(more);
    slots.sort_unstable();
    slots.dedup();
    let run = move |row: &[Value]| function(&a(row)?, &b(row)?, Value::as_f64);
    Some(Typed::Float(Form::Rows(Arc::new(run), slots.into())))
}

/// A list as a closure, with the slots that it reads.
type Read = (Run<Values>, Vec<u16>);

/// A list of numbers.
fn vector_of(typed: Typed) -> Option<Read> {
    let Typed::List(Type::Float | Type::Int, list) = typed else { return None };
    let mut slots = Vec::new();
    list_slots(&list, &mut slots)?;
    Some((Operand::of(&list).run(), slots))
}

/// Notes the slots of a list; `None` for one that depends on a condition.
fn list_slots(list: &Form<Values>, slots: &mut Vec<u16>) -> Option<()> {
    match list {
        Form::Fixed(_) => {}
        Form::Slot(slot) => slots.push(*slot),
        Form::OrElse(both) => both.iter().try_for_each(|list| list_slots(list, slots))?,
        Form::Rows(_, read) => slots.extend(read.iter()),
        Form::Choose(_) | Form::Op(_) | Form::Special(_) => return None,
    }
    Some(())
}

fn has(args: Vec<Typed>) -> Option<Typed> {
    args.into_iter().next().map(|x| Typed::Bool(x.has()))
}

struct OrElse;

impl Merge for OrElse {
    fn merge<T: Scalar>(self, a: Form<T>, b: Form<T>) -> Form<T> {
        a.or_else(b)
    }
}

fn default(args: Vec<Typed>) -> Option<Typed> {
    let [x, y] = <[Typed; 2]>::try_from(args).ok()?;
    x.merge(y, OrElse)
}

/// Numbers as ints if all are, else as floats.
enum Numbers {
    Ints(Vec<Form<i64>>),
    Floats(Vec<Form<f64>>),
}

fn numbers(args: Vec<Typed>) -> Option<Numbers> {
    if args.iter().all(|arg| matches!(arg, Typed::Int(_))) {
        let int = |arg| if let Typed::Int(int) = arg { Some(int) } else { None };
        return Some(Numbers::Ints(args.into_iter().filter_map(int).collect()));
    }
    let floats = args.into_iter().map(Typed::into_float);
    Some(Numbers::Floats(floats.collect::<Option<_>>()?))
}

/// The least or the greatest; the first of equal ones; NaN where one is NaN.
fn extreme(args: Vec<Typed>, of_ints: IntTwo, of_floats: FloatTwo) -> Option<Typed> {
    Some(match numbers(args)? {
        Numbers::Ints(args) => {
            let better = |a, b| Form::op(IntOp::Two(of_ints, a, b));
            Typed::Int(paired(args, better)?)
        }
        Numbers::Floats(args) => {
            let better = |a, b| Form::op(FloatOp::Two(of_floats, a, b));
            Typed::Float(paired(args, better)?)
        }
    })
}

/// Joins neighbours until one is left: 64 arguments are six deep, not 63.
fn paired<T>(mut forms: Vec<Form<T>>, join: impl Fn(Form<T>, Form<T>) -> Form<T>) -> Option<Form<T>>
where
    T: Scalar,
{
    while forms.len() > 1 {
        let mut rest = forms.into_iter();
        forms = Vec::new();
        while let Some(first) = rest.next() {
            forms.push(match rest.next() {
                Some(second) => join(first, second),
                None => first,
            });
        }
    }
    forms.pop()
}

/// `min(max(x, least), most)`; missing unless `least <= most`.
fn clamp(args: Vec<Typed>) -> Option<Typed> {
    Some(match numbers(args)? {
        Numbers::Ints(args) => Typed::Int(Form::op(IntOp::Clamp(args.try_into().ok()?))),
        Numbers::Floats(args) => Typed::Float(Form::op(FloatOp::Clamp(args.try_into().ok()?))),
    })
}

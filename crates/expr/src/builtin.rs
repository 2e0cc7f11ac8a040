//! The built-in functions: their arguments' numbers and types, and what they compute.

use crate::closure::{Operand, Run};
use crate::form::{FloatOne, FloatOp, FloatTwo, Form, IntOp, IntTwo, Scalar};
use crate::typed::{Merge, Typed};
use crate::vector;
use domain::{Type, Value};
use std::sync::Arc;

/// A built-in function.
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    /// Fewest and most arguments.
    pub(crate) arity: (usize, usize),
    /// What its arguments are, for a message.
    pub(crate) takes: &'static str,
    /// Joins its arguments, as many as its arity allows; the error is the index of one of a wrong type.
    pub(crate) build: fn(Vec<Typed>) -> Result<Typed, usize>,
}

/// No function takes more arguments.
const MANY: usize = 64;

/// All built-in functions, by name.
pub(crate) const BUILTINS: &[Builtin] = &[
    Builtin { name: "abs", arity: (1, 1), takes: "a number", build: abs },
    Builtin { name: "ceil", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Ceil) },
    Builtin { name: "clamp", arity: (3, 3), takes: "numbers: the value, the least and the most", build: clamp },
    Builtin {
        name: "cosine",
        arity: (2, 2),
        takes: "two lists of numbers",
        build: |args| of_vectors(args, vector::cosine),
    },
    Builtin { name: "default", arity: (2, 2), takes: "two values of one type", build: default },
    Builtin { name: "dot", arity: (2, 2), takes: "two lists of numbers", build: |args| of_vectors(args, vector::dot) },
    Builtin { name: "exp", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Exp) },
    Builtin { name: "floor", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Floor) },
    Builtin { name: "has", arity: (1, 1), takes: "any value", build: has },
    Builtin { name: "ln", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Ln) },
    Builtin { name: "log2", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Log2) },
    Builtin {
        name: "max",
        arity: (2, MANY),
        takes: "numbers",
        build: |args| extreme(args, IntTwo::Max, FloatTwo::Max),
    },
    Builtin {
        name: "min",
        arity: (2, MANY),
        takes: "numbers",
        build: |args| extreme(args, IntTwo::Min, FloatTwo::Min),
    },
    Builtin { name: "pow", arity: (2, 2), takes: "numbers: the base and the exponent", build: pow },
    Builtin { name: "round", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Round) },
    Builtin { name: "sqrt", arity: (1, 1), takes: "a number", build: |args| float(args, FloatOne::Sqrt) },
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
        "contains" => "write `x in list`",
        "not" => "write `!x`",
        "duration" => "write a literal: `10m`, `1.5h`, `7d`",
        _ => return None,
    })
}

/// A function of one number that gives a float.
fn float(args: Vec<Typed>, function: FloatOne) -> Result<Typed, usize> {
    let x = args.into_iter().next().and_then(Typed::into_float).ok_or(0usize)?;
    Ok(Typed::Float(Form::op(FloatOp::One(function, x))))
}

fn abs(args: Vec<Typed>) -> Result<Typed, usize> {
    match args.into_iter().next() {
        Some(Typed::Int(x)) => Ok(Typed::Int(Form::op(IntOp::Abs(x)))),
        Some(Typed::Float(x)) => Ok(Typed::Float(Form::op(FloatOp::One(FloatOne::Abs, x)))),
        _ => Err(0),
    }
}

fn pow(args: Vec<Typed>) -> Result<Typed, usize> {
    let [base, exponent] = <[Typed; 2]>::try_from(args).map_err(|_| 0usize)?;
    let base = base.into_float().ok_or(0usize)?;
    let exponent = exponent.into_float().ok_or(1usize)?;
    Ok(Typed::Float(Form::op(FloatOp::Two(FloatTwo::Pow, base, exponent))))
}

/// A function of the elements of two lists.
type OfElements = fn(&[Value], &[Value], fn(&Value) -> Option<f64>) -> Option<f64>;

/// A function of two lists of numbers, computed row by row.
fn of_vectors(args: Vec<Typed>, function: OfElements) -> Result<Typed, usize> {
    let [a, b] = <[Typed; 2]>::try_from(args).map_err(|_| 0usize)?;
    let (a, mut slots) = vector_of(a).ok_or(0usize)?;
    let (b, more) = vector_of(b).ok_or(1usize)?;
    slots.extend(more);
    slots.sort_unstable();
    slots.dedup();
    let run = move |row: &[Value]| function(&a(row)?, &b(row)?, Value::as_f64);
    Ok(Typed::Float(Form::Rows(Arc::new(run), slots.into())))
}

/// A list as a closure, with the slots that it reads.
type Read = (Run<Arc<[Value]>>, Vec<u16>);

/// A list of numbers.
fn vector_of(typed: Typed) -> Option<Read> {
    let Typed::List(Type::Float | Type::Int, list) = typed else { return None };
    let mut slots = Vec::new();
    list_slots(&list, &mut slots)?;
    Some((Operand::of(&list).run(), slots))
}

/// Notes the slots of a list; `None` for one that depends on a condition.
fn list_slots(list: &Form<Arc<[Value]>>, slots: &mut Vec<u16>) -> Option<()> {
    match list {
        Form::Fixed(_) => {}
        Form::Slot(slot) => slots.push(*slot),
        Form::OrElse(both) => both.iter().try_for_each(|list| list_slots(list, slots))?,
        Form::Rows(_, read) => slots.extend(read.iter()),
        Form::Choose(_) | Form::Op(_) | Form::Special(_) => return None,
    }
    Some(())
}

fn has(args: Vec<Typed>) -> Result<Typed, usize> {
    args.into_iter().next().map(|x| Typed::Bool(x.has())).ok_or(0)
}

struct OrElse;

impl Merge for OrElse {
    fn merge<T: Scalar>(self, a: Form<T>, b: Form<T>) -> Form<T> {
        a.or_else(b)
    }
}

fn default(args: Vec<Typed>) -> Result<Typed, usize> {
    let [x, y] = <[Typed; 2]>::try_from(args).map_err(|_| 0usize)?;
    x.merge(y, OrElse).ok_or(1)
}

/// Numbers as ints if all are, else as floats.
enum Numbers {
    Ints(Vec<Form<i64>>),
    Floats(Vec<Form<f64>>),
}

fn numbers(args: Vec<Typed>) -> Result<Numbers, usize> {
    if args.iter().all(|arg| matches!(arg, Typed::Int(_))) {
        let int = |arg| if let Typed::Int(int) = arg { Some(int) } else { None };
        return Ok(Numbers::Ints(args.into_iter().filter_map(int).collect()));
    }
    let floats = args.into_iter().enumerate().map(|(index, arg)| arg.into_float().ok_or(index));
    Ok(Numbers::Floats(floats.collect::<Result<_, usize>>()?))
}

/// The least or the greatest; the first of equal ones; NaN where one is NaN.
fn extreme(args: Vec<Typed>, of_ints: IntTwo, of_floats: FloatTwo) -> Result<Typed, usize> {
    Ok(match numbers(args)? {
        Numbers::Ints(args) => {
            let better = |a, b| Form::op(IntOp::Two(of_ints, a, b));
            Typed::Int(paired(args, better).ok_or(0usize)?)
        }
        Numbers::Floats(args) => {
            let better = |a, b| Form::op(FloatOp::Two(of_floats, a, b));
            Typed::Float(paired(args, better).ok_or(0usize)?)
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
fn clamp(args: Vec<Typed>) -> Result<Typed, usize> {
    Ok(match numbers(args)? {
        Numbers::Ints(args) => Typed::Int(Form::op(IntOp::Clamp(args.try_into().map_err(|_| 0usize)?))),
        Numbers::Floats(args) => Typed::Float(Form::op(FloatOp::Clamp(args.try_into().map_err(|_| 0usize)?))),
    })
}

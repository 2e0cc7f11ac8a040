//! The built-in functions: their arguments' numbers and types, and what they compute.

use crate::operand::{Operand, Scalar};
use crate::typed::{Merge, Typed};

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
    Builtin { name: "ceil", arity: (1, 1), takes: "a number", build: |args| float(args, f64::ceil) },
    Builtin { name: "clamp", arity: (3, 3), takes: "numbers: the value, the least and the most", build: clamp },
    Builtin { name: "default", arity: (2, 2), takes: "two values of one type", build: default },
    Builtin { name: "exp", arity: (1, 1), takes: "a number", build: |args| float(args, libm::exp) },
    Builtin { name: "floor", arity: (1, 1), takes: "a number", build: |args| float(args, f64::floor) },
    Builtin { name: "has", arity: (1, 1), takes: "any value", build: has },
    Builtin { name: "ln", arity: (1, 1), takes: "a number", build: |args| float(args, libm::log) },
    Builtin { name: "log2", arity: (1, 1), takes: "a number", build: |args| float(args, libm::log2) },
    Builtin { name: "max", arity: (2, MANY), takes: "numbers", build: |args| extreme::<false>(args) },
    Builtin { name: "min", arity: (2, MANY), takes: "numbers", build: |args| extreme::<true>(args) },
    Builtin { name: "pow", arity: (2, 2), takes: "numbers: the base and the exponent", build: pow },
    Builtin { name: "round", arity: (1, 1), takes: "a number", build: |args| float(args, f64::round) },
    Builtin { name: "sqrt", arity: (1, 1), takes: "a number", build: |args| float(args, f64::sqrt) },
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
fn float(args: Vec<Typed>, f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Result<Typed, usize> {
    let operand = args.into_iter().next().and_then(Typed::into_float).ok_or(0usize)?;
    Ok(Typed::Float(operand.map(move |x| Some(f(x)))))
}

fn abs(args: Vec<Typed>) -> Result<Typed, usize> {
    match args.into_iter().next() {
        Some(Typed::Int(x)) => Ok(Typed::Int(x.map(i64::checked_abs))),
        Some(Typed::Float(x)) => Ok(Typed::Float(x.map(|x| Some(x.abs())))),
        _ => Err(0),
    }
}

fn pow(args: Vec<Typed>) -> Result<Typed, usize> {
    let [base, exponent] = <[Typed; 2]>::try_from(args).map_err(|_| 0usize)?;
    let base = base.into_float().ok_or(0usize)?;
    let exponent = exponent.into_float().ok_or(1usize)?;
    Ok(Typed::Float(base.join(exponent, |base, exponent| Some(libm::pow(base, exponent)))))
}

fn has(args: Vec<Typed>) -> Result<Typed, usize> {
    args.into_iter().next().map(|x| Typed::Bool(x.has())).ok_or(0)
}

struct OrElse;

impl Merge for OrElse {
    fn merge<T: Scalar>(self, a: Operand<T>, b: Operand<T>) -> Operand<T> {
        a.or_else(b)
    }
}

fn default(args: Vec<Typed>) -> Result<Typed, usize> {
    let [x, y] = <[Typed; 2]>::try_from(args).map_err(|_| 0usize)?;
    x.merge(y, OrElse).ok_or(1)
}

/// Numbers as ints if all are, else as floats.
enum Numbers {
    Ints(Vec<Operand<i64>>),
    Floats(Vec<Operand<f64>>),
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
fn extreme<const LEAST: bool>(args: Vec<Typed>) -> Result<Typed, usize> {
    Ok(match numbers(args)? {
        Numbers::Ints(args) => {
            let better = |a: i64, b: i64| Some(if LEAST { a.min(b) } else { a.max(b) });
            Typed::Int(args.into_iter().reduce(|a, b| a.join(b, better)).ok_or(0usize)?)
        }
        Numbers::Floats(args) => {
            let better = |a: f64, b: f64| Some(if LEAST { lesser(a, b) } else { greater(a, b) });
            Typed::Float(args.into_iter().reduce(|a, b| a.join(b, better)).ok_or(0usize)?)
        }
    })
}

#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if b < a || b.is_nan() { b } else { a }
}

#[inline(always)]
fn greater(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// `min(max(x, least), most)`; missing unless `least <= most`.
fn clamp(args: Vec<Typed>) -> Result<Typed, usize> {
    Ok(match numbers(args)? {
        Numbers::Ints(args) => {
            let [x, least, most] = <[Operand<i64>; 3]>::try_from(args).map_err(|_| 0usize)?;
            Typed::Int(clamped(x, least, most, |x, least, most| x.max(least).min(most)))
        }
        Numbers::Floats(args) => {
            let [x, least, most] = <[Operand<f64>; 3]>::try_from(args).map_err(|_| 0usize)?;
            Typed::Float(clamped(x, least, most, |x, least, most| lesser(greater(x, least), most)))
        }
    })
}

fn clamped<T: Scalar + PartialOrd + Copy>(
    x: Operand<T>,
    least: Operand<T>,
    most: Operand<T>,
    f: fn(T, T, T) -> T,
) -> Operand<T> {
    if let (Operand::Fixed(Some(least)), Operand::Fixed(Some(most))) = (&least, &most) {
        let (least, most) = (*least, *most);
        return x.map(move |x| (least <= most).then(|| f(x, least, most)));
    }
    let (x, least, most) = (x.run(), least.run(), most.run());
    Operand::Run(Box::new(move |row| {
        let (x, least, most) = (x(row)?, least(row)?, most(row)?);
        (least <= most).then(|| f(x, least, most))
    }))
}

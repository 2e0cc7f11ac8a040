//! Measures one evaluation of typical expressions, missing values included:
//! `cargo run --release -p expr --example expr_cost`. The gate is 15 ns for three terms.

use domain::{Symbol, Type, Value};
use expr::{Diagnostic, Node, Scope, compile, parse};
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

const ROWS: usize = 1_024;
const SLOTS: usize = 16;
const ROUNDS: usize = 4_000;

/// `f0`..`f5` are floats, `i0`..`i3` ints, `b0`..`b2` bools, `s0`..`s2` strings: slots 0 to 15 in this order.
struct Letters;

impl Scope for Letters {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let unknown = || Diagnostic::new("unknown_name", span.clone(), "no such slot");
        let (kind, number) = path[0].split_at_checked(1).ok_or_else(unknown)?;
        let number: u16 = number.parse().map_err(|_| unknown())?;
        match kind {
            "f" => Ok((number, Type::Float)),
            "i" => Ok((6 + number, Type::Int)),
            "b" => Ok((10 + number, Type::Bool)),
            "s" => Ok((13 + number, Type::Str)),
            _ => Err(unknown()),
        }
    }

    fn call(&mut self, _: &str, _: &[Node], _: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        None
    }

    fn constant(&mut self, text: &str) -> Symbol {
        Symbol(text.len() as u32)
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// One value in ten is missing.
fn rows() -> Vec<Vec<Value>> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let mut value = |slot: usize| {
        let number = next() % 1000;
        match slot {
            _ if number < 100 => Value::Missing,
            0..6 => Value::Float(number as f64 / 100.0),
            6..10 => Value::Int((number % 20) as i64),
            10..13 => Value::Bool(number % 2 == 0),
            _ => Value::Str(Symbol((number % 4) as u32)),
        }
    };
    (0..ROWS).map(|_| (0..SLOTS).map(&mut value).collect()).collect()
}

/// Nanoseconds for one evaluation: the median of many short runs, so that a busy machine disturbs it little.
fn measure(rows: &[Vec<Value>], mut eval: impl FnMut(&[Value])) -> f64 {
    let mut runs: Vec<u128> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        rows.iter().for_each(|row| eval(row));
        runs.push(start.elapsed().as_nanos());
    }
    runs.sort_unstable();
    runs[ROUNDS / 2] as f64 / rows.len() as f64
}

fn main() {
    let rows = rows();
    println!("{:>8} {:>8}  expression", "eval", "typed");
    for text in [
        "f0",
        "f0 * 2.0",
        "0.8 * f0 + 0.2 * f1 + 0.1 * f2",
        "f0 + f1 * f2",
        "0.8 * default(f0, 0.1) + 0.2 * f1 - 0.1 * f2",
        "(f0 + 1) / (f1 + 20)",
        "f0 / max(f1, 1)",
        "i0 + i1 * i2",
        "f0 > 1 && i0 < 10 && b0",
        "f0 > 1 && s0 == 'DE' || !b0",
        "s0 in ['a', 'bb', 'ccc']",
        "b0 ? f0 : f1 * 0.5",
        "ln(1 + f0) * 0.3 + f1 + f2",
    ] {
        let ast = parse(text).expect("the expressions here are right");
        let program = compile(&ast, ast.root(), &mut Letters).expect("the expressions here are right");
        let any = measure(&rows, |row| {
            black_box(program.eval(black_box(row)));
        });
        let typed = match program.ty() {
            Type::Bool => measure(&rows, |row| {
                black_box(program.eval_bool(black_box(row)));
            }),
            _ => measure(&rows, |row| {
                black_box(program.eval_f64(black_box(row)));
            }),
        };
        println!("{any:>5.1} ns {typed:>5.1} ns  {text}");
    }
}

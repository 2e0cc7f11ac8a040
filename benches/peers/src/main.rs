//! Our expressions beside those of the crates `cel` and `zen-expression`, in one process: rounds of all evaluators one after
//! another, CPU time of the thread, medians. Inputs are made outside of the measured time. Prints JSON for
//! `cargo xtask bench expr`; with the argument `quick`, a tenth of the rounds.

mod cases;
mod engines;

use anyhow::{Result, bail};
use cases::{CASES, Case, ROWS};
use engines::{Answer, Engine};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};
use std::hint::black_box;

/// Evaluations of each row in a round.
const TIMES: usize = 400;
/// Compilations in a round.
const COMPILATIONS: usize = 40;

fn main() -> Result<()> {
    let rounds = if std::env::args().any(|argument| argument == "quick") { 15 } else { 151 };
    let mut figures = Map::new();
    for case in CASES {
        evaluations(case, rounds, &mut figures)?;
        compilations(case, rounds, &mut figures)?;
    }
    println!("{}", Value::Object(figures));
    Ok(())
}

/// The times of one evaluator in each round, in nanoseconds per evaluation.
struct Times {
    name: &'static str,
    ns: Vec<f64>,
}

fn evaluations(case: &Case, rounds: usize, figures: &mut Map<String, Value>) -> Result<()> {
    let text = case.texts();
    let mut engines: Vec<Box<dyn Engine>> = vec![
        Box::new(engines::Closures::new(&text.ours)?),
        Box::new(engines::Blocks::new(&text.ours)?),
        Box::new(engines::Cel::new(&text.cel)?),
        Box::new(engines::Zen::new(&text.zen)?),
    ];
    agree(case, &mut engines)?;
    let mut times: Vec<Times> =
        engines.iter().map(|engine| Times { name: engine.name(), ns: Vec::with_capacity(rounds) }).collect();
    for _ in 0..rounds {
        for (engine, times) in engines.iter_mut().zip(&mut times) {
            let start = cpu_ns();
            (0..TIMES).for_each(|_| engine.run());
            times.ns.push((cpu_ns() - start) / (TIMES * ROWS) as f64);
        }
    }
    note(case.name, "ns", &times, figures);
    Ok(())
}

fn compilations(case: &Case, rounds: usize, figures: &mut Map<String, Value>) -> Result<()> {
    let text = case.texts();
    let compilers: [(&str, Box<dyn Fn()>); 3] = [
        ("compile", Box::new(|| drop(black_box(engines::Closures::compile(&text.ours))))),
        ("compile_cel", Box::new(|| drop(black_box(engines::Cel::compile(&text.cel))))),
        ("compile_zen", Box::new(|| drop(black_box(engines::Zen::compile(&text.zen))))),
    ];
    let mut times = compilers.each_ref().map(|(name, _)| Times { name, ns: Vec::with_capacity(rounds) });
    for _ in 0..rounds {
        for ((_, compile), times) in compilers.iter().zip(&mut times) {
            let start = cpu_ns();
            (0..COMPILATIONS).for_each(|_| compile());
            times.ns.push((cpu_ns() - start) / COMPILATIONS as f64 / 1_000.0);
        }
    }
    note(case.name, "us", &times, figures);
    Ok(())
}

/// All engines give the same answers, or there is nothing to compare.
fn agree(case: &Case, engines: &mut [Box<dyn Engine>]) -> Result<()> {
    for row in 0..ROWS {
        let answers: Vec<Answer> = engines.iter_mut().map(|engine| engine.answer(row)).collect();
        let same = |answer: &Answer| match (answer, &answers[0]) {
            (Answer::Number(a), Answer::Number(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
            (a, b) => a == b,
        };
        if !answers.iter().all(same) {
            bail!("{} of row {row}: {answers:?}", case.name);
        }
    }
    Ok(())
}

/// Medians, minima, and how many times longer each takes than the first in the same round.
fn note(case: &str, unit: &str, times: &[Times], figures: &mut Map<String, Value>) {
    for Times { name, ns } in times {
        figures.insert(format!("{case}_{name}_{unit}"), rounded(median(ns.clone())));
        figures.insert(format!("{case}_{name}_min_{unit}"), rounded(ns.iter().copied().fold(f64::MAX, f64::min)));
        let ratios = ns.iter().zip(&times[0].ns).map(|(ns, first)| ns / first).collect();
        if *name != times[0].name {
            figures.insert(format!("{case}_ratio_{name}"), rounded(median(ratios)));
        }
    }
}

fn rounded(number: f64) -> Value {
    json!((number * 100.0).round() / 100.0)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// CPU time of this thread.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

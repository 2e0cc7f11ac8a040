//! One decision table in our rules and in the crate `zen-engine`, in one process: rounds of all evaluators one after another, CPU time
//! of the thread, medians. The crate's table stands in a graph and in a policy document, both compiled; the faster of the two counts.
//! What goes in is made outside of the measured time, in each one's own form. Prints JSON for `cargo xtask bench rules`; with the
//! argument `quick`, a fifth of the rounds.

mod table;

use anyhow::{Context, Result, anyhow, bail};
use decision::{Facts, Ruleset, RulesetScratch};
use domain::{Symbol, Time, Value};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, json};
use spec::Plan;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use table::{Payment, Table};
use zen_engine::loader::MemoryLoader;
use zen_engine::model::{DecisionContent, GraphContent};
use zen_engine::{Decision, DecisionEngine, Variable};

/// How many rows tables have.
const SIZES: [usize; 3] = [10, 100, 1_000];
/// Different payments that are decided in turn.
const PAYMENTS: usize = 500;

fn main() -> Result<()> {
    let rounds = if std::env::args().any(|argument| argument == "quick") { 5 } else { 25 };
    let mut figures = Map::new();
    let mut least = f64::MAX;
    for rows in SIZES {
        let ratio = measure(&Table::new(rows), rounds, &mut figures).with_context(|| format!("{rows} rows"))?;
        least = least.min(ratio);
    }
    figures.insert("ratio_zen".into(), rounded(least));
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

/// Times of the index, of a walk through all rows, and of the crate; how many times longer the crate takes than the index.
fn measure(table: &Table, rounds: usize, figures: &mut Map<String, serde_json::Value>) -> Result<f64> {
    let payments = table::payments(PAYMENTS);
    let plan = spec::compile("table", &table.spec()).map_err(|errors| anyhow!(spec::render(&errors)))?;
    let decision = &plan.decisions[0];
    let facts: Vec<Facts> = payments.iter().map(|payment| facts(&plan, payment)).collect();
    let (index, mut scratch) = (Ruleset::new(decision, &[]), RulesetScratch::default());
    let (graph, policy) = (Graph::new(table)?, Policy::new(table)?);
    let flat: Vec<Variable> = payments.iter().map(|payment| payment.json().into()).collect();
    let nested: Vec<Variable> = payments.iter().map(|payment| json!({ "payment": payment.json() }).into()).collect();
    for ((facts, flat), nested) in facts.iter().zip(&flat).zip(&nested) {
        let ours = index.decide(decision, facts, &plan, &mut scratch).score;
        let walked = decision::decide(decision, facts, &plan).score;
        let theirs = [graph.score(flat)?, policy.score(nested)?];
        if walked != ours || theirs != [Some(ours); 2] {
            bail!("ours says {ours}, one after the other {walked}, the other {theirs:?}");
        }
    }
    let [mut ours, mut walk, mut of_graph, mut of_policy] = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        ours.push(timed(20, &facts, |facts| _ = black_box(index.decide(decision, facts, &plan, &mut scratch))));
        walk.push(timed(2, &facts, |facts| _ = black_box(decision::decide(decision, facts, &plan))));
        of_graph.push(timed(1, &flat, |input| _ = black_box(graph.evaluate(input))));
        of_policy.push(timed(1, &nested, |input| _ = black_box(policy.evaluate(input))));
    }
    let theirs = of_graph.iter().zip(&of_policy).map(|(graph, policy)| graph.min(*policy));
    let ratio = median(theirs.zip(&ours).map(|(theirs, ours)| theirs / ours).collect());
    let rows = table.rows.len();
    for (name, times) in [("", ours), ("_walk", walk), ("_zen_graph", of_graph), ("_zen_policy", of_policy)] {
        figures.insert(format!("table_{rows}{name}_ns"), rounded(median(times)));
    }
    figures.insert(format!("table_{rows}_ratio_zen"), rounded(ratio));
    Ok(ratio)
}

/// The crate's graph with one table, compiled.
struct Graph(Decision);

impl Graph {
    fn new(table: &Table) -> Result<Graph> {
        let content: GraphContent = serde_json::from_value(table.graph()).context("the table as a graph")?;
        let mut decision = Decision::from(Arc::new(content));
        decision.compile();
        Ok(Graph(decision))
    }

    fn evaluate(&self, input: &Variable) -> Result<Variable> {
        let response = now(self.0.evaluate(input.clone())).map_err(|error| anyhow!("{error:?}"))?;
        Ok(response.result)
    }

    fn score(&self, input: &Variable) -> Result<Option<f64>> {
        Ok(number(&self.evaluate(input)?, "score"))
    }
}

/// The crate's policy document with one table, compiled.
struct Policy(DecisionEngine);

impl Policy {
    fn new(table: &Table) -> Result<Policy> {
        let content: DecisionContent = serde_json::from_value(table.policy()).context("the table as a policy")?;
        let loader = MemoryLoader::default();
        loader.add("policy", content);
        let engine = DecisionEngine::default().with_loader(Arc::new(loader));
        let failures = engine.compile();
        if !failures.is_empty() {
            bail!("the policy does not compile: {failures:?}");
        }
        Ok(Policy(engine))
    }

    fn evaluate(&self, input: &Variable) -> Result<Variable> {
        let response = now(self.0.evaluate("policy", input.clone())).map_err(|error| anyhow!("{error:?}"))?;
        Ok(response.result)
    }

    fn score(&self, input: &Variable) -> Result<Option<f64>> {
        Ok(number(&self.evaluate(input)?, "payment.score"))
    }
}

fn number(result: &Variable, path: &str) -> Option<f64> {
    result.dot(path).and_then(|number| number.to_value().as_f64())
}

fn facts(plan: &Plan, payment: &Payment) -> Facts {
    let symbol = |text: &str| {
        let at = plan.constants.iter().position(|known| **known == *text);
        Value::Str(at.map_or(Symbol(u32::MAX), |at| plan.symbols[at]))
    };
    let row = plan.decisions[0].facts.iter().map(|fact| match fact.name.as_str() {
        "amount" => Value::Float(payment.amount),
        "country" => symbol(&payment.country),
        "channel" => symbol(payment.channel),
        _ => Value::Missing,
    });
    Facts { decision: 0, now: Time(0), row: row.collect(), made: Vec::new() }
}

/// What a future gives that never waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in a table waits"),
    }
}

/// CPU nanoseconds of one evaluation.
fn timed<T>(times: usize, inputs: &[T], mut evaluate: impl FnMut(&T)) -> f64 {
    let start = cpu_ns();
    (0..times).for_each(|_| inputs.iter().for_each(|input| evaluate(black_box(input))));
    (cpu_ns() - start) / (times * inputs.len()) as f64
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn rounded(number: f64) -> serde_json::Value {
    json!((number * 10.0).round() / 10.0)
}

/// CPU time of this thread.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

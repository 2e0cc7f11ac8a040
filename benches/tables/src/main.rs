//! One decision table in our rules and in the crate `zen-engine`, in one process: rounds of both one after the other, CPU time of the
//! thread, medians. Inputs are made outside of the measured time, and both must find the same rows. Prints JSON for
//! `cargo xtask bench rules --peers`.

#[allow(dead_code)] // the bench of rules has use for the rest
#[path = "../../../crates/decision/src/ruleset/index/tests/realistic.rs"]
mod realistic;

use anyhow::{Context, Result, anyhow, bail};
use decision::{Facts, Ruleset, RulesetScratch};
use domain::{Time, Value};
use realistic::{CATEGORIES, COUNTRIES, Draw};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, json};
use spec::Plan;
use std::hint::black_box;
use tokio::runtime::{Builder, Runtime};
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, Variable};

/// Rows of the tables.
const ROWS: [usize; 2] = [300, 3_000];
/// Different payments.
const PAYMENTS: usize = 200;

/// A row: what it asks of each column, where it asks something, and what it adds.
struct Row {
    country: Option<String>,
    mcc: Option<String>,
    amount: Option<f64>,
    often: Option<f64>,
    score: f64,
}

/// A payment: country, category, amount and payments of the last hour.
struct Payment(String, String, f64, f64);

fn main() -> Result<()> {
    let quick = std::env::args().any(|argument| argument == "quick");
    let mut figures = Map::new();
    let runtime = Builder::new_current_thread().build()?;
    for rows in ROWS {
        measure(rows, if quick { 3 } else { 9 }, &runtime, &mut figures)?;
    }
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

fn table(rows: usize) -> Vec<Row> {
    let mut draw = Draw(5);
    let row = |_| Row {
        country: (draw.below(4) > 0).then(|| realistic::country(draw.skewed(COUNTRIES))),
        mcc: (draw.below(2) > 0).then(|| realistic::category(draw.skewed(CATEGORIES))),
        amount: Some(draw.amount() * 4.0),
        often: (draw.below(2) > 0).then(|| 2.0 + draw.velocity()),
        score: (1 + draw.below(64)) as f64 / 64.0,
    };
    (0..rows).map(row).collect()
}

fn payments() -> Vec<Payment> {
    let mut draw = Draw(9);
    let payment = |_| {
        let country = realistic::country(draw.skewed(COUNTRIES));
        Payment(country, realistic::category(draw.skewed(CATEGORIES)), draw.amount() * 3.0, draw.velocity())
    };
    (0..PAYMENTS).map(payment).collect()
}

/// The table as rules.
fn ours(rows: &[Row]) -> Result<Plan> {
    let mut text = format!("{}decisions:\n  risk:\n    on: payment\n    rules:\n", realistic::HEAD);
    for (number, row) in rows.iter().enumerate() {
        let terms = [
            row.country.as_ref().map(|country| format!("country == \"{country}\"")),
            row.mcc.as_ref().map(|mcc| format!("mcc == \"{mcc}\"")),
            row.amount.map(|amount| format!("amount > {amount}")),
            row.often.map(|often| format!("user.payments_1h >= {often}")),
        ];
        let terms: Vec<String> = terms.into_iter().flatten().collect();
        text += &format!("      - {{ id: r{number}, when: '{}', score: {} }}\n", terms.join(" && "), row.score);
    }
    text += "    tiers: { act: 1000, otherwise: pass }\n";
    spec::compile("table", &text).map_err(|errors| anyhow!(spec::render(&errors)))
}

fn facts(plan: &Plan, payment: &Payment) -> Facts {
    let symbol = |text: &str| decision::Texts::symbol(plan, text).unwrap_or(domain::Symbol(u32::MAX - 1));
    let row = plan.decisions[0].facts.iter().map(|fact| match fact.name.as_str() {
        "country" => Value::Str(symbol(&payment.0)),
        "mcc" => Value::Str(symbol(&payment.1)),
        "amount" => Value::Float(payment.2),
        _ => Value::Float(payment.3),
    });
    Facts { decision: 0, now: Time(0), row: row.collect(), made: Vec::new() }
}

/// The table as JSON of that engine, with every row that holds collected.
fn theirs(rows: &[Row]) -> Result<Decision> {
    let rules: Vec<serde_json::Value> = (0..)
        .zip(rows)
        .map(|(number, row): (usize, &Row)| {
            let quoted = |text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("\"{text}\""));
            let number_of = |op: &str, of: Option<f64>| of.map_or(String::new(), |of| format!("{op} {of}"));
            json!({
                "_id": format!("r{number}"), "c": quoted(&row.country), "m": quoted(&row.mcc),
                "a": number_of(">", row.amount), "v": number_of(">=", row.often), "s": row.score.to_string(),
            })
        })
        .collect();
    let input = |id: &str, field: &str| json!({ "id": id, "name": field, "field": field });
    let content = json!({
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            { "id": "in", "type": "inputNode", "name": "in" },
            { "id": "table", "type": "decisionTableNode", "name": "table", "content": {
                "hitPolicy": "collect",
                "inputs": [input("c", "country"), input("m", "mcc"), input("a", "amount"), input("v", "often")],
                "outputs": [{ "id": "s", "name": "score", "field": "score" }],
                "rules": rules,
            } },
            { "id": "out", "type": "outputNode", "name": "out" },
        ],
        "edges": [
            { "id": "1", "sourceId": "in", "targetId": "table", "type": "edge" },
            { "id": "2", "sourceId": "table", "targetId": "out", "type": "edge" },
        ],
    });
    let mut decision = match serde_json::from_value(content)? {
        DecisionContent::Graph(graph) => Decision::from(graph),
        DecisionContent::Policy(_) => bail!("a table is a graph"),
    };
    decision.compile();
    Ok(decision)
}

fn input(payment: &Payment) -> Variable {
    let Payment(country, mcc, amount, often) = payment;
    Variable::from(json!({ "country": country, "mcc": mcc, "amount": amount, "often": often }))
}

/// How many rows hold, and the sum of their scores.
fn answer(runtime: &Runtime, decision: &Decision, input: &Variable) -> Result<(usize, f64)> {
    let response = runtime.block_on(decision.evaluate(input.depth_clone(1))).map_err(|error| anyhow!("{error:?}"))?;
    let rows: serde_json::Value = serde_json::to_value(&response.result)?;
    let rows = rows.as_array().cloned().unwrap_or_default();
    let scores: Option<Vec<f64>> = rows.iter().map(|row| row["score"].as_f64()).collect();
    Ok((rows.len(), scores.context("every row has a score")?.iter().sum()))
}

fn measure(rows: usize, rounds: usize, runtime: &Runtime, figures: &mut Map<String, serde_json::Value>) -> Result<()> {
    let table = table(rows);
    let (plan, theirs, payments) = (ours(&table)?, theirs(&table)?, payments());
    let decision = &plan.decisions[0];
    let facts: Vec<Facts> = payments.iter().map(|payment| facts(&plan, payment)).collect();
    let inputs: Vec<Variable> = payments.iter().map(input).collect();
    let ruleset = Ruleset::new(decision, &[]);
    let mut scratch = RulesetScratch::default();
    let mut hits = 0;
    for (facts, input) in facts.iter().zip(&inputs) {
        let verdict = ruleset.decide(decision, facts, &plan, &mut scratch);
        let (count, sum) = answer(runtime, &theirs, input)?;
        if (verdict.fired.len(), verdict.score) != (count, sum) {
            bail!("rows that hold: {} and {count}, their sums {} and {sum}", verdict.fired.len(), verdict.score);
        }
        hits += count;
    }
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = cpu_ns();
        for _ in 0..200 {
            facts.iter().for_each(|facts| {
                black_box(ruleset.decide(decision, black_box(facts), &plan, &mut scratch));
            });
        }
        own.push((cpu_ns() - start) / (200 * PAYMENTS) as f64);
        let start = cpu_ns();
        for input in &inputs {
            _ = black_box(runtime.block_on(theirs.evaluate(black_box(input).depth_clone(1))));
        }
        other.push((cpu_ns() - start) / PAYMENTS as f64);
    }
    let (own, other) = (median(own), median(other));
    let mut note =
        |name: &str, value: f64| figures.insert(format!("table_{rows}_{name}"), json!((value * 10.0).round() / 10.0));
    note("ns", own);
    note("zen_ns", other);
    note("ratio_zen", other / own);
    note("hits_mean", hits as f64 / PAYMENTS as f64);
    Ok(())
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

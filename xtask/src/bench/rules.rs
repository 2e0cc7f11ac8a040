//! `cargo xtask bench rules`: realistic rules through their index and one by one, and decisions from JSON bytes to the outcome in
//! this process, on one core.

#[path = "../../../crates/decision/src/ruleset/index/tests/realistic.rs"]
mod realistic;

use super::{Figures, Report, rows::per};
use crate::node;
use anyhow::{Context, Result, bail};
use clap::Args;
use decision::{Facts, Ruleset, RulesetScratch};
use domain::{Payload, Position, Time};
use engine::Machine;
use realistic::{CATEGORIES, CHANNELS, COUNTRIES, Draw};
use serde_json::json;
use spec::Plan;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many rules sets have.
const SIZES: [usize; 5] = [50, 200, 1_000, 3_000, 10_000];
/// Different payments that are decided in turn.
const PAYMENTS: usize = 2_000;
const ROUNDS: usize = 9;

/// Measure rules: through their index, one by one, and whole decisions from bytes to outcomes
#[derive(Args)]
pub(crate) struct Rules {
    #[command(flatten)]
    report: Report,
}

/// The ratio is that of the walk through all rules to the index.
const GATES: [(&str, f64, bool); 3] =
    [("rules_10000_index_ns", 2_000.0, false), ("rules_50_index_ns", 250.0, false), ("events_per_s", 150_000.0, true)];

impl Rules {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        node::bind_to_core(1);
        let mut figures = Figures::default();
        let bar = node::bar(SIZES.len() as u64 + 1, "measuring");
        for rules in SIZES {
            measure(rules, self.report.quick, &mut figures)?;
            bar.inc(1);
        }
        whole(self.report.quick, &mut figures)?;
        bar.finish_and_clear();
        self.report.close(root, super::now(), figures, "rules.jsonl", &GATES)
    }
}

fn plan_of(rules: usize) -> Result<Plan> {
    spec::compile("rules", &realistic::spec(rules, 7)).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))
}

/// The rules of one set: without samples, with samples of other payments, and one by one.
fn measure(rules: usize, quick: bool, figures: &mut Figures) -> Result<()> {
    let plan = plan_of(rules)?;
    let decision = &plan.decisions[0];
    let mut draw = Draw(11);
    let mut facts =
        |_| Facts { decision: 0, now: Time(0), row: realistic::payment(&plan, &mut draw), made: Vec::new() };
    let samples: Vec<Facts> = (0..500).map(&mut facts).collect();
    let payments: Vec<Facts> = (0..PAYMENTS).map(&mut facts).collect();
    let start = node::thread_cpu()?;
    let plain = Ruleset::new(decision, &[]);
    figures.number(&format!("rules_{rules}_build_ms"), (node::thread_cpu()? - start).as_micros() as f64 / 1e3);
    let tuned = Ruleset::new(decision, &samples.iter().collect::<Vec<_>>());
    let mut scratch = RulesetScratch::default();
    let (mut walk, mut index, mut sampled) = (Vec::new(), Vec::new(), Vec::new());
    let (mut fired, mut same) = (0, true);
    let rounds = if quick { 3 } else { ROUNDS };
    let times = (100_000 / rules).max(1);
    for _ in 0..rounds {
        walk.push(timed(&payments, times.div_ceil(20), |facts| decision::decide(decision, facts, &plan).score)?);
        index.push(timed(&payments, times, |facts| plain.decide(decision, facts, &plan, &mut scratch).score)?);
        sampled.push(timed(&payments, times, |facts| tuned.decide(decision, facts, &plan, &mut scratch).score)?);
    }
    for facts in &payments {
        let verdict = decision::decide(decision, facts, &plan);
        same &= verdict == plain.decide(decision, facts, &plan, &mut scratch);
        same &= verdict == tuned.decide(decision, facts, &plan, &mut scratch);
        fired += verdict.fired.len();
    }
    if !same {
        bail!("the index of {rules} rules decides otherwise than a walk");
    }
    let [walk, index, sampled] = [walk, index, sampled].map(|mut of| node::quantile(&mut of, 0.5));
    figures.number(&format!("rules_{rules}_walk_ns"), walk);
    figures.number(&format!("rules_{rules}_index_unsampled_ns"), index);
    figures.number(&format!("rules_{rules}_index_ns"), sampled);
    figures.number(&format!("rules_{rules}_ratio_walk"), walk / sampled);
    figures.number(&format!("rules_{rules}_fired_mean"), fired as f64 / payments.len() as f64);
    figures.note(&format!("rules_{rules}_unindexed"), json!(tuned.unindexed().len()));
    Ok(())
}

/// CPU nanoseconds of a decision.
fn timed(payments: &[Facts], times: usize, mut decide: impl FnMut(&Facts) -> f64) -> Result<f64> {
    let start = node::thread_cpu()?;
    for _ in 0..times {
        payments.iter().for_each(|facts| _ = black_box(decide(black_box(facts))));
    }
    Ok(per(node::thread_cpu()? - start, payments.len() * times))
}

/// Payments of skewed keys as lines of JSON, a few a second.
fn lines(count: u64) -> Vec<(Time, String)> {
    let mut draw = Draw(3);
    let line = |number: u64| {
        let time = Time(1_790_000_000_000 + number as i64 * 20);
        let (user, device, merchant) = (draw.skewed(50_000), draw.skewed(30_000), draw.skewed(5_000));
        let (amount, country) = (draw.amount(), realistic::country(draw.skewed(COUNTRIES)));
        let (mcc, channel) = (realistic::category(draw.skewed(CATEGORIES)), CHANNELS[draw.skewed(4)]);
        let text = format!(
            "{{\"event\":\"payment\",\"id\":\"p{number}\",\"time\":{},\"user\":\"u{user}\",\"device\":\"d{device}\",\
             \"merchant\":\"m{merchant}\",\"amount\":{amount},\"country\":\"{country}\",\"mcc\":\"{mcc}\",\
             \"channel\":\"{channel}\"}}",
            time.0
        );
        (time, text)
    };
    (0..count).map(line).collect()
}

/// One core, six windows over three entities, 50 rules: from the bytes of an event to its outcome, without the journal.
fn whole(quick: bool, figures: &mut Figures) -> Result<()> {
    let plan = Arc::new(plan_of(50)?);
    let lines = lines(if quick { 40_000 } else { 400_000 });
    let (warm, measured) = lines.split_at(lines.len() / 2);
    let mut machine = Machine::new(plan.clone(), 1, 1);
    let mut position = Position(0);
    let mut decide = |machine: &mut Machine, (time, line): &(Time, String)| -> Result<u16> {
        position = position.next();
        let event = wire::parse_event(line.as_bytes()).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
        let decided = machine.apply_deciding(position, *time, &Payload::Event(event));
        decided.first().map(|decided| decided.verdict.outcome).context("every payment is decided")
    };
    for line in warm {
        decide(&mut machine, line)?;
    }
    let mut outcomes = vec![0u64; plan.decisions[0].outcomes.len()];
    let mut each = Vec::with_capacity(measured.len());
    let start = node::thread_cpu()?;
    for line in measured {
        let begin = Instant::now();
        outcomes[usize::from(decide(&mut machine, line)?)] += 1;
        each.push(begin.elapsed());
    }
    let cpu = node::thread_cpu()? - start;
    each.sort_unstable();
    let us = |share: f64| each[((each.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    figures.number("events_per_s", measured.len() as f64 / cpu.max(Duration::from_nanos(1)).as_secs_f64());
    figures.number("decision_cpu_us", per(cpu, measured.len()) / 1e3);
    figures.number("p50_us", us(0.5));
    figures.number("p99_us", us(0.99));
    let keys: f64 =
        (0..plan.entities.len()).map(|kind| f64::from(machine.names.entity_count(kind as u16))).sum::<f64>().max(1.0);
    let bytes: usize = machine.shards.iter().map(|shard| shard.memory().bytes).sum();
    figures.number("bytes_per_key", bytes as f64 / keys);
    figures.note("keys", json!(keys));
    let named = plan.decisions[0].outcomes.iter().zip(outcomes);
    figures.note(
        "outcomes",
        named.map(|(name, count)| (name.clone(), json!(count))).collect::<serde_json::Map<_, _>>().into(),
    );
    Ok(())
}

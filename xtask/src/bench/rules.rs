//! `cargo xtask bench rules`: realistic rules through their index and one by one, and decisions from JSON bytes to the outcome, in
//! this process and through a server with its journal, on one core; a decision table beside one of the crate `zen-engine`.

mod patterns;
#[path = "../../../crates/decision/src/ruleset/index/tests/realistic.rs"]
mod realistic;
mod sinks;
mod streamed;
mod whole;

use super::{Figures, Report, expressions::printed_by, rows::per};
use crate::node;
use anyhow::{Context, Result, bail};
use clap::Args;
use decision::{Facts, Ruleset, RulesetScratch};
use domain::Time;
use realistic::{CATEGORIES, CHANNELS, COUNTRIES, Draw};
use serde_json::json;
use spec::Plan;
use std::hint::black_box;
use std::path::Path;

/// How many rules sets have.
const SIZES: [usize; 5] = [50, 200, 1_000, 3_000, 10_000];
/// Different payments that are decided in turn.
const PAYMENTS: usize = 2_000;
const ROUNDS: usize = 9;

/// Measure rules: through their index, one by one, and whole decisions from bytes to outcomes
#[derive(Args)]
pub(crate) struct Rules {
    /// Only the figures whose group is named: index, whole, streamed, table, patterns, sinks
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    report: Report,
}

const GATES: [(&str, f64, bool); 6] = [
    ("ratio_zen", 20.0, true),
    ("rules_10000_index_ns", 2_000.0, false),
    ("rules_50_index_ns", 250.0, false),
    ("events_per_s", 1_000_000.0, true),
    ("http_events_per_s_core", 400_000.0, true),
    ("p99_us", 1_000.0, false),
];

type Group = fn(&Path, bool, &mut Figures) -> Result<()>;

const GROUPS: [(&str, Group); 6] = [
    ("index", index),
    ("whole", |_, quick, figures| whole::measure(quick, figures)),
    ("streamed", streamed::measure),
    ("table", table),
    ("patterns", |_, quick, figures| patterns::measure(quick, figures)),
    ("sinks", |_, quick, figures| sinks::measure(quick, figures)),
];

impl Rules {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        node::bind_to_core(1);
        let mut figures = Figures::default();
        for (name, group) in GROUPS {
            if self.only.as_deref().is_none_or(|only| only == name) {
                group(root, self.report.quick, &mut figures).with_context(|| format!("measuring {name}"))?;
            }
        }
        self.report.close(root, super::now(), figures, "rules.jsonl", &GATES)
    }
}

/// One decision table here and in the crate `zen-engine`: `benches/tables`, a workspace of its own, is built and run.
fn table(root: &Path, quick: bool, figures: &mut Figures) -> Result<()> {
    let printed = printed_by(root, "benches/tables", quick)?;
    let of_table: Figures = Figures(serde_json::from_str(&printed).context("reading the figures")?);
    figures.0.extend(of_table.0);
    Ok(())
}

fn index(_: &Path, quick: bool, figures: &mut Figures) -> Result<()> {
    let bar = node::bar(SIZES.len() as u64, "measuring");
    for rules in SIZES {
        measure(rules, quick, figures)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
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

/// A payment of skewed keys as a line of JSON, and when it happened: fifty a second from `start` on.
fn line(draw: &mut Draw, start: Time, number: u64) -> (Time, String) {
    let time = Time(start.0 + number as i64 * 20);
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
}

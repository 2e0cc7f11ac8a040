//! `cargo xtask bench windows`: twenty windows of ten aggregates over skewed keys, beside the straightforward way of a deque per
//! key and window in the same run, what a decision reads after each event, and two Nexmark queries said in features.

mod deques;
mod facts;
mod nexmark;

use super::{Figures, Report, Setting, rows::per};
use crate::node;
use anyhow::{Context, Result};
use clap::Args;
use deques::Deques;
use domain::{EntityId, Position, Span, Time, Value};
use serde_json::json;
use sim::Rng;
use spec::Plan;
use spec::plan::PaneLevel;
use state::{Change, EventChange, Resolved, Rows, Scope};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The windows of every aggregate.
const WINDOWS: [&str; 20] = [
    "1m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h", "1d", "2d", "3d", "5d", "7d", "14d", "21d", "30d",
    "60d", "90d",
];
/// What is read of each window, in the order in which the deques give it.
const AGGREGATES: [&str; 10] = ["count", "rate", "sum", "mean", "min", "max", "first", "last", "var", "stddev"];
const KEYS: u64 = 100_000;
const EVENTS: u64 = 2_000_000;
/// Log time that the events take.
const HISTORY: Span = Span(30 * 86_400_000);
/// How late the late ones are at most, and how many in a thousand are.
const LATE: Span = Span(6 * 3_600_000);
const LATE_PER_MILLE: u64 = 10;
const START: Time = Time(1_790_000_000_000);
/// Keys whose values are compared with those of the deques.
const COMPARED: u64 = 2_000;

/// Measure windows: many per key beside deques, and Nexmark queries
#[derive(Args)]
pub(crate) struct Windows {
    /// The folder of public data sets, which is no part of the repository
    #[arg(long, default_value = "../shared/data")]
    data: PathBuf,
    #[command(flatten)]
    report: Report,
}

/// An event of one key.
#[derive(Clone, Copy)]
struct Paid {
    key: u32,
    time: Time,
    log_time: Time,
    amount: f64,
}

impl Windows {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        node::bind_to_core(1);
        let plan = Arc::new(compile(&features())?);
        let now = Time(START.0 + HISTORY.0);
        let quick = self.report.quick;
        let setting = Setting { program: PathBuf::new(), spec: PathBuf::new(), plan, quick, now };
        let mut figures = Figures::default();
        many(&setting, &mut figures)?;
        full_row(&setting, &mut figures);
        facts::measure(&setting, &mut figures)?;
        nexmark::measure(&setting, &root.join(&self.data), &mut figures)?;
        self.report.close(root, setting.now, figures, "windows.jsonl", &[])
    }
}

fn compile(text: &str) -> Result<Plan> {
    spec::compile("windows.yaml", text).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))
}

/// A spec with every aggregate over every window.
fn features() -> String {
    let mut text =
        "version: 1\nevents:\n  pay: { user: user, fields: { amount: float } }\nfeatures:\n  user:\n".to_owned();
    for window in WINDOWS {
        for name in AGGREGATES {
            let value = if matches!(name, "count" | "rate") { "" } else { "amount, " };
            text += &format!("    {name}_{window}: {name}(pay, {value}{window})\n");
        }
    }
    text
}

/// Events in log order: half of the keys' draws are even, half by 1 / rank.
fn events(count: u64) -> impl Iterator<Item = Paid> {
    let mut rng = Rng::new(5);
    (0..count).map(move |number| {
        let unit = rng.below(1 << 53) as f64 / (1u64 << 53) as f64;
        let key = ((KEYS as f64).powf(unit) - 1.0) as u32;
        let log_time = Time(START.0 + (HISTORY.0 as u64 * number / count) as i64);
        let late = if rng.below(1_000) < LATE_PER_MILLE { rng.below(LATE.0 as u64) as i64 } else { 0 };
        Paid { key, time: Time(log_time.0 - late), log_time, amount: rng.below(100_000) as f64 / 100.0 }
    })
}

fn resolved(number: usize, paid: &Paid) -> Resolved {
    let change = EventChange {
        event: 1,
        time: paid.time,
        entities: [EntityId(paid.key)].into_iter().collect(),
        values: [Value::Float(paid.amount)].into(),
        crosses: [].into_iter().collect(),
        elements: None,
    };
    Resolved { position: Position(number as u64 + 1), log_time: paid.log_time, change: Change::Event(change) }
}

/// CPU time of what a call does.
fn timed<T>(what: impl FnOnce() -> T) -> Result<(Duration, T)> {
    let start = node::thread_cpu()?;
    let done = what();
    Ok((node::thread_cpu()? - start, done))
}

fn many(setting: &Setting, figures: &mut Figures) -> Result<()> {
    let plan = &setting.plan;
    let mut rows = Rows::new(plan.clone(), Scope::All);
    let mut deques = Deques::new(&widths(plan)?);
    let paid: Vec<Paid> = events(setting.scaled(EVENTS)).collect();
    let (mut ours, mut theirs, mut measured) = (Duration::ZERO, Duration::ZERO, 0);
    for (number, batch) in paid.chunks(256).enumerate() {
        let changes: Vec<Resolved> = batch.iter().map(|paid| resolved(number, paid)).collect();
        let (cpu, ()) = timed(|| rows.apply_all(&changes))?;
        let (deque_cpu, ()) = timed(|| batch.iter().for_each(|paid| deques.add(paid)))?;
        // The first half only fills the rows.
        if number * 256 > paid.len() / 2 {
            (ours, theirs, measured) = (ours + cpu, theirs + deque_cpu, measured + batch.len());
        }
    }
    let keys = deques.keys();
    figures.number("windows_ns_per_event", per(ours, measured));
    figures.number("deques_ns_per_event", per(theirs, measured));
    figures.number("windows_bytes_per_key", rows.memory().bytes as f64 / keys.max(1) as f64);
    figures.number("deques_bytes_per_key", deques.bytes() as f64 / keys.max(1) as f64);
    figures.note("windows_keys", json!(keys));
    reads(setting, &rows, &deques, figures)
}

/// The pane width of each window.
fn widths(plan: &Plan) -> Result<Vec<(Span, Span)>> {
    let levels: Vec<&PaneLevel> = plan.streams.iter().flat_map(|stream| &stream.panes).collect();
    let width = |window: Span| {
        levels.iter().find_map(|level| match level {
            PaneLevel::Sliding { width, window: longest } if *longest >= window => Some((window, *width)),
            _ => None,
        })
    };
    let windows = WINDOWS.iter().map(|window| Span::parse(window).and_then(width));
    windows.collect::<Option<_>>().context("every window has a level of panes")
}

/// What it takes to read all aggregates of a key, and whether both ways give the same.
fn reads(setting: &Setting, rows: &Rows, deques: &Deques, figures: &mut Figures) -> Result<()> {
    let plan = &setting.plan;
    let aggregates: Vec<u16> = (0..plan.aggregates.len() as u16).collect();
    let mut row = vec![Value::Missing; plan.slots.len()];
    let (mut ours, mut theirs, mut compared, mut different) = (Duration::ZERO, Duration::ZERO, 0u64, 0u64);
    let mut rng = Rng::new(9);
    for _ in 0..setting.scaled(COMPARED) {
        let key = ((KEYS as f64).powf(rng.below(1_000_000) as f64 / 1e6) - 1.0) as u32;
        let (cpu, ()) = timed(|| rows.read(EntityId(key), &aggregates, setting.now, &mut row))?;
        let (deque_cpu, expected) = timed(|| deques.read(key, setting.now))?;
        (ours, theirs) = (ours + cpu, theirs + deque_cpu);
        let places = (0..WINDOWS.len()).flat_map(|window| AGGREGATES.map(|name| (window, name)));
        for ((window, name), expected) in places.zip(expected) {
            let feature = format!("{name}_{}", WINDOWS[window]);
            let slot = plan.features.iter().find(|known| known.name == feature).map(|known| known.program.slots()[0]);
            let found = slot.and_then(|slot| row[usize::from(slot)].as_f64());
            compared += 1;
            different += u64::from(!near(found, expected));
        }
    }
    let reads = setting.scaled(COMPARED) as usize;
    figures.number("windows_read_ns_per_key", per(ours, reads));
    figures.number("deques_read_ns_per_key", per(theirs, reads));
    figures.note("windows_values_compared", json!(compared));
    figures.note("windows_values_different", json!(different));
    Ok(())
}

/// Equal but for the order in which floats were added.
fn near(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 1e-7 * expected.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}

/// One key with an event in every pane: the most that a row takes, beside what `check` says.
fn full_row(setting: &Setting, figures: &mut Figures) {
    let plan = &setting.plan;
    let mut rows = Rows::new(plan.clone(), Scope::All);
    let mut times: Vec<i64> = Vec::new();
    for level in plan.streams.iter().flat_map(|stream| &stream.panes) {
        if let PaneLevel::Sliding { width, window } = level {
            times.extend((0..=(window.0 / width.0) + 1).map(|pane| setting.now.0 - pane * width.0));
        }
    }
    times.sort_unstable();
    for (number, time) in times.into_iter().enumerate() {
        rows.apply(&resolved(number, &Paid { key: 0, time: Time(time), log_time: Time(time), amount: 1.0 }));
    }
    let page_of_unused = 63 * rows.memory().bytes.min(size_of::<[usize; 5]>());
    let summary = plan.describe();
    let ceiling: usize = summary.tables.iter().map(|table| table.bytes_per_key).sum();
    figures.note("windows_bytes_of_full_key", json!(rows.memory().bytes.saturating_sub(page_of_unused)));
    figures.note("windows_bytes_per_key_ceiling", json!(ceiling));
}

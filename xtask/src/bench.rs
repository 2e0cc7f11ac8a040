//! `cargo xtask bench`: figures measured on this machine. CPU time counts, of all threads of the process: a wall clock on a
//! shared machine tells about the neighbours. Wall figures stand beside those of a call that does nothing.

mod expressions;
mod feeds;
mod freshness;
mod ingest;
mod memory;
mod rows;
mod rules;
mod sketches;
mod stages;
mod windows;

use crate::node;
use crate::shop::Shop;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::{Event, Time};
use engine::Plan;
use serde_json::{Map, Value, json};
use sim::Rng;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the figures are measured on: 2,000 items as in the design's table.
const SHOP: Shop = Shop { users: 20_000, items: 2_000 };

/// Measure this machine
#[derive(Subcommand)]
pub(crate) enum Bench {
    Spine(Spine),
    Feed(Feed),
    Expr(expressions::Expr),
    Windows(windows::Windows),
    Sketches(sketches::Sketches),
    Rules(rules::Rules),
}

/// Measure what each stage of a feed costs, and the whole with every stage on
#[derive(Args)]
pub(crate) struct Feed {
    #[command(flatten)]
    report: Report,
}

/// Measure apply, durable ingest, feeds, freshness, durability and memory
#[derive(Args)]
pub(crate) struct Spine {
    /// Only the figures whose group is named: rows, memory, ingest, feeds, freshness
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    report: Report,
}

/// How thoroughly it is measured, and what becomes of the figures.
#[derive(Args)]
struct Report {
    /// A tenth of the work: figures are rough
    #[arg(long)]
    quick: bool,
    /// Fail if a gate does not hold
    #[arg(long)]
    gate: bool,
    /// Append the figures to the benchmark's file in benches/
    #[arg(long)]
    record: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

/// Where the stolen time stands among the words of `/proc/stat`.
const STEAL: usize = 7;
/// The processors' ticks when the measurement began.
static BEGAN: OnceLock<Option<(f64, f64)>> = OnceLock::new();

/// The figures by name.
#[derive(Default)]
struct Figures(Map<String, Value>);

/// A figure that must hold: its name, its bound, whether it must be at least that.
const GATES: [(&str, f64, bool); 3] = [
    ("apply_ns_per_event", 300.0, false),
    ("ingest_events_per_s_core", 400_000.0, true),
    ("feed_cpu_us", 150.0, false),
];

/// What all groups need.
struct Setting {
    program: PathBuf,
    spec: PathBuf,
    plan: Arc<Plan>,
    quick: bool,
    now: Time,
}

type Group = fn(&Setting, &mut Figures) -> Result<()>;

const GROUPS: [(&str, Group); 5] = [
    ("rows", rows::measure),
    ("memory", memory::measure),
    ("ingest", ingest::measure),
    ("feeds", feeds::measure),
    ("freshness", freshness::measure),
];

impl Bench {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        BEGAN.get_or_init(ticks);
        match self {
            Bench::Spine(spine) => spine.run(root),
            Bench::Feed(feed) => feed.run(root),
            Bench::Expr(expr) => expr.run(root),
            Bench::Windows(windows) => windows.run(root),
            Bench::Sketches(sketches) => sketches.run(root),
            Bench::Rules(rules) => rules.run(root),
        }
    }
}

impl Feed {
    fn run(self, root: &Path) -> Result<()> {
        let setting = Setting::new(root, "feed.yaml", self.report.quick)?;
        node::bind_to_core(1);
        let mut figures = Figures::default();
        stages::measure(&setting, &mut figures)?;
        self.report.close(root, setting.now, figures, "feed.jsonl", &[("every_http_cpu_us", 150.0, false)])
    }
}

impl Spine {
    fn run(self, root: &Path) -> Result<()> {
        let setting = Setting::new(root, "spine.yaml", self.report.quick)?;
        node::bind_to_core(1);
        let mut figures = Figures::default();
        let bar = node::bar(GROUPS.len() as u64, "measuring");
        for (name, group) in GROUPS {
            if self.only.as_deref().is_none_or(|only| only == name) {
                group(&setting, &mut figures).with_context(|| format!("measuring {name}"))?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.report.close(root, setting.now, figures, "spine.jsonl", &GATES)
    }
}

impl Report {
    /// Notes where, when and on what all this was measured, prints and records it, and judges the gates.
    fn close(
        &self,
        root: &Path,
        now: Time,
        mut figures: Figures,
        file: &str,
        gates: &[(&str, f64, bool)],
    ) -> Result<()> {
        figures.note("load_average", load_average());
        figures.note("stolen_percent", stolen());
        figures.note("quick", json!(self.quick));
        figures.note("machine", machine());
        figures.note("commit", commit(root));
        figures.note("time", json!(now.0 / 1_000));
        if self.json {
            println!("{:#}", Value::Object(figures.0.clone()));
        } else {
            figures.0.iter().for_each(|(name, value)| println!("{name:32} {value}"));
        }
        if self.record {
            let mut file = node::append_to(&root.join("benches").join(file))?;
            writeln!(file, "{}", Value::Object(figures.0.clone()))?;
        }
        let failed = figures.gates(gates);
        if self.gate && failed > 0 {
            bail!("{failed} gates do not hold");
        }
        Ok(())
    }
}

impl Figures {
    fn note(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// A number to one decimal place.
    fn number(&mut self, name: &str, value: f64) {
        self.note(name, json!((value * 10.0).round() / 10.0));
    }

    /// Median and 99th percentile, to the microsecond.
    fn spread(&mut self, name: &str, values_ms: &mut [f64]) {
        let [p50, p99] = [0.5, 0.99].map(|share| (node::quantile(values_ms, share) * 1_000.0).round() / 1_000.0);
        self.note(name, json!({ "p50": p50, "p99": p99 }));
    }

    /// Says of each gate whether it holds; returns how many do not.
    fn gates(&self, gates: &[(&str, f64, bool)]) -> usize {
        let judged = gates.iter().filter_map(|&(name, bound, at_least)| {
            let value = self.0.get(name)?.as_f64()?;
            let holds = if at_least { value >= bound } else { value <= bound };
            let sign = if at_least { ">=" } else { "<=" };
            eprintln!("{} {name}: {value} (gate {sign} {bound})", if holds { "PASS" } else { "FAIL" });
            Some(holds)
        });
        judged.filter(|holds| !holds).count()
    }
}

impl Setting {
    fn new(root: &Path, name: &str, quick: bool) -> Result<Setting> {
        let program = node::program(root)?;
        let spec = root.join("benches").join(name);
        let text = fs::read_to_string(&spec).context("reading the spec of the benchmark")?;
        let plan = spec::compile(name, &text).map_err(|errors| anyhow::anyhow!(spec::render(&errors)))?;
        Ok(Setting { program, spec, plan: Arc::new(plan), quick, now: now() })
    }

    /// Less where figures may be rough.
    fn scaled(&self, count: u64) -> u64 {
        if self.quick { count / 10 } else { count }
    }

    /// History: events of the two hours before now, in order, each with an id.
    fn history(&self, count: u64) -> impl Iterator<Item = Event<'static>> + use<> {
        let mut rng = Rng::new(7);
        let now = self.now;
        (0..count).map(move |number| {
            let time = Time(now.0 - 7_200_000 + (7_200_000 * number / count.max(1)) as i64);
            SHOP.event(&mut rng, "bench", Some(format!("e{number}")), time)
        })
    }

    /// The catalogue as a body for bulk upload.
    fn catalogue(&self) -> Vec<u8> {
        let mut rng = Rng::new(11);
        let mut body = Vec::new();
        for number in 0..SHOP.items {
            loadgen::push_upsert(&mut body, &SHOP.upsert(&mut rng, number, self.now));
        }
        body
    }
}

/// Bodies of NDJSON with this many events each.
fn bodies(events: impl Iterator<Item = Event<'static>>, per_body: usize) -> Vec<Vec<u8>> {
    let mut bodies = vec![Vec::new()];
    for (number, event) in events.enumerate() {
        if number > 0 && number % per_body == 0 {
            bodies.push(Vec::new());
        }
        if let Some(body) = bodies.last_mut() {
            loadgen::push_event(body, &event);
        }
    }
    bodies
}

fn now() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
}

fn load_average() -> Value {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!(text.split(' ').next().and_then(|load| load.parse::<f64>().ok()))
}

/// Ticks of all processors since the machine began, and how many of them another machine on the same hardware was given instead.
fn ticks() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    Some((ticks.iter().take(STEAL + 1).sum(), *ticks.get(STEAL)?))
}

/// What part of the processors' time was not ours since the measurement began: figures beside more than a quarter of a percent are
/// those of a machine whose cores and caches others use.
fn stolen() -> Value {
    let (Some((all_before, before)), Some((all, after))) = (*BEGAN.get_or_init(ticks), ticks()) else {
        return Value::Null;
    };
    json!(((after - before) / (all - all_before).max(1.0) * 1e4).round() / 1e2)
}

fn machine() -> Value {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(|line| Some(line.split_once(": ")?.1.trim()))
        .collect();
    json!({ "cpu": models.first().unwrap_or(&"unknown"), "cores": models.len() })
}

fn commit(root: &Path) -> Value {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_default();
    json!(if changed { format!("{commit} and changes") } else { commit })
}

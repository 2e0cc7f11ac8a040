//! `cargo xtask reload`: the real server's spec changed again and again under load. No answer may be of two versions, nothing may
//! fail, state must be kept to the bit, and serving should cost the same as without changes.

mod changes;
mod load;
mod marks;
mod script;
mod verdict;

use crate::node::{self, Folder, Node, Start};
use anyhow::{Context, Result, bail};
use changes::Changer;
use clap::Args;
use load::{Found, Load, Shared};
use script::{Kind, Script};
use serde_json::json;
use sim::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use verdict::Verdict;

/// Threads that send.
const CLIENTS: u64 = 4;
/// Changes between two quiet phases.
const CHANGES_AT_ONCE: usize = 10;
/// Between two changes, on average.
const PAUSE: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_millis(300);
/// The longest quiet phase: the log grows in it too, and with the log the time of the next fill.
const QUIET_MAX: Duration = Duration::from_secs(1);
/// Decisions that are computed again.
const REPLAYED_MAX: usize = 30;
/// Who answers, applies, syncs and publishes. What compiles, adopts and fills a spec, and writes checkpoints, are other threads.
const SERVING: [&str; 4] = ["http", "consumer", "sync", "publish"];

/// Change the running server's spec again and again under load, and check every answer
#[derive(Args)]
pub(crate) struct Reload {
    /// How often it is tried to change it
    #[arg(long, default_value_t = 1_000)]
    changes: u64,
    /// Decides what is sent and changed; who comes first depends on the machine too
    #[arg(long)]
    seed: Option<u64>,
    /// Who applies events in the server: inline or threaded
    #[arg(long, default_value = "inline", value_parser = ["inline", "threaded"])]
    mode: String,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What a run found.
pub(crate) struct Report {
    outcomes: BTreeMap<&'static str, u64>,
    versions: u64,
    found: Found,
    verdict: Verdict,
    changing: Phase,
    quiet: Phase,
    fills: Vec<f64>,
}

/// What the server spent and its clients waited, over all phases of one sort.
#[derive(Default)]
struct Phase {
    calls: u64,
    serving_us: f64,
    waited_us: f64,
}

impl Phase {
    fn serving_us_per_call(&self) -> f64 {
        self.serving_us / self.calls.max(1) as f64
    }

    fn waited_us_per_call(&self) -> f64 {
        self.waited_us / self.calls.max(1) as f64
    }
}

impl Reload {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let seed = self.seed.unwrap_or_else(|| u64::from(std::process::id()));
        let mut report = check(root, seed, self.changes, &self.mode)?;
        match self.json {
            true => report.print_json(self.changes, seed, &self.mode),
            false => report.print(self.changes, seed, &self.mode),
        }
        if let Some(wrong) = report.wrong() {
            let Reload { changes, mode, .. } = self;
            bail!("{wrong}\nrepeat: cargo xtask reload --changes {changes} --seed {seed} --mode {mode}");
        }
        Ok(())
    }
}

impl Report {
    /// What is wrong, if anything is.
    pub(crate) fn wrong(&self) -> Option<String> {
        let Report { found: Found { errors, mixed, .. }, verdict, .. } = self;
        let equal = if verdict.kept_digest_equal { "equal" } else { "different" };
        let right = *errors == 0 && *mixed == 0 && verdict.kept_digest_equal;
        let first: String = self.found.wrong.iter().take(10).map(|what| format!("\n{what}")).collect();
        (!right).then(|| format!("{errors} errors, {mixed} mixed answers, digests {equal}{first}"))
    }

    fn cpu_ratio(&self) -> f64 {
        thousandths(self.changing.serving_us_per_call() / self.quiet.serving_us_per_call())
    }

    fn wall_ratio(&self) -> f64 {
        thousandths(self.changing.waited_us_per_call() / self.quiet.waited_us_per_call())
    }

    /// Events per second of a fill's own time: the median. The log has decisions too, which cost a fill little.
    fn backfill_events_per_s(&mut self) -> f64 {
        let share = self.verdict.events as f64 / self.verdict.records.max(1) as f64;
        (node::quantile(&mut self.fills, 0.5) * share).round()
    }

    fn print_json(&mut self, changes: u64, seed: u64, mode: &str) {
        let Report { found, verdict, changing, quiet, .. } = &*self;
        let mut report = json!({
            "changes": changes,
            "seed": seed,
            "mode": mode,
            "outcomes": self.outcomes,
            "filled": self.fills.len(),
            "versions": self.versions,
            "versions_that_answered": found.versions.len(),
            "answers": found.answers,
            "events": found.events,
            "errors": found.errors,
            "mixed_answers": found.mixed,
            "replayed": verdict.replayed,
            "replayed_identical": verdict.identical,
            "kept_digest_equal": verdict.kept_digest_equal,
            "records_in_log": verdict.records,
            "calls": { "changing": changing.calls, "quiet": quiet.calls },
            "cpu_us_per_request": {
                "changing": thousandths(changing.serving_us_per_call()),
                "quiet": thousandths(quiet.serving_us_per_call()),
            },
            "cpu_per_request_ratio": self.cpu_ratio(),
            "wall_per_request_ratio": self.wall_ratio(),
        });
        report["backfill_events_per_s"] = json!(self.backfill_events_per_s());
        println!("{report:#}");
    }

    fn print(&mut self, changes: u64, seed: u64, mode: &str) {
        let Report { found, verdict, changing, quiet, .. } = &*self;
        let outcomes: Vec<String> = self.outcomes.iter().map(|(name, count)| format!("{count} {name}")).collect();
        println!("{changes} changes of the spec, {mode}, seed {seed}: {}", outcomes.join(", "));
        println!(
            "{} answers of {} versions, {} events: {} errors, {} mixed answers",
            found.answers,
            found.versions.len(),
            found.events,
            found.errors,
            found.mixed
        );
        let digests = if verdict.kept_digest_equal { "equal" } else { "DIFFERENT" };
        println!("{} of {} decisions identical; digests {digests}", verdict.identical, verdict.replayed);
        println!(
            "CPU of the serving threads per request: {:.0} us while changing, {:.0} us without, ratio {}; wall clock ratio {}",
            changing.serving_us_per_call(),
            quiet.serving_us_per_call(),
            self.cpu_ratio(),
            self.wall_ratio()
        );
        println!("{} fills from the log: {} events/s (median)", self.fills.len(), self.backfill_events_per_s());
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// Changes a new server's spec this often; the directory is kept if something is wrong.
pub(crate) fn check(root: &Path, seed: u64, changes: u64, mode: &str) -> Result<Report> {
    let program = node::program(root)?;
    let mut folder = Folder::new("reload")?;
    let (spec, dir) = (folder.path.join("spec.yaml"), folder.path.join("data"));
    let mut script = Script::new(root)?;
    let first = script.first();
    std::fs::write(&spec, &first.text)?;
    std::fs::create_dir_all(&dir)?;
    let start = Start {
        program: &program,
        dir: &dir,
        spec: &spec,
        shards: 2,
        mode,
        threads: 2,
        checkpoint_every: "2s",
        core: None,
        more: &[],
    };
    let node = start.ready()?;
    let rng = Rng::new(seed);
    let shared = Shared::default();
    let history = load::fill_shop(&mut rng.split(1), &mut node.client())?;
    let mut changer = Changer::new(node.client(), &shared, script, first, rng.split(2));
    let kinds = script::kinds(&mut rng.split(3), changes);
    let mut found = Found { events: history, ..Found::default() };
    let phases = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (rng, address, shared) = (rng.split(100 + number), node.address, &shared);
                scope.spawn(move || Load::run(address, rng, number, shared))
            })
            .collect();
        let phases = phases(&node, &shared, &mut changer, &kinds, rng.split(4));
        shared.over.store(true, Ordering::Release);
        clients.into_iter().for_each(|client| found.add(client.join().expect("a client does not panic")));
        phases
    });
    let (changing, quiet) = phases.context("reading what the server costs")?;
    let Changer { versions, outcomes, fills, found: of_changes, .. } = changer;
    found.add(of_changes);
    let mut verdict = Verdict::default();
    verdict.replay(&mut node.client(), &mut found, REPLAYED_MAX.min(changes as usize / 3));
    node.stop()?;
    verdict.read(&dir, &versions, &mut found)?;
    let versions = versions.len() as u64;
    let report = Report { outcomes, versions, found, verdict, changing, quiet, fills };
    if report.wrong().is_some() {
        folder.keep();
        eprintln!("the directory is left at {}", folder.path.display());
    }
    Ok(report)
}

/// All changes, in phases with a quiet one before or after each: what drifts falls to both alike.
fn phases(
    node: &Node,
    shared: &Shared,
    changer: &mut Changer<'_>,
    kinds: &[Kind],
    mut rng: Rng,
) -> Result<(Phase, Phase)> {
    let (mut changing, mut quiet) = (Phase::default(), Phase::default());
    let mut took = Duration::ZERO;
    std::thread::sleep(WARM_UP);
    let bar = node::bar(kinds.len() as u64, "changing");
    for (number, part) in kinds.chunks(CHANGES_AT_ONCE).enumerate() {
        if number % 2 == 1 {
            measure(node, shared, &mut quiet, || std::thread::sleep(took))?;
        }
        let since = Instant::now();
        measure(node, shared, &mut changing, || {
            for &kind in part {
                changer.change(kind);
                std::thread::sleep(Duration::from_micros(rng.below(2 * PAUSE.as_micros() as u64)));
                bar.inc(1);
            }
        })?;
        took = since.elapsed().min(QUIET_MAX);
        if number % 2 == 0 {
            measure(node, shared, &mut quiet, || std::thread::sleep(took))?;
        }
    }
    bar.finish_and_clear();
    Ok((changing, quiet))
}

/// Adds to a phase what happens during some work.
fn measure(node: &Node, shared: &Shared, phase: &mut Phase, work: impl FnOnce()) -> Result<()> {
    let counts = || [&shared.calls, &shared.waited_us].map(|count| count.load(Ordering::Relaxed));
    let (cpu, [calls, waited]) = (node.cpu_of(&SERVING)?, counts());
    work();
    let [calls_after, waited_after] = counts();
    phase.serving_us += (node.cpu_of(&SERVING)? - cpu).as_nanos() as f64 / 1e3;
    phase.calls += calls_after - calls;
    phase.waited_us += (waited_after - waited) as f64;
    Ok(())
}

//! `cargo xtask kill`: the real server, killed again and again at random moments and started again on the same directory,
//! under traffic; then its log is read offline and held against what the clients were told.

mod caps;
mod clients;
mod ledger;
mod outcomes;
mod verdict;

use crate::node::{self, Folder, Node, Start};
use crate::seeds;
use anyhow::{Context, Result, bail};
use clap::Args;
use clients::{Client, Told};
use domain::Time;
use serde_json::json;
use sim::Rng;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
pub(crate) use verdict::Verdict;

/// Threads that send.
const CLIENTS: u64 = 3;
/// Seeds of the simulator per round: its power cuts are a part of the report.
const SEEDS_PER_ROUND: u64 = 5;

/// Kill the running server at random moments, restart it, and check that nothing acknowledged is lost
#[derive(Args)]
pub(crate) struct Kill {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// How many answers of a feed with caps and quotas are made, under kills of their own, and held against every impression
    #[arg(long, default_value_t = 20_000)]
    answers: u64,
    /// How often it is killed while outcomes are delivered to a ledger behind an HTTP sink
    #[arg(long, default_value_t = 40)]
    outcome_rounds: u64,
    /// Decides what is sent and when it is killed; the moments themselves depend on the machine too
    #[arg(long)]
    seed: Option<u64>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What a run of rounds found.
#[derive(Default)]
pub(crate) struct Report {
    seed: u64,
    acked: u64,
    recovery_ms: Vec<f64>,
    killed_starting: u64,
    pub(crate) verdict: Verdict,
}

impl Kill {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let seed = self.seed.unwrap_or_else(|| u64::from(std::process::id()));
        let mut report = Report { seed, ..rounds(root, seed, self.rounds)? };
        let caps = caps::check(root, seed, self.answers)?;
        let outcomes = outcomes::check(root, seed, self.outcome_rounds)?;
        let summary = seeds::run(0, self.rounds * SEEDS_PER_ROUND);
        let mut planted = seeds::planted();
        planted.extend(outcomes::planted(seed)?);
        let caught = planted.iter().filter(|(_, caught)| *caught).count();
        self.print(&mut report, &caps, &outcomes, &summary, (planted.len(), caught));
        let mut wrong = report.verdict.wrong.clone();
        wrong.extend(caps.wrong);
        wrong.extend(outcomes.wrong);
        wrong.extend(summary.failures);
        wrong.extend(
            planted.iter().filter(|(_, caught)| !caught).map(|(name, _)| format!("planted and not caught: {name}")),
        );
        if !wrong.is_empty() {
            wrong.iter().take(10).for_each(|what| eprintln!("wrong: {what}"));
            bail!("repeat: cargo xtask kill --rounds {} --seed {seed}", self.rounds);
        }
        Ok(())
    }

    fn print(
        &self,
        report: &mut Report,
        caps: &caps::Caps,
        outcomes: &outcomes::Outcomes,
        summary: &sim::Summary,
        (planted, caught): (usize, usize),
    ) {
        let seed = report.seed;
        let recovery_ms =
            [0.5, 0.99].map(|share| (node::quantile(&mut report.recovery_ms, share) * 10.0).round() / 10.0);
        let verdict = &report.verdict;
        if self.json {
            let said = json!({
                "rounds": self.rounds,
                "seed": seed,
                "acked": report.acked,
                "acked_lost": verdict.acked_lost,
                "duplicated": verdict.duplicated,
                "digest_mismatch": verdict.digest_mismatch,
                "events_in_log": verdict.events,
                "decisions_replayed": verdict.replayed,
                "decisions_identical": verdict.identical,
                "killed_while_starting": report.killed_starting,
                "recovery_ms": { "p50": recovery_ms[0], "p99": recovery_ms[1] },
                "power_cuts": summary.power_cuts,
                "simulated_failures": summary.failures,
                "cap_answers": caps.answers,
                "cap_items": caps.items,
                "cap_removed": caps.removed,
                "cap_kills": caps.kills,
                "cap_violations": caps.violations,
                "outcome_kills": outcomes.kills,
                "outcomes_expected": outcomes.expected,
                "outcomes_alarms": outcomes.alarms,
                "outcomes_delivered": outcomes.came,
                "outcomes_lost": outcomes.lost,
                "outcomes_doubled": outcomes.doubled,
                "outcomes_differing": outcomes.differing,
                "planted_bugs": planted,
                "caught": caught,
            });
            println!("{said:#}");
        } else {
            println!("{} kills ({} while starting), seed {seed}", self.rounds, report.killed_starting);
            println!("{} acknowledged: {} lost, {} doubled", report.acked, verdict.acked_lost, verdict.duplicated);
            println!(
                "{} digests differ; {} of {} decisions identical",
                verdict.digest_mismatch, verdict.identical, verdict.replayed
            );
            println!(
                "{} answers with {} items under {} kills, {} candidates removed by caps and quotas: {} violations",
                caps.answers, caps.items, caps.kills, caps.removed, caps.violations
            );
            println!(
                "{} outcomes at a ledger, {} of them alarms, under {} kills ({} deliveries): {} lost, {} doubled, {} differing",
                outcomes.expected,
                outcomes.alarms,
                outcomes.kills,
                outcomes.came,
                outcomes.lost,
                outcomes.doubled,
                outcomes.differing
            );
            println!("recovery {} ms (p50), {} ms (p99)", recovery_ms[0], recovery_ms[1]);
            println!("{} simulated power cuts; {caught} of {planted} planted bugs caught", summary.power_cuts);
        }
    }
}

/// Kills the server this often and checks what is left; the directory is kept if something is wrong.
pub(crate) fn rounds(root: &Path, seed: u64, count: u64) -> Result<Report> {
    let program = node::program(root)?;
    let mut folder = Folder::new("kill")?;
    let spec = folder.path.join("spec.yaml");
    std::fs::write(&spec, crate::shop::spec_text(root)?)?;
    let setting = Setting { program, dir: folder.path.join("data"), spec };
    let base = Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64));
    let mut clients: Vec<Client> = (0..CLIENTS).map(|number| Client::new(seed, number, base)).collect();
    let mut rng = Rng::new(seed);
    let mut report = Report::default();
    let bar = node::bar(count, "killing");
    for _ in 0..count {
        if let Err(error) = setting.round(&mut rng, &mut clients, &mut report) {
            folder.keep();
            return Err(error.context(format!("the directory is left at {}", folder.path.display())));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.acked = clients.iter().map(|client| client.acked.len() as u64).sum();
    let told: Vec<&Told> = clients.iter().map(|client| &client.told).collect();
    report.verdict.add_told(&told);
    report.verdict.read(&setting.dir, &clients)?;
    if !report.verdict.wrong.is_empty() {
        folder.keep();
        eprintln!("the directory is left at {}", folder.path.display());
    }
    Ok(report)
}

struct Setting {
    program: PathBuf,
    dir: PathBuf,
    spec: PathBuf,
}

impl Setting {
    /// One life of the server: started (now and then killed in the middle of that), sent to, killed.
    fn round(&self, rng: &mut Rng, clients: &mut [Client], report: &mut Report) -> Result<()> {
        let start = Start {
            program: &self.program,
            dir: &self.dir,
            spec: &self.spec,
            shards: rng.pick(&[1, 2, 3, 4, 8]),
            mode: rng.pick(&["inline", "inline", "threaded"]),
            threads: 2,
            checkpoint_every: rng.pick(&["10ms", "50ms", "300ms", "1h"]),
            core: None,
            more: &[],
        };
        std::fs::create_dir_all(&self.dir)?;
        if rng.percent(25) {
            let usual = report.recovery_ms.last().copied().unwrap_or(50.0);
            let node = start.spawn()?;
            std::thread::sleep(Duration::from_micros(rng.below((usual * 1_200.0) as u64)));
            node.kill();
            report.killed_starting += 1;
        }
        let node = start.ready()?;
        report.recovery_ms.push(node.age().as_secs_f64() * 1_000.0);
        check_found(&node, clients, &mut report.verdict);
        let life = Duration::from_millis(30 + rng.below(500));
        let over = AtomicBool::new(false);
        let address = node.address;
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                clients.iter_mut().map(|client| scope.spawn(|| client.send(address, &over))).collect();
            std::thread::sleep(life);
            node.kill();
            over.store(true, Ordering::Release);
            threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
        });
        results.into_iter().collect::<Result<()>>().context("a client was told something unexpected")
    }
}

/// After a restart the log reaches at least as far as anything that anybody was told.
fn check_found(node: &Node, clients: &[Client], verdict: &mut Verdict) {
    let told = clients.iter().map(|client| client.told.position).max().unwrap_or_default();
    if node.found < told {
        verdict.acked_lost += 1;
        verdict.wrong.push(format!("the log ended at {} after {told} had been told to a client", node.found));
    }
}

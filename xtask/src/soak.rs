//! `cargo xtask soak`: simulated seeds, kill rounds, changed specs, determinism runs and random expressions without end, each
//! with other seeds, until Ctrl-C or the first failure.

use crate::{determinism, kill, reload, seeds};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const SEEDS: u64 = 500;
const ROUNDS: u64 = 20;
const CHANGES: u64 = 200;
const DECISIONS: u64 = 2_000;
const EXPRESSIONS: u64 = 100_000;

/// Run seeds, crashes and recomputations until Ctrl-C or the first failure
#[derive(Args)]
pub(crate) struct Soak {
    /// Where the seeds begin
    #[arg(long, default_value_t = 1)]
    first: u64,
}

impl Soak {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let start = Instant::now();
        let oracle = ["--manifest-path", "benches/peers/Cargo.toml", "--test", "oracle"];
        tested(root, &oracle, "our expressions and those of the crate `cel` differ")?;
        for seed in self.first.. {
            let simulated = seeds::run(seed * SEEDS, SEEDS);
            if let Some(failure) = simulated.failures.first() {
                bail!("{failure}");
            }
            let again = format!("repeat: cargo xtask kill --rounds {ROUNDS} --seed {seed}");
            let killed = kill::rounds(root, seed, ROUNDS).with_context(|| again.clone())?;
            if let Some(wrong) = killed.verdict.wrong.first() {
                bail!("{wrong}\n{again}");
            }
            let mode = if seed % 2 == 0 { "inline" } else { "threaded" };
            let again = format!("repeat: cargo xtask reload --changes {CHANGES} --seed {seed} --mode {mode}");
            let changed = reload::check(root, seed, CHANGES, mode).with_context(|| again.clone())?;
            if let Some(wrong) = changed.wrong() {
                bail!("{wrong}\n{again}");
            }
            let again = format!("repeat: cargo xtask determinism --decisions {DECISIONS} --seed {seed}");
            let checked = determinism::check(root, seed, DECISIONS).with_context(|| again.clone())?;
            if let Some(wrong) = checked.wrong.first() {
                bail!("{wrong}\n{again}");
            }
            expressions(root)?;
            println!(
                "{} s: seed {seed}: {SEEDS} simulated, {ROUNDS} kills, {CHANGES} changes, {DECISIONS} decisions, \
                 {EXPRESSIONS} expressions: nothing wrong",
                start.elapsed().as_secs()
            );
        }
        Ok(())
    }
}

/// Random expressions by all evaluators, each time others. The test prints the smallest expression that they disagree on.
fn expressions(root: &Path) -> Result<()> {
    tested(root, &["--package", "expr", "--lib", "tests::generated"], "evaluators disagree")
}

/// Runs property tests with as many cases as a soak takes.
fn tested(root: &Path, which: &[&str], wrong: &str) -> Result<()> {
    let tested = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["test", "--quiet"])
        .args(which)
        .env("PROPTEST_CASES", EXPRESSIONS.to_string())
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .context("running cargo")?;
    if !tested.status.success() {
        eprintln!("{}", String::from_utf8_lossy(&tested.stdout));
        bail!("{wrong}; repeat: PROPTEST_CASES={EXPRESSIONS} cargo test {}", which.join(" "));
    }
    Ok(())
}

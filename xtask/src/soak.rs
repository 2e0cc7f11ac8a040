//! `cargo xtask soak`: simulated seeds, kill rounds and determinism runs without end, each with other seeds, until Ctrl-C or the
//! first failure.

use crate::{determinism, kill, seeds};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::Path;
use std::time::Instant;

const SEEDS: u64 = 500;
const ROUNDS: u64 = 20;
const DECISIONS: u64 = 2_000;

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
            let again = format!("repeat: cargo xtask determinism --decisions {DECISIONS} --seed {seed}");
            let checked = determinism::check(root, seed, DECISIONS).with_context(|| again.clone())?;
            if let Some(wrong) = checked.wrong.first() {
                bail!("{wrong}\n{again}");
            }
            println!(
                "{} s: seed {seed}: {SEEDS} simulated, {ROUNDS} kills, {DECISIONS} decisions: nothing wrong",
                start.elapsed().as_secs()
            );
        }
        Ok(())
    }
}

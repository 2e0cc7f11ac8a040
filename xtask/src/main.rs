//! The project's chores as one program: structure checks, crash tests, determinism checks and benchmarks.

mod backtest_parity;
mod bench;
mod conformance;
mod determinism;
mod fuzz;
mod gorse_compat;
mod kill;
mod node;
mod parity;
mod reload;
mod seeds;
mod shop;
mod soak;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::Path;

/// The product's allocator, so that what is measured in this process is measured as it runs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Chores of the Millrace repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Hold the structure rules against the sources
    Tidy,
    #[command(subcommand)]
    Conformance(conformance::Conformance),
    Kill(kill::Kill),
    Reload(reload::Reload),
    Determinism(determinism::Determinism),
    Parity(parity::Parity),
    BacktestParity(backtest_parity::BacktestParity),
    #[command(subcommand)]
    Bench(bench::Bench),
    Soak(soak::Soak),
    Fuzz(fuzz::Fuzz),
    GorseCompat(gorse_compat::GorseCompat),
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    match Arguments::parse().chore {
        Chore::Tidy => tidy::run(root),
        Chore::Conformance(conformance) => conformance.run(root),
        Chore::Kill(kill) => kill.run(root),
        Chore::Reload(reload) => reload.run(root),
        Chore::Determinism(determinism) => determinism.run(root),
        Chore::Parity(parity) => parity.run(root),
        Chore::BacktestParity(parity) => parity.run(),
        Chore::Bench(bench) => bench.run(root),
        Chore::Soak(soak) => soak.run(root),
        Chore::Fuzz(fuzz) => fuzz.run(),
        Chore::GorseCompat(compat) => compat.run(root),
    }
}

//! The project's chores as one program: structure checks, crash tests, determinism checks and benchmarks.

mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::Path;

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
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository");
    match Arguments::parse().chore {
        Chore::Tidy => tidy::run(root),
    }
}

//! `cargo xtask bench`: figures measured on this machine.

use anyhow::Result;
use clap::Subcommand;
use std::path::Path;

/// Measure this machine
#[derive(Subcommand)]
pub(crate) enum Bench {}

impl Bench {
    pub(crate) fn run(self, _root: &Path) -> Result<()> {
        match self {}
    }
}

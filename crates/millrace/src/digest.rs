//! `millrace digest`: one number for all state, built from the log alone.

use crate::node;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Build all state from the log and print its digest
///
/// The same log gives the same digest on any machine, with any number of shards. Beside a running server it is of what is on the disk.
#[derive(Args)]
pub(crate) struct Digest {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// The spec file; without it the spec last in force
    #[arg(long)]
    spec: Option<PathBuf>,
    /// Number of shards to build with; the digest does not depend on it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Digest {
    pub(crate) fn run(self) -> Result<()> {
        let (log, _) = node::open_log(&self.dir)?;
        let plan = match &self.spec {
            Some(spec) => node::read_spec(spec)?,
            None => log.plan().context("the log has no spec yet; name one with --spec")?,
        };
        let bar = node::bar(log.last.0, "applying the log");
        let machine = log.build(&plan, self.shards, &mut |done, _| bar.set_position(done))?;
        bar.finish_and_clear();
        let digest: String = machine.digest().0.iter().map(|word| format!("{word:016x}")).collect();
        if self.json {
            say!("{:#}", json!({ "digest": digest, "position": log.last.0, "shards": self.shards }));
        } else {
            say!("{digest} at position {}", log.last);
        }
        Ok(())
    }
}

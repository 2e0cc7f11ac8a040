//! `millrace replay`: past answers computed again from the log alone, and compared.

use crate::node;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Compute recorded decisions again from the log and compare them bit for bit
///
/// Slates and scores are taken out of the records first. A running server is asked for one by GET /v1/decisions/{id}/replay.
#[derive(Args)]
pub(crate) struct Replay {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// How many of the last decisions
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    last: u32,
    /// Number of shards to recompute with
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(crate) fn run(self) -> Result<()> {
        let (log, _) = node::open_log(&self.dir)?;
        let bar = node::bar(0, "recomputing");
        let report = log.replay(self.last as usize, self.shards, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
        if self.json {
            let different: Vec<_> = report
                .different
                .iter()
                .map(|(id, what)| json!({ "decision": id.to_string(), "differences": what }))
                .collect();
            say!(
                "{:#}",
                json!({ "replayed": report.replayed, "identical": report.identical, "gone": report.gone, "different": different })
            );
        } else {
            say!("{} recorded answers recomputed, {} identical", report.replayed, report.identical);
            if report.gone > 0 {
                say!("{} read what retention has dropped and cannot be computed again", report.gone);
            }
            for (id, what) in &report.different {
                say!("{id}: {}", what.join("; "));
            }
        }
        if report.identical != report.replayed {
            bail!("{} decisions came out differently", report.replayed - report.identical);
        }
        Ok(())
    }
}

//! `millrace check`: is a spec right, and what does it cost?

use crate::node;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check a spec: every mistake with its place, or what its features cost
#[derive(Args)]
pub(crate) struct Check {
    /// The spec file
    spec: PathBuf,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn run(self) -> Result<()> {
        let plan = node::read_spec(&self.spec)?;
        let summary = plan.describe();
        if self.json {
            println!("{:#}", as_json(&summary));
            return Ok(());
        }
        println!("{}: no mistakes", self.spec.display());
        print!("{summary}");
        Ok(())
    }
}

fn as_json(summary: &spec::Summary) -> Value {
    let tables: Vec<Value> = summary
        .tables
        .iter()
        .map(|table| {
            let features: Vec<Value> = table
                .features
                .iter()
                .map(|feature| {
                    json!({
                        "name": feature.name,
                        "type": feature.ty,
                        "bytes_per_key": feature.bytes_per_key,
                        "window_error_ms": feature.window_error.map(|span| span.0),
                    })
                })
                .collect();
            json!({ "name": table.name, "bytes_per_key": table.bytes_per_key, "features": features })
        })
        .collect();
    json!({
        "tables": tables,
        "streams": summary.streams,
        "slots": summary.slots,
        "indexes": summary.indexes,
        "feeds": summary.feeds,
    })
}

//! `millrace decisions`: what decisions have come to lately.

use crate::client::{self, Server};
use anyhow::Result;
use clap::{Args, Subcommand};

/// Show what decisions have come to
#[derive(Subcommand)]
pub(crate) enum Decisions {
    Report(Report),
}

/// Show outcomes and tiers by time, rules and rules in shadow, what labels say of tiers, and guards
#[derive(Args)]
pub(crate) struct Report {
    /// The decision's name
    decision: String,
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

impl Decisions {
    pub(crate) fn run(self) -> Result<()> {
        let Decisions::Report(Report { decision, server, json }) = self;
        let path = format!("/v1/decisions/{}/report", client::encoded(&decision));
        say!("{}", server.read(&path, json)?.trim_end());
        Ok(())
    }
}

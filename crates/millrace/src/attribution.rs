//! `millrace attribution`: what came of answers, from a running server or from a data directory.

use crate::client::{self, Server};
use crate::node;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use engine::By;
use std::path::PathBuf;

/// Show what came of answers: impressions, clicks and rewards
///
/// By feed, route or place. The spec declares what is joined, under `attribution`.
#[derive(Args)]
pub(crate) struct Attribution {
    #[command(flatten)]
    server: Server,
    /// A data directory to read instead: what is on the disk
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only this feed
    #[arg(long)]
    feed: Option<String>,
    /// What the rows are
    #[arg(long, value_enum, default_value = "feed")]
    by: Rows,
    /// Print what the server says as JSON
    #[arg(long, conflicts_with = "dir")]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rows {
    Feed,
    Route,
    Position,
}

impl Attribution {
    pub(crate) fn run(self) -> Result<()> {
        let by = match self.by {
            Rows::Feed => By::Feed,
            Rows::Route => By::Route,
            Rows::Position => By::Position,
        };
        if let Some(dir) = &self.dir {
            let (log, _) = node::open_log(dir)?;
            let plan = log.plan().context("the log has no spec yet")?;
            let bar = node::bar(log.last.0, "applying the log");
            let machine = log.build(&plan, 1, &mut |done, _| bar.set_position(done))?;
            bar.finish_and_clear();
            show!("{}", machine.attribution(self.feed.as_deref(), by)?);
            return Ok(());
        }
        let rows = self.by.to_possible_value().expect("every kind of rows can be said");
        let mut path = format!("/v1/attribution?by={}", rows.get_name());
        if let Some(feed) = &self.feed {
            path.push_str(&format!("&feed={}", client::encoded(feed)));
        }
        say!("{}", self.server.read(&path, self.json)?.trim_end());
        Ok(())
    }
}

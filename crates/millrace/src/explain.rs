//! `millrace explain`: why an answer is what it is, or what became of one item.

use crate::client::{self, Server};
use anyhow::Result;
use clap::Args;

/// Explain a decision, or the way of one item through it
///
/// With --item the server computes the decision again from its log, which may take a while for an old one.
#[derive(Args)]
pub(crate) struct Explain {
    /// The decision's id, such as d1-42
    decision: String,
    /// The key of an item, in the slate or not
    #[arg(long)]
    item: Option<String>,
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(self) -> Result<()> {
        let mut path = format!("/v1/decisions/{}/explain", client::encoded(&self.decision));
        if let Some(item) = &self.item {
            path.push_str(&format!("?item={}", client::encoded(item)));
        }
        say!("{}", self.server.read(&path, self.json)?.trim_end());
        Ok(())
    }
}

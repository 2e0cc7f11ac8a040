//! `millrace eval-expr`: what an expression says of a user and an item of a running server.

use crate::client::Server;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

/// Try an expression on a user and an item of a running server
///
/// Reads what a feed's filter reads: attributes, features, lists, the request's context, and aggregates that the spec keeps
/// already. Prints the value, its type and what it read; of what is missing, why.
#[derive(Args)]
pub(crate) struct EvalExpr {
    /// The expression, such as 'count(view, 7d) > 3 && user.country == "DE"'
    expression: String,
    /// Key of the user
    #[arg(long)]
    user: Option<String>,
    /// Key of the item
    #[arg(long)]
    item: Option<String>,
    /// The feed whose names it reads; without it the spec's first one for the user, or for the item
    #[arg(long)]
    feed: Option<String>,
    /// What a request would bring along, as JSON: '{"device":"tv"}'
    #[arg(long)]
    context: Option<String>,
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

impl EvalExpr {
    pub(crate) fn run(self) -> Result<()> {
        let mut body = json!({ "expression": self.expression });
        for (name, key) in [("user", &self.user), ("item", &self.item), ("feed", &self.feed)] {
            key.iter().for_each(|key| body[name] = json!(key));
        }
        if let Some(context) = &self.context {
            let named = || "reading --context, which must be a JSON object";
            body["context"] = serde_json::from_str::<Value>(context).with_context(named)?;
        }
        say!("{}", self.server.post("/v1/expressions", &body.to_string(), self.json)?.trim_end());
        Ok(())
    }
}

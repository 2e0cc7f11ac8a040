//! `millrace review`: decisions that wait for a person.

use crate::client::{self, Server};
use anyhow::{Context, Result};
use clap::{Args, Subcommand};

/// List, claim and decide the decisions that wait for a person
///
/// The spec says which wait, and what can be answered, under a decision's `review`. An answer becomes a label event.
#[derive(Subcommand)]
pub(crate) enum Review {
    List(List),
    Show(Show),
    Claim(Claim),
    Release(Release),
    Decide(Decide),
}

/// List the cases that wait, the oldest first
#[derive(Args)]
pub(crate) struct List {
    /// Only of this decision
    #[arg(long)]
    decision: Option<String>,
    /// Only of this tier
    #[arg(long)]
    tier: Option<String>,
    /// Only those that somebody has (true), or nobody (false)
    #[arg(long)]
    claimed: Option<bool>,
    /// Only those that this person has, or has decided
    #[arg(long)]
    by: Option<String>,
    /// Only those that have waited for so long, such as 30m
    #[arg(long)]
    older: Option<String>,
    /// Those that were decided lately, instead
    #[arg(long)]
    decided: bool,
    /// Only those behind this one, as the page before says
    #[arg(long)]
    after: Option<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

/// Show one case
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    case: Case,
}

/// Take a case, so that nobody else does; again: go on having it
#[derive(Args)]
pub(crate) struct Claim {
    #[command(flatten)]
    case: Case,
    /// Who takes it
    #[arg(long)]
    by: String,
}

/// Give a case back
#[derive(Args)]
pub(crate) struct Release {
    #[command(flatten)]
    case: Case,
    /// Who gives it back
    #[arg(long)]
    by: String,
}

/// Decide a case
#[derive(Args)]
pub(crate) struct Decide {
    #[command(flatten)]
    case: Case,
    /// Who decides
    #[arg(long)]
    by: String,
    /// One of the answers that the spec declares
    #[arg(long)]
    answer: String,
    /// Why
    #[arg(long)]
    reason: String,
}

#[derive(Args)]
pub(crate) struct Case {
    /// The decision's name
    decision: String,
    /// The case's id, such as d1-42
    id: String,
    #[command(flatten)]
    server: Server,
    /// Print what the server says as JSON
    #[arg(long)]
    json: bool,
}

impl Review {
    pub(crate) fn run(self) -> Result<()> {
        let said = match self {
            Review::List(list) => list.server.read(&list.path(), list.json)?,
            Review::Show(Show { case }) => case.server.read(&case.path(""), case.json)?,
            Review::Claim(Claim { case, by }) => case.send("/claim", &[("by", &by)])?,
            Review::Release(Release { case, by }) => case.send("/release", &[("by", &by)])?,
            Review::Decide(Decide { case, by, answer, reason }) => {
                case.send("/decide", &[("by", &by), ("answer", &answer), ("reason", &reason)])?
            }
        };
        say!("{}", said.trim_end());
        Ok(())
    }
}

impl List {
    fn path(&self) -> String {
        let texts = [
            ("decision", self.decision.clone()),
            ("tier", self.tier.clone()),
            ("claimed", self.claimed.map(|claimed| claimed.to_string())),
            ("by", self.by.clone()),
            ("older", self.older.clone()),
            ("state", self.decided.then(|| "decided".to_owned())),
            ("after", self.after.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
        ];
        let given = texts.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        let query: Vec<String> = given.map(|(name, value)| format!("{name}={}", client::encoded(value))).collect();
        if query.is_empty() { "/v1/reviews".to_owned() } else { format!("/v1/reviews?{}", query.join("&")) }
    }
}

impl Case {
    fn path(&self, verb: &str) -> String {
        format!("/v1/reviews/{}/{}{verb}", client::encoded(&self.decision), client::encoded(&self.id))
    }

    fn send(&self, verb: &str, members: &[(&str, &str)]) -> Result<String> {
        let members = members.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        let body = serde_json::Value::Object(members.collect()).to_string();
        self.server.post(&self.path(verb), &body, self.json).context("nothing was labelled, the case is as it was")
    }
}

//! `millrace serve`: the HTTP server over a data directory, until it is told to stop.

use crate::node;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use domain::Span;
use engine::{Clock, Config, Mode, OpenReport};
use server::{Role, Server, Token};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Serve the HTTP interface from a data directory
///
/// Everything is in the directory: the log, the checkpoints. Stop with Ctrl-C (or SIGTERM): requests in flight are
/// finished, a checkpoint is written. After `kill -9` or a power cut nothing acknowledged is lost.
///
/// A changed spec takes effect at the start: the differences are printed, and state is built again from the log.
#[derive(Args)]
pub(crate) struct Serve {
    /// The spec file
    #[arg(long)]
    spec: PathBuf,
    /// The data directory (made if it is not there)
    #[arg(long)]
    dir: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7700")]
    bind: SocketAddr,
    /// HTTP threads; default: one per core
    #[arg(long)]
    threads: Option<usize>,
    /// Who applies events: the thread that takes them (inline), or a thread per shard (threaded)
    #[arg(long, value_enum, default_value = "inline")]
    mode: ModeName,
    /// Number of shards of user state; answers do not depend on it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
    /// How often a checkpoint is written (10s, 5m, ...)
    #[arg(long, default_value = "60s", value_parser = span)]
    checkpoint_every: Span,
    /// How much of the log is kept (90d, ...); default: all of it
    #[arg(long, value_parser = span)]
    retain: Option<Span>,
    /// A file of bearer tokens, one `role token` a line (roles: ingest, serve, admin); without it only loopback addresses are
    /// served, to everyone
    #[arg(long)]
    tokens: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    Inline,
    Threaded,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let plan = node::read_spec(&self.spec)?;
        let config = Config {
            mode: match self.mode {
                ModeName::Inline => Mode::Inline,
                ModeName::Threaded => Mode::Threaded,
            },
            shards: self.shards,
            hash_seed: RandomState::new().hash_one(std::process::id()),
            checkpoint_every: self.checkpoint_every,
            retain: self.retain,
            ..Config::new(Clock::Wall)
        };
        let http = self.http()?;
        let stop = node::stop_signal()?;
        let (engine, report) = node::open(&self.dir, plan, config)?;
        tell(&report);
        let server = Server::start(http, Arc::new(engine))?;
        println!("serving on http://{}; stop with Ctrl-C", server.address());
        stop.wait();
        println!("stopping");
        server.stop();
        Ok(())
    }

    fn http(&self) -> Result<server::Config> {
        let mut http = server::Config::new(self.bind);
        if let Some(threads) = self.threads {
            http.threads = threads.clamp(1, 256);
        }
        if let Some(path) = &self.tokens {
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let token = token(line).with_context(|| format!("{} line {}", path.display(), number + 1))?;
                http.tokens.push(token);
            }
            if http.tokens.is_empty() {
                bail!("{} has no tokens", path.display());
            }
        }
        Ok(http)
    }
}

/// Says what opening found: how state was built, and what the spec changed.
fn tell(report: &OpenReport) {
    if report.journal.truncated_bytes > 0 {
        println!("a torn tail of {} bytes, never acknowledged, was cut", report.journal.truncated_bytes);
    }
    println!(
        "log at position {}; state from checkpoint {} and {} records",
        report.journal.last, report.checkpoint, report.replayed
    );
    let Some(diff) = &report.diff else { return };
    for (what, names) in [("added", &diff.added), ("changed", &diff.changed), ("removed", &diff.removed)] {
        if !names.is_empty() {
            println!("spec: {what} {}", names.join(", "));
        }
    }
}

fn token(line: &str) -> Result<Token> {
    let (role, secret) = line.trim().split_once(char::is_whitespace).context("expected `role token`")?;
    let role = match role {
        "ingest" => Role::Ingest,
        "serve" => Role::Serve,
        "admin" => Role::Admin,
        _ => bail!("'{role}' is no role; use ingest, serve or admin"),
    };
    Ok(Token::new(role, secret.trim())?)
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| format!("'{text}' is not a duration; write 10s, 5m, 2h or 30d"))
}

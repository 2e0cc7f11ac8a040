//! `millrace serve`: the HTTP server over a data directory, or over one for each tenant, until it is told to stop.

use crate::node::{self, StopSignal};
use crate::{tenants, tokens, watch};
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use domain::Span;
use engine::{Clock, Config, Mode, Plan};
use server::Server;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// Serve the HTTP interface from a data directory
///
/// Everything is in the directory: the log, the checkpoints. Stop with Ctrl-C (or SIGTERM): requests in flight are
/// finished, a checkpoint is written. After `kill -9` or a power cut nothing acknowledged is lost.
///
/// A changed spec takes effect at the start: the differences are printed, and state is built again from the log. The port is
/// open meanwhile, and /readyz answers 503 with how far it is. A running server's spec is changed with `millrace spec apply`, or
/// by --watch; start it without --spec then, so that the version that is in force stays so.
///
/// Several customers in one process: `--tenants tenants.yaml` instead of `--spec`. Each has a spec, tokens, limits and a
/// folder of its own below the data directory, and its calls at /t/NAME/v1/...:
///
///     version: 1
///     operator: operator.tokens
///     tenants:
///       shop:
///         spec: shop.yaml
///         tokens: shop.tokens
///         limits: { requests_per_second: 200, events_per_second: 2000, entities: 100000, log_bytes: 10GiB }
///
/// `millrace check tenants.yaml` says what is wrong with it and with every spec that it names.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Serve {
    /// The spec: a file, or a folder of YAML files that are one spec; without it the spec that is in force in the data directory
    #[arg(long, conflicts_with_all = ["tenants", "watch"])]
    spec: Option<PathBuf>,
    /// The spec, to which the running server changes whenever the file, or a file of the folder, has changed; what is wrong is told,
    /// and the version before goes on serving
    #[arg(long, value_name = "DIR", conflicts_with = "tenants")]
    watch: Option<PathBuf>,
    /// A file of tenants, each with a spec of its own, served at /t/NAME/v1/...
    #[arg(long)]
    tenants: Option<PathBuf>,
    /// The data directory (made if it is not there); with tenants a folder for each lies in it
    #[arg(long)]
    dir: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7700", value_parser = address)]
    bind: SocketAddr,
    /// Where to serve decisions over gRPC too (an address like 127.0.0.1:7701), with the same tokens; see docs/grpc.md
    #[arg(long, value_name = "ADDR", value_parser = address)]
    grpc: Option<SocketAddr>,
    /// HTTP threads; default: one per core
    #[arg(long)]
    threads: Option<usize>,
    /// Who applies events: the thread that takes them (inline; a tenant then costs one thread, the one that syncs its log), or a
    /// thread per shard and one for the indexes (threaded)
    #[arg(long, value_enum, default_value = "inline")]
    mode: ModeName,
    /// Number of shards of user state; answers do not depend on it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    shards: u32,
    /// How often a checkpoint is written (10s, 5m, ...)
    #[arg(long, default_value = "60s", value_parser = span)]
    checkpoint_every: Span,
    /// How much of the log is kept (90d, ...); default: all of it. A tenant's own `retain` goes before it
    #[arg(long, value_parser = span)]
    retain: Option<Span>,
    /// What time it is: the machine's, or that of the newest event. With the latter what was recorded is played back as if it were
    /// then: time goes on only as events carry it
    #[arg(long, value_enum, default_value = "machine")]
    clock: ClockName,
    /// With `--clock events`: how far an event may be ahead of the newest one before it. One further ahead is refused
    /// (`time_in_future`): a single wrong year would end every window. Raise it for records with longer gaps
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    ahead: Span,
    /// A file of bearer tokens, one `role token` a line (roles: ingest, serve, review, admin); without it only loopback addresses are
    /// served, to everyone. Tenants have theirs in the file of tenants
    #[arg(long, conflicts_with = "tenants")]
    tokens: Option<PathBuf>,
    /// A file of secrets that the spec's sinks name, one `name secret` a line: outcomes are sent with them as bearer tokens
    #[arg(long, conflicts_with = "tenants")]
    secrets: Option<PathBuf>,
    /// Do not deliver outcomes to the spec's sinks: for a copy of a data directory. Where there are tenants nothing is delivered
    #[arg(long)]
    no_sinks: bool,
    /// Serve the Gorse REST API under /api beside our own, for applications that use its clients; the spec must declare what
    /// it needs (start from examples/gorse.yaml), and the log must be whole. See docs/gorse.md
    #[arg(long, conflicts_with_all = ["retain", "tenants"])]
    gorse: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ModeName {
    Inline,
    Threaded,
}

#[derive(Clone, Copy, ValueEnum)]
enum ClockName {
    Machine,
    Events,
}

impl Serve {
    pub(crate) fn run(self) -> Result<()> {
        let stop = node::stop_signal()?;
        match &self.tenants {
            Some(file) => self.serve_tenants(file, stop),
            None => self.serve_one(stop),
        }
    }

    /// One node: listened for at once, served when its log is applied.
    fn serve_one(&self, stop: StopSignal) -> Result<()> {
        let plan = self.plan()?;
        let (config, dir, gorse, watch) = (self.config(), self.dir.clone(), self.gorse, self.watch.clone());
        let mut http = self.http();
        if let Some(path) = &self.tokens {
            http.tokens = tokens::read(path)?;
        }
        if let Some(path) = &self.secrets {
            http.secrets = tokens::read_secrets(path)?;
        }
        let mut server = Server::listen(http)?;
        self.serve_grpc(&mut server)?;
        let address = server.address();
        say!("listening on http://{address}; /readyz says 503 until the log is applied");
        let slots = server.tenants().to_vec();
        serve_while_opening(server, stop, move || {
            for slot in slots {
                let (engine, report) = node::open(&dir, plan.clone(), config.clone(), &mut |done, total| {
                    slot.progress(done, total);
                })?;
                node::tell("", &report);
                let engine = Arc::new(engine);
                watch.iter().try_for_each(|path| watch::start(path.clone(), &engine))?;
                match gorse {
                    true => slot.serve_with_gorse(engine)?,
                    false => slot.serve(engine),
                }
            }
            say!("serving on http://{address}; stop with Ctrl-C");
            Ok(())
        })
    }

    fn serve_grpc(&self, server: &mut Server) -> Result<()> {
        if let Some(bind) = self.grpc {
            let address = grpc::serve(server, bind)?;
            say!("gRPC on {address}");
        }
        Ok(())
    }

    /// The spec to start with.
    fn plan(&self) -> Result<Arc<Plan>> {
        if let Some(path) = self.spec.as_ref().or(self.watch.as_ref()) {
            return node::read_spec(path);
        }
        match node::spec_of(&self.dir)? {
            Some(plan) => Ok(plan),
            None => bail!(
                "there is no spec in {} yet: say what to serve with --spec FILE, --watch DIR or --tenants FILE",
                self.dir.display()
            ),
        }
    }

    /// Tenants: each is served as soon as its own log is applied.
    fn serve_tenants(&self, file: &Path, stop: StopSignal) -> Result<()> {
        let hosting = tenants::read(file)?;
        let (config, dir) = (self.config(), self.dir.clone());
        let mut server = tenants::listen(self.http(), &hosting)?;
        self.serve_grpc(&mut server)?;
        let address = server.address();
        say!("listening on http://{address}; /readyz says 503 until every log is applied");
        let slots = server.tenants().to_vec();
        serve_while_opening(server, stop, move || {
            let serving = hosting.open(&dir, &config, &slots)?;
            say!("serving {serving} of {} tenants on http://{address}; stop with Ctrl-C", slots.len());
            Ok(())
        })
    }

    fn config(&self) -> Config {
        let clock = match self.clock {
            ClockName::Machine => Clock::Wall,
            ClockName::Events => Clock::Log,
        };
        Config {
            mode: match self.mode {
                ModeName::Inline => Mode::Inline,
                ModeName::Threaded => Mode::Threaded,
            },
            shards: self.shards,
            hash_seed: RandomState::new().hash_one(std::process::id()),
            checkpoint_every: self.checkpoint_every,
            retain: self.retain,
            ahead_max: Some(self.ahead),
            ..Config::new(clock)
        }
    }

    fn http(&self) -> server::Config {
        let mut http = server::Config::new(self.bind);
        (http.gorse, http.sinks) = (self.gorse, !self.no_sinks);
        if let Some(threads) = self.threads {
            http.threads = threads.clamp(1, 256);
        }
        http
    }
}

/// Runs until the program is told to stop or `open` fails. A stop does not wait for what is still being opened: its log is whole at any
/// moment, and the next start reads it again.
fn serve_while_opening(
    server: Server,
    stop: StopSignal,
    open: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<()> {
    let (failed, failure) = mpsc::channel();
    let alarm = stop.alarm();
    let opening = move || {
        if let Err(error) = open() {
            // Whoever waits for it is there until the process ends.
            let _ = failed.send(error);
            alarm.ring();
        }
    };
    std::thread::Builder::new().name("open".into()).spawn(opening).context("starting a thread")?;
    stop.wait();
    let failure = failure.try_recv();
    if failure.is_err() {
        say!("stopping");
    }
    server.stop();
    failure.map_or(Ok(()), Err)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "is not an IP address and a port; write 127.0.0.1:7700 for this machine alone, 0.0.0.0:7700 for all";
    text.parse().map_err(|_| format!("'{text}' {wrong}"))
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| format!("'{text}' is not a duration; write 10s, 5m, 2h or 30d"))
}

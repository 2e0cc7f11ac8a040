//! How the server runs: where it listens, who may call, and what it bears. Refuses to be open to the network without tokens.

use crate::auth::Token;
use domain::limits;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The server's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Who may call. Without any, everything is open, which only a loopback address may be. Where tenants are served, these open
    /// nothing but the metrics of the process.
    pub tokens: Vec<Token>,
    /// Number of threads, each with a listener of its own.
    pub threads: usize,
    /// What the server bears.
    pub limits: Limits,
    /// Whether the Gorse interface is served beside our own.
    pub gorse: bool,
    /// Whether outcomes are delivered to the sinks of the spec. Never for tenants: their specs would say whom this machine calls.
    pub sinks: bool,
    /// What the names of secrets in specs stand for.
    pub secrets: Secrets,
    /// How the outbox goes wrong.
    #[cfg(feature = "planted")]
    pub planted_outbox: Option<crate::PlantedOutbox>,
}

/// Sizes, counts and times that one client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most connections at once; more are closed when they come.
    pub connections: usize,
    /// Largest request line and headers together, in bytes.
    pub head_bytes: usize,
    /// Most headers.
    pub headers: usize,
    /// Largest body of events or entities, in bytes.
    pub body_bytes: usize,
    /// Largest body of any other call, in bytes.
    pub small_body_bytes: usize,
    /// From the connection to the first request's last header, and from the first byte of each later request to its last header.
    pub head_time: Duration,
    /// How long a connection may stay without a request.
    pub idle_time: Duration,
    /// How long a body may take before its rate counts.
    pub body_grace: Duration,
    /// Least bytes a second of a body, after the grace.
    pub body_rate: u64,
    /// How long a body may take in all.
    pub body_time: Duration,
    /// How long an answer may wait for the client to read it.
    pub write_time: Duration,
    /// How long an acknowledgement may wait for the disk before the client is told that the outcome is unknown.
    pub release_time: Duration,
    /// How long requests in flight may go on after a stop.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 10_000,
            head_bytes: 16 << 10,
            headers: 64,
            body_bytes: limits::BODY_BYTES_MAX,
            small_body_bytes: limits::SMALL_BODY_BYTES_MAX,
            head_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(60),
            body_grace: Duration::from_secs(5),
            body_rate: 1_000,
            body_time: Duration::from_secs(120),
            write_time: Duration::from_secs(30),
            release_time: Duration::from_secs(30),
            stop_time: Duration::from_secs(10),
        }
    }
}

/// Secrets by name. They are shown nowhere.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Adds one, or puts it in the place of the one of this name.
    pub fn set(&mut self, name: impl Into<String>, secret: impl Into<String>) {
        self.0.insert(name.into(), secret.into());
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Config {
    /// Sound settings on this address: a thread for each core, no tokens.
    pub fn new(bind: SocketAddr) -> Config {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Config {
            bind,
            tokens: Vec::new(),
            threads,
            limits: Limits::default(),
            gorse: false,
            sinks: true,
            secrets: Secrets::default(),
            #[cfg(feature = "planted")]
            planted_outbox: None,
        }
    }

    /// Whether anybody who reaches the address may call everything, as far as these tokens go.
    pub fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }
}

/// Why the server does not start.
#[derive(Debug)]
pub enum StartError {
    /// The address can be reached from other machines, and no token guards it.
    OpenToTheNetwork(SocketAddr),
    /// A token is shorter than `Token::BYTES_MIN`.
    WeakToken,
    /// None, or more than `limits::TENANTS_MAX`.
    TenantCount(usize),
    /// Two tenants have this name.
    TenantTwice(String),
    /// Others have tokens, this tenant has none.
    TenantWithoutTokens(String),
    /// The same token opens both.
    SharedToken(String, String),
    /// The address cannot be listened on.
    Bind(SocketAddr, std::io::Error),
    /// The system gives no thread or no event queue.
    Thread(std::io::Error),
    /// The Gorse interface cannot be served: what the spec lacks, or that the log is not whole.
    Gorse(Vec<String>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::OpenToTheNetwork(bind) => write!(
                f,
                "{bind} can be reached from other machines, and no token is configured; configure tokens for the roles \
                 ingest, serve and admin, or listen on 127.0.0.1"
            ),
            StartError::WeakToken => {
                write!(f, "a token must have at least {} bytes; use a random one", Token::BYTES_MIN)
            }
            StartError::TenantCount(count) => {
                write!(f, "{count} tenants cannot be served; name 1 to {}", limits::TENANTS_MAX)
            }
            StartError::TenantTwice(name) => write!(f, "two tenants have the name '{name}'; rename one"),
            StartError::TenantWithoutTokens(name) => {
                write!(f, "the tenant '{name}' has no tokens while others have; give it some, or nobody any")
            }
            StartError::SharedToken(one, other) => {
                write!(f, "'{one}' and '{other}' have a token in common; give each its own")
            }
            StartError::Bind(bind, error) => write!(f, "cannot listen on {bind}: {error}"),
            StartError::Thread(error) => write!(f, "cannot start a thread: {error}"),
            StartError::Gorse(lacking) => write!(f, "the Gorse interface cannot be served: {}", lacking.join("; ")),
        }
    }
}

impl std::error::Error for StartError {}

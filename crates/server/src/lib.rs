//! HTTP over the engine: the only place that knows sockets and status codes.
//! Start at `routes.rs` (the table of calls) and `service.rs` (the walk of a request).

mod auth;
mod body;
mod calls;
mod config;
mod connection;
mod decisions;
mod framing;
mod gorse_api;
mod listen;
mod metrics;
mod news;
mod outbox;
mod outlet;
mod query;
mod quota;
mod rate;
mod refused_head;
mod replays;
mod reply;
mod routes;
mod service;
mod stream;
mod tenants;

pub use auth::{Role, Token};
pub use calls::outcomes::{Followed, Following, OutcomesQuery};
pub use config::{Config, Limits, Secrets, StartError};
pub use decisions::{Caller, Decisions, Listener, Part};
pub use listen::{Protocol, Server};
#[cfg(feature = "planted")]
pub use outbox::PlantedOutbox;
pub use quota::Quota;
pub use rate::Rate;
pub use routes::{Access, Call, ROUTES, Route};
pub use tenants::{Tenant, TenantConfig, check_tenants};

use engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use tokio::sync::watch;

/// What every connection shares.
struct Process {
    config: Arc<Config>,
    tenants: tenants::Tenants,
    /// Of the process; where no tenants are named, of its only node too.
    metrics: Arc<metrics::Metrics>,
    connections: AtomicUsize,
    stopping: Arc<AtomicBool>,
    /// Tells everything that goes on by itself to end.
    stop: watch::Sender<bool>,
}

impl Process {
    /// Whether anybody who reaches the address may call everything.
    fn is_open(&self) -> bool {
        self.config.is_open() && self.tenants.list().iter().all(|tenant| tenant.tokens.is_empty())
    }
}

/// What the calls to one open node share.
struct Shared {
    config: Arc<Config>,
    engine: Arc<Engine>,
    metrics: Arc<metrics::Metrics>,
    meter: Arc<quota::Meter>,
    replays: Arc<replays::Replays>,
    /// Tells when there is more to read.
    news: Arc<news::News>,
    /// Delivers outcomes, if it may.
    outbox: Option<Arc<outbox::Outbox>>,
    /// Where a reader of outcomes may go on.
    pages: calls::outcomes::Pages,
    /// The Gorse interface, if it is served.
    gorse: Option<Arc<gorse_api::Gorse>>,
}

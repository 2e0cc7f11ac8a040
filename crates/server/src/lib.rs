//! HTTP over the engine: the only place that knows sockets and status codes.
//! Start at `routes.rs` (the table of calls) and `service.rs` (the walk of a request).

mod auth;
mod body;
mod calls;
mod config;
mod connection;
mod listen;
mod metrics;
mod query;
mod replays;
mod reply;
mod routes;
mod service;
mod stream;

pub use auth::{Role, Token};
pub use config::{Config, Limits, StartError};
pub use listen::Server;
pub use routes::{Access, Call, ROUTES, Route};

use engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// What every connection shares.
struct Shared {
    config: Config,
    engine: Arc<Engine>,
    metrics: metrics::Metrics,
    replays: Arc<replays::Replays>,
    connections: AtomicUsize,
    stopping: AtomicBool,
}

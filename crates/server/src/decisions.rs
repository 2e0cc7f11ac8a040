//! The decision calls for a protocol beside HTTP/1.1: the same tokens, tenants, limits, counters and answers, with another way to write
//! them.

use crate::calls::outcomes::{Following, OutcomesQuery, Part as Chosen};
use crate::calls::verdicts::{Asked, Taken};
use crate::connection::stopped;
use crate::routes::Access;
use crate::{Limits, Process, Role, Shared};
use domain::{Code, Refusal};
use hyper::HeaderMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use wire::Batch;

pub use crate::calls::verdicts::Listener;

/// The decision calls of a server, for all its tenants.
#[derive(Clone)]
pub struct Decisions(pub(crate) Arc<Process>);

/// One who may have events decided on.
#[derive(Clone)]
pub struct Caller {
    shared: Arc<Shared>,
    stop: watch::Receiver<bool>,
}

/// Events that were taken together, to be told of when they are durable.
pub struct Part(Taken);

impl Decisions {
    /// Lets a request's sender in, by its headers (`host` among them); into this tenant, where tenants are named. Counts the request.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `unknown_tenant`; `rate_limited`; `recovering` or `tenant_failed` while nobody serves.
    pub fn admit(&self, headers: &HeaderMap, tenant: Option<&str>) -> Result<Caller, Refusal> {
        let process = &*self.0;
        let path = tenant.map_or("/".to_owned(), |name| format!("/t/{name}/"));
        let (target, _) = process.tenants.find(&path);
        if tenant.is_some() && !process.tenants.are_named() {
            let message = "this server has no tenants; leave the name out";
            return Err(Refusal::new(Code::UnknownTenant, "millrace-tenant", message));
        }
        let found = crate::service::admit_caller(process, &target, Access::Only(Role::Serve), headers)?;
        let Some(found) = found else {
            let message = "this server has tenants: name one in `millrace-tenant`";
            return Err(Refusal::new(Code::UnknownTenant, "millrace-tenant", message));
        };
        found.meter.request_refusal().map_or(Ok(()), Err)?;
        Ok(Caller { shared: found.shared()?.clone(), stop: process.stop.subscribe() })
    }

    /// Returns once the server stops.
    pub async fn stopped(&self) {
        stopped(&mut self.0.stop.subscribe()).await;
    }

    /// Counts a call that was refused before it was known whose it is.
    pub fn refused(&self, call: &'static str, code: Code, took: Duration) {
        self.0.metrics.answered(call, crate::reply::status_of(code), Some(code), took);
    }

    /// What one client may take.
    pub fn limits(&self) -> &Limits {
        &self.0.config.limits
    }
}

impl Caller {
    /// The type of a decision's events.
    ///
    /// # Errors
    /// `unknown_decision`.
    pub fn event_of(&self, name: &Arc<str>) -> Result<String, Refusal> {
        Asked::new(&self.shared, name, false).map(|asked| asked.event)
    }

    /// How long to wait before events are taken: a tenant may send only so many a second.
    pub fn wait(&self) -> Duration {
        self.shared.meter.events_wait()
    }

    /// Takes events for a decision, which are told of with facts or without. Why nothing was taken, if so, is told of each event.
    pub async fn take(&self, name: &Arc<str>, facts: bool, batch: Batch<'_>) -> Part {
        let start = Instant::now();
        self.shared.meter.owe_events(batch.len());
        Part(match Asked::new(&self.shared, name, facts) {
            Ok(asked) => Taken::new(&self.shared, asked, batch, start, false).await,
            Err(refusal) => Taken::nothing(name, batch, &refusal),
        })
    }

    /// Waits until a part is durable, or its deadline has passed, and tells of each of its events, in order.
    pub async fn tell(&self, part: Part, listener: &mut impl Listener) {
        match part.0.durable(&self.shared).await {
            Ok(late) => part.0.tell(&self.shared, late, listener).await,
            Err(refusal) => part.0.tell_refused(&self.shared, &refusal, listener),
        }
    }

    /// Reads outcomes from a place in the log on, and then as they come.
    ///
    /// # Errors
    /// A place or a name that is not there, or `overloaded`.
    pub fn outcomes(&self, query: OutcomesQuery) -> Result<Following, Refusal> {
        Following::new(&self.shared, Chosen::of(query)?, self.stop.clone())
    }

    /// Returns once the server stops.
    pub async fn stopped(&mut self) {
        stopped(&mut self.stop).await;
    }

    /// Counts a call that was answered, by its name and the code of its refusal.
    pub fn answered(&self, call: &'static str, code: Option<Code>, took: Duration) {
        let status = code.map_or(hyper::StatusCode::OK, crate::reply::status_of);
        self.shared.metrics.answered(call, status, code, took);
    }
}

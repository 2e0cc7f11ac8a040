//! What operators ask: readiness and metrics.

use crate::Shared;
use crate::metrics::METRICS_TYPE;
use crate::reply::Reply;
use domain::{Code, Refusal};
use std::sync::atomic::Ordering;

/// Whether requests can be served now.
pub(crate) fn readiness(shared: &Shared) -> Result<Reply, Refusal> {
    if shared.stopping.load(Ordering::Acquire) {
        return Err(Refusal::new(Code::Stopping, "", "the server is stopping"));
    }
    match shared.engine.status().failed {
        Some(refusal) => Err(refusal),
        None => Ok(Reply::json(b"{\"ready\":true}".to_vec())),
    }
}

/// The metrics in Prometheus' text form.
pub(crate) fn metrics(shared: &Shared) -> Reply {
    let connections = shared.connections.load(Ordering::Relaxed);
    Reply { content_type: METRICS_TYPE, ..Reply::text(shared.metrics.text(&shared.engine.status(), connections)) }
}

//! The calls, one file for each kind, and the wait that every acknowledgement has in common.

pub(crate) mod attribution;
pub(crate) mod decisions;
pub(crate) mod entities;
pub(crate) mod events;
mod explanation;
pub(crate) mod expressions;
pub(crate) mod feeds;
mod journey;
pub(crate) mod lists;
pub(crate) mod operations;
pub(crate) mod spec;

use crate::Shared;
use domain::{Code, DecisionId, Position, Refusal};
use engine::Wake;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Waits until everything up to `position` is durable and applied; returns how long that took. No thread waits.
///
/// # Errors
/// The engine's, if the position will never be released; `overloaded` if it takes too long, the outcome being unknown then.
pub(crate) async fn released(shared: &Shared, position: Position) -> Result<Duration, Refusal> {
    // Mostly nothing was written since: then there is nobody to be told.
    if shared.engine.is_released(position) {
        shared.metrics.durability_wait.observe(0.0);
        return Ok(Duration::ZERO);
    }
    let start = Instant::now();
    let kept = "it is not known yet whether this was kept; send it again with the same id";
    parked(shared, kept, |wake| shared.engine.when_released(position, wake)).await?;
    let wait = start.elapsed();
    shared.metrics.durability_wait.observe(wait.as_secs_f64());
    Ok(wait)
}

/// Waits until the record of a decision that was just answered is on the disk. No thread waits.
///
/// # Errors
/// As [`released`].
pub(crate) async fn recorded(shared: &Shared, id: DecisionId) -> Result<(), Refusal> {
    parked(shared, "the record of the decision is not there yet; ask again", |wake| {
        shared.engine.when_recorded(id, wake);
    })
    .await
}

/// Waits until the engine calls back; `late` says what it means that it does not.
async fn parked(shared: &Shared, late: &str, park: impl FnOnce(Wake)) -> Result<(), Refusal> {
    let (tell, told) = oneshot::channel();
    // Nobody is told if the request was dropped meanwhile: its client is gone.
    park(Box::new(move |result| drop(tell.send(result))));
    let unknown = |code, why| Refusal::new(code, "", format!("{why}: {late}"));
    match timeout(shared.config.limits.release_time, told).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(unknown(Code::Stopping, "the server is stopping")),
        Err(_) => Err(unknown(Code::Overloaded, "the disk is behind")),
    }
}

/// Makes a call that reads the log or compiles a spec on one of the runtime's few threads for that: the other requests of this thread
/// go on.
pub(crate) async fn off_thread<T: Send + 'static>(
    shared: &Arc<Shared>,
    call: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let shared = shared.clone();
    let done = tokio::task::spawn_blocking(move || call(&shared)).await;
    let message = "the server made a mistake; ask again";
    done.unwrap_or_else(|_| Err(Refusal::new(Code::Internal, "", message)))
}

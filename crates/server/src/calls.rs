//! The calls, one file for each kind, and the wait that every acknowledgement has in common.

pub(crate) mod alarms;
pub(crate) mod attribution;
pub(crate) mod decisions;
pub(crate) mod entities;
pub(crate) mod events;
mod explanation;
pub(crate) mod expressions;
pub(crate) mod feeds;
mod journey;
pub(crate) mod lists;
mod on_event;
pub(crate) mod operations;
pub(crate) mod outcomes;
pub(crate) mod report;
pub(crate) mod reviews;
pub(crate) mod sinks;
pub(crate) mod spec;
pub(crate) mod verdicts;

use crate::Shared;
use crate::reply::Reply;
use domain::{Code, DecisionId, Position, Refusal};
use engine::Wake;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Waits until everything up to `position` is durable and applied; returns how long that took. No thread waits.
///
/// # Errors
/// The engine's, if the position will never be released; `overloaded` if it takes too long, the outcome being unknown then.
pub(crate) async fn released(shared: &Shared, position: Position) -> Result<Duration, Refusal> {
    // Without an end it is the server's own patience that ends, with an error.
    released_within(shared, position, None).await.map(Option::unwrap_or_default)
}

/// The same until an instant at most: none if that comes first.
///
/// # Errors
/// As [`released`].
pub(crate) async fn released_within(
    shared: &Shared,
    position: Position,
    end: Option<Instant>,
) -> Result<Option<Duration>, Refusal> {
    // Mostly nothing was written since: then there is nobody to be told.
    if shared.engine.is_released(position) {
        shared.metrics.durability_wait.observe(0.0);
        return Ok(Some(Duration::ZERO));
    }
    let start = Instant::now();
    let longest = shared.config.limits.release_time;
    let patience = end.map_or(longest, |end| end.saturating_duration_since(start).min(longest));
    let kept = "it is not known yet whether this was kept; send it again with the same id";
    match parked(patience, kept, |wake| shared.engine.when_released(position, wake)).await? {
        Some(()) => {}
        None if patience < longest => return Ok(None),
        None => return Err(late(Code::Overloaded, "the disk is behind", kept)),
    }
    let wait = start.elapsed();
    shared.metrics.durability_wait.observe(wait.as_secs_f64());
    Ok(Some(wait))
}

/// Waits until the record of a decision that was just answered is on the disk. No thread waits.
///
/// # Errors
/// As [`released`].
pub(crate) async fn recorded(shared: &Shared, id: DecisionId) -> Result<(), Refusal> {
    let meaning = "the record of the decision is not there yet; ask again";
    let recorded =
        parked(shared.config.limits.release_time, meaning, |wake| shared.engine.when_recorded(id, wake)).await?;
    recorded.ok_or_else(|| late(Code::Overloaded, "the disk is behind", meaning))
}

/// Waits until the engine calls back; none if it takes longer than this. `meaning` says what it means that it will not.
async fn parked(longest: Duration, meaning: &str, park: impl FnOnce(Wake)) -> Result<Option<()>, Refusal> {
    let (tell, told) = oneshot::channel();
    // Nobody is told if the request was dropped meanwhile: its client is gone.
    park(Box::new(move |result| drop(tell.send(result))));
    match timeout(longest, told).await {
        Ok(Ok(result)) => result.map(Some),
        Ok(Err(_)) => Err(late(Code::Stopping, "the server is stopping", meaning)),
        Err(_) => Ok(None),
    }
}

fn late(code: Code, why: &str, meaning: &str) -> Refusal {
    Refusal::new(code, "", format!("{why}: {meaning}"))
}

/// A report, once all that it counts is durable: as a table for people, or as JSON.
///
/// # Errors
/// As [`released`].
pub(crate) async fn reported<R: fmt::Display>(
    shared: &Shared,
    (report, position): (&R, Position),
    text: bool,
    write: impl FnOnce(&mut Vec<u8>, &R),
) -> Result<Reply, Refusal> {
    released(shared, position).await?;
    if text {
        return Ok(Reply::text(report.to_string()));
    }
    let mut body = Vec::new();
    write(&mut body, report);
    Ok(Reply::json(body))
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

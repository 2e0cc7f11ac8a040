//! Where rows go.

use anyhow::Result;
use domain::{Payload, Position, Refusal, Time};

/// Rows to send.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) payloads: Vec<Payload<'static>>,
    /// When the log that each comes from had it.
    pub(super) log_times: Vec<Option<Time>>,
}

/// What became of rows that were sent.
#[derive(Default)]
pub(super) struct Sent {
    /// For each in order: whether it was known already, or why it was not taken.
    pub(super) results: Vec<Result<bool, Refusal>>,
    /// The position at which all of them are acknowledged, once it is durable.
    pub(super) position: Position,
}

/// A log that takes rows.
pub(super) trait Target {
    /// Whether this row, the next one, is in the log already from a run that ended before it could say so, and where.
    fn known(&mut self, payload: &Payload<'_>) -> Option<Position>;

    /// Sends rows.
    ///
    /// # Errors
    /// The log cannot take any: not the rows are at fault.
    fn send(&mut self, batch: &Batch) -> Result<Sent>;

    /// Everything up to here is acknowledged.
    fn durable(&self) -> Position;

    /// Waits until all that was sent is acknowledged.
    fn finish(&mut self) -> Result<()>;

    /// Whether what is acknowledged must be noted before more is sent.
    fn saves_at_once(&self) -> bool;
}

//! The memory half of appending: assigns positions and collects payloads. The sequencer owns it, under its lock.
//! Digests and checksums are left to the writer's thread, so that the lock is held for a copy and no more.

use crate::MAX_PAYLOAD;
use domain::{Position, Time};

/// A record that waits in a batch; its payload stands in the batch's buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) log_time: Time,
    pub(crate) len: u32,
    pub(crate) kind: u8,
}

/// Records appended between two calls of `take`, committed as one.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) first: Position,
    pub(crate) pending: Vec<Pending>,
    pub(crate) payloads: Vec<u8>,
}

impl Batch {
    /// The position of the first record.
    pub fn first(&self) -> Position {
        self.first
    }

    /// The position of the last record; one before `first` when there are none.
    pub fn last(&self) -> Position {
        Position(self.first.0 + self.pending.len() as u64 - 1)
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of the payloads in it.
    pub fn bytes(&self) -> usize {
        self.payloads.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    fn clear(&mut self) {
        self.pending.clear();
        self.payloads.clear();
    }
}

/// Assigns positions and fills the next batch.
#[derive(Debug)]
pub struct Appender {
    last: Position,
    log_time: Time,
    batch: Batch,
    spare: Vec<Batch>,
}

impl Appender {
    pub(crate) fn new(last: Position, log_time: Time) -> Appender {
        Appender { last, log_time, batch: Batch { first: last.next(), ..Batch::default() }, spare: Vec::new() }
    }

    /// Adds a record and returns its position. It is durable only when a commit returns that position or a later one.
    ///
    /// # Panics
    /// If `payload` is longer than [`MAX_PAYLOAD`] or `log_time` is before that of the record before: both are the
    /// caller's to hold, since a record, once it has a position, cannot be refused.
    pub fn append(&mut self, kind: u8, log_time: Time, payload: &[u8]) -> Position {
        assert!(payload.len() <= MAX_PAYLOAD, "a payload of {} bytes is over the limit", payload.len());
        assert!(log_time >= self.log_time, "log_time went back from {:?} to {log_time:?}", self.log_time);
        self.batch.pending.push(Pending { log_time, len: payload.len() as u32, kind });
        self.batch.payloads.extend_from_slice(payload);
        self.log_time = log_time;
        self.last = self.last.next();
        self.last
    }

    /// The last position assigned.
    pub fn position(&self) -> Position {
        self.last
    }

    /// The `log_time` of the last position assigned.
    pub fn log_time(&self) -> Time {
        self.log_time
    }

    /// Payload bytes that wait for `take`.
    pub fn pending_bytes(&self) -> usize {
        self.batch.payloads.len()
    }

    /// Everything appended since the last call; `None` when that is nothing.
    pub fn take(&mut self) -> Option<Batch> {
        if self.batch.is_empty() {
            return None;
        }
        let mut fresh = self.spare.pop().unwrap_or_default();
        fresh.first = self.last.next();
        Some(std::mem::replace(&mut self.batch, fresh))
    }

    /// Gives the buffers of a committed batch back, so that the steady state allocates nothing.
    pub fn recycle(&mut self, mut batch: Batch) {
        /// One being filled and two under way is all that the engine ever has.
        const SPARES: usize = 2;
        if self.spare.len() < SPARES {
            batch.clear();
            self.spare.push(batch);
        }
    }
}

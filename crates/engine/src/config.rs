//! How a node runs: threads, paces and limits. What it does is the spec's business, not this file's.

use crate::{Clock, PageKey};
use domain::{Span, limits};
use std::io::Write;
use std::sync::Arc;

/// Takes a line for the operator: what the node cannot say in any answer.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// Who applies what was sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The thread that sequences applies everything, one consumer after another: best on one or two cores.
    Inline,
    /// Every shard and the indexes have a thread of their own behind the broadcast ring.
    Threaded,
}

/// The process's settings.
#[derive(Clone)]
pub struct Config {
    /// Inline or threaded; the results are the same.
    pub mode: Mode,
    /// Number of shards of keyed rows; the results are the same for any number.
    pub shards: u32,
    /// Where time comes from.
    pub clock: Arc<Clock>,
    /// Seed of the hash tables, against crafted keys; the results are the same for any seed.
    pub hash_seed: u64,
    /// How often items and indexes are published to readers.
    pub epoch_every: Span,
    /// How long what nobody waits for yet may wait for the next sync: records of answers, of which no more can be lost in a crash, and
    /// events that others of the same call follow, which are not acknowledged before.
    pub decisions_synced_within: Span,
    /// How often a checkpoint is written, if anything changed; zero = only on a clean stop.
    pub checkpoint_every: Span,
    /// A tick record is written after this long without any record; zero = never.
    pub tick_every: Span,
    /// How much of the log is kept, in log time; none = all of it. After a changed spec nothing is dropped until every kept
    /// checkpoint is of the new one.
    pub retain: Option<Span>,
    /// How long after a filled change, in log time, the plan before is applied too, so that going back to it is immediate: until
    /// then there are two states in memory, and the log is not cut. Zero = going back is filled like any change.
    pub rollback_window: Span,
    /// How changes of the spec go wrong.
    #[cfg(feature = "planted")]
    pub planted: Option<crate::PlantedChange>,
    /// What page tokens are sealed with: secret, and the same after a restart if tokens are to live on.
    pub page_key: PageKey,
    /// Most bytes that may wait for the disk before events are refused as `overloaded`.
    pub unsynced_bytes_max: usize,
    /// Most entities of one type that were ever named; a new one beyond it is refused as `capacity_reached`. What is in the log
    /// already stays, and replay does not know of this limit.
    pub entities_max: u32,
    /// Most distinct string values; the same.
    pub strings_max: u32,
    /// Most bytes of the log on disk before events are refused as `log_full`; answers go on for an eighth of it more. Retention
    /// makes room.
    pub log_bytes_max: u64,
    /// Hears when the disk fills and when it has space again, and when checkpoints cannot be written; the error stream unless set.
    /// Called under locks of the node: it must not call back into it.
    pub tell: Tell,
    /// On a clock that follows events: how far one may be ahead of the log's time before it is refused as `time_in_future`, since it
    /// would end every window; none = any distance. The first event may have any time.
    pub ahead_max: Option<Span>,
}

impl Config {
    /// Sound settings for a server on this clock. Who gives page tokens to strangers must set a key.
    pub fn new(clock: Clock) -> Config {
        Config {
            mode: Mode::Inline,
            shards: 1,
            clock: Arc::new(clock),
            hash_seed: 0,
            epoch_every: Span(2),
            decisions_synced_within: Span(50),
            checkpoint_every: Span(60_000),
            tick_every: Span(10_000),
            retain: None,
            rollback_window: Span(600_000),
            #[cfg(feature = "planted")]
            planted: None,
            page_key: PageKey::default(),
            unsynced_bytes_max: 64 << 20,
            entities_max: limits::ENTITIES_MAX,
            strings_max: limits::SYMBOLS_MAX,
            log_bytes_max: u64::MAX,
            tell: Arc::new(|line| drop(writeln!(std::io::stderr(), "{line}"))),
            ahead_max: None,
        }
    }
}

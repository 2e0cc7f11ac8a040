//! What the writer and the readers share: which segments there are and how far the log is durable.

use crate::Error;
use crate::segment::Segment;
use domain::{Position, Time};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The state behind the lock. It is held for a few loads and stores only, never over a disk operation.
#[derive(Debug)]
pub(crate) struct Live {
    /// Retained segments in order; never empty.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The last durable position.
    pub(crate) durable: Position,
    /// Durable bytes of the newest segment.
    pub(crate) end: u64,
    /// `log_time` of the last durable record.
    pub(crate) log_time: Time,
    /// Positions of the checkpoints that the manifest names, ascending.
    pub(crate) checkpoints: Vec<Position>,
}

impl Live {
    /// The first retained position.
    pub(crate) fn first(&self) -> Position {
        self.segments[0].header.first
    }

    /// The first position that can be replayed: state just before it is empty or in a checkpoint.
    pub(crate) fn replay_from(&self) -> Position {
        let first = self.first();
        if first == Position::START.next() {
            return first;
        }
        let usable = self.checkpoints.iter().find(|position| position.next() >= first);
        usable.copied().unwrap_or(self.durable).next()
    }

    /// The segment that holds, or will hold, `position`.
    pub(crate) fn segment_of(&self, position: Position) -> Result<Arc<Segment>, Error> {
        let after = self.segments.partition_point(|segment| segment.header.first <= position);
        match after.checked_sub(1) {
            Some(index) => Ok(Arc::clone(&self.segments[index])),
            None => Err(Error::NotRetained { asked: position, first: self.first() }),
        }
    }

    /// The segment that follows the one that starts at `first`.
    pub(crate) fn segment_after(&self, first: Position) -> Option<&Arc<Segment>> {
        self.segments.get(self.segments.partition_point(|segment| segment.header.first <= first))
    }
}

/// The directory and the state.
pub(crate) struct Shared<D> {
    pub(crate) disk: Arc<D>,
    live: RwLock<Live>,
}

impl<D> Shared<D> {
    pub(crate) fn new(disk: Arc<D>, live: Live) -> Shared<D> {
        Shared { disk, live: RwLock::new(live) }
    }

    /// For reading. A panic elsewhere leaves nothing half done here, so poisoning is ignored.
    pub(crate) fn live(&self) -> RwLockReadGuard<'_, Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer.
    pub(crate) fn live_mut(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

//! What waits at one sink: in flight, or to be tried again. It knows no clock and no socket: time is told to it.

use domain::{OutcomeId, Position, Span, limits};
use engine::Retry;
use hyper::body::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The outcomes of one sink that were read and are not settled.
pub(super) struct Desk {
    waiting: BTreeMap<OutcomeId, Waiting>,
    /// Those that the cursor must not pass.
    held: BTreeSet<OutcomeId>,
    /// When the next attempt of each is due that is not in flight.
    due: BTreeSet<(Instant, OutcomeId)>,
    in_flight: usize,
    bytes: usize,
    /// Everything up to here was read.
    read_to: Position,
}

struct Waiting {
    body: Bytes,
    attempts: u32,
    first: Option<Instant>,
}

/// How an attempt has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Why, in words for the operator.
    pub(super) why: String,
    /// Whether the same would be said again.
    pub(super) for_good: bool,
    /// How long the sink wants to be left alone.
    pub(super) pause: Option<Duration>,
}

/// What becomes of an outcome whose attempt has failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again.
    Again,
    /// It is given up after so many attempts.
    GivenUp(u32),
}

impl Desk {
    pub(super) fn new(read_to: Position) -> Desk {
        Desk { waiting: BTreeMap::new(), held: BTreeSet::new(), due: BTreeSet::new(), in_flight: 0, bytes: 0, read_to }
    }

    /// Takes in an outcome that is to be delivered now. One that was given up before (`again`) does not hold back the cursor.
    pub(super) fn add(&mut self, id: OutcomeId, body: Bytes, again: bool, now: Instant) {
        self.bytes += body.len();
        if !again {
            self.held.insert(id);
        }
        self.due.insert((now, id));
        self.waiting.insert(id, Waiting { body, attempts: 0, first: None });
    }

    /// Everything up to here was read, and what is wanted of it was added.
    pub(super) fn read_to(&mut self, position: Position) {
        self.read_to = position;
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < limits::SINK_WINDOW_MAX && self.bytes < limits::SINK_WINDOW_BYTES_MAX
    }

    pub(super) fn knows(&self, id: OutcomeId) -> bool {
        self.waiting.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The outcome that is due first; it counts as in flight from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(OutcomeId, Bytes)> {
        let (at, id) = *self.due.first()?;
        if at > now {
            return None;
        }
        self.due.pop_first();
        let waiting = self.waiting.get_mut(&id)?;
        waiting.attempts += 1;
        waiting.first.get_or_insert(now);
        self.in_flight += 1;
        Some((id, waiting.body.clone()))
    }

    /// When the next outcome is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// It was taken by the sink.
    pub(super) fn delivered(&mut self, id: OutcomeId) {
        self.in_flight -= 1;
        self.settle(id);
    }

    /// An attempt has failed. `keep`: nothing may be given up now.
    pub(super) fn failed(&mut self, id: OutcomeId, failure: &Failure, retry: &Retry, keep: bool, now: Instant) -> Next {
        self.in_flight -= 1;
        let Some(Waiting { attempts, first, .. }) = self.waiting.get(&id) else { return Next::Again };
        let attempts = *attempts;
        let age = first.map_or(Duration::ZERO, |first| now.saturating_duration_since(first));
        let spent = failure.for_good || attempts >= retry.attempts || age >= duration(retry.within);
        if spent && !keep {
            self.settle(id);
            return Next::GivenUp(attempts);
        }
        let pause = if spent { duration(retry.most) } else { pause(id, attempts, retry) };
        self.due.insert((now + failure.pause.unwrap_or_default().max(pause), id));
        Next::Again
    }

    /// Everything is due at once, those in flight aside: the sink has changed.
    pub(super) fn hurry(&mut self, now: Instant) {
        let due = std::mem::take(&mut self.due);
        self.due = due.into_iter().map(|(_, id)| (now, id)).collect();
    }

    fn settle(&mut self, id: OutcomeId) {
        self.held.remove(&id);
        if let Some(waiting) = self.waiting.remove(&id) {
            self.bytes -= waiting.body.len();
        }
    }

    /// Everything up to here is settled: whoever begins behind it misses nothing.
    pub(super) fn cursor(&self) -> Position {
        self.held.first().map_or(self.read_to, |id| Position(id.decision.position.0.saturating_sub(1)))
    }

    /// How far was read, whether it is settled or not.
    pub(super) fn position(&self) -> Position {
        self.read_to
    }
}

/// The pause after so many attempts: doubling, and then between half of that and all of it, by the outcome's id, so that those which
/// failed together do not come back together.
fn pause(id: OutcomeId, attempts: u32, retry: &Retry) -> Duration {
    let doubled =
        duration(retry.first).saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    let whole = doubled.min(duration(retry.most));
    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    let mut mixed = id.decision.position.0 ^ u64::from(id.place).rotate_left(48) ^ u64::from(attempts) << 32;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    whole.mul_f64(0.5 + (mixed % 1_000) as f64 / 2_000.0)
}

pub(super) fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0.max(0) as u64)
}

#[cfg(test)]
mod tests;

//! Callers that were given the declared fallback instead of what was decided, since their deadline had passed. It is noted in the log
//! behind the event, many in one record, after the answers have left and never in their way; what cannot be noted is told as lost.

use crate::core::Core;
use domain::{DecisionId, FallbacksGiven, Payload, limits};
use journal::Disk;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long to wait after the log has refused them.
const PAUSE: Duration = Duration::from_millis(500);

/// What is to be noted.
#[derive(Default)]
pub(crate) struct Given {
    /// By the decision's name.
    waiting: BTreeMap<String, BTreeSet<DecisionId>>,
    count: usize,
    /// Not before this.
    again_at: Option<Instant>,
    /// Whether some were let go, which is told once until all others are noted.
    lost: bool,
}

impl Given {
    /// Whether there was room for all.
    fn add(&mut self, decision: &str, given: &[DecisionId]) -> bool {
        let room = limits::FALLBACKS_WAITING_MAX.saturating_sub(self.count);
        if !given.is_empty() {
            let waiting = self.waiting.entry(decision.to_owned()).or_default();
            let before = waiting.len();
            waiting.extend(given.iter().take(room));
            self.count += waiting.len() - before;
        }
        given.len() <= room
    }

    fn of(&self, id: DecisionId) -> impl Iterator<Item = String> {
        self.waiting.iter().filter(move |(_, waiting)| waiting.contains(&id)).map(|(decision, _)| decision.clone())
    }

    /// The records for what waits, if it is time for them or if there is no later time.
    fn records(&self, last: bool) -> Vec<Payload<'static>> {
        if !last && self.again_at.is_some_and(|at| Instant::now() < at) {
            return Vec::new();
        }
        let record = |decision: &str, on: &[DecisionId]| {
            Payload::FallbacksGiven(FallbacksGiven { decision: decision.to_owned().into(), on: on.to_vec() })
        };
        let of = |(decision, waiting): (&String, &BTreeSet<DecisionId>)| {
            let waiting: Vec<DecisionId> = waiting.iter().copied().collect();
            waiting.chunks(limits::FALLBACKS_PER_RECORD_MAX).map(|on| record(decision, on)).collect::<Vec<_>>()
        };
        self.waiting.iter().flat_map(of).collect()
    }

    /// These are in the log.
    fn noted(&mut self, records: &[Payload<'_>]) {
        for record in records {
            let Payload::FallbacksGiven(FallbacksGiven { decision, on }) = record else { continue };
            if let Some(waiting) = self.waiting.get_mut(&**decision) {
                let before = waiting.len();
                waiting.retain(|id| on.binary_search(id).is_err());
                self.count -= before - waiting.len();
            }
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        self.lost &= self.count > 0;
    }
}

impl<D: Disk> Core<D> {
    /// Callers were given the fallback of a decision on these events. Returns at once; it is noted in the log a little later.
    pub fn note_fallbacks(&self, decision: &str, given: &[DecisionId]) {
        let mut waiting = self.given.lock();
        let all = waiting.add(decision, given);
        if !all && !std::mem::replace(&mut waiting.lost, true) {
            drop(waiting);
            (self.config.tell)(
                "more fallbacks are given than can be noted in the log; what is told of them is too few",
            );
        }
    }

    /// Notes in the log which callers were given a fallback. What the log does not take now is tried again a little later, unless this
    /// is the last time: then it is told as lost.
    pub fn append_fallbacks(&self, last: bool) {
        // The lock is not held meanwhile: who answers must not wait for the log.
        let records = self.given.lock().records(last);
        if records.is_empty() {
            return;
        }
        let taken = self.submit(&records, true).is_ok_and(|submitted| submitted.results.iter().all(Result::is_ok));
        let mut given = self.given.lock();
        given.again_at = (!taken).then(|| Instant::now() + PAUSE);
        if taken {
            given.noted(&records);
        } else if last {
            (self.config.tell)(
                "the log did not take which callers were given fallbacks: what is told of them is too few",
            );
        }
    }

    /// The decisions on an event of which a caller was given the fallback instead, as far as it is remembered: of the newest 65,536.
    /// Not to be asked for while names are held, which whoever decides waits for.
    pub fn fallbacks_given(&self, id: DecisionId) -> BTreeSet<String> {
        // In this order: what is noted meanwhile is in the one or in the other.
        let mut given: BTreeSet<String> = self.given.lock().of(id).collect();
        given.extend(self.generation().state.cases.lock().given_fallbacks(id).map(str::to_owned));
        given
    }
}

//! What came after a row: the events that count, read ahead of the rows by one window, and no more of them in memory.

use super::{EVENT, Followed, TrainingError, TrainingSet};
use crate::offline::LogFile;
use domain::{Event, Payload, Position, Raw, Span, Time};
use journal::{Disk, Records};
use spec::Plan;
use std::collections::{BTreeMap, VecDeque};

/// Most events that count within one window: what they take is bounded by it (about 100 bytes each).
const EVENTS_MAX: usize = 4_000_000;

/// The first half of the BLAKE3 of user and item.
type Key = [u8; 16];

/// An event that counts.
#[derive(Clone, Copy)]
struct Seen {
    position: Position,
    log_time: Time,
    kind: u16,
}

/// The events that count behind the rows that are being made.
pub(super) struct Ahead<'s, D: Disk> {
    records: Records<D>,
    plan: &'s Plan,
    kinds: &'s [u16],
    window: Span,
    /// By user and item, in log order.
    pairs: BTreeMap<Key, VecDeque<Seen>>,
    /// All of them in log order, to be forgotten.
    order: VecDeque<(Position, Key)>,
    /// The log time up to which the log was read, and whether it ended there.
    reached: Time,
    ended: bool,
}

impl<'s, D: Disk> Ahead<'s, D> {
    /// Before the first row.
    pub(super) fn new(
        log: &LogFile<D>,
        set: &'s TrainingSet,
        from: Position,
    ) -> Result<Option<Ahead<'s, D>>, TrainingError> {
        let Some(labels) = &set.asked.labels else { return Ok(None) };
        Ok(Some(Ahead {
            records: log.reader.iter_from(from)?,
            plan: &set.plan,
            kinds: &set.labels,
            window: labels.window,
            pairs: BTreeMap::new(),
            order: VecDeque::new(),
            reached: Time(i64::MIN),
            ended: false,
        }))
    }

    /// What followed a row at a position; rows come in log order. `None` where the log ends before the window does.
    pub(super) fn of(
        &mut self,
        (position, log_time): (Position, Time),
        user: Option<&str>,
        item: Option<&str>,
    ) -> Result<Option<Option<Followed>>, TrainingError> {
        let end = log_time.plus(self.window);
        self.read_beyond(end)?;
        self.forget(position);
        let open = self.ended && self.reached <= end;
        let (Some(user), Some(item)) = (user, item) else { return Ok((!open).then_some(None)) };
        let first = self.pairs.get(&key(user, item)).and_then(|events| {
            let later = events.partition_point(|seen| seen.position <= position);
            events.get(later).filter(|seen| seen.log_time <= end)
        });
        let followed = first.map(|seen| Followed {
            event: self.plan.events[usize::from(seen.kind)].name.clone(),
            position: seen.position,
            after: seen.log_time.since(log_time),
            weight: weight(self.plan, seen.kind),
        });
        // A row that was followed in time is left open too, or rows near the end would be followed more often than others.
        Ok((!open).then_some(followed))
    }

    fn read_beyond(&mut self, end: Time) -> Result<(), TrainingError> {
        while !self.ended && self.reached <= end {
            let Some(record) = self.records.next()? else {
                self.ended = true;
                break;
            };
            let header = record.header;
            self.reached = self.reached.max(header.log_time);
            if header.erased || header.kind != EVENT {
                continue;
            }
            let Ok(Payload::Event(event)) = Payload::decode(header.kind, record.payload) else { continue };
            let kind = self.kinds.iter().find(|kind| self.plan.events[usize::from(**kind)].name == event.kind);
            let Some(&kind) = kind else { continue };
            let (user, item) = (entity(self.plan, kind, "user", &event), entity(self.plan, kind, "item", &event));
            let (Some(user), Some(item)) = (user, item) else { continue };
            let (position, key) = (header.position, key(user, item));
            self.pairs.entry(key).or_default().push_back(Seen { position, log_time: header.log_time, kind });
            self.order.push_back((position, key));
            if self.order.len() > EVENTS_MAX {
                let message = format!(
                    "more than {EVENTS_MAX} events of the labels lie within one window of {}; name a shorter --window, \
                     or fewer --labels",
                    self.window
                );
                return Err(TrainingError::Asked(message));
            }
        }
        Ok(())
    }

    /// Forgets what no row can be followed by any more.
    fn forget(&mut self, before: Position) {
        while let Some((_, key)) = self.order.pop_front_if(|(position, _)| *position <= before) {
            if let Some(events) = self.pairs.get_mut(&key) {
                events.pop_front();
                if events.is_empty() {
                    self.pairs.remove(&key);
                }
            }
        }
    }
}

/// What an event of this type is worth, if the spec says so.
pub(super) fn weight(plan: &Plan, kind: u16) -> Option<f64> {
    plan.weights.iter().find(|(of, _)| *of == kind).map(|(_, weight)| *weight)
}

/// The key of the event's entity of this type.
pub(super) fn entity<'e>(plan: &Plan, kind: u16, name: &str, event: &'e Event<'_>) -> Option<&'e str> {
    let entity = plan.entity(name)?;
    let role = plan.events[usize::from(kind)].roles.iter().find(|role| role.entity == entity)?;
    match event.field(&role.name) {
        Some(Raw::Str(key)) => Some(key),
        _ => None,
    }
}

fn key(user: &str, item: &str) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(user.len() as u64).to_le_bytes()).update(user.as_bytes()).update(item.as_bytes());
    let mut key = Key::default();
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    key
}

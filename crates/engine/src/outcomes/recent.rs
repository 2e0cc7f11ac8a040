//! Outcomes that are still in memory: decisions and alarms, kept apart, told together in the log's order.

use super::{Asked, Derived, Outcome, OutcomeCursor, OutcomeReader, What, Which, tell, wanted};
use crate::decide::{Alarm, Decided, Made, Telling};
use crate::generation::State;
use crate::replay::{gone, unreadable};
use domain::{Payload, Position, Refusal};
use journal::Disk;

/// Batches of recent decisions that are looked through by one call.
const BATCHES: usize = 16;
/// Alarms that are looked through by one call.
const ALARMS: usize = 256;
/// Records that are passed over to find an event's, rather than looking its place up.
const AHEAD: u64 = 256;

/// A part of what is in memory.
pub(super) struct Remembered {
    batches: Vec<Made>,
    alarms: Vec<Alarm>,
    /// Up to here the batches are all there is.
    decided_to: Position,
    /// Whether there are more alarms behind the last.
    more_alarms: bool,
}

impl<D: Disk> OutcomeReader<D> {
    /// What is in memory of what comes next; none if some of it is not.
    pub(super) fn remembered(&self, state: &State, released: Position) -> Option<Remembered> {
        let after = self.position();
        if !self.remembers {
            return None;
        }
        let batches = match self.kinds.verdicts {
            true => state.recent.lock().behind(after, BATCHES)?,
            false => Vec::new(),
        };
        let alarms = match self.kinds.alarms {
            true => state.alarms.lock().behind((after, self.cursor.skipped()), released, ALARMS)?,
            false => Vec::new(),
        };
        let all = batches.len() < BATCHES;
        let last = batches.last().and_then(|made| made.get()?.last()).map(|decided| decided.id.position);
        let decided_to = last.filter(|_| !all).unwrap_or(released).min(released);
        let more_alarms = alarms.len() == ALARMS;
        Some(Remembered { batches, alarms, decided_to, more_alarms })
    }

    pub(super) fn read_recent(
        &mut self,
        state: &State,
        recent: &Remembered,
        asked: &mut Asked<'_>,
    ) -> Result<bool, Refusal> {
        let last = recent.alarms.last().filter(|_| recent.more_alarms);
        let end = last.map_or(recent.decided_to, |last| last.position().min(recent.decided_to));
        let mut decided = recent.decided(self.position(), end);
        let mut alarms = recent.alarms.chunk_by(|a, b| a.position() == b.position()).peekable();
        let (mut of_next, mut told) = (decided.next(), 0);
        loop {
            let alarmed = alarms.peek().map(|alarms| alarms[0].position()).filter(|position| *position <= end);
            let on_event = of_next.map(|decided| decided[0].id.position);
            let Some(position) = alarmed.into_iter().chain(on_event).min() else { break };
            if told >= asked.most {
                return Ok(true);
            }
            if let Some(on_event) = of_next.take_if(|_| on_event == Some(position)) {
                told += self.tell_recent(state, on_event, asked)?;
                of_next = decided.next();
            }
            if let Some(alarms) = alarms.next_if(|_| alarmed == Some(position)) {
                let (count, rest) = tell_alarms(alarms, asked, asked.most.saturating_sub(told));
                told += count;
                if let Some(rest) = rest {
                    self.cursor = rest;
                    return Ok(true);
                }
            }
            self.cursor = position.into();
        }
        self.cursor = match last {
            // Of its record there may be more.
            Some(last) if last.position() == end => OutcomeCursor::behind(last.id),
            _ => end.max(self.position()).into(),
        };
        Ok(self.position() < self.core.gate.released())
    }

    /// Tells the decisions on one event that are in memory.
    fn tell_recent(&mut self, state: &State, decided: &[Decided], asked: &mut Asked<'_>) -> Result<usize, Refusal> {
        let wanted: Vec<_> = wanted(decided, self.cursor, asked.wanted).collect();
        if wanted.is_empty() {
            return Ok(0);
        }
        let position = decided[0].id.position;
        let (mut records, mut next) = match self.events.take() {
            Some((records, next)) if next <= position && position.0 - next.0 <= AHEAD => (records, next),
            _ => (self.core.reader.iter_from(position).map_err(|error| unreadable(&error))?, position),
        };
        while next < position {
            records.next().map_err(|error| unreadable(&error))?;
            next = next.next();
        }
        let record = records.next().map_err(|error| unreadable(&error))?;
        let record = record.ok_or_else(|| gone(self.core.reader.replay_from()))?;
        let payload = Payload::decode(record.header.kind, record.payload).map_err(|error| unreadable(&error))?;
        let Payload::Event(event) = &payload else { return Err(gone(self.core.reader.replay_from())) };
        let told = tell(&wanted, &Telling(&state.names.read()), event, asked);
        self.events = Some((records, position.next()));
        Ok(told)
    }
}

impl Remembered {
    /// The decisions behind a position and not behind another, those on one event together.
    fn decided(&self, after: Position, end: Position) -> impl Iterator<Item = &[Decided]> {
        let batches = self.batches.iter().filter_map(|made| made.get());
        batches.flat_map(move |batch| {
            let behind = batch.partition_point(|decided| decided.id.position <= after);
            let until = batch.partition_point(|decided| decided.id.position <= end);
            batch[behind..until.max(behind)].chunk_by(|one, other| one.id.position == other.id.position)
        })
    }
}

/// Tells alarms of one record, at most so many; how many, and where to go on if there are more.
fn tell_alarms(alarms: &[Alarm], asked: &mut Asked<'_>, most: usize) -> (usize, Option<OutcomeCursor>) {
    let mut told = 0;
    for alarm in alarms {
        let which = Which { id: alarm.id, plan: &alarm.plan, what: What::Alarm(alarm.name()) };
        if !(asked.wanted)(&which) {
            continue;
        }
        if told >= most {
            return (told, Some(OutcomeCursor::before(alarm.id)));
        }
        (asked.tell)(&Outcome { id: alarm.id, plan: &alarm.plan, derived: Derived::Alarm(alarm) });
        told += 1;
    }
    (told, None)
}

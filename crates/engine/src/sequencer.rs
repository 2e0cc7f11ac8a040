//! The sequencer: the one place where records get their order. Under its lock an event is judged (duplicates, limits, time),
//! appended to the log's buffer and resolved to numbers; everything after it follows the order made here.

use domain::{Code, Event, Payload, Position, Refusal, Span, Time, limits};
use journal::Appender;
use parking_lot::RwLock;
use spec::Plan;
use state::{Body, Catalogue, Dedupe, Delivery, Dictionary, Resolved};

/// What the caller learns about one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it had been accepted before; the position is the first one's.
    pub duplicate: bool,
}

/// Everything that is touched under the sequencer's lock.
pub(crate) struct Sequencer {
    pub(crate) appender: Appender,
    pub(crate) catalogue: Catalogue,
    pub(crate) dedupe: Dedupe,
    pub(crate) log_time: Time,
    /// Whether state changed since the last checkpoint.
    pub(crate) changed: bool,
    pub(crate) stopping: bool,
    buffer: Vec<u8>,
}

impl Sequencer {
    pub(crate) fn new(appender: Appender, catalogue: Catalogue, dedupe: Dedupe, log_time: Time) -> Sequencer {
        Sequencer { appender, catalogue, dedupe, log_time, changed: false, stopping: false, buffer: Vec::new() }
    }

    /// Moves log time on to the clock's, and to the event's own where the clock follows events. It never goes back.
    pub(crate) fn advance(&mut self, now: Time, event: Option<Time>) {
        self.log_time = self.log_time.max(now).max(event.unwrap_or(self.log_time));
    }

    /// Whether the payload may be appended, without changing anything.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        names: &RwLock<Dictionary>,
        payload: &Payload<'_>,
        body: Option<&Body>,
        follows_events: bool,
    ) -> Result<Option<Position>, Refusal> {
        if let Payload::Event(event) = payload {
            if !follows_events {
                refuse_future(event, self.log_time)?;
            }
            if let (Some(id), Some(body)) = (&event.id, body) {
                match self.dedupe.check(&event.source, id, body) {
                    Delivery::Fresh => {}
                    Delivery::Duplicate(position) => return Ok(Some(position)),
                    Delivery::Reused(_) => return Err(id_reused(id)),
                }
            }
        }
        state::admit(plan, &names.read(), payload)?;
        Ok(None)
    }

    /// Appends a payload that was judged well and makes it known to the tables that order depends on.
    pub(crate) fn accept(
        &mut self,
        plan: &Plan,
        names: &RwLock<Dictionary>,
        payload: &Payload<'_>,
        body: Option<&Body>,
    ) -> (Position, Option<Resolved>) {
        let position = self.append(payload);
        self.changed = true;
        self.dedupe.expire(self.log_time);
        if let (Payload::Event(Event { id: Some(id), source, .. }), Some(body)) = (payload, body) {
            self.dedupe.insert(source, id, body, position, self.log_time);
        }
        let resolved = state::resolve(plan, &mut names.write(), &self.catalogue, position, self.log_time, payload).ok();
        if let Some(resolved) = &resolved {
            self.catalogue.apply(resolved);
        }
        (position, resolved)
    }

    /// Appends a record that changes no state.
    pub(crate) fn append(&mut self, payload: &Payload<'_>) -> Position {
        self.buffer.clear();
        payload.encode(&mut self.buffer);
        self.appender.append(payload.kind(), self.log_time, &self.buffer)
    }

    /// The same, for a payload that was encoded before the lock was taken.
    pub(crate) fn append_encoded(&mut self, kind: u8, payload: &[u8]) -> Position {
        self.appender.append(kind, self.log_time, payload)
    }
}

fn refuse_future(event: &Event<'_>, log_time: Time) -> Result<(), Refusal> {
    match event.time {
        Some(time) if time > log_time.plus(limits::FUTURE_SKEW_MAX) => Err(Refusal::new(
            Code::TimeInFuture,
            "time",
            format!(
                "the event's time is {} ms ahead of the server's; at most {} are taken; check the client's clock",
                time.since(log_time).0,
                limits::FUTURE_SKEW_MAX
            ),
        )),
        _ => Ok(()),
    }
}

fn id_reused(id: &str) -> Refusal {
    Refusal::new(
        Code::IdReused,
        "id",
        format!(
            "another event with the id '{id}' was accepted within the last {}; use a new id for a new event",
            Span(limits::DEDUPE_WINDOW.0)
        ),
    )
}

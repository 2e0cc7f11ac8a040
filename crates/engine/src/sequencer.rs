//! The sequencer: the one place where records get their order. Under its lock an event is judged (duplicates, limits, time),
//! appended to the log's buffer and resolved to numbers; everything after it follows the order made here.

use crate::change::Tap;
use crate::generation::Generation;
use domain::{Answer, Code, DecisionId, Event, Payload, Position, Refusal, Span, Time, limits};
use journal::Appender;
use spec::Plan;
use state::{Attribution, Body, Catalogue, Decided, Dedupe, Delivery, Dictionary, Fresh, Lists, Resolved};
use std::sync::Arc;

/// What the caller learns about one payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Where it stands in the log.
    pub position: Position,
    /// Whether it had been accepted before; the position is the first one's.
    pub duplicate: bool,
}

/// Payloads with all that can be worked out about them before the lock is taken.
pub(crate) struct Prepared<'p, 'a> {
    pub(crate) payloads: &'p [Payload<'a>],
    /// As they stand in the log, back to back.
    encoded: Vec<u8>,
    /// By payload: where it ends in `encoded`, and what deduplication compares, which only events with an id need.
    parts: Vec<(usize, Option<Body>)>,
}

impl<'p, 'a> Prepared<'p, 'a> {
    pub(crate) fn new(payloads: &'p [Payload<'a>]) -> Prepared<'p, 'a> {
        let mut encoded = Vec::with_capacity(payloads.len() * 128);
        let mut body = Vec::new();
        let parts = payloads.iter().map(|payload| {
            payload.encode(&mut encoded);
            let body = match payload {
                Payload::Event(event) if event.id.is_some() => Some(Body::of_in(event, &mut body)),
                _ => None,
            };
            (encoded.len(), body)
        });
        let parts = parts.collect();
        Prepared { payloads, encoded, parts }
    }

    /// One by one, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Candidate<'_, 'a>> {
        let mut start = 0;
        self.payloads.iter().zip(&self.parts).map(move |(payload, (end, body))| {
            let encoded = &self.encoded[start..*end];
            start = *end;
            Candidate { payload, encoded, body: body.as_ref() }
        })
    }
}

/// One payload on its way into the log.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'p, 'a> {
    pub(crate) payload: &'p Payload<'a>,
    encoded: &'p [u8],
    pub(crate) body: Option<&'p Body>,
}

impl Candidate<'static, 'static> {
    /// Nothing but time.
    pub(crate) const TICK: Self = Candidate { payload: &Payload::Tick, encoded: &[], body: None };
}

/// What is known of a candidate before it is accepted.
pub(crate) enum Judged {
    /// It was accepted before, at this position.
    Duplicate(Position),
    /// It may be accepted; under an id, if it has one.
    Good(Option<Fresh>),
}

/// Everything that is touched under the sequencer's lock.
pub(crate) struct Sequencer {
    /// What records are resolved for: what serves.
    pub(crate) generation: Arc<Generation>,
    pub(crate) appender: Appender,
    pub(crate) catalogue: Catalogue,
    pub(crate) dedupe: Dedupe,
    pub(crate) lists: Lists,
    /// None if the plan declares none.
    pub(crate) attribution: Option<Attribution>,
    pub(crate) log_time: Time,
    /// Log time of the newest record that consumers are given.
    pub(crate) taken_at: Time,
    /// Whether state changed since the last checkpoint.
    pub(crate) changed: bool,
    pub(crate) stopping: bool,
    /// What a change that is being filled still lacks.
    pub(crate) tap: Option<Tap>,
    buffer: Vec<u8>,
}

impl Sequencer {
    pub(crate) fn new(
        generation: Arc<Generation>,
        appender: Appender,
        catalogue: Catalogue,
        dedupe: Dedupe,
        lists: Lists,
        attribution: Option<Attribution>,
        log_time: Time,
    ) -> Sequencer {
        let (changed, stopping, buffer) = (false, false, Vec::new());
        Sequencer {
            generation,
            appender,
            catalogue,
            dedupe,
            lists,
            attribution,
            log_time,
            taken_at: Time(i64::MIN),
            changed,
            stopping,
            tap: None,
            buffer,
        }
    }

    /// Moves log time on to the clock's, and to the event's own where the clock follows events. It never goes back.
    pub(crate) fn advance(&mut self, now: Time, event: Option<Time>) {
        self.log_time = self.log_time.max(now).max(event.unwrap_or(self.log_time));
    }

    /// Asks for the memory that judging and accepting will need, so that the loads of many payloads overlap.
    pub(crate) fn touch(&self, plan: &Plan, names: &Dictionary, payloads: &[Payload<'_>]) {
        let touched = payloads.iter().map(|payload| match payload {
            Payload::Event(event) => {
                let id = event.id.as_ref().map_or(0, |id| self.dedupe.touch(&event.source, id));
                id ^ state::touch(plan, names, &self.catalogue, event)
            }
            _ => 0,
        });
        std::hint::black_box(touched.fold(0, u32::wrapping_add));
    }

    /// Whether the payload may be appended, without changing anything.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        names: &Dictionary,
        candidate: Candidate<'_, '_>,
        follows_events: bool,
    ) -> Result<Judged, Refusal> {
        let mut fresh = None;
        if let Payload::Event(event) = candidate.payload {
            if !follows_events {
                refuse_future(event, self.log_time)?;
            }
            if let (Some(id), Some(body)) = (&event.id, candidate.body) {
                match self.dedupe.check(&event.source, id, body) {
                    Delivery::Fresh(id) => fresh = Some(id),
                    Delivery::Duplicate(position) => return Ok(Judged::Duplicate(position)),
                    Delivery::Reused(_) => return Err(id_reused(id)),
                }
            }
        }
        state::admit(plan, names, candidate.payload)?;
        Ok(Judged::Good(fresh))
    }

    /// Appends a payload that was just judged well and makes it known to the tables that order depends on.
    pub(crate) fn accept(
        &mut self,
        plan: &Plan,
        names: &mut Dictionary,
        candidate: Candidate<'_, '_>,
        fresh: Option<Fresh>,
    ) -> Resolved {
        let Candidate { payload, encoded, body } = candidate;
        let position = self.append_encoded(payload.kind(), encoded);
        self.changed = true;
        self.taken_at = self.log_time;
        self.dedupe.expire(self.log_time);
        if let (Some(fresh), Some(body)) = (fresh, body) {
            self.dedupe.remember(fresh, body, position, self.log_time);
        }
        let resolved = state::resolve_admitted(plan, names, &self.catalogue, position, self.log_time, payload);
        self.catalogue.apply(&resolved);
        self.lists.apply(&resolved);
        if let (Some(attribution), Payload::Event(event)) = (&mut self.attribution, payload) {
            attribution.apply(event, &resolved);
        }
        resolved
    }

    /// Appends a decision's record, encoded before the lock was taken. No consumer takes it; attribution does, if it is declared.
    pub(crate) fn decide(&mut self, epoch: u32, encoded: &[u8], decided: Option<&Decided>) -> DecisionId {
        let id = DecisionId { epoch, position: self.append_encoded(Answer::KIND, encoded) };
        if let (Some(attribution), Some(decided)) = (&mut self.attribution, decided) {
            attribution.decide(id, self.log_time, decided);
            self.changed = true;
        }
        id
    }

    /// Appends a record that no consumer takes.
    pub(crate) fn append(&mut self, payload: &Payload<'_>) -> Position {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        payload.encode(&mut buffer);
        let position = self.append_encoded(payload.kind(), &buffer);
        self.buffer = buffer;
        position
    }

    /// The same, for a payload that was encoded before the lock was taken.
    fn append_encoded(&mut self, kind: u8, payload: &[u8]) -> Position {
        let position = self.appender.append(kind, self.log_time, payload);
        if let Some(tap) = &mut self.tap
            && !tap.note(position, self.log_time, kind, payload)
        {
            self.tap = None;
        }
        position
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

//! The sequencer: the one place where records get their order. Under its lock an event is judged (duplicates, limits, time),
//! appended to the log's buffer and resolved to numbers; everything after it follows the order made here.

use crate::change::Tap;
use crate::generation::Generation;
use domain::{Answer, Code, DecisionId, Event, Payload, Position, Refusal, Span, Time, limits};
use journal::Appender;
use spec::Plan;
use state::{
    Attribution, Catalogue, Decided, Dedupe, Delivery, Dictionary, Identities, Identity, Lists, Located, Resolved,
};
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
    /// By payload: where it ends in `encoded`, and what deduplication knows it by, which only events with an id need.
    parts: Vec<(usize, Option<Identity>)>,
}

impl<'p, 'a> Prepared<'p, 'a> {
    pub(crate) fn new(payloads: &'p [Payload<'a>]) -> Prepared<'p, 'a> {
        let mut encoded = Vec::with_capacity(payloads.len() * 128);
        let mut identities = Identities::default();
        let parts = payloads.iter().map(|payload| {
            payload.encode(&mut encoded);
            (encoded.len(), identities.of_record(payload))
        });
        let parts = parts.collect();
        Prepared { payloads, encoded, parts }
    }

    /// One by one, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Candidate<'_, 'a>> {
        let mut start = 0;
        self.payloads.iter().zip(&self.parts).map(move |(payload, (end, identity))| {
            let encoded = &self.encoded[start..*end];
            start = *end;
            Candidate { payload, encoded, identity: identity.as_ref() }
        })
    }
}

/// One payload on its way into the log.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'p, 'a> {
    pub(crate) payload: &'p Payload<'a>,
    encoded: &'p [u8],
    pub(crate) identity: Option<&'p Identity>,
}

impl Candidate<'static, 'static> {
    /// Nothing but time.
    pub(crate) const TICK: Self = Candidate { payload: &Payload::Tick, encoded: &[], identity: None };
}

/// What is known of a candidate before it is accepted.
pub(crate) enum Judged {
    /// It was accepted before, at this position.
    Duplicate(Position),
    /// It may be accepted.
    Good,
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

    /// Finds out what can be known of candidates while others come before them, so that the loads of many overlap.
    pub(crate) fn locate(&self, plan: &Plan, names: &Dictionary, candidates: &[Candidate<'_, '_>]) -> Vec<Located> {
        let identities = candidates.iter().filter_map(|candidate| candidate.identity);
        identities.for_each(|identity| self.dedupe.touch(identity));
        Located::all(plan, names, candidates.iter().map(|candidate| candidate.payload))
    }

    /// Whether the payload may be appended, without changing anything.
    pub(crate) fn judge(
        &self,
        plan: &Plan,
        names: &Dictionary,
        candidate: Candidate<'_, '_>,
        latest: Option<Latest>,
    ) -> Result<Judged, Refusal> {
        if let Payload::Event(event) = candidate.payload {
            latest.map_or(Ok(()), |latest| latest.admit(event))?;
            if let (Some(id), Some(identity)) = (&event.id, candidate.identity) {
                match self.dedupe.check(identity) {
                    Delivery::Fresh => {}
                    Delivery::Duplicate(position) => return Ok(Judged::Duplicate(position)),
                    Delivery::Reused(_) => return Err(id_reused(id)),
                }
            }
        }
        state::admit(plan, names, candidate.payload)?;
        Ok(Judged::Good)
    }

    /// Appends a payload that was just judged well and makes it known to the tables that order depends on.
    pub(crate) fn accept(
        &mut self,
        plan: &Plan,
        names: &mut Dictionary,
        candidate: Candidate<'_, '_>,
        located: &Located,
    ) -> Resolved {
        let Candidate { payload, encoded, identity } = candidate;
        let position = self.append_encoded(payload.kind(), encoded);
        self.changed = true;
        self.taken_at = self.log_time;
        self.dedupe.expire(self.log_time);
        if let Some(identity) = identity {
            self.dedupe.remember(identity, position, self.log_time);
        }
        let place = (position, self.log_time);
        let resolved = state::resolve_located(plan, names, &self.catalogue, place, payload, located);
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

/// How late an event may be for the log.
#[derive(Clone, Copy)]
pub(crate) struct Latest {
    pub(crate) log_time: Time,
    pub(crate) ahead_max: Span,
    /// Time is that of events, and not the machine's.
    pub(crate) of_events: bool,
}

impl Latest {
    fn admit(self, event: &Event<'_>) -> Result<(), Refusal> {
        let Latest { log_time, ahead_max, of_events } = self;
        let Some(ahead) = event.time.map(|time| time.since(log_time)).filter(|ahead| *ahead > ahead_max) else {
            return Ok(());
        };
        let message = match of_events {
            true => format!(
                "the event's time is {:.1} days ahead of the newest one's, and at most {ahead_max} are taken, since time goes on with events \
                 and every window would end; correct it, or start the server with a larger --ahead if it is right",
                ahead.0 as f64 / 86_400_000.0
            ),
            false => format!(
                "the event's time is {} ms ahead of the server's; at most {ahead_max} are taken; check the client's clock",
                ahead.0
            ),
        };
        Err(Refusal::new(Code::TimeInFuture, "time", message))
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

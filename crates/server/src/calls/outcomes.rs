//! Outcomes in the order of the log: a page of them, from memory or derived again.

mod stream;

pub(crate) use stream::Stream;

use super::off_thread;
use super::verdicts::view_of;
use crate::Shared;
use crate::query::Query;
use crate::replays::Slot;
use crate::reply::Reply;
use domain::{Code, OutcomeId, Position, Refusal, limits, not_in_spec};
use engine::{Derived, Outcome, OutcomeReader, OutcomesAsked, Plan};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{OutcomeView, write_key, write_uint};

/// Outcomes on a page unless the query says.
const LIMIT_DEFAULT: usize = 100;
/// How long a page is looked for; what was found by then is a page too.
const PAGE_TIME: Duration = Duration::from_secs(2);
/// How long the state that an old page was derived by is kept for the next one.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Which outcomes are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// Behind this.
    pub(super) after: After,
    pub(super) limit: usize,
    pub(super) decision: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) facts: bool,
}

/// A place among the outcomes: behind a position, or behind one of several outcomes there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct After {
    pub(super) position: Position,
    /// Outcomes at the next position that are behind us already.
    pub(super) skipped: u16,
}

impl After {
    /// A position, or the key of an outcome.
    pub(super) fn parse(text: &str) -> Option<After> {
        if let Some(OutcomeId { decision, place }) = OutcomeId::parse(text) {
            let position = Position(decision.position.0.saturating_sub(1));
            return Some(After { position, skipped: place.saturating_add(1) });
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let position = text.parse().ok().filter(|_| digits)?;
        Some(After { position: Position(position), skipped: 0 })
    }

    /// Whether an outcome is behind us.
    pub(super) fn has(self, id: OutcomeId) -> bool {
        id.decision.position == self.position.next() && id.place < self.skipped
    }
}

impl Part {
    /// Takes `after`, `limit`, `decision`, `outcome` and `facts` out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let limit = query.limit(LIMIT_DEFAULT, limits::OUTCOMES_PAGE_MAX)?;
        Ok(Part { limit, ..Part::take_stream(query)? })
    }

    /// The same without `limit`.
    pub(crate) fn take_stream(query: &mut Query) -> Result<Part, Refusal> {
        let after = query.value("after").map_or(Ok(After::default()), |after| after_of(&after, "after"))?;
        let (decision, outcome) = (query.value("decision"), query.value("outcome"));
        Ok(Part { after, limit: 0, decision, outcome, facts: query.choice("facts", "true", "false")? })
    }

    /// Names that the spec in force has not are mistakes.
    pub(super) fn check(&self, plan: &Plan) -> Result<(), Refusal> {
        let decisions = plan.decisions.iter().filter(|of| self.decision.as_ref().is_none_or(|name| of.name == *name));
        let decisions: Vec<_> = decisions.collect();
        if let (Some(name), true) = (&self.decision, decisions.is_empty()) {
            let known = plan.decisions.iter().map(|of| of.name.as_str());
            return Err(Refusal::new(Code::UnknownDecision, "decision", not_in_spec("decision", name, known)));
        }
        if let Some(outcome) = &self.outcome
            && !decisions.iter().any(|of| of.outcomes.contains(outcome))
        {
            let message = format!("no decision that is asked for has the outcome '{outcome}'");
            return Err(Refusal::new(Code::InvalidValue, "outcome", message));
        }
        Ok(())
    }

    pub(super) fn wants(&self, derived: &Derived<'_>) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&self.decision, derived.name()) && is(&self.outcome, derived.outcome())
    }
}

/// Reads where to go on.
pub(super) fn after_of(text: &str, field: &str) -> Result<After, Refusal> {
    After::parse(text).ok_or_else(|| {
        let message = "must be a position of the log or the key of an outcome, as in 4711 or d1-4711";
        Refusal::new(Code::InvalidValue, field, message)
    })
}

/// Appends an outcome as JSON.
pub(crate) fn write(out: &mut Vec<u8>, outcome: &Outcome<'_>, facts: bool) {
    match outcome.derived {
        Derived::Verdict(decided) => {
            let verdict = view_of(decided, outcome.telling, facts, false);
            wire::write_outcome(out, &OutcomeView { key: outcome.id, verdict, event: outcome.event });
        }
    }
}

/// The state that an old page was derived by, for a moment: whoever reads on needs it next.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Option<Kept>>);

struct Kept {
    reader: OutcomeReader,
    slot: Slot,
    since: Instant,
}

impl Pages {
    fn take(&self, at: Position) -> Option<(OutcomeReader, Slot)> {
        let kept = self.0.lock().take_if(|kept| kept.reader.position() == at)?;
        Some((kept.reader, kept.slot))
    }

    fn keep(&self, reader: OutcomeReader, slot: Slot) {
        *self.0.lock() = Some(Kept { reader, slot, since: Instant::now() });
    }

    /// Lets go of what nobody came back for.
    fn tidy(&self) {
        self.0.lock().take_if(|kept| kept.since.elapsed() >= KEPT_FOR);
    }
}

/// The next outcomes, and where to go on.
pub(crate) async fn page(shared: &Arc<Shared>, part: Part) -> Result<Reply, Refusal> {
    part.check(&shared.engine.plan())?;
    let (body, kept) = off_thread(shared, move |shared| read(shared, &part)).await?;
    if kept {
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR + Duration::from_millis(100)).await;
            shared.pages.tidy();
        });
    }
    Ok(Reply::json(body))
}

/// The page, and whether a state is kept for the next one.
fn read(shared: &Shared, part: &Part) -> Result<(Vec<u8>, bool), Refusal> {
    let (mut reader, mut slot) = match shared.pages.take(part.after.position) {
        Some((reader, slot)) => (reader, Some(slot)),
        None => (shared.engine.core().outcomes(part.after.position), None),
    };
    let mut body = b"{\"outcomes\":[".to_vec();
    let (mut count, begin, mut more) = (0, Instant::now(), true);
    while more && count < part.limit && begin.elapsed() < PAGE_TIME {
        if reader.is_far() && slot.is_none() {
            slot = Some(shared.replays.slot()?);
        }
        let most = part.limit - count;
        let mut tell = |outcome: &Outcome<'_>| {
            if !part.after.has(outcome.id) {
                if count > 0 {
                    body.push(b',');
                }
                write(&mut body, outcome, part.facts);
                count += 1;
            }
        };
        let wanted = |derived: &Derived<'_>| part.wants(derived);
        more = reader.read(&mut OutcomesAsked { most, wanted: &wanted, tell: &mut tell })?;
    }
    let next = reader.position();
    body.push(b']');
    for (name, value) in [("next", next), ("released", shared.engine.released())] {
        write_key(&mut body, name);
        write_uint(&mut body, value.0);
    }
    body.push(b'}');
    let keep = reader.is_far();
    if let (true, Some(slot)) = (keep, slot) {
        shared.pages.keep(reader, slot);
    }
    Ok((body, keep))
}

//! Outcomes, decisions and alarms, in the order of the log: which are asked for, and a page of them, from memory or derived again.

mod follow;
mod stream;

pub use follow::{Followed, Following};
pub(crate) use stream::Stream;

use super::off_thread;
use super::verdicts::view_of;
use crate::Shared;
use crate::query::Query;
use crate::replays::Slot;
use crate::reply::Reply;
use domain::{Code, Refusal, limits, not_in_spec};
use engine::{Derived, Engine, Kinds, Outcome, OutcomeCursor, OutcomeReader, OutcomesAsked, Plan, What, Which};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{AlarmView, OutcomeOf, OutcomeView, write_key, write_text, write_uint};

/// Outcomes on a page unless the query says.
const LIMIT_DEFAULT: usize = 100;
/// How long a page is looked for; what was found by then is a page too.
const PAGE_TIME: Duration = Duration::from_secs(2);
/// How long the state that an old page was derived by is kept for the next one.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// States that are kept for next pages.
const KEPT_MAX: usize = 2;

/// Which outcomes are asked for, as clients say it.
#[derive(Clone, Debug, Default)]
pub struct OutcomesQuery {
    /// Behind this: a position, or the key of an outcome. Without it, from the log's beginning.
    pub after: Option<String>,
    /// `verdict` or `alarm`.
    pub kind: Option<String>,
    /// Of this decision.
    pub decision: Option<String>,
    /// What was decided.
    pub outcome: Option<String>,
    /// This alarm.
    pub alarm: Option<String>,
    /// Whether the facts of decisions are told.
    pub facts: bool,
}

/// Which outcomes are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    after: OutcomeCursor,
    limit: usize,
    kinds: Kinds,
    decision: Option<String>,
    outcome: Option<String>,
    alarm: Option<String>,
    facts: bool,
}

impl Default for Part {
    fn default() -> Part {
        let (after, kinds) = (OutcomeCursor::default(), Kinds::ALL);
        Part { after, limit: 0, kinds, decision: None, outcome: None, alarm: None, facts: false }
    }
}

impl Part {
    /// Takes `limit` and what a stream takes out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let limit = query.limit(LIMIT_DEFAULT, limits::OUTCOMES_PAGE_MAX)?;
        Ok(Part { limit, ..Part::take_stream(query)? })
    }

    /// Takes `after`, `kind`, `decision`, `outcome`, `alarm` and `facts` out of the query.
    pub(crate) fn take_stream(query: &mut Query) -> Result<Part, Refusal> {
        Part::of(OutcomesQuery {
            after: query.value("after"),
            kind: query.value("kind"),
            decision: query.value("decision"),
            outcome: query.value("outcome"),
            alarm: query.value("alarm"),
            facts: query.choice("facts", "true", "false")?,
        })
    }

    /// # Errors
    /// `invalid_value`: not a place, not a kind, or a name of the other kind.
    pub(crate) fn of(query: OutcomesQuery) -> Result<Part, Refusal> {
        let OutcomesQuery { after, kind, decision, outcome, alarm, facts } = query;
        let after = after.map_or(Ok(OutcomeCursor::default()), |after| after_of(&after, "after"))?;
        let (of_verdicts, of_alarms) = (decision.is_some() || outcome.is_some(), alarm.is_some());
        let invalid = |field: &'static str, message: &str| Err(Refusal::new(Code::InvalidValue, field, message));
        let kinds = match kind.as_deref() {
            Some("verdict") if of_alarms => return invalid("alarm", "names an alarm, and `kind` asks for verdicts"),
            Some("alarm") if of_verdicts => {
                return invalid("kind", "asks for alarms, and `decision` and `outcome` choose verdicts");
            }
            Some("verdict") => Kinds { verdicts: true, alarms: false },
            Some("alarm") => Kinds { verdicts: false, alarms: true },
            Some(_) => return invalid("kind", "must be 'verdict' or 'alarm'"),
            // Who names what is wanted wants nothing else.
            None => Kinds { verdicts: of_verdicts || !of_alarms, alarms: of_alarms || !of_verdicts },
        };
        Ok(Part { after, limit: 0, kinds, decision, outcome, alarm, facts })
    }

    /// Names that the spec in force has not are mistakes, and so are places beyond the log.
    fn check(&self, engine: &Engine) -> Result<(), Refusal> {
        check_place(engine, self.after, "after")?;
        let plan = engine.plan();
        check_alarm(&plan, self.alarm.as_deref())?;
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

    fn wants(&self, which: &Which<'_>) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        match which.what {
            What::Verdict { decision, outcome } => is(&self.decision, decision) && is(&self.outcome, outcome),
            What::Alarm(name) => is(&self.alarm, name),
        }
    }
}

/// Reads where to go on.
pub(super) fn after_of(text: &str, field: &str) -> Result<OutcomeCursor, Refusal> {
    OutcomeCursor::parse(text).ok_or_else(|| {
        let message = "must be a position of the log or the key of an outcome, as in 4711 or d1-4711";
        Refusal::new(Code::InvalidValue, field, message)
    })
}

/// A place that the log has not come to is of another log.
pub(super) fn check_place(engine: &Engine, after: OutcomeCursor, field: &str) -> Result<(), Refusal> {
    let last = engine.core().last_given();
    if after.end() <= last {
        return Ok(());
    }
    let message = format!("{after} is beyond the log, which ends at {last}: is this the directory that it is of?");
    Err(Refusal::new(Code::InvalidValue, field, message))
}

pub(super) fn check_alarm(plan: &Plan, name: Option<&str>) -> Result<(), Refusal> {
    let Some(name) = name.filter(|name| plan.alarm(name).is_none()) else { return Ok(()) };
    let known = plan.alarms.iter().map(|of| of.name.as_str());
    Err(Refusal::new(Code::InvalidValue, "alarm", not_in_spec("alarm", name, known)))
}

/// An outcome as clients see it.
pub(crate) fn seen<'o>(outcome: &Outcome<'o>, facts: bool) -> OutcomeView<'o> {
    let what = match outcome.derived {
        Derived::Verdict(decided, telling, event) => OutcomeOf::Verdict(view_of(decided, telling, facts, false), event),
        Derived::Alarm(alarm) => OutcomeOf::Alarm(AlarmView {
            position: alarm.position(),
            log_time: alarm.log_time,
            alarm: alarm.name(),
            of: alarm.of(),
            entity: &alarm.entity,
            reason: &alarm.reason,
            tags: alarm.tags(),
            plan: alarm.version,
        }),
    };
    OutcomeView { key: outcome.id, what }
}

/// States that old pages were derived by, for a moment: whoever reads on needs them next.
#[derive(Default)]
pub(crate) struct Pages(Mutex<Vec<Kept>>);

struct Kept {
    reader: OutcomeReader,
    kinds: Kinds,
    slot: Slot,
    since: Instant,
}

impl Pages {
    fn take(&self, after: OutcomeCursor, kinds: Kinds) -> Option<(OutcomeReader, Slot)> {
        let mut kept = self.0.lock();
        let place = kept.iter().position(|kept| kept.reader.cursor() == after && kept.kinds == kinds)?;
        let Kept { reader, slot, .. } = kept.swap_remove(place);
        Some((reader, slot))
    }

    fn keep(&self, reader: OutcomeReader, kinds: Kinds, slot: Slot) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX {
            let oldest = kept.iter().enumerate().min_by_key(|(_, kept)| kept.since).map(|(at, _)| at);
            oldest.into_iter().for_each(|at| drop(kept.swap_remove(at)));
        }
        kept.push(Kept { reader, kinds, slot, since: Instant::now() });
    }

    /// Lets go of what nobody came back for.
    fn tidy(&self) {
        self.0.lock().retain(|kept| kept.since.elapsed() < KEPT_FOR);
    }
}

/// What a page is looked for by.
pub(super) struct Looked<'a> {
    pub(super) after: OutcomeCursor,
    pub(super) kinds: Kinds,
    pub(super) limit: usize,
    pub(super) wanted: &'a dyn Fn(&Which<'_>) -> bool,
}

/// Tells what is on a page; where the next one begins, and whether a state is kept for it.
///
/// # Errors
/// `overloaded`, `gone`.
pub(super) fn look(
    shared: &Shared,
    looked: &Looked<'_>,
    tell: &mut dyn FnMut(&Outcome<'_>),
) -> Result<(OutcomeCursor, bool), Refusal> {
    let (mut reader, mut slot) = match shared.pages.take(looked.after, looked.kinds) {
        Some((reader, slot)) => (reader, Some(slot)),
        None => (shared.engine.core().outcomes(looked.after, looked.kinds), None),
    };
    let (mut count, begin, mut more) = (0, Instant::now(), true);
    while more && count < looked.limit && begin.elapsed() < PAGE_TIME {
        if reader.is_far() && slot.is_none() {
            slot = Some(shared.replays.slot()?);
        }
        let most = looked.limit - count;
        let mut tell = |outcome: &Outcome<'_>| {
            tell(outcome);
            count += 1;
        };
        more = reader.read(&mut OutcomesAsked { most, wanted: looked.wanted, tell: &mut tell })?;
    }
    let (next, keep) = (reader.cursor(), reader.is_far());
    if let (true, Some(slot)) = (keep, slot) {
        shared.pages.keep(reader, looked.kinds, slot);
    }
    Ok((next, keep))
}

/// Lets go of what is kept for a next page that nobody asks for.
pub(super) fn tidy_later(shared: &Arc<Shared>) {
    let shared = shared.clone();
    tokio::spawn(async move {
        tokio::time::sleep(KEPT_FOR + Duration::from_millis(100)).await;
        shared.pages.tidy();
    });
}

/// Appends where the next page begins.
pub(super) fn write_next(out: &mut Vec<u8>, next: OutcomeCursor) {
    write_key(out, "next");
    match next.last() {
        Some(last) => write_text(out, &last.to_string()),
        None => write_uint(out, next.position().0),
    }
}

/// The next outcomes, and where to go on.
pub(crate) async fn page(shared: &Arc<Shared>, part: Part) -> Result<Reply, Refusal> {
    part.check(&shared.engine)?;
    let (body, kept) = off_thread(shared, move |shared| read(shared, &part)).await?;
    if kept {
        tidy_later(shared);
    }
    Ok(Reply::json(body))
}

fn read(shared: &Shared, part: &Part) -> Result<(Vec<u8>, bool), Refusal> {
    let mut body = b"{\"outcomes\":[".to_vec();
    let begin = body.len();
    let wanted = |which: &Which<'_>| part.wants(which);
    let looked = Looked { after: part.after, kinds: part.kinds, limit: part.limit, wanted: &wanted };
    let (next, kept) = look(shared, &looked, &mut |outcome| {
        if body.len() > begin {
            body.push(b',');
        }
        wire::write_outcome(&mut body, &seen(outcome, part.facts));
    })?;
    body.push(b']');
    write_next(&mut body, next);
    write_key(&mut body, "released");
    write_uint(&mut body, shared.engine.released().0);
    body.push(b'}');
    Ok((body, kept))
}

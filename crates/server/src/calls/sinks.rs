//! Sinks: how each is doing, what it has given up, and what is to become of that.

use crate::Shared;
use crate::outbox::{Command, Dead, Working};
use crate::query::Query;
use crate::reply::Reply;
use domain::{Code, OutcomeId, Refusal, limits, not_in_spec};
use engine::Sink;
use std::ops::Bound;
use wire::{write_array, write_instant, write_key, write_text, write_uint};

/// Outcomes listed unless the query says.
const LIMIT_DEFAULT: usize = 100;

/// Which of the outcomes that were given up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// This one; none: all.
    key: Option<OutcomeId>,
    after: Option<OutcomeId>,
    limit: usize,
}

impl Part {
    /// Takes `after` and `limit` out of the query.
    pub(crate) fn take_page(query: &mut Query) -> Result<Part, Refusal> {
        let after = query.value("after").map(|after| key_of(&after, "after")).transpose()?;
        let limit = query.limit(LIMIT_DEFAULT, limits::OUTCOMES_PAGE_MAX)?;
        Ok(Part { key: None, after, limit })
    }

    /// Takes `key` out of the query.
    pub(crate) fn take_key(query: &mut Query) -> Result<Part, Refusal> {
        let key = query.value("key").map(|key| key_of(&key, "key")).transpose()?;
        Ok(Part { key, ..Part::default() })
    }
}

fn key_of(text: &str, field: &str) -> Result<OutcomeId, Refusal> {
    OutcomeId::parse(text)
        .ok_or_else(|| Refusal::new(Code::InvalidValue, field, "must be the key of an outcome, as in d1-4711"))
}

/// Every sink of the spec.
pub(crate) fn list(shared: &Shared) -> Reply {
    let plan = shared.engine.plan();
    let working = shared.outbox.as_ref().map(|outbox| outbox.working());
    let mut body = Vec::new();
    body.push(b'{');
    write_key(&mut body, "delivering");
    body.extend_from_slice(if working.is_some() { b"true" } else { b"false" });
    write_key(&mut body, "sinks");
    write_array(&mut body, &plan.sinks, |out, sink| {
        write_sink(out, shared, sink, working.as_ref().and_then(|working| working.get(&sink.name)));
    });
    body.push(b'}');
    Reply::json(body)
}

fn write_sink(out: &mut Vec<u8>, shared: &Shared, sink: &Sink, working: Option<&Working>) {
    out.push(b'{');
    write_key(out, "sink");
    write_text(out, &sink.name);
    write_key(out, "url");
    write_text(out, &format!("http://{}{}", sink.url.authority(), sink.url.path));
    write_key(out, "state");
    let Some(figures) = working.map(|working| working.board.figures()) else {
        write_text(out, if shared.outbox.is_some() { "starting" } else { "off" });
        return out.push(b'}');
    };
    write_text(out, figures.mood.name());
    let lag = shared.engine.released().0.saturating_sub(figures.cursor.0);
    for (name, value) in [
        ("position", figures.cursor.0),
        ("lag", lag),
        ("waiting", figures.waiting as u64),
        ("in_flight", figures.in_flight as u64),
        ("delivered", figures.delivered),
        ("failed_attempts", figures.failed),
        ("dead", figures.dead as u64),
        ("lost_records", figures.lost),
    ] {
        write_key(out, name);
        write_uint(out, value);
    }
    write_key(out, "last_error");
    match &figures.last_error {
        Some(error) => write_text(out, error),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// What a sink has given up, a part of it.
pub(crate) fn dead(shared: &Shared, sink: &str, part: &Part) -> Result<Reply, Refusal> {
    let working = working(shared, sink)?;
    let (count, listed) = working.board.with_dead(|dead| {
        let from = part.after.map_or(Bound::Unbounded, Bound::Excluded);
        let listed = dead.range((from, Bound::Unbounded)).take(part.limit + 1);
        let listed: Vec<(OutcomeId, Dead)> = listed.map(|(id, dead)| (*id, dead.clone())).collect();
        (dead.len(), listed)
    });
    let shown = &listed[..listed.len().min(part.limit)];
    let mut body = Vec::new();
    body.push(b'{');
    write_key(&mut body, "sink");
    write_text(&mut body, sink);
    write_key(&mut body, "dead");
    write_array(&mut body, shown, |out, (id, dead)| write_dead(out, *id, dead));
    write_key(&mut body, "count");
    write_uint(&mut body, count as u64);
    write_key(&mut body, "next");
    match shown.last().filter(|_| listed.len() > part.limit) {
        Some((id, _)) => write_text(&mut body, &id.to_string()),
        None => body.extend_from_slice(b"null"),
    }
    body.push(b'}');
    Ok(Reply::json(body))
}

fn write_dead(out: &mut Vec<u8>, id: OutcomeId, dead: &Dead) {
    out.push(b'{');
    write_key(out, "key");
    write_text(out, &id.to_string());
    write_key(out, "attempts");
    write_uint(out, u64::from(dead.attempts));
    write_key(out, "at");
    write_instant(out, dead.at);
    write_key(out, "error");
    write_text(out, &dead.why);
    out.push(b'}');
}

/// Sends what was given up once more: it is listed until the sink has taken it.
pub(crate) fn send_again(shared: &Shared, sink: &str, part: &Part) -> Result<Reply, Refusal> {
    told(shared, sink, part, "sending", Command::SendAgain)
}

/// Lets go of what was given up.
pub(crate) fn forget(shared: &Shared, sink: &str, part: &Part) -> Result<Reply, Refusal> {
    told(shared, sink, part, "forgetting", Command::Forget)
}

fn told(
    shared: &Shared,
    sink: &str,
    part: &Part,
    said: &'static str,
    command: fn(Vec<OutcomeId>) -> Command,
) -> Result<Reply, Refusal> {
    let working = working(shared, sink)?;
    let ids = working.board.with_dead(|dead| match part.key {
        None => Ok(dead.keys().copied().collect::<Vec<_>>()),
        Some(key) if dead.contains_key(&key) => Ok(vec![key]),
        Some(key) => {
            let message = format!("the sink has not given up {key}; GET lists what it has");
            Err(Refusal::new(Code::UnknownDecision, "key", message))
        }
    })?;
    let count = ids.len();
    working.tell(command(ids))?;
    let mut body = Vec::new();
    body.push(b'{');
    write_key(&mut body, said);
    write_uint(&mut body, count as u64);
    body.push(b'}');
    Ok(Reply::json(body))
}

fn working(shared: &Shared, sink: &str) -> Result<Working, Refusal> {
    let plan = shared.engine.plan();
    if !plan.sinks.iter().any(|known| known.name == sink) {
        let known = plan.sinks.iter().map(|sink| sink.name.as_str());
        return Err(Refusal::new(Code::NotFound, "sink", not_in_spec("sink", sink, known)));
    }
    let Some(outbox) = &shared.outbox else {
        let message =
            "this server delivers no outcomes: it was started with --no-sinks, has tenants, or had no thread for it";
        return Err(Refusal::new(Code::SinkStopped, "sink", message));
    };
    let starting = || Refusal::new(Code::Overloaded, "sink", "the sink is only being started; ask again");
    let working = outbox.working().remove(sink).ok_or_else(starting)?;
    working.is_whole()?;
    Ok(working)
}

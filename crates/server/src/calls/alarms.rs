//! Alarms that were raised, oldest first: from memory, or from the log where they are no longer there. The same alarms are among the
//! outcomes; this call tells them alone, from the oldest that is in memory unless the query says.

use super::off_thread;
use super::outcomes::{Looked, after_of, check_alarm, check_place, look, seen, tidy_later, write_next};
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::{Refusal, limits};
use engine::{Kinds, OutcomeCursor, What, Which};
use std::sync::Arc;
use wire::{OutcomeOf, write_alarm, write_key, write_text, write_uint};

/// Alarms returned unless the query says.
const LIMIT_DEFAULT: usize = 100;

/// Which alarms are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    after: Option<OutcomeCursor>,
    alarm: Option<String>,
    limit: usize,
}

impl Part {
    /// Takes `after`, `alarm` and `limit` out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let after = query.value("after").map(|text| after_of(&text, "after")).transpose()?;
        let limit = query.limit(LIMIT_DEFAULT, limits::ALARMS_PER_CALL_MAX)?;
        Ok(Part { after, alarm: query.value("alarm"), limit })
    }
}

/// The alarms behind a place, or all that are in memory.
pub(crate) async fn read(shared: &Arc<Shared>, part: Part) -> Result<Reply, Refusal> {
    if let Some(after) = part.after {
        check_place(&shared.engine, after, "after")?;
    }
    check_alarm(&shared.engine.plan(), part.alarm.as_deref())?;
    // Off this thread in any case: what is in memory now may have given way by the time that it is read.
    let (body, kept) = off_thread(shared, move |shared| page(shared, &part)).await?;
    if kept {
        tidy_later(shared);
    }
    Ok(Reply::json(body))
}

fn page(shared: &Shared, part: &Part) -> Result<(Vec<u8>, bool), Refusal> {
    let kept_from = shared.engine.alarms_kept_from();
    let after = part.after.unwrap_or(kept_from.into());
    let is = |name: &str| part.alarm.as_ref().is_none_or(|wanted| wanted == name);
    let wanted = |which: &Which<'_>| matches!(which.what, What::Alarm(name) if is(name));
    let kinds = Kinds { verdicts: false, alarms: true };
    let mut out = b"{\"alarms\":[".to_vec();
    let begin = out.len();
    let (next, kept) = look(shared, &Looked { after, kinds, limit: part.limit, wanted: &wanted }, &mut |outcome| {
        let OutcomeOf::Alarm(alarm) = seen(outcome, false).what else { return };
        if out.len() > begin {
            out.push(b',');
        }
        out.push(b'{');
        write_key(&mut out, "key");
        write_text(&mut out, &outcome.id.to_string());
        let at = out.len();
        write_alarm(&mut out, &alarm);
        // Its members stand behind ours.
        out[at] = b',';
    })?;
    out.push(b']');
    for (name, position) in [("until", next.position()), ("kept_from", kept_from)] {
        write_key(&mut out, name);
        write_uint(&mut out, position.0);
    }
    write_next(&mut out, next);
    out.push(b'}');
    Ok((out, kept))
}

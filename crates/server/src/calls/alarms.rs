//! Alarms that were raised, oldest first: from memory, or from the log where they are no longer there.

use super::off_thread;
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::{Code, Position, Refusal, limits};
use engine::{Alarm, Alarms};
use std::sync::Arc;
use wire::{AlarmView, write_alarm, write_array, write_key, write_uint};

/// Alarms returned unless the query says.
const LIMIT_DEFAULT: usize = 100;

/// Which alarms are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    after: Option<Position>,
    limit: usize,
}

impl Part {
    /// Takes `after` and `limit` out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let after = query.value("after").map(|text| {
            let position = text.parse().map(Position);
            let message = "must be a position: a whole number from 0";
            position.map_err(|_| Refusal::new(Code::InvalidValue, "after", message))
        });
        let limit = query.limit(LIMIT_DEFAULT, limits::ALARMS_PER_CALL_MAX)?;
        Ok(Part { after: after.transpose()?, limit })
    }
}

/// The alarms behind a position, or all that are in memory.
pub(crate) async fn read(shared: &Arc<Shared>, part: Part) -> Result<Reply, Refusal> {
    let kept_from = shared.engine.alarms_kept_from();
    let after = part.after.unwrap_or(kept_from);
    let told = if after >= kept_from {
        shared.engine.alarms_after(after, part.limit)?
    } else {
        off_thread(shared, move |shared| shared.replays.alarms(&shared.engine, after, part.limit)).await?
    };
    Ok(Reply::json(written(&told, kept_from)))
}

fn written(told: &Alarms, kept_from: Position) -> Vec<u8> {
    let mut out = vec![b'{'];
    write_key(&mut out, "alarms");
    write_array(&mut out, &told.alarms, |out, alarm| write_alarm(out, &view_of(alarm)));
    for (name, position) in [("until", told.until), ("kept_from", kept_from)] {
        write_key(&mut out, name);
        write_uint(&mut out, position.0);
    }
    out.push(b'}');
    out
}

/// An alarm as it is written.
pub(crate) fn view_of(alarm: &Alarm) -> AlarmView<'_> {
    let Alarm { position, log_time, alarm, of, entity, reason, tags } = alarm;
    AlarmView { position: *position, log_time: *log_time, alarm, of, entity, reason, tags }
}

//! One event: a flat object with `event`, `id`, `source` and `time`; every other member is a field or an entity's key.

use crate::fields::{Fields, refusal, text, twice, within};
use crate::scan::{self, Outcome, Scanner};
use crate::time::parse_time;
use domain::{Code, Event, Raw, Refusal, Time, limits};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// Reads one event, which must be the whole of `line`.
///
/// # Errors
/// `invalid_json`, `missing_field`, `wrong_type`, `invalid_value`, `too_large`, `too_many`, `time_out_of_range`, with
/// the member concerned.
pub fn parse_event(line: &[u8]) -> Result<Event<'_>, Refusal> {
    scan::whole(line, event)
}

/// Reads the event at which the scanner stands.
#[inline]
pub(crate) fn event<'a>(scan: &mut Scanner<'a>) -> Outcome<Event<'a>> {
    let mut draft = Draft::read(scan)?;
    let Some(kind) = draft.kind.take() else {
        return Err(refusal(Code::MissingField, "event", "name the event's type, as in {\"event\":\"view\"}"));
    };
    Ok(draft.finish(kind))
}

/// The same for an event of this type, which it need not name.
pub(crate) fn event_of<'a>(scan: &mut Scanner<'a>, kind: &'a str) -> Outcome<Event<'a>> {
    let mut draft = Draft::read(scan)?;
    match draft.kind.take() {
        Some(named) if named != kind => {
            let message = format!("this is decided on events of the type '{kind}'; leave `event` out, or say so");
            Err(refusal(Code::InvalidValue, "event", message))
        }
        named => Ok(draft.finish(named.unwrap_or(Cow::Borrowed(kind)))),
    }
}

struct Draft<'a> {
    /// One bit for each reserved name that came already.
    seen: u8,
    kind: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    time: Option<Time>,
    fields: Fields<'a>,
}

impl<'a> Draft<'a> {
    #[inline]
    fn read(scan: &mut Scanner<'a>) -> Outcome<Draft<'a>> {
        let mut draft = Draft { seen: 0, kind: None, source: None, id: None, time: None, fields: Fields::new() };
        scan.object(|scan, name| draft.member(scan, name))?;
        Ok(draft)
    }

    #[inline]
    fn finish(self, kind: Cow<'a, str>) -> Event<'a> {
        let Draft { source, id, time, fields, .. } = self;
        Event { kind, source: source.unwrap_or_default(), id, time, fields: fields.finish() }
    }

    #[inline]
    fn member(&mut self, scan: &mut Scanner<'a>, name: Cow<'a, str>) -> Outcome<()> {
        let bit = match name.as_bytes() {
            b"event" => 1,
            b"source" => 2,
            b"id" => 4,
            b"time" => 8,
            _ => return self.fields.member(scan, name),
        };
        if self.seen & bit != 0 {
            return Err(twice(&name));
        }
        self.seen |= bit;
        match bit {
            1 => self.kind = text(scan, "event", limits::NAME_BYTES_MAX)?,
            2 => self.source = text(scan, "source", limits::KEY_BYTES_MAX)?,
            4 => self.id = text(scan, "id", limits::KEY_BYTES_MAX)?,
            _ => self.time = time(scan, "time")?,
        }
        Ok(())
    }
}

/// An RFC 3339 string or whole milliseconds since 1970.
#[inline]
pub(crate) fn time(scan: &mut Scanner<'_>, name: &str) -> Outcome<Option<Time>> {
    let time = match scan.peek() {
        Some(b'"') => {
            let text = scan.string().map_err(|inner| within(name, inner))?;
            parse_time(&text).ok_or_else(|| {
                refusal(Code::InvalidValue, name, "not an RFC 3339 time such as 2026-01-31T12:00:00Z, nor milliseconds")
            })?
        }
        Some(b'-' | b'0'..=b'9') => match scan.number().map_err(|inner| within(name, inner))? {
            Raw::Int(ms) => Time(ms),
            _ => return Err(refusal(Code::WrongType, name, "must be whole milliseconds since 1970, or RFC 3339")),
        },
        Some(b'n') => match scan.literal().map_err(|inner| within(name, inner))? {
            Raw::Null => return Ok(None),
            _ => return Err(refusal(Code::WrongType, name, "must be RFC 3339 or milliseconds")),
        },
        Some(b'{' | b'[' | b't' | b'f') => {
            return Err(refusal(Code::WrongType, name, "must be RFC 3339 or milliseconds"));
        }
        _ => return Err(within(name, scan.fault("expected a time"))),
    };
    if (limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&time.0) {
        Ok(Some(time))
    } else {
        Err(refusal(Code::TimeOutOfRange, name, "must be between the years 1970 and 9999; is it in milliseconds?"))
    }
}

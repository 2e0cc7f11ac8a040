//! One event: a flat object with `event`, `id`, `source` and `time`; every other member is a field or an entity's key.

use crate::fields::{Fields, refusal, text, twice, within};
use crate::scan::{self, Outcome, Scanner};
use crate::time::parse_time;
use crate::usual::{self, Members, Name, Shape, Taken};
use domain::{Code, Event, Raw, Refusal, Time, limits};
use std::borrow::Cow;
use std::mem;

#[cfg(test)]
mod tests;

/// Reads one event, which must be the whole of `line`.
///
/// # Errors
/// `invalid_json`, `missing_field`, `wrong_type`, `invalid_value`, `too_large`, `too_many`, `time_out_of_range`, with
/// the member concerned.
pub fn parse_event(line: &[u8]) -> Result<Event<'_>, Refusal> {
    alone(line, None)
}

/// The same for one of many events that are written alike: `shape` tells how the last one was, and is told how this one is.
///
/// # Errors
/// As [`parse_event`].
pub fn parse_event_like<'a>(line: &'a [u8], shape: &mut Shape<'a>) -> Result<Event<'a>, Refusal> {
    alone(line, Some(shape))
}

fn alone<'a>(line: &'a [u8], shape: Option<&mut Shape<'a>>) -> Result<Event<'a>, Refusal> {
    let mut event = blank();
    let mut scan = Scanner::new(scan::utf8(line)?);
    let read = scan.space_then(|scan| named(scan, shape, &mut event)).and_then(|()| scan.end());
    read.map_err(|refusal| *refusal)?;
    Ok(event)
}

/// Reads the event at which the scanner stands.
#[inline]
pub(crate) fn event<'a>(scan: &mut Scanner<'a>, shape: Option<&mut Shape<'a>>) -> Outcome<Event<'a>> {
    let mut event = blank();
    named(scan, shape, &mut event)?;
    Ok(event)
}

/// The same for an event of this type, which it need not name.
#[inline]
pub(crate) fn event_of<'a>(scan: &mut Scanner<'a>, shape: Option<&mut Shape<'a>>, kind: &'a str) -> Outcome<Event<'a>> {
    let mut event = blank();
    fill(scan, shape, &mut event)?;
    if event.kind.is_empty() {
        event.kind = Cow::Borrowed(kind);
    } else if event.kind != kind {
        let message = format!("this is decided on events of the type '{kind}'; leave `event` out, or say so");
        return Err(refusal(Code::InvalidValue, "event", message));
    }
    Ok(event)
}

#[inline]
fn named<'a>(scan: &mut Scanner<'a>, shape: Option<&mut Shape<'a>>, event: &mut Event<'a>) -> Outcome<()> {
    fill(scan, shape, event)?;
    if event.kind.is_empty() {
        return Err(refusal(Code::MissingField, "event", "name the event's type, as in {\"event\":\"view\"}"));
    }
    Ok(())
}

#[inline]
fn blank<'a>() -> Event<'a> {
    Event { kind: Cow::Borrowed(""), source: Cow::Borrowed(""), id: None, time: None, fields: Vec::new() }
}

/// Reads an event into a blank one; its type stays empty if it names none.
fn fill<'a>(scan: &mut Scanner<'a>, shape: Option<&mut Shape<'a>>, event: &mut Event<'a>) -> Outcome<()> {
    let Event { kind, source, id, time, fields } = event;
    let mut draft = Draft { seen: 0, kind, source, id, time, fields: Fields::new(fields) };
    usual::object(scan, shape, &mut draft)?;
    draft.fields.finish();
    Ok(())
}

/// The parts of an event as they are filled.
struct Draft<'e, 'a> {
    /// One bit for each reserved name that came already.
    seen: u8,
    kind: &'e mut Cow<'a, str>,
    source: &'e mut Cow<'a, str>,
    id: &'e mut Option<Cow<'a, str>>,
    time: &'e mut Option<Time>,
    fields: Fields<'e, 'a>,
}

impl<'a> Draft<'_, 'a> {
    #[inline(always)]
    fn reserved_text(&mut self, role: u8, value: &'a str) -> bool {
        let most = if role == EVENT { limits::NAME_BYTES_MAX } else { limits::KEY_BYTES_MAX };
        if role == TIME {
            return self.timestamp(value);
        }
        if !(1..=most).contains(&value.len()) {
            return false;
        }
        // They were empty: a name comes once. So there is nothing to drop, which the compiler cannot know.
        match role {
            EVENT => mem::forget(mem::replace(self.kind, Cow::Borrowed(value))),
            ID => mem::forget(self.id.replace(Cow::Borrowed(value))),
            _ => mem::forget(mem::replace(self.source, Cow::Borrowed(value))),
        }
        true
    }

    #[inline(never)]
    fn timestamp(&mut self, text: &str) -> bool {
        parse_time(text).is_some_and(|time| self.take_time(time))
    }

    #[inline(always)]
    fn milliseconds(&mut self, text: &str, at: usize) -> Option<usize> {
        let (ms, behind) = usual::unsigned(text, at)?;
        self.take_time(Time(ms)).then_some(behind)
    }

    #[inline(always)]
    fn take_time(&mut self, time: Time) -> bool {
        let ranged = (limits::TIME_MIN_MS..=limits::TIME_MAX_MS).contains(&time.0);
        if ranged {
            *self.time = Some(time);
        }
        ranged
    }
}

/// The names with a meaning of their own, as bits.
const EVENT: u8 = 1;
const SOURCE: u8 = 2;
const ID: u8 = 4;
const TIME: u8 = 8;

impl<'a> Members<'a> for Draft<'_, 'a> {
    #[inline]
    fn role(word: u64) -> u8 {
        const NAMES: [u64; 4] = [usual::word("event"), usual::word("source"), usual::word("id"), usual::word("time")];
        NAMES.iter().position(|name| *name == word).map_or(0, |place| 1 << place)
    }

    #[inline]
    fn taken(&self) -> Taken {
        Taken { reserved: self.seen, ..self.fields.taken() }
    }

    #[inline]
    fn set_taken(&mut self, taken: Taken) {
        self.seen = taken.reserved;
        self.fields.set_taken(taken);
    }

    #[inline]
    fn admit(&mut self, name: &Name<'a>) -> bool {
        if name.role == 0 {
            return self.fields.admit(name);
        }
        let new = self.seen & name.role == 0;
        self.seen |= name.role;
        new
    }

    #[inline(always)]
    fn text(&mut self, name: &Name<'a>, value: &'a str) -> bool {
        match name.role {
            0 => self.fields.text(name, value),
            role => self.reserved_text(role, value),
        }
    }

    #[inline(never)]
    fn other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize> {
        match name.role {
            0 => self.fields.other(name, text, at),
            TIME => self.milliseconds(text, at),
            _ => None,
        }
    }

    #[inline(always)]
    fn short_other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize> {
        match name.role {
            0 => self.fields.short_other(name, text, at),
            TIME => self.milliseconds(text, at),
            _ => None,
        }
    }

    #[inline(always)]
    fn has_room(&self) -> bool {
        self.fields.has_room()
    }

    #[cold]
    #[inline(never)]
    fn member(&mut self, scan: &mut Scanner<'a>, name: Cow<'a, str>) -> Outcome<()> {
        let bit = match name.as_bytes() {
            b"event" => EVENT,
            b"source" => SOURCE,
            b"id" => ID,
            b"time" => TIME,
            _ => return self.fields.member(scan, name),
        };
        if self.seen & bit != 0 {
            return Err(twice(&name));
        }
        self.seen |= bit;
        match bit {
            EVENT => *self.kind = text(scan, "event", limits::NAME_BYTES_MAX)?.unwrap_or_default(),
            SOURCE => *self.source = text(scan, "source", limits::KEY_BYTES_MAX)?.unwrap_or_default(),
            ID => *self.id = text(scan, "id", limits::KEY_BYTES_MAX)?,
            _ => *self.time = time(scan, "time")?,
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

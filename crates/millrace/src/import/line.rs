//! One line of JSON as a change: an event or an entity as the HTTP interface takes it, with or without its place in the log
//! that it was exported from.

use domain::{Code, Event, Field, ListPut, Payload, Refusal, Time, Upsert, limits};

/// A change, and when the log that it comes from had it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) payload: Payload<'static>,
    pub(crate) log_time: Option<Time>,
}

/// What a line is, by its members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Event,
    Entity,
    List,
    Tick,
}

/// Reads a line, which is changed where its place is cut off.
///
/// # Errors
/// As the HTTP interface refuses it.
pub(super) fn parse(line: &mut [u8]) -> Result<Record, Refusal> {
    let log_time = place(line);
    let (line, log_time) = match log_time {
        Some((end, log_time)) => {
            line[end] = b'{';
            (&line[end..], Some(log_time))
        }
        None => (&line[..], None),
    };
    let payload = match form(line)? {
        Form::Event => Payload::Event(wire::parse_event(line)?),
        Form::Tick => Payload::Tick,
        Form::List => wire::parse_list_line(line)?,
        Form::Entity => {
            let mut batch = wire::parse_entities(line)?;
            match (batch.refused.pop(), batch.payloads.pop()) {
                (Some(refused), _) => return Err(refused.refusal),
                (None, Some(payload)) if batch.payloads.is_empty() => payload,
                _ => return Err(Refusal::new(Code::InvalidJson, "", "one object a line")),
            }
        }
    };
    Ok(Record { payload: owned(payload), log_time })
}

/// The place that an export puts at the beginning of a line: where its last comma is, and the log time.
fn place(line: &[u8]) -> Option<(usize, Time)> {
    let rest = line.strip_prefix(b"{\"@position\":")?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let rest = rest[digits..].strip_prefix(b",\"@log_time\":")?;
    let digits = rest.iter().position(|byte| *byte == b',')?;
    let log_time = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    Some((line.len() - rest.len() + digits, Time(log_time)))
}

/// Most lines name what they are first; the others are looked through.
fn form(line: &[u8]) -> Result<Form, Refusal> {
    let head = line.trim_ascii_start();
    for (begin, form) in
        [(&b"{\"event\":"[..], Form::Event), (b"{\"entity\":", Form::Entity), (b"{\"tick\":true}", Form::Tick)]
    {
        if head.starts_with(begin) {
            return Ok(form);
        }
    }
    let (mut event, mut entity, mut list) = (false, false, false);
    wire::whole(line, |scan| {
        scan.object(|scan, name| {
            event |= name == "event";
            entity |= name == "entity";
            list |= name == "list";
            scan.skip(limits::JSON_DEPTH_MAX)
        })
    })?;
    match (event, entity, list) {
        (true, ..) => Ok(Form::Event),
        (_, true, _) => Ok(Form::Entity),
        (.., true) => Ok(Form::List),
        _ => {
            let message = "a line is an event, as in {\"event\":\"view\",...}, or names an entity or a list, as in \
                           {\"entity\":\"item\",\"key\":...}";
            Err(Refusal::new(Code::MissingField, "event", message))
        }
    }
}

fn owned(payload: Payload<'_>) -> Payload<'static> {
    let fields = |fields: Vec<Field<'_>>| {
        let owned = |field: Field<'_>| Field { name: field.name.into_owned().into(), value: field.value.into_owned() };
        fields.into_iter().map(owned).collect()
    };
    match payload {
        Payload::Event(event) => Payload::Event(Event {
            kind: event.kind.into_owned().into(),
            source: event.source.into_owned().into(),
            id: event.id.map(|id| id.into_owned().into()),
            time: event.time,
            fields: fields(event.fields),
        }),
        Payload::Upsert(upsert) => Payload::Upsert(Upsert {
            entity: upsert.entity.into_owned().into(),
            key: upsert.key.into_owned().into(),
            fields: fields(upsert.fields),
        }),
        Payload::Delete { entity, key } => {
            Payload::Delete { entity: entity.into_owned().into(), key: key.into_owned().into() }
        }
        Payload::ListPut(ListPut { list, key, score, until }) => {
            Payload::ListPut(ListPut { list: list.into_owned().into(), key: key.into_owned().into(), score, until })
        }
        Payload::ListDelete { list, key } => {
            Payload::ListDelete { list: list.into_owned().into(), key: key.into_owned().into() }
        }
        _ => Payload::Tick,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Record, Refusal> {
        parse(&mut text.as_bytes().to_vec())
    }

    #[test]
    fn lines_are_told_apart_by_their_members() {
        let kind = |text: &str| read(text).unwrap().payload.kind();
        assert_eq!(kind(r#"{"event":"view","entity":"x"}"#), 1);
        assert_eq!(kind(r#" {"user":"u","event":"view"}"#), 1);
        assert_eq!(kind(r#"{"entity":"item","key":"i","fields":{"event":"x"}}"#), 2);
        assert_eq!(kind(r#"{"key":"i","delete":true,"entity":"item"}"#), 3);
        assert_eq!(kind(r#"{"tick":true}"#), 5);
        for bad in ["", "{}", "[]", "{\"event\":", r#"{"event":"view"}{}"#, r#"{"entity":"item"}"#, "\u{0}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_place_is_cut_off() {
        let bare = read(r#"{"event":"view","position":3}"#).unwrap();
        assert_eq!(bare.log_time, None);
        let placed = read(r#"{"@position":12,"@log_time":-5,"event":"view","position":3}"#).unwrap();
        assert_eq!(placed, Record { log_time: Some(Time(-5)), ..bare });
        assert!(
            read(r#"{"@position":12,"@log_time":"x","event":"view"}"#).is_ok_and(|record| record.log_time.is_none())
        );
    }
}

//! Entities: the fields of one (`PUT`), and lines that set or delete entities in bulk.

use crate::fields::{Fields, clipped, refusal, text, twice, within};
use crate::scan::{self, Outcome, Scanner};
use crate::suggest::nearest;
use crate::usual;
use domain::{Code, Field, Payload, Raw, Refusal, Upsert, limits};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// Reads the attributes of one entity: a flat object that is the whole of `body`.
///
/// # Errors
/// As for an event's fields.
pub fn parse_fields(body: &[u8]) -> Result<Vec<Field<'_>>, Refusal> {
    scan::whole(body, fields)
}

fn fields<'a>(scan: &mut Scanner<'a>) -> Outcome<Vec<Field<'a>>> {
    let mut list = Vec::new();
    let mut fields = Fields::new(&mut list);
    usual::object(scan, None, &mut fields)?;
    fields.finish();
    Ok(list)
}

/// The members of a line.
const MEMBERS: [&str; 4] = ["entity", "key", "fields", "delete"];

/// A line's members as they are collected; `seen` has one bit for each in the order of `MEMBERS`.
#[derive(Default)]
struct Draft<'a> {
    seen: u8,
    entity: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    fields: Option<Vec<Field<'a>>>,
    delete: bool,
}

/// Reads the line at which the scanner stands: `{"entity":..,"key":..,"fields":{..}}` or `{..,"delete":true}`.
pub(crate) fn line<'a>(scan: &mut Scanner<'a>) -> Outcome<Payload<'a>> {
    let mut draft = Draft::default();
    scan.object(|scan, name| draft.member(scan, &name))?;
    let missing = |field: &str| {
        refusal(Code::MissingField, field, "an entity's line is {\"entity\":\"item\",\"key\":\"i1\",\"fields\":{...}}")
    };
    let entity = draft.entity.ok_or_else(|| missing("entity"))?;
    let key = draft.key.ok_or_else(|| missing("key"))?;
    match (draft.fields, draft.delete) {
        (None, true) => Ok(Payload::Delete { entity, key }),
        (Some(fields), false) => Ok(Payload::Upsert(Upsert { entity, key, fields })),
        (None, false) => Err(missing("fields")),
        (Some(_), true) => Err(refusal(Code::InvalidValue, "delete", "send either fields or delete, not both")),
    }
}

impl<'a> Draft<'a> {
    fn member(&mut self, scan: &mut Scanner<'a>, name: &str) -> Outcome<()> {
        let Some(index) = MEMBERS.iter().position(|member| *member == name) else {
            return Err(unknown(name, &MEMBERS));
        };
        if self.seen & (1 << index) != 0 {
            return Err(twice(name));
        }
        self.seen |= 1 << index;
        match index {
            0 => self.entity = text(scan, name, limits::NAME_BYTES_MAX)?,
            1 => self.key = text(scan, name, limits::KEY_BYTES_MAX)?,
            2 => self.fields = Some(fields(scan).map_err(|inner| within(name, inner))?),
            _ => self.delete = flag(scan, name)?,
        }
        Ok(())
    }
}

/// Reads `true` or `false`.
pub(crate) fn flag(scan: &mut Scanner<'_>, name: &str) -> Outcome<bool> {
    if let Some(b't' | b'f') = scan.peek()
        && let Raw::Bool(flag) = scan.literal().map_err(|inner| within(name, inner))?
    {
        return Ok(flag);
    }
    Err(refusal(Code::WrongType, name, "must be true or false"))
}

/// Refuses a member that is none of `known`.
pub(crate) fn unknown(name: &str, known: &[&str]) -> Box<Refusal> {
    let message = match nearest(name, known) {
        Some(near) => format!("there is no '{}' here: did you mean '{near}'?", clipped(name)),
        None => format!("there is no '{}' here: known are {}", clipped(name), known.join(", ")),
    };
    refusal(Code::UnknownField, name, message)
}

//! Entries of lists: how one stands on its list (`PUT`), and lines that put or delete entries in bulk.

use crate::batch::{Batch, parse};
use crate::entity::{flag, unknown};
use crate::event::time;
use crate::fields::{refusal, text, twice, within};
use crate::scan::{self, Outcome, Scanner};
use domain::{Code, ListPut, Payload, Raw, Refusal, Time, limits};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// The members of a line; those of a `PUT` body are the last two but one.
const MEMBERS: [&str; 5] = ["list", "key", "score", "until", "delete"];
const OF_ONE: [&str; 2] = ["score", "until"];

/// A line's members as they are collected; `seen` has one bit for each in the order of `MEMBERS`.
#[derive(Default)]
struct Draft<'a> {
    seen: u8,
    list: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    score: Option<f64>,
    until: Option<Time>,
    delete: bool,
}

/// Reads how one entity stands on a list: `{"score":..,"until":..}`, both optional; an empty body is `{}`.
///
/// # Errors
/// `invalid_json`, `unknown_field` (with "did you mean"), `wrong_type`, `invalid_value`, `time_out_of_range`.
pub fn parse_list_put<'a>(list: &'a str, key: &'a str, body: &'a [u8]) -> Result<ListPut<'a>, Refusal> {
    let mut draft = Draft::default();
    if !body.trim_ascii().is_empty() {
        scan::whole(body, |scan| scan.object(|scan, name| draft.member(scan, &name, &OF_ONE)))?;
    }
    Ok(ListPut { list: list.into(), key: key.into(), score: draft.score, until: draft.until })
}

/// Reads entries of a list to put or delete: one object, an array, or objects on lines of their own, each
/// `{"key":"i1","score":..,"until":..}` or `{"key":"i1","delete":true}`. A member `list` must name this list.
///
/// # Errors
/// The body as a whole, as `parse_events`.
pub fn parse_list<'a>(list: &'a str, body: &'a [u8]) -> Result<Batch<'a>, Refusal> {
    parse(body, |scan| line(scan, Some(list)))
}

/// Reads one entry that names its list, which must be the whole of `line`.
///
/// # Errors
/// As [`parse_list_put`]; and `missing_field`.
pub fn parse_list_line(bytes: &[u8]) -> Result<Payload<'_>, Refusal> {
    scan::whole(bytes, |scan| line(scan, None))
}

fn line<'a>(scan: &mut Scanner<'a>, list: Option<&'a str>) -> Outcome<Payload<'a>> {
    let mut draft = Draft::default();
    scan.object(|scan, name| draft.member(scan, &name, &MEMBERS))?;
    let missing =
        |field: &str| refusal(Code::MissingField, field, "an entry is {\"key\":\"i1\"}, with score and until");
    let key = draft.key.ok_or_else(|| missing("key"))?;
    let list = match (draft.list, list) {
        (None, None) => return Err(missing("list")),
        (None, Some(list)) => Cow::Borrowed(list),
        (Some(named), Some(list)) if named != list => {
            return Err(refusal(Code::InvalidValue, "list", "this call is for another list; send it to that one"));
        }
        (Some(named), _) => named,
    };
    if !draft.delete {
        return Ok(Payload::ListPut(ListPut { list, key, score: draft.score, until: draft.until }));
    }
    if draft.score.is_some() || draft.until.is_some() {
        return Err(refusal(Code::InvalidValue, "delete", "an entry that is deleted has no score and no until"));
    }
    Ok(Payload::ListDelete { list, key })
}

impl<'a> Draft<'a> {
    fn member(&mut self, scan: &mut Scanner<'a>, name: &str, known: &[&str]) -> Outcome<()> {
        let Some(index) = MEMBERS.iter().position(|member| *member == name).filter(|_| known.contains(&name)) else {
            return Err(unknown(name, known));
        };
        if self.seen & (1 << index) != 0 {
            return Err(twice(name));
        }
        self.seen |= 1 << index;
        match index {
            0 => self.list = text(scan, name, limits::NAME_BYTES_MAX)?,
            1 => self.key = text(scan, name, limits::KEY_BYTES_MAX)?,
            2 => self.score = number(scan, name)?,
            3 => self.until = time(scan, name)?,
            _ => self.delete = flag(scan, name)?,
        }
        Ok(())
    }
}

/// A number, or `None` for null.
pub(crate) fn number(scan: &mut Scanner<'_>, name: &str) -> Outcome<Option<f64>> {
    let value = match scan.peek() {
        Some(b'-' | b'0'..=b'9') => scan.number(),
        Some(b'n') => scan.literal(),
        _ => Ok(Raw::Bool(false)),
    };
    match value.map_err(|inner| within(name, inner))? {
        Raw::Int(int) => Ok(Some(int as f64)),
        Raw::Float(float) => Ok(Some(float)),
        Raw::Null => Ok(None),
        _ => Err(refusal(Code::WrongType, name, "must be a number")),
    }
}

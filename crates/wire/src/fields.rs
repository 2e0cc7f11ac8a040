//! The fields of an event or an entity: named scalars and lists of scalars, each name once, all sizes bounded.

use crate::scan::{Outcome, Scanner};
use domain::{Code, Field, Raw, Refusal, limits};
use std::borrow::Cow;

/// A boxed refusal about one field.
#[cold]
pub(crate) fn refusal(code: Code, field: &str, message: impl Into<String>) -> Box<Refusal> {
    Box::new(Refusal::new(code, clipped(field), message))
}

/// A name as it is repeated in a refusal: never longer than a name may be.
pub(crate) fn clipped(name: &str) -> String {
    let end = name.floor_char_boundary(limits::NAME_BYTES_MAX);
    if end == name.len() { name.to_owned() } else { format!("{}…", &name[..end]) }
}

/// Puts the name of the member in front of what a refusal already says about places inside it.
#[cold]
pub(crate) fn within(name: &str, mut refusal: Box<Refusal>) -> Box<Refusal> {
    refusal.field = match refusal.field.as_str() {
        "" => clipped(name),
        inner => format!("{}.{inner}", clipped(name)),
    };
    refusal
}

/// Refuses a name that the body gives twice.
#[cold]
pub(crate) fn twice(name: &str) -> Box<Refusal> {
    refusal(Code::InvalidJson, name, "the name appears twice: keep one")
}

/// Refuses a name or a key that is empty or too long.
#[cold]
fn bad_length(name: &str, len: usize, max: usize) -> Box<Refusal> {
    let code = if len == 0 { Code::InvalidValue } else { Code::TooLarge };
    refusal(code, name, format!("must have 1 to {max} bytes"))
}

/// Room for most events at once.
const LIKELY: usize = 8;

/// Fields as they are collected.
pub(crate) struct Fields<'a> {
    list: Vec<Field<'a>>,
    nulls: bool,
    /// One bit of 64 for each name: where the bit of another is not set, it is new.
    names: u64,
}

impl<'a> Fields<'a> {
    pub(crate) fn new() -> Fields<'a> {
        Fields { list: Vec::new(), nulls: false, names: 0 }
    }

    /// Takes the value of the member `name`.
    #[inline]
    pub(crate) fn member(&mut self, scan: &mut Scanner<'a>, name: Cow<'a, str>) -> Outcome<()> {
        self.admit(&name)?;
        let value = match value(scan) {
            Ok(value) => value,
            Err(inner) => return Err(within(&name, inner)),
        };
        self.nulls |= matches!(value, Raw::Null);
        if self.list.capacity() == 0 {
            self.list.reserve_exact(LIKELY);
        }
        self.list.push(Field { name, value });
        Ok(())
    }

    #[inline]
    fn admit(&mut self, name: &str) -> Outcome<()> {
        if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
            return Err(bad_length(name, name.len(), limits::NAME_BYTES_MAX));
        }
        if self.list.len() >= limits::FIELDS_MAX {
            let message = format!("more than {} fields: send fewer", limits::FIELDS_MAX);
            return Err(refusal(Code::TooMany, name, message));
        }
        let bytes = name.as_bytes();
        let ends = bytes[0].wrapping_mul(7) ^ bytes[bytes.len() - 1];
        let bit = 1 << (ends.wrapping_add(bytes.len() as u8) & 63);
        if self.names & bit != 0 && self.list.iter().any(|field| field.name == name) {
            return Err(twice(name));
        }
        self.names |= bit;
        Ok(())
    }

    /// The fields that have a value: `null` is the same as absent.
    pub(crate) fn finish(mut self) -> Vec<Field<'a>> {
        if self.nulls {
            self.list.retain(|field| field.value != Raw::Null);
        }
        self.list
    }
}

/// Reads the value of a field: a scalar or a list of scalars.
#[inline]
pub(crate) fn value<'a>(scan: &mut Scanner<'a>) -> Outcome<Raw<'a>> {
    match scan.peek() {
        Some(b'[') => list(scan),
        _ => scalar(scan),
    }
}

#[inline]
fn scalar<'a>(scan: &mut Scanner<'a>) -> Outcome<Raw<'a>> {
    match scan.peek() {
        Some(b'"') => {
            let text = scan.string()?;
            if text.len() > limits::STRING_BYTES_MAX {
                let message = format!("the string is longer than {} bytes", limits::STRING_BYTES_MAX);
                return Err(refusal(Code::TooLarge, "", message));
            }
            Ok(Raw::Str(text))
        }
        Some(b'-' | b'0'..=b'9') => scan.number(),
        Some(b'{' | b'[') => Err(refusal(
            Code::WrongType,
            "",
            "a field is a string, a number, true, false, or a list of these; objects and lists in lists are not taken",
        )),
        _ => scan.literal(),
    }
}

fn list<'a>(scan: &mut Scanner<'a>) -> Outcome<Raw<'a>> {
    let mut list = Vec::new();
    scan.array(|scan| {
        // Only numbers come in long lists: vectors.
        let most = if matches!(list.last(), Some(Raw::Int(_) | Raw::Float(_))) {
            limits::VECTOR_MAX
        } else {
            limits::LIST_MAX
        };
        if list.len() >= most {
            return Err(refusal(Code::TooMany, "", format!("more than {most} elements in the list")));
        }
        let place = list.len();
        match scalar(scan).map_err(|inner| within(&place.to_string(), inner))? {
            Raw::Null => Err(refusal(Code::WrongType, &place.to_string(), "null is not taken inside a list")),
            value => {
                list.push(value);
                Ok(())
            }
        }
    })?;
    Ok(Raw::List(list))
}

/// Reads a string of 1 to `max` bytes, or `None` for null.
#[inline]
pub(crate) fn text<'a>(scan: &mut Scanner<'a>, name: &str, max: usize) -> Outcome<Option<Cow<'a, str>>> {
    match scan.peek() {
        Some(b'"') => {
            let text = scan.string().map_err(|inner| within(name, inner))?;
            if text.is_empty() || text.len() > max {
                return Err(bad_length(name, text.len(), max));
            }
            Ok(Some(text))
        }
        Some(b'n') => match scan.literal().map_err(|inner| within(name, inner))? {
            Raw::Null => Ok(None),
            _ => Err(refusal(Code::WrongType, name, "must be a string")),
        },
        Some(b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f') => {
            Err(refusal(Code::WrongType, name, "must be a string: put it in double quotes"))
        }
        _ => Err(within(name, scan.fault("expected a string"))),
    }
}

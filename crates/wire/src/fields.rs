//! The fields of an event or an entity: named scalars and lists of scalars, each name once, all sizes bounded.

use crate::scan::{Outcome, Scanner};
use crate::usual::{self, Members, Name, Taken};
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

/// Room for most events at once: 504 bytes. Allocators are quickest with powers of two, and this stays right below one however often it is
/// doubled.
const LIKELY: usize = 9;

/// The bit of a name among those of [`Taken`], from its first bytes as `usual::word` gives them.
#[inline(always)]
fn bit(word: u64, len: usize) -> u64 {
    1 << ((word ^ len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

/// Fields as they are collected.
pub(crate) struct Fields<'f, 'a> {
    list: &'f mut Vec<Field<'a>>,
    nulls: bool,
    /// Their names, as in [`Taken`].
    names: u64,
}

impl<'f, 'a> Fields<'f, 'a> {
    /// Collects them in an empty list.
    #[inline]
    pub(crate) fn new(list: &'f mut Vec<Field<'a>>) -> Fields<'f, 'a> {
        *list = Vec::with_capacity(LIKELY);
        Fields { list, nulls: false, names: 0 }
    }

    #[inline(never)]
    fn holds(&self, name: &str) -> bool {
        self.list.iter().any(|field| field.name == name)
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
        if !self.is_new(name, usual::word(name)) {
            return Err(twice(name));
        }
        Ok(())
    }

    /// Whether this is a name's first time, which counts from now on.
    #[inline(always)]
    fn is_new(&mut self, name: &str, word: u64) -> bool {
        let bit = bit(word, name.len());
        let new = self.names & bit == 0 || !self.holds(name);
        self.names |= bit;
        new
    }

    /// Leaves the fields that have a value: `null` is the same as absent.
    #[inline]
    pub(crate) fn finish(self) {
        if self.nulls {
            self.list.retain(|field| field.value != Raw::Null);
        }
        if self.list.is_empty() {
            // Many events without fields are to hold no memory for them.
            *self.list = Vec::new();
        }
    }
}

impl<'a> Members<'a> for Fields<'_, 'a> {
    fn role(_: u64) -> u8 {
        0
    }

    #[inline]
    fn taken(&self) -> Taken {
        Taken { reserved: 0, others: self.names }
    }

    #[inline]
    fn set_taken(&mut self, taken: Taken) {
        self.names = taken.others;
    }

    #[inline]
    fn admit(&mut self, name: &Name<'a>) -> bool {
        let bounded = (1..=limits::NAME_BYTES_MAX).contains(&name.text.len()) && self.list.len() < limits::FIELDS_MAX;
        bounded && self.is_new(name.text, name.word)
    }

    #[inline(always)]
    fn text(&mut self, name: &Name<'a>, value: &'a str) -> bool {
        let taken = value.len() <= limits::STRING_BYTES_MAX;
        if taken {
            self.list.push(Field { name: Cow::Borrowed(name.text), value: Raw::Str(Cow::Borrowed(value)) });
        }
        taken
    }

    #[inline(always)]
    fn other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize> {
        let (value, behind) = usual::scalar(text, at)?;
        self.nulls |= matches!(value, Raw::Null);
        self.list.push(Field { name: Cow::Borrowed(name.text), value });
        Some(behind)
    }

    #[inline(always)]
    fn short_other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize> {
        let (value, behind) = usual::short_number(text, at)?;
        self.list.push(Field { name: Cow::Borrowed(name.text), value });
        Some(behind)
    }

    #[inline(always)]
    fn has_room(&self) -> bool {
        // In the words of `Vec::push`, which then has nothing left to ask.
        self.list.len() != self.list.capacity()
    }

    #[cold]
    #[inline(never)]
    fn member(&mut self, scan: &mut Scanner<'a>, name: Cow<'a, str>) -> Outcome<()> {
        self.admit(&name)?;
        let value = match value(scan) {
            Ok(value) => value,
            Err(inner) => return Err(within(&name, inner)),
        };
        self.nulls |= matches!(value, Raw::Null);
        self.list.push(Field { name, value });
        Ok(())
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

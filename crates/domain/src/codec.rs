//! The payloads of log records and their binary form (journal/FORMAT.md, "Payloads").
//! Integers are LEB128 varints (signed ones zigzag), floats are little-endian bits, strings are length and bytes.

mod answer;
mod fallbacks;
mod review;
mod short;

use crate::{Answer, Event, FallbacksGiven, Field, ListPut, Raw, Review, Time, Upsert, limits};
use short::Stretch;
use std::borrow::Cow;
use std::fmt;

/// What one record of the log says. The discriminant of `kind()` stands in the record's header.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload<'a> {
    /// Something happened.
    Event(Event<'a>),
    /// An entity's attributes were set.
    Upsert(Upsert<'a>),
    /// An entity was removed from the catalogue.
    Delete {
        /// The entity type's name.
        entity: Cow<'a, str>,
        /// The entity's key.
        key: Cow<'a, str>,
    },
    /// The spec in force from here on, as written.
    Spec(Cow<'a, str>),
    /// Nothing happened, but time went on.
    Tick,
    /// A feed was answered. State ignores it.
    Decision(Box<Answer>),
    /// An entity was put on a list.
    ListPut(ListPut<'a>),
    /// An entity was taken off a list.
    ListDelete {
        /// The list's name.
        list: Cow<'a, str>,
        /// The entity's key.
        key: Cow<'a, str>,
    },
    /// A person did something with a decision that waits for one.
    Review(Review<'a>),
    /// Why the spec that stands right before in the log came into force, if it was not simply sent. State ignores it.
    SpecReason(Cow<'a, str>),
    /// Callers were given a fallback instead of what was decided. State ignores it.
    FallbacksGiven(FallbacksGiven<'a>),
}

/// Bytes that are not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecError;

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record's payload is not in the format that its header names")
    }
}

impl std::error::Error for CodecError {}

impl<'a> Payload<'a> {
    /// The kind byte of the record header: 1 event, 2 upsert, 3 delete, 4 spec, 5 tick, 6 decision, 7 list put,
    /// 8 list delete, 11 review, 12 reason of a spec, 13 fallbacks given.
    pub fn kind(&self) -> u8 {
        match self {
            Payload::Event(_) => 1,
            Payload::Upsert(_) => 2,
            Payload::Delete { .. } => 3,
            Payload::Spec(_) => 4,
            Payload::Tick => 5,
            Payload::Decision(_) => Answer::KIND,
            Payload::ListPut(_) => 7,
            Payload::ListDelete { .. } => 8,
            Payload::Review(_) => 11,
            Payload::SpecReason(_) => 12,
            Payload::FallbacksGiven(_) => 13,
        }
    }

    /// Appends the binary form to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Payload::Event(event) => put_event(out, event),
            Payload::Upsert(upsert) => {
                put_str(out, &upsert.entity);
                put_str(out, &upsert.key);
                put_fields(out, &upsert.fields);
            }
            Payload::Delete { entity, key } => {
                put_str(out, entity);
                put_str(out, key);
            }
            Payload::Spec(text) | Payload::SpecReason(text) => put_str(out, text),
            Payload::Review(review) => review::put(out, review),
            Payload::FallbacksGiven(given) => fallbacks::put(out, given),
            Payload::Tick => {}
            Payload::Decision(answer) => answer.encode(out),
            Payload::ListPut(put) => put_list_put(out, put),
            Payload::ListDelete { list, key } => {
                put_str(out, list);
                put_str(out, key);
            }
        }
    }

    /// Reads the binary form of a record of this kind; every byte must be used.
    pub fn decode(kind: u8, bytes: &'a [u8]) -> Result<Payload<'a>, CodecError> {
        let mut input = Input { bytes };
        let payload = match kind {
            1 => Payload::Event(input.event()?),
            2 => Payload::Upsert(Upsert { entity: input.text()?, key: input.text()?, fields: input.fields()? }),
            3 => Payload::Delete { entity: input.text()?, key: input.text()? },
            4 => Payload::Spec(input.text()?),
            5 => Payload::Tick,
            6 => Payload::Decision(Box::new(answer::take(&mut input)?)),
            7 => Payload::ListPut(input.list_put()?),
            8 => Payload::ListDelete { list: input.text()?, key: input.text()? },
            11 => Payload::Review(review::take(&mut input)?),
            12 => Payload::SpecReason(input.text()?),
            13 => Payload::FallbacksGiven(fallbacks::take(&mut input)?),
            _ => return Err(CodecError),
        };
        if input.bytes.is_empty() { Ok(payload) } else { Err(CodecError) }
    }
}

impl Answer {
    /// The kind byte of a decision's record.
    pub const KIND: u8 = 6;

    /// Appends the binary form of a decision record's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        answer::put(out, self);
    }
}

impl Field<'_> {
    /// Length of the binary form in bytes, without making it.
    pub fn encoded_len(&self) -> usize {
        str_len(&self.name) + raw_len(&self.value)
    }
}

fn str_len(text: &str) -> usize {
    uint_len(text.len() as u64) + text.len()
}

fn uint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn raw_len(value: &Raw<'_>) -> usize {
    match value {
        Raw::Null | Raw::Bool(_) => 1,
        Raw::Int(int) => 1 + uint_len(zigzag(*int)),
        Raw::Float(_) => 9,
        Raw::Str(text) => 1 + str_len(text),
        Raw::List(list) => 1 + uint_len(list.len() as u64) + list.iter().map(raw_len).sum::<usize>(),
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Nearly all integers of a record are lengths, ranks and indexes: one byte.
#[inline]
fn put_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x80 => out.push(value as u8),
        _ => put_long(out, value),
    }
}

fn put_long(out: &mut Vec<u8>, mut value: u64) {
    let mut bytes = [0; 10];
    let mut len = 0;
    while value >= 0x80 {
        bytes[len] = value as u8 | 0x80;
        value >>= 7;
        len += 1;
    }
    bytes[len] = value as u8;
    out.extend_from_slice(&bytes[..=len]);
}

#[inline]
fn put_int(out: &mut Vec<u8>, value: i64) {
    put_uint(out, zigzag(value));
}

fn put_str(out: &mut Vec<u8>, text: &str) {
    put_uint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_event(out: &mut Vec<u8>, event: &Event<'_>) {
    let mut stretch = Stretch::new(out);
    stretch.text(&event.kind);
    stretch.text(&event.source);
    stretch.byte(u8::from(event.id.is_some()));
    if let Some(id) = &event.id {
        stretch.text(id);
    }
    stretch.byte(u8::from(event.time.is_some()));
    if let Some(time) = event.time {
        stretch.int(time.0);
    }
    stretch.fields(&event.fields);
    stretch.flush();
}

fn put_list_put(out: &mut Vec<u8>, put: &ListPut<'_>) {
    put_str(out, &put.list);
    put_str(out, &put.key);
    out.push(u8::from(put.score.is_some()));
    put.score.iter().for_each(|score| out.extend_from_slice(&score.to_bits().to_le_bytes()));
    out.push(u8::from(put.until.is_some()));
    put.until.iter().for_each(|until| put_int(out, until.0));
}

fn put_option_str(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        None => out.push(0),
        Some(text) => {
            out.push(1);
            put_str(out, text);
        }
    }
}

fn put_fields(out: &mut Vec<u8>, fields: &[Field<'_>]) {
    let mut stretch = Stretch::new(out);
    stretch.fields(fields);
    stretch.flush();
}

fn put_raw(out: &mut Vec<u8>, value: &Raw<'_>) {
    match value {
        Raw::Null => out.push(0),
        Raw::Bool(false) => out.push(1),
        Raw::Bool(true) => out.push(2),
        Raw::Int(int) => {
            out.push(3);
            put_int(out, *int);
        }
        Raw::Float(float) => {
            out.push(4);
            out.extend_from_slice(&float.to_bits().to_le_bytes());
        }
        Raw::Str(text) => {
            out.push(5);
            put_str(out, text);
        }
        Raw::List(list) => {
            out.push(6);
            put_uint(out, list.len() as u64);
            list.iter().for_each(|element| put_raw(out, element));
        }
    }
}

/// The rest of the bytes to decode.
struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.bytes.split_first().ok_or(CodecError)?;
        self.bytes = rest;
        Ok(first)
    }

    fn slice(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or(CodecError)?;
        self.bytes = rest;
        Ok(head)
    }

    fn uint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(CodecError);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError)
    }

    fn int(&mut self) -> Result<i64, CodecError> {
        let value = self.uint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length that cannot be larger than what is left, so that no allocation trusts the input.
    fn len(&mut self) -> Result<usize, CodecError> {
        let len = self.uint()?;
        if len <= self.bytes.len() as u64 { Ok(len as usize) } else { Err(CodecError) }
    }

    fn float(&mut self) -> Result<f64, CodecError> {
        let bytes = self.slice(8)?.try_into().map_err(|_| CodecError)?;
        Ok(f64::from_bits(u64::from_le_bytes(bytes)))
    }

    fn str(&mut self) -> Result<&'a str, CodecError> {
        let len = self.len()?;
        std::str::from_utf8(self.slice(len)?).map_err(|_| CodecError)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, CodecError> {
        self.str().map(Cow::Borrowed)
    }

    fn string(&mut self) -> Result<String, CodecError> {
        self.str().map(str::to_owned)
    }

    fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> Result<T, CodecError>) -> Result<Option<T>, CodecError> {
        match self.byte()? {
            0 => Ok(None),
            1 => some(self).map(Some),
            _ => Err(CodecError),
        }
    }

    fn event(&mut self) -> Result<Event<'a>, CodecError> {
        Ok(Event {
            kind: self.text()?,
            source: self.text()?,
            id: self.option(Self::text)?,
            time: self.option(|input| input.int().map(Time))?,
            fields: self.fields()?,
        })
    }

    fn list_put(&mut self) -> Result<ListPut<'a>, CodecError> {
        Ok(ListPut {
            list: self.text()?,
            key: self.text()?,
            score: self.option(Self::float)?,
            until: self.option(|input| input.int().map(Time))?,
        })
    }

    fn fields(&mut self) -> Result<Vec<Field<'a>>, CodecError> {
        let count = self.len()?;
        if count > limits::FIELDS_MAX {
            return Err(CodecError);
        }
        (0..count).map(|_| Ok(Field { name: self.text()?, value: self.raw(true)? })).collect()
    }

    fn raw(&mut self, list_allowed: bool) -> Result<Raw<'a>, CodecError> {
        Ok(match self.byte()? {
            0 => Raw::Null,
            1 => Raw::Bool(false),
            2 => Raw::Bool(true),
            3 => Raw::Int(self.int()?),
            4 => Raw::Float(self.float()?),
            5 => Raw::Str(self.text()?),
            6 if list_allowed => {
                let count = self.len()?;
                Raw::List((0..count).map(|_| self.raw(false)).collect::<Result<_, _>>()?)
            }
            _ => return Err(CodecError),
        })
    }
}

impl Raw<'_> {
    /// The same value, owning its strings.
    pub fn into_owned(self) -> Raw<'static> {
        match self {
            Raw::Null => Raw::Null,
            Raw::Bool(bool) => Raw::Bool(bool),
            Raw::Int(int) => Raw::Int(int),
            Raw::Float(float) => Raw::Float(float),
            Raw::Str(text) => Raw::Str(Cow::Owned(text.into_owned())),
            Raw::List(list) => Raw::List(list.into_iter().map(Raw::into_owned).collect()),
        }
    }
}

#[cfg(test)]
mod tests;

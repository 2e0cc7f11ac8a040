//! Fields on their way into the log. Names and values are short, so that a call for each would take longer than what it does: they are put
//! together in a stretch of fixed size, from words, and go on from there many at a time.

use super::{put_raw, put_str, put_uint, zigzag};
use crate::{Field, Raw};

/// Bytes of the stretch.
const SIZE: usize = 256;

/// What is put together.
pub(super) struct Stretch<'o> {
    out: &'o mut Vec<u8>,
    bytes: [u8; SIZE],
    len: usize,
}

impl<'o> Stretch<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Stretch<'o> {
        Stretch { out, bytes: [0; SIZE], len: 0 }
    }

    /// Hands on what is there, and what is put together elsewhere goes behind it.
    #[inline(never)]
    pub(super) fn flush(&mut self) -> &mut Vec<u8> {
        self.out.extend_from_slice(&self.bytes[..self.len]);
        self.len = 0;
        self.out
    }

    /// The first bytes that are free, if there are so many.
    #[inline(always)]
    fn free<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.bytes.get_mut(self.len..)?.first_chunk_mut()
    }

    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        match self.free() {
            Some([free]) => {
                *free = byte;
                self.len += 1;
            }
            None => self.flush().push(byte),
        }
    }

    /// A text as `put_str` puts it.
    #[inline(always)]
    pub(super) fn text(&mut self, text: &str) {
        match (words(text.as_bytes()), self.free::<17>()) {
            (Some(words), Some([len, free @ ..])) => {
                *len = text.len() as u8;
                *free = words.to_le_bytes();
                self.len += 1 + text.len();
            }
            _ => put_str(self.flush(), text),
        }
    }

    /// An integer as `put_int` puts it.
    #[inline(always)]
    pub(super) fn int(&mut self, int: i64) {
        let mut rest = zigzag(int);
        let Some(free) = self.free::<10>() else { return put_uint(self.flush(), rest) };
        let mut len = 0;
        for free in free {
            *free = rest as u8 | 0x80;
            len += 1;
            if rest < 0x80 {
                *free = rest as u8;
                break;
            }
            rest >>= 7;
        }
        self.len += len;
    }

    #[inline(always)]
    fn float(&mut self, float: f64) {
        match self.free::<9>() {
            Some([kind, free @ ..]) => {
                *kind = 4;
                *free = float.to_bits().to_le_bytes();
                self.len += 9;
            }
            None => put_raw(self.flush(), &Raw::Float(float)),
        }
    }

    /// Fields as `put_fields` puts them.
    pub(super) fn fields(&mut self, fields: &[Field<'_>]) {
        match u8::try_from(fields.len()) {
            Ok(few @ ..0x80) => self.byte(few),
            _ => put_uint(self.flush(), fields.len() as u64),
        }
        for field in fields {
            self.text(&field.name);
            match &field.value {
                Raw::Str(text) => {
                    self.byte(5);
                    self.text(text);
                }
                Raw::Int(int) => {
                    self.byte(3);
                    self.int(*int);
                }
                Raw::Float(float) => self.float(*float),
                value => put_raw(self.flush(), value),
            }
        }
    }
}

/// At most 16 bytes as one number, little-endian.
#[inline(always)]
fn words(bytes: &[u8]) -> Option<u128> {
    let byte = |at: usize| u64::from(bytes[at]) << (8 * at);
    let (first, last) = match (bytes.len(), bytes.first_chunk(), bytes.last_chunk()) {
        (17.., ..) => return None,
        (len, Some(first), Some(last)) => {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last).checked_shr(8 * (16 - len) as u32).unwrap_or(0))
        }
        (len @ 4.., ..) => {
            let half = |half: Option<&[u8; 4]>| half.map_or(0, |half| u64::from(u32::from_le_bytes(*half)));
            (half(bytes.first_chunk()) | half(bytes.last_chunk()) << (8 * (len - 4)), 0)
        }
        (0, ..) => (0, 0),
        (len, ..) => (byte(0) | byte(len / 2) | byte(len - 1), 0),
    };
    Some(u128::from(first) | u128::from(last) << 64)
}

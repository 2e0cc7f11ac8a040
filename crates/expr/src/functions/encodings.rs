//! Base64 (RFC 4648, the standard alphabet): written with padding, read with or without it.

use super::{Function, Given, bytes, global, text};
use crate::{Datum, Fault};

pub(super) const FUNCTIONS: &[Function] = &[global("base64.encode", encode), global("base64.decode", decode)];

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(args: &[&Datum]) -> Given {
    let [Datum::Bytes(x)] = args else { return Err(Fault::NoOverload) };
    let mut encoded = String::with_capacity(x.len().div_ceil(3) * 4);
    for group in x.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text(encoded)
}

fn decode(args: &[&Datum]) -> Given {
    const MALFORMED: Fault = Fault::Argument("this text is no base64");
    let [Datum::Str(x)] = args else { return Err(Fault::NoOverload) };
    let letters = x.trim_end_matches('=');
    let padding = x.len() - letters.len();
    if letters.len() % 4 == 1 || padding > 0 && (padding > 2 || x.len() % 4 != 0) {
        return Err(MALFORMED);
    }
    let (mut decoded, mut bits) = (Vec::with_capacity(letters.len() / 4 * 3 + 2), 0u32);
    for (at, letter) in letters.bytes().enumerate() {
        bits = bits << 6 | ALPHABET.iter().position(|known| *known == letter).ok_or(MALFORMED)? as u32;
        if at % 4 > 0 {
            decoded.push((bits >> (6 - 2 * (at % 4))) as u8);
        }
    }
    bytes(&decoded)
}

//! JSON out, by hand: scalars and strings here, whole bodies in the files beside.

mod alarm;
mod answer;
mod list;
mod outcome;
mod results;
#[cfg(test)]
mod tests;
mod verdict;

pub use alarm::{AlarmView, write_alarm};
pub use answer::{AnswerView, write_answer};
pub use list::{ListFacts, write_list};
pub use outcome::{OutcomeOf, OutcomeView, write_event, write_outcome};
pub use results::{Applied, EntityFacts, LineOutcome, write_applied, write_entity, write_error};
pub use verdict::{ReasonView, VerdictView, write_undecided, write_verdict};

use domain::{DecisionId, Raw};

/// Appends a JSON string, quotes included; control characters are escaped.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    // Hardly any text needs an escape; without an early way out compilers look at many bytes at once.
    if !bytes.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == b'"') | (byte == b'\\')) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                let digits = b"0123456789abcdef";
                let (high, low) = (digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            }
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Appends a float in the fewest digits that read back as the same one; what JSON cannot say becomes `null`.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// The two digits of each number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// Appends a whole number.
#[inline]
pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    // Nearly all numbers of an answer are places, ranks and indexes.
    match value {
        0..10 => out.push(b'0' + value as u8),
        10..100 => out.extend_from_slice(&PAIRS[value as usize]),
        _ => write_large(out, value),
    }
}

fn write_large(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    let pair = PAIRS[value as usize];
    at -= 2;
    digits[at..at + 2].copy_from_slice(&pair);
    out.extend_from_slice(&digits[at + usize::from(value < 10)..]);
}

/// Appends a decision's id as a JSON string: what its `Display` says.
pub(crate) fn write_id(out: &mut Vec<u8>, id: DecisionId) {
    out.extend_from_slice(b"\"d");
    write_uint(out, u64::from(id.epoch));
    out.push(b'-');
    write_uint(out, id.position.0);
    out.push(b'"');
}

/// Appends a whole number with its sign.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_uint(out, value.unsigned_abs());
}

/// Appends `true` or `false`.
pub fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends a raw value.
pub fn write_raw(out: &mut Vec<u8>, value: &Raw<'_>) {
    match value {
        Raw::Null => out.extend_from_slice(b"null"),
        Raw::Bool(bool) => write_bool(out, *bool),
        Raw::Int(int) => write_int(out, *int),
        Raw::Float(float) => write_float(out, *float),
        Raw::Str(text) => write_text(out, text),
        Raw::List(list) => write_array(out, list, write_raw),
    }
}

/// Appends `,"name":` (or `"name":` right after an opening brace). Names are our own and need no escaping.
pub fn write_key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends an object of values by name, in their order.
pub fn write_named<N: AsRef<str>>(out: &mut Vec<u8>, values: &[(N, Raw<'_>)]) {
    out.push(b'{');
    for (place, (name, value)) in values.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(out, name.as_ref());
        out.push(b':');
        write_raw(out, value);
    }
    out.push(b'}');
}

/// Appends an array of what `element` writes.
pub fn write_array<T>(out: &mut Vec<u8>, list: &[T], mut element: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (place, item) in list.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        element(out, item);
    }
    out.push(b']');
}

//! Cursors: where the next page begins, as base64 (RFC 4648, with padding) so that they pass through any query.

use crate::bodies::text_member;
use domain::{Code, Refusal};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What names one feedback.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedbackKey {
    /// The feedback type.
    pub kind: String,
    /// The user's key.
    pub user: String,
    /// The item's key.
    pub item: String,
}

/// A key as a cursor; empty for none.
pub fn encode_key(key: &str) -> String {
    let mut out = String::with_capacity(key.len().div_ceil(3) * 4);
    for chunk in key.as_bytes().chunks(3) {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (word >> (18 - 6 * place)) & 63;
            out.push(if place <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    out
}

/// The key in a cursor.
///
/// # Errors
/// `invalid_value`: not a cursor of this server.
pub fn decode_key(cursor: &str) -> Result<String, Refusal> {
    // A plus sign that was not encoded arrives as a blank.
    let bytes: Vec<u8> =
        cursor.trim_end_matches('=').bytes().map(|byte| if byte == b' ' { b'+' } else { byte }).collect();
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.chunks(4) {
        let mut word = 0u32;
        for &byte in chunk {
            let sextet = ALPHABET.iter().position(|&known| known == byte).ok_or_else(not_a_cursor)?;
            word = word << 6 | sextet as u32;
        }
        if chunk.len() == 1 {
            return Err(not_a_cursor());
        }
        let word = word << (6 * (4 - chunk.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    String::from_utf8(out).map_err(|_| not_a_cursor())
}

fn not_a_cursor() -> Refusal {
    Refusal::new(Code::InvalidValue, "cursor", "send the cursor as the last page gave it, or none for the first page")
}

impl FeedbackKey {
    /// The key as a cursor.
    pub fn encode(&self) -> String {
        let mut out = b"{\"FeedbackType\":".to_vec();
        wire::write_text(&mut out, &self.kind);
        out.extend_from_slice(b",\"UserId\":");
        wire::write_text(&mut out, &self.user);
        out.extend_from_slice(b",\"ItemId\":");
        wire::write_text(&mut out, &self.item);
        out.push(b'}');
        encode_key(&String::from_utf8_lossy(&out))
    }

    /// The key in a cursor; none in an empty one.
    ///
    /// # Errors
    /// `invalid_value`.
    pub fn decode(cursor: &str) -> Result<Option<FeedbackKey>, Refusal> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let text = decode_key(cursor)?;
        let mut key = FeedbackKey::default();
        let read = wire::whole(text.as_bytes(), |scan| {
            scan.object(|scan, name| {
                match &*name {
                    "FeedbackType" => key.kind = text_member(scan, &name)?.into_owned(),
                    "UserId" => key.user = text_member(scan, &name)?.into_owned(),
                    "ItemId" => key.item = text_member(scan, &name)?.into_owned(),
                    _ => scan.skip(1)?,
                }
                Ok(())
            })
        });
        read.map_err(|_| not_a_cursor())?;
        Ok(Some(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive() {
        for (key, cursor) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("ü/+", "w7wvKw==")]
        {
            assert_eq!((encode_key(key).as_str(), decode_key(cursor).unwrap().as_str()), (cursor, key));
        }
        for bad in ["x", "%", "Zm9v!", "//8="] {
            assert!(decode_key(bad).is_err(), "{bad}");
        }
        let key = FeedbackKey { kind: "like".into(), user: "a\"b".into(), item: "\u{1F600}/".into() };
        assert_eq!(FeedbackKey::decode(&key.encode()).unwrap(), Some(key));
        assert_eq!(FeedbackKey::decode("").unwrap(), None);
        assert!(FeedbackKey::decode("Zm9v").is_err());
    }
}

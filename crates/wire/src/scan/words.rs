//! Bytes of a text eight at a time, as words: where a run of plain string bytes ends, and what digits are worth.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Marks the bytes that end a run of plain string bytes: a quote, a backslash or a control character. A mark is the top bit of its byte.
/// A carry can only mark bytes above a true match: the lowest mark is right.
#[inline(always)]
pub(crate) fn plain_mark(word: u64) -> u64 {
    // With this bit turned over, quotes come right above the control characters, which keep their place.
    let low = word ^ (ONES * 0x02);
    let slash = word ^ (ONES * u64::from(b'\\'));
    ((low.wrapping_sub(ONES * 0x21) & !low) | (slash.wrapping_sub(ONES) & !slash)) & TOPS
}

/// Eight bytes from a place on, with zeros where the text has ended; none if it has less than eight in all
/// or ends before that place.
#[inline(always)]
pub(crate) fn first_word(bytes: &[u8], at: usize) -> Option<u64> {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => Some(u64::from_le_bytes(*chunk)),
        None => u64::from_le_bytes(*bytes.last_chunk()?).checked_shr(8 * (at + 8 - bytes.len()) as u32),
    }
}

/// The first byte from `at` on that ends a run of plain string bytes.
#[inline]
pub(crate) fn plain_end(bytes: &[u8], at: usize) -> usize {
    let mut rest = &bytes[at..];
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let marks = plain_mark(u64::from_le_bytes(*chunk));
        if marks != 0 {
            return bytes.len() - rest.len() + marks.trailing_zeros() as usize / 8;
        }
        rest = tail;
    }
    let plain = |byte: &&u8| **byte != b'"' && **byte != b'\\' && **byte >= 0x20;
    bytes.len() - rest.len() + rest.iter().take_while(plain).count()
}

/// Powers of ten that a double holds exactly.
pub(crate) static TENS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The same as whole numbers.
pub(crate) static WHOLE_TENS: [u64; 16] = {
    let (mut tens, mut at) = ([1; 16], 1);
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// The digits at which a text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits {
    /// What they are worth; wrapped if there are more than 19.
    pub(crate) value: u64,
    pub(crate) count: usize,
}

impl Digits {
    #[inline(always)]
    pub(crate) fn of(bytes: &[u8]) -> Digits {
        let (mut rest, mut value) = (bytes, 0u64);
        while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
            let digits = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(b'0'));
            let marks = others(digits);
            if marks != 0 {
                let more = marks.trailing_zeros() as usize / 8;
                // What follows them is shifted out, and zeros come in front.
                let last = eight(digits << 8 << (56 - 8 * more));
                return Digits {
                    value: value.wrapping_mul(WHOLE_TENS[more]).wrapping_add(last),
                    count: bytes.len() - rest.len() + more,
                };
            }
            value = value.wrapping_mul(100_000_000).wrapping_add(eight(digits));
            rest = tail;
        }
        let mut count = bytes.len() - rest.len();
        while let Some(digit @ b'0'..=b'9') = bytes.get(count) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            count += 1;
        }
        Digits { value, count }
    }
}

/// An unsigned number that has less than eight bytes, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// All digits as one number.
    pub(crate) mantissa: i64,
    pub(crate) fraction_digits: usize,
    /// In bytes.
    pub(crate) len: usize,
}

impl Short {
    /// The number at which these bytes begin, if it ends among them.
    #[inline(always)]
    pub(crate) fn of(word: u64) -> Option<Short> {
        let byte = |at: usize| (word >> (8 * at)) as u8;
        let digits = word ^ (ONES * u64::from(b'0'));
        let marks = others(digits);
        let whole = marks.trailing_zeros() as usize / 8;
        if whole == 0 || marks == 0 || (whole > 1 && byte(0) == b'0') {
            return None;
        }
        if byte(whole) != b'.' {
            return Some(Short { mantissa: eight(digits << (64 - 8 * whole)) as i64, fraction_digits: 0, len: whole });
        }
        let behind = others(digits >> 8) >> (8 * whole);
        let fraction_digits = behind.trailing_zeros() as usize / 8;
        if fraction_digits == 0 || behind == 0 || whole + fraction_digits > 6 {
            return None;
        }
        // The point is taken out, and what follows the digits is shifted out.
        let before = (1 << (8 * whole)) - 1;
        let joined = (digits & before) | (digits >> 8 & !before);
        let mantissa = eight(joined << (64 - 8 * (whole + fraction_digits))) as i64;
        Some(Short { mantissa, fraction_digits, len: whole + 1 + fraction_digits })
    }
}

/// Marks what is no digit, with zero for the digit zero: above nine, or a byte beyond ASCII; carries as in `plain_mark`.
#[inline(always)]
fn others(digits: u64) -> u64 {
    (digits.wrapping_add(ONES * 0x76) | digits) & TOPS
}

/// What eight digits are worth, the first in the lowest byte: pairs, then both halves of four at once.
#[inline(always)]
fn eight(digits: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let outer = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let inner = (pairs >> 16 & PAIRS).wrapping_mul(1 + (10_000 << 32));
    outer.wrapping_add(inner) >> 32
}

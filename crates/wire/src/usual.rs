//! Objects as nearly every client writes them: names and strings without escapes, numbers of few digits, and the names of one object in the
//! order that they had in the one before. What is written otherwise, and all that is refused, is left to the scanner, which reads it again
//! and says why.

use crate::scan::words::{Digits, Short, TENS, WHOLE_TENS, first_word, plain_end, plain_mark};
use crate::scan::{Outcome, Scanner};
use domain::Raw;
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// What takes the members of an object.
pub(crate) trait Members<'a> {
    /// What a name means, from its first eight bytes; 0 for names without a meaning of their own.
    fn role(word: u64) -> u8;

    /// Which names were taken.
    fn taken(&self) -> Taken;

    /// Goes back, or on, to where these were.
    fn set_taken(&mut self, taken: Taken);

    /// Takes a name, and says whether it may come.
    fn admit(&mut self, name: &Name<'a>) -> bool;

    /// Takes a string as the value of a name that may come. Says whether it did; if not, nothing is changed.
    fn text(&mut self, name: &Name<'a>, value: &'a str) -> bool;

    /// The same for another value, which begins at this place; gives the place behind it.
    fn other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize>;

    /// The same for one whose end is near.
    fn short_other(&mut self, name: &Name<'a>, text: &'a str, at: usize) -> Option<usize>;

    /// Whether one more member finds room.
    fn has_room(&self) -> bool;

    /// Takes any member; the scanner stands at its value.
    ///
    /// # Errors
    /// Why it is refused.
    fn member(&mut self, scan: &mut Scanner<'a>, name: Cow<'a, str>) -> Outcome<()>;
}

/// A name without escapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    /// Its first eight bytes, as [`word`] gives them.
    pub(crate) word: u64,
    pub(crate) role: u8,
}

/// Names that were taken, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// One for each that has a meaning of its own.
    pub(crate) reserved: u8,
    /// One of 64 for each other: where the bit of another is not set, it is new.
    pub(crate) others: u64,
}

/// The names of an object in their order, and how they were written. The next object most often begins in the same way and then is read
/// faster; what is read never depends on it.
#[derive(Debug, Default)]
pub struct Shape<'a> {
    members: Vec<Expected<'a>>,
}

impl Shape<'_> {
    /// What was taken with the first `known` members.
    #[inline]
    fn before(&self, known: usize) -> Taken {
        self.members[..known].last().map_or_else(Taken::default, |last| last.taken)
    }
}

/// A member as it is expected.
#[derive(Debug)]
struct Expected<'a> {
    /// From behind the value before it to its own.
    head: &'a [u8],
    /// The first 16 bytes of that, and a mask for as many as there are.
    word: u128,
    mask: u128,
    name: Name<'a>,
    /// With this name.
    taken: Taken,
}

impl<'a> Expected<'a> {
    fn new(head: &'a [u8], name: Name<'a>, taken: Taken) -> Expected<'a> {
        let begin = &head[..head.len().min(16)];
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        word[..begin.len()].copy_from_slice(begin);
        mask[..begin.len()].fill(0xff);
        Expected { head, word: u128::from_le_bytes(word), mask: u128::from_le_bytes(mask), name, taken }
    }

    /// Whether it stands here, if it is as short as most are.
    #[inline(always)]
    fn stands(&self, text: &[u8], at: usize) -> bool {
        let begin = match text.get(at..).and_then(<[u8]>::first_chunk) {
            Some(begin) => u128::from_le_bytes(*begin),
            // Right before the end of the text: its last bytes, moved to where they would stand, and zeros.
            None => match text.last_chunk() {
                Some(last) => u128::from_le_bytes(*last) >> (8 * (at + 16 - text.len()).min(15)),
                None => return false,
            },
        };
        self.head.len() <= 16 && (begin ^ self.word) & self.mask == 0
    }
}

/// Reads an object, as `Scanner::object` does.
///
/// # Errors
/// `invalid_json`, or why a member is refused.
#[inline(always)]
pub(crate) fn object<'a, M: Members<'a>>(
    scan: &mut Scanner<'a>,
    mut shape: Option<&mut Shape<'a>>,
    into: &mut M,
) -> Outcome<()> {
    scan.expect(b'{', "expected an object")?;
    let mut known = 0;
    if let Some(shape) = shape.as_deref_mut() {
        known = expected(scan, shape, into)?;
        if scan.eat(b'}') {
            return Ok(());
        }
        shape.members.truncate(known);
    }
    unexpected(scan, shape, known, into)
}

/// Takes members as long as they are the expected ones, and says how many that were. The scanner then stands behind the last value.
fn expected<'a>(scan: &mut Scanner<'a>, shape: &Shape<'a>, into: &mut impl Members<'a>) -> Outcome<usize> {
    let text = scan.text();
    let (mut at, mut known) = (scan.at(), 0);
    loop {
        let (behind, more) = short_run(text, at, &shape.members[known..], into);
        (at, known) = (behind, known + more);
        let Some(member) = shape.members.get(known) else { break };
        if !text.as_bytes()[at..].starts_with(member.head) {
            break;
        }
        at += member.head.len();
        at = match value(text, at, &member.name, into) {
            Some(behind) => behind,
            None => {
                into.set_taken(shape.before(known));
                scan.stand_at(at);
                scan.space();
                into.member(scan, Cow::Borrowed(member.name.text))?;
                scan.at()
            }
        };
        known += 1;
    }
    into.set_taken(shape.before(known));
    scan.stand_at(at);
    Ok(known)
}

/// Takes expected members whose names and values are short; gives the place behind them, and how many they were. This is where most time
/// goes, and it calls nothing: what it works with stays in registers.
#[inline(never)]
fn short_run<'a>(text: &'a str, mut at: usize, ahead: &[Expected<'a>], into: &mut impl Members<'a>) -> (usize, usize) {
    let mut known = 0;
    for member in ahead {
        if !into.has_room() || !member.stands(text.as_bytes(), at) {
            break;
        }
        match short_value(text, at + member.head.len(), &member.name, into) {
            Some(behind) => at = behind,
            None => break,
        }
        known += 1;
    }
    (at, known)
}

/// Takes the value that begins here, if it is written in the usual way and short, and gives the place behind it.
#[inline(always)]
fn short_value<'a>(text: &'a str, at: usize, name: &Name<'a>, into: &mut impl Members<'a>) -> Option<usize> {
    if next(text, at) != b'"' {
        return into.short_other(name, text, at);
    }
    let value = short_string(text, at + 1)?;
    into.text(name, value).then(|| at + value.len() + 2)
}

/// The string whose first byte stands here, if it has less than eight bytes, and neither escapes nor faults.
#[inline(always)]
fn short_string(text: &str, at: usize) -> Option<&str> {
    let marks = plain_mark(first_word(text.as_bytes(), at)?);
    let end = at + marks.trailing_zeros() as usize / 8;
    if next(text, end) != b'"' { None } else { text.get(at..end) }
}

/// Reads the rest of an object of which `known` members were read, and puts down its members in the shape.
#[inline(never)]
fn unexpected<'a, M: Members<'a>>(
    scan: &mut Scanner<'a>,
    mut shape: Option<&mut Shape<'a>>,
    known: usize,
    into: &mut M,
) -> Outcome<()> {
    let mut from = scan.at();
    if known > 0 {
        if scan.closed()? {
            return Ok(());
        }
    } else {
        scan.space();
        if scan.eat(b'}') {
            return Ok(());
        }
    }
    loop {
        let (line, name) = (scan.line(), name::<M>(scan.text(), scan.at()));
        let usual = name.as_ref().and_then(|(name, at)| {
            let before = into.taken();
            let behind = if into.admit(name) { value(scan.text(), *at, name, into) } else { None };
            if behind.is_none() {
                into.set_taken(before);
            }
            behind
        });
        match usual {
            Some(behind) => scan.stand_at(behind),
            None => scan.member(|scan, name| into.member(scan, name))?,
        }
        // An object that spans lines is none of many alike, and lines are counted elsewhere.
        match (name, shape.as_deref_mut()) {
            (Some((name, at)), Some(shape)) if scan.line() == line && !scan.text()[from..at].contains('\n') => {
                shape.members.push(Expected::new(&scan.text().as_bytes()[from..at], name, into.taken()));
            }
            _ => shape = None,
        }
        from = scan.at();
        if scan.closed()? {
            return Ok(());
        }
    }
}

/// The name whose opening quote stands here, if it is written in the usual way, and the place of its value.
#[inline(always)]
fn name<'a, M: Members<'a>>(text: &'a str, at: usize) -> Option<(Name<'a>, usize)> {
    if next(text, at) != b'"' {
        return None;
    }
    let name = string(text, at + 1)?;
    let colon = at + name.len() + 2;
    let value = colon + 1 + usize::from(next(text, colon + 1) == b' ');
    if next(text, colon) != b':' {
        return None;
    }
    let word = match first_word(text.as_bytes(), at + 1) {
        Some(word) if name.len() < 8 => word & ((1 << (8 * name.len())) - 1),
        Some(word) => word,
        None => word(name),
    };
    Some((Name { text: name, word, role: M::role(word) }, value))
}

/// The first eight bytes of a text, little-endian, zeros behind a shorter one.
pub(crate) const fn word(text: &str) -> u64 {
    let (bytes, mut word, mut at) = (text.as_bytes(), 0, 0);
    while at < bytes.len() && at < 8 {
        word |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    word
}

/// Takes the value that begins here, if it is written in the usual way, and gives the place behind it.
#[inline(always)]
fn value<'a>(text: &'a str, at: usize, name: &Name<'a>, into: &mut impl Members<'a>) -> Option<usize> {
    if next(text, at) != b'"' {
        return into.other(name, text, at);
    }
    let value = string(text, at + 1)?;
    into.text(name, value).then(|| at + value.len() + 2)
}

/// The byte at a place; zero, which no JSON text has, behind the end.
#[inline(always)]
fn next(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(0)
}

/// The string whose first byte stands here, if it has neither escapes nor faults.
#[inline(always)]
fn string(text: &str, at: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let inside = bytes.get(at..)?;
    let marks = inside.first_chunk().map_or(0, |chunk| plain_mark(u64::from_le_bytes(*chunk)));
    let end = at + if marks != 0 { marks.trailing_zeros() as usize / 8 } else { far_end(inside) };
    if next(text, end) != b'"' {
        return None;
    }
    text.get(at..end)
}

/// Where a string ends that has more than eight bytes, or stands right before the end of the text.
#[inline(never)]
fn far_end(bytes: &[u8]) -> usize {
    plain_end(bytes, 0)
}

/// The scalar other than a string that begins here, if it is written in the usual way, and the place behind it.
#[inline(always)]
pub(crate) fn scalar(text: &str, at: usize) -> Option<(Raw<'static>, usize)> {
    match next(text, at) {
        b'-' | b'0'..=b'9' => number(text, at),
        b't' => literal(text, at, b"true", Raw::Bool(true)),
        b'f' => literal(text, at, b"false", Raw::Bool(false)),
        b'n' => literal(text, at, b"null", Raw::Null),
        _ => None,
    }
}

#[inline]
fn literal<const N: usize>(
    text: &str,
    at: usize,
    word: &[u8; N],
    value: Raw<'static>,
) -> Option<(Raw<'static>, usize)> {
    (text.as_bytes().get(at..)?.first_chunk() == Some(word)).then_some((value, at + N))
}

/// The number that begins here, if it has no exponent and few enough digits to be exact without further ado.
#[inline]
fn number(text: &str, at: usize) -> Option<(Raw<'static>, usize)> {
    short_number(text, at).or_else(|| {
        let negative = next(text, at) == b'-';
        let (mantissa, fraction_digits, behind) = longer_number(text, at + usize::from(negative))?;
        ended(text, behind).then(|| (of_digits(negative, mantissa, fraction_digits), behind))
    })
}

/// The same for one that ends within eight bytes.
#[inline(always)]
pub(crate) fn short_number(text: &str, at: usize) -> Option<(Raw<'static>, usize)> {
    let negative = next(text, at) == b'-';
    let at = at + usize::from(negative);
    let short = Short::of(first_word(text.as_bytes(), at)?)?;
    let behind = at + short.len;
    ended(text, behind).then(|| (of_digits(negative, short.mantissa, short.fraction_digits), behind))
}

/// The number of these digits.
#[inline(always)]
fn of_digits(negative: bool, mantissa: i64, fraction_digits: usize) -> Raw<'static> {
    if fraction_digits == 0 {
        return Raw::Int(if negative { -mantissa } else { mantissa });
    }
    // Both are exact, so that one division rounds correctly (Clinger's fast path). Zero has a sign as a float only.
    let value = mantissa as f64 / TENS[fraction_digits];
    Raw::Float(if negative { -value } else { value })
}

/// The same for the digits of longer ones: those before and behind the point as one number, how many are behind it, the place behind all.
#[inline(never)]
fn longer_number(text: &str, at: usize) -> Option<(i64, usize, usize)> {
    let (whole, behind) = whole(text, at)?;
    if next(text, behind) != b'.' {
        return Some((whole.value as i64, 0, behind));
    }
    let fraction = Digits::of(text.as_bytes().get(behind + 1..)?);
    if fraction.count == 0 || whole.count + fraction.count > 15 {
        return None;
    }
    let mantissa = whole.value * WHOLE_TENS[fraction.count] + fraction.value;
    Some((mantissa as i64, fraction.count, behind + 1 + fraction.count))
}

/// The digits of a whole number of at most 18, without a sign, and the place behind them.
#[inline(always)]
fn whole(text: &str, at: usize) -> Option<(Digits, usize)> {
    let digits = Digits::of(text.as_bytes().get(at..)?);
    let zero_leads = digits.count > 1 && next(text, at) == b'0';
    (digits.count != 0 && digits.count <= 18 && !zero_leads).then_some((digits, at + digits.count))
}

/// The whole number without a sign that begins here, and the place behind it.
#[inline(always)]
pub(crate) fn unsigned(text: &str, at: usize) -> Option<(i64, usize)> {
    let (whole, behind) = whole(text, at)?;
    ended(text, behind).then_some((whole.value as i64, behind))
}

/// Whether a number surely ended before here.
#[inline(always)]
fn ended(text: &str, at: usize) -> bool {
    matches!(next(text, at), b',' | b'}')
}

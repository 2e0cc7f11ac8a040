//! A strict scanner for RFC 8259 over checked UTF-8. It borrows, bounds the depth, and says what is JSON here:
//! `usual` reads events as they mostly are without it, and leaves to it whatever is not so.

use domain::{Code, Raw, Refusal, limits};
use std::borrow::Cow;
use words::{TENS, plain_end};

pub(crate) mod words;

#[cfg(test)]
mod tests;

/// What reading gives. A refusal is boxed so that the results of the hot path stay two words wide.
pub type Outcome<T> = Result<T, Box<Refusal>>;

/// Is this exactly one JSON value, within the depth limit? Duplicate names pass here; the readers of objects refuse them.
///
/// # Errors
/// `invalid_json` (or `invalid_value` for a number beyond a double) saying where.
pub fn check(bytes: &[u8]) -> Result<(), Refusal> {
    whole(bytes, |scan| scan.skip(0))
}

/// Reads one value that is the whole of `bytes`.
///
/// # Errors
/// What `value` refuses, or `invalid_json` around it.
pub fn whole<'a, T>(bytes: &'a [u8], value: impl FnOnce(&mut Scanner<'a>) -> Outcome<T>) -> Result<T, Refusal> {
    let mut scan = Scanner::new(utf8(bytes)?);
    let value = scan.space_then(value).map_err(|refusal| *refusal)?;
    scan.end().map_err(|refusal| *refusal)?;
    Ok(value)
}

/// The bytes as text.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|error| {
        Refusal::new(Code::InvalidJson, "", format!("not UTF-8 at byte {}: send JSON as UTF-8", error.valid_up_to()))
    })
}

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
}

/// Where the parts of a number end, and its digits as an integer (wrapped if there are more than 19).
struct Number {
    mantissa: u64,
    whole_digits: usize,
    fraction_digits: usize,
    exponent: bool,
    end: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Scanner<'a> {
        Scanner { text, at: 0, line: 1, line_start: 0 }
    }

    /// The byte that comes next, if there is one.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// All of the text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Moves to another place on the same line.
    pub(crate) fn stand_at(&mut self, at: usize) {
        self.at = at;
    }

    /// Where the scanner stands, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The line it stands on, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// Where that line begins, in bytes.
    pub(crate) fn line_start(&self) -> usize {
        self.line_start
    }

    /// Moves to the start of the next line, if there is one; else to the end.
    pub(crate) fn next_line(&mut self) {
        match self.text[self.at..].find('\n') {
            Some(offset) => {
                self.at += offset + 1;
                self.line += 1;
                self.line_start = self.at;
            }
            None => self.at = self.text.len(),
        }
    }

    /// Skips white space, counting lines.
    #[inline(always)]
    pub fn space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.blanks();
        }
    }

    fn blanks(&mut self) {
        while let Some(byte @ (b' ' | b'\n' | b'\r' | b'\t')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    pub(crate) fn space_then<T>(&mut self, value: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.space();
        if self.peek().is_none() {
            return Err(self.fault("the body is empty: send a JSON value"));
        }
        value(self)
    }

    /// Takes this byte if it comes next.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    #[inline]
    pub(crate) fn expect(&mut self, byte: u8, what: &str) -> Outcome<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.fault(what)) }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Outcome<()> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.fault("expected nothing after the value")) }
    }

    /// A refusal that says where the scanner stands.
    #[cold]
    pub(crate) fn fault(&self, message: &str) -> Box<Refusal> {
        let bom = if self.at == 0 && self.text.starts_with('\u{feff}') { "; remove the byte order mark" } else { "" };
        let cut = if self.at == self.text.len() { ", where the input ends" } else { "" };
        let column = self.at.saturating_sub(self.line_start) + 1;
        let message = format!("{message}, at line {} column {column}{cut}{bom}", self.line);
        Box::new(Refusal::new(Code::InvalidJson, "", message))
    }

    /// Reads a string; the scanner stands at its opening quote.
    ///
    /// # Errors
    /// `invalid_json`.
    #[inline(always)]
    pub fn string(&mut self) -> Outcome<Cow<'a, str>> {
        match self.plain_string() {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => self.other_string(),
        }
    }

    /// Reads a string without escapes; stays where it is before anything else.
    #[inline(always)]
    fn plain_string(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = plain_end(self.text.as_bytes(), start);
        if self.text.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    #[cold]
    fn other_string(&mut self) -> Outcome<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected a string in double quotes"));
        }
        let start = self.at + 1;
        self.escaped(start, plain_end(self.text.as_bytes(), start)).map(Cow::Owned)
    }

    /// The rest of a string whose plain part `start..end` did not end at its closing quote.
    #[cold]
    fn escaped(&mut self, mut start: usize, mut end: usize) -> Outcome<String> {
        let mut out = String::new();
        loop {
            out.push_str(&self.text[start..end]);
            self.at = end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.fault("control characters in a string must be escaped")),
                None => return Err(self.fault("the string is not closed")),
            }
            start = self.at;
            end = plain_end(self.text.as_bytes(), start);
        }
    }

    fn escape(&mut self) -> Outcome<char> {
        self.at += 1;
        let plain = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.fault("unknown escape in a string")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Outcome<char> {
        let high = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
            self.at += 1;
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.fault("a high surrogate must be followed by a low one"));
            }
            0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        char::from_u32(code).ok_or_else(|| self.fault("a lone surrogate is not a character"))
    }

    /// The four digits after `u`, at which the scanner stands.
    fn hex4(&mut self) -> Outcome<u32> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
        let digit = |value: u32, byte: &u8| Some(value * 16 + char::from(*byte).to_digit(16)?);
        let value = digits.and_then(|digits| digits.iter().try_fold(0, digit));
        let value = value.ok_or_else(|| self.fault("\\u must be followed by four hexadecimal digits"))?;
        self.at += 5;
        Ok(value)
    }

    /// Reads a number: an int if it is written as one and fits 64 bits, else a float.
    ///
    /// # Errors
    /// `invalid_json`; `invalid_value` beyond a double.
    #[inline]
    pub fn number(&mut self) -> Outcome<Raw<'a>> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        let number = self.number_parts(start + usize::from(negative))?;
        self.at = number.end;
        let integer = number.fraction_digits == 0 && !number.exponent;
        if integer && number.whole_digits <= 18 {
            let value = number.mantissa as i64;
            return Ok(Raw::Int(if negative { -value } else { value }));
        }
        let text = &self.text[start..number.end];
        if integer && let Ok(value) = text.parse() {
            return Ok(Raw::Int(value));
        }
        if !number.exponent && number.whole_digits + number.fraction_digits <= 15 {
            // Both are exact, so that one division rounds correctly (Clinger's fast path).
            let value = number.mantissa as f64 / TENS[number.fraction_digits];
            return Ok(Raw::Float(if negative { -value } else { value }));
        }
        let value: f64 = text.parse().map_err(|_| self.fault("not a number"))?;
        if value.is_finite() { Ok(Raw::Float(value)) } else { Err(self.out_of_range()) }
    }

    #[cold]
    fn out_of_range(&self) -> Box<Refusal> {
        let refusal = self.fault("the number is beyond the range of a double");
        Box::new(Refusal { code: Code::InvalidValue, ..*refusal })
    }

    /// The text of the number that comes next.
    pub(crate) fn number_text(&mut self) -> Outcome<&'a str> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at = self.number_parts(start + usize::from(negative))?.end;
        Ok(&self.text[start..self.at])
    }

    #[inline]
    fn number_parts(&mut self, start: usize) -> Outcome<Number> {
        let bytes = self.text.as_bytes();
        let mut mantissa = 0u64;
        let mut run = |mut at: usize| {
            while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
                at += 1;
            }
            at
        };
        let mut end = run(start);
        let whole_digits = end - start;
        if whole_digits == 0 || (whole_digits > 1 && bytes[start] == b'0') {
            self.at = start;
            return Err(self.fault("a number needs digits, without a leading zero"));
        }
        let mut fraction_digits = 0;
        if bytes.get(end) == Some(&b'.') {
            let point = end;
            end = run(point + 1);
            fraction_digits = end - point - 1;
            if fraction_digits == 0 {
                self.at = end;
                return Err(self.fault("expected digits after the decimal point"));
            }
        }
        let exponent = matches!(bytes.get(end), Some(b'e' | b'E'));
        if exponent {
            let digits = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            end = run(digits);
            if end == digits {
                self.at = end;
                return Err(self.fault("expected digits in the exponent"));
            }
        }
        Ok(Number { mantissa, whole_digits, fraction_digits, exponent, end })
    }

    /// Reads `true`, `false` or `null`.
    ///
    /// # Errors
    /// `invalid_json`.
    pub fn literal(&mut self) -> Outcome<Raw<'a>> {
        for (word, value) in [("true", Raw::Bool(true)), ("false", Raw::Bool(false)), ("null", Raw::Null)] {
            if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.fault("expected a JSON value"))
    }

    /// Reads an object; `member` is called with each name, the scanner standing at the value, which it must take.
    ///
    /// # Errors
    /// `invalid_json`, or what the closure refuses.
    #[inline]
    pub fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Outcome<()>) -> Outcome<()> {
        self.expect(b'{', "expected an object")?;
        self.space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.member(&mut member)?;
            if self.closed()? {
                return Ok(());
            }
        }
    }

    /// Reads a member of an object; `member` is called as in [`object`](Scanner::object).
    #[inline]
    pub(crate) fn member(&mut self, member: impl FnOnce(&mut Self, Cow<'a, str>) -> Outcome<()>) -> Outcome<()> {
        let name = self.string()?;
        self.space();
        self.expect(b':', "expected ':' after the name")?;
        self.space();
        member(self, name)
    }

    /// Goes on behind a member: whether the object ends here; if not, to the next member.
    #[inline]
    pub(crate) fn closed(&mut self) -> Outcome<bool> {
        self.space();
        if !self.eat(b',') {
            return self.expect(b'}', "expected ',' or '}'").map(|()| true);
        }
        self.space();
        Ok(false)
    }

    /// Reads an array; `element` is called at each value, which it must take.
    ///
    /// # Errors
    /// `invalid_json`, or what the closure refuses.
    #[inline]
    pub fn array(&mut self, mut element: impl FnMut(&mut Self) -> Outcome<()>) -> Outcome<()> {
        self.expect(b'[', "expected an array")?;
        self.space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            self.space();
            if !self.eat(b',') {
                return self.expect(b']', "expected ',' or ']'");
            }
            self.space();
        }
    }

    /// Checks and passes over any value that stands inside `depth` others.
    ///
    /// # Errors
    /// `invalid_json`, also beyond the depth limit.
    pub fn skip(&mut self, depth: usize) -> Outcome<()> {
        let next = self.peek();
        if matches!(next, Some(b'{' | b'[')) && depth >= limits::JSON_DEPTH_MAX {
            let message = format!("nested deeper than {} levels: flatten it", limits::JSON_DEPTH_MAX);
            return Err(Box::new(Refusal::new(Code::InvalidJson, "", message)));
        }
        match next {
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b'{') => self.object(|scan, _| scan.skip(depth + 1)),
            Some(b'[') => self.array(|scan| scan.skip(depth + 1)),
            _ => self.literal().map(drop),
        }
    }

    /// The text of any value that stands inside `depth` others, as it was sent.
    ///
    /// # Errors
    /// As [`skip`](Scanner::skip).
    pub fn text_of(&mut self, depth: usize) -> Outcome<&'a str> {
        let start = self.at;
        self.skip(depth)?;
        Ok(&self.text[start..self.at])
    }
}

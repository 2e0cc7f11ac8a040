//! Number, duration and string literals, with CEL's escapes.

use super::{Kind, Lexer};
use crate::Literal;
use domain::Span;
use domain::limits::STRING_BYTES_MAX;

impl<'a> Lexer<'a> {
    /// A number or duration: a digit run, a fraction, an exponent, and a unit directly behind.
    pub(super) fn number(&mut self) -> Kind<'a> {
        let start = self.at;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            return self.hexadecimal();
        }
        self.digits();
        let mut whole = true;
        let rest = self.rest().as_bytes();
        if rest.first() == Some(&b'.') && rest.get(1).is_some_and(u8::is_ascii_digit) {
            whole = false;
            self.at += 1;
            self.digits();
        }
        whole &= !self.exponent();
        let number = &self.text[start..self.at];
        let unit = self.suffix();
        if unit.is_empty() {
            return if whole { self.integer(start, number, 10) } else { self.float(start, number) };
        }
        if whole && matches!(unit, "u" | "U") {
            return self.unsigned(start, number, 10);
        }
        self.duration(start, unit)
    }

    fn digits(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    }

    /// Steps over `e10`, `E-3`; not over the `e` of anything else.
    fn exponent(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let sign = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
        let is_one = matches!(rest.first(), Some(b'e' | b'E')) && rest.get(1 + sign).is_some_and(u8::is_ascii_digit);
        if is_one {
            self.at += 1 + sign;
            self.digits();
        }
        is_one
    }

    /// Steps over the letters, digits and `_` that follow.
    fn suffix(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn hexadecimal(&mut self) -> Kind<'a> {
        let start = self.at;
        self.at += 2;
        let digits = self.suffix();
        match digits.strip_suffix(['u', 'U']) {
            Some(digits) => self.unsigned(start, digits, 16),
            None => self.integer(start, digits, 16),
        }
    }

    fn integer(&mut self, start: usize, digits: &str, radix: u32) -> Kind<'a> {
        match u64::from_str_radix(digits, radix) {
            Ok(number) if number == 1 << 63 => Kind::TooLargeByOne,
            Ok(number) => match i64::try_from(number) {
                Ok(int) => Kind::Literal(Literal::Int(int)),
                Err(_) => self.bad_integer(start),
            },
            Err(_) => self.bad_integer(start),
        }
    }

    fn unsigned(&mut self, start: usize, digits: &str, radix: u32) -> Kind<'a> {
        match u64::from_str_radix(digits, radix) {
            Ok(number) => Kind::Literal(Literal::Uint(number)),
            Err(_) => self.bad_integer(start),
        }
    }

    fn bad_integer(&mut self, start: usize) -> Kind<'a> {
        let message = format!("`{}` is not an integer of 64 bits", shorten(&self.text[start..self.at]));
        self.fault("invalid_number", start, message, Some("a float has a point or an exponent: `1.0`, `1e30`"));
        Kind::Broken
    }

    fn float(&mut self, start: usize, number: &str) -> Kind<'a> {
        match number.parse::<f64>() {
            Ok(float) if float.is_finite() => Kind::Literal(Literal::Float(float)),
            _ => {
                let message = format!("`{}` is beyond the range of floats", shorten(number));
                self.fault("invalid_number", start, message, None);
                Kind::Broken
            }
        }
    }

    fn duration(&mut self, start: usize, unit: &str) -> Kind<'a> {
        let text = &self.text[start..self.at];
        if let Some(span) = Span::parse(text) {
            return Kind::Literal(Literal::Span(span));
        }
        let shown = shorten(text);
        if ["ms", "s", "m", "h", "d"].contains(&unit) {
            let message = format!("`{shown}` is not a duration in range");
            self.fault("invalid_duration", start, message, Some("durations are written as `250ms`, `1.5s`, `10m`"));
        } else if text.contains('_') && text.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            let message = format!("`{shown}` is not a number");
            self.fault("invalid_number", start, message, Some("write the digits without `_`"));
        } else {
            let message = format!("`{}` is not a unit of time", shorten(unit));
            let help = "the units are ms, s, m, h and d, one per literal: `90m`, `1.5h`, `7d`";
            self.fault("invalid_duration", start, message, Some(help));
        }
        Kind::Broken
    }

    /// What stands before the quotes of a string that starts here: nothing, `r`, `b` or `br` in any case.
    pub(super) fn prefix(&self) -> Option<&'a str> {
        let rest = self.rest();
        let length = rest.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''))?;
        let prefix = rest.get(..length)?;
        ["", "r", "b", "br"].iter().any(|known| prefix.eq_ignore_ascii_case(known)).then_some(prefix)
    }

    /// A string or bytes in single or double quotes, on one line, or in three of them, on several.
    pub(super) fn string(&mut self) -> Kind<'a> {
        let start = self.at;
        let faults = self.faults.len();
        let prefix = self.prefix().unwrap_or("");
        let raw = prefix.contains(['r', 'R']);
        let bytes = prefix.contains(['b', 'B']);
        self.at += prefix.len();
        let quotes = self.quotes();
        self.at += quotes.len();
        let mut value = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with(quotes) {
                self.at += quotes.len();
                break;
            }
            match rest.chars().next() {
                Some('\\') if !raw => self.escape(bytes, &mut value),
                Some('\n' | '\r') | None if quotes.len() == 1 || rest.is_empty() => {
                    let what = if bytes { "these bytes do not end" } else { "this string does not end" };
                    self.fault("unterminated_string", start, what, Some(&format!("close it with {quotes}")));
                    return Kind::Broken;
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None => {}
            }
        }
        if value.len() > STRING_BYTES_MAX {
            let message = format!("a string of {} bytes; no field holds over {STRING_BYTES_MAX}", value.len());
            self.fault("string_too_long", start, message, None);
        }
        if self.faults.len() > faults {
            return Kind::Broken;
        }
        if bytes {
            return Kind::Literal(Literal::Bytes(value.into()));
        }
        // Without `b` only whole characters were pushed.
        Kind::Literal(Literal::Str(String::from_utf8_lossy(&value).into()))
    }

    /// The quotes that open a string here: one, or three of them.
    fn quotes(&self) -> &'a str {
        let rest = self.rest();
        let triple = rest.starts_with("\"\"\"") || rest.starts_with("\'\'\'");
        &rest[..if triple { 3 } else { 1 }]
    }

    /// One escape, the backslash included; a report if it is none of CEL's. In bytes `\x` and `\OOO` are bytes, not characters.
    fn escape(&mut self, bytes: bool, value: &mut Vec<u8>) {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.rest().chars().next() else { return };
        self.at += letter.len_utf8();
        let mut byte = false;
        let code = match letter {
            'a' => Some(7),
            'b' => Some(8),
            't' => Some(9),
            'n' => Some(10),
            'v' => Some(11),
            'f' => Some(12),
            'r' => Some(13),
            '\\' | '\'' | '"' | '`' | '?' => Some(letter as u32),
            'x' | 'X' => {
                byte = bytes;
                self.code(2, 16)
            }
            'u' if !bytes => self.code(4, 16),
            'U' if !bytes => self.code(8, 16),
            '0'..='3' => {
                self.at -= 1;
                byte = bytes;
                self.code(3, 8)
            }
            _ => None,
        };
        match (code, code.and_then(char::from_u32)) {
            (Some(code), _) if byte => value.push(code as u8),
            (_, Some(c)) => value.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => {
                let help = r#"the escapes are \\ \" \' \` \? \a \b \f \n \r \t \v \xHH \uHHHH \UHHHHHHHH \OOO"#;
                let message = format!("`{}` is not an escape", &self.text[start..self.at]);
                self.fault("invalid_escape", start, message, Some(help));
            }
        }
    }

    /// Exactly `count` digits of a code point.
    fn code(&mut self, count: usize, radix: u32) -> Option<u32> {
        let digits = self.rest().get(..count).filter(|text| text.chars().all(|c| c.is_digit(radix)))?;
        self.at += count;
        u32::from_str_radix(digits, radix).ok()
    }
}

/// At most 40 bytes of a (mostly ASCII) piece of text, for a message.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

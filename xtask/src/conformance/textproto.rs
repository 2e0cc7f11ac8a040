//! A reader of protobuf's text format: fields by name, in order, without a schema.

use anyhow::{Result, bail};

/// A message: its fields in order; a repeated field stands several times.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<(String, Field)>);

/// The value of a field.
#[derive(Debug)]
pub(super) enum Field {
    /// Bytes between quotes, escapes resolved, neighbours joined.
    Text(Vec<u8>),
    /// A number, `true`, or a name of an enum, as written.
    Word(String),
    Message(Message),
}

impl Message {
    /// All values of a field.
    pub(super) fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m Field> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, field)| field)
    }

    /// The last value of a field, as protobuf reads it.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, field)| field)
    }

    /// The messages of a repeated field.
    pub(super) fn messages<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m Message> {
        self.all(name).filter_map(|field| if let Field::Message(message) = field { Some(message) } else { None })
    }

    /// A field that is a message.
    pub(super) fn message(&self, name: &str) -> Option<&Message> {
        match self.field(name)? {
            Field::Message(message) => Some(message),
            _ => None,
        }
    }

    /// A field's text, empty where there is none.
    pub(super) fn text(&self, name: &str) -> String {
        match self.field(name) {
            Some(Field::Text(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            Some(Field::Word(word)) => word.clone(),
            _ => String::new(),
        }
    }

    /// Whether a field is `true`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// The only field of a message of which one of several is set.
    pub(super) fn only(&self) -> Option<(&str, &Field)> {
        self.0.first().map(|(name, field)| (name.as_str(), field))
    }
}

/// Reads a file.
pub(super) fn read(text: &str) -> Result<Message> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let message = reader.message(None)?;
    Ok(message)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn here(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps over blanks, comments, and the separators that may stand between fields.
    fn blank(&mut self) {
        while let Some(byte) = self.here() {
            match byte {
                b'#' => {
                    while self.here().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                byte if byte.is_ascii_whitespace() || byte == b',' || byte == b';' => self.at += 1,
                _ => return,
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.here() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn message(&mut self, closing: Option<u8>) -> Result<Message> {
        let mut fields = Vec::new();
        loop {
            self.blank();
            match (self.here(), closing) {
                (None, None) => return Ok(Message(fields)),
                (here, Some(_)) if here == closing => {
                    self.at += 1;
                    return Ok(Message(fields));
                }
                _ => {}
            }
            let name = self.name()?;
            self.take(b':');
            if self.take(b'[') {
                while !self.take(b']') {
                    fields.push((name.clone(), self.value()?));
                }
            } else {
                fields.push((name, self.value()?));
            }
        }
    }

    /// A field's name, or `[type.url/of.a.Message]`.
    fn name(&mut self) -> Result<String> {
        let start = self.at;
        let bracketed = self.here() == Some(b'[');
        while self.here().is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || byte == b'_' || bracketed && matches!(byte, b'[' | b'.' | b'/')
        }) {
            self.at += 1;
        }
        if bracketed && self.here() == Some(b']') {
            self.at += 1;
        }
        if self.at == start {
            bail!("no field's name at byte {start}");
        }
        Ok(String::from_utf8_lossy(&self.text[start..self.at]).into_owned())
    }

    fn value(&mut self) -> Result<Field> {
        self.blank();
        match self.here() {
            Some(b'{') => {
                self.at += 1;
                self.message(Some(b'}')).map(Field::Message)
            }
            Some(b'<') => {
                self.at += 1;
                self.message(Some(b'>')).map(Field::Message)
            }
            Some(b'"' | b'\'') => self.texts().map(Field::Text),
            _ => {
                let start = self.at;
                while self.here().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte)) {
                    self.at += 1;
                }
                if self.at == start {
                    bail!("no value at byte {start}");
                }
                Ok(Field::Word(String::from_utf8_lossy(&self.text[start..self.at]).into_owned()))
            }
        }
    }

    fn texts(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(quote @ (b'"' | b'\'')) = self.here() {
            self.at += 1;
            while self.here() != Some(quote) {
                let Some(byte) = self.here() else { bail!("a text does not end") };
                self.at += 1;
                if byte == b'\\' {
                    self.escape(&mut bytes)?;
                } else {
                    bytes.push(byte);
                }
            }
            self.at += 1;
            self.blank();
        }
        Ok(bytes)
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        let Some(letter) = self.here() else { bail!("a text does not end") };
        self.at += 1;
        match letter {
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b't' => bytes.push(9),
            b'n' => bytes.push(10),
            b'v' => bytes.push(11),
            b'f' => bytes.push(12),
            b'r' => bytes.push(13),
            b'x' | b'X' => bytes.push(self.digits(2, 16) as u8),
            b'0'..=b'7' => {
                self.at -= 1;
                bytes.push(self.digits(3, 8) as u8);
            }
            b'u' | b'U' => {
                let code = self.digits(if letter == b'u' { 4 } else { 8 }, 16);
                let Some(c) = char::from_u32(code) else { bail!("no character {code:x}") };
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => bytes.push(other),
        }
        Ok(())
    }

    /// At most `count` digits.
    fn digits(&mut self, count: usize, radix: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            let Some(digit) = self.here().and_then(|byte| char::from(byte).to_digit(radix)) else { break };
            value = value * radix + digit;
            self.at += 1;
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_protobuf_has_them() {
        let text = "# a comment\nname: \"a\" 'b\\n\\x41\\101'\nlist: [1, -2.5e3]\nin { of <x: true>; y: NULL }\n[type.googleapis.com/a.B]: {}";
        let message = read(text).expect("it is well formed");
        assert_eq!(message.text("name"), "ab\nAA");
        assert_eq!(message.all("list").count(), 2);
        let inner = message.message("in").expect("it is a message");
        assert!(inner.message("of").expect("it is a message").is("x"));
        assert_eq!(inner.text("y"), "NULL");
        assert!(message.message("[type.googleapis.com/a.B]").is_some());
        assert!(read("name: \"a").is_err() && read("{").is_err());
    }
}

//! From the parser's marks, and from parts of scalars, to bytes of the file.

use super::Text;
use crate::bundle;
use saphyr_parser::Marker;
use std::ops::Range;

/// From the parser's marks to bytes.
pub(super) struct Places<'t> {
    pub(super) text: &'t str,
    /// Byte of each character, unless every character is one byte.
    bytes: Vec<u32>,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &'t str) -> Places<'t> {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at as u32).collect() };
        Places { text, bytes }
    }

    pub(super) fn byte(&self, mark: Marker) -> usize {
        let index = if self.bytes.is_empty() {
            Some(mark.index())
        } else {
            self.bytes.get(mark.index()).map(|&byte| byte as usize)
        };
        index.unwrap_or(self.text.len()).min(self.text.len())
    }

    /// What to call the line of a byte: `line 3`, of a bundle `line 3 of feeds.yaml`.
    pub(super) fn name(&self, byte: usize) -> String {
        let file = bundle::file_at(self.text, byte);
        let from = file.map_or(0, |(_, from)| from.min(byte));
        let line = self.text.as_bytes()[from..byte].iter().filter(|&&b| b == b'\n').count() + 1;
        file.map_or(format!("line {line}"), |(file, _)| format!("line {line} of {file}"))
    }
}

impl Text {
    /// The place in the file of a part of this text, `part` in bytes of `self.text`. Quotes, escapes, folded lines and the
    /// indentation of blocks are stepped over; where that fails it is the whole scalar.
    pub(crate) fn locate(&self, file: &str, part: &Range<usize>) -> Range<usize> {
        let Some(written) = file.get(self.span.clone()) else { return self.span.clone() };
        let mut source = written.char_indices().peekable();
        if !self.plain && written.starts_with(['"', '\'']) {
            source.next();
        }
        let (mut start, mut end) = (None, None);
        let mut last = self.span.start;
        for (at, c) in self.text.char_indices() {
            let folded = c == ' ' || c == '\n';
            let found = source.find(|&(_, s)| s == c || (folded && s.is_whitespace()));
            let Some((offset, s)) = found else { return self.span.clone() };
            let here = self.span.start + offset;
            if at <= part.start && part.start < at + c.len_utf8() {
                start = Some(here);
            }
            if at < part.end {
                end = Some(here + s.len_utf8());
            }
            last = here + s.len_utf8();
        }
        let start = start.unwrap_or(last);
        start..end.unwrap_or(start).max(start)
    }
}

//! YAML text -> a tree whose every key and value knows its place in the file. Budgets hold before anything is built, and
//! what makes YAML surprising (anchors, aliases, tags, merge keys, duplicate keys, several documents) is refused by name.

use crate::diagnostic::{Issue, Issues, is_bidi, quoted};
use domain::limits;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};
use std::borrow::Cow;
use std::ops::Range;

/// A scalar as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Without quotes and not a block: only such scalars can be numbers or booleans.
    pub(crate) plain: bool,
    /// Bytes in the file, quotes included.
    pub(crate) span: Range<usize>,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Bytes in the file.
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(Text),
    List(Vec<Node>),
    Map(Vec<(Text, Node)>),
    /// Nothing was written.
    Empty,
    /// Already reported.
    Broken,
}

/// Reads one document. Mistakes go to `issues`; `None` if nothing can be made of the text.
pub(crate) fn read(text: &str, issues: &mut Issues) -> Option<Node> {
    if !check_text(text, issues) {
        return None;
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), places: Places::new(text), nodes: 0, issues };
    let result = reader.document();
    match result {
        Ok(node) => node,
        Err(Stop) => None,
    }
}

/// What can be said of the text before YAML: size, control characters, tabs that indent.
fn check_text(text: &str, issues: &mut Issues) -> bool {
    if text.len() > limits::SPEC_BYTES_MAX {
        let message = format!("the spec has {} bytes; at most {} are allowed", text.len(), limits::SPEC_BYTES_MAX);
        issues.push(Issue::new("too_large", &(0..0), message));
        return false;
    }
    if text.starts_with('\u{feff}') {
        let issue = Issue::new("byte_order_mark", &(0..3), "the file begins with a byte order mark");
        issues.push(issue.help("save it as UTF-8 without BOM"));
        return false;
    }
    let mut fine = true;
    let mut indent = true;
    for (at, c) in text.char_indices() {
        let span = at..at + c.len_utf8();
        if c == '\t' && indent {
            issues.push(Issue::new("tab", &span, "a tab cannot indent YAML").help("indent with spaces"));
            fine = false;
        } else if c.is_control() && !matches!(c, '\t' | '\n' | '\r') {
            let message = format!("the control character U+{:04X} is not allowed", c as u32);
            issues.push(Issue::new("bad_character", &span, message));
            fine = false;
        } else if is_bidi(c) {
            let message = format!("U+{:04X} changes the direction of the text around it", c as u32);
            issues
                .push(Issue::new("bad_character", &span, message).help("remove it: what is read must be what is run"));
            fine = false;
        }
        indent = c == '\n' || (indent && matches!(c, ' ' | '\t'));
    }
    fine
}

/// Nothing more can be read.
struct Stop;

struct Reader<'t, 'i> {
    parser: Parser<'t, StrInput<'t>>,
    places: Places<'t>,
    nodes: usize,
    issues: &'i mut Issues,
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Range<usize>), Stop> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, self.places.text.len()..self.places.text.len())),
            Some(Ok((event, span))) => Ok((event, self.places.byte(span.start)..self.places.byte(span.end))),
            Some(Err(error)) => {
                let at = self.places.byte(*error.marker());
                let issue = Issue::new("yaml_syntax", &(at..at + 1), format!("this is not YAML: {}", error.info()));
                self.issues.push(issue.help(syntax_help(error.info())));
                Err(Stop)
            }
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    let issue =
                        Issue::new("several_documents", &span, "a spec is one YAML document; here begins a second");
                    self.issues.push(issue.help("remove the `---` line, or make two files"));
                    return Ok(root);
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event => root = Some(self.node(event, span, 1)?),
            }
        }
        if root.as_ref().is_none_or(|node| node.kind == Kind::Empty) {
            self.issues.push(Issue::new("empty", &(0..0), "the spec is empty").help("begin with `version: 1`"));
            return Ok(None);
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'t>, span: Range<usize>, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > limits::SPEC_NODES_MAX {
            let message = format!("the spec has more than {} keys and values", limits::SPEC_NODES_MAX);
            self.issues.push(Issue::new("too_many", &span, message));
            return Err(Stop);
        }
        if depth > limits::SPEC_DEPTH_MAX {
            let message = format!("nested deeper than {} levels", limits::SPEC_DEPTH_MAX);
            self.issues.push(Issue::new("too_deep", &span, message));
            return Err(Stop);
        }
        let mut end = span.end;
        let kind = match event {
            Event::Alias(_) => {
                let issue = Issue::new("alias", &span, "aliases (`*name`) are not part of the spec language");
                self.issues.push(issue.help("write the value out; text that begins with `*` needs quotes"));
                Kind::Broken
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(anchor, tag, &span);
                let plain = style == ScalarStyle::Plain;
                if plain && text.is_empty() {
                    Kind::Empty
                } else {
                    Kind::Scalar(self.scalar(text, plain, span.clone()))
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(anchor, tag, &span);
                let (list, last) = self.list(depth)?;
                end = last;
                Kind::List(list)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(anchor, tag, &span);
                let (map, last) = self.map(depth)?;
                end = last;
                Kind::Map(map)
            }
            _ => Kind::Broken,
        };
        Ok(Node { kind, span: span.start..end.max(span.start) })
    }

    fn scalar(&mut self, text: Cow<'t, str>, plain: bool, span: Range<usize>) -> Text {
        if text.contains("${") {
            let issue =
                Issue::new("interpolation", &span, "a spec is taken as written: nothing is filled in from outside");
            self.issues.push(issue.help("write the value itself"));
        }
        Text { text: text.into_owned(), plain, span }
    }

    fn list(&mut self, depth: usize) -> Result<(Vec<Node>, usize), Stop> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, span) => return Ok((list, span.end)),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<(Text, Node)>, usize), Stop> {
        let mut map: Vec<(Text, Node)> = Vec::new();
        let mut first_at = std::collections::BTreeMap::<String, usize>::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, span) => return Ok((map, span.end)),
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, depth + 1)?;
            let Some(key) = self.key(key) else { continue };
            if value.kind == Kind::Empty {
                value.span = key.span.clone();
            }
            if let Some(&first) = first_at.get(&key.text) {
                let message = format!("the key {} is there twice", quoted(&key.text));
                let line = self.places.line(first);
                let issue = Issue::new("duplicate_key", &key.span, message);
                self.issues.push(issue.help(format!("it is first on line {line}: remove or rename one")));
                continue;
            }
            first_at.insert(key.text.clone(), key.span.start);
            map.push((key, value));
        }
    }

    fn key(&mut self, key: Node) -> Option<Text> {
        match key.kind {
            Kind::Scalar(text) if text.plain && text.text == "<<" => {
                let issue = Issue::new("merge_key", &key.span, "merge keys (`<<`) are not part of the spec language");
                self.issues.push(issue.help("write the fields out"));
                None
            }
            Kind::Scalar(text) => Some(text),
            Kind::Broken => None,
            _ => {
                let issue = Issue::new("bad_key", &key.span, "a key must be a word");
                self.issues.push(issue.help("text with `{`, `[` or `?` in it needs quotes"));
                None
            }
        }
    }

    fn refuse_decoration(&mut self, anchor: usize, tag: Option<Cow<'t, Tag>>, span: &Range<usize>) {
        if let Some(tag) = tag {
            let issue = Issue::new(
                "tag",
                span,
                format!("the tag {} is not part of the spec language", quoted(&tag.to_string())),
            );
            self.issues.push(issue.help("an expression that begins with `!` needs quotes: \"!seen(item, 30d)\""));
        }
        if anchor > 0 {
            let issue = Issue::new("anchor", span, "anchors (`&name`) are not part of the spec language");
            self.issues.push(issue.help("remove it; text that begins with `&` needs quotes"));
        }
    }
}

fn syntax_help(info: &str) -> &'static str {
    if info.contains("mapping values") {
        "text with `: ` in it needs quotes, and a key needs its own line"
    } else if info.contains("flow") || info.contains("expected ','") {
        "close what was opened with `{` or `[`; expressions with `,`, `{` or `[` need quotes inside them"
    } else {
        "check indentation and quotes here and on the line above"
    }
}

/// From the parser's marks to bytes.
struct Places<'t> {
    text: &'t str,
    /// Byte of each character, unless every character is one byte.
    bytes: Vec<u32>,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Places<'t> {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at as u32).collect() };
        Places { text, bytes }
    }

    fn byte(&self, mark: Marker) -> usize {
        let index = if self.bytes.is_empty() {
            Some(mark.index())
        } else {
            self.bytes.get(mark.index()).map(|&byte| byte as usize)
        };
        index.unwrap_or(self.text.len()).min(self.text.len())
    }

    fn line(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte].iter().filter(|&&b| b == b'\n').count() + 1
    }
}

impl Text {
    /// The place in the file of a part of this text, `part` in bytes of `self.text`. Quotes, escapes, folded lines and the
    /// indentation of blocks are stepped over; where that fails it is the whole scalar.
    pub(crate) fn locate(&self, file: &str, part: &Range<usize>) -> Range<usize> {
        let Some(written) = file.get(self.span.clone()) else { return self.span.clone() };
        let mut source = written.char_indices().peekable();
        if !self.plain {
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

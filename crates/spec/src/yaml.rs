//! YAML text -> a tree whose every key and value knows its place in the file. Budgets hold before anything is built, and
//! what makes YAML surprising (anchors, aliases, tags, merge keys, duplicate keys, several documents but those of a bundle) is refused
//! by name.

mod check;
mod mend;
mod places;

use crate::bundle;
use crate::diagnostic::{Issue, Issues, quoted};
use check::check_text;
use domain::limits;
use places::Places;
use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};
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

/// Reads one document, or those of a bundle as one. Mistakes go to `issues`; `None` if nothing can be made of the text.
pub(crate) fn read(text: &str, issues: &mut Issues) -> Option<Node> {
    if !check_text(text, issues) {
        return None;
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), places: Places::new(text), nodes: 0, issues };
    reader.document().ok().flatten()
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
                self.issues.push(syntax_issue(error.info(), at));
                Err(Stop)
            }
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root: Option<Node> = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() && !bundle::begins_at(self.places.text, span.start) => {
                    let issue =
                        Issue::new("several_documents", &span, "a spec is one YAML document; here begins a second");
                    self.issues.push(issue.help("remove the `---` line, or make two files"));
                    return Ok(root);
                }
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                event => {
                    let node = self.node(event, span, 1)?;
                    match &mut root {
                        Some(root) => self.join(root, node),
                        None => root = Some(node),
                    }
                }
            }
        }
        if root.as_ref().is_none_or(|node| node.kind == Kind::Empty) {
            self.issues.push(Issue::new("empty", &(0..0), "the spec is empty").help("begin with `version: 1`"));
            return Ok(None);
        }
        Ok(root)
    }

    /// Adds another file of the spec.
    fn join(&mut self, root: &mut Node, node: Node) {
        let Reader { issues, places, .. } = self;
        bundle::join(root, node, &mut |key, first| {
            let issue = Issue::new("duplicate_key", &key.span, format!("the key {} is there twice", quoted(&key.text)));
            issues.push(issue.help(format!("it is first on {}: remove or rename one", places.name(first.span.start))));
        });
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
            self.issues.push(Issue::new("too_deep", &span, message).help(TOO_DEEP));
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
                let (mut list, last) = self.list(depth)?;
                if self.places.text[span.start..].starts_with('[') {
                    self.mend_list(&mut list);
                }
                end = last;
                Kind::List(list)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(anchor, tag, &span);
                let (mut map, last) = self.map(depth)?;
                if self.places.text[span.start..].starts_with('{') {
                    self.mend_map(&mut map);
                }
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
                let issue = Issue::new("duplicate_key", &key.span, message);
                self.issues.push(if self.issues.full() {
                    issue
                } else {
                    issue.help(format!("it is first on {}: remove or rename one", self.places.name(first)))
                });
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

/// What to do about too many levels.
const TOO_DEEP: &str = "close brackets that were left open; no section of a spec needs more levels";

fn syntax_issue(info: &str, at: usize) -> Issue {
    let span = at..at + 1;
    if info.contains("recursion limit") {
        let message = format!("nested deeper than {} levels", limits::SPEC_DEPTH_MAX);
        return Issue::new("too_deep", &span, message).help(TOO_DEEP);
    }
    Issue::new("yaml_syntax", &span, format!("this is not YAML: {info}")).help(syntax_help(info))
}

fn syntax_help(info: &str) -> &'static str {
    if info.contains("mapping values") {
        "text with `: ` in it needs quotes, and a key needs its own line"
    } else if info.contains("anchor") {
        "aliases (`*name`) are not part of the spec language: write the value out; text that begins with `*` needs quotes"
    } else if info.contains("flow") || info.contains("expected ','") {
        "close what was opened with `{` or `[`; expressions with `,`, `{` or `[` need quotes inside them"
    } else {
        "check indentation and quotes here and on the line above"
    }
}

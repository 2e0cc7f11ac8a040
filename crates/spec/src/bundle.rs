//! A spec of several files: its text is one YAML document per file, each behind a line that names the file, so that the log keeps
//! one text and diagnostics name the file and the line in it.

use crate::yaml::{Kind, Node, Text};
use std::borrow::Cow;

/// What stands before each file's text.
const OPENING: &str = "---\n# file: ";

/// The text of a spec of these files (name, text), in this order. A single file is its own text.
pub fn bundle(files: &[(String, String)]) -> String {
    if let [(_, text)] = files {
        return text.clone();
    }
    let mut out = String::new();
    for (name, text) in files {
        let name: String = name.chars().map(|c| if c.is_control() { '_' } else { c }).collect();
        // A file that marks the begin of its document itself keeps its lines.
        let text =
            text.strip_prefix("---\n").map_or(Cow::Borrowed(text.as_str()), |rest| Cow::Owned(format!("# -\n{rest}")));
        out.push_str(&format!("{OPENING}{name}\n{text}"));
        if !text.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Whether a file of a bundle begins at this byte.
pub(crate) fn begins_at(text: &str, at: usize) -> bool {
    text.starts_with(OPENING) && text.get(at..).is_some_and(|rest| rest.starts_with(OPENING))
}

/// The file of a bundle that a byte belongs to, and where its own text begins; `None` if the spec is one file.
pub(crate) fn file_at(text: &str, at: usize) -> Option<(&str, usize)> {
    if !text.starts_with(OPENING) {
        return None;
    }
    let openings = text.match_indices(OPENING).filter(|(start, _)| *start == 0 || text.as_bytes()[start - 1] == b'\n');
    let (start, _) = openings.take_while(|(start, _)| *start <= at).last()?;
    let name_at = start + OPENING.len();
    let end = text[name_at..].find('\n').map_or(text.len(), |line| name_at + line);
    Some((&text[name_at..end], (end + 1).min(text.len())))
}

/// Adds the sections of one file to those of the files before it: names of sections stand side by side, and so do the features of one
/// table. `twice` hears of the key that stands in two files, and of the first of them.
pub(crate) fn join(into: &mut Node, more: Node, twice: &mut dyn FnMut(&Text, &Text)) {
    let (sections, more) = match (&mut into.kind, more.kind) {
        (Kind::Map(sections), Kind::Map(more)) => (sections, more),
        (_, Kind::Empty) => return,
        // What is no map is refused where the sections are read.
        (kind, other) => {
            *kind = other;
            return;
        }
    };
    for (key, value) in more {
        let Some((first, known)) = sections.iter_mut().find(|(known, _)| known.text == key.text) else {
            sections.push((key, value));
            continue;
        };
        match (&mut known.kind, value.kind) {
            (Kind::Map(known), Kind::Map(value)) => join_names(known, value, key.text == "features", twice),
            (Kind::Scalar(a), Kind::Scalar(b)) if key.text == "version" && a.text == b.text => {}
            (_, Kind::Empty) => {}
            (known @ Kind::Empty, value) => *known = value,
            _ => twice(&key, first),
        }
    }
}

/// Names of one section; with `nested` what stands below a name that both have is joined too.
fn join_names(
    into: &mut Vec<(Text, Node)>,
    more: Vec<(Text, Node)>,
    nested: bool,
    twice: &mut dyn FnMut(&Text, &Text),
) {
    for (key, value) in more {
        let Some((first, known)) = into.iter_mut().find(|(known, _)| known.text == key.text) else {
            into.push((key, value));
            continue;
        };
        match (&mut known.kind, value.kind) {
            (Kind::Map(known), Kind::Map(value)) if nested => join_names(known, value, false, twice),
            _ => twice(&key, first),
        }
    }
}

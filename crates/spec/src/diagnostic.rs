//! What is wrong with a spec: stable codes with file, line, column and caret, all of a file at once.

use crate::bundle;
use domain::{Time, limits};
use std::fmt::{self, Write};
use std::ops::Range;

/// One mistake in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code: `unknown_field`, `cycle`, ... Its text is part of the interface.
    pub code: &'static str,
    /// The file of a spec of several files; `None` if it is one.
    pub file: Option<String>,
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// How many characters of the line are meant; at least 1.
    pub width: u32,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line, as written.
    pub source: String,
}

/// Something in a spec that is likely not meant, but refuses nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What and where.
    pub diagnostic: Diagnostic,
    /// From this instant on; none: at any time. What has expired does nothing since.
    pub since: Option<Time>,
}

/// Everything that is wrong with one spec, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The mistakes, at most `limits::DIAGNOSTICS_MAX`.
    pub list: Vec<Diagnostic>,
    /// How many more there were.
    pub omitted: usize,
    /// What is likely not meant beside the mistakes.
    pub warnings: Vec<Warning>,
}

/// The diagnostics as text for a terminal: for each the place, the line, a caret under the mistake, and help.
pub fn render(diagnostics: &Diagnostics) -> String {
    let mut out = String::new();
    for diagnostic in &diagnostics.list {
        render_one(&diagnostics.file, "error", diagnostic, &mut out).expect("writing to a string cannot fail");
    }
    for warning in diagnostics.warnings.iter().filter(|warning| warning.since.is_none()) {
        out.push_str(&render_warning(&diagnostics.file, &warning.diagnostic));
    }
    let total = diagnostics.list.len() + diagnostics.omitted;
    if diagnostics.omitted > 0 {
        out.push_str(&format!("... and {} more\n", diagnostics.omitted));
    }
    out.push_str(&format!("{}: {total} error{}\n", printable(&diagnostics.file), if total == 1 { "" } else { "s" }));
    out
}

/// A warning as text for a terminal.
pub fn render_warning(file: &str, warning: &Diagnostic) -> String {
    let mut out = String::new();
    render_one(file, "warning", warning, &mut out).expect("writing to a string cannot fail");
    out
}

/// Longest part of a source line that is shown, in characters.
const SHOWN_MAX: usize = 140;

fn render_one(file: &str, severity: &str, diagnostic: &Diagnostic, out: &mut String) -> fmt::Result {
    let Diagnostic { code, line, column, .. } = diagnostic;
    let within = diagnostic.file.as_ref().map(|within| format!("{file}/{within}"));
    let file = within.as_deref().unwrap_or(file);
    writeln!(out, "{}:{line}:{column}: {severity}[{code}]: {}", printable(file), printable(&diagnostic.message))?;
    let column = *column as usize - 1;
    let skipped = if column + 20 > SHOWN_MAX { column - 40 } else { 0 };
    let shown: String = printable(&diagnostic.source).chars().skip(skipped).take(SHOWN_MAX).collect();
    let width = (diagnostic.width as usize).min(SHOWN_MAX - (column - skipped).min(SHOWN_MAX - 1));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    writeln!(out, "{margin} |")?;
    writeln!(out, "{}", format!("{number} | {shown}").trim_end())?;
    writeln!(out, "{margin} | {}{}", " ".repeat(column - skipped), "^".repeat(width.max(1)))?;
    if let Some(help) = &diagnostic.help {
        writeln!(out, "{margin} = help: {}", printable(help))?;
    }
    writeln!(out)
}

/// The text with characters that would move or hide others on a terminal replaced, one for one.
fn printable(text: &str) -> String {
    let hidden = |c: char| c.is_control() || is_bidi(c) || is_invisible(c);
    text.chars().map(|c| if c == '\t' { ' ' } else { if hidden(c) { '\u{fffd}' } else { c } }).collect()
}

/// Characters that reorder the text around them.
pub(crate) fn is_bidi(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that are not seen at all.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(self))
    }
}

impl std::error::Error for Diagnostics {}

/// A mistake before its place is known as line and column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) code: &'static str,
    /// Bytes in the file.
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Issue {
    pub(crate) fn new(code: &'static str, span: &Range<usize>, message: impl Into<String>) -> Issue {
        Issue { code, span: span.clone(), message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Issue {
        self.help = Some(help.into());
        self
    }

    /// Adds "did you mean" if one of the known words is near to what was written, else lists them if they are few.
    pub(crate) fn near<'k>(self, wrong: &str, known: impl Iterator<Item = &'k str> + Clone) -> Issue {
        const LISTED_MAX: usize = 10;
        if let Some(suggestion) = expr::suggest(wrong, known.clone()) {
            return self.help(did_you_mean(&suggestion));
        }
        let list: Vec<&str> = known.take(LISTED_MAX + 1).collect();
        if list.is_empty() || list.len() > LISTED_MAX {
            return self;
        }
        self.help(format!("known here: {}", list.join(", ")))
    }
}

fn did_you_mean(word: &str) -> String {
    format!("did you mean `{word}`?")
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Issues {
    list: Vec<Issue>,
    omitted: usize,
    warnings: Vec<(Option<Time>, Issue)>,
}

impl Issues {
    pub(crate) fn push(&mut self, issue: Issue) {
        // A few more than are shown, since they are sorted and freed of repetitions only at the end.
        if self.list.len() < 4 * limits::DIAGNOSTICS_MAX {
            self.list.push(issue);
        } else {
            self.omitted += 1;
        }
    }

    /// Whether a word was taken for one that is wrong there.
    pub(crate) fn suggests(&self, span: &Range<usize>, word: &str) -> bool {
        let help = did_you_mean(word);
        self.list.iter().any(|issue| issue.span == *span && issue.help.as_ref() == Some(&help))
    }

    /// Notes what refuses nothing; with an instant, what holds from then on.
    pub(crate) fn warn(&mut self, since: Option<Time>, issue: Issue) {
        if self.warnings.len() < limits::DIAGNOSTICS_MAX {
            self.warnings.push((since, issue));
        }
    }

    /// The warnings by place; none are left here.
    pub(crate) fn take_warnings(&mut self, text: &str) -> Vec<Warning> {
        let mut warnings = std::mem::take(&mut self.warnings);
        warnings.sort_by_key(|(_, issue)| (issue.span.start, issue.span.end));
        let warnings = warnings.into_iter();
        warnings.map(|(since, issue)| Warning { diagnostic: place(issue, text), since }).collect()
    }

    /// Whether more than will be shown is here: then nobody reads what more would say, and work for it can be spared.
    pub(crate) fn full(&self) -> bool {
        self.list.len() >= 2 * limits::DIAGNOSTICS_MAX
    }

    /// How many mistakes were noted so far.
    pub(crate) fn count(&self) -> usize {
        self.list.len() + self.omitted
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sorts by place and finds lines and columns.
    pub(crate) fn finish(mut self, file: &str, text: &str) -> Diagnostics {
        let warnings = self.take_warnings(text);
        self.list.sort_by(|a, b| (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code)));
        self.list.dedup();
        let omitted = self.omitted + self.list.len().saturating_sub(limits::DIAGNOSTICS_MAX);
        self.list.truncate(limits::DIAGNOSTICS_MAX);
        let list = self.list.into_iter().map(|issue| place(issue, text)).collect();
        Diagnostics { file: file.to_owned(), list, omitted, warnings }
    }
}

fn place(issue: Issue, text: &str) -> Diagnostic {
    let start = text.floor_char_boundary(issue.span.start);
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = text.floor_char_boundary(issue.span.end).clamp(start, line_end);
    let source = text[line_start..line_end].trim_end_matches('\r');
    let file = bundle::file_at(text, start);
    let own = &before[file.map_or(0, |(_, from)| from.min(start))..];
    Diagnostic {
        code: issue.code,
        file: file.map(|(name, _)| name.to_owned()),
        line: own.bytes().filter(|&b| b == b'\n').count() as u32 + 1,
        column: text[line_start..start].chars().count() as u32 + 1,
        width: text[start..end].trim_end().chars().count().max(1) as u32,
        message: issue.message,
        help: issue.help,
        source: source.chars().take(SOURCE_MAX).collect(),
    }
}

/// Longest source line kept in a diagnostic, in characters.
const SOURCE_MAX: usize = 10_000;

/// A word of the file for a message: cut if long.
pub(crate) fn quoted(word: &str) -> String {
    let shown: String = word.chars().take(limits::NAME_BYTES_MAX).collect();
    if shown.len() < word.len() { format!("`{shown}...`") } else { format!("`{shown}`") }
}

//! What a rule says: a text with expressions in braces.

use super::{Builder, Facts};
use crate::diagnostic::Issue;
use crate::plan::ReasonPart;
use crate::yaml::Text;
use expr::Program;
use std::ops::Range;

/// A piece of a template.
enum Piece {
    Text(String),
    /// The bytes of an expression, braces not included.
    Expression(Range<usize>),
}

impl Builder<'_> {
    pub(super) fn reason(&mut self, facts: &mut Facts, text: &Text) -> Option<Vec<ReasonPart>> {
        self.template(text, |builder, part| builder.compile_in_decision(facts, text, part))
    }

    /// A template whose expressions `compile` knows how to read: it is given the bytes of one after another.
    pub(in crate::build) fn template(
        &mut self,
        text: &Text,
        mut compile: impl FnMut(&mut Self, Range<usize>) -> Option<Program>,
    ) -> Option<Vec<ReasonPart>> {
        let pieces = match pieces(&text.text) {
            Ok(pieces) => pieces,
            Err((at, message, help)) => {
                let span = text.locate(self.file, &(at..at + 1));
                self.issues.push(Issue::new("bad_template", &span, message).help(help));
                return None;
            }
        };
        let parts: Vec<Option<ReasonPart>> = pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(ReasonPart::Text(text)),
                Piece::Expression(part) => compile(self, part).map(ReasonPart::Value),
            })
            .collect();
        parts.into_iter().collect()
    }
}

/// Where a template is wrong, how, and what to do.
type Wrong = (usize, &'static str, &'static str);

/// `{{` and `}}` are braces; what stands between single ones is an expression.
fn pieces(template: &str) -> Result<Vec<Piece>, Wrong> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = 0;
    while let Some(found) = template[rest..].find(['{', '}']) {
        let at = rest + found;
        text.push_str(&template[rest..at]);
        let brace = &template[at..=at];
        if template[at + 1..].starts_with(brace) {
            text.push_str(brace);
            rest = at + 2;
            continue;
        }
        if brace == "}" {
            return Err((at, "this brace closes nothing", "write `}}` for a brace"));
        }
        let Some(end) = closing(template, at + 1) else {
            return Err((at, "this brace is not closed", "close it with `}`, or write `{{` for a brace"));
        };
        if template[at + 1..end].trim().is_empty() {
            return Err((at, "there is nothing between these braces", "write an expression, as in `{amount}`"));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Expression(at + 1..end));
        rest = end + 1;
    }
    text.push_str(&template[rest..]);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// Where the expression that begins at `from` ends: at a brace that is neither in a string nor opened inside.
fn closing(template: &str, from: usize) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in template[from..].char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(from + at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

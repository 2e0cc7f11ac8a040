//! Reports of syntax errors, and how the parser goes on behind one.

use super::operand::NOTHING;
use super::{Parser, Part, SPLIT};
use crate::Diagnostic;
use crate::ast::Node;
use crate::lexer::Kind;
use domain::limits::EXPRESSION_DEPTH_MAX;
use std::ops::Range;

impl<'a> Parser<'a> {
    pub(super) fn report(&mut self, fault: Diagnostic) {
        if !self.gave_up && self.reported_at != Some(self.at) {
            self.reported_at = Some(self.at);
            self.faults.push(fault);
        }
    }

    /// Reports what was read already, whatever was reported of the token here.
    pub(super) fn report_always(&mut self, fault: Diagnostic) {
        if !self.gave_up {
            self.faults.push(fault);
        }
    }

    /// Reports that something else should stand here.
    pub(super) fn expected(&mut self, what: &str, help: Option<String>) {
        let span = self.span();
        let found = match self.kind() {
            Kind::End => "the expression ends".to_owned(),
            _ => format!("found `{}`", &self.text[span.clone()].chars().take(40).collect::<String>()),
        };
        let mut fault = Diagnostic::new("unexpected_token", span, format!("expected {what}, but {found}"));
        fault.help = help.or_else(|| match self.kind() {
            Kind::End => Some(format!("add {what}, or remove what asks for it")),
            _ => Some(format!("put {what} before it, or remove it")),
        });
        self.report(fault);
    }

    /// Reports what stands where an operator or the end should; a broken piece was reported already.
    pub(super) fn expected_operator(&mut self) {
        let help = match self.kind() {
            Kind::Name("is") => Some("write `==`, or `has(x)` to ask whether there is a value".to_owned()),
            Kind::Name("not") => Some("write `!(x in y)`".to_owned()),
            Kind::Name("mod") => Some("write `%`".to_owned()),
            Kind::Question => Some("put parentheses around the inner `?:`".to_owned()),
            Kind::CloseParen | Kind::CloseList | Kind::CloseMap => Some("it closes nothing".to_owned()),
            _ => match self.before() {
                Some(Kind::Name("not")) => Some("write `!`".to_owned()),
                Some(Kind::Name("if")) => Some("write `condition ? a : b`".to_owned()),
                _ => None,
            },
        };
        if !self.beside_broken() {
            self.expected("an operator or the end", help);
        }
    }

    pub(super) fn before(&self) -> Option<&Kind<'a>> {
        self.at.checked_sub(1).map(|at| &self.tokens[at].kind)
    }

    /// Whether a piece that was reported already is here or just before.
    pub(super) fn beside_broken(&self) -> bool {
        *self.kind() == Kind::Broken || self.before() == Some(&Kind::Broken)
    }

    pub(super) fn starts_operand(&self) -> bool {
        matches!(
            self.kind(),
            Kind::Literal(_)
                | Kind::Name(_)
                | Kind::OpenParen
                | Kind::OpenList
                | Kind::OpenMap
                | Kind::Not
                | Kind::TooLargeByOne
        )
    }

    /// Reports a limit and goes to the end: what follows is not looked at.
    pub(super) fn give_up(&mut self, code: &'static str, span: Range<usize>, message: String) {
        if !self.gave_up {
            self.faults.push(Diagnostic::new(code, span, message).with_help(SPLIT));
        }
        self.gave_up = true;
        self.at = self.tokens.len() - 1;
    }

    pub(super) fn give_up_deep(&mut self, span: Range<usize>) {
        let message = format!("nested deeper than {EXPRESSION_DEPTH_MAX} levels (each term of a chain is one)");
        self.give_up("too_deep", span, message);
    }

    /// Stands for an operand that could not be read; a report goes with it, so no caller ever sees it.
    pub(super) fn placeholder(&mut self, span: Range<usize>) -> Part {
        Part { node: Node { kind: NOTHING, span }, depth: 1 }
    }

    /// Reports a missing operand; steps over an operator that has none before it.
    pub(super) fn no_operand(&mut self) -> Part {
        let span = self.span();
        self.expected("a value", None);
        if matches!(self.kind(), Kind::Op(_)) {
            self.step();
            return self.deeper(Parser::unary);
        }
        self.placeholder(span)
    }

    /// Reads over `? a : b :`, the rest of a `?:` without its parentheses, for the errors in it.
    pub(super) fn nested_conditional(&mut self) {
        if self.take(&Kind::Question) {
            self.deeper(Parser::expression);
            self.take(&Kind::Colon);
            self.deeper(Parser::expression);
            self.take(&Kind::Colon);
        }
    }

    /// Steps over the closing bracket, and over what wrongly stands before it. Gives where it ends.
    pub(super) fn close(&mut self, closing: &Kind<'_>, opened: Range<usize>) -> usize {
        if self.kind() != closing {
            self.unclosed(closing, opened);
            let mut open = 0usize;
            while *self.kind() != Kind::End {
                match self.kind() {
                    kind if open == 0 && kind == closing => break,
                    Kind::OpenParen | Kind::OpenList | Kind::OpenMap => open += 1,
                    Kind::CloseParen | Kind::CloseList | Kind::CloseMap => open = open.saturating_sub(1),
                    _ => {}
                }
                self.step();
            }
        }
        self.step().span.end
    }

    pub(super) fn unclosed(&mut self, closing: &Kind<'_>, opened: Range<usize>) {
        let bracket = match closing {
            Kind::CloseParen => "`)`",
            Kind::CloseList => "`]`",
            _ => "`}`",
        };
        if *self.kind() == Kind::End {
            let message = format!("this bracket is not closed by {bracket}");
            self.report(
                Diagnostic::new("unclosed_bracket", opened, message).with_help(format!("add the missing {bracket}")),
            );
        } else if !self.beside_broken() {
            self.expected(&format!("an operator, `,` or {bracket}"), None);
        }
    }
}

//! Operands, and what stands behind them: fields, elements, calls.

use super::{Parser, Part};
use crate::Diagnostic;
use crate::ast::{Entry, Literal, Name, Node, NodeKind};
use crate::lexer::Kind;
use std::ops::Range;

impl<'a> Parser<'a> {
    /// An operand with the fields, elements and calls behind it.
    pub(super) fn postfix(&mut self) -> Part {
        let mut part = self.operand();
        loop {
            if self.take(&Kind::Dot) {
                part = self.field(part);
            } else if *self.kind() == Kind::OpenList {
                part = self.element(part);
            } else {
                return part;
            }
        }
    }

    /// `.name`, `.?name`, `.name(args)`, the dot stepped over.
    fn field(&mut self, part: Part) -> Part {
        let optional = self.take(&Kind::Question);
        let span = self.span();
        let (text, quoted) = match *self.kind() {
            Kind::Name(text) => (text, false),
            Kind::Quoted(text) => (text, true),
            _ => {
                if !self.beside_broken() {
                    self.expected("a name behind `.`", None);
                }
                return part;
            }
        };
        self.step();
        let name = Name { text: text.to_owned(), span };
        if !optional && !quoted && *self.kind() == Kind::OpenParen {
            return self.method(part, name);
        }
        let span = part.node.span.start..name.span.end;
        let kind = NodeKind::Select { operand: Box::new(part.node), field: name, optional };
        self.part(kind, span, part.depth)
    }

    /// `[i]`, `[?i]`
    fn element(&mut self, part: Part) -> Part {
        let opened = self.step().span;
        let optional = self.take(&Kind::Question);
        let index = self.deeper(Parser::expression);
        let end = self.close(&Kind::CloseList, opened);
        let span = part.node.span.start..end.max(index.node.span.end);
        let below = part.depth.max(index.depth);
        let (operand, index) = (Box::new(part.node), Box::new(index.node));
        self.part(NodeKind::Index { operand, index, optional }, span, below)
    }

    /// `(args)` behind a value and a name.
    fn method(&mut self, receiver: Part, name: Name) -> Part {
        self.step();
        let (args, below) = self.arguments(&Kind::CloseParen);
        let span = receiver.node.span.start..self.ended().max(name.span.end);
        let kind = self.called(receiver.node, name, args);
        self.part(kind, span, below.max(receiver.depth))
    }

    /// Where the last token stepped over ends.
    pub(super) fn ended(&self) -> usize {
        self.tokens[self.at.saturating_sub(1)].span.end
    }

    fn operand(&mut self) -> Part {
        let span = self.span();
        match self.kind() {
            Kind::Literal(literal) => {
                let literal = literal.clone();
                self.step();
                self.part(NodeKind::Literal(literal), span, 0)
            }
            Kind::TooLargeByOne => {
                self.report(Diagnostic::new("invalid_number", span.clone(), "this is not an integer of 64 bits"));
                self.step();
                self.placeholder(span)
            }
            Kind::Broken => {
                self.step();
                self.placeholder(span)
            }
            Kind::Name(_) => self.name(),
            // There are no containers that a leading dot would leave.
            Kind::Dot if matches!(self.tokens.get(self.at + 1).map(|token| &token.kind), Some(Kind::Name(_))) => {
                self.step();
                self.name()
            }
            Kind::OpenParen => self.deeper(Parser::parenthesised),
            Kind::OpenList => self.deeper(Parser::list),
            Kind::OpenMap => self.deeper(Parser::map),
            _ => self.no_operand(),
        }
    }

    fn parenthesised(&mut self) -> Part {
        let start = self.step().span;
        let mut part = self.expression();
        let end = self.close(&Kind::CloseParen, start.clone());
        part.node.span = start.start..end.max(part.node.span.end);
        part
    }

    fn list(&mut self) -> Part {
        let start = self.step().span.start;
        let (elements, below) = self.arguments(&Kind::CloseList);
        let end = self.ended().max(start);
        self.part(NodeKind::List(elements), start..end, below)
    }

    /// `{k: v, ?k: v}`
    fn map(&mut self) -> Part {
        let opened = self.step().span;
        let mut entries = Vec::new();
        let mut below = 0;
        while !matches!(self.kind(), Kind::End | Kind::CloseMap) {
            let optional = self.take(&Kind::Question);
            let key = self.deeper(Parser::expression);
            if !self.take(&Kind::Colon) && !self.beside_broken() {
                self.expected("`:` behind a key", None);
            }
            let value = self.deeper(Parser::expression);
            below = below.max(key.depth).max(value.depth);
            entries.push(Entry { key: key.node, value: value.node, optional });
            if !self.take(&Kind::Comma) {
                break;
            }
        }
        let end = self.close(&Kind::CloseMap, opened.clone());
        self.part(NodeKind::Map(entries), opened.start..end.max(opened.end), below)
    }

    /// A path, or a call of a function by its name or on a path.
    fn name(&mut self) -> Part {
        let mut names = vec![];
        loop {
            let span = self.span();
            let text = match *self.kind() {
                Kind::Name(text) => text,
                Kind::Quoted(text) if !names.is_empty() => text,
                _ => {
                    if !self.beside_broken() {
                        self.expected("a name behind `.`", None);
                    }
                    break;
                }
            };
            names.push(Name { text: text.to_owned(), span });
            self.step();
            let optional = self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Question);
            if *self.kind() != Kind::Dot || optional {
                break;
            }
            self.step();
        }
        if *self.kind() == Kind::OpenParen {
            return self.call(names);
        }
        let path = self.path(names);
        if *self.kind() == Kind::OpenMap {
            self.message(path.node.span.clone());
        }
        path
    }

    fn path(&mut self, names: Vec<Name>) -> Part {
        let span = names[0].span.start..names[names.len() - 1].span.end;
        self.part(NodeKind::Path(names), span, 0)
    }

    /// Reports `Type{...}` and reads over it.
    fn message(&mut self, path: Range<usize>) {
        let opened = self.step().span;
        let message = format!("there are no messages, so `{}` cannot be made", &self.text[path.clone()]);
        let fault = Diagnostic::new("message_construction", path.start..opened.end, message);
        self.report(fault.with_help("write a map: `{\"key\": value}`"));
        let mut open = 0usize;
        while *self.kind() != Kind::End {
            match self.kind() {
                Kind::OpenMap => open += 1,
                Kind::CloseMap if open == 0 => break,
                Kind::CloseMap => open -= 1,
                _ => {}
            }
            self.step();
        }
        self.take(&Kind::CloseMap);
    }

    fn call(&mut self, mut names: Vec<Name>) -> Part {
        let name = names.swap_remove(names.len() - 1);
        if !names.is_empty() {
            let receiver = self.path(names);
            return self.method(receiver, name);
        }
        self.step();
        let (args, below) = self.arguments(&Kind::CloseParen);
        let span = name.span.start..self.ended().max(name.span.end);
        self.part(NodeKind::Call { name, args }, span, below)
    }

    /// Expressions between commas up to the closing bracket; in a list `?` may stand before one, and a comma before the bracket.
    fn arguments(&mut self, closing: &Kind<'_>) -> (Vec<Node>, usize) {
        let opened = self.tokens[self.at.saturating_sub(1)].span.clone();
        let list = *closing == Kind::CloseList;
        let mut nodes = Vec::new();
        let mut below = 0;
        while *self.kind() != Kind::End {
            if self.kind() == closing && (nodes.is_empty() || list) {
                break;
            }
            let start = self.span().start;
            let optional = list && self.take(&Kind::Question);
            let mut part = self.deeper(Parser::expression);
            if optional {
                let span = start..part.node.span.end;
                part = self.part(NodeKind::Optional(Box::new(part.node)), span, part.depth);
            }
            below = below.max(part.depth);
            nodes.push(part.node);
            if !self.take(&Kind::Comma) {
                break;
            }
        }
        self.close(closing, opened);
        (nodes, below)
    }
}

/// Stands for an operand that was reported.
pub(super) const NOTHING: NodeKind = NodeKind::Literal(Literal::Bool(false));

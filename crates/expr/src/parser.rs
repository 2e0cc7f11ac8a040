//! Tokens -> syntax tree: a Pratt parser. After an error it goes on where it can, to report the others too.

mod macros;
mod operand;
mod recovery;

use crate::Diagnostic;
use crate::ast::{Ast, BinaryOp, Literal, Node, NodeKind, UnaryOp};
use crate::lexer::{self, Kind, Token};
use domain::Span;
use domain::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use std::ops::Range;

/// Most errors reported of one expression; the rest would only repeat the first ones.
const DIAGNOSTICS_MAX: usize = 16;

/// Reads an expression. From loose to tight, as in CEL; all infix operators are left-associative:
///
/// | | |
/// |---|---|
/// | `c ? a : b` | right-associative; `a` is a `?:` itself only in parentheses |
/// | `\|\|` | |
/// | `&&` | |
/// | `< <= > >= == != in` | |
/// | `+ -` | |
/// | `* / %` | |
/// | `! -` | a `-` before a number or duration belongs to the literal |
/// | `x.name`, `x.?name`, `x[i]`, `x[?i]`, `x.f(y)`, `f(x, y)`, `[1, ?x]`, `{k: v, ?k: x}`, `(x)` | a list or map may end in a comma |
///
/// Literals: `12`, `0xff`, `12u`, `1.5`, `.5`, `1e-3`, `true`, `false`, `null`, strings in `'...'` or `"..."` on one line or in three
/// quotes on several, with CEL's escapes or raw (`r"..."`), bytes (`b"..."`), and durations: a number with the unit `ms s m h d`
/// directly behind it. Names are ASCII letters, digits and `_`; only `true false null in` are reserved. Behind a dot a name may stand
/// between backticks: `` x.`content-type` ``. A comment goes from `//` to the end of the line.
///
/// The macros are CEL's (`all exists exists_one filter map`), those for two variables (the same, `transformList transformMap
/// transformMapEntry`), `optMap`, `optFlatMap` and `cel.bind`: see [`MacroKind`](crate::MacroKind).
///
/// Of CEL's syntax only messages (`Type{field: value}`) are not there, and refused with a help.
///
/// Codes: `expression_too_long`, `empty_expression`, `too_deep` (parentheses, calls, and each term of a chain count),
/// `too_many_nodes`, `unexpected_character`, `unexpected_token`, `unclosed_bracket`, `unknown_operator`, `message_construction`,
/// `macro_variable`, `invalid_number`, `invalid_duration`, `invalid_escape`, `unterminated_string`, `unterminated_name`,
/// `string_too_long`.
///
/// # Errors
/// All that is wrong with its syntax, in the order of the text: at least one, at most 16. Text over
/// `EXPRESSION_BYTES_MAX` is refused unread; a tree over `EXPRESSION_DEPTH_MAX` or `EXPRESSION_NODES_MAX` is
/// given up where it passes the limit.
pub fn parse(text: &str) -> Result<Ast, Vec<Diagnostic>> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let message = format!("an expression of {} bytes; the limit is {EXPRESSION_BYTES_MAX}", text.len());
        return Err(vec![Diagnostic::new("expression_too_long", 0..0, message).with_help(SPLIT)]);
    }
    let (tokens, faults) = lexer::tokens(text);
    if tokens.len() == 1 && faults.is_empty() {
        return Err(vec![
            Diagnostic::new("empty_expression", 0..text.len(), "there is no expression here")
                .with_help("write one, as in `count(view, 7d)`, or remove the field"),
        ]);
    }
    let mut parser = Parser { text, tokens, at: 0, nodes: 0, level: 0, faults, reported_at: None, gave_up: false };
    let root = parser.whole();
    let mut faults = parser.faults;
    if faults.is_empty() {
        return Ok(Ast::new(text, root.node));
    }
    faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
    faults.truncate(DIAGNOSTICS_MAX);
    Err(faults)
}

const SPLIT: &str = "split it: name its parts as features";

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    nodes: usize,
    level: usize,
    faults: Vec<Diagnostic>,
    /// The token of the last report: one report a token.
    reported_at: Option<usize>,
    gave_up: bool,
}

/// A node and the depth of its tree.
struct Part {
    node: Node,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn kind(&self) -> &Kind<'a> {
        &self.tokens[self.at].kind
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }

    /// Steps over a token; never past the last one, `End`.
    fn step(&mut self) -> Token<'a> {
        let token = self.tokens[self.at].clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    fn take(&mut self, kind: &Kind<'_>) -> bool {
        let found = self.kind() == kind;
        if found {
            self.step();
        }
        found
    }

    /// Counts a node and its depth against the limits.
    fn part(&mut self, kind: NodeKind, span: Range<usize>, below: usize) -> Part {
        self.nodes += match &kind {
            NodeKind::Path(names) => names.len(),
            _ => 1,
        };
        let depth = below + 1;
        if self.nodes > EXPRESSION_NODES_MAX {
            let message = format!("an expression of over {EXPRESSION_NODES_MAX} names, literals and operators");
            self.give_up("too_many_nodes", span.clone(), message);
        }
        if depth > EXPRESSION_DEPTH_MAX {
            self.give_up_deep(span.clone());
            return self.placeholder(span);
        }
        Part { node: Node { kind, span }, depth }
    }

    /// Runs a rule one level deeper.
    fn deeper(&mut self, rule: impl FnOnce(&mut Parser<'a>) -> Part) -> Part {
        if self.level >= EXPRESSION_DEPTH_MAX {
            let span = self.span();
            self.give_up_deep(span.clone());
            return self.placeholder(span);
        }
        self.level += 1;
        let part = rule(self);
        self.level -= 1;
        part
    }

    /// The whole text. Text behind the first expression is an error, and is read for its own errors.
    fn whole(&mut self) -> Part {
        let first = self.expression();
        while *self.kind() != Kind::End {
            self.expected_operator();
            if !self.starts_operand() {
                self.step();
            }
            if *self.kind() != Kind::End {
                self.expression();
            }
        }
        first
    }

    /// `or ["?" or ":" expression]`
    fn expression(&mut self) -> Part {
        let condition = self.binary(1);
        if !self.take(&Kind::Question) {
            return condition;
        }
        let then = self.deeper(|parser| parser.binary(1));
        if !self.take(&Kind::Colon) {
            let nested = (*self.kind() == Kind::Question).then(|| "put parentheses around the inner `?:`".to_owned());
            self.expected("`:` of the `?:`", nested);
            self.nested_conditional();
        }
        let otherwise = self.deeper(Parser::expression);
        let span = condition.node.span.start..otherwise.node.span.end;
        let below = condition.depth.max(then.depth).max(otherwise.depth);
        let [condition, then, otherwise] = [condition, then, otherwise].map(|part| Box::new(part.node));
        self.part(NodeKind::Conditional { condition, then, otherwise }, span, below)
    }

    /// Infix operators of at least this binding, left-associative.
    fn binary(&mut self, least: u8) -> Part {
        let mut left = self.unary();
        while let Some(op) = self.operator() {
            if op.binding() < least {
                break;
            }
            self.step();
            let right = self.binary(op.binding() + 1);
            let span = left.node.span.start..right.node.span.end;
            let below = left.depth.max(right.depth);
            let (from, to) = (Box::new(left.node), Box::new(right.node));
            left = self.part(NodeKind::Binary { op, left: from, right: to }, span, below);
        }
        left
    }

    /// The infix operator here, also one misspelt as a word.
    fn operator(&mut self) -> Option<BinaryOp> {
        let (op, right) = match self.kind() {
            Kind::Op(op) => return Some(*op),
            Kind::Name("and" | "AND") => (BinaryOp::And, "`&&`"),
            Kind::Name("or" | "OR") => (BinaryOp::Or, "`||`"),
            _ => return None,
        };
        let span = self.span();
        let message = format!("there is no operator `{}`", &self.text[span.clone()]);
        self.report(Diagnostic::new("unknown_operator", span, message).with_help(format!("write {right}")));
        Some(op)
    }

    fn unary(&mut self) -> Part {
        let start = self.span().start;
        let op = match self.kind() {
            Kind::Not => UnaryOp::Not,
            Kind::Op(BinaryOp::Subtract) => UnaryOp::Negate,
            _ => return self.postfix(),
        };
        self.step();
        if op == UnaryOp::Negate
            && let Some(literal) = negated(self.kind())
        {
            let end = self.step().span.end;
            return self.part(NodeKind::Literal(literal), start..end, 0);
        }
        let operand = self.deeper(Parser::unary);
        let span = start..operand.node.span.end;
        self.part(NodeKind::Unary { op, operand: Box::new(operand.node) }, span, operand.depth)
    }
}

/// The negative of a number token, if it is one.
fn negated(kind: &Kind<'_>) -> Option<Literal> {
    match *kind {
        Kind::Literal(Literal::Int(int)) => Some(Literal::Int(-int)),
        Kind::Literal(Literal::Float(float)) => Some(Literal::Float(-float)),
        Kind::Literal(Literal::Span(Span(ms))) => Some(Literal::Span(Span(-ms))),
        Kind::TooLargeByOne => Some(Literal::Int(i64::MIN)),
        _ => None,
    }
}

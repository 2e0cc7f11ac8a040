//! The syntax tree. Every node knows its bytes in the text. Its depth and size are bounded by
//! `domain::limits`, so walking (or dropping) it recursively is safe.

use domain::Span;
use std::ops::Range;
use std::sync::Arc;

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Ast {
    text: Arc<str>,
    root: Node,
}

impl Ast {
    pub(crate) fn new(text: &str, root: Node) -> Ast {
        Ast { text: text.into(), root }
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole expression.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The text of one of its nodes, `""` for a node of another tree that does not fit this text.
    pub fn slice(&self, node: &Node) -> &str {
        self.text.get(node.span.clone()).unwrap_or("")
    }
}

/// A node of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its bytes in the text, parentheses around it included.
    pub span: Range<usize>,
}

impl Node {
    /// The name, if this is a path of one name (an event, a role).
    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Path(names) if names.len() == 1 => Some(&names[0].text),
            _ => None,
        }
    }

    /// The duration, if this is a duration literal.
    pub fn as_span(&self) -> Option<Span> {
        match self.kind {
            NodeKind::Literal(Literal::Span(span)) => Some(span),
            _ => None,
        }
    }

    /// The integer, if this is an int literal.
    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            NodeKind::Literal(Literal::Int(int)) => Some(int),
            _ => None,
        }
    }

    /// The number, if this is an int or float literal.
    pub fn as_number(&self) -> Option<f64> {
        match self.kind {
            NodeKind::Literal(Literal::Int(int)) => Some(int as f64),
            NodeKind::Literal(Literal::Float(float)) => Some(float),
            _ => None,
        }
    }
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// `true`, `12`, `-0.5`, `"DE"`, `10m`
    Literal(Literal),
    /// `a.b.c`: at least one name.
    Path(Vec<Name>),
    /// `name(args)`
    Call {
        /// The function.
        name: Name,
        /// Its arguments.
        args: Vec<Node>,
    },
    /// `-x`, `!x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// What it is applied to.
        operand: Box<Node>,
    },
    /// `x + y`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Its left operand.
        left: Box<Node>,
        /// Its right operand.
        right: Box<Node>,
    },
    /// `condition ? then : otherwise`
    Conditional {
        /// Which of the two.
        condition: Box<Node>,
        /// The value where it is true.
        then: Box<Node>,
        /// The value where it is false.
        otherwise: Box<Node>,
    },
    /// `[a, b]`
    List(Vec<Node>),
}

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Its bytes in the expression's text.
    pub span: Range<usize>,
}

/// A literal. A minus sign before a number or duration belongs to the literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`, `false`
    Bool(bool),
    /// `12`, `0xff`
    Int(i64),
    /// `0.5`, `1e-3`: always finite.
    Float(f64),
    /// `"text"`, escapes resolved.
    Str(String),
    /// `10m`, `1.5s`
    Span(Span),
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

impl UnaryOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            UnaryOp::Not => "!",
            UnaryOp::Negate => "-",
        }
    }
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl BinaryOp {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            BinaryOp::Or => "||",
            BinaryOp::And => "&&",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::In => "in",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
        }
    }

    /// How tightly it binds: CEL's levels, all of them left-associative.
    pub(crate) fn binding(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual
            | BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::In => 3,
            BinaryOp::Add | BinaryOp::Subtract => 4,
            BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder => 5,
        }
    }
}

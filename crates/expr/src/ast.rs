//! The syntax tree. Every node knows its bytes in the text. Its depth and size are bounded by
//! `domain::limits`, so walking (or dropping) it recursively is safe.

use crate::Pattern;
use domain::{Span, Symbol, Type};
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

    /// The nodes directly under it, in the order of the text.
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            NodeKind::Literal(_) | NodeKind::Path(_) | NodeKind::Slot(..) => Vec::new(),
            NodeKind::Call { args, .. } => args.iter().collect(),
            NodeKind::Method { receiver, args, .. } => std::iter::once(&**receiver).chain(args).collect(),
            NodeKind::Select { operand, .. } | NodeKind::Unary { operand, .. } => vec![operand],
            NodeKind::Index { operand, index, .. } => vec![operand, index],
            NodeKind::Macro(of) => [Some(&of.over), of.filter.as_ref(), Some(&of.body)].into_iter().flatten().collect(),
            NodeKind::Binary { left, right, .. } => vec![left, right],
            NodeKind::Conditional { condition, then, otherwise } => vec![condition, then, otherwise],
            NodeKind::List(list) => list.iter().collect(),
            NodeKind::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            NodeKind::Optional(inner) | NodeKind::Promoted(inner) | NodeKind::Matches { text: inner, .. } => {
                vec![inner]
            }
        }
    }

    /// What holds if this does, as far as its form says so: the operands of `&&` in their order, or else the node itself.
    pub fn conjuncts(&self) -> Vec<&Node> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(node) = open.pop() {
            match &node.kind {
                NodeKind::Binary { op: BinaryOp::And, left, right } => open.extend([&**right, &**left]),
                _ => found.push(node),
            }
        }
        found
    }

    /// The nodes right below, to be changed.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Node> {
        match &mut self.kind {
            NodeKind::Literal(_) | NodeKind::Path(_) | NodeKind::Slot(..) => Vec::new(),
            NodeKind::Call { args, .. } => args.iter_mut().collect(),
            NodeKind::Method { receiver, args, .. } => std::iter::once(&mut **receiver).chain(args).collect(),
            NodeKind::Select { operand, .. } | NodeKind::Unary { operand, .. } => vec![operand],
            NodeKind::Index { operand, index, .. } => vec![operand, index],
            NodeKind::Macro(of) => {
                [Some(&mut of.over), of.filter.as_mut(), Some(&mut of.body)].into_iter().flatten().collect()
            }
            NodeKind::Binary { left, right, .. } => vec![left, right],
            NodeKind::Conditional { condition, then, otherwise } => vec![condition, then, otherwise],
            NodeKind::List(list) => list.iter_mut().collect(),
            NodeKind::Map(entries) => entries.iter_mut().flat_map(|entry| [&mut entry.key, &mut entry.value]).collect(),
            NodeKind::Optional(inner) | NodeKind::Promoted(inner) | NodeKind::Matches { text: inner, .. } => {
                vec![inner]
            }
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
    /// `x.name(args)`; also `math.abs(x)`, where the receiver is a path that names no value.
    Method {
        /// What it is called on.
        receiver: Box<Node>,
        /// The function.
        name: Name,
        /// Its arguments.
        args: Vec<Node>,
    },
    /// `x.name` and `x.?name`, where `x` is no path: fields of a path belong to the path.
    Select {
        /// What has the field.
        operand: Box<Node>,
        /// The field.
        field: Name,
        /// `.?`: none where there is no such field.
        optional: bool,
    },
    /// `x[i]` and `x[?i]`
    Index {
        /// A list or a map.
        operand: Box<Node>,
        /// The place or the key.
        index: Box<Node>,
        /// `[?`: none where there is no such element.
        optional: bool,
    },
    /// A call that binds a name: `x.exists(e, e > 1)`, `cel.bind(name, value, body)`.
    Macro(Box<Macro>),
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
    /// `{k: v}`
    Map(Vec<Entry>),
    /// `?x` as an element of a list: no element where the optional has no value.
    Optional(Box<Node>),
    /// A slot of the row, with its type. The checker puts it where the scope knew a path or a call; no text has it.
    Slot(u16, Type),
    /// `text.matches("pattern")` with a literal pattern. The checker puts it there.
    Matches {
        /// What is searched.
        text: Box<Node>,
        /// The pattern, compiled.
        pattern: Pattern,
    },
    /// An int beside a float, taken as a float. The checker puts it there; no text has it.
    Promoted(Box<Node>),
}

/// An entry of a map literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: Node,
    /// Its value.
    pub value: Node,
    /// `?k: v`: no entry where the optional `v` has no value.
    pub optional: bool,
}

/// A call that binds names to elements, or to one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// Which.
    pub kind: MacroKind,
    /// Where its name stands.
    pub name: Range<usize>,
    /// The list, map or optional that it goes over; the value that `cel.bind` names.
    pub over: Node,
    /// One name, or two for index and element, key and value.
    pub variables: Vec<Name>,
    /// Which elements `map`, `transformList` and `transformMap` take, where they are asked.
    pub filter: Option<Node>,
    /// What is computed with the names bound.
    pub body: Node,
}

/// The macros of CEL and of its extensions for two variables, optionals and bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacroKind {
    /// `x.all(e, p)`: whether `p` holds for all.
    All,
    /// `x.exists(e, p)`: whether `p` holds for one at least.
    Exists,
    /// `x.exists_one(e, p)`: whether `p` holds for exactly one.
    ExistsOne,
    /// `x.filter(e, p)`: those for which `p` holds.
    Filter,
    /// `x.map(e, y)`, `x.map(e, p, y)`, `x.transformList(i, e, y)`: a list.
    Map,
    /// `x.transformMap(k, v, y)`: a map with the same keys.
    TransformMap,
    /// `x.transformMapEntry(k, v, {k2: v2})`: a map of the entries given.
    TransformMapEntry,
    /// `x.optMap(v, y)`: an optional of `y`, if `x` has a value.
    OptMap,
    /// `x.optFlatMap(v, y)`: the optional `y`, if `x` has a value.
    OptFlatMap,
    /// `cel.bind(name, value, y)`: `y` with a name for a value.
    Bind,
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
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `12`, `0xff`
    Int(i64),
    /// `12u`, `0xffu`
    Uint(u64),
    /// `0.5`, `1e-3`: always finite.
    Float(f64),
    /// `"text"`, escapes resolved.
    Str(Arc<str>),
    /// A string by its symbol. The compiler puts it where texts are not needed; no text has it.
    Symbol(Symbol),
    /// `b"bytes"`, escapes resolved.
    Bytes(Arc<[u8]>),
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

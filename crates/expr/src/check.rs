//! Static types of the whole language: checks a syntax tree, reports all that is wrong with it, and gives the tree back with slots in the
//! place of the names that the surroundings know, and with every int that stands beside a float marked as promoted.

mod access;
mod calls;
mod declarations;
mod macros;
mod mismatch;
mod numbers;
mod operators;
mod types;

use crate::ast::{Entry, Literal, Name, Node, NodeKind};
use crate::{Diagnostic, Scope};
use domain::Type;
use std::collections::BTreeSet;
use std::ops::Range;

pub(crate) use declarations::{is_function, type_constant};
pub use types::Static;
use types::Types;
#[cfg(test)]
pub(crate) use {
    declarations::{names, signatures},
    numbers::OWN,
};

/// What a path means to those who ask for a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// A slot of the row, with its type.
    Slot(u16, Type),
    /// A value of this type, by the path's first so many names; the others are its fields.
    Value(Static, usize),
}

/// The names that a checked expression may use: [`Scope`] with all types of the language.
pub trait Environment {
    /// What a path means.
    ///
    /// # Errors
    /// It is not known here; `span` is where it stands.
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic>;

    /// What a call means that the surroundings understand, `None` for others: see [`Scope::call`].
    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<Meaning, Diagnostic>>;

    /// Names that `call` understands, for "did you mean".
    fn known_calls(&self) -> Vec<&str>;
}

/// A scope as an environment.
pub(crate) struct Slots<'s>(pub(crate) &'s mut dyn Scope);

impl Environment for Slots<'_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic> {
        self.0.path(path, span).map(|(slot, ty)| Meaning::Slot(slot, ty))
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<Meaning, Diagnostic>> {
        self.0.call(name, args, span).map(|found| found.map(|(slot, ty)| Meaning::Slot(slot, ty)))
    }

    fn known_calls(&self) -> Vec<&str> {
        self.0.known_calls()
    }
}

/// A checked expression.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The tree, with slots and promotions.
    pub node: Node,
    /// Its type.
    pub ty: Static,
    /// The slots that it reads, ascending, each once.
    pub slots: Vec<u16>,
    /// Whether something is done with strings but to compare them for equality: then it needs their texts.
    pub texts: bool,
}

/// Checks an expression or a part of one.
///
/// Codes: `wrong_type`, `wrong_arity`, `unknown_function`, `misplaced_optional`, `bad_pattern`, `unknown_time_zone`, and the
/// environment's own.
///
/// # Errors
/// All that is wrong with it, in the order of the text; what the environment refuses is passed on as it is.
pub fn check(node: &Node, environment: &mut dyn Environment) -> Result<Checked, Vec<Diagnostic>> {
    let mut checker = Checker {
        environment,
        types: Types::default(),
        locals: Vec::new(),
        faults: Vec::new(),
        slots: BTreeSet::new(),
        texts: false,
    };
    let found = checker.node(node);
    let Checker { types, mut faults, slots, texts, .. } = checker;
    match found {
        Some(Typed { node, ty }) if faults.is_empty() => {
            Ok(Checked { node, ty: types.resolved(&ty), slots: slots.into_iter().collect(), texts })
        }
        _ => {
            faults.sort_by_key(|fault| (fault.span.start, fault.span.end));
            Err(faults)
        }
    }
}

struct Checker<'e> {
    environment: &'e mut dyn Environment,
    types: Types,
    /// Names that macros bind, the innermost last.
    locals: Vec<(String, Static)>,
    faults: Vec<Diagnostic>,
    slots: BTreeSet<u16>,
    texts: bool,
}

/// A checked node and its type.
struct Typed {
    node: Node,
    ty: Static,
}

impl Typed {
    fn new(kind: NodeKind, span: Range<usize>, ty: Static) -> Typed {
        Typed { node: Node { kind, span }, ty }
    }

    fn boxed(self) -> Box<Node> {
        Box::new(self.node)
    }

    /// The node, marked as promoted if it is an int.
    fn promoted(self) -> Typed {
        match self.ty {
            Static::Int => {
                let span = self.node.span.clone();
                Typed::new(NodeKind::Promoted(self.boxed()), span, Static::Float)
            }
            _ => self,
        }
    }
}

/// `None` where something was reported.
type Found = Option<Typed>;

impl Checker<'_> {
    fn refuse<T>(&mut self, fault: Diagnostic) -> Option<T> {
        self.faults.push(fault);
        None
    }

    fn wrong_type<T>(&mut self, span: Range<usize>, message: String, help: &str) -> Option<T> {
        self.refuse(Diagnostic::new("wrong_type", span, message).with_help(help))
    }

    fn node(&mut self, node: &Node) -> Found {
        let span = node.span.clone();
        match &node.kind {
            NodeKind::Literal(literal) => Some(Typed { node: node.clone(), ty: literal_type(literal) }),
            NodeKind::Path(names) => self.path(names, span),
            NodeKind::Slot(slot, ty) => self.slot(*slot, ty.clone(), span),
            NodeKind::Promoted(inner) => self.node(inner).map(Typed::promoted),
            NodeKind::Matches { text, pattern } => {
                let text = self.node(text)?.boxed();
                self.texts = true;
                Some(Typed::new(NodeKind::Matches { text, pattern: pattern.clone() }, span, Static::Bool))
            }
            NodeKind::Call { name, args } => self.call(name, args, span),
            NodeKind::Method { receiver, name, args } => self.method(receiver, name, args, span),
            NodeKind::Select { operand, field, optional } => {
                let operand = self.node(operand)?;
                let ty = self.field(&operand.ty, &field.text, *optional, field.span.clone())?;
                let kind = NodeKind::Select { operand: operand.boxed(), field: field.clone(), optional: *optional };
                Some(Typed::new(kind, span, ty))
            }
            NodeKind::Index { operand, index, optional } => self.index(operand, index, *optional, span),
            NodeKind::Macro(of) => self.expand(of, span),
            NodeKind::Unary { op, operand } => self.unary(*op, operand, span),
            NodeKind::Binary { op, left, right } => self.binary(*op, left, right, span),
            NodeKind::Conditional { condition, then, otherwise } => self.conditional(condition, then, otherwise, span),
            NodeKind::List(nodes) => self.list(nodes, span),
            NodeKind::Map(entries) => self.map(entries, span),
            NodeKind::Optional(_) => {
                self.refuse(Diagnostic::new("misplaced_optional", span, "`?x` stands only in a list"))
            }
        }
    }

    fn nodes(&mut self, nodes: &[Node]) -> Option<Vec<Typed>> {
        // All are checked before the first missing one ends it.
        let found: Vec<Found> = nodes.iter().map(|node| self.node(node)).collect();
        found.into_iter().collect()
    }

    fn slot(&mut self, slot: u16, ty: Type, span: Range<usize>) -> Found {
        self.slots.insert(slot);
        let of = Static::of(&ty);
        Some(Typed::new(NodeKind::Slot(slot, ty), span, of))
    }

    fn local(&self, name: &str) -> Option<&Static> {
        self.locals.iter().rev().find(|(known, _)| known == name).map(|(_, ty)| ty)
    }

    /// A name that a macro binds, else one of the environment, else a type; and the fields behind it.
    fn path(&mut self, names: &[Name], span: Range<usize>) -> Found {
        let path: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        let (ty, taken) = match self.local(path[0]) {
            Some(ty) => (ty.clone(), 1),
            None => match self.environment.path(&path, span.clone()) {
                Ok(Meaning::Slot(slot, ty)) => return self.slot(slot, ty, span),
                Ok(Meaning::Value(ty, taken)) => (ty, taken),
                Err(fault) => match type_constant(&path.join(".")) {
                    Some(ty) => (Static::Type(Box::new(ty)), names.len()),
                    None => return self.refuse(fault),
                },
            },
        };
        let mut ty = ty;
        for name in &names[taken..] {
            ty = self.field(&ty, &name.text, false, name.span.clone())?;
        }
        Some(Typed::new(NodeKind::Path(names.to_vec()), span, ty))
    }

    fn list(&mut self, nodes: &[Node], span: Range<usize>) -> Found {
        let mut checked = Vec::with_capacity(nodes.len());
        let mut of: Option<Static> = None;
        for node in nodes {
            let Some((node, ty)) = self.list_element(node) else { continue };
            of = Some(match of {
                None => ty,
                Some(before) => self.types.joined(&before, &ty).unwrap_or(Static::Dyn),
            });
            checked.push(node);
        }
        if checked.len() < nodes.len() {
            return None;
        }
        let of = of.unwrap_or_else(|| self.types.fresh());
        Some(Typed::new(NodeKind::List(checked), span, Static::List(Box::new(of))))
    }

    fn list_element(&mut self, node: &Node) -> Option<(Node, Static)> {
        let NodeKind::Optional(inner) = &node.kind else {
            return self.node(node).map(|element| (element.node, element.ty));
        };
        let inner = self.node(inner)?;
        let ty = self.inside_optional(&inner)?;
        Some((Node { kind: NodeKind::Optional(inner.boxed()), span: node.span.clone() }, ty))
    }

    /// The type of an optional's value, for `?x` in a list and `?k: x` in a map.
    fn inside_optional(&mut self, typed: &Typed) -> Option<Static> {
        match self.types.resolved(&typed.ty) {
            Static::Optional(inner) => Some(*inner),
            Static::Dyn => Some(Static::Dyn),
            ty => {
                let fault = Diagnostic::new(
                    "wrong_type",
                    typed.node.span.clone(),
                    format!("behind `?` stands an optional, but this is {ty}"),
                );
                self.refuse(fault.with_help("leave the `?` out, or write `optional.of(x)`"))
            }
        }
    }

    fn map(&mut self, entries: &[Entry], span: Range<usize>) -> Found {
        let mut checked = Vec::with_capacity(entries.len());
        let mut of: Option<(Static, Static)> = None;
        for entry in entries {
            let Some((entry, key, value)) = self.map_entry(entry) else { continue };
            of = Some(match of {
                None => (key, value),
                Some((k, v)) => {
                    let k = self.types.joined(&k, &key).unwrap_or(Static::Dyn);
                    (k, self.types.joined(&v, &value).unwrap_or(Static::Dyn))
                }
            });
            checked.push(entry);
        }
        if checked.len() < entries.len() {
            return None;
        }
        let (key, value) = of.unwrap_or_else(|| (self.types.fresh(), self.types.fresh()));
        Some(Typed::new(NodeKind::Map(checked), span, Static::Map(Box::new(key), Box::new(value))))
    }

    fn map_entry(&mut self, entry: &Entry) -> Option<(Entry, Static, Static)> {
        let (key, value) = (self.node(&entry.key), self.node(&entry.value));
        let (key, value) = (key?, value?);
        let key_type = self.types.resolved(&key.ty);
        if !matches!(key_type, Static::Bool | Static::Int | Static::Uint | Static::Str | Static::Dyn) {
            let message = format!("a key of a map is a bool, an int, a uint or a string, but this is {key_type}");
            return self.wrong_type(key.node.span, message, "write keys such as `{\"a\": 1}`");
        }
        let value_type = if entry.optional { self.inside_optional(&value)? } else { value.ty.clone() };
        Some((Entry { key: key.node, value: value.node, optional: entry.optional }, key.ty, value_type))
    }
}

fn literal_type(literal: &Literal) -> Static {
    match literal {
        Literal::Null => Static::Null,
        Literal::Bool(_) => Static::Bool,
        Literal::Int(_) => Static::Int,
        Literal::Uint(_) => Static::Uint,
        Literal::Float(_) => Static::Float,
        Literal::Str(_) | Literal::Symbol(_) => Static::Str,
        Literal::Bytes(_) => Static::Bytes,
        Literal::Span(_) => Static::Span,
    }
}

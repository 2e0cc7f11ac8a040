//! The reference: walks the syntax tree over [`Datum`]s. Slow and obvious; what it says is what the language means, and the compiled
//! evaluators are held against it.

mod equality;
mod field;
mod macros;
mod operators;
mod optional;
mod row;

use crate::ast::{BinaryOp, Literal, Name, Node, NodeKind, UnaryOp};
use crate::{Datum, Fault, functions};
use domain::Type;
use domain::limits::{EXPRESSION_STEPS_MAX, EXPRESSION_VALUE_MAX};

pub(crate) use row::{Row, value_of};

/// Nanoseconds of a millisecond, the unit of times in slots.
pub(crate) const MILLISECOND: i128 = 1_000_000;

/// What names mean to the interpreter.
pub trait Names {
    /// The value of the longest known beginning of a path, and how many of its names that takes.
    ///
    /// # Errors
    /// No beginning of it is known, or it has no value.
    fn path(&self, path: &[Name]) -> Result<(Datum, usize), Fault>;

    /// The value of a call that the surroundings know; `None` for others.
    fn call(&self, _name: &str, _args: &[Node]) -> Option<Result<Datum, Fault>> {
        None
    }

    /// The value of a slot that the checker put for a path or a call.
    ///
    /// # Errors
    /// It has no value.
    fn slot(&self, _slot: u16, _ty: &Type) -> Result<Datum, Fault> {
        Err(Fault::Missing)
    }
}

/// The value of an expression, or why it has none.
///
/// # Errors
/// See [`Fault`]; `Fault::Limit` where it takes over `EXPRESSION_STEPS_MAX` steps.
pub fn interpret(node: &Node, names: &dyn Names) -> Result<Datum, Fault> {
    Interpreter { names, locals: Vec::new(), budget: Budget(EXPRESSION_STEPS_MAX) }.node(node)
}

/// Steps that are left.
struct Budget(u64);

impl Budget {
    fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        match self.0.checked_sub(steps as u64) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(Fault::Limit)
            }
        }
    }

    /// Pays for a value of this size (bytes, elements).
    fn make(&mut self, size: usize) -> Result<(), Fault> {
        if size > EXPRESSION_VALUE_MAX {
            return Err(Fault::Limit);
        }
        self.spend(size / 16)
    }
}

struct Interpreter<'n> {
    names: &'n dyn Names,
    /// Names that macros bind, the innermost last.
    locals: Vec<(&'n str, Datum)>,
    budget: Budget,
}

/// What a node gives.
type Given = Result<Datum, Fault>;

impl<'n> Interpreter<'n> {
    fn node(&mut self, node: &'n Node) -> Given {
        self.budget.spend(1)?;
        match &node.kind {
            NodeKind::Literal(literal) => Ok(constant(literal)),
            NodeKind::Path(names) => self.path(names),
            NodeKind::Slot(slot, ty) => self.names.slot(*slot, ty),
            NodeKind::Promoted(inner) => self.node(inner).map(promoted),
            NodeKind::Matches { text, pattern } => match self.node(text)? {
                Datum::Str(text) => {
                    self.budget.spend(text.len() / 16)?;
                    pattern.matches(&text).map(Datum::Bool)
                }
                _ => Err(Fault::NoOverload),
            },
            NodeKind::Call { name, args } => self.call(name, args),
            NodeKind::Method { receiver, name, args } => self.method(receiver, name, args),
            NodeKind::Select { operand, field, optional } => {
                let operand = self.node(operand)?;
                field::select(&operand, &field.text, *optional)
            }
            NodeKind::Index { operand, index, optional } => {
                let operand = self.node(operand)?;
                let index = self.node(index)?;
                field::index(&operand, &index, *optional, &mut self.budget)
            }
            NodeKind::Macro(of) => self.expand(of),
            NodeKind::Unary { op, operand } => self.unary(*op, operand),
            NodeKind::Binary { op, left, right } => self.binary(*op, left, right),
            NodeKind::Conditional { condition, then, otherwise } => match self.node(condition)? {
                Datum::Bool(true) => self.node(then),
                Datum::Bool(false) => self.node(otherwise),
                _ => Err(Fault::NoOverload),
            },
            NodeKind::List(nodes) => self.list(nodes),
            NodeKind::Map(entries) => self.map(entries),
            NodeKind::Optional(_) => Err(Fault::NoOverload),
        }
    }

    fn unary(&mut self, op: UnaryOp, operand: &'n Node) -> Given {
        match (op, self.node(operand)?) {
            (UnaryOp::Not, Datum::Bool(bool)) => Ok(Datum::Bool(!bool)),
            (UnaryOp::Not, _) => Err(Fault::NoOverload),
            (UnaryOp::Negate, value) => operators::negated(value),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &'n Node, right: &'n Node) -> Given {
        match op {
            BinaryOp::And => self.logic(false, left, right),
            BinaryOp::Or => self.logic(true, left, right),
            _ => {
                let (left, right) = (self.node(left)?, self.node(right)?);
                operators::binary(op, &left, &right, &mut self.budget)
            }
        }
    }

    /// `&&` where `decisive` is false, `||` where it is true: one decisive operand decides, whatever the other is.
    fn logic(&mut self, decisive: bool, left: &'n Node, right: &'n Node) -> Given {
        let left = self.condition(left);
        if left == Ok(decisive) {
            return Ok(Datum::Bool(decisive));
        }
        let right = self.condition(right);
        if right == Ok(decisive) {
            return Ok(Datum::Bool(decisive));
        }
        left.and(right).map(Datum::Bool)
    }

    fn condition(&mut self, node: &'n Node) -> Result<bool, Fault> {
        match self.node(node)? {
            Datum::Bool(bool) => Ok(bool),
            _ => Err(Fault::NoOverload),
        }
    }

    fn local(&self, name: &str) -> Option<&Datum> {
        self.locals.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A name that a macro binds, else one of the surroundings, else a constant such as `int`; and the fields behind it.
    fn path(&mut self, names: &'n [Name]) -> Given {
        let (value, rest) = self.root(names)?;
        rest.iter().try_fold(value, |value, name| field::select(&value, &name.text, false))
    }

    fn root(&self, names: &'n [Name]) -> Result<(Datum, &'n [Name]), Fault> {
        if let Some(value) = self.local(&names[0].text) {
            return Ok((value.clone(), &names[1..]));
        }
        match self.names.path(names) {
            Ok((value, taken)) => Ok((value, &names[taken..])),
            Err(fault) => {
                let whole: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
                functions::constant(&whole.join(".")).map(|value| (value, &names[names.len()..])).ok_or(fault)
            }
        }
    }

    fn call(&mut self, name: &'n Name, args: &'n [Node]) -> Given {
        if let Some(given) = self.names.call(&name.text, args) {
            return given;
        }
        match (name.text.as_str(), args) {
            ("has", [arg]) => return self.has(arg).map(Datum::Bool),
            ("default", [x, y]) => {
                return match self.node(x) {
                    Ok(value) if !is_absent(&value) => Ok(value),
                    _ => self.node(y),
                };
            }
            ("dyn", [x]) => return self.node(x),
            _ => {}
        }
        let values = self.nodes(args)?;
        self.function(&name.text, None, &values)
    }

    fn method(&mut self, receiver: &'n Node, name: &'n Name, args: &'n [Node]) -> Given {
        if let Some(namespace) = receiver.as_name().filter(|name| self.local(name).is_none()) {
            let whole = format!("{namespace}.{}", name.text);
            if namespace == "optional" {
                let values = self.nodes(args)?;
                return optional::made(&name.text, &values);
            }
            if crate::check::is_function(&whole) {
                let values = self.nodes(args)?;
                return self.function(&whole, None, &values);
            }
        }
        let receiver = self.node(receiver)?;
        if let Datum::Optional(inner) = &receiver {
            return self.of_optional(inner.as_deref(), &name.text, args);
        }
        let values = self.nodes(args)?;
        self.function(&name.text, Some(&receiver), &values)
    }

    /// A function of the library, paid for by the size of what it takes and gives.
    fn function(&mut self, name: &str, receiver: Option<&Datum>, args: &[Datum]) -> Given {
        for value in receiver.into_iter().chain(args) {
            self.budget.spend(size(value) / 16)?;
        }
        let given = functions::call(name, receiver, args)?;
        self.budget.make(size(&given))?;
        Ok(given)
    }

    fn nodes(&mut self, nodes: &'n [Node]) -> Result<Vec<Datum>, Fault> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn list(&mut self, nodes: &'n [Node]) -> Given {
        let mut elements = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                NodeKind::Optional(inner) => elements.extend(self.optional(inner)?),
                _ => elements.push(self.node(node)?),
            }
        }
        Ok(Datum::List(elements.into()))
    }

    fn map(&mut self, entries: &'n [crate::ast::Entry]) -> Given {
        let mut made: Vec<(Datum, Datum)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = self.node(&entry.key)?;
            let value = match entry.optional {
                true => self.optional(&entry.value)?,
                false => Some(self.node(&entry.value)?),
            };
            if let Some(value) = value {
                field::insert(&mut made, key, value, &mut self.budget)?;
            }
        }
        Ok(Datum::Map(made.into()))
    }

    /// The value of an optional element or entry.
    fn optional(&mut self, node: &'n Node) -> Result<Option<Datum>, Fault> {
        match self.node(node)? {
            Datum::Optional(inner) => Ok(inner.map(|inner| (*inner).clone())),
            _ => Err(Fault::NoOverload),
        }
    }
}

/// The value of a literal.
pub(crate) fn constant(literal: &Literal) -> Datum {
    match literal {
        Literal::Null => Datum::Null,
        Literal::Bool(bool) => Datum::Bool(*bool),
        Literal::Int(int) => Datum::Int(*int),
        Literal::Uint(uint) => Datum::Uint(*uint),
        Literal::Float(float) => Datum::Float(*float),
        Literal::Str(text) => Datum::Str(text.clone()),
        Literal::Symbol(symbol) => Datum::Symbol(*symbol),
        Literal::Bytes(bytes) => Datum::Bytes(bytes.clone()),
        Literal::Span(span) => Datum::Span(i128::from(span.0) * MILLISECOND),
    }
}

fn promoted(value: Datum) -> Datum {
    match value {
        Datum::Int(int) => Datum::Float(int as f64),
        value => value,
    }
}

/// Whether a value counts as missing where that is asked: a NaN does.
fn is_absent(value: &Datum) -> bool {
    matches!(value, Datum::Float(float) if float.is_nan())
}

/// Bytes of a text, elements of a list or map.
fn size(value: &Datum) -> usize {
    match value {
        Datum::Str(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len(),
        Datum::List(list) => list.len(),
        Datum::Map(map) => map.len(),
        _ => 1,
    }
}

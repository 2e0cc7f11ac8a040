//! Programs that the interpreter runs: what is well typed but has no closure.

use crate::check::{Checked, Environment, Meaning, Static, check};
use crate::form::{Form, Scalar};
use crate::interpreter::{MILLISECOND, Row, value_of};
use crate::typed::Typed;
use crate::{Datum, Diagnostic, Literal, Node, NodeKind, Program, Scope, Texts, interpret};
use domain::limits::STRING_BYTES_MAX;
use domain::{Span, Time, Type, Value};
use std::ops::Range;
use std::sync::Arc;

/// A program of a checked expression, whatever is in it.
///
/// # Errors
/// `unsupported_result`: no slot holds values of its type.
pub(super) fn interpreted(text: &str, checked: Checked, scope: &mut dyn Scope) -> Result<Program, Vec<Diagnostic>> {
    let Checked { mut node, ty, slots, texts } = checked;
    let Some(of) = ty.slot_type().filter(|ty| !matches!(ty, Type::List(_))) else {
        let message = format!("a result is a bool, a string, a number, a timestamp or a duration, but this is {ty}");
        return Err(vec![Diagnostic::new("unsupported_result", node.span, message).with_help(help(&ty))]);
    };
    if !texts {
        by_symbol(&mut node, scope);
    }
    if !(texts && (ty == Static::Str || reads_strings(&node))) {
        return Ok(Program::new(text, of, slots, Arc::new(move |row: &[Value]| without_texts(&node, row))));
    }
    let run = move |row: &[Value], texts: &dyn Texts| match interpret(&node, &Row { values: row, texts: Some(texts) }) {
        Ok(Datum::Str(text)) => symbol(&text, texts),
        given => given.map_or(Value::Missing, value_of),
    };
    Ok(Program::with_texts(text, of, slots, Arc::new(run)))
}

/// The symbol of a string that was computed. One that is longer than fields may be is a missing value, as it would be anywhere else.
fn symbol(text: &str, texts: &dyn Texts) -> Value {
    let symbol = (text.len() <= STRING_BYTES_MAX).then(|| texts.symbol(text)).flatten();
    symbol.map_or(Value::Missing, Value::Str)
}

/// Puts symbols in the place of strings, which are only compared.
fn by_symbol(node: &mut Node, scope: &mut dyn Scope) {
    if let NodeKind::Literal(Literal::Str(text)) = &node.kind {
        node.kind = NodeKind::Literal(Literal::Symbol(scope.constant(text)));
    }
    node.children_mut().into_iter().for_each(|child| by_symbol(child, scope));
}

/// A part of an expression as a form, if slots can hold its value and it needs no texts. `node` is checked.
pub(super) fn interpreted_part(node: &Node, scope: &mut dyn Scope) -> Option<Typed> {
    let Checked { mut node, ty, slots, texts } = check(node, &mut Nothing).ok()?;
    if texts && reads_strings(&node) {
        return None;
    }
    if !texts {
        by_symbol(&mut node, scope);
    }
    if slots.is_empty() {
        return known(&node, ty);
    }
    let slots: Arc<[u16]> = slots.into();
    Some(match ty {
        Static::Bool => Typed::Bool(form(node, slots)),
        Static::Int => Typed::Int(form(node, slots)),
        Static::Float => Typed::Float(form(node, slots)),
        Static::Entity(of) => Typed::Entity(of, form(node, slots)),
        // Inside an expression a time may lie between two milliseconds, which slots do not hold.
        _ => return None,
    })
}

fn form<T: Scalar>(node: Node, slots: Arc<[u16]>) -> Form<T> {
    Form::Rows(Arc::new(move |row: &[Value]| T::of(&inside(&node, row))), slots)
}

/// What reads no slot, computed now.
fn known(node: &Node, ty: Static) -> Option<Typed> {
    let value = inside(node, &[]);
    Some(match ty {
        Static::Bool => Typed::Bool(Form::Fixed(bool::of(&value))),
        Static::Int => Typed::Int(Form::Fixed(i64::of(&value))),
        Static::Float => Typed::Float(Form::Fixed(f64::of(&value))),
        Static::Time => Typed::Time(Form::Fixed(Some(Time::of(&value)?))),
        Static::Span => Typed::Span(Form::Fixed(Some(Span::of(&value)?))),
        _ => return None,
    })
}

/// The value of a part: a NaN is one, and times are those that slots hold.
fn inside(node: &Node, row: &[Value]) -> Value {
    match interpret(node, &Row { values: row, texts: None }) {
        Ok(Datum::Float(float)) => Value::Float(float),
        Ok(Datum::Time(ns) | Datum::Span(ns)) if ns % MILLISECOND != 0 => Value::Missing,
        given => given.map_or(Value::Missing, value_of),
    }
}

fn without_texts(node: &Node, row: &[Value]) -> Value {
    interpret(node, &Row { values: row, texts: None }).map_or_else(|_| Value::Missing, value_of)
}

/// Surroundings of what was checked already: no names are left but those of types.
struct Nothing;

impl Environment for Nothing {
    fn path(&mut self, _path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic> {
        Err(Diagnostic::new("unknown_name", span, "there are no names left in what was checked"))
    }

    fn call(&mut self, _name: &str, _args: &[Node], _span: Range<usize>) -> Option<Result<Meaning, Diagnostic>> {
        None
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

fn help(ty: &Static) -> &'static str {
    match ty {
        Static::Dyn | Static::Var(_) => "say what it is: `int(x)`, `double(x)`, `bool(x)`",
        Static::List(_) | Static::Map(..) => "ask something of it: `x.exists(e, ...)`, `size(x)`, `k in x`",
        Static::Optional(_) => "write `x.orValue(y)`",
        Static::Uint => "write `int(x)`",
        _ => "compare it with something",
    }
}

/// Whether it reads strings of slots, which are symbols there.
fn reads_strings(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Slot(_, ty) => ty.has_strings(),
        _ => node.children().into_iter().any(reads_strings),
    }
}

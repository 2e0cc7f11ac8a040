//! Programs that the interpreter runs: what is well typed but has no closure.

use crate::check::{Checked, Static};
use crate::interpreter::{Row, value_of};
use crate::{Diagnostic, Node, NodeKind, Program, interpret};
use domain::Type;
use std::sync::Arc;

/// A program of a checked expression, whatever is in it.
///
/// # Errors
/// `unsupported_result`: no slot holds values of its type.
pub(super) fn interpreted(text: &str, checked: Checked) -> Result<Program, Vec<Diagnostic>> {
    let Checked { node, ty, slots } = checked;
    let Some(of) = result_type(&ty) else {
        let message = format!("the result is a bool, a number, a timestamp or a duration here, but this is {ty}");
        return Err(vec![Diagnostic::new("unsupported_result", node.span, message).with_help(help(&ty))]);
    };
    if !reads_texts(&node) {
        let run = move |row: &[_]| {
            interpret(&node, &Row { values: row, texts: None }).map_or_else(|_| Default::default(), value_of)
        };
        return Ok(Program::new(text, of, slots, Arc::new(run)));
    }
    let run = move |row: &[_], texts: &dyn crate::Texts| {
        interpret(&node, &Row { values: row, texts: Some(texts) }).map_or_else(|_| Default::default(), value_of)
    };
    Ok(Program::with_texts(text, of, slots, Arc::new(run)))
}

/// The type of the program's value. A string that was computed has no symbol, so none is a result.
fn result_type(ty: &Static) -> Option<Type> {
    ty.slot_type().filter(|ty| !matches!(ty, Type::Str | Type::List(_)))
}

fn help(ty: &Static) -> &'static str {
    match ty {
        Static::Dyn | Static::Var(_) => "say what it is: `int(x)`, `double(x)`, `bool(x)`",
        Static::Str => "compare it: `x == \"a\"`; a string that is computed cannot be kept",
        Static::List(_) | Static::Map(..) => "ask something of it: `x.exists(e, ...)`, `size(x)`, `k in x`",
        Static::Optional(_) => "write `x.orValue(y)`",
        Static::Uint => "write `int(x)`",
        _ => "compare it with something",
    }
}

/// Whether it reads strings of slots, which are symbols there.
fn reads_texts(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Slot(_, ty) => of_texts(ty),
        _ => node.children().into_iter().any(reads_texts),
    }
}

fn of_texts(ty: &Type) -> bool {
    match ty {
        Type::Str => true,
        Type::List(of) => of_texts(of),
        _ => false,
    }
}

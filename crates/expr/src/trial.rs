//! An expression that is tried once: checked against a scope's slots and walked by the interpreter, so that a value of any type can be
//! shown, and why there is none.

use crate::check::Slots;
use crate::interpreter::Row;
use crate::{Checked, Datum, Diagnostic, Fault, Node, Scope, Texts, check, interpret};
use domain::Value;

/// The types of an expression whose names are slots, without a program made of it.
///
/// # Errors
/// All that is wrong with it, in the order of the text; what the scope refuses is passed on as it is.
pub fn check_slots(node: &Node, scope: &mut dyn Scope) -> Result<Checked, Vec<Diagnostic>> {
    check(node, &mut Slots(scope))
}

/// The value of what [`check_slots`] gave, for this row.
///
/// # Errors
/// See [`Fault`].
pub fn evaluate(checked: &Checked, row: &[Value], texts: &dyn Texts) -> Result<Datum, Fault> {
    interpret(&checked.node, &Row { values: row, texts: Some(texts) })
}

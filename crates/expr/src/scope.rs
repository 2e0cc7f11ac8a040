//! What names mean: the compiler asks its caller, who knows the entities, fields, features and aggregates.

use crate::{Diagnostic, Node};
use domain::{Symbol, Type};
use std::ops::Range;

/// The names that an expression may use.
pub trait Scope {
    /// The slot and type of a path such as `item.price` (`["item", "price"]`).
    ///
    /// # Errors
    /// The path is not known here; `span` is where it stands.
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic>;

    /// The slot and type of a call that the scope itself understands (an aggregate, with its arguments not yet
    /// checked by anyone). `None` if it does not: then the call is a built-in function or an unknown one.
    /// `span` is the whole call.
    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>>;

    /// The symbol of a string constant.
    fn constant(&mut self, text: &str) -> Symbol;

    /// Names that `call` understands, for "did you mean".
    fn known_calls(&self) -> Vec<&str>;
}

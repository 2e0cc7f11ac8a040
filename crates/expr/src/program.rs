//! A compiled expression: a closure over a row of slots.

use domain::{Type, Value};
use std::fmt;
use std::sync::Arc;

/// A checked, compiled expression. It reads slots of the row by index; the plan says what each slot holds.
#[derive(Clone)]
pub struct Program {
    text: Arc<str>,
    ty: Type,
    slots: Arc<[u16]>,
    run: Arc<dyn Fn(&[Value]) -> Value + Send + Sync>,
}

impl Program {
    /// Joins the parts that the compiler made.
    pub fn new(
        text: impl Into<Arc<str>>,
        ty: Type,
        slots: Vec<u16>,
        run: Arc<dyn Fn(&[Value]) -> Value + Send + Sync>,
    ) -> Program {
        Program { text: text.into(), ty, slots: slots.into(), run }
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its static type.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The slots it reads, ascending, each once.
    pub fn slots(&self) -> &[u16] {
        &self.slots
    }

    /// Its value for this row; an error inside (overflow, division by zero) is `Missing`.
    pub fn eval(&self, row: &[Value]) -> Value {
        (self.run)(row)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({})", self.text)
    }
}

//! Parts of conditions that are no tests of slots, to be asked of rows by themselves: many rules ask the same one.

use crate::closure::Operand;
use crate::form::{Form, Shared};
use domain::Value;
use std::fmt;
use std::sync::Arc;

/// A part of a condition. Equal ones hold for the same rows.
#[derive(Clone)]
pub struct Residue {
    /// The structure of what is computed, and what it must give.
    key: Arc<str>,
    run: Shared<bool>,
    wanted: bool,
}

impl Residue {
    /// That a form gives this bool.
    pub(super) fn new(form: &Form<bool>, wanted: bool) -> Residue {
        Residue { key: format!("{wanted}: {form:?}").into(), run: Operand::of(form).run().into(), wanted }
    }

    /// Whether it holds for a row; a missing value does not.
    #[inline]
    pub fn holds(&self, row: &[Value]) -> bool {
        (self.run)(row) == Some(self.wanted)
    }

    /// Stands for it: equal for equal ones, and no others.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }
}

impl PartialEq for Residue {
    fn eq(&self, other: &Residue) -> bool {
        self.key == other.key
    }
}

impl fmt::Debug for Residue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Residue({})", self.key)
    }
}

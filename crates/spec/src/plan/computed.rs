//! What is worked out of events beside their fields, and the texts that a plan knows itself.

use super::Plan;
use domain::Symbol;
use expr::Program;
use std::sync::Arc;

/// What an event's filters and values read beside its fields. Each reads fields and earlier ones only.
#[derive(Clone, Debug)]
pub enum Computed {
    /// An attribute of the entity in a role, as the catalogue has it at the event's position.
    Attribute {
        /// Index into `EventType::roles`.
        role: u8,
        /// Index into the fields of the role's entity type.
        field: u16,
    },
    /// An expression that needs the texts of strings. A string that it gives is a string like those that events bring.
    Program(Program),
}

/// Its constants: the strings that are known before the log has any.
impl expr::Texts for Plan {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        let at = self.symbols.iter().position(|known| *known == symbol);
        at.map(|at| Arc::from(self.constants[at].as_str()))
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        self.constants.iter().position(|known| known == text).map(|at| self.symbols[at])
    }
}

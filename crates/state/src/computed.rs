//! What is worked out of an event beside its fields: attributes of its entities, and expressions over texts, whose results are named
//! like the strings that events bring. In log order, so that every replay names them alike.

use crate::catalogue::Catalogue;
use crate::dictionary::Dictionary;
use domain::{EntityId, Symbol, Value};
use spec::plan::{Computed, EventType};
use std::cell::RefCell;
use std::sync::Arc;

/// The dictionary, giving numbers to strings that are computed.
struct Naming<'d>(RefCell<&'d mut Dictionary>);

impl expr::Texts for Naming<'_> {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        expr::Texts::text(&**self.0.borrow(), symbol)
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        Some(self.0.borrow_mut().intern_symbol(text))
    }
}

/// An event's fields, and behind them what its type has computed.
pub(crate) fn with_computed(
    ty: &EventType,
    fields: Vec<Value>,
    entities: &[EntityId],
    dictionary: &mut Dictionary,
    catalogue: &Catalogue,
) -> Box<[Value]> {
    let mut values = fields;
    values.reserve_exact(ty.computed.len());
    let texts = Naming(RefCell::new(dictionary));
    for computed in &ty.computed {
        let value = match computed {
            Computed::Attribute { role, field } => {
                let role = usize::from(*role);
                catalogue.attribute(ty.roles[role].entity, entities[role], *field)
            }
            Computed::Program(program) => program.eval_with(&values, &texts),
        };
        values.push(value);
    }
    values.into_boxed_slice()
}

/// How many strings an event may bring beside those in its fields, at most.
pub(crate) fn names_of_computed(ty: &EventType) -> usize {
    let named =
        |computed: &&Computed| matches!(computed, Computed::Program(program) if *program.ty() == domain::Type::Str);
    ty.computed.iter().filter(named).count()
}

//! What filters and values of aggregates read beside an event's fields: attributes of its entities, and expressions over texts. Both
//! are worked out once, where names become numbers, and stand behind the fields.

use super::Builder;
use super::scope::{Found, Place, Scope, cascade, near};
use super::stream::canonical;
use crate::diagnostic::quoted;
use crate::plan::Computed;
use domain::{Type, limits};
use expr::{Diagnostic, Node, Program};
use std::ops::Range;

impl Scope<'_, '_, '_> {
    /// Compiles another part of the expression with an event's fields as names. Where it needs texts it is computed with the event, and
    /// what this gives reads the result.
    pub(super) fn over_event(&mut self, event: u16, node: &Node) -> Result<Program, Diagnostic> {
        let mut inner =
            Scope { builder: &mut *self.builder, ast: self.ast, place: Place::Event { event }, more: Vec::new() };
        match expr::compile(self.ast, node, &mut inner) {
            Ok(program) if program.needs_texts() => self.computed_program(event, program, &node.span),
            Ok(program) => Ok(program),
            Err(mut diagnostics) => {
                let first = if diagnostics.is_empty() { cascade(&node.span) } else { diagnostics.remove(0) };
                self.more.append(&mut diagnostics);
                Err(first)
            }
        }
    }

    /// A program that reads what this one gives, which is computed with the event.
    pub(super) fn computed_program(
        &mut self,
        event: u16,
        program: Program,
        span: &Range<usize>,
    ) -> Result<Program, Diagnostic> {
        let (text, ty) = (program.text().to_owned(), program.ty().clone());
        let slot = self.builder.computed(event, Computed::Program(program), span)?;
        Ok(Program::slot(text, ty, slot))
    }

    pub(super) fn event_path(&mut self, event: u16, path: &[&str], span: Range<usize>) -> Found {
        let of = &self.builder.events[usize::from(event)];
        let [name] = path else { return self.attribute_of_role(event, path, span) };
        match of.fields.iter().position(|field| field.name == *name) {
            Some(index) => Ok((index as u16, of.fields[index].ty.clone())),
            None if self.builder.is_broken("event", &[&of.name, name]) => Err(cascade(&span)),
            None => {
                let message = format!("{} is not a field of the event `{}`", quoted(name), of.name);
                Err(near("unknown_name", span, message, name, of.fields.iter().map(|field| field.name.as_str())))
            }
        }
    }

    /// `item.title`: an attribute of an entity that the event names, as it is when the event comes.
    fn attribute_of_role(&mut self, event: u16, path: &[&str], span: Range<usize>) -> Found {
        let of = &self.builder.events[usize::from(event)];
        let role = of.roles.iter().position(|role| role.name == path[0]);
        let (Some(role), [_, attribute]) = (role, path) else {
            let message = format!("{} is not a field of `{}`", quoted(&path.join(".")), of.name);
            let help = "filters and values of an aggregate read the event's own fields, and attributes of its entities (`item.price`)";
            return Err(Diagnostic::new("unknown_name", span, message).with_help(help));
        };
        let entity = of.roles[role].entity;
        let declared = &self.builder.entities[usize::from(entity)];
        let Some(field) = self.builder.field(entity, attribute) else {
            if self.builder.is_broken("entity", &[&declared.name, attribute]) {
                return Err(cascade(&span));
            }
            let message = format!("{} is not an attribute of `{}`", quoted(attribute), declared.name);
            let known = declared.fields.iter().map(|field| field.name.as_str());
            return Err(near("unknown_name", span, message, attribute, known));
        };
        let ty: Type = declared.fields[usize::from(field)].ty.clone();
        Ok((self.builder.computed(event, Computed::Attribute { role: role as u8, field }, &span)?, ty))
    }
}

impl Builder<'_> {
    /// Whether a program over an event does nothing but to read what an expression over texts gives.
    pub(super) fn is_computed(&self, event: u16, program: &Program) -> bool {
        let of = &self.events[usize::from(event)];
        let behind = |slot: &u16| usize::from(*slot).checked_sub(of.fields.len());
        let computed = program.slots().first().and_then(behind).and_then(|index| of.computed.get(index));
        matches!(computed, Some(Computed::Program(known)) if program.slots().len() == 1 && known.text() == program.text())
    }

    /// The slot behind the event's fields that holds this.
    fn computed(&mut self, event: u16, wanted: Computed, span: &Range<usize>) -> Result<u16, Diagnostic> {
        let of = &mut self.events[usize::from(event)];
        let index = of.computed.iter().position(|known| same(known, &wanted)).unwrap_or(of.computed.len());
        if index >= limits::EVENT_COMPUTED_MAX {
            let message = format!(
                "features read more than {} attributes and texts of the event `{}`",
                limits::EVENT_COMPUTED_MAX,
                of.name
            );
            return Err(Diagnostic::new("over_budget", span.clone(), message).with_help("remove features"));
        }
        if index == of.computed.len() {
            of.computed.push(wanted);
        }
        Ok((of.fields.len() + index) as u16)
    }
}

/// Whether two are the same: expressions over one event are if their texts are.
fn same(a: &Computed, b: &Computed) -> bool {
    match (a, b) {
        (Computed::Attribute { role, field }, Computed::Attribute { role: other, field: of }) => {
            (role, field) == (other, of)
        }
        (Computed::Program(a), Computed::Program(b)) => canonical(a.text()) == canonical(b.text()),
        _ => false,
    }
}

//! Features as facts: a feature's expression is compiled once more, over the decision's facts, for the row of the entity in a role.

use super::facts::{FactKey, Reading};
use super::scope::DecisionScope;
use crate::build::scope::{Found, Place, Scope, cascade, is_aggregate, paths};
use crate::build::{ITEM, Outcome};
use crate::diagnostic::quoted;
use crate::plan::{Cross, FactSource, SlotSource};
use domain::{Type, Value};
use expr::{Ast, Diagnostic, Node, NodeKind, Program};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

impl DecisionScope<'_, '_> {
    /// The fact of a declared feature of the entity in a role. What it reads comes before it.
    pub(super) fn feature(&mut self, declared: usize, role: u8, before: bool, span: &Range<usize>) -> Found {
        let reading = self.reading(self.builder.table_of(declared), role, before, span)?;
        let mut open = vec![(declared, reading)];
        while let Some(&(declared, reading)) = open.last() {
            if self.facts.feature(declared, reading).is_some() {
                open.pop();
                continue;
            }
            let Some(ast) = self.ast_of(declared) else { return Err(cascade(span)) };
            if let Some(ty) = self.unfilled(declared) {
                self.missing(declared, reading, ty, span)?;
                continue;
            }
            let unread = self.unread(&ast, reading);
            if unread.is_empty() {
                self.derive(declared, reading, &ast, span)?;
            } else {
                open.extend(unread);
            }
        }
        let fact = self.facts.feature(declared, reading).ok_or_else(|| cascade(span))?;
        Ok((fact, self.facts.list[usize::from(fact)].ty.clone()))
    }

    /// The expression of a feature without mistakes.
    fn ast_of(&self, declared: usize) -> Option<Rc<Ast>> {
        let done = matches!(self.builder.outcomes[declared], Outcome::Done { .. });
        self.builder.asts[declared].clone().filter(|_| done)
    }

    /// The type of a feature that has no state yet, under an interim plan.
    fn unfilled(&self, declared: usize) -> Option<Type> {
        let Outcome::Done { index, .. } = self.builder.outcomes[declared] else { return None };
        let slot = &self.builder.slots[usize::from(self.builder.features[usize::from(index)].slot)];
        (slot.source == SlotSource::Unfilled).then(|| slot.ty.clone())
    }

    /// Makes the fact of such a feature.
    fn missing(&mut self, declared: usize, reading: Reading, ty: Type, span: &Range<usize>) -> Result<(), Diagnostic> {
        let name = self.feature_name(declared, reading);
        let never = Program::new("unfilled", ty, Vec::new(), Arc::new(|_: &[Value]| Value::Missing));
        match self.facts.add_feature((declared, reading), never, name) {
            Some(_) => Ok(()),
            None => Err(self.too_many(span)),
        }
    }

    /// How a table is read for the entity in a role.
    fn reading(&self, table: u16, role: u8, before: bool, span: &Range<usize>) -> Result<Reading, Diagnostic> {
        let of = &self.builder.tables[usize::from(table)];
        let event = &self.builder.events[usize::from(self.facts.event)];
        let second = match of.cross {
            None => return Ok(Reading { table, role, second: None, before }),
            Some(Cross::ItemField(_)) => ITEM,
            Some(Cross::Entity(entity)) => entity,
        };
        if let Some(second) = event.roles.iter().position(|role| role.entity == second) {
            return Ok(Reading { table, role, second: Some(second as u8), before });
        }
        let missing = &self.builder.entities[usize::from(second)].name;
        let message =
            format!("a row of `{}` is of one `{missing}`, and the event `{}` names none", of.name, event.name);
        let help = format!(
            "add the role `{missing}: {missing}` to the event, or read a feature of `{}`",
            self.role_name(role)
        );
        Err(Diagnostic::new("missing_role", span.clone(), message).with_help(help))
    }

    /// How a feature inside another one is read.
    fn reading_within(&self, within: Reading, declared: usize) -> Reading {
        let table = self.builder.table_of(declared);
        if table == within.table {
            return within;
        }
        let (of, own) = (&self.builder.tables[usize::from(table)], &self.builder.tables[usize::from(within.table)]);
        let role = if of.entity == own.entity { within.role } else { within.second.unwrap_or(within.role) };
        Reading { table, role, second: None, ..within }
    }

    /// The features that an expression reads and that are no facts yet.
    fn unread(&self, ast: &Ast, reading: Reading) -> Vec<(usize, Reading)> {
        let mut found = Vec::new();
        paths(self.builder, ast.root(), &mut found);
        let reads = found.iter().filter_map(|names| {
            let names: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
            let declared = self.builder.feature_of(reading.table, &names)?;
            Some((declared, self.reading_within(reading, declared)))
        });
        reads.filter(|(declared, reading)| self.facts.feature(*declared, *reading).is_none()).collect()
    }

    /// Makes the fact of a feature of which all that it reads is there.
    fn derive(&mut self, declared: usize, reading: Reading, ast: &Ast, span: &Range<usize>) -> Result<(), Diagnostic> {
        let name = self.feature_name(declared, reading);
        let mut scope =
            DecisionScope { builder: &mut *self.builder, facts: &mut *self.facts, ast, within: Some(reading) };
        // What a feature has been refused for does not come here; what is left is the decision's.
        let wrong = |diagnostic: Diagnostic| Diagnostic {
            span: span.clone(),
            message: diagnostic.message.replace(THIS, &quoted(&name)),
            ..diagnostic
        };
        if let NodeKind::Call { name: call, args } = &ast.root().kind
            && is_aggregate(scope.builder, &call.text, args)
        {
            let (fact, _) =
                scope.aggregate_of_feature(&call.text, args, ast.root().span.clone(), reading).map_err(wrong)?;
            self.facts.set_feature((declared, reading), fact, name);
            return Ok(());
        }
        let program = expr::compile(ast, ast.root(), &mut scope)
            .map_err(|mut all| if all.is_empty() { cascade(span) } else { wrong(all.swap_remove(0)) })?;
        match self.facts.add_feature((declared, reading), program, name) {
            Some(_) => Ok(()),
            None => Err(self.too_many(span)),
        }
    }

    /// A name inside a feature: a feature that is a fact already, or an attribute.
    pub(super) fn path_of_feature(&mut self, within: Reading, path: &[&str], span: &Range<usize>) -> Found {
        if let Some(declared) = self.builder.feature_of(within.table, path) {
            let reading = self.reading_within(within, declared);
            let fact = self.facts.feature(declared, reading).ok_or_else(|| cascade(span))?;
            return Ok((fact, self.facts.list[usize::from(fact)].ty.clone()));
        }
        let own = self.builder.tables[usize::from(within.table)].entity;
        let entity = self.builder.entity(path[0]).ok_or_else(|| cascade(span))?;
        let role = if entity == own { within.role } else { within.second.unwrap_or(within.role) };
        let field = path.get(1).and_then(|name| self.builder.field(entity, name)).ok_or_else(|| cascade(span))?;
        self.attribute(role, field, span)
    }

    /// An aggregate inside a feature: it is kept already, since the feature is.
    pub(super) fn aggregate_of_feature(
        &mut self,
        name: &str,
        args: &[Node],
        span: Range<usize>,
        reading: Reading,
    ) -> Found {
        if name == "seen" {
            let message = format!("{THIS} asks `seen` of a candidate, and a decision has none");
            return Err(Diagnostic::new("not_here", span, message)
                .with_help("declare a feature that counts instead, as in `count(view, 30d)`"));
        }
        let place = Place::Feature { table: reading.table };
        let mut scope = Scope { builder: &mut *self.builder, ast: self.ast, place, more: Vec::new() };
        let (slot, ty) = scope.aggregate(reading.table, name, args, span.clone())?;
        let SlotSource::Aggregate(aggregate) = self.builder.slots[usize::from(slot)].source else {
            return Err(cascade(&span));
        };
        let Reading { role, before, .. } = reading;
        let of = self.table_name(reading);
        let call = self.builder.slots[usize::from(slot)].name.clone();
        let name = named(before, format!("{of}.{call}"));
        let key = FactKey::Aggregate { role, aggregate, before };
        let fact = self.facts.add(key, || name, ty.clone()).ok_or_else(|| self.too_many(&span))?;
        debug_assert!(matches!(self.facts.list[usize::from(fact)].source, FactSource::Aggregate { .. }));
        Ok((fact, ty))
    }

    /// `device`, `user.category`: a table by the role that owns the row.
    fn table_name(&self, reading: Reading) -> String {
        let table = &self.builder.tables[usize::from(reading.table)].name;
        let role = self.role_name(reading.role);
        table.split_once('.').map_or(role.to_owned(), |(_, second)| format!("{role}.{second}"))
    }

    fn feature_name(&self, declared: usize, reading: Reading) -> String {
        let name = self.builder.declared.iter().find(|(_, at)| **at == declared).map_or("", |((_, name), _)| name);
        named(reading.before, format!("{}.{name}", self.table_name(reading)))
    }
}

/// Stands in a message for the feature's name.
const THIS: &str = "<this>";

fn named(before: bool, name: String) -> String {
    if before { format!("before({name})") } else { name }
}

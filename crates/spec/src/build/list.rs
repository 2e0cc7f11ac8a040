//! Lists: their declarations, and what reads them.

use super::scope::near;
use super::{Builder, ITEM, USER};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{EntityIndex, List, RouteSource, Slot, SlotSource};
use crate::source::Source;
use crate::yaml::Text;
use domain::Type;
use expr::{Diagnostic, Node};
use std::ops::Range;

impl Builder<'_> {
    pub(super) fn lists(&mut self, source: &Source) {
        for declared in &source.lists {
            let of = match &declared.of {
                Some(of) => self.list_entity(&declared.name, of),
                None => ITEM,
            };
            self.lists.push(List { name: declared.name.text.clone(), of, max: declared.max });
        }
    }

    /// Whose entities stand on a list.
    fn list_entity(&mut self, list: &Text, of: &Text) -> EntityIndex {
        if let Some(entity) = self.entity(&of.text) {
            return entity;
        }
        let message = format!("a list is of an entity type, and {} is none", quoted(&of.text));
        let known = self.entities.iter().map(|entity| entity.name.as_str());
        self.issues.push(Issue::new("wrong_subject", &of.span, message).near(&of.text, known));
        self.broken.insert(format!("list {}", list.text));
        ITEM
    }

    /// The list of this name that entities of this type can stand on.
    pub(super) fn list_asked(&self, wanted: &str, of: EntityIndex, span: &Range<usize>) -> Result<u16, Diagnostic> {
        let Some(index) = self.lists.iter().position(|list| list.name == wanted) else {
            let message = format!("{} is not a list of this spec", quoted(wanted));
            let known = self.lists.iter().map(|list| list.name.as_str());
            let diagnostic = near("unknown_name", span.clone(), message, wanted, known);
            let of = &self.entities[usize::from(of)].name;
            return Err(match diagnostic.help {
                None => diagnostic
                    .with_help(format!("declare it at the top level: `lists: {{ {wanted}: {{ of: {of} }} }}`")),
                Some(_) => diagnostic,
            });
        };
        let entity = |of: EntityIndex| &self.entities[usize::from(of)].name;
        let list = &self.lists[index];
        if list.of == of {
            return Ok(index as u16);
        }
        let message = format!("{} is a list of `{}`, not of `{}`", quoted(wanted), entity(list.of), entity(of));
        let help =
            format!("ask about a `{}` of the event, or declare a list with `of: {}`", entity(list.of), entity(of));
        Err(Diagnostic::new("wrong_type", span.clone(), message).with_help(help))
    }

    /// `list: picks`: the items of a list as candidates.
    pub(super) fn list_route(&mut self, name: &Text) -> Option<RouteSource> {
        if self.is_broken("list", &[&name.text]) {
            return None;
        }
        let found = self.lists.iter().position(|list| list.name == name.text);
        let issue = match found {
            Some(list) if self.lists[list].of == ITEM => return Some(RouteSource::List { list: list as u16 }),
            Some(list) => {
                let message = format!("{} is a list of {}", quoted(&name.text), whose(self.lists[list].of));
                let issue = Issue::new("wrong_type", &name.span, message);
                issue.help("a route needs a list with `of: item`")
            }
            None => {
                let issue = Issue::new(
                    "unknown_name",
                    &name.span,
                    format!("{} is not a list of this spec", quoted(&name.text)),
                );
                if self.lists.is_empty() {
                    issue.help("declare it at the top level: `lists: { picks: { of: item } }`")
                } else {
                    issue.near(&name.text, self.lists.iter().map(|list| list.name.as_str()))
                }
            }
        };
        self.issues.push(issue);
        None
    }
}

fn whose(of: EntityIndex) -> &'static str {
    match of {
        USER => "users",
        ITEM => "items",
        _ => "entities that feeds do not ask about",
    }
}

/// The list that a call `listed(item, name)` or `listed(user, name)` asks about, in a feed for this subject.
pub(crate) fn listed(
    lists: &[List],
    subject: EntityIndex,
    args: &[Node],
    span: &Range<usize>,
) -> Result<u16, Diagnostic> {
    let usage = "write `listed(item, list)` or `listed(user, list)`";
    let [entity, name] = args else {
        let message = format!("`listed` takes 2 arguments, not {}", args.len());
        return Err(Diagnostic::new("wrong_arity", span.clone(), message).with_help(usage));
    };
    let of = match entity.as_name() {
        Some("item") => ITEM,
        Some("user") if subject == USER => USER,
        Some("user") => {
            let message = "a feed for items has no user to ask about";
            return Err(
                Diagnostic::new("not_here", entity.span.clone(), message).with_help("write `listed(item, list)`")
            );
        }
        _ => {
            let message = "`listed` asks about `item` or `user`";
            return Err(Diagnostic::new("wrong_type", entity.span.clone(), message).with_help(usage));
        }
    };
    let Some(wanted) = name.as_name() else {
        let message = "the second argument of `listed` is the name of a list";
        return Err(Diagnostic::new("wrong_type", name.span.clone(), message).with_help(usage));
    };
    let Some(index) = lists.iter().position(|list| list.name == wanted) else {
        let message = format!("{} is not a list of this spec", quoted(wanted));
        let known = lists.iter().map(|list| list.name.as_str());
        let diagnostic = near("unknown_name", name.span.clone(), message, wanted, known);
        return Err(match diagnostic.help {
            None => diagnostic.with_help("declare it at the top level: `lists: { blocked: { of: item } }`"),
            Some(_) => diagnostic,
        });
    };
    if lists[index].of != of {
        let message = format!("{} is a list of {}", quoted(wanted), whose(lists[index].of));
        return Err(Diagnostic::new("wrong_type", name.span.clone(), message).with_help(usage));
    }
    Ok(index as u16)
}

/// The slot of that call.
pub(crate) fn listed_slot(lists: &[List], list: u16) -> Slot {
    let of = &lists[usize::from(list)];
    let entity = if of.of == ITEM { "item" } else { "user" };
    Slot {
        name: format!("listed({entity}, {})", of.name),
        ty: Type::Bool,
        source: SlotSource::Listed(list),
        per_candidate: of.of == ITEM,
    }
}

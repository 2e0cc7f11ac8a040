//! What names mean in a decision's expressions: the event's fields, and what belongs to the entities in its roles.

use super::facts::{FactKey, Facts, Reading, TOO_MANY};
use crate::build::Builder;
use crate::build::scope::{Found, cascade, is_aggregate, near};
use crate::diagnostic::quoted;
use crate::plan::{EventType, IMPRESSION};
use domain::{Symbol, Type};
use expr::{Ast, Diagnostic, Node, NodeKind};
use std::ops::Range;

pub(super) struct DecisionScope<'s, 'a> {
    pub(super) builder: &'s mut Builder<'a>,
    pub(super) facts: &'s mut Facts,
    pub(super) ast: &'s Ast,
    /// Set while a feature's expression is compiled over the facts.
    pub(super) within: Option<Reading>,
}

impl expr::Scope for DecisionScope<'_, '_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Found {
        match self.within {
            Some(within) => self.path_of_feature(within, path, &span),
            None => self.fact(path, false, span),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Found> {
        let aggregate = is_aggregate(self.builder, name, args);
        if let Some(within) = self.within {
            return aggregate.then(|| self.aggregate_of_feature(name, args, span, within));
        }
        match name {
            "listed" => Some(self.listed(args, span)),
            "before" => Some(self.before(args, span)),
            "seen" => Some(Err(seen(span))),
            _ => aggregate.then(|| Err(self.no_aggregate(name, span))),
        }
    }

    fn constant(&mut self, text: &str) -> Symbol {
        self.builder.intern(text)
    }

    fn known_calls(&self) -> Vec<&str> {
        vec!["listed", "before"]
    }
}

fn seen(span: Range<usize>) -> Diagnostic {
    Diagnostic::new("not_here", span, "`seen` asks about a feed's candidate, and a decision has none")
        .with_help("declare a feature that counts, as in `count(view, 30d)` of `user.item`, and read that")
}

impl DecisionScope<'_, '_> {
    fn event(&self) -> &EventType {
        &self.builder.events[usize::from(self.facts.event)]
    }

    pub(super) fn role_name(&self, role: u8) -> &str {
        &self.event().roles[usize::from(role)].name
    }

    pub(super) fn too_many(&mut self, span: &Range<usize>) -> Diagnostic {
        if std::mem::replace(&mut self.facts.full_noted, true) {
            return cascade(span);
        }
        let (message, help) = TOO_MANY;
        Diagnostic::new("over_budget", span.clone(), message()).with_help(help)
    }

    fn add(&mut self, key: FactKey, name: impl FnOnce() -> String, ty: Type, span: &Range<usize>) -> Found {
        match self.facts.add(key, name, ty.clone()) {
            Some(fact) => Ok((fact, ty)),
            None => Err(self.too_many(span)),
        }
    }

    /// A path of a rule; `before`: without the event at hand.
    fn fact(&mut self, path: &[&str], before: bool, span: Range<usize>) -> Found {
        let role = self.event().roles.iter().position(|role| role.name == path[0]);
        match (path, role) {
            (["now"], _) => self.add(FactKey::Now, || "now".to_owned(), Type::Time, &span),
            (["event", name], _) => self.field(name, &span),
            (["event", ..], _) => {
                let message = "`event` is the event that is decided";
                Err(Diagnostic::new("wrong_type", span, message).with_help("read a field of it, as in `event.amount`"))
            }
            ([name], None) => self.field(name, &span),
            ([name], Some(_)) => {
                let message = format!("{} is an entity, which is not a value", quoted(name));
                let help = format!("read a feature or an attribute of it, or ask `listed({name}, <list>)`");
                Err(Diagnostic::new("wrong_type", span, message).with_help(help))
            }
            (_, Some(role)) => self.of_role(role as u8, path, before, span),
            (["scorecards", card, ..], None) => self.card(card, &path.join("."), span),
            (_, None) => Err(self.unknown_owner(path, span)),
        }
    }

    /// `scorecards.risk`, `scorecards.risk.amount`
    fn card(&mut self, card: &str, path: &str, span: Range<usize>) -> Found {
        if let Some(fact) = self.facts.card(path) {
            return Ok((fact, Type::Float));
        }
        if self.facts.source_broken || self.facts.broken_cards.contains(card) {
            return Err(cascade(&span));
        }
        let message = format!("{} is no scorecard of this decision", quoted(path));
        let diagnostic = near("unknown_name", span, message, path, self.facts.cards());
        Err(match diagnostic.help {
            None => diagnostic.with_help("declare it under `scorecards`; one reads only those before it"),
            Some(_) => diagnostic,
        })
    }

    fn field(&mut self, name: &str, span: &Range<usize>) -> Found {
        let event = self.event();
        if (self.facts.event, name) == (IMPRESSION, "decision") {
            let message = "the `decision` of an impression never recurs, so it is not kept as a value";
            return Err(Diagnostic::new("not_here", span.clone(), message)
                .with_help("read `place`, or a field that you add to `impression`"));
        }
        if let Some(field) = event.fields.iter().position(|field| field.name == name) {
            let ty = event.fields[field].ty.clone();
            return self.add(FactKey::Field(field as u16), || name.to_owned(), ty, span);
        }
        if self.builder.is_broken("event", &[&event.name, name]) {
            return Err(cascade(span));
        }
        let message = format!("{} is not a field of the event `{}`", quoted(name), event.name);
        let known: Vec<&str> = event.fields.iter().map(|field| field.name.as_str()).collect();
        let diagnostic = near("unknown_name", span.clone(), message, name, known.into_iter().chain(["now"]));
        let suggested = diagnostic.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
        let roles: Vec<&str> = event.roles.iter().map(|role| role.name.as_str()).collect();
        let paths: Vec<String> = roles.iter().flat_map(|role| self.names_of_role(role)).collect();
        let ending = paths.iter().find(|path| path.rsplit('.').next() == Some(name));
        Err(match ending {
            Some(path) if !suggested => Diagnostic { help: Some(format!("write `{path}`")), ..diagnostic },
            _ => diagnostic,
        })
    }

    /// `device.cards_10m`, `user.category.share_7d`, `user.country`
    fn of_role(&mut self, role: u8, path: &[&str], before: bool, span: Range<usize>) -> Found {
        let entity = self.event().roles[usize::from(role)].entity;
        let own = self.builder.entities[usize::from(entity)].name.clone();
        let absolute: Vec<&str> = std::iter::once(own.as_str()).chain(path[1..].iter().copied()).collect();
        if let Some(declared) = self.builder.absolute_feature(&absolute) {
            return self.feature(declared, role, before, &span);
        }
        if let [_, name] = path
            && let Some(field) = self.builder.field(entity, name)
        {
            if before {
                let message = format!("{} is an attribute, which an event does not change", quoted(&path.join(".")));
                return Err(Diagnostic::new("wrong_type", span, message).with_help("write it without `before`"));
            }
            return self.attribute(role, field, &span);
        }
        if self.builder.is_broken("entity", &absolute) || self.builder.is_broken_feature(&absolute) {
            return Err(cascade(&span));
        }
        let whole = path.join(".");
        let message = format!("{} is neither a feature nor an attribute", quoted(&whole));
        let known = self.names_of_role(path[0]);
        Err(near("unknown_name", span, message, &whole, known.iter().map(String::as_str)))
    }

    pub(super) fn attribute(&mut self, role: u8, field: u16, span: &Range<usize>) -> Found {
        let of = &self.event().roles[usize::from(role)];
        let declared = &self.builder.entities[usize::from(of.entity)].fields[usize::from(field)];
        let (name, ty) = (format!("{}.{}", of.name, declared.name), declared.ty.clone());
        self.add(FactKey::Attribute { role, field }, || name, ty, span)
    }

    /// Full paths of what can be read of the entity in a role.
    fn names_of_role(&self, role: &str) -> Vec<String> {
        let found = self.event().roles.iter().find(|known| known.name == role);
        let Some(own) = found.map(|role| self.builder.entities[usize::from(role.entity)].name.as_str()) else {
            return Vec::new();
        };
        let names = self.builder.names_of(own).into_iter();
        names.map(|name| format!("{role}{}", &name[own.len()..])).collect()
    }

    /// A path whose first name is no role of the event.
    fn unknown_owner(&self, path: &[&str], span: Range<usize>) -> Diagnostic {
        let (event, whole) = (self.event(), quoted(&path.join(".")));
        if self.builder.is_broken("event", &[&event.name]) {
            return cascade(&span);
        }
        if matches!(path[0], "request" | "recall") {
            let message = format!("{whole} is known in feeds only: a decision is about an event, not about a request");
            return Diagnostic::new("not_here", span, message)
                .with_help("send it as a field of the event, and read `event.<field>`");
        }
        let Some(entity) = self.builder.entity(path[0]) else {
            let message = format!("{} is not a role of the event `{}`", quoted(path[0]), event.name);
            let known = event.roles.iter().map(|role| role.name.as_str()).chain(["event"]);
            return near("unknown_name", span, message, path[0], known);
        };
        let mut roles = event.roles.iter().filter(|role| role.entity == entity).map(|role| role.name.as_str());
        if let Some(first) = roles.next() {
            let rest: String = roles.map(|role| format!(" or `{role}.{}`", path[1..].join("."))).collect();
            let message = format!("the event `{}` names its `{}` by another role", event.name, path[0]);
            return Diagnostic::new("missing_role", span, message)
                .with_help(format!("write `{first}.{}`{rest}", path[1..].join(".")));
        }
        let message = format!("{whole} cannot be read here: the event `{}` names no `{}`", event.name, path[0]);
        let help = format!("add the role `{0}: {0}` to the event", path[0]);
        Diagnostic::new("missing_role", span, message).with_help(help)
    }

    fn no_aggregate(&self, name: &str, span: Range<usize>) -> Diagnostic {
        let of = &self.event().roles.first().map_or("user", |role| role.name.as_str());
        let message = format!("the aggregate {} cannot stand in a decision", quoted(name));
        let help = format!("declare a feature for it, so that it is kept up to date, and read that: `{of}.<feature>`");
        Diagnostic::new("not_here", span, message).with_help(help)
    }

    /// `listed(device, blocked)`
    fn listed(&mut self, args: &[Node], span: Range<usize>) -> Found {
        let usage = "write `listed(<role>, <list>)`";
        let [role, name] = args else {
            let message = format!("`listed` takes 2 arguments, not {}", args.len());
            return Err(Diagnostic::new("wrong_arity", span, message).with_help(usage));
        };
        let roles = &self.event().roles;
        let Some(at) = roles.iter().position(|known| Some(known.name.as_str()) == role.as_name()) else {
            if self.builder.is_broken("event", &[&self.event().name]) {
                return Err(cascade(&span));
            }
            let message = format!("`listed` asks about a role of the event `{}`", self.event().name);
            let known = roles.iter().map(|role| role.name.as_str());
            return Err(near("unknown_role", role.span.clone(), message, role.as_name().unwrap_or_default(), known));
        };
        let Some(wanted) = name.as_name() else {
            let message = "the second argument of `listed` is the name of a list";
            return Err(Diagnostic::new("wrong_type", name.span.clone(), message).with_help(usage));
        };
        if self.builder.is_broken("list", &[wanted]) {
            return Err(cascade(&span));
        }
        let (role, entity) = (&roles[at].name, roles[at].entity);
        let list = self.builder.list_asked(wanted, entity, &name.span)?;
        let named = format!("listed({role}, {wanted})");
        self.add(FactKey::Listed { role: at as u8, list }, || named, Type::Bool, &span)
    }

    /// `before(user.payments_1h)`: a feature's value without the event at hand.
    fn before(&mut self, args: &[Node], span: Range<usize>) -> Found {
        let usage = "write it around one feature, as in `before(user.payments_1h) + 1`";
        let [of] = args else {
            let message = format!("`before` takes 1 argument, not {}", args.len());
            return Err(Diagnostic::new("wrong_arity", span, message).with_help(usage));
        };
        let NodeKind::Path(names) = &of.kind else {
            let message = "`before` takes a feature";
            return Err(Diagnostic::new("wrong_type", of.span.clone(), message).with_help(usage));
        };
        let path: Vec<&str> = names.iter().map(|name| name.text.as_str()).collect();
        let field = |name: &&str| self.event().fields.iter().any(|field| field.name == **name);
        match path.as_slice() {
            ["now"] | ["event", _] => {}
            [name] if field(name) => {}
            _ => return self.fact(&path, true, of.span.clone()),
        }
        let message = format!("{} is of the event itself, and no feature", quoted(&path.join(".")));
        Err(Diagnostic::new("wrong_type", of.span.clone(), message).with_help("write it without `before`"))
    }
}

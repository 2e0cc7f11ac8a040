//! What names mean in the three places where expressions stand: a feature, a filter or value over an event's fields, a feed.

mod feed;
mod names;

pub(super) use names::{held_paths, paths};

use super::{Builder, ITEM, Outcome};
use crate::diagnostic::quoted;
use crate::plan::{Cross, EntityIndex};
use domain::{Symbol, Type};
use expr::{Ast, Diagnostic, Node};
use std::ops::Range;

/// Code of a mistake that follows from another one, already noted: it is dropped.
pub(super) const CASCADE: &str = "cascade";

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// A feature of this table.
    Feature { table: u16 },
    /// A filter or value of an aggregate over this event: slot `i` is field `i`.
    Event { event: u16 },
    /// A filter or score of a feed.
    Feed(FeedPlace<'p>),
}

/// What a feed's expressions may name.
#[derive(Clone, Copy)]
pub(super) struct FeedPlace<'p> {
    pub(super) feed: u16,
    pub(super) name: &'p str,
    pub(super) subject: EntityIndex,
    pub(super) context: &'p [crate::plan::FieldType],
    pub(super) routes: &'p [String],
}

pub(super) struct Scope<'b, 'a, 'p> {
    pub(super) builder: &'b mut Builder<'a>,
    pub(super) ast: &'p Ast,
    pub(super) place: Place<'p>,
    /// Further mistakes inside the arguments of aggregates.
    pub(super) more: Vec<Diagnostic>,
}

pub(super) type Found = Result<(u16, Type), Diagnostic>;

pub(super) fn cascade(span: &Range<usize>) -> Diagnostic {
    Diagnostic::new(CASCADE, span.clone(), "")
}

impl expr::Scope for Scope<'_, '_, '_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Found {
        match self.place {
            Place::Feature { table } => self.feature_path(table, path, span),
            Place::Event { event } => self.event_path(event, path, span),
            Place::Feed(feed) => self.feed_path(feed, path, span),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Found> {
        if name == "before" {
            let message = "`before` belongs to the rules of a decision";
            let help = "a feature has no current event to stand before; a decision on an event reads it as it was";
            return Some(Err(Diagnostic::new("not_here", span, message).with_help(help)));
        }
        if name == "listed" {
            return Some(self.listed(args, span));
        }
        if !is_aggregate(self.builder, name, args) {
            return None;
        }
        Some(match self.place {
            Place::Feature { table } => self.aggregate(table, name, args, span),
            Place::Event { .. } => {
                Err(Diagnostic::new("nested_aggregate", span, "an aggregate cannot stand inside another")
                    .with_help("its filter and value read the event's own fields, and attributes of its entities"))
            }
            Place::Feed(feed) => self.feed_call(feed, name, args, span),
        })
    }

    fn constant(&mut self, text: &str) -> Symbol {
        self.builder.intern(text)
    }

    fn known_calls(&self) -> Vec<&str> {
        match self.place {
            Place::Feature { .. } => AGGREGATES.to_vec(),
            Place::Event { .. } => Vec::new(),
            Place::Feed(_) => vec!["seen", "listed"],
        }
    }
}

/// The aggregate functions.
pub(super) const AGGREGATES: [&str; 21] = [
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "var",
    "stddev",
    "first",
    "last",
    "last_n",
    "rate",
    "time_since",
    "streak",
    "decayed",
    "seen",
    "distinct",
    "quantile",
    "top_k",
    "held",
    "seq",
    "absent",
];

/// Whether a call is an aggregate: `min` and `max` are functions of numbers too, and are told apart by an event as the
/// first argument or a window as the third.
pub(super) fn is_aggregate(builder: &Builder<'_>, name: &str, args: &[Node]) -> bool {
    aggregate_call(name, args, &|name| builder.event(name).is_some())
}

/// The same for whoever knows the events.
pub(crate) fn aggregate_call(name: &str, args: &[Node], is_event: &dyn Fn(&str) -> bool) -> bool {
    match name {
        "min" | "max" => {
            let event = args.first().and_then(Node::as_name).is_some_and(is_event);
            (event && args.len() > 2) || args.get(2).is_some_and(|window| window.as_span().is_some())
        }
        _ => AGGREGATES.contains(&name),
    }
}

impl Scope<'_, '_, '_> {
    fn feature_path(&mut self, table: u16, path: &[&str], span: Range<usize>) -> Found {
        if let Some(declared) = self.builder.feature_of(table, path) {
            return self.feature(declared, &span);
        }
        let own = self.builder.tables[usize::from(table)].clone();
        if let ["now" | "request" | "recall", ..] = path {
            let message = format!("{} is known in feeds only, not in features", quoted(path[0]));
            let help = "a feature is the same for every request: read this in the feed's `score` or `filter`";
            return Err(Diagnostic::new("not_here", span, message).with_help(help));
        }
        if let [name] = path {
            return Err(self.unknown_bare(table, name, span));
        }
        let mut readable = vec![own.entity];
        match own.cross {
            Some(Cross::ItemField(_)) => readable.push(ITEM),
            Some(Cross::Entity(entity)) => readable.push(entity),
            None => {}
        }
        self.entity_path(&readable, &own.name, path, span)
    }

    /// `item.price`: an attribute (features were looked for before).
    fn entity_path(&mut self, readable: &[EntityIndex], at: &str, path: &[&str], span: Range<usize>) -> Found {
        let Some(entity) = self.builder.entity(path[0]) else {
            let names = self.builder.entities.iter().map(|entity| entity.name.as_str());
            let message = format!("{} is not an entity type", quoted(path[0]));
            return Err(near("unknown_name", span, message, path[0], names.chain(["request", "recall"])));
        };
        if !readable.contains(&entity) {
            let names: Vec<&str> =
                readable.iter().map(|&entity| self.builder.entities[usize::from(entity)].name.as_str()).collect();
            let message = format!("{} cannot be read here ({at})", quoted(&path.join(".")));
            let help = format!("only the features and attributes of {} can", names.join(" and "));
            return Err(Diagnostic::new("not_here", span, message).with_help(help));
        }
        if let [_, field] = path
            && let Some(field) = self.builder.field(entity, field)
        {
            return self.builder.attribute_slot(entity, field).ok_or_else(|| cascade(&span));
        }
        if self.builder.is_broken("entity", path) || self.builder.is_broken_feature(path) {
            return Err(cascade(&span));
        }
        let message = format!("{} is neither a feature nor an attribute", quoted(&path.join(".")));
        let known = self.builder.names_of(path[0]);
        Err(near("unknown_name", span, message, &path.join("."), known.iter().map(String::as_str)))
    }

    fn unknown_bare(&self, table: u16, name: &str, span: Range<usize>) -> Diagnostic {
        let own = &self.builder.tables[usize::from(table)];
        if self.builder.event(name).is_some() {
            let message = format!("{} is an event; a feature is made of aggregates over it", quoted(name));
            return Diagnostic::new("wrong_type", span, message).with_help(format!("write `count({name}, 7d)`"));
        }
        if self.builder.is_broken_feature(&[&own.name, name]) {
            return cascade(&span);
        }
        let message = format!("{} is not a feature of `{}`", quoted(name), own.name);
        if own.cross.is_none() && self.builder.field(own.entity, name).is_some() {
            return Diagnostic::new("unknown_name", span, message)
                .with_help(format!("for the attribute write `{}.{name}`", own.name));
        }
        let features = self.builder.declared.keys().filter(|(of, _)| *of == table).map(|(_, name)| name.as_str());
        near("unknown_name", span, message, name, features)
    }

    /// The slot of a declared feature.
    fn feature(&mut self, declared: usize, span: &Range<usize>) -> Found {
        match self.builder.outcomes[declared] {
            Outcome::Done { index, .. } => {
                let feature = &self.builder.features[usize::from(index)];
                Ok((feature.slot, feature.program.ty().clone()))
            }
            Outcome::Failed | Outcome::Pending => Err(cascade(span)),
        }
    }
}

/// A mistake with "did you mean", or with the known words if they are few.
pub(crate) fn near<'k>(
    code: &'static str,
    span: Range<usize>,
    message: String,
    wrong: &str,
    known: impl Iterator<Item = &'k str> + Clone,
) -> Diagnostic {
    let issue = crate::diagnostic::Issue::new(code, &(0..0), message).near(wrong, known);
    Diagnostic { code, span, message: issue.message, help: issue.help }
}

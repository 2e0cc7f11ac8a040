//! What names mean in a feed's expressions.

use super::{FeedPlace, Found, Place, Scope, cascade, near};
use crate::build::{ITEM, USER, list};
use crate::diagnostic::quoted;
use crate::plan::{Cross, EntityIndex, SlotSource};
use domain::Type;
use expr::{Diagnostic, Node};
use std::ops::Range;

impl Scope<'_, '_, '_> {
    pub(super) fn feed_path(&mut self, feed: FeedPlace<'_>, path: &[&str], span: Range<usize>) -> Found {
        match path {
            ["now"] => self.builder.input_slot("now", Type::Time, SlotSource::Now).ok_or_else(|| cascade(&span)),
            ["request", ..] => self.request_path(feed, path, span),
            ["recall", ..] => self.recall_path(feed, path, span),
            [name] => {
                let message = format!("{} says not whose it is", quoted(name));
                let known = self.builder.paths_ending_with(name);
                let help = if known.is_empty() {
                    "write `item.<name>` or `user.<name>`".to_owned()
                } else {
                    format!("write `{}`", known[0])
                };
                Err(Diagnostic::new("unknown_name", span, message).with_help(help))
            }
            _ => self.feed_entity_path(feed, path, span),
        }
    }

    fn feed_entity_path(&mut self, feed: FeedPlace<'_>, path: &[&str], span: Range<usize>) -> Found {
        let readable: &[EntityIndex] = if feed.subject == USER { &[USER, ITEM] } else { &[ITEM] };
        if let Some(declared) = self.builder.absolute_feature(path) {
            let table = &self.builder.tables[usize::from(self.builder.table_of(declared))];
            let cross_ok =
                matches!(table.cross, None | Some(Cross::ItemField(_))) || table.cross == Some(Cross::Entity(ITEM));
            if readable.contains(&table.entity) && cross_ok {
                return self.feature(declared, &span);
            }
            if readable.contains(&table.entity) {
                let message =
                    format!("{} is crossed with something that a candidate does not have", quoted(&table.name));
                return Err(Diagnostic::new("not_here", span, message));
            }
        }
        let at = if feed.subject == USER { "a feed for users" } else { "a feed for items" };
        self.entity_path(readable, at, path, span)
    }

    fn request_path(&mut self, feed: FeedPlace<'_>, path: &[&str], span: Range<usize>) -> Found {
        let [_, name] = path else {
            let message = format!("{} is not part of the request", quoted(&path.join(".")));
            return Err(Diagnostic::new("unknown_name", span, message).with_help("write `request.<context name>`"));
        };
        match feed.context.iter().find(|field| field.name == *name) {
            Some(field) => {
                let slot = self.builder.input_slot(&format!("request.{name}"), field.ty.clone(), SlotSource::Context);
                slot.ok_or_else(|| cascade(&span))
            }
            None if self.builder.is_broken("context", &[feed.name, name]) => Err(cascade(&span)),
            None => {
                let message = format!("{} is not in the feed's `context`", quoted(name));
                let diagnostic =
                    near("unknown_name", span, message, name, feed.context.iter().map(|field| field.name.as_str()));
                Err(match diagnostic.help {
                    Some(_) => diagnostic,
                    None => diagnostic.with_help(format!("declare it: `context: {{ {name}: string }}`")),
                })
            }
        }
    }

    fn recall_path(&mut self, feed: FeedPlace<'_>, path: &[&str], span: Range<usize>) -> Found {
        let slot = match path {
            [_, "score"] => self.builder.input_slot("recall.score", Type::Float, SlotSource::FusedScore),
            [_, name] if feed.routes.iter().any(|route| route == name) => {
                let route = feed.routes.iter().position(|route| route == name).unwrap_or_default() as u16;
                let source = SlotSource::RouteScore { feed: feed.feed, route };
                self.builder.input_slot(&format!("recall.{name}"), Type::Float, source)
            }
            _ => {
                let name = path.get(1).copied().unwrap_or_default();
                let message = format!("{} is not a route of this feed", quoted(&path.join(".")));
                return Err(near(
                    "unknown_name",
                    span,
                    message,
                    name,
                    feed.routes.iter().map(String::as_str).chain(["score"]),
                ));
            }
        };
        slot.ok_or_else(|| cascade(&span))
    }

    pub(super) fn feed_call(&mut self, feed: FeedPlace<'_>, name: &str, args: &[Node], span: Range<usize>) -> Found {
        if name != "seen" {
            let message = format!("the aggregate {} cannot stand in a feed", quoted(name));
            let help = "declare a feature for it, so that it is kept up to date, and read that";
            return Err(Diagnostic::new("not_here", span, message).with_help(help));
        }
        if feed.subject != USER {
            let message = "`seen` asks about the user, and this feed is for items";
            return Err(Diagnostic::new("not_here", span, message));
        }
        self.seen(args, span)
    }

    /// `listed(item, blocked)`: known in feeds only.
    pub(super) fn listed(&mut self, args: &[Node], span: Range<usize>) -> Found {
        let Place::Feed(feed) = self.place else {
            let message = "`listed` is known in feeds only";
            let help = "lists change what feeds answer, not what is counted: ask in a feed's `filter` or `score`";
            return Err(Diagnostic::new("not_here", span, message).with_help(help));
        };
        if args.get(1).and_then(Node::as_name).is_some_and(|name| self.builder.is_broken("list", &[name])) {
            return Err(cascade(&span));
        }
        let list = list::listed(&self.builder.lists, feed.subject, args, &span)?;
        let slot = list::listed_slot(&self.builder.lists, list);
        self.builder.slot(slot.name.clone(), slot).map(|slot| (slot, Type::Bool)).ok_or_else(|| cascade(&span))
    }
}

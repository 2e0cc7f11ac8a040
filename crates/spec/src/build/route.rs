//! Recall routes and the indexes behind them; routes with equal parameters share one.

use super::interim::closed;
use super::scope::FeedPlace;
use super::{Builder, ITEM, Outcome, USER};
use crate::diagnostic::{Issue, quoted};
use crate::plan::{CoVisited, EntityIndex, From, Index, Route, RouteSource as Source};
use crate::source::{CoVisitedSource, RouteKind, RouteSource};
use crate::yaml::Text;
use domain::Type;
use expr::Program;

impl Builder<'_> {
    pub(super) fn route(&mut self, declared: &RouteSource, place: FeedPlace<'_>) -> Option<Route> {
        let subject = place.subject;
        let when = declared.when.as_ref().map(|when| self.when(when, place));
        let source = match &declared.kind {
            RouteKind::Top(feature) => Source::Top { index: self.top(feature)? },
            RouteKind::CoVisited(source) => self.co_visited(source, subject)?,
            RouteKind::Sessions(source) => self.sessions(source, subject)?,
            RouteKind::Newest(attribute) => Source::Newest { index: self.newest(attribute)? },
            RouteKind::Explore(event, below) => Source::Explore { index: self.explore(event, *below)? },
            RouteKind::Random => Source::Random,
            RouteKind::Tags(source) => self.tags(source, place)?,
            RouteKind::History(from, recency) => Source::History { from: self.from(from, subject)?, recency: *recency },
            RouteKind::List(name) => self.list_route(name)?,
            RouteKind::Broken => return None,
        };
        let route = Route {
            name: declared.name.text.clone(),
            source,
            limit: declared.limit,
            weight: declared.weight,
            when: when.flatten(),
            min: declared.min.as_ref().map_or(0, |(min, _)| *min),
            quota: declared.quota.as_ref().map_or(0.0, |(quota, _)| *quota),
        };
        let missing = index_of(&route.source).is_some_and(|index| self.is_new(index, |kept| kept.indexes));
        Some(if missing { closed(route) } else { route })
    }

    /// The condition of a route: it is asked once, before there are candidates.
    fn when(&mut self, text: &Text, place: FeedPlace<'_>) -> Option<Program> {
        let program = self.condition(text, place)?;
        let varies = program.slots().iter().map(|&slot| &self.slots[usize::from(slot)]).find(|slot| slot.per_candidate);
        if let Some(slot) = varies {
            let message =
                format!("`when` of a route is asked before there are candidates, and {} is of one", quoted(&slot.name));
            let help = match place.subject {
                USER => "it can read `user`, `request` and `now`; what is said of candidates belongs into `filter`",
                _ => "it can read `request` and `now`; what is said of candidates belongs into `filter`",
            };
            self.issues.push(Issue::new("not_here", &text.span, message).help(help));
            return None;
        }
        Some(program)
    }

    pub(super) fn index(&mut self, index: Index) -> u16 {
        let at = self.indexes.iter().position(|known| *known == index).unwrap_or_else(|| {
            self.indexes.push(index);
            self.indexes.len() - 1
        });
        at as u16
    }

    fn top(&mut self, text: &Text) -> Option<u16> {
        let feature = self.item_number(text, "`top`")?;
        Some(self.index(Index::Top { feature }))
    }

    /// A feature of the items that is a number: index into the plan's features.
    pub(super) fn item_number(&mut self, text: &Text, what: &str) -> Option<u16> {
        let name = text.text.strip_prefix("item.");
        let table = self.table("item");
        let declared = name.zip(table).and_then(|(name, table)| self.declared.get(&(table, name.to_owned())).copied());
        let Some(declared) = declared else {
            if self.is_broken_feature(&text.text.split('.').collect::<Vec<_>>()) {
                return None;
            }
            let message = format!("{what} needs a feature of `item`, and {} is none", quoted(&text.text));
            let known = self.declared.keys().filter(|(of, _)| Some(*of) == table);
            let known: Vec<String> = known.map(|(_, name)| format!("item.{name}")).collect();
            let issue = Issue::new("unknown_name", &text.span, message);
            self.issues.push(issue.near(&text.text, known.iter().map(String::as_str)));
            return None;
        };
        let Outcome::Done { index, .. } = self.outcomes[declared] else { return None };
        let ty = self.features[usize::from(index)].program.ty();
        if !matches!(ty, Type::Float | Type::Int) {
            let message = format!("{} is {ty}; {what} orders by a number", quoted(&text.text));
            self.issues.push(Issue::new("wrong_type", &text.span, message));
            return None;
        }
        Some(index)
    }

    fn newest(&mut self, text: &Text) -> Option<u16> {
        let field = self.item_attribute(text, "`newest`")?;
        let ty = &self.entities[usize::from(ITEM)].fields[usize::from(field)].ty;
        if *ty != Type::Time {
            let message = format!("{} is {ty}; `newest` orders by a timestamp", quoted(&text.text));
            let issue = Issue::new("wrong_type", &text.span, message);
            self.issues.push(issue.help("name an attribute declared as `timestamp`"));
            return None;
        }
        Some(self.index(Index::Newest { field }))
    }

    fn co_visited(&mut self, source: &CoVisitedSource, subject: EntityIndex) -> Option<Source> {
        let events = self.visiting_events(&source.events);
        let from = self.from(source.from.as_ref()?, subject)?;
        if events.is_empty() {
            return None;
        }
        let index = self.index(Index::CoVisited(CoVisited {
            events,
            history: source.history,
            keep: source.keep,
            counters: source.counters,
            neighbours: source.neighbours,
            distance_decay: source.distance_decay,
            backward: source.backward,
            popularity_exponent: source.popularity_exponent,
            context_exponent: source.context_exponent,
            shrinkage: source.shrinkage,
            half_life: source.half_life,
        }));
        let CoVisitedSource { recency, context, skip_known, .. } = *source;
        Some(Source::CoVisited { index, from, recency, context, skip_known })
    }

    /// An event that names an item.
    fn explore(&mut self, name: &Text, below: u32) -> Option<u16> {
        let event = self.known_event(name)?;
        if self.events[usize::from(event)].roles.iter().any(|role| role.entity == ITEM) {
            return Some(self.index(Index::Explore { event, below }));
        }
        if !self.is_broken("event", &[&name.text]) {
            let message = format!("the event {} does not name an item", quoted(&name.text));
            self.issues.push(Issue::new("missing_role", &name.span, message).help("count another event"));
        }
        None
    }

    /// Events that name a user and an item, each once, in the order of the plan.
    pub(super) fn visiting_events(&mut self, declared: &[(Text, Option<f64>)]) -> Vec<(u16, f64)> {
        let mut events: Vec<(u16, f64)> = Vec::new();
        for (name, weight) in declared {
            let Some(event) = self.visiting_event(name) else { continue };
            if events.iter().any(|(known, _)| *known == event) {
                let message = format!("the event {} is there twice", quoted(&name.text));
                self.issues.push(Issue::new("duplicate_name", &name.span, message).help("remove one"));
                continue;
            }
            let Some(weight) = weight.or_else(|| self.weight_of_visit(name, event)) else { continue };
            events.push((event, weight));
        }
        events.sort_by_key(|(event, _)| *event);
        events
    }

    /// The weight of an event that a route names without one: that of `weights`, or 1.
    fn weight_of_visit(&mut self, name: &Text, event: u16) -> Option<f64> {
        let weight = self.weight(event).unwrap_or(1.0);
        if weight > 0.0 {
            return Some(weight);
        }
        let message = format!("the event {} has the weight {weight} in `weights`: it says no", quoted(&name.text));
        let issue = Issue::new("out_of_range", &name.span, message);
        self.issues.push(issue.help("leave it out, or give it a weight above 0 here"));
        None
    }

    pub(super) fn known_event(&mut self, name: &Text) -> Option<u16> {
        let event = self.event(&name.text);
        if event.is_none() {
            let known = self.events.iter().map(|event| event.name.as_str());
            let issue = Issue::new("unknown_event", &name.span, format!("{} is not an event", quoted(&name.text)));
            self.issues.push(issue.near(&name.text, known));
        }
        event
    }

    /// An event that names a user and an item.
    fn visiting_event(&mut self, name: &Text) -> Option<u16> {
        let event = self.known_event(name)?;
        let roles = &self.events[usize::from(event)].roles;
        if [USER, ITEM].iter().all(|entity| roles.iter().any(|role| role.entity == *entity)) {
            return Some(event);
        }
        if self.is_broken("event", &[&name.text]) {
            return None;
        }
        let message = format!("the event {} does not name a user and an item", quoted(&name.text));
        self.issues.push(Issue::new("missing_role", &name.span, message).help("count another event"));
        None
    }

    /// `user.<feature>` or `request.item`: the context items of a route.
    pub(super) fn from(&mut self, text: &Text, subject: EntityIndex) -> Option<From> {
        let issue = match (text.text.as_str(), subject) {
            ("request.item", ITEM) => return Some(From::RequestItem),
            ("request.item", _) => {
                let issue = Issue::new("not_here", &text.span, "`request.item` is known in feeds for items only");
                issue.help("write `user.<feature>` with a feature `last(event, item, n)`, or `for: item`")
            }
            (_, ITEM) => {
                let issue = Issue::new("not_here", &text.span, "a feed for items has no user to read from");
                issue.help("write `request.item`")
            }
            (path, _) => {
                let segments: Vec<&str> = path.split('.').collect();
                let declared = self.absolute_feature(&segments);
                let outcome = declared.filter(|_| path.starts_with("user.")).map(|declared| self.outcomes[declared]);
                match outcome {
                    Some(Outcome::Done { index, recents: true }) => {
                        return Some(From::Slot(self.features[usize::from(index)].slot));
                    }
                    Some(Outcome::Done { .. }) => {
                        let message = format!("{} is not a list of items", quoted(path));
                        let issue = Issue::new("wrong_type", &text.span, message);
                        issue.help("name a feature that is exactly `last(event, item, n)`")
                    }
                    Some(_) => return None,
                    None if self.is_broken_feature(&segments) => return None,
                    None => self.no_list(text),
                }
            }
        };
        self.issues.push(issue);
        None
    }

    fn no_list(&self, text: &Text) -> Issue {
        let issue =
            Issue::new("unknown_name", &text.span, format!("{} is not a feature of `user`", quoted(&text.text)));
        let mut known = Vec::new();
        for ((table, name), &declared) in &self.declared {
            if matches!(self.outcomes[declared], Outcome::Done { recents: true, .. }) {
                known.push(format!("{}.{name}", self.tables[usize::from(*table)].name));
            }
        }
        if known.is_empty() {
            return issue.help("declare one, as in `recent: last(view, item, 20)`");
        }
        issue.near(&text.text, known.iter().map(String::as_str))
    }
}

/// The index that a route reads, if it reads one.
fn index_of(source: &Source) -> Option<usize> {
    match source {
        Source::Top { index }
        | Source::CoVisited { index, .. }
        | Source::Sessions { index, .. }
        | Source::Newest { index }
        | Source::Explore { index }
        | Source::Tags { index, .. } => Some(usize::from(*index)),
        Source::List { .. } | Source::Random | Source::History { .. } => None,
    }
}

//! Aggregates: what a call such as `count(view, 7d, dwell > 30s)` means, checked argument by argument.

use super::scope::{Found, Scope, cascade, near};
use super::stream::{Need, canonical, one_line};
use super::window::{duration, is_calendar, sliding};
use super::{ITEM, USER};
use crate::diagnostic::quoted;
use crate::plan::{AggregateOp, Cross, StreamValue};
use domain::{Type, limits};
use expr::{Diagnostic, Node, NodeKind};
use std::ops::{Range, RangeInclusive};

/// How a call is written.
pub(super) fn usage(name: &str) -> &'static str {
    match name {
        "count" => "write `count(event, window)` or `count(event, window, filter)`",
        "rate" => "write `rate(event, window)` or `rate(event, window, filter)`, with a duration as the window",
        "distinct" | "quantile" | "top_k" => super::sketch::usage(name),
        "decayed" => "write `decayed(event, half_life)` or `decayed(event, half_life, filter)`",
        "time_since" => "write `time_since(event)` or `time_since(event, filter)`",
        "streak" => {
            "write `streak(event, condition)` for events, or `streak(event, day(\"Europe/Berlin\"))` for calendar periods"
        }
        "last" => {
            "write `last(event, role, n)` or `last([event, event], role, n)` for a list, or `last(event, value, window)` for a number"
        }
        "last_n" => "write `last_n(event, value, n)` or `last_n(event, value, n, filter)`",
        "seen" => "write `seen(item, window)` or `seen(event, item, window)`",
        "held" | "seq" | "absent" => super::pattern::usage(name),
        "session" => "write `session(30m)`",
        "tumbling" => "write `tumbling(10m)`",
        "sum" => "write `sum(event, value, window)` or `sum(event, value, window, filter)`",
        "mean" => "write `mean(event, value, window)` or `mean(event, value, window, filter)`",
        "var" => "write `var(event, value, window)` or `var(event, value, window, filter)`",
        "stddev" => "write `stddev(event, value, window)` or `stddev(event, value, window, filter)`",
        "first" => "write `first(event, value, window)` or `first(event, value, window, filter)`",
        "min" => "write `min(event, value, window)` or `min(event, value, window, filter)`",
        _ => "write `max(event, value, window)` or `max(event, value, window, filter)`",
    }
}

/// How many arguments of a call come before its filter.
fn arguments(name: &str) -> usize {
    match name {
        "time_since" => 1,
        "count" | "rate" | "decayed" | "streak" => 2,
        "quantile" | "top_k" => 4,
        _ => 3,
    }
}

pub(super) fn arity(
    name: &str,
    args: &[Node],
    span: &Range<usize>,
    allowed: RangeInclusive<usize>,
) -> Result<(), Diagnostic> {
    if allowed.contains(&args.len()) {
        return Ok(());
    }
    let message = match (allowed.start(), allowed.end()) {
        (least, most) if least == most => format!("{} takes {most} arguments here, not {}", quoted(name), args.len()),
        (least, most) => format!("{} takes {least} to {most} arguments, not {}", quoted(name), args.len()),
    };
    Err(Diagnostic::new("wrong_arity", span.clone(), message).with_help(usage(name)))
}

/// How many entries a list that `name` gives has.
pub(super) fn list_length(node: &Node, wrong_type: &str, name: &str, most: usize) -> Result<u16, Diagnostic> {
    let most = most as i64;
    let Some(count) = node.as_int() else {
        return Err(Diagnostic::new("wrong_type", node.span.clone(), wrong_type).with_help(usage(name)));
    };
    if !(1..=most).contains(&count) {
        let message = format!("the count is {count}; it must be from 1 to {most}");
        return Err(Diagnostic::new("out_of_range", node.span.clone(), message));
    }
    Ok(count as u16)
}

/// What an aggregate over the entities in a role of some events needs: equal ones share a stream.
fn over_roles(table: u16, events: Vec<u16>, roles: Vec<u8>, op: AggregateOp, ty: Type) -> Need {
    let value = roles.iter().map(|role| format!("role {role}")).collect::<Vec<_>>().join(" ");
    let names: Vec<String> = events.iter().map(u16::to_string).collect();
    let mut need = Need::new(table, events, StreamValue::Role(roles), value, op, ty);
    need.key = format!("{table} {} [] {}", names.join(" "), need.key);
    need
}

impl Scope<'_, '_, '_> {
    /// An aggregate in a feature of this table.
    pub(super) fn aggregate(&mut self, table: u16, name: &str, args: &[Node], span: Range<usize>) -> Found {
        match name {
            "seen" => return self.feature_seen(table, args, span),
            "held" | "seq" | "absent" => return self.pattern(table, name, args, span),
            _ => {}
        }
        if let ("last", Some(NodeKind::List(events))) = (name, args.first().map(|node| &node.kind)) {
            return self.last_of_events(table, events, args, span);
        }
        let filter_at = arguments(name);
        arity(name, args, &span, filter_at..=filter_at + 1)?;
        let event = self.event_argument(&args[0])?;
        self.check_key(table, event, &args[0].span)?;
        // Every argument is checked, so that one mistake does not hide another.
        let filter = args.get(filter_at).map(|node| self.filter(event, node)).transpose();
        let need = match name {
            "last" if args[2].as_span().is_none() && !matches!(args[2].kind, NodeKind::Call { .. }) => {
                self.last_entities(table, event, args)
            }
            "last_n" => self.last_values(table, event, args),
            "distinct" | "quantile" | "top_k" => self.sketch(table, event, name, args),
            "streak" if !is_calendar(&args[1]) => self.streak_of_events(table, event, &args[1]),
            "count" | "rate" | "decayed" | "time_since" | "streak" => self.over_events(table, event, name, args),
            _ => self.over_values(table, event, name, args),
        };
        let (mut need, filter) = match (need, filter) {
            (Ok(need), Ok(filter)) => (need, filter),
            (Err(first), Err(second)) => {
                self.more.push(second);
                return Err(first);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let filter_key = args.get(filter_at).map_or(String::new(), |node| canonical(self.ast.slice(node)));
        need.key = format!("{table} {event} [{filter_key}] {}", need.key);
        need.stream.filter = filter;
        need.name = one_line(self.ast.text().get(span.clone()).unwrap_or(name));
        self.builder.add(need).ok_or_else(|| cascade(&span))
    }

    pub(super) fn event_argument(&mut self, node: &Node) -> Result<u16, Diagnostic> {
        let Some(name) = node.as_name() else {
            let message = "the first argument of an aggregate must be the name of an event";
            let help = "write it as it stands under `events`, without quotes: `count(view, 7d)`";
            return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(help));
        };
        self.event_named(name, &node.span)
    }

    pub(super) fn event_named(&self, name: &str, span: &Range<usize>) -> Result<u16, Diagnostic> {
        self.builder.event(name).ok_or_else(|| {
            let known = self.builder.events.iter().map(|event| event.name.as_str());
            near("unknown_event", span.clone(), format!("{} is not an event", quoted(name)), name, known)
        })
    }

    /// Refuses an event that does not name the entities of the table's key.
    pub(super) fn check_key(&self, table: u16, event: u16, span: &Range<usize>) -> Result<(), Diagnostic> {
        let table = &self.builder.tables[usize::from(table)];
        let event = &self.builder.events[usize::from(event)];
        let second = match table.cross {
            None => table.entity,
            Some(Cross::ItemField(_)) => ITEM,
            Some(Cross::Entity(entity)) => entity,
        };
        for entity in [table.entity, second] {
            if !event.roles.iter().any(|role| role.entity == entity) {
                if self.builder.is_broken("event", &[&event.name]) {
                    return Err(cascade(span));
                }
                let missing = &self.builder.entities[usize::from(entity)].name;
                let message =
                    format!("the event `{}` names no `{missing}`, so it has no row in `{}`", event.name, table.name);
                let help = format!("add the role `{missing}: {missing}` to the event, or count another event");
                return Err(Diagnostic::new("missing_role", span.clone(), message).with_help(help));
            }
        }
        Ok(())
    }

    pub(super) fn filter(&mut self, event: u16, node: &Node) -> Result<expr::Program, Diagnostic> {
        let program = self.over_event(event, node)?;
        if *program.ty() == Type::Bool {
            return Ok(program);
        }
        let message = format!("a filter must be a condition (bool), but this is {}", program.ty());
        Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help("compare it with something"))
    }

    fn over_events(&mut self, table: u16, event: u16, name: &str, args: &[Node]) -> Result<Need, Diagnostic> {
        let op = match name {
            "count" => AggregateOp::Count(self.window(name, &args[1])?),
            "rate" => AggregateOp::Rate(sliding(name, &args[1])?),
            "time_since" => AggregateOp::TimeSince,
            "streak" => AggregateOp::StreakPeriods(self.calendar(&args[1])?),
            _ => AggregateOp::Decayed(duration(name, "half-life", &args[1], limits::HALF_LIFE_MAX)?),
        };
        let ty = if name == "time_since" { Type::Span } else { Type::Float };
        Ok(Need::new(table, vec![event], StreamValue::One, "1".to_owned(), op, ty))
    }

    /// The values of an aggregate over numbers.
    pub(super) fn number(&mut self, event: u16, name: &str, node: &Node) -> Result<expr::Program, Diagnostic> {
        let program = self.over_event(event, node)?;
        if matches!(program.ty(), Type::Int | Type::Float | Type::Bool | Type::Span) {
            return Ok(program);
        }
        let message = format!("{} takes numbers, durations or conditions, but this is {}", quoted(name), program.ty());
        let help = "name a field of the event that is a number; `count(event, window, filter)` counts events";
        Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(help))
    }

    fn over_values(&mut self, table: u16, event: u16, name: &str, args: &[Node]) -> Result<Need, Diagnostic> {
        let program = self.number(event, name, &args[1])?;
        let window = self.window(name, &args[2])?;
        let op = match name {
            "sum" => AggregateOp::Sum(window),
            "mean" => AggregateOp::Mean(window),
            "min" => AggregateOp::Min(window),
            "max" => AggregateOp::Max(window),
            "var" => AggregateOp::Var(window),
            "stddev" => AggregateOp::Stddev(window),
            "first" => AggregateOp::First(window),
            _ => AggregateOp::Last(window),
        };
        let key = canonical(self.ast.slice(&args[1]));
        Ok(Need::new(table, vec![event], StreamValue::Number(program), key, op, Type::Float))
    }

    /// `last(event, role, n)`
    fn last_entities(&mut self, table: u16, event: u16, args: &[Node]) -> Result<Need, Diagnostic> {
        let count = list_length(
            &args[2],
            "the third argument of `last` must be a count or a window",
            "last",
            limits::RECENTS_MAX,
        )?;
        let of = &self.builder.events[usize::from(event)];
        let name = args[1].as_name().unwrap_or_default();
        let Some(role) = of.roles.iter().position(|role| role.name == name) else {
            if self.builder.is_broken("event", &[&of.name]) {
                return Err(cascade(&args[1].span));
            }
            let message = format!("this is not a role of the event `{}`", of.name);
            return Err(near(
                "unknown_role",
                args[1].span.clone(),
                message,
                name,
                of.roles.iter().map(|role| role.name.as_str()),
            ));
        };
        let ty = Type::List(Box::new(Type::Entity(of.roles[role].entity)));
        let op = AggregateOp::LastEntities(count);
        Ok(Need::new(table, vec![event], StreamValue::Role(vec![role as u8]), format!("role {role}"), op, ty))
    }

    /// `last_n(event, value, n)`
    fn last_values(&mut self, table: u16, event: u16, args: &[Node]) -> Result<Need, Diagnostic> {
        let program = self.over_event(event, &args[1])?;
        if let Type::List(_) | Type::Entity(_) = program.ty() {
            let message = format!("`last_n` takes single values, but this is {}", program.ty());
            let help = "for the entities of an event write `last(event, role, n)`";
            return Err(Diagnostic::new("wrong_type", args[1].span.clone(), message).with_help(help));
        }
        let count =
            list_length(&args[2], "the third argument of `last_n` must be a count", "last_n", limits::RECENTS_MAX)?;
        let ty = Type::List(Box::new(program.ty().clone()));
        let key = format!("list {}", canonical(self.ast.slice(&args[1])));
        Ok(Need::new(table, vec![event], StreamValue::Listed(program), key, AggregateOp::LastValues(count), ty))
    }

    /// `streak(event, condition)`
    fn streak_of_events(&mut self, table: u16, event: u16, condition: &Node) -> Result<Need, Diagnostic> {
        let program = self.over_event(event, condition)?;
        if *program.ty() != Type::Bool {
            let message = format!("`streak` counts events that meet a condition, but this is {}", program.ty());
            return Err(Diagnostic::new("wrong_type", condition.span.clone(), message).with_help(usage("streak")));
        }
        let key = format!("list {}", canonical(self.ast.slice(condition)));
        let value = StreamValue::Listed(program);
        Ok(Need::new(table, vec![event], value, key, AggregateOp::StreakEvents, Type::Float))
    }

    /// `last([event, ...], role, n)`: one list over several events, of the same role of each. Without a filter, which would read
    /// the fields of one of them.
    fn last_of_events(&mut self, table: u16, names: &[Node], args: &[Node], span: Range<usize>) -> Found {
        arity("last", args, &span, 3..=3)?;
        let mut events: Vec<u16> = Vec::with_capacity(names.len());
        for node in names {
            let event = self.event_argument(node)?;
            self.check_key(table, event, &node.span)?;
            if events.contains(&event) {
                let fault = Diagnostic::new("duplicate_name", node.span.clone(), "this event is there twice");
                return Err(fault.with_help("name each event once"));
            }
            events.push(event);
        }
        events.sort_unstable();
        let needs = events.iter().map(|&event| self.last_entities(table, event, args));
        let needs = needs.collect::<Result<Vec<Need>, Diagnostic>>()?;
        let Some(first) = needs.first() else {
            let message = "the list of events is empty";
            return Err(Diagnostic::new("wrong_type", args[0].span.clone(), message).with_help(usage("last")));
        };
        let (op, ty) = (first.op, first.ty.clone());
        if needs.iter().any(|need| need.ty != ty) {
            let message = "this role is not of the same entity type in all these events";
            return Err(Diagnostic::new("wrong_type", args[1].span.clone(), message));
        }
        let roles = needs.iter().filter_map(|need| match &need.stream.value {
            StreamValue::Role(roles) => roles.first().copied(),
            _ => None,
        });
        let mut need = over_roles(table, events, roles.collect(), op, ty);
        need.name = one_line(self.ast.text().get(span.clone()).unwrap_or("last"));
        self.builder.add(need).ok_or_else(|| cascade(&span))
    }

    fn feature_seen(&mut self, table: u16, args: &[Node], span: Range<usize>) -> Found {
        if self.builder.tables[usize::from(table)].entity == USER {
            return self.seen(args, span);
        }
        let message = "`seen` asks about the user, and this table is not the user's";
        Err(Diagnostic::new("not_here", span, message).with_help("use it in a feature of `user` or in a feed"))
    }

    /// `seen(item, window)`, `seen(event, item, window)`
    pub(super) fn seen(&mut self, args: &[Node], span: Range<usize>) -> Found {
        arity("seen", args, &span, 2..=3)?;
        let events = if args.len() == 3 { vec![self.event_argument(&args[0])?] } else { self.builder.events_of_both() };
        let item = &args[args.len() - 2];
        if item.as_name() != Some("item") {
            let message = "`seen` asks about the candidate: this argument must be `item`";
            return Err(Diagnostic::new("wrong_type", item.span.clone(), message).with_help(usage("seen")));
        }
        let window = sliding("seen", &args[args.len() - 1])?;
        let mut roles = Vec::new();
        for &event in &events {
            let event = &self.builder.events[usize::from(event)];
            let role = |entity| event.roles.iter().position(|role| role.entity == entity);
            let (Some(_), Some(item)) = (role(USER), role(ITEM)) else {
                if self.builder.is_broken("event", &[&event.name]) {
                    return Err(cascade(&span));
                }
                let message = format!("the event `{}` does not name a user and an item", event.name);
                let help = "ask about an event with both roles, as in `seen(view, item, 30d)`";
                return Err(Diagnostic::new("missing_role", args[0].span.clone(), message).with_help(help));
            };
            roles.push(item as u8);
        }
        let table = self.builder.user_table();
        let mut need = over_roles(table, events, roles, AggregateOp::Seen(window), Type::Bool);
        need.name = one_line(self.ast.text().get(span.clone()).unwrap_or("seen"));
        self.builder.add(need).ok_or_else(|| cascade(&span))
    }
}

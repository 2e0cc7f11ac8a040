//! The expressions that a request brings along (its filter and boosts), compiled against a plan in force. They read what the
//! plan keeps already: nothing new is counted for a request.

mod trial;

pub use trial::{Tried, trial};

use crate::Plan;
use crate::build::{aggregate_call, listed, listed_slot, near};
use crate::diagnostic::quoted;
use crate::plan::{AggregateOp, Cross, EntityIndex, Feed, Slot, SlotIndex, SlotSource};
use domain::{Code, FeedRequest, Mark, Refusal, Symbol, Type, limits};
use expr::{Ast, Diagnostic, Node, Program};
use std::ops::Range;

/// A request's expressions, compiled.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// Slots that they read beside the plan's: slot `plan.slots.len() + i` is the `i`th of these.
    pub slots: Vec<Slot>,
    /// The condition that candidates must meet.
    pub filter: Option<Program>,
    /// Factors on the score and their conditions, in order.
    pub boosts: Vec<(f64, Program)>,
    /// Strings that nothing in the log has: the `k`th stands as `Symbol(u32::MAX - k)`, which is never given out.
    pub unknown: Vec<String>,
}

/// Compiles the filter and the boosts of a request for a feed. `symbols` knows the strings of the log.
///
/// # Errors
/// `invalid_expression` with the place, `too_large`, `too_many`, `invalid_value`.
pub fn overlay(
    plan: &Plan,
    feed: u16,
    request: &FeedRequest,
    symbols: &dyn Fn(&str) -> Option<Symbol>,
) -> Result<Overlay, Refusal> {
    if request.boosts.len() > limits::BOOSTS_MAX {
        let message = format!("there are {} boosts; at most {} are taken", request.boosts.len(), limits::BOOSTS_MAX);
        return Err(Refusal::new(Code::TooMany, "boost", message));
    }
    let feed = &plan.feeds[usize::from(feed)];
    let mut scope = RequestScope { plan, feed, slots: Vec::new(), unknown: Vec::new(), symbols, tried: None };
    let mut nodes = 0;
    let filter = request.filter.as_ref().map(|text| scope.condition("filter", text, &mut nodes)).transpose()?;
    let mut boosts = Vec::with_capacity(request.boosts.len());
    for (place, boost) in request.boosts.iter().enumerate() {
        let field = format!("boost.{place}");
        if !(0.0..=limits::BOOST_FACTOR_MAX).contains(&boost.by) {
            let message = format!("the factor must be a number from 0 to {}", limits::BOOST_FACTOR_MAX);
            return Err(Refusal::new(Code::InvalidValue, format!("{field}.by"), message));
        }
        boosts.push((boost.by, scope.condition(&format!("{field}.when"), &boost.when, &mut nodes)?));
    }
    Ok(Overlay { slots: scope.slots, filter, boosts, unknown: scope.unknown })
}

struct RequestScope<'a> {
    plan: &'a Plan,
    feed: &'a Feed,
    slots: Vec<Slot>,
    unknown: Vec<String>,
    symbols: &'a dyn Fn(&str) -> Option<Symbol>,
    /// The expression, if it is only tried: then it may write out what the plan counts.
    tried: Option<&'a str>,
}

type Found = Result<(SlotIndex, Type), Diagnostic>;

impl RequestScope<'_> {
    fn condition(&mut self, field: &str, text: &str, nodes: &mut usize) -> Result<Program, Refusal> {
        if text.len() > limits::REQUEST_EXPRESSION_BYTES_MAX {
            let most = limits::REQUEST_EXPRESSION_BYTES_MAX;
            let message = format!("the expression has {} bytes; a request's may have {most}", text.len());
            return Err(Refusal::new(Code::TooLarge, field, message));
        }
        let ast = expr::parse(text).map_err(|wrong| refusal(field, text, wrong))?;
        let (size, depth) = cost(ast.root());
        *nodes += size;
        if depth > limits::REQUEST_EXPRESSION_DEPTH_MAX || *nodes > limits::REQUEST_EXPRESSION_NODES_MAX {
            let message = format!(
                "the request's expressions cost too much: together at most {} names, values and operators, nested at most {} deep; \
                 declare a feature or a filter in the spec",
                limits::REQUEST_EXPRESSION_NODES_MAX,
                limits::REQUEST_EXPRESSION_DEPTH_MAX
            );
            return Err(Refusal::new(Code::TooLarge, field, message));
        }
        self.compiled(field, text, &ast)
    }

    fn compiled(&mut self, field: &str, text: &str, ast: &Ast) -> Result<Program, Refusal> {
        let program = expr::compile(ast, ast.root(), self).map_err(|wrong| refusal(field, text, wrong))?;
        if *program.ty() == Type::Bool {
            return Ok(program);
        }
        let message = format!("this must be a condition (bool), but it is {}", program.ty());
        let wrong =
            Diagnostic::new("wrong_type", ast.root().span.clone(), message).with_help("compare it with something");
        Err(refusal(field, text, vec![wrong]))
    }

    /// The plan's slot with this content, or one of the request's own.
    fn slot(&mut self, slot: Slot) -> Found {
        let same = |known: &Slot| match slot.source {
            // The source does not say which of the context's fields it is.
            SlotSource::Context => known.source == slot.source && known.name == slot.name && known.ty == slot.ty,
            source => known.source == source,
        };
        let ty = slot.ty.clone();
        let known = self.plan.slots.iter().chain(&self.slots).position(same);
        let index = known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.plan.slots.len() + self.slots.len() - 1
        });
        Ok((index as SlotIndex, ty))
    }

    fn input(&mut self, name: String, ty: Type, source: SlotSource) -> Found {
        let per_candidate = matches!(source, SlotSource::RouteScore { .. } | SlotSource::FusedScore);
        self.slot(Slot { name, ty, source, per_candidate })
    }

    fn readable(&self) -> Vec<EntityIndex> {
        let item = self.plan.entity("item");
        let user = self.plan.entity("user").filter(|user| *user == self.feed.subject);
        user.into_iter().chain(item).collect()
    }

    /// `item.price`, `user.views_7d`, `user.category.share_7d`.
    fn of_entity(&mut self, path: &[&str], span: Range<usize>) -> Found {
        let readable = self.readable();
        let (name, table) = path.split_last().expect("the caller has looked at the first part");
        let table = self.plan.tables.iter().position(|known| known.name == table.join("."));
        let features = &self.plan.features;
        let feature = features.iter().find(|of| Some(usize::from(of.table)) == table && of.name == *name);
        if let (Some(feature), Some(table)) = (feature, table) {
            let table = &self.plan.tables[table];
            let crossed_with_item = match table.cross {
                None | Some(Cross::ItemField(_)) => true,
                Some(Cross::Entity(entity)) => Some(entity) == self.plan.entity("item"),
            };
            if readable.contains(&table.entity) && crossed_with_item {
                return Ok((feature.slot, feature.program.ty().clone()));
            }
        }
        let entity = self.plan.entity(path[0]).filter(|entity| readable.contains(entity));
        if let (Some(entity), [_, field]) = (entity, path) {
            let fields = &self.plan.entities[usize::from(entity)].fields;
            if let Some(index) = fields.iter().position(|known| known.name == *field) {
                let source = SlotSource::Attribute { entity, field: index as u16 };
                let per_candidate = Some(entity) == self.plan.entity("item");
                let ty = fields[index].ty.clone();
                return self.slot(Slot { name: path.join("."), ty, source, per_candidate });
            }
        }
        let message =
            format!("{} is neither a feature nor an attribute that this feed can read", quoted(&path.join(".")));
        let known = self.names(&readable);
        Err(near("unknown_name", span, message, &path.join("."), known.iter().map(String::as_str)))
    }

    /// Everything that can be read of these entity types, as expressions name it.
    fn names(&self, readable: &[EntityIndex]) -> Vec<String> {
        let mut names = Vec::new();
        for feature in &self.plan.features {
            let table = &self.plan.tables[usize::from(feature.table)];
            if readable.contains(&table.entity) {
                names.push(format!("{}.{}", table.name, feature.name));
            }
        }
        for &entity in readable {
            let entity = &self.plan.entities[usize::from(entity)];
            names.extend(entity.fields.iter().map(|field| format!("{}.{}", entity.name, field.name)));
        }
        names
    }

    fn of_context(&mut self, path: &[&str], span: Range<usize>) -> Found {
        let field = self.feed.context.iter().find(|field| path.len() == 2 && field.name == path[1]);
        if let Some(field) = field {
            let (name, ty) = (format!("request.{}", field.name), field.ty.clone());
            return self.input(name, ty, SlotSource::Context);
        }
        let message = format!("{} is not in the feed's `context`", quoted(&path.join(".")));
        let known: Vec<String> = self.feed.context.iter().map(|field| format!("request.{}", field.name)).collect();
        Err(near("unknown_name", span, message, &path.join("."), known.iter().map(String::as_str)))
    }

    fn of_recall(&mut self, path: &[&str], span: Range<usize>) -> Found {
        if let [_, "score"] = path {
            return self.input("recall.score".to_owned(), Type::Float, SlotSource::FusedScore);
        }
        let route = self.feed.routes.iter().position(|route| path.len() == 2 && route.name == path[1]);
        let feed = self.plan.feed(&self.feed.name);
        if let (Some(route), Some(feed)) = (route, feed) {
            let source = SlotSource::RouteScore { feed, route: route as u16 };
            return self.input(path.join("."), Type::Float, source);
        }
        let message = format!("{} is not a route of this feed", quoted(&path.join(".")));
        let known: Vec<String> = self.feed.routes.iter().map(|route| format!("recall.{}", route.name)).collect();
        Err(near("unknown_name", span, message, &path.join("."), known.iter().map(String::as_str)))
    }

    /// `seen(..)` as the plan counts it already.
    fn seen(&self, args: &[Node]) -> Option<(SlotIndex, Type)> {
        let user = self.plan.entity("user").filter(|user| *user == self.feed.subject)?;
        let (item, window) = (args.get(args.len().checked_sub(2)?)?, args.last()?.as_span()?);
        item.as_name().filter(|name| *name == "item")?;
        let both = |event: &u16| {
            let roles = &self.plan.events[usize::from(*event)].roles;
            [Some(user), self.plan.entity("item")].iter().all(|of| roles.iter().any(|role| Some(role.entity) == *of))
        };
        let events: Vec<u16> = match args {
            [event, _, _] => vec![self.plan.event(event.as_name()?)?],
            [_, _] => (0..self.plan.events.len() as u16).filter(both).collect(),
            _ => return None,
        };
        let found = self.plan.aggregates.iter().find(|aggregate| {
            aggregate.op == AggregateOp::Seen(window)
                && self.plan.streams[usize::from(aggregate.stream)].events == events
        })?;
        Some((found.slot, Type::Bool))
    }

    fn uncounted(&self, name: &str, span: Range<usize>) -> Diagnostic {
        let message = format!("the plan does not count this {}, and a request cannot make it", quoted(name));
        let seen = self.plan.aggregates.iter().filter(|aggregate| matches!(aggregate.op, AggregateOp::Seen(_)));
        let seen = seen.map(|aggregate| self.plan.slots[usize::from(aggregate.slot)].name.as_str());
        let known: Vec<&str> = seen.take(5).collect();
        let help = match name {
            "seen" if !known.is_empty() => format!("counted are: {}", known.join(", ")),
            _ => "declare a feature for it in the spec, and read that".to_owned(),
        };
        Diagnostic::new("not_here", span, message).with_help(help)
    }
}

impl expr::Scope for RequestScope<'_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Found {
        match path {
            ["now"] => self.input("now".to_owned(), Type::Time, SlotSource::Now),
            ["request", ..] => self.of_context(path, span),
            ["recall", ..] if self.tried.is_some() => Err(self.no_scores(path, span)),
            ["recall", ..] => self.of_recall(path, span),
            [name] => {
                let known: Vec<String> = self.names(&self.readable());
                let whole = known.iter().find(|path| path.rsplit('.').next() == Some(name));
                let help = format!("write `{}`", whole.map_or("item.<name>", String::as_str));
                let message = format!("{} says not whose it is", quoted(name));
                Err(Diagnostic::new("unknown_name", span, message).with_help(help))
            }
            _ => self.of_entity(path, span),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Found> {
        match name {
            "listed" => Some(listed(&self.plan.lists, self.feed.subject, args, &span).and_then(|list| {
                let slot = listed_slot(&self.plan.lists, list);
                self.slot(slot)
            })),
            "seen" => Some(self.seen(args).ok_or_else(|| self.uncounted(name, span))),
            _ if self.tried.is_some() && aggregate_call(name, args, &|name| self.plan.event(name).is_some()) => {
                Some(self.kept(&span).unwrap_or_else(|| Err(self.not_kept(name, span))))
            }
            _ if aggregate_call(name, args, &|name| self.plan.event(name).is_some()) => {
                Some(Err(self.uncounted(name, span)))
            }
            _ => None,
        }
    }

    fn constant(&mut self, text: &str) -> Symbol {
        let Plan { constants, symbols, .. } = self.plan;
        let known = constants.iter().position(|known| known == text).map(|index| symbols[index]);
        known.or_else(|| (self.symbols)(text)).unwrap_or_else(|| {
            let place = self.unknown.iter().position(|known| known == text).unwrap_or_else(|| {
                self.unknown.push(text.to_owned());
                self.unknown.len() - 1
            });
            Symbol(u32::MAX - place as u32)
        })
    }

    fn known_calls(&self) -> Vec<&str> {
        vec!["seen", "listed"]
    }
}

/// The first mistake of an expression, with its place.
fn refusal(field: &str, text: &str, wrong: Vec<Diagnostic>) -> Refusal {
    let Some(first) = wrong.into_iter().next() else {
        return Refusal::new(Code::InvalidExpression, field, "the expression cannot be read; write a condition");
    };
    let help = first.help.map_or(String::new(), |help| format!("; {help}"));
    let message = format!("{}{help}", first.message);
    Refusal::new(Code::InvalidExpression, field, message).with_mark(Mark::new(text, first.span))
}

/// How many nodes a tree has, and how deep it is.
fn cost(node: &Node) -> (usize, usize) {
    node.children()
        .into_iter()
        .map(cost)
        .fold((1, 1), |(nodes, depth), (size, below)| (nodes + size, depth.max(below + 1)))
}

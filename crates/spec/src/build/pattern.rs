//! Patterns in time: `seq`, `absent` and `held`, checked argument by argument. Each has a stream of its own.

use super::aggregate::arity;
use super::row_facts::{Reader, RowFacts, RowScope};
use super::scope::{Found, Scope, cascade};
use super::stream::{Need, canonical, one_line};
use super::window::duration;
use crate::diagnostic::quoted;
use crate::plan::{AggregateOp, HeldOver, Pattern, PatternKind, PatternStep, RowFact, StreamValue};
use domain::{Span, Type, limits};
use expr::{Diagnostic, Node, NodeKind};
use std::ops::Range;

/// How a pattern is written.
pub(super) fn usage(name: &str) -> &'static str {
    match name {
        "seq" => {
            "write `seq(login_failed, password_change, payment(amount > 100), 10m)`: events in order, and within how long"
        }
        "absent" => "write `absent(purchase, basket, 30m)`: what did not come, after what, and within how long",
        _ => {
            "write `held(count(payment, 1m) > 10, 5s)`, or `held(reading, value > 85, 5s)` for a condition over an event"
        }
    }
}

impl Scope<'_, '_, '_> {
    /// A pattern in a feature of this table.
    pub(super) fn pattern(&mut self, table: u16, name: &str, args: &[Node], span: Range<usize>) -> Found {
        let pattern = match name {
            "seq" => self.sequence(table, args, &span)?,
            "absent" => self.absence(table, args, &span)?,
            _ if args.len() == 3 => self.run(table, args)?,
            _ => match self.held_over(table, args, &span)? {
                Some(pattern) => pattern,
                None => {
                    let text = one_line(self.ast.text().get(span.clone()).unwrap_or(name));
                    return self.builder.unfilled(&text, Type::Bool).ok_or_else(|| cascade(&span));
                }
            },
        };
        let mut events: Vec<u16> = pattern.kind.steps().iter().map(|step| step.event).collect();
        if let PatternKind::Held(over) = &pattern.kind {
            events = self.events_under(over);
        }
        events.sort_unstable();
        events.dedup();
        let key = pattern.meaning();
        let value = StreamValue::Pattern(Box::new(pattern));
        let mut need = Need::new(table, events, value, String::new(), AggregateOp::Pattern, Type::Bool);
        need.key = format!("{table} pattern {key}");
        need.name = one_line(self.ast.text().get(span.clone()).unwrap_or(name));
        self.builder.add(need).ok_or_else(|| cascade(&span))
    }

    /// `seq(a, b, c, within)`
    fn sequence(&mut self, table: u16, args: &[Node], span: &Range<usize>) -> Result<Pattern, Diagnostic> {
        arity("seq", args, span, 3..=limits::SEQUENCE_STEPS_MAX + 1)?;
        let (last, steps) = args.split_last().ok_or_else(|| cascade(span))?;
        let steps = self.steps("seq", table, steps)?;
        let span = duration("seq", "time", last, limits::WINDOW_MAX)?;
        Ok(Pattern { span, kind: PatternKind::Sequence(steps) })
    }

    /// `absent(b, a, within)`
    fn absence(&mut self, table: u16, args: &[Node], span: &Range<usize>) -> Result<Pattern, Diagnostic> {
        arity("absent", args, span, 3..=3)?;
        let mut steps = self.steps("absent", table, &args[..2])?;
        let span = duration("absent", "time", &args[2], limits::WINDOW_MAX)?;
        let after = steps.swap_remove(1);
        let awaited = steps.swap_remove(0);
        Ok(Pattern { span, kind: PatternKind::Absence { awaited, after } })
    }

    /// `held(event, condition, for)`
    fn run(&mut self, table: u16, args: &[Node]) -> Result<Pattern, Diagnostic> {
        let event = self.event_argument(&args[0])?;
        self.check_key(table, event, &args[0].span)?;
        let filter = Some(self.filter(event, &args[1])?);
        let span = held_for(&args[2])?;
        Ok(Pattern { span, kind: PatternKind::Run(PatternStep { event, filter }) })
    }

    /// `held(condition, for)`; none where it has no state yet, under an interim plan.
    fn held_over(&mut self, table: u16, args: &[Node], span: &Range<usize>) -> Result<Option<Pattern>, Diagnostic> {
        arity("held", args, span, 2..=2)?;
        if let Some(name) = args[0].as_name().filter(|name| self.builder.event(name).is_some()) {
            let message = format!("{} is an event, and no condition", quoted(name));
            return Err(Diagnostic::new("wrong_type", args[0].span.clone(), message).with_help(usage("held")));
        }
        let mut facts = RowFacts::new(Reader::Held, table);
        let mut scope =
            RowScope { builder: &mut *self.builder, facts: &mut facts, ast: self.ast, within: false, more: Vec::new() };
        let compiled = expr::compile(self.ast, &args[0], &mut scope);
        let mut more = std::mem::take(&mut scope.more);
        let condition = match compiled {
            Ok(condition) => condition,
            Err(mut wrong) => {
                let first = if wrong.is_empty() { cascade(span) } else { wrong.remove(0) };
                self.more.append(&mut wrong);
                self.more.append(&mut more);
                return Err(first);
            }
        };
        scope.refuse_texts(&condition, &args[0].span)?;
        if *condition.ty() != Type::Bool {
            let message = format!("`held` takes a condition (bool), but this is {}", condition.ty());
            return Err(Diagnostic::new("wrong_type", args[0].span.clone(), message).with_help(usage("held")));
        }
        let for_ = held_for(&args[1])?;
        let counts = facts.aggregates().next().is_some();
        if !counts && self.builder.kept.is_some() {
            return Ok(None);
        }
        if !counts {
            let message = "this condition counts nothing, so no event can change it";
            return Err(Diagnostic::new("wrong_type", args[0].span.clone(), message).with_help(usage("held")));
        }
        let meaning = format!("{}{}", canonical(condition.text()), facts.meaning(self.builder));
        Ok(Some(Pattern { span: for_, kind: PatternKind::Held(HeldOver { facts: facts.list, condition, meaning }) }))
    }

    /// Every event that a condition counts.
    fn events_under(&self, over: &HeldOver) -> Vec<u16> {
        let streams = over.facts.iter().filter_map(|fact| match fact {
            RowFact::Aggregate(index) => Some(self.builder.aggregates[usize::from(*index)].stream),
            RowFact::Derived(_) => None,
        });
        streams.flat_map(|stream| self.builder.streams[usize::from(stream)].events.iter().copied()).collect()
    }

    /// Events, each by its name or as `payment(amount > 100)`. Every one is checked, so that one mistake does not hide another.
    fn steps(&mut self, name: &str, table: u16, nodes: &[Node]) -> Result<Vec<PatternStep>, Diagnostic> {
        let (mut steps, mut wrong) = (Vec::with_capacity(nodes.len()), Vec::new());
        for node in nodes {
            match self.step(name, table, node) {
                Ok(step) => steps.push(step),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        if wrong.is_empty() {
            return Ok(steps);
        }
        let first = wrong.remove(0);
        self.more.append(&mut wrong);
        Err(first)
    }

    fn step(&mut self, name: &str, table: u16, node: &Node) -> Result<PatternStep, Diagnostic> {
        let (event, filter) = match &node.kind {
            NodeKind::Call { name: event, args } => match args.as_slice() {
                [filter] => (event.text.as_str(), Some(filter)),
                _ => {
                    let message = format!("a step takes one condition in brackets, not {}", args.len());
                    return Err(Diagnostic::new("wrong_arity", node.span.clone(), message).with_help(usage(name)));
                }
            },
            _ => match node.as_name() {
                Some(event) => (event, None),
                None => {
                    let message = format!("a step of {} must be the name of an event", quoted(name));
                    return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(usage(name)));
                }
            },
        };
        let event = self.event_named(event, &node.span)?;
        self.check_key(table, event, &node.span)?;
        let filter = filter.map(|filter| self.filter(event, filter)).transpose()?;
        Ok(PatternStep { event, filter })
    }
}

fn held_for(node: &Node) -> Result<Span, Diagnostic> {
    duration("held", "time", node, limits::WINDOW_MAX)
}

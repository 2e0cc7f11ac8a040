//! Aggregates that keep sketches: `distinct`, `quantile`, `top_k`.

use super::aggregate::list_length;
use super::scope::{Scope, cascade, near};
use super::stream::{Need, canonical};
use crate::diagnostic::quoted;
use crate::plan::{AggregateOp, Collection, ElementSource, Sketch, StreamValue, Window};
use domain::{Span, Type, limits};
use expr::{Diagnostic, Node, NodeKind};

/// Widths of the panes of sketches. They are closer to one another than those of numbers, so that a window needs 24 to 60 of them and
/// not up to 240, and none is shorter than a second, so that few lie ahead of the log.
const LADDER: [Span; 18] = [
    Span(1_000),
    Span(2_000),
    Span(5_000),
    Span(10_000),
    Span(20_000),
    Span(30_000),
    Span(60_000),
    Span(120_000),
    Span(300_000),
    Span(600_000),
    Span(1_200_000),
    Span(1_800_000),
    Span(3_600_000),
    Span(7_200_000),
    Span(10_800_000),
    Span(21_600_000),
    Span(43_200_000),
    Span(86_400_000),
];

/// The width of the panes that a window over sketches is read from: 1/24 of the window at most, or a second.
pub(crate) fn pane_width(window: Span) -> Span {
    let fine = LADDER.iter().rev().find(|width| width.0 <= window.0 / 24);
    *fine.unwrap_or(&LADDER[0])
}

pub(super) fn usage(name: &str) -> &'static str {
    match name {
        "distinct" => "write `distinct(event, what, window)` or `distinct(event, what, window, filter)`",
        "quantile" => "write `quantile(event, value, 0.95, window)` or `quantile(event, value, 0.95, window, filter)`",
        _ => "write `top_k(event, what, 5, window)` or `top_k(event, what, 5, window, filter)`",
    }
}

impl Scope<'_, '_, '_> {
    /// `distinct(event, what, window)`, `quantile(event, value, q, window)` or `top_k(event, what, k, window)`.
    pub(super) fn sketch(&mut self, table: u16, event: u16, name: &str, args: &[Node]) -> Result<Need, Diagnostic> {
        let mut need = match name {
            "quantile" => self.quantile(table, event, args),
            "top_k" => self.top_k(table, event, args),
            _ => self.distinct(table, event, args),
        }?;
        need.key = format!("{name} {}", need.key);
        Ok(need)
    }

    fn distinct(&mut self, table: u16, event: u16, args: &[Node]) -> Result<Need, Diagnostic> {
        let (source, _) = self.elements(event, "distinct", &args[1])?;
        let op = AggregateOp::Distinct(self.panes("distinct", &args[2])?);
        Ok(self.over_elements(table, event, source, op, Type::Float, Sketch::Distinct))
    }

    fn top_k(&mut self, table: u16, event: u16, args: &[Node]) -> Result<Need, Diagnostic> {
        let (source, ty) = self.elements(event, "top_k", &args[1])?;
        if !matches!(ty, Type::Str | Type::Entity(_)) {
            let message = format!("`top_k` lists strings and entities, but this is {ty}");
            return Err(Diagnostic::new("wrong_type", args[1].span.clone(), message).with_help(usage("top_k")));
        }
        let count = list_length(&args[2], "the third argument of `top_k` must be a count", "top_k", limits::TOP_MAX)?;
        let op = AggregateOp::TopK(count, self.panes("top_k", &args[3])?);
        Ok(self.over_elements(table, event, source, op, Type::List(Box::new(ty)), Sketch::Top))
    }

    fn quantile(&mut self, table: u16, event: u16, args: &[Node]) -> Result<Need, Diagnostic> {
        let program = self.number(event, "quantile", &args[1])?;
        let Some(q) = args[2].as_number() else {
            let message = "the third argument of `quantile` must be a number from 0 to 1";
            return Err(Diagnostic::new("wrong_type", args[2].span.clone(), message).with_help(usage("quantile")));
        };
        let millionths = (q * 1_000_000.0).round();
        if !(0.0..=1.0).contains(&q) || (millionths / 1_000_000.0 - q).abs() > 1e-12 {
            let written = self.ast.slice(&args[2]);
            let message = format!("the quantile is {written}; it must be from 0 to 1 with at most six decimal places");
            return Err(Diagnostic::new("out_of_range", args[2].span.clone(), message));
        }
        let op = AggregateOp::Quantile(millionths as u32, self.panes("quantile", &args[3])?);
        let key = canonical(self.ast.slice(&args[1]));
        let mut need = Need::new(table, vec![event], StreamValue::Number(program), key, op, Type::Float);
        need.stream.sketch = Some(Sketch::Quantile);
        Ok(need)
    }

    /// A window that is made of panes. Sessions are not: where a late event joins two, what was cut away of their sketches is missed.
    fn panes(&mut self, name: &str, node: &Node) -> Result<Window, Diagnostic> {
        let window = self.window(name, node)?;
        if let Window::Session(_) = window {
            let message = format!("{} cannot be read over a session", quoted(name));
            let help = "write a duration (`1h`), a calendar period (`day()`) or `tumbling(10m)`";
            return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(help));
        }
        Ok(window)
    }

    fn over_elements(
        &mut self,
        table: u16,
        event: u16,
        source: ElementSource,
        op: AggregateOp,
        ty: Type,
        sketch: Sketch,
    ) -> Need {
        let of_event = self.builder.collections.iter().filter(|known| known.event == event);
        let known = of_event.clone().position(|known| known.source == source);
        let collection = known.unwrap_or(of_event.count());
        if known.is_none() {
            self.builder.collections.push(Collection { event, source });
        }
        let value = StreamValue::Elements(collection as u16);
        let mut need = Need::new(table, vec![event], value, format!("{source:?}"), op, ty);
        need.stream.sketch = Some(sketch);
        need
    }

    /// A field of the event, a role, or `role.attribute`; of a list its elements. With the type of one element.
    fn elements(&mut self, event: u16, name: &str, node: &Node) -> Result<(ElementSource, Type), Diagnostic> {
        let path: Vec<&str> = match &node.kind {
            NodeKind::Path(names) => names.iter().map(|name| name.text.as_str()).collect(),
            _ => return self.computed_elements(event, name, node),
        };
        let of = &self.builder.events[usize::from(event)];
        let role = path.first().and_then(|first| of.roles.iter().position(|role| role.name == *first));
        let field = path.first().and_then(|first| of.fields.iter().position(|field| field.name == *first));
        let found = match (path.as_slice(), role, field) {
            ([_], Some(role), _) => Some((ElementSource::Role(role as u8), Type::Entity(of.roles[role].entity))),
            ([_], None, Some(field)) => Some((ElementSource::Field(field as u16), of.fields[field].ty.clone())),
            ([_, attribute], Some(role), _) => {
                let entity = of.roles[role].entity;
                let field = self.builder.field(entity, attribute);
                let fields = &self.builder.entities[usize::from(entity)].fields;
                let source = |field| ElementSource::Attribute { role: role as u8, field };
                field.map(|field| (source(field), fields[usize::from(field)].ty.clone()))
            }
            _ => None,
        };
        let Some((source, ty)) = found else { return Err(self.no_elements(event, name, node, &path)) };
        match ty {
            Type::List(of) if *of == Type::Str => Ok((source, Type::Str)),
            Type::List(_) => {
                let message = format!("{} is a list of numbers, which is one value", quoted(&path.join(".")));
                Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(usage(name)))
            }
            ty => Ok((source, ty)),
        }
    }

    /// What an expression gives, which is computed with the event.
    fn computed_elements(&mut self, event: u16, name: &str, node: &Node) -> Result<(ElementSource, Type), Diagnostic> {
        let program = self.over_event(event, node)?;
        if program.slots().is_empty() {
            return Err(self.no_elements(event, name, node, &[]));
        }
        let ty = program.ty().clone();
        if let Type::List(_) = ty {
            let message = format!("the second argument of {} is {ty} here", quoted(name));
            let help = "give one value of each event; of a list, name the field or attribute itself";
            return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(help));
        }
        let program = match self.builder.is_computed(event, &program) {
            true => program,
            false => self.computed_program(event, program, &node.span)?,
        };
        Ok((ElementSource::Field(program.slots()[0]), ty))
    }

    fn no_elements(&self, event: u16, name: &str, node: &Node, path: &[&str]) -> Diagnostic {
        if path.is_empty() {
            let message = format!("the second argument of {} must be of the event", quoted(name));
            let help = "name a role or a field of the event, an attribute as `item.tags`, or an expression over them";
            return Diagnostic::new("wrong_type", node.span.clone(), message).with_help(help);
        }
        let of = &self.builder.events[usize::from(event)];
        let role = of.roles.iter().find(|role| role.name == path[0]);
        let entity = role.map(|role| self.builder.entities[usize::from(role.entity)].name.as_str());
        let attribute = [&[entity.unwrap_or(path[0])], &path[1..]].concat();
        let broken_event = self.builder.is_broken("event", &[&of.name])
            || path.len() == 1 && self.builder.is_broken("event", &[&of.name, path[0]]);
        if broken_event || path.len() > 1 && self.builder.is_broken("entity", &attribute) {
            return cascade(&node.span);
        }
        let roles = of.roles.iter().map(|role| role.name.clone());
        let attributes = of.roles.iter().flat_map(|role| {
            let fields = &self.builder.entities[usize::from(role.entity)].fields;
            fields.iter().map(|field| format!("{}.{}", role.name, field.name))
        });
        let known: Vec<String> =
            roles.chain(of.fields.iter().map(|field| field.name.clone())).chain(attributes).collect();
        let wrong = path.join(".");
        let message =
            format!("{} is no role or field of `{}`, and no attribute of its entities", quoted(&wrong), of.name);
        near("unknown_name", node.span.clone(), message, &wrong, known.iter().map(String::as_str))
    }
}

//! The window argument of an aggregate: a duration, a calendar period, or a session.

use super::aggregate::usage;
use super::scope::Scope;
use crate::diagnostic::quoted;
use crate::plan::{Calendar, Window};
use domain::{CalendarUnit, Periods, Span, Zone, limits};
use expr::{Diagnostic, Literal, Node, NodeKind};

/// How windows are written, for messages.
const WAYS: &str = "write a duration (`7d`), a calendar period (`day(\"Europe/Berlin\")`, `previous(week())`), `tumbling(10m)` or `session(30m)`";

/// A sliding window: a duration literal within the limits.
pub(super) fn sliding(name: &str, node: &Node) -> Result<Span, Diagnostic> {
    duration(name, "window", node, limits::WINDOW_MAX)
}

/// A duration literal within the limits.
pub(super) fn duration(name: &str, what: &str, node: &Node, most: Span) -> Result<Span, Diagnostic> {
    let Some(span) = node.as_span() else {
        let message = format!("this argument of {} must be a duration", quoted(name));
        return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(usage(name)));
    };
    if (limits::WINDOW_MIN..=most).contains(&span) {
        return Ok(span);
    }
    let message = format!("the {what} is {span}; it must be from {} to {most}", limits::WINDOW_MIN);
    Err(Diagnostic::new("out_of_range", node.span.clone(), message))
}

/// Whether an argument is written as a calendar period.
pub(super) fn is_calendar(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::Call { name, .. } if CalendarUnit::parse(&name.text).is_some())
}

impl Scope<'_, '_, '_> {
    /// Any window.
    pub(super) fn window(&mut self, of: &str, node: &Node) -> Result<Window, Diagnostic> {
        let NodeKind::Call { name, args } = &node.kind else {
            if node.as_span().is_none() {
                let message = format!("this argument of {} must be a window", quoted(of));
                return Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(WAYS));
            }
            return Ok(Window::Sliding(sliding(of, node)?));
        };
        match (name.text.as_str(), args.as_slice()) {
            ("tumbling", [width]) => self.tumbling(width, 0),
            ("previous", [Node { kind: NodeKind::Call { name, args }, .. }])
                if name.text == "tumbling" && args.len() == 1 =>
            {
                self.tumbling(&args[0], 1)
            }
            ("session", [gap]) => Ok(Window::Session(duration("session", "gap", gap, limits::WINDOW_MAX)?)),
            ("previous", [period]) if is_calendar(period) => {
                Ok(Window::Calendar { calendar: self.calendar(period)?, back: 1 })
            }
            _ if is_calendar(node) => Ok(Window::Calendar { calendar: self.calendar(node)?, back: 0 }),
            _ => {
                let message = format!("{} is not a window", quoted(self.ast.slice(node)));
                Err(Diagnostic::new("wrong_type", node.span.clone(), message).with_help(WAYS))
            }
        }
    }

    fn tumbling(&self, width: &Node, back: u16) -> Result<Window, Diagnostic> {
        Ok(Window::Tumbling { width: duration("tumbling", "length", width, limits::WINDOW_MAX)?, back })
    }

    /// `day("Europe/Berlin")`, `week()` in UTC: index into the plan's calendars.
    pub(super) fn calendar(&mut self, node: &Node) -> Result<u16, Diagnostic> {
        let unit = match &node.kind {
            NodeKind::Call { name, args } => {
                CalendarUnit::parse(&name.text).filter(|_| args.len() <= 1).map(|unit| (unit, args.first()))
            }
            _ => None,
        };
        let Some((unit, zone)) = unit else {
            let message = "a calendar period takes one argument at most, the time zone";
            return Err(Diagnostic::new("wrong_arity", node.span.clone(), message).with_help(WAYS));
        };
        let zone = zone.map_or(Ok(Zone::utc()), zone_of)?;
        let calendars = &mut self.builder.calendars;
        let known = calendars.iter().position(|known| known.unit == unit && known.zone == zone);
        if known.is_none() && calendars.len() >= limits::CALENDARS_MAX {
            let message = format!("the windows follow more than {} calendars", limits::CALENDARS_MAX);
            return Err(Diagnostic::new("too_many", node.span.clone(), message).with_help("use fewer time zones"));
        }
        Ok(known.unwrap_or_else(|| {
            let periods = Periods::new(unit, &zone);
            calendars.push(Calendar { unit, zone, periods });
            calendars.len() - 1
        }) as u16)
    }
}

fn zone_of(node: &Node) -> Result<Zone, Diagnostic> {
    let NodeKind::Literal(Literal::Str(name)) = &node.kind else {
        let message = "the time zone must be a text";
        return Err(
            Diagnostic::new("wrong_type", node.span.clone(), message).with_help("as in `day(\"Europe/Berlin\")`")
        );
    };
    Zone::parse(name).ok_or_else(|| {
        let message = format!("{} is not a time zone", quoted(name));
        let help = "name one of the IANA database (`Europe/Berlin`), `UTC`, or an offset (`+05:30`)";
        Diagnostic::new("unknown_zone", node.span.clone(), message).with_help(help)
    })
}

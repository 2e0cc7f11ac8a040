//! The cells of a decision table: constants and ranges of an input's type, as a condition and as a set of values.

use domain::{Span, Type};
use std::cmp::Ordering;

/// A place between numbers: just before a number (`after` false) or just after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) at: f64,
    pub(super) after: bool,
}

impl Eq for Cut {}

impl Ord for Cut {
    fn cmp(&self, other: &Cut) -> Ordering {
        self.at.total_cmp(&other.at).then(self.after.cmp(&other.after))
    }
}

impl PartialOrd for Cut {
    fn partial_cmp(&self, other: &Cut) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub(super) const LOWEST: Cut = Cut { at: f64::NEG_INFINITY, after: false };
pub(super) const HIGHEST: Cut = Cut { at: f64::INFINITY, after: true };

/// What one alternative of a cell takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Text(String),
    Bool(bool),
    /// From one cut to another.
    Range(Cut, Cut),
}

/// What cells of an input of this type look like, for messages; `None` if there are none for it.
pub(super) fn forms(ty: &Type) -> Option<&'static str> {
    Some(match ty {
        Type::Str => "write a text or a list of texts, as in `US` or `[DE, FR]`",
        Type::Bool => "write `true` or `false`",
        Type::Int => "write `5`, `\"> 5\"`, `\"<= 5\"` or `1..5` (from 1 to 5, without 5), in whole numbers",
        Type::Float => "write `0.5`, `\"> 5\"`, `\"<= 5\"` or `1..5` (from 1 to 5, without 5)",
        Type::Span => "write `5m`, `\"> 5m\"`, `\"<= 5m\"` or `1m..5m` (from 1m to 5m, without 5m)",
        _ => return None,
    })
}

/// One alternative of a cell over an input that is written `x`: its condition and what it takes. `None` if it is none of this type.
pub(super) fn alternative(x: &str, text: &str, ty: &Type) -> Option<(String, Values)> {
    match ty {
        Type::Str => Some((format!("{x} == {}", literal(text)), Values::Text(text.to_owned()))),
        Type::Bool => {
            let value = text.parse::<bool>().ok()?;
            Some((if value { x.to_owned() } else { format!("!({x})") }, Values::Bool(value)))
        }
        _ => range(x, text.trim(), ty),
    }
}

fn range(x: &str, text: &str, ty: &Type) -> Option<(String, Values)> {
    let number = |text: &str| number(text.trim(), ty);
    if let Some((from, to)) = text.split_once("..") {
        let (least, most) = (number(from)?, number(to)?);
        let range = Values::Range(Cut { at: least, after: false }, Cut { at: most, after: false });
        return (least < most).then(|| (format!("{x} >= {} && {x} < {}", from.trim(), to.trim()), range));
    }
    let written = [">=", "<=", ">", "<"].into_iter().find(|sign| text.starts_with(sign));
    let rest = written.map_or(text, |sign| &text[sign.len()..]).trim();
    let at = number(rest)?;
    // Whole numbers beside each other have nothing between them.
    let after = match ty {
        Type::Int => Cut { at: at + 1.0, after: false },
        _ => Cut { at, after: true },
    };
    let before = Cut { at, after: false };
    let (from, to) = match written {
        Some(">=") => (before, HIGHEST),
        Some("<=") => (LOWEST, after),
        Some(">") => (after, HIGHEST),
        Some(_) => (LOWEST, before),
        None => (before, after),
    };
    Some((format!("{x} {} {rest}", written.unwrap_or("==")), Values::Range(from, to)))
}

/// A number as expressions write it; of a duration the milliseconds.
fn number(text: &str, ty: &Type) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match ty {
        Type::Span => Span::parse(text).map(|span| span.0 as f64),
        Type::Int => text.parse::<i64>().ok().filter(|int| int.unsigned_abs() < 1 << 52).map(|int| int as f64),
        // A zero has no sign here: both are equal.
        _ => text.parse::<f64>().ok().filter(|float| float.is_finite()).map(|float| float + 0.0),
    }
}

/// A text as expressions write it.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The kinds of values of one input that its cells tell apart.
pub(super) enum Axis {
    /// The texts, and then all others.
    Texts(Vec<String>),
    /// `false` and `true`.
    Bools,
    /// What lies before, between and behind the cuts.
    Cuts(Vec<Cut>),
}

impl Axis {
    /// Of all that the cells of an input of this type take.
    pub(super) fn new<'v>(ty: &Type, all: impl Iterator<Item = &'v Values>) -> Axis {
        let (mut texts, mut cuts) = (Vec::new(), Vec::new());
        for values in all {
            match values {
                Values::Text(text) => texts.push(text.clone()),
                Values::Range(from, to) => cuts.extend([*from, *to]),
                Values::Bool(_) => {}
            }
        }
        texts.sort_unstable();
        texts.dedup();
        cuts.retain(|cut| cut.at.is_finite());
        cuts.sort_unstable();
        cuts.dedup();
        match ty {
            Type::Str => Axis::Texts(texts),
            Type::Bool => Axis::Bools,
            _ => Axis::Cuts(cuts),
        }
    }

    pub(super) fn size(&self) -> u32 {
        match self {
            Axis::Texts(texts) => texts.len() as u32 + 1,
            Axis::Bools => 2,
            Axis::Cuts(cuts) => cuts.len() as u32 + 1,
        }
    }

    /// The kinds that are taken.
    pub(super) fn kinds(&self, values: &Values) -> (u32, u32) {
        match (self, values) {
            (Axis::Texts(texts), Values::Text(text)) => {
                let at = texts.binary_search(text).unwrap_or(texts.len()) as u32;
                (at, at + 1)
            }
            (Axis::Cuts(cuts), Values::Range(from, to)) => {
                let up_to = |cut: &Cut| cuts.partition_point(|other| other <= cut) as u32;
                (up_to(from), if *to == HIGHEST { self.size() } else { up_to(to) })
            }
            (_, Values::Bool(value)) => (u32::from(*value), u32::from(*value) + 1),
            _ => (0, self.size()),
        }
    }

    /// A kind in words.
    pub(super) fn name(&self, kind: u32, ty: &Type) -> String {
        match self {
            Axis::Texts(texts) => {
                texts.get(kind as usize).map_or("anything else".to_owned(), |text| format!("{text:?}"))
            }
            Axis::Bools => (kind == 1).to_string(),
            Axis::Cuts(cuts) => {
                let told = |at: f64| match ty {
                    Type::Span => Span(at as i64).to_string(),
                    _ => at.to_string(),
                };
                let (from, to) = (kind.checked_sub(1).and_then(|at| cuts.get(at as usize)), cuts.get(kind as usize));
                let from = from.map(|cut| format!("{} {}", if cut.after { ">" } else { ">=" }, told(cut.at)));
                let to = to.map(|cut| format!("{} {}", if cut.after { "<=" } else { "<" }, told(cut.at)));
                let both: Vec<String> = from.into_iter().chain(to).collect();
                if both.is_empty() { "any number".to_owned() } else { both.join(" and ") }
            }
        }
    }
}

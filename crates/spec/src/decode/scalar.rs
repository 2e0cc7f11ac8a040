//! Single values: a string is the scalar as written, whatever YAML 1.1 would have made of it; numbers and booleans are
//! taken in their canonical form only.

use super::Decoder;
use crate::diagnostic::{Issue, quoted};
use crate::yaml::{Kind, Node, Text};
use domain::{Span, limits};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Longest value that a message repeats in full: 1e300 has 301 digits.
const SHOWN_MAX: usize = 24;

impl Decoder<'_> {
    /// A map's entries.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Text, Node)]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => self.wrong_shape(node, what, "a map", "write `name: value` pairs, or `{}` for none"),
        }
    }

    /// A list's elements.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(list) => Some(list),
            _ => self.wrong_shape(node, what, "a list", "write `- value` lines, or `[]` for none"),
        }
    }

    /// A string as written.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Text> {
        match &node.kind {
            Kind::Scalar(text) => Some(text),
            _ => self.wrong_shape(node, what, "text", "text that begins with `{`, `[`, `!`, `&` or `*` needs quotes"),
        }
    }

    /// An integer within a range.
    pub(super) fn int(&mut self, node: &Node, what: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let text = self.text(node, what)?;
        let digits = text.text.strip_prefix('-').unwrap_or(&text.text);
        let canonical = digits.bytes().all(|b| b.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
        let value = if text.plain && canonical { text.text.parse().ok() } else { None };
        let Some(value) = value else { return self.wrong_value(text, what, "an integer", "digits only, as in `100`") };
        self.within(text, what, value, range)
    }

    /// A finite number within a range.
    pub(super) fn number(&mut self, node: &Node, what: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let text = self.text(node, what)?;
        let value = if text.plain && is_number(&text.text) { text.text.parse::<f64>().ok() } else { None };
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return self.wrong_value(text, what, "a number", "decimal digits, as in `0.5`");
        };
        self.within(text, what, value, range)
    }

    /// `true` or `false`.
    pub(super) fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        let text = self.text(node, what)?;
        match (text.plain, text.text.as_str()) {
            (true, "true") => Some(true),
            (true, "false") => Some(false),
            _ => self.wrong_value(text, what, "a boolean", "`true` or `false`"),
        }
    }

    /// A duration within the limits of windows and half-lives.
    pub(super) fn span(&mut self, node: &Node, what: &str) -> Option<Span> {
        let text = self.text(node, what)?;
        let Some(span) = Span::parse(&text.text) else {
            return self.wrong_value(text, what, "a duration", "a number and a unit, as in `30d`, `6h` or `10m`");
        };
        self.within(text, what, span, limits::WINDOW_MIN..=limits::WINDOW_MAX)
    }

    pub(super) fn within<T: PartialOrd + Display>(
        &mut self,
        text: &Text,
        what: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        if range.contains(&value) {
            return Some(value);
        }
        let mut shown = value.to_string();
        if shown.len() > SHOWN_MAX {
            shown = quoted(&text.text);
        }
        let message = format!("{what} is {shown}; it must be from {} to {}", range.start(), range.end());
        self.issues.push(Issue::new("out_of_range", &text.span, message));
        None
    }

    pub(super) fn wrong_value<T>(&mut self, text: &Text, what: &str, wanted: &str, form: &str) -> Option<T> {
        let message = format!("{what} must be {wanted}, but {} is not", quoted(&text.text));
        let help = if text.plain { format!("write {form}") } else { format!("write {form}, without quotes") };
        self.issues.push(Issue::new("wrong_type", &text.span, message).help(help));
        None
    }

    fn wrong_shape<T>(&mut self, node: &Node, what: &str, wanted: &str, help: &str) -> Option<T> {
        let found = match &node.kind {
            Kind::Broken => return None,
            Kind::Scalar(text) => quoted(&text.text),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::Empty => {
                let issue = Issue::new("missing_value", &node.span, format!("{what} is empty; it must be {wanted}"));
                self.issues.push(issue.help(help));
                return None;
            }
        };
        let message = format!("{what} must be {wanted}, but is {found}");
        self.issues.push(Issue::new("wrong_type", &node.span, message).help(help));
        None
    }
}

/// `-12.5e-3`, but not `.5`, `012`, `1_000`, `+1`, `.inf` or `0x1f`.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

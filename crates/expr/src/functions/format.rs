//! `"%s and %.2f".format([x, y])`: the clauses `%s %d %f %e %b %o %x %X` and `%%`, as CEL's string extension defines them.

use super::{Given, floats, text, times};
use crate::{Datum, Fault};
use domain::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_VALUE_MAX, FORMAT_PRECISION_MAX};
use std::fmt::{Arguments, Write};

/// Digits behind the point where the clause does not say.
const PRECISION: usize = 6;

pub(super) fn format(args: &[&Datum]) -> Given {
    let [Datum::Str(pattern), Datum::List(values)] = args else { return Err(Fault::NoOverload) };
    let (mut out, mut values) = (Out(String::new()), values.iter());
    let mut rest = &**pattern;
    while let Some((before, clause)) = rest.split_once('%') {
        out.push(before)?;
        if let Some(after) = clause.strip_prefix('%') {
            out.push("%")?;
            rest = after;
            continue;
        }
        let (precision, clause) = precision(clause)?;
        let verb = clause.chars().next().ok_or(Fault::Argument("a `%` at the end of a format: write `%%`"))?;
        let value = values.next().ok_or(Fault::Argument("the format has more clauses than there are values"))?;
        out.clause(verb, precision, value)?;
        rest = &clause[verb.len_utf8()..];
    }
    out.push(rest)?;
    text(out.0)
}

/// Reads `.3`, if it is there, and what is behind it.
fn precision(clause: &str) -> Result<(Option<usize>, &str), Fault> {
    let Some(digits) = clause.strip_prefix('.') else {
        return Ok((None, clause));
    };
    let len = digits.bytes().take_while(u8::is_ascii_digit).count();
    let precision =
        digits[..len].parse().map_err(|_| Fault::Argument("behind the point of a clause stand digits: `%.2f`"))?;
    if precision > FORMAT_PRECISION_MAX { Err(Fault::Limit) } else { Ok((Some(precision), &digits[len..])) }
}

/// A text being written, up to the longest that may be.
struct Out(String);

impl Out {
    fn push(&mut self, part: &str) -> Result<(), Fault> {
        if self.0.len() + part.len() > EXPRESSION_VALUE_MAX {
            return Err(Fault::Limit);
        }
        self.0.push_str(part);
        Ok(())
    }

    /// Writes what has a bounded length.
    fn write(&mut self, part: Arguments<'_>) -> Result<(), Fault> {
        self.0.write_fmt(part).map_err(|_| Fault::Limit)?;
        self.push("")
    }

    fn clause(&mut self, verb: char, precision: Option<usize>, value: &Datum) -> Result<(), Fault> {
        match (verb, precision) {
            ('f' | 'e', precision) => self.float(verb, precision.unwrap_or(PRECISION), value),
            (_, Some(_)) => Err(Fault::Argument("only `%f` and `%e` take a precision")),
            ('s', _) => self.value(value, EXPRESSION_DEPTH_MAX),
            ('d', _) => match value {
                Datum::Int(_) | Datum::Uint(_) | Datum::Float(_) => self.value(value, EXPRESSION_DEPTH_MAX),
                _ => Err(Fault::NoOverload),
            },
            ('b', _) => match value {
                Datum::Bool(x) => self.push(if *x { "1" } else { "0" }),
                _ => self.digits(value, |out, sign, x| out.write(format_args!("{sign}{x:b}"))),
            },
            ('o', _) => self.digits(value, |out, sign, x| out.write(format_args!("{sign}{x:o}"))),
            ('x', _) => match bytes_of(value) {
                Some(bytes) => bytes.iter().try_for_each(|byte| self.write(format_args!("{byte:02x}"))),
                None => self.digits(value, |out, sign, x| out.write(format_args!("{sign}{x:x}"))),
            },
            ('X', _) => match bytes_of(value) {
                Some(bytes) => bytes.iter().try_for_each(|byte| self.write(format_args!("{byte:02X}"))),
                None => self.digits(value, |out, sign, x| out.write(format_args!("{sign}{x:X}"))),
            },
            _ => Err(Fault::Argument("the clauses of a format are %s %d %f %e %b %o %x %X and %%")),
        }
    }

    fn digits(&mut self, value: &Datum, write: impl Fn(&mut Out, &str, u64) -> Result<(), Fault>) -> Result<(), Fault> {
        match value {
            Datum::Int(x) => write(self, if *x < 0 { "-" } else { "" }, x.unsigned_abs()),
            Datum::Uint(x) => write(self, "", *x),
            _ => Err(Fault::NoOverload),
        }
    }

    /// Rounds halves of the exact decimal value to even.
    fn float(&mut self, verb: char, precision: usize, value: &Datum) -> Result<(), Fault> {
        let x = match value {
            Datum::Int(x) => *x as f64,
            Datum::Uint(x) => *x as f64,
            Datum::Float(x) => *x,
            _ => return Err(Fault::NoOverload),
        };
        if let Some(name) = floats::special(x) {
            return self.push(name);
        }
        if verb == 'f' {
            return self.write(format_args!("{x:.precision$}"));
        }
        let scientific = format!("{x:.precision$e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        self.write(format_args!("{digits}e{:+03}", exponent.parse::<i32>().unwrap_or(0)))
    }

    /// `%s`: any value without quotes, floats without an exponent, the entries of a map by the texts of their keys.
    fn value(&mut self, value: &Datum, depth: usize) -> Result<(), Fault> {
        let depth = depth.checked_sub(1).ok_or(Fault::Limit)?;
        match value {
            Datum::Null => self.push("null"),
            Datum::Bool(x) => self.write(format_args!("{x}")),
            Datum::Int(x) => self.write(format_args!("{x}")),
            Datum::Uint(x) => self.write(format_args!("{x}")),
            Datum::Float(x) => match floats::special(*x) {
                Some(name) => self.push(name),
                None => self.write(format_args!("{x}")),
            },
            Datum::Str(x) | Datum::Type(x) => self.push(x),
            Datum::Bytes(x) => self.push(&String::from_utf8_lossy(x)),
            Datum::Time(ns) => self.push(&times::instant_text(*ns)),
            Datum::Span(ns) => self.push(&times::span_text(*ns)),
            Datum::List(list) => {
                self.push("[")?;
                for (index, element) in list.iter().enumerate() {
                    self.push(if index > 0 { ", " } else { "" })?;
                    self.value(element, depth)?;
                }
                self.push("]")
            }
            Datum::Map(map) => self.map(map, depth),
            Datum::Optional(_) | Datum::Entity(..) | Datum::Symbol(_) => Err(Fault::NoOverload),
        }
    }

    fn map(&mut self, map: &[(Datum, Datum)], depth: usize) -> Result<(), Fault> {
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map {
            let mut text = Out(String::new());
            text.value(key, depth)?;
            entries.push((text.0, value));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        self.push("{")?;
        for (index, (key, value)) in entries.into_iter().enumerate() {
            self.push(if index > 0 { ", " } else { "" })?;
            self.push(&key)?;
            self.push(": ")?;
            self.value(value, depth)?;
        }
        self.push("}")
    }
}

fn bytes_of(value: &Datum) -> Option<&[u8]> {
    match value {
        Datum::Str(x) => Some(x.as_bytes()),
        Datum::Bytes(x) => Some(x),
        _ => None,
    }
}

//! Every example of the language reference, run: `expression => result` in its blocks of `expr`, with the names of its block of `given`.

use expr::{Datum, Diagnostic, Environment, Fault, Meaning, Name, Names, Node, Static, check, interpret, parse};
use std::ops::Range;

const REFERENCE: &str = include_str!("../../../docs/language.md");

/// A name, what it stands for, and its type.
type Entry = (String, Result<Datum, Fault>, Static);

/// What the examples' names stand for.
#[derive(Default)]
struct Given(Vec<Entry>);

impl Given {
    /// The entry whose name is the longest beginning of a path, and how many names that takes.
    fn longest(&self, path: &[&str]) -> Option<(usize, &Entry)> {
        (1..=path.len()).rev().find_map(|taken| {
            let name = path[..taken].join(".");
            self.0.iter().find(|entry| entry.0 == name).map(|entry| (taken, entry))
        })
    }
}

impl Environment for Given {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic> {
        match self.longest(path) {
            Some((taken, (_, _, ty))) => Ok(Meaning::Value(ty.clone(), taken)),
            None => Err(Diagnostic::new("unknown_name", span, "there is no such name")),
        }
    }

    fn call(&mut self, _: &str, _: &[Node], _: Range<usize>) -> Option<Result<Meaning, Diagnostic>> {
        None
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl Names for Given {
    fn path(&self, path: &[Name]) -> Result<(Datum, usize), Fault> {
        let path: Vec<&str> = path.iter().map(|name| name.text.as_str()).collect();
        let (taken, (_, value, _)) = self.longest(&path).ok_or(Fault::Missing)?;
        value.clone().map(|value| (value, taken))
    }
}

enum Outcome {
    Refused(Vec<Diagnostic>),
    Computed(Result<Datum, Fault>, Static),
}

fn outcome(expression: &str, given: &mut Given) -> Outcome {
    let ast = match parse(expression) {
        Ok(ast) => ast,
        Err(faults) => return Outcome::Refused(faults),
    };
    match check(ast.root(), given) {
        Ok(checked) => Outcome::Computed(interpret(&checked.node, given), checked.ty),
        Err(faults) => Outcome::Refused(faults),
    }
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused(faults) => format!("refused: {}", faults[0].code),
        Outcome::Computed(Ok(value), _) => literal(value),
        Outcome::Computed(Err(fault), _) => {
            let why = match fault {
                Fault::Missing => "missing",
                Fault::NoOverload => "no such operation",
                Fault::NoSuchKey => "no such key",
                Fault::Overflow => "overflow",
                Fault::DivideByZero => "division by zero",
                Fault::Argument(_) => "bad argument",
                Fault::Limit => "limit",
            };
            format!("no value: {why}")
        }
    }
}

/// A value as a literal of the language.
fn literal(value: &Datum) -> String {
    let list = |list: &[Datum]| list.iter().map(literal).collect::<Vec<_>>().join(", ");
    match value {
        Datum::Null => "null".to_owned(),
        Datum::Bool(x) => x.to_string(),
        Datum::Int(x) => x.to_string(),
        Datum::Uint(x) => format!("{x}u"),
        Datum::Float(x) => format!("{x:?}"),
        Datum::Str(x) => format!("{x:?}"),
        Datum::Bytes(x) => format!("b\"{}\"", x.escape_ascii()),
        Datum::List(x) => format!("[{}]", list(x)),
        Datum::Map(x) => {
            let entries: Vec<String> =
                x.iter().map(|(key, value)| format!("{}: {}", literal(key), literal(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Datum::Time(_) => format!("timestamp({})", text_of(value)),
        Datum::Span(_) => format!("duration({})", text_of(value)),
        Datum::Type(x) => x.to_string(),
        Datum::Optional(None) => "optional.none()".to_owned(),
        Datum::Optional(Some(x)) => format!("optional.of({})", literal(x)),
        Datum::Symbol(symbol) => format!("{symbol:?}"),
        Datum::Entity(of, id) => format!("{of}:{id:?}"),
    }
}

/// `string(x)`, quoted.
fn text_of(value: &Datum) -> String {
    let mut given = Given(vec![("x".to_owned(), Ok(value.clone()), Static::Dyn)]);
    shown(&outcome("string(x)", &mut given))
}

/// The lines of the fenced blocks of a kind, with their numbers.
fn lines<'t>(text: &'t str, kind: &str) -> Vec<(usize, &'t str)> {
    let mut inside = None;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), inside) {
            (Some(opened), None) => inside = Some(opened),
            (Some(_), Some(_)) => inside = None,
            (None, Some(of)) if of == kind && !line.is_empty() && !line.starts_with("//") => {
                found.push((index + 1, line))
            }
            _ => {}
        }
    }
    found
}

fn given() -> Given {
    let mut given = Given::default();
    for (number, line) in lines(REFERENCE, "given") {
        let (name, value) = line.split_once(" = ").unwrap_or_else(|| panic!("line {number}: {line}"));
        let (value, missing) = match value.trim().strip_prefix("nothing, of the type of ") {
            Some(like) => (like, true),
            None => (value.trim(), false),
        };
        let Outcome::Computed(Ok(value), ty) = outcome(value, &mut Given::default()) else {
            panic!("line {number}: {line}");
        };
        given.0.push((name.trim().to_owned(), if missing { Err(Fault::Missing) } else { Ok(value) }, ty));
    }
    given
}

#[test]
fn every_example_gives_what_the_reference_says() {
    let (mut given, mut wrong) = (given(), Vec::new());
    let examples = lines(REFERENCE, "expr");
    assert!(examples.len() > 200, "only {} examples", examples.len());
    for (number, line) in examples {
        let Some((expression, expected)) = line.rsplit_once("=> ") else {
            wrong.push(format!("line {number}: no `=> ` in `{line}`"));
            continue;
        };
        let outcome = outcome(expression.trim_end(), &mut given);
        if shown(&outcome) != expected.trim_end() {
            wrong.push(format!("line {number}: `{expression}` gives {}, not {expected}", shown(&outcome)));
        }
    }
    assert!(wrong.is_empty(), "docs/language.md:\n{}", wrong.join("\n"));
}

/// A reference without one of them would keep silent about it: the names are those that the checker offers for mistyped ones.
#[test]
fn no_example_is_cut_off() {
    let opened = REFERENCE.lines().filter(|line| line.starts_with("```")).count();
    assert_eq!(opened % 2, 0, "a block of docs/language.md is not closed");
}

//! Every example of the language reference, run: `expression => result` in its blocks of `expr`, with the names of its block of `given`: by
//! the interpreter, and as programs, by closures and by columns.

use domain::{Span, Symbol, Time, Type, Value};
use expr::{
    BlockScratch, Column, Columns, Datum, Diagnostic, Environment, Fault, Meaning, Name, Names, Node, Program, Scope,
    Static, Texts, check, compile, interpret, parse,
};
use std::ops::Range;
use std::sync::Arc;

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

/// The examples' names as slots of one row, and their strings as symbols.
struct Slots {
    names: Vec<(String, Type)>,
    row: Vec<Value>,
    texts: Vec<String>,
}

impl Slots {
    /// Those of the names whose values slots hold.
    fn of(given: &Given) -> Slots {
        let mut slots = Slots { names: Vec::new(), row: Vec::new(), texts: Vec::new() };
        for (name, value, ty) in &given.0 {
            let Some(ty) = ty.slot_type() else { continue };
            slots.names.push((name.clone(), ty));
            let value = value.as_ref().map_or(Value::Missing, |value| slots.value(value));
            slots.row.push(value);
        }
        slots
    }

    /// A value as a slot holds it: times to the millisecond below, no NaN.
    fn value(&mut self, datum: &Datum) -> Value {
        let ms = |ns: &i128| ns.div_euclid(1_000_000) as i64;
        match datum {
            Datum::Bool(bool) => Value::Bool(*bool),
            Datum::Int(int) => Value::Int(*int),
            Datum::Float(float) if !float.is_nan() => Value::Float(*float),
            Datum::Str(text) => Value::Str(self.constant(text)),
            Datum::Time(ns) => Value::Time(Time(ms(ns))),
            Datum::Span(ns) => Value::Span(Span(ms(ns))),
            Datum::List(list) => Value::List(list.iter().map(|datum| self.value(datum)).collect()),
            _ => Value::Missing,
        }
    }

    fn program(&mut self, text: &str) -> Result<Program, Vec<Diagnostic>> {
        parse(text).and_then(|ast| compile(&ast, ast.root(), self))
    }

    /// The value of a program in a row and in the last row of a block, which are the same.
    fn run(&self, program: &Program) -> Value {
        let (mut columns, mut scratch, mut out) = (Columns::new(), BlockScratch::default(), Column::new(program.ty()));
        columns.set_rows(3);
        for (slot, ((_, ty), value)) in self.names.iter().zip(&self.row).enumerate() {
            columns.column_mut(slot as u16, ty).set(2, value);
        }
        program.eval_block_with(&columns, &mut scratch, self, &mut out);
        let value = program.eval_with(&self.row, self);
        assert_eq!(out.value(2), value, "{program:?} by columns");
        value
    }
}

impl Scope for Slots {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let found = self.names.iter().position(|(name, _)| *name == path.join("."));
        let slot = found.map(|index| (index as u16, self.names[index].1.clone()));
        slot.ok_or_else(|| Diagnostic::new("unknown_name", span, "no slot holds it"))
    }

    fn call(&mut self, _: &str, _: &[Node], _: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        None
    }

    fn constant(&mut self, text: &str) -> Symbol {
        let known = self.texts.iter().position(|known| known == text);
        Symbol(known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        }) as u32)
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

impl Texts for Slots {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        self.texts.get(symbol.0 as usize).map(|text| text.as_str().into())
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        self.texts.iter().position(|known| known == text).map(|index| Symbol(index as u32))
    }
}

/// Programs give what the interpreter gives. A value that no slot holds is asked for inside of the program.
#[test]
fn every_example_is_a_program_with_the_same_value() {
    let mut given = given();
    let (mut slots, mut run) = (Slots::of(&given), 0);
    for (number, line) in lines(REFERENCE, "expr") {
        let Some((expression, _)) = line.rsplit_once("=> ") else { continue };
        let Outcome::Computed(value, _) = outcome(expression.trim_end(), &mut given) else { continue };
        let (program, expected) = match (slots.program(expression), &value) {
            (Ok(program), Ok(value)) => (program, slots.value(value)),
            (Ok(program), Err(_)) => (program, Value::Missing),
            (Err(faults), value) => {
                assert_eq!(faults[0].code, "unsupported_result", "line {number}: {expression}: {faults:?}");
                let asked = match value {
                    Ok(value) => format!("({expression}) == ({})", literal(value)),
                    Err(_) => format!("!has({expression})"),
                };
                let program =
                    slots.program(&asked).unwrap_or_else(|faults| panic!("line {number}: {asked}: {faults:?}"));
                // What costs too much ends the whole program.
                (program, if matches!(value, Err(Fault::Limit)) { Value::Missing } else { Value::Bool(true) })
            }
        };
        assert_eq!(slots.run(&program), expected, "line {number}: {expression}");
        run += 1;
    }
    assert!(run > 200, "only {run} run as programs");
}

/// A reference without one of them would keep silent about it: the names are those that the checker offers for mistyped ones.
#[test]
fn no_example_is_cut_off() {
    let opened = REFERENCE.lines().filter(|line| line.starts_with("```")).count();
    assert_eq!(opened % 2, 0, "a block of docs/language.md is not closed");
}

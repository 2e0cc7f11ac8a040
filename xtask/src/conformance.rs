//! `cargo xtask conformance cel`: CEL's own conformance files against our parser, checker and interpreter.

mod suite;
mod textproto;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::Type;
use expr::{Datum, Diagnostic, Environment, Fault, Meaning, Name, Names, Node};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use suite::{Expected, MESSAGES, Skip, Test};
use textproto::Message;

/// The files that must pass, at least [`LEAST`] of what is not skipped in each.
const CLAIMED: &[&str] = &[
    "basic",
    "bindings_ext",
    "comparisons",
    "conversions",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "macros2",
    "math_ext",
    "optionals",
    "parse",
    "string",
    "string_ext",
    "timestamps",
    "type_deduction",
];
/// In hundredths.
const LEAST: usize = 97;
/// Files of what the language does not have.
const OUTSIDE: &[(&str, Skip)] = &[
    ("block_ext", "the optimiser's `cel.block` is not part of the language"),
    ("encoders_ext", "the base64 extension is not part of the language"),
    ("network_ext", "the network extension is not part of the language"),
    ("enums", MESSAGES),
    ("proto2", MESSAGES),
    ("proto2_ext", MESSAGES),
    ("proto3", MESSAGES),
    ("wrappers", MESSAGES),
    ("dynamic", MESSAGES),
    ("namespace", "there are no containers to resolve names in"),
];

/// Tests that fail because the language means otherwise, and why.
const DEPARTURES: &[(&str, &str)] = &[
    ("not_lt_dyn_int_big_lossy_double", EXACT),
    ("not_gt_dyn_big_double_int", EXACT),
    ("lte_dyn_big_double_int", EXACT),
    ("gte_dyn_int_big_lossy_double", EXACT),
    ("elem_in_mixed_type_list", NEVER_EQUAL),
    ("elem_in_mixed_type_list_cross_type", NEVER_EQUAL),
    ("sub_time_duration_over", LONG),
    ("sub_time_duration_under", LONG),
];
const EXACT: &str = "an int and a float are compared exactly, not after rounding the int";
const NEVER_EQUAL: &str = "a literal in a list behind `in` that the value never equals is refused";
const LONG: &str = "the difference of two timestamps is not bounded to 292 years";

/// Hold the expression language against a conformance suite
#[derive(Subcommand)]
pub(crate) enum Conformance {
    Cel(Cel),
}

/// Run the simple conformance files of CEL
#[derive(Args)]
pub(crate) struct Cel {
    /// The folder with the files; default: ../shared/data/suites/cel-simple
    #[arg(long)]
    suite: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What became of a file's tests.
#[derive(Default)]
struct Tally {
    passed: usize,
    failures: Vec<Value>,
    skipped: BTreeMap<Skip, usize>,
}

impl Conformance {
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let Conformance::Cel(cel) = self;
        let folder = cel.suite.clone().unwrap_or_else(|| root.join("../shared/data/suites/cel-simple"));
        if !folder.is_dir() {
            eprintln!("SKIPPED: there are no conformance files in {}; nothing was checked", folder.display());
            return Ok(());
        }
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "textproto"));
        files.sort();
        let mut tallies = BTreeMap::new();
        for path in files {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let text = std::fs::read_to_string(&path)?;
            let message = textproto::read(&text).with_context(|| path.display().to_string())?;
            tallies.insert(name.clone(), file(&name, &message));
        }
        cel.report(&tallies)
    }
}

impl Cel {
    fn report(&self, tallies: &BTreeMap<String, Tally>) -> Result<()> {
        let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
        let skipped = |tally: &Tally| tally.skipped.values().sum::<usize>();
        if self.json {
            let files: BTreeMap<&String, Value> = tallies
                .iter()
                .map(|(name, tally)| {
                    let counts = json!({
                        "passed": tally.passed, "failed": tally.failures.len(), "skipped": skipped(tally), "skips": tally.skipped,
                        "failures": tally.failures,
                    });
                    (name, counts)
                })
                .collect();
            let (passed, failed) = (sum(|tally| tally.passed), sum(|tally| tally.failures.len()));
            println!(
                "{:#}",
                json!({ "passed": passed, "failed": failed, "skipped": sum(|tally| tally.skipped.values().sum()), "files": files })
            );
        } else {
            for (name, tally) in tallies {
                println!(
                    "{name:16} {:4} passed {:4} failed {:4} skipped",
                    tally.passed,
                    tally.failures.len(),
                    skipped(tally)
                );
                tally.skipped.iter().for_each(|(reason, count)| println!("{:16} {count:4} skipped: {reason}", ""));
                tally.failures.iter().for_each(|failure| println!("    {failure}"));
            }
        }
        let short: Vec<&str> = CLAIMED.iter().copied().filter(|name| !tallies.get(*name).is_some_and(enough)).collect();
        if !short.is_empty() {
            bail!("below {LEAST} % or absent: {}", short.join(", "));
        }
        Ok(())
    }
}

fn enough(tally: &Tally) -> bool {
    tally.passed * 100 >= (tally.passed + tally.failures.len()) * LEAST
}

fn file(name: &str, message: &Message) -> Tally {
    let mut tally = Tally::default();
    let outside = OUTSIDE.iter().find(|(file, _)| *file == name).map(|(_, reason)| *reason);
    for section in message.messages("section") {
        for test in section.messages("test") {
            let skip = |tally: &mut Tally, reason: Skip| *tally.skipped.entry(reason).or_default() += 1;
            if let Some(reason) = outside {
                skip(&mut tally, reason);
                continue;
            }
            let ran = suite::test(test).and_then(|test| run(&test).map(|found| (test, found)));
            match ran {
                Err(reason) => skip(&mut tally, reason),
                Ok((_, None)) => tally.passed += 1,
                Ok((test, Some(found))) => tally.failures.push(json!({
                    "section": section.text("name"), "test": test.name, "expression": test.expr, "found": found,
                    "departure": DEPARTURES.iter().find(|(name, _)| *name == test.name).map(|(_, why)| why),
                })),
            }
        }
    }
    tally
}

/// Runs a test: what was found instead of what was expected, if something was.
fn run(test: &Test) -> Result<Option<String>, Skip> {
    let ast = match expr::parse(&test.expr) {
        Ok(ast) => ast,
        Err(faults) if faults.iter().any(|fault| fault.code == "message_construction") => return Err(MESSAGES),
        Err(faults) => return Ok(unless_error(test, format!("refused: {}", faults[0]))),
    };
    let mut node = ast.root().clone();
    let mut deduced = None;
    if !test.disable_check {
        match expr::check(&node, &mut Declared(test)) {
            Ok(checked) => (node, deduced) = (checked.node, Some(checked.ty)),
            Err(faults) => return Ok(unless_error(test, format!("refused: {}", faults[0]))),
        }
    }
    if let Expected::Typed(_, ty) = &test.expected
        && deduced.as_ref() != Some(ty)
    {
        return Ok(Some(format!("type {deduced:?}, not {ty:?}")));
    }
    if test.check_only {
        return Ok(None);
    }
    let found = expr::interpret(&node, &Bound(test));
    Ok(match (&test.expected, &found) {
        (Expected::Error, Err(_)) | (Expected::Typed(None, _), Ok(_)) => None,
        (Expected::Value(expected) | Expected::Typed(Some(expected), _), Ok(found)) if same(expected, found) => None,
        (Expected::Value(expected) | Expected::Typed(Some(expected), _), _) => {
            Some(format!("{found:?}, not {expected:?}"))
        }
        _ => Some(format!("{found:?}")),
    })
}

/// An error where one is expected may come from the checker: it is then found earlier.
fn unless_error(test: &Test, found: String) -> Option<String> {
    (!matches!(test.expected, Expected::Error)).then_some(found)
}

/// Whether two values are the same, kind and all; the order of a map's entries is none.
fn same(a: &Datum, b: &Datum) -> bool {
    match (a, b) {
        (Datum::Null, Datum::Null) => true,
        (Datum::Bool(a), Datum::Bool(b)) => a == b,
        (Datum::Int(a), Datum::Int(b)) => a == b,
        (Datum::Uint(a), Datum::Uint(b)) => a == b,
        (Datum::Float(a), Datum::Float(b)) => a == b || a.is_nan() && b.is_nan(),
        (Datum::Str(a), Datum::Str(b)) | (Datum::Type(a), Datum::Type(b)) => a == b,
        (Datum::Bytes(a), Datum::Bytes(b)) => a == b,
        (Datum::Time(a), Datum::Time(b)) | (Datum::Span(a), Datum::Span(b)) => a == b,
        (Datum::List(a), Datum::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Datum::Map(a), Datum::Map(b)) => {
            let in_b = |(key, value): &(Datum, Datum)| b.iter().any(|(k, v)| same(key, k) && same(value, v));
            a.len() == b.len() && a.iter().all(in_b)
        }
        _ => false,
    }
}

/// The longest beginning of a path that is one of these names, with the number of its parts.
fn longest<'t, T>(known: &'t [(String, T)], path: &[&str]) -> Option<(&'t T, usize)> {
    (1..=path.len()).rev().find_map(|taken| {
        let name = path[..taken].join(".");
        known.iter().find(|(known, _)| *known == name).map(|(_, of)| (of, taken))
    })
}

/// A test's names with their types.
struct Declared<'t>(&'t Test);

impl Environment for Declared<'_> {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<Meaning, Diagnostic> {
        match longest(&self.0.types, path) {
            Some((ty, taken)) => Ok(Meaning::Value(ty.clone(), taken)),
            None => Err(Diagnostic::new("unknown_name", span, "no such name")),
        }
    }

    fn call(&mut self, name: &str, _args: &[Node], _span: Range<usize>) -> Option<Result<Meaning, Diagnostic>> {
        longest(&self.0.functions, &[name]).map(|(ty, _)| Ok(Meaning::Value(ty.clone(), 1)))
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// A test's names with their values.
struct Bound<'t>(&'t Test);

impl Names for Bound<'_> {
    fn path(&self, path: &[Name]) -> Result<(Datum, usize), Fault> {
        let path: Vec<&str> = path.iter().map(|name| name.text.as_str()).collect();
        longest(&self.0.values, &path).map(|(value, taken)| (value.clone(), taken)).ok_or(Fault::Missing)
    }

    fn slot(&self, _slot: u16, _ty: &Type) -> Result<Datum, Fault> {
        Err(Fault::Missing)
    }
}

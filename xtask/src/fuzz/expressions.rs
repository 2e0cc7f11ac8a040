//! Expressions: whatever the checker takes has one value, by the interpreter, by closures and by columns; whatever it refuses is
//! refused with a place in the text.

use super::house::{House, row};
use super::target::{Target, outcome, text};
use super::written::{SLOTS, slot_type, written};
use domain::{Span, Time, Value};
use expr::{
    Ast, BlockScratch, Checked, Column, Columns, Datum, Diagnostic, Program, check_slots, compile, evaluate, parse,
};
use sim::Rng;

/// Texts, good and bad.
pub(crate) struct Texts;

/// Well-typed expressions, written from the input's bytes as numbers.
pub(crate) struct Written;

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "?",
    ":",
    ",",
    ".",
    "-",
    "!",
    "+",
    " * ",
    " / ",
    " % ",
    " in ",
    " == ",
    " != ",
    " < ",
    " >= ",
    " && ",
    " || ",
    "'",
    "\"",
    "r'",
    "b'",
    "'''",
    "\\",
    "\\u{",
    "0x",
    "1u",
    "1e9",
    "1.5",
    "10m",
    "-1.5s",
    "null",
    "true",
    "[?",
    ".?",
    "{?",
    "b.x",
    "i.x",
    "i.y",
    "f.x",
    "s.x",
    "t.x",
    "d.x",
    "e.x",
    "o.x",
    "li.x",
    "lf.x",
    "ls.x",
    "le.x",
    "count(view)",
    "has(",
    "default(",
    "size(",
    "x.exists(x,",
    ".map(n,",
    ".filter(n, n ",
    ".all(n,",
    ".exists_one(n, n",
    ".transformList(i, v,",
    ".transformMap(k, v,",
    "cel.bind(x,",
    "optional.of(",
    ".orValue(",
    ".optMap(v,",
    "dyn(",
    "type(",
    "int(",
    "double(",
    "string(",
    "bool(",
    "timestamp(",
    "duration(",
    ".getFullYear()",
    ".startsWith(",
    ".matches(",
    ".replace(",
    ".split(",
    ".format([",
    ".substring(",
    "math.greatest(",
    "math.bitAnd(",
    "base64.encode(",
    "strings.quote(",
    "min(",
    "clamp(",
    "dot(",
    "sqrt(",
    "pow(",
    "/*",
    "//",
    "\n",
    "é",
    "\u{202e}",
    "\0",
];

const SEEDS: &[&str] = &[
    "i.x + 1 > f.x * 2.0 && s.x == 'one' || !b.y",
    "default(f.x, 0.0) + 0.5 * f.y - clamp(i.x, 0, 10) / 2",
    "li.x.exists(n, n > i.x) ? t.x + 10m : t.y - d.x",
    "s.x in ['zero', 'two'] && e.x in le.x && f.x in [1, 2.5]",
    "ls.x.filter(n, n.startsWith('t')).map(n, n + 'x').size() == 2",
    "{'a': 1, 'b': 2}[?'a'].orValue(0) + cel.bind(x, i.x, x * x)",
    "t.x.getFullYear('Europe/Berlin') % 4 == 0 && duration('1h') < d.x",
    "'%d %s'.format([i.x, s.x]).matches('^[0-9]+ o') || has(f.x)",
    "math.greatest(i.x, 3) - math.bitAnd(i.y, 255) + int(f.x)",
    "optional.of(i.x).optMap(v, v + 1).hasValue() && type(i.x) == int",
    "dot(lf.x, li.x) > cosine(lf.x, lf.x) && d.x / d.y < 1.0 && dyn(i.x) == 1",
];

impl Target for Texts {
    fn seeds(&self) -> Vec<Vec<u8>> {
        SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        PIECES
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let text = text(input);
        let ast = match parse(&text) {
            Ok(ast) => ast,
            Err(faults) => return refused(&text, &faults),
        };
        let mut house = House::new();
        match compile(&ast, ast.root(), &mut house) {
            Ok(program) => agreed(&ast, &program, &mut house, &mut Rng::new(outcome(input))),
            Err(faults) => refused(&text, &faults),
        }
    }
}

impl Target for Written {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut rng = Rng::new(0);
        (0..200).map(|_| (0..40 + rng.below(160)).map(|_| rng.draw() as u8).collect()).collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let numbers: Vec<u16> = input.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let text = written(&numbers);
        let mut house = House::new();
        let ast = parse(&text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        let program = compile(&ast, ast.root(), &mut house).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
        agreed(&ast, &program, &mut house, &mut Rng::new(outcome(input)))
    }
}

/// A refusal has reasons, each within the text and on the edges of characters.
fn refused(text: &str, faults: &[Diagnostic]) -> u64 {
    assert!(!faults.is_empty(), "{text:?} is refused without a reason");
    for fault in faults {
        assert!(text.get(fault.span.clone()).is_some(), "{text:?}: {fault:?}");
        assert!(!fault.message.is_empty() && !fault.message.ends_with('.'), "{fault:?}");
    }
    outcome((0, faults.iter().map(|fault| fault.code).collect::<Vec<_>>()))
}

/// All evaluators give the same on random rows.
fn agreed(ast: &Ast, program: &Program, house: &mut House, rng: &mut Rng) -> u64 {
    let checked = check_slots(ast.root(), house).unwrap_or_else(|faults| panic!("{}: {faults:?}", ast.text()));
    let rows: Vec<Vec<Value>> = (0..6).map(|_| row(rng)).collect();
    let columns = columns(&rows);
    let (mut scratch, mut out) = (BlockScratch::default(), Column::new(program.ty()));
    program.eval_block_with(&columns, &mut scratch, house, &mut out);
    let trues = program.eval_block_bool_with(&columns, &mut scratch, house);
    let mut floats = [0.0; expr::BLOCK_ROWS];
    let numbers = program.eval_block_f64_with(&columns, &mut scratch, house, &mut floats);
    let mut missing = 0;
    for (number, row) in rows.iter().enumerate() {
        let expected = interpreted(&checked, house, row);
        let closure = program.eval_with(row, house);
        assert_eq!(Bits(&closure), Bits(&expected), "{} by closures on {row:?}", ast.text());
        assert_eq!(Bits(&out.value(number)), Bits(&expected), "{} by columns on {row:?}", ast.text());
        assert_eq!(program.eval_bool_with(row, house), expected.is_true(), "{} on {row:?}", ast.text());
        assert_eq!(trues >> number & 1 == 1, expected.is_true(), "{} by columns on {row:?}", ast.text());
        let float = (numbers >> number & 1 == 1).then(|| floats[number].to_bits());
        assert_eq!(float, expected.as_f64().map(f64::to_bits), "{} by columns on {row:?}", ast.text());
        missing += usize::from(expected == Value::Missing);
    }
    outcome((
        1,
        program.needs_texts(),
        format!("{:?}", program.ty()),
        missing == 0,
        missing == rows.len(),
        shape(ast.root()),
    ))
}

/// Roughly what an expression consists of.
fn shape(node: &expr::Node) -> u64 {
    let below = node.children().into_iter().map(shape).fold(0u64, |all, one| all | one);
    below | 1 << (outcome(std::mem::discriminant(&node.kind)) % 64)
}

fn columns(rows: &[Vec<Value>]) -> Columns {
    let mut columns = Columns::new();
    columns.set_rows(rows.len());
    for (slot, (first, _)) in SLOTS.iter().enumerate() {
        let column = columns.column_mut(slot as u16, &slot_type(first));
        rows.iter().enumerate().for_each(|(number, row)| column.set(number, &row[slot]));
    }
    columns
}

/// What the interpreter says, as a program would give it: times to the millisecond below, no NaN.
fn interpreted(checked: &Checked, house: &House, row: &[Value]) -> Value {
    match evaluate(checked, row, house) {
        Ok(Datum::Float(float)) if float.is_nan() => Value::Missing,
        Ok(datum) => of_slot(datum, house),
        Err(_) => Value::Missing,
    }
}

fn of_slot(datum: Datum, house: &House) -> Value {
    let ms = |ns: i128| i64::try_from(ns.div_euclid(1_000_000)).ok();
    match datum {
        Datum::Bool(bool) => Value::Bool(bool),
        Datum::Int(int) => Value::Int(int),
        Datum::Float(float) => Value::Float(float),
        Datum::Time(ns) => ms(ns).map_or(Value::Missing, |ms| Value::Time(Time(ms))),
        Datum::Span(ns) => ms(ns).map_or(Value::Missing, |ms| Value::Span(Span(ms))),
        Datum::Entity(_, id) => Value::Entity(id),
        Datum::Str(text) => house.symbol(&text).map_or(Value::Missing, Value::Str),
        Datum::List(list) => Value::List(list.iter().map(|datum| of_slot(datum.clone(), house)).collect()),
        _ => Value::Missing,
    }
}

/// A value compared by its bits.
#[derive(Debug)]
struct Bits<'a>(&'a Value);

impl PartialEq for Bits<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
            (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().map(Bits).eq(b.iter().map(Bits)),
            (a, b) => a == b,
        }
    }
}

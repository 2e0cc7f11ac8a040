//! Random expressions: closures and columns against the interpreter bit for bit, and texts of any kind
//! against the promise that nothing panics.

use super::{House, build};
use crate::check::{Slots, check};
use crate::interpreter::{Row, value_of};
use crate::{Ast, BlockScratch, Column, Columns, Datum, Program, compile, interpret, parse};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

/// Turns a row of random numbers into an expression; where they run out it takes the first choice, a leaf.
struct Writer<'a>(std::slice::Iter<'a, u16>);

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |number| usize::from(*number) % count)
    }

    fn one(&mut self, texts: &[&str]) -> String {
        texts[self.choose(texts.len())].to_owned()
    }

    fn leaf(&mut self, ty: &Type) -> String {
        self.one(match ty {
            Type::Bool => &["b.x", "b.y", "true", "false"],
            Type::Int => &["i.x", "i.y", "0", "1", "-3", "9223372036854775807", "-9223372036854775808"],
            Type::Float => &["f.x", "f.y", "0.0", "1.5", "-2e3", "1e308", "9007199254740993.0", "count(view)"],
            Type::Str => &["s.x", "s.y", "'zero'", "\"one\"", "'two'"],
            Type::Time => &["t.x", "t.y"],
            Type::Span => &["d.x", "d.y", "10m", "-1.5s"],
            _ => &["e.x", "e.y"],
        })
    }

    fn two(&mut self, a: Type, ops: &[&str], b: Type, depth: u32) -> String {
        format!("({} {} {})", self.text(&a, depth), self.one(ops), self.text(&b, depth))
    }

    fn call(&mut self, names: &[&str], args: &[Type], depth: u32) -> String {
        let name = self.one(names);
        let args: Vec<String> = args.iter().map(|ty| self.text(ty, depth)).collect();
        format!("{name}({})", args.join(", "))
    }

    fn number(&mut self) -> Type {
        if self.choose(2) == 0 { Type::Int } else { Type::Float }
    }

    fn any_type(&mut self) -> Type {
        let types = [Type::Float, Type::Bool, Type::Int, Type::Str, Type::Time, Type::Span, Type::Entity(0)];
        types[self.choose(types.len())].clone()
    }

    /// An expression of this type, at most this deep.
    fn text(&mut self, ty: &Type, depth: u32) -> String {
        let Some(below) = depth.checked_sub(1) else { return self.leaf(ty) };
        match self.choose(8) {
            0 | 1 => self.leaf(ty),
            2 => {
                let which = self.text(&Type::Bool, below);
                format!("({which} ? {} : {})", self.text(ty, below), self.text(ty, below))
            }
            3 => self.call(&["default"], &[ty.clone(), ty.clone()], below),
            _ => match ty {
                Type::Bool => self.condition(below),
                Type::Int => self.int(below),
                Type::Float => self.float(below),
                Type::Time => match self.choose(2) {
                    0 => self.two(Type::Time, &["+", "-"], Type::Span, below),
                    _ => self.two(Type::Span, &["+"], Type::Time, below),
                },
                Type::Span => match self.choose(3) {
                    0 => self.two(Type::Time, &["-"], Type::Time, below),
                    1 => self.two(Type::Span, &["+", "-"], Type::Span, below),
                    _ => format!("(-{})", self.text(&Type::Span, below)),
                },
                ty => self.leaf(ty),
            },
        }
    }

    fn int(&mut self, below: u32) -> String {
        match self.choose(6) {
            0 => format!("(-{})", self.text(&Type::Int, below)),
            1 => self.call(&["min", "max", "clamp"], &[Type::Int, Type::Int, Type::Int], below),
            2 => self.call(&["abs"], &[Type::Int], below),
            _ => self.two(Type::Int, &["+", "-", "*", "/", "%"], Type::Int, below),
        }
    }

    fn float(&mut self, below: u32) -> String {
        let (a, b) = (self.number(), self.number());
        let ops = &["+", "-", "*", "/"];
        match self.choose(15) {
            14 => {
                let (a, b) = (self.one(&["lf.x", "li.x"]), self.one(&["li.x", "default(lf.x, lf.x)"]));
                format!("{}({a}, {b})", self.one(&["dot", "cosine"]))
            }
            0 => self.two(Type::Span, &["/"], Type::Span, below),
            12 | 13 => self.chain(),
            1 => format!("(-{})", self.text(&Type::Float, below)),
            2 => self.call(&["min", "max"], &[a, Type::Float, b, Type::Float, Type::Float], below),
            3 => self.call(&["clamp", "min", "max"], &[a, Type::Float, b], below),
            4 => self.call(&["default"], &[Type::Int, Type::Float], below),
            5 => self.call(&["floor", "ceil", "round", "sqrt", "ln", "log2", "exp"], &[a], below),
            6 => self.call(&["pow"], &[a, b], below),
            7 => self.call(&["abs"], &[Type::Float], below),
            8 | 9 => self.two(Type::Float, ops, a, below),
            _ => self.two(a, ops, Type::Float, below),
        }
    }

    /// A sum of up to ten terms without brackets, as scores are written.
    fn chain(&mut self) -> String {
        let mut text = "f.x".to_owned();
        for _ in 0..1 + self.choose(9) {
            let number = self.number();
            let (factor, op) = (self.one(&["0.5", "-2", "i.x", "1e308"]), self.one(&["+", "-"]));
            let x = self.leaf(&number);
            let term = match self.choose(5) {
                0 => format!("{factor} * {x}"),
                1 => format!("{x} * {factor} * f.y * (f.x - 1.0) * default(f.y, 2)"),
                2 => format!("{factor} * default(f.y, 0.25)"),
                3 => format!("0.5 * (f.x - {x})"),
                _ => x,
            };
            text = format!("{text} {op} {term}");
        }
        format!("({text})")
    }

    fn condition(&mut self, below: u32) -> String {
        let ordered: &[&str] = &["<", "<=", ">", ">=", "==", "!="];
        let (a, b) = (self.number(), self.number());
        match self.choose(15) {
            0 | 1 => self.two(Type::Bool, &["&&", "||", "==", "!="], Type::Bool, below),
            2 => format!("!{}", self.text(&Type::Bool, below)),
            3 | 4 => self.two(a, ordered, b, below),
            5 => self.two(Type::Time, ordered, Type::Time, below),
            6 => self.two(Type::Span, ordered, Type::Span, below),
            7 => self.two(Type::Str, &["==", "!="], Type::Str, below),
            8 => self.two(Type::Entity(0), &["==", "!="], Type::Entity(0), below),
            9 => {
                let ty = self.any_type();
                self.call(&["has"], &[ty], below)
            }
            12 => self.over_a_list(below),
            13 => self.of_texts(),
            14 => {
                let list = format!("[{}, {}, 1]", self.text(&a, below), self.text(&b, below));
                format!("({} in {list})", self.text(&Type::Float, below))
            }
            _ => self.membership(below),
        }
    }

    /// What only the interpreter computes, beside what has closures.
    fn over_a_list(&mut self, below: u32) -> String {
        let (list, of) = match self.choose(3) {
            0 => ("li.x", Type::Int),
            1 => ("lf.x", Type::Float),
            _ => ("[1, 7, -3]", Type::Int),
        };
        let op = self.one(&["<", "==", ">="]);
        let x = self.text(&of, below);
        match self.choose(5) {
            0 => format!("{list}.exists(n, n {op} {x})"),
            1 => format!("{list}.all(n, n {op} {x})"),
            2 => format!("(size({list}.filter(n, n {op} {x})) {op} 2)"),
            3 => format!("({list}[1] {op} {x})"),
            _ => format!("{list}.map(n, n {op} {x}, abs(n)).exists_one(n, n == {x})"),
        }
    }

    fn of_texts(&mut self) -> String {
        let (a, b) = (self.leaf(&Type::Str), self.leaf(&Type::Str));
        self.one(&[
            &format!("({a} < {b})"),
            &format!("{a}.startsWith('t')"),
            &format!("({a} + {b}).matches('^[ot]')"),
            &format!("({a} in ls.x.map(n, n + 'x'))"),
            &format!("ls.x.exists(n, n == {a} && {a} != {b})"),
            &format!("({{{a}: 1, {b}: 2}}[?{b}].orValue(0) in [i.x, 2])"),
            &format!("(ls.x.filter(n, n != {a}) == [{b}])"),
            &format!("(dyn({a}) == {b})"),
        ])
    }

    fn membership(&mut self, below: u32) -> String {
        let long = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.5, 9007199254740993, 9007199254740993.0]";
        let (ty, lists): (Type, &[&str]) = match self.choose(6) {
            0 => (Type::Str, &["['zero', 'two',]", "ls.x", "[]"]),
            1 => (Type::Span, &["[10m, 1s]"]),
            2 => (Type::Entity(0), &["le.x", "[]"]),
            3 => (Type::Bool, &["[true]"]),
            _ => (self.number(), &["li.x", "lf.x", "[]", "[1, -3.0, 0.5]", "[9007199254740993]", long]),
        };
        let list = self.one(lists);
        format!("({} in {list})", self.text(&ty, below))
    }
}

/// Well-typed expressions of any type.
fn expression() -> impl Strategy<Value = String> {
    vec(any::<u16>(), 1..120).prop_map(|numbers| {
        let mut writer = Writer(numbers.iter());
        let ty = writer.any_type();
        writer.text(&ty, 4)
    })
}

fn some_int() -> BoxedStrategy<i64> {
    let edges = vec![0, 1, -1, 2, 7, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1];
    prop_oneof![select(edges), -5..20i64, any::<i64>()].boxed()
}

fn some_float() -> BoxedStrategy<f64> {
    let edges = vec![0.0, -0.0, 1.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9_007_199_254_740_992.0];
    let far = vec![9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0, 1e308, 5e-324];
    prop_oneof![select(edges), select(far), -3.0..20.0f64, any::<f64>()].boxed()
}

fn some_value(ty: &Type) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Missing), 3 => present_value(ty)].boxed()
}

fn present_value(ty: &Type) -> BoxedStrategy<Value> {
    let ms = || prop_oneof![Just(0), Just(i64::MAX), Just(253_402_300_799_999), 0..10_000_000i64, some_int()];
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Int => some_int().prop_map(Value::Int).boxed(),
        Type::Float => some_float().prop_map(Value::Float).boxed(),
        Type::Str => (0..4u32).prop_map(|symbol| Value::Str(Symbol(symbol))).boxed(),
        Type::Time => ms().prop_map(|ms| Value::Time(Time(ms))).boxed(),
        Type::Span => ms().prop_map(|ms| Value::Span(Span(ms))).boxed(),
        Type::Entity(_) => (0..4u32).prop_map(|id| Value::Entity(EntityId(id))).boxed(),
        Type::List(of) => vec(present_value(of), 0..5).prop_map(|values| Value::List(Arc::from(values))).boxed(),
    }
}

fn some_row() -> impl Strategy<Value = Vec<Value>> {
    super::SLOTS.iter().map(|(first, _)| some_value(&super::slot_type(first))).collect::<Vec<_>>()
}

fn bits(value: &Value) -> Value {
    match value {
        Value::Float(float) => Value::Int(float.to_bits() as i64),
        value => value.clone(),
    }
}

fn constants() -> House {
    House { constants: vec!["zero".into(), "one".into(), "two".into(), "three".into()] }
}

/// `PROPTEST_CASES` asks for more cases, never for fewer: `make soak` does.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(4_000), failure_persistence: None, ..asked }
}

/// What the interpreter says of an expression and a row, as a program would give it.
fn interpreted(ast: &Ast, house: &mut House, row: &[Value]) -> Value {
    let checked = check(ast.root(), &mut Slots(house)).expect("the expression is well typed");
    match interpret(&checked.node, &Row { values: row, texts: Some(house) }) {
        Ok(Datum::Str(text)) => {
            let symbol = house.constants.iter().position(|constant| **constant == *text);
            Value::Str(Symbol(symbol.expect("no string is computed") as u32))
        }
        Ok(datum) => value_of(datum),
        Err(_) => Value::Missing,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn compiled_equals_interpreted(text in expression(), rows in vec(some_row(), 4)) {
        let mut house = constants();
        let built = build(&text, &mut house);
        prop_assert!(built.is_ok(), "{text}: {:?}", built.err());
        let (ast, program) = built.unwrap();
        for row in rows {
            let expected = interpreted(&ast, &mut house, &row);
            let found = program.eval_with(&row, &house);
            prop_assert_eq!(bits(&found), bits(&expected), "{} on {:?}", text, row);
            prop_assert_eq!(program.eval_bool_with(&row, &house), found.is_true());
            prop_assert_eq!(program.eval_f64_with(&row, &house), found.as_f64());
            if !program.needs_texts() {
                prop_assert_eq!(bits(&program.eval(&row)), bits(&found));
            }
        }
    }

    #[test]
    fn columns_equal_rows(texts in vec(expression(), 1..6), blocks in vec(vec(some_row(), 0..9), 3), many in 0..=8usize) {
        let mut house = constants();
        let programs = texts.iter().map(|text| build(text, &mut house).unwrap().1);
        let programs: Vec<Program> = programs.filter(|program| !program.needs_texts()).collect();
        let (mut columns, mut scratch, mut out) = (Columns::new(), BlockScratch::default(), Column::new(&Type::Int));
        for few in blocks {
            // Blocks are filled over and over, with up to 64 rows.
            let rows: Vec<&Vec<Value>> = few.iter().cycle().take((few.len() * many).min(64)).collect();
            fill(&mut columns, &rows);
            for program in &programs {
                program.eval_block(&columns, &mut scratch, &mut out);
                same(program, &rows, &columns, &mut scratch, &out)?;
            }
        }
    }

    #[test]
    fn spans_give_the_text_back(text in expression()) {
        let ast = parse(&text).unwrap();
        prop_assert_eq!(ast.slice(ast.root()), text.as_str());
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_or_refused(&text);
    }

    #[test]
    fn a_damaged_expression_is_read_or_refused(
        text in expression(),
        at in any::<prop::sample::Index>(),
        length in 0..4usize,
        wrong in select(vec!["", "(", ")", "[", "'", "\"", "\\", ".", "..", "?", ":", "e", "0x", "1m", "null", "é", "\u{202e}",
            "\0", "- -", "!", "in", "&", "=", ",", "{", "9999999999999999999", "1e999"]),
    ) {
        let from = text.floor_char_boundary(at.index(text.len() + 1));
        let to = text.floor_char_boundary((from + length).min(text.len()));
        read_or_refused(&format!("{}{wrong}{}", &text[..from], &text[to..]));
    }

    #[test]
    fn a_heap_of_tokens_is_read_or_refused(
        tokens in vec(select(vec!["(", ")", "[", "]", "?", ":", ",", ".", "-", "!", "+", "in", "==", "&&", "a", "f(",
            "1", "'s'", "10m", "9223372036854775808", "null", "and", "#", "{", "}", "[?", ".?", "x", "x.exists(x,", ".map(x,",
            "cel.bind(x,", "optional.of(", ".size()", "1u", "b'\\x00'", "r'", "`a b`", "//", "\n", "li.x", "s.x", ".matches("]), 0..60),
    ) {
        read_or_refused(&tokens.join(" "));
    }
}

/// Rows as columns of the slots' types.
fn fill(columns: &mut Columns, rows: &[&Vec<Value>]) {
    columns.set_rows(rows.len());
    for (slot, (first, _)) in super::SLOTS.iter().enumerate() {
        let column = columns.column_mut(slot as u16, &super::slot_type(first));
        for (number, row) in rows.iter().enumerate() {
            column.set(number, &row[slot]);
        }
    }
}

/// Whether a block's values are those of its rows, and behind them there are none.
fn same(
    program: &Program,
    rows: &[&Vec<Value>],
    columns: &Columns,
    scratch: &mut BlockScratch,
    out: &Column,
) -> Result<(), TestCaseError> {
    let trues = program.eval_block_bool(columns, scratch);
    let mut floats = [0.0; 64];
    let numbers = program.eval_block_f64(columns, scratch, &mut floats);
    for (row, float) in floats.into_iter().enumerate() {
        let expected = rows.get(row).map_or(Value::Missing, |row| program.eval(row));
        prop_assert_eq!(bits(&out.value(row)), bits(&expected), "{:?} on {:?}", program, rows.get(row));
        prop_assert_eq!(trues >> row & 1 == 1, expected.is_true(), "{:?}", program);
        let number = (numbers >> row & 1 == 1).then_some(float.to_bits());
        prop_assert_eq!(number, expected.as_f64().map(f64::to_bits), "{:?}", program);
        prop_assert!(number.is_some() || float.is_nan());
    }
    Ok(())
}

/// Every report lies within the text, on character boundaries.
fn read_or_refused(text: &str) {
    let faults = match parse(text) {
        Ok(ast) => match compile(&ast, ast.root(), &mut constants()) {
            Ok(program) => {
                // Whatever is taken has a value, or none.
                program.eval_with(&super::full_row(), &constants());
                None
            }
            Err(faults) => Some(faults),
        },
        Err(faults) => Some(faults),
    };
    for fault in faults.iter().flatten() {
        assert!(text.get(fault.span.clone()).is_some(), "{text:?}: {fault:?}");
        assert!(!fault.message.is_empty() && !fault.message.ends_with('.'), "{fault:?}");
    }
    assert!(faults.is_none_or(|faults| !faults.is_empty()), "{text:?} is refused without a reason");
}

//! Random expressions: closures and columns against the interpreter bit for bit, and texts of any kind
//! against the promise that nothing panics.

use super::written::{SLOTS, slot_type, written};
use super::{House, build};
use crate::check::{Slots, check};
use crate::interpreter::{Row, value_of};
use crate::{Ast, BlockScratch, Column, Columns, Datum, MadeTexts, Program, Test, Texts, compile, interpret, parse};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Well-typed expressions of any type.
fn expression() -> impl Strategy<Value = String> {
    vec(any::<u16>(), 1..120).prop_map(|numbers| written(&numbers))
}

/// Conditions that are mostly made of comparisons with constants.
fn condition() -> impl Strategy<Value = String> {
    let texts = [
        "i.x > 3",
        "i.x <= 7.5",
        "2 == i.y",
        "i.x != 0",
        "-1e300 < i.x",
        "i.y in [1, 2, 7]",
        "!(i.y in [1, 2])",
        "f.x < 0.0",
        "f.x >= 1.5",
        "1 > f.y",
        "f.x == 0.0",
        "f.x != 1.0",
        "!(f.x > 1.0)",
        "f.y in [0.5, 1.0, 2.0]",
        "default(f.x, 2.0) > 1.0",
        "default(i.x, -4) < 0",
        "b.x",
        "!b.y",
        "b.x == false",
        "b.x != b.y",
        "default(b.y, true)",
        "s.x == 'one'",
        "'two' != s.y",
        "s.x in ['zero', 'two']",
        "s.x == s.y",
        "has(i.x)",
        "!has(f.x)",
        "d.x > 10m",
        "d.y <= -1.5s",
        "t.x < t.y",
        "size(s.x) > 3",
        "s.y.startsWith('t')",
        "i.x + 1 > i.y",
        "i.x < -9223372036854775808",
    ];
    let leaf = select(texts.to_vec()).prop_map(str::to_owned);
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 2..5).prop_map(|all| format!("({})", all.join(" && "))),
            2 => vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" || "))),
            1 => inner.prop_map(|one| format!("!({one})")),
        ]
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
        Type::List(of) => vec(present_value(of), 0..5).prop_map(|values| Value::List(values.into())).boxed(),
    }
}

fn some_row() -> impl Strategy<Value = Vec<Value>> {
    SLOTS.iter().map(|(first, _)| some_value(&slot_type(first))).collect::<Vec<_>>()
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
fn interpreted(ast: &Ast, house: &mut House, row: &[Value], texts: &MadeTexts<'_>) -> Value {
    let checked = check(ast.root(), &mut Slots(house)).expect("the expression is well typed");
    match interpret(&checked.node, &Row { values: row, texts: Some(texts) }) {
        Ok(Datum::Str(text)) => texts.symbol(&text).map_or(Value::Missing, Value::Str),
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
        let known = constants();
        for row in rows {
            let texts = MadeTexts::new(&known);
            let expected = interpreted(&ast, &mut house, &row, &texts);
            let found = program.eval_with(&row, &texts);
            prop_assert_eq!(bits(&found), bits(&expected), "{} on {:?}", text, row);
            prop_assert_eq!(program.eval_bool_with(&row, &texts), found.is_true());
            prop_assert_eq!(program.eval_f64_with(&row, &texts), found.as_f64());
            if !program.needs_texts() {
                prop_assert_eq!(bits(&program.eval(&row)), bits(&found));
            }
        }
    }

    #[test]
    fn what_is_required_holds_where_a_condition_is_true(text in condition(), rows in vec(some_row(), 4)) {
        let mut house = constants();
        let program = build(&text, &mut house).unwrap().1;
        let required = program.required();
        let holds = |row: &[Value], tests: &[Test]| {
            tests.iter().all(|test| test.reading.rank(row).is_some_and(|rank| test.wanted.holds(rank)))
        };
        prop_assert!(required.either.iter().all(|branch| !branch.is_empty()));
        for row in rows {
            let rest = required.rest.iter().all(|of| of.holds(&row));
            let all = holds(&row, &required.tests) && rest && !required.never;
            let one = required.either.is_empty() || required.either.iter().any(|branch| holds(&row, branch));
            let either = required.either_of.as_ref().is_none_or(|of| of.holds(&row));
            if program.eval_bool_with(&row, &house) {
                prop_assert!(all && one && either, "{} requires {:?} on {:?}", text, required, row);
            } else if !required.reads_texts {
                let enough = required.either_of.is_none() || required.either_complete;
                prop_assert!(!(all && either), "{} requires {:?} on {:?}", text, required, row);
                prop_assert!(!(all && one && enough), "{} requires {:?} on {:?}", text, required, row);
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
    for (slot, (first, _)) in SLOTS.iter().enumerate() {
        let column = columns.column_mut(slot as u16, &slot_type(first));
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

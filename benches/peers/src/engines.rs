//! The evaluators behind one interface: each goes once over all rows, which it holds in its own form.

use crate::cases::{NUMBERS, ROWS, rows};
use anyhow::{Result, anyhow};
use cel::Context;
use domain::{Symbol, Type, Value};
use expr::{BlockScratch, Columns, Diagnostic, Node, Program, Scope};
use serde_json::json;
use std::collections::HashMap;
use std::hint::black_box;
use std::ops::Range;
use zen_expression::expression::Standard;
use zen_expression::vm::VM;
use zen_expression::{Expression, Scope as ZenScope, Variable};

#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Bool(bool),
    Number(f64),
    Other(String),
}

pub(crate) trait Engine {
    fn name(&self) -> &'static str;
    /// Evaluates all rows once.
    fn run(&mut self);
    fn answer(&mut self, row: usize) -> Answer;
}

/// Slots: the numbers, then the country. Constants are symbols in the order in which they are first met.
#[derive(Default)]
struct Names(HashMap<String, Symbol>);

impl Scope for Names {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let number = NUMBERS.iter().position(|name| path == [*name]);
        match number {
            Some(slot) => Ok((slot as u16, Type::Float)),
            None if path == ["country"] => Ok((NUMBERS.len() as u16, Type::Str)),
            None => Err(Diagnostic::new("unknown_name", span, "no such name")),
        }
    }

    fn call(&mut self, _: &str, _: &[Node], _: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        None
    }

    fn constant(&mut self, text: &str) -> Symbol {
        let next = Symbol(self.0.len() as u32);
        *self.0.entry(text.to_owned()).or_insert(next)
    }

    fn known_calls(&self) -> Vec<&str> {
        Vec::new()
    }
}

fn our_rows(names: &mut Names) -> Vec<Vec<Value>> {
    let row = |row: crate::cases::Row| {
        let numbers = row.numbers.iter().map(|(_, number)| number.map_or(Value::Missing, Value::Float));
        numbers.chain([Value::Str(names.constant(&row.country))]).collect()
    };
    rows().into_iter().map(row).collect()
}

fn ours(text: &str, names: &mut Names) -> Result<Program> {
    let failed = |faults: Vec<Diagnostic>| anyhow!("{text}: {faults:?}");
    let ast = expr::parse(text).map_err(failed)?;
    expr::compile(&ast, ast.root(), names).map_err(failed)
}

fn of_value(value: Value) -> Answer {
    match value {
        Value::Bool(bool) => Answer::Bool(bool),
        Value::Float(float) => Answer::Number(float),
        other => Answer::Other(format!("{other:?}")),
    }
}

/// Our closures, row by row.
pub(crate) struct Closures {
    program: Program,
    rows: Vec<Vec<Value>>,
}

impl Closures {
    pub(crate) fn new(text: &str) -> Result<Closures> {
        let mut names = Names::default();
        Ok(Closures { program: ours(text, &mut names)?, rows: our_rows(&mut names) })
    }

    pub(crate) fn compile(text: &str) -> Result<Program> {
        ours(text, &mut Names::default())
    }
}

impl Engine for Closures {
    fn name(&self) -> &'static str {
        "closure"
    }

    fn run(&mut self) {
        let (program, rows) = (black_box(&self.program), black_box(&self.rows));
        match program.ty() {
            Type::Bool => rows.iter().for_each(|row| _ = black_box(program.eval_bool(row))),
            _ => rows.iter().for_each(|row| _ = black_box(program.eval_f64(row))),
        }
    }

    fn answer(&mut self, row: usize) -> Answer {
        of_value(self.program.eval(&self.rows[row]))
    }
}

/// Our kernels, all rows in one block.
pub(crate) struct Blocks {
    program: Program,
    columns: Columns,
    scratch: BlockScratch,
    floats: [f64; ROWS],
}

impl Blocks {
    pub(crate) fn new(text: &str) -> Result<Blocks> {
        let mut names = Names::default();
        let program = ours(text, &mut names)?;
        let mut columns = Columns::new();
        columns.set_rows(ROWS);
        for (number, row) in our_rows(&mut names).iter().enumerate() {
            for (slot, value) in row.iter().enumerate() {
                let ty = if slot == NUMBERS.len() { Type::Str } else { Type::Float };
                columns.column_mut(slot as u16, &ty).set(number, value);
            }
        }
        Ok(Blocks { program, columns, scratch: BlockScratch::default(), floats: [0.0; ROWS] })
    }
}

impl Engine for Blocks {
    fn name(&self) -> &'static str {
        "column"
    }

    fn run(&mut self) {
        let (program, columns) = (black_box(&self.program), black_box(&self.columns));
        match program.ty() {
            Type::Bool => black_box(program.eval_block_bool(columns, &mut self.scratch)),
            _ => black_box(program.eval_block_f64(columns, &mut self.scratch, black_box(&mut self.floats))),
        };
    }

    fn answer(&mut self, row: usize) -> Answer {
        let mut out = expr::Column::new(self.program.ty());
        self.program.eval_block(&self.columns, &mut self.scratch, &mut out);
        of_value(out.value(row))
    }
}

/// The crate `cel`: one prepared context per row.
pub(crate) struct Cel {
    program: cel::Program,
    rows: Vec<Context<'static, 'static>>,
}

impl Cel {
    pub(crate) fn new(text: &str) -> Result<Cel> {
        let context = |row: crate::cases::Row| {
            let mut context = Context::default();
            let present = row.numbers.iter().filter_map(|(name, number)| Some((*name, (*number)?)));
            let map: HashMap<String, f64> = present.map(|(name, number)| (name.to_owned(), number)).collect();
            map.iter().for_each(|(name, number)| context.add_variable_from_value(name.clone(), *number));
            context.add_variable_from_value("country", row.country);
            context.add_variable_from_value("row", map);
            context
        };
        Ok(Cel { program: Cel::compile(text)?, rows: rows().into_iter().map(context).collect() })
    }

    pub(crate) fn compile(text: &str) -> Result<cel::Program> {
        cel::Program::compile(text).map_err(|error| anyhow!("cel: {text}: {error:?}"))
    }
}

impl Engine for Cel {
    fn name(&self) -> &'static str {
        "cel"
    }

    fn run(&mut self) {
        let (program, rows) = (black_box(&self.program), black_box(&self.rows));
        rows.iter().for_each(|context| _ = black_box(program.execute(context)));
    }

    fn answer(&mut self, row: usize) -> Answer {
        match self.program.execute(&self.rows[row]) {
            Ok(cel::Value::Bool(bool)) => Answer::Bool(bool),
            Ok(cel::Value::Float(float)) => Answer::Number(float),
            other => Answer::Other(format!("{other:?}")),
        }
    }
}

/// The crate `zen-expression`: compiled, one machine for all, one prepared scope per row.
pub(crate) struct Zen {
    expression: Expression<Standard>,
    vm: VM,
    rows: Vec<ZenScope>,
}

impl Zen {
    pub(crate) fn new(text: &str) -> Result<Zen> {
        let scope = |row: crate::cases::Row| {
            let present = row.numbers.iter().filter_map(|(name, number)| Some(((*name).to_owned(), json!((*number)?))));
            let object = present.chain([("country".to_owned(), json!(row.country))]).collect();
            ZenScope::new(Variable::from(serde_json::Value::Object(object)))
        };
        Ok(Zen { expression: Zen::compile(text)?, vm: VM::new(), rows: rows().into_iter().map(scope).collect() })
    }

    pub(crate) fn compile(text: &str) -> Result<Expression<Standard>> {
        zen_expression::compile_expression(text).map_err(|error| anyhow!("zen: {text}: {error:?}"))
    }
}

impl Engine for Zen {
    fn name(&self) -> &'static str {
        "zen"
    }

    fn run(&mut self) {
        for scope in black_box(&self.rows) {
            _ = black_box(self.expression.evaluate_with_scope(scope, &mut self.vm));
        }
    }

    fn answer(&mut self, row: usize) -> Answer {
        match self.expression.evaluate_with_scope(&self.rows[row], &mut self.vm) {
            Ok(Variable::Bool(bool)) => Answer::Bool(bool),
            Ok(Variable::Number(number)) => Answer::Number(number.to_string().parse().unwrap_or(f64::NAN)),
            other => Answer::Other(format!("{other:?}")),
        }
    }
}

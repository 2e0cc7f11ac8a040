//! Tests of the language: what is read, what is refused and how, what is computed.

mod bad_expressions;
mod diagnostics;
mod generated;
mod semantics;
mod vectors;
mod written;

use crate::{Ast, Diagnostic, Node, NodeKind, Program, Scope, Texts, compile, parse};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use std::ops::Range;
use std::sync::Arc;
use written::{SLOTS, slot_type};

/// Two slots of each type (`i.x`, `i.y`), lists, and the aggregate `count(event)`.
#[derive(Default)]
pub(crate) struct House {
    pub(crate) constants: Vec<String>,
}

pub(crate) fn slot(first: &str, second: &str) -> Option<(u16, Type)> {
    let index = SLOTS.iter().position(|slot| *slot == (first, second))?;
    Some((index as u16, slot_type(first)))
}

impl Scope for House {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let unknown = || Diagnostic::new("unknown_name", span, format!("there is no `{}` here", path.join(".")));
        match path {
            [first, second] if *first != "count" => slot(first, second).ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        let found = match args {
            [event] => event.as_name().and_then(|event| slot("count", event)),
            _ => None,
        };
        (name == "count").then(|| found.ok_or(Diagnostic::new("unknown_name", span, "no such event")))
    }

    fn constant(&mut self, text: &str) -> Symbol {
        let known = self.constants.iter().position(|constant| constant == text);
        let index = known.unwrap_or_else(|| {
            self.constants.push(text.to_owned());
            self.constants.len() - 1
        });
        Symbol(index as u32)
    }

    fn known_calls(&self) -> Vec<&str> {
        vec!["count", "decayed"]
    }
}

/// A row with a value in each slot; strings are the symbols 0 and 1.
pub(crate) fn full_row() -> Vec<Value> {
    let list = |values: Vec<Value>| Value::List(values.into());
    vec![
        Value::Bool(true),
        Value::Bool(false),
        Value::Int(7),
        Value::Int(-2),
        Value::Float(2.5),
        Value::Float(-0.5),
        Value::Str(Symbol(0)),
        Value::Str(Symbol(1)),
        Value::Time(Time(1_000_000)),
        Value::Time(Time(400_000)),
        Value::Span(Span(60_000)),
        Value::Span(Span(1_500)),
        Value::Entity(EntityId(3)),
        Value::Entity(EntityId(4)),
        Value::Entity(EntityId(3)),
        list(vec![Value::Int(7), Value::Int(8)]),
        list(vec![Value::Float(7.0), Value::Float(0.5)]),
        list(vec![Value::Str(Symbol(1))]),
        list(vec![Value::Entity(EntityId(3))]),
        Value::Float(12.0),
    ]
}

/// Parses and compiles with these string constants known first.
pub(crate) fn build(text: &str, house: &mut House) -> Result<(Ast, Program), Vec<Diagnostic>> {
    let ast = parse(text)?;
    let program = compile(&ast, ast.root(), house)?;
    Ok((ast, program))
}

impl Texts for House {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        self.constants.get(symbol.0 as usize).map(|text| text.as_str().into())
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        self.constants.iter().position(|known| known == text).map(|at| Symbol(at as u32))
    }
}

/// Its value for a row. `"zero"` is the symbol 0, `"one"` the symbol 1.
fn value(text: &str, row: &[Value]) -> Value {
    let mut house = House { constants: vec!["zero".into(), "one".into()] };
    let (_, program) = build(text, &mut house).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    let value = program.eval_with(row, &house);
    assert_eq!(program.eval_bool_with(row, &house), value.is_true(), "{text}");
    assert_eq!(program.eval_f64_with(row, &house), value.as_f64(), "{text}");
    if !program.needs_texts() {
        assert_eq!(program.eval(row), value, "{text}");
    }
    value
}

/// The tree with a bracket around every node.
fn shape(node: &Node) -> String {
    let all = |nodes: &[Node]| nodes.iter().map(shape).collect::<Vec<_>>().join(" ");
    match &node.kind {
        NodeKind::Literal(literal) => format!("{literal:?}"),
        NodeKind::Path(names) => names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join("."),
        NodeKind::Call { name, args } => format!("({} {})", name.text, all(args)),
        NodeKind::Unary { op, operand } => format!("({} {})", op.as_str(), shape(operand)),
        NodeKind::Binary { op, left, right } => format!("({} {} {})", op.as_str(), shape(left), shape(right)),
        NodeKind::Conditional { condition, then, otherwise } => {
            format!("(? {} {} {})", shape(condition), shape(then), shape(otherwise))
        }
        NodeKind::List(nodes) => format!("[{}]", all(nodes)),
        NodeKind::Method { receiver, name, args } => format!("({}.{} {})", shape(receiver), name.text, all(args)),
        NodeKind::Select { operand, field, optional } => {
            format!("({}.{}{})", shape(operand), if *optional { "?" } else { "" }, field.text)
        }
        NodeKind::Index { operand, index, optional } => {
            format!("({}[{}{}])", shape(operand), if *optional { "?" } else { "" }, shape(index))
        }
        NodeKind::Macro(of) => {
            let names: Vec<&str> = of.variables.iter().map(|name| name.text.as_str()).collect();
            let filter = of.filter.as_ref().map_or(String::new(), |filter| format!(" if {}", shape(filter)));
            format!("({:?} {} {}{filter} {})", of.kind, names.join(","), shape(&of.over), shape(&of.body))
        }
        NodeKind::Map(entries) => {
            let entry = |entry: &crate::ast::Entry| {
                format!("{}{}: {}", if entry.optional { "?" } else { "" }, shape(&entry.key), shape(&entry.value))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        NodeKind::Optional(inner) => format!("?{}", shape(inner)),
        NodeKind::Slot(slot, _) => format!("#{slot}"),
        NodeKind::Matches { text, pattern } => format!("(matches {} {pattern:?})", shape(text)),
        NodeKind::Promoted(inner) => format!("(float {})", shape(inner)),
    }
}

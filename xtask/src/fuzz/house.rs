//! What fuzzed expressions read: the slots of the expression crate's own random tests, and rows of edge values for them.

use super::written::{SLOTS, slot_type};
use domain::{EntityId, Span, Symbol, Time, Type, Value};
use expr::{Diagnostic, Node, Scope, Texts};
use sim::Rng;
use std::ops::Range;
use std::sync::Arc;

/// String constants by their symbols.
pub(crate) struct House(Vec<String>);

impl House {
    pub(crate) fn new() -> House {
        House(["zero", "one", "two", "three"].map(str::to_owned).into())
    }

    /// The symbol of a text that some constant has.
    pub(crate) fn symbol(&self, text: &str) -> Option<Symbol> {
        self.0.iter().position(|known| known == text).map(|index| Symbol(index as u32))
    }
}

fn slot(first: &str, second: &str) -> Option<(u16, Type)> {
    let index = SLOTS.iter().position(|slot| *slot == (first, second))?;
    Some((index as u16, slot_type(first)))
}

impl Scope for House {
    fn path(&mut self, path: &[&str], span: Range<usize>) -> Result<(u16, Type), Diagnostic> {
        let found = match path {
            [first, second] if *first != "count" => slot(first, second),
            _ => None,
        };
        found.ok_or_else(|| Diagnostic::new("unknown_name", span, "there is no such name"))
    }

    fn call(&mut self, name: &str, args: &[Node], span: Range<usize>) -> Option<Result<(u16, Type), Diagnostic>> {
        let found = match args {
            [event] => event.as_name().and_then(|event| slot("count", event)),
            _ => None,
        };
        (name == "count").then(|| found.ok_or_else(|| Diagnostic::new("unknown_name", span, "no such event")))
    }

    fn constant(&mut self, text: &str) -> Symbol {
        self.symbol(text).unwrap_or_else(|| {
            self.0.push(text.to_owned());
            Symbol(self.0.len() as u32 - 1)
        })
    }

    fn known_calls(&self) -> Vec<&str> {
        vec!["count"]
    }
}

impl Texts for House {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        self.0.get(symbol.0 as usize).map(|text| text.as_str().into())
    }

    fn symbol(&self, text: &str) -> Option<Symbol> {
        House::symbol(self, text)
    }
}

/// A row with a value of the right type, or none, in each slot.
pub(crate) fn row(rng: &mut Rng) -> Vec<Value> {
    SLOTS.iter().map(|(first, _)| value(&slot_type(first), rng)).collect()
}

/// A value of this type, or none.
pub(crate) fn value(ty: &Type, rng: &mut Rng) -> Value {
    if rng.percent(20) { Value::Missing } else { present(ty, rng) }
}

fn present(ty: &Type, rng: &mut Rng) -> Value {
    match ty {
        Type::Bool => Value::Bool(rng.percent(50)),
        Type::Int => Value::Int(int(rng)),
        Type::Float => Value::Float(float(rng)),
        Type::Str => Value::Str(Symbol(rng.below(4) as u32)),
        Type::Time => Value::Time(Time(int(rng))),
        Type::Span => Value::Span(Span(int(rng))),
        Type::Entity(_) => Value::Entity(EntityId(rng.below(4) as u32)),
        Type::List(of) => Value::List((0..rng.below(5)).map(|_| present(of, rng)).collect()),
    }
}

fn int(rng: &mut Rng) -> i64 {
    let edges = [0, 1, -1, 2, 7, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, 253_402_300_799_999];
    match rng.below(4) {
        0 => rng.draw() as i64,
        1 => rng.pick(&edges),
        _ => rng.within(-5, 10_000_000),
    }
}

fn float(rng: &mut Rng) -> f64 {
    let edges = [0.0, -0.0, 0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 9_007_199_254_740_992.0, 1e308, 5e-324];
    match rng.below(4) {
        0 => f64::from_bits(rng.draw()),
        1 => rng.pick(&edges),
        2 => int(rng) as f64,
        _ => rng.within(-3_000, 20_000) as f64 / 1_000.0,
    }
}

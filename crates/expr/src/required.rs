//! What single slots must hold where a condition is true: what an index over many conditions is made of. Values are compared as
//! *ranks*: ints that stand to each other as the values do, equal for equal values of one type.

mod gather;
mod residue;

#[cfg(test)]
mod tests;

pub use residue::Residue;

use crate::Program;
use crate::typed::Typed;
use domain::{EntityId, Span, Symbol, Time, Value};

/// What must hold where a condition is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Required {
    /// Each holds where the condition is true.
    pub tests: Vec<Test>,
    /// Where the condition is true, all tests of one of these hold; empty: nothing is known. Each has at least one test.
    pub either: Vec<Vec<Test>>,
    /// The `||` that `either` is made of, if it is made of one.
    pub either_of: Option<Residue>,
    /// Whether that is true wherever all tests of one of `either` hold.
    pub either_complete: bool,
    /// The rest of the condition: each holds where it is true.
    pub rest: Vec<Residue>,
    /// It reads texts: where all tests hold, and the rest does, it may be false nevertheless.
    pub reads_texts: bool,
    /// It is never true.
    pub never: bool,
    /// Why not all of it is tests.
    pub obstacle: Option<Obstacle>,
}

/// Why a part of a condition is no test of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It compares what is computed, or two slots with each other.
    Computed,
    /// It is true of nearly every value: `x != 1.5`, `!(x in [...])`, `!has(x)`.
    Negated,
    /// One of the alternatives of a `||` is no test.
    Alternative,
}

/// A condition on one slot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// What is read.
    pub reading: Reading,
    /// What its rank must be; where there is none the test does not hold.
    pub wanted: Wanted,
}

/// Which ranks hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// One of these, ascending.
    Among(Vec<i64>),
    /// Any but these, ascending.
    Except(Vec<i64>),
    /// From the first to the second, both included.
    Between(i64, i64),
}

/// A slot, as a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reading {
    /// The slot.
    pub slot: u16,
    /// What lies there.
    pub kind: RankKind,
    /// The rank where it has no value: `default(x, 0)`.
    pub otherwise: Option<i64>,
}

/// Types whose values have ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RankKind {
    /// False is 0, true is 1.
    Bool,
    /// The int itself.
    Int,
    /// In the order of floats; both zeros are 0, a NaN has none.
    Float,
    /// The symbol's number.
    Str,
    /// Milliseconds.
    Time,
    /// Milliseconds.
    Span,
    /// The entity's number.
    Entity,
}

impl Required {
    /// Whether the condition is true wherever all `tests` hold.
    pub fn is_complete(&self) -> bool {
        !self.reads_texts && self.rest.is_empty() && self.either_of.is_none()
    }
}

impl Reading {
    /// The rank of what a row has here.
    #[inline]
    pub fn rank(&self, row: &[Value]) -> Option<i64> {
        let rank = match (self.kind, row.get(usize::from(self.slot))) {
            (RankKind::Float, Some(Value::Float(float))) => float_rank(*float),
            (RankKind::Int, Some(Value::Int(int))) => Some(*int),
            (RankKind::Str, Some(Value::Str(symbol))) => Some(i64::from(symbol.0)),
            (RankKind::Bool, Some(Value::Bool(bool))) => Some(i64::from(*bool)),
            (RankKind::Time, Some(Value::Time(time))) => Some(time.0),
            (RankKind::Span, Some(Value::Span(span))) => Some(span.0),
            (RankKind::Entity, Some(Value::Entity(id))) => Some(i64::from(id.0)),
            _ => None,
        };
        rank.or(self.otherwise)
    }
}

impl Wanted {
    /// Whether a rank holds.
    #[inline]
    pub fn holds(&self, rank: i64) -> bool {
        match self {
            Wanted::Among(ranks) => ranks.binary_search(&rank).is_ok(),
            Wanted::Except(ranks) => ranks.binary_search(&rank).is_err(),
            Wanted::Between(least, most) => (*least..=*most).contains(&rank),
        }
    }
}

impl RankKind {
    /// The value with this rank; a NaN for ranks that no float has.
    pub fn value(self, rank: i64) -> Value {
        match self {
            RankKind::Bool => Value::Bool(rank != 0),
            RankKind::Int => Value::Int(rank),
            RankKind::Float => Value::Float(f64::from_bits((rank ^ ((rank >> 63) as u64 >> 1) as i64) as u64)),
            RankKind::Str => Value::Str(Symbol(rank as u32)),
            RankKind::Time => Value::Time(Time(rank)),
            RankKind::Span => Value::Span(Span(rank)),
            RankKind::Entity => Value::Entity(EntityId(rank as u32)),
        }
    }

    /// The rank of the value behind a word of a set.
    fn of_word(self, word: u64) -> i64 {
        match self {
            RankKind::Float => float_rank(f64::from_bits(word)).unwrap_or(i64::MIN),
            _ => word as i64,
        }
    }
}

/// Floats as ints in the same order: bits of negative ones are turned round. Both zeros are 0; a NaN has none.
#[inline]
fn float_rank(float: f64) -> Option<i64> {
    let bits = (float + 0.0).to_bits() as i64;
    (!float.is_nan()).then_some(bits ^ ((bits >> 63) as u64 >> 1) as i64)
}

impl Program {
    /// What slots must hold where it is true, and the rest of it. Of a program that reads texts only what can be said without them.
    pub fn required(&self) -> Required {
        let mut found = Required::default();
        match (&self.guards, &*self.form) {
            (Some(guards), _) => {
                guards.iter().for_each(|guard| found.gather(guard, false));
                found.reads_texts = true;
                found.obstacle.get_or_insert(Obstacle::Computed);
            }
            (None, Typed::Bool(form)) => found.gather(form, false),
            (None, _) => found.never = true,
        }
        found
    }
}

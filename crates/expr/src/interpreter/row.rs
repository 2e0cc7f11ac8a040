//! The boundary: slots of a row as values of the language, and a result as a value of a slot.

use super::{MILLISECOND, Names};
use crate::ast::Name;
use crate::{Datum, Fault, Texts};
use domain::{Span, Time, Type, Value};

/// A row, and the texts of its symbols where they are at hand; where not, strings are symbols.
pub(crate) struct Row<'r> {
    pub(crate) values: &'r [Value],
    pub(crate) texts: Option<&'r dyn Texts>,
}

impl Names for Row<'_> {
    fn path(&self, _path: &[Name]) -> Result<(Datum, usize), Fault> {
        // The checker put slots for all paths that the scope knows.
        Err(Fault::Missing)
    }

    fn slot(&self, slot: u16, ty: &Type) -> Result<Datum, Fault> {
        self.datum(self.values.get(usize::from(slot)).unwrap_or(&Value::Missing), ty)
    }
}

impl Row<'_> {
    fn datum(&self, value: &Value, ty: &Type) -> Result<Datum, Fault> {
        Ok(match (value, ty) {
            (Value::Bool(bool), Type::Bool) => Datum::Bool(*bool),
            (Value::Int(int), Type::Int) => Datum::Int(*int),
            (Value::Float(float), Type::Float) => Datum::Float(*float),
            (Value::Time(Time(ms)), Type::Time) => Datum::Time(i128::from(*ms) * MILLISECOND),
            (Value::Span(Span(ms)), Type::Span) => Datum::Span(i128::from(*ms) * MILLISECOND),
            (Value::Entity(id), Type::Entity(of)) => Datum::Entity(*of, *id),
            (Value::Str(symbol), Type::Str) => match self.texts {
                Some(texts) => Datum::Str(texts.text(*symbol).ok_or(Fault::Missing)?),
                None => Datum::Symbol(*symbol),
            },
            (Value::List(values), Type::List(of)) => {
                // Elements without a value are left out.
                let present = values.iter().filter(|value| **value != Value::Missing);
                Datum::List(present.map(|value| self.datum(value, of)).collect::<Result<_, Fault>>()?)
            }
            _ => return Err(Fault::Missing),
        })
    }
}

/// A result as a slot holds it: times and durations to the millisecond below; a NaN, and what no slot holds, is missing.
pub(crate) fn value_of(datum: Datum) -> Value {
    let ms = |ns: i128| i64::try_from(ns.div_euclid(MILLISECOND)).ok();
    match datum {
        Datum::Bool(bool) => Value::Bool(bool),
        Datum::Int(int) => Value::Int(int),
        Datum::Float(float) if !float.is_nan() => Value::Float(float),
        Datum::Time(ns) => ms(ns).map_or(Value::Missing, |ms| Value::Time(Time(ms))),
        Datum::Span(ns) => ms(ns).map_or(Value::Missing, |ms| Value::Span(Span(ms))),
        Datum::Entity(_, id) => Value::Entity(id),
        Datum::Symbol(symbol) => Value::Str(symbol),
        _ => Value::Missing,
    }
}

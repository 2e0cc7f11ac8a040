//! Fields, elements and keys: `m.name`, `x[i]`, `k in m`, `has(m.name)`, and what may be a key.

use super::equality::{equal, value_at};
use super::{Budget, Given, Interpreter, is_absent};
use crate::ast::{Node, NodeKind};
use crate::{Datum, Fault};
use std::sync::Arc;

/// `value.name`; of an optional, an optional of the field of its value.
pub(super) fn select(value: &Datum, name: &str, optional: bool) -> Given {
    match value {
        Datum::Optional(None) => Ok(Datum::Optional(None)),
        Datum::Optional(Some(inner)) => select(inner, name, true),
        Datum::Map(map) => found(named(map, name), optional),
        _ => Err(Fault::NoOverload),
    }
}

/// The value of the entry whose key is this text.
fn named<'m>(map: &'m [(Datum, Datum)], name: &str) -> Option<&'m Datum> {
    map.iter().find(|(key, _)| matches!(key, Datum::Str(key) if **key == *name)).map(|(_, value)| value)
}

fn found(value: Option<&Datum>, optional: bool) -> Given {
    match value {
        value if optional => Ok(Datum::Optional(value.map(|value| Arc::new(value.clone())))),
        Some(value) => Ok(value.clone()),
        None => Err(Fault::NoSuchKey),
    }
}

/// `value[index]`: an element by its place, or an entry by its key.
pub(super) fn index(value: &Datum, index: &Datum, optional: bool, budget: &mut Budget) -> Given {
    match value {
        Datum::Optional(None) => Ok(Datum::Optional(None)),
        Datum::Optional(Some(inner)) => self::index(inner, index, true, budget),
        Datum::List(list) => {
            let place = place(index)?;
            found(usize::try_from(place).ok().and_then(|place| list.get(place)), optional)
        }
        Datum::Map(map) => found(entry(map, index, budget)?, optional),
        _ => Err(Fault::NoOverload),
    }
}

/// A place in a list: a whole number, of whatever kind.
fn place(index: &Datum) -> Result<i64, Fault> {
    match index {
        Datum::Int(int) => Ok(*int),
        Datum::Uint(uint) => Ok(i64::try_from(*uint).unwrap_or(i64::MAX)),
        Datum::Float(float) if float.trunc() == *float => Ok(*float as i64),
        Datum::Float(_) => Err(Fault::Argument("a place in a list is a whole number")),
        _ => Err(Fault::NoOverload),
    }
}

/// The value behind a key, which may be a float that equals a whole number.
fn entry<'m>(map: &'m [(Datum, Datum)], key: &Datum, budget: &mut Budget) -> Result<Option<&'m Datum>, Fault> {
    match key {
        Datum::Bool(_) | Datum::Int(_) | Datum::Uint(_) | Datum::Float(_) | Datum::Str(_) | Datum::Symbol(_) => {
            value_at(map, key, budget)
        }
        _ => Err(Fault::Argument("a key of a map is a bool, an int, a uint or a string")),
    }
}

/// Adds an entry to a map that is being made.
pub(super) fn insert(
    made: &mut Vec<(Datum, Datum)>,
    key: Datum,
    value: Datum,
    budget: &mut Budget,
) -> Result<(), Fault> {
    if !matches!(key, Datum::Bool(_) | Datum::Int(_) | Datum::Uint(_) | Datum::Str(_) | Datum::Symbol(_)) {
        return Err(Fault::Argument("a key of a map is a bool, an int, a uint or a string"));
    }
    if value_at(made, &key, budget)?.is_some() {
        return Err(Fault::Argument("a map has each key once"));
    }
    made.push((key, value));
    Ok(())
}

/// `x in list`, `k in map`.
pub(super) fn contains(value: &Datum, x: &Datum, budget: &mut Budget) -> Result<bool, Fault> {
    match value {
        Datum::List(list) => {
            for element in &**list {
                if equal(element, x, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Datum::Map(map) => Ok(entry(map, x, budget)?.is_some()),
        _ => Err(Fault::NoOverload),
    }
}

impl<'n> Interpreter<'n> {
    /// Whether there is such a field, or such a value; a fault inside is none.
    pub(super) fn has(&mut self, node: &'n Node) -> Result<bool, Fault> {
        let (owner, name) = match &node.kind {
            NodeKind::Select { operand, field, optional: false } => (self.node(operand), field),
            NodeKind::Path(names) => match self.root(names) {
                Ok((value, [between @ .., last])) => {
                    (between.iter().try_fold(value, |value, name| select(&value, &name.text, false)), last)
                }
                Ok((value, [])) => return Ok(!is_absent(&value)),
                Err(fault) => return recovered(fault),
            },
            _ => {
                return match self.node(node) {
                    Ok(Datum::Optional(inner)) => Ok(inner.is_some()),
                    Ok(value) => Ok(!is_absent(&value)),
                    Err(fault) => recovered(fault),
                };
            }
        };
        match owner {
            Ok(owner) => Ok(has_field(&owner, &name.text)),
            Err(fault) => recovered(fault),
        }
    }
}

/// A fault is no value, but the end of the steps is the end.
fn recovered(fault: Fault) -> Result<bool, Fault> {
    if fault == Fault::Limit { Err(fault) } else { Ok(false) }
}

fn has_field(owner: &Datum, name: &str) -> bool {
    match owner {
        Datum::Optional(inner) => inner.as_ref().is_some_and(|inner| has_field(inner, name)),
        Datum::Map(map) => named(map, name).is_some(),
        _ => false,
    }
}

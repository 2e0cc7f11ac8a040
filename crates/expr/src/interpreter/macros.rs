//! Macros: what they go over, and what they make of it.

use super::{Given, Interpreter, field};
use crate::ast::{Macro, MacroKind};
use crate::{Datum, Fault};
use std::sync::Arc;

impl<'n> Interpreter<'n> {
    pub(super) fn expand(&mut self, of: &'n Macro) -> Given {
        let over = self.node(&of.over)?;
        match of.kind {
            MacroKind::Bind => self.with(of, vec![over], |inside| inside.node(&of.body)),
            MacroKind::OptMap | MacroKind::OptFlatMap => self.over_optional(of, &over),
            MacroKind::All => self.decided(of, &over, false),
            MacroKind::Exists => self.decided(of, &over, true),
            MacroKind::ExistsOne => self.exists_one(of, &over),
            MacroKind::Filter => self.filter(of, &over),
            MacroKind::Map => self.transform(of, &over),
            MacroKind::TransformMap => self.transform_map(of, &over),
            MacroKind::TransformMapEntry => self.transform_entries(of, &over),
        }
    }

    /// Runs something with the macro's names bound.
    fn with<T>(&mut self, of: &'n Macro, values: Vec<Datum>, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.locals.len();
        self.locals.extend(of.variables.iter().map(|name| name.text.as_str()).zip(values));
        let given = inside(self);
        self.locals.truncate(before);
        given
    }

    /// `all` where `decisive` is false, `exists` where it is true: one decisive element decides, whatever faults others have.
    fn decided(&mut self, of: &'n Macro, over: &Datum, decisive: bool) -> Given {
        let mut first = Ok(Datum::Bool(!decisive));
        for step in steps(of, over)? {
            match self.with(of, step, |inside| inside.condition(&of.body)) {
                Ok(holds) if holds == decisive => return Ok(Datum::Bool(decisive)),
                Ok(_) => {}
                Err(Fault::Limit) => return Err(Fault::Limit),
                Err(fault) => first = first.and(Err(fault)),
            }
        }
        first
    }

    fn exists_one(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let mut count = 0usize;
        for step in steps(of, over)? {
            count += usize::from(self.with(of, step, |inside| inside.condition(&of.body))?);
        }
        Ok(Datum::Bool(count == 1))
    }

    fn filter(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let mut kept = Vec::new();
        for step in steps(of, over)? {
            let element = step.first().cloned();
            if self.with(of, step, |inside| inside.condition(&of.body))? {
                kept.extend(element);
            }
        }
        Ok(Datum::List(kept.into()))
    }

    /// The body's value, if the filter takes this step.
    fn taken(&mut self, of: &'n Macro, step: Vec<Datum>) -> Result<Option<Datum>, Fault> {
        self.with(of, step, |inside| match &of.filter {
            Some(filter) if !inside.condition(filter)? => Ok(None),
            _ => inside.node(&of.body).map(Some),
        })
    }

    fn transform(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let mut made = Vec::new();
        for step in steps(of, over)? {
            made.extend(self.taken(of, step)?);
        }
        Ok(Datum::List(made.into()))
    }

    fn transform_map(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let mut made = Vec::new();
        for step in steps(of, over)? {
            let key = step.first().cloned();
            let value = self.taken(of, step)?;
            made.extend(key.zip(value));
        }
        Ok(Datum::Map(made.into()))
    }

    fn transform_entries(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let mut made = Vec::new();
        for step in steps(of, over)? {
            match self.taken(of, step)? {
                None => {}
                Some(Datum::Map(entries)) => {
                    for (key, value) in &*entries {
                        field::insert(&mut made, key.clone(), value.clone(), &mut self.budget)?;
                    }
                }
                Some(_) => return Err(Fault::NoOverload),
            }
        }
        Ok(Datum::Map(made.into()))
    }

    fn over_optional(&mut self, of: &'n Macro, over: &Datum) -> Given {
        let Datum::Optional(inner) = over else { return Err(Fault::NoOverload) };
        let Some(inner) = inner else { return Ok(Datum::Optional(None)) };
        let value = self.with(of, vec![(**inner).clone()], |inside| inside.node(&of.body))?;
        match (of.kind, value) {
            (MacroKind::OptMap, value) => Ok(Datum::Optional(Some(Arc::new(value)))),
            (_, value @ Datum::Optional(_)) => Ok(value),
            _ => Err(Fault::NoOverload),
        }
    }
}

/// The values of the macro's names, step by step: elements of a list or keys of a map, with two names the place and the element or the
/// key and the value.
fn steps(of: &Macro, over: &Datum) -> Result<Vec<Vec<Datum>>, Fault> {
    let two = of.variables.len() == 2;
    Ok(match over {
        Datum::List(list) if two => {
            list.iter().enumerate().map(|(place, element)| vec![Datum::Int(place as i64), element.clone()]).collect()
        }
        Datum::List(list) => list.iter().map(|element| vec![element.clone()]).collect(),
        Datum::Map(map) if two => map.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect(),
        Datum::Map(map) => map.iter().map(|(key, _)| vec![key.clone()]).collect(),
        _ => return Err(Fault::NoOverload),
    })
}

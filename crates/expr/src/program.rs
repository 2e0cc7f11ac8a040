//! A compiled expression: a closure over a row of slots.

use crate::Texts;
use domain::{Type, Value};
use std::fmt;
use std::sync::Arc;

/// A closure over a row; `None` is a missing value.
type Run<T> = Arc<dyn Fn(&[Value]) -> Option<T> + Send + Sync>;
/// A closure over a row that gives any value.
type AnyRun = Arc<dyn Fn(&[Value]) -> Value + Send + Sync>;
/// The same with the texts of symbols.
type TextsRun = Arc<dyn Fn(&[Value], &dyn Texts) -> Value + Send + Sync>;

/// A checked, compiled expression. It reads slots of the row by index; the plan says what each slot holds.
#[derive(Clone)]
pub struct Program {
    text: Arc<str>,
    ty: Type,
    slots: Arc<[u16]>,
    body: Body,
}

/// The closure. Booleans and numbers have their own, so that filters and scores need not build a `Value`.
#[derive(Clone)]
pub(crate) enum Body {
    /// A slot with a float, as it is.
    Slot(usize),
    Bool(Run<bool>),
    Int(Run<i64>),
    Float(Run<f64>),
    Value(AnyRun),
    /// What needs the texts of symbols too.
    Texts(TextsRun),
}

impl Program {
    /// Joins the parts that the compiler made.
    #[allow(clippy::type_complexity)] // the type as callers build it
    pub fn new(
        text: impl Into<Arc<str>>,
        ty: Type,
        slots: Vec<u16>,
        run: Arc<dyn Fn(&[Value]) -> Value + Send + Sync>,
    ) -> Program {
        Program { text: text.into(), ty, slots: slots.into(), body: Body::Value(run) }
    }

    /// A program that reads the texts of strings.
    pub(crate) fn with_texts(text: impl Into<Arc<str>>, ty: Type, slots: Vec<u16>, run: TextsRun) -> Program {
        Program { text: text.into(), ty, slots: slots.into(), body: Body::Texts(run) }
    }

    pub(crate) fn of(text: &str, ty: Type, slots: Vec<u16>, body: Body) -> Program {
        Program { text: text.into(), ty, slots: slots.into(), body }
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its static type.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// The slots it reads, ascending, each once.
    pub fn slots(&self) -> &[u16] {
        &self.slots
    }

    /// Its value for this row; an error inside (overflow, division by zero) and a NaN are `Missing`.
    pub fn eval(&self, row: &[Value]) -> Value {
        match &self.body {
            Body::Slot(slot) => present(float(row, *slot)).map_or(Value::Missing, Value::Float),
            Body::Bool(run) => run(row).map_or(Value::Missing, Value::Bool),
            Body::Int(run) => run(row).map_or(Value::Missing, Value::Int),
            Body::Float(run) => present(run(row)).map_or(Value::Missing, Value::Float),
            Body::Value(run) => run(row),
            Body::Texts(_) => Value::Missing,
        }
    }

    /// Whether it reads the texts of strings: then only [`Program::eval_with`] has a value.
    pub fn needs_texts(&self) -> bool {
        matches!(self.body, Body::Texts(_))
    }

    /// Its value for this row, with the texts of the row's symbols at hand.
    pub fn eval_with(&self, row: &[Value], texts: &dyn Texts) -> Value {
        match &self.body {
            Body::Texts(run) => run(row, texts),
            _ => self.eval(row),
        }
    }

    /// Whether its value is `true`, with the texts of the row's symbols at hand.
    pub fn eval_bool_with(&self, row: &[Value], texts: &dyn Texts) -> bool {
        match &self.body {
            Body::Texts(run) => run(row, texts).is_true(),
            _ => self.eval_bool(row),
        }
    }

    /// Its value as [`Program::eval_f64`] gives it, with the texts of the row's symbols at hand.
    pub fn eval_f64_with(&self, row: &[Value], texts: &dyn Texts) -> Option<f64> {
        match &self.body {
            Body::Texts(run) => present(run(row, texts).as_f64()),
            _ => self.eval_f64(row),
        }
    }

    /// Whether its value is `true`: what a filter lets pass. Same as `eval(row).is_true()`.
    pub fn eval_bool(&self, row: &[Value]) -> bool {
        match &self.body {
            Body::Bool(run) => run(row) == Some(true),
            Body::Slot(_) | Body::Int(_) | Body::Float(_) => false,
            Body::Value(run) => run(row).is_true(),
            Body::Texts(_) => false,
        }
    }

    /// Its value, if that is a number, as a float (never NaN). Same as `eval(row).as_f64()`.
    pub fn eval_f64(&self, row: &[Value]) -> Option<f64> {
        match &self.body {
            Body::Slot(slot) => present(float(row, *slot)),
            Body::Float(run) => present(run(row)),
            Body::Int(run) => run(row).map(|int| int as f64),
            Body::Bool(_) => None,
            Body::Value(run) => present(run(row).as_f64()),
            Body::Texts(_) => None,
        }
    }
}

#[inline(always)]
fn float(row: &[Value], slot: usize) -> Option<f64> {
    match row.get(slot) {
        Some(Value::Float(float)) => Some(*float),
        _ => None,
    }
}

#[inline(always)]
fn present(float: Option<f64>) -> Option<f64> {
    float.filter(|float| !float.is_nan())
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program({})", self.text)
    }
}

//! A compiled expression: its form, evaluated over blocks of rows, and a closure made of it for single rows.

use crate::Texts;
use crate::closure::Operand;
use crate::form::{Form, Scalar};
use crate::typed::{Typed, each_form};
use domain::{Type, Value};
use std::fmt;
use std::sync::Arc;

/// A closure over a row; `None` is a missing value.
type Run<T> = Arc<dyn Fn(&[Value]) -> Option<T> + Send + Sync>;
/// A closure over a row that gives any value.
type AnyRun = Arc<dyn Fn(&[Value]) -> Value + Send + Sync>;

/// A closure over a row and the texts of its strings that gives any value.
pub type TextsRun = Arc<dyn Fn(&[Value], &dyn Texts) -> Value + Send + Sync>;

/// A checked, compiled expression. It reads slots of the row by index; the plan says what each slot holds.
#[derive(Clone)]
pub struct Program {
    text: Arc<str>,
    ty: Type,
    slots: Arc<[u16]>,
    pub(crate) body: Body,
    pub(crate) form: Arc<Typed>,
    /// Conditions that hold where it is true, if it reads texts and so has no form.
    pub(crate) guards: Option<Arc<[Form<bool>]>>,
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
    /// A program that is not compiled from an expression but given as a function of the row. It reads these slots,
    /// ascending, and gives values of this type; over blocks it runs row by row.
    #[allow(clippy::type_complexity)] // the type as callers build it
    pub fn new(
        text: impl Into<Arc<str>>,
        ty: Type,
        slots: Vec<u16>,
        run: Arc<dyn Fn(&[Value]) -> Value + Send + Sync>,
    ) -> Program {
        let slots: Arc<[u16]> = slots.into();
        let form = given(&ty, &run, &slots);
        Program { text: text.into(), ty, slots, body: body(&form), form: Arc::new(form), guards: None }
    }

    /// A program given as a function of the row and of the texts of its strings: see [`Program::needs_texts`].
    pub fn with_texts(text: impl Into<Arc<str>>, ty: Type, slots: Vec<u16>, run: TextsRun) -> Program {
        let slots: Arc<[u16]> = slots.into();
        let missing: AnyRun = Arc::new(|_| Value::Missing);
        let form = Arc::new(given(&ty, &missing, &slots));
        Program { text: text.into(), ty, slots, body: Body::Texts(run), form, guards: Some(Arc::default()) }
    }

    /// A program that gives what a slot holds, under the text of what was computed into it.
    pub fn slot(text: impl Into<Arc<str>>, ty: Type, slot: u16) -> Program {
        let form = Typed::slot(slot, ty);
        Program {
            text: text.into(),
            ty: form.ty(),
            slots: [slot].into(),
            body: body(&form),
            form: Arc::new(form),
            guards: None,
        }
    }

    pub(crate) fn of(text: &str, slots: Vec<u16>, form: Typed) -> Program {
        Program {
            text: text.into(),
            ty: form.ty(),
            slots: slots.into(),
            body: body(&form),
            form: Arc::new(form),
            guards: None,
        }
    }

    /// With conditions that hold where it is true, if it reads texts.
    pub(crate) fn guarded(self, guards: Vec<Form<bool>>) -> Program {
        let guards = self.needs_texts().then(|| guards.into());
        Program { guards, ..self }
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
            Body::Slot(_) | Body::Int(_) | Body::Float(_) | Body::Value(_) | Body::Texts(_) => false,
        }
    }

    /// Its value, if that is a number, as a float (never NaN). Same as `eval(row).as_f64()`.
    pub fn eval_f64(&self, row: &[Value]) -> Option<f64> {
        match &self.body {
            Body::Slot(slot) => present(float(row, *slot)),
            Body::Float(run) => present(run(row)),
            Body::Int(run) => run(row).map(|int| int as f64),
            Body::Bool(_) | Body::Value(_) | Body::Texts(_) => None,
        }
    }
}

/// The form of a function of the row.
fn given(ty: &Type, run: &AnyRun, slots: &Arc<[u16]>) -> Typed {
    fn rows<T: Scalar>(run: &AnyRun, slots: &Arc<[u16]>) -> Form<T> {
        let run = Arc::clone(run);
        Form::Rows(Arc::new(move |row| T::of(&run(row))), Arc::clone(slots))
    }
    match ty {
        Type::Bool => Typed::Bool(rows(run, slots)),
        Type::Int => Typed::Int(rows(run, slots)),
        Type::Float => Typed::Float(rows(run, slots)),
        Type::Str => Typed::Str(rows(run, slots)),
        Type::Time => Typed::Time(rows(run, slots)),
        Type::Span => Typed::Span(rows(run, slots)),
        Type::Entity(of) => Typed::Entity(*of, rows(run, slots)),
        Type::List(of) => Typed::List((**of).clone(), rows(run, slots)),
    }
}

fn body(form: &Typed) -> Body {
    match form {
        Typed::Bool(form) => Body::Bool(Operand::of(form).run().into()),
        Typed::Int(form) => Body::Int(Operand::of(form).run().into()),
        Typed::Float(Form::Slot(slot)) => Body::Slot((*slot).into()),
        Typed::Float(form) => Body::Float(Operand::of(form).run().into()),
        form => each_form!(form, form => {
            let run = Operand::of(form).run();
            Body::Value(Arc::new(move |row| run(row).map_or(Value::Missing, Scalar::value)))
        }),
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

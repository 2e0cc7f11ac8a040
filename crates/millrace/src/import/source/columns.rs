//! Parquet: columns are fields by name, their types held against the spec before the first row is read.

use super::{Bad, Place, Reading, Row, Rows, file_name};
use crate::dataset;
use crate::import::line::{self, Record};
use crate::table::{Cell, Kind, Reader, Shape};
use anyhow::{Context, Result, bail};
use domain::{Code, Event, Field, ListPut, Payload, Raw, Refusal, Time, Type, Upsert};
use spec::Plan;
use std::path::Path;
use std::rc::Rc;

/// Rows read at once.
const CHUNK: usize = 4_096;

/// What the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Events,
    /// Entities of this type, or of the one in the column `entity`.
    Entities(Option<String>),
    /// Entries of lists.
    Lists,
}

/// Knows how to make a change of a row's cells.
struct Layout {
    file: Rc<str>,
    form: Form,
    columns: Vec<(Use, Shape)>,
    event: Option<String>,
    plan: Option<std::sync::Arc<Plan>>,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Kind,
    Key,
    Id,
    Source,
    Time,
    Score,
    LogTime,
    Rest,
    Field,
    Nothing,
}

/// The rows after the first `skip`.
pub(super) fn open(path: &Path, reading: &Reading, skip: u64) -> Result<Rows> {
    let mut reader = Reader::open(path)?;
    let layout = Layout::of(path, reader.columns(), reading)?;
    reader.skip(skip)?;
    let mut line = skip;
    let mut ready: std::vec::IntoIter<Row> = Vec::new().into_iter();
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            if let Some(row) = ready.next() {
                return Some(Ok(row));
            }
            let chunk = match reader.read(CHUNK).with_context(|| format!("after row {line}")) {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            let rows = layout.rows(chunk, line);
            line += rows.len() as u64;
            ready = rows.into_iter();
        }
    })))
}

impl Layout {
    fn of(path: &Path, shapes: &[Shape], reading: &Reading) -> Result<Layout> {
        let has = |name: &str| shapes.iter().any(|shape| shape.name == name);
        let exported = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.strip_prefix("entity-"));
        let entity = reading.entity.clone().or_else(|| exported.map(str::to_owned));
        let form = if has("@change") || reading.event.is_some() {
            Form::Events
        } else if entity.is_some() || (has("entity") && !has("event")) {
            Form::Entities(entity)
        } else if has("event") {
            Form::Events
        } else if has("list") {
            Form::Lists
        } else {
            bail!("there is no column 'event'; say what the rows are with --event NAME or --entity NAME");
        };
        if form != Form::Events && !has(&reading.key) {
            bail!("there is no column '{}' with the entities' keys; name it with --key", reading.key);
        }
        let mut columns = Vec::with_capacity(shapes.len());
        for shape in shapes {
            let use_of = use_of(&shape.name, &form, reading);
            if use_of == Use::Field
                && let Some(plan) = &reading.plan
            {
                let declared = declared(plan, &shape.name, &form, reading.event.as_deref());
                check(shape, &declared).with_context(|| format!("column '{}'", shape.name))?;
            }
            columns.push((use_of, shape.clone()));
        }
        Ok(Layout { file: file_name(path), form, columns, event: reading.event.clone(), plan: reading.plan.clone() })
    }

    fn rows(&self, chunk: Vec<Vec<Cell>>, before: u64) -> Vec<Row> {
        let count = chunk.first().map_or(0, Vec::len);
        let mut columns: Vec<_> = chunk.into_iter().map(Vec::into_iter).collect();
        let mut rows = Vec::with_capacity(count);
        for index in 0..count as u64 {
            let cells = columns.iter_mut().map(|column| column.next().unwrap_or(Ok(Raw::Null)));
            let record = self.record(cells).map_err(|refusal| Bad { refusal, text: Vec::new() });
            rows.push(Row { place: Place { file: self.file.clone(), line: before + index + 1 }, record });
        }
        rows
    }

    fn record(&self, cells: impl Iterator<Item = Cell>) -> Result<Record, Refusal> {
        let mut draft = Draft::default();
        let mut wrong = None;
        for (cell, (use_of, shape)) in cells.zip(&self.columns) {
            // Every column's cell must be taken, or the next row would begin in the middle of this one.
            let taken = match cell {
                Ok(raw) => draft.take(*use_of, shape, raw),
                Err(why) => Err(Refusal::new(Code::InvalidValue, &*shape.name, why)),
            };
            wrong = wrong.or(taken.err());
        }
        if let Some(refusal) = wrong {
            return Err(refusal);
        }
        let record = draft.finish(&self.form, self.event.as_deref())?;
        Ok(match &self.plan {
            Some(plan) => Record { payload: super::super::typed(plan, record.payload), ..record },
            None => record,
        })
    }
}

/// A row's parts.
#[derive(Default)]
struct Draft {
    kind: Option<String>,
    key: Option<String>,
    id: Option<String>,
    source: Option<String>,
    time: Option<Time>,
    score: Option<f64>,
    log_time: Option<Time>,
    rest: Option<String>,
    fields: Vec<Field<'static>>,
}

impl Draft {
    fn take(&mut self, use_of: Use, shape: &Shape, raw: Raw<'static>) -> Result<(), Refusal> {
        if raw == Raw::Null || use_of == Use::Nothing {
            return Ok(());
        }
        match use_of {
            Use::Field => self.fields.push(Field { name: shape.name.clone().into(), value: raw }),
            Use::Time => self.time = Some(time(shape, &raw)?),
            Use::Score => match raw {
                Raw::Float(score) => self.score = Some(score),
                Raw::Int(score) => self.score = Some(score as f64),
                _ => return Err(Refusal::new(Code::WrongType, &*shape.name, "must be a number")),
            },
            Use::LogTime => self.log_time = Some(time(shape, &raw)?),
            _ => {
                let text = match raw {
                    Raw::Str(text) => text.into_owned(),
                    Raw::Int(int) => int.to_string(),
                    _ => return Err(Refusal::new(Code::WrongType, &*shape.name, "must be text or a whole number")),
                };
                let place = match use_of {
                    Use::Kind => &mut self.kind,
                    Use::Key => &mut self.key,
                    Use::Id => &mut self.id,
                    Use::Source => &mut self.source,
                    _ => &mut self.rest,
                };
                *place = Some(text);
            }
        }
        Ok(())
    }

    fn finish(mut self, form: &Form, event: Option<&str>) -> Result<Record, Refusal> {
        let missing = |name: &str| Refusal::new(Code::MissingField, name, "the row has no value there");
        let kind = self.kind.or_else(|| event.map(str::to_owned));
        let payload = match form {
            Form::Entities(entity) => Payload::Upsert(Upsert {
                entity: entity.clone().or(kind).ok_or_else(|| missing("entity"))?.into(),
                key: self.key.ok_or_else(|| missing("key"))?.into(),
                fields: self.fields,
            }),
            Form::Lists => Payload::ListPut(ListPut {
                list: kind.ok_or_else(|| missing("list"))?.into(),
                key: self.key.ok_or_else(|| missing("key"))?.into(),
                score: self.score,
                until: self.time,
            }),
            Form::Events => match (kind, self.rest) {
                // A change that is no event is a line of its own.
                (None, Some(rest)) => line::parse(&mut rest.into_bytes())?.payload,
                (None, None) => return Err(missing("event")),
                (Some(kind), rest) => {
                    if let Some(rest) = rest {
                        let more = wire::parse_fields(rest.as_bytes())?;
                        self.fields.extend(more.into_iter().map(|field| Field {
                            name: field.name.into_owned().into(),
                            value: field.value.into_owned(),
                        }));
                    }
                    Payload::Event(Event {
                        kind: kind.into(),
                        source: self.source.unwrap_or_default().into(),
                        id: self.id.map(Into::into),
                        time: self.time,
                        fields: self.fields,
                    })
                }
            },
        };
        Ok(Record { payload, log_time: self.log_time })
    }
}

fn use_of(name: &str, form: &Form, reading: &Reading) -> Use {
    if reading.skip.iter().any(|skipped| skipped == name) {
        return Use::Nothing;
    }
    match (name, form) {
        ("@position" | "@change", _) => Use::Nothing,
        ("@log_time", _) => Use::LogTime,
        ("@rest", Form::Events) => Use::Rest,
        ("event", Form::Events) => Use::Kind,
        ("id", Form::Events) => Use::Id,
        ("source", Form::Events) => Use::Source,
        ("time" | "timestamp", Form::Events) => Use::Time,
        ("entity", Form::Entities(None)) | ("list", Form::Lists) => Use::Kind,
        ("until", Form::Lists) => Use::Time,
        ("score", Form::Lists) => Use::Score,
        (name, Form::Entities(_) | Form::Lists) if name == reading.key => Use::Key,
        _ => Use::Field,
    }
}

/// The types that a field of this name may have; roles are text.
fn declared(plan: &Plan, name: &str, form: &Form, event: Option<&str>) -> Vec<Type> {
    match form {
        Form::Events => {
            let events = plan.events.iter().filter(|kind| event.is_none_or(|event| kind.name == event));
            let types = events.flat_map(|kind| {
                let roles = kind.roles.iter().filter(|role| role.name == name).map(|_| Type::Str);
                let fields = kind.fields.iter().filter(|field| field.name == name).map(|field| field.ty.clone());
                roles.chain(fields)
            });
            types.collect()
        }
        Form::Lists => Vec::new(),
        Form::Entities(entity) => {
            let kinds = plan.entities.iter().filter(|kind| entity.as_ref().is_none_or(|entity| kind.name == *entity));
            let fields = kinds.flat_map(|kind| kind.fields.iter().filter(|field| field.name == name));
            fields.map(|field| field.ty.clone()).collect()
        }
    }
}

/// Holds a column against the types that its field may have.
fn check(shape: &Shape, declared: &[Type]) -> Result<()> {
    if declared.is_empty() {
        bail!("is no field in the spec; add it there, or leave it out with --skip {}", shape.name);
    }
    let fits = |ty: &Type| match ty {
        Type::List(of) => shape.list && holds(shape.kind, of),
        ty => !shape.list && holds(shape.kind, ty),
    };
    if declared.iter().any(fits) {
        return Ok(());
    }
    let has = if shape.list { format!("lists of {:?}", shape.kind) } else { format!("{:?}", shape.kind) };
    bail!("holds {}, the spec says {}", has.to_lowercase(), declared[0])
}

fn holds(kind: Kind, ty: &Type) -> bool {
    match ty {
        Type::Bool => kind == Kind::Bool,
        Type::Int => kind == Kind::Int,
        Type::Float => matches!(kind, Kind::Int | Kind::Float),
        Type::Str | Type::Entity(_) => matches!(kind, Kind::Text | Kind::Int),
        Type::Time => matches!(kind, Kind::Time | Kind::Int | Kind::Text),
        Type::Span => matches!(kind, Kind::Int | Kind::Float | Kind::Text),
        Type::List(_) => false,
    }
}

/// A time: declared as one, or a number or text as CSV has it.
fn time(shape: &Shape, raw: &Raw<'_>) -> Result<Time, Refusal> {
    let wrong = || {
        Refusal::new(Code::InvalidValue, &*shape.name, "is no time: RFC 3339, or seconds or milliseconds since 1970")
    };
    match raw {
        Raw::Int(ms) if shape.kind == Kind::Time => Ok(Time(*ms)),
        Raw::Int(number) => dataset::time(&number.to_string()).map_err(|_| wrong()),
        Raw::Float(number) => dataset::time(&number.to_string()).map_err(|_| wrong()),
        Raw::Str(text) => dataset::time(text).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

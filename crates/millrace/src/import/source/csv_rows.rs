//! CSV and TSV with a header line: the columns are the event's or the entity's fields. CSV has no types: the spec says them.

use super::{Bad, Place, Reading, Row, Rows, file_name};
use crate::dataset;
use crate::import::line::Record;
use anyhow::{Result, bail};
use domain::{Code, Field, Payload, Raw, Refusal, Type, Upsert};
use spec::Plan;
use std::path::Path;

/// The rows after the first `skip`.
pub(super) fn open(path: &Path, delimiter: u8, reading: &Reading, skip: u64) -> Result<Rows> {
    let mut reader = dataset::csv_reader(path, delimiter)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let has = |name: &str| header.iter().any(|column| column == name);
    let is_entity = reading.entity.is_some() || (has("entity") && !has("event") && reading.event.is_none());
    if is_entity && !has(&reading.key) {
        bail!("there is no column '{}' with the entities' keys; name it with --key", reading.key);
    }
    if !is_entity && reading.event.is_none() && !has("event") {
        bail!("there is no column 'event'; say what the rows are with --event NAME or --entity NAME");
    }
    let (name, reading) = (file_name(path), reading.clone());
    let mut records = reader.into_records();
    let mut left_out = skip;
    Ok(Box::new(std::iter::from_fn(move || {
        loop {
            let record = records.next()?;
            if left_out > 0 && record.as_ref().map_or_else(|error| !error.is_io_error(), |_| true) {
                left_out -= 1;
                continue;
            }
            return Some(row(record, &name, &header, &reading, is_entity));
        }
    })))
}

fn row(
    record: csv::Result<csv::StringRecord>,
    name: &std::rc::Rc<str>,
    header: &[String],
    reading: &Reading,
    is_entity: bool,
) -> Result<Row> {
    let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
    let bad = |field: &str, message: String| Refusal::new(Code::InvalidValue, field, message);
    let record = match record {
        Ok(record) => record,
        Err(error) if error.is_io_error() => return Err(error.into()),
        Err(error) => {
            let place = Place { file: name.clone(), line: line(error.position()) };
            return Ok(Row { place, record: Err(Bad { refusal: bad("", error.to_string()), text: Vec::new() }) });
        }
    };
    let place = Place { file: name.clone(), line: line(record.position()) };
    let read = match is_entity {
        true => Ok(upsert(header, &record, reading)),
        false => dataset::csv_payload(header, &record, reading.event.as_deref()),
    };
    let typed = |payload| match &reading.plan {
        Some(plan) => super::super::typed(plan, listed(plan, payload)),
        None => payload,
    };
    let record = match read {
        Ok(payload) => Ok(Record { payload: without(typed(payload), &reading.skip), log_time: None }),
        Err(error) => {
            let text = record.iter().collect::<Vec<_>>().join(",").into_bytes();
            Err(Bad { refusal: bad("time", format!("{error:#}")), text })
        }
    };
    Ok(Row { place, record })
}

fn upsert(header: &[String], row: &csv::StringRecord, reading: &Reading) -> Payload<'static> {
    let mut found = Upsert {
        entity: reading.entity.clone().unwrap_or_default().into(),
        key: "".into(),
        fields: Vec::with_capacity(header.len()),
    };
    for (column, value) in header.iter().zip(row) {
        if *column == reading.key {
            found.key = value.to_owned().into();
        } else if column == "entity" && reading.entity.is_none() {
            found.entity = value.to_owned().into();
        } else if !value.is_empty() {
            found.fields.push(Field { name: column.clone().into(), value: dataset::scalar(column, value) });
        }
    }
    Payload::Upsert(found)
}

/// Lists are written with bars between their elements.
fn listed(plan: &Plan, mut payload: Payload<'static>) -> Payload<'static> {
    let (declared, fields) = match &mut payload {
        Payload::Event(event) => {
            let Some(kind) = plan.event(&event.kind) else { return payload };
            (&plan.events[usize::from(kind)].fields, &mut event.fields)
        }
        Payload::Upsert(upsert) => {
            let Some(kind) = plan.entity(&upsert.entity) else { return payload };
            (&plan.entities[usize::from(kind)].fields, &mut upsert.fields)
        }
        _ => return payload,
    };
    for field in fields {
        let Some(known) = declared.iter().find(|known| known.name == field.name) else { continue };
        let Type::List(of) = &known.ty else { continue };
        let text = match &field.value {
            Raw::Str(text) => text.clone().into_owned(),
            Raw::Int(int) => int.to_string(),
            Raw::Float(float) => float.to_string(),
            _ => continue,
        };
        let element = |text: &str| match **of {
            Type::Str | Type::Entity(_) => Raw::Str(text.to_owned().into()),
            _ => dataset::scalar("", text),
        };
        field.value = Raw::List(text.split('|').map(str::trim).filter(|text| !text.is_empty()).map(element).collect());
    }
    payload
}

fn without(mut payload: Payload<'static>, skip: &[String]) -> Payload<'static> {
    let keep = |field: &Field<'_>| !skip.iter().any(|name| *name == field.name);
    match &mut payload {
        Payload::Event(event) => event.fields.retain(keep),
        Payload::Upsert(upsert) => upsert.fields.retain(keep),
        _ => {}
    }
    payload
}

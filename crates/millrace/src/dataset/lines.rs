//! Files of one payload per line: JSON lines as the HTTP interface takes them, and CSV whose columns are the event's fields.

use super::{Payloads, csv_reader, lines_about};
use anyhow::{Context, Result, bail};
use domain::{Code, Event, Field, ListPut, Payload, Raw};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub(super) fn open(path: &Path, event: Option<&str>) -> Result<(u64, Payloads)> {
    let about = lines_about(path)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Ok((about, json_lines(path)?)),
        Some("csv") => Ok((about, csv_rows(path, b',', event)?)),
        Some("tsv") => Ok((about, csv_rows(path, b'\t', event)?)),
        _ => bail!("{}: the name must end in .jsonl, .ndjson, .csv or .tsv", path.display()),
    }
}

fn json_lines(path: &Path) -> Result<Payloads> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let lines = BufReader::with_capacity(1 << 20, file).split(b'\n');
    Ok(Box::new(lines.enumerate().filter_map(|(index, line)| {
        let line = match line {
            Ok(line) => line,
            Err(error) => return Some(Err(error.into())),
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(json_payload(&line).with_context(|| format!("line {}", index + 1)))
    })))
}

/// An event, or an entry of a list: that has no `event`.
fn json_payload(line: &[u8]) -> Result<Payload<'static>> {
    let event = match wire::parse_event(line) {
        Ok(event) => event,
        Err(refusal) if refusal.code == Code::MissingField && refusal.field == "event" => {
            return match wire::parse_list_line(line) {
                Ok(entry) => Ok(owned(entry)),
                Err(_) => Err(refusal.into()),
            };
        }
        Err(refusal) => return Err(refusal.into()),
    };
    Ok(Payload::Event(Event {
        kind: event.kind.into_owned().into(),
        source: event.source.into_owned().into(),
        id: event.id.map(|id| id.into_owned().into()),
        time: event.time,
        fields: event
            .fields
            .into_iter()
            .map(|field| Field { name: field.name.into_owned().into(), value: field.value.into_owned() })
            .collect(),
    }))
}

fn owned(entry: Payload<'_>) -> Payload<'static> {
    let text = |text: std::borrow::Cow<'_, str>| std::borrow::Cow::Owned(text.into_owned());
    match entry {
        Payload::ListPut(ListPut { list, key, score, until }) => {
            Payload::ListPut(ListPut { list: text(list), key: text(key), score, until })
        }
        Payload::ListDelete { list, key } => Payload::ListDelete { list: text(list), key: text(key) },
        _ => Payload::Tick,
    }
}

fn csv_rows(path: &Path, delimiter: u8, event: Option<&str>) -> Result<Payloads> {
    let mut reader = csv_reader(path, delimiter)?;
    let header: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let event = event.map(str::to_owned);
    if event.is_none() && !header.iter().any(|column| column == "event") {
        bail!("{}: there is no column 'event'; say which event the rows are with --event NAME", path.display());
    }
    Ok(Box::new(reader.into_records().enumerate().map(move |(index, row)| {
        row.map_err(Into::into)
            .and_then(|row| csv_payload(&header, &row, event.as_deref()))
            .with_context(|| format!("line {}", index + 2))
    })))
}

/// A row of CSV as an event; `event` is its type where no column says it.
pub(crate) fn csv_payload(header: &[String], row: &csv::StringRecord, event: Option<&str>) -> Result<Payload<'static>> {
    let mut found = Event {
        kind: event.unwrap_or_default().to_owned().into(),
        source: "".into(),
        id: None,
        time: None,
        fields: Vec::with_capacity(header.len()),
    };
    for (column, value) in header.iter().zip(row) {
        match column.as_str() {
            "event" => found.kind = value.to_owned().into(),
            "id" => found.id = Some(value.to_owned().into()),
            "source" => found.source = value.to_owned().into(),
            "time" | "timestamp" => found.time = Some(time(value)?),
            _ if value.is_empty() => {}
            _ => found.fields.push(Field { name: column.clone().into(), value: scalar(column, value) }),
        }
    }
    Ok(Payload::Event(found))
}

/// RFC 3339, or seconds or milliseconds since 1970 (told apart by size: milliseconds from 10^11 on).
pub(crate) fn time(value: &str) -> Result<domain::Time> {
    if let Ok(number) = value.parse::<f64>() {
        let ms = if number.abs() < 1e11 { number * 1_000.0 } else { number };
        return Ok(domain::Time(ms as i64));
    }
    wire::parse_time(value).with_context(|| format!("'{value}' is not a time"))
}

/// Entities are always text; other columns are numbers or booleans where they look like it.
pub(crate) fn scalar(column: &str, value: &str) -> Raw<'static> {
    if matches!(column, "user" | "item") {
        return Raw::Str(value.to_owned().into());
    }
    match value {
        "true" => Raw::Bool(true),
        "false" => Raw::Bool(false),
        _ => match (value.parse::<i64>(), value.parse::<f64>()) {
            (Ok(int), _) => Raw::Int(int),
            (_, Ok(float)) if float.is_finite() => Raw::Float(float),
            _ => Raw::Str(value.to_owned().into()),
        },
    }
}

//! The file of a training set: a row for each sample, a column for what it is of, for its label, and for each feature.

use crate::export::Format;
use crate::export::output::{Folder, Output};
use crate::table::{Column, Kind, Writer};
use anyhow::{Context, Result, ensure};
use domain::Raw;
use engine::{TrainingRow, TrainingSet};
use std::io::{BufWriter, Write};
use std::path::Path;

/// A file that is being written under a temporary name.
pub(super) struct SetFile {
    folder: Folder,
    name: String,
    columns: Vec<Column>,
    /// Whether there are columns of labels.
    labelled: bool,
    sink: Sink,
}

enum Sink {
    Lines(BufWriter<Output>),
    Rows(Writer<Output>),
}

impl SetFile {
    /// Begins the file of a set.
    pub(super) fn create(path: &Path, format: Format, set: &TrainingSet, labelled: bool) -> Result<SetFile> {
        let name = path.file_name().and_then(|name| name.to_str()).context("the file needs a name")?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = Folder::open(parent, u64::MAX)?;
        let output = folder.create(&name)?;
        let columns = columns(set, labelled);
        let sink = match format {
            Format::Jsonl => Sink::Lines(BufWriter::with_capacity(1 << 18, output)),
            Format::Parquet => Sink::Rows(Writer::new(output, columns.clone())?),
        };
        Ok(SetFile { folder, name, columns, labelled, sink })
    }

    /// Writes a row.
    pub(super) fn take(&mut self, row: &TrainingRow) -> Result<()> {
        let values = values(row, self.labelled);
        match &mut self.sink {
            Sink::Lines(lines) => {
                let mut line = vec![b'{'];
                for (column, value) in self.columns.iter().zip(&values) {
                    wire::write_key(&mut line, &column.name);
                    wire::write_raw(&mut line, value);
                }
                line.extend_from_slice(b"}\n");
                lines.write_all(&line).with_context(|| format!("writing {}", self.name))
            }
            Sink::Rows(table) => {
                for (index, value) in values.iter().enumerate() {
                    ensure!(
                        table.set(index, value),
                        "'{}' has a value at position {} that Parquet cannot hold; write .jsonl",
                        self.columns[index].name,
                        row.position
                    );
                }
                table.end_row().with_context(|| format!("writing {}", self.name))
            }
        }
    }

    /// Gives the file its name, once all of it is on the disk; its bytes and their digest.
    pub(super) fn finish(self) -> Result<(u64, String)> {
        let writing = || format!("writing {}", self.name);
        let output = match self.sink {
            Sink::Lines(lines) => lines.into_inner().map_err(|error| error.into_error()).with_context(writing)?,
            Sink::Rows(table) => table.finish().with_context(writing)?,
        };
        let written = self.folder.finish(output)?;
        Ok((written.bytes, written.digest))
    }
}

fn columns(set: &TrainingSet, labelled: bool) -> Vec<Column> {
    let mut columns = vec![
        Column::new("position", Kind::Int),
        Column::new("log_time", Kind::Time),
        Column::new("now", Kind::Time),
        Column::new("decision", Kind::Text),
        Column::new("feed", Kind::Text),
        Column::new("place", Kind::Int),
        Column::new("event", Kind::Text),
        Column::new("time", Kind::Time),
        Column::new("weight", Kind::Float),
        Column::new("user", Kind::Text),
        Column::new("item", Kind::Text),
    ];
    if labelled {
        columns.push(Column::new("label", Kind::Int));
        columns.push(Column::new("label_event", Kind::Text));
        columns.push(Column::new("label_after_s", Kind::Seconds));
        columns.push(Column::new("label_weight", Kind::Float));
    }
    columns.extend(set.columns().map(|(name, ty)| Column::of(name, ty)));
    columns
}

/// A row's values, in the order of its columns.
fn values(row: &TrainingRow, labelled: bool) -> Vec<Raw<'static>> {
    let text = |text: &str| Raw::Str(text.to_owned().into());
    let float = |float: Option<f64>| float.map_or(Raw::Null, Raw::Float);
    let shown = row.shown.as_ref();
    let event = row.event.as_ref();
    let mut values = vec![
        Raw::Int(row.position.0 as i64),
        Raw::Int(row.log_time.0),
        Raw::Int(row.now.0),
        shown.map_or(Raw::Null, |(id, ..)| text(&id.to_string())),
        shown.map_or(Raw::Null, |(_, feed, _)| text(feed)),
        shown.map_or(Raw::Null, |(.., place)| Raw::Int(i64::from(*place))),
        event.map_or(Raw::Null, |(name, ..)| text(name)),
        event.and_then(|(_, time, _)| *time).map_or(Raw::Null, |time| Raw::Int(time.0)),
        float(event.and_then(|(.., weight)| *weight)),
        row.user.as_deref().map_or(Raw::Null, text),
        row.item.as_deref().map_or(Raw::Null, text),
    ];
    if labelled {
        let followed = row.followed.as_ref().and_then(Option::as_ref);
        values.push(row.followed.as_ref().map_or(Raw::Null, |followed| Raw::Int(i64::from(followed.is_some()))));
        values.push(followed.map_or(Raw::Null, |followed| text(&followed.event)));
        values.push(followed.map_or(Raw::Null, |followed| Raw::Float(followed.after.0 as f64 / 1_000.0)));
        values.push(float(followed.and_then(|followed| followed.weight)));
    }
    values.extend(row.features.iter().cloned());
    values
}

//! The entries of all lists.

use super::Format;
use super::ledger::Part;
use super::output::Folder;
use crate::table::{Column, Kind, Writer};
use anyhow::{Context, Result};
use domain::{ListPut, Raw};
use engine::Machine;
use std::io::{BufWriter, Write};

/// Writes a file of them.
pub(super) fn write(machine: &Machine, format: Format, folder: &Folder, name: &str) -> Result<Part> {
    let writing = || format!("writing {name}");
    let output = folder.create(name)?;
    let mut rows = 0;
    let entries = machine.plan.lists.iter().enumerate().flat_map(|(index, list)| {
        let entries = machine.listed(index as u16);
        entries.map(|(key, score, until)| ListPut { list: list.name.as_str().into(), key: key.into(), score, until })
    });
    let output = match format {
        Format::Jsonl => {
            let (mut lines, mut line) = (BufWriter::with_capacity(1 << 18, output), Vec::new());
            for entry in entries {
                line.clear();
                loadgen::push_list_put(&mut line, &entry);
                lines.write_all(&line).with_context(writing)?;
                rows += 1;
            }
            lines.into_inner().map_err(|error| error.into_error()).with_context(writing)?
        }
        Format::Parquet => {
            let kinds = [("list", Kind::Text), ("key", Kind::Text), ("score", Kind::Float), ("until", Kind::Time)];
            let mut table = Writer::new(output, kinds.iter().map(|(name, kind)| Column::new(name, *kind)).collect())?;
            for entry in entries {
                table.set(0, &Raw::Str(entry.list));
                table.set(1, &Raw::Str(entry.key));
                table.set(2, &entry.score.map_or(Raw::Null, Raw::Float));
                table.set(3, &entry.until.map_or(Raw::Null, |until| Raw::Int(until.0)));
                table.end_row().with_context(writing)?;
                rows += 1;
            }
            table.finish().with_context(writing)?
        }
    };
    Ok(Part::of(folder.finish(output)?, rows))
}

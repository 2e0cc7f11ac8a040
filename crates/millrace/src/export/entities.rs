//! The entities of a type with their current attributes.

use super::Format;
use super::ledger::Part;
use super::output::Folder;
use crate::table::{Column, Kind, Writer};
use anyhow::{Context, Result, ensure};
use domain::{Field, Raw, Upsert};
use engine::Machine;
use std::io::{BufWriter, Write};

/// Writes a file of them.
pub(super) fn write(machine: &Machine, entity: u16, format: Format, folder: &Folder, name: &str) -> Result<Part> {
    let output = folder.create(name)?;
    let (output, rows) = match format {
        Format::Jsonl => {
            let mut lines = BufWriter::with_capacity(1 << 18, output);
            let rows = lines_of(machine, entity, &mut lines).with_context(|| format!("writing {name}"))?;
            (lines.into_inner().map_err(|error| error.into_error()).with_context(|| format!("writing {name}"))?, rows)
        }
        Format::Parquet => {
            let fields = &machine.plan.entities[usize::from(entity)].fields;
            let declared = fields.iter().map(|field| Column::of(&field.name, &field.ty));
            let columns = [Column::new("key", Kind::Text)].into_iter().chain(declared).collect();
            let mut table = Writer::new(output, columns)?;
            let rows = rows_of(machine, entity, &mut table).with_context(|| format!("writing {name}"))?;
            (table.finish().with_context(|| format!("writing {name}"))?, rows)
        }
    };
    Ok(Part::of(folder.finish(output)?, rows))
}

fn lines_of(machine: &Machine, entity: u16, lines: &mut impl Write) -> Result<u64> {
    let kind = &machine.plan.entities[usize::from(entity)];
    let (mut rows, mut line) = (0, Vec::new());
    for (key, values) in machine.entities(entity) {
        let fields = kind.fields.iter().zip(values).filter(|(_, value)| *value != Raw::Null);
        let fields = fields.map(|(field, value)| Field { name: field.name.as_str().into(), value }).collect();
        line.clear();
        loadgen::push_upsert(&mut line, &Upsert { entity: kind.name.as_str().into(), key: key.into(), fields });
        lines.write_all(&line)?;
        rows += 1;
    }
    Ok(rows)
}

fn rows_of<W: Write + Send>(machine: &Machine, entity: u16, table: &mut Writer<W>) -> Result<u64> {
    let mut rows = 0;
    for (key, values) in machine.entities(entity) {
        table.set(0, &Raw::Str(key.into()));
        for (place, value) in values.iter().enumerate() {
            ensure!(table.set(place + 1, value), "'{key}' has a value that Parquet cannot hold; use --format jsonl");
        }
        table.end_row()?;
        rows += 1;
    }
    Ok(rows)
}

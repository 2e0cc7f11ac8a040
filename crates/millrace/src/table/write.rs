//! Rows into columns, and columns into row groups.

use super::{Column, Kind, fitted};
use anyhow::{Context, Result};
use domain::Raw;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use std::io::Write;
use std::sync::Arc;

/// Most rows of a row group.
const ROWS_MAX: usize = 1 << 16;
/// Most bytes of values of a row group, before it is encoded.
const BYTES_MAX: usize = 32 << 20;

/// Writes a file.
pub(crate) struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Filled>,
    rows: usize,
    bytes: usize,
}

/// A column of the row group that is being filled. Levels are Dremel's: how much of the path to the value is there, and
/// whether it continues the list of the value before.
struct Filled {
    column: Column,
    rows: usize,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    values: Values,
}

enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file with these columns, all of which may lack values.
    pub(crate) fn new(to: W, columns: Vec<Column>) -> Result<Writer<W>> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
        Ok(Writer { file, columns: columns.into_iter().map(Filled::new).collect(), rows: 0, bytes: 0 })
    }

    /// Sets a value of the row that is being written, each at most once; false if the column cannot hold it as it is.
    pub(crate) fn set(&mut self, column: usize, value: &Raw<'_>) -> bool {
        let taken = self.columns[column].push(value);
        self.bytes += taken.unwrap_or(0);
        taken.is_some()
    }

    /// Ends the row; what was not set has no value.
    pub(crate) fn end_row(&mut self) -> Result<()> {
        self.rows += 1;
        for column in self.columns.iter_mut().filter(|column| column.rows < self.rows) {
            column.push(&Raw::Null);
        }
        if self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX {
            self.write_group()?;
        }
        Ok(())
    }

    /// Ends the file and gives back what it was written to.
    pub(crate) fn finish(mut self) -> Result<W> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.into_inner().context("ending the file")
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let mut writer = group.next_column()?.context("there is a column for each field of the schema")?;
            column.write(writer.untyped())?;
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Filled {
    fn new(column: Column) -> Filled {
        let values = match column.kind {
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Int | Kind::Time => Values::Int(Vec::new()),
            Kind::Float | Kind::Seconds => Values::Float(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
        };
        Filled { column, rows: 0, definitions: Vec::new(), repetitions: Vec::new(), values }
    }

    /// Takes the next row's value; how many bytes it is, or none if it does not fit: the row has no value yet then.
    fn push(&mut self, raw: &Raw<'_>) -> Option<usize> {
        let kind = self.column.kind;
        match raw {
            Raw::Null => self.level(0, 0),
            Raw::List(list) if self.column.list => {
                let fitted: Vec<Raw<'static>> = list.iter().map(|raw| fitted(kind, raw)).collect::<Option<_>>()?;
                if fitted.is_empty() {
                    self.level(1, 0);
                }
                let mut bytes = 0;
                for (place, value) in fitted.iter().enumerate() {
                    self.level(2, i16::from(place > 0));
                    bytes += self.values.push(value);
                }
                self.rows += 1;
                return Some(bytes + 8);
            }
            raw if !self.column.list => {
                let value = fitted(kind, raw)?;
                self.level(1, 0);
                self.rows += 1;
                return Some(self.values.push(&value) + 8);
            }
            _ => return None,
        }
        self.rows += 1;
        Some(4)
    }

    fn level(&mut self, definition: i16, repetition: i16) {
        self.definitions.push(definition);
        self.repetitions.push(repetition);
    }

    fn write(&mut self, to: &mut ColumnWriter<'_>) -> Result<()> {
        let definitions = Some(self.definitions.as_slice());
        let repetitions = self.column.list.then_some(self.repetitions.as_slice());
        match (&self.values, to) {
            (Values::Bool(values), ColumnWriter::BoolColumnWriter(to)) => {
                to.write_batch(values, definitions, repetitions)?;
            }
            (Values::Int(values), ColumnWriter::Int64ColumnWriter(to)) => {
                to.write_batch(values, definitions, repetitions)?;
            }
            (Values::Float(values), ColumnWriter::DoubleColumnWriter(to)) => {
                to.write_batch(values, definitions, repetitions)?;
            }
            (Values::Text(values), ColumnWriter::ByteArrayColumnWriter(to)) => {
                to.write_batch(values, definitions, repetitions)?;
            }
            _ => anyhow::bail!("column '{}' has another type in the file", self.column.name),
        }
        *self = Filled::new(self.column.clone());
        Ok(())
    }
}

impl Values {
    /// Takes a value that was fitted to the column.
    fn push(&mut self, value: &Raw<'static>) -> usize {
        match (self, value) {
            (Values::Bool(values), Raw::Bool(bool)) => values.push(*bool),
            (Values::Int(values), Raw::Int(int)) => values.push(*int),
            (Values::Float(values), Raw::Float(float)) => values.push(*float),
            (Values::Text(values), Raw::Str(text)) => {
                values.push(ByteArray::from(text.as_bytes().to_vec()));
                return text.len() + 24;
            }
            _ => unreachable!("a fitted value is of its column's kind"),
        }
        8
    }
}

/// The column in the file's schema.
fn field(column: &Column) -> Result<TypePtr> {
    if !column.list {
        return Ok(Arc::new(leaf(&column.name, column.kind, Repetition::OPTIONAL)?));
    }
    let element = leaf("element", column.kind, Repetition::REQUIRED)?;
    let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
    let list = list.with_fields(vec![Arc::new(element)]).build()?;
    let field = Type::group_type_builder(&column.name).with_repetition(Repetition::OPTIONAL);
    let field = field.with_logical_type(Some(LogicalType::List)).with_fields(vec![Arc::new(list)]);
    Ok(Arc::new(field.build()?))
}

fn leaf(name: &str, kind: Kind, repetition: Repetition) -> Result<Type> {
    let (physical, logical) = match kind {
        Kind::Bool => (Physical::BOOLEAN, None),
        Kind::Int => (Physical::INT64, None),
        Kind::Float | Kind::Seconds => (Physical::DOUBLE, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    };
    let leaf = Type::primitive_type_builder(name, physical).with_repetition(repetition).with_logical_type(logical);
    Ok(leaf.build()?)
}

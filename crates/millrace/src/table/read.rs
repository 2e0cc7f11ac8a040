//! Columns of any writer's Parquet file into raw values, a few thousand rows at a time.

use super::Kind;
use anyhow::{Context, Result, bail, ensure};
use domain::Raw;
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// A value of a row; the error says why there is none that can be taken.
pub(crate) type Cell = Result<Raw<'static>, &'static str>;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A column as the file has it.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Its name.
    pub(crate) name: String,
    /// What it holds; [`Kind::Int`] may hold times that are not declared as such.
    pub(crate) kind: Kind,
    /// Whether it holds lists.
    pub(crate) list: bool,
    /// What turns a stored integer into one of ours.
    scale: Scale,
    /// Levels at which there is a value, and an element.
    full: i16,
    element: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    One,
    Unsigned,
    Over(i64),
    Days,
}

/// Reads a file from its first row.
pub(crate) struct Reader {
    file: SerializedFileReader<File>,
    columns: Vec<Shape>,
    /// The next row group.
    next_group: usize,
    /// The open row group's columns, and how many of its rows have not been read.
    open: Vec<ColumnReader>,
    left: usize,
}

impl Reader {
    /// Opens a file and looks at its columns.
    ///
    /// # Errors
    /// It is no whole Parquet file, or a column holds what cannot be read here.
    pub(crate) fn open(path: &Path) -> Result<Reader> {
        let what = || format!("{}: not a whole Parquet file", path.display());
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let file = sound(|| Ok(SerializedFileReader::new(file)?)).with_context(what)?;
        for column in file.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let starts =
                [Some(column.data_page_offset()), column.dictionary_page_offset(), Some(column.compressed_size())];
            ensure!(starts.iter().flatten().all(|at| *at >= 0), "{}: it is damaged", path.display());
        }
        let schema = file.metadata().file_metadata().schema_descr();
        let mut columns = Vec::with_capacity(schema.num_columns());
        for (index, column) in schema.columns().iter().enumerate() {
            let name = schema.get_column_root(index).name();
            let shape = shape(name, column).map_err(|what| anyhow::anyhow!("column '{name}' {what}"));
            columns.push(shape.with_context(|| path.display().to_string())?);
        }
        if let Some(pair) = columns.windows(2).find(|pair| pair[0].name == pair[1].name) {
            bail!("{}: column '{}' holds records; only values and lists are taken", path.display(), pair[0].name);
        }
        Ok(Reader { file, columns, next_group: 0, open: Vec::new(), left: 0 })
    }

    /// The columns.
    pub(crate) fn columns(&self) -> &[Shape] {
        &self.columns
    }

    /// How many rows the file has.
    pub(crate) fn rows(&self) -> u64 {
        self.file.metadata().file_metadata().num_rows().max(0) as u64
    }

    /// Passes over the first rows; whole row groups without reading them.
    pub(crate) fn skip(&mut self, mut rows: u64) -> Result<()> {
        while let Some(group) = self.file.metadata().row_groups().get(self.next_group) {
            let whole = group.num_rows().max(0) as u64;
            if whole > rows {
                break;
            }
            rows -= whole;
            self.next_group += 1;
        }
        while rows > 0 {
            let Some(chunk) = self.read(rows.min(4_096) as usize)? else { return Ok(()) };
            rows -= chunk.first().map_or(rows, |column| column.len() as u64);
        }
        Ok(())
    }

    /// The next rows, at most `most`, as one list of cells for each column; none at the end.
    pub(crate) fn read(&mut self, most: usize) -> Result<Option<Vec<Vec<Cell>>>> {
        sound(|| self.read_group(most))
    }

    fn read_group(&mut self, most: usize) -> Result<Option<Vec<Vec<Cell>>>> {
        while self.left == 0 {
            if self.next_group == self.file.num_row_groups() {
                return Ok(None);
            }
            let group = self.file.get_row_group(self.next_group)?;
            self.next_group += 1;
            self.left = group.metadata().num_rows().max(0) as usize;
            self.open =
                (0..self.columns.len()).map(|index| group.get_column_reader(index)).collect::<Result<_, _>>()?;
        }
        let most = most.min(self.left);
        let columns = self.columns.iter().zip(&mut self.open);
        let read = columns.map(|(shape, column)| {
            let cells = read_column(shape, column, most).with_context(|| format!("column '{}'", shape.name))?;
            ensure!(cells.len() == most, "column '{}' has fewer rows than the file says", shape.name);
            Ok(cells)
        });
        let read = read.collect::<Result<Vec<_>>>()?;
        self.left -= most;
        Ok(Some(read))
    }
}

/// Damage that the library does not expect makes it panic; to us it is damage like any other. What was half read is not used.
fn sound<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| bail!("the file is damaged"))
}

fn shape(name: &str, column: &ColumnDescriptor) -> Result<Shape, String> {
    let (kind, scale) = kind(column)?;
    let list = column.max_rep_level() > 0;
    if column.max_rep_level() > 1 || (!list && column.path().parts().len() > 1) {
        return Err("holds records or lists of lists; only values and lists of values are taken".to_owned());
    }
    let (full, element) = (column.max_def_level(), column.repeated_ancestor_def_level());
    Ok(Shape { name: name.to_owned(), kind, list, scale, full, element })
}

fn kind(column: &ColumnDescriptor) -> Result<(Kind, Scale), String> {
    let other =
        || format!("is of a type that is not taken ({:?}, {:?})", column.physical_type(), column.converted_type());
    if let Some(LogicalType::Timestamp(time)) = column.logical_type_ref() {
        return Ok(match time.unit {
            TimeUnit::MILLIS => (Kind::Time, Scale::One),
            TimeUnit::MICROS => (Kind::Time, Scale::Over(1_000)),
            TimeUnit::NANOS => (Kind::Time, Scale::Over(1_000_000)),
        });
    }
    Ok(match (column.physical_type(), column.converted_type()) {
        (Physical::BOOLEAN, _) => (Kind::Bool, Scale::One),
        (Physical::INT32, ConvertedType::DATE) => (Kind::Time, Scale::Days),
        (Physical::INT64, ConvertedType::TIMESTAMP_MILLIS) => (Kind::Time, Scale::One),
        (Physical::INT64, ConvertedType::TIMESTAMP_MICROS) => (Kind::Time, Scale::Over(1_000)),
        (Physical::INT96, _) => (Kind::Time, Scale::One),
        (
            Physical::INT32 | Physical::INT64,
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64,
        ) => (Kind::Int, Scale::One),
        (
            Physical::INT32 | Physical::INT64,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
        ) => (Kind::Int, Scale::Unsigned),
        (Physical::FLOAT | Physical::DOUBLE, ConvertedType::NONE) => (Kind::Float, Scale::One),
        (
            Physical::BYTE_ARRAY,
            ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON | ConvertedType::NONE,
        ) => (Kind::Text, Scale::One),
        _ => return Err(other()),
    })
}

fn read_column(shape: &Shape, column: &mut ColumnReader, most: usize) -> Result<Vec<Cell>> {
    Ok(match column {
        ColumnReader::BoolColumnReader(column) => cells(shape, column, most, |bool| Ok(Raw::Bool(*bool)))?,
        ColumnReader::Int32ColumnReader(column) => cells(shape, column, most, |int| integer32(shape.scale, *int))?,
        ColumnReader::Int64ColumnReader(column) => cells(shape, column, most, |int| integer64(shape.scale, *int))?,
        ColumnReader::Int96ColumnReader(column) => cells(shape, column, most, |time| Ok(Raw::Int(time.to_millis())))?,
        ColumnReader::FloatColumnReader(column) => cells(shape, column, most, |float| finite(f64::from(*float)))?,
        ColumnReader::DoubleColumnReader(column) => cells(shape, column, most, |float| finite(*float))?,
        ColumnReader::ByteArrayColumnReader(column) => cells(shape, column, most, text)?,
        ColumnReader::FixedLenByteArrayColumnReader(_) => bail!("bytes of a fixed length are not taken"),
    })
}

/// Puts values and levels together to rows.
fn cells<T: DataType>(
    shape: &Shape,
    column: &mut ColumnReaderImpl<T>,
    most: usize,
    cell: impl Fn(&T::T) -> Cell,
) -> Result<Vec<Cell>> {
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    while rows < most {
        let (read, ..) =
            column.read_records(most - rows, Some(&mut definitions), Some(&mut repetitions), &mut values)?;
        if read == 0 {
            break;
        }
        rows += read;
    }
    let mut values = values.iter();
    let mut next = || values.next().context("it has fewer values than it says");
    if !shape.list {
        let present = |row: usize| shape.full == 0 || definitions.get(row).is_some_and(|level| *level == shape.full);
        return (0..rows).map(|row| if present(row) { Ok(cell(next()?)) } else { Ok(Ok(Raw::Null)) }).collect();
    }
    let mut cells: Vec<Cell> = Vec::with_capacity(rows);
    for (level, repetition) in definitions.iter().zip(&repetitions) {
        if *repetition == 0 {
            cells.push(Ok(if *level + 1 >= shape.element { Raw::List(Vec::new()) } else { Raw::Null }));
        }
        if *level < shape.element {
            continue;
        }
        let element = if *level == shape.full { cell(next()?) } else { Err("an element of the list is null") };
        let list = cells.last_mut().context("its first value continues a list")?;
        match (&mut *list, element) {
            (Ok(Raw::List(elements)), Ok(value)) => elements.push(value),
            (Ok(_), Err(why)) => *list = Err(why),
            _ => {}
        }
    }
    Ok(cells)
}

fn integer32(scale: Scale, int: i32) -> Cell {
    match scale {
        Scale::Days => Ok(Raw::Int(i64::from(int) * DAY_MS)),
        Scale::Unsigned => Ok(Raw::Int(i64::from(int as u32))),
        _ => Ok(Raw::Int(i64::from(int))),
    }
}

fn integer64(scale: Scale, int: i64) -> Cell {
    match scale {
        Scale::Over(unit) => Ok(Raw::Int(int.div_euclid(unit))),
        Scale::Unsigned if int < 0 => Err("the number is larger than 9223372036854775807"),
        _ => Ok(Raw::Int(int)),
    }
}

fn finite(float: f64) -> Cell {
    if float.is_finite() { Ok(Raw::Float(float)) } else { Err("NaN and infinity are not taken") }
}

fn text(bytes: &ByteArray) -> Cell {
    let text = std::str::from_utf8(bytes.data()).map_err(|_| "the text is not UTF-8")?;
    Ok(Raw::Str(text.to_owned().into()))
}

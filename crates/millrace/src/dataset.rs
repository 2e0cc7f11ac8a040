//! Where events come from when no client sends them: CSV and JSON lines, and the folders of well-known public data sets.
//! Every source is an iterator of payloads in file order; nothing is read ahead.

mod amazon;
mod fraud;
mod lines;
mod movielens;
mod ncf;
mod retailrocket;
mod yoochoose;

pub(crate) use fraud::{Paid, Truth};
pub(crate) use lines::{csv_payload, scalar, time};
pub(crate) use ncf::{Judged, judged};
pub(crate) use yoochoose::Shipped;

use anyhow::{Context, Result, bail};
use domain::{Event, Field, Payload, Raw, Time};
use std::fs;
use std::path::Path;

/// Payloads in file order.
pub(crate) type Payloads = Box<dyn Iterator<Item = Result<Payload<'static>>>>;

/// A source of payloads.
pub(crate) struct Dataset {
    /// The folder's or file's name.
    pub(crate) name: String,
    /// About how many payloads there are, for progress.
    pub(crate) about: u64,
    /// The payloads.
    pub(crate) payloads: Payloads,
}

/// Opens a file (`.csv`, `.jsonl`, `.ndjson`) or a known folder. `event` names the event type of CSV rows without an `event` column.
pub(crate) fn open(path: &Path, event: Option<&str>) -> Result<Dataset> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let has = |file: &str| path.join(file).is_file();
    let (about, payloads) = if has("ml-100k.inter") {
        movielens::open(path)?
    } else if has("ratings_user_movie.parquet") {
        ncf::open(path)?
    } else if path.is_dir() && has("events.csv") {
        retailrocket::open(path)?
    } else if has(yoochoose::TRAIN) {
        yoochoose::open(path)?
    } else if has(amazon::FILE) {
        amazon::open(path)?
    } else if fraud::file(path).is_some() {
        fraud::open(path)?
    } else if path.is_file() {
        lines::open(path, event)?
    } else if path.is_dir() {
        bail!("{} is not a folder that is known; name a .csv or .jsonl file in it", path.display());
    } else {
        bail!("{} does not exist", path.display());
    };
    Ok(Dataset { name, about, payloads })
}

/// What came next, to be asked for after all payloads.
pub(crate) struct Question {
    /// Which one, in the words of the data set.
    pub(crate) name: String,
    /// Who asks; nobody is an anonymous visit.
    pub(crate) user: Option<String>,
    /// Items of the visit, newest first.
    pub(crate) visit: Vec<String>,
    /// The item that came next.
    pub(crate) target: String,
    /// When it is asked.
    pub(crate) time: Time,
}

/// Questions that come with a data set.
pub(crate) struct Held {
    /// In file order.
    pub(crate) questions: Vec<Question>,
    /// Answers of another program to some of them.
    pub(crate) shipped: Vec<Shipped>,
    /// How many of the first places count.
    pub(crate) top: usize,
}

/// What a known folder holds out of what `open` gives; none if it holds out nothing.
pub(crate) fn held_out(path: &Path) -> Result<Option<Held>> {
    if path.join(yoochoose::TRAIN).is_file() {
        let questions = yoochoose::questions(path)?;
        let shipped = yoochoose::shipped(path, &questions)?;
        return Ok(Some(Held { questions, shipped, top: 20 }));
    }
    if path.join(amazon::FILE).is_file() {
        return Ok(Some(Held { questions: amazon::questions(path)?, shipped: Vec::new(), top: 10 }));
    }
    Ok(None)
}

/// Payments with what they were in truth, if the folder has such.
pub(crate) fn paid(path: &Path) -> Result<Option<Vec<Paid>>> {
    fraud::file(path).map(|_| fraud::paid(path)).transpose()
}

/// How many lines a file has, about: from its size and the length of its first lines.
pub(crate) fn lines_about(path: &Path) -> Result<u64> {
    use std::io::Read;
    let size = fs::metadata(path)?.len();
    let mut head = Vec::new();
    fs::File::open(path)?.take(64 << 10).read_to_end(&mut head)?;
    let lines = head.iter().filter(|&&byte| byte == b'\n').count().max(1) as u64;
    Ok(size * lines / (head.len() as u64).max(1))
}

fn text(value: &str) -> Raw<'static> {
    Raw::Str(value.to_owned().into())
}

fn event(kind: &str, time: Option<Time>, fields: Vec<(&str, Raw<'static>)>) -> Payload<'static> {
    Payload::Event(Event {
        kind: kind.to_owned().into(),
        source: "".into(),
        id: None,
        time,
        fields: fields.into_iter().map(|(name, value)| Field { name: name.to_owned().into(), value }).collect(),
    })
}

/// A CSV reader over a file with a header line.
pub(crate) fn csv_reader(path: &Path, delimiter: u8) -> Result<csv::Reader<fs::File>> {
    csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .quoting(delimiter == b',')
        .from_path(path)
        .with_context(|| format!("opening {}", path.display()))
}

fn seconds(value: &str) -> Result<Time> {
    let seconds: f64 = value.trim().parse().with_context(|| format!("'{value}' is not a time in seconds"))?;
    Ok(Time((seconds * 1_000.0) as i64))
}

//! Rows out of files: which files there are, in what order, and each row as a change of the log or as what is wrong with it.

mod columns;
mod csv_rows;
mod lines;

use super::line::Record;
use super::progress::Identity;
use crate::dataset;
use crate::export::{MANIFEST, Manifest, UNFINISHED};
use anyhow::{Context, Result, bail, ensure};
use domain::Refusal;
use spec::Plan;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's name.
    pub(super) file: Rc<str>,
    /// Its line or row, from 1.
    pub(super) line: u64,
}

/// A row.
pub(super) struct Row {
    pub(super) place: Place,
    pub(super) record: Result<Record, Bad>,
}

/// A row that cannot be read.
pub(super) struct Bad {
    pub(super) refusal: Refusal,
    pub(super) text: Vec<u8>,
}

/// Rows in order. An error ends them: the file is broken.
pub(super) type Rows = Box<dyn Iterator<Item = Result<Row>>>;

/// What is known about rows that do not say it themselves.
#[derive(Clone, Default)]
pub(super) struct Reading {
    /// The spec, for what has no types or names them.
    pub(super) plan: Option<Arc<Plan>>,
    /// The event type of rows without one.
    pub(super) event: Option<String>,
    /// The entity type of rows without one.
    pub(super) entity: Option<String>,
    /// The column of an entity's key.
    pub(super) key: String,
    /// Columns to pass over.
    pub(super) skip: Vec<String>,
}

/// Files to read.
pub(super) struct Source {
    path: PathBuf,
    files: Vec<(PathBuf, Option<u64>)>,
    /// A folder of a known data set.
    is_dataset: bool,
    /// Rows of lines may be added to the file later.
    pub(super) may_grow: bool,
    /// About how many rows there are, if that is known.
    pub(super) about: u64,
    /// The spec that an export has beside its files.
    pub(super) spec: Option<PathBuf>,
}

impl Source {
    /// Looks at a file or folder.
    pub(super) fn open(path: &Path) -> Result<Source> {
        let mut source = Source {
            path: path.to_owned(),
            files: vec![(path.to_owned(), None)],
            is_dataset: false,
            may_grow: false,
            about: 0,
            spec: None,
        };
        if path.is_dir() && path.join(MANIFEST).is_file() {
            source.take_export(Manifest::open(path)?)?;
        } else if path.is_dir() && path.join(UNFINISHED).is_file() {
            bail!("{} holds an interrupted export: finish it first (millrace export --resume)", path.display());
        } else if path.is_dir() {
            source.is_dataset = true;
        } else {
            ensure!(path.exists(), "{} does not exist", path.display());
            ensure!(
                path.is_file(),
                "{} is neither a file nor a folder: an import must be able to go on at a row, so write what comes from a pipe to a file first",
                path.display()
            );
            source.may_grow = ending(path) != "parquet";
            source.about = about(path)?;
        }
        Ok(source)
    }

    fn take_export(&mut self, manifest: Manifest) -> Result<()> {
        let named = |begin: &str| manifest.parts.iter().filter(|part| part.name.starts_with(begin)).collect::<Vec<_>>();
        let changes = named("changes-");
        let mut parts = if manifest.whole && !changes.is_empty() { Vec::new() } else { named("entity-") };
        if changes.is_empty() || !manifest.whole {
            parts.extend(named("lists."));
        }
        parts.extend(if changes.is_empty() { named("events-") } else { changes });
        ensure!(!parts.is_empty(), "the export has neither entities nor lists nor events nor changes");
        self.about = parts.iter().map(|part| part.rows).sum();
        self.files = parts.iter().map(|part| (self.path.join(&part.name), Some(part.rows))).collect();
        self.spec = Some(self.path.join("spec.yaml")).filter(|spec| spec.is_file());
        Ok(())
    }

    /// How it is known again.
    pub(super) fn identity(&self, known: Option<&Identity>) -> Result<Identity> {
        match self.path.is_dir() {
            true => Identity::of_folder(&self.path),
            false => Identity::of_file(&self.path, known),
        }
    }

    /// The rows after the first `skip`.
    pub(super) fn rows(&self, reading: &Reading, mut skip: u64) -> Result<Rows> {
        if self.is_dataset {
            return dataset_rows(&self.path, reading, skip);
        }
        let mut files = self.files.clone();
        files.retain(|(_, rows)| match rows {
            Some(rows) if *rows <= skip => {
                skip -= rows;
                false
            }
            _ => true,
        });
        let reading = reading.clone();
        // One after the other: an export may have more files than a process may have open.
        Ok(Box::new(files.into_iter().flat_map(move |(path, _)| {
            let opened = open_rows(&path, &reading, std::mem::take(&mut skip));
            let rows = opened.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
            rows.map(move |row| row.with_context(|| format!("reading {}", path.display())))
        })))
    }
}

fn open_rows(path: &Path, reading: &Reading, skip: u64) -> Result<Rows> {
    match ending(path) {
        "jsonl" | "ndjson" | "json" => lines::open(path, skip),
        "csv" => csv_rows::open(path, b',', reading, skip),
        "tsv" => csv_rows::open(path, b'\t', reading, skip),
        "parquet" => columns::open(path, reading, skip),
        _ => bail!("the name must end in .jsonl, .ndjson, .csv, .tsv or .parquet"),
    }
}

/// A known data set: what it gives is sound, or it is not that data set.
fn dataset_rows(path: &Path, reading: &Reading, skip: u64) -> Result<Rows> {
    let data = dataset::open(path, reading.event.as_deref())?;
    let file: Rc<str> = data.name.into();
    let plan = reading.plan.clone();
    let skip = usize::try_from(skip)?;
    Ok(Box::new(data.payloads.enumerate().skip(skip).map(move |(index, payload)| {
        let payload = match &plan {
            Some(plan) => super::typed(plan, payload?),
            None => payload?,
        };
        let place = Place { file: file.clone(), line: index as u64 + 1 };
        Ok(Row { place, record: Ok(Record { payload, log_time: None }) })
    })))
}

fn about(path: &Path) -> Result<u64> {
    match ending(path) {
        "parquet" => Ok(crate::table::Reader::open(path)?.rows()),
        _ if fs::metadata(path)?.len() == 0 => Ok(0),
        _ => dataset::lines_about(path),
    }
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|ending| ending.to_str()).unwrap_or_default()
}

fn file_name(path: &Path) -> Rc<str> {
    path.file_name().map_or_else(|| "-".into(), |name| name.to_string_lossy().into())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

//! How far an import is, in a file: the last row that was acknowledged. With it a later run goes on there, after days too,
//! when the log has long forgotten the ids.

use anyhow::{Context, Result, bail, ensure};
use domain::Position;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// What a progress file says it is.
const WHAT: &str = "millrace import 1";
/// Bytes at the beginning of an input that it is known by.
const HEAD_BYTES: u64 = 64 << 10;

/// An input, as it is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// All its bytes.
    pub(super) bytes: u64,
    /// How many of them `head` is the digest of.
    pub(super) head_bytes: u64,
    /// Digest of its beginning.
    pub(super) head: String,
}

/// Rows read, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Rows that are done with.
    pub(crate) rows: u64,
    /// Taken into the log.
    pub(crate) accepted: u64,
    /// Known already.
    pub(crate) duplicates: u64,
    /// Not taken: in the file of rejects.
    pub(crate) refused: u64,
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// All of these are acknowledged.
    pub(crate) counts: Counts,
    /// The last position that they have in the log.
    pub(crate) position: Position,
    /// Whether the input was read to its end.
    pub(crate) done: bool,
    pub(super) input: Identity,
    target: String,
}

/// Where it is kept.
pub(super) struct Place {
    path: PathBuf,
}

impl Identity {
    /// Of a file; `known` is how it was known before, if it was.
    pub(super) fn of_file(path: &Path, known: Option<&Identity>) -> Result<Identity> {
        let reading = || format!("reading {}", path.display());
        let file = File::open(path).with_context(reading)?;
        let bytes = file.metadata().with_context(reading)?.len();
        let head_bytes = known.map_or(HEAD_BYTES.min(bytes), |known| known.head_bytes);
        let mut hasher = blake3::Hasher::new();
        std::io::copy(&mut file.take(head_bytes), &mut hasher).with_context(reading)?;
        Ok(Identity { bytes, head_bytes, head: hasher.finalize().to_hex()[..16].to_owned() })
    }

    /// Of a folder: by its files' names and sizes.
    pub(super) fn of_folder(path: &Path) -> Result<Identity> {
        let mut files = Vec::new();
        for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
            let entry = entry?;
            files.push((entry.file_name(), entry.metadata()?.len()));
        }
        files.sort();
        let text = format!("{files:?}");
        let head = blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
        Ok(Identity { bytes: files.iter().map(|(_, bytes)| bytes).sum(), head_bytes: text.len() as u64, head })
    }
}

impl Place {
    /// This file.
    pub(super) fn at(path: &Path) -> Place {
        Place { path: path.to_owned() }
    }

    /// The file of this input and this target: in the data directory, or beside the input.
    pub(super) fn of(input: &Path, target: &str, dir: Option<&Path>) -> Result<Place> {
        let input = fs::canonicalize(input).with_context(|| format!("{} does not exist", input.display()))?;
        let named = blake3::hash(format!("{}\n{target}", input.display()).as_bytes());
        let name = format!("import-{}.json", &named.to_hex()[..16]);
        let path = match dir {
            Some(dir) => dir.join("imports").join(name),
            None => input.with_file_name(format!("{}.{name}", input.file_name().unwrap_or_default().to_string_lossy())),
        };
        Ok(Place { path })
    }

    /// What an earlier run left; none if there was none.
    pub(super) fn load(&self) -> Result<Option<Progress>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let mut text = String::new();
        File::open(&self.path)
            .and_then(|mut file| file.read_to_string(&mut text))
            .with_context(|| format!("reading {}", self.path.display()))?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        match Progress::read(&value) {
            Some(progress) => Ok(Some(progress)),
            None => bail!("{} is no progress of an import; --restart begins again", self.path.display()),
        }
    }

    /// Replaces it in one step; with `durable` it outlives the power too.
    pub(super) fn save(&self, progress: &Progress, durable: bool) -> Result<()> {
        let write = || -> std::io::Result<()> {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            let temporary = self.path.with_extension("tmp");
            let mut file = File::create(&temporary)?;
            file.write_all(format!("{:#}\n", progress.to_json()).as_bytes())?;
            if durable {
                file.sync_all()?;
            }
            fs::rename(&temporary, &self.path)
        };
        write().with_context(|| format!("writing the progress to {}", self.path.display()))
    }
}

impl Progress {
    pub(super) fn new(input: Identity, target: &str) -> Progress {
        Progress { counts: Counts::default(), position: Position::START, done: false, input, target: target.to_owned() }
    }

    /// Whether the input is still the one that this is the progress of; one of lines may have grown.
    pub(super) fn check(&mut self, now: Identity, may_grow: bool) -> Result<()> {
        let grown = now.bytes > self.input.bytes;
        let same = now.head == self.input.head && (now.bytes == self.input.bytes || (may_grow && grown));
        ensure!(same, "the input is not the one that was begun with; give the old one, or begin again with --restart");
        self.done &= !grown;
        self.input.bytes = now.bytes;
        Ok(())
    }

    fn to_json(&self) -> Value {
        let Progress { counts, position, done, input, target } = self;
        json!({
            "format": WHAT, "target": target, "done": done, "position": position.0,
            "rows": counts.rows, "accepted": counts.accepted, "duplicates": counts.duplicates, "refused": counts.refused,
            "input": { "bytes": input.bytes, "head_bytes": input.head_bytes, "head": input.head },
        })
    }

    fn read(value: &Value) -> Option<Progress> {
        let number = |name: &str| value[name].as_u64();
        let input = &value["input"];
        if value["format"] != WHAT {
            return None;
        }
        Some(Progress {
            counts: Counts {
                rows: number("rows")?,
                accepted: number("accepted")?,
                duplicates: number("duplicates")?,
                refused: number("refused")?,
            },
            position: Position(number("position")?),
            done: value["done"].as_bool()?,
            input: Identity {
                bytes: input["bytes"].as_u64()?,
                head_bytes: input["head_bytes"].as_u64()?,
                head: input["head"].as_str()?.to_owned(),
            },
            target: value["target"].as_str()?.to_owned(),
        })
    }
}

//! What an export has written so far, beside its files: `unfinished.json` while it goes on, `manifest.json` when it is whole.

use super::Format;
use super::output::{Folder, Written};
use anyhow::{Context, Result, bail, ensure};
use domain::{Position, Time};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The manifest's name.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Its name while files are missing.
pub(crate) const UNFINISHED: &str = "unfinished.json";
/// The spec as it was in force.
pub(crate) const SPEC: &str = "spec.yaml";
/// What a manifest says it is.
const WHAT: &str = "millrace export 1";

/// What is exported.
pub(super) struct Header {
    pub(super) what: Vec<String>,
    pub(super) format: Format,
    pub(super) from: Position,
    pub(super) to: Position,
    /// Whether it begins with the log's first record.
    pub(super) whole: bool,
    /// Whether `to` was asked for, and is not just the log's end.
    pub(super) to_given: bool,
    pub(super) part_records: u64,
    /// The log's chain after `to`: names its content.
    pub(super) chain: String,
    pub(super) log_time: Time,
    /// The log's chain after another position.
    pub(super) chain_of: Box<dyn Fn(Position) -> Option<String>>,
}

/// A file that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) digest: String,
    /// Records whose content was erased: not among the rows.
    pub(crate) erased: u64,
    /// Records of kinds that a newer version wrote: not among the rows.
    pub(crate) unknown: u64,
}

/// What is exported, and the files that are whole.
pub(super) struct Ledger {
    pub(super) header: Header,
    pub(super) parts: Vec<Part>,
    complete: bool,
}

/// A finished export, as import reads it.
pub(crate) struct Manifest {
    /// Its files.
    pub(crate) parts: Vec<Part>,
    /// Whether records are there from the log's first.
    pub(crate) whole: bool,
}

impl Part {
    /// A file and how many rows it has.
    pub(super) fn of(written: Written, rows: u64) -> Part {
        let Written { name, bytes, digest } = written;
        Part { name, rows, bytes, digest, erased: 0, unknown: 0 }
    }

    fn to_json(&self) -> Value {
        let Part { name, rows, bytes, digest, erased, unknown } = self;
        json!({ "name": name, "rows": rows, "bytes": bytes, "blake3": digest, "erased": erased, "unknown": unknown })
    }

    fn read(value: &Value) -> Option<Part> {
        let number = |name: &str| value[name].as_u64();
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let name = text("name").filter(|name| !name.contains('/') && !name.starts_with('.'))?;
        Some(Part {
            name,
            rows: number("rows")?,
            bytes: number("bytes")?,
            digest: text("blake3")?,
            erased: number("erased")?,
            unknown: number("unknown")?,
        })
    }
}

impl Ledger {
    /// Begins an export, or goes on with the one that the folder holds.
    pub(super) fn begin(folder: &Folder, mut header: Header, resume: bool) -> Result<Ledger> {
        ensure!(!folder.path(MANIFEST).exists(), "the folder holds a whole export already; name another");
        let unfinished = folder.path(UNFINISHED);
        if !unfinished.exists() {
            ensure!(!resume, "there is no interrupted export in the folder; leave --resume out");
            let ledger = Ledger { header, parts: Vec::new(), complete: false };
            ledger.save(folder)?;
            return Ok(ledger);
        }
        ensure!(resume, "the folder holds an interrupted export: go on with --resume, or name another folder");
        let value = read_json(&unfinished)?;
        let parts = parts_of(&value).with_context(|| format!("{UNFINISHED} is not one of ours"))?;
        header.take_over(&value)?;
        for part in &parts {
            let length = fs::metadata(folder.path(&part.name)).with_context(|| part.name.clone())?.len();
            ensure!(length == part.bytes, "{} is not as it was written; begin again in another folder", part.name);
        }
        Ok(Ledger { header, parts, complete: false })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }

    /// Notes a file that is whole.
    pub(super) fn add(&mut self, folder: &Folder, part: Part) -> Result<()> {
        self.parts.push(part);
        self.save(folder)
    }

    /// Puts the spec beside the files.
    pub(super) fn keep_spec(&self, folder: &Folder, text: &str) -> Result<()> {
        folder.replace(SPEC, text.as_bytes()).map(|_| ())
    }

    /// Writes the manifest: from now on the export is whole.
    pub(super) fn complete(&mut self, folder: &Folder) -> Result<()> {
        self.complete = true;
        folder.replace(MANIFEST, format!("{:#}\n", self.to_json()).as_bytes())?;
        folder.remove(UNFINISHED)
    }

    fn save(&self, folder: &Folder) -> Result<()> {
        folder.replace(UNFINISHED, format!("{:#}\n", self.to_json()).as_bytes()).map(|_| ())
    }

    pub(super) fn to_json(&self) -> Value {
        let Header { what, format, from, to, whole, part_records, chain, log_time, .. } = &self.header;
        json!({
            "format": WHAT,
            "complete": self.complete,
            "what": what,
            "files_are": name_of(*format),
            "from": from.0,
            "position": to.0,
            "whole": whole,
            "part_records": part_records,
            "log_time": log_time.0,
            "chain": chain,
            "files": self.parts.iter().map(Part::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Header {
    /// Goes on as the interrupted export was asked: up to its position, not the log's end of today.
    fn take_over(&mut self, was: &Value) -> Result<()> {
        let asked = json!([self.what, name_of(self.format), self.from.0, self.part_records]);
        let same = asked == json!([was["what"], was["files_are"], was["from"], was["part_records"]]);
        let to = was["position"].as_u64().map(Position).context("it says no position")?;
        if !same || (self.to_given && to != self.to) {
            bail!(
                "the interrupted export was asked for differently; repeat its --what, --format, --from, --to and --part-records"
            );
        }
        let chain = (self.chain_of)(to);
        if chain.as_deref() != was["chain"].as_str() {
            bail!("the interrupted export is of another log, or of one that no longer reaches back");
        }
        (self.to, self.chain) = (to, chain.unwrap_or_default());
        self.log_time = Time(was["log_time"].as_i64().context("it says no log time")?);
        Ok(())
    }
}

impl Manifest {
    /// Reads the manifest of a folder and checks every file's size and content against it.
    pub(crate) fn open(folder: &Path) -> Result<Manifest> {
        let value = read_json(&folder.join(MANIFEST))?;
        ensure!(value["complete"] == true, "{MANIFEST} is not of a whole export");
        let parts = parts_of(&value).with_context(|| format!("{MANIFEST} is not one of ours"))?;
        for part in &parts {
            let path = folder.join(&part.name);
            let mut hasher = blake3::Hasher::new();
            let mut file = fs::File::open(&path).with_context(|| format!("opening {}", path.display()))?;
            std::io::copy(&mut file, &mut hasher).with_context(|| format!("reading {}", path.display()))?;
            let same = hasher.count() == part.bytes && hasher.finalize().to_hex().as_str() == part.digest;
            ensure!(same, "{} is not as it was exported; copy it again", path.display());
        }
        Ok(Manifest { parts, whole: value["whole"] == true })
    }
}

fn parts_of(value: &Value) -> Option<Vec<Part>> {
    if value["format"] != WHAT {
        return None;
    }
    value["files"].as_array()?.iter().map(Part::read).collect()
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
}

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Jsonl => "jsonl",
        Format::Parquet => "parquet",
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

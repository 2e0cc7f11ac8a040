//! Rows that were not taken, as lines of JSON: where each stands, why, and what it said.

use super::source::Place;
use anyhow::{Context, Result};
use domain::{Payload, Refusal};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Most bytes of a row that are repeated.
const TEXT_BYTES_MAX: usize = 4_096;
/// Rows that are named on the terminal too.
const SHOWN_MAX: u64 = 10;

/// The file, made with its first row.
pub(super) struct Rejects {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    pub(super) fn new(path: PathBuf) -> Rejects {
        Rejects { path, file: None, count: 0 }
    }

    /// Where they are, if there are any of this run.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.file.as_ref().map(|_| &self.path)
    }

    /// Adds a row that could not be read.
    pub(super) fn unread(&mut self, place: &Place, refusal: &Refusal, text: &[u8]) -> Result<()> {
        self.add(place, refusal, &String::from_utf8_lossy(&text[..text.len().min(TEXT_BYTES_MAX)]))
    }

    /// Adds a row that the log did not take.
    pub(super) fn refused(&mut self, place: &Place, refusal: &Refusal, payload: &Payload<'_>) -> Result<()> {
        let mut text = Vec::new();
        match payload {
            Payload::Event(event) => loadgen::push_event(&mut text, event),
            Payload::Upsert(upsert) => loadgen::push_upsert(&mut text, upsert),
            Payload::ListPut(put) => loadgen::push_list_put(&mut text, put),
            _ => {}
        }
        self.unread(place, refusal, text.trim_ascii_end())
    }

    fn add(&mut self, place: &Place, refusal: &Refusal, text: &str) -> Result<()> {
        self.count += 1;
        if self.count <= SHOWN_MAX {
            complain!("{place}: {refusal}");
        }
        let mut line = b"{".to_vec();
        for (name, text) in [("file", &*place.file), ("code", refusal.code.as_str()), ("field", &refusal.field)] {
            wire::write_key(&mut line, name);
            wire::write_text(&mut line, text);
        }
        wire::write_key(&mut line, "line");
        wire::write_uint(&mut line, place.line);
        for (name, text) in [("message", refusal.message.as_str()), ("row", text)] {
            wire::write_key(&mut line, name);
            wire::write_text(&mut line, text);
        }
        line.extend_from_slice(b"}\n");
        let writing = || format!("writing {}; name another with --rejects", self.path.display());
        if self.file.is_none() {
            let file = OpenOptions::new().append(true).create(true).open(&self.path).with_context(writing)?;
            self.file = Some(BufWriter::new(file));
        }
        let file = self.file.as_mut().context("it was just opened")?;
        file.write_all(&line).with_context(writing)
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush()).context("writing the rejects")
    }
}

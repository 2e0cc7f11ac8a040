//! Records of the log between two positions: events as they were sent, all that changes state, or decisions.

mod decisions;
mod typed;

use super::Format;
use super::ledger::Part;
use super::output::{Folder, Output};
use crate::table::Writer;
use anyhow::{Context, Result, bail};
use decisions::Decisions;
use domain::{Payload, Position, Time};
use engine::{LogFile, Plan};
use journal::{FileDisk, RecordHeader};
use std::io::{BufWriter, Write};
use typed::Layout;

/// Which records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Records {
    /// Events.
    Events,
    /// Events, entities set and deleted, entries of lists, and the log's ticks.
    Changes,
    /// Answers of feeds.
    Decisions,
}

/// The kind bytes of records, as the log has them (journal/FORMAT.md).
const EVENT: u8 = 1;
const SPEC: u8 = 4;
const DECISION: u8 = 6;
const REVIEW: u8 = 11;
const SPEC_REASON: u8 = 12;
/// The highest that this version knows.
const KNOWN_MAX: u8 = SPEC_REASON;
/// Records between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// Where rows go.
enum Sink<'p> {
    Lines(BufWriter<Output>),
    Rows(Writer<Output>, Layout<'p>),
    Answers(Writer<Output>),
}

/// How many rows there were, and what could not be among them.
#[derive(Default)]
struct Counts {
    rows: u64,
    erased: u64,
    unknown: u64,
}

impl Records {
    pub(super) fn name(self) -> &'static str {
        match self {
            Records::Events => "events",
            Records::Changes => "changes",
            Records::Decisions => "decisions",
        }
    }

    fn takes(self, kind: u8) -> bool {
        match self {
            Records::Events => kind == EVENT,
            Records::Changes => ![SPEC, DECISION, REVIEW, SPEC_REASON].contains(&kind),
            Records::Decisions => kind == DECISION,
        }
    }

    /// Writes the file of the records between two positions, both included.
    pub(super) fn write(
        self,
        log: &LogFile<FileDisk>,
        plan: &Plan,
        (from, to): (Position, Position),
        format: Format,
        (folder, name): (&Folder, &str),
        progress: &dyn Fn(u64),
    ) -> Result<Part> {
        let writing = || format!("writing {name}");
        let output = folder.create(name)?;
        let mut sink = match (format, self) {
            (Format::Jsonl, _) => Sink::Lines(BufWriter::with_capacity(1 << 18, output)),
            (Format::Parquet, Records::Decisions) => Sink::Answers(Writer::new(output, decisions::columns())?),
            (Format::Parquet, _) => {
                let layout = Layout::of(plan);
                Sink::Rows(Writer::new(output, layout.columns())?, layout)
            }
        };
        let counts = self.copy(log, (from, to), &mut sink, progress).with_context(writing)?;
        let output = match sink {
            Sink::Lines(lines) => lines.into_inner().map_err(|error| error.into_error()).with_context(writing)?,
            Sink::Rows(table, _) | Sink::Answers(table) => table.finish().with_context(writing)?,
        };
        let part = Part::of(folder.finish(output)?, counts.rows);
        Ok(Part { erased: counts.erased, unknown: counts.unknown, ..part })
    }

    fn copy(
        self,
        log: &LogFile<FileDisk>,
        (from, to): (Position, Position),
        sink: &mut Sink<'_>,
        progress: &dyn Fn(u64),
    ) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut answers = Decisions::new(log);
        let (mut records, mut reported) = (log.reader.iter_from(from)?, from.0);
        while let Some(record) = records.next()? {
            let header = record.header;
            if header.position > to {
                break;
            }
            if header.position.0 - reported >= PROGRESS_EVERY {
                progress(header.position.0 - reported);
                reported = header.position.0;
            }
            if header.kind > KNOWN_MAX {
                counts.unknown += 1;
            } else if self.takes(header.kind) && header.erased {
                counts.erased += 1;
            } else if self.takes(header.kind) {
                let payload = Payload::decode(header.kind, record.payload).with_context(|| {
                    format!("record {} is not in a format that this version reads", header.position)
                })?;
                sink.take(&header, &payload, &mut answers)?;
                counts.rows += 1;
            }
        }
        progress(to.0 + 1 - reported);
        Ok(counts)
    }
}

impl Sink<'_> {
    fn take(&mut self, header: &RecordHeader, payload: &Payload<'_>, answers: &mut Decisions<'_>) -> Result<()> {
        match (self, payload) {
            (Sink::Lines(lines), Payload::Decision(answer)) => {
                let mut line = place(header.position, header.log_time);
                line.extend_from_slice(b"\"decision\":");
                answers.write(&mut line, header, answer);
                line.extend_from_slice(b"}\n");
                lines.write_all(&line)?;
            }
            (Sink::Lines(lines), payload) => {
                let mut line = place(header.position, header.log_time);
                let start = line.len();
                push_change(&mut line, payload)?;
                // The change's own opening brace.
                line.remove(start);
                lines.write_all(&line)?;
            }
            (Sink::Rows(table, layout), payload) => layout.write(table, header, payload)?,
            (Sink::Answers(table), Payload::Decision(answer)) => answers.write_row(table, header, answer)?,
            (Sink::Answers(_), _) => bail!("record {} is no decision", header.position),
        }
        Ok(())
    }
}

/// The beginning of a line: where the record stands, and when it was logged.
fn place(position: Position, log_time: Time) -> Vec<u8> {
    let mut line = Vec::with_capacity(256);
    line.extend_from_slice(b"{\"@position\":");
    wire::write_uint(&mut line, position.0);
    line.extend_from_slice(b",\"@log_time\":");
    wire::write_int(&mut line, log_time.0);
    line.push(b',');
    line
}

fn push_delete(line: &mut Vec<u8>, kind: &str, of: &str, key: &str) {
    line.push(b'{');
    wire::write_key(line, kind);
    wire::write_text(line, of);
    wire::write_key(line, "key");
    wire::write_text(line, key);
    line.extend_from_slice(b",\"delete\":true}\n");
}

/// The change as a line of its own, as import and the HTTP interface take it.
fn push_change(line: &mut Vec<u8>, payload: &Payload<'_>) -> Result<()> {
    match payload {
        Payload::Event(event) => loadgen::push_event(line, event),
        Payload::Upsert(upsert) => loadgen::push_upsert(line, upsert),
        Payload::Delete { entity, key } => push_delete(line, "entity", entity, key),
        Payload::ListPut(put) => loadgen::push_list_put(line, put),
        Payload::ListDelete { list, key } => push_delete(line, "list", list, key),
        Payload::Tick => line.extend_from_slice(b"{\"tick\":true}\n"),
        _ => bail!("a record of this kind is no change"),
    }
    Ok(())
}

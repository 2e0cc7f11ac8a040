//! `millrace export`: what a data directory holds, as files that other tools and `millrace import` read.

mod entities;
mod ledger;
mod lists;
mod output;
mod records;
#[cfg(test)]
mod tests;
mod training;

pub(crate) use ledger::{MANIFEST, Manifest, UNFINISHED};

use crate::node;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use domain::Position;
use engine::{LogFile, Machine, Plan};
use journal::FileDisk;
use ledger::{Header, Ledger, Part};
use output::Folder;
use records::Records;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// JSON lines, as the HTTP interface takes them
    Jsonl,
    /// Parquet, a column for each field
    Parquet,
}

/// Write what a data directory holds to files
///
/// The directory is only read, also beside a running server: what is durable at the start is exported, as of one position.
/// Entities with their current attributes, lists with their entries; events as they were sent, with their position and log time; changes: all that
/// changes state, in the log's order, which `millrace import --restore` makes the same state of; decisions: what was answered.
/// The folder is whole when it has a manifest.json; until then --resume goes on after the last whole file.
///
/// millrace export --dir data --what all --out backup
/// millrace export --dir data --what events --from 2026-11-01T00:00:00Z --format parquet --out november
/// millrace export --dir data --what item --out items
/// millrace export training --dir data --labels buy --window 1d --out set.parquet
#[derive(Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Exports {
    #[command(subcommand)]
    made: Option<Made>,
    #[command(flatten)]
    export: Option<Export>,
}

/// What is computed from a log, not only read.
#[derive(Subcommand)]
enum Made {
    Training(training::Training),
}

impl Exports {
    pub(crate) fn run(self) -> Result<()> {
        match (self.made, self.export) {
            (Some(Made::Training(training)), _) => training.run(),
            (None, Some(export)) => export.run(),
            (None, None) => bail!("say what to export: --dir, --what and --out, or `millrace export training`"),
        }
    }
}

/// The files that a directory's content is written to.
#[derive(Args)]
pub(crate) struct Export {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// What to write, separated by commas: an entity type (user, item, ... or the plural), entities, lists, events, changes, decisions, or all (entities, lists, changes, decisions)
    #[arg(long, value_delimiter = ',', required = true)]
    what: Vec<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// The folder to write to (made if it is not there)
    #[arg(long)]
    out: PathBuf,
    /// The first record: a position, or an RFC 3339 time of the log
    #[arg(long)]
    from: Option<String>,
    /// The last record: a position, or a time before which it was logged; entities are as of it
    #[arg(long)]
    to: Option<String>,
    /// Positions of the log to a file of events, changes or decisions
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    part_records: u64,
    /// Go on with an interrupted export into the same folder
    #[arg(long)]
    resume: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// One file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// The entities of a type.
    Entities(u16),
    /// The entries of all lists.
    Lists,
    /// Records between two positions.
    Records(Records, Position, Position),
}

impl Export {
    pub(crate) fn run(self) -> Result<()> {
        let started = Instant::now();
        let json = self.json;
        let ledger = self.write(u64::MAX)?;
        report(&ledger, started.elapsed().as_secs_f64(), json);
        Ok(())
    }

    /// Writes at most `room` bytes: a disk that is full, for tests.
    fn write(&self, room: u64) -> Result<Ledger> {
        let (log, beside) = node::open_log(&self.dir)?;
        if beside {
            complain!("a server holds the directory: exporting what is durable now, up to position {}", log.last);
        }
        let header = self.header(&log)?;
        // What is asked for is judged before a folder is made for it.
        log.plan_at(header.to).map_or(Ok(()), |plan| self.pieces(&plan, &header).map(drop))?;
        let folder = Folder::open(&self.out, room)?;
        let mut ledger = Ledger::begin(&folder, header, self.resume)?;
        let written = self.write_pieces(&log, &folder, &mut ledger);
        let go_on = "what is whole stays; the same command with --resume goes on";
        written.and_then(|()| ledger.complete(&folder)).with_context(|| format!("the export stopped; {go_on}"))?;
        Ok(ledger)
    }

    fn write_pieces(&self, log: &LogFile<FileDisk>, folder: &Folder, ledger: &mut Ledger) -> Result<()> {
        let plan =
            log.plan_at(ledger.header.to).context("the log has no spec at this position, nor a checkpoint of one")?;
        let pieces = self.pieces(&plan, &ledger.header)?;
        let bar = node::bar(0, "exporting");
        bar.set_length(pieces.iter().map(Piece::records).sum());
        let mut state = None;
        ledger.keep_spec(folder, &plan.text)?;
        for piece in &pieces {
            let name = piece.file_name(&plan, self.format);
            if ledger.has(&name) {
                bar.inc(piece.records());
                continue;
            }
            let part = match piece {
                Piece::Entities(entity) => {
                    let machine = state_at(&mut state, log, &plan, ledger.header.to)?;
                    entities::write(machine, *entity, self.format, folder, &name)?
                }
                Piece::Lists => {
                    let machine = state_at(&mut state, log, &plan, ledger.header.to)?;
                    lists::write(machine, self.format, folder, &name)?
                }
                Piece::Records(records, from, to) => {
                    records.write(log, &plan, (*from, *to), self.format, (folder, &name), &|done| bar.inc(done))?
                }
            };
            ledger.add(folder, part)?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn header(&self, log: &LogFile<FileDisk>) -> Result<Header> {
        let (from, to) = range(log, self.from.as_deref(), self.to.as_deref())?;
        Ok(Header {
            what: self.what.clone(),
            format: self.format,
            from,
            to,
            whole: from == Position(1),
            to_given: self.to.is_some(),
            part_records: self.part_records,
            chain: ledger::hex(&log.reader.chain_at(to)?),
            log_time: log.reader.record(to)?.context("the last record is there")?.header.log_time,
            chain_of: Box::new({
                let reader = log.reader.clone();
                move |position| reader.chain_at(position).ok().map(|chain| ledger::hex(&chain))
            }),
        })
    }

    /// The files in their order.
    fn pieces(&self, plan: &Plan, header: &Header) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for what in &self.what {
            let all_entities = (0..plan.entities.len()).map(|entity| Piece::Entities(entity as u16));
            match what.as_str() {
                "all" => {
                    pieces.extend(all_entities);
                    pieces.push(Piece::Lists);
                    pieces.extend(parts(Records::Changes, header));
                    pieces.extend(parts(Records::Decisions, header));
                }
                "lists" => pieces.push(Piece::Lists),
                "entities" => pieces.extend(all_entities),
                "events" => pieces.extend(parts(Records::Events, header)),
                "changes" => pieces.extend(parts(Records::Changes, header)),
                "decisions" => pieces.extend(parts(Records::Decisions, header)),
                name => pieces.push(Piece::Entities(entity_named(plan, name)?)),
            }
        }
        for (place, piece) in pieces.iter().enumerate() {
            ensure!(!pieces[..place].contains(piece), "--what names the same twice");
        }
        Ok(pieces)
    }
}

/// The first and the last position that are asked for, each a position or a time of the log.
fn range(log: &LogFile<FileDisk>, from: Option<&str>, to: Option<&str>) -> Result<(Position, Position)> {
    let first = log.reader.first();
    ensure!(log.last >= first, "there is no record in the log");
    let place = |text: &str| -> Result<(Position, bool)> {
        if let Ok(position) = text.parse() {
            return Ok((Position(position), false));
        }
        let time = wire::parse_time(text).with_context(|| format!("'{text}' is neither a position nor a time"))?;
        Ok((log.reader.position_at(time)?, true))
    };
    let from = from.map(place).transpose()?.map_or(first, |(from, _)| from);
    let to = match to.map(place).transpose()? {
        None => log.last,
        Some((to, by_time)) => Position(to.0 - u64::from(by_time)),
    };
    ensure!(from >= first, "the log is kept only from position {first} on, {from} is gone");
    ensure!(to <= log.last, "the log ends at position {}, before {to}", log.last);
    ensure!(from <= to, "there is nothing from position {from} to {to}");
    Ok((from, to))
}

/// The entity type of this name or of this plural.
fn entity_named(plan: &Plan, name: &str) -> Result<u16> {
    let found = plan.entity(name).or_else(|| plan.entity(name.strip_suffix('s')?));
    if let Some(found) = found {
        return Ok(found);
    }
    let known: Vec<&str> = plan.entities.iter().map(|entity| entity.name.as_str()).collect();
    bail!(
        "there is nothing called '{name}' to export; there are {}, entities, lists, events, changes, decisions, all",
        known.join(", ")
    )
}

fn parts(records: Records, header: &Header) -> impl Iterator<Item = Piece> + use<> {
    let (from, to, step) = (header.from.0, header.to.0, header.part_records);
    (from..=to).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(move |first| {
        let last = first.saturating_add(step - 1).min(to);
        Piece::Records(records, Position(first), Position(last))
    })
}

fn state_at<'m>(
    state: &'m mut Option<Machine>,
    log: &LogFile<FileDisk>,
    plan: &Arc<Plan>,
    position: Position,
) -> Result<&'m Machine> {
    if state.is_none() {
        let bar = node::bar(position.0, "applying the log");
        *state = Some(log.state_at(plan, position, &mut |done, _| bar.set_position(done))?);
        bar.finish_and_clear();
    }
    state.as_ref().context("it was just made")
}

impl Piece {
    fn records(&self) -> u64 {
        match self {
            Piece::Entities(_) | Piece::Lists => 0,
            Piece::Records(_, from, to) => to.0 - from.0 + 1,
        }
    }

    fn file_name(&self, plan: &Plan, format: Format) -> String {
        let ending = match format {
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
        };
        match self {
            Piece::Entities(entity) => format!("entity-{}.{ending}", plan.entities[usize::from(*entity)].name),
            Piece::Lists => format!("lists.{ending}"),
            Piece::Records(records, from, to) => format!("{}-{:012}-{:012}.{ending}", records.name(), from.0, to.0),
        }
    }
}

fn report(ledger: &Ledger, seconds: f64, as_json: bool) {
    let rows: u64 = ledger.parts.iter().map(|part| part.rows).sum();
    if as_json {
        let mut summary = ledger.to_json();
        summary["rows"] = json!(rows);
        summary["seconds"] = json!((seconds * 1_000.0).round() / 1_000.0);
        say!("{summary:#}");
        return;
    }
    let count = |pick: fn(&Part) -> u64| ledger.parts.iter().map(pick).sum::<u64>();
    say!(
        "{rows} rows in {} files ({} bytes), as of position {}, in {seconds:.1} s",
        ledger.parts.len(),
        count(|part| part.bytes),
        ledger.header.to
    );
    for (what, count) in [("erased", count(|part| part.erased)), ("of a newer version", count(|part| part.unknown))] {
        if count > 0 {
            say!("{count} records {what} are not in it");
        }
    }
}

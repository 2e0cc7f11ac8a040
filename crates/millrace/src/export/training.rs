//! `millrace export training`: a training set, with the features of each row exactly as they were at its position.

mod file;
#[cfg(test)]
mod tests;

use super::Format;
use crate::node;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use domain::{Position, Span};
use engine::{Complete, Labels, Plan, Samples, TrainingAsked, TrainingReport, TrainingSet};
use file::SetFile;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Most columns of features.
const FEATURES_MAX: usize = 1_000;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rows {
    /// Each item of each answer, as of the positions that the answer read
    Shown,
    /// Each event of the types of --events, as of the position just before it
    Events,
}

/// Write a training set: what was shown or what happened, with features as they were then, and what followed
///
/// One row for each item that an answer showed (or, with --rows events, for each event), with the values that its features had at exactly
/// that position of the log: of an answer what it read, of an event what a request would have read just before it. Nothing of what came
/// later is in them. --spec computes them by other definitions than were in force, from the same log: new features have their past.
/// --labels says what is to be learned: whether one of these events followed, by the same user on the same item, within --window of log
/// time. Rows whose window has not passed when the log ends have no label.
/// The directory is only read, also beside a running server. The file has its name once it is whole.
///
/// millrace export training --dir data --labels buy --window 1d --out set.parquet
/// millrace export training --dir data --spec new.yaml --features user.views_7d,item.heat,user.category.share_7d --labels click,buy --out set.parquet
/// millrace export training --dir data --rows events --events view --labels buy --window 12h --from 2026-11-01T00:00:00Z --out set.jsonl
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Training {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// The file to write, ending in .parquet or .jsonl; it must not be there yet
    #[arg(long)]
    out: PathBuf,
    /// Definitions to compute by; without it those in force at the last position
    #[arg(long)]
    spec: Option<PathBuf>,
    /// What a row is
    #[arg(long, value_enum, default_value_t = Rows::Shown)]
    rows: Rows,
    /// Event types that are rows (--rows events)
    #[arg(long, value_delimiter = ',')]
    events: Vec<String>,
    /// Rows of this feed's answers alone (--rows shown)
    #[arg(long)]
    feed: Option<String>,
    /// Features and attributes to write, each a column; without it all of users, items, and users crossed with an item or its attributes
    #[arg(long, value_delimiter = ',')]
    features: Vec<String>,
    /// Event types that make a row's label 1, if one follows by the same user on the same item
    #[arg(long, value_delimiter = ',')]
    labels: Vec<String>,
    /// How long after a row a label's event counts, in log time (30m, 1d, 7d)
    #[arg(long, default_value = "1d", value_parser = span)]
    window: Span,
    /// The first record: a position, or an RFC 3339 time of the log
    #[arg(long)]
    from: Option<String>,
    /// The last record: a position, or a time before which it was logged; labels are looked for behind it too
    #[arg(long)]
    to: Option<String>,
    /// Features of an event's row as of the position just after it, the event included: for looking at, not for learning from
    #[arg(long)]
    with_event: bool,
    /// Of a log that retention has cut, count from its first record; the summary says from when each feature is complete
    #[arg(long)]
    partial: bool,
    /// Most rows; a set that would have more is refused before it is computed
    #[arg(long, default_value_t = 100_000_000)]
    limit: u64,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// A set that is written.
struct Written {
    report: TrainingReport,
    columns: usize,
    plan: Arc<Plan>,
    range: (Position, Position),
    complete: Vec<(String, Complete)>,
    bytes: u64,
    digest: String,
}

impl Training {
    pub(super) fn run(self) -> Result<()> {
        let started = Instant::now();
        let written = self.write()?;
        self.tell(&written, started.elapsed().as_secs_f64());
        Ok(())
    }

    fn write(&self) -> Result<Written> {
        let format = format_of(&self.out)?;
        ensure!(!self.out.exists(), "{} is there already; name another file", self.out.display());
        ensure!(self.features.len() <= FEATURES_MAX, "at most {FEATURES_MAX} features make a set");
        let (log, beside) = node::open_log(&self.dir)?;
        if beside {
            complain!("a server holds the directory: reading what is durable now, up to position {}", log.last);
        }
        let range = super::range(&log, self.from.as_deref(), self.to.as_deref())?;
        let plan = match &self.spec {
            Some(spec) => node::read_spec(spec)?,
            None => log.plan_at(range.1).context("the log has no spec at this position, nor a checkpoint of one")?,
        };
        let set = TrainingSet::new(&plan, self.asked(range)?)?;
        let columns = set.columns().count();
        ensure!(
            columns <= FEATURES_MAX,
            "the spec has {columns} features; name at most {FEATURES_MAX} with --features"
        );
        let mut file = SetFile::create(&self.out, format, &set, !self.labels.is_empty())?;
        let bar = node::bar(0, "computing");
        let report = log.training_rows(
            &set,
            &mut |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            },
            &mut |row| file.take(&row).map_err(Into::into),
        );
        bar.finish_and_clear();
        let report = report.with_context(|| format!("computing a training set of {}", self.dir.display()))?;
        let (bytes, digest) = file.finish()?;
        let start = report.counted_from;
        let complete = start.iter().flat_map(|start| set.complete_from(*start));
        let complete = complete.map(|(name, complete)| (name.to_owned(), complete)).collect();
        Ok(Written { report, columns, plan, range, complete, bytes, digest })
    }

    fn asked(&self, range: (Position, Position)) -> Result<TrainingAsked> {
        let samples = match self.rows {
            Rows::Shown if !self.events.is_empty() => bail!("--events goes with --rows events"),
            Rows::Shown if self.with_event => bail!("--with-event goes with --rows events"),
            Rows::Shown => Samples::Shown(self.feed.clone()),
            Rows::Events if self.feed.is_some() => bail!("--feed goes with --rows shown"),
            Rows::Events if self.events.is_empty() => bail!("--rows events takes --events: which types are rows"),
            Rows::Events => Samples::Events(self.events.clone()),
        };
        ensure!(self.window.0 > 0, "--window must be longer than nothing");
        let labels = Labels { events: self.labels.clone(), window: self.window };
        Ok(TrainingAsked {
            samples,
            features: self.features.clone(),
            labels: (!self.labels.is_empty()).then_some(labels),
            range,
            with_event: self.with_event,
            partial: self.partial,
            rows_max: self.limit,
        })
    }

    fn tell(&self, written: &Written, seconds: f64) {
        if self.json {
            say!("{:#}", written.to_json(&self.out, seconds));
            return;
        }
        let Written { report, columns, range, bytes, complete, .. } = written;
        say!(
            "{} rows with {columns} features in {} ({bytes} bytes), positions {} to {}, in {seconds:.1} s",
            report.rows,
            self.out.display(),
            range.0,
            range.1
        );
        if !self.labels.is_empty() {
            say!(
                "{} followed by {} within {}, {} not yet known: the log ends before their window",
                report.positive,
                self.labels.join(", "),
                self.window,
                report.open
            );
        }
        for (what, count) in [
            ("decisions or events read what retention has dropped", report.gone),
            ("records are erased", report.erased),
        ] {
            if count > 0 {
                say!("{count} {what}, and are not in it");
            }
        }
        for (name, complete) in complete {
            match complete {
                Complete::Always => {}
                Complete::From(time) => say!("{name} is complete from {time}"),
                Complete::Never => say!("{name} lacks what was before the log that is kept, in every row"),
            }
        }
    }
}

impl Written {
    fn to_json(&self, out: &Path, seconds: f64) -> Value {
        let Written { report, columns, plan, range, complete, bytes, digest } = self;
        let from = |complete: &Complete| match complete {
            Complete::Always => json!("always"),
            Complete::From(time) => json!(time.0),
            Complete::Never => json!("never"),
        };
        let complete: serde_json::Map<String, Value> =
            complete.iter().map(|(name, complete)| (name.clone(), from(complete))).collect();
        json!({
            "file": out.display().to_string(),
            "rows": report.rows,
            "features": columns,
            "positive": report.positive,
            "open": report.open,
            "gone": report.gone,
            "erased": report.erased,
            "from": range.0.0,
            "to": range.1.0,
            "spec_digest": super::ledger::hex(&plan.digest),
            "counted_from_ms": report.counted_from.map(|time| time.0),
            "complete_from": complete,
            "bytes": bytes,
            "blake3": digest,
            "seconds": (seconds * 1_000.0).round() / 1_000.0,
        })
    }
}

fn format_of(out: &Path) -> Result<Format> {
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("parquet") => Ok(Format::Parquet),
        Some("jsonl" | "ndjson") => Ok(Format::Jsonl),
        _ => bail!("{}: the name must end in .parquet or .jsonl", out.display()),
    }
}

fn span(text: &str) -> Result<Span, String> {
    Span::parse(text).ok_or_else(|| format!("'{text}' is not a duration; write 30m, 1d or 7d"))
}

//! `millrace backtest`: the log's decisions under another spec, and what labels say of both.

mod html;
mod json;
mod plot;
#[cfg(test)]
mod tests;
mod text;

use crate::node;
use anyhow::{Context, Result};
use clap::Args;
use domain::{Raw, Time};
use engine::{Backtest as Report, BacktestAsked, BacktestError};
use std::fs;
use std::path::PathBuf;

/// Decide past events again under another spec, and say what would have come out differently
///
/// The log is applied twice, under the spec that was in force at the range's end and under the new one, each with the windows that it
/// declares, as if it had always been in force. Where the decision has `labels`, precision, recall, AUC, average precision and the
/// share of bad events per tier are told of both. Nothing is written, so it may run beside a serving node; it reads what is durable
/// of the log at the start.
///
/// millrace backtest --dir data --spec new.yaml --from 2026-11-01 --html backtest.html
#[derive(Args)]
pub(crate) struct Backtest {
    /// The data directory
    #[arg(long)]
    dir: PathBuf,
    /// The spec to try, a file or a folder
    #[arg(long)]
    spec: PathBuf,
    /// The decision; not needed where the spec has only one
    #[arg(long)]
    decision: Option<String>,
    /// Events logged from this day or instant on (2026-11-01, 2026-11-01T08:00:00Z)
    #[arg(long, value_parser = instant)]
    from: Option<Time>,
    /// Events logged before this day or instant
    #[arg(long, value_parser = instant)]
    to: Option<Time>,
    /// Labels logged before this day or instant (to the log's end, behind --to too)
    #[arg(long, value_parser = instant)]
    labels_until: Option<Time>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as one HTML page with plots
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Backtest {
    pub(crate) fn run(self) -> Result<()> {
        let plan = node::read_spec(&self.spec)?;
        let log = node::open_log(&self.dir)?.0;
        let stop = node::stop_signal()?;
        let bar = node::bar(0, "deciding again");
        let asked = BacktestAsked {
            decision: self.decision.clone(),
            from: self.from,
            to: self.to,
            labels_until: self.labels_until,
        };
        let mut progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
            !stop.is_told()
        };
        let report = log.backtest(&plan, &asked, &mut progress, &mut |_| ());
        bar.finish_and_clear();
        let report = match report {
            // What was asked for is wrong by itself, wherever the log lies.
            Err(error @ (BacktestError::Asked(_) | BacktestError::Stopped)) => return Err(error.into()),
            other => other.with_context(|| format!("trying {} on {}", self.spec.display(), self.dir.display()))?,
        };
        let spec = self.spec.display().to_string();
        if let Some(path) = &self.html {
            fs::write(path, html::page(&report, &spec)).with_context(|| format!("writing {}", path.display()))?;
        }
        if self.json {
            say!("{:#}", json::of(&report, &spec));
        } else {
            show!("{}", text::of(&report, &spec));
        }
        Ok(())
    }
}

/// A day, or an instant.
fn instant(text: &str) -> Result<Time, String> {
    domain::parse_day(text).ok_or_else(|| format!("'{text}' is not a time; write 2026-11-01 or 2026-11-01T08:00:00Z"))
}

/// A value as people read it.
fn shown(value: &Raw<'_>) -> String {
    match value {
        Raw::Null => "missing".to_owned(),
        Raw::Bool(bool) => bool.to_string(),
        Raw::Int(int) => int.to_string(),
        Raw::Float(float) => float.to_string(),
        Raw::Str(text) => format!("\"{text}\""),
        Raw::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(", ")),
    }
}

/// An outcome, or that there is none.
fn named(outcome: Option<&String>) -> &str {
    outcome.map_or("(not decided)", String::as_str)
}

/// The part of a whole, in percent; 0 of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Outcomes of one side of a report, in the order in which they come.
fn outcomes(report: &Report, old: bool) -> Vec<Option<&String>> {
    let mut found = Vec::new();
    for kind in &report.kinds {
        let outcome = if old { kind.old.as_ref() } else { kind.new.as_ref() };
        if !found.contains(&outcome) {
            found.push(outcome);
        }
    }
    found
}

/// How many events went from one outcome to another, and how many had the first.
fn moved(report: &Report, old: Option<&String>, new: Option<&String>) -> (u64, u64) {
    let of_old = report.kinds.iter().filter(|kind| kind.old.as_ref() == old);
    let all = of_old.clone().map(|kind| kind.events).sum();
    let some = of_old.filter(|kind| kind.new.as_ref() == new).map(|kind| kind.events).sum();
    (some, all)
}

/// What has to be known to read the figures rightly.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    if report.events == 0 && report.span.1 <= Time(0) {
        notes.push("no event was decided, and none is in the log yet".to_owned());
    } else if report.events == 0 {
        notes.push(format!(
            "no event was decided in this range; the log reaches from {} to {}",
            report.span.0, report.span.1
        ));
    }
    if !report.in_baseline {
        let version = report.baseline.0;
        notes.push(format!("spec {version} of the log has no decision '{}' on this event", report.decision));
    }
    for (whose, cost) in [("old", &report.cost.0), ("new", &report.cost.1)] {
        let Some(counted) = &cost.counted else { continue };
        let whole = counted.whole.iter().map(|(name, complete)| match complete {
            engine::Complete::Always => format!("{name} always"),
            engine::Complete::From(time) => format!("{name} from {time}"),
            engine::Complete::Never => format!("{name} never"),
        });
        let whole: Vec<String> = whole.collect();
        notes.push(format!(
            "retention has cut the log: the {whose} spec's state is counted from {}; facts are whole: {}",
            counted.since,
            whole.join(", ")
        ));
    }
    notes
}

//! What is looked at when all changes are made: decisions computed again, and the log of the stopped server.

use super::load::{Found, OfVersion, SOURCE, json};
use super::script::Version;
use crate::node;
use anyhow::{Context, Result, ensure};
use domain::{Payload, Position};
use engine::LogFile;
use journal::FileDisk;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that one decision may be computed again.
const REPLAY_MAX: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Default)]
pub(super) struct Verdict {
    /// Decisions computed again, and how many came out the same.
    pub(super) replayed: u64,
    pub(super) identical: u64,
    /// Whether the live state, with all that was kept through every change, is the state that the log alone gives.
    pub(super) kept_digest_equal: bool,
    /// Records of the log, and how many of them are events.
    pub(super) records: u64,
    pub(super) events: u64,
}

impl Verdict {
    /// Computes decisions again on the running server: each the first of its version, right behind a switch.
    pub(super) fn replay(&mut self, http: &mut loadgen::Client, found: &mut Found, most: usize) {
        let every = found.versions.len().div_ceil(most.max(1)).max(1);
        let chosen: Vec<String> =
            found.versions.values().rev().step_by(every).map(|version| version.decision.clone()).collect();
        for decision in chosen {
            match identical(http, &decision) {
                Ok(()) => self.identical += 1,
                Err(what) => found.mixed(format!("{decision} computed again: {what}")),
            }
            self.replayed += 1;
        }
    }

    /// Reads the directory of the stopped server.
    pub(super) fn read(&mut self, dir: &Path, versions: &[Version], found: &mut Found) -> Result<()> {
        let log = LogFile::open(node::disk(dir)?, journal::Options::default())?;
        self.specs(&log, versions, found)?;
        let mut records = log.reader.iter_from(Position(1))?;
        while let Some(record) = records.next()? {
            let payload = Payload::decode(record.header.kind, record.payload).ok().context("a record is readable")?;
            self.records += 1;
            self.events += u64::from(matches!(payload, Payload::Event(event) if event.source == SOURCE));
        }
        if self.events != found.events {
            found.error(format!("{} events were acknowledged, {} are in the log", found.events, self.events));
        }
        self.digest(&log, found)
    }

    /// The specs in the log are the changes that took place, and every answer stands between its spec and the next.
    fn specs(&self, log: &LogFile<FileDisk>, versions: &[Version], found: &mut Found) -> Result<()> {
        if log.specs.len() != versions.len() {
            found.error(format!("{} versions in the log, {} were told of", log.specs.len(), versions.len()));
        }
        for (number, (version, &at)) in (1..).zip(versions.iter().zip(&log.specs)) {
            let record = log.reader.record(at)?.context("a spec's record is there")?;
            match Payload::decode(record.header.kind, &record.payload) {
                Ok(Payload::Spec(text)) if text == version.text => {}
                _ => found.error(format!("version {number} in the log is not the text that was sent")),
            }
            let Some(answers) = found.versions.get(&number) else { continue };
            let next = log.specs.get(number as usize).map_or(u64::MAX, |next| next.0);
            let wrong = mixtures(number, answers, version.marker, at.0, next);
            wrong.into_iter().for_each(|what| found.mixed(what));
        }
        let unknown = found.versions.keys().find(|number| **number == 0 || **number as usize > versions.len()).copied();
        if let Some(number) = unknown {
            found.mixed(format!("an answer of version {number}, which there is not"));
        }
        Ok(())
    }

    /// The checkpoint that the server wrote at its end, of its live state, against state built from the first record.
    fn digest(&mut self, log: &LogFile<FileDisk>, found: &mut Found) -> Result<()> {
        let plan = log.plan().context("the log has a spec")?;
        let saved =
            engine::machine_of_checkpoint(&log.reader, &plan, 3)?.context("a checkpoint was written at the end")?;
        let last_spec = log.specs.last().copied().unwrap_or_default();
        ensure!(saved.position > last_spec, "the checkpoint at {} is older than the last change", saved.position);
        let rebuilt = log.build_to(&plan, 1, saved.position, &mut |_, _| ())?;
        self.kept_digest_equal = rebuilt.digest() == saved.digest();
        if !self.kept_digest_equal {
            found.word(format!("the live state at {} is not what the log says", saved.position));
        }
        Ok(())
    }
}

/// What the answers of a version say that it does not, and those that stand elsewhere in the log than it does.
fn mixtures(number: u32, answers: &OfVersion, marker: u64, at: u64, next: u64) -> Vec<String> {
    let mut wrong: Vec<String> = Vec::new();
    for (other, count) in answers.markers.iter().filter(|(other, _)| **other != marker) {
        wrong.push(format!("{count} answers of version {number}, whose marker is {marker}, have the marker {other}"));
    }
    if answers.first <= at || answers.last >= next {
        let range = format!("{} to {}", answers.first, answers.last);
        wrong.push(format!("decisions of version {number} stand at {range}; it was in force from {at} until {next}"));
    }
    wrong
}

/// Asks until a decision is computed again.
fn identical(http: &mut loadgen::Client, decision: &str) -> Result<(), String> {
    let path = format!("/v1/decisions/{decision}/replay");
    let since = Instant::now();
    while since.elapsed() < REPLAY_MAX {
        let answer = http.get(&path);
        if answer.as_ref().is_ok_and(|answer| answer.status == 202) {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let reply = json(answer, 200)?;
        return if reply["identical"] == true { Ok(()) } else { Err(reply["differences"].to_string()) };
    }
    Err(format!("it took more than {} s", REPLAY_MAX.as_secs()))
}

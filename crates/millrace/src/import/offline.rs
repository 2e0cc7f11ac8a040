//! Rows into a directory that no server holds: at the data's own time, or at the log time that each row brings along.

use super::target::{Batch, Sent, Target};
use crate::node;
use anyhow::{Context, Result, bail};
use domain::{Code, Payload, Position, Span, Time};
use engine::{Clock, Config, Engine, LogFile};
use journal::FileDisk;
use spec::Plan;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Bytes that may wait for the disk before reading waits too.
const UNSYNCED_MAX: usize = 16 << 20;
/// First bytes of the digest of a record's payload.
type Digest = [u8; 16];

/// A directory.
pub(super) struct Offline {
    engine: Engine,
    /// Set to each row's log time, if rows bring it along.
    clock: Option<Arc<Clock>>,
    /// What is in the log behind the last acknowledged row: rows of an earlier run that ended before it could say so.
    tail: VecDeque<(Position, Digest)>,
}

impl Offline {
    /// Opens a directory. `begin` is the first row's log time if state is to be restored; `resumed`, up to where rows are known
    /// to be in the log.
    pub(super) fn open(
        dir: &Path,
        plan: &Arc<Plan>,
        begin: Option<Time>,
        resumed: Option<Position>,
    ) -> Result<Offline> {
        let tail = resumed.map_or_else(|| Ok(Default::default()), |from| tail(dir, from))?;
        let clock = match begin {
            Some(time) => Clock::Manual(time.0.into()),
            None => Clock::Log,
        };
        let config = Config { checkpoint_every: Span(0), ..Config::new(clock) };
        let config = if begin.is_some() { Config { tick_every: Span(0), ..config } } else { config };
        let clock = begin.map(|_| config.clock.clone());
        let opened = node::open(dir, plan.clone(), config, &mut |_, _| ());
        let (engine, report) = opened.context("a directory that a server holds is sent to with --to http://ADDRESS")?;
        if begin.is_some() && resumed.is_none() && report.journal.last > Position::START {
            bail!("{} holds a log already; --restore makes a new one", dir.display());
        }
        Ok(Offline { engine, clock, tail })
    }

    fn submit(&self, payloads: &[Payload<'static>], sent: &mut Sent) -> Result<()> {
        let submitted = self.engine.submit(payloads, false)?;
        sent.position = sent.position.max(submitted.last);
        for result in submitted.results {
            match result {
                Ok(accepted) => sent.results.push(Ok(accepted.duplicate)),
                Err(refusal) if is_ours(refusal.code) => bail!("{refusal}"),
                Err(refusal) => sent.results.push(Err(refusal)),
            }
        }
        Ok(())
    }
}

/// Whether the node could not, whatever the row.
fn is_ours(code: Code) -> bool {
    matches!(code, Code::Overloaded | Code::Stopping | Code::JournalFailed | Code::DiskFull | Code::LogFull)
}

impl Target for Offline {
    fn known(&mut self, payload: &Payload<'_>) -> Option<Position> {
        let (_, first) = self.tail.front()?;
        let mut bytes = Vec::with_capacity(128);
        payload.encode(&mut bytes);
        if blake3::hash(&bytes).as_bytes()[..16] != *first {
            return None;
        }
        self.tail.pop_front().map(|(position, _)| position)
    }

    fn send(&mut self, batch: &Batch) -> Result<Sent> {
        while self.engine.status().unsynced_bytes > UNSYNCED_MAX {
            super::wait_until_durable(&self.engine)?;
        }
        let mut sent = Sent::default();
        let Some(clock) = &self.clock else {
            self.submit(&batch.payloads, &mut sent)?;
            return Ok(sent);
        };
        let mut rest = batch.payloads.as_slice();
        for same in batch.log_times.chunk_by(|a, b| a == b) {
            clock.set(
                same[0].context("a row has no @log_time; --restore reads what export wrote of events or changes")?,
            );
            let (now, later) = rest.split_at(same.len());
            self.submit(now, &mut sent)?;
            rest = later;
        }
        Ok(sent)
    }

    fn durable(&self) -> Position {
        self.engine.durable()
    }

    fn finish(&mut self) -> Result<()> {
        super::wait_until_durable(&self.engine)
    }

    fn saves_at_once(&self) -> bool {
        false
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

/// The changes in the log behind a position.
fn tail(dir: &Path, from: Position) -> Result<VecDeque<(Position, Digest)>> {
    let disk = FileDisk::open_to_read(dir).with_context(|| format!("opening {}", dir.display()))?;
    let log = match LogFile::open_to_read(&Arc::new(disk)) {
        Ok((log, _)) => log,
        Err(engine::OpenError::Journal(journal::Error::NoLog)) => return Ok(VecDeque::new()),
        Err(error) => return Err(error).context("looking for rows behind the last acknowledged one"),
    };
    if from > log.last {
        bail!(
            "the log ends at position {} but rows were acknowledged up to {from}: it is another log; --restart",
            log.last
        );
    }
    let mut records = log.reader.iter_from(from.next())?;
    let mut digests = VecDeque::new();
    while let Some(record) = records.next()? {
        let payload = Payload::decode(record.header.kind, record.payload);
        let is_change = !matches!(
            payload,
            Ok(Payload::Spec(_)
                | Payload::SpecReason(_)
                | Payload::Decision(_)
                | Payload::Review(_)
                | Payload::FallbacksGiven(_))
                | Err(_)
        );
        if is_change {
            digests.push_back((record.header.position, record.header.digest));
        }
    }
    Ok(digests)
}

//! A short life of a journal, with a fault at every one of its disk operations in turn: power cuts that keep any subset,
//! failed writes and syncs, no space, failed reads. What was acknowledged is there afterwards, what was not is whole or absent.

use crate::mem_disk::{Fault, MemDisk};
use crate::{Rng, open_small, read_all};
use domain::{Position, Span, Time};
use journal::{CheckpointEntry, CheckpointWriter, Error, Manifest, Opened, load_checkpoint, load_checkpoint_before};
use std::sync::Arc;

/// What the outside world knows: everything ever appended in this lineage, and how much was acknowledged.
struct Oracle {
    appended: Vec<Vec<u8>>,
    acknowledged: usize,
    retained: u64,
    checkpoint: u64,
    /// Positions of checkpoints that both the manifest in force and the one that may be taking its place name.
    named: Vec<u64>,
    epoch: u32,
}

impl Oracle {
    fn new() -> Oracle {
        Oracle { appended: Vec::new(), acknowledged: 0, retained: 1, checkpoint: 0, named: Vec::new(), epoch: 0 }
    }

    /// Opens and compares; what was not acknowledged and is gone is forgotten.
    fn open(&mut self, disk: &Arc<MemDisk>) -> Result<Opened<MemDisk>, Error> {
        let opened = open_small(disk)?;
        let report = opened.recovery;
        let last = report.last.0 as usize;
        assert!(last >= self.acknowledged, "acknowledged {} but only {last} are there", self.acknowledged);
        assert!(last <= self.appended.len());
        assert!(report.epoch > self.epoch, "the epoch did not grow");
        // A segment whose removal was under way may be there or not.
        assert!(report.first.0 <= self.acknowledged as u64 + 1);
        self.epoch = report.epoch;
        self.retained = report.first.0;
        self.appended.truncate(last);
        self.acknowledged = last;
        let all = read_all(&opened.reader)?;
        assert_eq!(all.len() as u64, report.last.0 + 1 - report.first.0);
        for record in all {
            assert_eq!(record.payload, self.appended[record.header.position.0 as usize - 1]);
        }
        let loaded = load_checkpoint(&opened.reader)?;
        let torn = |error: &Error| matches!(error, Error::CheckpointDamaged { name, .. } if name == "MANIFEST");
        assert!(!loaded.rejected.iter().any(torn), "the manifest is replaced in one step");
        let position = loaded.checkpoint.map_or(0, |checkpoint| checkpoint.entry().position.0);
        assert!(position >= self.checkpoint, "a finished checkpoint is gone: {:?}", loaded.rejected);
        self.check_named(&opened, disk.image().contains_key("MANIFEST"))?;
        Ok(opened)
    }

    /// Every checkpoint that is named can be loaded and belongs to the log, those that had to stay are among them, and the log
    /// goes on right after the oldest.
    fn check_named(&self, opened: &Opened<MemDisk>, manifest: bool) -> Result<(), Error> {
        let (mut found, mut end) = (Vec::new(), opened.reader.last());
        loop {
            let loaded = load_checkpoint_before(&opened.reader, end, &PLAN)?;
            let all_there = !manifest || loaded.rejected.is_empty();
            assert!(all_there, "the manifest names what is not there: {:?}", loaded.rejected);
            let Some(checkpoint) = loaded.checkpoint else { break };
            found.push(checkpoint.entry().position.0);
            end = Position(checkpoint.entry().position.0 - 1);
        }
        let gone: Vec<_> = self.named.iter().filter(|at| !found.contains(at)).collect();
        assert!(gone.is_empty(), "kept checkpoints are gone: {gone:?} of {:?}", self.named);
        let from = opened.reader.replay_from();
        assert!(self.named.iter().all(|&at| from.0 <= at + 1), "{from} is after one of {:?}", self.named);
        assert!(from == Position(1) || opened.reader.first() <= from);
        if opened.reader.first() > Position(1) {
            let oldest = load_checkpoint_before(&opened.reader, Position(from.0 - 1), &PLAN)?;
            assert!(oldest.checkpoint.is_some_and(|oldest| oldest.entry().position.next() == from));
        }
        Ok(())
    }
}

const PLAN: [u8; 32] = [7; 32];

/// A small ladder: of those that `log_time` (the position) puts at or before a horizon the newest, of the later ones all
/// that are some steps apart.
fn rungs(all: &Manifest) -> Vec<CheckpointEntry> {
    let horizon = all.newest.log_time.minus(Span(25));
    let oldest = all.kept.iter().rposition(|entry| entry.log_time <= horizon).unwrap_or(0);
    let mut chosen: Vec<CheckpointEntry> = Vec::new();
    for entry in &all.kept[oldest..] {
        if chosen.last().is_none_or(|last| entry.log_time.since(last.log_time) >= Span(8)) {
            chosen.push(*entry);
        }
    }
    chosen
}

/// Writes a checkpoint near the end of the log, chooses what stays, and drops what nothing asks for.
fn checkpoint(opened: &mut Opened<MemDisk>, oracle: &mut Oracle, rng: &mut Rng) -> Result<(), Error> {
    let at = Position(oracle.acknowledged as u64 - rng.below(3));
    let content = rng.bytes(700);
    let mut checkpoint = CheckpointWriter::begin(&opened.reader, at, PLAN)?;
    checkpoint.begin_section(1)?;
    checkpoint.write(&content)?;
    let positions = |newest: &CheckpointEntry, previous: Option<CheckpointEntry>, kept: &[CheckpointEntry]| {
        let all = std::iter::once(newest).chain(&previous).chain(kept);
        all.map(|entry| entry.position.0).collect::<Vec<_>>()
    };
    let manifest = checkpoint.finish([8; 32], |all| {
        let chosen = rungs(all);
        let named = positions(&all.newest, all.previous, &chosen);
        oracle.named.retain(|at| named.contains(at));
        chosen
    })?;
    oracle.checkpoint = at.0;
    oracle.named = positions(&manifest.newest, manifest.previous, &manifest.kept);
    opened.writer.retain_from(manifest.oldest().position.next())?;
    Ok(())
}

/// One run of a process: batches, checkpoints, retention. Ends at the first error it cannot ride out.
fn live(disk: &Arc<MemDisk>, oracle: &mut Oracle, rng: &mut Rng, batches: usize) -> Result<(), Error> {
    let mut opened = oracle.open(disk)?;
    for turn in 0..batches {
        for _ in 0..=rng.below(4) {
            let len = rng.below(500) as usize;
            let payload = rng.bytes(len);
            opened.appender.append(1, Time(oracle.appended.len() as i64), &payload);
            oracle.appended.push(payload);
        }
        let batch = opened.appender.take().unwrap();
        let done = match opened.writer.commit(&batch) {
            Err(Error::DiskFull { .. }) => opened.writer.commit(&batch),
            done => done,
        };
        if let Err(error) = done {
            if !matches!(error, Error::DiskFull { .. }) {
                assert!(matches!(opened.writer.commit(&batch), Err(Error::Poisoned)), "a failed sync was retried");
            }
            return Err(error);
        }
        assert_eq!(done?, batch.last());
        oracle.acknowledged = oracle.appended.len();
        opened.appender.recycle(batch);
        if turn % 4 == 3 {
            // One that fails is left at that, as long as the log itself goes on.
            let _ = checkpoint(&mut opened, oracle, rng);
        }
    }
    opened.writer.close();
    Ok(())
}

const BATCHES: usize = 26;

/// How many operations a run without faults has.
fn undisturbed(seed: u64) -> (u64, u64) {
    let disk = Arc::new(MemDisk::default());
    let mut oracle = Oracle::new();
    live(&disk, &mut oracle, &mut Rng(seed), BATCHES).unwrap();
    assert!(oracle.named.len() > 3, "the ladder has rungs");
    let segment = disk.image().into_keys().find(|name| name.starts_with("segment-"));
    assert_ne!(segment.unwrap(), "segment-00000000000000000001", "segments are dropped");
    (disk.operations(), disk.reads())
}

/// A run with one fault, then power cuts and further runs, the last of which must go through.
fn disturbed(seed: u64, at: u64, fault: Fault, mode: u64) {
    let disk = Arc::new(MemDisk::default());
    let (mut oracle, mut rng) = (Oracle::new(), Rng(seed));
    disk.fail(at, fault);
    let first = live(&disk, &mut oracle, &mut rng, BATCHES);
    let mut chance = Rng(seed ^ at << 8 ^ mode);
    if disk.dead() || first.is_ok() || chance.below(2) == 0 {
        disk.crash(&mut chance, mode);
    } else {
        disk.restart();
    }
    // Recovery itself is interrupted, up to five deep.
    for _ in 0..chance.below(6) {
        disk.fail(1 + chance.below(8), Fault::Crash);
        let _ = live(&disk, &mut oracle, &mut rng, 2);
        disk.crash(&mut chance, mode);
    }
    if let Err(error) = live(&disk, &mut oracle, &mut rng, 6) {
        panic!("seed {seed}, {fault:?} at {at}, mode {mode}: {error}");
    }
    disk.crash(&mut chance, 2);
    if let Err(error) = oracle.open(&disk) {
        panic!("seed {seed}, {fault:?} at {at}, mode {mode}, at the end: {error}");
    }
}

#[test]
fn power_cut_at_every_operation() {
    for seed in 0..4 {
        for at in 1..=undisturbed(seed).0 {
            for mode in 0..6 {
                disturbed(seed, at, Fault::Crash, mode);
            }
        }
    }
}

#[test]
fn io_error_at_every_operation() {
    for seed in 0..4 {
        for at in 1..=undisturbed(seed).0 {
            for mode in 0..4 {
                disturbed(seed, at, Fault::Eio, mode);
            }
        }
    }
}

#[test]
fn no_space_at_every_operation() {
    for seed in 0..4 {
        for at in 1..=undisturbed(seed).0 {
            for mode in 0..3 {
                disturbed(seed, at, Fault::NoSpace, mode);
            }
        }
    }
}

#[test]
fn read_error_at_every_read() {
    for at in 1..=undisturbed(1).1 {
        disturbed(1, at, Fault::ReadEio, 2);
    }
}

#[test]
fn a_full_disk_loses_nothing_and_the_same_batch_goes_through() {
    let (operations, _) = undisturbed(3);
    let mut ridden_out = 0;
    for at in 1..=operations {
        let disk = Arc::new(MemDisk::default());
        let mut oracle = Oracle::new();
        disk.fail(at, Fault::NoSpace);
        match live(&disk, &mut oracle, &mut Rng(3), BATCHES) {
            Ok(()) => ridden_out += 1,
            Err(error) => assert!(matches!(error, Error::DiskFull { .. } | Error::Io { .. }), "{error}"),
        }
    }
    assert!(ridden_out * 10 > operations * 6, "{ridden_out} of {operations}");
}

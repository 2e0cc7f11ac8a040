//! Checkpoints: every consumer's state frozen at one position, written beside live traffic, loaded for any number of shards.

use crate::core::Core;
use crate::machine::Machine;
use decision::EpochSnapshot;
use domain::{Position, Refusal, Time};
use journal::{CheckpointReader, CheckpointWriter, Disk, Manifest};
use parking_lot::Condvar;
use spec::Plan;
use state::{CatalogueSnapshot, DedupeSnapshot, DictionarySnapshot, LoadError, RowsSnapshot, Snapshot};
use std::sync::Arc;

const META: u32 = 1;
const NAMES: u32 = 2;
const CATALOGUE: u32 = 3;
const DEDUPE: u32 = 4;
const ROWS: u32 = 5;
const EPOCH: u32 = 6;

/// All state at one position, sharing memory with the running node.
struct Frozen {
    position: Position,
    log_time: Time,
    specs: Vec<Position>,
    names: DictionarySnapshot,
    catalogue: CatalogueSnapshot,
    dedupe: DedupeSnapshot,
    shards: Vec<RowsSnapshot>,
    epoch: EpochSnapshot,
}

/// What threaded consumers hand over when the barrier reaches them.
#[derive(Default)]
pub(crate) struct Deposits {
    shards: Vec<Option<RowsSnapshot>>,
    epoch: Option<EpochSnapshot>,
    missing: usize,
}

/// Wakes the checkpoint when the last deposit has come.
#[derive(Default)]
pub(crate) struct Complete(pub(crate) Condvar);

/// A checkpoint that was loaded.
pub(crate) struct Loaded {
    pub(crate) machine: Machine,
    /// Where the spec of each plan version stands.
    pub(crate) specs: Vec<Position>,
}

impl<D: Disk> Core<D> {
    /// Writes a checkpoint if anything changed since the last one; returns its position if it did. The sequencer is held only
    /// while page tables are copied.
    pub fn checkpoint(&self) -> Result<Option<Position>, Refusal> {
        let _one_at_a_time = self.checkpointing.lock();
        if !std::mem::take(&mut self.sequencer.lock().changed) {
            return Ok(None);
        }
        let frozen = self.freeze();
        let written = self
            .sync_to(frozen.position)
            .and_then(|()| self.write(&frozen).map_err(|error| crate::gate::checkpoint_failed(&error)));
        match written {
            Ok(manifest) => self.retain(&manifest),
            Err(refusal) => {
                self.sequencer.lock().changed = true;
                return Err(refusal);
            }
        }
        Ok(Some(frozen.position))
    }

    /// Syncs until everything up to `position` is durable. A closed gate never opens again, so it is an error and no wait.
    fn sync_to(&self, position: Position) -> Result<(), Refusal> {
        while self.gate.durable() < position {
            self.refuse_if_closed()?;
            self.sync()?;
        }
        Ok(())
    }

    fn freeze(&self) -> Frozen {
        let mut sequencer = self.sequencer.lock();
        // The last record's time: the clock may have been looked at since, for nothing that was appended.
        let (position, log_time) = (sequencer.appender.position(), sequencer.appender.log_time());
        let names = self.names.read().snapshot();
        let catalogue = sequencer.catalogue.snapshot();
        let dedupe = sequencer.dedupe.snapshot();
        let specs = self.specs.lock().clone();
        let (shards, epoch) = match &self.ring {
            None => (self.shards.iter().map(|shard| shard.write().snapshot()).collect(), self.epochs.snapshot()),
            Some(ring) => {
                let missing = self.shards.len() + 1;
                *self.deposits.lock() =
                    Deposits { shards: self.shards.iter().map(|_| None).collect(), epoch: None, missing };
                ring.push(crate::ring::Message::Barrier);
                drop(sequencer);
                self.collect_deposits()
            }
        };
        Frozen { position, log_time, specs, names, catalogue, dedupe, shards, epoch }
    }

    /// A threaded consumer has reached the barrier.
    pub(crate) fn deposit(&self, consumer: usize) {
        let rows = self.shards.get(consumer).map(|shard| shard.write().snapshot());
        let epoch = rows.is_none().then(|| self.epochs.snapshot());
        let mut deposits = self.deposits.lock();
        match rows {
            Some(rows) => deposits.shards[consumer] = Some(rows),
            None => deposits.epoch = epoch,
        }
        deposits.missing -= 1;
        self.complete.0.notify_all();
    }

    fn collect_deposits(&self) -> (Vec<RowsSnapshot>, EpochSnapshot) {
        let mut deposits = self.deposits.lock();
        while deposits.missing > 0 {
            self.complete.0.wait(&mut deposits);
        }
        let deposits = std::mem::take(&mut *deposits);
        let epoch = deposits.epoch.expect("the index consumer has handed its state over");
        (deposits.shards.into_iter().flatten().collect(), epoch)
    }

    fn write(&self, frozen: &Frozen) -> Result<Manifest, journal::Error> {
        let mut writer = CheckpointWriter::begin(&self.reader, frozen.position, self.plan.digest)?;
        let mut bytes = Vec::new();
        put_meta(frozen, &mut bytes);
        writer.begin_section(META)?;
        writer.write(&bytes)?;
        put(&mut writer, NAMES, &frozen.names)?;
        put(&mut writer, CATALOGUE, &frozen.catalogue)?;
        put(&mut writer, DEDUPE, &frozen.dedupe)?;
        for shard in &frozen.shards {
            put(&mut writer, ROWS, shard)?;
        }
        put(&mut writer, EPOCH, &frozen.epoch)?;
        // The state's digest would take a full walk of it; `millrace digest` and the checks compute it from the file instead.
        writer.finish([0; 32])
    }

    /// Drops what retention no longer asks for. What the older of the two checkpoints needs to be of use is always kept.
    fn retain(&self, checkpoints: &Manifest) {
        let (Some(keep), Some(previous)) = (self.config.retain, &checkpoints.previous) else { return };
        let horizon = self.sequencer.lock().log_time.minus(keep);
        let Ok(wanted) = self.reader.position_at(horizon) else { return };
        if let Some(writer) = &mut self.log.lock().writer {
            // A failure here loses nothing: it is tried again after the next checkpoint.
            let _ = writer.retain_from(wanted.min(previous.position.next()));
        }
    }
}

fn put<D: Disk>(writer: &mut CheckpointWriter<D>, tag: u32, part: &dyn Snapshot) -> Result<(), journal::Error> {
    let mut bytes = Vec::new();
    for chunk in 0..part.chunks() {
        bytes.clear();
        part.save(chunk, &mut bytes);
        writer.begin_section(tag)?;
        writer.write(&bytes)?;
    }
    Ok(())
}

fn put_meta(frozen: &Frozen, out: &mut Vec<u8>) {
    out.extend_from_slice(&frozen.position.0.to_le_bytes());
    out.extend_from_slice(&frozen.log_time.0.to_le_bytes());
    out.extend_from_slice(&(frozen.specs.len() as u32).to_le_bytes());
    frozen.specs.iter().for_each(|at| out.extend_from_slice(&at.0.to_le_bytes()));
}

/// Loads the newest checkpoint if it is of this plan; what was passed over is added to `warnings`.
pub(crate) fn load<D: Disk>(
    reader: &journal::Reader<D>,
    plan: &Arc<Plan>,
    shards: u32,
    hash_seed: u64,
    warnings: &mut Vec<String>,
) -> Result<Option<Loaded>, journal::Error> {
    let found = journal::load_checkpoint(reader)?;
    warnings.extend(found.rejected.iter().map(|error| error.to_string()));
    let Some(mut checkpoint) = found.checkpoint else { return Ok(None) };
    if checkpoint.entry().plan != plan.digest {
        return Ok(None);
    }
    let mut loaded = Loaded { machine: Machine::new(plan.clone(), shards, hash_seed), specs: Vec::new() };
    match read(&mut checkpoint, &mut loaded) {
        Ok(()) => Ok(Some(loaded)),
        Err(ReadError::Journal(error)) => Err(error),
        Err(ReadError::Content(error)) => {
            warnings.push(error.to_string());
            Ok(None)
        }
    }
}

enum ReadError {
    Journal(journal::Error),
    Content(LoadError),
}

impl From<journal::Error> for ReadError {
    fn from(error: journal::Error) -> ReadError {
        ReadError::Journal(error)
    }
}

impl From<LoadError> for ReadError {
    fn from(error: LoadError) -> ReadError {
        ReadError::Content(error)
    }
}

fn read<D: Disk>(checkpoint: &mut CheckpointReader<D>, loaded: &mut Loaded) -> Result<(), ReadError> {
    let machine = &mut loaded.machine;
    let mut bytes = Vec::new();
    while let Some(tag) = checkpoint.next_section()? {
        bytes.clear();
        checkpoint.read_section(&mut bytes)?;
        match tag {
            META => read_meta(&bytes, machine, &mut loaded.specs)?,
            NAMES => machine.names.load(&bytes)?,
            CATALOGUE => machine.catalogue.load(&bytes)?,
            DEDUPE => machine.dedupe.load(&bytes)?,
            ROWS => machine.shards.iter_mut().try_for_each(|shard| shard.load(&bytes))?,
            EPOCH => machine.epoch.load(&bytes)?,
            // Written by a later version; what this one needs is checked by the sections it knows.
            _ => {}
        }
    }
    machine.epoch.complete();
    Ok(())
}

fn read_meta(bytes: &[u8], machine: &mut Machine, specs: &mut Vec<Position>) -> Result<(), LoadError> {
    let mut input = state::Reader::new(bytes);
    machine.position = Position(input.u64()?);
    machine.log_time = Time(input.i64()?);
    for _ in 0..input.count(8)? {
        specs.push(Position(input.u64()?));
    }
    Ok(())
}

/// The state of a directory as its newest checkpoint has it, for checks: none if there is none of this plan.
pub fn machine_of_checkpoint<D: Disk>(
    reader: &journal::Reader<D>,
    plan: &Arc<Plan>,
    shards: u32,
) -> Result<Option<Machine>, journal::Error> {
    Ok(load(reader, plan, shards, 1, &mut Vec::new())?.map(|loaded| loaded.machine))
}

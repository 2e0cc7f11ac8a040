//! Checkpoints: every consumer's state frozen at one position, written beside live traffic, loaded for any number of shards.
//! Which older ones stay, and how much of the log, is in `checkpoint/ladder.rs`.

mod base;
mod ladder;

pub(crate) use base::{base, exists, form_at_start};

use crate::core::Core;
use crate::decide::Casebook;
use crate::generation::State;
use crate::machine::Machine;
use decision::EpochSnapshot;
use domain::{PlanVersion, Position, Refusal, Time};
use journal::{CheckpointReader, CheckpointWriter, Disk, Manifest};
use parking_lot::Condvar;
use spec::Plan;
use state::{
    AttributionSnapshot, CatalogueSnapshot, DedupeSnapshot, Dictionary, DictionarySnapshot, LoadError, RowsSnapshot,
    Snapshot,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const META: u32 = 1;
const NAMES: u32 = 2;
const CATALOGUE: u32 = 3;
/// Event ids as they were hashed before: they would take a repeated event for another one.
const DEDUPE_BEFORE: [u32; 2] = [4, 11];
const ROWS: u32 = 5;
const EPOCH: u32 = 6;
/// The text of the spec in force: retention drops its record in time.
const SPEC: u32 = 7;
const ATTRIBUTION: u32 = 8;
/// The text of the spec that the state is of, if it is another than the one in force.
const OWN_SPEC: u32 = 9;
/// What is kept of decisions: only where it is as new as the rest.
const CASES: u32 = 10;
const DEDUPE: u32 = 12;

/// All state at one position, sharing memory with the running node.
struct Frozen {
    /// Digest of what the state is built by.
    state: [u8; 32],
    /// The spec in force at the position.
    text: String,
    /// The spec that the state is of, if it is another.
    own: Option<String>,
    position: Position,
    log_time: Time,
    specs: Vec<Position>,
    names: DictionarySnapshot,
    catalogue: CatalogueSnapshot,
    dedupe: DedupeSnapshot,
    attribution: Option<AttributionSnapshot>,
    shards: Vec<RowsSnapshot>,
    epoch: EpochSnapshot,
    cases: Option<Vec<u8>>,
}

/// What threaded consumers hand over when the barrier reaches them.
#[derive(Default)]
pub(crate) struct Deposits {
    shards: Vec<Option<RowsSnapshot>>,
    epoch: Option<EpochSnapshot>,
    cases: Vec<u8>,
    missing: usize,
}

/// Held while a checkpoint is written.
#[derive(Default)]
pub(crate) struct Checkpointing {
    /// The consumers are told to stop: no barrier would come back.
    pub(crate) ended: bool,
    /// A change has saved its state and is about to switch to it: no other checkpoint comes between.
    pub(crate) held: bool,
    /// The last one could not be written, which was said.
    failing: bool,
}

/// Wakes the checkpoint when the last deposit has come.
#[derive(Default)]
pub(crate) struct Complete(pub(crate) Condvar);

/// A checkpoint that was loaded.
pub(crate) struct Loaded {
    pub(crate) machine: Machine,
    /// Where the spec of each plan version stands.
    pub(crate) specs: Vec<Position>,
    /// The text of the last of them.
    pub(crate) text: String,
}

impl<D: Disk> Core<D> {
    /// Writes a checkpoint if anything changed since the last one; returns its position if it did. The sequencer is held only
    /// while page tables are copied.
    pub fn checkpoint(&self) -> Result<Option<Position>, Refusal> {
        let mut checkpointing = self.checkpointing.lock();
        if checkpointing.ended || checkpointing.held || !std::mem::take(&mut self.sequencer.lock().changed) {
            return Ok(None);
        }
        let frozen = self.freeze();
        let written = self
            .sync_to(frozen.position)
            .and_then(|()| self.write(&frozen).map_err(|error| crate::gate::checkpoint_failed(&error)));
        match written {
            Ok(manifest) => {
                self.retain(&manifest);
                self.measure_log();
                if std::mem::take(&mut checkpointing.failing) {
                    (self.config.tell)(&format!("a checkpoint is written again, at position {}", frozen.position));
                }
            }
            Err(refusal) => {
                self.sequencer.lock().changed = true;
                self.checkpoints_failed.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut checkpointing.failing, true) {
                    (self.config.tell)(&format!("no checkpoint at position {}: {}", frozen.position, refusal.message));
                }
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

    /// Writes a machine of a plan that is not yet in force as a checkpoint of that plan. Its position must be durable.
    pub(crate) fn save_machine(&self, machine: &mut Machine, specs: Vec<Position>) -> Result<(), journal::Error> {
        let frozen = Frozen {
            state: spec::state_digest(&machine.plan),
            text: self.plan().text.clone(),
            own: Some(machine.plan.text.clone()),
            position: machine.position,
            log_time: machine.log_time,
            specs,
            names: machine.names.snapshot(),
            catalogue: machine.catalogue.snapshot(),
            dedupe: machine.dedupe.snapshot(),
            attribution: machine.attribution.as_ref().map(|attribution| attribution.snapshot()),
            shards: machine.shards.iter_mut().map(|shard| shard.snapshot()).collect(),
            epoch: machine.epoch.snapshot(),
            cases: None,
        };
        self.write(&frozen).map(|_| ())
    }

    fn freeze(&self) -> Frozen {
        let mut sequencer = self.sequencer.lock();
        // The last record's time: the clock may have been looked at since, for nothing that was appended.
        let (position, log_time) = (sequencer.appender.position(), sequencer.appender.log_time());
        let generation = sequencer.generation.clone();
        let state = &generation.state;
        let names = state.names.read().snapshot();
        let catalogue = sequencer.catalogue.snapshot();
        let dedupe = sequencer.dedupe.snapshot();
        let attribution = sequencer.attribution.as_ref().map(|attribution| attribution.snapshot());
        let specs = self.specs.lock().clone();
        let (shards, epoch, cases) = match &self.ring {
            None => {
                let shards = state.shards.iter().map(|shard| shard.write().snapshot()).collect();
                (shards, state.epochs.snapshot(), state.cases_saved())
            }
            Some(ring) => {
                let missing = state.shards.len() + 1;
                *self.deposits.lock() =
                    Deposits { shards: state.shards.iter().map(|_| None).collect(), missing, ..Deposits::default() };
                ring.push(crate::ring::Message::Barrier(state.clone()));
                drop(sequencer);
                self.collect_deposits()
            }
        };
        let (state, text) = (spec::state_digest(&generation.plan), generation.plan.text.clone());
        Frozen {
            state,
            text,
            own: None,
            position,
            log_time,
            specs,
            names,
            catalogue,
            dedupe,
            attribution,
            shards,
            epoch,
            cases: Some(cases),
        }
    }

    /// A threaded consumer has reached the barrier.
    pub(crate) fn deposit(&self, state: &State, consumer: usize) {
        let rows = state.shards.get(consumer).map(|shard| shard.write().snapshot());
        let epoch = rows.is_none().then(|| state.epochs.snapshot());
        let mut deposits = self.deposits.lock();
        match rows {
            Some(rows) => deposits.shards[consumer] = Some(rows),
            None => deposits.epoch = epoch,
        }
        deposits.missing -= 1;
        if deposits.missing == 0 {
            // All others have come here before, and nothing behind this place has passed this consumer.
            deposits.cases = state.cases_saved();
        }
        self.complete.0.notify_all();
    }

    fn collect_deposits(&self) -> (Vec<RowsSnapshot>, EpochSnapshot, Vec<u8>) {
        let mut deposits = self.deposits.lock();
        while deposits.missing > 0 {
            self.complete.0.wait(&mut deposits);
        }
        let deposits = std::mem::take(&mut *deposits);
        let epoch = deposits.epoch.expect("the index consumer has handed its state over");
        (deposits.shards.into_iter().flatten().collect(), epoch, deposits.cases)
    }

    fn write(&self, frozen: &Frozen) -> Result<Manifest, journal::Error> {
        let mut writer = CheckpointWriter::begin(&self.reader, frozen.position, frozen.state)?;
        let mut bytes = Vec::new();
        put_meta(frozen, &mut bytes);
        writer.begin_section(META)?;
        writer.write(&bytes)?;
        put(&mut writer, NAMES, &frozen.names)?;
        put(&mut writer, CATALOGUE, &frozen.catalogue)?;
        put(&mut writer, DEDUPE, &frozen.dedupe)?;
        if let Some(attribution) = &frozen.attribution {
            put(&mut writer, ATTRIBUTION, attribution)?;
        }
        for shard in &frozen.shards {
            put(&mut writer, ROWS, shard)?;
        }
        put(&mut writer, EPOCH, &frozen.epoch)?;
        writer.begin_section(SPEC)?;
        writer.write(frozen.text.as_bytes())?;
        if let Some(own) = &frozen.own {
            writer.begin_section(OWN_SPEC)?;
            writer.write(own.as_bytes())?;
        }
        if let Some(cases) = &frozen.cases {
            writer.begin_section(CASES)?;
            writer.write(cases)?;
        }
        // The state's digest would take a full walk of it; `millrace digest` and the checks compute it from the file instead.
        // Of what is being filled first: once it is no more, it is in force.
        let plans = self.changes.filled().into_iter().chain([self.plan()]);
        let states = plans.map(|plan| (spec::state_digest(&plan), plan.carried));
        let states: Vec<_> = states.chain(self.kept_state()).collect();
        writer.finish([0; 32], |all| ladder::kept_beside(all, self.config.retain, &states))
    }

    /// Drops what retention no longer asks for. Everything after the oldest checkpoint that stays is kept.
    fn retain(&self, checkpoints: &Manifest) {
        let last_spec = self.specs.lock().last().copied().unwrap_or_default();
        // What an interim plan lacks is filled from the whole log.
        if self.is_filling() || self.keeps_a_plan() || self.plan().is_interim() {
            return;
        }
        let Some(end) =
            ladder::droppable(checkpoints, self.config.retain, last_spec, &spec::state_digest(&self.plan()))
        else {
            return;
        };
        if let Some(writer) = &mut self.log.lock().writer {
            // A failure here loses nothing: it is tried again after the next checkpoint.
            let _ = writer.retain_from(end.next());
        }
    }
}

/// How many bytes the state takes in a checkpoint, spec and positions aside: a function of plan and log.
pub(crate) fn state_bytes(machine: &mut Machine) -> u64 {
    let mut bytes = Vec::new();
    let mut measure = |part: &dyn Snapshot| {
        let of_chunk = |chunk| {
            bytes.clear();
            part.save(chunk, &mut bytes);
            bytes.len() as u64
        };
        (0..part.chunks()).map(of_chunk).sum::<u64>()
    };
    let parts = measure(&machine.names.snapshot())
        + measure(&machine.catalogue.snapshot())
        + measure(&machine.dedupe.snapshot())
        + measure(&machine.epoch.snapshot());
    let attribution = machine.attribution.as_ref().map_or(0, |attribution| measure(&attribution.snapshot()));
    let rows: u64 = machine.shards.iter_mut().map(|shard| measure(&shard.snapshot())).sum();
    parts + attribution + rows
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

/// Loads the newest checkpoint of this plan, or of one with the same state, at or before a position; without one, if the plan's state
/// begins at a checkpoint of another plan, that. What was passed over is added to `warnings`.
pub(crate) fn load_before<D: Disk>(
    reader: &journal::Reader<D>,
    position: Position,
    plan: &Arc<Plan>,
    shards: u32,
    hash_seed: u64,
    warnings: &mut Vec<String>,
) -> Result<Option<Loaded>, journal::Error> {
    let (mut end, digest) = (Some(position), spec::state_digest(plan));
    while let Some(before) = end {
        let found = journal::load_checkpoint_before(reader, before, &digest)?;
        warnings.extend(found.rejected.iter().map(|error| error.to_string()));
        let Some(mut checkpoint) = found.checkpoint else { break };
        match read(&mut checkpoint, plan, shards, hash_seed) {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(ReadError::Journal(error)) => return Err(error),
            Err(ReadError::Content(error)) => warnings.push(error.to_string()),
        }
        end = checkpoint.entry().position.0.checked_sub(1).map(Position);
    }
    base::carried_over(reader, position, plan, (shards, hash_seed), warnings)
}

/// The specs up to the newest checkpoint of any plan, for a log that no longer holds all of them.
pub(crate) struct Specs {
    /// The last position that the checkpoint includes.
    pub(crate) end: Position,
    /// Where the spec of each plan version up to there stands or stood.
    pub(crate) at: Vec<Position>,
    /// The text of the last of them.
    pub(crate) text: String,
}

/// Reads the specs that the newest checkpoint up to a position knows of; none if no checkpoint can be read.
pub(crate) fn specs<D: Disk>(reader: &journal::Reader<D>, end: Position) -> Result<Option<Specs>, journal::Error> {
    let Some(mut checkpoint) = journal::load_any_checkpoint_before(reader, end)?.checkpoint else { return Ok(None) };
    let mut specs = Specs { end: checkpoint.entry().position, at: Vec::new(), text: String::new() };
    let mut bytes = Vec::new();
    while let Some(tag) = checkpoint.next_section()? {
        bytes.clear();
        match tag {
            META => {
                checkpoint.read_section(&mut bytes)?;
                let Ok(meta) = Meta::read(&bytes) else { return Ok(None) };
                specs.at = meta.specs;
            }
            SPEC => {
                checkpoint.read_section(&mut bytes)?;
                specs.text = String::from_utf8_lossy(&bytes).into_owned();
            }
            _ => {}
        }
    }
    Ok(Some(specs))
}

/// What the newest checkpoint up to a position that has it keeps of decisions, and that checkpoint's position.
pub(crate) fn casebook<D: Disk>(
    reader: &journal::Reader<D>,
    end: Position,
) -> Result<Option<(Casebook, Position)>, journal::Error> {
    let mut end = Some(end);
    while let Some(before) = end {
        let Some(mut checkpoint) = journal::load_any_checkpoint_before(reader, before)?.checkpoint else { break };
        let (position, mut bytes) = (checkpoint.entry().position, Vec::new());
        while let Some(tag) = checkpoint.next_section()? {
            if tag == CASES {
                checkpoint.read_section(&mut bytes)?;
                if let Ok(casebook) = Casebook::load(&bytes) {
                    return Ok(Some((casebook, position)));
                }
            }
        }
        end = position.0.checked_sub(1).map(Position);
    }
    Ok(None)
}

/// The text of a version whose record retention has dropped, from a checkpoint that was written while it was in force. `specs` is
/// where each version stands or stood.
pub(crate) fn spec_of_version<D: Disk>(
    reader: &journal::Reader<D>,
    specs: &[Position],
    version: PlanVersion,
) -> Option<String> {
    let end = specs.get(version.0 as usize).map_or(reader.last(), |next| Position(next.0 - 1));
    let known = self::specs(reader, end).ok()??;
    (known.at.len() == version.0 as usize).then_some(known.text)
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

fn read<D: Disk>(
    checkpoint: &mut CheckpointReader<D>,
    plan: &Arc<Plan>,
    shards: u32,
    hash_seed: u64,
) -> Result<Loaded, ReadError> {
    let mut names = Some(Dictionary::empty(plan, hash_seed));
    let (mut machine, mut meta, mut text) = (None, None, String::new());
    let mut bytes = Vec::new();
    while let Some(tag) = checkpoint.next_section()? {
        bytes.clear();
        checkpoint.read_section(&mut bytes)?;
        match (tag, &mut names) {
            (META, _) => meta = Some(Meta::read(&bytes)?),
            (SPEC, _) => text = String::from_utf8_lossy(&bytes).into_owned(),
            (NAMES, Some(names)) => names.load(&bytes)?,
            _ => {
                // All names are there: what follows is read by a plan that is bound to them.
                let made = |names| Machine::with_names(plan, names, shards);
                machine = machine.or_else(|| names.take().map(made));
                machine.iter_mut().try_for_each(|machine| read_part(machine, tag, &bytes))?;
            }
        }
    }
    let (Some(mut machine), Some(meta)) = (machine, meta) else {
        return Err(LoadError { what: "a checkpoint ends before all of its parts" }.into());
    };
    (machine.position, machine.log_time) = (meta.position, meta.log_time);
    machine.epoch.complete(&machine.names);
    Ok(Loaded { machine, specs: meta.specs, text })
}

fn read_part(machine: &mut Machine, tag: u32, bytes: &[u8]) -> Result<(), LoadError> {
    match tag {
        CATALOGUE => machine.catalogue.load(bytes),
        DEDUPE => machine.dedupe.load(bytes),
        tag if DEDUPE_BEFORE.contains(&tag) => {
            Err(LoadError { what: "it has event ids in an earlier form, which the log has too" })
        }
        ATTRIBUTION => machine.attribution.iter_mut().try_for_each(|attribution| attribution.load(bytes)),
        ROWS => machine.shards.iter_mut().try_for_each(|shard| shard.load(bytes)),
        EPOCH => machine.epoch.load(bytes),
        // Written by a later version; what this one needs is checked by the sections it knows.
        _ => Ok(()),
    }
}

struct Meta {
    position: Position,
    log_time: Time,
    specs: Vec<Position>,
}

impl Meta {
    fn read(bytes: &[u8]) -> Result<Meta, LoadError> {
        let mut input = state::Reader::new(bytes);
        let (position, log_time) = (Position(input.u64()?), Time(input.i64()?));
        let specs = (0..input.count(8)?).map(|_| input.u64().map(Position)).collect::<Result<_, _>>()?;
        Ok(Meta { position, log_time, specs })
    }
}

/// The state of a directory as its newest checkpoint of this plan has it, for checks: none if there is none.
pub fn machine_of_checkpoint<D: Disk>(
    reader: &journal::Reader<D>,
    plan: &Arc<Plan>,
    shards: u32,
) -> Result<Option<Machine>, journal::Error> {
    let loaded = load_before(reader, reader.last(), plan, shards, 1, &mut Vec::new())?;
    Ok(loaded.map(|loaded| loaded.machine))
}

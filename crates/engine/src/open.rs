//! Opening a node: recover the log, load the newest checkpoint that fits the plan, apply the tail, and note a changed spec.
//! The first start is a change from the empty plan; there is no other path.

use crate::change::Changes;
use crate::checkpoint::{self, Complete};
use crate::core::{Core, Log, Work};
use crate::decide::{self, Casebook, Given, Guarding, Judge, Recent, RecentAlarms};
use crate::epochs::Epochs;
use crate::gate::Gate;
use crate::generation::{Generation, State};
use crate::machine::Machine;
use crate::page::FirstPages;
use crate::ring::Ring;
use crate::rules::KnownRules;
use crate::sequencer::Sequencer;
use crate::{Clock, Config, Mode};
use domain::{Payload, PlanVersion, Position, Refusal, Span, Time, limits};
use journal::{Disk, Reader, RecoveryReport};
use parking_lot::{Mutex, RwLock};
use spec::Diff;
use spec::Plan;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

/// Messages that the ring holds before the sequencer waits for the slowest consumer.
const RING_MESSAGES: usize = 1_024;

/// What opening found and did.
#[derive(Debug)]
pub struct OpenReport {
    /// What the journal's recovery found.
    pub journal: RecoveryReport,
    /// Position of the checkpoint, the newest of this spec, that state was loaded from; `START` if it was built from the whole log.
    pub checkpoint: Position,
    /// Records applied after it.
    pub replayed: u64,
    /// What changed since the spec last in force; none if nothing did.
    pub diff: Option<Diff>,
    /// Damaged checkpoints that were passed over, and a log that is ahead of the clock.
    pub warnings: Vec<String>,
}

/// Why a node could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The journal: locked, damaged, unreadable.
    Journal(journal::Error),
    /// A record whose bytes are not what its header says.
    Record(Position),
    /// The state that this spec needs cannot be built from what is retained.
    SpecNeedsOlderLog {
        /// The first record still there.
        replay_from: Position,
    },
    /// Decisions could not be recomputed.
    Replay(Refusal),
    /// The system gives no thread.
    Thread(std::io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Journal(error) => error.fmt(f),
            OpenError::Record(position) => write!(
                f,
                "record {position} is intact on disk but not in a format that this version reads; use the version that wrote it"
            ),
            OpenError::Replay(refusal) => refusal.fmt(f),
            OpenError::Thread(error) => write!(f, "the system gives no thread: {error}"),
            OpenError::SpecNeedsOlderLog { replay_from } => write!(
                f,
                "the spec's state must be built from the whole log, but the log is retained only from position {replay_from}; \
                 start with the previous spec, or with an empty data directory and import the events again"
            ),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<journal::Error> for OpenError {
    fn from(error: journal::Error) -> OpenError {
        OpenError::Journal(error)
    }
}

impl<D: Disk> Core<D> {
    /// Opens the node on this disk with this plan. `progress` hears of (records applied, records in the log) now and then.
    pub fn open(
        disk: Arc<D>,
        options: journal::Options,
        plan: Arc<Plan>,
        config: Config,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Core<D>, OpenReport), OpenError> {
        let opened = journal::open(disk, options)?;
        let mut warnings = Vec::new();
        let shards = config.shards.max(1);
        let end = opened.recovery.last;
        let plan = checkpoint::form_at_start(&opened.reader, &plan)?;
        let start = checkpoint::load_before(&opened.reader, end, &plan, shards, config.hash_seed, &mut warnings)?;
        let (mut machine, mut specs, text) = match start {
            Some(loaded) => (loaded.machine, loaded.specs, Some(loaded.text)),
            _ if opened.recovery.first > Position(1) => {
                return Err(OpenError::SpecNeedsOlderLog { replay_from: opened.recovery.first });
            }
            _ => (Machine::new(plan.clone(), shards, config.hash_seed), Vec::new(), None),
        };
        let checkpoint = machine.position;
        let (book, book_at) = decide::of_checkpoint(&opened.reader, end);
        let in_force = in_force(&opened.reader, &specs, text.as_deref())?;
        // Without a change of the spec behind the checkpoint, decisions are made on the way; else anew, each under its own plan.
        let on_the_way = book_at == checkpoint && in_force.as_deref() == Some(plan.text.as_str());
        let mut taking = on_the_way.then_some((book, PlanVersion(specs.len() as u32)));
        replay(&opened.reader, (&mut machine, &mut taking), &mut specs, opened.recovery.last, progress)?;
        let replayed = machine.position.0 - checkpoint.0;
        warnings.extend(ahead(machine.log_time, &config.clock));
        let mut old_text = specs.last().map(|&at| spec_text(&opened.reader, at)).transpose()?.flatten();
        if old_text.is_none() && specs.last().is_some_and(|&at| at <= checkpoint) {
            // Retention has dropped the record, but the checkpoint has it.
            old_text = text;
        }
        let mut core = Core::assemble(machine, specs, config, opened.appender, opened.writer, opened.reader);
        core.writer_epoch = opened.recovery.epoch;
        let book = match taking {
            Some((book, _)) => book,
            None => {
                let (book, from) = decide::of_checkpoint(&core.reader, end);
                core.derive_cases(book, from)
            }
        };
        *core.generation().state.cases.lock() = book;
        core.sequencer.get_mut().changed = replayed > 0;
        let diff = core.adopt_spec(old_text.as_deref());
        core.fill_interim();
        Ok((core, OpenReport { journal: opened.recovery, checkpoint, replayed, diff, warnings }))
    }

    fn assemble(
        machine: Machine,
        specs: Vec<Position>,
        config: Config,
        appender: journal::Appender,
        writer: journal::Writer<D>,
        reader: Reader<D>,
    ) -> Core<D> {
        let Machine { plan, names, catalogue, dedupe, attribution, shards, epoch, position, log_time, judge, .. } =
            machine;
        let gate = Gate::default();
        gate.set_durable(appender.position());
        gate.set_applied(appender.position());
        let consumers = shards.len() + 1;
        // The epoch and the sequencer keep the same lists: one looks, the other judges.
        let lists = epoch.listed().clone();
        let ring = (config.mode == Mode::Threaded).then(|| Ring::new(RING_MESSAGES, consumers));
        let alarms = Arc::new(Mutex::new(RecentAlarms::new(position)));
        let names = names.with_capacity(config.entities_max, config.strings_max);
        let kept = (alarms.clone(), Arc::default());
        let state = State::new(names, shards, Epochs::new(epoch), Recent::since(position), kept);
        let (version, since) = (PlanVersion(specs.len() as u32), specs.last().copied().unwrap_or_default());
        let generation = Arc::new(Generation { plan, version, since, state: Arc::new(state), judge });
        let sequencer = Sequencer::new(generation.clone(), appender, catalogue, dedupe, lists, attribution, log_time);
        Core {
            generation: RwLock::new(generation),
            specs: Mutex::new(specs),
            writer_epoch: 0,
            sequencer: Mutex::new(sequencer),
            gate,
            log: Mutex::new(Log { writer: Some(writer), held_back: None }),
            disk_full: AtomicBool::new(false),
            held_back_bytes: AtomicUsize::new(0),
            log_bytes: AtomicU64::new(reader.bytes()),
            reader,
            ring,
            applied_by: Mutex::new(vec![position; consumers - 1]),
            rows_applied: AtomicU64::new(position.0),
            work: Work::default(),
            deposits: Mutex::default(),
            complete: Complete::default(),
            rules: KnownRules::default(),
            alarms,
            first_pages: FirstPages::default(),
            changes: Changes::default(),
            guarding: Mutex::new(Guarding::default()),
            given: Mutex::new(Given::default()),
            handed_over: AtomicU64::new(0),
            publisher: OnceLock::new(),
            checkpointing: Mutex::default(),
            checkpoints_failed: AtomicU64::new(0),
            config,
        }
    }

    /// Writes the spec to the log if it is not the one last in force, and says what changed.
    fn adopt_spec(&self, old_text: Option<&str>) -> Option<Diff> {
        let generation = self.generation();
        let plan = generation.plan.clone();
        if old_text == Some(plan.text.as_str()) {
            return None;
        }
        let mut sequencer = self.sequencer.lock();
        sequencer.advance(self.config.clock.now(), None);
        sequencer.attribution.iter_mut().for_each(|attribution| attribution.spec(&plan.text));
        self.write_spec(&mut sequencer, generation.judge.clone(), generation.state.clone());
        drop(sequencer);
        self.ask_for_sync(true);
        let old = old_text.and_then(|text| spec::compile("the spec in force before", text).ok());
        let empty = || spec::compile("no spec", "version: 1\n").expect("a spec with nothing in it is a spec");
        Some(spec::diff(&old.unwrap_or_else(empty), &plan))
    }

    /// Appends a plan's spec to the log and puts the plan in force, with the state that it has there.
    pub(crate) fn write_spec(
        &self,
        sequencer: &mut Sequencer,
        judge: Arc<Judge>,
        state: Arc<State>,
    ) -> Arc<Generation> {
        let plan = judge.plan.clone();
        #[cfg(not(feature = "planted"))]
        let text = plan.text.as_str();
        #[cfg(feature = "planted")]
        let text = match self.config.planted {
            Some(crate::PlantedChange::FilledTooEarly) => plan.written(),
            _ => plan.text.as_str(),
        };
        let since = sequencer.append(&Payload::Spec(text.into()));
        let last = self.reason_of(&plan.text).map_or(since, |reason| sequencer.append(&reason));
        let version = {
            let mut specs = self.specs.lock();
            specs.push(since);
            PlanVersion(specs.len() as u32)
        };
        let generation = Arc::new(Generation { plan, version, since, state, judge });
        sequencer.generation = generation.clone();
        *self.generation.write() = generation.clone();
        // No consumer takes a spec: without this, who waits for this position alone would wait for the next event.
        self.gate.set_applied(last);
        generation
    }
}

/// What is wrong with a log whose time is ahead of the wall clock. Other clocks know no better.
fn ahead(log_time: Time, clock: &Clock) -> Option<String> {
    let ahead = log_time.since(clock.now());
    let unit = if ahead.0 < 2 * 86_400_000 { 60_000 } else { 86_400_000 };
    (matches!(clock, Clock::Wall) && ahead > limits::FUTURE_SKEW_MAX).then(|| {
        let ahead = Span(ahead.0 / unit * unit);
        format!(
            "the log's time is {log_time}, {ahead} ahead of this machine's clock, and never goes back: until then windows are read \
             as of it and events of now count as old. If the clock is right, an event of the past had a wrong time: import the \
             events again without it, into a new directory"
        )
    })
}

fn replay<D: Disk>(
    reader: &Reader<D>,
    (machine, taking): (&mut Machine, &mut Option<(Casebook, PlanVersion)>),
    specs: &mut Vec<Position>,
    last: Position,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), OpenError> {
    let mut records = reader.iter_from(machine.position.next())?;
    progress(machine.position.0, last.0);
    while let Some(record) = records.next()? {
        let position = record.header.position;
        let payload = Payload::decode(record.header.kind, record.payload).map_err(|_| OpenError::Record(position))?;
        if matches!(payload, Payload::Spec(_)) {
            specs.push(position);
            // What was decided so far is decided again under another plan, or is of one that is not in force.
            *taking = None;
        }
        match taking {
            Some((book, version)) => book.take_in(machine, *version, &record.header, &payload),
            None => {
                machine.writer_epoch = record.header.epoch;
                machine.apply(position, record.header.log_time, &payload);
            }
        }
        if position.0 % 8_192 == 0 {
            progress(position.0, last.0);
        }
    }
    Ok(())
}

/// The text of the last of these specs; `text` is what a checkpoint has of it.
fn in_force<D: Disk>(
    reader: &Reader<D>,
    specs: &[Position],
    text: Option<&str>,
) -> Result<Option<String>, journal::Error> {
    let written = specs.last().map(|&at| spec_text(reader, at)).transpose()?.flatten();
    Ok(written.or_else(|| text.map(str::to_owned)))
}

/// The spec that was written at this position, if the record is still there.
pub(crate) fn spec_text<D: Disk>(reader: &Reader<D>, at: Position) -> Result<Option<String>, journal::Error> {
    if at < reader.first() {
        return Ok(None);
    }
    let Some(record) = reader.record(at)? else { return Ok(None) };
    match Payload::decode(record.header.kind, &record.payload) {
        Ok(Payload::Spec(text)) => Ok(Some(text.into_owned())),
        _ => Ok(None),
    }
}

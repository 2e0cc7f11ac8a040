//! One simulated machine: a node on a simulated disk, its clients, and what the outside knows. Every step is a method; whoever
//! holds the seed decides which comes next.

use crate::check;
use crate::disk::{Faults, Quirks, SimDisk, Storage};
use crate::ledger::Ledger;
use crate::pages::Next;
use crate::planted::Plant;
use crate::rng::Rng;
use crate::specs::Spec;
use crate::workload::Workload;
use domain::{Answer, Code, DecisionId, Payload, Position, Refusal, Span, Time};
use engine::{Clock, Config, Core, OpenError, OpenReport};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

/// What a step says when something is not as it must be.
pub(crate) type Verdict = Result<(), String>;

/// Settings of a run, drawn from its seed.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    /// Bytes of a segment file.
    pub(crate) segment_bytes: u64,
    /// Most payloads in one call.
    pub(crate) call_max: u64,
    /// Whether calls may be all or nothing.
    pub(crate) atomic: bool,
    /// Milliseconds without a record before a tick; 0 = never.
    pub(crate) tick_every: i64,
    /// How much of the log is kept, in milliseconds.
    pub(crate) retain: Option<i64>,
    /// Bytes that may wait for the disk.
    pub(crate) unsynced_max: usize,
    /// Chances of failures while running.
    pub(crate) faults: Faults,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Steps taken.
    pub steps: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Processes killed, page cache kept.
    pub kills: u64,
    /// Records that were acknowledged.
    pub acked: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Answers compared with the model.
    pub answers: u64,
    /// Decisions recomputed from the log.
    pub replayed: u64,
    /// Of these the same, bit for bit.
    pub identical: u64,
    /// Times that all state was rebuilt and its digest compared.
    pub digests: u64,
    /// Faults that the disk answered.
    pub faults: u64,
    /// Specs changed while running.
    pub changes: u64,
}

/// A caller that waits.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    Call(u64),
    Answer(u64, DecisionId, Box<Answer>),
}

type Woken = Arc<Mutex<Vec<(u64, Result<(), Refusal>)>>>;

/// The machine and the outside.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) work: Workload,
    pub(crate) storage: Storage,
    pub(crate) knobs: Knobs,
    pub(crate) ledger: Ledger,
    pub(crate) spec: Spec,
    /// The spec that is being changed to.
    pub(crate) changing: Option<Spec>,
    pub(crate) plant: Option<Plant>,
    pub(crate) counts: Counts,
    pub(crate) core: Option<Core<SimDisk>>,
    /// Answers that left.
    pub(crate) left: Vec<(DecisionId, Answer)>,
    /// Answers that may be gone on with.
    pub(crate) pages: Vec<Next>,
    pub(crate) replay_from: u64,
    clock: Arc<Clock>,
    pub(crate) now: i64,
    waiting: BTreeMap<u64, Waiting>,
    woken: Woken,
    tokens: u64,
    epoch: u32,
    trace: blake3::Hasher,
    pub(crate) tell: bool,
    durable: u64,
    /// What was durable before the last commit.
    pub(crate) last_commit: u64,
    /// The newest checkpoint that was written, and the spec that it is of.
    pub(crate) checkpointed: Option<(u64, Spec)>,
    /// The failures are chosen, not drawn.
    pub(crate) fixed: bool,
    /// A whole change serves before it is filled.
    pub(crate) fixed_at_once: bool,
}

/// The clock at the start of every run.
pub(crate) const START: i64 = 1_700_000_000_000;

impl World {
    /// A new machine with nothing on its disk; the node is not running yet.
    pub(crate) fn new(seed: u64, knobs: Knobs, plant: Option<Plant>) -> World {
        let rng = Rng::new(seed);
        let storage = Storage::new(rng.split(1));
        if let Some(plant) = plant {
            storage.set_quirks(plant.quirks());
        }
        World {
            work: Workload::new(rng.split(2)),
            rng: rng.split(3),
            storage,
            knobs,
            ledger: Ledger::default(),
            spec: Spec::First,
            changing: None,
            plant,
            counts: Counts::default(),
            core: None,
            left: Vec::new(),
            pages: Vec::new(),
            replay_from: 1,
            clock: Arc::new(Clock::Manual(AtomicI64::new(START))),
            now: START,
            waiting: BTreeMap::new(),
            woken: Arc::default(),
            tokens: 0,
            epoch: 0,
            trace: blake3::Hasher::new(),
            tell: false,
            durable: 0,
            last_commit: 0,
            checkpointed: None,
            fixed: false,
            fixed_at_once: false,
        }
    }

    /// Notes what was done and how it went: the trace that two runs of a seed must share.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        let line = what();
        if self.tell {
            println!("{:>4} {line}", self.counts.steps);
        }
        self.trace.update(line.as_bytes());
    }

    /// Hash of the trace so far, and of a last draw from every stream.
    pub(crate) fn trace(&mut self) -> String {
        let last = self.rng.draw();
        self.trace.update(&last.to_le_bytes());
        self.trace.finalize().to_hex().to_string()
    }

    /// Whether a planted bug is in force.
    pub(crate) fn has(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    pub(crate) fn node(&self) -> Result<&Core<SimDisk>, String> {
        self.core.as_ref().ok_or_else(|| "the node is not running".to_owned())
    }

    /// Sets the clock.
    pub(crate) fn set_clock(&mut self, to: i64) {
        self.now = to;
        self.clock.set(Time(to));
        self.note(|| format!("clock {to}"));
    }

    // ---------------------------------------------------------------- steps of a running node

    /// Clients send one call.
    pub(crate) fn submit(&mut self) -> Verdict {
        let log_time = self.ledger.log_time.max(self.now);
        let sent = self.work.call(self.knobs.call_max, self.spec, log_time);
        let atomic = self.knobs.atomic && self.rng.percent(30);
        let altered = self.plant.and_then(|plant| plant.alter(&sent, self.counts.steps));
        let payloads: Vec<Payload<'_>> =
            altered.unwrap_or_else(|| sent.iter().map(|sent| sent.payload.clone()).collect());
        if self.has(Plant::CallTorn) && atomic {
            return self.submit_torn(&sent, &payloads);
        }
        let submitted = self.node()?.submit(&payloads, atomic);
        self.note(|| format!("submit {} atomic {atomic}: {submitted:?}", sent.len()));
        let submitted = match submitted {
            Ok(submitted) => submitted,
            Err(refusal) => return self.refused_whole(&refusal, atomic),
        };
        self.ledger.submitted(&sent, atomic, self.now, &submitted.results)?;
        self.wait(submitted.last, Waiting::Call(submitted.last.0))
    }

    /// The planted torn call: its payloads go one by one.
    fn submit_torn(&mut self, sent: &[crate::workload::Sent], payloads: &[Payload<'_>]) -> Verdict {
        let first = self.ledger.last() + 1;
        for (sent, payload) in sent.iter().zip(payloads) {
            let Ok(submitted) = self.node()?.submit(std::slice::from_ref(payload), false) else { return Ok(()) };
            self.ledger.submitted(std::slice::from_ref(sent), false, self.now, &submitted.results)?;
            // The disk may fail at any of these; what it says is seen at the next step.
            let _ = self.node()?.sync();
        }
        if self.ledger.last() > first {
            self.ledger.batches.push((first, self.ledger.last()));
        }
        Ok(())
    }

    /// A refusal of a whole call must have its reason.
    pub(crate) fn refused_whole(&mut self, refusal: &Refusal, atomic: bool) -> Verdict {
        let status = self.node()?.status();
        if atomic {
            self.ledger.log_time = status.log_time.0;
        }
        let just = match refusal.code {
            Code::Overloaded => status.unsynced_bytes > self.knobs.unsynced_max,
            Code::DiskFull => self.knobs.faults.space.is_some() || self.storage.faulted() > 0,
            Code::JournalFailed => status.failed.is_some(),
            _ => false,
        };
        if just { Ok(()) } else { Err(format!("the call was refused without a reason: {refusal}")) }
    }

    pub(crate) fn wait(&mut self, position: Position, what: Waiting) -> Verdict {
        if position == Position::START {
            return Ok(());
        }
        self.tokens += 1;
        let token = self.tokens;
        self.waiting.insert(token, what.clone());
        let early = match what {
            Waiting::Call(_) => self.has(Plant::AckAtOnce),
            Waiting::Answer(..) => self.has(Plant::AnswerAtOnce),
        };
        let woken = Arc::clone(&self.woken);
        if early {
            lock(&woken).push((token, Ok(())));
        } else {
            let wake = move |result| lock(&woken).push((token, result));
            self.node()?.when_released(position, Box::new(wake));
        }
        Ok(())
    }

    /// Hands out what the gate released; nothing may leave ahead of durability, and nothing after a failed sync.
    pub(crate) fn collect(&mut self) -> Verdict {
        let woken = std::mem::take(&mut *lock(&self.woken));
        let Some(core) = &self.core else { return Ok(()) };
        let status = core.status();
        if status.durable.0 != self.durable {
            (self.last_commit, self.durable) = (self.durable.min(status.durable.0), status.durable.0);
        }
        let lies = self.plant.is_some();
        for (token, result) in woken {
            let Some(waited) = self.waiting.remove(&token) else { return Err("a caller was woken twice".into()) };
            let (Waiting::Call(position) | Waiting::Answer(position, ..)) = &waited;
            let position = *position;
            match result {
                Ok(()) if !lies && (position > status.durable.0 || position > status.applied.0) => {
                    return Err(format!("{position} was released, but only {} is durable", status.durable));
                }
                Ok(()) => {
                    self.ledger.acked = self.ledger.acked.max(position);
                    self.counts.acked += 1;
                    if let Waiting::Answer(_, id, answer) = waited {
                        self.left.push((id, *answer));
                    }
                }
                // It is not told whether it was kept; the disk has filled.
                Err(refusal) if refusal.code == Code::DiskFull => self.refused_whole(&refusal, false)?,
                Err(_) if status.failed.is_none() => {
                    return Err(format!("{position} was refused by a node that is well"));
                }
                Err(_) => {}
            }
        }
        // Once everything is on the disk nothing is left to wait for.
        let all = status.failed.is_none() && status.durable == status.position;
        let released = if all { status.durable.0 } else { status.durable.min(status.applied).0 };
        let late = self.waiting.values().find_map(|waiting| match waiting {
            Waiting::Call(position) | Waiting::Answer(position, ..) if *position <= released => Some(*position),
            _ => None,
        });
        late.map_or(Ok(()), |position| Err(format!("{position} is durable, but its caller still waits")))
    }

    /// A feed is asked.
    pub(crate) fn recommend(&mut self) -> Verdict {
        let request = self.work.request(self.spec);
        let served = self.node()?.recommend(request);
        self.note(|| format!("recommend: {served:?}"));
        let served = match served {
            Ok(served) => served,
            Err(refusal) => return self.refused_whole(&refusal, false),
        };
        let log_time = self.ledger.log_time.max(self.now);
        self.ledger.append(log_time, Payload::Decision(Box::new(served.answer.clone())));
        if served.id.position.0 != self.ledger.last() {
            return Err(format!("the decision {} stands at {}", served.id, self.ledger.last()));
        }
        let items = served.answer.items.iter().map(|item| item.item.clone()).collect();
        self.work.answered(served.id.to_string(), items);
        crate::model::check_answer(&self.ledger.model, self.spec, &served.answer)?;
        self.note_pages(&served);
        self.counts.answers += 1;
        self.wait(served.seen, Waiting::Answer(served.seen.0, served.id, Box::new(served.answer)))
    }

    /// Time may have gone on without records.
    pub(crate) fn tick(&mut self) -> Verdict {
        let due = self.knobs.tick_every > 0 && self.now - self.ledger.log_time >= self.knobs.tick_every;
        self.node()?.tick();
        let position = self.node()?.status().position.0;
        self.note(|| format!("tick: {position}"));
        if due && position == self.ledger.last() + 1 {
            self.ledger.append(self.now, Payload::Tick);
        }
        self.check_position()
    }

    /// The disk is asked to keep what was appended.
    pub(crate) fn sync(&mut self) -> Verdict {
        let done = self.node()?.sync();
        self.note(|| format!("sync: {done:?}"));
        // Now and then the log rests after it.
        if self.counts.steps.is_multiple_of(2) {
            self.node()?.note_durable();
        }
        match done {
            Ok(_) => Ok(()),
            Err(refusal) => self.disk_refused(&refusal),
        }
    }

    fn disk_refused(&self, refusal: &Refusal) -> Verdict {
        if self.storage.faulted() > 0 || self.storage.is_dead() {
            return Ok(());
        }
        Err(format!("the disk is well, but: {refusal}"))
    }

    /// Items and indexes are published.
    pub(crate) fn publish(&mut self) -> Verdict {
        let done = self.node()?.publish_epoch();
        self.note(|| format!("publish: {done}"));
        Ok(())
    }

    /// A checkpoint is written; now and then it is compared with the log.
    pub(crate) fn checkpoint(&mut self) -> Verdict {
        let done = self.node()?.checkpoint();
        self.note(|| format!("checkpoint: {done:?}"));
        if !matches!(done, Ok(None))
            && self.checkpointed.is_some_and(|(_, spec)| spec.counting() != self.spec.counting())
        {
            self.checkpointed = None;
        }
        match done {
            Ok(None) => Ok(()),
            Ok(Some(position)) => {
                self.checkpointed = Some((position.0, self.spec));
                self.counts.checkpoints += 1;
                if self.rng.percent(25) { check::checkpoint(self) } else { Ok(()) }
            }
            Err(refusal) => self.disk_refused(&refusal),
        }
    }

    /// Entities are looked at and compared with the model.
    pub(crate) fn inspect(&mut self, entities: u64) -> Verdict {
        self.node()?.publish_epoch();
        for _ in 0..entities {
            let (kind, key) = match self.rng.below(5) {
                0 | 1 => ("user", self.work.user()),
                2 | 3 => ("item", self.work.item()),
                _ => ("device", format!("d{}", self.rng.below(2))),
            };
            check::entity(self, kind, &key)?;
        }
        self.check_position()
    }

    /// The node's own figures agree with the outside, and its memory is bounded.
    pub(crate) fn check_position(&self) -> Verdict {
        let status = self.node()?.status();
        if status.position.0 != self.ledger.last() {
            return Err(format!("the node stands at {}, the outside at {}", status.position, self.ledger.last()));
        }
        // One more call or decision may come in after the limit was just not reached.
        let most = self.knobs.unsynced_max + 32 * 1_024 * (1 + self.knobs.call_max as usize);
        if status.unsynced_bytes > most {
            return Err(format!("{} bytes wait for the disk, at most {most} may", status.unsynced_bytes));
        }
        Ok(())
    }

    // ---------------------------------------------------------------- ends and beginnings

    /// The node is gone, by the power or by a kill; what waited for it is never answered.
    pub(crate) fn stop(&mut self, power: bool) -> Verdict {
        let released = self.collect();
        if self.storage.is_dead() {
            self.knobs.faults.crash_at = None;
        }
        self.core = None;
        self.changing = None;
        self.waiting.clear();
        lock(&self.woken).clear();
        if power {
            self.storage.power_cut();
            self.counts.power_cuts += 1;
        } else {
            self.storage.kill();
            self.counts.kills += 1;
        }
        self.note(|| format!("stop, power {power}"));
        released
    }

    /// The node is started until it runs; the first attempts may meet faults and crashes of their own.
    pub(crate) fn start(&mut self) -> Verdict {
        for attempt in 0..6 {
            self.prepare_start(attempt);
            let faulted = self.storage.faulted();
            let opened = self.open();
            self.note(|| match &opened {
                Ok((_, report)) => format!("start {attempt}: {report:?}"),
                Err(error) => format!("start {attempt}: {error}"),
            });
            match opened {
                Ok((core, report)) => {
                    self.core = Some(core);
                    // It goes on filling what the interim spec lacks.
                    self.changing = (self.spec == Spec::Between).then_some(Spec::Third);
                    self.storage.with_faults(|faults| faults.crash_at = None);
                    return check::reopened(self, &report, self.storage.faulted() == faulted);
                }
                Err(error) => self.failed_start(&error, self.storage.faulted() > faulted)?,
            }
        }
        Err("the node does not start on a disk that is well".into())
    }

    fn prepare_start(&mut self, attempt: u32) {
        if self.fixed {
            if attempt > 1 {
                self.knobs.faults = Faults::default();
            }
            return self.rearm();
        }
        let mut faults = Faults::default();
        if attempt < 3 {
            faults = Faults { crash_at: None, nth: None, space: self.knobs.faults.space, ..self.knobs.faults };
            faults.sync_eio *= 4;
            if self.rng.percent(15) {
                faults.crash_at = Some(self.storage.ops() + 1 + self.rng.below(40));
            }
        } else {
            self.knobs.faults.space = None;
        }
        self.storage.set_faults(faults);
    }

    fn failed_start(&mut self, error: &OpenError, faulted: bool) -> Verdict {
        if !faulted {
            return Err(format!("the node does not start: {error}"));
        }
        let power = self.rng.percent(50);
        self.stop(power)
    }

    fn open(&mut self) -> Result<(Core<SimDisk>, OpenReport), OpenError> {
        let config = Config {
            shards: 1 + self.rng.below(4) as u32,
            clock: Arc::clone(&self.clock),
            hash_seed: self.rng.draw(),
            tick_every: Span(self.knobs.tick_every),
            retain: self.knobs.retain.map(Span),
            planted: self.plant.and_then(Plant::change),
            rollback_window: Span(self.rng.pick(&[0, 30_000, 600_000, 86_400_000])),
            unsynced_bytes_max: self.knobs.unsynced_max,
            tell: Arc::new(|_| ()),
            ..Config::new(Clock::Wall)
        };
        let verify = if self.rng.percent(50) { journal::Verify::All } else { journal::Verify::Newest };
        let options = journal::Options { segment_bytes: self.knobs.segment_bytes, verify };
        Core::open(self.storage.process(), options, self.spec.plan(), config, &mut |_, _| ())
    }

    /// The epoch of a new writer is higher than any before.
    pub(crate) fn check_epoch(&mut self, epoch: u32) -> Verdict {
        if epoch <= self.epoch {
            return Err(format!("writer epoch {epoch} came after {}", self.epoch));
        }
        self.epoch = epoch;
        self.ledger.epoch = epoch;
        Ok(())
    }

    /// Faults as the run's settings have them.
    pub(crate) fn rearm(&mut self) {
        self.storage.set_faults(self.knobs.faults.clone());
    }

    /// Whether the node acknowledges nothing any more.
    pub(crate) fn failed(&self) -> bool {
        self.core.as_ref().is_none_or(|core| core.status().failed.is_some())
    }

    /// Whether somebody still waits.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// No lies from here on: the disk is sound.
    pub(crate) fn heal(&mut self) {
        self.knobs.faults = Faults::default();
        self.storage.set_faults(Faults::default());
        if self.plant.is_none() {
            self.storage.set_quirks(Quirks::default());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

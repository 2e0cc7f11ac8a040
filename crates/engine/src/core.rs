//! A node without threads: every step that the threads of `Engine` repeat is a method here, so that the simulator can
//! drive the same code one step at a time.

use crate::Config;
use crate::bell::Bell;
use crate::change::Changes;
use crate::checkpoint::{Checkpointing, Complete, Deposits};
use crate::decide::{Alarming, Deciding, Given, Guarding, RecentAlarms, Verdicts};
use crate::gate::{Gate, Wake, journal_failed};
use crate::generation::Generation;
use crate::page::FirstPages;
use crate::ring::{Batch, Message, Ring};
use crate::rules::KnownRules;
use crate::sequencer::{Accepted, Candidate, Judged, Latest, Prepared, Sequencer};
use decision::Epoch;
use domain::{Code, DecisionId, Payload, Position, Refusal, Time, limits};
use journal::{Disk, Reader, Writer};
use parking_lot::{Condvar, Mutex, RwLock};
use spec::Plan;
use state::{Dictionary, Located, Resolved};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Most payloads that are sequenced under one hold of the lock.
const CHUNK: usize = 256;
/// Most payloads for which what requests read is locked at once.
const HOLD: usize = 64;
/// The records of answers may take this part of the log's limit beyond it: one eighth.
const LOG_RESERVE: u64 = 8;

/// One node: log, state and what serves from it.
pub struct Core<D: Disk> {
    pub(crate) config: Config,
    /// What serves now; set under the sequencer's lock, which has the same.
    pub(crate) generation: RwLock<Arc<Generation>>,
    /// Where the spec of each plan version stands in the log; version 1 first.
    pub(crate) specs: Mutex<Vec<Position>>,
    pub(crate) writer_epoch: u32,
    pub(crate) sequencer: Mutex<Sequencer>,
    pub(crate) gate: Gate,
    pub(crate) log: Mutex<Log<D>>,
    pub(crate) disk_full: AtomicBool,
    /// Bytes of the group that found the disk full.
    pub(crate) held_back_bytes: AtomicUsize,
    /// Bytes of the log on disk, as of the last sync.
    pub(crate) log_bytes: AtomicU64,
    pub(crate) reader: Reader<D>,
    pub(crate) ring: Option<Ring>,
    /// How far each threaded shard is.
    pub(crate) applied_by: Mutex<Vec<Position>>,
    /// How far the slowest shard is.
    pub(crate) rows_applied: AtomicU64,
    pub(crate) work: Work,
    /// Copies that threaded consumers handed over at a barrier.
    pub(crate) deposits: Mutex<Deposits>,
    pub(crate) complete: Complete,
    pub(crate) rules: KnownRules,
    /// What was raised lately.
    pub(crate) alarms: Arc<Mutex<RecentAlarms>>,
    pub(crate) first_pages: FirstPages,
    pub(crate) changes: Changes<D>,
    /// What was done about guards that are broken.
    pub(crate) guarding: Mutex<Guarding>,
    /// Which callers were given a fallback, until that is in the log.
    pub(crate) given: Mutex<Given>,
    /// The last position that consumers were given.
    pub(crate) handed_over: AtomicU64,
    /// Wakes whoever publishes this node's epochs.
    pub(crate) publisher: OnceLock<Arc<Bell>>,
    /// Held while a checkpoint is written.
    pub(crate) checkpointing: Mutex<Checkpointing>,
    /// How many checkpoints could not be written.
    pub(crate) checkpoints_failed: AtomicU64,
}

/// The disk half of the log.
pub(crate) struct Log<D: Disk> {
    /// None once the node has stopped.
    pub(crate) writer: Option<Writer<D>>,
    /// A group that found the disk full; it is written before any other.
    pub(crate) held_back: Option<journal::Batch>,
}

/// Tells the syncing thread that something waits for the disk.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) pending: Mutex<Pending>,
    pub(crate) arrived: Condvar,
}

impl Work {
    /// Whether nothing comes for as long.
    pub(crate) fn rests_for(&self, most: Duration) -> bool {
        let mut pending = self.pending.lock();
        let end = Instant::now() + most;
        while pending.is_none() {
            if self.arrived.wait_until(&mut pending, end).timed_out() {
                return pending.is_none();
            }
        }
        false
    }
}

impl Pending {
    fn is_none(&self) -> bool {
        !(self.urgent || self.lazy || self.stop)
    }
}

#[derive(Default)]
pub(crate) struct Pending {
    /// Somebody waits for an acknowledgement.
    pub(crate) urgent: bool,
    /// A decision record may wait a little.
    pub(crate) lazy: bool,
    pub(crate) stop: bool,
}

/// Ends the process if a panic passes: state that is half changed must never be served or checkpointed. The restart builds it
/// from the log.
pub(crate) struct WholeOrNothing;

impl Drop for WholeOrNothing {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a change could not be applied whole; ending the process, the log has everything");
            std::process::abort();
        }
    }
}

/// What became of a call's payloads.
#[derive(Debug)]
pub struct Submitted {
    /// One result per payload, in order.
    pub results: Vec<Result<Accepted, Refusal>>,
    /// The position to wait for before acknowledging: the highest of the accepted ones, duplicates included.
    pub last: Position,
    /// What the accepted events are decided as, where the plan has decisions on them; in their order. To be read once `last` is
    /// released.
    pub verdicts: Vec<Verdicts>,
}

impl Submitted {
    pub(crate) fn of(payloads: usize) -> Submitted {
        Submitted { results: Vec::with_capacity(payloads), last: Position::START, verdicts: Vec::new() }
    }

    /// Of which nothing was taken.
    pub fn refused(payloads: usize, refusal: &Refusal) -> Submitted {
        Submitted { results: vec![Err(refusal.clone()); payloads], ..Submitted::of(0) }
    }
}

impl<D: Disk> Core<D> {
    /// Gives the payloads their place in the log. Each is judged on its own; with `atomic` one refusal refuses all.
    /// They may be acknowledged when the gate releases `Submitted::last`.
    pub fn submit(&self, payloads: &[Payload<'_>], atomic: bool) -> Result<Submitted, Refusal> {
        if atomic {
            return self.submit_whole(payloads);
        }
        let submitted = self.submit_each(payloads)?;
        self.ask_for_sync(true);
        Ok(submitted)
    }

    /// The same for payloads that others of the same call follow, each judged on its own: the disk may wait for those, for as long as
    /// `Config::decisions_synced_within`.
    pub fn submit_ahead(&self, payloads: &[Payload<'_>]) -> Result<Submitted, Refusal> {
        let submitted = self.submit_each(payloads)?;
        self.ask_for_sync(false);
        Ok(submitted)
    }

    fn submit_each(&self, payloads: &[Payload<'_>]) -> Result<Submitted, Refusal> {
        self.refuse_if_closed()?;
        let generation = self.generation();
        let mut results = validated(&generation.plan, payloads);
        let mut submitted = Submitted::of(payloads.len());
        for (chunk, results) in payloads.chunks(CHUNK).zip(results.chunks_mut(CHUNK)) {
            let prepared = Prepared::new(chunk);
            let mut sequencer = self.sequencer.lock();
            validate_again(&sequencer, &generation, chunk, results);
            let sequenced = self.sequence(&mut sequencer, &prepared, results, &mut submitted);
            drop(sequencer);
            if let Err(refusal) = sequenced {
                if submitted.results.is_empty() {
                    return Err(refusal);
                }
                // What was taken stays taken and is said; the rest is not tried.
                submitted.results.resize_with(payloads.len(), || Err(refusal.clone()));
                break;
            }
        }
        Ok(submitted)
    }

    /// All or nothing: judged and appended under one hold of the lock, so that no other call comes between.
    fn submit_whole(&self, payloads: &[Payload<'_>]) -> Result<Submitted, Refusal> {
        self.refuse_if_closed()?;
        let generation = self.generation();
        let mut results = validated(&generation.plan, payloads);
        let prepared = Prepared::new(payloads);
        let mut submitted = Submitted::of(payloads.len());
        let mut sequencer = self.sequencer.lock();
        validate_again(&sequencer, &generation, payloads, &mut results);
        if results.iter().all(Result::is_ok) {
            results = self.judge_together(&mut sequencer, payloads, &prepared);
        }
        if results.iter().any(Result::is_err) {
            submitted.results = results.into_iter().map(|result| result.map(|()| NOT_ACCEPTED)).collect();
            return Ok(submitted);
        }
        self.sequence(&mut sequencer, &prepared, &mut results, &mut submitted)?;
        drop(sequencer);
        self.ask_for_sync(true);
        Ok(submitted)
    }

    pub(crate) fn sequence(
        &self,
        sequencer: &mut Sequencer,
        prepared: &Prepared<'_, '_>,
        results: &mut [Result<(), Refusal>],
        submitted: &mut Submitted,
    ) -> Result<(), Refusal> {
        self.refuse_if_busy(sequencer)?;
        let _whole = WholeOrNothing;
        let now = self.config.clock.now();
        let generation = sequencer.generation.clone();
        let Generation { plan, state, .. } = &*generation;
        let noted =
            prepared.payloads.iter().any(|payload| matches!(payload, Payload::Review(_) | Payload::FallbacksGiven(_)));
        let mut deciding = (noted || !plan.decisions.is_empty()).then(|| Deciding::new(&generation));
        let mut changes = Vec::with_capacity(results.len());
        let mut candidates = prepared.iter();
        for results in results.chunks_mut(HOLD) {
            // Short holds, so that a request waits for microseconds at most.
            let names = &mut *state.names.write();
            let few: Vec<_> = candidates.by_ref().take(results.len()).collect();
            let located = sequencer.locate(plan, names, &few);
            for ((candidate, located), result) in few.iter().zip(&located).zip(results) {
                let accepted = std::mem::replace(result, Ok(())).and_then(|()| {
                    self.judge_and_accept(sequencer, (plan, names), (*candidate, located), now, &mut changes)
                });
                if let Ok(accepted) = &accepted {
                    submitted.last = submitted.last.max(accepted.position);
                }
                if let (Some(deciding), Ok(Accepted { duplicate: false, .. })) = (&mut deciding, &accepted) {
                    let tables = (&sequencer.catalogue, &sequencer.lists);
                    deciding.open((&changes, candidate.payload), self.writer_epoch, tables, names);
                }
                submitted.results.push(accepted);
            }
        }
        let last = sequencer.appender.position();
        let deciding = deciding.filter(|deciding| !deciding.is_empty());
        submitted.verdicts.extend(deciding.as_ref().map(|deciding| deciding.verdicts(state)));
        let alarming = Alarming::new(&generation, self.writer_epoch);
        self.publish(Batch { changes, last, state: state.clone(), deciding, alarming });
        Ok(())
    }

    fn judge_and_accept(
        &self,
        sequencer: &mut Sequencer,
        (plan, names): (&Plan, &mut Dictionary),
        (candidate, located): (Candidate<'_, '_>, &Located),
        now: Time,
        changes: &mut Vec<Resolved>,
    ) -> Result<Accepted, Refusal> {
        sequencer.advance(now, None);
        let judged = sequencer.judge(plan, names, candidate, self.latest(sequencer.log_time))?;
        if self.config.clock.follows_events() {
            sequencer.advance(now, event_time(candidate.payload));
        }
        match judged {
            Judged::Duplicate(position) => Ok(Accepted { position, duplicate: true }),
            Judged::Good => {
                // Of a call that is all or nothing, each as the ones before it leave the lists.
                sequencer.lists.admit(names, sequencer.log_time, candidate.payload)?;
                let change = sequencer.accept(plan, names, candidate, located);
                let position = change.position;
                changes.push(change);
                Ok(Accepted { position, duplicate: false })
            }
        }
    }

    /// The latest time that an event may have when the log's is `log_time`; none: any.
    fn latest(&self, log_time: Time) -> Option<Latest> {
        if !self.config.clock.follows_events() {
            return Some(Latest { ahead_max: limits::FUTURE_SKEW_MAX, log_time, of_events: false });
        }
        // Before the first event there is no time to be ahead of.
        let begun = log_time > Time(0);
        self.config.ahead_max.filter(|_| begun).map(|ahead_max| Latest { ahead_max, log_time, of_events: true })
    }

    /// Judges an atomic call as a whole: nothing is changed, so payloads that would collide with each other are found here too.
    pub(crate) fn judge_together(
        &self,
        sequencer: &mut Sequencer,
        payloads: &[Payload<'_>],
        prepared: &Prepared<'_, '_>,
    ) -> Vec<Result<(), Refusal>> {
        sequencer.advance(self.config.clock.now(), None);
        let Generation { plan, state, .. } = &*sequencer.generation.clone();
        let names = &*state.names.read();
        if let Err(refusal) = state::admit_all(plan, names, payloads) {
            return payloads.iter().map(|_| Err(refusal.clone())).collect();
        }
        if let Err(refusal) = sequencer.lists.admit_all(names, sequencer.log_time, payloads) {
            return payloads.iter().map(|_| Err(refusal.clone())).collect();
        }
        let (follows, mut newest) = (self.config.clock.follows_events(), sequencer.log_time);
        let mut ids = std::collections::BTreeMap::new();
        prepared
            .iter()
            .map(|candidate| {
                if let Payload::Event(event) = candidate.payload
                    && let Some(id) = &event.id
                    && *ids.entry((&event.source, id)).or_insert(candidate.identity) != candidate.identity
                {
                    return Err(Refusal::new(
                        Code::IdReused,
                        "id",
                        format!("two different events of this call have the id '{id}'; give each its own"),
                    ));
                }
                let judged = sequencer.judge(plan, names, candidate, self.latest(newest)).map(|_| ());
                // Each as the ones before it carry time on.
                newest = newest.max(event_time(candidate.payload).filter(|_| follows).unwrap_or(newest));
                judged
            })
            .collect()
    }

    /// Hands changes to every consumer; inline they are applied when this returns.
    pub(crate) fn publish(&self, batch: Batch) {
        let _whole = WholeOrNothing;
        let last = batch.last;
        let batch = Arc::new(batch);
        match &self.ring {
            Some(ring) => ring.push(Message::Apply(batch)),
            None => {
                batch.state.apply(&batch);
                self.rows_applied.fetch_max(last.0, Ordering::AcqRel);
            }
        }
        self.handed_over.fetch_max(last.0, Ordering::SeqCst);
        self.publisher.get().iter().for_each(|bell| bell.ring());
    }

    /// Whether readers see everything that consumers were given.
    pub(crate) fn is_published(&self) -> bool {
        self.gate.applied().0 >= self.handed_over.load(Ordering::SeqCst)
    }

    /// Notes that a threaded shard has applied up to `last`.
    pub(crate) fn shard_applied(&self, shard: usize, last: Position) {
        let mut applied_by = self.applied_by.lock();
        applied_by[shard] = last;
        let slowest = applied_by.iter().copied().min().unwrap_or(last);
        self.rows_applied.fetch_max(slowest.0, Ordering::AcqRel);
    }

    /// Writes and syncs everything appended so far as one group (a group held back before goes first); whether there was anything.
    /// A full disk holds the group back, to be tried again; any other failure closes the gate for good.
    pub fn sync(&self) -> Result<bool, Refusal> {
        let mut log = self.log.lock();
        let synced = self.sync_log(&mut log);
        self.note_space(log.held_back.as_ref());
        synced
    }

    fn sync_log(&self, log: &mut Log<D>) -> Result<bool, Refusal> {
        let Log { writer, held_back } = log;
        let Some(writer) = writer else { return Ok(false) };
        let held = held_back.take();
        let any = held.is_some();
        held.map_or(Ok(()), |batch| self.commit(writer, held_back, batch))?;
        let Some(batch) = self.sequencer.lock().appender.take() else { return Ok(any) };
        self.commit(writer, held_back, batch).map(|()| true)
    }

    /// The log has come to rest: notes beside it how far it is durable, for programs that read it while this one runs. No sync.
    pub fn note_durable(&self) {
        if let Some(writer) = &mut self.log.lock().writer {
            writer.witness();
        }
    }

    fn commit(
        &self,
        writer: &mut Writer<D>,
        held_back: &mut Option<journal::Batch>,
        batch: journal::Batch,
    ) -> Result<(), Refusal> {
        match writer.commit(&batch) {
            Ok(durable) => {
                self.measure_log();
                self.sequencer.lock().appender.recycle(batch);
                self.publish_epoch();
                self.gate.set_durable(durable);
                Ok(())
            }
            Err(journal::Error::DiskFull { .. }) => {
                *held_back = Some(batch);
                Err(disk_is_full())
            }
            Err(error) => {
                let refusal = journal_failed(&error);
                self.gate.close(refusal.clone());
                Err(refusal)
            }
        }
    }

    /// Says once when the disk fills and once when there is space again. Meanwhile nobody waits for it: what is held back may be so
    /// for hours.
    fn note_space(&self, held_back: Option<&journal::Batch>) {
        self.held_back_bytes.store(held_back.map_or(0, journal::Batch::bytes), Ordering::Release);
        let full = held_back.is_some();
        if self.disk_full.swap(full, Ordering::AcqRel) == full {
            return;
        }
        match held_back {
            Some(batch) => {
                self.gate.hold(&disk_is_full());
                let (records, last) = (batch.len(), self.gate.durable());
                (self.config.tell)(&format!(
                    "the disk is full: {records} records behind position {last} are held back in memory and events are refused; free \
                     some space, they are written then"
                ));
            }
            None => {
                self.gate.reopen();
                if self.gate.closed().is_some() {
                    return;
                }
                let durable = self.gate.durable();
                (self.config.tell)(&format!(
                    "the disk has space again: everything up to position {durable} is written"
                ));
            }
        }
    }

    /// Why nothing is acknowledged now: for good, or until the disk has space again.
    pub fn trouble(&self) -> Option<Refusal> {
        self.gate.closed().or_else(|| self.disk_full.load(Ordering::Acquire).then(disk_is_full))
    }

    /// Publishes the newest items and indexes to readers; whether there were any. They never go ahead of the slowest shard, so
    /// that an answer's rows are at least as new as its epoch, as replay has them. What readers see is what counts as applied.
    pub fn publish_epoch(&self) -> bool {
        let limit = Position(self.rows_applied.load(Ordering::Acquire));
        let published = self.generation().state.epochs.flip(limit);
        published.into_iter().for_each(|last| self.gate.set_applied(last));
        published.is_some()
    }

    /// Appends a tick if nothing was appended for `Config::tick_every` of log time, or if a timer of the rows is due.
    pub fn tick(&self) {
        // Who holds it appends: the log is not idle, and the threads that tick many nodes do not wait for one.
        let Some(mut sequencer) = self.sequencer.try_lock() else { return };
        let now = self.config.clock.now();
        let is_idle = self.config.tick_every.0 > 0 && now.since(sequencer.log_time) >= self.config.tick_every;
        let is_due = || self.is_due(&sequencer, now);
        if !(is_idle || is_due()) || sequencer.stopping || self.log_is_full(&sequencer, LOG_RESERVE) {
            return;
        }
        let _whole = WholeOrNothing;
        sequencer.advance(now, None);
        let generation = sequencer.generation.clone();
        let Generation { plan, state, .. } = &*generation;
        let change = sequencer.accept(plan, &mut state.names.write(), Candidate::TICK, &Located::default());
        let (last, alarming) = (change.position, Alarming::new(&generation, self.writer_epoch));
        self.publish(Batch { changes: vec![change], last, state: state.clone(), deciding: None, alarming });
        drop(sequencer);
        // At once: an answer that has seen the tick waits for it.
        self.ask_for_sync(true);
    }

    /// Whether a timer waits for a record that nothing else has brought. While the disk is full or behind it waits on.
    fn is_due(&self, sequencer: &Sequencer, now: Time) -> bool {
        let due = sequencer.generation.state.next_due();
        // One that is due before the newest record has gone off, or will when the consumers come to that.
        due.is_some_and(|due| due <= now && due > sequencer.taken_at)
            && !self.disk_full.load(Ordering::Acquire)
            && self.refuse_if_behind(sequencer).is_ok()
    }

    /// What serves now.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        self.generation.read().clone()
    }

    /// Reads what serves, under one plan.
    pub(crate) fn read<R>(&self, read: impl Fn(&Generation, &Epoch) -> R) -> R {
        loop {
            let generation = self.generation();
            if let Some(epoch) = generation.epoch() {
                return read(&generation, &epoch);
            }
        }
    }

    pub(crate) fn ask_for_sync(&self, urgent: bool) {
        let mut pending = self.work.pending.lock();
        let asked = if urgent { &mut pending.urgent } else { &mut pending.lazy };
        // The thread is woken once for all that ask before it looks.
        if !std::mem::replace(asked, true) {
            drop(pending);
            self.work.arrived.notify_one();
        }
    }

    pub(crate) fn refuse_if_closed(&self) -> Result<(), Refusal> {
        self.gate.closed().map_or(Ok(()), Err)
    }

    /// The last step of a stop: notes on disk how far the log was synced, so that a later loss of its tail is noticed.
    pub(crate) fn close_log(&self) {
        if let Some(writer) = self.log.lock().writer.take() {
            writer.close();
        }
        self.gate.close(stopping());
    }

    pub(crate) fn refuse_if_busy(&self, sequencer: &Sequencer) -> Result<(), Refusal> {
        if sequencer.stopping {
            return Err(stopping());
        }
        if self.disk_full.load(Ordering::Acquire) {
            return Err(disk_is_full());
        }
        if self.log_is_full(sequencer, 0) {
            return Err(log_full());
        }
        self.refuse_if_behind(sequencer)
    }

    /// Refuses answers once the log has used up what is kept for their records too.
    pub(crate) fn refuse_if_no_room_for_records(&self, sequencer: &Sequencer) -> Result<(), Refusal> {
        if self.log_is_full(sequencer, LOG_RESERVE) { Err(log_full()) } else { Ok(()) }
    }

    /// Whether the log with all that waits for the disk is over its limit and `limit / reserve` more (0: none).
    fn log_is_full(&self, sequencer: &Sequencer, reserve: u64) -> bool {
        let max = self.config.log_bytes_max;
        if max == u64::MAX {
            return false;
        }
        let used = self.log_bytes.load(Ordering::Acquire) + sequencer.appender.pending_bytes() as u64;
        used >= max.saturating_add(max.checked_div(reserve).unwrap_or(0))
    }

    /// Notes how large the log is, where there is a limit to it.
    pub(crate) fn measure_log(&self) {
        if self.config.log_bytes_max != u64::MAX {
            self.log_bytes.store(self.reader.bytes(), Ordering::Release);
        }
    }

    /// Bounds what waits for the disk in memory.
    pub(crate) fn refuse_if_behind(&self, sequencer: &Sequencer) -> Result<(), Refusal> {
        if sequencer.appender.pending_bytes() > self.config.unsynced_bytes_max {
            if self.disk_full.load(Ordering::Acquire) {
                return Err(disk_is_full());
            }
            return Err(Refusal::new(Code::Overloaded, "", "the disk is behind; send the request again later"));
        }
        Ok(())
    }

    /// Calls `wake` once everything up to `position` is durable and applied, or with an error if it never will be.
    pub fn when_released(&self, position: Position, wake: Wake) {
        self.gate.when_released(position, wake);
    }

    /// Calls `wake` once a decision that was answered is on the disk, where [`Core::decision`] finds it; at once if it is already or
    /// was never answered by this node.
    pub fn when_recorded(&self, id: DecisionId, wake: Wake) {
        let fresh = id.epoch == self.writer_epoch && id.position > self.gate.durable();
        // The lock is taken for fresh decisions alone.
        if fresh && id.position <= self.sequencer.lock().appender.position() {
            self.ask_for_sync(true);
            return self.gate.when_durable(id.position, wake);
        }
        wake(Ok(()));
    }

    /// Whether everything up to `position` is durable and applied already.
    pub fn is_released(&self, position: Position) -> bool {
        self.gate.released() >= position
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.generation.read().plan.clone()
    }
}

pub(crate) fn stopping() -> Refusal {
    Refusal::new(Code::Stopping, "", "the server is stopping; send the request again later")
}

fn log_full() -> Refusal {
    Refusal::new(
        Code::LogFull,
        "",
        "the log has reached its limit; raise it, or keep less of the log (retain), and send the request again",
    )
}

fn disk_is_full() -> Refusal {
    Refusal::new(
        Code::DiskFull,
        "",
        "the disk is full: what was accepted is kept in memory and written once there is space, and is lost if the server stops \
         before; free some, and send the request again with the same id",
    )
}

/// Stands in for the result of a payload of an atomic call that was good itself but refused with the others.
const NOT_ACCEPTED: Accepted = Accepted { position: Position::START, duplicate: false };

pub(crate) fn validated(plan: &Plan, payloads: &[Payload<'_>]) -> Vec<Result<(), Refusal>> {
    payloads.iter().map(|payload| state::validate(plan, payload)).collect()
}

/// What was validated before the lock was taken, by the plan that is in force under it.
fn validate_again(
    sequencer: &Sequencer,
    by: &Arc<Generation>,
    payloads: &[Payload<'_>],
    results: &mut [Result<(), Refusal>],
) {
    if !Arc::ptr_eq(&sequencer.generation, by) {
        results.clone_from_slice(&validated(&sequencer.generation.plan, payloads));
    }
}

fn event_time(payload: &Payload<'_>) -> Option<Time> {
    match payload {
        Payload::Event(event) => event.time,
        _ => None,
    }
}

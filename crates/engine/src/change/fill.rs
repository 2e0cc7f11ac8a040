//! A change that needs state filled: a machine of the new plan reads the log beside the running node, is saved as a checkpoint,
//! follows the newest records, and is swapped in under the sequencer's lock, where the spec's record is appended.
//! Whatever instant a crash comes at, the log's last spec says which plan is in force, and the log has all of its state; a
//! checkpoint whose spec was never written is one of a plan that is not in force, and is passed over.

use super::kept::{Kept, Leaving};
use super::tap::Tap;
use super::{ChangeStage, ChangeStatus, PlannedChange, conflict, older_log, running};
use crate::checkpoint;
use crate::core::{Core, WholeOrNothing};
use crate::decide::Recent;
use crate::epochs::Epochs;
use crate::gate::checkpoint_failed;
use crate::generation::{Generation, State};
use crate::machine::Machine;
use crate::sequencer::Sequencer;
use decision::Epoch;
use domain::{Code, CodecError, PlanVersion, Position, Refusal, Span};
use journal::{Disk, Records};
use parking_lot::{Mutex, MutexGuard};
use spec::Plan;
use std::mem::replace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Records that are left to apply under the sequencer's lock.
const TAIL_MAX: usize = 64;

/// Changes of a node.
pub(crate) struct Changes<D: Disk> {
    /// Held by whoever works on it.
    filling: Mutex<Option<Filling<D>>>,
    status: Mutex<Option<ChangeStatus>>,
    /// The plan before, while it can be gone back to at once.
    pub(super) kept: Mutex<Option<Kept<D>>>,
    /// Whether one is being filled: the log is kept whole for it.
    running: AtomicBool,
    /// The plan that is being filled: what its state begins at is kept.
    plan: Mutex<Option<Arc<Plan>>>,
    /// Generations that serve no more, until the last request lets go of them: freeing much memory is no request's work.
    retired: Mutex<Vec<Arc<Generation>>>,
}

impl<D: Disk> Default for Changes<D> {
    fn default() -> Changes<D> {
        Changes {
            filling: Mutex::default(),
            status: Mutex::default(),
            kept: Mutex::default(),
            running: AtomicBool::new(false),
            plan: Mutex::default(),
            retired: Mutex::default(),
        }
    }
}

impl<D: Disk> Changes<D> {
    /// The change that is being filled; none is begun or goes on while this is held.
    pub(super) fn filling(&self) -> MutexGuard<'_, Option<Filling<D>>> {
        self.filling.lock()
    }

    /// Notes what is being filled, if anything is.
    fn run(&self, plan: Option<Arc<Plan>>) {
        self.running.store(plan.is_some(), Ordering::Release);
        *self.plan.lock() = plan;
    }

    /// The plan that is being filled.
    pub(crate) fn filled(&self) -> Option<Arc<Plan>> {
        self.plan.lock().clone()
    }

    /// Says how a change is that has begun, or could not.
    pub(super) fn tell(&self, status: ChangeStatus) {
        *self.status.lock() = Some(status);
    }
}

/// A change on its way.
pub(super) struct Filling<D: Disk> {
    base: PlanVersion,
    machine: Machine,
    /// Whether it was made from the log, not kept: then it knows all that a checkpoint takes.
    fresh: bool,
    records: Option<Records<D>>,
    step: Step,
    /// Records applied, and the time that took.
    applied: u64,
    spent: Duration,
}

/// What comes next.
enum Step {
    /// The log is read up to its durable end.
    Read,
    /// No other checkpoint is taken any more; the log is read once more, then the machine is saved.
    Save,
    /// The sequencer's tap is open from behind this position; the log is read up to it. The epoch is the machine's as it was when it
    /// began to note what changes.
    Reach(Position, Box<Epoch>),
    /// What comes out of the tap is applied.
    Drain(Box<Epoch>),
}

/// How a slice of work ended.
enum Slice<D: Disk> {
    /// There is more to do at once.
    More(Filling<D>),
    /// There is nothing to do until the disk has gone on.
    Wait(Filling<D>),
    /// The new plan is in force.
    Switched(PlanVersion, Position),
}

impl<D: Disk> Core<D> {
    /// Starts to fill a change.
    pub(super) fn start_filling(&self, planned: &PlannedChange) -> Result<(), Refusal> {
        let mut filling = self.changes.filling.lock();
        refuse_if_running(&filling)?;
        self.begin_filling(&mut filling, planned)
    }

    /// The same for who holds what is being filled.
    pub(super) fn begin_filling(
        &self,
        filling: &mut Option<Filling<D>>,
        planned: &PlannedChange,
    ) -> Result<(), Refusal> {
        let generation = self.generation();
        if generation.version != planned.base {
            return Err(conflict(generation.version));
        }
        let (plan, base) = (&planned.plan, planned.base);
        let kept = self.take_kept(plan);
        let fresh = kept.is_none();
        // From here on the log is not cut.
        self.changes.run(Some(plan.clone()));
        let begun = kept.map_or_else(|| self.begun(plan, generation.state.shards.len() as u32), Ok);
        let machine = begun.inspect_err(|_| self.changes.run(None))?;
        self.changes.tell(ChangeStatus {
            base,
            digest: plan.digest,
            stage: ChangeStage::Filling,
            records: machine.position.0,
            records_in_log: self.reader.last().0,
            records_per_s: 0.0,
        });
        let (records, step, applied, spent) = (None, Step::Read, 0, Duration::ZERO);
        *filling = Some(Filling { base, machine, fresh, records, step, applied, spent });
        Ok(())
    }

    /// State that the log has all of the rest of: empty before the first record, else a checkpoint's.
    fn begun(&self, plan: &Arc<Plan>, shards: u32) -> Result<Machine, Refusal> {
        let seed = self.config.hash_seed;
        if self.reader.replay_from() <= Position(1) && plan.carried.is_none() {
            return Ok(Machine::new(plan.clone(), shards, seed));
        }
        let warnings = &mut Vec::new();
        let loaded = checkpoint::load_before(&self.reader, self.reader.last(), plan, shards, seed, warnings)
            .map_err(|error| checkpoint_failed(&error))?;
        let gone = || older_log(self.reader.replay_from(), "the checkpoint that it would begin at is gone");
        loaded.map(|loaded| loaded.machine).ok_or_else(gone)
    }

    /// Does some of the work of the change that is being filled, if there is one: reads at most `records` records, or takes
    /// one step. Whether there is more to do at once.
    pub fn advance_change(&self, records: usize) -> bool {
        self.free_retired();
        let following = self.follow_with_kept(records);
        if !self.is_filling() {
            return following;
        }
        let mut filling = self.changes.filling.lock();
        let Some(mut work) = filling.take() else { return false };
        let before = Instant::now();
        let slice = self.refuse_if_closed().and_then(|()| {
            let step = replace(&mut work.step, Step::Read);
            self.slice(work, step, records)
        });
        match slice {
            Ok(Slice::More(mut work)) => {
                work.spent += before.elapsed();
                self.tell(&work);
                *filling = Some(work);
                return true;
            }
            Ok(Slice::Wait(work)) => {
                self.tell(&work);
                *filling = Some(work);
            }
            Ok(Slice::Switched(version, position)) => self.end(ChangeStage::Switched { version, position }),
            Err(refusal) => self.end(ChangeStage::Failed(refusal)),
        }
        false
    }

    /// Whether a change is being filled.
    pub(crate) fn is_filling(&self) -> bool {
        self.changes.running.load(Ordering::Acquire)
    }

    fn tell(&self, work: &Filling<D>) {
        if let Some(status) = &mut *self.changes.status.lock() {
            status.stage = match work.step {
                Step::Read => ChangeStage::Filling,
                Step::Save => ChangeStage::Saving,
                Step::Reach(..) | Step::Drain(_) => ChangeStage::Following,
            };
            status.records = work.machine.position.0;
            status.records_in_log = self.reader.last().0.max(work.machine.position.0);
            status.records_per_s = work.applied as f64 / work.spent.as_secs_f64().max(1e-6);
        }
    }

    fn slice(&self, mut work: Filling<D>, step: Step, most: usize) -> Result<Slice<D>, Refusal> {
        let whole = Position(u64::MAX);
        work.step = match step {
            Step::Read if self.read_more(&mut work, whole, most)? => Step::Read,
            Step::Read => {
                // Waits for one that is being written; then the log reaches beyond it.
                self.checkpointing.lock().held = true;
                Step::Save
            }
            Step::Save if self.read_more(&mut work, whole, most)? => Step::Save,
            Step::Save if work.machine.position > self.reader.last() => return Ok(self.wait(work, Step::Save)),
            // The checkpoint names the spec in force, which must stand at or before it.
            Step::Save if work.machine.position < self.generation().since => return Ok(self.wait(work, Step::Save)),
            Step::Save => self.save(&mut work)?,
            Step::Reach(end, behind) if work.machine.position >= end => Step::Drain(behind),
            Step::Reach(end, behind) if self.read_more(&mut work, end, most)? => Step::Reach(end, behind),
            Step::Reach(end, behind) => return Ok(self.wait(work, Step::Reach(end, behind))),
            Step::Drain(behind) => return self.drain(work, behind),
        };
        Ok(Slice::More(work))
    }

    /// What was appended is on its way to the disk.
    fn wait(&self, mut work: Filling<D>, step: Step) -> Slice<D> {
        work.step = step;
        self.ask_for_sync(true);
        Slice::Wait(work)
    }

    /// Applies at most `most` records up to `end` to the change's machine; whether there may be more on the disk.
    fn read_more(&self, work: &mut Filling<D>, end: Position, most: usize) -> Result<bool, Refusal> {
        let Filling { machine, records, applied, .. } = work;
        let before = machine.position;
        let more = self.read_some(machine, records, end, most);
        *applied += machine.position.0 - before.0;
        more
    }

    /// Writes the machine as a checkpoint of its plan, unless there is no record yet, and opens the tap.
    fn save(&self, work: &mut Filling<D>) -> Result<Step, Refusal> {
        let Filling { machine, fresh, .. } = work;
        if *fresh && machine.position > Position::START {
            let specs = self.specs.lock().iter().copied().filter(|at| *at <= machine.position).collect();
            self.save_machine(machine, specs).map_err(|error| checkpoint_failed(&error))?;
        }
        // Before the lock: an epoch's copy costs as much as its indexes are large.
        machine.epoch.lead();
        let behind = Box::new(machine.epoch.clone());
        let mut sequencer = self.sequencer.lock();
        sequencer.tap = Some(Tap::default());
        Ok(Step::Reach(sequencer.appender.position(), behind))
    }

    /// Applies what has come out of the tap; once that is little, does the rest under the lock and switches.
    fn drain(&self, mut work: Filling<D>, behind: Box<Epoch>) -> Result<Slice<D>, Refusal> {
        let mut sequencer = self.sequencer.lock();
        work.records = None;
        let Some(tap) = sequencer.tap.take() else {
            // It overflowed: the log has what is missing, or will have.
            work.step = Step::Save;
            return Ok(Slice::More(work));
        };
        if tap.len() <= TAIL_MAX {
            if self.disk_is_behind(&sequencer) {
                // What was filled is not given up for it.
                sequencer.tap = Some(tap);
                return Ok(self.wait(work, Step::Drain(behind)));
            }
            work.applied += tap.len() as u64;
            return self.switch(&mut sequencer, work, &tap, *behind);
        }
        work.applied += tap.len() as u64;
        sequencer.tap = Some(Tap::default());
        drop(sequencer);
        tap.apply_to(&mut work.machine, self.writer_epoch).map_err(|_| unreadable(work.machine.position))?;
        work.machine.judge.rulesets();
        work.step = Step::Drain(behind);
        Ok(Slice::More(work))
    }

    /// Whether a switch must wait for the disk. A log at its limit is no such reason: it is not cut while a change is filled.
    fn disk_is_behind(&self, sequencer: &Sequencer) -> bool {
        self.refuse_if_busy(sequencer).is_err_and(|refusal| matches!(refusal.code, Code::Overloaded | Code::DiskFull))
    }

    /// The new plan and its state take the place of the old ones, between two records.
    fn switch(
        &self,
        sequencer: &mut Sequencer,
        work: Filling<D>,
        tail: &Tap,
        behind: Epoch,
    ) -> Result<Slice<D>, Refusal> {
        let old = sequencer.generation.clone();
        if old.version != work.base {
            return Err(conflict(old.version));
        }
        self.refuse_if_busy(sequencer)?;
        let mut machine = work.machine;
        self.apply_tail(tail, &mut machine, &behind).map_err(|_| unreadable(machine.position))?;
        let _whole = WholeOrNothing;
        let Machine { plan, names, catalogue, mut attribution, shards, epoch, judge, .. } = machine;
        sequencer.advance(self.config.clock.now(), None);
        attribution.iter_mut().for_each(|attribution| attribution.spec(&plan.text));
        sequencer.lists = epoch.listed().clone();
        let until = sequencer.log_time.plus(self.config.rollback_window);
        let leaving = Leaving::of(sequencer, (catalogue, attribution), until);
        let names = names.with_capacity(self.config.entities_max, self.config.strings_max);
        let recent = Recent::since(sequencer.appender.position());
        let epochs = Epochs::pair(epoch, behind);
        let kept = (self.alarms.clone(), sequencer.generation.state.cases.clone());
        let state = Arc::new(State::new(names, shards, epochs, recent, kept));
        let generation = self.write_spec(sequencer, judge, state);
        sequencer.changed = true;
        drop(old);
        match self.config.rollback_window {
            Span(0) => self.changes.retired.lock().push(leaving.generation),
            _ => self.keep(leaving),
        }
        self.ask_for_sync(true);
        Ok(Slice::Switched(generation.version, generation.since))
    }

    fn apply_tail(&self, tail: &Tap, machine: &mut Machine, behind: &Epoch) -> Result<(), CodecError> {
        #[cfg(feature = "planted")]
        if let Some(planted) = self.config.planted {
            return planted.apply(tail, machine, self.writer_epoch, behind);
        }
        let _ = behind;
        tail.apply_to(machine, self.writer_epoch)
    }

    /// Ends a change in this stage.
    fn end(&self, stage: ChangeStage) {
        self.sequencer.lock().tap = None;
        self.checkpointing.lock().held = false;
        self.changes.run(None);
        if let Some(status) = &mut *self.changes.status.lock() {
            if let ChangeStage::Switched { position, .. } = stage {
                (status.records, status.records_in_log) = (position.0, position.0);
            }
            status.stage = stage;
        }
    }

    /// Gives up the change that is being filled; the old plan goes on serving.
    ///
    /// # Errors
    /// `no_change_running`.
    pub fn cancel_change(&self) -> Result<(), Refusal> {
        let mut filling = self.changes.filling.lock();
        if filling.take().is_none() {
            let message = "no change of the spec is being filled; there is nothing to cancel";
            return Err(Refusal::new(Code::NoChangeRunning, "", message));
        }
        self.end(ChangeStage::Cancelled);
        Ok(())
    }

    /// The last change that had to be filled, running or ended; none since the node was opened.
    pub fn change_status(&self) -> Option<ChangeStatus> {
        self.changes.status.lock().clone()
    }

    /// Frees the generations that nobody reads any more.
    fn free_retired(&self) {
        let free: Vec<_> = {
            let mut retired = self.changes.retired.lock();
            let (free, held) = retired.drain(..).partition(unread);
            *retired = held;
            free
        };
        drop(free);
    }
}

/// Whether no request and no batch holds it any more.
pub(super) fn unread(old: &Arc<Generation>) -> bool {
    Arc::strong_count(old) == 1 && Arc::strong_count(&old.state) == 1
}

/// Refuses a change while another one is being filled.
pub(super) fn refuse_if_running<D: Disk>(filling: &Option<Filling<D>>) -> Result<(), Refusal> {
    if filling.is_some() { Err(running()) } else { Ok(()) }
}

pub(super) fn unreadable(position: Position) -> Refusal {
    let message =
        format!("record {position} is not in a format that this version reads; use the version that wrote it");
    Refusal::new(Code::JournalFailed, "", message)
}

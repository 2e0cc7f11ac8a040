//! The state of the plan that a filled change has replaced: it goes on being applied for the rollback window, so that going back
//! is a switch and no fill. It costs a second state for as long.

use super::fill::unread;
use crate::core::Core;
use crate::generation::{Generation, State};
use crate::machine::Machine;
use crate::sequencer::Sequencer;
use domain::{Position, Refusal, Time};
use journal::{Disk, Records};
use spec::Plan;
use state::{Attribution, Catalogue, Dedupe};
use std::sync::Arc;

/// No end but the log's.
const WHOLE: Position = Position(u64::MAX);

/// The plan before, on its way into the past.
pub(crate) enum Kept<D: Disk> {
    /// Requests and batches of it may still be under way.
    Leaving(Box<Leaving>),
    /// It follows the log.
    Following(Box<Following<D>>),
}

/// The state of a plan that is not in force.
pub(crate) struct Following<D: Disk> {
    machine: Machine,
    records: Option<Records<D>>,
    until: Time,
}

/// A generation that serves no more, with what the sequencer had of it.
pub(crate) struct Leaving {
    pub(super) generation: Arc<Generation>,
    catalogue: Catalogue,
    attribution: Option<Attribution>,
    /// The last record that its state has.
    position: Position,
    log_time: Time,
    until: Time,
}

impl Leaving {
    /// Of the generation in force, which is about to be replaced; the sequencer's parts of it are taken out.
    pub(super) fn of(sequencer: &mut Sequencer, new: (Catalogue, Option<Attribution>), until: Time) -> Leaving {
        let (catalogue, attribution) = new;
        Leaving {
            generation: sequencer.generation.clone(),
            catalogue: std::mem::replace(&mut sequencer.catalogue, catalogue),
            attribution: std::mem::replace(&mut sequencer.attribution, attribution),
            position: sequencer.appender.position(),
            log_time: sequencer.log_time,
            until,
        }
    }

    /// One state in one hand, once nobody reads it any more. What deduplication knows is the sequencer's alone.
    fn machine(self, writer_epoch: u32) -> Result<Machine, Box<Leaving>> {
        if !unread(&self.generation) {
            return Err(Box::new(self));
        }
        let Leaving { generation, catalogue, attribution, position, log_time, until } = self;
        let again = |generation, catalogue, attribution| {
            Box::new(Leaving { generation, catalogue, attribution, position, log_time, until })
        };
        let Generation { plan, version, since, state, judge } = match Arc::try_unwrap(generation) {
            Ok(generation) => generation,
            Err(generation) => return Err(again(generation, catalogue, attribution)),
        };
        let State { names, shards, epochs, .. } = match Arc::try_unwrap(state) {
            Ok(state) => state,
            Err(state) => {
                let generation = Arc::new(Generation { plan, version, since, state, judge });
                return Err(again(generation, catalogue, attribution));
            }
        };
        let names = names.into_inner();
        Ok(Machine {
            dedupe: Dedupe::new(names.hash_seed()),
            names,
            catalogue,
            attribution,
            shards: shards.into_iter().map(|shard| shard.into_inner()).collect(),
            epoch: epochs.into_newest(),
            position,
            log_time,
            writer_epoch,
            judge,
            raised: None,
            plan,
        })
    }
}

impl<D: Disk> Kept<D> {
    fn plan(&self) -> &Arc<Plan> {
        match self {
            Kept::Leaving(leaving) => &leaving.generation.plan,
            Kept::Following(following) => &following.machine.plan,
        }
    }

    /// Whether this plan has the kept state.
    fn serves(&self, plan: &Plan) -> bool {
        let kept = self.plan();
        kept.text == plan.text || spec::state_digest(kept) == spec::state_digest(plan)
    }

    fn position(&self) -> Position {
        match self {
            Kept::Leaving(leaving) => leaving.position,
            Kept::Following(following) => following.machine.position,
        }
    }

    fn until(&self) -> Time {
        match self {
            Kept::Leaving(leaving) => leaving.until,
            Kept::Following(following) => following.until,
        }
    }
}

impl<D: Disk> Core<D> {
    /// Keeps a generation for the rollback window, in the place of the one kept before.
    pub(super) fn keep(&self, leaving: Leaving) {
        let before = self.changes.kept.lock().replace(Kept::Leaving(Box::new(leaving)));
        drop(before);
    }

    /// Whether the plan before is kept: the log is not cut meanwhile.
    pub(crate) fn keeps_a_plan(&self) -> bool {
        self.changes.kept.lock().is_some()
    }

    /// What the kept state is built by and where it begins, if a plan is kept.
    pub(crate) fn kept_state(&self) -> Option<([u8; 32], Option<spec::Carried>)> {
        self.changes.kept.lock().as_ref().map(|kept| (spec::state_digest(kept.plan()), kept.plan().carried))
    }

    /// Where the kept plan's state begins.
    pub(super) fn kept_from(&self) -> Option<Option<spec::Carried>> {
        self.changes.kept.lock().as_ref().map(|kept| kept.plan().carried)
    }

    /// Position of the kept state, if a plan can go on with it.
    pub(super) fn kept_position(&self, plan: &Plan) -> Option<Position> {
        self.changes.kept.lock().as_ref().filter(|kept| kept.serves(plan)).map(Kept::position)
    }

    /// Takes out the kept state for a plan that can go on with it, if nobody reads it any more.
    pub(super) fn take_kept(&self, plan: &Arc<Plan>) -> Option<Machine> {
        let mut place = self.changes.kept.lock();
        let machine = match place.take_if(|kept| kept.serves(plan))? {
            Kept::Following(following) => following.machine,
            Kept::Leaving(leaving) => match leaving.machine(self.writer_epoch) {
                Ok(machine) => machine,
                Err(leaving) => {
                    *place = Some(Kept::Leaving(leaving));
                    return None;
                }
            },
        };
        machine.under(plan)
    }

    /// Applies at most `most` records of the durable log to the kept state; lets go of it when its window has passed. Whether there
    /// is more to do at once.
    pub(super) fn follow_with_kept(&self, most: usize) -> bool {
        let mut place = self.changes.kept.lock();
        let now = self.generation().state.epochs.read().log_time;
        let Some(kept) = place.take_if(|kept| kept.until() >= now) else {
            // Freed outside the lock.
            let passed = place.take();
            drop(place);
            drop(passed);
            return false;
        };
        let (kept, more) = match kept {
            Kept::Leaving(leaving) => {
                let until = leaving.until;
                match leaving.machine(self.writer_epoch) {
                    Ok(machine) => (Kept::Following(Box::new(Following { machine, records: None, until })), true),
                    Err(leaving) => (Kept::Leaving(leaving), false),
                }
            }
            Kept::Following(mut following) => {
                let Following { machine, records, .. } = &mut *following;
                // What cannot be followed is of no use; going back is then filled like any change.
                let Ok(more) = self.read_some(machine, records, WHOLE, most) else { return false };
                // What it would note for a second copy is of no use here.
                machine.epoch.lead();
                (Kept::Following(following), more)
            }
        };
        *place = Some(kept);
        more
    }

    /// Applies at most `most` records of the durable log up to `end` to a machine; whether there may be more.
    pub(super) fn read_some(
        &self,
        machine: &mut Machine,
        records: &mut Option<Records<D>>,
        end: Position,
        most: usize,
    ) -> Result<bool, Refusal> {
        if machine.position >= self.reader.last().min(end) {
            return Ok(false);
        }
        if records.is_none() {
            let next = machine.position.next();
            *records = Some(self.reader.iter_from(next).map_err(|error| crate::gate::journal_failed(&error))?);
        }
        let records = records.as_mut().expect("it was just opened");
        for _ in 0..most.max(1) {
            if machine.position >= end {
                return Ok(true);
            }
            let Some(record) = records.next().map_err(|error| crate::gate::journal_failed(&error))? else {
                return Ok(false);
            };
            let position = record.header.position;
            machine.apply_record(&record.header, record.payload).map_err(|_| super::fill::unreadable(position))?;
        }
        Ok(true)
    }
}

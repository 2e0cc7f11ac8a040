//! What a state and a log hold, for whoever carries it elsewhere: a log opened to read, state at a position, entities by value.

use crate::checkpoint;
use crate::machine::Machine;
use crate::offline::LogFile;
use crate::open::OpenError;
use crate::view::{entity_of, raw_of};
use domain::{EntityId, PlanVersion, Position, Raw, Time};
use journal::{Disk, Error};
use spec::Plan;
use spec::plan::EntityIndex;
use std::sync::Arc;
use std::time::Duration;

/// How often a log that a writer works on is looked at before its damage is believed.
const LOOKS: u32 = 25;
/// The pause between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

impl Machine {
    /// The entities of a type that are in the catalogue, in the order in which the log first named them: key, and attributes in
    /// the plan's order, `Null` where there is no value.
    pub fn entities(&self, entity: EntityIndex) -> impl Iterator<Item = (&str, Vec<Raw<'static>>)> {
        let fields = self.plan.entities.get(usize::from(entity)).map_or(&[][..], |kind| &kind.fields);
        let ids = (0..self.catalogue.bound(entity)).map(EntityId);
        ids.filter(move |id| self.catalogue.present(entity, *id)).map(move |id| {
            let value = |index: usize| self.catalogue.attribute(entity, id, index as u16);
            let raws = fields.iter().enumerate().map(|(index, field)| {
                raw_of(&value(index), (&self.names, &self.names), entity_of(&field.ty).unwrap_or(entity))
            });
            (self.names.key(entity, id), raws.collect())
        })
    }

    /// The entries of `Plan::lists[list]` that last, in the order in which the log first named the entities: key, score, end.
    pub fn listed(&self, list: u16) -> impl Iterator<Item = (&str, Option<f64>, Option<Time>)> {
        let of = self.plan.lists.get(usize::from(list)).map_or(0, |list| list.of);
        let entries = self.epoch.listed().entries(list, None, self.log_time);
        entries.map(move |(id, entry)| (self.names.key(of, id), entry.score, entry.until))
    }
}

impl<D: Disk> LogFile<D> {
    /// Opens a log to read what is durable now, changing nothing; also beside a running node. Whether there is one.
    ///
    /// # Errors
    /// The log is damaged, or not there.
    pub fn open_to_read(disk: &Arc<D>) -> Result<(LogFile<D>, bool), OpenError> {
        let mut looks = 0;
        loop {
            looks += 1;
            match journal::open_to_read(disk.clone()) {
                Ok(opened) => {
                    return Ok((LogFile::of(opened.reader)?, opened.beside_writer));
                }
                Err(error @ (Error::NoLog | Error::NewerVersion { .. } | Error::UnknownFile { .. })) => {
                    return Err(error.into());
                }
                // A writer may have been at work between two steps of ours.
                Err(error) if looks == LOOKS => return Err(error.into()),
                Err(_) => std::thread::sleep(LOOK_AGAIN_AFTER),
            }
        }
    }

    /// The plan in force after the record at `position`; none if there was none, or if its spec is gone.
    pub fn plan_at(&self, position: Position) -> Option<Arc<Plan>> {
        self.plan_of(PlanVersion(self.specs.partition_point(|at| *at <= position) as u32))
    }

    /// State after the record at `position`, from the newest checkpoint that serves.
    ///
    /// # Errors
    /// The log does not reach back far enough for this plan, or cannot be read.
    pub fn state_at(
        &self,
        plan: &Arc<Plan>,
        position: Position,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Machine, OpenError> {
        let loaded = checkpoint::load_before(&self.reader, position, plan, 1, 0, &mut Vec::new())?;
        match loaded {
            Some(loaded) => self.apply_to(loaded.machine, position, progress),
            None => self.build_to(plan, 1, position, progress),
        }
    }
}

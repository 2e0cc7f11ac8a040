//! Bugs to plant in a change of the spec, so that the simulator can show that it sees them. Only in builds with the feature
//! `planted`, which nothing that is shipped has.

use super::Tap;
use crate::machine::Machine;
use decision::Epoch;
use domain::CodecError;
use state::{Rows, Scope};

/// A way to get the switch wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedChange {
    /// The last records before the switch are not applied.
    TailMissed,
    /// One shard is swapped in as it was before the last records.
    ShardLate,
    /// Items and indexes are.
    EpochLate,
    /// One shard comes without what it had.
    RowsLost,
    /// The log is told of the new spec while what it counts is not there yet.
    FilledTooEarly,
}

impl PlantedChange {
    /// Applies the last records, wrongly.
    pub(super) fn apply(
        self,
        tail: &Tap,
        machine: &mut Machine,
        writer_epoch: u32,
        behind: &Epoch,
    ) -> Result<(), CodecError> {
        let (shard, count) = (machine.shards[0].clone(), machine.shards.len() as u32);
        if self == PlantedChange::TailMissed {
            return Ok(());
        }
        tail.apply_to(machine, writer_epoch)?;
        match self {
            PlantedChange::TailMissed | PlantedChange::FilledTooEarly => {}
            PlantedChange::ShardLate => machine.shards[0] = shard,
            PlantedChange::EpochLate => machine.epoch = behind.clone(),
            PlantedChange::RowsLost => {
                machine.shards[0] = Rows::new(machine.plan.clone(), Scope::Shard { index: 0, count });
            }
        }
        Ok(())
    }
}

//! Planted bugs: each is a way in which a node like this one has been wrong before, put in at a seam. A simulator that does not
//! catch them proves nothing.

use crate::disk::Quirks;
use crate::run;
use crate::workload::Sent;
use domain::{Payload, Time};
use engine::PlantedChange;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Calls are acknowledged when they are sequenced.
    AckAtOnce,
    /// Answers leave before what they saw is durable.
    AnswerAtOnce,
    /// `fdatasync` of files is not called.
    SyncSkipped,
    /// A failed `fdatasync` is called again, and then succeeds.
    SyncRetried,
    /// The directory is never synced.
    DirectorySyncForgotten,
    /// Checkpoints and the manifest are named before they are synced.
    CheckpointUnsynced,
    /// Recovery takes damage in the middle for the end of the log.
    DamageTakenForEnd,
    /// Every delivery gets an id of its own: nothing is a duplicate.
    IdsAltered,
    /// Late events are given the time of their arrival.
    LateRetimed,
    /// A call that is all or nothing is appended one by one.
    CallTorn,
    /// Recovery applies a record twice.
    AppliedTwice,
    /// Recovery applies records out of order.
    AppliedOutOfOrder,
    /// A checkpoint says that it is one record further than it is.
    CheckpointMisplaced,
    /// Replay takes the time of the replay for the request's `now`.
    ReplayedLater,
    /// A changed spec is switched to without the last records.
    ChangeWithoutTail,
    /// One shard is swapped in late.
    ChangeOfShardLate,
    /// Items and indexes are.
    ChangeOfEpochLate,
    /// Rows that the new spec has too are lost.
    ChangeLosesRows,
    /// What serves before it is filled is recorded as if it were.
    ChangeFilledTooEarly,
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 19] = [
        Plant::AckAtOnce,
        Plant::AnswerAtOnce,
        Plant::SyncSkipped,
        Plant::SyncRetried,
        Plant::DirectorySyncForgotten,
        Plant::CheckpointUnsynced,
        Plant::DamageTakenForEnd,
        Plant::IdsAltered,
        Plant::LateRetimed,
        Plant::CallTorn,
        Plant::AppliedTwice,
        Plant::AppliedOutOfOrder,
        Plant::CheckpointMisplaced,
        Plant::ReplayedLater,
        Plant::ChangeWithoutTail,
        Plant::ChangeOfShardLate,
        Plant::ChangeOfEpochLate,
        Plant::ChangeLosesRows,
        Plant::ChangeFilledTooEarly,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Plant::AckAtOnce => "acknowledge_before_sync",
            Plant::AnswerAtOnce => "answer_before_durable",
            Plant::SyncSkipped => "skipped_sync",
            Plant::SyncRetried => "retried_sync",
            Plant::DirectorySyncForgotten => "forgotten_directory_sync",
            Plant::CheckpointUnsynced => "unsynced_checkpoint",
            Plant::DamageTakenForEnd => "damage_taken_for_the_end",
            Plant::IdsAltered => "deduplication_off",
            Plant::LateRetimed => "late_events_retimed",
            Plant::CallTorn => "torn_atomic_call",
            Plant::AppliedTwice => "applied_twice",
            Plant::AppliedOutOfOrder => "applied_out_of_order",
            Plant::CheckpointMisplaced => "checkpoint_of_wrong_position",
            Plant::ReplayedLater => "replay_with_wrong_now",
            Plant::ChangeWithoutTail => "change_without_tail",
            Plant::ChangeOfShardLate => "change_of_shard_late",
            Plant::ChangeOfEpochLate => "change_of_epoch_late",
            Plant::ChangeLosesRows => "change_loses_rows",
            Plant::ChangeFilledTooEarly => "change_filled_too_early",
        }
    }

    /// What the disk does wrong.
    pub(crate) fn quirks(self) -> Quirks {
        Quirks {
            sync_does_nothing: self == Plant::SyncSkipped,
            checkpoint_sync_does_nothing: self == Plant::CheckpointUnsynced,
            sync_dir_does_nothing: self == Plant::DirectorySyncForgotten,
            failed_sync_is_ok: self == Plant::SyncRetried,
        }
    }

    /// What goes wrong when the spec is changed.
    pub(crate) fn change(self) -> Option<PlantedChange> {
        match self {
            Plant::ChangeWithoutTail => Some(PlantedChange::TailMissed),
            Plant::ChangeOfShardLate => Some(PlantedChange::ShardLate),
            Plant::ChangeOfEpochLate => Some(PlantedChange::EpochLate),
            Plant::ChangeLosesRows => Some(PlantedChange::RowsLost),
            Plant::ChangeFilledTooEarly => Some(PlantedChange::FilledTooEarly),
            _ => None,
        }
    }

    /// What the server makes of a call before it hands it on; `None`: nothing.
    pub(crate) fn alter(self, sent: &[Sent], step: u64) -> Option<Vec<Payload<'static>>> {
        let change = |(at, sent): (usize, &Sent)| {
            let mut payload = sent.payload.clone();
            if let Payload::Event(event) = &mut payload {
                match self {
                    Plant::IdsAltered => {
                        event.id = event
                            .id
                            .as_ref()
                            .map(|id| if id.is_empty() { id.clone() } else { format!("{id}-{step}-{at}").into() });
                    }
                    Plant::LateRetimed => event.time = event.time.map(|time| Time(time.0.max(crate::world::START))),
                    _ => {}
                }
            }
            payload
        };
        matches!(self, Plant::IdsAltered | Plant::LateRetimed).then(|| sent.iter().enumerate().map(change).collect())
    }
}

/// Most seeds that a planted bug is looked for in.
const SEEDS_MAX: u64 = 500;

/// How a planted bug shows: the seed and what failed there.
pub fn reveal(plant: Plant) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| Some((seed, run::run_planted(seed, plant).failure?)))
}

/// Every planted bug: its name, whether it was caught, and how many seeds that took.
pub fn planted() -> Vec<(&'static str, bool, u64)> {
    let hunt = |plant: Plant| {
        let caught = reveal(plant);
        (plant.name(), caught.is_some(), caught.map_or(SEEDS_MAX, |(seed, _)| seed + 1))
    };
    Plant::ALL.into_iter().map(hunt).collect()
}

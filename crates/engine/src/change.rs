//! A spec changed on a running node: what a change would do, what is going on with one, which specs there were.
//! State under a plan is a function of that plan and of the log, as if the plan had always been in force; so a change gives every
//! consumer, at one position, the state that the new plan would have had. On a log that retention has cut, "always" begins at a
//! checkpoint, of which goes on what both plans count (`checkpoint/base.rs`).

mod adopt;
mod fill;
mod form;
mod interim;
mod kept;
#[cfg(feature = "planted")]
mod planted;
mod tap;
mod versions;

pub(crate) use fill::Changes;
pub use form::{CompleteFrom, Completeness};
#[cfg(feature = "planted")]
pub use planted::PlantedChange;
pub(crate) use tap::Tap;
pub use versions::SpecVersion;

use crate::core::Core;
use domain::{Code, PlanVersion, Position, Refusal, Time};
use journal::Disk;
use spec::{Diagnostics, Diff, Plan};
use std::sync::Arc;

/// What a change of the spec asks of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the text is the one in force.
    Nothing,
    /// The new plan is adopted on the state as it is: nothing that is counted, kept or indexed differs.
    Adoption,
    /// State is filled from the log beside the running node, and swapped in when it has caught up.
    Fill {
        /// Records to read.
        records: u64,
        /// The log's time from which on new values are counted, if retention has cut the log; none if filled values are complete.
        /// See [`PlannedChange::complete`].
        counted_from: Option<Time>,
    },
    /// State would have to be filled from records that retention has dropped, and what is kept cannot be carried over.
    OlderLog {
        /// The first position from which the log can be replayed.
        replay_from: Position,
    },
}

/// A change that compiles, looked at against the plan in force.
#[derive(Clone, Debug)]
pub struct PlannedChange {
    /// The new plan.
    pub plan: Arc<Plan>,
    /// The version that it was compared with.
    pub base: PlanVersion,
    /// What differs.
    pub diff: Diff,
    /// What it asks of the node.
    pub needs: Needs,
    /// Of the features that are new or changed and counted from some instant on: from when each is complete.
    pub complete: Vec<Completeness>,
    /// Why what is kept cannot be carried over, if it cannot.
    pub uncarried: Option<String>,
}

/// What a change came to when the call returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The text is the one in force; nothing was written.
    Unchanged,
    /// The new plan is in force.
    Switched {
        /// Its version.
        version: PlanVersion,
        /// Where its record stands: everything after it is of the new plan.
        position: Position,
    },
    /// State is being filled; the old plan serves until it is swapped in. See [`Core::change_status`].
    Filling,
    /// State is being filled, and the new spec serves already: what is not filled reads as missing. The plan that is in force
    /// until then has the old state ([`spec::interim`]), and the filled one follows as a version of its own.
    Interim {
        /// The version that serves until then.
        version: PlanVersion,
        /// Where its record stands.
        position: Position,
    },
}

/// A change that was taken.
#[derive(Clone, Debug)]
pub struct ChangeStarted {
    /// What was compared.
    pub planned: PlannedChange,
    /// What it came to so far.
    pub outcome: ChangeOutcome,
}

/// How far a change is.
#[derive(Clone, Debug, PartialEq)]
pub enum ChangeStage {
    /// The new plan's state is being filled from the log.
    Filling,
    /// It is being written as a checkpoint.
    Saving,
    /// It follows the newest records and is about to be swapped in.
    Following,
    /// The new plan is in force.
    Switched {
        /// Its version.
        version: PlanVersion,
        /// Where its record stands.
        position: Position,
    },
    /// It was cancelled; the old plan serves.
    Cancelled,
    /// It could not be done; the old plan serves.
    Failed(Refusal),
}

/// The last change that had to be filled, running or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeStatus {
    /// The version that it started from.
    pub base: PlanVersion,
    /// Digest of the new spec.
    pub digest: [u8; 32],
    /// How far it is.
    pub stage: ChangeStage,
    /// Records applied to the new state.
    pub records: u64,
    /// Records that the log has.
    pub records_in_log: u64,
    /// Records applied per second of the fill's own time.
    pub records_per_s: f64,
}

impl<D: Disk> Core<D> {
    /// Changes the spec. With `base`, only if that version is in force. What needs no filling is in force when this returns;
    /// otherwise the old plan serves until the new one's state has caught up.
    ///
    /// # Errors
    /// `invalid_spec`, `spec_conflict` if another version is in force, `change_running`, `spec_needs_older_log`.
    pub fn change_spec(&self, name: &str, text: &str, base: Option<PlanVersion>) -> Result<ChangeStarted, Refusal> {
        let planned = self.plan_change(name, text)?;
        if base.is_some_and(|base| base != planned.base) {
            return Err(conflict(planned.base));
        }
        let outcome = match planned.needs {
            Needs::Nothing => ChangeOutcome::Unchanged,
            Needs::Adoption => {
                let (version, position) = self.adopt(&planned)?;
                ChangeOutcome::Switched { version, position }
            }
            Needs::Fill { .. } => {
                self.start_filling(&planned)?;
                ChangeOutcome::Filling
            }
            Needs::OlderLog { replay_from } => {
                return Err(older_log(replay_from, planned.uncarried.as_deref().unwrap_or_default()));
            }
        };
        Ok(ChangeStarted { planned, outcome })
    }

    /// Changes the spec as [`Core::change_spec`] does, but the new one is in force when this returns even if it needs state that is
    /// not there: what is not filled yet reads as missing, and gets its values when the filled state is swapped in.
    ///
    /// # Errors
    /// As [`Core::change_spec`]; `invalid_spec` too if entities, events, lists or attribution differ, which cannot be missing.
    pub fn change_spec_at_once(
        &self,
        name: &str,
        text: &str,
        base: Option<PlanVersion>,
    ) -> Result<ChangeStarted, Refusal> {
        let planned = self.plan_change(name, text)?;
        if !matches!(planned.needs, Needs::Fill { .. }) {
            return self.change_spec(name, text, base);
        }
        if base.is_some_and(|base| base != planned.base) {
            return Err(conflict(planned.base));
        }
        let outcome = self.switch_to_interim(name, &planned)?;
        Ok(ChangeStarted { planned, outcome })
    }

    /// Goes back to an earlier version: its text becomes a new version. With `base`, only if that version is in force.
    ///
    /// # Errors
    /// As [`Core::change_spec`]; `unknown_version`, `gone` if its text is no longer in the log.
    pub fn roll_back(&self, to: PlanVersion, base: Option<PlanVersion>) -> Result<ChangeStarted, Refusal> {
        self.change_spec("an earlier spec", &self.spec_text(to)?, base)
    }
}

fn invalid(wrong: &Diagnostics) -> Refusal {
    Refusal::new(Code::InvalidSpec, "spec", spec::render(wrong))
}

fn running() -> Refusal {
    let message = "another change of the spec is being filled; wait for it, or cancel it";
    Refusal::new(Code::ChangeRunning, "", message)
}

fn conflict(in_force: PlanVersion) -> Refusal {
    let message = format!("version {} is in force by now; look at what changed and send the change again", in_force.0);
    Refusal::new(Code::SpecConflict, "base", message)
}

fn older_log(replay_from: Position, why: &str) -> Refusal {
    let message = format!(
        "the new state would have to be filled from the whole log, but the log is retained only from position {replay_from}, and what \
         is kept cannot be carried over: {why}. Change that apart from the rest, or start a second node with an empty data directory \
         and import the events again"
    );
    Refusal::new(Code::SpecNeedsOlderLog, "spec", message)
}

//! A change that serves at once though its state is not there yet: an interim plan is adopted on the state as it is, under which what
//! is not filled reads as missing, and the filled plan follows. Both switches are records of the log, so that every answer is
//! of one plan and its state. After a restart the fill begins anew.

use super::{ChangeOutcome, ChangeStage, ChangeStatus, PlannedChange, invalid};
use crate::core::Core;
use domain::Refusal;
use journal::Disk;
use std::sync::Arc;

impl<D: Disk> Core<D> {
    /// Puts the interim plan in force and starts to fill the planned one.
    pub(super) fn switch_to_interim(&self, name: &str, planned: &PlannedChange) -> Result<ChangeOutcome, Refusal> {
        // No other change comes between the two.
        let mut filling = self.changes.filling();
        super::fill::refuse_if_running(&filling)?;
        let old = self.generation();
        let interim = spec::interim(&old.plan, name, &planned.plan.text).map_err(|wrong| invalid(&wrong))?;
        let (version, position) = if interim.text == old.plan.text && old.version == planned.base {
            (old.version, old.since)
        } else {
            let interim = PlannedChange { plan: Arc::new(interim), ..planned.clone() };
            self.adopt_plan(&interim)?
        };
        let planned = PlannedChange { base: version, ..planned.clone() };
        self.begin_filling(&mut filling, &planned)?;
        Ok(ChangeOutcome::Interim { version, position })
    }

    /// Goes on with what a node was about when it ended: an interim plan that is in force is filled.
    pub(crate) fn fill_interim(&self) {
        let plan = self.plan();
        if !plan.is_interim() {
            return;
        }
        if let Err(refusal) = self.change_spec("the spec that is being filled", plan.written(), None) {
            let base = self.generation().version;
            let (digest, stage) = (*blake3::hash(plan.written().as_bytes()).as_bytes(), ChangeStage::Failed(refusal));
            let status = ChangeStatus { base, digest, stage, records: 0, records_in_log: 0, records_per_s: 0.0 };
            self.changes.tell(status);
        }
    }
}

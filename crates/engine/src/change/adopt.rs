//! A change that needs nothing filled: the new plan is adopted on the state as it is, between two records, while no reader is
//! inside. It takes as long as the longest answer that is being computed.

use super::fill::refuse_if_running;
use super::{PlannedChange, conflict};
use crate::core::{Core, WholeOrNothing};
use crate::decide::Judge;
use crate::generation::{Generation, State};
use crate::ring::{Latch, Message};
use crate::serve::Names;
use decision::Epoch;
use domain::{Code, PlanVersion, Position, Refusal};
use journal::Disk;
use spec::Plan;
use state::{Rows, Scope};
use std::sync::Arc;

/// What is worked out from a plan before any lock is taken: empty state, whose way of reading and applying the real state takes over.
struct Empty {
    plan: Arc<Plan>,
    rows: Rows,
    epoch: Epoch,
}

impl Empty {
    fn new(plan: Arc<Plan>) -> Empty {
        let rows = Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 });
        Empty { rows, epoch: Epoch::new(plan.clone()), plan }
    }
}

impl<D: Disk> Core<D> {
    /// Puts a plan in force that has the same state as the present one.
    pub(super) fn adopt(&self, planned: &PlannedChange) -> Result<(PlanVersion, Position), Refusal> {
        // None is begun meanwhile.
        let filling = self.changes.filling();
        refuse_if_running(&filling)?;
        self.adopt_plan(planned)
    }

    /// The same for who holds what is being filled.
    pub(super) fn adopt_plan(&self, planned: &PlannedChange) -> Result<(PlanVersion, Position), Refusal> {
        let generation = self.generation();
        let new = Empty::new(bound(&generation.state, &planned.plan)?);
        let judge = Judge::new(new.plan.clone());
        judge.rulesets();
        let mut sequencer = self.sequencer.lock();
        let Generation { version, state, .. } = &*sequencer.generation.clone();
        if *version != planned.base {
            return Err(conflict(*version));
        }
        self.refuse_if_busy(&sequencer)?;
        if let Some(ring) = &self.ring {
            let latch = Arc::new(Latch::new(state.shards.len() + 1));
            ring.push(Message::Pass(latch.clone()));
            latch.wait();
        }
        // Readers then see everything that was appended.
        self.publish_epoch();
        let _whole = WholeOrNothing;
        sequencer.advance(self.config.clock.now(), None);
        sequencer.catalogue.adopt(&new.plan);
        sequencer.lists.adopt(&new.plan);
        if let Some(attribution) = &mut sequencer.attribution {
            attribution.adopt(&new.plan);
            attribution.spec(&new.plan.text);
        }
        sequencer.changed = true;
        let adopted = state.epochs.adopt(&new.epoch, &Names(&state.names), || {
            state.shards.iter().for_each(|shard| shard.write().adopt(&new.rows));
            self.write_spec(&mut sequencer, judge, state.clone())
        });
        state.look_at_timers();
        drop(sequencer);
        self.ask_for_sync(true);
        Ok((adopted.version, adopted.since))
    }
}

/// The plan with the numbers that the state's dictionary has for its strings; new ones are named now.
fn bound(state: &State, plan: &Arc<Plan>) -> Result<Arc<Plan>, Refusal> {
    let names = &mut *state.names.write();
    let new = plan.constants.iter().filter(|text| names.symbol(text).is_none()).count();
    if new > names.symbol_room() as usize {
        let message = "the spec's strings are more than there is room for; raise the limit on distinct strings";
        return Err(Refusal::new(Code::CapacityReached, "spec", message));
    }
    Ok(spec::bind(plan, &mut |text| names.intern_symbol(text)))
}

//! A plan's decisions with the indexes of their rules. They are made once, when they are first needed, and again now and then from
//! what was decided lately: that makes them faster and changes no verdict.

use decision::{Facts, RulesetScratch, Rulesets};
use parking_lot::{Mutex, RwLock};
use spec::Plan;
use std::sync::Arc;

/// Of so many decisions one is kept as a sample.
const SAMPLED_ONE_IN: u64 = 16;
/// Samples that are kept, the newest.
const SAMPLES: usize = 512;
/// Decisions before the indexes are made from samples for the first time, and by how much that number then grows each time.
const TUNED_FIRST: u64 = SAMPLED_ONE_IN * SAMPLES as u64;
const TUNED_AGAIN: u64 = 16;

/// Decides on complete facts.
pub(crate) struct Judge {
    pub(crate) plan: Arc<Plan>,
    rulesets: RwLock<Option<Arc<Rulesets>>>,
    /// Of whoever decided last.
    scratch: Mutex<RulesetScratch>,
    samples: Mutex<Samples>,
}

struct Samples {
    decided: u64,
    /// How many decisions it takes until the indexes are made again.
    due: u64,
    kept: Vec<Facts>,
}

impl Judge {
    pub(crate) fn new(plan: Arc<Plan>) -> Arc<Judge> {
        let samples = Samples { decided: 0, due: TUNED_FIRST, kept: Vec::new() };
        let (rulesets, scratch) = (RwLock::default(), Mutex::default());
        Arc::new(Judge { plan, rulesets, scratch, samples: Mutex::new(samples) })
    }

    /// The indexes, which are made now if they are not.
    pub(crate) fn rulesets(&self) -> Arc<Rulesets> {
        if let Some(rulesets) = &*self.rulesets.read() {
            return rulesets.clone();
        }
        let mut rulesets = self.rulesets.write();
        rulesets.get_or_insert_with(|| Arc::new(Rulesets::new(&self.plan, &[]))).clone()
    }

    /// Lets events be decided on.
    pub(crate) fn judge<R>(&self, judge: impl FnOnce(&Rulesets, &mut RulesetScratch) -> R) -> R {
        let rulesets = self.rulesets();
        match self.scratch.try_lock() {
            Some(mut scratch) => judge(&rulesets, &mut scratch),
            // Another batch is being decided on.
            None => judge(&rulesets, &mut RulesetScratch::default()),
        }
    }

    /// Takes note of what was decided, for the next time that indexes are made.
    pub(crate) fn sample<'f>(&self, decided: impl Iterator<Item = &'f Facts>) {
        let mut samples = self.samples.lock();
        for facts in decided {
            samples.decided += 1;
            if samples.decided.is_multiple_of(SAMPLED_ONE_IN) {
                let at = (samples.decided / SAMPLED_ONE_IN) as usize % SAMPLES;
                match samples.kept.get_mut(at) {
                    Some(oldest) => *oldest = facts.clone(),
                    None => samples.kept.push(facts.clone()),
                }
            }
        }
    }

    /// Makes the indexes again, from samples, if that is due.
    pub(crate) fn tune(&self) {
        let kept = {
            let mut samples = self.samples.lock();
            if samples.decided < samples.due {
                return;
            }
            samples.due = samples.decided.saturating_mul(TUNED_AGAIN);
            samples.kept.clone()
        };
        let tuned = Arc::new(Rulesets::new(&self.plan, &kept));
        *self.rulesets.write() = Some(tuned);
    }
}

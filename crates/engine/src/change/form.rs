//! What a change of the spec needs, and in which form its plan can be put in force: a plan says where its state begins, which is the
//! log's beginning unless retention has cut that.

use super::{Needs, PlannedChange, invalid};
use crate::checkpoint;
use crate::core::Core;
use crate::generation::Generation;
use crate::training::reach::{Reach, of_aggregate};
use domain::{Position, Refusal, Time};
use journal::Disk;
use spec::plan::{SlotIndex, SlotSource};
use spec::{Carried, Diff, Plan};
use std::collections::BTreeSet;
use std::sync::Arc;

/// From when on a feature is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completeness {
    /// The feature: `user.views_1h`.
    pub feature: String,
    /// From when on.
    pub from: CompleteFrom,
}

/// From when on a value is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompleteFrom {
    /// From the switch on: it counts nothing.
    Switch,
    /// From this instant on: all that its windows reach was counted.
    Time(Time),
    /// It looks back to the first event there ever was, and is as if that had come at the beginning of what is counted.
    Never,
}

/// A plan with where its state begins, and what that asks of the node.
struct Form {
    plan: Arc<Plan>,
    needs: Needs,
    uncarried: Option<String>,
}

impl<D: Disk> Core<D> {
    /// Compiles a spec and says what changing to it would do; changes nothing. `name` is for diagnostics. On a log that retention
    /// has cut it reads a checkpoint.
    ///
    /// # Errors
    /// `invalid_spec` with everything that is wrong with the text; `journal_failed` if checkpoints cannot be read.
    pub fn plan_change(&self, name: &str, text: &str) -> Result<PlannedChange, Refusal> {
        // An interim text stands for the spec that it leads to.
        let text = spec::written(text);
        let plan = Arc::new(spec::compile(name, text).map_err(|wrong| invalid(&wrong))?);
        let generation = self.generation();
        let Form { plan, needs, uncarried } = self.form(&generation, plan)?;
        let diff = spec::diff(&generation.plan, &plan);
        let complete = match needs {
            Needs::Fill { counted_from: Some(from), .. } => complete(&plan, &diff, from),
            _ => Vec::new(),
        };
        Ok(PlannedChange { base: generation.version, plan, diff, needs, complete, uncarried })
    }

    fn form(&self, old: &Generation, plan: Arc<Plan>) -> Result<Form, Refusal> {
        let form = |plan, needs| Ok(Form { plan, needs, uncarried: None });
        if plan.text == old.plan.written() && !old.plan.is_interim() {
            return form(old.plan.clone(), Needs::Nothing);
        }
        let same = under(old.plan.carried.as_ref(), &plan);
        if spec::state_digest(&same) == spec::state_digest(&old.plan) {
            return form(same, Needs::Adoption);
        }
        let fill = |from: Position, counted_from| {
            let last = self.sequencer.lock().appender.position();
            Needs::Fill { records: last.0.saturating_sub(from.0), counted_from }
        };
        if let Some((plan, position)) = self.filled_already(&plan) {
            return form(plan, fill(position, None));
        }
        let replay_from = self.reader.replay_from();
        if replay_from <= Position(1) {
            return form(plan, fill(Position::START, None));
        }
        let base = checkpoint::base(&self.reader, &old.plan).map_err(|error| crate::gate::checkpoint_failed(&error))?;
        let why = match &base {
            None => "there is no checkpoint that it could begin at yet".to_owned(),
            Some(base) => match spec::carry(&base.plan, &plan) {
                Ok(_) => {
                    let needs = fill(base.from.position, Some(base.from.log_time));
                    return form(under(Some(&base.from), &plan), needs);
                }
                Err(why) => why,
            },
        };
        Ok(Form { plan, needs: Needs::OlderLog { replay_from }, uncarried: Some(why) })
    }

    /// The plan in a form whose state is there, and where: that of the plan before, or on a cut log in a checkpoint.
    fn filled_already(&self, plan: &Arc<Plan>) -> Option<(Arc<Plan>, Position)> {
        let kept = self.kept_from().map(|from| under(from.as_ref(), plan));
        let kept = kept.and_then(|kept| self.kept_position(&kept).map(|position| (kept, position)));
        if kept.is_some() || self.reader.replay_from() <= Position(1) {
            return kept;
        }
        let versions = self.plans_of(&plan.text);
        let forms = versions.into_iter().chain([plan.clone()]);
        forms.into_iter().find_map(|plan| checkpoint::exists(&self.reader, &plan).map(|position| (plan, position)))
    }
}

/// The same spec with state that begins elsewhere.
fn under(from: Option<&Carried>, plan: &Arc<Plan>) -> Arc<Plan> {
    match from {
        None => plan.clone(),
        Some(_) => Arc::new(spec::carried(from, "a spec", &plan.text).expect("it has been compiled before")),
    }
}

/// Of the features that are new or changed: from when each is complete if state is counted from `start` on.
fn complete(plan: &Plan, diff: &Diff, start: Time) -> Vec<Completeness> {
    let names = diff.added.iter().chain(&diff.changed).filter_map(|name| name.strip_prefix("feature "));
    let mut all: Vec<Completeness> = names
        .filter_map(|name| {
            let feature = plan.features.iter().find(|of| plan.slots[usize::from(of.slot)].name == name)?;
            let from = match reach(plan, feature.slot) {
                Reach::Nothing => CompleteFrom::Switch,
                Reach::Back(span) => CompleteFrom::Time(start.plus(span)),
                Reach::Everything => CompleteFrom::Never,
            };
            Some(Completeness { feature: name.to_owned(), from })
        })
        .collect();
    all.sort_by(|a, b| a.feature.cmp(&b.feature));
    all
}

/// How far back a slot looks in what is counted; attributes and lists go on as they are.
fn reach(plan: &Plan, slot: SlotIndex) -> Reach {
    let (mut open, mut seen, mut reach) = (vec![slot], BTreeSet::new(), Reach::Nothing);
    while let Some(slot) = open.pop() {
        if !seen.insert(slot) {
            continue;
        }
        match plan.slots[usize::from(slot)].source {
            SlotSource::Feature(feature) => open.extend(plan.features[usize::from(feature)].program.slots()),
            SlotSource::Aggregate(aggregate) => {
                let aggregate = &plan.aggregates[usize::from(aggregate)];
                reach = reach.max(of_aggregate(aggregate.op, &plan.streams[usize::from(aggregate.stream)]));
            }
            _ => {}
        }
    }
    reach
}

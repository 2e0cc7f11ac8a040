//! The spec of the running node is changed, step by step and among everything else; a crash may come between any two steps.

use crate::specs::Spec;
use crate::world::{Verdict, World};
use domain::{Code, Payload, PlanVersion, Refusal};
use engine::{ChangeOutcome, ChangeStage, LogFile};
use journal::Options;

/// Steps within which a change of the small log of a sweep ends.
const STEPS_MAX: usize = 100;

impl World {
    /// A change is begun, goes on, or is given up.
    pub(crate) fn change(&mut self) -> Verdict {
        match self.changing {
            None => self.begin_change(),
            Some(_) if self.rng.percent(4) => {
                self.give_up_change();
                Ok(())
            }
            Some(to) => self.go_on_changing(to),
        }
    }

    /// A change that must be filled, from its beginning to its end; a failing disk may end it early.
    pub(crate) fn change_whole(&mut self) -> Verdict {
        // The second time, and then every restart, goes over the interim spec.
        let at_once = self.spec == Spec::First && self.fixed_at_once;
        let to = if at_once { Spec::Third } else { self.spec.other() };
        let (node, name) = (self.node()?, "the simulator's spec");
        let started = match at_once {
            true => node.change_spec_at_once(name, &to.text(), None),
            false => node.change_spec(name, &to.text(), None),
        };
        self.note(|| format!("whole change to {to:?}: {:?}", started.as_ref().map(|started| started.outcome)));
        match started {
            Ok(started) => self.begun(to, started.outcome)?,
            Err(refusal) => return self.change_refused(&refusal),
        }
        for _ in 0..STEPS_MAX {
            if self.changing.is_none() || self.storage.is_dead() || self.failed() {
                return Ok(());
            }
            self.go_on_changing(to)?;
            self.sync()?;
        }
        let faulted = self.storage.faulted() > 0;
        self.give_up_change();
        if faulted { Ok(()) } else { Err(format!("the change to {to:?} comes to no end")) }
    }

    fn begin_change(&mut self) -> Verdict {
        let to = match self.rng.below(10) {
            0 => self.spec,
            1..4 if self.spec == Spec::First => Spec::Third,
            1..6 => self.spec.tuned().unwrap_or(self.spec.other()),
            _ => self.spec.other(),
        };
        // The interim spec itself is no spec to change to: it stands for the one that it leads to.
        let to = if to == Spec::Between { Spec::Third } else { to };
        let to = if self.may_count_anew(to) { to } else { self.spec };
        let at_once = to == Spec::Third && matches!(self.spec, Spec::First | Spec::Between) && self.rng.percent(70);
        let version = self.node()?.status().plan_version;
        let stale = self.rng.percent(10);
        let base = if stale { PlanVersion(version.0 + 1) } else { version };
        let (node, name) = (self.node()?, "the simulator's spec");
        let started = match at_once {
            true => node.change_spec_at_once(name, &to.text(), Some(base)),
            false => node.change_spec(name, &to.text(), Some(base)),
        };
        self.note(|| {
            format!("change to {to:?}, at once {at_once}: {:?}", started.as_ref().map(|started| started.outcome))
        });
        match started {
            Err(refusal) if stale && refusal.code == Code::SpecConflict => Ok(()),
            _ if stale => Err(format!("a change based on {base:?} was taken where {version:?} is in force")),
            Ok(started) => self.begun(to, started.outcome),
            Err(refusal) => self.change_refused(&refusal),
        }
    }

    /// Whether the node may go over to a spec: what is counted anew on a log that retention has cut begins at its start, which the
    /// model does not follow (the engine's own tests do).
    pub(crate) fn may_count_anew(&self, to: Spec) -> bool {
        self.knobs.retain.is_none() || to.counting() == self.spec.counting()
    }

    fn begun(&mut self, to: Spec, outcome: ChangeOutcome) -> Verdict {
        match outcome {
            ChangeOutcome::Unchanged if to == self.spec => Ok(()),
            ChangeOutcome::Filling if to.counting() != self.spec.counting() => {
                self.changing = Some(to);
                Ok(())
            }
            ChangeOutcome::Switched { version, position } if Some(to) == self.spec.tuned() => {
                self.changed(to, version, position.0)
            }
            ChangeOutcome::Interim { version, position } if to == Spec::Third => {
                match self.spec {
                    // It was in force already.
                    Spec::Between => self.node().map(|_| ())?,
                    _ => self.changed(Spec::Between, version, position.0)?,
                }
                self.changing = Some(to);
                Ok(())
            }
            _ => Err(format!("the change from {:?} to {to:?} came to {outcome:?}", self.spec)),
        }
    }

    fn go_on_changing(&mut self, to: Spec) -> Verdict {
        let records = 1 + self.rng.below(60) as usize;
        self.node()?.advance_change(records);
        let status = self.node()?.change_status().ok_or("the change is not known any more")?;
        self.note(|| format!("change: {:?} at {}", status.stage, status.records));
        match status.stage {
            ChangeStage::Switched { version, position } => self.changed(to, version, position.0),
            ChangeStage::Failed(refusal) => {
                self.changing = None;
                self.change_refused(&refusal)
            }
            ChangeStage::Cancelled => Err("the change was cancelled by nobody".to_owned()),
            _ => Ok(()),
        }
    }

    /// The new plan is in force from here on.
    fn changed(&mut self, to: Spec, version: PlanVersion, position: u64) -> Verdict {
        let log_time = self.ledger.log_time.max(self.now);
        self.ledger.append(log_time, Payload::Spec(to.text().into()));
        (self.spec, self.changing) = (to, None);
        // What the change itself has saved is of the new plan; no checkpoint of it must be found.
        self.checkpointed = self.checkpointed.filter(|(_, spec)| spec.counting() == self.spec.counting());
        self.counts.changes += 1;
        if self.ledger.last() != position || self.node()?.status().plan_version != version {
            return Err(format!(
                "version {version:?} is said to stand at {position}, it must at {}",
                self.ledger.last()
            ));
        }
        let node = self.node()?;
        if node.plan().text != to.text() || node.status().applied.0 < position {
            return Err(format!("{:?} is not in force after the change at {position}", to));
        }
        self.check_position()?;
        self.inspect(3)
    }

    /// The change that is being filled is given up, if there is one.
    pub(crate) fn give_up_change(&mut self) {
        if self.changing.take().is_some()
            && let Some(node) = &self.core
        {
            let done = node.cancel_change();
            self.note(|| format!("change given up: {done:?}"));
        }
    }

    fn change_refused(&mut self, refusal: &Refusal) -> Verdict {
        let status = self.node()?.status();
        let just = match refusal.code {
            Code::DiskFull => self.knobs.faults.space.is_some() || self.storage.faulted() > 0,
            Code::Overloaded => status.unsynced_bytes > self.knobs.unsynced_max,
            Code::JournalFailed | Code::Internal => {
                status.failed.is_some() || self.storage.faulted() > 0 || self.storage.is_dead()
            }
            _ => false,
        };
        if just { Ok(()) } else { Err(format!("the change was refused without a reason: {refusal}")) }
    }

    /// The node is started with the spec that its log has last, as a server without another one is.
    pub(crate) fn follow_log(&mut self) {
        let Ok(log) = LogFile::open(self.storage.fork().process(), Options::default()) else { return };
        let found = log.plan();
        if let Some(spec) =
            Spec::ALL.into_iter().find(|spec| found.as_ref().is_some_and(|plan| plan.text == spec.text()))
        {
            self.spec = spec;
        }
    }
}

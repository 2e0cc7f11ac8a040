//! What is done about a guard that is broken: a rollback or a change of the spec like any, with its reason in the log. That it is broken
//! follows from the log alone; so whoever comes first after a crash does what is left to do.

use crate::change::ChangeOutcome;
use crate::core::Core;
use domain::{Payload, PlanVersion, Refusal};
use journal::Disk;
use spec::plan::GuardAction;
use std::time::{Duration, Instant};

/// How long to wait after an attempt that failed.
const PAUSE: Duration = Duration::from_secs(10);

/// What was tried.
#[derive(Default)]
pub(crate) struct Guarding {
    /// Guards that nothing is to be done about any more, or not before an instant; of the version in force alone.
    tried: Vec<(Broken, Option<Instant>)>,
    /// The digest of the spec that is about to come into force, and why.
    reason: Option<([u8; 32], String)>,
}

/// A guard that is broken.
#[derive(Clone, PartialEq)]
struct Broken {
    version: PlanVersion,
    decision: String,
    /// Index into `Decision::guards`.
    guard: u16,
}

/// What is to be done.
struct Due {
    of: Broken,
    before: Option<PlanVersion>,
    action: Option<GuardAction>,
    said: String,
}

/// What was done.
struct Acted {
    said: String,
    /// Whether nothing is left to do.
    done: bool,
}

impl Guarding {
    fn rests(&self, guard: &Broken) -> bool {
        let of = self.tried.iter().find(|(tried, _)| tried == guard);
        of.is_some_and(|(_, until)| until.is_none_or(|until| Instant::now() < until))
    }

    fn tried(&mut self, guard: Broken, until: Option<Instant>) {
        self.tried.retain(|(tried, _)| tried.version == guard.version && *tried != guard);
        self.tried.push((guard, until));
    }
}

impl<D: Disk> Core<D> {
    /// Does what a broken guard of the version in force asks for, if there is one. Where nothing can be done about one, the next has
    /// its turn.
    pub fn keep_guards(&self) {
        let Some(due) = self.due() else { return };
        if !self.may_change(&due) {
            return;
        }
        let acted = self.act(&due);
        let done = matches!(acted, Ok(Acted { done: true, .. }));
        self.guarding.lock().tried(due.of, (!done).then(|| Instant::now() + PAUSE));
        (self.config.tell)(&match acted {
            Ok(Acted { said, .. }) => format!("{}: {said}", due.said),
            Err(refusal) => format!("{}: this could not be acted on yet: {}", due.said, refusal.message),
        });
    }

    /// Whether no change is being filled that is to be waited for. One that serves already, and is what broke the guard, is given up.
    fn may_change(&self, due: &Due) -> bool {
        if self.is_filling() && self.plan().is_interim() && due.action == Some(GuardAction::Rollback) {
            // Whoever has cancelled it meanwhile has done what is wanted.
            let _ = self.cancel_change();
        }
        !self.is_filling()
    }

    fn due(&self) -> Option<Due> {
        let generation = self.generation();
        let (version, plan) = (generation.version, &generation.plan);
        let book = generation.state.cases.lock();
        let guarding = self.guarding.lock();
        book.broken(version).find_map(|(tally, breach)| {
            let of = Broken { version, decision: tally.name.clone(), guard: breach.guard };
            let decision = plan.decision(&tally.name).map(|at| &plan.decisions[usize::from(at)]);
            (!guarding.rests(&of)).then(|| Due {
                of,
                before: tally.watch.before.map(|before| before.version),
                action: decision.and_then(|of| of.guards.get(usize::from(breach.guard))).map(|guard| guard.then),
                said: breach.said.to_string(),
            })
        })
    }

    /// Acts, and says what was done.
    fn act(&self, due: &Due) -> Result<Acted, Refusal> {
        let nothing = |said: &str| Ok(Acted { said: said.to_owned(), done: true });
        let (Some(before), Some(action)) = (due.before, due.action) else {
            return nothing("there is no version before to go back to, so nothing is done");
        };
        let (text, said) = match action {
            GuardAction::Rollback => (self.spec_text(before)?, format!("rolled back to version {}", before.0)),
            GuardAction::Freeze => {
                let (old, now) = (self.plan_of(before)?, self.generation().plan.clone());
                match spec::frozen(&old, &now, &due.of.decision) {
                    Some(text) => (text, format!("shares are held as of version {}", before.0)),
                    None => return nothing("no share differs from before, so nothing is held"),
                }
            }
        };
        let reason = format!("{said}, for a {}", due.said);
        self.guarding.lock().reason = Some((digest_of(&text), reason));
        let started =
            self.change_spec("the spec that a guard asks for", &text, Some(due.of.version)).inspect_err(|_| {
                // Nobody else's change of the same text is a guard's.
                self.guarding.lock().reason = None;
            })?;
        // What is being filled may fail: then it is tried again.
        let done = !matches!(started.outcome, ChangeOutcome::Filling);
        Ok(Acted { said, done })
    }

    /// The record that stands behind a spec's, if there is a reason for it.
    pub(crate) fn reason_of(&self, text: &str) -> Option<Payload<'static>> {
        let mut guarding = self.guarding.lock();
        let fits = guarding.reason.as_ref().is_some_and(|(digest, _)| *digest == digest_of(text));
        guarding.reason.take_if(|_| fits).map(|(_, mut reason)| {
            reason.truncate(reason.floor_char_boundary(domain::limits::SPEC_REASON_BYTES_MAX));
            Payload::SpecReason(reason.into())
        })
    }
}

fn digest_of(text: &str) -> [u8; 32] {
    *blake3::hash(spec::written(text).as_bytes()).as_bytes()
}

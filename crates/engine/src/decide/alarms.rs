//! Alarms: every consumer gives what its rows raised while it applied a batch, and the one that passes the batch last tells them, in
//! the order of the log, of one record by alarm and entity. Nothing is recorded: what is no longer kept is derived again from the log
//! (`outcomes.rs`).

use super::{Decided, Deciding};
use crate::generation::{Generation, State};
use crate::machine::Machine;
use crate::view::{entity_of, raw_of};
use domain::{DecisionId, OutcomeId, Payload, PlanVersion, Position, Time, Type, Value, limits};
use parking_lot::Mutex;
use spec::Plan;
use state::{Dictionary, Raised};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An alarm that was raised. Position, alarm and entity together name it: there is no other of the same three. So does its id.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// The record that raised it (an event of the entity, or the first record whose log time had reached the instant it was due), and
    /// its place behind the decisions on that record and the alarms before it.
    pub id: OutcomeId,
    /// The plan that it was raised under.
    pub plan: Arc<Plan>,
    /// Its version.
    pub version: PlanVersion,
    /// Index into `Plan::alarms`.
    pub index: u16,
    /// The record's log time.
    pub log_time: Time,
    /// The entity's key.
    pub entity: String,
    /// What it says.
    pub reason: String,
}

impl Alarm {
    /// Where the record stands.
    pub fn position(&self) -> Position {
        self.id.decision.position
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.declared().name
    }

    /// The entity's type.
    pub fn of(&self) -> &str {
        &self.plan.entities[usize::from(self.declared().of)].name
    }

    /// Words that it carries.
    pub fn tags(&self) -> &[String] {
        &self.declared().tags
    }

    fn declared(&self) -> &spec::plan::Alarm {
        &self.plan.alarms[usize::from(self.index)]
    }
}

/// Puts what was raised into words.
pub(crate) struct Wording<'n> {
    pub(crate) plan: &'n Arc<Plan>,
    pub(crate) version: PlanVersion,
    pub(crate) names: &'n Dictionary,
}

impl Wording<'_> {
    pub(crate) fn alarm(&self, id: OutcomeId, raised: &Raised) -> Alarm {
        let (of, names) = (&self.plan.alarms[usize::from(raised.alarm)], self.names);
        let show =
            |value: &Value, ty: &Type| super::shown(&raw_of(value, (names, names), entity_of(ty).unwrap_or_default()));
        Alarm {
            id,
            plan: self.plan.clone(),
            version: self.version,
            index: raised.alarm,
            log_time: raised.log_time,
            entity: names.key(of.of, raised.entity).to_owned(),
            reason: decision::said(&of.reason, &of.when, &raised.values, names, &show),
        }
    }
}

/// What one batch raises.
pub(crate) struct Alarming {
    plan: Arc<Plan>,
    version: PlanVersion,
    epoch: u32,
    /// How many consumers have not passed the batch.
    missing: AtomicUsize,
    raised: Mutex<Vec<Raised>>,
}

impl Alarming {
    /// For a batch of this generation, by the writer of this epoch; none if its plan has no alarms.
    pub(crate) fn new(generation: &Generation, epoch: u32) -> Option<Alarming> {
        if generation.plan.alarms.is_empty() {
            return None;
        }
        let (plan, version) = (generation.plan.clone(), generation.version);
        let missing = AtomicUsize::new(generation.state.consumers());
        Some(Alarming { plan, version, epoch, missing, raised: Mutex::default() })
    }

    /// Takes what a consumer's rows raised.
    pub(crate) fn take(&self, mut raised: Vec<Raised>) {
        if !raised.is_empty() {
            self.raised.lock().append(&mut raised);
        }
    }

    /// A consumer has passed the batch; the last one tells. `deciding`: what is decided on its events.
    pub(crate) fn passed(&self, state: &State, deciding: Option<&Deciding>) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let raised = ordered(std::mem::take(&mut *self.raised.lock()));
        if raised.is_empty() {
            return;
        }
        let names = &*state.names.read();
        let wording = Wording { plan: &self.plan, version: self.version, names };
        let ids = raised.chunk_by(|a, b| a.position == b.position).flat_map(|of_record| {
            let position = of_record[0].position;
            let first = deciding.map_or(0, |deciding| deciding.count_at(position));
            let decision = DecisionId { epoch: self.epoch, position };
            (first..).zip(of_record).map(move |(place, _)| OutcomeId { decision, place })
        });
        let told = ids.zip(&raised);
        // What would give way at once is not put into words.
        let gone = raised.len().saturating_sub(limits::RECENT_ALARMS_MAX);
        let mut recent = state.alarms.lock();
        if let Some(last) = gone.checked_sub(1) {
            recent.forget_to(raised[last].position);
        }
        recent.remember(told.skip(gone).map(|(id, raised)| wording.alarm(id, raised)));
    }
}

/// In the order of the log, of one record by alarm and entity, each once.
pub(crate) fn ordered(mut raised: Vec<Raised>) -> Vec<Raised> {
    let key = |of: &Raised| (of.position, of.alarm, of.entity);
    raised.sort_by_key(key);
    raised.dedup_by_key(|of| key(of));
    raised
}

/// The newest alarms, in the order of the log.
#[derive(Default)]
pub(crate) struct RecentAlarms {
    /// Those of records behind this one are all there.
    known_from: Position,
    alarms: VecDeque<Alarm>,
}

impl RecentAlarms {
    /// None yet, of a log that ends here.
    pub(crate) fn new(known_from: Position) -> RecentAlarms {
        RecentAlarms { known_from, alarms: VecDeque::new() }
    }

    /// Behind which position every alarm is here.
    pub(crate) fn reaches_back_to(&self) -> Position {
        self.known_from
    }

    /// The oldest give way, with all of their record.
    fn remember(&mut self, alarms: impl Iterator<Item = Alarm>) {
        let known_from = self.known_from;
        self.alarms.extend(alarms.filter(|alarm| alarm.position() > known_from));
        while self.alarms.len() > limits::RECENT_ALARMS_MAX {
            let oldest = self.alarms.front().map(Alarm::position).unwrap_or_default();
            self.forget_to(oldest);
        }
    }

    /// Lets go of everything up to here.
    fn forget_to(&mut self, position: Position) {
        self.known_from = self.known_from.max(position);
        let gone = self.alarms.partition_point(|alarm| alarm.position() <= position);
        self.alarms.drain(..gone);
    }

    /// The next alarms behind a place (a position, and how many outcomes of the next record), at most so many, up to a position; none
    /// if some are no longer here.
    pub(crate) fn behind(
        &self,
        (position, skipped): (Position, u32),
        until: Position,
        most: usize,
    ) -> Option<Vec<Alarm>> {
        if position < self.known_from {
            return None;
        }
        let is_behind_us = |alarm: &Alarm| {
            alarm.position() <= position || (alarm.position() == position.next() && alarm.id.place < skipped)
        };
        let from = self.alarms.partition_point(is_behind_us);
        let next = self.alarms.range(from..).take_while(|alarm| alarm.position() <= until);
        Some(next.take(most).cloned().collect())
    }
}

impl Machine {
    /// Applies one payload as [`Machine::apply`] does: what is decided on it, and what alarms it raises, by alarm and entity; those to
    /// be put into words by [`Machine::alarm`].
    pub fn apply_telling(
        &mut self,
        position: Position,
        log_time: Time,
        payload: &Payload<'_>,
    ) -> (Vec<Decided>, Vec<Raised>) {
        self.raised = Some(Vec::new());
        let decided = self.apply_deciding(position, log_time, payload);
        (decided, ordered(self.raised.take().unwrap_or_default()))
    }

    /// What was raised by the record applied last, in words. They are said to be of the plan's version that is given.
    pub fn alarm(&self, id: OutcomeId, version: PlanVersion, raised: &Raised) -> Alarm {
        Wording { plan: &self.plan, version, names: &self.names }.alarm(id, raised)
    }

    /// Takes what the rows raised, for whoever asks; else it is let go.
    pub(crate) fn gather(&mut self) {
        if self.plan.alarms.is_empty() {
            return;
        }
        let Machine { shards, epoch, raised, .. } = self;
        let found = shards.iter_mut().flat_map(|rows| rows.take_raised()).chain(epoch.take_raised());
        match raised {
            Some(raised) => raised.extend(found),
            None => drop(found.count()),
        }
    }
}

//! Alarms: every consumer gives what its rows raised while it applied a batch, and the one that passes the batch last tells them, in
//! the order of the log, of one record by alarm and entity. Nothing is recorded: what is no longer kept is derived again from the log.

use crate::core::Core;
use crate::generation::{Generation, State};
use crate::machine::Machine;
use crate::replay::{gone, unreadable};
use crate::view::{entity_of, raw_of};
use domain::{Payload, PlanVersion, Position, Refusal, Time, Type, Value, limits};
use journal::Disk;
use parking_lot::Mutex;
use spec::Plan;
use state::{Dictionary, Raised};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An alarm that was raised. Position, alarm and entity together name it: there is no other of the same three.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// The record that raised it: an event of the entity, or the first record whose log time had reached the instant it was due.
    pub position: Position,
    /// Its log time.
    pub log_time: Time,
    /// Its name.
    pub alarm: String,
    /// The entity's type.
    pub of: String,
    /// The entity's key.
    pub entity: String,
    /// What it says.
    pub reason: String,
    /// Words that it carries.
    pub tags: Vec<String>,
}

/// A part of what was raised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarms {
    /// In the order of the log; those of one record are all there or none.
    pub alarms: Vec<Alarm>,
    /// Everything up to here is told: where to go on.
    pub until: Position,
}

/// What one batch raises.
pub(crate) struct Alarming {
    plan: Arc<Plan>,
    /// How many consumers have not passed the batch.
    missing: AtomicUsize,
    raised: Mutex<Vec<Raised>>,
}

impl Alarming {
    /// For a batch of this generation; none if its plan has no alarms.
    pub(crate) fn new(generation: &Generation) -> Option<Alarming> {
        if generation.plan.alarms.is_empty() {
            return None;
        }
        let missing = AtomicUsize::new(generation.state.consumers());
        Some(Alarming { plan: generation.plan.clone(), missing, raised: Mutex::default() })
    }

    /// Takes what a consumer's rows raised.
    pub(crate) fn take(&self, mut raised: Vec<Raised>) {
        if !raised.is_empty() {
            self.raised.lock().append(&mut raised);
        }
    }

    /// A consumer has passed the batch; the last one tells.
    pub(crate) fn passed(&self, state: &State) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let raised = ordered(std::mem::take(&mut *self.raised.lock()));
        if raised.is_empty() {
            return;
        }
        let names = &*state.names.read();
        let told = raised.iter().map(|raised| told(&self.plan, raised, names));
        state.alarms.lock().remember(told);
    }
}

/// In the order of the log, of one record by alarm and entity, each once.
pub(crate) fn ordered(mut raised: Vec<Raised>) -> Vec<Raised> {
    let key = |of: &Raised| (of.position, of.alarm, of.entity);
    raised.sort_by_key(key);
    raised.dedup_by_key(|of| key(of));
    raised
}

fn told(plan: &Plan, raised: &Raised, names: &Dictionary) -> Alarm {
    let of = &plan.alarms[usize::from(raised.alarm)];
    let show =
        |value: &Value, ty: &Type| super::shown(&raw_of(value, (names, names), entity_of(ty).unwrap_or_default()));
    Alarm {
        position: raised.position,
        log_time: raised.log_time,
        alarm: of.name.clone(),
        of: plan.entities[usize::from(of.of)].name.clone(),
        entity: names.key(of.of, raised.entity).to_owned(),
        reason: decision::said(&of.reason, &of.when, &raised.values, names, &show),
        tags: of.tags.clone(),
    }
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

    /// The oldest give way.
    fn remember(&mut self, alarms: impl Iterator<Item = Alarm>) {
        for alarm in alarms {
            if self.alarms.len() >= limits::RECENT_ALARMS_MAX
                && let Some(oldest) = self.alarms.pop_front()
            {
                self.known_from = oldest.position;
            }
            self.alarms.push_back(alarm);
        }
    }

    /// About `limit` of those behind a position and not behind another.
    fn between(&self, after: Position, until: Position, limit: usize) -> Alarms {
        let from = self.alarms.partition_point(|alarm| alarm.position <= after);
        let mut part = Alarms { alarms: Vec::new(), until };
        for alarm in self.alarms.range(from..).take_while(|alarm| alarm.position <= until) {
            if part.is_full(limit) && part.last() != Some(alarm.position) {
                part.until = part.last().unwrap_or(until);
                break;
            }
            part.alarms.push(alarm.clone());
        }
        part
    }
}

impl Alarms {
    fn is_full(&self, limit: usize) -> bool {
        self.alarms.len() >= limit.max(1)
    }

    fn last(&self) -> Option<Position> {
        self.alarms.last().map(|alarm| alarm.position)
    }
}

impl<D: Disk> Core<D> {
    /// The alarms of durable records behind a position, oldest first: those of whole records, until there are at least `limit`. From
    /// memory as far as they are there ([`Core::alarms_kept_from`]), else derived again from the log, each under the plan that was in
    /// force: that takes as long as reading the log from the checkpoint before.
    ///
    /// # Errors
    /// `gone` if the log does not reach back far enough.
    pub fn alarms_after(&self, after: Position, limit: usize) -> Result<Alarms, Refusal> {
        let released = self.gate.released();
        if after >= released {
            return Ok(Alarms { alarms: Vec::new(), until: after });
        }
        let known_from = {
            let recent = self.alarms.lock();
            if after >= recent.known_from {
                return Ok(recent.between(after, released, limit));
            }
            recent.known_from
        };
        self.alarms_from_log(after, known_from.min(released), limit)
    }

    /// The alarms of records behind this position are in memory.
    pub fn alarms_kept_from(&self) -> Position {
        self.alarms.lock().known_from
    }

    /// The same of records behind one position and not behind another, derived from the log whatever is in memory.
    ///
    /// # Errors
    /// As [`Core::alarms_after`].
    pub fn alarms_from_log(&self, after: Position, end: Position, limit: usize) -> Result<Alarms, Refusal> {
        if after.next() < self.reader.first() {
            return Err(gone(self.reader.replay_from()));
        }
        let specs = self.specs.lock().clone();
        let mut part = Alarms { alarms: Vec::new(), until: after };
        while part.until < end && !part.is_full(limit) {
            let version = specs.partition_point(|spec| *spec <= part.until.next());
            let until = specs.get(version).map_or(end, |next| end.min(Position(next.0 - 1)));
            let plan = if version == 0 { None } else { Some(self.plan_of(PlanVersion(version as u32))?) };
            match plan.filter(|plan| !plan.alarms.is_empty()) {
                Some(plan) => self.alarms_under(plan, until, limit, &mut part)?,
                None => part.until = until,
            }
        }
        Ok(part)
    }

    /// Goes on under one plan.
    fn alarms_under(&self, plan: Arc<Plan>, end: Position, limit: usize, part: &mut Alarms) -> Result<(), Refusal> {
        let mut machine = self.state_before(part.until, plan)?;
        let mut records = self.reader.iter_from(machine.position.next()).map_err(|error| unreadable(&error))?;
        while let Some(record) = records.next().map_err(|error| unreadable(&error))? {
            let header = &record.header;
            if header.position > end {
                break;
            }
            if header.position <= part.until {
                machine.apply_record(header, record.payload).map_err(|error| unreadable(&error))?;
                continue;
            }
            let payload = Payload::decode(header.kind, record.payload).map_err(|error| unreadable(&error))?;
            machine.writer_epoch = header.epoch;
            part.alarms.extend(machine.apply_alarming(header.position, header.log_time, &payload));
            if part.is_full(limit) {
                part.until = header.position;
                return Ok(());
            }
        }
        part.until = end;
        Ok(())
    }
}

impl Machine {
    /// Applies one payload as [`Machine::apply`] does, and tells the alarms that it raises: by alarm and entity.
    pub fn apply_alarming(&mut self, position: Position, log_time: Time, payload: &Payload<'_>) -> Vec<Alarm> {
        self.raised = Some(Vec::new());
        self.apply(position, log_time, payload);
        let raised = ordered(self.raised.take().unwrap_or_default());
        raised.iter().map(|raised| told(&self.plan, raised, &self.names)).collect()
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

//! What a node tells about itself and its entities.

use crate::core::Core;
use crate::generation::{Generation, State};
use decision::{Epoch, Texts};
use domain::{Code, EntityId, ListPut, Payload, PlanVersion, Position, Raw, Refusal, Time, Type, Value, not_in_spec};
use expr::MadeTexts;
use journal::Disk;
use spec::Plan;
use spec::plan::EntityIndex;
use state::Dictionary;
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// An entity as it is now.
#[derive(Debug)]
pub struct EntityView {
    /// Its attributes.
    pub fields: Vec<(String, Raw<'static>)>,
    /// Its features.
    pub features: Vec<(String, Raw<'static>)>,
    /// The position that this is as of.
    pub position: Position,
    /// The time that windows were read at.
    pub now: Time,
}

/// A part of a list as it is now.
#[derive(Debug)]
pub struct ListView {
    /// Whose entities stand on it.
    pub of: String,
    /// Entries in the order in which the log first named their entities.
    pub entries: Vec<ListPut<'static>>,
    /// How many the whole list has.
    pub count: u64,
    /// The key behind which the next part begins; none if this is the last.
    pub next: Option<String>,
    /// The position that this is as of.
    pub position: Position,
}

/// A node's figures.
#[derive(Clone, Debug)]
pub struct Status {
    /// The last position given out.
    pub position: Position,
    /// Everything up to here is on disk.
    pub durable: Position,
    /// Everything up to here is applied.
    pub applied: Position,
    /// What readers of items and indexes see.
    pub epoch: Position,
    /// Time of the log.
    pub log_time: Time,
    /// The first position from which state and answers can be computed again.
    pub replay_from: Position,
    /// The plan in force.
    pub plan_version: PlanVersion,
    /// Answers waiting for the disk.
    pub waiting: usize,
    /// Bytes waiting for the disk, those that found it full included.
    pub unsynced_bytes: usize,
    /// Whether records are held back until the disk has space again.
    pub disk_full: bool,
    /// How many checkpoints could not be written since the start.
    pub checkpoints_failed: u64,
    /// Bytes of the log on disk.
    pub log_bytes: u64,
    /// Messages that the slowest consumer has not taken (threaded mode).
    pub ring_depth: usize,
    /// Decisions that wait for a person.
    pub reviews_open: usize,
    /// Why the node acknowledges nothing any more, if so.
    pub failed: Option<Refusal>,
}

impl<D: Disk> Core<D> {
    /// The node's figures now.
    pub fn status(&self) -> Status {
        let (position, log_time, unsynced_bytes) = {
            let sequencer = self.sequencer.lock();
            (sequencer.appender.position(), sequencer.log_time, sequencer.appender.pending_bytes())
        };
        let generation = self.generation();
        Status {
            position,
            durable: self.gate.durable(),
            applied: self.gate.applied(),
            epoch: generation.state.epochs.read().position,
            log_time,
            replay_from: self.reader.replay_from(),
            plan_version: generation.version,
            waiting: self.gate.waiting(),
            unsynced_bytes: unsynced_bytes + self.held_back_bytes.load(Ordering::Acquire),
            disk_full: self.disk_full.load(Ordering::Acquire),
            checkpoints_failed: self.checkpoints_failed.load(Ordering::Relaxed),
            log_bytes: self.reader.bytes(),
            reviews_open: generation.state.cases.lock().waiting(),
            ring_depth: self.ring.as_ref().map_or(0, |ring| ring.depth()),
            failed: self.gate.closed(),
        }
    }

    /// An entity's attributes and features now.
    pub fn entity(&self, kind: &str, key: &str) -> Result<EntityView, Refusal> {
        self.read(|Generation { plan, state, .. }, epoch| self.entity_under(plan, state, epoch, kind, key))
    }

    fn entity_under(
        &self,
        plan: &Plan,
        state: &State,
        epoch: &Epoch,
        kind: &str,
        key: &str,
    ) -> Result<EntityView, Refusal> {
        let entity = plan.entity(kind).ok_or_else(|| unknown_type(kind))?;
        let id = state.names.read().entity(entity, key).ok_or_else(|| unknown_entity(kind, key))?;
        let subject = state.shard(id).read().subject(entity, id);
        let now = self.config.clock.now().max(epoch.log_time);
        let fields = &plan.entities[usize::from(entity)].fields;
        let attributes: Vec<Value> =
            (0..fields.len()).map(|field| epoch.catalogue().attribute(entity, id, field as u16)).collect();
        let position = subject.position.max(epoch.position);
        let names = &*state.names.read();
        let texts = &MadeTexts::new(names);
        let features = decision::features_of(plan, epoch, Some(&subject), entity, id, (now, texts));
        let of = |name: &str| {
            let table = |index: u16| &plan.tables[usize::from(index)];
            let own = |index: u16| table(index).entity == entity && table(index).cross.is_none();
            let feature = plan.declared_features().find(|feature| feature.name == name && own(feature.table));
            feature.and_then(|feature| entity_of(feature.program.ty())).unwrap_or(entity)
        };
        let fields = fields.iter().zip(&attributes);
        Ok(EntityView {
            fields: fields.map(|(field, value)| (field.name.clone(), raw_of(value, (names, texts), entity))).collect(),
            features: features
                .iter()
                .map(|(name, value)| (name.clone(), raw_of(value, (names, texts), of(name))))
                .collect(),
            position,
            now,
        })
    }

    /// Why the node acknowledges nothing any more, if so.
    pub fn failed(&self) -> Option<Refusal> {
        self.gate.closed()
    }

    /// At most `limit` entries of a list, behind the entity `after`.
    pub fn list(&self, name: &str, after: Option<&str>, limit: usize) -> Result<ListView, Refusal> {
        self.read(|Generation { plan, state, .. }, epoch| {
            self.list_under(plan, &state.names.read(), epoch, name, (after, limit))
        })
    }

    fn list_under(
        &self,
        plan: &Plan,
        names: &Dictionary,
        epoch: &Epoch,
        name: &str,
        (after, limit): (Option<&str>, usize),
    ) -> Result<ListView, Refusal> {
        let index = plan.list(name).ok_or_else(|| unknown_list(plan, name))?;
        let of = plan.lists[usize::from(index)].of;
        let after = match after {
            Some(key) => Some(names.entity(of, key).ok_or_else(bad_cursor)?),
            None => None,
        };
        let now = self.config.clock.now().max(epoch.log_time);
        let lists = epoch.listed();
        let mut found = lists.entries(index, after, now);
        let entry = |(id, entry): (EntityId, state::ListEntry)| ListPut {
            list: Cow::Owned(name.to_owned()),
            key: Cow::Owned(names.key(of, id).to_owned()),
            score: entry.score,
            until: entry.until,
        };
        let entries: Vec<ListPut<'static>> = found.by_ref().take(limit).map(entry).collect();
        let more = found.next().is_some();
        Ok(ListView {
            of: plan.entities[usize::from(of)].name.clone(),
            next: entries.last().filter(|_| more).map(|last| last.key.to_string()),
            entries,
            count: lists.len(index, now) as u64,
            position: epoch.position,
        })
    }

    /// Refuses what no plan of this node can take, without touching the log.
    pub fn validate(&self, payload: &Payload<'_>) -> Result<(), Refusal> {
        state::validate(&self.generation().plan, payload)
    }
}

/// The entity type in a value's type, if there is one.
pub(crate) fn entity_of(ty: &Type) -> Option<EntityIndex> {
    match ty {
        Type::Entity(entity) => Some(*entity),
        Type::List(of) => entity_of(of),
        _ => None,
    }
}

/// A value as clients see it; `entity` is the type of the entities in it. Strings are symbols of `texts`: the dictionary, or what
/// was made beside it.
pub(crate) fn raw_of(value: &Value, (names, texts): (&Dictionary, &dyn Texts), entity: EntityIndex) -> Raw<'static> {
    match value {
        Value::Missing => Raw::Null,
        Value::Bool(bool) => Raw::Bool(*bool),
        Value::Int(int) => Raw::Int(*int),
        Value::Float(float) => Raw::Float(*float),
        Value::Str(symbol) => {
            Raw::Str(Cow::Owned(texts.text(*symbol).map_or_else(String::new, |text| text.to_string())))
        }
        Value::Time(time) => Raw::Int(time.0),
        Value::Span(span) => Raw::Str(Cow::Owned(span.to_string())),
        Value::Entity(id) => Raw::Str(Cow::Owned(names.key(entity, *id).to_owned())),
        Value::List(list) => Raw::List(list.iter().map(|value| raw_of(value, (names, texts), entity)).collect()),
    }
}

fn unknown_type(kind: &str) -> Refusal {
    Refusal::new(Code::UnknownEntity, "type", format!("the spec has no entity type '{kind}'"))
}

fn unknown_entity(kind: &str, key: &str) -> Refusal {
    Refusal::new(Code::NotFound, "key", format!("no event and no upsert has named the {kind} '{key}' yet"))
}

fn unknown_list(plan: &Plan, name: &str) -> Refusal {
    let known = plan.lists.iter().map(|list| list.name.as_str());
    Refusal::new(Code::UnknownList, "list", not_in_spec("list", name, known))
}

fn bad_cursor() -> Refusal {
    Refusal::new(Code::InvalidValue, "after", "send the `next` of the part before, or leave it out to begin")
}

//! A record of the log as the components apply it: names became indexes, keys became dense ids, once for all of them.

use crate::catalogue::Catalogue;
use crate::coerce::{coerce, in_range};
use crate::computed::with_computed;
use crate::dictionary::Dictionary;
use crate::elements::Elements;
use crate::short_text::same;
use domain::{EntityId, Event, Field, ListPut, Payload, Position, Raw, Refusal, Time, Upsert, Value, limits};
use spec::Plan;
use spec::plan::{Cross, EntityIndex, EventType, IMPRESSION, Table};
use std::ops::{Deref, DerefMut};

#[cfg(test)]
mod tests;

/// One record of the log, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Where it stands.
    pub position: Position,
    /// When it was appended; never decreases.
    pub log_time: Time,
    /// What it changes.
    pub change: Change,
}

/// What a record changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Something happened.
    Event(EventChange),
    /// An entity's attributes are these from now on.
    Upsert {
        /// The entity type.
        entity: EntityIndex,
        /// The entity.
        id: EntityId,
        /// By field index of the type; `Missing` where absent.
        fields: Box<[Value]>,
    },
    /// An entity was removed from the catalogue.
    Delete {
        /// The entity type.
        entity: EntityIndex,
        /// The entity.
        id: EntityId,
    },
    /// An entity stands on a list from now on.
    ListPut {
        /// Index into `Plan::lists`.
        list: u16,
        /// The entity.
        id: EntityId,
        /// What it is ordered by.
        score: Option<f64>,
        /// When it ends.
        until: Option<Time>,
    },
    /// An entity was taken off a list.
    ListDelete {
        /// Index into `Plan::lists`.
        list: u16,
        /// The entity.
        id: EntityId,
    },
    /// Nothing but position and log time: a tick, a decision, a spec, or a record that this plan does not know.
    None,
}

/// An event, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct EventChange {
    /// Index into `Plan::events`.
    pub event: u16,
    /// When it happened.
    pub time: Time,
    /// The entities it concerns, by role.
    pub entities: Few<EntityId>,
    /// Its fields, by index into `EventType::fields`, and behind them what is computed of it.
    pub values: Box<[Value]>,
    /// The second key part for each crossed table, in `Plan::tables` order of crossed tables; `u32::MAX` where the event has none.
    pub crosses: Few<u32>,
    /// What the plan's collections take of it, if any is of this event.
    pub elements: Option<Box<Elements>>,
}

/// A short list, kept in place up to `N` elements.
#[derive(Clone, Debug)]
pub struct Few<T, const N: usize = 4>(Kept<T, N>);

#[derive(Clone, Debug)]
enum Kept<T, const N: usize> {
    Here(u8, [T; N]),
    Heap(Vec<T>),
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Few<T, N> {
        Few(Kept::Here(0, [T::default(); N]))
    }
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// Adds an element behind the others.
    #[inline]
    pub fn push(&mut self, element: T) {
        match &mut self.0 {
            Kept::Here(len, here) if usize::from(*len) < N => {
                here[usize::from(*len)] = element;
                *len += 1;
            }
            Kept::Here(_, here) => self.0 = Kept::Heap(here.iter().copied().chain([element]).collect()),
            Kept::Heap(elements) => elements.push(element),
        }
    }
}

impl<T: Copy + Default, const N: usize> FromIterator<T> for Few<T, N> {
    #[inline]
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Few<T, N> {
        let (mut len, mut here) = (0, [T::default(); N]);
        let mut elements = elements.into_iter();
        while let Some(element) = elements.next() {
            if len == here.len() {
                return Few(Kept::Heap(here.into_iter().chain([element]).chain(elements).collect()));
            }
            here[len] = element;
            len += 1;
        }
        Few(Kept::Here(len as u8, here))
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            Kept::Here(len, elements) => &elements[..*len as usize],
            Kept::Heap(elements) => elements,
        }
    }
}

impl<T, const N: usize> DerefMut for Few<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Kept::Here(len, elements) => &mut elements[..*len as usize],
            Kept::Heap(elements) => elements,
        }
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Few<T, N>) -> bool {
        **self == **other
    }
}

/// A value as the second part of a crossed key: the symbol of a string, 0 or 1, an entity's id, or an int folded so that
/// small ones of either sign fit. `u32::MAX`, "none", for a missing value, another type, or an int beyond 31 bits.
pub fn cross_key(value: &Value) -> u32 {
    match value {
        Value::Str(symbol) => symbol.0,
        Value::Bool(bool) => u32::from(*bool),
        Value::Entity(id) => id.0,
        Value::Int(int) => {
            u32::try_from((int << 1) ^ (int >> 63)).ok().filter(|_| i32::try_from(*int).is_ok()).unwrap_or(u32::MAX)
        }
        _ => u32::MAX,
    }
}

/// The role whose entity owns the rows of a table: the first of the table's entity type.
pub(crate) fn owner_role(event: &EventType, table: &Table) -> Option<usize> {
    event.roles.iter().position(|role| role.entity == table.entity)
}

/// The role that a crossed table's second key part comes from: for an item's attribute the first item, for another entity the
/// first role of its type that is not the owner.
fn cross_role(plan: &Plan, event: &EventType, table: &Table) -> Option<usize> {
    let owner = owner_role(event, table)?;
    match table.cross? {
        Cross::ItemField(_) => {
            let item = plan.entity("item")?;
            event.roles.iter().position(|role| role.entity == item)
        }
        Cross::Entity(entity) => {
            event.roles.iter().enumerate().position(|(at, role)| role.entity == entity && at != owner)
        }
    }
}

/// What can be found out about a record while others still come before it: so the loads of many records overlap, and nothing is
/// looked up twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Located {
    /// The event's type, index into `Plan::events`; none for other records.
    event: Option<u16>,
    /// Where among the event's fields the key of each role and then each field of the type stands, [`ABSENT`] if it does not.
    places: Few<u16, 16>,
    /// Whether it has the key of each role, so that it resolves.
    whole: bool,
    /// By role, if it does: the entity's number, if it has one already.
    known: Few<Option<EntityId>>,
}

/// The place of a field that an event does not have.
const ABSENT: u16 = u16::MAX;

impl Located {
    /// Of a record that is to be resolved under this plan, with this dictionary or what becomes of it.
    pub fn of(plan: &Plan, dictionary: &Dictionary, payload: &Payload<'_>) -> Located {
        let Payload::Event(event) = payload else { return Located::default() };
        let mut located = Located::placed(plan, event);
        let Some(index) = located.event else { return located };
        let roles = plan.events[usize::from(index)].roles.iter().zip(&*located.places);
        let keys = roles.map(|(role, place)| key_at(event, *place).map(|key| (role.entity, key)));
        if keys.clone().all(|key| key.is_some()) {
            let known = keys.flatten().map(|(entity, key)| dictionary.entity(entity, key)).collect();
            (located.known, located.whole) = (known, true);
        }
        located
    }

    /// The same for some dozens of records. They go from step to step together: what each step needs of memory the one before it has
    /// asked for.
    pub fn all<'p, 'a: 'p>(
        plan: &Plan,
        dictionary: &Dictionary,
        payloads: impl Iterator<Item = &'p Payload<'a>> + Clone,
    ) -> Vec<Located> {
        let count = payloads.size_hint().0;
        let (mut all, mut keys) = (Vec::<Located>::with_capacity(count), Vec::with_capacity(4 * count));
        let mut before = None;
        for payload in payloads {
            let Payload::Event(event) = payload else {
                all.push(Located::default());
                before = None;
                continue;
            };
            let mut located = match (before, all.last()) {
                (Some(before), Some(located)) if alike(before, event) => {
                    Located { event: located.event, places: located.places.clone(), ..Located::default() }
                }
                _ => Located::placed(plan, event),
            };
            located.whole = located.keys(plan, dictionary, event, &mut keys);
            all.push(located);
            before = Some(event);
        }
        for key in &mut keys {
            key.candidate = dictionary.entity_candidate(key.entity, key.hash);
        }
        let mut keys = keys.iter();
        for located in all.iter_mut().filter(|located| located.whole) {
            let roles = located.event.map_or(0, |index| plan.events[usize::from(index)].roles.len());
            located.known = keys.by_ref().take(roles).map(|key| key.known(dictionary)).collect();
        }
        all
    }

    /// Where everything stands: the event's type and the names of its fields alone tell.
    fn placed(plan: &Plan, event: &Event<'_>) -> Located {
        let Some(index) = plan.event(&event.kind) else { return Located::default() };
        let ty = &plan.events[usize::from(index)];
        let names = ty.roles.iter().map(|role| &role.name).chain(ty.fields.iter().map(|field| &field.name));
        let mut places = Places { fields: &event.fields, next: 0 };
        Located { event: Some(index), places: names.map(|name| places.of(name)).collect(), ..Located::default() }
    }

    /// Adds the key of each role, having asked for the memory where a search for it begins. False, and adds none, if not all are there.
    fn keys<'e>(&self, plan: &Plan, dictionary: &Dictionary, event: &'e Event<'_>, keys: &mut Vec<Key<'e>>) -> bool {
        let Some(index) = self.event else { return false };
        let start = keys.len();
        for (role, place) in plan.events[usize::from(index)].roles.iter().zip(&*self.places) {
            let Some(text) = key_at(event, *place) else {
                keys.truncate(start);
                return false;
            };
            let hash = dictionary.hash(text);
            dictionary.touch_entity(role.entity, hash);
            keys.push(Key { entity: role.entity, text, hash, candidate: None });
        }
        true
    }
}

/// The key of an entity that is looked for.
struct Key<'e> {
    entity: EntityIndex,
    text: &'e str,
    hash: u64,
    /// What a search looks at first.
    candidate: Option<EntityId>,
}

impl Key<'_> {
    #[inline]
    fn known(&self, dictionary: &Dictionary) -> Option<EntityId> {
        dictionary.entity_from(self.candidate, self.entity, (self.text, self.hash))
    }
}

/// Whether two events have the same type and fields of the same names in the same order, as nearly all have that one client sends.
pub(crate) fn alike(a: &Event<'_>, b: &Event<'_>) -> bool {
    a.fields.len() == b.fields.len()
        && same(&a.kind, &b.kind)
        && a.fields.iter().zip(&b.fields).all(|(a, b)| same(&a.name, &b.name))
}

/// Finds fields of an event one after another. Clients keep an order, so that a search begins behind what was found last.
struct Places<'e, 'a> {
    fields: &'e [Field<'a>],
    next: usize,
}

impl Places<'_, '_> {
    /// Where a field stands, or [`ABSENT`].
    fn of(&mut self, name: &str) -> u16 {
        let (before, behind) = self.fields.split_at(self.next);
        let is = |field: &Field<'_>| same(&field.name, name);
        let found = behind.iter().position(is).map(|at| self.next + at).or_else(|| before.iter().position(is));
        // No event has nearly as many: `limits::FIELDS_MAX`.
        let Some(place) = found.and_then(|at| u16::try_from(at).ok()) else { return ABSENT };
        self.next = usize::from(place) + 1;
        place
    }
}

/// Resolves one record, giving new entities and strings their numbers. The catalogue must have applied every record before it.
///
/// What this plan does not know (an event type, a field, a value of another type: the log may be older than the plan) is
/// skipped: the event as `Change::None`, a field as `Missing`. So is an event later than `log_time` by more than
/// `limits::FUTURE_SKEW_MAX`, which the edge refuses. An event without a time happened at `log_time`.
///
/// # Errors
/// `capacity_reached`, for a record that [`admit`](crate::admit) would have refused.
pub fn resolve(
    plan: &Plan,
    dictionary: &mut Dictionary,
    catalogue: &Catalogue,
    position: Position,
    log_time: Time,
    payload: &Payload<'_>,
) -> Result<Resolved, Refusal> {
    crate::validate::admit(plan, dictionary, payload)?;
    let located = Located::of(plan, dictionary, payload);
    Ok(resolve_located(plan, dictionary, catalogue, (position, log_time), payload, &located))
}

/// The same for a record that was located and that [`admit`](crate::admit) has just let in.
pub fn resolve_located(
    plan: &Plan,
    dictionary: &mut Dictionary,
    catalogue: &Catalogue,
    (position, log_time): (Position, Time),
    payload: &Payload<'_>,
    located: &Located,
) -> Resolved {
    let change = match payload {
        Payload::Event(event) => resolve_event(plan, dictionary, catalogue, log_time, event, located),
        Payload::Upsert(upsert) => resolve_upsert(plan, dictionary, upsert),
        Payload::Delete { entity, key } => match plan.entity(entity).filter(|_| is_key(key)) {
            Some(entity) => Change::Delete { entity, id: dictionary.intern_entity(entity, key) },
            None => Change::None,
        },
        Payload::ListPut(put) => resolve_list_put(plan, dictionary, put),
        Payload::ListDelete { list, key } => resolve_list_delete(plan, dictionary, list, key),
        Payload::Spec(_)
        | Payload::Tick
        | Payload::Decision(_)
        | Payload::Review(_)
        | Payload::SpecReason(_)
        | Payload::FallbacksGiven(_) => Change::None,
    };
    Resolved { position, log_time, change }
}

/// Whether a text can be an entity's key.
pub(crate) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= limits::KEY_BYTES_MAX
}

fn resolve_event(
    plan: &Plan,
    dictionary: &mut Dictionary,
    catalogue: &Catalogue,
    log_time: Time,
    event: &Event<'_>,
    located: &Located,
) -> Change {
    let time = event.time.unwrap_or(log_time);
    if !in_range(time.0) || time > log_time.plus(limits::FUTURE_SKEW_MAX) {
        return Change::None;
    }
    let Some(index) = located.event.filter(|_| located.whole) else {
        return Change::None;
    };
    let ty = &plan.events[index as usize];
    let (roles, fields) = located.places.split_at(ty.roles.len());
    let mut entities = Few::default();
    for ((role, place), known) in ty.roles.iter().zip(roles).zip(&*located.known) {
        entities.push(known.unwrap_or_else(|| {
            let key = key_at(event, *place).expect("an event that is whole has the key of each role");
            dictionary.intern_entity(role.entity, key)
        }));
    }
    // The texts of decisions never recur: as symbols they would fill the dictionary.
    let skipped = (index == IMPRESSION && !plan.decision_read).then_some("decision");
    let mut values = Vec::with_capacity(ty.fields.len());
    for (field, place) in ty.fields.iter().zip(fields) {
        let raw = event.fields.get(usize::from(*place)).filter(|_| skipped != Some(field.name.as_str()));
        values.push(raw.map_or(Value::Missing, |raw| coerce(&raw.value, &field.ty, dictionary)));
    }
    let values = match ty.computed.is_empty() {
        true => values.into_boxed_slice(),
        false => with_computed(ty, values, &entities, dictionary, catalogue),
    };
    let crossed = plan.tables.iter().filter(|table| table.cross.is_some());
    let crosses = crossed.map(|table| cross_of(plan, ty, table, &entities, catalogue)).collect();
    let elements = Elements::collected(plan, index, (&entities, &values), dictionary, catalogue);
    Change::Event(EventChange { event: index, time, entities, values, crosses, elements })
}

pub(crate) fn role_key<'e>(event: &'e Event<'_>, role: &str) -> Option<&'e str> {
    event.field(role).and_then(key_in)
}

/// The key of an entity that stands at a place of an event.
#[inline]
fn key_at<'e>(event: &'e Event<'_>, place: u16) -> Option<&'e str> {
    event.fields.get(usize::from(place)).and_then(|field| key_in(&field.value))
}

/// The key of an entity that a field's value is, if it can be one.
fn key_in<'e>(value: &'e Raw<'_>) -> Option<&'e str> {
    match value {
        Raw::Str(key) if is_key(key) => Some(key),
        _ => None,
    }
}

fn cross_of(plan: &Plan, event: &EventType, table: &Table, entities: &[EntityId], catalogue: &Catalogue) -> u32 {
    let Some(role) = cross_role(plan, event, table) else {
        return u32::MAX;
    };
    match table.cross {
        Some(Cross::ItemField(field)) => {
            cross_key(&catalogue.attribute(event.roles[role].entity, entities[role], field))
        }
        _ => entities[role].0,
    }
}

fn resolve_upsert(plan: &Plan, dictionary: &mut Dictionary, upsert: &Upsert<'_>) -> Change {
    let Some(entity) = plan.entity(&upsert.entity).filter(|_| is_key(&upsert.key)) else {
        return Change::None;
    };
    let id = dictionary.intern_entity(entity, &upsert.key);
    let fields = plan.entities[entity as usize].fields.iter().map(|field| {
        let raw = upsert.fields.iter().find(|sent| sent.name == field.name);
        raw.map_or(Value::Missing, |sent| coerce(&sent.value, &field.ty, dictionary))
    });
    Change::Upsert { entity, id, fields: fields.collect() }
}

fn resolve_list_put(plan: &Plan, dictionary: &mut Dictionary, put: &ListPut<'_>) -> Change {
    let finite = put.score.is_none_or(f64::is_finite);
    let Some(list) = plan.list(&put.list).filter(|_| is_key(&put.key) && finite) else {
        return Change::None;
    };
    let id = dictionary.intern_entity(plan.lists[usize::from(list)].of, &put.key);
    Change::ListPut { list, id, score: put.score, until: put.until }
}

/// An entity that was never named is on no list.
fn resolve_list_delete(plan: &Plan, dictionary: &Dictionary, list: &str, key: &str) -> Change {
    let found = plan.list(list).map(|list| (list, plan.lists[usize::from(list)].of));
    match found.and_then(|(list, of)| Some((list, dictionary.entity(of, key)?))) {
        Some((list, id)) => Change::ListDelete { list, id },
        None => Change::None,
    }
}

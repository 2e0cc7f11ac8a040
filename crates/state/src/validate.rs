//! What the edge refuses before anything is written: unknown names, missing keys, wrong types, sizes, full tables.

use crate::coerce::{Misfit, fits, in_range, list_max};
use crate::computed::names_of_computed;
use crate::dictionary::Dictionary;
use crate::resolve::role_key;
use domain::{Code, Event, Field, ListPut, Payload, Raw, Refusal, Type, Upsert, limits};
use spec::Plan;
use spec::plan::{EntityType, EventType, FieldType, List};

/// What a record has beside its fields, at most: type, source, id, time, their lengths and the number of fields.
const HEAD_BYTES_MAX: usize = limits::NAME_BYTES_MAX + 2 * limits::KEY_BYTES_MAX + 32;

/// What a record without lists has, at most: much less than it may.
const WITHOUT_LISTS_MAX: usize =
    HEAD_BYTES_MAX + limits::FIELDS_MAX * (limits::NAME_BYTES_MAX + limits::STRING_BYTES_MAX + 16);

/// Checks a record against the plan. A record that passes resolves completely; only room can still be lacking.
///
/// # Errors
/// The first thing wrong with it, by field.
pub fn validate(plan: &Plan, payload: &Payload<'_>) -> Result<(), Refusal> {
    match payload {
        Payload::Event(event) => check_event(plan, event),
        Payload::Upsert(upsert) => check_upsert(plan, upsert),
        Payload::Delete { entity, key } => {
            entity_type(plan, entity)?;
            check_key("key", key)
        }
        Payload::ListPut(put) => check_list_put(plan, put),
        Payload::ListDelete { list, key } => {
            list_type(plan, list)?;
            check_key("key", key)
        }
        Payload::Spec(_)
        | Payload::Tick
        | Payload::Decision(_)
        | Payload::Review(_)
        | Payload::SpecReason(_)
        | Payload::FallbacksGiven(_) => Ok(()),
    }
}

/// Checks that there is room for every entity and string of a validated record that is not known yet.
///
/// # Errors
/// `capacity_reached`. Nothing was interned.
pub fn admit(plan: &Plan, dictionary: &Dictionary, payload: &Payload<'_>) -> Result<(), Refusal> {
    // Counting what is new takes lookups; a table with room for the largest record needs none.
    let ample = (limits::FIELDS_MAX * limits::LIST_MAX + limits::EVENT_COMPUTED_MAX) as u32;
    let scarce = |room: u32| room < ample;
    if !scarce(dictionary.symbol_room()) && (0..plan.entities.len()).all(|e| !scarce(dictionary.entity_room(e as u16)))
    {
        return Ok(());
    }
    match payload {
        Payload::Event(event) => {
            let Some(ty) = plan.event(&event.kind).map(|index| &plan.events[index as usize]) else {
                return Ok(());
            };
            let roles = ty.roles.iter().filter_map(|role| Some((role.entity, role_key(event, &role.name)?)));
            admit_new(plan, dictionary, roles, (&event.fields, &ty.fields), names_of_computed(ty))
        }
        Payload::Upsert(upsert) => match plan.entity(&upsert.entity) {
            Some(entity) => {
                let ty = &plan.entities[entity as usize];
                admit_new(plan, dictionary, [(entity, &*upsert.key)].into_iter(), (&upsert.fields, &ty.fields), 0)
            }
            None => Ok(()),
        },
        Payload::Delete { entity, key } => {
            let named = plan.entity(entity).map(|entity| (entity, &**key));
            admit_new(plan, dictionary, named.into_iter(), (&[], &[]), 0)
        }
        Payload::ListPut(put) => {
            let named = plan.list(&put.list).map(|list| (plan.lists[usize::from(list)].of, &*put.key));
            admit_new(plan, dictionary, named.into_iter(), (&[], &[]), 0)
        }
        Payload::ListDelete { .. } => Ok(()),
        Payload::Spec(_)
        | Payload::Tick
        | Payload::Decision(_)
        | Payload::Review(_)
        | Payload::SpecReason(_)
        | Payload::FallbacksGiven(_) => Ok(()),
    }
}

/// Checks that there is room for all records of a call that is all or nothing, as if every name in them were new. Near full
/// tables that refuses a call whose names are known; sent one by one its records are judged as they are.
///
/// # Errors
/// `capacity_reached`. Nothing was interned.
pub fn admit_all(plan: &Plan, dictionary: &Dictionary, payloads: &[Payload<'_>]) -> Result<(), Refusal> {
    let names = |field: &Field<'_>| match &field.value {
        Raw::List(list) => list.len(),
        _ => 1,
    };
    let most: usize = payloads
        .iter()
        .map(|payload| match payload {
            Payload::Event(event) => {
                let computed =
                    plan.event(&event.kind).map_or(0, |index| names_of_computed(&plan.events[usize::from(index)]));
                event.fields.iter().map(names).sum::<usize>() + computed
            }
            Payload::Upsert(upsert) => 1 + upsert.fields.iter().map(names).sum::<usize>(),
            _ => 1,
        })
        .sum();
    let room = (0..plan.entities.len()).map(|entity| dictionary.entity_room(entity as u16));
    if room.chain([dictionary.symbol_room()]).all(|room| most <= room as usize) {
        return Ok(());
    }
    let message =
        "there may be no room for all the names of this call; send its records one by one, or raise the limits";
    Err(Refusal::new(Code::CapacityReached, "", message))
}

/// Counts distinct new keys and strings against the room there is. What is computed of the event is counted as if all of it were new.
fn admit_new<'p>(
    plan: &Plan,
    dictionary: &Dictionary,
    keys: impl Iterator<Item = (u16, &'p str)>,
    (sent, declared): (&'p [Field<'_>], &[FieldType]),
    computed: usize,
) -> Result<(), Refusal> {
    let mut entities: Vec<(u16, &str)> = keys.collect();
    let mut strings: Vec<&str> = Vec::new();
    for field in sent {
        let Some(ty) = declared.iter().find(|known| known.name == field.name).map(|known| &known.ty) else {
            continue;
        };
        new_names(&field.value, ty, &mut entities, &mut strings);
    }
    entities.retain(|(entity, key)| dictionary.entity(*entity, key).is_none());
    entities.sort_unstable();
    entities.dedup();
    strings.retain(|text| dictionary.symbol(text).is_none());
    strings.sort_unstable();
    strings.dedup();
    for chunk in entities.chunk_by(|a, b| a.0 == b.0) {
        let entity = chunk[0].0;
        if chunk.len() as u32 > dictionary.entity_room(entity) {
            let name = &plan.entities[entity as usize].name;
            return Err(full(name, format!("there is no room for another `{name}`")));
        }
    }
    if (strings.len() + computed) as u32 > dictionary.symbol_room() {
        return Err(full("", "there is no room for another distinct string value".to_owned()));
    }
    Ok(())
}

fn new_names<'p>(raw: &'p Raw<'_>, ty: &Type, entities: &mut Vec<(u16, &'p str)>, strings: &mut Vec<&'p str>) {
    match (raw, ty) {
        (Raw::Str(text), Type::Str) => strings.push(text),
        (Raw::Str(text), Type::Entity(entity)) => entities.push((*entity, text)),
        (Raw::List(list), Type::List(of)) => list.iter().for_each(|raw| new_names(raw, of, entities, strings)),
        _ => {}
    }
}

fn full(field: &str, what: String) -> Refusal {
    Refusal::new(Code::CapacityReached, field, format!("{what}; remove unused data or raise the limit and restart"))
}

fn check_event(plan: &Plan, event: &Event<'_>) -> Result<(), Refusal> {
    let Some(index) = plan.event(&event.kind) else {
        let known = plan.events.iter().map(|ty| ty.name.as_str());
        let message = format!("there is no event `{}` in the spec{}", shown(&event.kind), meant(&event.kind, known));
        return Err(Refusal::new(Code::UnknownEvent, "event", message));
    };
    let ty = &plan.events[index as usize];
    for (name, text) in [("source", Some(&event.source)), ("id", event.id.as_ref())] {
        if text.is_some_and(|text| text.len() > limits::KEY_BYTES_MAX) {
            return Err(too_long(name, limits::KEY_BYTES_MAX));
        }
    }
    if event.id.as_ref().is_some_and(|id| id.is_empty()) {
        return Err(Refusal::new(Code::InvalidValue, "id", "an id must not be empty; leave it out if there is none"));
    }
    if event.time.is_some_and(|time| !in_range(time.0)) {
        return Err(Refusal::new(Code::TimeOutOfRange, "time", "the time must lie between 1970-01-01 and 9999-12-31"));
    }
    if is_plain(ty, event) { Ok(()) } else { check_members(ty, event) }
}

/// Whether an event has its keys and declared fields that fit and nothing else, each once: what nearly all have. Names are looked for
/// in the order of the declaration, which clients keep too, each behind the one before. Whatever is not plain may be good nevertheless.
fn is_plain(ty: &EventType, event: &Event<'_>) -> bool {
    let fields = &event.fields;
    let (mut next, mut seen, mut bytes) = (0, 0u64, WITHOUT_LISTS_MAX);
    if fields.is_empty() || fields.len() > limits::FIELDS_MAX {
        return false;
    }
    let mut take = |name: &str| {
        let is_next = fields.get(next).is_some_and(|field| field.name == name);
        let at = if is_next { next } else { fields.iter().position(|field| field.name == name)? };
        (next, seen) = (at + 1, seen | 1 << at);
        match &fields[at].value {
            Raw::List(_) => bytes += fields[at].encoded_len(),
            // Of a time or a duration the type says nothing about how long its text may be.
            Raw::Str(text) if text.len() > limits::STRING_BYTES_MAX => bytes += limits::PAYLOAD_BYTES_MAX,
            _ => {}
        }
        Some(&fields[at].value)
    };
    let is_key = |raw: &Raw<'_>| matches!(raw, Raw::Str(key) if (1..=limits::KEY_BYTES_MAX).contains(&key.len()));
    ty.roles.iter().all(|role| take(&role.name).is_some_and(is_key))
        && ty.fields.iter().all(|field| take(&field.name).is_none_or(|value| fits(value, &field.ty).is_ok()))
        && seen == u64::MAX >> (limits::FIELDS_MAX - fields.len())
        && bytes <= limits::PAYLOAD_BYTES_MAX
}

/// Checks an event's keys and fields.
fn check_members(ty: &EventType, event: &Event<'_>) -> Result<(), Refusal> {
    for role in &ty.roles {
        check_role(ty, &role.name, event)?;
    }
    check_fields(&event.fields, |field| {
        if ty.roles.iter().any(|role| role.name == field.name) {
            return Ok(());
        }
        if field.name == "decision" && !ty.fields.iter().any(|known| known.name == field.name) {
            // Every event may say which answer it came of.
            return match &field.value {
                Raw::Null => Ok(()),
                Raw::Str(text) if text.len() > limits::KEY_BYTES_MAX => {
                    Err(too_long("decision", limits::KEY_BYTES_MAX))
                }
                Raw::Str(_) => Ok(()),
                other => Err(wrong_type("decision", "the id of a decision, as a string", other)),
            };
        }
        let known = || ty.fields.iter().map(|f| f.name.as_str()).chain(ty.roles.iter().map(|r| r.name.as_str()));
        check_field(field, &ty.fields, || {
            format!("event `{}` has no field `{}`{}", ty.name, shown(&field.name), meant(&field.name, known()))
        })
    })
}

fn check_role(ty: &EventType, role: &str, event: &Event<'_>) -> Result<(), Refusal> {
    match event.field(role) {
        None | Some(Raw::Null) => {
            let message = format!("event `{}` needs `{role}`: the key of an entity, as a string", ty.name);
            Err(Refusal::new(Code::MissingField, role, message))
        }
        Some(Raw::Str(key)) => check_key(role, key),
        Some(other) => Err(wrong_type(role, "the key of an entity, as a string", other)),
    }
}

fn check_upsert(plan: &Plan, upsert: &Upsert<'_>) -> Result<(), Refusal> {
    let ty = entity_type(plan, &upsert.entity)?;
    check_key("key", &upsert.key)?;
    check_fields(&upsert.fields, |field| {
        let known = || ty.fields.iter().map(|f| f.name.as_str());
        check_field(field, &ty.fields, || {
            format!("entity `{}` has no field `{}`{}", ty.name, shown(&field.name), meant(&field.name, known()))
        })
    })
}

fn entity_type<'p>(plan: &'p Plan, name: &str) -> Result<&'p EntityType, Refusal> {
    if let Some(index) = plan.entity(name) {
        return Ok(&plan.entities[index as usize]);
    }
    let known = plan.entities.iter().map(|ty| ty.name.as_str());
    let message = format!("there is no entity `{}` in the spec{}", shown(name), meant(name, known));
    Err(Refusal::new(Code::UnknownEntity, "entity", message))
}

fn check_list_put(plan: &Plan, put: &ListPut<'_>) -> Result<(), Refusal> {
    list_type(plan, &put.list)?;
    check_key("key", &put.key)?;
    if put.score.is_some_and(|score| !score.is_finite()) {
        return Err(Refusal::new(Code::InvalidValue, "score", "the score must be a finite number"));
    }
    if put.until.is_some_and(|until| !in_range(until.0)) {
        let message = "the time must lie between 1970-01-01 and 9999-12-31";
        return Err(Refusal::new(Code::TimeOutOfRange, "until", message));
    }
    Ok(())
}

fn list_type<'p>(plan: &'p Plan, name: &str) -> Result<&'p List, Refusal> {
    if let Some(index) = plan.list(name) {
        return Ok(&plan.lists[usize::from(index)]);
    }
    let known = plan.lists.iter().map(|list| list.name.as_str());
    let message = format!("there is no list `{}` in the spec{}", shown(name), meant(name, known));
    Err(Refusal::new(Code::UnknownList, "list", message))
}

fn check_key(field: &str, key: &str) -> Result<(), Refusal> {
    if key.is_empty() {
        return Err(Refusal::new(Code::InvalidValue, field, "a key must not be empty"));
    }
    if key.len() > limits::KEY_BYTES_MAX { Err(too_long(field, limits::KEY_BYTES_MAX)) } else { Ok(()) }
}

/// Checks the number of fields, that each comes once, each by itself, and that all fit into one record.
fn check_fields(fields: &[Field<'_>], check: impl Fn(&Field<'_>) -> Result<(), Refusal>) -> Result<(), Refusal> {
    if fields.len() > limits::FIELDS_MAX {
        let message = format!("there are {} fields; at most {} are taken", fields.len(), limits::FIELDS_MAX);
        return Err(Refusal::new(Code::TooMany, "", message));
    }
    let mut bytes = HEAD_BYTES_MAX;
    for (at, field) in fields.iter().enumerate() {
        check(field)?;
        bytes += field.encoded_len();
        if fields[..at].iter().any(|before| before.name == field.name) {
            return Err(Refusal::new(Code::InvalidValue, shown(&field.name), "the field comes twice; send it once"));
        }
    }
    if bytes > limits::PAYLOAD_BYTES_MAX {
        let message = format!(
            "the fields have {} bytes; at most {} are taken together, so send shorter or fewer lists",
            bytes - HEAD_BYTES_MAX,
            limits::PAYLOAD_BYTES_MAX - HEAD_BYTES_MAX
        );
        return Err(Refusal::new(Code::TooLarge, "", message));
    }
    Ok(())
}

fn check_field(field: &Field<'_>, declared: &[FieldType], unknown: impl Fn() -> String) -> Result<(), Refusal> {
    let Some(known) = declared.iter().find(|known| known.name == field.name) else {
        return Err(Refusal::new(Code::UnknownField, shown(&field.name), unknown()));
    };
    fits(&field.value, &known.ty).map_err(|misfit| match misfit {
        Misfit::Type => wrong_type(&known.name, &expected(&known.ty), &field.value),
        Misfit::Value => {
            let message = format!("this is not a value that can be taken; send {}", expected(&known.ty));
            Refusal::new(Code::InvalidValue, &known.name, message)
        }
        Misfit::Size => {
            let message = format!(
                "the value is too large; at most {} bytes per string and {} elements per list are taken",
                limits::STRING_BYTES_MAX,
                list_max(if let Type::List(of) = &known.ty { of } else { &known.ty })
            );
            Refusal::new(Code::TooLarge, &known.name, message)
        }
    })
}

fn too_long(field: &str, max: usize) -> Refusal {
    Refusal::new(Code::TooLarge, field, format!("at most {max} bytes are taken"))
}

fn wrong_type(field: &str, expected: &str, sent: &Raw<'_>) -> Refusal {
    Refusal::new(Code::WrongType, field, format!("expected {expected}, got {}", sort(sent)))
}

/// What to send for a type.
fn expected(ty: &Type) -> String {
    match ty {
        Type::Bool => "true or false".to_owned(),
        Type::Int => "an integer".to_owned(),
        Type::Float => "a number".to_owned(),
        Type::Str => "a string".to_owned(),
        Type::Time => "a time: RFC 3339 text such as \"2026-10-02T08:00:00Z\", or milliseconds since 1970".to_owned(),
        Type::Span => "a duration: text such as \"30s\", or a number of seconds".to_owned(),
        Type::Entity(_) => "the key of an entity, as a string".to_owned(),
        Type::List(of) => format!("a list, each element {}", expected(of)),
    }
}

fn sort(raw: &Raw<'_>) -> &'static str {
    match raw {
        Raw::Null => "null",
        Raw::Bool(_) => "a boolean",
        Raw::Int(_) => "an integer",
        Raw::Float(float) if float.abs() >= 9.223_372_036_854_775e18 => "a number beyond 64 bits",
        Raw::Float(_) => "a number with a fraction",
        Raw::Str(_) => "a string",
        Raw::List(_) => "a list with other elements, or a list where none is expected",
    }
}

/// A name as it can be quoted back: not longer than a name may be.
fn shown(name: &str) -> &str {
    &name[..name.floor_char_boundary(limits::NAME_BYTES_MAX)]
}

/// "; did you mean ...?" if a known name is near.
fn meant<'k>(wrong: &str, known: impl Iterator<Item = &'k str>) -> String {
    expr::suggest(wrong, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    const SPEC: &str = "version: 1
entities: { user: {}, item: {} }
events:
  view: { user: user, item: item, fields: { price: float, note: string, tags: [string], at: timestamp } }
features: { user: { views: 'count(view, 1h)' } }
";

    fn value() -> impl Strategy<Value = Raw<'static>> {
        let text = || select(vec!["", "a", "some text"]).prop_map(|text| Raw::Str(text.into()));
        prop_oneof![
            4 => text(),
            1 => Just(Raw::Null),
            2 => Just(Raw::Float(1.5)),
            1 => Just(Raw::Float(f64::NAN)),
            1 => Just(Raw::Str("k".repeat(limits::KEY_BYTES_MAX + 1).into())),
            1 => Just(Raw::Str(format!("2026-01-01T00:00:00.{}Z", "0".repeat(limits::PAYLOAD_BYTES_MAX)).into())),
            1 => vec(text(), 0..3).prop_map(Raw::List),
        ]
    }

    proptest! {
        #[test]
        fn what_is_plain_is_good_and_nothing_else_is_refused_for_it(
            names in vec(select(vec!["user", "item", "price", "note", "tags", "at", "decision", "other"]), 0..9),
            values in vec(value(), 9),
            whole in any::<bool>(),
        ) {
            let plan = spec::compile("view", SPEC).map_err(|errors| spec::render(&errors)).unwrap();
            let ty = plan.event("view").map(|at| &plan.events[usize::from(at)]).unwrap();
            let key = || Raw::Str("k".into());
            let fitting = |name: &str| match name {
                "price" | "at" => Raw::Int(3),
                "tags" => Raw::List(vec![key()]),
                _ => key(),
            };
            let fields = names.iter().zip(values).map(|(name, value)| Field {
                name: (*name).into(),
                value: if whole { fitting(name) } else { value },
            });
            let event = Event { kind: "view".into(), source: "".into(), id: None, time: None, fields: fields.collect() };
            let good = check_members(ty, &event);
            prop_assert_eq!(check_event(&plan, &event), good.clone());
            let once = (1..names.len()).all(|at| !names[..at].contains(&names[at]));
            let declared = names.iter().all(|name| !["decision", "other"].contains(name));
            let has_keys = ["user", "item"].iter().all(|role| names.contains(role));
            if whole {
                prop_assert_eq!(is_plain(ty, &event), once && declared && has_keys);
            }
            prop_assert!(!is_plain(ty, &event) || good.is_ok());
        }
    }
}

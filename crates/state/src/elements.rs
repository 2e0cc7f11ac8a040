//! What `distinct` and `top_k` take of an event: elements with a hash of their text, made where names become numbers. Numbers of strings
//! differ between plans; sketches that hash texts are the same under all of them.

use crate::catalogue::Catalogue;
use crate::dictionary::Dictionary;
use crate::resolve::Few;
use domain::{EntityId, Value};
use spec::Plan;
use spec::plan::{ElementSource, EntityIndex};
use xxhash_rust::xxh3::xxh3_64;

/// One element: a string, an entity, a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// XXH3, without a seed, of the text of a string or entity, or of the bytes of another value.
    pub hash: u64,
    /// Its symbol or dense id; 0 for other values.
    pub number: u32,
}

/// The elements of one event, by collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Elements {
    /// Where in `all` each collection ends.
    ends: Few<u32>,
    all: Vec<Element>,
}

impl Elements {
    /// The elements of a collection, each once: number `collection` among those of the event in `Plan::collections`.
    pub fn of(&self, collection: usize) -> &[Element] {
        let start = collection.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.all[start..self.ends[collection] as usize]
    }

    /// What the plan's collections take of an event; `None` if no collection is of this event.
    pub(crate) fn collected(
        plan: &Plan,
        event: u16,
        (entities, values): (&[EntityId], &[Value]),
        dictionary: &Dictionary,
        catalogue: &Catalogue,
    ) -> Option<Box<Elements>> {
        if plan.collections.iter().all(|collection| collection.event != event) {
            return None;
        }
        let of_event = plan.collections.iter().filter(|collection| collection.event == event);
        let roles = &plan.events[usize::from(event)].roles;
        let mut all = Vec::new();
        let ends = of_event.map(|collection| {
            let start = all.len();
            match collection.source {
                ElementSource::Role(role) => {
                    let (role, id) = (&roles[usize::from(role)], entities[usize::from(role)]);
                    all.push(entity_element(dictionary, role.entity, id));
                }
                ElementSource::Field(field) => push(&mut all, start, &values[usize::from(field)], dictionary),
                ElementSource::Attribute { role, field } => {
                    let (role, id) = (&roles[usize::from(role)], entities[usize::from(role)]);
                    push(&mut all, start, &catalogue.attribute(role.entity, id, field), dictionary);
                }
            }
            all.len() as u32
        });
        let ends = ends.collect();
        Some(Box::new(Elements { ends, all }))
    }
}

fn entity_element(dictionary: &Dictionary, entity: EntityIndex, id: EntityId) -> Element {
    Element { hash: xxh3_64(dictionary.key(entity, id).as_bytes()), number: id.0 }
}

/// Adds a value, or each of a list once.
fn push(all: &mut Vec<Element>, start: usize, value: &Value, dictionary: &Dictionary) {
    let hashed = |bytes: &[u8]| Element { hash: xxh3_64(bytes), number: 0 };
    let element = match value {
        Value::List(values) => return values.iter().for_each(|value| push(all, start, value, dictionary)),
        Value::Str(symbol) => Element { hash: xxh3_64(dictionary.text(*symbol).as_bytes()), number: symbol.0 },
        Value::Bool(bool) => hashed(&[u8::from(*bool)]),
        Value::Int(int) => hashed(&int.to_le_bytes()),
        // The two zeros are equal.
        Value::Float(float) => hashed(&(float + 0.0).to_bits().to_le_bytes()),
        Value::Time(time) => hashed(&time.0.to_le_bytes()),
        Value::Span(span) => hashed(&span.0.to_le_bytes()),
        // Fields and attributes hold no entities: roles do.
        Value::Missing | Value::Entity(_) => return,
    };
    if !all[start..].contains(&element) {
        all.push(element);
    }
}

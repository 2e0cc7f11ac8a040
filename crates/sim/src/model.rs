//! The reference model: everything that was accepted, in log order, and every answer computed from it by brute force. It shares
//! no code with the crates it is compared with; what a feature means is said again here.

mod answer;
mod features;
mod lists;

pub use answer::check_answer;
pub use features::{Feature, Reader, Value, features};
pub use lists::{Lists, Standing};

use crate::specs::Spec;
use domain::{Event, Payload, Raw};
use std::collections::BTreeMap;

/// One hour in milliseconds.
pub const HOUR: i64 = 3_600_000;
/// How far ahead of the log's time an event may be.
pub const SKEW: i64 = 60_000;
/// How long an id is remembered.
pub const DEDUPE: i64 = 24 * HOUR;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Happened {
    /// Where it stands in the log.
    pub position: u64,
    /// `view`, `buy` or `login`.
    pub kind: String,
    /// The entities it names: type and key.
    pub keys: BTreeMap<&'static str, String>,
    /// Event time.
    pub time: i64,
    /// Milliseconds.
    pub dwell: Option<i64>,
    /// Of a buy.
    pub price: Option<f64>,
}

/// An item's or a user's attributes from a position on; none: deleted.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Where it stands in the log.
    pub position: u64,
    /// Entity type.
    pub entity: String,
    /// Entity key.
    pub key: String,
    /// The attributes, or nothing after a deletion.
    pub fields: Option<BTreeMap<String, Raw<'static>>>,
}

/// What an id was taken for.
#[derive(Clone, Debug)]
struct Taken {
    position: u64,
    log_time: i64,
    event: Event<'static>,
}

/// What deduplication must say about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is new.
    Fresh,
    /// It was accepted at this position.
    Duplicate(u64),
    /// Its id was taken by another event.
    Reused,
    /// The window ended since the last record, so it may be new or one of the others.
    Fading(u64),
}

/// All that was accepted.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Events in log order.
    pub events: Vec<Happened>,
    /// Catalogue changes in log order.
    pub changes: Vec<Changed>,
    /// Lists.
    pub lists: Lists,
    ids: BTreeMap<(String, String), Taken>,
    /// `log_time` of every record.
    pub times: Vec<i64>,
}

impl Model {
    /// Takes in the next record.
    pub fn apply(&mut self, log_time: i64, payload: &Payload<'static>) {
        self.times.push(log_time);
        let position = self.times.len() as u64;
        match payload {
            Payload::Event(event) => self.apply_event(position, log_time, event),
            Payload::Upsert(upsert) => self.changes.push(Changed {
                position,
                entity: upsert.entity.to_string(),
                key: upsert.key.to_string(),
                fields: Some(upsert.fields.iter().map(|field| (field.name.to_string(), field.value.clone())).collect()),
            }),
            Payload::Delete { entity, key } => {
                self.changes.push(Changed { position, entity: entity.to_string(), key: key.to_string(), fields: None })
            }
            Payload::ListPut(_) | Payload::ListDelete { .. } => self.lists.apply(position, payload),
            Payload::Spec(_)
            | Payload::Tick
            | Payload::Decision(_)
            | Payload::Review(_)
            | Payload::SpecReason(_)
            | Payload::FallbacksGiven(_) => {}
        }
    }

    fn apply_event(&mut self, position: u64, log_time: i64, event: &Event<'static>) {
        if let Some(id) = &event.id {
            let key = (event.source.to_string(), id.to_string());
            let known = self.ids.get(&key).is_some_and(|taken| taken.log_time > log_time - DEDUPE);
            if !known {
                self.ids.insert(key, Taken { position, log_time, event: event.clone() });
            }
        }
        let text = |name: &str| match event.field(name) {
            Some(Raw::Str(text)) => Some(text.to_string()),
            _ => None,
        };
        let keys = ["user", "item", "device"].into_iter().filter_map(|name| Some((name, text(name)?)));
        self.events.push(Happened {
            position,
            kind: event.kind.to_string(),
            keys: keys.collect(),
            time: event.time.map_or(log_time, |time| time.0),
            dwell: match event.field("dwell") {
                Some(Raw::Int(seconds)) => Some(seconds * 1_000),
                _ => None,
            },
            price: match event.field("price") {
                Some(Raw::Float(price)) => Some(*price),
                Some(Raw::Int(price)) => Some(*price as f64),
                _ => None,
            },
        });
    }

    /// What deduplication must say about an event that comes at `log_time`.
    pub fn known(&self, event: &Event<'_>, log_time: i64) -> Known {
        let Some(id) = &event.id else { return Known::Fresh };
        let Some(taken) = self.ids.get(&(event.source.to_string(), id.to_string())) else { return Known::Fresh };
        if taken.log_time <= log_time - DEDUPE {
            return Known::Fading(taken.position);
        }
        let first = taken.event.time.map_or(taken.log_time, |time| time.0);
        let second = event.time.map_or(taken.log_time, |time| time.0);
        if taken.event.kind == event.kind && taken.event.fields == event.fields && first == second {
            Known::Duplicate(taken.position)
        } else {
            Known::Reused
        }
    }

    /// The last catalogue change of an entity at a position.
    pub fn change_of(&self, entity: &str, key: &str, at: u64) -> Option<&Changed> {
        self.changes.iter().rev().find(|change| change.position <= at && change.entity == entity && change.key == key)
    }

    /// An attribute at a position.
    pub fn attribute(&self, entity: &str, key: &str, field: &str, at: u64) -> Option<&Raw<'static>> {
        self.change_of(entity, key, at)?.fields.as_ref()?.get(field).filter(|value| **value != Raw::Null)
    }

    /// Whether an item may be recommended at a position: upserted, and not deleted since.
    pub fn present(&self, item: &str, at: u64) -> bool {
        self.change_of("item", item, at).is_some_and(|change| change.fields.is_some())
    }

    /// Events of one kind that a spec knows, up to a position.
    pub fn happened(&self, spec: Spec, kind: &str, at: u64) -> impl Iterator<Item = &Happened> {
        let known = spec.is_like_first() || kind != "login";
        let kind = kind.to_owned();
        self.events.iter().filter(move |event| known && event.kind == kind && event.position <= at)
    }

    /// All items that a spec has heard of up to a position, in the order of their first mention.
    pub fn items(&self, at: u64) -> Vec<&str> {
        let of_events = self.events.iter().filter_map(|event| Some((event.position, event.keys.get("item")?.as_str())));
        let of_changes = self.changes.iter().filter(|change| change.entity == "item");
        let mut mentions: Vec<(u64, &str)> =
            of_events.chain(of_changes.map(|change| (change.position, change.key.as_str()))).collect();
        mentions.extend(self.lists.mentions());
        mentions.retain(|(position, _)| *position <= at);
        mentions.sort();
        let mut items: Vec<&str> = Vec::new();
        for (_, item) in mentions {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        items
    }

    /// Log time of the record at a position.
    pub fn time_at(&self, position: u64) -> i64 {
        position.checked_sub(1).and_then(|at| self.times.get(at as usize)).copied().unwrap_or(0)
    }
}

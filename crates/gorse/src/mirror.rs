//! The read-model: which users and items there are, and the feedback that can be read back. It follows the log record by
//! record and nothing else changes it, so that it is the same after every start. Names are kept once; a feedback takes one
//! entry of 44 bytes and one of 12 (with the trees' own room about 90), an id about 100 bytes with its text.

mod rows;
#[cfg(test)]
mod tests;

pub use rows::{Filter, Page, Row};

use crate::shape::Shape;
use domain::{Event, Payload, Position, Raw, Time, limits};
use rows::{Note, Rows, Stored};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Users, items and feedback as of a position of the log.
pub struct Mirror {
    shape: Arc<Shape>,
    pub(crate) users: Names,
    pub(crate) items: Names,
    pub(crate) kinds: Names,
    pub(crate) rows: Rows,
    due: BTreeMap<(Time, Position), Due>,
    /// When the feedback of a record is due, so that it is found by its position alone.
    due_at: BTreeMap<Position, Time>,
    position: Position,
}

/// Feedback whose time is yet to come.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Where it stands in the log: its event is sent under this id, so that it is counted once.
    pub position: Position,
    /// Its type.
    pub kind: String,
    /// Its user.
    pub user: String,
    /// Its item.
    pub item: String,
    /// Its value.
    pub value: f64,
    /// Whether it replaces what is there.
    pub overwrite: bool,
    /// When its time comes.
    pub time: Time,
    /// Its labels.
    pub labels: Option<String>,
    /// Its comment.
    pub comment: String,
}

/// Texts and their numbers, in order of first appearance; and which of them are listed.
#[derive(Default)]
pub(crate) struct Names {
    ids: BTreeMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    listed: Vec<bool>,
    count: usize,
}

impl Names {
    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.ids.get(text).copied()
    }

    pub(crate) fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.id(text) {
            return id;
        }
        let (id, text): (u32, Arc<str>) = (self.texts.len() as u32, text.into());
        self.texts.push(text.clone());
        self.listed.push(false);
        self.ids.insert(text, id);
        id
    }

    fn list(&mut self, id: u32, listed: bool) {
        let before = std::mem::replace(&mut self.listed[id as usize], listed);
        self.count = self.count + usize::from(listed) - usize::from(before);
    }

    fn has(&self, text: &str) -> bool {
        self.id(text).is_some_and(|id| self.listed[id as usize])
    }

    fn page(&self, from: &str, count: usize) -> (Vec<String>, Option<String>) {
        let range = self.ids.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        let mut listed = range.filter(|(_, id)| self.listed[**id as usize]).map(|(text, _)| text.to_string());
        let page = listed.by_ref().take(count).collect();
        (page, listed.next())
    }
}

impl Mirror {
    /// The read-model before the first record.
    pub fn new(shape: Arc<Shape>) -> Mirror {
        Mirror {
            shape,
            users: Names::default(),
            items: Names::default(),
            kinds: Names::default(),
            rows: Rows::default(),
            due: BTreeMap::new(),
            due_at: BTreeMap::new(),
            position: Position::START,
        }
    }

    /// The last record applied.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Notes that everything up to `position` was read, where the records at the end concern nothing here.
    pub fn advance(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    /// Applies one record of the log.
    pub fn apply(&mut self, position: Position, log_time: Time, payload: &Payload<'_>) {
        self.position = position;
        match payload {
            Payload::Upsert(upsert) => match &*upsert.entity {
                "user" => list(&mut self.users, &upsert.key),
                "item" => list(&mut self.items, &upsert.key),
                _ => {}
            },
            Payload::Delete { entity, key } => self.delete(entity, key),
            Payload::Event(event) => self.event(position, log_time, event),
            _ => {}
        }
    }

    fn delete(&mut self, entity: &str, key: &str) {
        let names = match entity {
            "user" => &mut self.users,
            "item" => &mut self.items,
            _ => return,
        };
        let Some(id) = names.id(key) else { return };
        names.list(id, false);
        match entity {
            "user" => self.rows.remove_user(id, self.kinds.texts.len() as u32),
            _ => self.rows.remove_item(id),
        }
    }

    fn event(&mut self, position: Position, log_time: Time, event: &Event<'_>) {
        match &*event.kind {
            Shape::DUE => self.hold(position, event),
            Shape::DELETED => self.remove(event),
            kind if self.shape.is_feedback(kind) => {
                self.release(event);
                self.add(kind, log_time, event);
            }
            _ => {}
        }
    }

    fn add(&mut self, kind: &str, log_time: Time, event: &Event<'_>) {
        let kind = if kind == Shape::ANY { text(event, "type") } else { kind };
        let (user, item) = (text(event, "user"), text(event, "item"));
        if [kind, user, item].iter().any(|text| text.is_empty()) {
            return;
        }
        let known = self.key(kind, user, item).is_some_and(|key| self.rows.get(key).is_some());
        if !known && (self.rows.len() >= limits::GORSE_FEEDBACK_MAX || !self.has_room_for(kind)) {
            return;
        }
        let key = (self.kinds.intern(kind), self.users.intern(user), self.items.intern(item));
        let time = event.time.unwrap_or(log_time);
        let stored = Stored { value: number(event, "value"), time, updated: time, note: note(event) };
        self.rows.add(key, stored, flag(event, "overwrite"));
    }

    /// Keeps feedback whose time is to come.
    fn hold(&mut self, position: Position, event: &Event<'_>) {
        let Some(Raw::Int(ms)) = event.field("due") else { return };
        if self.due.len() >= limits::GORSE_DUE_MAX {
            return;
        }
        let due = Due {
            position,
            kind: text(event, "type").to_owned(),
            user: text(event, "user").to_owned(),
            item: text(event, "target").to_owned(),
            value: number(event, "value"),
            overwrite: flag(event, "overwrite"),
            time: Time(*ms),
            labels: Some(text(event, "labels")).filter(|text| !text.is_empty()).map(str::to_owned),
            comment: text(event, "comment").to_owned(),
        };
        self.due_at.insert(position, due.time);
        self.due.insert((due.time, position), due);
    }

    /// Forgets the feedback to come that has become this event.
    fn release(&mut self, event: &Event<'_>) {
        let id = event.id.as_deref().filter(|_| event.source == Shape::SOURCE);
        let position = id.and_then(|id| id.parse().ok()).map(Position);
        if let Some(position) = position
            && let Some(time) = self.due_at.remove(&position)
        {
            self.due.remove(&(time, position));
        }
    }

    fn remove(&mut self, event: &Event<'_>) {
        let (user, item, kind) = (text(event, "user"), text(event, "target"), text(event, "type"));
        let gone = |due: &Due| due.user == user && due.item == item && (kind.is_empty() || due.kind == kind);
        let due_at = &mut self.due_at;
        self.due.retain(|(_, position), due| {
            let gone = gone(due);
            if gone {
                due_at.remove(position);
            }
            !gone
        });
        let (Some(user), Some(item)) = (self.users.id(user), self.items.id(item)) else { return };
        for id in 0..self.kinds.texts.len() as u32 {
            if kind.is_empty() || self.kinds.text(id) == kind {
                self.rows.remove((id, user, item));
            }
        }
    }

    fn key(&self, kind: &str, user: &str, item: &str) -> Option<(u32, u32, u32)> {
        Some((self.kinds.id(kind)?, self.users.id(user)?, self.items.id(item)?))
    }

    /// Whether feedback of this type can be kept beside what there is.
    pub fn has_room_for(&self, kind: &str) -> bool {
        self.kinds.id(kind).is_some() || self.kinds.texts.len() < limits::GORSE_TYPES_MAX
    }

    /// How much more feedback can be kept, and how much more that is due later.
    pub fn room(&self) -> (usize, usize) {
        (
            limits::GORSE_FEEDBACK_MAX.saturating_sub(self.rows.len()),
            limits::GORSE_DUE_MAX.saturating_sub(self.due.len()),
        )
    }

    /// Whether there is this user.
    pub fn has_user(&self, key: &str) -> bool {
        self.users.has(key)
    }

    /// Whether there is this item.
    pub fn has_item(&self, key: &str) -> bool {
        self.items.has(key)
    }

    /// How many users, items and feedback there are.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.users.count, self.items.count, self.rows.len())
    }

    /// Up to `count` users from this key on, in the order of their keys, and where the next page begins.
    pub fn user_page(&self, from: &str, count: usize) -> (Vec<String>, Option<String>) {
        self.users.page(from, count)
    }

    /// Up to `count` items from this key on, in the order of their keys, and where the next page begins.
    pub fn item_page(&self, from: &str, count: usize) -> (Vec<String>, Option<String>) {
        self.items.page(from, count)
    }

    /// Up to `count` of the feedback whose time has come.
    pub fn due(&self, now: Time, count: usize) -> Vec<Due> {
        let come = self.due.range(..=(now, Position(u64::MAX)));
        come.map(|(_, due)| due.clone()).take(count).collect()
    }
}

fn list(names: &mut Names, key: &str) {
    let id = names.intern(key);
    names.list(id, true);
}

fn text<'e>(event: &'e Event<'_>, name: &str) -> &'e str {
    match event.field(name) {
        Some(Raw::Str(text)) => text,
        _ => "",
    }
}

fn number(event: &Event<'_>, name: &str) -> f64 {
    match event.field(name) {
        Some(Raw::Int(int)) => *int as f64,
        Some(Raw::Float(float)) => *float,
        _ => 0.0,
    }
}

fn flag(event: &Event<'_>, name: &str) -> bool {
    event.field(name) == Some(&Raw::Bool(true))
}

fn note(event: &Event<'_>) -> Option<Box<Note>> {
    let (labels, comment) = (text(event, "labels"), text(event, "comment"));
    let empty = labels.is_empty() && comment.is_empty();
    (!empty).then(|| Box::new(Note { labels: labels.into(), comment: comment.into() }))
}

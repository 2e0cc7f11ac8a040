//! Feedback by (type, user, item), with a second order by item, and the ways it is listed.

use super::Mirror;
use crate::cursor::FeedbackKey;
use domain::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

type Key = (u32, u32, u32);

/// What is kept of one feedback.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) value: f64,
    pub(crate) time: Time,
    pub(crate) updated: Time,
    pub(crate) note: Option<Box<Note>>,
}

/// The texts of the few that have any.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) labels: Box<str>,
    pub(crate) comment: Box<str>,
}

/// All feedback.
#[derive(Default)]
pub(crate) struct Rows {
    by_type: BTreeMap<Key, Stored>,
    /// (item, type, user)
    by_item: BTreeSet<Key>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.by_type.len()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Stored> {
        self.by_type.get(&key)
    }

    /// Adds to what is there, or replaces it: a value adds up, the first time stays, the last texts count.
    pub(crate) fn add(&mut self, key: Key, new: Stored, overwrite: bool) {
        let (kind, user, item) = key;
        self.by_item.insert((item, kind, user));
        match self.by_type.get_mut(&key) {
            Some(stored) if !overwrite => {
                stored.value += new.value;
                stored.time = stored.time.min(new.time);
                stored.updated = stored.updated.max(new.updated);
                stored.note = new.note;
            }
            _ => {
                self.by_type.insert(key, new);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: Key) {
        let (kind, user, item) = key;
        if self.by_type.remove(&key).is_some() {
            self.by_item.remove(&(item, kind, user));
        }
    }

    pub(crate) fn remove_user(&mut self, user: u32, kinds: u32) {
        let keys: Vec<Key> = (0..kinds).flat_map(|kind| self.of_user(kind, user).map(|(key, _)| *key)).collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    pub(crate) fn remove_item(&mut self, item: u32) {
        let keys: Vec<Key> = self.of_item(item).collect();
        keys.into_iter().for_each(|key| self.remove(key));
    }

    pub(crate) fn of_user(&self, kind: u32, user: u32) -> impl Iterator<Item = (&Key, &Stored)> {
        self.by_type.range((kind, user, 0)..=(kind, user, u32::MAX))
    }

    pub(crate) fn of_item(&self, item: u32) -> impl Iterator<Item = Key> {
        self.by_item.range((item, 0, 0)..=(item, u32::MAX, u32::MAX)).map(|&(item, kind, user)| (kind, user, item))
    }

    fn from(&self, key: Key) -> impl Iterator<Item = (&Key, &Stored)> {
        self.by_type.range((Bound::Included(key), Bound::Unbounded))
    }
}

/// One feedback as it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'m> {
    /// Its type.
    pub kind: &'m str,
    /// The user's key.
    pub user: &'m str,
    /// The item's key.
    pub item: &'m str,
    /// How much, added up.
    pub value: f64,
    /// When first.
    pub time: Time,
    /// When last.
    pub updated: Time,
    /// Labels as JSON text.
    pub labels: Option<&'m str>,
    /// The last comment.
    pub comment: &'m str,
}

/// Which feedback is asked for; an empty text is any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'f> {
    /// The type.
    pub kind: &'f str,
    /// The user; this or the item must be named.
    pub user: &'f str,
    /// The item.
    pub item: &'f str,
}

/// A page of all feedback.
#[derive(Debug)]
pub struct Page<'m> {
    /// The page.
    pub rows: Vec<Row<'m>>,
    /// Where the next one begins; empty after the last.
    pub next: String,
}

impl Mirror {
    /// The feedback of a user, of an item, or between both, in the order of type, user and item; at most `most`.
    pub fn feedback(&self, filter: Filter<'_>, most: usize) -> Vec<Row<'_>> {
        let kind_fits = |kind: u32| filter.kind.is_empty() || self.kinds.text(kind) == filter.kind;
        let mut rows: Vec<Row<'_>> = if filter.user.is_empty() {
            let Some(item) = self.items.id(filter.item) else { return Vec::new() };
            let keys = self.rows.of_item(item).filter(|key| kind_fits(key.0));
            keys.filter_map(|key| Some(self.row(&key, self.rows.get(key)?))).take(most).collect()
        } else {
            let Some(user) = self.users.id(filter.user) else { return Vec::new() };
            let kinds = (0..self.kinds.texts.len() as u32).filter(|&kind| kind_fits(kind));
            let item = self.items.id(filter.item);
            let any = filter.item.is_empty();
            let of_kind = |kind| self.rows.of_user(kind, user).filter(|(key, _)| any || item == Some(key.2));
            kinds.flat_map(of_kind).map(|(key, stored)| self.row(key, stored)).take(most).collect()
        };
        rows.sort_by(|a, b| (a.kind, a.user, a.item).cmp(&(b.kind, b.user, b.item)));
        rows
    }

    /// Items that the user has any feedback for, at most `most`.
    pub fn items_of(&self, user: &str, most: usize) -> Vec<&str> {
        let Some(user) = self.users.id(user) else { return Vec::new() };
        let kinds = 0..self.kinds.texts.len() as u32;
        let rows = kinds.flat_map(|kind| self.rows.of_user(kind, user));
        rows.map(|(key, _)| self.items.text(key.2)).take(most).collect()
    }

    /// A page of all feedback, or of one type, from the cursor's key on. The order is that of first appearance.
    pub fn page(&self, kind: &str, from: Option<&FeedbackKey>, count: usize) -> Page<'_> {
        let first = match from {
            Some(from) => self.key(&from.kind, &from.user, &from.item),
            None if kind.is_empty() => Some((0, 0, 0)),
            None => self.kinds.id(kind).map(|kind| (kind, 0, 0)),
        };
        let Some(first) = first else { return Page { rows: Vec::new(), next: String::new() } };
        let fits = |key: &Key| kind.is_empty() || self.kinds.text(key.0) == kind;
        let mut keys = self.rows.from(first).take_while(|(key, _)| fits(key));
        let rows = keys.by_ref().take(count).map(|(key, stored)| self.row(key, stored)).collect();
        let next = keys.next().map_or(String::new(), |(key, stored)| {
            let row = self.row(key, stored);
            FeedbackKey { kind: row.kind.into(), user: row.user.into(), item: row.item.into() }.encode()
        });
        Page { rows, next }
    }

    fn row<'m>(&'m self, key: &Key, stored: &'m Stored) -> Row<'m> {
        let note = stored.note.as_deref();
        Row {
            kind: self.kinds.text(key.0),
            user: self.users.text(key.1),
            item: self.items.text(key.2),
            value: stored.value,
            time: stored.time,
            updated: stored.updated,
            labels: note.map(|note| &*note.labels).filter(|text| !text.is_empty()),
            comment: note.map_or("", |note| &note.comment),
        }
    }
}

//! An index of sessions in a checkpoint: a head, the items with their lists, the sessions by slot, and each user's newest.

use super::step::Step;
use super::{Item, Session, Sessions};
use crate::saved::Entries;
use domain::{EntityId, Time, limits::ENTITIES_MAX};
use spec::plan::EntityIndex;
use state::{LoadError, Pages, Reader};
use std::sync::Arc;

/// Pages of 64 items, sessions and users in one chunk.
const ITEM_PAGES: u32 = 16;
const SESSION_PAGES: u32 = 64;
const USER_PAGES: u32 = 256;
/// What a chunk holds.
const HEAD: u8 = 0;
const ITEMS: u8 = 1;
const SESSIONS: u8 = 2;
const USERS: u8 = 3;

/// A frozen index.
pub(crate) struct SessionsSnapshot {
    started: u64,
    items: Pages<Option<Arc<Item>>>,
    kept: Pages<Session>,
    newest: Pages<u32>,
}

impl SessionsSnapshot {
    /// How many chunks the parts have, in the order in which they are saved.
    fn parts(&self) -> [(u8, u32); 4] {
        [
            (HEAD, 1),
            (ITEMS, self.items.len().div_ceil(ITEM_PAGES)),
            (SESSIONS, self.kept.len().div_ceil(SESSION_PAGES)),
            (USERS, self.newest.len().div_ceil(USER_PAGES)),
        ]
    }

    pub(crate) fn chunks(&self) -> u32 {
        self.parts().iter().map(|(_, chunks)| chunks).sum()
    }

    pub(crate) fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let mut chunk = chunk;
        for (kind, chunks) in self.parts() {
            if chunk < chunks {
                out.push(kind);
                return self.save_part(kind, chunk, out);
            }
            chunk -= chunks;
        }
    }

    fn save_part(&self, kind: u8, chunk: u32, out: &mut Vec<u8>) {
        let pages = |each: u32| chunk * each..(chunk + 1) * each;
        match kind {
            HEAD => out.extend_from_slice(&self.started.to_le_bytes()),
            ITEMS => {
                for (id, item) in pages(ITEM_PAGES).flat_map(|page| self.items.page(page)) {
                    if let Some(item) = item {
                        put_words(out, [id, item.count, item.sessions.len() as u32]);
                        put_words(out, item.sessions.iter().copied());
                    }
                }
            }
            SESSIONS => {
                let sessions = pages(SESSION_PAGES).flat_map(|page| self.kept.page(page));
                for (slot, session) in sessions.filter(|(_, session)| !session.steps.is_empty()) {
                    put_words(out, [slot, session.before]);
                    out.extend_from_slice(&session.time.0.to_le_bytes());
                    put_words(out, [session.steps.len() as u32]);
                    put_words(out, session.steps.iter().map(|step| step.word()));
                }
            }
            _ => {
                let users = pages(USER_PAGES).flat_map(|page| self.newest.page(page));
                users.filter(|&(_, &name)| name != 0).for_each(|(user, &name)| put_words(out, [user, name]));
            }
        }
    }
}

fn put_words(out: &mut Vec<u8>, words: impl IntoIterator<Item = u32>) {
    words.into_iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
}

const OTHER_PLAN: LoadError = LoadError { what: "an index of sessions holds more than its plan allows" };
const DAMAGED: LoadError = LoadError { what: "an entry of an index of sessions is out of range" };

fn id(input: &mut Reader<'_>) -> Result<u32, LoadError> {
    let id = input.u32()?;
    if id < ENTITIES_MAX { Ok(id) } else { Err(DAMAGED) }
}

impl Sessions {
    pub(crate) fn snapshot(&mut self) -> SessionsSnapshot {
        SessionsSnapshot {
            started: self.started,
            items: self.items.snapshot(),
            kept: self.kept.snapshot(),
            newest: self.newest.snapshot(),
        }
    }

    pub(crate) fn load(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let kind = input.u8()?;
        while !input.is_done() {
            match kind {
                HEAD => self.started = input.u64()?,
                ITEMS => self.load_item(input)?,
                SESSIONS => self.load_session(input)?,
                USERS => {
                    let user = id(input)?;
                    *self.newest.get_mut(user) = input.u32()?;
                }
                _ => return Err(LoadError { what: "a chunk of an index of sessions is of no known kind" }),
            }
        }
        Ok(())
    }

    fn load_item(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let (item, count) = (id(input)?, input.u32()?);
        let listed = input.count(size_of::<u32>())?;
        if listed > usize::from(self.parameters.sessions) {
            return Err(OTHER_PLAN);
        }
        let sessions = (0..listed).map(|_| input.u32()).collect::<Result<_, _>>()?;
        *self.items.get_mut(item) = Some(Arc::new(Item { count, sessions }));
        Ok(())
    }

    fn load_session(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let (slot, before, time) = (input.u32()?, input.u32()?, Time(input.i64()?));
        let count = input.count(size_of::<u32>())?;
        if slot >= self.parameters.keep || count > usize::from(self.parameters.length) {
            return Err(OTHER_PLAN);
        }
        let kinds = self.parameters.events.len();
        let step = |_| Step::from_word(input.u32()?, kinds).ok_or(DAMAGED);
        let steps = (0..count).map(step).collect::<Result<_, _>>()?;
        *self.kept.get_mut(slot) = Session { steps, time, before };
        Ok(())
    }

    pub(crate) fn digest(&self, item: Option<EntityIndex>, user: Option<EntityIndex>, entries: &mut Entries<'_>) {
        entries.add(HEAD, (None, EntityId(0)), |keys| keys.bytes(&self.started.to_le_bytes()));
        for (id, row) in self.items.iter().filter_map(|(id, row)| row.as_ref().map(|row| (id, row))) {
            entries.add(ITEMS, (item, EntityId(id)), |keys| {
                keys.bytes(&row.count.to_le_bytes());
                row.sessions.iter().for_each(|name| keys.bytes(&name.to_le_bytes()));
            });
        }
        for (slot, session) in self.kept.iter().filter(|(_, session)| !session.steps.is_empty()) {
            entries.add(SESSIONS, (None, EntityId(0)), |keys| {
                keys.bytes(&slot.to_le_bytes());
                keys.bytes(&session.before.to_le_bytes());
                keys.bytes(&session.time.0.to_le_bytes());
                for step in &session.steps {
                    keys.entity(item, EntityId(step.item()));
                    keys.bytes(&[step.kind()]);
                }
            });
        }
        for (id, name) in self.newest.iter().filter(|&(_, &name)| name != 0) {
            entries.add(USERS, (user, EntityId(id)), |keys| keys.bytes(&name.to_le_bytes()));
        }
    }
}

//! Which event ids were taken: `(source, id)` -> position and body, for a window of log time and a bounded number of ids.

use crate::digest::Digest;
use crate::fingerprint::Fingerprint;
use crate::key_table::TableKey;
use crate::numbered::Numbered;
use crate::resolve::alike;
use crate::saved::{LoadError, Reader, Snapshot, put_u32, put_u64};
use crate::short_text::same;
use domain::{Event, Payload, Position, Raw, Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Ids per block: the unit that a snapshot shares.
const BLOCK: usize = 1_024;
/// Blocks per checkpoint chunk.
const CHUNK_BLOCKS: usize = 32;

/// What deduplication knows an event by: its id, and all that it says beside, with the time as the client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    key: u128,
    body: u64,
    time: Option<Time>,
}

impl Identity {
    /// Of a record, as the client sent it, or as the log has it. None but for an event that has an id.
    pub fn of_record(payload: &Payload<'_>) -> Option<Identity> {
        Identities::default().of_record(payload)
    }

    /// Of an event. None without an id.
    pub fn of(event: &Event<'_>) -> Option<Identity> {
        Identities::default().of(event)
    }

    /// The body together with when it happened, which was at its append if the client said nothing.
    fn timed_body(&self, log_time: Time) -> u64 {
        Fingerprint(self.body).number(self.time.unwrap_or(log_time).0 as u64, TIME).0
    }
}

/// The identities of records one after another: what events have in common with the one before is hashed once.
#[derive(Debug, Default)]
pub struct Identities<'e, 'a> {
    /// The last event that has an id, and the hash of its head.
    before: Option<(&'e Event<'a>, Fingerprint)>,
}

impl<'e, 'a> Identities<'e, 'a> {
    /// As [`Identity::of_record`].
    #[inline]
    pub fn of_record(&mut self, payload: &'e Payload<'a>) -> Option<Identity> {
        match payload {
            Payload::Event(event) => self.of(event),
            _ => None,
        }
    }

    fn of(&mut self, event: &'e Event<'a>) -> Option<Identity> {
        let key = key(&event.source, event.id.as_ref()?);
        let head = match self.before {
            Some((before, head)) if same(&before.source, &event.source) && alike(before, event) => head,
            _ => head(event),
        };
        self.before = Some((event, head));
        Some(Identity { key, body: body(head, event), time: event.time })
    }
}

/// What an id says about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The id is not known: take the event, and [`remember`](Dedupe::remember) its id.
    Fresh,
    /// The same event was taken at this position.
    Duplicate(Position),
    /// The id was taken at this position for another event.
    Reused(Position),
}

/// An id that was taken, in 32 bytes: every event leaves one, so that they are most of what a stream adds to memory.
#[derive(Clone, Copy)]
struct Taken {
    key: u128,
    /// The body with the time.
    body: u64,
    /// Behind the first of the block.
    position: u32,
    /// Milliseconds after the first of the block.
    log_time: u32,
}

/// Ids that were taken one after another: up to [`BLOCK`], and no further apart than 32 bits can say.
#[derive(Clone)]
struct Block {
    /// Number of the first.
    start: u32,
    position: Position,
    log_time: Time,
    taken: Vec<Taken>,
}

impl Block {
    fn new(start: u32, (position, log_time): (Position, Time)) -> Block {
        Block { start, position, log_time, taken: Vec::with_capacity(BLOCK) }
    }

    fn whole(&self, taken: &Taken) -> Whole {
        Whole {
            key: taken.key,
            body: taken.body,
            position: Position(self.position.0 + u64::from(taken.position)),
            log_time: Time(self.log_time.0 + i64::from(taken.log_time)),
        }
    }

    /// How an id is kept here, if there is room and it is near enough.
    fn fitting(&self, whole: &Whole) -> Option<Taken> {
        let position = u32::try_from(whole.position.0.checked_sub(self.position.0)?).ok()?;
        let log_time = u32::try_from(whole.log_time.0.checked_sub(self.log_time.0)?).ok()?;
        (self.taken.len() < BLOCK).then_some(Taken { key: whole.key, body: whole.body, position, log_time })
    }
}

/// An id that was taken, with where and when.
#[derive(Clone, Copy)]
struct Whole {
    key: u128,
    body: u64,
    position: Position,
    log_time: Time,
}

/// The ids taken within `limits::DEDUPE_WINDOW` of log time, at most `limits::DEDUPE_IDS_MAX`, the oldest forgotten first.
#[derive(Clone)]
pub struct Dedupe {
    blocks: VecDeque<Arc<Block>>,
    /// How many entries of the first block are forgotten.
    forgotten: usize,
    /// The number that the next id gets, modulo 2^32.
    next: u32,
    len: usize,
    /// By id; it may have numbers that are forgotten.
    table: Numbered,
    hash_seed: u64,
    capacity: usize,
}

impl Dedupe {
    /// Knows no id. The hash seed changes speed under attack and nothing else.
    pub fn new(hash_seed: u64) -> Dedupe {
        Dedupe::with_capacity(limits::DEDUPE_IDS_MAX, hash_seed)
    }

    /// Knows no id and will remember at most `capacity` (at least one).
    pub fn with_capacity(capacity: usize, hash_seed: u64) -> Dedupe {
        Dedupe {
            blocks: VecDeque::new(),
            forgotten: 0,
            next: 0,
            len: 0,
            table: Numbered::new(),
            hash_seed,
            capacity: capacity.clamp(1, limits::DEDUPE_IDS_MAX),
        }
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What its id says about an event. Ids past the window of the last `expire` are not known.
    ///
    /// An event without a time equals one with the time of its append, since the log fills that in.
    pub fn check(&self, event: &Identity) -> Delivery {
        let Some(taken) = self.find(event.key).and_then(|number| self.taken(number)) else {
            return Delivery::Fresh;
        };
        if taken.body == event.timed_body(taken.log_time) {
            Delivery::Duplicate(taken.position)
        } else {
            Delivery::Reused(taken.position)
        }
    }

    /// Asks for the memory that `check` will need, so that the loads of many ids overlap.
    pub fn touch(&self, event: &Identity) {
        self.table.touch(event.key.seeded_hash(self.hash_seed));
    }

    /// Remembers an id that was taken at `position`; `log_time` never decreases. `check` has just not known it.
    pub fn remember(&mut self, event: &Identity, position: Position, log_time: Time) {
        if self.len == self.capacity {
            self.forget_oldest();
        }
        self.push(Whole { key: event.key, body: event.timed_body(log_time), position, log_time });
    }

    /// Remembers an event of the log, if it has an id, after forgetting what is past the window. An id already known keeps its first
    /// event.
    pub fn apply(&mut self, position: Position, log_time: Time, event: Option<&Identity>) {
        self.expire(log_time);
        if let Some(event) = event
            && self.find(event.key).is_none()
        {
            self.remember(event, position, log_time);
        }
    }

    /// Forgets ids taken `limits::DEDUPE_WINDOW` or longer before `log_time`.
    pub fn expire(&mut self, log_time: Time) {
        let kept_after = log_time.minus(limits::DEDUPE_WINDOW);
        while self.oldest().is_some_and(|(block, taken)| block.whole(taken).log_time <= kept_after) {
            self.forget_oldest();
        }
    }

    /// Digest of what is remembered.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for taken in self.snapshot().iter() {
            canonical.clear();
            put_taken(&mut canonical, &taken);
            digest.add_entry(&canonical);
        }
        digest
    }

    /// Bytes of heap memory.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.blocks.len() * BLOCK * size_of::<Taken>()
    }

    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&self) -> DedupeSnapshot {
        DedupeSnapshot { blocks: self.blocks.iter().cloned().collect(), forgotten: self.forgotten }
    }

    /// Loads one chunk of a snapshot; chunks in order, into a new `Dedupe`.
    ///
    /// # Errors
    /// The bytes are damaged or out of order.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        for _ in 0..input.count(40)? {
            let (low, high) = (input.u64()?, input.u64()?);
            let taken = Whole {
                key: u128::from(high) << 64 | u128::from(low),
                body: input.u64()?,
                position: Position(input.u64()?),
                log_time: Time(input.i64()?),
            };
            let last = self.blocks.back().and_then(|block| Some(block.whole(block.taken.last()?)));
            let in_order = last.is_none_or(|last| last.position < taken.position && last.log_time <= taken.log_time);
            if !in_order || self.find(taken.key).is_some() {
                return Err(LoadError::new("remembered ids are out of order or repeated"));
            }
            if self.len == self.capacity {
                self.forget_oldest();
            }
            self.push(taken);
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a chunk of remembered ids is too long")) }
    }

    fn find(&self, key: u128) -> Option<u32> {
        let hash = key.seeded_hash(self.hash_seed);
        self.table.find(hash, |number| self.taken(number).is_some_and(|taken| taken.key == key))
    }

    /// The id with a number, unless it is forgotten.
    fn taken(&self, number: u32) -> Option<Whole> {
        let first = self.blocks.front()?.start;
        let at = number.wrapping_sub(first);
        if (at as usize) < self.forgotten {
            return None;
        }
        let behind = self.blocks.partition_point(|block| block.start.wrapping_sub(first) <= at);
        let block = self.blocks.get(behind.checked_sub(1)?)?;
        block.taken.get(number.wrapping_sub(block.start) as usize).map(|taken| block.whole(taken))
    }

    fn oldest(&self) -> Option<(&Block, &Taken)> {
        let block = self.blocks.front()?;
        Some((block, block.taken.get(self.forgotten)?))
    }

    fn push(&mut self, whole: Whole) {
        let fitting = self.blocks.back().and_then(|block| block.fitting(&whole));
        let taken = fitting.unwrap_or_else(|| {
            self.blocks.push_back(Arc::new(Block::new(self.next, (whole.position, whole.log_time))));
            Taken { key: whole.key, body: whole.body, position: 0, log_time: 0 }
        });
        let block = self.blocks.back_mut().expect("a block was pushed if none was fitting");
        Arc::make_mut(block).taken.push(taken);
        let (next, len) = (self.next, self.len as u32);
        self.table.insert(whole.key.seeded_hash(self.hash_seed), next, |number| {
            (1..=len).contains(&next.wrapping_sub(number))
        });
        self.next = next.wrapping_add(1);
        self.len += 1;
    }

    fn forget_oldest(&mut self) {
        let Some((block, _)) = self.oldest() else {
            return;
        };
        let is_last = self.forgotten + 1 == block.taken.len();
        self.len -= 1;
        self.forgotten += 1;
        if is_last {
            // Should it be the last one and not be full yet, the next id starts a new one.
            self.blocks.pop_front();
            self.forgotten = 0;
        }
    }
}

/// What names an id: no seed, so that every run and every machine agrees.
/// XXH3 (Collet, specification 0.8): a stable 128-bit hash, since keys stand in checkpoints. Whoever makes two ids collide on purpose
/// has one event taken for the other: what a client of the same tenant can do in any case, by sending under another's source.
fn key(source: &str, id: &str) -> u128 {
    xxh3_128_with_seed(id.as_bytes(), Fingerprint::EMPTY.text(source).0)
}

/// Kinds of numbers in the hash of an event.
const NULL: u64 = 1;
const BOOL: u64 = 2;
const INT: u64 = 3;
const FLOAT: u64 = 4;
const LIST: u64 = 5;
const TIME: u64 = 6;
const FIELDS: u64 = 7;

/// A hash of an event's type, source and the names of its fields in their order.
fn head(event: &Event<'_>) -> Fingerprint {
    let head = Fingerprint::EMPTY.text(&event.kind).text(&event.source).number(event.fields.len() as u64, FIELDS);
    event.fields.iter().fold(head, |all, field| all.text(&field.name))
}

/// The hash with the values of the event's fields: so of all that it says but its id and time.
fn body(head: Fingerprint, event: &Event<'_>) -> u64 {
    event.fields.iter().fold(head, |all, field| with_value(all, &field.value)).0
}

#[inline(always)]
fn with_value(all: Fingerprint, value: &Raw<'_>) -> Fingerprint {
    if let Raw::Str(text) = value {
        return all.text(text);
    }
    with_other(all, value)
}

#[inline(never)]
fn with_other(all: Fingerprint, value: &Raw<'_>) -> Fingerprint {
    match value {
        Raw::Null => all.number(0, NULL),
        Raw::Bool(bool) => all.number(u64::from(*bool), BOOL),
        Raw::Int(int) => all.number(*int as u64, INT),
        Raw::Float(float) => all.number(float.to_bits(), FLOAT),
        Raw::Str(text) => all.text(text),
        Raw::List(list) => with_list(all, list),
    }
}

#[inline(never)]
fn with_list(all: Fingerprint, list: &[Raw<'_>]) -> Fingerprint {
    list.iter().fold(all.number(list.len() as u64, LIST), with_value)
}

fn put_taken(out: &mut Vec<u8>, taken: &Whole) {
    let words = [taken.key as u64, (taken.key >> 64) as u64, taken.body, taken.position.0, taken.log_time.0 as u64];
    words.into_iter().for_each(|word| put_u64(out, word));
}

/// Frozen ids.
pub struct DedupeSnapshot {
    blocks: Vec<Arc<Block>>,
    forgotten: usize,
}

impl DedupeSnapshot {
    fn iter(&self) -> impl Iterator<Item = Whole> {
        whole(&self.blocks).skip(self.forgotten)
    }
}

fn whole(blocks: &[Arc<Block>]) -> impl Iterator<Item = Whole> {
    blocks.iter().flat_map(|block| block.taken.iter().map(|taken| block.whole(taken)))
}

impl Snapshot for DedupeSnapshot {
    fn chunks(&self) -> u32 {
        self.blocks.len().div_ceil(CHUNK_BLOCKS).max(1) as u32
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let first = (chunk as usize * CHUNK_BLOCKS).min(self.blocks.len());
        let blocks = &self.blocks[first..(first + CHUNK_BLOCKS).min(self.blocks.len())];
        let skipped = if first == 0 { self.forgotten } else { 0 };
        let count = blocks.iter().map(|block| block.taken.len()).sum::<usize>() - skipped;
        put_u32(out, count as u32);
        whole(blocks).skip(skipped).for_each(|taken| put_taken(out, &taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: u64) -> Identity {
        Identity { key: key("shop", &format!("p{n}")), body: n, time: None }
    }

    fn assert_alike(dedupe: &Dedupe, list: &VecDeque<(u64, Position, Time)>, ids: u64) {
        assert_eq!(dedupe.len(), list.len());
        let mut known = vec![Delivery::Fresh; ids as usize];
        list.iter().for_each(|(n, position, _)| known[*n as usize] = Delivery::Duplicate(*position));
        assert!((0..ids).all(|n| dedupe.check(&identity(n)) == known[n as usize]));
        let other = |n: u64| Identity { body: n + 1, ..identity(n) };
        assert!(list.iter().all(|(n, position, _)| dedupe.check(&other(*n)) == Delivery::Reused(*position)));
    }

    /// Numbers that begin anew at 2^32, positions and times that are further apart than 32 bits, so that blocks end before they are full.
    #[test]
    fn ids_are_those_of_a_list_of_all_that_were_taken() {
        let mut dedupe = Dedupe { next: u32::MAX - 1_500, ..Dedupe::with_capacity(2_500, 1) };
        let (mut list, mut position, mut log_time) = (VecDeque::new(), Position(0), Time(0));
        for n in 0..6_000 {
            position.0 += if n % 700 == 5 { 1 << 33 } else { 1 + n % 3 };
            log_time.0 += if n % 900 == 7 { 1 << 33 } else { 40 };
            if list.len() == 2_500 {
                list.pop_front();
            }
            list.push_back((n, position, log_time));
            dedupe.remember(&identity(n), position, log_time);
            if n % 500 == 499 {
                assert_alike(&dedupe, &list, n + 1);
            }
        }
        let mut again = Dedupe::with_capacity(2_500, 7);
        let snapshot = dedupe.snapshot();
        for chunk in 0..snapshot.chunks() {
            let mut bytes = Vec::new();
            snapshot.save(chunk, &mut bytes);
            again.load(&bytes).expect("what was saved is loaded");
        }
        assert_eq!(again.digest(), dedupe.digest());
        assert_alike(&again, &list, 6_000);
        let (_, _, middle) = list[1_200];
        dedupe.expire(middle.plus(limits::DEDUPE_WINDOW));
        list.retain(|(_, _, log_time)| *log_time > middle);
        assert_alike(&dedupe, &list, 6_000);
        assert!(!list.is_empty() && list.len() < 1_300);
    }
}

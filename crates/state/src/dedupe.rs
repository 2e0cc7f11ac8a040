//! Which event ids were taken: `(source, id)` -> position and body, for a window of log time and a bounded number of ids.

use crate::digest::Digest;
use crate::key_table::{Numbered, Segments};
use crate::saved::{LoadError, Reader, Snapshot, put_u32, put_u64};
use domain::{Event, Position, Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

/// Ids per block: the unit that a snapshot shares.
const BLOCK: usize = 1_024;
/// Blocks per checkpoint chunk.
const CHUNK_BLOCKS: usize = 32;

/// What deduplication compares of an event: everything but its id, with the time as the client gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    hash: u64,
    time: Option<Time>,
}

impl Body {
    /// Of an event as the client sent it, or as the log has it.
    pub fn of(event: &Event<'_>) -> Body {
        Body::of_in(event, &mut Vec::with_capacity(256))
    }

    /// The same; `bytes` is working memory.
    pub fn of_in(event: &Event<'_>, bytes: &mut Vec<u8>) -> Body {
        bytes.clear();
        event.encode_body(bytes);
        Body { hash: xxh3_64(bytes), time: event.time }
    }
}

/// What an id says about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The id is not known: take the event, and [`remember`](Dedupe::remember) its id.
    Fresh(Fresh),
    /// The same event was taken at this position.
    Duplicate(Position),
    /// The id was taken at this position for another event.
    Reused(Position),
}

/// An id that was not known when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh(u128);

#[derive(Clone, Copy)]
struct Taken {
    key: u128,
    hash: u64,
    time: Time,
    position: Position,
    log_time: Time,
}

/// The ids taken within `limits::DEDUPE_WINDOW` of log time, at most `limits::DEDUPE_IDS_MAX`, the oldest forgotten first.
#[derive(Clone)]
pub struct Dedupe {
    blocks: VecDeque<Arc<Vec<Taken>>>,
    /// Number of the first entry of the first block, modulo 2^32.
    base: u32,
    /// How many entries of the first block are forgotten.
    forgotten: usize,
    len: usize,
    table: Segments<Numbered>,
    capacity: usize,
    /// Working memory.
    encoded: Vec<u8>,
}

impl Default for Dedupe {
    fn default() -> Dedupe {
        Dedupe::new()
    }
}

impl Dedupe {
    /// Knows no id.
    pub fn new() -> Dedupe {
        Dedupe::with_capacity(limits::DEDUPE_IDS_MAX)
    }

    /// Knows no id and will remember at most `capacity` (at least one).
    pub fn with_capacity(capacity: usize) -> Dedupe {
        Dedupe {
            blocks: VecDeque::new(),
            base: 0,
            forgotten: 0,
            len: 0,
            table: Segments::new(),
            capacity: capacity.clamp(1, limits::DEDUPE_IDS_MAX),
            encoded: Vec::new(),
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

    /// What the id says about an event with this body. Ids past the window of the last `expire` are not known.
    ///
    /// An event without a time equals one with the time of its append, since the log fills that in.
    pub fn check(&self, source: &str, id: &str, body: &Body) -> Delivery {
        let key = key(source, id);
        let Some(taken) = self.find(key).map(|number| self.taken(number)) else {
            return Delivery::Fresh(Fresh(key));
        };
        let same_time = taken.time == body.time.unwrap_or(taken.log_time);
        if taken.hash == body.hash && same_time {
            Delivery::Duplicate(taken.position)
        } else {
            Delivery::Reused(taken.position)
        }
    }

    /// Asks for the memory that `check` will need, so that the loads of many ids overlap.
    pub fn touch(&self, source: &str, id: &str) -> u32 {
        self.find(key(source, id)).unwrap_or_default()
    }

    /// Remembers an id that was taken at `position`; `log_time` never decreases. An id already known keeps its first event.
    pub fn insert(&mut self, source: &str, id: &str, body: &Body, position: Position, log_time: Time) {
        let key = key(source, id);
        if self.find(key).is_none() {
            self.remember(Fresh(key), body, position, log_time);
        }
    }

    /// Remembers an id that `check` has just not known.
    pub fn remember(&mut self, Fresh(key): Fresh, body: &Body, position: Position, log_time: Time) {
        if self.len == self.capacity {
            self.forget_oldest();
        }
        let time = body.time.unwrap_or(log_time);
        self.push(Taken { key, hash: body.hash, time, position, log_time });
    }

    /// Remembers the id of an event of the log, if it has one, after forgetting what is past the window.
    pub fn apply(&mut self, position: Position, log_time: Time, event: &Event<'_>) {
        self.expire(log_time);
        if let Some(id) = &event.id {
            let body = Body::of_in(event, &mut self.encoded);
            self.insert(&event.source, id, &body, position, log_time);
        }
    }

    /// Forgets ids taken `limits::DEDUPE_WINDOW` or longer before `log_time`.
    pub fn expire(&mut self, log_time: Time) {
        let kept_after = log_time.minus(limits::DEDUPE_WINDOW);
        while self.oldest().is_some_and(|taken| taken.log_time <= kept_after) {
            self.forget_oldest();
        }
    }

    /// Digest of what is remembered.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::EMPTY;
        let mut canonical = Vec::new();
        for taken in self.snapshot().iter() {
            canonical.clear();
            put_taken(&mut canonical, taken);
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
        for _ in 0..input.count(48)? {
            let (low, high) = (input.u64()?, input.u64()?);
            let taken = Taken {
                key: u128::from(high) << 64 | u128::from(low),
                hash: input.u64()?,
                time: Time(input.i64()?),
                position: Position(input.u64()?),
                log_time: Time(input.i64()?),
            };
            let last = self.blocks.back().and_then(|block| block.last());
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
        let (hash, half) = Numbered::probe(key as u64);
        let same = |entry: &Numbered| entry.has(half) && self.taken(entry.number).key == key;
        self.table.find(hash, same).map(|entry| entry.number)
    }

    fn taken(&self, number: u32) -> &Taken {
        let at = number.wrapping_sub(self.base) as usize;
        &self.blocks[at / BLOCK][at % BLOCK]
    }

    fn oldest(&self) -> Option<&Taken> {
        self.blocks.front().and_then(|block| block.get(self.forgotten))
    }

    fn push(&mut self, taken: Taken) {
        if self.blocks.back().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push_back(Arc::new(Vec::with_capacity(BLOCK)));
        }
        let number = self.base.wrapping_add((self.forgotten + self.len) as u32);
        let block = self.blocks.back_mut().expect("a block was pushed if there was no room");
        Arc::make_mut(block).push(taken);
        let (hash, entry) = Numbered::new(taken.key as u64, number);
        self.table.insert_unique(hash, entry, Numbered::rehash);
        self.len += 1;
    }

    fn forget_oldest(&mut self) {
        let Some(key) = self.oldest().map(|taken| taken.key) else {
            return;
        };
        let number = self.base.wrapping_add(self.forgotten as u32);
        let (hash, _) = Numbered::probe(key as u64);
        self.table.remove(hash, |entry| entry.number == number);
        self.len -= 1;
        self.forgotten += 1;
        if self.forgotten == self.blocks.front().map_or(0, |block| block.len()) {
            // A block that is not full yet is the last one: the next id starts a new one.
            self.base = self.base.wrapping_add(self.forgotten as u32);
            self.blocks.pop_front();
            self.forgotten = 0;
        }
    }
}

/// What names an id: no seed, so that every run and every machine agrees.
/// XXH3 (Collet, specification 0.8): a stable 128-bit hash, since keys stand in checkpoints. Whoever makes two ids collide on purpose
/// has one of their own events taken for the other; nobody else's, unless they share the source.
fn key(source: &str, id: &str) -> u128 {
    xxh3_128_with_seed(id.as_bytes(), xxh3_64(source.as_bytes()))
}

fn put_taken(out: &mut Vec<u8>, taken: &Taken) {
    let words = [
        taken.key as u64,
        (taken.key >> 64) as u64,
        taken.hash,
        taken.time.0 as u64,
        taken.position.0,
        taken.log_time.0 as u64,
    ];
    words.into_iter().for_each(|word| put_u64(out, word));
}

/// Frozen ids.
pub struct DedupeSnapshot {
    blocks: Vec<Arc<Vec<Taken>>>,
    forgotten: usize,
}

impl DedupeSnapshot {
    fn iter(&self) -> impl Iterator<Item = &Taken> {
        self.blocks.iter().flat_map(|block| block.iter()).skip(self.forgotten)
    }
}

impl Snapshot for DedupeSnapshot {
    fn chunks(&self) -> u32 {
        self.blocks.len().div_ceil(CHUNK_BLOCKS).max(1) as u32
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        let first = (chunk as usize * CHUNK_BLOCKS).min(self.blocks.len());
        let blocks = &self.blocks[first..(first + CHUNK_BLOCKS).min(self.blocks.len())];
        let skipped = if first == 0 { self.forgotten } else { 0 };
        let count = blocks.iter().map(|block| block.len()).sum::<usize>() - skipped;
        put_u32(out, count as u32);
        blocks.iter().flat_map(|block| block.iter()).skip(skipped).for_each(|taken| put_taken(out, taken));
    }
}

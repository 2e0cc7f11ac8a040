//! Which event ids were taken: `(source, id)` -> position and body, for a window of log time and a bounded number of ids.

use crate::digest::Digest;
use crate::numbered::Numbered;
use crate::saved::{LoadError, Reader, Snapshot, put_u32, put_u64};
use domain::{Event, Payload, Position, Raw, Time, limits};
use std::collections::VecDeque;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed, xxh3_128_with_seed};

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
        match payload {
            Payload::Event(event) => Identity::of(event),
            _ => None,
        }
    }

    /// Of an event. None without an id.
    pub fn of(event: &Event<'_>) -> Option<Identity> {
        let key = key(&event.source, event.id.as_ref()?);
        Some(Identity { key, body: body(event), time: event.time })
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

#[derive(Clone, Copy)]
struct Taken {
    key: u128,
    body: u64,
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
    table: Numbered,
    capacity: usize,
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
            table: Numbered::new(),
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
        let Some(taken) = self.find(event.key).map(|number| self.taken(number)) else {
            return Delivery::Fresh;
        };
        let same_time = taken.time == event.time.unwrap_or(taken.log_time);
        if taken.body == event.body && same_time {
            Delivery::Duplicate(taken.position)
        } else {
            Delivery::Reused(taken.position)
        }
    }

    /// Asks for the memory that `check` will need, so that the loads of many ids overlap.
    pub fn touch(&self, event: &Identity) {
        std::hint::black_box(self.find(event.key));
    }

    /// Remembers an id that was taken at `position`; `log_time` never decreases. `check` has just not known it.
    pub fn remember(&mut self, event: &Identity, position: Position, log_time: Time) {
        if self.len == self.capacity {
            self.forget_oldest();
        }
        let time = event.time.unwrap_or(log_time);
        self.push(Taken { key: event.key, body: event.body, time, position, log_time });
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
                body: input.u64()?,
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
        self.table.find(key as u64, |number| self.taken(number).key == key)
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
        self.table.insert(taken.key as u64, number);
        self.len += 1;
    }

    fn forget_oldest(&mut self) {
        let Some(key) = self.oldest().map(|taken| taken.key) else {
            return;
        };
        let number = self.base.wrapping_add(self.forgotten as u32);
        self.table.remove(key as u64, number);
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

/// A hash of an event's type, source and fields in their order: of each text from where the hash before it ended, and of each
/// value's kind.
fn body(event: &Event<'_>) -> u64 {
    let head = xxh3_64_with_seed(event.source.as_bytes(), xxh3_64(event.kind.as_bytes()));
    event.fields.iter().fold(head, |hash, field| {
        let hash = xxh3_64_with_seed(field.name.as_bytes(), hash);
        hashed(hash, &field.value)
    })
}

fn hashed(hash: u64, value: &Raw<'_>) -> u64 {
    match value {
        Raw::Null => xxh3_64_with_seed(&[], hash.wrapping_add(1)),
        Raw::Bool(bool) => xxh3_64_with_seed(&[u8::from(*bool)], hash.wrapping_add(2)),
        Raw::Int(int) => xxh3_64_with_seed(&int.to_le_bytes(), hash.wrapping_add(4)),
        Raw::Float(float) => xxh3_64_with_seed(&float.to_bits().to_le_bytes(), hash.wrapping_add(5)),
        Raw::Str(text) => xxh3_64_with_seed(text.as_bytes(), hash.wrapping_add(6)),
        Raw::List(list) => {
            let head = xxh3_64_with_seed(&list.len().to_le_bytes(), hash.wrapping_add(7));
            list.iter().fold(head, hashed)
        }
    }
}

fn put_taken(out: &mut Vec<u8>, taken: &Taken) {
    let words = [
        taken.key as u64,
        (taken.key >> 64) as u64,
        taken.body,
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

//! Attribution's digest and its part of a checkpoint: what is counted in the first chunk, remembered decisions in the others.

use super::{Attribution, BLOCK, Block, Counts, FeedCounts, Place, Remembered, Unjoined};
use crate::dictionary::Dictionary;
use crate::digest::Digest;
use crate::saved::{LoadError, Reader, Snapshot, put_text, put_u32, put_u64};
use domain::{DecisionId, EntityId, Position, Time, limits};
use std::sync::Arc;

/// Blocks per checkpoint chunk.
const CHUNK_BLOCKS: usize = 16;
/// Bytes of a decision without places.
const DECISION_BYTES: usize = 32;

/// Frozen decisions and counts.
pub struct AttributionSnapshot {
    /// What is counted is small: it is written out when it is frozen.
    head: Vec<u8>,
    blocks: Vec<Arc<Block>>,
    forgotten: usize,
}

impl Attribution {
    /// Freezes the present content for a checkpoint.
    pub fn snapshot(&self) -> AttributionSnapshot {
        let mut head = vec![u8::from(self.current)];
        put_u64(&mut head, self.forgotten_to.0);
        put_unjoined(&mut head, self.unjoined);
        self.feeds.iter().for_each(|feed| put_feed(&mut head, feed));
        AttributionSnapshot { head, blocks: self.blocks.iter().cloned().collect(), forgotten: self.forgotten }
    }

    /// Loads one chunk of a snapshot; chunks in order, into a new `Attribution` of the same plan.
    ///
    /// # Errors
    /// The bytes are damaged, out of order, or of another plan.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let mut input = Reader::new(bytes);
        match input.u8()? {
            0 => self.load_head(&mut input)?,
            _ => {
                for _ in 0..input.count(DECISION_BYTES)? {
                    self.load_decision(&mut input)?;
                }
            }
        }
        if input.is_done() { Ok(()) } else { Err(LoadError::new("a chunk of decisions is too long")) }
    }

    fn load_head(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        self.current = input.u8()? != 0;
        self.forgotten_to = Position(input.u64()?);
        self.unjoined = Unjoined {
            unknown: input.u64()?,
            expired: input.u64()?,
            not_in_slate: input.u64()?,
            duplicate: input.u64()?,
        };
        let events = self.events().len();
        self.feeds.iter_mut().try_for_each(|feed| load_feed(feed, events, input))
    }

    fn load_decision(&mut self, input: &mut Reader<'_>) -> Result<(), LoadError> {
        let id = DecisionId { position: Position(input.u64()?), epoch: input.u32()? };
        let log_time = Time(input.i64()?);
        let (feed, from) = (input.u32()?, input.u32()?);
        let (feed, from) = u16::try_from(feed).ok().zip(u16::try_from(from).ok()).ok_or(OTHER)?;
        let last = self.blocks.back().and_then(|block| block.decisions.last());
        let in_order = last.map_or(self.forgotten_to, |last| last.id.position) < id.position
            && last.is_none_or(|last| last.log_time <= log_time);
        if !in_order || usize::from(feed) >= self.feeds.len() || self.len >= self.declared().decisions as usize {
            return Err(OTHER);
        }
        let count = input.count(12)?;
        let place = |input: &mut Reader<'_>| {
            Ok(Place { item: EntityId(input.u32()?), routes: input.u32()?, seen: input.u32()? })
        };
        let places = (0..count).map(|_| place(input)).collect::<Result<Vec<_>, LoadError>>()?;
        if self.blocks.back().is_none_or(|block| block.decisions.len() == BLOCK) {
            self.blocks.push_back(Arc::default());
        }
        let block = Arc::make_mut(self.blocks.back_mut().expect("a block was pushed if there was no room"));
        let start = block.places.len() as u32;
        block.decisions.push(Remembered { id, log_time, feed, from, start });
        block.places.extend(places);
        self.len += 1;
        Ok(())
    }

    /// Digest of what is remembered and counted.
    pub fn digest(&self, names: &Dictionary) -> Digest {
        let mut digest = Digest::EMPTY;
        let item_type = self.plan.entity("item").expect("every plan has items");
        let mut canonical = vec![u8::from(self.current)];
        put_u64(&mut canonical, self.forgotten_to.0);
        put_unjoined(&mut canonical, self.unjoined);
        digest.add_entry(&canonical);
        for (feed, counts) in self.plan.feeds.iter().zip(&self.feeds) {
            canonical.clear();
            put_text(&mut canonical, &feed.name);
            put_feed(&mut canonical, counts);
            digest.add_entry(&canonical);
        }
        for (block, at) in remembered(self.blocks.iter(), self.forgotten) {
            canonical.clear();
            put_decision(&mut canonical, &block.decisions[at]);
            for place in &block.places[block.places_of(at)] {
                let key = if place.item.0 == u32::MAX { "" } else { names.key(item_type, place.item) };
                put_text(&mut canonical, key);
                put_u32(&mut canonical, place.routes);
                put_u32(&mut canonical, place.seen);
            }
            digest.add_entry(&canonical);
        }
        digest
    }
}

const OTHER: LoadError = LoadError::new("remembered decisions are out of order or of another plan");

fn remembered<'b>(
    blocks: impl Iterator<Item = &'b Arc<Block>>,
    forgotten: usize,
) -> impl Iterator<Item = (&'b Block, usize)> {
    blocks.flat_map(|block| (0..block.decisions.len()).map(move |at| (&**block, at))).skip(forgotten)
}

fn put_decision(out: &mut Vec<u8>, decision: &Remembered) {
    put_u64(out, decision.id.position.0);
    put_u32(out, decision.id.epoch);
    put_u64(out, decision.log_time.0 as u64);
    put_u32(out, decision.feed.into());
    put_u32(out, decision.from.into());
}

fn put_unjoined(out: &mut Vec<u8>, unjoined: Unjoined) {
    let Unjoined { unknown, expired, not_in_slate, duplicate } = unjoined;
    [unknown, expired, not_in_slate, duplicate].into_iter().for_each(|count| put_u64(out, count));
}

fn put_feed(out: &mut Vec<u8>, feed: &FeedCounts) {
    put_u64(out, feed.decisions);
    put_u64(out, feed.dropped);
    put_counts(out, &feed.all);
    for list in [&feed.places, &feed.routes] {
        put_u32(out, list.len() as u32);
        list.iter().for_each(|counts| put_counts(out, counts));
    }
}

fn put_counts(out: &mut Vec<u8>, counts: &Counts) {
    let words = [counts.offered, counts.clicks, counts.clicked_impressions];
    words.iter().chain(&counts.events).for_each(|word| put_u64(out, *word));
}

fn load_feed(feed: &mut FeedCounts, events: usize, input: &mut Reader<'_>) -> Result<(), LoadError> {
    (feed.decisions, feed.dropped) = (input.u64()?, input.u64()?);
    feed.all = load_counts(events, input)?;
    let places = input.count(8 * (3 + events))?;
    if places > limits::ATTRIBUTION_PLACES_MAX {
        return Err(OTHER);
    }
    feed.places = (0..places).map(|_| load_counts(events, input)).collect::<Result<_, _>>()?;
    let routes = input.count(8 * (3 + events))?;
    if routes != feed.routes.len() {
        return Err(OTHER);
    }
    feed.routes = (0..routes).map(|_| load_counts(events, input)).collect::<Result<_, _>>()?;
    Ok(())
}

fn load_counts(events: usize, input: &mut Reader<'_>) -> Result<Counts, LoadError> {
    let (offered, clicks, clicked_impressions) = (input.u64()?, input.u64()?, input.u64()?);
    Ok(Counts { offered, clicks, clicked_impressions, events: input.words(events)? })
}

impl Snapshot for AttributionSnapshot {
    fn chunks(&self) -> u32 {
        1 + self.blocks.len().div_ceil(CHUNK_BLOCKS) as u32
    }

    fn save(&self, chunk: u32, out: &mut Vec<u8>) {
        out.push(u8::from(chunk > 0));
        let Some(chunk) = (chunk as usize).checked_sub(1) else {
            return out.extend_from_slice(&self.head);
        };
        let first = chunk * CHUNK_BLOCKS;
        let blocks = &self.blocks[first..(first + CHUNK_BLOCKS).min(self.blocks.len())];
        let skipped = if first == 0 { self.forgotten } else { 0 };
        put_u32(out, (blocks.iter().map(|block| block.decisions.len()).sum::<usize>() - skipped) as u32);
        for (block, at) in remembered(blocks.iter(), skipped) {
            put_decision(out, &block.decisions[at]);
            let places = &block.places[block.places_of(at)];
            put_u32(out, places.len() as u32);
            for place in places {
                [place.item.0, place.routes, place.seen].into_iter().for_each(|word| put_u32(out, word));
            }
        }
    }
}

//! The disk half of appending, owned by the sync thread: one write and one sync per batch.
//! A failed sync is never retried: the writer is poisoned and the log has to be opened again.

use crate::appender::Batch;
use crate::disk::{Disk, DiskFile};
use crate::group::{self, Place};
use crate::live::Shared;
use crate::segment::{self, Mark, Segment, SegmentHeader};
use crate::watermark::Watermark;
use crate::{Digest, Error};
use domain::{Position, Time};
use std::io;
use std::sync::Arc;

/// Where the log ends: what the next group continues.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub(crate) last: Position,
    pub(crate) log_time: Time,
    pub(crate) chain: Digest,
    /// Offset in the newest segment.
    pub(crate) end: u64,
}

/// Makes batches durable, in order, and drops old segments.
pub struct Writer<D: Disk> {
    shared: Arc<Shared<D>>,
    segment: Arc<Segment>,
    file: D::File,
    tail: Tail,
    epoch: u32,
    segment_bytes: u64,
    watermark: Watermark<D::File>,
    /// The last position that the watermark says.
    witnessed: Position,
    /// The encoded batch and the marks of its groups; kept for their capacity.
    encoded: Vec<u8>,
    marks: Vec<Mark>,
    poisoned: bool,
    retention_failed: bool,
}

/// What a new writer starts from.
pub(crate) struct Start<D: Disk> {
    pub(crate) shared: Arc<Shared<D>>,
    pub(crate) segment: Arc<Segment>,
    pub(crate) file: D::File,
    pub(crate) tail: Tail,
    pub(crate) epoch: u32,
    pub(crate) segment_bytes: u64,
    pub(crate) watermark: Watermark<D::File>,
}

impl<D: Disk> Writer<D> {
    pub(crate) fn new(start: Start<D>) -> Writer<D> {
        let Start { shared, segment, file, tail, epoch, segment_bytes, watermark } = start;
        let mut writer = Writer {
            shared,
            segment,
            file,
            tail,
            epoch,
            segment_bytes,
            watermark,
            witnessed: tail.last,
            encoded: Vec::new(),
            marks: Vec::new(),
            poisoned: false,
            retention_failed: false,
        };
        writer.write_watermark();
        writer
    }

    /// Makes `batch` durable and returns its last position. Batches must come in the order the appender gave them.
    ///
    /// # Errors
    /// [`Error::DiskFull`]: nothing of the batch is acknowledged, nothing is lost, and the same batch may be committed
    /// again. [`Error::OutOfOrder`]: nothing happened. Any other error poisons the writer: whether the batch is on the
    /// disk is unknown, and every later commit is [`Error::Poisoned`].
    pub fn commit(&mut self, batch: &Batch) -> Result<Position, Error> {
        if self.poisoned {
            return Err(Error::Poisoned);
        }
        if batch.is_empty() {
            return Ok(self.tail.last);
        }
        if batch.first != self.tail.last.next() {
            return Err(Error::OutOfOrder { expected: self.tail.last.next(), found: batch.first });
        }
        let done = self.write_batch(batch);
        // A full disk is told apart only where no sync has been tried and the next attempt overwrites the same bytes.
        self.poisoned = matches!(done, Err(ref error) if !matches!(error, Error::DiskFull { .. }));
        done
    }

    fn write_batch(&mut self, batch: &Batch) -> Result<Position, Error> {
        // A batch never straddles segments: all before it is synced when its segment begins.
        let need = encoded_len(batch);
        if self.full(need) {
            self.roll(need)?;
        }
        let tail = self.encode(batch);
        self.file.write_at(self.tail.end, &self.encoded).map_err(Error::write("write", &self.segment.name))?;
        self.file.sync().map_err(Error::io("sync", &self.segment.name))?;
        self.publish(tail);
        Ok(tail.last)
    }

    /// Fills `encoded` and `marks`; returns where the log will end.
    fn encode(&mut self, batch: &Batch) -> Tail {
        self.encoded.clear();
        self.marks.clear();
        let mut tail = self.tail;
        let (mut pending, mut payloads) = (&batch.pending[..], &batch.payloads[..]);
        while !pending.is_empty() {
            let (count, bytes) = group::cut(pending);
            let (head, rest) = pending.split_at(count);
            let (head_bytes, rest_bytes) = payloads.split_at(bytes);
            (pending, payloads) = (rest, rest_bytes);
            let first = tail.last.next();
            self.marks.push(Mark { first, offset: tail.end, log_time: tail.log_time, chain: tail.chain });
            let place = Place { more: !pending.is_empty(), ..self.place(&tail) };
            let header = group::encode(&mut self.encoded, head, head_bytes, &place);
            let end = tail.end + u64::from(header.length);
            tail = Tail { last: header.last(), log_time: header.log_time, chain: header.chain, end };
        }
        tail
    }

    fn place(&self, tail: &Tail) -> Place {
        Place {
            salt: self.segment.salt,
            more: false,
            epoch: self.epoch,
            first: tail.last.next(),
            log_time: tail.log_time,
            chain: tail.chain,
            synced: self.tail.last,
            synced_bytes: self.tail.end,
        }
    }

    /// Lets readers see what has just become durable.
    fn publish(&mut self, tail: Tail) {
        self.tail = tail;
        for &mark in &self.marks {
            self.segment.note(mark);
        }
        let mut live = self.shared.live_mut();
        (live.durable, live.end, live.log_time) = (tail.last, tail.end, tail.log_time);
    }

    /// Goes on in a new segment, which is durable before this returns.
    fn roll(&mut self, need: u64) -> Result<(), Error> {
        let header = SegmentHeader {
            epoch: self.epoch,
            first: self.tail.last.next(),
            previous: self.segment.header.first,
            log_time: self.tail.log_time,
            chain: self.tail.chain,
        };
        let length = self.segment_bytes.max(segment::HEADER as u64 + need);
        let (segment, file) = create_segment(&*self.shared.disk, header, length)?;
        self.tail.end = segment::HEADER as u64;
        self.file = file;
        self.segment = Arc::clone(&segment);
        let mut live = self.shared.live_mut();
        live.segments.push(segment);
        live.end = self.tail.end;
        drop(live);
        self.write_watermark();
        Ok(())
    }

    /// Writes and syncs the empty group (or the new segment) that makes this writer's epoch durable.
    pub(crate) fn begin_epoch(&mut self) -> Result<(), Error> {
        if self.full(group::encoded_len(0, 0) as u64) { self.roll(0) } else { self.write_epoch() }
    }

    /// Whether the next group goes to a new segment. One without records is named like its successor, so it grows.
    fn full(&self, need: u64) -> bool {
        self.tail.end + need > self.segment_bytes && self.segment.header.first <= self.tail.last
    }

    fn write_epoch(&mut self) -> Result<(), Error> {
        self.encoded.clear();
        self.marks.clear();
        let place = self.place(&self.tail);
        let header = group::encode(&mut self.encoded, &[], &[], &place);
        self.file.write_at(self.tail.end, &self.encoded).map_err(Error::write("write", &self.segment.name))?;
        self.file.sync().map_err(Error::io("sync", &self.segment.name))?;
        self.publish(Tail { end: self.tail.end + u64::from(header.length), ..self.tail });
        Ok(())
    }

    /// Drops whole segments of which every record is before `position`; returns the first position still kept. The
    /// caller keeps a checkpoint at or before the position that it passes, less one.
    ///
    /// # Errors
    /// [`Error::Io`]; what was not dropped is still there. After a failed directory sync only [`Error::Poisoned`] is
    /// answered: a later removal could outlive an earlier one at a crash and leave a hole. Commits are not affected.
    pub fn retain_from(&mut self, position: Position) -> Result<Position, Error> {
        loop {
            let live = self.shared.live();
            let first = live.first();
            let oldest = match live.segments.get(1) {
                Some(second) if second.header.first <= position => live.segments[0].name.clone(),
                _ => return Ok(first),
            };
            drop(live);
            if self.retention_failed {
                return Err(Error::Poisoned);
            }
            match self.shared.disk.remove(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &oldest)(error));
                }
                _ => {}
            }
            // Gone for readers now, whatever becomes of the removal in a crash.
            self.shared.live_mut().segments.remove(0);
            // One at a time: a crash may keep any subset of unsynced removals.
            if let Err(error) = self.shared.disk.sync_dir() {
                self.retention_failed = true;
                return Err(Error::io("sync", ".")(error));
            }
        }
    }

    /// The last durable position.
    pub fn position(&self) -> Position {
        self.tail.last
    }

    /// This writer's epoch.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Says in the watermark how far the log is durable, so that readers beside this process see what nothing has followed yet.
    /// For a log that is at rest: one small write without a sync, and none if the watermark says so already.
    pub fn witness(&mut self) {
        if self.witnessed < self.tail.last {
            self.write_watermark();
        }
    }

    /// A clean end: leaves the watermark at the last durable position. Nothing is lost without it.
    pub fn close(mut self) {
        self.write_watermark();
    }

    /// `tail` moves only when a sync has succeeded, so the watermark is never ahead of the disk.
    fn write_watermark(&mut self) {
        self.watermark.write(self.tail.last, self.epoch);
        self.witnessed = self.tail.last;
    }
}

/// Bytes that `batch` takes, as the groups it will be cut into.
fn encoded_len(batch: &Batch) -> u64 {
    let mut pending = &batch.pending[..];
    let mut length = 0;
    while !pending.is_empty() {
        let (count, bytes) = group::cut(pending);
        length += group::encoded_len(count, bytes) as u64;
        pending = &pending[count..];
    }
    length
}

/// Makes a segment and its name durable.
///
/// # Errors
/// [`Error::DiskFull`] leaves nothing that a second attempt would trip over.
pub(crate) fn create_segment<D: Disk>(
    disk: &D,
    header: SegmentHeader,
    length: u64,
) -> Result<(Arc<Segment>, D::File), Error> {
    let name = segment::name(header.first);
    // Left by an attempt that met a full disk: no record was ever written to it.
    if disk.list().map_err(Error::io("list", "."))?.contains(&name) {
        disk.remove(&name).map_err(Error::io("remove", &name))?;
    }
    let sector = header.encode();
    let begun = disk.create(&name, length).map_err(Error::write("create", &name)).and_then(|file| {
        file.write_at(0, &sector).map_err(Error::write("write", &name))?;
        Ok(file)
    });
    let file = begun.inspect_err(|_| {
        // Best effort: the next attempt, or the next recovery, removes it otherwise.
        let _ = disk.remove(&name);
    })?;
    file.sync().map_err(Error::io("sync", &name))?;
    disk.sync_dir().map_err(Error::io("sync", "."))?;
    let salt = crate::bytes::u32_at(&sector, segment::HEADER - 4);
    Ok((Arc::new(Segment::new(header, salt, length, true)), file))
}

//! Opening a directory: look at everything first, refuse by name what cannot be, then mend the tail.
//! A crash at any point of it leaves a directory that recovers to the same log.

mod inventory;
mod reading;
mod tail;

pub use reading::{OpenedToRead, open_to_read};

use crate::appender::Appender;
use crate::disk::{Disk, DiskFile};
use crate::live::{Live, Shared};
use crate::reader::Reader;
use crate::segment::{self, Segment, SegmentHeader};
use crate::watermark::{self, Watermark};
use crate::writer::{Start, Tail, Writer, create_segment};
use crate::{Digest, Error, checkpoint, manifest};
use domain::{Position, Time};
use inventory::Inventory;
use std::sync::Arc;

/// How to open.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of a segment file in bytes; a batch that is larger gets a segment of its own.
    pub segment_bytes: u64,
    /// How much is read before the log is used.
    pub verify: Verify,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes: 64 << 20, verify: Verify::Newest }
    }
}

/// Which segments are verified at opening. Reading verifies all that it reads in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The newest in full; of the others the header and the links between them.
    Newest,
    /// Every byte of every segment that a record depends on.
    All,
}

/// What recovery found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The first position whose record is kept; one past `last` when there are no records.
    pub first: Position,
    /// The last position; 0 when there never was a record.
    pub last: Position,
    /// Its `log_time`; the minimum when there never was a record.
    pub last_log_time: Time,
    /// The epoch of the new writer, durable: higher than that of any writer before.
    pub epoch: u32,
    /// Bytes of a torn tail that were cut; none of them had been acknowledged.
    pub truncated_bytes: u64,
    /// How many segments there are.
    pub segments: usize,
}

/// An open journal.
pub struct Opened<D: Disk> {
    /// For the sequencer.
    pub appender: Appender,
    /// For the sync thread.
    pub writer: Writer<D>,
    /// For everybody.
    pub reader: Reader<D>,
    /// What happened.
    pub recovery: RecoveryReport,
}

/// Everything that was found, before anything is changed.
struct Found {
    inventory: Inventory,
    segments: Vec<Arc<Segment>>,
    tail: Tail,
    repair: Option<tail::Repair>,
    watermark: watermark::Mark,
    /// The last position that the log itself proves to have been synced.
    proved: Position,
    epoch: u32,
    /// Positions of the checkpoints, ascending.
    checkpoints: Vec<Position>,
}

/// Recovers the journal in `disk` and opens it for appending.
///
/// # Errors
/// Any damage to what had been synced, any missing or unknown file, a second process: each by its own variant, with
/// nothing changed. [`Error::DiskFull`] when there is no room to begin.
pub fn open<D: Disk>(disk: Arc<D>, options: Options) -> Result<Opened<D>, Error> {
    // Before the lock, which makes a file.
    refuse_foreign(&*disk)?;
    if !disk.lock().map_err(Error::io("lock", "."))? {
        return Err(Error::Locked);
    }
    let (found, newest) = look(&*disk, options)?;
    let Found { inventory, mut segments, tail, repair, watermark, epoch, checkpoints, .. } = found;
    mend(&*disk, &inventory, newest.as_ref().zip(repair))?;
    let fresh = newest.is_none();
    let file = match newest {
        Some(file) => file,
        None => {
            let header = first_header(epoch + 1);
            let (segment, file) = create_segment(&*disk, header, options.segment_bytes)?;
            segments.push(segment);
            file
        }
    };
    let segment = Arc::clone(segments.last().expect("one was found or has just been made"));
    let live = Live { segments, durable: tail.last, end: tail.end, log_time: tail.log_time, checkpoints };
    let shared = Arc::new(Shared::new(Arc::clone(&disk), live));
    let watermark = Watermark::open(&*disk, inventory.watermark, watermark);
    let mut writer = Writer::new(Start {
        shared: Arc::clone(&shared),
        segment,
        file,
        tail,
        epoch: epoch + 1,
        segment_bytes: options.segment_bytes,
        watermark,
    });
    if !fresh {
        writer.begin_epoch()?;
    }
    let recovery = report(&shared, epoch + 1, repair);
    let appender = Appender::new(tail.last, tail.log_time);
    Ok(Opened { appender, writer, reader: Reader::new(shared), recovery })
}

/// Refuses a directory with files that are not of a journal, which then is somebody else's; nothing is made in it.
///
/// # Errors
/// [`Error::UnknownFile`]; [`Error::Io`].
pub fn refuse_foreign(disk: &impl Disk) -> Result<(), Error> {
    inventory::take(disk).map(|_| ())
}

fn report<D>(shared: &Shared<D>, epoch: u32, repair: Option<tail::Repair>) -> RecoveryReport {
    let live = shared.live();
    RecoveryReport {
        first: live.first(),
        last: live.durable,
        last_log_time: live.log_time,
        epoch,
        truncated_bytes: repair.map_or(0, |repair| repair.torn_bytes()),
        segments: live.segments.len(),
    }
}

/// The header of a log's very first segment.
fn first_header(epoch: u32) -> SegmentHeader {
    let first = Position::START.next();
    SegmentHeader { epoch, first, previous: Position::START, log_time: Time(i64::MIN), chain: Digest::default() }
}

/// Reads; changes nothing. Also gives the open file of the newest segment.
fn look<D: Disk>(disk: &D, options: Options) -> Result<(Found, Option<D::File>), Error> {
    let mut inventory = inventory::take(disk)?;
    let watermark = if inventory.watermark { watermark::read(disk)? } else { watermark::Mark::default() };
    let segments = inventory::read_segments(disk, &mut inventory)?;
    if options.verify == Verify::All {
        for pair in segments.windows(2) {
            tail::verify_sealed(disk, &pair[0], &pair[1])?;
        }
    }
    let mut epoch = segments.iter().map(|segment| segment.header.epoch).max().unwrap_or(0).max(watermark.epoch);
    let (tail, repair, proved, file) = match segments.last() {
        Some(newest) => {
            let scanned = tail::scan_newest(disk, newest, &inventory)?;
            epoch = epoch.max(scanned.epoch);
            (scanned.tail, Some(scanned.repair), scanned.proved, Some(scanned.file))
        }
        None => {
            let header = first_header(0);
            let end = segment::HEADER as u64;
            let last = Position::START;
            (Tail { last, log_time: header.log_time, chain: header.chain, end }, None, last, None)
        }
    };
    let checkpoints = checkpoint::positions(disk, &inventory.names)?;
    let found = Found { inventory, segments, tail, repair, watermark, proved, epoch, checkpoints };
    check_witnesses(disk, &found)?;
    Ok((found, file))
}

/// The log must reach what other files say was durable.
fn check_witnesses(disk: &impl Disk, found: &Found) -> Result<(), Error> {
    let last = found.tail.last;
    let ends_early = |witnessed, witness: &str| Err(Error::EndsEarly { last, witnessed, witness: witness.to_owned() });
    if found.watermark.position > last {
        return ends_early(found.watermark.position, watermark::NAME);
    }
    if let Some(unfinished) = found.inventory.unfinished
        && unfinished > last.next()
    {
        return ends_early(Position(unfinished.0 - 1), &segment::name(unfinished));
    }
    match manifest::witness(disk, &found.inventory.names)? {
        Some(position) if position > last => ends_early(position, manifest::NAME),
        _ => Ok(()),
    }
}

/// Removes what an interrupted step left and makes the log's end firm.
fn mend<D: Disk>(disk: &D, inventory: &Inventory, newest: Option<(&D::File, tail::Repair)>) -> Result<(), Error> {
    if let Some(unfinished) = inventory.unfinished {
        let name = segment::name(unfinished);
        disk.remove(&name).map_err(Error::io("remove", &name))?;
    }
    if inventory.names.iter().any(|name| name == manifest::TEMPORARY) {
        disk.remove(manifest::TEMPORARY).map_err(Error::io("remove", manifest::TEMPORARY))?;
    }
    if let Some((file, repair)) = newest {
        repair.apply(file)?;
        file.sync().map_err(Error::io("sync", "the newest segment"))?;
    }
    // Always: the step that was interrupted may have been this one.
    disk.sync_dir().map_err(Error::io("sync", "."))
}

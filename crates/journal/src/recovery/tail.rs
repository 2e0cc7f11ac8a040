//! Where the log ends, and whether what stands behind the end was ever acknowledged.

use super::inventory::Inventory;
use crate::Error;
use crate::disk::{Disk, DiskFile, read_full};
use crate::reader::verify_segment;
use crate::scan::{Found, STREAM, Scanner};
use crate::segment::{self, Mark, Segment};
use crate::writer::Tail;
use domain::Position;
use std::sync::Arc;

/// Unit in which the tail is written again: a page, since that is what a failed sync drops.
const PAGE: u64 = 4096;

/// What has to be written to make the end firm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repair {
    /// From here to `end` nothing proves that the bytes were synced.
    unproved_from: u64,
    /// Where the log ends.
    end: u64,
    /// Where the torn bytes end; `end` when there are none.
    torn_end: u64,
}

impl Repair {
    pub(super) fn torn_bytes(&self) -> u64 {
        self.torn_end - self.end
    }

    /// Zeros the torn tail, so that it cannot come back behind a later group, and writes the unproved bytes again: after
    /// a failed sync the system may show them although the disk has them not. The caller syncs.
    pub(super) fn apply(&self, file: &impl DiskFile) -> Result<(), Error> {
        let name = "the newest segment";
        let mut buffer = vec![0; STREAM];
        let mut offset = self.unproved_from / PAGE * PAGE;
        while offset < self.end {
            let len = (self.end - offset).min(STREAM as u64) as usize;
            let filled = read_full(file, offset, &mut buffer[..len]).map_err(Error::io("read", name))?;
            file.write_at(offset, &buffer[..filled]).map_err(Error::write("write", name))?;
            offset += len as u64;
        }
        buffer.fill(0);
        while offset.max(self.end) < self.torn_end {
            offset = offset.max(self.end);
            let len = (self.torn_end - offset).min(STREAM as u64) as usize;
            file.write_at(offset, &buffer[..len]).map_err(Error::write("write", name))?;
            offset += len as u64;
        }
        Ok(())
    }
}

/// The newest segment, read to its end.
pub(super) struct Scanned<F> {
    pub(super) tail: Tail,
    pub(super) repair: Repair,
    /// The last position that a later group proves to have been synced.
    pub(super) proved: Position,
    pub(super) epoch: u32,
    pub(super) file: F,
}

/// Reads the newest segment, notes its groups in the index and decides what its last bytes are.
pub(super) fn scan_newest<D: Disk>(
    disk: &D,
    segment: &Arc<Segment>,
    inventory: &Inventory,
) -> Result<Scanned<D::File>, Error> {
    let file = disk.open(&segment.name).map_err(Error::io("open", &segment.name))?;
    let length = file.len().map_err(Error::io("measure", &segment.name))?;
    let mut scanner = Scanner::new(Arc::clone(segment), file, STREAM);
    let header = segment.header;
    let mut tail = Tail {
        last: Position(header.first.0 - 1),
        log_time: header.log_time,
        chain: header.chain,
        end: segment::HEADER as u64,
    };
    let (mut epoch, mut unproved_from, mut proved) = (header.epoch, 0, tail.last);
    // Groups of a batch whose last group has not been met yet, and the end before them.
    let (mut open, mut whole) = (Vec::new(), tail);
    let found = loop {
        match scanner.group(tail.end, length, tail.last.next(), &tail.chain)? {
            Found::Group(group) => {
                open.push(Mark { first: group.first, offset: tail.end, log_time: tail.log_time, chain: tail.chain });
                epoch = epoch.max(group.epoch);
                unproved_from = group.synced_bytes;
                if unproved_from >= tail.end {
                    proved = tail.last;
                }
                let end = tail.end + u64::from(group.length);
                tail = Tail { last: group.last(), log_time: group.log_time, chain: group.chain, end };
                if !group.more {
                    open.drain(..).for_each(|mark| segment.note(mark));
                    whole = tail;
                }
            }
            found => break found,
        }
    };
    if matches!(found, Found::Newer(_)) {
        return Err(scanner.damaged(tail.end, tail.last.next(), &found));
    }
    let remains = scanner.remains(tail.end, length)?;
    let proved_by_successor = inventory.unfinished.is_some_and(|first| first > tail.last.next());
    if remains.synced_bytes > tail.end || (proved_by_successor && remains.end > 0) {
        return Err(scanner.damaged(tail.end, tail.last.next(), &found));
    }
    segment.set_indexed();
    // A batch is whole or absent: without its last group the others are part of the torn tail.
    let torn_end = remains.end.max(tail.end);
    let tail = whole;
    let repair = Repair { unproved_from: unproved_from.min(tail.end), end: tail.end, torn_end };
    Ok(Scanned { tail, repair, proved, epoch, file: scanner.into_file() })
}

/// Reads a segment that has a successor in full.
pub(super) fn verify_sealed<D: Disk>(disk: &D, segment: &Arc<Segment>, next: &Segment) -> Result<(), Error> {
    let file = disk.open(&segment.name).map_err(Error::io("open", &segment.name))?;
    let end = next.header;
    verify_segment(segment, file, end.first, Some(&end.chain))
}

/// Whether the file holds nothing but zeros from `offset` on.
pub(super) fn is_blank(file: &impl DiskFile, name: &str, mut offset: u64) -> Result<bool, Error> {
    let mut buffer = vec![0; STREAM];
    loop {
        let filled = read_full(file, offset, &mut buffer).map_err(Error::io("read", name))?;
        if !crate::bytes::blank(&buffer[..filled]) {
            return Ok(false);
        }
        if filled < buffer.len() {
            return Ok(true);
        }
        offset += filled as u64;
    }
}

//! A group: the records of one commit. Header, table of entries (chained), marks (checksums, flags), payloads.
//! Layout in FORMAT.md; encoding and verification stand side by side here.

use crate::Digest;
use crate::appender::Pending;
use crate::bytes::{array_at, blank, i64_at, put, u32_at, u64_at};
use crate::record::{Record, RecordHeader, payload_digest};
use domain::{Position, Time};

pub(crate) const HEADER: usize = 96;
const ENTRY: usize = 36;
const MARK: usize = 8;
pub(crate) const ALIGN: usize = 8;
pub(crate) const VERSION: u8 = 1;
const MAGIC: [u8; 4] = *b"MRGP";
const CRC_AT: usize = 92;
const ERASED: u32 = 1;
const MORE_AT: usize = 5;
const MORE: u8 = 1;

/// A group is closed once it holds this many payload bytes: a reader buffers whole groups.
const PAYLOAD_TARGET: usize = 4 << 20;
/// And once it holds this many records.
const RECORD_TARGET: usize = 1 << 16;

/// The fixed part of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    /// Bytes from the header's first to the padding's last.
    pub(crate) length: u32,
    pub(crate) count: u32,
    /// Another group of the same batch follows: neither counts without the last one.
    pub(crate) more: bool,
    pub(crate) first: Position,
    pub(crate) epoch: u32,
    /// Last position that was durable when this group was written.
    pub(crate) synced: Position,
    /// Bytes of this segment that were durable then.
    pub(crate) synced_bytes: u64,
    /// `log_time` of the last record so far.
    pub(crate) log_time: Time,
    /// The chain digest after this group.
    pub(crate) chain: Digest,
}

impl GroupHeader {
    /// The last position in the group; one before `first` when it is empty.
    pub(crate) fn last(&self) -> Position {
        Position(self.first.0 + u64::from(self.count) - 1)
    }

    fn payloads_at(&self) -> usize {
        HEADER + self.count as usize * (ENTRY + MARK)
    }
}

/// What stands where a group header may stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Header(GroupHeader),
    Blank,
    Newer(u8),
    Bad(&'static str),
}

/// Reads a header. `salt` ties it to its segment, so that a payload whose author does not know the log cannot pass for a group.
pub(crate) fn parse(bytes: &[u8], salt: u32) -> Parsed {
    if bytes.len() < HEADER {
        return if blank(bytes) { Parsed::Blank } else { Parsed::Bad("a group header is cut short") };
    }
    let bytes = &bytes[..HEADER];
    if bytes[..4] != MAGIC {
        return if blank(bytes) { Parsed::Blank } else { Parsed::Bad("no group starts here") };
    }
    if crc32c::crc32c_append(salt, &bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
        return Parsed::Bad("the checksum of a group header does not match");
    }
    if bytes[4] != VERSION {
        return Parsed::Newer(bytes[4]);
    }
    let header = GroupHeader {
        length: u32_at(bytes, 8),
        count: u32_at(bytes, 12),
        more: bytes[MORE_AT] & MORE != 0,
        first: Position(u64_at(bytes, 16)),
        epoch: u32_at(bytes, 24),
        synced: Position(u64_at(bytes, 32)),
        synced_bytes: u64_at(bytes, 40),
        log_time: Time(i64_at(bytes, 48)),
        chain: array_at(bytes, 56),
    };
    let least = HEADER as u64 + u64::from(header.count) * (ENTRY + MARK) as u64;
    if least > u64::from(header.length) || !(header.length as usize).is_multiple_of(ALIGN) || header.first.0 == 0 {
        return Parsed::Bad("the lengths in a group header disagree");
    }
    Parsed::Header(header)
}

fn put_header(out: &mut [u8], header: &GroupHeader, salt: u32) {
    put(out, 0, &MAGIC);
    out[4] = VERSION;
    out[MORE_AT] = if header.more { MORE } else { 0 };
    put(out, 8, &header.length.to_le_bytes());
    put(out, 12, &header.count.to_le_bytes());
    put(out, 16, &header.first.0.to_le_bytes());
    put(out, 24, &header.epoch.to_le_bytes());
    put(out, 32, &header.synced.0.to_le_bytes());
    put(out, 40, &header.synced_bytes.to_le_bytes());
    put(out, 48, &header.log_time.0.to_le_bytes());
    put(out, 56, &header.chain);
    let crc = crc32c::crc32c_append(salt, &out[..CRC_AT]);
    put(out, CRC_AT, &crc.to_le_bytes());
}

/// Where a group goes and what it follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) salt: u32,
    pub(crate) more: bool,
    pub(crate) epoch: u32,
    pub(crate) first: Position,
    pub(crate) log_time: Time,
    pub(crate) chain: Digest,
    pub(crate) synced: Position,
    pub(crate) synced_bytes: u64,
}

/// How many of `pending` the next group takes, and their payload bytes.
pub(crate) fn cut(pending: &[Pending]) -> (usize, usize) {
    let mut bytes = 0;
    for (index, record) in pending.iter().enumerate() {
        let len = record.len as usize;
        if index > 0 && (bytes + len > PAYLOAD_TARGET || index == RECORD_TARGET) {
            return (index, bytes);
        }
        bytes += len;
    }
    (pending.len(), bytes)
}

/// Bytes that a group of `count` records with `payload` bytes takes.
pub(crate) fn encoded_len(count: usize, payload: usize) -> usize {
    (HEADER + count * (ENTRY + MARK) + payload).next_multiple_of(ALIGN)
}

/// Appends one group to `out`. `payloads` are those of `pending`, back to back. Returns its header.
pub(crate) fn encode(out: &mut Vec<u8>, pending: &[Pending], payloads: &[u8], place: &Place) -> GroupHeader {
    let start = out.len();
    let length = encoded_len(pending.len(), payloads.len());
    out.reserve(length);
    let marks_at = start + HEADER + pending.len() * ENTRY;
    out.resize(marks_at + pending.len() * MARK, 0);
    let mut rest = payloads;
    // One pass: a payload is digested and checked while it is at hand.
    for (index, record) in pending.iter().enumerate() {
        let (payload, tail) = rest.split_at(record.len as usize);
        rest = tail;
        let entry = &mut out[start + HEADER + index * ENTRY..][..ENTRY];
        put_entry(entry, record, payload);
        let crc = record_crc(entry, 0, payload);
        put(out, marks_at + index * MARK, &crc.to_le_bytes());
    }
    out.extend_from_slice(payloads);
    out.resize(start + length, 0);
    let entries = &out[start + HEADER..marks_at];
    let header = GroupHeader {
        length: u32::try_from(length).expect("a group is bounded by its targets and MAX_PAYLOAD"),
        count: pending.len() as u32,
        more: place.more,
        first: place.first,
        epoch: place.epoch,
        synced: place.synced,
        synced_bytes: place.synced_bytes,
        log_time: pending.last().map_or(place.log_time, |record| record.log_time),
        chain: chain(&place.chain, place.epoch, place.first, entries),
    };
    put_header(&mut out[start..start + HEADER], &header, place.salt);
    header
}

/// Into zeros.
fn put_entry(entry: &mut [u8], record: &Pending, payload: &[u8]) {
    put(entry, 0, &record.len.to_le_bytes());
    entry[4] = record.kind;
    // 8..12: the stream, 0 today.
    put(entry, 12, &record.log_time.0.to_le_bytes());
    put(entry, 20, &payload_digest(payload));
}

fn record_crc(entry: &[u8], flags: u32, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(entry);
    let crc = crc32c::crc32c_append(crc, &flags.to_le_bytes());
    crc32c::crc32c_append(crc, payload)
}

/// The chain after `entries`. An empty group leaves it as it was.
fn chain(before: &Digest, epoch: u32, first: Position, entries: &[u8]) -> Digest {
    if entries.is_empty() {
        return *before;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&epoch.to_le_bytes()).update(&first.0.to_le_bytes()).update(entries);
    hasher.finalize().into()
}

/// Checks all of a group against the chain before it.
pub(crate) fn verify(bytes: &[u8], header: &GroupHeader, before: &Digest) -> Result<(), &'static str> {
    let count = header.count as usize;
    let entries = &bytes[HEADER..HEADER + count * ENTRY];
    if chain(before, header.epoch, header.first, entries) != header.chain {
        return Err("the chain does not continue");
    }
    let mut at = header.payloads_at();
    for index in 0..count {
        let entry = &entries[index * ENTRY..(index + 1) * ENTRY];
        let mark = HEADER + count * ENTRY + index * MARK;
        let payload = bytes.get(at..at + u32_at(entry, 0) as usize).ok_or("a record reaches over its group's end")?;
        if record_crc(entry, u32_at(bytes, mark + 4), payload) != u32_at(bytes, mark) {
            return Err("the checksum of a record does not match");
        }
        at += payload.len();
    }
    if bytes.len() != at.next_multiple_of(ALIGN) || !blank(&bytes[at..]) {
        return Err("a group does not end where its records do");
    }
    Ok(())
}

/// The chain right after `position`, which the (verified) group holds.
pub(crate) fn chain_at(bytes: &[u8], header: &GroupHeader, before: &Digest, position: Position) -> Digest {
    let count = (position.0 + 1 - header.first.0) as usize;
    chain(before, header.epoch, header.first, &bytes[HEADER..HEADER + count * ENTRY])
}

/// Walks the records of a verified group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    header: GroupHeader,
    index: usize,
    payload_at: usize,
}

impl Walk {
    pub(crate) fn new(header: GroupHeader) -> Walk {
        Walk { header, index: 0, payload_at: header.payloads_at() }
    }

    /// The next record; `None` after the last.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<Record<'a>> {
        let count = self.header.count as usize;
        if self.index == count {
            return None;
        }
        let entry = &bytes[HEADER + self.index * ENTRY..][..ENTRY];
        let flags = u32_at(bytes, HEADER + count * ENTRY + self.index * MARK + 4);
        let len = u32_at(entry, 0);
        let header = RecordHeader {
            kind: entry[4],
            epoch: self.header.epoch,
            stream: u32_at(entry, 8),
            position: Position(self.header.first.0 + self.index as u64),
            log_time: Time(i64_at(entry, 12)),
            digest: array_at(entry, 20),
            len,
            erased: flags & ERASED != 0,
        };
        let payload = &bytes[self.payload_at..self.payload_at + len as usize];
        self.index += 1;
        self.payload_at += payload.len();
        Some(Record { header, payload })
    }
}

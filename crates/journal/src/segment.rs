//! A segment: one file of the log. Its name, its header, and the sparse index the process keeps of it.

use crate::bytes::{array_at, blank, i64_at, put, u32_at, u64_at};
use crate::{Digest, Error};
use domain::{Position, Time};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Groups start here: the header has a sector of its own, which no later write touches.
pub(crate) const HEADER: usize = 512;
pub(crate) const VERSION: u8 = 1;
const MAGIC: [u8; 8] = *b"MRSEGMNT";
const CRC_AT: usize = 508;
const PREFIX: &str = "segment-";

/// One mark of the index for this many bytes of log.
const MARK_EVERY: u64 = 64 << 10;

/// The file name of the segment whose first position is `first`.
pub(crate) fn name(first: Position) -> String {
    format!("{PREFIX}{:020}", first.0)
}

/// The first position that a file name states; `None` if it is no segment's.
pub(crate) fn parse_name(file: &str) -> Option<Position> {
    let digits = file.strip_prefix(PREFIX)?;
    let first = Position(digits.parse().ok()?);
    (first.0 > 0 && name(first) == file).then_some(first)
}

/// What a segment's first sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) epoch: u32,
    pub(crate) first: Position,
    /// First position of the segment before; 0 for the very first.
    pub(crate) previous: Position,
    /// `log_time` of the last record before this segment.
    pub(crate) log_time: Time,
    /// The chain before this segment's first record.
    pub(crate) chain: Digest,
}

impl SegmentHeader {
    /// The sector's bytes.
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        put(&mut out, 0, &MAGIC);
        out[8] = VERSION;
        put(&mut out, 12, &self.epoch.to_le_bytes());
        put(&mut out, 16, &self.first.0.to_le_bytes());
        put(&mut out, 24, &self.previous.0.to_le_bytes());
        put(&mut out, 32, &self.log_time.0.to_le_bytes());
        put(&mut out, 40, &self.chain);
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }
}

/// What stands where a segment header should.
#[derive(Debug)]
pub(crate) enum HeaderParsed {
    /// A whole header, and the salt of its groups' checksums.
    Header(SegmentHeader, u32),
    /// Nothing was written yet.
    Blank,
    /// It does not verify.
    Bad(Error),
}

/// Reads the first sector (or less, when the file is shorter) of the file of `first`.
pub(crate) fn parse_header(bytes: &[u8], first: Position) -> HeaderParsed {
    let file = name(first);
    if blank(bytes) {
        return HeaderParsed::Blank;
    }
    let damaged =
        |reason| HeaderParsed::Bad(Error::Damaged { segment: name(first), offset: 0, position: first, reason });
    if bytes.len() < HEADER {
        return damaged("the segment header is cut short");
    }
    if bytes[..8] != MAGIC {
        return HeaderParsed::Bad(Error::WrongMagic { name: file });
    }
    let salt = u32_at(bytes, CRC_AT);
    if crc32c::crc32c(&bytes[..CRC_AT]) != salt {
        return damaged("the checksum of the segment header does not match");
    }
    if bytes[8] != VERSION {
        return HeaderParsed::Bad(Error::NewerVersion { name: file, version: bytes[8] });
    }
    let header = SegmentHeader {
        epoch: u32_at(bytes, 12),
        first: Position(u64_at(bytes, 16)),
        previous: Position(u64_at(bytes, 24)),
        log_time: Time(i64_at(bytes, 32)),
        chain: array_at(bytes, 40),
    };
    if header.first != first {
        return damaged("the segment header belongs to another file");
    }
    HeaderParsed::Header(header, salt)
}

/// A place where reading can start: a group, and what came before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) first: Position,
    pub(crate) offset: u64,
    pub(crate) log_time: Time,
    pub(crate) chain: Digest,
}

/// A segment as the running process knows it.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) header: SegmentHeader,
    pub(crate) salt: u32,
    /// Length of the file.
    pub(crate) bytes: u64,
    marks: Mutex<Marks>,
}

#[derive(Debug)]
struct Marks {
    /// Ascending; the first is the segment's start.
    list: Vec<Mark>,
    /// Whether the marks reach to the segment's end.
    complete: bool,
}

impl Segment {
    /// `complete`: groups will be noted from the start on as they are written or scanned.
    pub(crate) fn new(header: SegmentHeader, salt: u32, bytes: u64, complete: bool) -> Segment {
        let start = Mark { first: header.first, offset: HEADER as u64, log_time: header.log_time, chain: header.chain };
        let marks = Mutex::new(Marks { list: vec![start], complete });
        Segment { name: name(header.first), header, salt, bytes, marks }
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a group; keeps it if it is far enough from the last one kept.
    pub(crate) fn note(&self, mark: Mark) {
        let mut marks = self.marks();
        if marks.list.last().is_none_or(|last| mark.offset >= last.offset + MARK_EVERY) {
            marks.list.push(mark);
        }
    }

    /// Whether every group has been noted.
    pub(crate) fn indexed(&self) -> bool {
        self.marks().complete
    }

    /// Every group up to the end has been noted.
    pub(crate) fn set_indexed(&self) {
        self.marks().complete = true;
    }

    /// The last kept mark whose group starts at or before `position`.
    pub(crate) fn mark_at(&self, position: Position) -> Mark {
        let marks = self.marks();
        let after = marks.list.partition_point(|mark| mark.first <= position);
        marks.list[after.max(1) - 1]
    }

    /// The last kept mark before which every record is older than `time`.
    pub(crate) fn mark_before(&self, time: Time) -> Mark {
        let marks = self.marks();
        let after = marks.list.partition_point(|mark| mark.log_time < time);
        marks.list[after.max(1) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_are_segments() {
        assert_eq!(parse_name("segment-00000000000000000017"), Some(Position(17)));
        for file in ["segment-17", "segment-00000000000000000000", "segment-+0000000000000000017", "MANIFEST"] {
            assert_eq!(parse_name(file), None, "{file}");
        }
    }
}

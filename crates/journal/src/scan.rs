//! Reads groups from a segment file through one buffer, and verifies each of them whole.

use crate::bytes::blank;
use crate::disk::{DiskFile, read_full};
use crate::group::{self, GroupHeader, Parsed};
use crate::segment::Segment;
use crate::{Digest, Error};
use domain::Position;
use std::sync::Arc;

/// Bytes read at once when streaming.
pub(crate) const STREAM: usize = 256 << 10;

/// What was found where a group may stand.
#[derive(Debug)]
pub(crate) enum Found {
    /// A group that verifies; its bytes are in the scanner's buffer.
    Group(GroupHeader),
    /// Zeros, or the limit.
    Blank,
    /// Something that is no group, or a damaged one.
    Bad(&'static str),
    /// A group of a newer format version.
    Newer(u8),
}

/// A segment file under a forward scan.
pub(crate) struct Scanner<F> {
    pub(crate) segment: Arc<Segment>,
    file: F,
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    read_size: usize,
}

impl<F: DiskFile> Scanner<F> {
    pub(crate) fn new(segment: Arc<Segment>, file: F, read_size: usize) -> Scanner<F> {
        Scanner { segment, file, buffer: Vec::new(), base: 0, read_size }
    }

    pub(crate) fn file(&self) -> &F {
        &self.file
    }

    pub(crate) fn into_file(self) -> F {
        self.file
    }

    /// Moves on to another segment with the same buffer.
    pub(crate) fn advance(&mut self, segment: Arc<Segment>, file: F) {
        (self.segment, self.file, self.base) = (segment, file, 0);
        self.buffer.clear();
    }

    /// Makes `len` bytes at `offset` present, as far as `limit` (or the file) reaches, and returns those that are.
    fn fill(&mut self, offset: u64, len: usize, limit: u64) -> Result<&[u8], Error> {
        let len = len.min(usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX));
        let start = offset.wrapping_sub(self.base);
        let held = self.buffer.len() as u64;
        if offset < self.base || start > held || held - start < len as u64 {
            let size = (self.read_size.max(len) as u64).min(limit - offset) as usize;
            self.buffer.resize(size, 0);
            self.base = offset;
            let read = read_full(&self.file, offset, &mut self.buffer);
            self.buffer.truncate(*read.as_ref().unwrap_or(&0));
            read.map_err(Error::io("read", &self.segment.name))?;
        }
        Ok(self.held(offset, len))
    }

    fn held(&self, offset: u64, len: usize) -> &[u8] {
        let start = ((offset - self.base) as usize).min(self.buffer.len());
        &self.buffer[start..(start + len).min(self.buffer.len())]
    }

    /// The bytes of a group that `group` has just found at `offset`.
    pub(crate) fn bytes(&self, offset: u64, header: &GroupHeader) -> &[u8] {
        self.held(offset, header.length as usize)
    }

    /// Looks for the group at `offset` that starts at `first` and continues `chain`; reads nothing from `limit` on.
    pub(crate) fn group(&mut self, offset: u64, limit: u64, first: Position, chain: &Digest) -> Result<Found, Error> {
        let salt = self.segment.salt;
        let header = match group::parse(self.fill(offset, group::HEADER, limit)?, salt) {
            Parsed::Header(header) => header,
            Parsed::Blank => return Ok(Found::Blank),
            Parsed::Newer(version) => return Ok(Found::Newer(version)),
            Parsed::Bad(reason) => return Ok(Found::Bad(reason)),
        };
        if header.first != first {
            return Ok(Found::Bad("a group does not continue the positions"));
        }
        if u64::from(header.length) > limit - offset {
            return Ok(Found::Bad("a group is cut short"));
        }
        let bytes = self.fill(offset, header.length as usize, limit)?;
        if bytes.len() < header.length as usize {
            return Ok(Found::Bad("a group is cut short"));
        }
        Ok(match group::verify(bytes, &header, chain) {
            Ok(()) => Found::Group(header),
            Err(reason) => Found::Bad(reason),
        })
    }

    /// What is wrong at `offset`, as the error that names it.
    pub(crate) fn damaged(&self, offset: u64, position: Position, found: &Found) -> Error {
        let segment = self.segment.name.clone();
        match *found {
            Found::Newer(version) => Error::NewerVersion { name: segment, version },
            Found::Bad(reason) => Error::Damaged { segment, offset, position, reason },
            Found::Group(_) | Found::Blank => {
                Error::Damaged { segment, offset, position, reason: "the segment ends before the next one starts" }
            }
        }
    }

    /// Searches the bytes in `from..to` that follow a break in the chain.
    pub(crate) fn remains(&mut self, from: u64, to: u64) -> Result<Remains, Error> {
        let mut remains = Remains::default();
        let mut offset = from;
        while offset < to {
            let salt = self.segment.salt;
            // Windows overlap by a header, so that none is missed between two of them.
            let window = self.fill(offset, self.read_size.max(2 * group::HEADER), to)?;
            if window.is_empty() {
                break;
            }
            if !blank(window) {
                let last = window.iter().rposition(|&byte| byte != 0).unwrap_or(0);
                remains.end = offset + last as u64 + 1;
                for at in (0..window.len()).step_by(group::ALIGN) {
                    if let Parsed::Header(header) = group::parse(&window[at..], salt) {
                        remains.synced_bytes = remains.synced_bytes.max(header.synced_bytes);
                    }
                }
            }
            let step = (window.len() - group::HEADER.min(window.len())).next_multiple_of(group::ALIGN);
            offset += if step == 0 { window.len() as u64 } else { step as u64 };
        }
        Ok(remains)
    }
}

/// What stands behind the last good group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remains {
    /// Offset after the last byte that is not zero; 0 when all are.
    pub(crate) end: u64,
    /// The most that any group header there claims to have been durable in this segment.
    pub(crate) synced_bytes: u64,
}

//! A lazy second copy of how far the log is durable. It is not synced on its own, so it may be behind, never ahead:
//! a log that ends before it has lost acknowledged records. Readers beside the writer go as far as it says. Two slots are
//! written in turn, each in its own sector.

use crate::Error;
use crate::bytes::{put, u32_at, u64_at};
use crate::disk::{Disk, DiskFile, read_full};
use domain::Position;

/// The file's name.
pub(crate) const NAME: &str = "WATERMARK";
const SECTOR: u64 = 512;
const SLOT: usize = 36;
const CRC_AT: usize = 32;
const MAGIC: [u8; 4] = *b"MRWM";
const VERSION: u8 = 1;

/// What a slot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sequence: u64,
    pub(crate) position: Position,
    pub(crate) epoch: u32,
}

impl Mark {
    fn encode(&self) -> [u8; SLOT] {
        let mut out = [0; SLOT];
        put(&mut out, 0, &MAGIC);
        out[4] = VERSION;
        put(&mut out, 8, &self.sequence.to_le_bytes());
        put(&mut out, 16, &self.position.0.to_le_bytes());
        put(&mut out, 24, &self.epoch.to_le_bytes());
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    /// `None`: never written, torn or damaged; the other slot serves then.
    fn parse(bytes: &[u8]) -> Result<Option<Mark>, Error> {
        if bytes.len() < SLOT || bytes[..4] != MAGIC || crc32c::crc32c(&bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
            return Ok(None);
        }
        if bytes[4] != VERSION {
            return Err(Error::NewerVersion { name: NAME.to_owned(), version: bytes[4] });
        }
        Ok(Some(Mark { sequence: u64_at(bytes, 8), position: Position(u64_at(bytes, 16)), epoch: u32_at(bytes, 24) }))
    }
}

/// The newest mark in the file; the default when there is none.
pub(crate) fn read(disk: &impl Disk) -> Result<Mark, Error> {
    let file = disk.open(NAME).map_err(Error::io("open", NAME))?;
    let mut newest = Mark::default();
    for slot in 0..2 {
        let mut bytes = [0; SLOT];
        let filled = read_full(&file, slot * SECTOR, &mut bytes).map_err(Error::io("read", NAME))?;
        if let Some(mark) = Mark::parse(&bytes[..filled])?
            && mark.sequence > newest.sequence
        {
            newest = mark;
        }
    }
    Ok(newest)
}

/// Writes the marks. It gives up for good at the first refusal of the disk: it is a second witness, not the log.
pub(crate) struct Watermark<F> {
    file: Option<F>,
    sequence: u64,
}

impl<F: DiskFile> Watermark<F> {
    /// Continues after `last`, the mark found at start; makes the file if it is absent.
    pub(crate) fn open<D: Disk<File = F>>(disk: &D, present: bool, last: Mark) -> Watermark<F> {
        let file = if present { disk.open(NAME) } else { disk.create(NAME, 2 * SECTOR) };
        Watermark { file: file.ok(), sequence: last.sequence }
    }

    /// Notes that the log is durable up to `position`.
    pub(crate) fn write(&mut self, position: Position, epoch: u32) {
        self.sequence += 1;
        let mark = Mark { sequence: self.sequence, position, epoch };
        if let Some(file) = &self.file
            && file.write_at(self.sequence % 2 * SECTOR, &mark.encode()).is_err()
        {
            self.file = None;
        }
    }
}

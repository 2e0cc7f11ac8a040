//! Checkpoints: the state at a position, as tagged sections of bytes, in one file that describes and checks itself.
//! This module holds what writing and reading share; layout in FORMAT.md.

mod load;
mod save;

pub(crate) use load::positions;
pub use load::{
    CheckpointReader, Loaded, load_any_checkpoint_before, load_checkpoint, load_checkpoint_before,
    load_oldest_checkpoint,
};
pub use save::CheckpointWriter;

use crate::bytes::{array_at, i64_at, put, u32_at, u64_at};
use crate::{CheckpointEntry, Digest, Error};
use domain::{Position, Time};

const PREFIX: &str = "checkpoint-";
const MAGIC: [u8; 8] = *b"MRCHKPNT";
const VERSION: u8 = 1;
const HEADER: usize = 128;
const HEADER_CRC_AT: usize = 124;

const CHUNK_HEADER: usize = 24;
const CHUNK_CRC_AT: usize = 20;
/// The most data in one chunk, in bytes.
const CHUNK: usize = 1 << 20;
/// The chunk opens a section.
const OPENS: u32 = 1;
/// The chunk is the footer: state digest, digest of all section data.
const FOOTER: u32 = 2;
const FOOTER_LEN: usize = 64;

/// The file of a generation.
pub(crate) fn name(generation: u64) -> String {
    format!("{PREFIX}{generation:020}")
}

/// The generation that a file name states; `None` if it is no checkpoint's.
pub(crate) fn parse_name(file: &str) -> Option<u64> {
    let generation = file.strip_prefix(PREFIX)?.parse().ok()?;
    (name(generation) == file).then_some(generation)
}

/// The first bytes of the file; the state digest is known only at its end.
fn encode_header(entry: &CheckpointEntry) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    put(&mut out, 0, &MAGIC);
    out[8] = VERSION;
    put(&mut out, 16, &entry.position.0.to_le_bytes());
    put(&mut out, 24, &entry.generation.to_le_bytes());
    put(&mut out, 32, &entry.plan);
    put(&mut out, 64, &entry.chain);
    put(&mut out, 96, &entry.log_time.0.to_le_bytes());
    let crc = crc32c::crc32c(&out[..HEADER_CRC_AT]);
    put(&mut out, HEADER_CRC_AT, &crc.to_le_bytes());
    out
}

/// Reads the first bytes into an entry without state digest, and the salt of the chunks.
fn parse_header(bytes: &[u8], generation: u64) -> Result<(CheckpointEntry, u32), Error> {
    let damaged = |reason| Err(Error::CheckpointDamaged { name: name(generation), reason });
    if bytes.len() < HEADER || bytes[..8] != MAGIC {
        return damaged("it does not begin as a checkpoint");
    }
    let salt = u32_at(bytes, HEADER_CRC_AT);
    if crc32c::crc32c(&bytes[..HEADER_CRC_AT]) != salt {
        return damaged("the checksum of its header does not match");
    }
    if bytes[8] != VERSION {
        return Err(Error::NewerVersion { name: name(generation), version: bytes[8] });
    }
    let entry = CheckpointEntry {
        generation: u64_at(bytes, 24),
        position: Position(u64_at(bytes, 16)),
        log_time: Time(i64_at(bytes, 96)),
        plan: array_at(bytes, 32),
        state: Digest::default(),
        chain: array_at(bytes, 64),
    };
    if entry.generation != generation {
        return damaged("its header belongs to another file");
    }
    Ok((entry, salt))
}

/// The header of one chunk.
#[derive(Clone, Copy, Debug)]
struct ChunkHeader {
    tag: u32,
    len: u32,
    sequence: u32,
    flags: u32,
}

impl ChunkHeader {
    /// Writes the header in front of its data. `chunk` is both, header first.
    fn seal(&self, chunk: &mut [u8], salt: u32) {
        put(chunk, 0, &self.tag.to_le_bytes());
        put(chunk, 4, &self.len.to_le_bytes());
        put(chunk, 8, &self.sequence.to_le_bytes());
        put(chunk, 12, &self.flags.to_le_bytes());
        let crc = crc32c::crc32c_append(salt, &chunk[..CHUNK_CRC_AT]);
        let crc = crc32c::crc32c_append(crc, &chunk[CHUNK_HEADER..]);
        put(chunk, CHUNK_CRC_AT, &crc.to_le_bytes());
    }

    fn parse(bytes: &[u8]) -> ChunkHeader {
        ChunkHeader {
            tag: u32_at(bytes, 0),
            len: u32_at(bytes, 4),
            sequence: u32_at(bytes, 8),
            flags: u32_at(bytes, 12),
        }
    }

    /// Whether header and data are as they were sealed.
    fn holds(chunk: &[u8], salt: u32) -> bool {
        let crc = crc32c::crc32c_append(salt, &chunk[..CHUNK_CRC_AT]);
        crc32c::crc32c_append(crc, &chunk[CHUNK_HEADER..]) == u32_at(chunk, CHUNK_CRC_AT)
    }
}

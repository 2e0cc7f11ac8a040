//! The manifest: which checkpoints are complete. A small file, replaced in one step. It names the newest, the one before,
//! and older ones that retention keeps; should it be lost or damaged, the checkpoint files say the same about themselves.

use crate::bytes::{array_at, i64_at, put, u32_at, u64_at};
use crate::disk::{Disk, DiskFile, read_full};
use crate::{Digest, Error, checkpoint};
use domain::{Position, Time};

pub(crate) const NAME: &str = "MANIFEST";
pub(crate) const TEMPORARY: &str = "MANIFEST.tmp";
const MAGIC: [u8; 8] = *b"MRMANIFT";
const VERSION: u8 = 1;
const SIZE: usize = 2048;
const ENTRIES_AT: usize = 16;
const ENTRY: usize = 120;
const CRC_AT: usize = SIZE - 4;
/// The most checkpoints that one manifest names.
const ENTRIES_MAX: usize = 2 + KEPT_MAX;

/// The most older checkpoints that stay named beside the newest two.
pub const KEPT_MAX: usize = 14;

/// One complete checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointEntry {
    /// Counts the checkpoints of this directory; names the file.
    pub generation: u64,
    /// The last position that its state includes.
    pub position: Position,
    /// `log_time` of the record there; the minimum before the first record.
    pub log_time: Time,
    /// Digest of the plan in force there.
    pub plan: Digest,
    /// Digest of the state, as the engine computes it.
    pub state: Digest,
    /// The log's chain right after `position`: the checkpoint belongs to this log and no other.
    pub chain: Digest,
}

impl CheckpointEntry {
    /// The checkpoint's file.
    pub fn file_name(&self) -> String {
        checkpoint::name(self.generation)
    }

    fn encode(&self, out: &mut [u8]) {
        put(out, 0, &self.generation.to_le_bytes());
        put(out, 8, &self.position.0.to_le_bytes());
        put(out, 16, &self.log_time.0.to_le_bytes());
        put(out, 24, &self.plan);
        put(out, 56, &self.state);
        put(out, 88, &self.chain);
    }

    fn parse(bytes: &[u8]) -> CheckpointEntry {
        CheckpointEntry {
            generation: u64_at(bytes, 0),
            position: Position(u64_at(bytes, 8)),
            log_time: Time(i64_at(bytes, 16)),
            plan: array_at(bytes, 24),
            state: array_at(bytes, 56),
            chain: array_at(bytes, 88),
        }
    }
}

/// The complete checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The newest.
    pub newest: CheckpointEntry,
    /// The one before, kept as a second copy until the next is complete.
    pub previous: Option<CheckpointEntry>,
    /// Older ones from which the retained log can be replayed, oldest first, at most [`KEPT_MAX`].
    pub kept: Vec<CheckpointEntry>,
}

impl Manifest {
    /// The one that names these, newest first; of too many, those between the oldest and the newest two go.
    pub(crate) fn of(newest_first: impl IntoIterator<Item = CheckpointEntry>) -> Option<Manifest> {
        let mut entries = newest_first.into_iter();
        let (newest, previous) = (entries.next()?, entries.next());
        let mut kept: Vec<CheckpointEntry> = entries.collect();
        kept.reverse();
        kept.truncate(KEPT_MAX);
        Some(Manifest { newest, previous, kept })
    }

    /// The oldest that it names.
    pub fn oldest(&self) -> &CheckpointEntry {
        self.kept.first().or(self.previous.as_ref()).unwrap_or(&self.newest)
    }

    fn encode(&self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        put(&mut out, 0, &MAGIC);
        out[8] = VERSION;
        for (index, entry) in self.entries().enumerate() {
            out[9] += 1;
            entry.encode(&mut out[ENTRIES_AT + index * ENTRY..]);
        }
        let crc = crc32c::crc32c(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    fn parse(bytes: &[u8]) -> Result<Manifest, Error> {
        let damaged = |reason| Err(Error::CheckpointDamaged { name: NAME.to_owned(), reason });
        if bytes.len() != SIZE {
            return damaged("its length is wrong");
        }
        if bytes[..8] != MAGIC {
            return damaged("it does not begin as a manifest");
        }
        if crc32c::crc32c(&bytes[..CRC_AT]) != u32_at(bytes, CRC_AT) {
            return damaged("its checksum does not match");
        }
        if bytes[8] != VERSION {
            return Err(Error::NewerVersion { name: NAME.to_owned(), version: bytes[8] });
        }
        let count = usize::from(bytes[9]).min(ENTRIES_MAX);
        let entries = bytes[ENTRIES_AT..].chunks_exact(ENTRY).take(count).map(CheckpointEntry::parse);
        Manifest::of(entries).map_or_else(|| damaged("it names no checkpoint"), Ok)
    }

    /// Its entries, newest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = CheckpointEntry> {
        [Some(self.newest), self.previous].into_iter().flatten().chain(self.kept.iter().rev().copied())
    }
}

/// Reads the manifest; `None` when there is none.
pub(crate) fn load(disk: &impl Disk, names: &[String]) -> Result<Option<Manifest>, Error> {
    if !names.iter().any(|name| name == NAME) {
        return Ok(None);
    }
    let file = disk.open(NAME).map_err(Error::io("open", NAME))?;
    let mut bytes = [0; SIZE + 1];
    let filled = read_full(&file, 0, &mut bytes).map_err(Error::io("read", NAME))?;
    Manifest::parse(&bytes[..filled]).map(Some)
}

/// How far the log was durable when the newest checkpoint was taken. A damaged manifest witnesses nothing.
pub(crate) fn witness(disk: &impl Disk, names: &[String]) -> Result<Option<Position>, Error> {
    match load(disk, names) {
        Ok(manifest) => Ok(manifest.map(|manifest| manifest.newest.position)),
        Err(Error::CheckpointDamaged { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the manifest: the old one or the new one survives a crash, never neither.
pub(crate) fn store(disk: &impl Disk, manifest: &Manifest) -> Result<(), Error> {
    if disk.list().map_err(Error::io("list", "."))?.iter().any(|name| name == TEMPORARY) {
        disk.remove(TEMPORARY).map_err(Error::io("remove", TEMPORARY))?;
    }
    let file = disk.create(TEMPORARY, 0).map_err(Error::write("create", TEMPORARY))?;
    file.write_at(0, &manifest.encode()).map_err(Error::write("write", TEMPORARY))?;
    file.sync().map_err(Error::io("sync", TEMPORARY))?;
    disk.rename(TEMPORARY, NAME).map_err(Error::io("rename", TEMPORARY))?;
    disk.sync_dir().map_err(Error::io("sync", "."))
}

//! Loading a checkpoint: the newest that verifies and that belongs to this log, or the newest of a plan at or before a
//! position. What was rejected is reported.

use super::{CHUNK, CHUNK_HEADER, ChunkHeader, FOOTER, FOOTER_LEN, HEADER, OPENS, parse_header, parse_name};
use crate::bytes::array_at;
use crate::disk::{Disk, DiskFile, read_full};
use crate::reader::Reader;
use crate::{CheckpointEntry, Digest, Error, Manifest, checkpoint, manifest};
use domain::Position;

/// What there was to load.
pub struct Loaded<D: Disk> {
    /// The checkpoint to restore; `None`: replay the log from its first position.
    pub checkpoint: Option<CheckpointReader<D>>,
    /// What was passed over, newest first, and why.
    pub rejected: Vec<Error>,
}

/// Finds the newest checkpoint that verifies in full, whose position the log holds and whose chain is the log's.
///
/// # Errors
/// [`Error::Io`] when the directory cannot be listed; [`Error::NewerVersion`] of the manifest. Everything else is a
/// rejection.
pub fn load_checkpoint<D: Disk>(reader: &Reader<D>) -> Result<Loaded<D>, Error> {
    load_first(reader, |_| true)
}

/// As [`load_checkpoint`], of those whose state ends at or before `position` and that are of the plan with this digest.
/// The others are passed over without a word.
///
/// # Errors
/// As [`load_checkpoint`].
pub fn load_checkpoint_before<D: Disk>(
    reader: &Reader<D>,
    position: Position,
    plan: &Digest,
) -> Result<Loaded<D>, Error> {
    load_first(reader, |entry| entry.position <= position && entry.plan == *plan)
}

/// As [`load_checkpoint`], of those of any plan whose state ends at or before `position`.
///
/// # Errors
/// As [`load_checkpoint`].
pub fn load_any_checkpoint_before<D: Disk>(reader: &Reader<D>, position: Position) -> Result<Loaded<D>, Error> {
    load_first(reader, |entry| entry.position <= position)
}

/// As [`load_checkpoint`], the oldest that is of the plan with this digest.
///
/// # Errors
/// As [`load_checkpoint`].
pub fn load_oldest_checkpoint<D: Disk>(reader: &Reader<D>, plan: &Digest) -> Result<Loaded<D>, Error> {
    load_one(reader, |entry| entry.plan == *plan, true)
}

fn load_first<D: Disk>(reader: &Reader<D>, fits: impl FnMut(&CheckpointEntry) -> bool) -> Result<Loaded<D>, Error> {
    load_one(reader, fits, false)
}

fn load_one<D: Disk>(
    reader: &Reader<D>,
    mut fits: impl FnMut(&CheckpointEntry) -> bool,
    oldest: bool,
) -> Result<Loaded<D>, Error> {
    let disk = &**reader.disk();
    let names = disk.list().map_err(Error::io("list", "."))?;
    let mut rejected = Vec::new();
    let mut found = candidates(disk, &names, &mut rejected)?;
    if oldest {
        found.reverse();
    }
    for Candidate { entry, named } in found {
        if !fits(&entry) {
            continue;
        }
        match try_load(reader, entry.generation, named.then_some(entry)) {
            Ok(checkpoint) => return Ok(Loaded { checkpoint: Some(checkpoint), rejected }),
            Err(error) => rejected.push(error),
        }
    }
    Ok(Loaded { checkpoint: None, rejected })
}

/// A checkpoint that may be loaded, by what is known without reading all of it.
struct Candidate {
    entry: CheckpointEntry,
    /// The manifest vouches for the entry; otherwise it is the file's own header, without the state's digest.
    named: bool,
}

/// What the manifest names, or, without one, the files that begin as checkpoints; newest first.
fn candidates(disk: &impl Disk, names: &[String], rejected: &mut Vec<Error>) -> Result<Vec<Candidate>, Error> {
    match manifest::load(disk, names) {
        Ok(Some(manifest)) => {
            return Ok(manifest.entries().map(|entry| Candidate { entry, named: true }).collect());
        }
        Ok(None) => {}
        Err(error @ Error::CheckpointDamaged { .. }) => rejected.push(error),
        Err(error) => return Err(error),
    }
    let mut found = Vec::new();
    for generation in generations(names) {
        match CheckpointReader::open(disk, generation) {
            Ok(checkpoint) => found.push(Candidate { entry: checkpoint.entry, named: false }),
            Err(error) => rejected.push(error),
        }
    }
    Ok(found)
}

/// Positions of the checkpoints whose files are there, ascending.
pub(crate) fn positions(disk: &impl Disk, names: &[String]) -> Result<Vec<Position>, Error> {
    let found = candidates(disk, names, &mut Vec::new())?;
    let there = found.iter().map(|candidate| candidate.entry).filter(|entry| names.contains(&entry.file_name()));
    let mut positions: Vec<Position> = there.map(|entry| entry.position).collect();
    positions.sort_unstable();
    Ok(positions)
}

/// The generations of the checkpoint files, newest first.
fn generations(names: &[String]) -> Vec<u64> {
    let mut generations: Vec<u64> = names.iter().filter_map(|name| parse_name(name)).collect();
    generations.sort_by_key(|&generation| std::cmp::Reverse(generation));
    generations
}

fn try_load<D: Disk>(
    reader: &Reader<D>,
    generation: u64,
    entry: Option<CheckpointEntry>,
) -> Result<CheckpointReader<D>, Error> {
    let mut checkpoint = verified(&**reader.disk(), generation)?;
    let damaged = |reason| Err(Error::CheckpointDamaged { name: checkpoint::name(generation), reason });
    if entry.is_some_and(|entry| entry != checkpoint.entry) {
        return damaged("it is not the checkpoint that the manifest names");
    }
    if reader.chain_at(checkpoint.entry.position)? != checkpoint.entry.chain {
        return damaged("the log's chain at its position is another");
    }
    checkpoint.rewind();
    Ok(checkpoint)
}

/// The manifest in force, or one made from the checkpoint files that verify when it is lost or damaged. Those are made
/// durable once more first: without a manifest nothing says that their sync ever succeeded.
pub(super) fn current_manifest(disk: &impl Disk, names: &[String]) -> Result<Option<Manifest>, Error> {
    match manifest::load(disk, names) {
        Ok(Some(manifest)) => return Ok(Some(manifest)),
        Ok(None) | Err(Error::CheckpointDamaged { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut found = Vec::new();
    for generation in generations(names) {
        if let Ok(checkpoint) = verified(disk, generation) {
            checkpoint.renew()?;
            found.push(checkpoint.entry);
        }
    }
    Ok(Manifest::of(found))
}

/// Opens a checkpoint and reads all of it once. The entry is then complete.
fn verified<D: Disk>(disk: &D, generation: u64) -> Result<CheckpointReader<D>, Error> {
    let mut checkpoint = CheckpointReader::open(disk, generation)?;
    let mut content = blake3::Hasher::new();
    while checkpoint.load_chunk()? {
        content.update(checkpoint.data());
    }
    let content: Digest = content.finalize().into();
    let length = checkpoint.file.len().map_err(Error::io("measure", &checkpoint.name))?;
    let footer = checkpoint.data();
    if footer.len() != FOOTER_LEN || array_at::<32>(footer, 32) != content || length != checkpoint.offset {
        return Err(checkpoint.damaged("its end does not match its content"));
    }
    checkpoint.entry.state = array_at(footer, 0);
    Ok(checkpoint)
}

/// A verified checkpoint, read section by section.
pub struct CheckpointReader<D: Disk> {
    name: String,
    file: D::File,
    entry: CheckpointEntry,
    salt: u32,
    /// The chunk in `chunk`, and where the one after it starts.
    header: Option<ChunkHeader>,
    offset: u64,
    sequence: u32,
    chunk: Vec<u8>,
    /// The chunk has been loaded but not handed out.
    waiting: bool,
}

impl<D: Disk> CheckpointReader<D> {
    fn open(disk: &D, generation: u64) -> Result<CheckpointReader<D>, Error> {
        let name = checkpoint::name(generation);
        let file = disk.open(&name).map_err(Error::io("open", &name))?;
        let mut bytes = [0; HEADER];
        let filled = read_full(&file, 0, &mut bytes).map_err(Error::io("read", &name))?;
        let (entry, salt) = parse_header(&bytes[..filled], generation)?;
        Ok(CheckpointReader {
            name,
            file,
            entry,
            salt,
            header: None,
            offset: HEADER as u64,
            sequence: 0,
            chunk: Vec::new(),
            waiting: false,
        })
    }

    /// Writes the same bytes again and syncs them: after a failed sync the page cache may show what the disk has not.
    fn renew(&self) -> Result<(), Error> {
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        while offset < self.offset {
            let len = (self.offset - offset).min(CHUNK as u64) as usize;
            let filled = read_full(&self.file, offset, &mut buffer[..len]).map_err(Error::io("read", &self.name))?;
            if filled < len {
                return Err(self.damaged("it is cut short"));
            }
            self.file.write_at(offset, &buffer[..len]).map_err(Error::write("write", &self.name))?;
            offset += len as u64;
        }
        self.file.sync().map_err(Error::io("sync", &self.name))
    }

    fn rewind(&mut self) {
        (self.header, self.offset, self.sequence, self.waiting) = (None, HEADER as u64, 0, false);
    }

    /// What the checkpoint is of.
    pub fn entry(&self) -> &CheckpointEntry {
        &self.entry
    }

    fn damaged(&self, reason: &'static str) -> Error {
        Error::CheckpointDamaged { name: self.name.clone(), reason }
    }

    fn data(&self) -> &[u8] {
        &self.chunk[CHUNK_HEADER..]
    }

    /// Loads the next chunk; `false` at the footer, which is then in the buffer.
    fn load_chunk(&mut self) -> Result<bool, Error> {
        self.chunk.resize(CHUNK_HEADER, 0);
        self.fill(0)?;
        let header = ChunkHeader::parse(&self.chunk);
        let len = header.len as usize;
        if len > CHUNK || header.sequence != self.sequence {
            return Err(self.damaged("a chunk header does not match"));
        }
        self.chunk.resize(CHUNK_HEADER + len, 0);
        self.fill(CHUNK_HEADER)?;
        if !ChunkHeader::holds(&self.chunk, self.salt) {
            return Err(self.damaged("the checksum of a chunk does not match"));
        }
        self.offset += self.chunk.len() as u64;
        self.sequence += 1;
        self.header = Some(header);
        Ok(header.flags & FOOTER == 0)
    }

    /// Reads the chunk's bytes from `from` on.
    fn fill(&mut self, from: usize) -> Result<(), Error> {
        let wanted = self.chunk.len() - from;
        let filled = read_full(&self.file, self.offset + from as u64, &mut self.chunk[from..])
            .map_err(Error::io("read", &self.name))?;
        if filled < wanted { Err(self.damaged("it is cut short")) } else { Ok(()) }
    }

    /// Loads a chunk unless one waits; `None` at the footer.
    fn peek(&mut self) -> Result<Option<ChunkHeader>, Error> {
        if !self.waiting {
            if self.header.is_some_and(|header| header.flags & FOOTER != 0) {
                return Ok(None);
            }
            self.waiting = self.load_chunk()?;
        }
        Ok(self.header.filter(|header| header.flags & FOOTER == 0))
    }

    /// Goes on to the next section, past what is left of this one, and returns its tag; `None` after the last.
    ///
    /// # Errors
    /// [`Error::CheckpointDamaged`], [`Error::Io`]: the file has changed since it was verified.
    pub fn next_section(&mut self) -> Result<Option<u32>, Error> {
        while let Some(header) = self.peek()? {
            if header.flags & OPENS != 0 {
                // Its bytes are read next; they no longer open anything.
                self.header = Some(ChunkHeader { flags: 0, ..header });
                return Ok(Some(header.tag));
            }
            self.waiting = false;
        }
        Ok(None)
    }

    /// The next bytes of the section, at most 1 MiB; `None` at its end.
    ///
    /// # Errors
    /// As [`CheckpointReader::next_section`].
    pub fn read(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.peek()? {
            Some(header) if header.flags & OPENS == 0 => {
                self.waiting = false;
                Ok(Some(self.data()))
            }
            _ => Ok(None),
        }
    }

    /// Appends what is left of the section to `out`.
    ///
    /// # Errors
    /// As [`CheckpointReader::next_section`].
    pub fn read_section(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(bytes) = self.read()? {
            out.extend_from_slice(bytes);
        }
        Ok(())
    }
}

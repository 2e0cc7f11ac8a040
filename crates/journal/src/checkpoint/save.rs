//! Writing a checkpoint: sections are streamed, and it counts only once the manifest names it.

use super::load::current_manifest;
use super::{CHUNK, CHUNK_HEADER, ChunkHeader, FOOTER, HEADER, OPENS, encode_header, name, parse_name};
use crate::bytes::u32_at;
use crate::disk::{Disk, DiskFile};
use crate::manifest::{self, KEPT_MAX};
use crate::reader::Reader;
use crate::{CheckpointEntry, Digest, Error, Manifest};
use domain::Position;
use std::sync::Arc;

/// A checkpoint being written. Dropped before `finish` has named it, it removes its file; what a crash leaves the next one removes.
pub struct CheckpointWriter<D: Disk> {
    reader: Reader<D>,
    disk: Arc<D>,
    file: D::File,
    entry: CheckpointEntry,
    /// What is named so far, newest first.
    older: Vec<CheckpointEntry>,
    salt: u32,
    offset: u64,
    sequence: u32,
    /// Header space and data of the chunk being filled.
    chunk: Vec<u8>,
    /// Tag and flags of that chunk; `None` before the first section.
    section: Option<(u32, u32)>,
    content: blake3::Hasher,
    /// A manifest may name it.
    named: bool,
}

impl<D: Disk> Drop for CheckpointWriter<D> {
    fn drop(&mut self) {
        if !self.named {
            // It takes space, of which there may be none left; the next checkpoint tries again.
            let _ = self.disk.remove(&self.entry.file_name());
        }
    }
}

impl<D: Disk> CheckpointWriter<D> {
    /// Begins a checkpoint of the state after `position`, which must be durable, under the plan of that digest. One at
    /// a time.
    ///
    /// # Errors
    /// [`Error::BeyondEnd`], [`Error::NotRetained`] for the position; [`Error::DiskFull`]; [`Error::Io`].
    pub fn begin(reader: &Reader<D>, position: Position, plan: Digest) -> Result<CheckpointWriter<D>, Error> {
        let disk = Arc::clone(reader.disk());
        let (chain, log_time) = (reader.chain_at(position)?, reader.log_time_at(position)?);
        let names = disk.list().map_err(Error::io("list", "."))?;
        let manifest = current_manifest(&*disk, &names)?;
        let left = unnamed(&names, manifest.as_ref());
        if !left.is_empty() {
            // This manifest may be one whose rename is not durable yet; the one before it still needs the files that go.
            disk.sync_dir().map_err(Error::io("sync", "."))?;
        }
        sweep(&*disk, &left)?;
        let named = manifest.iter().flat_map(Manifest::entries);
        // A name without a file is of no use to the next manifest.
        let older: Vec<CheckpointEntry> = named.filter(|entry| names.contains(&entry.file_name())).collect();
        let generation = 1 + names.iter().filter_map(|name| parse_name(name)).max().unwrap_or(0);
        let generation = generation.max(1 + manifest.map_or(0, |manifest| manifest.newest.generation));
        let entry = CheckpointEntry { generation, position, log_time, plan, state: Digest::default(), chain };
        let file_name = name(generation);
        let file = disk.create(&file_name, 0).map_err(Error::write("create", &file_name))?;
        let header = encode_header(&entry);
        let writer = CheckpointWriter {
            reader: reader.clone(),
            disk,
            file,
            entry,
            older,
            salt: u32_at(&header, HEADER - 4),
            offset: HEADER as u64,
            sequence: 0,
            chunk: vec![0; CHUNK_HEADER],
            section: None,
            content: blake3::Hasher::new(),
            named: false,
        };
        writer.file.write_at(0, &header).map_err(Error::write("write", &file_name))?;
        Ok(writer)
    }

    /// Ends the section before and opens one; tags may repeat, order is kept.
    ///
    /// # Errors
    /// As [`CheckpointWriter::write`].
    pub fn begin_section(&mut self, tag: u32) -> Result<(), Error> {
        self.flush()?;
        self.section = Some((tag, OPENS));
        Ok(())
    }

    /// Adds bytes, any number, to the open section.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`]: abandon this checkpoint; the ones before are untouched.
    ///
    /// # Panics
    /// Before the first `begin_section`.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        assert!(self.section.is_some(), "bytes belong to a section");
        while !bytes.is_empty() {
            let room = CHUNK_HEADER + CHUNK - self.chunk.len();
            let (head, rest) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(head);
            bytes = rest;
            if head.len() == room {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes the chunk being filled. An empty one only if it opens a section.
    fn flush(&mut self) -> Result<(), Error> {
        let Some((tag, flags)) = self.section else { return Ok(()) };
        if self.chunk.len() == CHUNK_HEADER && flags & OPENS == 0 {
            return Ok(());
        }
        self.content.update(&self.chunk[CHUNK_HEADER..]);
        self.section = Some((tag, 0));
        self.put_chunk(tag, flags)
    }

    fn put_chunk(&mut self, tag: u32, flags: u32) -> Result<(), Error> {
        let len = (self.chunk.len() - CHUNK_HEADER) as u32;
        ChunkHeader { tag, len, sequence: self.sequence, flags }.seal(&mut self.chunk, self.salt);
        let file_name = self.entry.file_name();
        self.file.write_at(self.offset, &self.chunk).map_err(Error::write("write", &file_name))?;
        self.sequence += 1;
        self.offset += self.chunk.len() as u64;
        self.chunk.clear();
        self.chunk.resize(CHUNK_HEADER, 0);
        Ok(())
    }

    /// Makes the checkpoint durable and then the manifest that names it and the one before. `keep` is shown a manifest
    /// that names all there are and chooses which of its `kept` stay named, at most [`crate::KEPT_MAX`], beyond which the newer
    /// ones of them go. The files of the others are removed.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Io`]: the manifest before is still in force, or, after a failed sync, one of the two.
    pub fn finish(
        mut self,
        state: Digest,
        keep: impl FnOnce(&Manifest) -> Vec<CheckpointEntry>,
    ) -> Result<Manifest, Error> {
        self.flush()?;
        self.entry.state = state;
        self.chunk.extend_from_slice(&state);
        let content: Digest = self.content.finalize().into();
        self.chunk.extend_from_slice(&content);
        self.put_chunk(0, FOOTER)?;
        self.file.sync().map_err(Error::io("sync", &self.entry.file_name()))?;
        // The name has to be durable before a manifest names it.
        self.disk.sync_dir().map_err(Error::io("sync", "."))?;
        let manifest = self.manifest(keep);
        self.named = true;
        manifest::store(&*self.disk, &manifest)?;
        self.publish(&manifest);
        let names = self.disk.list().map_err(Error::io("list", "."))?;
        sweep(&*self.disk, &unnamed(&names, Some(&manifest)))?;
        Ok(manifest)
    }

    fn manifest(&self, keep: impl FnOnce(&Manifest) -> Vec<CheckpointEntry>) -> Manifest {
        let mut older = self.older.iter().copied();
        let previous = older.next();
        let mut all = Manifest { newest: self.entry, previous, kept: older.rev().collect() };
        let chosen = keep(&all);
        all.kept.retain(|entry| chosen.contains(entry));
        all.kept.truncate(KEPT_MAX);
        all
    }

    /// Lets readers know from where the log can be replayed.
    fn publish(&self, manifest: &Manifest) {
        let mut positions: Vec<Position> = manifest.entries().map(|entry| entry.position).collect();
        positions.sort_unstable();
        self.reader.shared().live_mut().checkpoints = positions;
    }
}

/// The checkpoint files that the manifest does not name.
fn unnamed<'a>(names: &'a [String], manifest: Option<&Manifest>) -> Vec<&'a str> {
    let named = |file: &str| manifest.is_some_and(|all| all.entries().any(|entry| entry.file_name() == file));
    names.iter().map(String::as_str).filter(|file| parse_name(file).is_some() && !named(file)).collect()
}

fn sweep(disk: &impl Disk, unnamed: &[&str]) -> Result<(), Error> {
    unnamed.iter().try_for_each(|file| disk.remove(file).map_err(Error::io("remove", file)))
}

//! The narrow trait through which the journal sees storage: one flat directory of files.
//! `FileDisk` is the real one; the simulator and the tests bring their own.

use std::io;

/// A directory. Names are flat; what is not synced may be lost, wholly or in part, at a crash.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: DiskFile;

    /// Makes a new file of `preallocate` zero bytes with its space reserved. Fails if the name exists.
    /// Durable only after the file's `sync` and `sync_dir`.
    fn create(&self, name: &str, preallocate: u64) -> io::Result<Self::File>;

    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// The names of all files, sorted. Subdirectories are not listed.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Renames, replacing `to` in one step. Durable only after `sync_dir`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file. Durable only after `sync_dir`.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;

    /// Locks the directory against other processes for as long as this value lives. `false`: another holds it.
    fn lock(&self) -> io::Result<bool>;
}

/// An open file, read and written at explicit offsets (bytes).
pub trait DiskFile: Send + Sync + 'static {
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the length is zero.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads up to `buf.len()` bytes; fewer, or none, at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all bytes, or fails with any part of them written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Makes the data written so far durable (`fdatasync`). After a failure nothing is known about that data.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends (with zeros) to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
}

/// Fills `buf` from `offset` as far as the file reaches and returns how many bytes that was.
pub(crate) fn read_full(file: &impl DiskFile, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(offset + filled as u64, &mut buf[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

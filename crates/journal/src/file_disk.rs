//! `Disk` on a real directory: positioned reads and writes, `fdatasync`, `fallocate`, `flock`.

use crate::disk::{Disk, DiskFile};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Name of the file that carries the lock; its content means nothing.
pub(crate) const LOCK: &str = "LOCK";

/// A directory of the file system. Holds the lock, once taken, until it is dropped.
pub struct FileDisk {
    path: PathBuf,
    directory: File,
    lock: Mutex<Option<File>>,
    read_only: bool,
}

impl FileDisk {
    /// Opens the directory at `path`, making it (and its parents) if it is absent.
    pub fn open(path: impl AsRef<Path>) -> io::Result<FileDisk> {
        let path = path.as_ref().to_path_buf();
        if !path.is_dir() {
            fs::create_dir_all(&path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        let directory = File::open(&path)?;
        Ok(FileDisk { path, directory, lock: Mutex::new(None), read_only: false })
    }

    /// Opens the directory at `path`, which must be there, to read alone: no file in it is made, and none is opened for writing.
    pub fn open_to_read(path: impl AsRef<Path>) -> io::Result<FileDisk> {
        let path = path.as_ref().to_path_buf();
        let directory = File::open(&path)?;
        Ok(FileDisk { path, directory, lock: Mutex::new(None), read_only: true })
    }

    /// Where the directory is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for FileDisk {
    type File = File;

    fn create(&self, name: &str, preallocate: u64) -> io::Result<File> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        if let Err(error) = reserve(&file, preallocate) {
            // Half a reservation is of no use to anybody; the error that matters is the first one.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(!self.read_only).open(self.path.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.directory.sync_all()
    }

    fn lock(&self) -> io::Result<bool> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(true);
        }
        let path = self.path.join(LOCK);
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(!self.read_only).create(!self.read_only).truncate(false).open(path) {
            Ok(file) => file,
            // Nobody ever held it.
            Err(error) if self.read_only && error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                *held = Some(file);
                Ok(true)
            }
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reserves `length` zero bytes; a file system that cannot reserve gets a sparse file instead.
fn reserve(file: &File, length: u64) -> io::Result<()> {
    if length == 0 {
        return Ok(());
    }
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return file.set_len(length),
            Err(error) => return Err(error.into()),
        }
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, buf, offset)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

//! Files that are whole or not there: written under a temporary name, synced, renamed.

use anyhow::{Context, Result};
use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A folder that files are written to.
pub(super) struct Folder {
    path: PathBuf,
    /// Bytes that may still be written.
    room: Rc<Cell<u64>>,
}

/// A file under its temporary name; gone with it if it is not finished.
pub(super) struct Output {
    file: File,
    /// Where it is, until it has its name.
    temporary: Option<PathBuf>,
    path: PathBuf,
    name: String,
    hasher: blake3::Hasher,
    bytes: u64,
    room: u64,
}

/// A file that is whole and on the disk.
pub(super) struct Written {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// BLAKE3 of its content, in hexadecimal digits.
    pub(super) digest: String,
}

impl Folder {
    /// Opens a folder, making it if it is not there.
    pub(super) fn open(path: &Path, room: u64) -> Result<Folder> {
        fs::create_dir_all(path).with_context(|| format!("making the folder {}", path.display()))?;
        Ok(Folder { path: path.to_owned(), room: Rc::new(Cell::new(room)) })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Begins a file.
    pub(super) fn create(&self, name: &str) -> Result<Output> {
        let temporary = self.path(&format!(".{name}.tmp"));
        let file = File::create(&temporary).with_context(|| format!("making {}", temporary.display()))?;
        Ok(Output {
            file,
            temporary: Some(temporary),
            path: self.path.clone(),
            name: name.to_owned(),
            hasher: blake3::Hasher::new(),
            bytes: 0,
            room: self.room.get(),
        })
    }

    /// Writes a small file in one step, replacing the one of this name.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> Result<Written> {
        let mut output = self.create(name)?;
        output.write_all(content).with_context(|| format!("writing {name}"))?;
        self.finish(output)
    }

    /// Gives a file its name, once all of it is on the disk.
    pub(super) fn finish(&self, output: Output) -> Result<Written> {
        self.room.set(output.room);
        let name = output.name.clone();
        output.finish().with_context(|| format!("writing {name}"))
    }

    /// Removes a file of the folder, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {name}"))
            }
            _ => Ok(()),
        }
    }
}

impl Output {
    fn finish(mut self) -> io::Result<Written> {
        self.file.sync_all()?;
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, self.path.join(&self.name))?;
        }
        self.temporary = None;
        File::open(&self.path)?.sync_all()?;
        let digest = self.hasher.finalize().to_hex().to_string();
        Ok(Written { name: self.name.clone(), bytes: self.bytes, digest })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        self.room -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // What failed has been said; what cannot be removed has a temporary name and is in no manifest.
            let _ = fs::remove_file(temporary);
        }
    }
}

//! Small files beside the log that are not part of it: what somebody at the edge has to remember through a crash.

use crate::core::Core;
use journal::{Disk, DiskFile};
use std::io;

/// Files whose names begin so are not the journal's.
const PREFIX: &str = "blob-";

impl<D: Disk> Core<D> {
    /// Reads such a file; none if there is none of this name.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn blob(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match self.reader.disk().open(&format!("{PREFIX}{name}")) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; file.len()? as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(filled as u64, &mut bytes[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        bytes.truncate(filled);
        Ok(Some(bytes))
    }

    /// Writes such a file, whole or not at all; it is durable when this returns. One thread at a time may write one name.
    ///
    /// # Errors
    /// The disk's. Then the file is as it was before.
    pub fn write_blob(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let disk = self.reader.disk();
        let (name, new) = (format!("{PREFIX}{name}"), format!("{PREFIX}{name}.new"));
        match disk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // A crash left it behind, or nobody did.
            _ => {}
        }
        let file = disk.create(&new, 0)?;
        file.write_at(0, bytes)?;
        file.sync()?;
        disk.rename(&new, &name)?;
        disk.sync_dir()
    }
}

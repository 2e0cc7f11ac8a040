//! The key of page tokens: random bytes in a file of the data directory, made at the first start.

use super::PageKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Files whose names begin with `blob-` are the engine's: the journal leaves them alone.
const NAME: &str = "blob-page-key";
const TEMPORARY: &str = "blob-page-key.new";

/// Reads the key of a data directory, or makes it from the system's randomness, readable by this user only. Tokens that were given
/// out before live on after a restart.
///
/// # Errors
/// The file cannot be read or written, or is not one of ours.
pub fn page_key(dir: &Path) -> io::Result<PageKey> {
    match fs::read(dir.join(NAME)) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            io::Error::other(format!("the file {NAME} does not hold a key; remove it, and a new one is made"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(dir),
        Err(error) => Err(error),
    }
}

fn make(dir: &Path) -> io::Result<PageKey> {
    let mut key = PageKey::default();
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let temporary = dir.join(TEMPORARY);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // Under its name it is whole or not there.
    fs::rename(temporary, dir.join(NAME))?;
    File::open(dir)?.sync_all()?;
    Ok(key)
}

//! A shorter input that fails too: parts are left out as long as what is left still fails, each tried in a process of its own.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long is spent on it.
const TIME_MAX: Duration = Duration::from_secs(15);

/// The shortest that is found in the time.
pub(crate) fn shrunk(own: &Path, target: &str, mut bytes: Vec<u8>, scratch: &Path) -> Result<Vec<u8>> {
    let start = Instant::now();
    if !fails(own, target, &bytes, scratch)? {
        eprintln!("{target}: the input alone does not fail; it hangs on what was run before it: repeat the seed");
        return Ok(bytes);
    }
    let mut part = bytes.len() / 2;
    while part > 0 {
        let mut from = 0;
        while from + part <= bytes.len() && start.elapsed() < TIME_MAX {
            let shorter = [&bytes[..from], &bytes[from + part..]].concat();
            if fails(own, target, &shorter, scratch)? {
                bytes = shorter;
            } else {
                from += part;
            }
        }
        part /= 2;
    }
    Ok(bytes)
}

fn fails(own: &Path, target: &str, bytes: &[u8], scratch: &Path) -> Result<bool> {
    fs::write(scratch, bytes).context("writing a shorter input")?;
    let ended = Command::new(own)
        .args(["fuzz", "--target", target, "--input"])
        .arg(scratch)
        .stderr(Stdio::null())
        .status()
        .context("starting this program")?;
    Ok(!ended.success())
}

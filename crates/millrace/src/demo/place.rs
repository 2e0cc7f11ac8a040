//! Where the demo keeps its data, and how it learns that it shall stop.

use crate::node;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// A directory that is removed in the end, unless the user named it.
pub(super) struct Place {
    path: PathBuf,
    temporary: bool,
}

impl Place {
    /// The user's directory, or a new one of our own.
    pub(super) fn new(given: Option<&Path>) -> Result<Place> {
        let path = given.map_or_else(own_path, Path::to_path_buf);
        fs::create_dir_all(&path).with_context(|| format!("making the directory {}", path.display()))?;
        Ok(Place { path, temporary: given.is_none() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.temporary
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed stays in the system's directory for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn own_path() -> PathBuf {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    std::env::temp_dir().join(format!("millrace-demo-{}-{since}", std::process::id()))
}

/// Whether the demo shall end early. Copies are told together.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Told by Ctrl-C or SIGTERM.
    pub(super) fn on_signals() -> Result<Stop> {
        let stop = Stop::default();
        let (signal, told) = (node::stop_signal()?, stop.clone());
        let wait = move || {
            signal.wait();
            told.tell();
        };
        thread::Builder::new().name("stop".into()).spawn(wait).context("starting to listen for Ctrl-C")?;
        Ok(stop)
    }

    pub(super) fn tell(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn told(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

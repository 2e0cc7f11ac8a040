//! Which operations fail, and how; and the ways in which a planted disk lies.

use super::{eio, full};
use crate::rng::Rng;
use std::io;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Sync,
    Directory,
}

/// How one chosen operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An input/output error; of a write any part may have been done, of a sync anything may have been dropped.
    Eio,
    /// No space left: writes and directory operations only, others succeed.
    Full,
}

/// Faults to answer with.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The operation with this number, and every one after it, fails, and the machine is down.
    pub crash_at: Option<u64>,
    /// The operation with this number fails; with `true` every one from it on.
    pub nth: Option<(u64, Fault, bool)>,
    /// Chance per million of an error at a read.
    pub read_eio: u64,
    /// Chance per million of an error at a write or a directory operation.
    pub write_eio: u64,
    /// Chance per million that a sync fails and drops what it should have kept.
    pub sync_eio: u64,
    /// Bytes that fit on the disk.
    pub space: Option<u64>,
}

/// A disk that lies: planted bugs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quirks {
    /// `sync` of a file returns at once.
    pub sync_does_nothing: bool,
    /// `sync` of files that are not segments returns at once.
    pub checkpoint_sync_does_nothing: bool,
    /// `sync_dir` returns at once.
    pub sync_dir_does_nothing: bool,
    /// A failed `sync` is tried again, and the second time succeeds over dropped pages.
    pub failed_sync_is_ok: bool,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Eio,
    Full,
    Crash,
}

impl Verdict {
    pub(crate) fn into_result(self) -> io::Result<()> {
        match self {
            Verdict::Go => Ok(()),
            Verdict::Eio | Verdict::Crash => Err(eio()),
            Verdict::Full => Err(full()),
        }
    }
}

impl Faults {
    pub(crate) fn judge(&self, op: u64, kind: Kind, rng: &mut Rng) -> Verdict {
        if self.crash_at.is_some_and(|at| op >= at) {
            return Verdict::Crash;
        }
        if let Some((nth, fault, for_ever)) = self.nth
            && (op == nth || (for_ever && op > nth))
        {
            return match (fault, kind) {
                (Fault::Eio, _) => Verdict::Eio,
                (Fault::Full, Kind::Write | Kind::Directory) => Verdict::Full,
                (Fault::Full, Kind::Read | Kind::Sync) => Verdict::Go,
            };
        }
        let chance = match kind {
            Kind::Read => self.read_eio,
            Kind::Write | Kind::Directory => self.write_eio,
            Kind::Sync => self.sync_eio,
        };
        if rng.per_million(chance) { Verdict::Eio } else { Verdict::Go }
    }
}

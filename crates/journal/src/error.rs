//! Everything that can go wrong with the files, each with a sentence that says what to do.

use domain::Position;
use std::{error, fmt, io};

/// Why the journal stopped. None of these may be answered by guessing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The disk refused an operation.
    Io {
        /// What was tried.
        operation: &'static str,
        /// The file, or `.` for the directory.
        name: String,
        /// What the disk said.
        source: io::Error,
    },
    /// No space (or quota). Nothing of the batch is acknowledged and nothing is lost: the same batch may be committed again.
    DiskFull {
        /// The file that could not grow.
        name: String,
    },
    /// An earlier write or sync failed: what the disk holds is unknown until the log is opened again.
    Poisoned,
    /// Another process holds the directory.
    Locked,
    /// There is no log in the directory.
    NoLog,
    /// A batch does not start right after the last durable record.
    OutOfOrder {
        /// The position that had to come.
        expected: Position,
        /// The position that came.
        found: Position,
    },
    /// Bytes that had been synced no longer verify.
    Damaged {
        /// The segment file.
        segment: String,
        /// Where in it, in bytes.
        offset: u64,
        /// The first position that cannot be read.
        position: Position,
        /// What did not hold.
        reason: &'static str,
    },
    /// A segment between two others, or the one the next follows, is not there.
    MissingSegment {
        /// The first position that is missing.
        position: Position,
        /// The segment that should follow the missing one.
        before: String,
    },
    /// The file does not begin as a file of its name must.
    WrongMagic {
        /// The file.
        name: String,
    },
    /// The file was written by a newer version.
    NewerVersion {
        /// The file.
        name: String,
        /// Its format version.
        version: u8,
    },
    /// A file whose name the journal does not know.
    UnknownFile {
        /// The file.
        name: String,
    },
    /// The log ends before a position that is known to have been durable.
    EndsEarly {
        /// The last position found.
        last: Position,
        /// The position that had been durable.
        witnessed: Position,
        /// The file that says so.
        witness: String,
    },
    /// The position was dropped by retention.
    NotRetained {
        /// What was asked for.
        asked: Position,
        /// The first position that is kept.
        first: Position,
    },
    /// The position is not durable yet.
    BeyondEnd {
        /// What was asked for.
        asked: Position,
        /// The last durable position.
        last: Position,
    },
    /// A checkpoint or manifest does not verify.
    CheckpointDamaged {
        /// The file.
        name: String,
        /// What did not hold.
        reason: &'static str,
    },
}

impl Error {
    /// Wraps a refusal of the disk.
    pub(crate) fn io(operation: &'static str, name: &str) -> impl FnOnce(io::Error) -> Error {
        let name = name.to_owned();
        move |source| Error::Io { operation, name, source }
    }

    /// As [`Error::io`], for writes that have not been followed by a sync: no space is told apart.
    pub(crate) fn write(operation: &'static str, name: &str) -> impl FnOnce(io::Error) -> Error {
        let name = name.to_owned();
        move |source| if is_full(&source) { Error::DiskFull { name } } else { Error::Io { operation, name, source } }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { operation, name, source } => write!(f, "cannot {operation} {name}: {source}"),
            Error::DiskFull { name } => {
                write!(f, "no space left for {name}; free some and try again, nothing that was acknowledged is lost")
            }
            Error::Poisoned => {
                f.write_str("an earlier write or sync failed; open the log again to see what the disk really holds")
            }
            Error::NoLog => f.write_str("there is no log in this directory; name a data directory"),
            Error::Locked => f.write_str("another process holds this directory; stop it first"),
            Error::OutOfOrder { expected, found } => {
                write!(f, "the batch starts at position {found}, but position {expected} comes next")
            }
            Error::Damaged { segment, offset, position, reason } => write!(
                f,
                "{segment} is damaged at byte {offset} ({reason}): position {position} and later cannot be read, although they \
                 were durable; put back this file from a copy, nothing was changed"
            ),
            Error::MissingSegment { position, before } => write!(
                f,
                "the segment that holds position {position} and precedes {before} is missing; put it back from a copy"
            ),
            Error::WrongMagic { name } => write!(f, "{name} does not begin as a journal file; put it back from a copy"),
            Error::NewerVersion { name, version } => {
                write!(f, "{name} has format version {version}, newer than this program reads; use the newer program")
            }
            Error::UnknownFile { name } => {
                write!(f, "{name} is not a file of the journal; move it out of the directory")
            }
            Error::EndsEarly { last, witnessed, witness } => write!(
                f,
                "the log ends at position {last}, but {witness} says that {witnessed} was durable; put the missing segments back \
                 from a copy, or remove {witness} to accept the loss"
            ),
            Error::NotRetained { asked, first } => {
                write!(f, "position {asked} is no longer kept; the log starts at {first}")
            }
            Error::BeyondEnd { asked, last } => write!(f, "position {asked} is not durable; the log ends at {last}"),
            Error::CheckpointDamaged { name, reason } => write!(f, "{name} does not verify: {reason}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

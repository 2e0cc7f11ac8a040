//! Opening a directory to read alone, beside the process that writes to it if there is one: nothing is changed.

use super::{Options, look};
use crate::disk::Disk;
use crate::live::{Live, Shared};
use crate::reader::Reader;
use crate::{Error, segment};
use std::sync::Arc;

/// A log opened to read alone.
pub struct OpenedToRead<D: Disk> {
    /// Reads it, as far as it was durable at opening.
    pub reader: Reader<D>,
    /// Whether another process holds the directory and may be writing.
    pub beside_writer: bool,
}

/// Opens the log in `disk` to read what is durable now. The lock is taken if it is free, so that no writer starts meanwhile.
/// Beside a writer only what is proved to be durable is read: what its last group wrote only once another follows, or once the
/// writer rests and its watermark says so. Its work may cross ours: what is found damaged, missing or gone then may be well at a
/// second try.
///
/// # Errors
/// As [`open`](super::open), but for [`Error::Locked`]; [`Error::NoLog`].
pub fn open_to_read<D: Disk>(disk: Arc<D>) -> Result<OpenedToRead<D>, Error> {
    let beside_writer = !disk.lock().map_err(Error::io("lock", "."))?;
    let (found, _) = look(&*disk, Options::default())?;
    if found.segments.is_empty() {
        return Err(Error::NoLog);
    }
    let mut durable = found.tail.last;
    if beside_writer {
        durable = durable.min(found.watermark.position.max(found.proved));
    }
    let live = Live {
        durable,
        end: found.tail.end.max(segment::HEADER as u64),
        log_time: found.tail.log_time,
        checkpoints: found.checkpoints,
        segments: found.segments,
    };
    Ok(OpenedToRead { reader: Reader::new(Arc::new(Shared::new(disk, live))), beside_writer })
}

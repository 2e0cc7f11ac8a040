//! The ordered log and the checkpoints on disk. Payloads are bytes to it; see FORMAT.md for the exact layouts.
//!
//! `open` recovers a directory and hands out three parts: the [`Appender`] assigns positions in memory, the [`Writer`]
//! makes whole batches durable with one write and one sync, the [`Reader`] reads only what is durable.

mod appender;
mod bytes;
mod checkpoint;
mod disk;
mod error;
mod file_disk;
mod group;
mod live;
mod manifest;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
mod watermark;
mod writer;

pub use appender::{Appender, Batch};
pub use checkpoint::{
    CheckpointReader, CheckpointWriter, Loaded, load_any_checkpoint_before, load_checkpoint, load_checkpoint_before,
    load_oldest_checkpoint,
};
pub use disk::{Disk, DiskFile};
pub use error::Error;
pub use file_disk::FileDisk;
pub use manifest::{CheckpointEntry, KEPT_MAX, Manifest};
pub use reader::{Reader, Records};
pub use record::{OwnedRecord, Record, RecordHeader};
pub use recovery::{Opened, OpenedToRead, Options, RecoveryReport, Verify, open, open_to_read, refuse_foreign};
pub use writer::Writer;

/// A full BLAKE3 digest.
pub type Digest = [u8; 32];

/// The longest payload one record may carry, in bytes.
pub const MAX_PAYLOAD: usize = 16 << 20;

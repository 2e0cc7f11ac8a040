//! One record of the log as the reader hands it out.

use crate::Digest;
use domain::{Position, Time};

/// What the log keeps about a record besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What the payload is; the journal does not look.
    pub kind: u8,
    /// The writer epoch that wrote it.
    pub epoch: u32,
    /// Stream or tenant; 0 today.
    pub stream: u32,
    /// Where it stands.
    pub position: Position,
    /// When the sequencer accepted it; never decreasing along the log.
    pub log_time: Time,
    /// The first 16 bytes of the BLAKE3 digest of the payload as it was written.
    pub digest: [u8; 16],
    /// Length of the payload in bytes.
    pub len: u32,
    /// The payload was erased: its bytes are a marker and `digest` is that of the original.
    pub erased: bool,
}

/// A record borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its header.
    pub header: RecordHeader,
    /// Its payload.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// A copy that outlives the buffer.
    pub fn to_owned(&self) -> OwnedRecord {
        OwnedRecord { header: self.header, payload: self.payload.to_vec() }
    }

    /// Whether the payload still has its digest. Reading checks a CRC; this is the cryptographic check, for audits.
    pub fn digest_holds(&self) -> bool {
        payload_digest(self.payload) == self.header.digest
    }
}

/// A record with its own payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedRecord {
    /// Its header.
    pub header: RecordHeader,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The truncated digest that stands in a record's header.
pub(crate) fn payload_digest(payload: &[u8]) -> [u8; 16] {
    let digest: Digest = blake3::hash(payload).into();
    *digest.first_chunk().expect("32 bytes hold 16")
}

//! An order-free digest of keyed content: equal content gives equal digests whatever the order, sharding or physical form.

use std::fmt;

/// Lane-wise sum of the BLAKE3 hashes of entries. Add the digests of the parts to get that of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u64; 4]);

impl Digest {
    /// Of nothing.
    pub const EMPTY: Digest = Digest([0; 4]);

    /// Adds one entry, given in canonical bytes.
    pub fn add_entry(&mut self, canonical: &[u8]) {
        let hash = *blake3::hash(canonical).as_bytes();
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(hash.chunks_exact(8)) {
            *lane = u64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
        }
        self.add(Digest(lanes));
    }

    /// Adds the digest of another part.
    pub fn add(&mut self, other: Digest) {
        for (lane, more) in self.0.iter_mut().zip(other.0) {
            *lane = lane.wrapping_add(more);
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

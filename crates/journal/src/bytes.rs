//! Little-endian fields at fixed offsets, the only encoding of this crate's files.

/// The `u32` at `at`; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The `u64` at `at`; the caller has checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// The `i64` at `at`; the caller has checked the length.
pub(crate) fn i64_at(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(array_at(bytes, at))
}

/// `N` bytes at `at`; the caller has checked the length.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    *bytes[at..].first_chunk().expect("layouts are read from buffers of their full size")
}

/// Writes `field` at `at`.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// Whether every byte is zero.
pub(crate) fn blank(bytes: &[u8]) -> bool {
    // Folding whole chunks, without an early exit inside, lets the compiler use wide registers.
    bytes.chunks(64).all(|chunk| chunk.iter().fold(0, |sum, &byte| sum | byte) == 0)
}

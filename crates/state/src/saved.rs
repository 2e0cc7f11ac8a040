//! Checkpoint bytes: what every component writes chunk by chunk, and the reader that trusts none of it.

use std::fmt;

/// A frozen component that can be written out chunk by chunk while the component goes on.
pub trait Snapshot: Send {
    /// How many chunks there are.
    fn chunks(&self) -> u32;

    /// Appends chunk `chunk` (below `chunks()`) to `out`.
    fn save(&self, chunk: u32, out: &mut Vec<u8>);
}

/// Checkpoint bytes that are damaged or belong to another plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// What does not fit.
    pub what: &'static str,
}

impl LoadError {
    pub(crate) const fn new(what: &'static str) -> LoadError {
        LoadError { what }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the checkpoint cannot be loaded: {}", self.what)
    }
}

impl std::error::Error for LoadError {}

/// Reads little-endian words and counted byte strings; every length is checked against what is left.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

const CUT: LoadError = LoadError::new("a chunk ends too early");

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    pub fn slice(&mut self, len: usize) -> Result<&'a [u8], LoadError> {
        let (head, rest) = self.bytes.split_at_checked(len).ok_or(CUT)?;
        self.bytes = rest;
        Ok(head)
    }

    /// One byte.
    ///
    /// # Errors
    /// None is left.
    pub fn u8(&mut self) -> Result<u8, LoadError> {
        Ok(self.slice(1)?[0])
    }

    /// A `u32`.
    ///
    /// # Errors
    /// Too few bytes are left.
    pub fn u32(&mut self) -> Result<u32, LoadError> {
        self.slice(4)?.try_into().map(u32::from_le_bytes).map_err(|_| CUT)
    }

    /// A `u64`.
    ///
    /// # Errors
    /// Too few bytes are left.
    pub fn u64(&mut self) -> Result<u64, LoadError> {
        self.slice(8)?.try_into().map(u64::from_le_bytes).map_err(|_| CUT)
    }

    /// An `i64`.
    ///
    /// # Errors
    /// Too few bytes are left.
    pub fn i64(&mut self) -> Result<i64, LoadError> {
        self.u64().map(|word| word as i64)
    }

    /// A `u32` count of things that take at least `each` bytes, so that no allocation trusts the input.
    ///
    /// # Errors
    /// The bytes left cannot hold that many.
    pub fn count(&mut self, each: usize) -> Result<usize, LoadError> {
        let count = self.u32()? as usize;
        if count <= self.bytes.len() / each.max(1) { Ok(count) } else { Err(CUT) }
    }

    /// A counted string.
    ///
    /// # Errors
    /// Too few bytes are left, or they are not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, LoadError> {
        let len = self.count(1)?;
        std::str::from_utf8(self.slice(len)?).map_err(|_| LoadError::new("a string is not UTF-8"))
    }

    /// `count` words.
    ///
    /// # Errors
    /// Too few bytes are left.
    pub fn words(&mut self, count: usize) -> Result<Vec<u64>, LoadError> {
        let bytes = self.slice(count.checked_mul(8).ok_or(CUT)?)?;
        Ok(bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("chunks of eight"))).collect())
    }
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

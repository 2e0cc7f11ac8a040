//! One file's bytes: what is on the disk, what the page cache shows, and the operations between them. A sector of 512 bytes is
//! kept whole, in one of the states that it went through.

use crate::rng::Rng;
use std::collections::BTreeMap;

const SECTOR: usize = 512;

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    durable: Vec<u8>,
    cached: Vec<u8>,
    pending: Vec<Op>,
}

#[derive(Clone, Debug)]
enum Op {
    Write(usize, Vec<u8>),
    Resize(usize),
}

/// A change of the directory.
#[derive(Clone, Debug)]
pub(crate) enum DirOp {
    Create { name: String, inode: u64 },
    Rename { from: String, to: String, inode: u64 },
    Remove { name: String },
}

impl DirOp {
    pub(crate) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            DirOp::Create { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            DirOp::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
            DirOp::Remove { name } => {
                names.remove(name);
            }
        }
    }
}

/// What a crash leaves of unsynced directory operations: mostly a prefix, sometimes any subset.
pub(crate) fn crash_directory(names: &mut BTreeMap<String, u64>, ops: Vec<DirOp>, keep: u64, rng: &mut Rng) {
    if rng.percent(70) {
        let kept = if rng.percent(keep) { ops.len() as u64 } else { rng.below(ops.len() as u64 + 1) };
        ops.iter().take(kept as usize).for_each(|op| op.apply(names));
    } else {
        ops.iter().for_each(|op| {
            if rng.percent(keep) {
                op.apply(names);
            }
        });
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

impl Op {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Op::Write(offset, data) => put(bytes, *offset, data),
            Op::Resize(len) => bytes.resize(*len, 0),
        }
    }

    /// The length that a file of `len` bytes has after it.
    fn length(&self, len: usize) -> usize {
        match self {
            Op::Write(offset, data) => len.max(offset + data.len()),
            Op::Resize(to) => *to,
        }
    }
}

impl Image {
    pub(crate) fn len(&self) -> u64 {
        self.cached.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let start = (offset as usize).min(self.cached.len());
        let count = buf.len().min(self.cached.len() - start);
        buf[..count].copy_from_slice(&self.cached[start..start + count]);
        count
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) {
        self.add(Op::Write(offset as usize, data.to_vec()));
    }

    pub(crate) fn resize(&mut self, len: u64) {
        self.add(Op::Resize(len as usize));
    }

    fn add(&mut self, op: Op) {
        op.apply(&mut self.cached);
        self.pending.push(op);
    }

    /// Everything pending reaches the disk.
    pub(crate) fn sync(&mut self) {
        for op in self.pending.drain(..) {
            op.apply(&mut self.durable);
        }
    }

    /// The sync fails: some of it reached the disk, the rest is dropped, and the cache calls all of it clean.
    pub(crate) fn fail_sync(&mut self, rng: &mut Rng) {
        let cached = self.cached.clone();
        self.crash(50, rng);
        self.cached = cached;
    }

    /// Clean pages are read from the disk again.
    pub(crate) fn evict(&mut self) {
        self.cached = self.durable.clone();
        self.pending.iter().for_each(|op| op.apply(&mut self.cached));
    }

    /// Every sector that was written is in one of the states it went through; so is the length.
    pub(crate) fn crash(&mut self, keep: u64, rng: &mut Rng) {
        let pending = std::mem::take(&mut self.pending);
        let mut lengths = vec![self.durable.len()];
        let mut sectors: BTreeMap<usize, u64> = BTreeMap::new();
        for op in &pending {
            let before = lengths[lengths.len() - 1];
            lengths.push(op.length(before));
            if let Op::Write(offset, data) = op
                && !data.is_empty()
            {
                (offset / SECTOR..=(offset + data.len() - 1) / SECTOR)
                    .for_each(|at| *sectors.entry(at).or_default() += 1);
            }
        }
        let newest = lengths.len() as u64 - 1;
        if rng.percent(25) {
            let all: u64 = sectors.values().sum();
            return self.crash_in_order(&pending, rng.below(all + 1));
        }
        let at = if rng.percent(keep) { newest } else { rng.below(newest + 1) };
        let len = lengths[at as usize];
        for (&sector, &states) in &sectors {
            let kept = if rng.percent(keep) { states } else { rng.below(states) };
            self.keep_sector(sector, kept, &pending);
        }
        self.durable.resize(len, 0);
        self.cached = self.durable.clone();
    }

    /// The disk took the sectors in the order in which they were written, and stopped after `left` of them.
    fn crash_in_order(&mut self, pending: &[Op], mut left: u64) {
        for op in pending {
            let Op::Write(offset, data) = op else {
                op.apply(&mut self.durable);
                continue;
            };
            let end = (offset / SECTOR + left as usize) * SECTOR;
            let kept = end.saturating_sub(*offset).min(data.len());
            if kept > 0 {
                put(&mut self.durable, *offset, &data[..kept]);
            }
            left = left.saturating_sub(((offset + data.len()).div_ceil(SECTOR) - offset / SECTOR) as u64);
        }
        self.cached = self.durable.clone();
    }

    /// Applies the first `kept` writes that touch a sector to it.
    fn keep_sector(&mut self, sector: usize, kept: u64, pending: &[Op]) {
        let (start, end) = (sector * SECTOR, (sector + 1) * SECTOR);
        let writes = pending.iter().filter_map(|op| match op {
            Op::Write(offset, data) if *offset < end && offset + data.len() > start => Some((*offset, data)),
            _ => None,
        });
        for (offset, data) in writes.take(kept as usize) {
            let (from, to) = (offset.max(start), (offset + data.len()).min(end));
            put(&mut self.durable, from, &data[from - offset..to - offset]);
        }
    }

    pub(crate) fn rot(&mut self, offset: u64, bit: u8) -> bool {
        let at = offset as usize;
        if at >= self.durable.len() || at >= self.cached.len() {
            return false;
        }
        self.durable[at] ^= 1 << (bit % 8);
        self.cached[at] ^= 1 << (bit % 8);
        true
    }

    pub(crate) fn blank_from(&mut self, offset: u64) {
        for bytes in [&mut self.durable, &mut self.cached] {
            let at = (offset as usize).min(bytes.len());
            bytes[at..].fill(0);
        }
    }
}

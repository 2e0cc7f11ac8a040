//! The journal under test from outside: on a faulty disk in memory, on a real directory, byte by byte, against fixed files.
#![allow(clippy::unwrap_used, reason = "tests")]

mod checkpoints;
mod faults;
mod files;
mod golden;
mod log;
mod mem_disk;
mod reading;
mod sweep;

use domain::{Position, Time};
use journal::{Error, Opened, Options, OwnedRecord, Reader, Verify};
use mem_disk::MemDisk;
use std::sync::Arc;

/// A small deterministic generator (splitmix64).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Small segments, so that a short run has many.
const SMALL: Options = Options { segment_bytes: 4096, verify: Verify::Newest };

fn open_small(disk: &Arc<MemDisk>) -> Result<Opened<MemDisk>, Error> {
    journal::open(Arc::clone(disk), SMALL)
}

/// Appends `payloads` as one batch (`log_time` is the position) and commits it.
fn commit<D: journal::Disk>(opened: &mut Opened<D>, payloads: &[&[u8]]) -> Result<Position, Error> {
    for payload in payloads {
        let time = Time(opened.appender.position().next().0 as i64);
        opened.appender.append(7, time, payload);
    }
    let batch = opened.appender.take().unwrap();
    opened.writer.commit(&batch)
}

/// Everything that is kept.
fn read_all<D: journal::Disk>(reader: &Reader<D>) -> Result<Vec<OwnedRecord>, Error> {
    let mut records = reader.iter_from(reader.first())?;
    let mut all = Vec::new();
    while let Some(record) = records.next()? {
        all.push(record.to_owned());
    }
    Ok(all)
}

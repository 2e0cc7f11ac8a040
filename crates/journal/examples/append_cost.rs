//! Prints what appending costs: nanoseconds per record in memory, and per batch of 1000 x 150 bytes on a real directory.
//! `cargo run --release -p journal --example append_cost [directory]`

use domain::Time;
use journal::{FileDisk, Options};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).map_or_else(
        || std::env::temp_dir().join(format!("journal-cost-{}", std::process::id())),
        std::path::PathBuf::from,
    );
    let mut opened = journal::open(Arc::new(FileDisk::open(&path)?), Options::default())?;
    let payload = [7; 150];
    let (mut append, mut commits) = (Duration::ZERO, Vec::new());
    const BATCHES: u32 = 600;
    for turn in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..1000 {
            opened.appender.append(1, Time(i64::from(turn)), &payload);
        }
        append += start.elapsed();
        let batch = opened.appender.take().ok_or("a batch was appended")?;
        let start = Instant::now();
        opened.writer.commit(&batch)?;
        commits.push(start.elapsed());
        opened.appender.recycle(batch);
    }
    commits.sort();
    let median = commits[commits.len() / 2];
    println!("append {:.1} ns/record", append.as_nanos() as f64 / f64::from(BATCHES * 1000));
    println!("commit of 1000 x 150 B: median {median:?}, p99 {:?}", commits[commits.len() * 99 / 100]);
    let start = Instant::now();
    for _ in 0..100_000 {
        std::hint::black_box(blake3::hash(std::hint::black_box(&payload)));
    }
    println!("of which digest {:.1} ns/record", start.elapsed().as_nanos() as f64 / 1e5);
    let start = Instant::now();
    let mut records = opened.reader.iter_from(opened.reader.first())?;
    let mut count = 0u32;
    while records.next()?.is_some() {
        count += 1;
    }
    println!("read back {:.1} ns/record ({count})", start.elapsed().as_nanos() as f64 / f64::from(count));
    opened.writer.close();
    std::fs::remove_dir_all(&path)?;
    Ok(())
}

//! Appending, committing, reading, seeking, retaining, reopening, without faults.

use crate::mem_disk::MemDisk;
use crate::{commit, open_small, read_all};
use domain::{Position, Time};
use journal::{Error, Options, Verify};
use proptest::prelude::*;
use std::sync::Arc;

#[test]
fn what_is_committed_is_read_back() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    assert_eq!(opened.recovery.first, Position(1));
    assert_eq!((opened.recovery.last, opened.recovery.epoch), (Position(0), 1));
    assert_eq!(opened.appender.append(3, Time(-5), b"one"), Position(1));
    assert_eq!(opened.appender.append(4, Time(9), b""), Position(2));
    assert_eq!(opened.appender.pending_bytes(), 3);
    assert_eq!(opened.reader.record(Position(1)).unwrap(), None, "not durable yet");
    let batch = opened.appender.take().unwrap();
    assert!(opened.appender.take().is_none());
    assert_eq!(opened.writer.commit(&batch).unwrap(), Position(2));
    opened.appender.recycle(batch);
    let all = read_all(&opened.reader).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].payload, b"one");
    let header = all[1].header;
    assert_eq!((header.kind, header.epoch, header.stream, header.len, header.erased), (4, 1, 0, 0, false));
    assert_eq!((header.position, header.log_time), (Position(2), Time(9)));
    assert_eq!(header.digest, blake3::hash(b"").as_bytes()[..16]);
}

#[test]
fn a_stream_goes_on_when_more_is_durable() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    let mut records = opened.reader.iter_from(Position(0)).unwrap();
    for n in 0..100u8 {
        assert!(records.next().unwrap().is_none());
        commit(&mut opened, &[&[n; 150], b"x"]).unwrap();
        assert_eq!(records.next().unwrap().unwrap().payload, [n; 150]);
        assert!(records.next().unwrap().unwrap().digest_holds());
    }
    assert!(disk.image().len() > 3, "segments have rolled");
}

#[test]
fn epochs_grow_and_batches_out_of_order_are_refused() {
    let disk = Arc::new(MemDisk::default());
    for epoch in 1..200 {
        let mut opened = open_small(&disk).unwrap();
        assert_eq!(opened.recovery.epoch, epoch);
        if epoch % 50 == 0 {
            opened.appender.append(1, Time(0), b"lost");
            drop(opened.appender.take());
            opened.appender.append(1, Time(0), b"skips one");
            let batch = opened.appender.take().unwrap();
            let refused = opened.writer.commit(&batch);
            assert!(matches!(refused, Err(Error::OutOfOrder { .. })));
        }
        disk.restart();
    }
}

#[test]
fn retention_drops_whole_segments_and_says_so() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    for n in 0..100u8 {
        commit(&mut opened, &[&[n; 300]]).unwrap();
    }
    let chain = opened.reader.chain_at(Position(49)).unwrap();
    let mut overtaken = opened.reader.iter_from(Position(1)).unwrap();
    let first = opened.writer.retain_from(Position(50)).unwrap();
    assert!(first <= Position(50) && first > Position(30), "{first}");
    assert_eq!(opened.reader.first(), first);
    assert_eq!(opened.reader.replay_from(), Position(101), "no checkpoint: nothing to start from");
    assert!(matches!(opened.reader.iter_from(Position(1)), Err(Error::NotRetained { .. })));
    assert!(matches!(opened.reader.record(Position(1)), Err(Error::NotRetained { .. })));
    assert_eq!(opened.reader.chain_at(Position(49)).unwrap(), chain);
    let error = loop {
        match overtaken.next() {
            Ok(record) => assert!(record.is_some(), "a stream never ends early"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::NotRetained { .. }), "{error}");
    disk.restart();
    let opened = open_small(&disk).unwrap();
    assert_eq!(opened.recovery.first, first);
    assert_eq!(read_all(&opened.reader).unwrap().len() as u64, 101 - first.0);
    assert_eq!(opened.reader.chain_at(Position(49)).unwrap(), chain);
    let before = opened.reader.chain_at(Position(first.0 - 1)).unwrap();
    assert_ne!(before, chain);
}

#[test]
fn large_batches_are_cut_into_groups_and_get_a_segment() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    let big = vec![5; 3 << 20];
    commit(&mut opened, &[b"small"]).unwrap();
    commit(&mut opened, &[&big, &big, &big]).unwrap();
    commit(&mut opened, &[b"after"]).unwrap();
    disk.restart();
    let opened = open_small(&disk).unwrap();
    let all = read_all(&opened.reader).unwrap();
    assert_eq!(all.iter().map(|record| record.payload.len()).collect::<Vec<_>>(), [5, 3 << 20, 3 << 20, 3 << 20, 5]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// Any batches, any reopening: the log is the concatenation, by stream, by position and by time.
    #[test]
    fn the_log_is_what_was_appended(
        batches in prop::collection::vec((prop::collection::vec((0usize..700, 0i64..3), 1..12), any::<bool>()), 1..30),
        segment_bytes in 600u64..9000,
    ) {
        let options = Options { segment_bytes, verify: Verify::All };
        let disk = Arc::new(MemDisk::default());
        let mut opened = journal::open(Arc::clone(&disk), options).unwrap();
        let mut model: Vec<(Time, Vec<u8>)> = Vec::new();
        let mut time = -4;
        for (records, reopen) in batches {
            for (len, step) in records {
                time += step;
                let payload = vec![model.len() as u8; len];
                let position = opened.appender.append(1, Time(time), &payload);
                model.push((Time(time), payload));
                prop_assert_eq!(position, Position(model.len() as u64));
            }
            let batch = opened.appender.take().unwrap();
            opened.writer.commit(&batch).unwrap();
            opened.appender.recycle(batch);
            if reopen {
                opened.writer.close();
                disk.restart();
                opened = journal::open(Arc::clone(&disk), options).unwrap();
                prop_assert_eq!(opened.recovery.truncated_bytes, 0);
                prop_assert_eq!(opened.recovery.last, Position(model.len() as u64));
                prop_assert_eq!(opened.recovery.last_log_time, Time(time));
            }
        }
        let all = read_all(&opened.reader).unwrap();
        prop_assert_eq!(all.len(), model.len());
        for (record, (time, payload)) in all.iter().zip(&model) {
            prop_assert_eq!(&record.payload, payload);
            prop_assert_eq!(record.header.log_time, *time);
            prop_assert_eq!(&opened.reader.record(record.header.position).unwrap().unwrap(), record);
        }
        for probe in -6..time + 2 {
            let expected = model.partition_point(|(at, _)| at.0 < probe) as u64 + 1;
            prop_assert_eq!(opened.reader.position_at(Time(probe)).unwrap(), Position(expected));
        }
    }
}

#[test]
fn unknown_and_missing_files_are_named() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    for n in 0..60u8 {
        commit(&mut opened, &[&[n; 300]]).unwrap();
    }
    opened.writer.close();
    let image = disk.image();
    let mut extra = image.clone();
    extra.insert("notes.txt".into(), b"hello".to_vec());
    assert!(
        matches!(open_small(&MemDisk::from_image(&extra)), Err(Error::UnknownFile { name }) if name == "notes.txt")
    );
    let segments: Vec<&String> = image.keys().filter(|name| name.starts_with("segment-")).collect();
    assert!(segments.len() > 3);
    let mut hole = image.clone();
    hole.remove(segments[1]);
    assert!(matches!(open_small(&MemDisk::from_image(&hole)), Err(Error::MissingSegment { .. })));
    let mut short = image.clone();
    short.remove(*segments.last().unwrap());
    assert!(matches!(open_small(&MemDisk::from_image(&short)), Err(Error::EndsEarly { .. })));
    let mut empty = image.clone();
    empty.retain(|name, _| name == "WATERMARK");
    assert!(matches!(open_small(&MemDisk::from_image(&empty)), Err(Error::EndsEarly { .. })));
    let mut swapped = image.clone();
    swapped.insert(segments[1].clone(), image[segments[2]].clone());
    assert!(matches!(open_small(&MemDisk::from_image(&swapped)), Err(Error::Damaged { .. })));
}

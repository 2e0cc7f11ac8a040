//! Every byte of a small directory flipped, every length cut: a named error, or the loss of the last group, or nothing
//! at all; never other data.

use crate::mem_disk::MemDisk;
use crate::{SMALL, commit, open_small, read_all};
use domain::Position;
use journal::{CheckpointWriter, Error, Options, OwnedRecord, Verify, load_checkpoint};
use std::collections::BTreeMap;
use std::sync::Arc;

type Image = BTreeMap<String, Vec<u8>>;

/// Segments of 1 KiB, two runs, two checkpoints. `closed`: with a watermark at the end.
fn small_log(closed: bool) -> (Image, Vec<OwnedRecord>) {
    let options = Options { segment_bytes: 1200, verify: Verify::All };
    let disk = Arc::new(MemDisk::default());
    for run in 0..2u8 {
        let mut opened = journal::open(Arc::clone(&disk), options).unwrap();
        for n in 0..4u8 {
            commit(&mut opened, &[&[run * 16 + n; 40], b"second"]).unwrap();
        }
        let at = opened.reader.last();
        let mut checkpoint = CheckpointWriter::begin(&opened.reader, at, [1; 32]).unwrap();
        checkpoint.begin_section(5).unwrap();
        checkpoint.write(&[run; 100]).unwrap();
        checkpoint.finish([2; 32], |_| Vec::new()).unwrap();
        commit(&mut opened, &[b"the last"]).unwrap();
        if run == 1 {
            let all = read_all(&opened.reader).unwrap();
            if closed {
                opened.writer.close();
            }
            return (disk.image(), all);
        }
        disk.restart();
    }
    unreachable!("the second run returns")
}

/// Opens and reads everything; `Ok` carries how many records were lost at the end.
fn outcome(image: &Image, expected: &[OwnedRecord]) -> Result<usize, Error> {
    let disk = MemDisk::from_image(image);
    let mut opened = journal::open(Arc::clone(&disk), Options { verify: Verify::All, ..SMALL })?;
    let all = read_all(&opened.reader)?;
    assert_eq!(all, expected[..all.len()], "wrong data");
    let loaded = load_checkpoint(&opened.reader)?;
    if let Some(mut checkpoint) = loaded.checkpoint {
        assert_eq!(checkpoint.next_section()?, Some(5));
        let mut bytes = Vec::new();
        checkpoint.read_section(&mut bytes)?;
        assert!(bytes == [0; 100] || bytes == [1; 100]);
    }
    // Whatever was mended must hold: append, come back, look again.
    commit(&mut opened, &[b"more"])?;
    disk.restart();
    let opened = open_small(&disk)?;
    assert_eq!(read_all(&opened.reader)?.len(), all.len() + 1);
    Ok(expected.len() - all.len())
}

#[test]
fn every_byte_flipped() {
    for closed in [false, true] {
        let (image, expected) = small_log(closed);
        let (mut refused, mut cut) = (0, 0);
        for (name, content) in &image {
            for at in 0..content.len() {
                let mut flipped = image.clone();
                flipped.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
                match outcome(&flipped, &expected) {
                    Ok(0) => {}
                    Ok(lost) => {
                        assert!(!closed && lost == 1, "{name} at {at}: lost {lost} (closed: {closed})");
                        cut += 1;
                    }
                    Err(Error::Io { .. }) => panic!("{name} at {at}: not a named error"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 2000 && (cut > 50) != closed, "refused {refused}, cut {cut}");
    }
}

#[test]
fn every_length_cut() {
    let (image, expected) = small_log(true);
    for (name, content) in &image {
        for len in 0..content.len() {
            let mut cut = image.clone();
            cut.get_mut(name).unwrap().truncate(len);
            match outcome(&cut, &expected) {
                Ok(lost) => assert_eq!(lost, 0, "{name} cut to {len}"),
                Err(Error::Io { .. }) => panic!("{name} cut to {len}: not a named error"),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn a_forged_group_needs_the_salt() {
    // Bytes that look like later groups and claim a long synced prefix, behind a torn group.
    let options = Options { segment_bytes: 1 << 16, verify: Verify::Newest };
    let disk = Arc::new(MemDisk::default());
    let mut opened = journal::open(Arc::clone(&disk), options).unwrap();
    commit(&mut opened, &[b"first"]).unwrap();
    let real = disk.image()["segment-00000000000000000001"].clone();
    // Another log gives the forger a well-formed group that claims a long synced prefix, under another salt.
    let other = Arc::new(MemDisk::default());
    let mut forger = journal::open(Arc::clone(&other), options).unwrap();
    other.restart();
    drop(forger);
    forger = journal::open(Arc::clone(&other), options).unwrap();
    for _ in 0..8 {
        commit(&mut forger, &[&[9; 900]]).unwrap();
    }
    disk.restart();
    drop(opened);
    let mut image = disk.image();
    let content = image.get_mut("segment-00000000000000000001").unwrap();
    let used = real.iter().rposition(|&byte| byte != 0).unwrap().next_multiple_of(8) + 8;
    let stolen = other.image()["segment-00000000000000000001"][512..8000].to_vec();
    content[512..520].fill(0xff);
    content[used..used + stolen.len()].copy_from_slice(&stolen);
    // Both logs start alike, so their salts are equal here: the claim is believed, and the log is refused by name.
    let same_salt = matches!(open_small(&MemDisk::from_image(&image)), Err(Error::Damaged { .. }));
    assert!(same_salt);
    // A later segment has the chain in its salt, which a forger does not know: the same bytes are a torn tail.
    let later = Arc::new(MemDisk::default());
    let mut opened = open_small(&later).unwrap();
    for n in 0..12u8 {
        commit(&mut opened, &[&[n; 600]]).unwrap();
    }
    let last = opened.reader.last();
    let mut image = later.image();
    let (_, content) = image.iter_mut().rfind(|(name, _)| name.starts_with("segment-")).unwrap();
    let used = content.iter().rposition(|&byte| byte != 0).unwrap().next_multiple_of(8) + 8;
    content.resize(used + stolen.len(), 0);
    content[used..].copy_from_slice(&stolen);
    let opened = open_small(&MemDisk::from_image(&image)).unwrap();
    assert!(opened.recovery.truncated_bytes > 7000);
    assert_eq!(opened.recovery.last, last);
    assert!(last > Position(10));
}

/// One segment with a commit for each payload, and no other file that could witness anything.
fn bare(payloads: &[&[u8]]) -> Image {
    let disk = Arc::new(MemDisk::default());
    let mut opened = journal::open(Arc::clone(&disk), Options { segment_bytes: 1 << 16, verify: Verify::All }).unwrap();
    for payload in payloads {
        commit(&mut opened, &[payload]).unwrap();
    }
    let mut image = disk.image();
    image.retain(|name, _| name.starts_with("segment-"));
    image
}

/// Bytes of a group of one record with an 8-byte payload, padding included.
const GROUP: usize = (96 + 36 + 8 + 8usize).next_multiple_of(8);

fn group_at(n: usize) -> usize {
    512 + n * GROUP
}

#[test]
fn damage_before_a_synced_group_is_refused_and_in_the_last_group_cut() {
    let image = bare(&[b"record 1", b"record 2", b"record 3"]);
    for at in 512..group_at(3) {
        let mut flipped = image.clone();
        flipped.values_mut().next().unwrap()[at] ^= 0x10;
        match open_small(&MemDisk::from_image(&flipped)) {
            Err(Error::Damaged { offset, position, .. }) => {
                assert!(at < group_at(2));
                assert_eq!(
                    (offset as usize, position.0 as usize),
                    (group_at((at - 512) / GROUP), 1 + (at - 512) / GROUP)
                );
            }
            Err(error) => panic!("byte {at}: {error}"),
            Ok(opened) => assert!(at >= group_at(2) && opened.recovery.last == Position(2), "byte {at}"),
        }
    }
}

#[test]
fn a_torn_tail_is_zeroed() {
    let mut image = bare(&[b"record 1", b"record 2", b"record 3"]);
    image.values_mut().next().unwrap()[group_at(2)] ^= 1;
    let disk = MemDisk::from_image(&image);
    let opened = open_small(&disk).unwrap();
    assert_eq!(opened.recovery.truncated_bytes, GROUP as u64 - 4, "to the last byte that is not zero");
    // Behind the new writer's empty group nothing is left of the old bytes.
    let content = disk.image().remove("segment-00000000000000000001").unwrap();
    assert!(content[group_at(2) + 96..].iter().all(|&byte| byte == 0));
}

#[test]
fn a_group_of_another_history_breaks_the_chain() {
    let mut image = bare(&[b"record 1", b"record 2", b"record 3"]);
    let other = bare(&[b"RECORD 1", b"RECORD 2", b"RECORD 3"]);
    let stolen = &other.values().next().unwrap()[group_at(1)..group_at(2)];
    image.values_mut().next().unwrap()[group_at(1)..group_at(2)].copy_from_slice(stolen);
    let refused = open_small(&MemDisk::from_image(&image));
    assert!(matches!(refused, Err(Error::Damaged { reason: "the chain does not continue", .. })));
}

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
        checkpoint.finish([2; 32]).unwrap();
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
fn a_payload_cannot_pass_for_a_group() {
    // A torn group whose payload is a copy of a real, later group of the same log must still be cut, not refused.
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

//! Checkpoints: sections of any size, two copies, fall back by name.

use crate::mem_disk::MemDisk;
use crate::{Rng, commit, open_small};
use domain::Position;
use journal::{CheckpointWriter, Error, Opened, load_checkpoint};
use std::sync::Arc;

fn checkpoint(opened: &Opened<MemDisk>, at: u64, sections: &[(u32, Vec<u8>)]) {
    let mut writer = CheckpointWriter::begin(&opened.reader, Position(at), [1; 32]).unwrap();
    for (tag, bytes) in sections {
        writer.begin_section(*tag).unwrap();
        for piece in bytes.chunks(300_000) {
            writer.write(piece).unwrap();
        }
    }
    let manifest = writer.finish([at as u8; 32]).unwrap();
    assert_eq!(manifest.newest.position, Position(at));
}

fn log() -> (Arc<MemDisk>, Opened<MemDisk>) {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    for n in 0..20u8 {
        commit(&mut opened, &[&[n; 200], &[n; 3]]).unwrap();
    }
    (disk, opened)
}

#[test]
fn sections_come_back_as_they_were() {
    let (_, opened) = log();
    assert!(load_checkpoint(&opened.reader).unwrap().checkpoint.is_none());
    let mut rng = Rng(1);
    let sections: Vec<(u32, Vec<u8>)> = [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000, 0]
        .into_iter()
        .enumerate()
        .map(|(tag, len)| (tag as u32 / 2, rng.bytes(len)))
        .collect();
    checkpoint(&opened, 7, &sections);
    let loaded = load_checkpoint(&opened.reader).unwrap();
    assert!(loaded.rejected.is_empty());
    let mut reader = loaded.checkpoint.unwrap();
    assert_eq!((reader.entry().position, reader.entry().state), (Position(7), [7; 32]));
    assert_eq!(reader.entry().chain, opened.reader.chain_at(Position(7)).unwrap());
    for (tag, bytes) in &sections {
        assert_eq!(reader.next_section().unwrap(), Some(*tag));
        let mut read = Vec::new();
        reader.read_section(&mut read).unwrap();
        assert!(read == *bytes);
        assert!(reader.read().unwrap().is_none());
    }
    assert_eq!(reader.next_section().unwrap(), None);
    // Skipping works as well as reading.
    let mut reader = load_checkpoint(&opened.reader).unwrap().checkpoint.unwrap();
    for (tag, _) in &sections {
        assert_eq!(reader.next_section().unwrap(), Some(*tag));
    }
    assert_eq!(reader.next_section().unwrap(), None);
}

#[test]
fn damage_falls_back_to_the_one_before_then_to_none() {
    let (disk, opened) = log();
    for at in [5, 9, 13] {
        checkpoint(&opened, at, &[(1, vec![at as u8; 50])]);
    }
    drop(opened);
    let names: Vec<String> = disk.image().into_keys().filter(|name| name.starts_with("checkpoint-")).collect();
    assert_eq!(names.len(), 2, "two are kept");
    let mut image = disk.image();
    let positions = |image: &std::collections::BTreeMap<String, Vec<u8>>| {
        let opened = open_small(&MemDisk::from_image(image)).unwrap();
        let loaded = load_checkpoint(&opened.reader).unwrap();
        (loaded.checkpoint.map(|checkpoint| checkpoint.entry().position.0), loaded.rejected.len())
    };
    assert_eq!(positions(&image), (Some(13), 0));
    image.get_mut("MANIFEST").unwrap()[40] ^= 1;
    assert_eq!(positions(&image), (Some(13), 1));
    image.remove("MANIFEST");
    assert_eq!(positions(&image), (Some(13), 0));
    image = disk.image();
    image.get_mut(&names[1]).unwrap()[200] ^= 1;
    assert_eq!(positions(&image), (Some(9), 1));
    image.remove(&names[0]);
    assert_eq!(positions(&image), (None, 2));
}

#[test]
fn a_checkpoint_of_another_log_or_ahead_of_it_is_refused() {
    let (disk, opened) = log();
    assert!(matches!(CheckpointWriter::begin(&opened.reader, Position(41), [0; 32]), Err(Error::BeyondEnd { .. })));
    checkpoint(&opened, 40, &[]);
    let other = Arc::new(MemDisk::default());
    let mut opened = open_small(&other).unwrap();
    commit(&mut opened, &[b"another history"]).unwrap();
    let mut image = other.image();
    for (name, content) in disk.image() {
        if name.starts_with("checkpoint-") || name == "MANIFEST" {
            image.insert(name, content);
        }
    }
    let refused = open_small(&MemDisk::from_image(&image));
    assert!(matches!(refused, Err(Error::EndsEarly { witnessed: Position(40), .. })));
    for _ in 0..50 {
        commit(&mut opened, &[b"more"]).unwrap();
    }
    for (name, content) in other.image() {
        if name.starts_with("segment-") {
            image.insert(name, content);
        }
    }
    let opened = open_small(&MemDisk::from_image(&image)).unwrap();
    let loaded = load_checkpoint(&opened.reader).unwrap();
    assert!(loaded.checkpoint.is_none());
    assert!(matches!(loaded.rejected[..], [Error::CheckpointDamaged { .. }]));
}

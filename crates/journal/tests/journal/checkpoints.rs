//! Checkpoints: sections of any size, two copies and those that are kept, fall back by name.

use crate::mem_disk::MemDisk;
use crate::{Rng, commit, open_small};
use domain::Position;
use journal::{CheckpointWriter, Error, KEPT_MAX, Manifest, Opened, load_checkpoint, load_checkpoint_before};
use std::sync::Arc;

fn checkpoint(opened: &Opened<MemDisk>, at: u64, sections: &[(u32, Vec<u8>)]) {
    let mut writer = CheckpointWriter::begin(&opened.reader, Position(at), [1; 32]).unwrap();
    for (tag, bytes) in sections {
        writer.begin_section(*tag).unwrap();
        for piece in bytes.chunks(300_000) {
            writer.write(piece).unwrap();
        }
    }
    let manifest = writer.finish([at as u8; 32], |_| Vec::new()).unwrap();
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

/// A checkpoint without sections, after which every one that there is stays named that `keep` says.
fn ladder(opened: &Opened<MemDisk>, at: u64, plan: u8, keep: impl Fn(u64) -> bool) -> Manifest {
    let writer = CheckpointWriter::begin(&opened.reader, Position(at), [plan; 32]).unwrap();
    let chosen = |all: &Manifest| all.kept.iter().copied().filter(|entry| keep(entry.position.0)).collect();
    writer.finish([0; 32], chosen).unwrap()
}

fn kept(manifest: &Manifest) -> Vec<u64> {
    manifest.kept.iter().map(|entry| entry.position.0).collect()
}

fn before(opened: &Opened<MemDisk>, at: u64, plan: u8) -> (Option<u64>, usize) {
    let loaded = load_checkpoint_before(&opened.reader, Position(at), &[plan; 32]).unwrap();
    (loaded.checkpoint.map(|checkpoint| checkpoint.entry().position.0), loaded.rejected.len())
}

#[test]
fn kept_checkpoints_are_found_by_position_and_plan() {
    let (disk, opened) = log();
    for (at, plan) in [(4, 1), (8, 1), (12, 2), (16, 2), (20, 1), (24, 1)] {
        ladder(&opened, at, plan, |kept| kept != 8);
    }
    let manifest = ladder(&opened, 28, 1, |kept| kept != 8);
    assert_eq!(kept(&manifest), [4, 12, 16, 20]);
    assert_eq!((manifest.previous.unwrap().position, manifest.newest.position), (Position(24), Position(28)));
    assert_eq!(manifest.oldest().position, Position(4));
    // `commit` takes the position for the time.
    assert!(manifest.kept.iter().all(|entry| entry.log_time.0 == entry.position.0 as i64));
    drop(opened);
    let mut image = disk.image();
    assert_eq!(image.keys().filter(|name| name.starts_with("checkpoint-")).count(), 6, "the others are gone");
    let found = |image: &_| {
        let opened = open_small(&MemDisk::from_image(image)).unwrap();
        [(40, 1), (23, 1), (19, 1), (15, 2), (11, 2), (3, 1), (40, 3)].map(|(at, plan)| before(&opened, at, plan))
    };
    let all = [Some(28), Some(20), Some(4), Some(12), None, None, None];
    assert_eq!(found(&image), all.map(|position| (position, 0)));
    let manifest = image.remove("MANIFEST").unwrap();
    assert_eq!(found(&image), all.map(|position| (position, 0)), "the files say the same");
    image.insert("MANIFEST".into(), manifest);
    image.get_mut("checkpoint-00000000000000000005").unwrap()[10] ^= 1;
    assert_eq!(found(&image)[1], (Some(4), 1), "the next older one takes the place of a damaged one");
}

#[test]
fn the_number_of_kept_checkpoints_is_bounded_and_the_oldest_stays() {
    let (disk, mut opened) = log();
    let mut last = None;
    for at in 1..=KEPT_MAX as u64 + 5 {
        last = Some(ladder(&opened, at, 1, |_| true));
    }
    let manifest = last.unwrap();
    assert_eq!(kept(&manifest), (1..=KEPT_MAX as u64).collect::<Vec<_>>());
    assert_eq!(opened.reader.replay_from(), Position(1), "the log is whole");
    let first = opened.writer.retain_from(manifest.oldest().position.next()).unwrap();
    assert_eq!(first, Position(1), "a segment is dropped whole or not at all");
    let manifest = ladder(&opened, 38, 1, |kept| kept >= 14);
    assert_eq!(kept(&manifest), [14, KEPT_MAX as u64 + 4]);
    let mut first = Position(1);
    for at in [39, 40] {
        let manifest = ladder(&opened, at, 1, |kept| kept > 14);
        first = opened.writer.retain_from(manifest.oldest().position.next()).unwrap();
        assert!(first > Position(1) && first <= manifest.oldest().position.next());
        assert_eq!(opened.reader.replay_from(), manifest.oldest().position.next());
    }
    let replay_from = opened.reader.replay_from();
    disk.restart();
    let opened = open_small(&disk).unwrap();
    assert_eq!((opened.reader.first(), opened.reader.replay_from()), (first, replay_from));
    assert_eq!(before(&opened, replay_from.0 - 1, 1), (Some(replay_from.0 - 1), 0));
}

//! Reading beside a writer, and a directory that nobody writes to.

use crate::mem_disk::MemDisk;
use crate::{commit, open_small, read_all};
use domain::Position;
use journal::{Error, FileDisk, Options, open_to_read};
use std::sync::Arc;

#[test]
fn beside_a_writer_what_a_later_group_proves_is_read() {
    let folder = std::env::temp_dir().join(format!("millrace-reading-{}", std::process::id()));
    let disk = || Arc::new(FileDisk::open_to_read(&folder).unwrap());
    let mut opened = journal::open(Arc::new(FileDisk::open(&folder).unwrap()), Options::default()).unwrap();
    commit(&mut opened, &[b"one", b"two"]).unwrap();
    let beside = open_to_read(disk()).unwrap();
    assert!(beside.beside_writer);
    assert_eq!(beside.reader.last(), Position(0), "nothing proves the first group yet");
    commit(&mut opened, &[b"three"]).unwrap();
    let beside = open_to_read(disk()).unwrap();
    assert_eq!(read_all(&beside.reader).unwrap().len(), 2);
    opened.writer.witness();
    let beside = open_to_read(disk()).unwrap();
    assert_eq!(read_all(&beside.reader).unwrap().len(), 3, "the writer rests, and its watermark says how far");
    opened.writer.close();
    drop((opened.reader, opened.appender));
    let alone = open_to_read(disk()).unwrap();
    assert_eq!((alone.beside_writer, alone.reader.last()), (false, Position(3)));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_writer_at_rest_writes_its_watermark_once_and_syncs_nothing() {
    let disk = Arc::new(MemDisk::default());
    let mut opened = open_small(&disk).unwrap();
    commit(&mut opened, &[b"one"]).unwrap();
    let (before, operations) = (disk.image(), disk.operations());
    opened.writer.witness();
    assert_ne!(disk.image(), before);
    assert_eq!(disk.operations(), operations + 1, "one write, no sync");
    opened.writer.witness();
    assert_eq!(disk.operations(), operations + 1, "nothing has become durable since");
}

#[test]
fn reading_changes_nothing() {
    let disk = Arc::new(MemDisk::default());
    assert!(matches!(open_to_read(disk.clone()), Err(Error::NoLog)));
    disk.restart();
    let mut opened = open_small(&disk).unwrap();
    commit(&mut opened, &[b"one"]).unwrap();
    drop(opened);
    disk.restart();
    let before = disk.image();
    let read = open_to_read(disk.clone()).unwrap();
    assert_eq!((read.beside_writer, read_all(&read.reader).unwrap().len()), (false, 1));
    assert_eq!(disk.image(), before);
}

#[test]
fn a_folder_of_somebody_else_is_left_as_it_was() {
    let folder = std::env::temp_dir().join(format!("millrace-foreign-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let opened = journal::open(Arc::new(FileDisk::open(&folder).unwrap()), Options::default());
    assert!(matches!(opened, Err(Error::UnknownFile { name }) if name == "notes.txt"));
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["notes.txt"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

//! The same on a real directory, and the lock between two disks, and between two processes, on it.

use crate::read_all;
use domain::{Position, Time};
use journal::{Disk, DiskFile, Error, FileDisk, Options, Verify};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

struct TempDir(PathBuf);

impl TempDir {
    fn new() -> TempDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("journal-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        TempDir(std::env::temp_dir().join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_directory_keeps_the_log() {
    let dir = TempDir::new();
    let options = Options { segment_bytes: 64 << 10, verify: Verify::All };
    for run in 0..3u64 {
        let disk = Arc::new(FileDisk::open(&dir.0).unwrap());
        let mut opened = journal::open(disk, options).unwrap();
        assert_eq!(opened.recovery.last, Position(run * 1000));
        for _ in 0..10 {
            for _ in 0..100 {
                let position = opened.appender.position().next();
                opened.appender.append(1, Time(position.0 as i64), &position.0.to_le_bytes().repeat(20));
            }
            let batch = opened.appender.take().unwrap();
            opened.writer.commit(&batch).unwrap();
            opened.appender.recycle(batch);
        }
        for record in read_all(&opened.reader).unwrap() {
            assert_eq!(record.payload, record.header.position.0.to_le_bytes().repeat(20));
        }
        opened.writer.close();
    }
    let disk = Arc::new(FileDisk::open(&dir.0).unwrap());
    let mut opened = journal::open(disk, options).unwrap();
    let first = opened.writer.retain_from(Position(2000)).unwrap();
    assert!(first > Position(1000));
    assert_eq!(opened.reader.position_at(Time(2500)).unwrap(), Position(2500));
}

#[test]
fn a_second_disk_on_the_directory_is_refused() {
    let dir = TempDir::new();
    let opened = journal::open(Arc::new(FileDisk::open(&dir.0).unwrap()), Options::default()).unwrap();
    let second = Arc::new(FileDisk::open(&dir.0).unwrap());
    assert!(matches!(journal::open(Arc::clone(&second), Options::default()), Err(Error::Locked)));
    drop(opened);
    assert!(journal::open(second, Options::default()).is_ok());
}

/// Names the directory to the process that the test starts: this test binary once more.
const LOCKED: &str = "JOURNAL_TEST_LOCKED_DIRECTORY";

#[test]
fn a_second_process_on_the_directory_is_refused() {
    if let Some(dir) = std::env::var_os(LOCKED) {
        let opened = journal::open(Arc::new(FileDisk::open(dir).unwrap()), Options::default());
        std::process::exit(match opened {
            Ok(_) => 10,
            Err(Error::Locked) => 11,
            Err(_) => 12,
        });
    }
    let dir = TempDir::new();
    let opened = journal::open(Arc::new(FileDisk::open(&dir.0).unwrap()), Options::default()).unwrap();
    let second = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "files::a_second_process_on_the_directory_is_refused"]).env(LOCKED, &dir.0);
        command.output().unwrap().status.code()
    };
    assert_eq!(second(), Some(11));
    drop(opened);
    assert_eq!(second(), Some(10));
}

#[test]
fn a_file_is_new_reserved_and_where_it_says() {
    let dir = TempDir::new();
    let disk = FileDisk::open(&dir.0).unwrap();
    let file = disk.create("b", 8192).unwrap();
    assert_eq!(file.len().unwrap(), 8192);
    assert!(disk.create("b", 0).is_err());
    file.write_at(8190, b"tail").unwrap();
    let mut read = [9; 8];
    assert_eq!(file.read_at(8188, &mut read).unwrap(), 6);
    assert_eq!(&read[..6], b"\0\0tail");
    file.sync().unwrap();
    file.truncate(10).unwrap();
    disk.rename("b", "a").unwrap();
    std::fs::create_dir(dir.0.join("sub")).unwrap();
    assert_eq!(disk.list().unwrap(), ["a"]);
    assert_eq!(disk.open("a").unwrap().len().unwrap(), 10);
    disk.remove("a").unwrap();
    disk.sync_dir().unwrap();
    assert!(disk.list().unwrap().is_empty());
}

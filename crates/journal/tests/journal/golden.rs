//! Fixed files of format version 1: they read back, and the same writes give the same bytes.
//! To make them anew after a deliberate change of format: `GOLDEN=write cargo test -p journal golden`.

use crate::mem_disk::MemDisk;
use crate::read_all;
use domain::{Position, Time};
use journal::{CheckpointWriter, Options, Verify, load_checkpoint};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const OPTIONS: Options = Options { segment_bytes: 2048, verify: Verify::All };
const FILES: [&str; 3] = ["segment-00000000000000000001", "checkpoint-00000000000000000001", "MANIFEST"];

fn written() -> BTreeMap<String, Vec<u8>> {
    let disk = Arc::new(MemDisk::default());
    let mut opened = journal::open(Arc::clone(&disk), OPTIONS).unwrap();
    for (kind, time, payload) in [(1, 1000, &b"a click"[..]), (2, 1000, b""), (3, 1007, &[0xff; 70])] {
        opened.appender.append(kind, Time(time), payload);
    }
    let batch = opened.appender.take().unwrap();
    opened.writer.commit(&batch).unwrap();
    opened.appender.append(1, Time(1009), "günstig".as_bytes());
    let batch = opened.appender.take().unwrap();
    opened.writer.commit(&batch).unwrap();
    let mut checkpoint = CheckpointWriter::begin(&opened.reader, Position(2), [0x11; 32]).unwrap();
    for (tag, bytes) in [(1, &b"rows"[..]), (9, b""), (2, &[3; 40])] {
        checkpoint.begin_section(tag).unwrap();
        checkpoint.write(bytes).unwrap();
    }
    checkpoint.finish([0x22; 32], |_| Vec::new()).unwrap();
    disk.image()
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.v1"))
}

#[test]
fn golden_files_are_written_byte_for_byte() {
    let image = written();
    for name in FILES {
        if std::env::var_os("GOLDEN").is_some() {
            std::fs::write(golden(name), &image[name]).unwrap();
        }
        assert!(std::fs::read(golden(name)).unwrap() == image[name], "{name} differs from its golden file");
    }
}

#[test]
fn golden_files_are_read() {
    let image = FILES.iter().map(|name| ((*name).to_owned(), std::fs::read(golden(name)).unwrap())).collect();
    let opened = journal::open(MemDisk::from_image(&image), OPTIONS).unwrap();
    assert_eq!((opened.recovery.last, opened.recovery.last_log_time), (Position(4), Time(1009)));
    assert_eq!((opened.recovery.epoch, opened.recovery.truncated_bytes), (2, 0));
    let all = read_all(&opened.reader).unwrap();
    let kinds: Vec<u8> = all.iter().map(|record| record.header.kind).collect();
    assert_eq!(kinds, [1, 2, 3, 1]);
    assert_eq!(all[3].payload, "günstig".as_bytes());
    let mut checkpoint = load_checkpoint(&opened.reader).unwrap().checkpoint.unwrap();
    assert_eq!((checkpoint.entry().plan, checkpoint.entry().state), ([0x11; 32], [0x22; 32]));
    assert_eq!((checkpoint.entry().position, checkpoint.entry().log_time), (Position(2), Time(1000)));
    assert_eq!(checkpoint.next_section().unwrap(), Some(1));
    assert_eq!(checkpoint.read().unwrap(), Some(&b"rows"[..]));
    assert_eq!(checkpoint.next_section().unwrap(), Some(9));
    assert_eq!(checkpoint.next_section().unwrap(), Some(2));
    assert_eq!(checkpoint.read().unwrap(), Some(&[3; 40][..]));
    assert_eq!(checkpoint.next_section().unwrap(), None);
}

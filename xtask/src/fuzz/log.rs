//! The log: payloads of records, and directories of a log with damaged bytes.

use super::target::{Target, outcome};
use domain::{
    DecisionId, Event, FallbacksGiven, Field, ListPut, Payload, Position, Raw, Review, ReviewAct, Time, Upsert,
};
use journal::{Disk, DiskFile, Error, Opened, Options, OwnedRecord, Verify};
use sim::Rng;
use sim::disk::{SimDisk, Storage};
use std::sync::Arc;

/// The first byte is the record's kind, the rest its payload.
pub(crate) struct Payloads;

impl Target for Payloads {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let field = |name: &'static str, value| Field { name: name.into(), value };
        let list = Raw::List(vec![Raw::Int(1), Raw::Bool(true), Raw::Null]);
        let fields = vec![field("user", Raw::Str("u1".into())), field("price", Raw::Float(1.5)), field("tags", list)];
        let event = Event {
            kind: "view".into(),
            source: "app".into(),
            id: Some("e1".into()),
            time: Some(Time(5)),
            fields: fields.clone(),
        };
        [
            Payload::Event(event),
            Payload::Upsert(Upsert { entity: "item".into(), key: "i1".into(), fields }),
            Payload::Delete { entity: "item".into(), key: "i1".into() },
            Payload::Spec("version: 1\n".into()),
            Payload::Tick,
            Payload::ListPut(ListPut {
                list: "picks".into(),
                key: "i1".into(),
                score: Some(0.5),
                until: Some(Time(7)),
            }),
            Payload::ListDelete { list: "picks".into(), key: "i1".into() },
            Payload::Review(Review {
                case: DecisionId { epoch: 1, position: Position(7) },
                decision: "risk".into(),
                by: "anna".into(),
                act: ReviewAct::Decide { answer: "fraud".into(), reason: "seen".into() },
            }),
            Payload::SpecReason("a guard is broken".into()),
            Payload::FallbacksGiven(FallbacksGiven {
                decision: "risk".into(),
                on: vec![DecisionId { epoch: 1, position: Position(7) }],
            }),
        ]
        .iter()
        .map(|payload| {
            let mut bytes = vec![payload.kind()];
            payload.encode(&mut bytes);
            bytes
        })
        .chain([super::pages::answer_record()])
        .collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        &["\0", "\u{1}", "\u{7f}", "view", "user"]
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let Some((kind, bytes)) = input.split_first() else { return 0 };
        let Ok(payload) = Payload::decode(*kind, bytes) else { return outcome(kind) };
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        payload.encode(&mut once);
        let again = Payload::decode(*kind, &once).expect("what was encoded is decoded");
        again.encode(&mut twice);
        assert_eq!(once, twice, "a payload has one form");
        outcome((kind, bytes.len().next_power_of_two()))
    }
}

/// The input is a list of damages, eight bytes each: file, kind, place, what.
pub(crate) struct Recovery {
    files: Vec<(String, Vec<u8>)>,
    records: Vec<OwnedRecord>,
}

/// Small, so that there are several.
const SEGMENT_BYTES: u64 = 4_096;

impl Recovery {
    pub(crate) fn new() -> Recovery {
        let storage = Storage::new(Rng::new(1));
        let options = Options { segment_bytes: SEGMENT_BYTES, verify: Verify::Newest };
        let mut opened = journal::open(storage.process(), options).expect("an empty disk opens");
        for number in 0..60u64 {
            let payload = vec![number as u8; 20 + (number as usize * 37) % 300];
            opened.appender.append(7, Time(number as i64), &payload);
            if number % 3 == 2 {
                let batch = opened.appender.take().expect("three records wait");
                opened.writer.commit(&batch).expect("the disk is sound");
            }
            if number == 40 {
                checkpoint(&opened);
            }
        }
        let records = read_all(&opened).expect("what was written is read");
        opened.writer.close();
        storage.kill();
        let disk = storage.process();
        let names = disk.list().expect("the disk is sound");
        let files = names.into_iter().map(|name| {
            let bytes = read(&disk, &name);
            (name, bytes)
        });
        Recovery { files: files.collect(), records }
    }
}

fn checkpoint(opened: &Opened<SimDisk>) {
    let mut writer = journal::CheckpointWriter::begin(&opened.reader, Position(30), [7; 32]).expect("there is room");
    writer.begin_section(1).and_then(|()| writer.write(&[9; 3_000])).expect("there is room");
    writer.finish([1; 32], |_| Vec::new()).expect("there is room");
}

fn read(disk: &Arc<SimDisk>, name: &str) -> Vec<u8> {
    let file = disk.open(name).expect("it was listed");
    let mut bytes = vec![0; file.len().expect("the disk is sound") as usize];
    let many = file.read_at(0, &mut bytes).expect("the disk is sound");
    assert_eq!(many, bytes.len(), "{name} is read whole");
    bytes
}

fn read_all(opened: &Opened<SimDisk>) -> Result<Vec<OwnedRecord>, Error> {
    let mut records = opened.reader.iter_from(opened.reader.first())?;
    let mut all = Vec::new();
    while let Some(record) = records.next()? {
        all.push(record.to_owned());
    }
    Ok(all)
}

impl Target for Recovery {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let mut rng = Rng::new(2);
        (0..64).map(|many| (0..8 * (many % 5)).map(|_| rng.draw() as u8).collect()).collect()
    }

    fn pieces(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&mut self, input: &[u8]) -> u64 {
        let mut files = self.files.clone();
        input.chunks_exact(8).take(16).for_each(|damage| damaged(&mut files, damage));
        let storage = Storage::new(Rng::new(3));
        let disk = storage.process();
        for (name, bytes) in &files {
            let file = disk.create(name, 0).and_then(|file| file.write_at(0, bytes).map(|()| file));
            file.and_then(|file| file.sync()).expect("the disk is sound");
        }
        disk.sync_dir().expect("the disk is sound");
        let verify = if input.len().is_multiple_of(2) { Verify::All } else { Verify::Newest };
        let opened = match journal::open(disk, Options { segment_bytes: SEGMENT_BYTES, verify }) {
            Ok(opened) => opened,
            Err(error) => return refused(&error),
        };
        let loaded = journal::load_checkpoint(&opened.reader).map(|_| ()).map_err(|error| refused(&error));
        match read_all(&opened) {
            Ok(records) => {
                let known = |record: &OwnedRecord| self.records.iter().any(|one| one == record);
                assert!(records.iter().all(known), "a record that was never written");
                let first = records.first().map_or(1, |record| record.header.position.0);
                assert!(
                    (first..).zip(&records).all(|(at, record)| record.header.position.0 == at),
                    "a record is missing"
                );
                outcome((records.len(), opened.recovery.truncated_bytes > 0, loaded))
            }
            Err(error) => refused(&error),
        }
    }
}

/// An error is a sentence.
fn refused(error: &Error) -> u64 {
    assert!(!error.to_string().is_empty());
    outcome(std::mem::discriminant(error))
}

fn damaged(files: &mut Vec<(String, Vec<u8>)>, damage: &[u8]) {
    if files.is_empty() {
        return;
    }
    let file = usize::from(damage[0]) % files.len();
    let word = usize::from(u16::from_le_bytes([damage[2], damage[3]]));
    let (many, what) = (usize::from(damage[4]), damage[5]);
    let donor = files[usize::from(damage[6]) % files.len()].1.clone();
    let bytes = &mut files[file].1;
    let at = word % (bytes.len() + 1);
    let end = (at + many).min(bytes.len());
    match damage[1] % 9 {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << (what % 8),
        2 if at < bytes.len() => bytes[at] = what,
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(at..end)),
        5 => bytes[at..end].fill(what),
        6 => drop(bytes.splice(at..end, donor.iter().copied().skip(word % (donor.len() + 1)).take(many))),
        7 => *bytes = donor,
        8 => drop(files.remove(file)),
        _ => bytes.extend(std::iter::repeat_n(what, many)),
    }
}

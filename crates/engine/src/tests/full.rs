//! A disk that fills: nobody waits for it, everything says so, and nothing is lost once there is space.

use super::{Folder, SPEC, plan, view};
use crate::{Clock, Config, Engine};
use domain::{Code, Position, Refusal, Span};
use journal::{Disk, DiskFile, FileDisk, Options};
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

/// A directory that takes no byte more while it is full.
struct Filling {
    disk: FileDisk,
    full: Arc<AtomicBool>,
}

struct Limited {
    file: std::fs::File,
    full: Arc<AtomicBool>,
}

fn room(full: &AtomicBool) -> io::Result<()> {
    if full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

impl Disk for Filling {
    type File = Limited;

    fn create(&self, name: &str, preallocate: u64) -> io::Result<Limited> {
        // A name takes no space to speak of.
        Ok(Limited { file: self.disk.create(name, preallocate)?, full: self.full.clone() })
    }

    fn open(&self, name: &str) -> io::Result<Limited> {
        Ok(Limited { file: self.disk.open(name)?, full: self.full.clone() })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }

    fn lock(&self) -> io::Result<bool> {
        self.disk.lock()
    }
}

impl DiskFile for Limited {
    fn len(&self) -> io::Result<u64> {
        DiskFile::len(&self.file)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        DiskFile::read_at(&self.file, offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        room(&self.full)?;
        DiskFile::write_at(&self.file, offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        DiskFile::sync(&self.file)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }
}

struct Stand {
    engine: Engine<Filling>,
    full: Arc<AtomicBool>,
    told: Arc<Mutex<Vec<String>>>,
    _folder: Folder,
}

impl Stand {
    fn new() -> Stand {
        let (folder, full, told) = (Folder::new(), Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default());
        let disk = FileDisk::open(&folder.0).expect("the folder was just made");
        let disk = Arc::new(Filling { disk, full: full.clone() });
        let lines = told.clone();
        let config = Config {
            checkpoint_every: Span(0),
            tell: Arc::new(move |line| lines.lock().push(line.to_owned())),
            ..Config::new(Clock::Log)
        };
        let (engine, _) =
            Engine::open(disk, Options::default(), plan(SPEC), config, &mut |_, _| ()).expect("there is room");
        Stand { engine, full, told, _folder: folder }
    }

    /// How the wait for a position ends.
    fn wait(&self, position: Position) -> Result<(), Refusal> {
        let (sender, receiver) = mpsc::channel();
        self.engine.when_released(position, Box::new(move |result| drop(sender.send(result))));
        receiver.recv().expect("the engine answers")
    }

    fn send(&self, number: u64) -> Position {
        self.engine.submit(&[view(number)], false).expect("the node is well").last
    }
}

#[test]
fn a_full_disk_is_said_at_once_and_loses_nothing() {
    let stand = Stand::new();
    stand.wait(stand.send(1)).expect("there is room");
    assert_eq!((stand.engine.trouble(), stand.engine.status().disk_full), (None, false));
    stand.full.store(true, Ordering::SeqCst);
    // The event is taken before anybody knows; who waits for it is told as soon as the disk has refused.
    let held = stand.send(2);
    assert_eq!(stand.wait(held).expect_err("it cannot be written").code, Code::DiskFull);
    let status = stand.engine.status();
    assert!(status.disk_full && status.failed.is_none() && status.durable < held && status.position == held);
    assert!(status.unsynced_bytes > 0, "what is held back waits for the disk: {status:?}");
    assert_eq!(stand.engine.trouble().expect("nothing is acknowledged").code, Code::DiskFull);
    // Later ones do not wait at all, and nothing more is taken.
    assert_eq!(stand.wait(held).expect_err("it is full still").code, Code::DiskFull);
    assert_eq!(stand.engine.submit(&[view(3)], false).expect_err("it is full").code, Code::DiskFull);
    stand.full.store(false, Ordering::SeqCst);
    while stand.engine.status().disk_full {
        let _ = stand.engine.sync();
    }
    stand.wait(held).expect("there is space again");
    assert_eq!((stand.engine.trouble(), stand.engine.status().unsynced_bytes), (None, 0));
    let again = stand.engine.submit(&[view(2)], false).expect("the node is well");
    assert!(again.results[0].as_ref().is_ok_and(|accepted| accepted.duplicate && accepted.position == held));
    let told = stand.told.lock().clone();
    assert!(
        told.len() == 2 && told[0].contains("is full: 1 records") && told[1].contains("has space again"),
        "{told:?}"
    );
}

#[test]
fn a_checkpoint_that_fails_is_said_and_leaves_no_file() {
    let stand = Stand::new();
    let files = || {
        let names = stand._folder.disk().list().expect("it can be listed");
        names.into_iter().filter(|name| name.starts_with("checkpoint")).count()
    };
    stand.wait(stand.send(1)).expect("there is room");
    stand.full.store(true, Ordering::SeqCst);
    for failed in 1..=2 {
        stand.engine.checkpoint().expect_err("there is no room");
        assert_eq!((stand.engine.status().checkpoints_failed, files()), (failed, 0));
    }
    stand.full.store(false, Ordering::SeqCst);
    assert!(stand.engine.checkpoint().expect("there is room").is_some());
    assert_eq!(files(), 1);
    let told = stand.told.lock().clone();
    let lines = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!((lines("no checkpoint at"), lines("written again")), (1, 1), "{told:?}");
}

#[test]
fn a_log_ahead_of_the_clock_is_said() {
    let folder = Folder::new();
    let open = |clock| {
        let config = Config { tick_every: Span(0), ..Config::new(clock) };
        Engine::open(folder.disk(), Options::default(), plan(SPEC), config, &mut |_, _| ()).expect("the node opens")
    };
    let (engine, _) = open(Clock::Log);
    let domain::Payload::Event(event) = view(1) else { panic!("it is an event") };
    let ahead = domain::Event { time: Some(domain::Time(253_370_764_800_000)), ..event };
    engine.submit(&[domain::Payload::Event(ahead)], false).expect("the node is well");
    engine.stop();
    drop(engine);
    let (engine, report) = open(Clock::Wall);
    assert!(report.warnings.iter().any(|line| line.contains("9999-01-01")), "{:?}", report.warnings);
    drop(engine);
    let (_engine, report) = open(Clock::Log);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

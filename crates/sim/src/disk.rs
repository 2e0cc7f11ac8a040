//! A simulated disk: a durable image, a page cache, ordered pending operations, and faults on request. A power cut keeps a
//! random legal subset of what was pending; a killed process leaves the page cache as it is.

mod faults;
mod image;

pub use faults::{Fault, Faults, Quirks};

use crate::rng::Rng;
use faults::{Kind, Verdict};
use image::{DirOp, Image};
use journal::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The machine's storage: it outlives the processes that use it.
pub struct Storage(Arc<Mutex<State>>);

/// The disk as one process sees it. After a power cut, or once the process was killed, every operation fails.
pub struct SimDisk {
    shared: Arc<Mutex<State>>,
    boot: u64,
}

/// An open file.
pub struct SimFile {
    shared: Arc<Mutex<State>>,
    boot: u64,
    inode: u64,
}

#[derive(Clone)]
pub(crate) struct State {
    files: BTreeMap<u64, Image>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    dir_ops: Vec<DirOp>,
    inodes: u64,
    boot: u64,
    locked_by: Option<u64>,
    /// The crash point was passed.
    dead: bool,
    /// Operations so far, over all processes.
    ops: u64,
    faults: Faults,
    quirks: Quirks,
    rng: Rng,
    /// Faults that were answered so far.
    faulted: u64,
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Storage {
    /// An empty disk; `rng` decides what faults and crashes keep.
    pub fn new(rng: Rng) -> Storage {
        Storage(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            dir_ops: Vec::new(),
            inodes: 0,
            boot: 1,
            locked_by: None,
            dead: false,
            ops: 0,
            faults: Faults::default(),
            quirks: Quirks::default(),
            rng,
            faulted: 0,
        })))
    }

    /// The disk for a new process.
    pub fn process(&self) -> Arc<SimDisk> {
        let boot = lock(&self.0).boot;
        Arc::new(SimDisk { shared: Arc::clone(&self.0), boot })
    }

    /// A copy of everything as it is now, page cache included, without faults and with nobody using it.
    pub fn fork(&self) -> Storage {
        let mut state = lock(&self.0).clone();
        (state.faults, state.quirks, state.locked_by, state.dead) = (Faults::default(), Quirks::default(), None, false);
        Storage(Arc::new(Mutex::new(state)))
    }

    /// The process ends; the page cache stays, though clean pages may be read from the disk again.
    pub fn kill(&self) {
        let mut state = lock(&self.0);
        if state.rng.percent(50) {
            state.files.values_mut().for_each(Image::evict);
        }
        state.boot();
    }

    /// The power goes: of what is pending a random legal subset was kept.
    pub fn power_cut(&self) {
        let mut state = lock(&self.0);
        let State { files, durable_names, dir_ops, rng, .. } = &mut *state;
        let keep = rng.pick(&[0, 10, 50, 90, 100]);
        image::crash_directory(durable_names, std::mem::take(dir_ops), keep, rng);
        files.values_mut().for_each(|file| file.crash(keep, rng));
        state.names = state.durable_names.clone();
        let State { files, names, .. } = &mut *state;
        files.retain(|inode, _| names.values().any(|named| named == inode));
        state.boot();
    }

    /// Sets the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        lock(&self.0).faults = faults;
    }

    /// Changes the faults from now on.
    pub fn with_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut lock(&self.0).faults);
    }

    /// Plants a disk that does not do what it says.
    pub fn set_quirks(&self, quirks: Quirks) {
        lock(&self.0).quirks = quirks;
    }

    /// Operations so far.
    pub fn ops(&self) -> u64 {
        lock(&self.0).ops
    }

    /// Faults answered so far.
    pub fn faulted(&self) -> u64 {
        lock(&self.0).faulted
    }

    /// Whether the crash point was passed: nothing works until `power_cut` or `kill`.
    pub fn is_dead(&self) -> bool {
        lock(&self.0).dead
    }

    /// Bytes that the files take.
    pub fn used(&self) -> u64 {
        lock(&self.0).used()
    }

    /// Names and lengths of the files, sorted.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = lock(&self.0);
        state.names.iter().map(|(name, inode)| (name.clone(), state.files[inode].len())).collect()
    }

    /// Flips one bit of a file, on the disk and in the cache; false if there is no such byte.
    pub fn rot(&self, name: &str, offset: u64, bit: u8) -> bool {
        let mut state = lock(&self.0);
        let State { files, names, .. } = &mut *state;
        names.get(name).and_then(|inode| files.get_mut(inode)).is_some_and(|file| file.rot(offset, bit))
    }

    /// Ends a file at an offset, as if the rest had never been, and removes files (a planted recovery that guesses).
    pub fn guess_end(&self, name: &str, offset: u64, remove: impl Fn(&str) -> bool) {
        let mut state = lock(&self.0);
        let State { files, names, durable_names, .. } = &mut *state;
        if let Some(file) = names.get(name).and_then(|inode| files.get_mut(inode)) {
            file.blank_from(offset);
        }
        names.retain(|name, _| !remove(name));
        durable_names.retain(|name, _| !remove(name));
    }
}

impl State {
    fn boot(&mut self) {
        (self.boot, self.locked_by, self.dead) = (self.boot + 1, None, false);
        self.faults.crash_at = None;
    }

    fn used(&self) -> u64 {
        self.names.values().filter_map(|inode| self.files.get(inode)).map(Image::len).sum()
    }

    /// Counts an operation of a process and decides what becomes of it.
    fn enter(&mut self, boot: u64, kind: Kind) -> io::Result<Verdict> {
        if boot != self.boot || self.dead {
            return Err(eio());
        }
        self.ops += 1;
        let verdict = self.faults.judge(self.ops, kind, &mut self.rng);
        self.dead = verdict == Verdict::Crash;
        self.faulted += u64::from(verdict != Verdict::Go);
        Ok(verdict)
    }

    fn refuse_without_room(&mut self, more: u64) -> io::Result<()> {
        if self.faults.space.is_some_and(|space| self.used() + more > space) {
            self.faulted += 1;
            return Err(full());
        }
        Ok(())
    }

    /// A change of the directory; at a crash point it may or may not have happened.
    fn change_directory(&mut self, boot: u64, op: DirOp) -> io::Result<()> {
        let verdict = self.enter(boot, Kind::Directory)?;
        if verdict == Verdict::Go || (verdict == Verdict::Crash && self.rng.percent(50)) {
            op.apply(&mut self.names);
            self.dir_ops.push(op);
        }
        verdict.into_result()
    }
}

impl Drop for SimDisk {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        if state.locked_by == Some(self.boot) {
            state.locked_by = None;
        }
    }
}

impl SimDisk {
    fn file(&self, inode: u64) -> SimFile {
        SimFile { shared: Arc::clone(&self.shared), boot: self.boot, inode }
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn create(&self, name: &str, preallocate: u64) -> io::Result<SimFile> {
        let mut state = lock(&self.shared);
        if state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        state.refuse_without_room(preallocate)?;
        state.inodes += 1;
        let inode = state.inodes;
        let mut image = Image::default();
        if preallocate > 0 {
            image.resize(preallocate);
        }
        state.files.insert(inode, image);
        state.change_directory(self.boot, DirOp::Create { name: name.to_owned(), inode })?;
        Ok(self.file(inode))
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let mut state = lock(&self.shared);
        state.enter(self.boot, Kind::Read)?.into_result()?;
        let inode = state.names.get(name).copied().filter(|inode| state.files.contains_key(inode));
        inode.map(|inode| self.file(inode)).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = lock(&self.shared);
        state.enter(self.boot, Kind::Read)?.into_result()?;
        Ok(state.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = lock(&self.shared);
        let inode = *state.names.get(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let op = DirOp::Rename { from: from.to_owned(), to: to.to_owned(), inode };
        state.change_directory(self.boot, op)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = lock(&self.shared);
        if !state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        state.change_directory(self.boot, DirOp::Remove { name: name.to_owned() })
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = lock(&self.shared);
        state.enter(self.boot, Kind::Sync)?.into_result()?;
        if !state.quirks.sync_dir_does_nothing {
            state.dir_ops.clear();
            state.durable_names = state.names.clone();
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<bool> {
        let mut state = lock(&self.shared);
        state.enter(self.boot, Kind::Read)?.into_result()?;
        let boot = self.boot;
        Ok(*state.locked_by.get_or_insert(boot) == boot)
    }
}

impl SimFile {
    fn with<T>(
        &self,
        kind: Kind,
        run: impl FnOnce(&mut Image, Verdict, &mut Rng, &Quirks, bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = lock(&self.shared);
        let verdict = state.enter(self.boot, kind)?;
        let checkpoint = state.names.iter().any(|(name, inode)| *inode == self.inode && !name.starts_with("segment"));
        let State { files, rng, quirks, .. } = &mut *state;
        let image = files.get_mut(&self.inode).ok_or_else(eio)?;
        run(image, verdict, rng, quirks, checkpoint)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.with(Kind::Read, |image, verdict, _, _, _| verdict.into_result().map(|()| image.len()))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.with(Kind::Read, |image, verdict, _, _, _| verdict.into_result().map(|()| image.read(offset, buf)))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        {
            let mut state = lock(&self.shared);
            let len = state.files.get(&self.inode).map_or(0, Image::len);
            state.refuse_without_room((offset + bytes.len() as u64).saturating_sub(len))?;
        }
        self.with(Kind::Write, |image, verdict, rng, _, _| {
            let done = if verdict == Verdict::Go { bytes.len() } else { rng.below(bytes.len() as u64 + 1) as usize };
            image.write(offset, &bytes[..done]);
            verdict.into_result()
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(Kind::Sync, |image, verdict, rng, quirks, checkpoint| match verdict {
            Verdict::Go if quirks.sync_does_nothing || (quirks.checkpoint_sync_does_nothing && checkpoint) => Ok(()),
            Verdict::Go => {
                image.sync();
                Ok(())
            }
            Verdict::Crash => Err(eio()),
            Verdict::Eio | Verdict::Full => {
                image.fail_sync(rng);
                if quirks.failed_sync_is_ok { Ok(()) } else { Err(eio()) }
            }
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.with(Kind::Write, |image, verdict, _, _, _| {
            if verdict == Verdict::Go {
                image.resize(len);
            }
            verdict.into_result()
        })
    }
}

#[cfg(test)]
mod tests;

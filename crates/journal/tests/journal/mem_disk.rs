//! A disk in memory that keeps apart what was written and what is durable, loses any subset of the difference at a crash
//! (sector by sector, directory entry by directory entry), and fails at the operation it is told to.

use crate::Rng;
use journal::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: u64 = 512;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power fails: the operation may have had any part of its effect, all later ones fail.
    Crash,
    /// The operation fails once; a write leaves a part, a failed sync drops what it should have synced.
    Eio,
    /// As `Eio` with no space left; syncs are not concerned.
    NoSpace,
    /// Reading fails once (counts reads, not writes).
    ReadEio,
}

#[derive(Default)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
    pending_len: u64,
}

enum Entry {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Default)]
struct World {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending: Vec<Entry>,
    operations: u64,
    reads: u64,
    fault: Option<(u64, Fault)>,
    dead: bool,
    locked: bool,
}

#[derive(Clone, Default)]
pub(crate) struct MemDisk(Arc<Mutex<World>>);

pub(crate) struct MemFile {
    world: Arc<Mutex<World>>,
    inode: usize,
}

fn put(image: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let end = offset as usize + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset as usize..end].copy_from_slice(bytes);
}

fn apply(names: &mut BTreeMap<String, usize>, entry: &Entry) {
    match entry {
        Entry::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Entry::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        Entry::Remove(name) => {
            names.remove(name);
        }
    }
}

impl World {
    /// Counts a changing operation; `Some` when it is the one to fail.
    fn step(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        match self.fault {
            Some((at, fault)) if at == self.operations && fault != Fault::ReadEio => {
                self.dead = fault == Fault::Crash;
                Ok(Some(fault))
            }
            _ => Ok(None),
        }
    }

    fn read_step(&mut self) -> io::Result<()> {
        self.reads += 1;
        match self.fault {
            _ if self.dead => Err(io::Error::other("the power is off")),
            Some((at, Fault::ReadEio)) if at == self.reads => Err(io::Error::from_raw_os_error(5)),
            _ => Ok(()),
        }
    }

    /// A change of the directory: in effect at a crash, not at other faults.
    fn change(&mut self, entry: Entry) -> io::Result<()> {
        let fault = self.step()?;
        if matches!(fault, None | Some(Fault::Crash)) {
            apply(&mut self.names, &entry);
            self.pending.push(entry);
        }
        fault.map_or(Ok(()), |fault| Err(refusal(fault)))
    }
}

fn refusal(fault: Fault) -> io::Error {
    io::Error::from_raw_os_error(if fault == Fault::NoSpace { 28 } else { 5 })
}

impl MemDisk {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// Fails at the `after`th operation from now (1 is the next).
    pub(crate) fn fail(&self, after: u64, fault: Fault) {
        let mut world = self.world();
        let done = if fault == Fault::ReadEio { world.reads } else { world.operations };
        world.fault = Some((done + after, fault));
    }

    pub(crate) fn operations(&self) -> u64 {
        self.world().operations
    }

    pub(crate) fn reads(&self) -> u64 {
        self.world().reads
    }

    /// Whether the power went off.
    pub(crate) fn dead(&self) -> bool {
        self.world().dead
    }

    /// Power cut and power on: a subset of what was not synced survives. `mode` 0: none, 1: all, else any.
    pub(crate) fn crash(&self, rng: &mut Rng, mode: u64) {
        let mut keep = |mode: u64| mode == 1 || (mode > 1 && rng.below(2) == 0);
        let mut guard = self.world();
        let world = &mut *guard;
        for inode in &mut world.inodes {
            let mut image = std::mem::take(&mut inode.durable);
            if inode.pending_len > image.len() as u64 && keep(mode) {
                image.resize(inode.pending_len as usize, 0);
            }
            for (offset, bytes) in inode.pending.drain(..) {
                let mut at = 0;
                while at < bytes.len() {
                    let len = (SECTOR - (offset + at as u64) % SECTOR).min((bytes.len() - at) as u64) as usize;
                    if keep(mode) {
                        put(&mut image, offset + at as u64, &bytes[at..at + len]);
                    }
                    at += len;
                }
            }
            inode.pending_len = 0;
            inode.content.clone_from(&image);
            inode.durable = image;
        }
        for entry in std::mem::take(&mut world.pending) {
            if keep(mode) {
                apply(&mut world.durable_names, &entry);
            }
        }
        world.names = world.durable_names.clone();
        (world.dead, world.locked, world.fault) = (false, false, None);
    }

    /// The process ends; the system goes on.
    pub(crate) fn restart(&self) {
        let mut world = self.world();
        (world.locked, world.fault) = (false, None);
    }

    /// All files as a process sees them.
    pub(crate) fn image(&self) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        world.names.iter().map(|(name, &inode)| (name.clone(), world.inodes[inode].content.clone())).collect()
    }

    /// A disk that holds these files, durably.
    pub(crate) fn from_image(image: &BTreeMap<String, Vec<u8>>) -> Arc<MemDisk> {
        let mut world = World::default();
        for (name, content) in image {
            world.names.insert(name.clone(), world.inodes.len());
            world.inodes.push(Inode { content: content.clone(), durable: content.clone(), ..Inode::default() });
        }
        world.durable_names = world.names.clone();
        Arc::new(MemDisk(Arc::new(Mutex::new(world))))
    }
}

impl Disk for MemDisk {
    type File = MemFile;

    fn create(&self, name: &str, preallocate: u64) -> io::Result<MemFile> {
        let mut world = self.world();
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = world.inodes.len();
        // A failed reservation leaves the file behind, empty, which is the worse case.
        let fault = world.step()?;
        let len = if fault.is_some() { 0 } else { preallocate };
        world.inodes.push(Inode { content: vec![0; len as usize], pending_len: len, ..Inode::default() });
        let entry = Entry::Link(name.to_owned(), inode);
        apply(&mut world.names, &entry);
        world.pending.push(entry);
        match fault {
            None => Ok(MemFile { world: Arc::clone(&self.0), inode }),
            Some(fault) => Err(refusal(fault)),
        }
    }

    fn open(&self, name: &str) -> io::Result<MemFile> {
        let mut world = self.world();
        world.read_step()?;
        let inode = *world.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(MemFile { world: Arc::clone(&self.0), inode })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut world = self.world();
        world.read_step()?;
        Ok(world.names.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.world().change(Entry::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        if !world.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        world.change(Entry::Remove(name.to_owned()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut guard = self.world();
        let world = &mut *guard;
        match world.step()? {
            Some(fault) if fault != Fault::NoSpace => Err(refusal(fault)),
            _ => {
                for entry in std::mem::take(&mut world.pending) {
                    apply(&mut world.durable_names, &entry);
                }
                Ok(())
            }
        }
    }

    fn lock(&self) -> io::Result<bool> {
        let mut world = self.world();
        Ok(!std::mem::replace(&mut world.locked, true))
    }
}

impl DiskFile for MemFile {
    fn len(&self) -> io::Result<u64> {
        let mut world = self.world.lock().unwrap();
        world.read_step()?;
        Ok(world.inodes[self.inode].content.len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut world = self.world.lock().unwrap();
        world.read_step()?;
        let content = &world.inodes[self.inode].content;
        let rest = content.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        let fault = world.step()?;
        // A failed write has written some of it; an interrupted one may still reach the disk whole.
        let len = match fault {
            None | Some(Fault::Crash) => bytes.len(),
            Some(_) => bytes.len() * (world.operations as usize % 4) / 4,
        };
        let inode = &mut world.inodes[self.inode];
        put(&mut inode.content, offset, &bytes[..len]);
        inode.pending.push((offset, bytes[..len].to_vec()));
        fault.map_or(Ok(()), |fault| Err(refusal(fault)))
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        let fault = world.step()?;
        let inode = &mut world.inodes[self.inode];
        match fault {
            Some(Fault::Crash) => return Err(refusal(Fault::Crash)),
            Some(Fault::Eio) => {
                // Marked clean and lost: what a process reads from now on is not what the disk holds.
                inode.pending.clear();
                return Err(refusal(Fault::Eio));
            }
            _ => {}
        }
        if inode.durable.len() < inode.pending_len as usize {
            inode.durable.resize(inode.pending_len as usize, 0);
        }
        for (offset, bytes) in inode.pending.drain(..) {
            put(&mut inode.durable, offset, &bytes);
        }
        Ok(())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let mut world = self.world.lock().unwrap();
        let inode = &mut world.inodes[self.inode];
        inode.content.resize(len as usize, 0);
        inode.durable.resize(len as usize, 0);
        Ok(())
    }
}

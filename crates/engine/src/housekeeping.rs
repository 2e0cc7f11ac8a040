//! Three threads that look after any number of nodes: one publishes epochs and writes ticks, one writes checkpoints, one fills
//! changes of the spec. A node of its own has three of its own; the nodes of one process may share them, so that each costs one
//! thread (its sync) and no more.

use crate::bell::Bell;
use crate::core::Core;
use domain::Span;
use journal::{Disk, FileDisk};
use parking_lot::Mutex;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often log time is looked at for a tick.
const TICKS_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked whether a checkpoint is due.
const CHECKPOINTS_LOOKED_AT_EVERY: Duration = Duration::from_millis(50);
/// How often it is looked whether a change of the spec has work to do.
const CHANGES_LOOKED_AT_EVERY: Duration = Duration::from_millis(5);
/// Records of the log in one slice of such work.
const FILLED_AT_ONCE: usize = 512;

/// The threads. Ends them when dropped.
pub struct Housekeeping<D: Disk = FileDisk> {
    rounds: Arc<Rounds<D>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the threads go round.
struct Rounds<D: Disk> {
    /// Held weakly: a node that is stopped and dropped goes, and its lock on the directory with it.
    nodes: Mutex<Vec<Kept<D>>>,
    epoch_every: Duration,
    /// Rung when a node has something to publish.
    bell: Arc<Bell>,
    stop: AtomicBool,
}

struct Kept<D: Disk> {
    node: Weak<Core<D>>,
    checkpoint_every: Option<Duration>,
    checkpoint_due: Instant,
}

impl<D: Disk> Housekeeping<D> {
    /// Starts them; epochs are published every `epoch_every` (whatever the nodes' own configuration says).
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(epoch_every: Span) -> io::Result<Housekeeping<D>> {
        let (nodes, bell, stop) = (Mutex::default(), Arc::default(), AtomicBool::new(false));
        let rounds = Rounds { nodes, epoch_every: duration(epoch_every), bell, stop };
        let housekeeping = Housekeeping { rounds: Arc::new(rounds), threads: Mutex::default() };
        housekeeping.spawn("publish", Rounds::publish)?;
        housekeeping.spawn("checkpoint", Rounds::checkpoint)?;
        housekeeping.spawn("change", Rounds::change)?;
        Ok(housekeeping)
    }

    fn spawn(&self, name: &str, run: fn(&Rounds<D>)) -> io::Result<()> {
        let rounds = self.rounds.clone();
        self.threads.lock().push(thread::Builder::new().name(name.into()).spawn(move || run(&rounds))?);
        Ok(())
    }

    /// Looks after this node from now on.
    pub(crate) fn take_in(&self, node: &Arc<Core<D>>) {
        // A node has the same ones for as long as it lives.
        let _ = node.publisher.set(self.rounds.bell.clone());
        let every = node.config.checkpoint_every;
        let checkpoint_every = (every.0 > 0).then(|| duration(every));
        let checkpoint_due = Instant::now() + checkpoint_every.unwrap_or_default();
        self.rounds.nodes.lock().push(Kept { node: Arc::downgrade(node), checkpoint_every, checkpoint_due });
    }

    /// Looks after it no more.
    pub(crate) fn let_go(&self, node: &Arc<Core<D>>) {
        self.rounds.nodes.lock().retain(|kept| !std::ptr::eq(kept.node.as_ptr(), Arc::as_ptr(node)));
    }

    /// Ends the threads, after the round that they are in.
    pub(crate) fn end(&self) {
        self.rounds.stop.store(true, Ordering::SeqCst);
        self.rounds.bell.ring();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so already; the others must still be joined.
            let _ = thread.join();
        }
    }
}

impl<D: Disk> Drop for Housekeeping<D> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<D: Disk> Rounds<D> {
    fn publish(&self) {
        let mut last_tick = Instant::now();
        while !self.stop.load(Ordering::Acquire) {
            self.bell.sleep(TICKS_EVERY, || self.all_is_published() && !self.stop.load(Ordering::SeqCst));
            thread::sleep(self.epoch_every);
            let ticks = last_tick.elapsed() > TICKS_EVERY;
            for node in self.nodes.lock().iter().filter_map(|kept| kept.node.upgrade()) {
                node.publish_epoch();
                if ticks {
                    node.tick();
                }
            }
            if ticks {
                last_tick = Instant::now();
            }
        }
    }

    fn all_is_published(&self) -> bool {
        self.nodes.lock().iter().filter_map(|kept| kept.node.upgrade()).all(|node| node.is_published())
    }

    fn checkpoint(&self) {
        while !self.stop.load(Ordering::Acquire) {
            thread::sleep(self.pause());
            // One at a time: the list stays free while a checkpoint is written.
            while let Some(node) = self.due() {
                // A failed checkpoint is tried again a period later; the log still has everything.
                let _ = node.checkpoint();
            }
        }
    }

    /// Fills changes at low priority: after each slice it pauses for as long as the slice took. Indexes of rules are made again
    /// here, guards that are broken are acted on, and fallbacks that were given are noted in the log.
    fn change(&self) {
        while !self.stop.load(Ordering::Acquire) {
            let begin = Instant::now();
            let nodes: Vec<_> = self.nodes.lock().iter().filter_map(|kept| kept.node.upgrade()).collect();
            nodes.iter().for_each(|node| node.generation().judge.tune());
            nodes.iter().for_each(|node| node.keep_guards());
            nodes.iter().for_each(|node| node.append_fallbacks(false));
            let more = nodes.iter().fold(false, |more, node| node.advance_change(FILLED_AT_ONCE) | more);
            drop(nodes);
            thread::sleep(if more { begin.elapsed().min(CHANGES_LOOKED_AT_EVERY) } else { CHANGES_LOOKED_AT_EVERY });
        }
    }

    fn pause(&self) -> Duration {
        let nodes = self.nodes.lock();
        nodes.iter().filter_map(|kept| kept.checkpoint_every).fold(CHECKPOINTS_LOOKED_AT_EVERY, Duration::min)
    }

    /// The next node whose checkpoint is due; its next one is due a period from now.
    fn due(&self) -> Option<Arc<Core<D>>> {
        if self.stop.load(Ordering::Acquire) {
            return None;
        }
        let now = Instant::now();
        let mut nodes = self.nodes.lock();
        let kept = nodes.iter_mut().find(|kept| kept.checkpoint_every.is_some() && kept.checkpoint_due <= now)?;
        kept.checkpoint_due = now + kept.checkpoint_every?;
        kept.node.upgrade()
    }
}

fn duration(span: Span) -> Duration {
    Duration::from_millis(span.0.max(1) as u64)
}

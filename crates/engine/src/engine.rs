//! The running node: `Core` and the threads that repeat its steps (sync, publish, checkpoint, and in threaded mode the consumers).

use crate::core::{Core, WholeOrNothing};
use crate::ring::Message;
use crate::{Config, OpenError, OpenReport};
use domain::Span;
use journal::{Disk, FileDisk};
use parking_lot::Mutex;
use spec::Plan;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running node. Dereferences to its `Core`; stops its threads when dropped.
pub struct Engine<D: Disk = FileDisk> {
    core: Arc<Core<D>>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl<D: Disk> Deref for Engine<D> {
    type Target = Core<D>;

    fn deref(&self) -> &Core<D> {
        &self.core
    }
}

impl<D: Disk> Engine<D> {
    /// Opens the node and starts its threads. `progress` hears of (records applied, records in the log) during recovery.
    pub fn open(
        disk: Arc<D>,
        options: journal::Options,
        plan: Arc<Plan>,
        config: Config,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Engine<D>, OpenReport), OpenError> {
        let (core, report) = Core::open(disk, options, plan, config, progress)?;
        let engine = Engine { core: Arc::new(core), stop: Arc::default(), threads: Mutex::default() };
        engine.start();
        Ok((engine, report))
    }

    fn start(&self) {
        self.spawn("sync", |core, _| sync_loop(core));
        self.spawn("publish", publish_loop);
        self.spawn("checkpoint", checkpoint_loop);
        if self.core.ring.is_some() {
            for consumer in 0..=self.core.shards.len() {
                self.spawn("consumer", move |core, _| consume(core, consumer));
            }
        }
    }

    fn spawn(&self, name: &str, run: impl FnOnce(&Arc<Core<D>>, &AtomicBool) + Send + 'static) {
        let core = self.core.clone();
        let stop = self.stop.clone();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || run(&core, &stop))
            .expect("the system has threads to give at start-up");
        self.threads.lock().push(thread);
    }

    /// The node itself, to share with request handlers.
    pub fn core(&self) -> &Arc<Core<D>> {
        &self.core
    }

    /// Stops cleanly: refuses new work, syncs what was accepted, writes a checkpoint, ends the threads. Does nothing the second time.
    pub fn stop(&self) {
        if self.stop.swap(true, Ordering::AcqRel) {
            return;
        }
        self.core.sequencer.lock().stopping = true;
        // Without it the next start reads the log from the checkpoint before; nothing is lost.
        let _ = self.core.checkpoint();
        {
            let mut checkpointing = self.core.checkpointing.lock();
            checkpointing.ended = true;
            if let Some(ring) = &self.core.ring {
                ring.push(Message::Stop);
            }
        }
        self.core.work.pending.lock().stop = true;
        self.core.work.arrived.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so already; the others must still be joined.
            let _ = thread.join();
        }
        self.core.close_log();
    }
}

impl<D: Disk> Drop for Engine<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Group commit: whatever has arrived while the disk was busy goes with the next sync.
fn sync_loop<D: Disk>(core: &Core<D>) {
    let lazy_wait = Duration::from_millis(core.config.decisions_synced_within.0.max(1) as u64);
    loop {
        let stopping = {
            let mut pending = core.work.pending.lock();
            while !pending.urgent && !pending.lazy && !pending.stop {
                core.work.arrived.wait(&mut pending);
            }
            let end = Instant::now() + lazy_wait;
            while !pending.urgent && !pending.stop {
                if core.work.arrived.wait_until(&mut pending, end).timed_out() {
                    break;
                }
            }
            pending.urgent = false;
            pending.lazy = false;
            pending.stop
        };
        while matches!(core.sync(), Ok(true)) {}
        if stopping {
            return;
        }
        if core.disk_full.load(Ordering::Acquire) {
            // The group is held back; look again for space a little later.
            thread::sleep(Duration::from_millis(200));
            core.ask_for_sync(true);
        }
    }
}

fn publish_loop<D: Disk>(core: &Arc<Core<D>>, stop: &AtomicBool) {
    let every = wait_of(core.config.epoch_every);
    let mut last_tick = Instant::now();
    while !stop.load(Ordering::Acquire) {
        thread::sleep(every);
        core.publish_epoch();
        if last_tick.elapsed() > Duration::from_millis(100) {
            core.tick();
            last_tick = Instant::now();
        }
    }
}

fn checkpoint_loop<D: Disk>(core: &Arc<Core<D>>, stop: &AtomicBool) {
    if core.config.checkpoint_every.0 == 0 {
        return;
    }
    let every = wait_of(core.config.checkpoint_every);
    let mut last = Instant::now();
    while !stop.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(50).min(every));
        if last.elapsed() >= every {
            // A failed checkpoint is counted and tried again; the log still has everything.
            let _ = core.checkpoint();
            last = Instant::now();
        }
    }
}

fn consume<D: Disk>(core: &Core<D>, consumer: usize) {
    let ring = core.ring.as_ref().expect("only threaded nodes have consumers");
    let _whole = WholeOrNothing;
    loop {
        match ring.take(consumer) {
            Message::Stop => return,
            Message::Barrier => core.deposit(consumer),
            Message::Apply(batch) => {
                if consumer < core.shards.len() {
                    core.apply_to_shard(consumer, &batch);
                    core.shard_applied(consumer, batch.last);
                } else {
                    core.epochs.apply(&batch);
                }
            }
        }
    }
}

fn wait_of(span: Span) -> Duration {
    Duration::from_millis(span.0.max(1) as u64)
}

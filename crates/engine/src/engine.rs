//! The running node: `Core` and the threads that repeat its steps: sync, in threaded mode the consumers, and those of
//! `housekeeping.rs`, its own or shared.

use crate::core::{Core, WholeOrNothing};
use crate::ring::Message;
use crate::{Config, Housekeeping, OpenError, OpenReport};
use journal::{Disk, FileDisk};
use parking_lot::Mutex;
use spec::Plan;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running node. Dereferences to its `Core`; stops its threads when dropped.
pub struct Engine<D: Disk = FileDisk> {
    core: Arc<Core<D>>,
    stop: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    housekeeping: Arc<Housekeeping<D>>,
    /// Whether the housekeeping is this node's alone and ends with it.
    housekeeping_is_own: bool,
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
        let housekeeping = Housekeeping::start(config.epoch_every).map_err(OpenError::Thread)?;
        let (mut engine, report) = Engine::open_in(&Arc::new(housekeeping), disk, options, plan, config, progress)?;
        engine.housekeeping_is_own = true;
        Ok((engine, report))
    }

    /// The same with housekeeping that other nodes share.
    pub fn open_in(
        housekeeping: &Arc<Housekeeping<D>>,
        disk: Arc<D>,
        options: journal::Options,
        plan: Arc<Plan>,
        config: Config,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(Engine<D>, OpenReport), OpenError> {
        let (core, report) = Core::open(disk, options, plan, config, progress)?;
        let engine = Engine {
            core: Arc::new(core),
            stop: AtomicBool::new(false),
            threads: Mutex::default(),
            housekeeping: housekeeping.clone(),
            housekeeping_is_own: false,
        };
        engine.start().map_err(OpenError::Thread)?;
        Ok((engine, report))
    }

    fn start(&self) -> io::Result<()> {
        self.spawn("sync", sync_loop)?;
        if self.core.ring.is_some() {
            for consumer in 0..=self.core.generation().state.shards.len() {
                self.spawn("consumer", move |core| consume(core, consumer))?;
            }
        }
        self.housekeeping.take_in(&self.core);
        Ok(())
    }

    fn spawn(&self, name: &str, run: impl FnOnce(&Core<D>) + Send + 'static) -> io::Result<()> {
        let core = self.core.clone();
        self.threads.lock().push(thread::Builder::new().name(name.into()).spawn(move || run(&core))?);
        Ok(())
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
        self.core.append_fallbacks(true);
        self.core.sequencer.lock().stopping = true;
        self.housekeeping.let_go(&self.core);
        // A checkpoint that it left behind is passed over at the next start.
        let _ = self.core.cancel_change();
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
        if self.housekeeping_is_own {
            self.housekeeping.end();
        }
        self.core.close_log();
    }
}

impl<D: Disk> Drop for Engine<D> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How long nothing must wait for the disk for the log to count as at rest.
const RESTS_AFTER: Duration = Duration::from_millis(10);

/// Group commit: whatever has arrived while the disk was busy goes with the next sync. When nothing more comes, what was synced
/// last is noted, which on the way of an answer would be a write too many.
fn sync_loop<D: Disk>(core: &Core<D>) {
    let lazy_wait = Duration::from_millis(core.config.decisions_synced_within.0.max(1) as u64);
    loop {
        if core.work.rests_for(RESTS_AFTER) {
            core.note_durable();
        }
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
        // Once: what comes meanwhile has asked again. Records that may wait then wait for more of them, also under load.
        let _ = core.sync();
        if stopping {
            while matches!(core.sync(), Ok(true)) {}
            return;
        }
        if core.disk_full.load(Ordering::Acquire) {
            // The group is held back; look again for space a little later.
            thread::sleep(Duration::from_millis(200));
            core.ask_for_sync(true);
        }
    }
}

fn consume<D: Disk>(core: &Core<D>, consumer: usize) {
    let ring = core.ring.as_ref().expect("only threaded nodes have consumers");
    let _whole = WholeOrNothing;
    loop {
        match ring.take(consumer) {
            Message::Stop => return,
            Message::Pass(latch) => latch.pass(),
            Message::Barrier(state) => core.deposit(&state, consumer),
            Message::Apply(batch) => {
                if consumer < batch.state.shards.len() {
                    batch.state.apply_to_shard(consumer, &batch);
                    core.shard_applied(consumer, batch.last);
                } else {
                    batch.state.apply_to_epoch(&batch);
                }
            }
        }
    }
}

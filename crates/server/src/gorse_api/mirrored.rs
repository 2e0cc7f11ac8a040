//! The read-model beside the engine: built from the log at the start, brought up to the durable end before each look, and a
//! thread that keeps it near and sends feedback whose time has come.

use crate::config::StartError;
use ::gorse::{Mirror, Shape};
use domain::{Payload, Refusal};
use engine::{Engine, Follower};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the thread looks.
const EVERY: Duration = Duration::from_millis(250);
/// Records read under one hold of the lock by the thread.
const RECORDS: usize = 4_096;
/// Locks that the keys of users and items share.
const HELD: usize = 1_024;
/// Feedback sent at once when its time has come.
const DUE: usize = 256;

/// What the Gorse interface has of its own.
pub(crate) struct Gorse {
    /// What the spec declares.
    pub(crate) shape: Arc<Shape>,
    /// See [`Gorse::hold`].
    held: Vec<tokio::sync::Mutex<()>>,
    hash: RandomState,
    followed: Mutex<Followed>,
    stop: (Mutex<bool>, Condvar),
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Followed {
    mirror: Mirror,
    follower: Follower,
}

impl Gorse {
    /// Reads the log and starts the thread.
    pub(crate) fn open(engine: &Arc<Engine>) -> Result<Arc<Gorse>, StartError> {
        let shape = Arc::new(Shape::of(&engine.plan()).map_err(StartError::Gorse)?);
        let refused = |refusal: Refusal| StartError::Gorse(vec![refusal.message]);
        let follower = engine.follow().map_err(refused)?;
        let mut followed = Followed { mirror: Mirror::new(shape.clone()), follower };
        while followed.read(RECORDS).map_err(refused)? {}
        let gorse = Arc::new(Gorse {
            shape,
            held: (0..HELD).map(|_| tokio::sync::Mutex::default()).collect(),
            hash: RandomState::new(),
            followed: Mutex::new(followed),
            stop: (Mutex::new(false), Condvar::new()),
            thread: Mutex::new(None),
        });
        let (own, engine) = (gorse.clone(), engine.clone());
        let run = move || own.run(&engine);
        let thread = thread::Builder::new().name("gorse".into()).spawn(run).map_err(StartError::Thread)?;
        *gorse.thread.lock() = Some(thread);
        Ok(gorse)
    }

    /// Keeps other calls from writing these users and items until the guards are dropped, after what was written is durable:
    /// whoever holds them sees all that was written before, and nothing comes between its reading and its writing. Always in
    /// one order, so that no two calls wait for each other.
    pub(crate) async fn hold<'k>(
        &self,
        keys: impl Iterator<Item = (&'static str, &'k str)>,
    ) -> Vec<tokio::sync::MutexGuard<'_, ()>> {
        let places: BTreeSet<usize> = keys.map(|key| self.hash.hash_one(key) as usize % HELD).collect();
        let mut guards = Vec::with_capacity(places.len());
        for place in places {
            guards.push(self.held[place].lock().await);
        }
        guards
    }

    /// Looks at the read-model, everything durable being in it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Mirror) -> T) -> Result<T, Refusal> {
        let mut followed = self.followed.lock();
        while followed.read(RECORDS)? {}
        Ok(look(&followed.mirror))
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // If it panicked it has said so already.
            let _ = thread.join();
        }
    }

    fn run(&self, engine: &Engine) {
        loop {
            {
                let mut stop = self.stop.0.lock();
                if !*stop {
                    self.stop.1.wait_for(&mut stop, EVERY);
                }
                if *stop {
                    return;
                }
            }
            while self.followed.lock().read(RECORDS).unwrap_or(false) {}
            self.send_due(engine);
        }
    }

    /// Sends the events of feedback whose time has come. They carry ids, so that one sent twice counts once; what is not
    /// taken now is tried again.
    fn send_due(&self, engine: &Engine) {
        let come = self.followed.lock().mirror.due(super::now(), DUE);
        let events: Vec<Payload<'_>> = come.iter().map(|due| self.shape.come(due)).collect();
        if !events.is_empty() {
            let _ = engine.submit(&events, false);
        }
    }
}

impl Followed {
    fn read(&mut self, most: usize) -> Result<bool, Refusal> {
        let Followed { mirror, follower } = self;
        follower.read(most, &mut |position, log_time, payload| mirror.apply(position, log_time, payload))
    }
}

//! Wakes the thread that publishes epochs: while nothing is appended it sleeps, and an idle node costs next to nothing.

use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One sleeper, any number who ring.
#[derive(Default)]
pub(crate) struct Bell {
    asleep: AtomicBool,
    lock: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    /// Sleeps until somebody rings, `most` at most; not at all unless there is `nothing` to do.
    pub(crate) fn sleep(&self, most: Duration, nothing: impl FnOnce() -> bool) {
        let mut guard = self.lock.lock();
        // In this order: who makes work either is seen by `nothing`, or sees that there is a sleeper.
        self.asleep.store(true, Ordering::SeqCst);
        if nothing() {
            self.rung.wait_for(&mut guard, most);
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// To be called when there is something to do: costs one load while nobody sleeps.
    pub(crate) fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            // The sleeper holds the lock until it waits.
            drop(self.lock.lock());
            self.rung.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn no_work_is_slept_through() {
        let (bell, made) = (Arc::new(Bell::default()), Arc::new(AtomicU64::new(0)));
        let sleeper = std::thread::spawn({
            let (bell, made) = (bell.clone(), made.clone());
            // Without a ring each of these sleeps would outlast the test.
            move || {
                (0..2_000).for_each(|done| bell.sleep(Duration::from_secs(600), || made.load(Ordering::SeqCst) <= done))
            }
        });
        for work in 1..=2_000 {
            made.store(work, Ordering::SeqCst);
            bell.ring();
        }
        sleeper.join().expect("every piece of work was seen");
    }
}

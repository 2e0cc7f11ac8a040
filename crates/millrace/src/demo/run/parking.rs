//! How the observer gets a fresh acknowledgement: it says that it wants one, and the next client that has one hands it over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An acknowledged position, and when it was acknowledged.
pub(crate) type Mark = (u64, Instant);

/// The clients' end.
pub(crate) struct Wanted {
    flag: Arc<AtomicBool>,
    sender: Mutex<Sender<Mark>>,
}

/// The observer's end.
pub(crate) struct Acknowledged {
    flag: Arc<AtomicBool>,
    receiver: Receiver<Mark>,
}

/// Both ends.
pub(crate) fn pair() -> (Wanted, Acknowledged) {
    let (sender, receiver) = channel();
    let flag = Arc::new(AtomicBool::new(false));
    (Wanted { flag: flag.clone(), sender: Mutex::new(sender) }, Acknowledged { flag, receiver })
}

impl Wanted {
    /// Hands the mark over if it is wanted.
    pub(crate) fn offer(&self, position: u64) {
        if self.flag.swap(false, Ordering::AcqRel) {
            let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody listens any more at the end of a run.
            let _ = sender.send((position, Instant::now()));
        }
    }
}

impl Acknowledged {
    /// The next acknowledgement, if one comes within the time.
    pub(crate) fn next(&self, within: Duration) -> Option<Mark> {
        self.flag.store(true, Ordering::Release);
        self.receiver.recv_timeout(within).ok()
    }
}

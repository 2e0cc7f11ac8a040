//! Tells any number of waiters that more of the log may be told, with a single wait at the engine.

use engine::Engine;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// One node's.
pub(crate) struct News {
    engine: Arc<Engine>,
    /// Counts; what matters is that it changes.
    moved: watch::Sender<u64>,
    asked: AtomicBool,
}

impl News {
    pub(crate) fn new(engine: Arc<Engine>) -> Arc<News> {
        Arc::new(News { engine, moved: watch::Sender::new(0), asked: AtomicBool::new(false) })
    }

    /// Hears when more is released, once somebody has asked. To be made before looking what there is.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Has everybody told who has subscribed, when the next record is released. While nothing can become durable nobody is told: who
    /// waits has to ask again after a while.
    pub(crate) fn ask(self: &Arc<Self>) {
        // Before that is said: who sees that it was asked has looked at least as late as this, and what comes behind wakes it.
        let next = self.engine.released().next();
        if self.asked.swap(true, Ordering::SeqCst) {
            return;
        }
        let news = Arc::downgrade(self);
        let wake = move |released: Result<(), domain::Refusal>| {
            let Some(news) = news.upgrade() else { return };
            news.asked.store(false, Ordering::SeqCst);
            if released.is_ok() {
                news.moved.send_modify(|moved| *moved += 1);
            }
        };
        self.engine.when_released(next, Box::new(wake));
    }
}

//! The broadcast ring: every consumer takes the ordered batches at its own pace; the slowest one holds the sequencer back.

use crate::decide::{Alarming, Deciding};
use crate::generation::State;
use domain::Position;
use parking_lot::{Condvar, Mutex};
use state::Resolved;
use std::collections::VecDeque;
use std::sync::Arc;

/// Changes in log order, and the position up to which the log is covered by them.
pub(crate) struct Batch {
    /// The changes; records that change nothing are left out.
    pub(crate) changes: Vec<Resolved>,
    /// The last position that the batch covers.
    pub(crate) last: Position,
    /// The state that the changes were resolved for.
    pub(crate) state: Arc<State>,
    /// What is decided on its events, if anything.
    pub(crate) deciding: Option<Deciding>,
    /// What alarms are raised, if the plan has any.
    pub(crate) alarming: Option<Alarming>,
}

impl Batch {
    /// A consumer is done with it.
    pub(crate) fn passed(&self) {
        self.deciding.iter().for_each(|deciding| deciding.passed(&self.state));
        self.alarming.iter().for_each(|alarming| alarming.passed(&self.state, self.deciding.as_ref()));
    }
}

/// What goes round the ring.
#[derive(Clone)]
pub(crate) enum Message {
    /// Changes to apply.
    Apply(Arc<Batch>),
    /// Every consumer hands over a copy of its part of this state as it is at this place.
    Barrier(Arc<State>),
    /// Every consumer says that it has come to this place.
    Pass(Arc<Latch>),
    /// Nothing more will come.
    Stop,
}

/// Opens once a number of consumers have passed it.
pub(crate) struct Latch {
    missing: Mutex<usize>,
    open: Condvar,
}

impl Latch {
    /// One that waits for this many.
    pub(crate) fn new(missing: usize) -> Latch {
        Latch { missing: Mutex::new(missing), open: Condvar::new() }
    }

    /// One of them has come.
    pub(crate) fn pass(&self) {
        let mut missing = self.missing.lock();
        *missing = missing.saturating_sub(1);
        self.open.notify_all();
    }

    /// Waits for all of them.
    pub(crate) fn wait(&self) {
        let mut missing = self.missing.lock();
        while *missing > 0 {
            self.open.wait(&mut missing);
        }
    }
}

/// A bounded queue that every consumer reads in full.
pub(crate) struct Ring {
    capacity: usize,
    inner: Mutex<Inner>,
    filled: Condvar,
    drained: Condvar,
}

struct Inner {
    messages: VecDeque<Message>,
    /// Number of the message at the head of the queue.
    first: u64,
    /// Number of the message that each consumer takes next.
    next: Vec<u64>,
}

impl Ring {
    /// A ring of `capacity` messages for this many consumers.
    pub(crate) fn new(capacity: usize, consumers: usize) -> Ring {
        let inner = Inner { messages: VecDeque::with_capacity(capacity), first: 0, next: vec![0; consumers] };
        Ring { capacity, inner: Mutex::new(inner), filled: Condvar::new(), drained: Condvar::new() }
    }

    /// Adds a message; waits while the slowest consumer is a whole ring behind.
    pub(crate) fn push(&self, message: Message) {
        let mut inner = self.inner.lock();
        while inner.messages.len() >= self.capacity {
            self.drained.wait(&mut inner);
        }
        inner.messages.push_back(message);
        drop(inner);
        self.filled.notify_all();
    }

    /// The next message for a consumer; waits until there is one.
    pub(crate) fn take(&self, consumer: usize) -> Message {
        let mut inner = self.inner.lock();
        loop {
            let offset = (inner.next[consumer] - inner.first) as usize;
            if let Some(message) = inner.messages.get(offset).cloned() {
                inner.next[consumer] += 1;
                if inner.retire() {
                    self.drained.notify_one();
                }
                return message;
            }
            self.filled.wait(&mut inner);
        }
    }

    /// How many messages the slowest consumer has not taken.
    pub(crate) fn depth(&self) -> usize {
        self.inner.lock().messages.len()
    }
}

impl Inner {
    /// Drops the messages that every consumer has taken; whether there were any.
    fn retire(&mut self) -> bool {
        let slowest = self.next.iter().copied().min().unwrap_or(self.first);
        let done = (slowest - self.first) as usize;
        self.messages.drain(..done);
        self.first = slowest;
        done > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epochs::Epochs;
    use std::thread;

    fn state() -> Arc<State> {
        let plan = Arc::new(spec::compile("no spec", "version: 1\n").expect("it is a spec"));
        let names = state::Dictionary::new(&plan, 1);
        let (epochs, recent) = (Epochs::new(decision::Epoch::new(plan)), crate::decide::Recent::since(Position::START));
        Arc::new(State::new(names, Vec::new(), epochs, recent, (Arc::default(), Arc::default())))
    }

    #[test]
    fn every_consumer_sees_every_message_in_order() {
        let (ring, state) = (Arc::new(Ring::new(4, 3)), state());
        let consumers: Vec<_> = (0..3)
            .map(|consumer| {
                let ring = ring.clone();
                thread::spawn(move || {
                    let mut seen = Vec::new();
                    loop {
                        match ring.take(consumer) {
                            Message::Apply(batch) => seen.push(batch.last.0),
                            Message::Barrier(_) => seen.push(0),
                            Message::Pass(latch) => latch.pass(),
                            Message::Stop => return seen,
                        }
                    }
                })
            })
            .collect();
        for last in 1..=1_000 {
            let batch =
                Batch { changes: vec![], last: Position(last), state: state.clone(), deciding: None, alarming: None };
            ring.push(Message::Apply(Arc::new(batch)));
            if last % 100 == 0 {
                ring.push(Message::Barrier(state.clone()));
            }
        }
        let latch = Arc::new(Latch::new(3));
        ring.push(Message::Pass(latch.clone()));
        latch.wait();
        ring.push(Message::Stop);
        let expected: Vec<u64> = (1..=1_000).flat_map(|n| if n % 100 == 0 { vec![n, 0] } else { vec![n] }).collect();
        for consumer in consumers {
            assert_eq!(consumer.join().expect("no panic"), expected);
        }
        assert_eq!(ring.depth(), 0);
    }
}

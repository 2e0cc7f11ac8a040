//! Delivers outcomes to the sinks of the spec: at least once each, in a thread of its own, so that no decision ever waits for a sink.

mod board;
mod desk;
mod kept;
mod lookup;
mod post;
mod read;
mod sink;

pub(crate) use board::{Board, Figures, Mood};
pub(crate) use kept::Dead;

use crate::config::{Secrets, StartError};
use crate::news::News;
use domain::{Code, OutcomeId, Refusal, limits};
use engine::{Engine, Sink};
use parking_lot::Mutex;
use sink::Task;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, mpsc, watch};

/// How often it is looked whether the spec has other sinks.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);
/// The pause before a sink is begun again whose memory could not be read.
const BROKEN_PAUSE: Duration = Duration::from_secs(5);
/// Threads that read the log and write what is remembered; made when needed.
const READERS: usize = 4;
/// Calls of operators that wait for one sink.
const COMMANDS: usize = 16;

/// A way to get the outbox wrong, so that checks can show that they see it. Only in builds with the feature `planted`.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedOutbox {
    /// The cursor passes outcomes that are only read.
    CursorBeforeDelivery,
}

/// What a sink is told by operators.
pub(crate) enum Command {
    /// Send what was given up once more.
    SendAgain(Vec<OutcomeId>),
    /// Let go of what was given up.
    Forget(Vec<OutcomeId>),
}

/// What all sinks of a node share.
struct Node {
    engine: Arc<Engine>,
    news: Arc<News>,
    secrets: Secrets,
    /// The right to a state of its own, for sinks that read what is no longer in memory.
    turns: Arc<Semaphore>,
    stopping: AtomicBool,
    /// Nothing more is remembered, as if the process had ended.
    abandoned: AtomicBool,
    #[cfg(feature = "planted")]
    planted: Option<PlantedOutbox>,
}

/// A sink that is at work.
#[derive(Clone)]
pub(crate) struct Working {
    pub(crate) board: Arc<Board>,
    commands: mpsc::Sender<Command>,
}

/// The sinks of one node.
pub(crate) struct Outbox {
    node: Arc<Node>,
    working: Mutex<BTreeMap<String, Working>>,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Outbox {
    /// Starts delivering.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        news: &Arc<News>,
        config: &crate::Config,
    ) -> Result<Arc<Outbox>, StartError> {
        let node = Node {
            engine: engine.clone(),
            news: news.clone(),
            secrets: config.secrets.clone(),
            turns: Arc::new(Semaphore::new(limits::SINKS_FAR_MAX)),
            stopping: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            #[cfg(feature = "planted")]
            planted: config.planted_outbox,
        };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(READERS)
            .thread_name("outbox-reader")
            .build()
            .map_err(StartError::Thread)?;
        let outbox = Outbox {
            node: Arc::new(node),
            working: Mutex::default(),
            stop: watch::Sender::new(false),
            thread: Mutex::default(),
        };
        let outbox = Arc::new(outbox);
        let own = outbox.clone();
        let run = move || {
            runtime.block_on(own.run());
            runtime.shutdown_timeout(BROKEN_PAUSE);
        };
        let thread = thread::Builder::new().name("outbox".into()).spawn(run).map_err(StartError::Thread)?;
        *outbox.thread.lock() = Some(thread);
        Ok(outbox)
    }

    /// Ends it: what is in flight has a moment, and how far everything came is remembered.
    pub(crate) fn stop(&self) {
        self.node.stopping.store(true, Ordering::Release);
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.lock().take() {
            // If it panicked it has said so already.
            let _ = thread.join();
        }
    }

    /// Ends it as the end of the process would.
    #[cfg(feature = "planted")]
    pub(crate) fn abandon(&self) {
        self.node.abandoned.store(true, Ordering::Release);
        self.stop();
    }

    /// The sinks at work, by name.
    pub(crate) fn working(&self) -> BTreeMap<String, Working> {
        self.working.lock().clone()
    }

    async fn run(&self) {
        let mut tasks: BTreeMap<String, tokio::task::JoinHandle<()>> = BTreeMap::new();
        let mut stop = self.stop.subscribe();
        loop {
            tasks.retain(|_, task| !task.is_finished());
            let plan = self.node.engine.plan();
            let declared = |name: &str| plan.sinks.iter().any(|sink| sink.name == name);
            self.working.lock().retain(|name, _| tasks.contains_key(name) || declared(name));
            for sink in &plan.sinks {
                if !tasks.contains_key(&sink.name) {
                    tasks.insert(sink.name.clone(), self.begin(sink));
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            }
        }
        for task in tasks.into_values() {
            // One that panicked has said so already.
            let _ = task.await;
        }
    }

    fn begin(&self, sink: &Sink) -> tokio::task::JoinHandle<()> {
        let board = self.working.lock().get(&sink.name).map(|working| working.board.clone()).unwrap_or_default();
        let (send, commands) = mpsc::channel(COMMANDS);
        self.working.lock().insert(sink.name.clone(), Working { board: board.clone(), commands: send });
        let (node, sink, mut stop) = (self.node.clone(), sink.clone(), self.stop.subscribe());
        tokio::spawn(async move {
            match Task::open(&node, &board, &sink, commands, stop.clone()).await {
                Ok(task) => task.run().await,
                Err(error) => {
                    eprintln!("sink {}: {error}", sink.name);
                    board.broken(&error.to_string());
                    tokio::select! {
                        _ = stop.wait_for(|stop| *stop) => {}
                        () = tokio::time::sleep(BROKEN_PAUSE) => {}
                    }
                }
            }
        })
    }
}

impl Working {
    /// # Errors
    /// `sink_stopped`: what it remembers cannot be read, and why.
    pub(crate) fn is_whole(&self) -> Result<(), Refusal> {
        let figures = self.board.figures();
        if figures.mood != Mood::Broken {
            return Ok(());
        }
        let why = figures.last_error.unwrap_or_default();
        Err(Refusal::new(Code::SinkStopped, "sink", format!("the sink stands still: {why}")))
    }

    /// Passes on what an operator wants.
    ///
    /// # Errors
    /// `sink_stopped`: what it remembers cannot be read; `overloaded`.
    pub(crate) fn tell(&self, command: Command) -> Result<(), Refusal> {
        self.is_whole()?;
        let busy = |_| Refusal::new(Code::Overloaded, "", "the sink has other calls to do first; ask again later");
        self.commands.try_send(command).map_err(busy)
    }
}

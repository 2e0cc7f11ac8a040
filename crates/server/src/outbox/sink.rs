//! One sink at work: reads outcomes in the log's order, sends them, remembers how far everything is settled.

use super::board::{Board, Mood};
use super::desk::{Desk, Failure, Next, duration};
use super::kept::{self, Dead};
use super::post::Post;
use super::read::{self, Read};
use super::{Command, Node};
use domain::{Code, OutcomeId, Position, Refusal, Time, limits};
use engine::{OutcomeReader, Plan, Sink};
use hyper::header::HeaderValue;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{sleep_until, timeout};

/// How often at most the cursor is written while outcomes are being delivered.
const SAVED_EVERY: Duration = Duration::from_millis(250);
/// How far the cursor moves over records that are none of the sink's before that is remembered.
const FAR_MOVED: u64 = 10_000;
/// How often at most the operator is told.
const SAID_EVERY: Duration = Duration::from_secs(10);
/// The pause after what cannot be read, or cannot be written.
const TROUBLE_PAUSE: Duration = Duration::from_secs(1);
/// How often what is gone is asked for before it is passed over: a disk may fail to give what it has.
const GONE_MAX: u32 = 3;
/// How long attempts in flight may take at a stop.
const STOP_TIME: Duration = Duration::from_secs(2);
/// The longest that nothing is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Task {
    node: Arc<Node>,
    board: Arc<Board>,
    name: String,
    plan: Arc<Plan>,
    sink: Sink,
    post: Arc<Post>,
    desk: Desk,
    /// Given up, and to be sent once more.
    again: BTreeSet<OutcomeId>,
    /// None while a read is under way.
    reader: Option<OutcomeReader>,
    reading: Option<JoinHandle<(OutcomeReader, Read)>>,
    fetching: Option<JoinHandle<read::Fetched>>,
    attempts: JoinSet<(OutcomeId, Result<(), Failure>)>,
    commands: mpsc::Receiver<Command>,
    stop: watch::Receiver<bool>,
    news: watch::Receiver<u64>,
    more: bool,
    gone: u32,
    failing: bool,
    saved: Position,
    saved_at: Instant,
    dead_changed: bool,
    /// Whether anything was settled since the cursor was written.
    settled: bool,
    said_at: Option<Instant>,
    /// Nothing is read, or written, before this.
    not_before: Instant,
    /// Nothing is sent before this: the sink wants to be left alone.
    paused_until: Instant,
}

/// What there is to do.
enum Woken {
    Read(Box<(OutcomeReader, Read)>),
    Fetched(read::Fetched),
    Attempt(OutcomeId, Result<(), Failure>),
    Asked(Command),
    Broken,
    Stop,
    Time,
}

impl Task {
    /// Reads what is remembered of a sink.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) async fn open(
        node: &Arc<Node>,
        board: &Arc<Board>,
        sink: &Sink,
        commands: mpsc::Receiver<Command>,
        stop: watch::Receiver<bool>,
    ) -> io::Result<Task> {
        let (news, plan) = (node.news.subscribe(), node.engine.plan());
        let (engine, name) = (node.engine.clone(), sink.name.clone());
        let remembered = spawn_blocking(move || {
            let durable = engine.released();
            let cursor = match kept::cursor(&engine, &name)? {
                Some(cursor) => cursor.min(durable),
                None => {
                    // Before anything is delivered, so that a change of the spec does not move the beginning.
                    let cursor = read::begins(&engine, &name).min(durable);
                    kept::save_cursor(&engine, &name, cursor)?;
                    cursor
                }
            };
            io::Result::Ok((cursor, kept::dead(&engine, &name)?))
        });
        let (cursor, dead) = remembered.await.map_err(io::Error::other)??;
        let now = Instant::now();
        *board.dead() = dead;
        Ok(Task {
            node: node.clone(),
            board: board.clone(),
            name: sink.name.clone(),
            post: post(node, sink),
            plan,
            sink: sink.clone(),
            desk: Desk::new(cursor),
            again: BTreeSet::new(),
            reader: Some(node.engine.core().outcomes(cursor)),
            reading: None,
            fetching: None,
            attempts: JoinSet::new(),
            commands,
            stop,
            news,
            more: true,
            gone: 0,
            failing: false,
            saved: cursor,
            saved_at: now.checked_sub(SAVED_EVERY).unwrap_or(now),
            dead_changed: false,
            settled: false,
            said_at: None,
            not_before: now,
            paused_until: now,
        })
    }

    /// Delivers until it is told to stop, or the sink is no longer in the spec.
    pub(super) async fn run(mut self) {
        while self.follow_plan() {
            self.begin_reading();
            self.begin_attempts();
            self.save(false).await;
            self.show();
            match self.wait().await {
                Woken::Read(read) => self.take(*read),
                Woken::Fetched(fetched) => self.take_again(fetched),
                Woken::Attempt(id, result) => self.settle(id, result),
                Woken::Asked(command) => self.obey(command),
                Woken::Time => {}
                // It is begun anew from what is remembered.
                Woken::Broken => return,
                Woken::Stop => break,
            }
        }
        if self.node.abandoned.load(Ordering::Acquire) {
            return;
        }
        self.finish().await;
    }

    /// Gives what is in flight a moment, and remembers how far that went.
    async fn finish(mut self) {
        let end = Instant::now() + STOP_TIME;
        while !self.attempts.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            match timeout(left, self.attempts.join_next()).await {
                Ok(Some(Ok((id, result)))) => self.settle(id, result),
                _ => break,
            }
        }
        self.not_before = Instant::now();
        self.save(true).await;
        self.show();
    }

    /// Takes over what a new version of the spec says of the sink; whether it is still there.
    fn follow_plan(&mut self) -> bool {
        let plan = self.node.engine.plan();
        if Arc::ptr_eq(&plan, &self.plan) {
            return true;
        }
        let Some(sink) = plan.sinks.iter().find(|sink| sink.name == self.name).cloned() else { return false };
        self.plan = plan;
        if sink != self.sink {
            self.post = post(&self.node, &sink);
            self.sink = sink;
            self.paused_until = Instant::now();
            self.desk.hurry(Instant::now());
        }
        true
    }

    fn begin_reading(&mut self) {
        let now = Instant::now();
        if now < self.not_before || !self.desk.has_room() {
            return;
        }
        if self.fetching.is_none() && !self.again.is_empty() {
            let ids: Vec<OutcomeId> = self.again.iter().copied().take(read::FETCHED_AT_ONCE).collect();
            let (node, name) = (self.node.clone(), self.name.clone());
            self.fetching = Some(spawn_blocking(move || read::fetch(&node, &name, &ids)));
        }
        if self.reading.is_none()
            && self.more
            && let Some(reader) = self.reader.take()
        {
            let name = self.name.clone();
            self.reading = Some(spawn_blocking(move || read::read(reader, &name)));
        }
    }

    fn begin_attempts(&mut self) {
        let now = Instant::now();
        while self.desk.in_flight() < usize::from(self.sink.in_flight) && now >= self.paused_until {
            let Some((id, body)) = self.desk.take_due(now) else { return };
            let post = self.post.clone();
            self.attempts.spawn(async move { (id, post.send(&id.to_string(), body).await) });
        }
    }

    /// Until there is something to do.
    async fn wait(&mut self) -> Woken {
        let now = Instant::now();
        let mut wake = now + LOOK_EVERY;
        if let Some(due) = self.desk.next_due()
            && self.desk.in_flight() < usize::from(self.sink.in_flight)
        {
            wake = wake.min(due.max(self.paused_until));
        }
        let reading_waits = self.more && self.reading.is_none() && self.desk.has_room();
        if (reading_waits || !self.again.is_empty()) && self.not_before > now {
            wake = wake.min(self.not_before);
        }
        let drained = !self.more && self.reading.is_none();
        if drained {
            // In this order: what is released after the look is told.
            self.news.mark_unchanged();
            if self.node.engine.released() > self.desk.position() {
                self.more = true;
                return Woken::Time;
            }
            self.node.news.ask();
        }
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => Woken::Stop,
            Some(done) = self.attempts.join_next(), if !self.attempts.is_empty() => match done {
                Ok((id, result)) => Woken::Attempt(id, result),
                Err(_) => Woken::Broken,
            },
            read = joined(&mut self.reading), if self.reading.is_some() => {
                self.reading = None;
                read.map_or(Woken::Broken, |read| Woken::Read(Box::new(read)))
            }
            fetched = joined(&mut self.fetching), if self.fetching.is_some() => {
                self.fetching = None;
                fetched.map_or(Woken::Broken, Woken::Fetched)
            }
            Some(command) = self.commands.recv() => Woken::Asked(command),
            _ = self.news.changed(), if drained => {
                self.more = true;
                Woken::Time
            }
            () = sleep_until(wake.into()) => Woken::Time,
        }
    }

    fn take(&mut self, (mut reader, read): (OutcomeReader, Read)) {
        let now = Instant::now();
        for (id, body) in read.outcomes {
            // Given up before a crash, and not passed by the cursor yet.
            if !self.board.dead().contains_key(&id) && !self.desk.knows(id) {
                self.desk.add(id, body, false, now);
            }
        }
        self.more = *read.more.as_ref().unwrap_or(&true);
        match read.more {
            Ok(_) => self.gone = 0,
            Err(refusal) => self.unreadable(&mut reader, &refusal, now),
        }
        self.desk.read_to(reader.position());
        self.reader = Some(reader);
    }

    /// What the log has no longer is passed over, counted and said; anything else is tried again.
    fn unreadable(&mut self, reader: &mut OutcomeReader, refusal: &Refusal, now: Instant) {
        self.not_before = now + TROUBLE_PAUSE;
        self.gone += u32::from(refusal.code == Code::Gone);
        if self.gone < GONE_MAX {
            return self.board.trouble(&refusal.message);
        }
        self.gone = 0;
        let from = reader.position();
        let passed = reader.pass_over();
        self.board.lost(passed);
        self.say(&format!(
            "the log no longer has what outcomes behind position {from} follow from; {passed} records are passed over ({})",
            refusal.message
        ));
    }

    fn take_again(&mut self, fetched: read::Fetched) {
        let now = Instant::now();
        for (id, body) in fetched.outcomes {
            self.again.remove(&id);
            if self.board.dead().contains_key(&id) && !self.desk.knows(id) {
                self.desk.add(id, body, true, now);
            }
        }
        for (id, why) in fetched.missing {
            self.again.remove(&id);
            if let Some(dead) = self.board.dead().get_mut(&id) {
                *dead = Dead::new(dead.attempts, dead.at, &why);
                self.dead_changed = true;
            }
        }
    }

    fn settle(&mut self, id: OutcomeId, result: Result<(), Failure>) {
        let now = Instant::now();
        let failure = match result {
            Ok(()) => {
                self.desk.delivered(id);
                self.dead_changed |= self.board.dead().remove(&id).is_some();
                self.board.delivered();
                self.settled = true;
                if std::mem::take(&mut self.failing) {
                    self.say("it takes outcomes");
                }
                return;
            }
            Err(failure) => failure,
        };
        if let Some(pause) = failure.pause {
            self.paused_until = self.paused_until.max(now + pause);
        }
        let full = {
            let dead = self.board.dead();
            dead.len() >= limits::SINK_DEAD_MAX && !dead.contains_key(&id)
        };
        let next = self.desk.failed(id, &failure, &self.sink.retry, full, now);
        self.board.failed(&failure.why);
        if let Next::GivenUp(attempts) = next {
            self.board.dead().insert(id, Dead::new(attempts, clock(), &failure.why));
            (self.dead_changed, self.settled) = (true, true);
            self.say(&format!("{id} is given up after {attempts} attempts: {}", failure.why));
        } else if !std::mem::replace(&mut self.failing, true) {
            self.say(&format!("an outcome was not taken and is tried again: {}", failure.why));
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::SendAgain(ids) => {
                let dead = self.board.dead();
                self.again.extend(ids.into_iter().filter(|id| dead.contains_key(id) && !self.desk.knows(*id)));
                drop(dead);
                // Somebody has mended the sink.
                self.desk.hurry(Instant::now());
                self.paused_until = Instant::now();
            }
            Command::Forget(ids) => {
                for id in ids.into_iter().filter(|id| !self.desk.knows(*id)) {
                    self.again.remove(&id);
                    self.dead_changed |= self.board.dead().remove(&id).is_some();
                }
            }
        }
    }

    /// Remembers how far everything is settled, now and then. What was given up is written first, since the cursor passes it.
    async fn save(&mut self, now: bool) {
        let cursor = self.cursor();
        // Records that are none of the sink's move the cursor too, which alone is not worth the disk.
        let moved = self.settled || self.dead_changed || cursor.0.saturating_sub(self.saved.0) > FAR_MOVED;
        let due = now || (moved && self.saved_at.elapsed() >= SAVED_EVERY);
        if !due || (cursor == self.saved && !self.dead_changed) || Instant::now() < self.not_before {
            return;
        }
        let (engine, name) = (self.node.engine.clone(), self.name.clone());
        let dead = self.dead_changed.then(|| self.board.dead().clone());
        let written = spawn_blocking(move || {
            dead.map_or(Ok(()), |dead| kept::save_dead(&engine, &name, &dead))?;
            kept::save_cursor(&engine, &name, cursor)
        });
        match written.await.map_err(io::Error::other).and_then(|written| written) {
            Ok(()) => {
                (self.saved, self.saved_at) = (cursor, Instant::now());
                (self.settled, self.dead_changed) = (cursor < self.desk.position() && self.settled, false);
            }
            Err(error) => {
                // What was delivered meanwhile is delivered again after a crash; nothing is lost.
                self.not_before = Instant::now() + TROUBLE_PAUSE;
                self.board.trouble(&format!("its place cannot be written: {error}"));
            }
        }
    }

    fn cursor(&self) -> Position {
        #[cfg(feature = "planted")]
        if self.node.planted == Some(super::PlantedOutbox::CursorBeforeDelivery) {
            return self.desk.position();
        }
        self.desk.cursor()
    }

    fn show(&self) {
        let now = Instant::now();
        let mood = match () {
            () if self.board.dead().len() >= limits::SINK_DEAD_MAX => Mood::Full,
            () if self.paused_until > now => Mood::Paused,
            () if self.failing => Mood::Failing,
            () if self.reader.as_ref().is_some_and(OutcomeReader::is_far) => Mood::CatchingUp,
            () => Mood::Delivering,
        };
        self.board.show(mood, self.desk.cursor(), self.desk.len(), self.desk.in_flight());
    }

    /// Tells the operator; not more than now and then, since the board has it all.
    fn say(&mut self, what: &str) {
        if self.said_at.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            self.said_at = Some(Instant::now());
            eprintln!("sink {}: {what}", self.name);
        }
    }
}

fn post(node: &Node, sink: &Sink) -> Arc<Post> {
    let authorization = sink.secret.as_ref().and_then(|name| node.secrets.find(name)).and_then(|secret| {
        let mut value = HeaderValue::try_from(format!("Bearer {secret}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    });
    Post::new(sink.url.clone(), authorization, duration(sink.timeout))
}

/// The end of a job that is under way; it panicked, or there is none.
async fn joined<T>(job: &mut Option<JoinHandle<T>>) -> Option<T> {
    job.as_mut()?.await.ok()
}

fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_millis() as i64)
}

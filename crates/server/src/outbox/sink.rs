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
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
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
/// How long attempts in flight may take at a stop, and then writing how far that went.
const STOP_TIME: Duration = Duration::from_secs(2);
/// How long a state that the log is read by is held while there is no room for what it gives.
const HELD_FULL: Duration = Duration::from_secs(5);
/// The longest that nothing is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Task {
    node: Arc<Node>,
    board: Arc<Board>,
    name: String,
    plan: Arc<Plan>,
    sink: Sink,
    /// None: the server has not the secret that goes with it.
    post: Option<Arc<Post>>,
    desk: Desk,
    /// Given up, and to be sent once more.
    again: BTreeSet<OutcomeId>,
    /// None while a read is under way.
    reader: Option<OutcomeReader>,
    reading: Option<JoinHandle<(OutcomeReader, Read)>>,
    /// The right to a state of its own, while what comes next is no longer in memory.
    turn: Option<OwnedSemaphorePermit>,
    /// Since when there is no room for more.
    full_since: Option<Instant>,
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
    saving: Option<Saving>,
    dead_changed: bool,
    /// Whether anything was settled since the cursor was written.
    settled: bool,
    said_at: Option<Instant>,
    /// Nothing is read, or written, before this.
    not_before: Instant,
    /// Nothing is sent before this: the sink wants to be left alone.
    paused_until: Instant,
}

/// What is being written.
struct Saving {
    job: JoinHandle<io::Result<()>>,
    cursor: Position,
    /// Whether what was given up is too.
    dead: bool,
}

/// What there is to do.
enum Woken {
    Saved(io::Result<()>),
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
            post: post(node, board, sink),
            plan,
            sink: sink.clone(),
            desk: Desk::new(cursor),
            again: BTreeSet::new(),
            reader: Some(read::reader(&node.engine, cursor)),
            reading: None,
            turn: None,
            full_since: None,
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
            saving: None,
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
            self.save(false);
            self.show();
            match self.wait().await {
                Woken::Saved(written) => self.saved(written),
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
        // One that is under way first; a disk that hangs is not waited for.
        for _ in 0..2 {
            if self.saving.is_some() {
                let Ok(written) = timeout(STOP_TIME, written(&mut self.saving)).await else {
                    self.said_at = None;
                    return self.say("how far it came is not written in time: what is behind that comes again");
                };
                self.saved(written);
            }
            self.save(true);
        }
        if let Ok(written) = timeout(STOP_TIME, written(&mut self.saving)).await {
            self.saved(written);
        }
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
            self.post = post(&self.node, &self.board, &sink);
            self.sink = sink;
            self.paused_until = Instant::now();
            self.desk.hurry(Instant::now());
        }
        true
    }

    fn begin_reading(&mut self) {
        let now = Instant::now();
        if !self.desk.has_room() {
            return self.let_go(now);
        }
        self.full_since = None;
        if now < self.not_before {
            return;
        }
        if self.fetching.is_none() && !self.again.is_empty() {
            self.begin_fetching();
        }
        if self.reading.is_none()
            && self.more
            && self.has_turn()
            && let Some(reader) = self.reader.take()
        {
            let name = self.name.clone();
            self.reading = Some(spawn_blocking(move || read::read(reader, &name)));
        }
    }

    fn begin_fetching(&mut self) {
        let ids: Vec<OutcomeId> = self.again.iter().copied().take(read::FETCHED_AT_ONCE).collect();
        let Some(first) = ids.first() else { return };
        let before = Position(first.decision.position.0.saturating_sub(1));
        let mut turn = None;
        if read::reader(&self.node.engine, before).is_far() {
            turn = self.node.turns.clone().try_acquire_owned().ok();
            if turn.is_none() {
                return;
            }
        }
        let (node, name) = (self.node.clone(), self.name.clone());
        self.fetching = Some(spawn_blocking(move || {
            let fetched = read::fetch(&node, &name, &ids);
            drop(turn);
            fetched
        }));
    }

    /// Whether it may read on: few sinks at once derive what is no longer in memory.
    fn has_turn(&mut self) -> bool {
        if !self.reader.as_ref().is_some_and(OutcomeReader::is_far) {
            self.turn = None;
            return true;
        }
        if self.turn.is_none() {
            self.turn = self.node.turns.clone().try_acquire_owned().ok();
        }
        self.turn.is_some()
    }

    /// While there is no room: the state that the log is read by is not held for long, since others wait for their turn and it takes
    /// as much memory as what serves.
    fn let_go(&mut self, now: Instant) {
        let since = *self.full_since.get_or_insert(now);
        if now.duration_since(since) >= HELD_FULL
            && let Some(reader) = &mut self.reader
        {
            reader.rest();
            self.turn = None;
        }
    }

    fn begin_attempts(&mut self) {
        let Some(post) = self.post.clone() else { return };
        let now = Instant::now();
        while self.desk.in_flight() < usize::from(self.sink.in_flight) && now >= self.paused_until {
            let Some((id, body)) = self.desk.take_due(now) else { return };
            let post = post.clone();
            self.attempts.spawn(async move { (id, post.send(&id.to_string(), body).await) });
        }
    }

    /// Until there is something to do.
    async fn wait(&mut self) -> Woken {
        let now = Instant::now();
        let mut wake = now + LOOK_EVERY;
        if let Some(due) = self.desk.next_due()
            && self.desk.in_flight() < usize::from(self.sink.in_flight)
            && self.post.is_some()
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
            written = written(&mut self.saving), if self.saving.is_some() => Woken::Saved(written),
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
        if !reader.is_far() {
            self.turn = None;
        }
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

    /// Begins to write how far everything is settled, now and then. What was given up is written first, since the cursor passes it.
    fn save(&mut self, now: bool) {
        if self.saving.is_some() {
            return;
        }
        let cursor = self.cursor();
        // Records that are none of the sink's move the cursor too, which alone is not worth the disk.
        let moved = self.settled || self.dead_changed || cursor.0.saturating_sub(self.saved.0) > FAR_MOVED;
        let due = now || (moved && self.saved_at.elapsed() >= SAVED_EVERY);
        if !due || (cursor == self.saved && !self.dead_changed) || Instant::now() < self.not_before {
            return;
        }
        let (engine, name) = (self.node.engine.clone(), self.name.clone());
        let dead = self.dead_changed.then(|| self.board.dead().clone());
        let with_dead = dead.is_some();
        let job = spawn_blocking(move || {
            dead.map_or(Ok(()), |dead| kept::save_dead(&engine, &name, &dead))?;
            kept::save_cursor(&engine, &name, cursor)
        });
        self.saving = Some(Saving { job, cursor, dead: with_dead });
        // What is settled from now on is to be written again.
        (self.settled, self.dead_changed) = (cursor < self.desk.position() && self.settled, false);
    }

    /// It was written, or not.
    fn saved(&mut self, written: io::Result<()>) {
        let Some(Saving { cursor, dead, .. }) = self.saving.take() else { return };
        match written {
            Ok(()) => (self.saved, self.saved_at) = (cursor, Instant::now()),
            Err(error) => {
                // What was delivered meanwhile is delivered again after a crash; nothing is lost.
                (self.settled, self.dead_changed) = (true, self.dead_changed || dead);
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
            () if self.post.is_none() => Mood::NoSecret,
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

/// How a sink is reached; none if the server has not the secret that it names.
fn post(node: &Node, board: &Board, sink: &Sink) -> Option<Arc<Post>> {
    let mut authorization = None;
    if let Some(name) = &sink.secret {
        let found = node.secrets.find(name).and_then(|secret| HeaderValue::try_from(format!("Bearer {secret}")).ok());
        let Some(mut value) = found else {
            let why = format!(
                "the server has no secret '{name}' that can be sent: start it with one (--secrets); nothing is sent until then"
            );
            eprintln!("sink {}: {why}", sink.name);
            board.trouble(&why);
            return None;
        };
        value.set_sensitive(true);
        authorization = Some(value);
    }
    Some(Post::new(sink.url.clone(), authorization, duration(sink.timeout)))
}

/// The end of what is being written; at once if nothing is.
async fn written(saving: &mut Option<Saving>) -> io::Result<()> {
    match saving {
        Some(saving) => (&mut saving.job).await.map_err(io::Error::other).and_then(|written| written),
        None => Ok(()),
    }
}

/// The end of a job that is under way; it panicked, or there is none.
async fn joined<T>(job: &mut Option<JoinHandle<T>>) -> Option<T> {
    job.as_mut()?.await.ok()
}

fn clock() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(since.as_millis() as i64)
}

//! Outcomes from a place in the log on and then as they come, for whatever writes them. A reader that is slow waits for nobody and
//! holds up nobody: what it has not got yet stays in the log.

use super::{Part, seen};
use crate::Shared;
use crate::replays::StreamSlot;
use domain::{Code, Refusal, limits};
use engine::{Outcome, OutcomeCursor, OutcomeReader, OutcomesAsked, Which};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use wire::OutcomeView;

/// Outcomes that are told at once.
const PIECE: usize = 16;
/// How often something is told where there is nothing to tell.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The longest that nothing is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long outcomes that are no longer in memory may wait to be taken: a state of its own is held for that reader meanwhile.
const FAR_PATIENCE: Duration = Duration::from_secs(5);

/// One reader's.
pub struct Following {
    part: Arc<Part>,
    /// None while it looks.
    reader: Option<OutcomeReader>,
    /// The right to a state of its own, while what comes next is no longer in memory.
    slot: Option<StreamSlot>,
    news: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    told_at: Instant,
    /// Why it cannot go on, once everything before that is told.
    ended: Option<Refusal>,
    open: Open,
}

/// What there is to tell.
pub enum Followed<T> {
    /// Outcomes, in order.
    Told(Vec<T>),
    /// Nothing for a while: everything up to this place is behind the reader.
    Quiet(OutcomeCursor),
    /// The server stops.
    Stopped,
}

/// Counts an open stream.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Result<Open, Refusal> {
        // It counts from here on, and no more once this is dropped.
        let open = Open(shared.clone());
        if shared.metrics.outcome_streams.inc() >= limits::OUTCOME_STREAMS_MAX as i64 {
            return Err(Refusal::new(Code::Overloaded, "", "too many streams of outcomes are open; come again later"));
        }
        Ok(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.metrics.outcome_streams.dec();
    }
}

/// What one look has found.
struct Found<T> {
    reader: OutcomeReader,
    told: Vec<T>,
    more: Result<bool, Refusal>,
}

impl Following {
    /// # Errors
    /// Names that the spec has not, a place beyond the log, or `overloaded`.
    pub(crate) fn new(shared: &Arc<Shared>, part: Part, stop: watch::Receiver<bool>) -> Result<Following, Refusal> {
        part.check(&shared.engine)?;
        let open = Open::new(shared)?;
        let reader = shared.engine.core().outcomes(part.after, part.kinds);
        Ok(Following {
            part: Arc::new(part),
            reader: Some(reader),
            slot: None,
            news: shared.news.subscribe(),
            stop,
            told_at: Instant::now(),
            ended: None,
            open,
        })
    }

    /// How long what was told may wait to be taken by who has this much patience otherwise.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.slot.is_some() { usual.min(FAR_PATIENCE) } else { usual }
    }

    /// Waits until there is something to tell.
    ///
    /// # Errors
    /// It cannot go on: `gone`, `overloaded`.
    pub async fn next<T: Send + 'static>(&mut self, write: fn(&OutcomeView<'_>) -> T) -> Result<Followed<T>, Refusal> {
        let shared = self.open.0.clone();
        loop {
            if let Some(refusal) = self.ended.take() {
                return Err(refusal);
            }
            if *self.stop.borrow() {
                return Ok(Followed::Stopped);
            }
            // In this order: what is released after the look is told.
            self.news.mark_unchanged();
            let (told, more) = self.look(&shared, write).await?;
            if !told.is_empty() {
                self.told_at = Instant::now();
                return Ok(Followed::Told(told));
            }
            if self.told_at.elapsed() >= HEARTBEAT {
                self.told_at = Instant::now();
                return Ok(Followed::Quiet(self.reader.as_ref().map(OutcomeReader::cursor).unwrap_or_default()));
            }
            if more || self.ended.is_some() {
                continue;
            }
            shared.news.ask();
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => {}
                _ = self.news.changed() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Looks for what comes next; whether there may be more already.
    async fn look<T: Send + 'static>(
        &mut self,
        shared: &Shared,
        write: fn(&OutcomeView<'_>) -> T,
    ) -> Result<(Vec<T>, bool), Refusal> {
        let lost = || Refusal::new(Code::Internal, "", "the server made a mistake; come again");
        let reader = self.reader.take().ok_or_else(lost)?;
        if reader.position() >= shared.engine.released() {
            self.slot = None;
            self.reader = Some(reader);
            return Ok((Vec::new(), false));
        }
        match (reader.is_far(), &self.slot) {
            (true, None) => self.slot = Some(shared.replays.stream_slot()?),
            (false, Some(_)) => self.slot = None,
            _ => {}
        }
        let part = self.part.clone();
        let found = spawn_blocking(move || read(reader, &part, write)).await.map_err(|_| lost())?;
        self.reader = Some(found.reader);
        let more = found.more.unwrap_or_else(|refusal| {
            self.ended = Some(refusal);
            false
        });
        Ok((found.told, more))
    }
}

fn read<T>(mut reader: OutcomeReader, part: &Part, write: fn(&OutcomeView<'_>) -> T) -> Found<T> {
    let mut told = Vec::new();
    let mut tell = |outcome: &Outcome<'_>| told.push(write(&seen(outcome, part.facts)));
    let wanted = |which: &Which<'_>| part.wants(which);
    let more = reader.read(&mut OutcomesAsked { most: PIECE, wanted: &wanted, tell: &mut tell });
    Found { reader, told, more }
}

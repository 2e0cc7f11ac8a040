//! The walk over the rows: batches out, acknowledgements in, progress noted.

use super::progress::{Counts, Place, Progress};
use super::rejects::Rejects;
use super::source::{self, Row};
use super::target::{Batch, Target};
use crate::node;
use anyhow::{Result, bail};
use domain::{Code, Payload, Position, Refusal, Time, limits};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Rows sent at once.
const BATCH: usize = 1_000;
/// How often progress is noted.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// Whether to read the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    /// End as after the last row, and say how to go on.
    Stop,
    /// End as the power does: nothing more is noted.
    #[cfg(test)]
    Vanish,
}

/// How an import ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Of all runs together.
    pub(crate) counts: Counts,
    /// Of this run.
    pub(crate) this_run: Counts,
    pub(crate) position: Position,
    /// Why not at the last row.
    pub(crate) stopped: Option<String>,
    /// Whether there was nothing to do.
    pub(crate) already: bool,
    pub(crate) rejects: Option<PathBuf>,
    /// Events of this run that said no time, where nothing else gives them one.
    pub(crate) untimed: u64,
}

/// How the times of rows are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timing {
    /// Rows after it are refused, once a look at the clock confirms it; none if any time is taken.
    pub(super) latest: Option<Time>,
    /// Events without a time so far; none if they are not counted.
    pub(super) untimed: Option<u64>,
}

/// What is not too far ahead now.
pub(super) fn latest() -> Time {
    node::now().plus(limits::FUTURE_SKEW_MAX)
}

impl Timing {
    /// Looks at a row that moves log time to `time`.
    fn look(&mut self, time: Option<Time>, payload: &Payload<'_>) -> Result<(), Refusal> {
        if let (None, Some(untimed), Payload::Event(_)) = (time, &mut self.untimed, payload) {
            *untimed += 1;
        }
        let (Some(time), Some(so_far)) = (time, self.latest) else { return Ok(()) };
        if time <= so_far {
            return Ok(());
        }
        let now = latest();
        self.latest = Some(now);
        if time <= now {
            return Ok(());
        }
        let message = format!(
            "{time} is ahead of this machine's clock, and log time, which never goes back, would be moved there: windows would then \
             be read as of it; mend the row, or add --allow-future if that is meant"
        );
        Err(Refusal::new(Code::TimeInFuture, "time", message))
    }
}

/// One run.
pub(super) struct Run<'a> {
    target: &'a mut dyn Target,
    progress: Progress,
    place: &'a Place,
    rejects: Rejects,
    errors_max: u64,
    pub(super) timing: Timing,
    /// Whether events without an id get one of their file and row.
    gives_ids: bool,
    /// As of the last row read.
    counts: Counts,
    began: Counts,
    batch: Batch,
    places: Vec<source::Place>,
    vanished: bool,
    /// What was sent and is not durable yet: counts at its end.
    in_flight: VecDeque<(Position, Counts)>,
    saved: Instant,
}

impl Ended {
    /// There was nothing to do.
    pub(super) fn already(progress: &Progress) -> Ended {
        Ended {
            counts: progress.counts,
            this_run: Counts::default(),
            position: progress.position,
            stopped: None,
            already: true,
            rejects: None,
            untimed: 0,
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        target: &'a mut dyn Target,
        progress: Progress,
        place: &'a Place,
        rejects: PathBuf,
        errors_max: u64,
        gives_ids: bool,
    ) -> Run<'a> {
        Run {
            target,
            counts: progress.counts,
            began: progress.counts,
            progress,
            place,
            rejects: Rejects::new(rejects),
            errors_max,
            timing: Timing::default(),
            gives_ids,
            batch: Batch::default(),
            places: Vec::with_capacity(BATCH),
            vanished: false,
            in_flight: VecDeque::new(),
            saved: Instant::now(),
        }
    }

    /// Rows done before this run.
    pub(super) fn rows(&self) -> u64 {
        self.began.rows
    }

    /// Takes rows until there are no more, or one is not to be read.
    pub(super) fn all(
        &mut self,
        rows: &mut dyn Iterator<Item = Result<Row>>,
        go: &dyn Fn(u64) -> Go,
        read: &dyn Fn(),
    ) -> Result<Ended> {
        self.place.save(&self.progress, true)?;
        let walked = self.walk(rows, go, read);
        if self.vanished {
            bail!("vanished");
        }
        // What was read before an error is taken all the same.
        let finished = self.send().and_then(|()| self.target.finish()).and_then(|()| self.acknowledge());
        let stopped = match (walked, finished) {
            (Ok(stopped), Ok(())) => stopped,
            // The first error is the one to say.
            (Err(error), _) | (Ok(_), Err(error)) => {
                self.note(false)?;
                return Err(error.context(self.how_to_go_on()));
            }
        };
        self.note(stopped.is_none())?;
        let (now, was) = (self.counts, self.began);
        Ok(Ended {
            counts: now,
            this_run: Counts {
                rows: now.rows - was.rows,
                accepted: now.accepted - was.accepted,
                duplicates: now.duplicates - was.duplicates,
                refused: now.refused - was.refused,
            },
            position: self.progress.position,
            stopped,
            already: false,
            rejects: self.rejects.path().cloned(),
            untimed: self.timing.untimed.unwrap_or(0),
        })
    }

    fn how_to_go_on(&self) -> String {
        let rows = self.progress.counts.rows;
        format!("the import stopped; {rows} rows are done, and the same command goes on after them")
    }

    fn note(&mut self, done: bool) -> Result<()> {
        self.progress.done = done;
        self.rejects.flush()?;
        self.place.save(&self.progress, true)
    }

    /// Why it ended before the last row, if it did.
    fn walk(
        &mut self,
        rows: &mut dyn Iterator<Item = Result<Row>>,
        go: &dyn Fn(u64) -> Go,
        read: &dyn Fn(),
    ) -> Result<Option<String>> {
        for row in rows {
            match go(self.counts.rows + self.places.len() as u64) {
                Go::On => {}
                Go::Stop => return Ok(Some("it was told to".to_owned())),
                #[cfg(test)]
                Go::Vanish => {
                    self.vanished = true;
                    return Ok(None);
                }
            }
            self.take(row?)?;
            read();
            if self.counts.refused - self.began.refused > self.errors_max {
                return Ok(Some(format!("more than {} rows were refused", self.errors_max)));
            }
        }
        Ok(None)
    }

    fn take(&mut self, row: Row) -> Result<()> {
        let mut record = match row.record {
            Ok(record) => record,
            Err(bad) => {
                self.send()?;
                self.counts.rows += 1;
                self.counts.refused += 1;
                return self.rejects.unread(&row.place, &bad.refusal, &bad.text);
            }
        };
        if self.gives_ids {
            if record.payload == Payload::Tick {
                // Time goes on with the rows themselves.
                self.send()?;
                self.counts.rows += 1;
                return Ok(());
            }
            let number = self.counts.rows + self.places.len() as u64 + 1;
            if let Payload::Event(event) = &mut record.payload {
                // An event that says no time happened when its log had it.
                event.time = event.time.or(record.log_time);
                let id = || format!("{}-{number}", self.progress.input.head).into();
                event.id.get_or_insert_with(id);
            }
        }
        // What moves log time: the row's own, or, where that is restored, the log's.
        let time = match &record.payload {
            _ if !self.gives_ids => record.log_time,
            Payload::Event(event) => event.time,
            _ => None,
        };
        if let Err(refusal) = self.timing.look(time, &record.payload) {
            self.send()?;
            self.counts.rows += 1;
            self.counts.refused += 1;
            return self.rejects.refused(&row.place, &refusal, &record.payload);
        }
        if let Some(position) = self.target.known(&record.payload) {
            self.send()?;
            self.counts.rows += 1;
            self.counts.accepted += 1;
            self.in_flight.push_back((position, self.counts));
            return Ok(());
        }
        self.batch.payloads.push(record.payload);
        self.batch.log_times.push(record.log_time);
        self.places.push(row.place);
        if self.places.len() == BATCH { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let (batch, places) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.places));
        if places.is_empty() {
            return Ok(());
        }
        let sent = self.target.send(&batch)?;
        if sent.results.len() != places.len() {
            bail!("{} rows were sent and {} answered", places.len(), sent.results.len());
        }
        for ((place, payload), result) in places.iter().zip(&batch.payloads).zip(sent.results) {
            self.counts.rows += 1;
            match result {
                Ok(false) => self.counts.accepted += 1,
                Ok(true) => self.counts.duplicates += 1,
                Err(refusal) => {
                    self.counts.refused += 1;
                    self.rejects.refused(place, &refusal, payload)?;
                }
            }
        }
        let position = self.in_flight.back().map_or(self.progress.position, |(last, _)| *last).max(sent.position);
        self.in_flight.push_back((position, self.counts));
        if self.target.saves_at_once() || self.saved.elapsed() >= SAVE_EVERY {
            self.acknowledge()?;
            self.rejects.flush()?;
            self.place.save(&self.progress, !self.target.saves_at_once())?;
            self.saved = Instant::now();
        }
        Ok(())
    }

    /// Counts what has become durable.
    fn acknowledge(&mut self) -> Result<()> {
        let durable = self.target.durable();
        while let Some((position, counts)) = self.in_flight.front().copied()
            && position <= durable
        {
            (self.progress.position, self.progress.counts) = (position, counts);
            self.in_flight.pop_front();
        }
        if self.in_flight.is_empty() {
            // Rows behind it were refused, or bring nothing.
            self.progress.counts = self.counts;
        }
        Ok(())
    }
}

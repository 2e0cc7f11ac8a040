//! Outcomes as server-sent events, from a place in the log on and then as they come. A reader that is slow waits for nobody and holds
//! up nobody: what it has not got yet stays in the log, and its connection is cut if it reads nothing for too long.

use super::{Part, after_of, write};
use crate::Shared;
use crate::replays::Slot;
use crate::reply::{EVENTS, Piece, Reply};
use domain::{Code, Refusal, limits};
use engine::{Derived, Outcome, OutcomeReader, OutcomesAsked};
use hyper::HeaderMap;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// Outcomes in one piece.
const PIECE: usize = 16;
/// How often something is sent where there is nothing to tell.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The longest that nothing is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// One client's.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    part: Arc<Part>,
    _open: Open,
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
struct Found {
    reader: OutcomeReader,
    bytes: Vec<u8>,
    more: Result<bool, Refusal>,
}

impl Stream {
    /// # Errors
    /// Names that the spec has not, a `Last-Event-ID` that is none, or `overloaded`.
    pub(crate) fn new(shared: &Arc<Shared>, mut part: Part, headers: &HeaderMap) -> Result<Stream, Refusal> {
        part.check(&shared.engine.plan())?;
        // A client that was cut off goes on where it was, whatever it asked for first.
        if let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) {
            part.after = after_of(id.to_str().unwrap_or_default(), "last-event-id")?;
        }
        Ok(Stream { shared: shared.clone(), part: Arc::new(part), _open: Open::new(shared)? })
    }

    /// Begins to tell; ends once the server stops or the client is gone.
    pub(crate) fn begin(self, stop: watch::Receiver<bool>) -> Reply {
        let (out, pieces) = mpsc::channel(1);
        tokio::spawn(async move {
            if let Err(Some(refusal)) = self.run(stop, &out).await {
                let mut event = b"event: error\ndata: ".to_vec();
                wire::write_error(&mut event, &refusal);
                event.extend_from_slice(b"\n\n");
                // If nobody listens any more there is nothing to be said.
                let _ = out.send(Piece::Bytes(event.into())).await;
            }
            let _ = out.send(Piece::End).await;
        });
        Reply { content_type: EVENTS, stream: Some(pieces), ..Reply::json(Vec::new()) }
    }

    /// An error without a refusal: nobody listens any more.
    async fn run(&self, mut stop: watch::Receiver<bool>, out: &mpsc::Sender<Piece>) -> Result<(), Option<Refusal>> {
        let engine = &self.shared.engine;
        let mut reader = engine.core().outcomes(self.part.after.position);
        let (mut slot, mut sent) = (None, Instant::now());
        let mut news = self.shared.news.subscribe();
        send(out, b"retry: 1000\n\n".to_vec()).await?;
        loop {
            // In this order: what is released after the look is told.
            news.mark_unchanged();
            if reader.position() < engine.released() {
                self.hold(&reader, &mut slot)?;
                let found = self.look(reader).await?;
                reader = found.reader;
                if !found.bytes.is_empty() {
                    send(out, found.bytes).await?;
                    sent = Instant::now();
                }
                if found.more? {
                    if *stop.borrow() {
                        return Ok(());
                    }
                    continue;
                }
            }
            if sent.elapsed() >= HEARTBEAT {
                // With an id, so that a client that is told little goes on here and not where it was told something last.
                send(out, format!(": heartbeat\nid: {}\n\n", reader.position()).into_bytes()).await?;
                sent = Instant::now();
            }
            self.shared.news.ask();
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                () = out.closed() => return Err(None),
                _ = news.changed() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The right to a state of its own, while what comes next is no longer in memory.
    fn hold(&self, reader: &OutcomeReader, slot: &mut Option<Slot>) -> Result<(), Refusal> {
        match (reader.is_far(), &slot) {
            (true, None) => *slot = Some(self.shared.replays.slot()?),
            (false, Some(_)) => *slot = None,
            _ => {}
        }
        Ok(())
    }

    async fn look(&self, mut reader: OutcomeReader) -> Result<Found, Refusal> {
        let part = self.part.clone();
        let found = spawn_blocking(move || {
            let mut bytes = Vec::new();
            let mut tell = |outcome: &Outcome<'_>| {
                if !part.after.has(outcome.id) {
                    bytes.extend_from_slice(format!("id: {}\nevent: verdict\ndata: ", outcome.id).as_bytes());
                    write(&mut bytes, outcome, part.facts);
                    bytes.extend_from_slice(b"\n\n");
                }
            };
            let wanted = |derived: &Derived<'_>| part.wants(derived);
            let more = reader.read(&mut OutcomesAsked { most: PIECE, wanted: &wanted, tell: &mut tell });
            Found { reader, bytes, more }
        });
        found.await.map_err(|_| Refusal::new(Code::Internal, "", "the server made a mistake; come again"))
    }
}

async fn send(out: &mpsc::Sender<Piece>, bytes: Vec<u8>) -> Result<(), Option<Refusal>> {
    out.send(Piece::Bytes(Bytes::from(bytes))).await.map_err(|_| None)
}

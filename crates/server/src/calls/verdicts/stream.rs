//! Events that come line by line and are answered line by line, while more of them come: what has come is taken at once, in parts, and
//! told in order when it is durable. Memory is bounded by what may wait: bytes that came, parts, answers.

use super::json::Json;
use super::line_buffer::{LineBuffer, line_ends};
use super::{Asked, Taken};
use crate::Shared;
use crate::body::{allowance, discard};
use crate::connection::stopped;
use crate::outlet;
use crate::quota::Held;
use crate::reply::{Piece, Reply};
use domain::{Code, Refusal, limits};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::EXPECT;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout_at};
use wire::{Batch, LineRefusal};

/// How long a part waits for its turn before more is read ahead.
const STUCK_AFTER: Duration = Duration::from_millis(20);
/// Answers that wait for the connection, each of one part.
const PIECES: usize = 2;

/// Parts that go to the disk with one behind them that is at hand: a sync costs much the same for many events as for few. Should
/// that one turn out to have no event that is taken, they wait for `Config::decisions_synced_within`.
const PARTS_AHEAD: usize = 2;

/// A stream that is asked for.
pub(crate) struct Streaming {
    shared: Arc<Shared>,
    name: Arc<str>,
    facts: bool,
}

/// The memory of answers that are on their way, to be used again for those to come: memory that is given back each time is handed out
/// again as pages of zeros.
#[derive(Default)]
struct Memory(VecDeque<Bytes>);

impl Memory {
    /// That of the oldest answer, if it is sent; else none.
    fn take(&mut self) -> Vec<u8> {
        match self.0.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(mut sent)) => {
                // So that nothing is moved in it.
                sent.clear();
                sent.into()
            }
            Some(Err(waiting)) => {
                self.0.push_front(waiting);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn keep(&mut self, answer: &Bytes, idle: bool) {
        if idle {
            self.0.clear();
        } else if self.0.len() < PIECES + 2 {
            self.0.push_back(answer.clone());
        }
    }
}

/// Lines that were taken together.
struct Part {
    taken: Taken,
    /// How many lines came before them.
    before: u64,
}

/// Why a stream ends before its client has ended it.
type Ended = Result<(), Refusal>;

impl Streaming {
    /// # Errors
    /// `unknown_decision`.
    pub(crate) fn new(shared: &Arc<Shared>, name: &str, facts: bool) -> Result<Streaming, Refusal> {
        let name: Arc<str> = name.into();
        Asked::new(shared, &name, facts)?;
        Ok(Streaming { shared: shared.clone(), name, facts })
    }

    /// Begins to take and to answer; ends with the body, or once the server stops.
    pub(crate) async fn begin(self, head: &HeaderMap, mut incoming: Incoming, stop: watch::Receiver<bool>) -> Reply {
        let (out, pieces) = mpsc::channel(PIECES);
        let first = match head.contains_key(EXPECT) {
            true => called_for(&mut incoming).await,
            false => None,
        };
        tokio::spawn(self.run((first, incoming), stop, out));
        Reply::ndjson_stream(pieces)
    }

    async fn run(
        self,
        (first, mut incoming): (Option<Frame<Bytes>>, Incoming),
        stop: watch::Receiver<bool>,
        out: mpsc::Sender<Piece>,
    ) {
        let (parts, taken) = mpsc::channel(limits::STREAM_PARTS_MAX);
        let intake = self.intake((first, &mut incoming), parts, stop);
        let (ended, ()) = tokio::join!(intake, self.tell(taken, &out));
        if let Err(refusal) = ended {
            let mut line = Vec::new();
            wire::write_error(&mut line, &refusal);
            line.push(b'\n');
            // If nobody listens any more there is nothing to be said.
            let _ = out.send(Piece::Bytes(line.into())).await;
            discard(&HeaderMap::new(), incoming).await;
        }
        let _ = out.send(Piece::End).await;
    }

    /// Takes lines as they come, as long as the client sends any; what was sent ahead waits here.
    async fn intake(
        &self,
        (first, incoming): (Option<Frame<Bytes>>, &mut Incoming),
        parts: mpsc::Sender<Part>,
        mut stop: watch::Receiver<bool>,
    ) -> Ended {
        let (config, meter) = (&self.shared.config.limits, &self.shared.meter);
        let max = meter.body_max(config.body_bytes);
        let mut buffer = LineBuffer::new(limits::STREAM_LINE_BYTES_MAX.min(max / 2).max(1));
        let (mut held, mut room_for_more) = (meter.hold(), true);
        let (mut before, mut unasked, mut came, mut began) = (0, 0, Instant::now(), Instant::now());
        // Whether nothing could be taken for a while.
        let mut stuck = false;
        let mut ended: Option<Ended> = None;
        if let Some(data) = first.as_ref().and_then(Frame::data_ref) {
            buffer.push(data);
        }
        loop {
            let has_lines = buffer.has_lines();
            if let Some(ended) = ended.take_if(|_| !has_lines) {
                return ended;
            }
            let wait = if has_lines { meter.events_wait() } else { Duration::ZERO };
            let enough = has_lines && buffer.len() >= limits::STREAM_AHEAD_BYTES && !stuck;
            let patience = buffer.begun().map_or(came + config.idle_time, |len| began + allowance(len, config));
            tokio::select! {
                biased;
                () = stopped(&mut stop), if ended.is_none() => {
                    buffer.drop_tail();
                    ended = Some(Err(stopping()));
                }
                () = sleep(wait), if !wait.is_zero() => {}
                place = parts.reserve(), if has_lines && wait.is_zero() => {
                    // Without anybody who tells there is no client any more.
                    let Ok(place) = place else { return Ok(()) };
                    place.send(self.part(&mut buffer, &mut before, &mut unasked).await);
                    stuck = false;
                    held.shrink_to(buffer.len());
                    room_for_more = held_or_waiting(&mut held, &buffer).unwrap_or_else(|refusal| {
                        ended.get_or_insert(Err(refusal));
                        false
                    });
                }
                () = sleep(STUCK_AFTER), if enough => stuck = true,
                frame = timeout_at(patience, incoming.frame()),
                    if ended.is_none() && room_for_more && !enough && buffer.len() < max =>
                {
                    came = Instant::now();
                    match next(frame, &mut buffer) {
                        Ok(line_ended) => began = if line_ended || buffer.begun().is_none() { came } else { began },
                        Err(end) => ended = Some(end),
                    }
                    room_for_more = held_or_waiting(&mut held, &buffer).unwrap_or_else(|refusal| {
                        ended.get_or_insert(Err(refusal));
                        false
                    });
                }
            }
        }
    }

    /// Takes the first lines.
    ///
    /// Where more lines are at hand the disk may wait for them: `unasked` counts the parts for which it has not been asked since.
    async fn part(&self, buffer: &mut LineBuffer, before: &mut u64, unasked: &mut usize) -> Part {
        let start = std::time::Instant::now();
        let (bytes, too_long) = buffer.part(limits::STREAM_PART_BYTES_MAX);
        outlet::write_before(bytes.len());
        let (len, lines) = (bytes.len(), line_ends(bytes) as u64);
        // Asked anew for each part: the spec may have changed.
        let taken = match Asked::new(&self.shared, &self.name, self.facts) {
            Ok(asked) => {
                let event = asked.event.clone();
                let mut batch = wire::parse_event_lines(bytes, &event);
                refuse_too_long(&mut batch, too_long);
                self.shared.meter.owe_events(batch.len());
                let ahead = *unasked < PARTS_AHEAD && asked.deadline.is_none() && buffer.has_lines_behind(len);
                let ahead = ahead && self.shared.meter.events_wait().is_zero();
                *unasked = if ahead { *unasked + 1 } else { 0 };
                Taken::new(&self.shared, asked, batch, start, ahead).await
            }
            Err(refusal) => {
                let mut batch = wire::parse_event_lines(bytes, "");
                refuse_too_long(&mut batch, too_long);
                Taken::nothing(&self.name, batch, &refusal)
            }
        };
        buffer.advance(len);
        let before = std::mem::replace(before, *before + lines);
        Part { taken, before }
    }

    /// Tells of parts, one after the other, as long as somebody listens.
    async fn tell(&self, mut parts: mpsc::Receiver<Part>, out: &mpsc::Sender<Piece>) {
        let mut memory = Memory::default();
        while let Some(Part { taken, before }) = parts.recv().await {
            let mut json = Json::in_memory(memory.take(), taken.len(), before);
            match taken.durable(&self.shared).await {
                Ok(late) => {
                    outlet::write_overdue();
                    taken.tell(&self.shared, late, &mut json).await;
                }
                Err(refusal) => taken.tell_refused(&self.shared, &refusal, &mut json),
            }
            if json.body.is_empty() {
                continue;
            }
            let piece = Bytes::from(json.body);
            // A stream that is read ahead of goes on at once; one that waits for its client holds no memory meanwhile.
            memory.keep(&piece, parts.is_empty());
            if out.send(Piece::Bytes(piece)).await.is_err() {
                return;
            }
        }
    }
}

/// Asks for the body of a client that waits to be asked (`Expect: 100-continue`): HTTP says so only before an answer begins, and this
/// one begins before anything has come. What has come already, if anything.
async fn called_for(incoming: &mut Incoming) -> Option<Frame<Bytes>> {
    let first = poll_fn(|context| {
        let came = match Pin::new(&mut *incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Some(frame),
            // How a body ends badly is told again to who reads on.
            _ => None,
        };
        Poll::Ready(came)
    });
    let first = first.await;
    // The connection gets to see that the body is wanted.
    yield_now().await;
    first
}

type Came = Result<Option<Result<Frame<Bytes>, hyper::Error>>, tokio::time::error::Elapsed>;

/// Adds what came and says whether a line ended; or how the stream ends.
fn next(frame: Came, buffer: &mut LineBuffer) -> Result<bool, Ended> {
    let refusal = match frame {
        Ok(Some(Ok(frame))) => return Ok(frame.data_ref().is_some_and(|data| buffer.push(data))),
        Ok(None) => {
            buffer.finish();
            return Err(Ok(()));
        }
        Ok(Some(Err(_))) => Refusal::new(Code::InvalidValue, "body", "the body ended early or its framing is wrong"),
        Err(_) => {
            let message = "nothing came for too long, or a line came too slowly; send the rest in another call";
            Refusal::new(Code::Timeout, "body", message)
        }
    };
    buffer.drop_tail();
    Err(Err(refusal))
}

/// Holds what is buffered; whether more may come: if not, lines have to be taken first.
///
/// # Errors
/// There is no room, and no line that could be taken to make some.
fn held_or_waiting(held: &mut Held<'_>, buffer: &LineBuffer) -> Result<bool, Refusal> {
    match held.grow_to(buffer.len()) {
        Ok(()) => Ok(true),
        Err(_) if buffer.has_lines() => Ok(false),
        Err(refusal) => Err(refusal),
    }
}

fn refuse_too_long(batch: &mut Batch<'_>, lines: Vec<u32>) {
    if lines.is_empty() {
        return;
    }
    let message = format!("a line may have at most {} bytes", limits::STREAM_LINE_BYTES_MAX);
    let refusal = Refusal::new(Code::TooLarge, "", message);
    batch.refused.extend(lines.into_iter().map(|line| LineRefusal { line, refusal: refusal.clone() }));
    batch.refused.sort_by_key(|refused| refused.line);
}

fn stopping() -> Refusal {
    let message = "the server is stopping; what was answered is taken, send the rest to it again when /readyz says 200";
    Refusal::new(Code::Stopping, "", message)
}

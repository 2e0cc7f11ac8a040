//! Events that come line by line and are answered line by line, while more of them come: what has come is taken at once, in parts, and
//! told in order when it is durable. Memory is bounded by what may wait: bytes that came, parts, answers.

use super::json::Json;
use super::line_buffer::{LineBuffer, line_ends};
use super::{Asked, CHUNK, Taken};
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
use wire::{EventLines, LineRefusal};

/// How long a part waits for its turn before more is read ahead.
const STUCK_AFTER: Duration = Duration::from_millis(20);
/// Answers that wait for the connection, each of one part.
const PIECES: usize = 2;

/// Parts that go to the disk with one behind them that is at hand: a sync costs much the same for many events as for few.
const PARTS_AHEAD: usize = 2;

/// Bytes of lines that are waited for before a part is taken, as long as more has come already: then the part is a whole one, and there is
/// one behind it. No more is asked for than the connection has already, so that a lone event waits one turn of the scheduler; what is
/// read counts against the tenant's bytes of bodies like all else.
const AT_HAND: usize = 2 * limits::STREAM_PART_BYTES_MAX;

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
        // Whether nothing could be taken for a while, and whether more may have come already behind what came last.
        let (mut stuck, mut more) = (false, false);
        let mut ended: Option<Ended> = None;
        if let Some(data) = first.as_ref().and_then(Frame::data_ref) {
            buffer.push(data);
        }
        loop {
            let has_lines = buffer.has_lines();
            if let Some(ended) = ended.take_if(|_| !has_lines) {
                return ended;
            }
            if std::mem::take(&mut more) && buffer.len() < AT_HAND {
                // The connection reads on.
                yield_now().await;
            }
            let wait = if has_lines { meter.events_wait() } else { Duration::ZERO };
            let enough = has_lines && buffer.len() >= limits::STREAM_AHEAD_BYTES && !stuck;
            let patience = buffer.begun().map_or(came + config.idle_time, |len| began + allowance(len, config));
            tokio::select! {
                // In this order: what has come is read before a part is taken, so that parts are whole.
                biased;
                () = stopped(&mut stop), if ended.is_none() => {
                    buffer.drop_tail();
                    ended = Some(Err(stopping()));
                }
                () = sleep(wait), if !wait.is_zero() => {}
                frame = timeout_at(patience, incoming.frame()),
                    if ended.is_none() && room_for_more && !enough && buffer.len() < max =>
                {
                    (came, more) = (Instant::now(), true);
                    match next(frame, &mut buffer) {
                        Ok(line_ended) => began = if line_ended || buffer.begun().is_none() { came } else { began },
                        Err(end) => ended = Some(end),
                    }
                    room_for_more = held_or_waiting(&mut held, &buffer).unwrap_or_else(|refusal| {
                        ended.get_or_insert(Err(refusal));
                        false
                    });
                }
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
        let mut taken = match Asked::new(&self.shared, &self.name, self.facts) {
            Ok(asked) => {
                let may_wait = *unasked < PARTS_AHEAD && asked.deadline.is_none() && buffer.has_lines_behind(len);
                let (taken, ahead) = self.few_by_few(bytes, asked, start, may_wait).await;
                *unasked = if ahead { *unasked + 1 } else { 0 };
                taken
            }
            Err(refusal) => Taken::nothing(&self.name, wire::parse_event_lines(bytes, ""), &refusal),
        };
        self.shared.meter.owe_events(too_long.len());
        taken.refuse_lines(too_long_lines(too_long));
        buffer.advance(len);
        let before = std::mem::replace(before, *before + lines);
        Part { taken, before }
    }

    /// Takes lines, so many at a time that they are still in the caches when they are decided on; whether the disk waits for those behind
    /// them, as it may.
    async fn few_by_few(&self, lines: &[u8], asked: Asked, start: std::time::Instant, may_wait: bool) -> (Taken, bool) {
        let (event, meter) = (asked.event.clone(), &self.shared.meter);
        let (mut taken, mut lines) = (Taken::none(asked, start), EventLines::new(lines, &event));
        // Once at least: what came before waits for the disk even if there is no event here.
        loop {
            let batch = lines.read(CHUNK);
            meter.owe_events(batch.len());
            let (done, may_wait) = (lines.is_done(), may_wait && meter.events_wait().is_zero());
            taken.take(&self.shared, batch, !done || may_wait).await;
            if done {
                return (taken, may_wait);
            }
        }
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

/// The refusals of lines that were too long.
fn too_long_lines(lines: Vec<u32>) -> impl Iterator<Item = LineRefusal> {
    lines.into_iter().map(|line| {
        let message = format!("a line may have at most {} bytes", limits::STREAM_LINE_BYTES_MAX);
        LineRefusal { line, refusal: Refusal::new(Code::TooLarge, "", message) }
    })
}

fn stopping() -> Refusal {
    let message = "the server is stopping; what was answered is taken, send the rest to it again when /readyz says 200";
    Refusal::new(Code::Stopping, "", message)
}

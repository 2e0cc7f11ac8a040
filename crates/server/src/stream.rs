//! A connection's stream with the timers that HTTP itself has not: the head of a request must come in time once it began,
//! and an answer must be read in time. Between requests only the idle time counts.

use crate::config::Limits;
use crate::framing::Framing;
use crate::metrics::Metrics;
use crate::outlet::Outlet;
use crate::refused_head;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

/// What the connection is doing; the service tells, the stream acts on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Phase(Arc<AtomicU8>);

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;
/// As `HEAD`, but the head was read and says its body's length twice.
const TWICE_FRAMED: u8 = 3;
/// As `BUSY`, with an answer that goes on as long as the client reads it.
const STREAMING: u8 = 4;

impl Phase {
    /// A request's head was read: its body and its answer have timers of their own. Whether the head is well framed.
    #[must_use]
    pub(crate) fn busy(&self) -> bool {
        self.0.swap(BUSY, Ordering::Relaxed) != TWICE_FRAMED
    }

    /// The answer is given piece by piece: each has the time that a whole answer has to be read.
    pub(crate) fn streaming(&self) {
        self.0.store(STREAMING, Ordering::Relaxed);
    }

    /// The answer was handed over.
    pub(crate) fn idle(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }
}

/// See the module.
pub(crate) struct Stream {
    outlet: Outlet,
    phase: Phase,
    head_time: Duration,
    write_time: Duration,
    /// When the head that is being read began; none between heads.
    head_began: Option<Instant>,
    /// Goes on over many requests, since setting a timer for each would cost as much as reading its head: it may fire early,
    /// never late.
    head_timer: Option<Pin<Box<Sleep>>>,
    framing: Framing,
    write: Option<Pin<Box<Sleep>>>,
    /// Our answer to a head that hyper refused, and how much of it was written.
    refusal: Option<(Vec<u8>, usize)>,
    /// Counts such heads.
    metrics: Arc<Metrics>,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, limits: &Limits, metrics: Arc<Metrics>) -> Stream {
        Stream {
            outlet: Outlet::new(tcp),
            phase: Phase::default(),
            head_time: limits.head_time,
            write_time: limits.write_time,
            head_began: None,
            head_timer: None,
            framing: Framing::default(),
            write: None,
            refusal: None,
            metrics,
        }
    }

    /// Shared with the service.
    pub(crate) fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// Writes our answer instead of hyper's own to a head that it refused; none if these bytes are something else. Only while no
    /// request is being answered can hyper have one of its own.
    fn write_refusal(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.refusal.is_none() {
            if matches!(self.phase.0.load(Ordering::Relaxed), BUSY | STREAMING) {
                return None;
            }
            let (code, answer) = refused_head::instead_of(bytes)?;
            self.metrics.head_refused(code);
            self.refusal = Some((answer, 0));
        }
        let (answer, written) = self.refusal.as_mut()?;
        while *written < answer.len() {
            match self.outlet.poll_write(cx, &[io::IoSlice::new(&answer[*written..])]) {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(count)) => *written += count,
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(self.write_late(cx).map(|late| late.map(|()| 0))),
            }
        }
        self.refusal = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }

    /// Bytes were read.
    fn came(&mut self, bytes: &[u8]) {
        let phase = self.phase.0.load(Ordering::Relaxed);
        if phase == IDLE && !bytes.is_empty() {
            self.head_began = None;
            self.framing = Framing::default();
        }
        if matches!(phase, IDLE | HEAD) && !bytes.is_empty() {
            let twice = self.framing.ends_twice_framed(bytes);
            self.phase.0.store(if twice { TWICE_FRAMED } else { HEAD }, Ordering::Relaxed);
        }
    }

    /// While a head waits for more of it: an error once it has taken too long in all.
    fn head_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let deadline = *self.head_began.get_or_insert_with(Instant::now) + self.head_time;
        let timer = self.head_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request's head came too slowly")));
            }
            // It was set for a head before this one.
            timer.as_mut().reset(deadline);
        }
    }

    /// After a write: where an answer is streamed, what was read of it counts.
    fn wrote(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            return self.write_late(cx).map(|late| late.map(|()| 0));
        }
        if self.write.is_some() && self.phase.0.load(Ordering::Relaxed) == STREAMING {
            self.write = None;
        }
        written
    }

    /// A reply waits for others, a part of a stream does not.
    fn write_slices(&mut self, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let [only] = slices
            && let Some(refused) = self.write_refusal(cx, only)
        {
            return refused;
        }
        // The rest of an answer that was not read at once goes the way of its beginning, in the time that is left to it.
        let may_wait = self.write.is_none() && self.phase.0.load(Ordering::Relaxed) != STREAMING;
        if let Some(kept) = may_wait.then(|| self.outlet.keep(slices)).flatten() {
            return Poll::Ready(Ok(kept));
        }
        let written = self.outlet.poll_write(cx, slices);
        self.wrote(cx, written)
    }

    /// After a flush: HTTP flushes once everything it had is written, and the client has read enough.
    fn sent(&mut self, cx: &mut Context<'_>, flushed: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if flushed.is_pending() {
            return self.write_late(cx);
        }
        self.write = None;
        flushed
    }

    /// While an answer waits to be read: an error once it has waited too long in all.
    fn write_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let write_time = self.write_time;
        ready!(self.write.get_or_insert_with(|| Box::pin(sleep(write_time))).as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(result) = this.outlet.poll_read(cx, buffer) {
            this.came(&buffer.filled()[before..]);
            return Poll::Ready(result);
        }
        // While a client does not read its answer, that is what it is late with.
        if this.phase.0.load(Ordering::Relaxed) != HEAD || this.outlet.is_stuck() {
            this.head_began = None;
            return Poll::Pending;
        }
        this.head_late(cx)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write_slices(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write_slices(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = this.outlet.poll_flush(cx);
        this.sent(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = this.outlet.poll_shutdown(cx);
        this.sent(cx, shut)
    }
}

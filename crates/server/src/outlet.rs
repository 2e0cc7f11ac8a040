//! The sockets of a thread's connections, and replies that wait for each other: a thread with several requests at hand computes first and
//! then writes what it has, in one go. To wake whoever reads a reply costs as much as a tenth of a slate; who is being woken already, for
//! another reply of the same moment, costs little, and code that runs again is still in the caches.

use parking_lot::Mutex;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most replies of a thread that wait.
const REPLIES_MAX: usize = 8;
/// How long the first of them waits, but for the call that is being computed then. Nothing waits while there is nothing to compute.
const WAITS_AT_MOST: Duration = Duration::from_micros(500);
/// Larger replies, and parts of streams, do not wait.
const REPLY_BYTES_MAX: usize = 32 << 10;

thread_local! {
    static WAITING: RefCell<Waiting> = RefCell::default();
}

/// Connections with a reply that waits.
#[derive(Default)]
struct Waiting {
    /// When the first of them began to.
    since: Option<Instant>,
    sockets: Vec<Arc<Mutex<Socket>>>,
}

/// A connection's socket. Its connection uses it, and any other of the same thread writes what waits in it.
pub(crate) struct Outlet(Arc<Mutex<Socket>>);

struct Socket {
    tcp: TcpStream,
    /// What waits to be written.
    kept: Vec<u8>,
    state: State,
}

enum State {
    /// Nothing waits, or what is there has just been kept or is being written by the connection.
    Free,
    /// It is among those that wait; the connection is to be told if it cannot be written.
    Waits(Waker),
    /// The system did not take all of it: the connection goes on itself.
    Stuck,
}

impl Outlet {
    pub(crate) fn new(tcp: TcpStream) -> Outlet {
        Outlet(Arc::new(Mutex::new(Socket { tcp, kept: Vec::new(), state: State::Free })))
    }

    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().tcp).poll_read(cx, buffer)
    }

    /// Takes a part of a reply that may wait: how many bytes; none if it is to be written at once.
    pub(crate) fn keep(&self, slices: &[IoSlice<'_>]) -> Option<usize> {
        let mut socket = self.0.lock();
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        if matches!(socket.state, State::Stuck) || socket.kept.len() + bytes > REPLY_BYTES_MAX {
            return None;
        }
        socket.kept.reserve(bytes);
        slices.iter().for_each(|slice| socket.kept.extend_from_slice(slice));
        Some(bytes)
    }

    /// Writes at once, behind what waits.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut socket = self.0.lock();
        ready!(socket.poll_kept(cx))?;
        Pin::new(&mut socket.tcp).poll_write_vectored(cx, slices)
    }

    /// A reply is whole: it waits for others, unless it could not be written before.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.0.lock();
        match socket.state {
            State::Stuck => socket.poll_kept(cx),
            State::Free if !socket.kept.is_empty() => {
                socket.state = State::Waits(cx.waker().clone());
                drop(socket);
                wait(self.0.clone());
                Poll::Ready(Ok(()))
            }
            State::Free | State::Waits(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether a reply waits that the system did not take: the client has not read enough.
    pub(crate) fn is_stuck(&self) -> bool {
        matches!(self.0.lock().state, State::Stuck)
    }

    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut socket = self.0.lock();
        ready!(socket.poll_kept(cx))?;
        Pin::new(&mut socket.tcp).poll_shutdown(cx)
    }
}

impl Drop for Outlet {
    /// A connection that ends otherwise than by a shutdown has given its replies all the same.
    fn drop(&mut self) {
        self.0.lock().write_kept();
    }
}

impl Socket {
    /// Writes what waits, as far as the system takes it now.
    fn write_kept(&mut self) {
        let mut written = 0;
        while written < self.kept.len() {
            match self.tcp.try_write(&self.kept[written..]) {
                Ok(count) if count > 0 => written += count,
                // The connection finds out why.
                _ => {
                    self.kept.drain(..written);
                    if let State::Waits(waker) = std::mem::replace(&mut self.state, State::Stuck) {
                        waker.wake();
                    }
                    return;
                }
            }
        }
        // Thousands of connections that do nothing hold no memory for it.
        (self.kept, self.state) = (Vec::new(), State::Free);
    }

    /// Writes what waits, to the end.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.kept))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => drop(self.kept.drain(..count)),
            }
        }
        (self.kept, self.state) = (Vec::new(), State::Free);
        Poll::Ready(Ok(()))
    }
}

/// Lets a reply wait until this thread has come to what was ready before.
fn wait(socket: Arc<Mutex<Socket>>) {
    let (count, since) = WAITING.with_borrow_mut(|waiting| {
        waiting.sockets.push(socket);
        (waiting.sockets.len(), *waiting.since.get_or_insert_with(Instant::now))
    });
    if count >= REPLIES_MAX || since.elapsed() >= WAITS_AT_MOST {
        write_waiting();
    } else if count == 1 {
        // It comes behind everything that is ready now.
        tokio::spawn(async { write_waiting() });
    }
}

/// Before work over so many bytes: replies do not wait for what takes long, and otherwise only until they have waited long enough.
pub(crate) fn write_before(bytes: usize) {
    if bytes > REPLY_BYTES_MAX { write_waiting() } else { write_overdue() }
}

/// Writes the replies that have waited long enough. To be called before anything that takes its time.
pub(crate) fn write_overdue() {
    if WAITING.with_borrow(|waiting| waiting.since.is_some_and(|since| since.elapsed() >= WAITS_AT_MOST)) {
        write_waiting();
    }
}

/// Writes all replies that wait.
fn write_waiting() {
    let sockets = WAITING.with_borrow_mut(|waiting| {
        waiting.since = None;
        std::mem::take(&mut waiting.sockets)
    });
    sockets.iter().for_each(|socket| socket.lock().write_kept());
}

#[cfg(test)]
mod tests;

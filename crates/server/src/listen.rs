//! Threads that listen and accept: one current-thread runtime each, all on one port (SO_REUSEPORT), stopped together.

use crate::config::StartError;
use crate::metrics::Metrics;
use crate::replays::Replays;
use crate::{Config, Shared, connection};
use engine::Engine;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that the system holds for a thread that does not accept.
const BACKLOG: i32 = 1_024;

/// A running server.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts to listen. Returns once connections are taken.
    ///
    /// # Errors
    /// See [`StartError`]; above all an address that others can reach is refused without tokens.
    pub fn start(config: Config, engine: Arc<Engine>) -> Result<Server, StartError> {
        if config.is_open() {
            if !config.bind.ip().is_loopback() {
                return Err(StartError::OpenToTheNetwork(config.bind));
            }
            eprintln!(
                "WARNING: no tokens are configured: every program on this machine may read and write everything at {}",
                config.bind
            );
        }
        let count = config.threads.max(1);
        let bind_error = |error| StartError::Bind(config.bind, error);
        refuse_shared(config.bind).map_err(bind_error)?;
        let first = listen(config.bind).map_err(bind_error)?;
        let address = first.local_addr().map_err(bind_error)?;
        let mut listeners = vec![first];
        for _ in 1..count {
            listeners.push(listen(address).map_err(bind_error)?);
        }
        let shared = Arc::new(Shared {
            config,
            engine,
            metrics: Metrics::new(),
            replays: Arc::new(Replays::default()),
            connections: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let mut server = Server { address, shared, stop: watch::Sender::new(false), threads: Vec::new() };
        for listener in listeners {
            server.spawn(listener)?;
        }
        Ok(server)
    }

    fn spawn(&mut self, listener: std::net::TcpListener) -> Result<(), StartError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (shared, stop) = (self.shared.clone(), self.stop.subscribe());
        let run = move || run(&runtime, listener, shared, stop);
        self.threads.push(thread::Builder::new().name("http".into()).spawn(run).map_err(StartError::Thread)?);
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: takes no more connections, lets requests in flight end within `Limits::stop_time`, then stops the engine.
    pub fn stop(mut self) {
        self.close();
        self.shared.engine.stop();
    }

    fn close(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Nobody listens any more if every thread has ended already.
        let _ = self.stop.send(true);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already; the others must still be joined.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Fails if anybody listens there already: our own listeners share the port among themselves, and the system would let another
/// server's do so too, each getting a part of the connections.
fn refuse_shared(bind: SocketAddr) -> io::Result<()> {
    if bind.port() == 0 {
        return Ok(());
    }
    let probe = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    probe.set_reuse_address(true)?;
    probe.bind(&bind.into())
}

fn listen(bind: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn run(runtime: &Runtime, listener: std::net::TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    runtime.block_on(async move {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return eprintln!("cannot listen: {error}"),
        };
        let mut connections = JoinSet::new();
        let of_connections = stop.clone();
        loop {
            tokio::select! {
                () = connection::stopped(&mut stop) => break,
                // Connections that have ended are taken out, so that the set stays as small as they are.
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => admit(tcp, &shared, of_connections.clone(), &mut connections),
                    // Out of file descriptors, mostly: what is open goes on, new connections wait.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    });
}

fn admit(tcp: TcpStream, shared: &Arc<Shared>, stop: watch::Receiver<bool>, connections: &mut JoinSet<()>) {
    if shared.connections.fetch_add(1, Ordering::AcqRel) >= shared.config.limits.connections {
        shared.connections.fetch_sub(1, Ordering::AcqRel);
        shared.metrics.connections_refused.inc();
        return;
    }
    connections.spawn(connection::serve(tcp, shared.clone(), stop));
}

//! Threads that listen and accept: one current-thread runtime each, all on one port (SO_REUSEPORT), stopped together.

use crate::config::StartError;
use crate::metrics::{Metrics, Scope};
use crate::tenants::{Tenant, TenantConfig, Tenants};
use crate::{Config, Decisions, Process, connection};
use engine::Engine;
use socket2::{Domain, Socket, Type};
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that the system holds for a thread that does not accept.
const BACKLOG: i32 = 1_024;
/// Threads that read the log for calls, for each HTTP thread; made when needed.
const READERS: usize = 2;
/// Engines that are stopped at once.
const STOPPERS: usize = 8;

/// Serves one connection until it ends: soon after the server stops.
pub type Protocol = Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A running server.
pub struct Server {
    address: SocketAddr,
    process: Arc<Process>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves one node: listens and returns once connections are taken.
    ///
    /// # Errors
    /// See [`StartError`]; above all an address that others can reach is refused without tokens.
    pub fn start(config: Config, engine: Arc<Engine>) -> Result<Server, StartError> {
        let server = Server::listen(config)?;
        for only in server.tenants() {
            match server.process.config.gorse {
                true => only.serve_with_gorse(engine.clone())?,
                false => only.serve(engine.clone()),
            }
        }
        Ok(server)
    }

    /// Listens for one node that is not open yet: the only one of [`Server::tenants`]. Until it is, calls get 503.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn listen(config: Config) -> Result<Server, StartError> {
        let (config, stopping, stop) = (Arc::new(config), Arc::default(), watch::Sender::new(false));
        let metrics = Arc::new(Metrics::new(Scope::Only));
        let tenants = Tenants::only(&config, &metrics, &stopping);
        Server::begin(Process { config, tenants, metrics, connections: AtomicUsize::new(0), stopping, stop })
    }

    /// Listens for tenants that are not open yet; [`Server::tenants`] has them by name.
    ///
    /// # Errors
    /// As [`Server::start`]; and tenants that cannot be told apart by name or token.
    pub fn listen_for(config: Config, tenants: Vec<TenantConfig>) -> Result<Server, StartError> {
        let (config, stopping, stop) = (Arc::new(config), Arc::default(), watch::Sender::new(false));
        let tenants = Tenants::named(tenants, &config, &stopping)?;
        let metrics = Arc::new(Metrics::new(Scope::Process));
        Server::begin(Process { config, tenants, metrics, connections: AtomicUsize::new(0), stopping, stop })
    }

    fn begin(process: Process) -> Result<Server, StartError> {
        let process = Arc::new(process);
        let bind = process.config.bind;
        let mut server = Server { address: bind, process: process.clone(), threads: Vec::new() };
        server.address = server.serve_at(bind, &http(&process))?;
        Ok(server)
    }

    /// Serves another protocol at an address of its own (port 0 takes a free one), on as many threads again and with the same limits
    /// on connections. Returns where it listens.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn serve_also(&mut self, bind: SocketAddr, protocol: &Protocol) -> Result<SocketAddr, StartError> {
        self.serve_at(bind, protocol)
    }

    /// The decision calls, for another protocol.
    pub fn decisions(&self) -> Decisions {
        Decisions(self.process.clone())
    }

    fn serve_at(&mut self, bind: SocketAddr, protocol: &Protocol) -> Result<SocketAddr, StartError> {
        if self.process.is_open() {
            if !bind.ip().is_loopback() {
                return Err(StartError::OpenToTheNetwork(bind));
            }
            warn(format_args!(
                "WARNING: no tokens are configured: every program on this machine may read and write everything at {bind}"
            ));
        }
        let bind_error = |error| StartError::Bind(bind, error);
        refuse_shared(bind).map_err(bind_error)?;
        let first = listen(bind).map_err(bind_error)?;
        let address = first.local_addr().map_err(bind_error)?;
        let mut listeners = vec![first];
        for _ in 1..self.process.config.threads.max(1) {
            listeners.push(listen(address).map_err(bind_error)?);
        }
        listeners.into_iter().try_for_each(|listener| self.spawn(listener, protocol.clone()))?;
        Ok(address)
    }

    fn spawn(&mut self, listener: std::net::TcpListener, protocol: Protocol) -> Result<(), StartError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(READERS)
            .thread_name("reader")
            .build()
            .map_err(StartError::Thread)?;
        let (process, stop) = (self.process.clone(), self.process.stop.subscribe());
        let run = move || run(&runtime, listener, &protocol, process, stop);
        self.threads.push(thread::Builder::new().name("http".into()).spawn(run).map_err(StartError::Thread)?);
        Ok(())
    }

    /// Ends the delivery of outcomes as the end of the process would: nothing more is remembered.
    #[cfg(feature = "planted")]
    pub fn abandon_outbox(&self) {
        let open = self.tenants().iter().filter_map(|tenant| tenant.shared().ok());
        open.filter_map(|shared| shared.outbox.as_ref()).for_each(|outbox| outbox.abandon());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: takes no more connections, lets requests in flight end within `Limits::stop_time`, then stops every engine.
    pub fn stop(mut self) {
        self.close();
        let engines: Vec<_> =
            self.tenants().iter().filter_map(|tenant| tenant.shared().ok()).map(|shared| &shared.engine).collect();
        // Each writes a checkpoint: several at once, so that many tenants do not wait for each other's disk.
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..engines.len().min(STOPPERS) {
                scope.spawn(|| {
                    while let Some(engine) = engines.get(next.fetch_add(1, Ordering::Relaxed)) {
                        engine.stop();
                    }
                });
            }
        });
    }

    /// Who is served, by name; of a server without tenants its only node.
    pub fn tenants(&self) -> &[Arc<Tenant>] {
        self.process.tenants.list()
    }

    fn close(&mut self) {
        self.process.stopping.store(true, Ordering::Release);
        self.process.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already; the others must still be joined.
            let _ = thread.join();
        }
        for shared in self.process.tenants.list().iter().filter_map(|tenant| tenant.shared().ok()) {
            shared.gorse.iter().for_each(|gorse| gorse.stop());
            shared.outbox.iter().for_each(|outbox| outbox.stop());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

/// Says it on the error stream, which may be closed: that is no reason to stop.
fn warn(what: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{what}");
}

/// Fails if anybody listens there already: our own listeners share the port among themselves, and the system would let another
/// server's do so too, each getting a part of the connections.
fn refuse_shared(bind: SocketAddr) -> io::Result<()> {
    if bind.port() == 0 {
        return Ok(());
    }
    let probe = Socket::new(Domain::for_address(bind), Type::STREAM, Some(socket2::Protocol::TCP))?;
    probe.set_reuse_address(true)?;
    probe.bind(&bind.into())
}

fn listen(bind: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(bind), Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&bind.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Our own protocol.
fn http(process: &Arc<Process>) -> Protocol {
    // The server has the process, and the process no server: nothing holds on to itself.
    let process = process.clone();
    Arc::new(move |tcp| Box::pin(connection::serve(tcp, process.clone(), process.stop.subscribe())))
}

fn run(
    runtime: &Runtime,
    listener: std::net::TcpListener,
    protocol: &Protocol,
    process: Arc<Process>,
    mut stop: watch::Receiver<bool>,
) {
    runtime.block_on(async move {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return warn(format_args!("cannot listen: {error}")),
        };
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = connection::stopped(&mut stop) => break,
                // Connections that have ended are taken out, so that the set stays as small as they are.
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((tcp, _)) => admit(tcp, &process, protocol, &mut connections),
                    // Out of file descriptors, mostly: what is open goes on, new connections wait.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    });
}

fn admit(tcp: TcpStream, process: &Arc<Process>, protocol: &Protocol, connections: &mut JoinSet<()>) {
    if process.connections.fetch_add(1, Ordering::AcqRel) >= process.config.limits.connections {
        process.connections.fetch_sub(1, Ordering::AcqRel);
        process.metrics.connections_refused.inc();
        return;
    }
    let (open, serve) = (Open(process.clone()), protocol(tcp));
    connections.spawn(async move {
        let _open = open;
        serve.await;
    });
}

/// Counts an open connection.
struct Open(Arc<Process>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

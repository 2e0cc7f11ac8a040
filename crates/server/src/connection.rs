//! One connection: HTTP/1.1 with keep-alive, every size and time bounded, ended gently on a stop.

use crate::stream::Stream;
use crate::{Process, service};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Serves the connection until it ends.
pub(crate) async fn serve(tcp: TcpStream, process: Arc<Process>, mut stop: watch::Receiver<bool>) {
    // Answers are written whole; waiting to fill a packet would only delay them. A socket that refuses the option works too.
    let _ = tcp.set_nodelay(true);
    let limits = process.config.limits;
    let stream = Stream::new(tcp, &limits, process.metrics.clone());
    let phase = stream.phase();
    let service = service_fn(move |request| service::respond(process.clone(), phase.clone(), request));
    let mut http = http1::Builder::new();
    // hyper's header timer runs from the end of the request before: it is the idle time. The head's own is the stream's.
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle_time);
    http.max_headers(limits.headers).max_header_size(limits.head_bytes).max_buf_size(limits.head_bytes.max(64 << 10));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    // How a connection ends matters to its client only: errors are its own doing or the network's.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(limits.stop_time, connection).await;
        }
    }
}

/// Returns once the server is stopping.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}

//! One connection: HTTP/2 with bounded streams, headers and messages, ended gently on a stop. Each call is let in by its head before
//! anything of it is read.

use crate::generated::decisions_server::DecisionsServer;
use crate::service::{Call, Service};
use crate::status::status_of;
use domain::{Refusal, limits};
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use server::{Caller, Decisions, Protocol, Server, StartError};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::Service as _;

/// Most calls of one connection at once.
const CALLS_MAX: u32 = 128;

/// Serves decisions over gRPC at this address, beside what the server serves already. Returns where.
///
/// # Errors
/// As [`Server::start`].
pub fn serve(server: &mut Server, bind: SocketAddr) -> Result<SocketAddr, StartError> {
    let decisions = server.decisions();
    let protocol: Protocol = Arc::new(move |tcp| Box::pin(connection(tcp, decisions.clone())));
    server.serve_also(bind, &protocol)
}

async fn connection(tcp: TcpStream, decisions: Decisions) {
    let config = *decisions.limits();
    // Answers are written whole; waiting to fill a packet would only delay them. A socket that refuses the option works too.
    let _ = tcp.set_nodelay(true);
    // Who connects and says nothing is not waited for.
    if !matches!(timeout(config.head_time, tcp.readable()).await, Ok(Ok(()))) {
        return;
    }
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new()).keep_alive_interval(config.idle_time).keep_alive_timeout(config.head_time);
    http.max_concurrent_streams(CALLS_MAX).max_header_list_size(config.head_bytes as u32);
    let of_calls = decisions.clone();
    let service = service_fn(move |request| respond(of_calls.clone(), request));
    let mut connection = pin!(http.serve_connection(TokioIo::new(tcp), service));
    // How a connection ends matters to its client only: errors are its own doing or the network's.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = decisions.stopped() => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(config.stop_time, connection).await;
        }
    }
}

async fn respond(decisions: Decisions, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let start = Instant::now();
    let Some(call) = Call::of(request.uri().path()) else {
        return Ok(tonic::Status::unimplemented("there is no such call; the .proto lists them").into_http());
    };
    let caller = match admit(&decisions, &request) {
        Ok(caller) => caller,
        Err(refusal) => {
            decisions.refused(call.name(), refusal.code, start.elapsed());
            return Ok(status_of(&refusal).into_http());
        }
    };
    request.extensions_mut().insert((caller, decisions));
    let mut service = DecisionsServer::new(Service).max_decoding_message_size(limits::STREAM_LINE_BYTES_MAX);
    service.call(request).await
}

/// Lets a call in by its metadata, as HTTP does by its headers.
fn admit(decisions: &Decisions, request: &Request<Incoming>) -> Result<Caller, Refusal> {
    let mut headers: HeaderMap = request.headers().clone();
    // HTTP/2 names the host in the request line alone.
    let authority = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = authority {
        headers.insert(HOST, host);
    }
    let tenant = headers.get("millrace-tenant").map(|name| name.to_str().unwrap_or_default().to_owned());
    decisions.admit(&headers, tenant.as_deref())
}

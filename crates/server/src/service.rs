//! The walk of a request: route, token, type and size of the body, the call, and its reply as HTTP.

use crate::Limits;
use crate::calls::{decisions, entities, events, feeds, operations};
use crate::query::Query;
use crate::reply::{Reply, status_of};
use crate::routes::{self, Call, Matched};
use crate::stream::Phase;
use crate::{Shared, auth, body};
use domain::{Code, Refusal};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Answers one request, always: what panics is a 500 of its own.
pub(crate) async fn respond(
    shared: Arc<Shared>,
    phase: Phase,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    phase.busy();
    let start = Instant::now();
    let path = request.uri().path().to_owned();
    let matched = routes::find(request.method(), &path);
    let route = matched.as_ref().map_or("none", |matched| matched.route.path);
    let mut reply = match matched {
        Ok(matched) => caught(call(&shared, matched, request)).await,
        Err(refusal) => {
            let (head, incoming) = request.into_parts();
            body::discard(&head.headers, incoming).await;
            Err(refusal)
        }
    }
    .unwrap_or_else(|refusal| Reply::refused(&refusal));
    if reply.code == Some(Code::MethodNotAllowed) {
        reply.allow = Some(routes::allowed(&path));
    }
    shared.metrics.answered(route, reply.status, reply.code, start.elapsed());
    Ok(http(reply, phase))
}

/// Checks the request, reads its body and makes the call.
async fn call(shared: &Arc<Shared>, matched: Matched, request: Request<Incoming>) -> Result<Reply, Refusal> {
    let (head, incoming) = request.into_parts();
    let options = match admit(shared, &matched, &head) {
        Ok(options) => options,
        Err(refusal) => {
            body::discard(&head.headers, incoming).await;
            return Err(refusal);
        }
    };
    let limits = &shared.config.limits;
    let bytes = match body_max(matched.route.call, limits) {
        0 => Vec::new(),
        max => body::read(&head.headers, incoming, max, limits).await?,
    };
    let value = |index: usize| matched.values.get(index).map_or("", String::as_str);
    match matched.route.call {
        Call::SendEvents => events::send(shared, &bytes, options, wire::parse_events).await,
        Call::SendEntities => events::send(shared, &bytes, options, wire::parse_entities).await,
        Call::PutEntity => entities::put(shared, value(0), value(1), &bytes).await,
        Call::DeleteEntity => entities::delete(shared, value(0), value(1)).await,
        Call::ReadEntity => entities::read(shared, value(0), value(1)).await,
        Call::AskFeed => feeds::ask(shared, value(0), &bytes).await,
        Call::ReadDecision => decisions::read(shared, value(0)),
        Call::ExplainDecision => decisions::explain(shared, value(0), wants_text(&head.headers)),
        Call::ReplayDecision => decisions::replay(shared, value(0)),
        Call::ReadSpec => Ok(Reply::text(shared.engine.spec_text().to_owned())),
        Call::Health => Ok(Reply::json(b"{\"ok\":true}".to_vec())),
        Call::Readiness => operations::readiness(shared),
        Call::Metrics => Ok(operations::metrics(shared)),
    }
}

/// Everything that can be judged before the body is read: host, token, query, type of the body.
fn admit(shared: &Shared, matched: &Matched, head: &Parts) -> Result<events::Options, Refusal> {
    admit_host(head.version, &head.headers)?;
    auth::admit(&shared.config.tokens, &head.headers, matched.route.access)?;
    let mut query = Query::parse(head.uri.query())?;
    let options = match matched.route.call {
        Call::SendEvents | Call::SendEntities => events::Options::take(&mut query)?,
        _ => events::Options::default(),
    };
    query.end()?;
    if body_max(matched.route.call, &shared.config.limits) > 0 {
        body::admit_type(&head.headers)?;
    }
    Ok(options)
}

/// Largest body that a call takes; 0 = it reads none.
fn body_max(call: Call, limits: &Limits) -> usize {
    match call {
        Call::SendEvents | Call::SendEntities => limits.body_bytes,
        Call::PutEntity | Call::AskFeed => limits.small_body_bytes,
        _ => 0,
    }
}

/// HTTP/1.1 asks for exactly one `Host`.
fn admit_host(version: Version, headers: &HeaderMap) -> Result<(), Refusal> {
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts == 1 || (hosts == 0 && version < Version::HTTP_11) {
        return Ok(());
    }
    Err(Refusal::new(Code::InvalidValue, "host", "send exactly one Host header"))
}

fn wants_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    accept.trim_start().to_ascii_lowercase().starts_with("text/plain")
}

/// Runs the call; a panic inside it becomes a refusal and stays there.
async fn caught(call: impl Future<Output = Result<Reply, Refusal>>) -> Result<Reply, Refusal> {
    let mut call = pin!(call);
    let panicked = |_| {
        let message =
            "the server made a mistake; the request may or may not have been done; send it again with the same id";
        Poll::Ready(Err(Refusal::new(Code::Internal, "", message)))
    };
    poll_fn(|context| catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(panicked)).await
}

fn http(reply: Reply, phase: Phase) -> Response<Answer> {
    let mut response = Response::new(Answer { body: Full::new(Bytes::from(reply.body)), phase });
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = reply.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    match reply.status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        status if status == status_of(Code::Timeout) => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

/// A reply's body; tells the connection's phase when it was handed over.
pub(crate) struct Answer {
    body: Full<Bytes>,
    phase: Phase,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.idle();
    }
}

//! The walk of a request: route, token, type and size of the body, the call, and its reply as HTTP.

use crate::calls::verdicts::Streaming;
use crate::calls::{
    alarms, attribution, decisions, entities, events, expressions, feeds, lists, off_thread, operations, outcomes,
    report, reviews, sinks, spec, verdicts,
};
use crate::metrics::Metrics;
use crate::query::Query;
use crate::reply::{Piece, Reply, Streamed, status_of};
use crate::routes::{self, Access, Call, Matched};
use crate::stream::Phase;
use crate::tenants::{Target, Tenant};
use crate::{Limits, Process, Shared, auth, body, gorse_api, outlet};
use domain::{Code, Refusal};
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// Answers one request, always: what panics is a 500 of its own.
pub(crate) async fn respond(
    process: Arc<Process>,
    phase: Phase,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let well_framed = phase.busy();
    let start = Instant::now();
    let path = request.uri().path().to_owned();
    let (target, path) = process.tenants.find(&path);
    let gorse = process.config.gorse && path.starts_with("/api/") && well_framed;
    if let (Target::Tenant(tenant), true) = (&target, gorse) {
        let (route, reply) = gorse_api::answer(tenant, path, request).await;
        metrics_of(&process, &target).answered(route, reply.status, reply.code, start.elapsed());
        return Ok(http(reply, phase));
    }
    let matched = if well_framed { routes::find(request.method(), path) } else { Err(twice_framed()) };
    let route = matched.as_ref().map_or("none", |matched| matched.route.path);
    let mut reply = match matched {
        Ok(matched) => caught(lead(&process, &target, matched, request)).await,
        Err(refusal) => {
            let (head, incoming) = request.into_parts();
            body::discard(&head.headers, incoming).await;
            Err(refusal)
        }
    }
    .unwrap_or_else(|refusal| Reply::refused(&refusal));
    if reply.code == Some(Code::MethodNotAllowed) {
        reply.allow = Some(routes::allowed(path));
    }
    metrics_of(&process, &target).answered(route, reply.status, reply.code, start.elapsed());
    Ok(http(reply, phase))
}

fn twice_framed() -> Refusal {
    let message = "send either Content-Length or Transfer-Encoding, not both; the connection is closed";
    Refusal::new(Code::MalformedRequest, "content-length", message)
}

/// Names that nobody has are counted with the process, so that callers cannot make labels.
fn metrics_of<'p>(process: &'p Process, target: &Target<'p>) -> &'p Metrics {
    match target {
        Target::Tenant(tenant) => &tenant.metrics,
        Target::Nobody | Target::Process => &process.metrics,
    }
}

/// Checks the head; then the call is a tenant's or the process's.
async fn lead(
    process: &Process,
    target: &Target<'_>,
    matched: Matched,
    request: Request<Incoming>,
) -> Result<Reply, Refusal> {
    let (head, incoming) = request.into_parts();
    let admitted = admit(process, target, &matched, &head);
    let (tenant, asked) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => {
            body::discard(&head.headers, incoming).await;
            return Err(refusal);
        }
    };
    match (matched.route.call, tenant) {
        (Call::Health, _) => Ok(Reply::json(b"{\"ok\":true}".to_vec())),
        (Call::Readiness, tenant) => operations::readiness(process, tenant),
        (Call::Metrics, tenant) => Ok(operations::metrics(process, tenant)),
        (_, Some(tenant)) => ask(process, tenant, matched, asked, head, incoming).await,
        (_, None) => Err(no_tenant_named()),
    }
}

/// Counts the request, reads its body and makes the call, if the tenant is open.
async fn ask(
    process: &Process,
    tenant: &Tenant,
    matched: Matched,
    asked: Asked,
    head: Parts,
    incoming: Incoming,
) -> Result<Reply, Refusal> {
    let refused = match (tenant.meter.request(), tenant.shared()) {
        (Some(reply), _) => Ok(reply),
        (None, Err(refusal)) => Err(refusal),
        (None, Ok(shared)) if matched.route.call == Call::StreamOutcomes => {
            body::discard(&head.headers, incoming).await;
            let stop = process.stop.subscribe();
            return Ok(outcomes::Stream::new(shared, asked.outcomes, &head.headers, stop)?.begin());
        }
        (None, Ok(shared)) if asked.streams => {
            let name = matched.values.first().map_or("", String::as_str);
            match Streaming::new(shared, name, asked.facts) {
                Ok(streaming) => return Ok(streaming.begin(&head.headers, incoming, process.stop.subscribe()).await),
                Err(refusal) => Err(refusal),
            }
        }
        (None, Ok(shared)) => {
            let limits = &process.config.limits;
            let mut held = tenant.meter.hold();
            let bytes = match body_max(matched.route.call, limits) {
                0 => {
                    body::discard(&head.headers, incoming).await;
                    Vec::new()
                }
                max => body::read(&head.headers, incoming, tenant.meter.body_max(max), &mut held, limits).await?,
            };
            outlet::write_before(bytes.len());
            return call(shared, matched, asked, &head.headers, &bytes).await;
        }
    };
    body::discard(&head.headers, incoming).await;
    refused
}

async fn call(
    shared: &Arc<Shared>,
    matched: Matched,
    asked: Asked,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Reply, Refusal> {
    let value = |index: usize| matched.values.get(index).map_or("", String::as_str);
    match matched.route.call {
        Call::SendEvents => events::send(shared, wire::parse_events(bytes)?, asked.options).await,
        Call::SendEntities => events::send(shared, wire::parse_entities(bytes)?, asked.options).await,
        Call::PutEntity => entities::put(shared, value(0), value(1), bytes).await,
        Call::DeleteEntity => entities::delete(shared, value(0), value(1)).await,
        Call::ReadEntity => entities::read(shared, value(0), value(1)).await,
        Call::SendList => events::send(shared, wire::parse_list(value(0), bytes)?, asked.options).await,
        Call::ReadList => lists::read(shared, value(0), &asked.part).await,
        Call::PutListed => lists::put(shared, value(0), value(1), bytes).await,
        Call::DeleteListed => lists::delete(shared, value(0), value(1)).await,
        Call::AskFeed => feeds::ask(shared, value(0), bytes).await,
        Call::Decide => verdicts::decide(shared, value(0), bytes, asked.facts).await,
        Call::ReportDecision => report::read(shared, value(0), wants_text(headers)).await,
        Call::ListReviews => reviews::list(shared, asked.reviews.clone(), wants_text(headers)).await,
        Call::ReadReview => reviews::read(shared, value(0), value(1), wants_text(headers)).await,
        Call::ClaimReview | Call::ReleaseReview | Call::DecideReview => {
            let act = match matched.route.call {
                Call::ClaimReview => reviews::Act::Claim,
                Call::ReleaseReview => reviews::Act::Release,
                _ => reviews::Act::Decide,
            };
            reviews::act(shared, act, (value(0), value(1)), bytes, wants_text(headers)).await
        }
        Call::TryExpression => expressions::attempt(shared, bytes, wants_text(headers)).await,
        Call::ReadDecision => {
            let id = decisions::named(shared, value(0)).await?;
            off_thread(shared, move |shared| decisions::read(shared, id)).await
        }
        Call::ExplainDecision => {
            let (id, text) = (decisions::named(shared, value(0)).await?, wants_text(headers));
            off_thread(shared, move |shared| decisions::explain(shared, id, asked.item, text)).await
        }
        Call::ReplayDecision => {
            let id = decisions::named(shared, value(0)).await?;
            off_thread(shared, move |shared| decisions::replay(shared, id)).await
        }
        Call::ReadAlarms => alarms::read(shared, asked.alarms).await,
        Call::ReadAttribution => attribution::read(shared, &asked.report, wants_text(headers)).await,
        Call::ReadOutcomes => outcomes::page(shared, asked.outcomes).await,
        Call::ListSinks => Ok(sinks::list(shared)),
        Call::ReadDead => sinks::dead(shared, value(0), &asked.dead),
        Call::SendDead => sinks::send_again(shared, value(0), &asked.dead),
        Call::ForgetDead => sinks::forget(shared, value(0), &asked.dead),
        Call::ReadSpec => Ok(Reply::text(shared.engine.plan().written().to_owned())),
        Call::PlanSpec => spec::plan(shared, bytes, wants_text(headers)).await,
        Call::ChangeSpec => spec::change(shared, bytes, asked.versions, wants_text(headers)).await,
        Call::RollBackSpec => spec::roll_back(shared, asked.versions, wants_text(headers)).await,
        Call::ListSpecs => spec::versions(shared, wants_text(headers)).await,
        Call::ReadSpecVersion => spec::text_of(shared, value(0)).await,
        Call::ReadChange => spec::status(shared, wants_text(headers)),
        Call::CancelChange => spec::cancel(shared),
        Call::StreamOutcomes | Call::Health | Call::Readiness | Call::Metrics => {
            Err(Refusal::new(Code::Internal, "", "this call needs no node"))
        }
    }
}

/// What the query asks, by the calls that take one.
#[derive(Default)]
struct Asked {
    options: events::Options,
    part: lists::Part,
    report: attribution::Part,
    alarms: alarms::Part,
    outcomes: outcomes::Part,
    dead: sinks::Part,
    versions: spec::Versions,
    reviews: engine::ReviewQuery,
    /// The item that an explanation is asked for.
    item: Option<String>,
    /// Whether the facts of decisions are told.
    facts: bool,
    /// Whether events are decided as they come, line by line.
    streams: bool,
}

/// Everything that can be judged before the body is read: host, token, query, type of the body. Returns the tenant, if the call is to
/// one. Who has no token of a tenant learns nothing of it, not even whether it is there.
fn admit<'t>(
    process: &Process,
    target: &Target<'t>,
    matched: &Matched,
    head: &Parts,
) -> Result<(Option<&'t Tenant>, Asked), Refusal> {
    admit_host(head)?;
    let of_the_process = matches!(matched.route.call, Call::Health | Call::Readiness | Call::Metrics);
    if matches!(target, Target::Process) && !of_the_process {
        return Err(no_tenant_named());
    }
    let tenant = admit_caller(process, target, matched.route.access, &head.headers)?;
    let mut query = Query::parse(head.uri.query())?;
    let mut asked = Asked::default();
    match matched.route.call {
        Call::SendEvents | Call::SendEntities | Call::SendList => asked.options = events::Options::take(&mut query)?,
        Call::ReadList => asked.part = lists::Part::take(&mut query)?,
        Call::ReadAlarms => asked.alarms = alarms::Part::take(&mut query)?,
        Call::ListReviews => asked.reviews = reviews::take(&mut query)?,
        Call::ReadAttribution => asked.report = attribution::Part::take(&mut query)?,
        Call::Decide => {
            asked.facts = query.choice("facts", "true", "false")?;
            asked.streams = body::is_lines(&head.headers);
        }
        Call::StreamOutcomes => asked.outcomes = outcomes::Part::take_stream(&mut query)?,
        Call::ReadOutcomes => asked.outcomes = outcomes::Part::take(&mut query)?,
        Call::ReadDead => asked.dead = sinks::Part::take_page(&mut query)?,
        Call::SendDead | Call::ForgetDead => asked.dead = sinks::Part::take_key(&mut query)?,
        Call::ExplainDecision => asked.item = query.value("item"),
        Call::ChangeSpec => asked.versions = spec::Versions::take_base(&mut query)?,
        Call::RollBackSpec => asked.versions = spec::Versions::take(&mut query)?,
        _ => {}
    }
    query.end()?;
    match matched.route.call {
        Call::ChangeSpec | Call::PlanSpec => body::admit_type(&head.headers, &body::SPEC)?,
        call if body_max(call, &process.config.limits) > 0 => body::admit_type(&head.headers, &body::JSON)?,
        _ => {}
    }
    Ok((tenant, asked))
}

fn no_tenant_named() -> Refusal {
    routes::nothing_here("this server has tenants: the path of a call begins with /t/ and the tenant's name")
}

pub(crate) fn admit_caller<'t>(
    process: &Process,
    target: &Target<'t>,
    access: Access,
    headers: &HeaderMap,
) -> Result<Option<&'t Tenant>, Refusal> {
    let named = process.tenants.are_named();
    match target {
        Target::Tenant(tenant) => {
            let access = if named && access == Access::Open { Access::AnyToken } else { access };
            auth::admit(&tenant.tokens, headers, access).map(|()| Some(&***tenant))
        }
        Target::Process if access == Access::Open => Ok(None),
        Target::Process if process.is_open() => auth::admit_local(headers).map(|()| None),
        Target::Process if process.config.is_open() => Err(auth::unauthorized()),
        Target::Process => auth::admit(&process.config.tokens, headers, Access::AnyToken).map(|()| None),
        Target::Nobody if process.is_open() => {
            auth::admit_local(headers)?;
            let message = "this server has no tenant of this name; the operator's file of tenants lists them";
            Err(Refusal::new(Code::UnknownTenant, "path", message))
        }
        Target::Nobody => Err(auth::unauthorized()),
    }
}

/// Largest body that a call takes; 0 = it reads none.
fn body_max(call: Call, limits: &Limits) -> usize {
    match call {
        Call::SendEvents | Call::SendEntities | Call::SendList | Call::Decide => limits.body_bytes,
        Call::PutEntity
        | Call::PutListed
        | Call::AskFeed
        | Call::TryExpression
        | Call::ClaimReview
        | Call::ReleaseReview
        | Call::DecideReview => limits.small_body_bytes,
        Call::ChangeSpec | Call::PlanSpec => domain::limits::SPEC_BYTES_MAX,
        _ => 0,
    }
}

/// HTTP/1.1 asks for exactly one `Host`. A request line may name a host too; two that differ would let a proxy and this server
/// take the request for different ones.
pub(crate) fn admit_host(head: &Parts) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let named = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let wrong = match (hosts.next(), hosts.next(), named) {
        (None, _, _) if head.version < Version::HTTP_11 => return Ok(()),
        (Some(host), None, Some(named)) if !host.as_bytes().eq_ignore_ascii_case(named) => {
            "the request line and the Host header name different hosts; send a path alone in the request line"
        }
        (Some(_), None, _) => return Ok(()),
        _ => "send exactly one Host header",
    };
    Err(Refusal::new(Code::InvalidValue, "host", wrong))
}

fn wants_text(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    accept.trim_start().to_ascii_lowercase().starts_with("text/plain")
}

/// Runs the call; a panic inside it becomes a refusal and stays there.
pub(crate) async fn caught(call: impl Future<Output = Result<Reply, Refusal>>) -> Result<Reply, Refusal> {
    let mut call = pin!(call);
    let panicked = |_| {
        let message =
            "the server made a mistake; the request may or may not have been done; send it again with the same id";
        Poll::Ready(Err(Refusal::new(Code::Internal, "", message)))
    };
    let step = |context: &mut Context<'_>| {
        outlet::write_overdue();
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))).unwrap_or_else(panicked)
    };
    poll_fn(step).await
}

fn http(reply: Reply, phase: Phase) -> Response<Answer> {
    if reply.stream.is_some() {
        phase.streaming();
    }
    let content = reply.stream.map_or_else(|| Content::Whole(Full::new(Bytes::from(reply.body))), Content::Streamed);
    let mut response = Response::new(Answer { content, phase });
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(allow) = reply.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if let Some(seconds) = reply.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if reply.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if reply.status == status_of(Code::Timeout) || reply.code == Some(Code::MalformedRequest) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A reply's body; tells the connection's phase when it was handed over.
pub(crate) struct Answer {
    content: Content,
    phase: Phase,
}

enum Content {
    Whole(Full<Bytes>),
    Streamed(Streamed),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Content::Streamed(pieces) => pieces.poll_recv(context).map(|piece| match piece {
                Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Piece::End) => None,
                None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(body) if body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Streamed(_) => SizeHint::default(),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.idle();
    }
}

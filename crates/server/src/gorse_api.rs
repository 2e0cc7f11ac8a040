//! The Gorse interface: its calls over the same engine, beside our own. Errors are plain text, as its clients expect.

mod entities;
mod feedback;
mod mirrored;
mod recommend;

pub(crate) use mirrored::Gorse;

use crate::auth::{self, Role};
use crate::reply::{Reply, TEXT, status_of};
use crate::routes::{Access, decoded};
use crate::tenants::Tenant;
use crate::{Shared, body, service};
use ::gorse::{Call, Found, Params, Right};
use domain::{Code, Payload, Position, Refusal};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, StatusCode};
use std::time::{SystemTime, UNIX_EPOCH};

/// Records submitted at once: other requests of this thread get their turn between two chunks.
const CHUNK: usize = 256;
/// How many are listed unless the client says.
const COUNT_DEFAULT: usize = 10;

/// One call.
struct Asked<'a> {
    shared: &'a Shared,
    gorse: &'a Gorse,
    found: Found,
    params: Params,
    /// Whether recommendations come with their scores.
    scores: bool,
    body: Vec<u8>,
}

/// Answers one request under `/api/`; also says under which route it counts.
pub(crate) async fn answer(tenant: &Tenant, path: &str, request: Request<Incoming>) -> (&'static str, Reply) {
    let (head, incoming) = request.into_parts();
    let found = match ::gorse::find(head.method.as_str(), path, decoded) {
        Ok(found) => found,
        Err(refusal) => {
            body::discard(&head.headers, incoming).await;
            return ("none", refused(&refusal));
        }
    };
    let route = found.route;
    let reply = service::caught(call(tenant, found, head, incoming)).await;
    (route, reply.unwrap_or_else(|refusal| refused(&refusal)))
}

async fn call(tenant: &Tenant, found: Found, head: Parts, incoming: Incoming) -> Result<Reply, Refusal> {
    let admitted = admit(tenant, &found, &head).and_then(|params| Ok((params, tenant.shared()?)));
    let (params, shared) = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => {
            body::discard(&head.headers, incoming).await;
            return Err(refusal);
        }
    };
    let gorse = shared.gorse.as_ref().ok_or_else(|| Refusal::new(Code::NotFound, "", "Gorse is not served here"))?;
    let limits = &shared.config.limits;
    let mut held = tenant.meter.hold();
    let body = match found.reads_body() {
        true => body::read(&head.headers, incoming, limits.body_bytes, &mut held, limits).await?,
        // Some clients send `null` with every request.
        false => {
            body::discard(&head.headers, incoming).await;
            Vec::new()
        }
    };
    let scores = head.headers.get("x-api-version").is_some_and(|version| version.as_bytes().trim_ascii() == b"2");
    let asked = Asked { shared, gorse, found, params, scores, body };
    match asked.found.call {
        Call::Live => Ok(asked.health(false)),
        Call::Ready => Ok(asked.health(true)),
        Call::InsertUser | Call::InsertUsers => asked.insert_users().await,
        Call::ReadUser => asked.user().await,
        Call::ListUsers => asked.users().await,
        Call::PatchUser => asked.patch_user().await,
        Call::DeleteUser => asked.delete("user").await,
        Call::InsertItem | Call::InsertItems => asked.insert_items().await,
        Call::ReadItem => asked.item().await,
        Call::ListItems => asked.items().await,
        Call::PatchItem => asked.patch_item().await,
        Call::DeleteItem => asked.delete("item").await,
        Call::AddCategory => asked.change_category(true).await,
        Call::RemoveCategory => asked.change_category(false).await,
        Call::AddFeedback => asked.insert_feedback(false).await,
        Call::SetFeedback => asked.insert_feedback(true).await,
        Call::ListFeedback => asked.feedback_page(),
        Call::PairFeedback | Call::UserFeedback | Call::ItemFeedback => asked.feedback(false),
        Call::OneFeedback => asked.feedback(true),
        Call::DeletePair | Call::DeleteOne => asked.delete_feedback().await,
        Call::Recommend => asked.recommend().await,
        Call::Session => asked.session().await,
        Call::Collaborative => asked.collaborative().await,
        Call::Latest => asked.latest().await,
        Call::NonPersonalized => asked.non_personalized().await,
        Call::ItemToItem | Call::ItemNeighbours => asked.item_to_item().await,
        Call::UserToUser | Call::UserNeighbours => asked.user_to_user(),
    }
}

/// Everything that can be judged before the body is read.
fn admit(tenant: &Tenant, found: &Found, head: &Parts) -> Result<Params, Refusal> {
    service::admit_host(head)?;
    let access = match found.right() {
        Right::Open => Access::Open,
        Right::Read => Access::Only(Role::Serve),
        Right::Write => Access::Only(Role::Ingest),
    };
    auth::admit_key(&tenant.tokens, &head.headers, access)?;
    if found.reads_body() {
        body::admit_type(&head.headers, &body::JSON)?;
    }
    Params::parse(head.uri.query().unwrap_or(""), decoded)
}

/// A refusal as plain text: the field, if there is one, and the sentence.
fn refused(refusal: &Refusal) -> Reply {
    let text = match refusal.field.as_str() {
        "" => refusal.message.clone(),
        field => format!("{field}: {}", refusal.message),
    };
    let reply = Reply { content_type: TEXT, ..Reply::json(text.into_bytes()).with_status(status_of(refusal.code)) };
    Reply { code: Some(refusal.code), ..reply }
}

fn affected(rows: usize) -> Reply {
    let mut body = Vec::new();
    ::gorse::write_affected(&mut body, rows);
    Reply::json(body)
}

/// The clock of the requests' own times.
fn now() -> domain::Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    domain::Time(since.as_millis() as i64)
}

impl Asked<'_> {
    fn health(&self, refuse: bool) -> Reply {
        let ready = self.shared.engine.status().failed.is_none();
        let mut body = Vec::new();
        ::gorse::write_health(&mut body, ready);
        let status = if ready || !refuse { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Reply::json(body).with_status(status)
    }

    /// Puts the records into the log, all of them or, if one is wrong in itself, none; returns once they are durable.
    async fn submit(&self, payloads: &[Payload<'_>]) -> Result<(), Refusal> {
        let engine = &self.shared.engine;
        payloads.iter().try_for_each(|payload| engine.validate(payload))?;
        let mut last = Position::START;
        for chunk in payloads.chunks(CHUNK) {
            let submitted = engine.submit(chunk, false)?;
            last = last.max(submitted.last);
            submitted.results.into_iter().try_for_each(|result| result.map(drop))?;
            tokio::task::yield_now().await;
        }
        if last > Position::START {
            crate::calls::released(self.shared, last).await?;
            self.shared.metrics.events(payloads.len() as u64, 0, &[]);
        }
        Ok(())
    }

    /// How many elements a list may have that is asked for.
    fn count(&self) -> Result<usize, Refusal> {
        Ok(self.params.number("n", COUNT_DEFAULT)?.min(domain::limits::GORSE_PAGE_MAX))
    }
}

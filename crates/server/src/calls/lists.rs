//! Lists: put and take off one entity or many, read a part.

use super::entities::submit;
use super::released;
use crate::Shared;
use crate::query::Query;
use crate::reply::Reply;
use domain::{Payload, Refusal, limits};
use wire::ListFacts;

/// Entries returned unless the query says.
const LIMIT_DEFAULT: usize = 100;

/// Which part of a list is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    after: Option<String>,
    limit: usize,
}

impl Part {
    /// Takes `after` and `limit` out of the query.
    pub(crate) fn take(query: &mut Query) -> Result<Part, Refusal> {
        let after = query.value("after");
        let limit = query.limit(LIMIT_DEFAULT, limits::LIST_PAGE_MAX)?;
        Ok(Part { after, limit })
    }
}

/// Puts an entity on a list.
pub(crate) async fn put(shared: &Shared, list: &str, key: &str, body: &[u8]) -> Result<Reply, Refusal> {
    submit(shared, Payload::ListPut(wire::parse_list_put(list, key, body)?)).await
}

/// Takes an entity off a list.
pub(crate) async fn delete(shared: &Shared, list: &str, key: &str) -> Result<Reply, Refusal> {
    submit(shared, Payload::ListDelete { list: list.into(), key: key.into() }).await
}

/// A part of a list, once all that it was read from is durable.
pub(crate) async fn read(shared: &Shared, list: &str, part: &Part) -> Result<Reply, Refusal> {
    let view = shared.engine.list(list, part.after.as_deref(), part.limit)?;
    released(shared, view.position).await?;
    let facts = ListFacts {
        list,
        of: &view.of,
        entries: &view.entries,
        count: view.count,
        next: view.next.as_deref(),
        position: view.position,
    };
    let mut body = Vec::new();
    wire::write_list(&mut body, &facts);
    Ok(Reply::json(body))
}

//! One entity: set, delete, read.

use super::released;
use crate::Shared;
use crate::reply::Reply;
use domain::{Code, Payload, Refusal, Upsert};
use wire::{Applied, EntityFacts};

/// Sets the attributes of an entity.
pub(crate) async fn put(shared: &Shared, entity: &str, key: &str, body: &[u8]) -> Result<Reply, Refusal> {
    let fields = wire::parse_fields(body)?;
    submit(shared, Payload::Upsert(Upsert { entity: entity.into(), key: key.into(), fields })).await
}

/// Takes an entity out of the catalogue.
pub(crate) async fn delete(shared: &Shared, entity: &str, key: &str) -> Result<Reply, Refusal> {
    submit(shared, Payload::Delete { entity: entity.into(), key: key.into() }).await
}

/// Appends one record and waits until it is durable and applied.
pub(super) async fn submit(shared: &Shared, payload: Payload<'_>) -> Result<Reply, Refusal> {
    if let Some(reply) = shared.meter.events(1) {
        return Ok(reply);
    }
    let mut submitted = shared.engine.submit(&[payload], false)?;
    let last = submitted.last;
    let result = submitted.results.pop().unwrap_or_else(|| Err(Refusal::new(Code::Internal, "", "no result")));
    result.inspect_err(|refusal| shared.metrics.event_refused(refusal.code))?;
    released(shared, last).await?;
    shared.metrics.events(1, 0, &[]);
    let mut body = Vec::new();
    let applied = Applied { accepted: 1, duplicates: 0, position: last, refused: &[], taken: &[], error: None };
    wire::write_applied(&mut body, &applied);
    Ok(Reply::json(body))
}

/// An entity's attributes and features now, once all that they were read from is durable.
pub(crate) async fn read(shared: &Shared, entity: &str, key: &str) -> Result<Reply, Refusal> {
    let view = shared.engine.entity(entity, key)?;
    released(shared, view.position).await?;
    let facts = EntityFacts {
        entity,
        key,
        fields: &view.fields,
        features: &view.features,
        position: view.position,
        now: view.now,
    };
    let mut body = Vec::new();
    wire::write_entity(&mut body, &facts);
    Ok(Reply::json(body))
}

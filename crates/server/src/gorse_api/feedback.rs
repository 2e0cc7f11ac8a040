//! Feedback: inserted as events, listed and deleted.

use super::entities::has;
use super::{Asked, affected, now};
use crate::reply::Reply;
use ::gorse::{Feedback, FeedbackKey, Filter, Mirror};
use domain::{Code, Payload, Refusal, limits};
use std::collections::BTreeSet;

impl Asked<'_> {
    pub(super) async fn insert_feedback(&self, overwrite: bool) -> Result<Reply, Refusal> {
        let list = ::gorse::read_feedback(&self.body)?;
        self.take(&list, overwrite).await?;
        Ok(affected(list.len()))
    }

    /// Puts feedback into the log; of several with one key in one call the first counts. Users and items that are not known
    /// yet are inserted with it.
    pub(super) async fn take(&self, list: &[Feedback<'_>], overwrite: bool) -> Result<(), Refusal> {
        let now = now();
        let mut keys = BTreeSet::new();
        let first = list.iter().filter(|one| keys.insert((&one.kind, &one.user, &one.item)));
        let events: Vec<Payload<'_>> = first.map(|one| self.gorse.shape.feedback(one, now, overwrite)).collect();
        self.gorse.look(|mirror| room(mirror, list))??;
        let named = list.iter().flat_map(|one| [("user", &*one.user), ("item", &*one.item)]).collect();
        let unknown = self.unknown(&named)?;
        // Somebody else may be inserting them right now.
        let _held = self.gorse.hold(unknown.iter().copied()).await;
        let unknown = self.unknown(&unknown)?;
        let mut payloads: Vec<Payload<'_>> =
            unknown.into_iter().map(|(entity, key)| self.gorse.shape.named(entity, key)).collect();
        payloads.extend(events);
        self.submit(&payloads).await
    }

    /// Those of the users and items that are not there.
    fn unknown<'k>(
        &self,
        named: &BTreeSet<(&'static str, &'k str)>,
    ) -> Result<BTreeSet<(&'static str, &'k str)>, Refusal> {
        self.gorse.look(|mirror| named.iter().copied().filter(|(entity, key)| !has(mirror, entity, key)).collect())
    }

    pub(super) fn feedback_page(&self) -> Result<Reply, Refusal> {
        let count = self.count()?;
        let from = FeedbackKey::decode(self.params.text("cursor"))?;
        let mut body = Vec::new();
        self.gorse.look(|mirror| {
            let page = mirror.page(self.found.value("type"), from.as_ref(), count);
            ::gorse::write_page(&mut body, &page.next, &page.rows);
        })?;
        Ok(Reply::json(body))
    }

    pub(super) fn feedback(&self, one: bool) -> Result<Reply, Refusal> {
        let found = &self.found;
        let filter = Filter { kind: found.value("type"), user: found.value("user"), item: found.value("item") };
        let mut body = Vec::new();
        self.gorse.look(|mirror| {
            ::gorse::write_feedback(&mut body, &mirror.feedback(filter, limits::GORSE_PAGE_MAX), one);
        })?;
        Ok(Reply::json(body))
    }

    pub(super) async fn delete_feedback(&self) -> Result<Reply, Refusal> {
        let found = &self.found;
        let filter = Filter { kind: found.value("type"), user: found.value("user"), item: found.value("item") };
        let _held = self.gorse.hold([("user", filter.user)].into_iter()).await;
        let count = self.gorse.look(|mirror| mirror.feedback(filter, limits::GORSE_PAGE_MAX).len())?;
        self.submit(&[self.gorse.shape.deleted(filter.kind, filter.user, filter.item)]).await?;
        Ok(affected(count))
    }
}

fn room(mirror: &Mirror, list: &[Feedback<'_>]) -> Result<(), Refusal> {
    let (rows, due) = mirror.room();
    let kinds = list.iter().all(|one| mirror.has_room_for(&one.kind));
    if list.len() <= rows.min(due) && kinds {
        return Ok(());
    }
    let message = format!(
        "at most {} feedback of {} types, and {} with a time to come, are kept; delete some first",
        limits::GORSE_FEEDBACK_MAX,
        limits::GORSE_TYPES_MAX,
        limits::GORSE_DUE_MAX
    );
    Err(Refusal::new(Code::CapacityReached, "", message))
}

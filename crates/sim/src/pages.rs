//! Further pages: where an answer went on is kept outside, with what must come and what came already.

use crate::specs::Spec;
use crate::world::{Verdict, Waiting, World};
use domain::{Code, DecisionId, Payload, limits};
use engine::Served;

/// Where an answer goes on.
pub(crate) struct Next {
    token: String,
    feed: String,
    /// The decision of the first page.
    of: DecisionId,
    spec: Spec,
    plan: u32,
    issued: i64,
    /// What may still come, in this order.
    rest: Vec<String>,
}

/// Most answers that are gone on with.
const KEPT_MAX: usize = 8;

impl Next {
    /// Whether the first answer's record survived a crash that left the log up to `last`.
    pub(crate) fn is_of_log(&self, last: u64) -> bool {
        self.of.position.0 <= last
    }
}

impl World {
    /// Keeps where a first answer goes on.
    pub(crate) fn note_pages(&mut self, served: &Served) {
        let Some(token) = served.next.clone() else { return };
        if self.pages.len() == KEPT_MAX {
            self.pages.remove(0);
        }
        self.pages.push(Next {
            token,
            feed: served.answer.request.feed.clone(),
            of: served.id,
            spec: self.spec,
            plan: served.answer.plan.0,
            issued: self.ledger.log_time.max(self.now),
            rest: served.answer.later.iter().map(|of| of.item.clone()).collect(),
        });
    }

    /// The next page of an earlier answer is asked for.
    pub(crate) fn page(&mut self) -> Verdict {
        let at = self.rng.below(self.pages.len() as u64) as usize;
        let (feed, token) = (self.pages[at].feed.clone(), self.pages[at].token.clone());
        let count = 1 + self.rng.below(4) as u16;
        let served = self.node()?.page(&feed, &token, Some(count));
        self.note(|| format!("page: {served:?}"));
        let served = match served {
            Ok(served) => served,
            Err(refusal) if refusal.code == Code::PageExpired => {
                let next = self.pages.remove(at);
                return if self.may_be_gone(&next) { Ok(()) } else { Err(format!("a page is gone: {refusal}")) };
            }
            Err(refusal) => return self.refused_whole(&refusal, false),
        };
        let log_time = self.ledger.log_time.max(self.now);
        self.ledger.append(log_time, Payload::Decision(Box::new(served.answer.clone())));
        if served.id.position.0 != self.ledger.last() {
            return Err(format!("the page {} stands at {}", served.id, self.ledger.last()));
        }
        self.check_page(at, &served, usize::from(count))?;
        self.counts.answers += 1;
        self.wait(served.seen, Waiting::Answer(served.seen.0, served.id, Box::new(served.answer)))
    }

    /// A page shows the first items of the rest that are still there, as many as were asked for.
    fn check_page(&mut self, at: usize, served: &Served, count: usize) -> Verdict {
        let looked = served.answer.candidates as usize;
        let (next, epoch) = (&mut self.pages[at], served.answer.epoch.0);
        let past: Vec<String> = next.rest.drain(..looked.min(next.rest.len())).collect();
        let there = |item: &&String| {
            let listed = |list: &str, key: &str| {
                self.ledger.model.lists.standing(list, epoch, served.answer.now.0).contains_key(key)
            };
            let user = match &served.answer.request.subject {
                domain::Subject::User(user) => user.as_str(),
                _ => "",
            };
            let blocked = next.feed == "home" && listed("blocked", item) && !listed("vip", user);
            self.ledger.model.present(item, epoch) && !blocked
        };
        let most: Vec<&String> = past.iter().filter(there).collect();
        let mut most = most.into_iter();
        let shown: Vec<&String> = served.answer.items.iter().map(|of| &of.item).collect();
        if !shown.iter().all(|item| most.any(|there| there == *item)) {
            return Err(format!("the page shows {shown:?}, of {past:?}"));
        }
        if shown.len() > count || (shown.len() < count && !next.rest.is_empty()) {
            return Err(format!("the page has {} items, asked were {count}, left are {:?}", shown.len(), next.rest));
        }
        match &served.next {
            Some(token) if !next.rest.is_empty() => next.token.clone_from(token),
            None if next.rest.is_empty() => {
                self.pages.remove(at);
            }
            _ => return Err("the page says wrongly whether it goes on".to_owned()),
        }
        Ok(())
    }

    /// Whether an answer need not be gone on with: too old, of another spec, or its record may be lost.
    fn may_be_gone(&self, next: &Next) -> bool {
        let old = self.ledger.log_time.max(self.now) - next.issued >= limits::PAGE_TTL.0;
        let plan = self.core.as_ref().map(|core| core.status().plan_version.0);
        let record = next.of.position.0.checked_sub(1).and_then(|at| self.ledger.log.get(at as usize));
        let lost = !record.is_some_and(|record| matches!(record.payload, Payload::Decision(_)));
        old || lost
            || next.spec != self.spec
            || plan != Some(next.plan)
            || self.knobs.retain.is_some()
            || self.storage.faulted() > 0
    }
}

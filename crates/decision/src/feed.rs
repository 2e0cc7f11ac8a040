//! How a feed is answered, on one screen. Each stage is the file of its name; `explain.rs` tells a reader what they did.

mod features;
mod filter;
mod fuse;
mod order;
mod page;
mod policy;
mod rank;
mod recall;
mod removed;
mod rerank;
mod slate;
mod trace;
mod trial;

#[cfg(test)]
mod tests;

pub(crate) use fuse::{Candidate, Found};
pub(crate) use order::Order;
pub(crate) use policy::{InForce, Placement};
pub(crate) use recall::Sieved;
pub(crate) use rerank::{Chain, Pick};
pub use trace::Trace;
pub(crate) use trace::{Gate, ReadValue, Sought};
pub use trial::{ReadSlot, row_of};

use crate::epoch::Epoch;
use crate::pace::{Meter, Pace};
use crate::query::{Names, Query};
use crate::reads::FeedReads;
use crate::rules::Rules;
use crate::scratch::Scratch;
use domain::{Answer, FeedRequest, PlanVersion, Recommended, Removal, Time, Value, limits};
use spec::Plan;
use spec::plan::Feed;

/// Answers a feed request. `plan` is the one the epoch was built with. The answer is a function of the arguments, and under
/// `Pace::Live` of what the budget allowed, which it records: under `Pace::Replay` of that record it comes out the same.
#[expect(clippy::too_many_arguments, reason = "all that an answer is a function of, each by its name")]
pub fn answer(
    plan: &Plan,
    version: PlanVersion,
    mut request: FeedRequest,
    query: &Query,
    epoch: &Epoch,
    now: Time,
    pace: Pace<'_>,
    names: &dyn Names,
    scratch: &mut Scratch,
) -> Answer {
    let feed = &plan.feeds[usize::from(query.feed)];
    let (reads, context) = (epoch.feed_reads(query.feed), query.context.as_slice());
    let (rules, policies) = (query.rules.as_deref(), InForce::of(feed, &request, now));
    let texts = &query.texts(names);
    let view = View { plan, feed, reads, request: &request, query, rules, context, epoch, texts, now, policies };
    let mut meter = Meter::new(pace);

    features::of_subject(&view, scratch);
    let made = match &request.page {
        Some(of) => page::run(&view, of, scratch),
        None => {
            let route_counts = recall::run(&view, &mut meter, scratch);
            let candidates = fuse::run(&view, scratch);
            trace::recalled(&view, &route_counts, scratch);
            let removed = filter::run(&view, names, scratch);
            rank::run(&view, &mut meter, scratch);
            trace::ranked(&view, scratch);
            rerank::start(&view, &mut meter, scratch);
            policy::start(&view, scratch);
            let mut items = slate::run(&view, names, scratch);
            trace::placed(scratch);
            let later = items.split_off(view.shown().min(items.len()));
            Made { route_counts, candidates, removed, items, later, off: scratch.off.clone() }
        }
    };

    let Made { route_counts, candidates, removed, items, later, off } = made;
    if let Some(page) = &mut request.page {
        // As far as it was looked at, so that the record holds no more than the answer came from.
        page.items.truncate(candidates as usize);
    }
    let rows = query.rows.as_ref().map_or(epoch.position, |rows| rows.position);
    let (epoch, effort) = (epoch.position, meter.effort());
    Answer {
        plan: version,
        rows,
        epoch,
        now,
        effort,
        route_counts,
        candidates,
        removed,
        items,
        later,
        holdout: policies.holdout,
        off,
        request,
    }
}

/// What the stages made.
pub(crate) struct Made {
    /// How many candidates each route gave.
    pub(crate) route_counts: Vec<u32>,
    /// How many different candidates there were.
    pub(crate) candidates: u32,
    /// What filters removed.
    pub(crate) removed: Vec<Removal>,
    /// The slate.
    pub(crate) items: Vec<Recommended>,
    /// What further pages would show.
    pub(crate) later: Vec<Recommended>,
    /// Routes whose condition did not hold.
    pub(crate) off: Vec<u16>,
}

/// What every stage may read; nothing of it changes while a request is answered.
pub(crate) struct View<'a> {
    /// The plan.
    pub(crate) plan: &'a Plan,
    /// The feed's part of it.
    pub(crate) feed: &'a Feed,
    /// Which slots the feed's expressions need, by stage.
    pub(crate) reads: &'a FeedReads,
    /// The request as it was sent.
    pub(crate) request: &'a FeedRequest,
    /// The request resolved, with the subject's rows.
    pub(crate) query: &'a Query,
    /// The request's own filter and boosts; not for a feed that is mixed in.
    pub(crate) rules: Option<&'a Rules>,
    /// The request's context, by `Feed::context` of this feed (the query's is that of the feed that was asked for).
    pub(crate) context: &'a [Value],
    /// Items and indexes.
    pub(crate) epoch: &'a Epoch,
    /// Texts of the strings that slots hold.
    pub(crate) texts: &'a dyn expr::Texts,
    /// The instant at which windows end.
    pub(crate) now: Time,
    /// Which of the feed's policies act.
    pub(crate) policies: policy::InForce,
}

impl View<'_> {
    /// How many places the final order has at most: those of the slate, and those kept for further pages.
    pub(crate) fn count(&self) -> usize {
        self.shown() + if self.request.pages { limits::PAGE_DEPTH } else { 0 }
    }

    /// How many items the slate has at most.
    pub(crate) fn shown(&self) -> usize {
        usize::from(self.request.count).min(limits::SLATE_MAX)
    }
}

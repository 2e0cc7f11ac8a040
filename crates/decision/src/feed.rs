//! How a feed is answered, on one screen. Each stage is the file of its name; `explain.rs` tells a reader what they did.

mod features;
mod filter;
mod fuse;
mod order;
mod policy;
mod rank;
mod recall;
mod rerank;
mod slate;

#[cfg(test)]
mod tests;

pub(crate) use fuse::{Candidate, Found};
pub(crate) use order::Order;
pub(crate) use policy::{InForce, Placement};
pub(crate) use rerank::{Chain, Pick};

use crate::epoch::Epoch;
use crate::pace::{Meter, Pace};
use crate::query::{Names, Query};
use crate::reads::FeedReads;
use crate::scratch::Scratch;
use domain::{Answer, FeedRequest, PlanVersion, Time, Value};
use spec::Plan;
use spec::plan::Feed;

/// Answers a feed request. `plan` is the one the epoch was built with. The answer is a function of the arguments, and under
/// `Pace::Live` of what the budget allowed, which it records: under `Pace::Replay` of that record it comes out the same.
#[expect(clippy::too_many_arguments, reason = "all that an answer is a function of, each by its name")]
pub fn answer(
    plan: &Plan,
    version: PlanVersion,
    request: FeedRequest,
    query: &Query,
    epoch: &Epoch,
    now: Time,
    pace: Pace<'_>,
    names: &dyn Names,
    scratch: &mut Scratch,
) -> Answer {
    let feed = &plan.feeds[usize::from(query.feed)];
    let (reads, context) = (epoch.feed_reads(query.feed), query.context.as_slice());
    let policies = InForce::of(feed, &request, now);
    let view = View { plan, feed, reads, request: &request, query, context, epoch, now, policies };
    let mut meter = Meter::new(pace);

    features::of_subject(&view, scratch);
    let route_counts = recall::run(&view, &mut meter, scratch);
    let candidates = fuse::run(&view, scratch);
    let removed = filter::run(&view, names, scratch);
    rank::run(&view, &mut meter, scratch);
    rerank::start(&view, &mut meter, scratch);
    policy::start(&view, scratch);
    let items = slate::run(&view, names, scratch);

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
        later: Vec::new(),
        holdout: policies.holdout,
        request,
    }
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
    /// The request's context, by `Feed::context` of this feed (the query's is that of the feed that was asked for).
    pub(crate) context: &'a [Value],
    /// Items and indexes.
    pub(crate) epoch: &'a Epoch,
    /// The instant at which windows end.
    pub(crate) now: Time,
    /// Which of the feed's policies act.
    pub(crate) policies: policy::InForce,
}

impl View<'_> {
    /// How many items the answer has at most.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.request.count).min(domain::limits::SLATE_MAX)
    }
}

//! Rerank by mixing: kept places go to the best items of another feed that have not come yet. The other feed is asked for the
//! same subject, with the same visit, exclusions and context: recall, fuse, filter and rank, but not its rerankers, so feeds
//! that mix in one another end. It runs in full or, where there is no time to rerank, not at all; what its routes find and its
//! filters remove is not counted in the answer.

use super::{Entry, Ground, Pick, Source};
use crate::feed::{Candidate, InForce, View, features, filter, fuse, rank, recall};
use crate::pace::{Meter, Pace};
use crate::scratch::Scratch;
use domain::{Effort, EntityId, Value};
use spec::plan::Mix;

/// All of the other feed.
const FULL: Effort = Effort { routes_run: u16::MAX, candidates_scored: u16::MAX, reranked: false };

/// The memory of one step.
#[derive(Default)]
pub(super) struct Mixing {
    /// The other feed's candidates and their order.
    other: Scratch,
    ready: bool,
    /// How many places of the other feed's order were looked at.
    next: usize,
    /// Items that have come, ascending.
    come: Vec<EntityId>,
    /// Candidates that were added, and what they are in the other feed.
    added: Vec<(usize, usize)>,
    /// The score of the pick before.
    score: Option<f64>,
}

/// A candidate of another feed.
pub(crate) struct Mixed<'a> {
    /// The which of the feeds that are mixed in, from 0.
    pub(crate) nth: usize,
    /// The other feed's memory.
    pub(crate) scratch: &'a Scratch,
    /// The candidate's index there.
    pub(crate) index: usize,
}

impl Mixing {
    pub(super) fn clear(&mut self) {
        self.ready = false;
        self.next = 0;
        self.come.clear();
        self.added.clear();
        self.score = None;
    }

    pub(super) fn next(
        &mut self,
        place: usize,
        mix: &Mix,
        source: &mut Source<'_>,
        ground: &mut Ground<'_>,
    ) -> Option<Entry> {
        if mix.keeps(place)
            && let Some(entry) = self.best_of_other(mix, ground)
        {
            return Some(entry);
        }
        while let Some(entry) = source.next(ground) {
            if self.comes(ground.candidates[entry.pick.index].item) {
                self.score = Some(entry.pick.score);
                return Some(entry);
            }
        }
        None
    }

    /// What was added as this candidate, in the `nth` step of mixing.
    pub(super) fn find(&self, nth: usize, index: usize) -> Option<Mixed<'_>> {
        let (_, other) = self.added.iter().find(|(added, _)| *added == index)?;
        Some(Mixed { nth, scratch: &self.other, index: *other })
    }

    /// Notes an item; whether it is the first time.
    fn comes(&mut self, item: EntityId) -> bool {
        match self.come.binary_search(&item) {
            Ok(_) => false,
            Err(at) => {
                self.come.insert(at, item);
                true
            }
        }
    }

    fn best_of_other(&mut self, mix: &Mix, ground: &mut Ground<'_>) -> Option<Entry> {
        if !std::mem::replace(&mut self.ready, true) {
            self.ask(mix, ground);
        }
        while self.next < self.other.order.len() {
            let index = self.other.order.place(self.next);
            self.next += 1;
            let Candidate { item, score, .. } = self.other.candidates[index];
            if self.comes(item) {
                let added = ground.candidates.len();
                // Of this feed's routes none has found it.
                ground.candidates.push(Candidate { item, routes: 0..0, fused: 0.0, score });
                self.added.push((added, index));
                let pick = Pick { index: added, rank: None, score: self.score.unwrap_or(score) };
                return Some(Entry { pick, place: None });
            }
        }
        None
    }

    /// Runs the other feed. What the request itself asks for holds for its items too.
    fn ask(&mut self, mix: &Mix, ground: &mut Ground<'_>) {
        let context = context_of(mix, ground.view);
        let view = view_of(mix, ground.view, &context);
        let mut meter = Meter::new(Pace::Replay(FULL));
        features::of_subject(&view, &mut self.other);
        recall::run(&view, &mut meter, &mut self.other);
        fuse::run(&view, &mut self.other);
        filter::run(&view, ground.names, &mut self.other);
        if let Some(own) = filter::OfRequest::new(ground.view, ground.row) {
            self.other.candidates.retain(|candidate| own.passes_bare(candidate.item, ground.best, ground.row));
        }
        rank::run(&view, &mut meter, &mut self.other);
    }
}

/// The request's context as the other feed declares it.
pub(in crate::feed) fn context_of(mix: &Mix, outer: &View<'_>) -> Vec<Value> {
    let value = |own: &Option<u16>| own.and_then(|own| outer.context.get(usize::from(own))).cloned();
    mix.context.iter().map(|own| value(own).unwrap_or_default()).collect()
}

/// The other feed, asked for the same visit.
pub(in crate::feed) fn view_of<'a>(mix: &Mix, outer: &View<'a>, context: &'a [Value]) -> View<'a> {
    View {
        feed: &outer.plan.feeds[usize::from(mix.feed)],
        reads: outer.epoch.feed_reads(mix.feed),
        rules: None,
        policies: InForce::of(&outer.plan.feeds[usize::from(mix.feed)], outer.request, outer.now),
        context,
        ..*outer
    }
}

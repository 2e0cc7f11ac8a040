//! Items by a feature of the item table, best first.
//!
//! A feature of landmark form keeps its order while nothing happens to an item, so the order is exact at any time. Any other
//! score is kept as it was last computed, with the log time at which it is due to be computed again: when a pane of one of its
//! windows expires, or, for a feature that changes all the time, after a sixteenth of its half-life (a minute for one that reads
//! the time itself). Due items are computed again as the log's time passes, at most `DUE_PER_CHANGE` a change, the rest at later
//! changes. Staleness: a read recomputes those among its first `2 * limit + 32` items that are due at its `now` and orders these
//! anew; an item further down that would have risen since it fell due is not seen before it is computed again.

mod order;
mod saved;

pub(crate) use saved::TopSnapshot;

use crate::{Hit, ItemScores, ranked::Ranked};
use domain::{EntityId, Span, Time, limits};
use order::Order;
use spec::plan::{AggregateOp, Plan, SlotSource};
use state::{Paged, Touched};
use std::collections::BTreeSet;

/// Most items computed again at one change because they are due.
const DUE_PER_CHANGE: usize = 32;
/// Items beyond twice the limit that a read looks at when some may be due.
const READ_BEYOND: usize = 32;
/// How often a score that changes all the time is computed again, as a part of its half-life.
const REFRESH_PART: i64 = 16;
/// How often a score that reads the time itself is computed again.
const REFRESH_CLOCK: Span = Span(60_000);

/// The index.
#[derive(Clone)]
pub(crate) struct Top {
    feature: u16,
    order: Order,
    /// Longest time between two computations of a score that changes all the time.
    refresh: Option<Span>,
    /// By event type: whether it can change the feature.
    moved_by: Vec<bool>,
    ranked: Ranked,
    /// When each item is due.
    due: Paged<Option<Time>>,
    queue: BTreeSet<(Time, u32)>,
    pub(crate) touched: Touched,
    /// Whether it came from a checkpoint.
    loaded: bool,
}

impl Top {
    pub(crate) fn new(plan: &Plan, feature: u16) -> Top {
        let order = match plan.features[usize::from(feature)].landmark {
            Some(half_life) => Order::Landmark(half_life),
            None => Order::Computed,
        };
        let mut reads = Reads { refresh: None, moved_by: vec![false; plan.events.len()] };
        reads.feature(plan, feature);
        Top {
            feature,
            order,
            refresh: reads.refresh,
            moved_by: reads.moved_by,
            ranked: Ranked::default(),
            due: Paged::new(),
            queue: BTreeSet::new(),
            touched: Touched::default(),
            loaded: false,
        }
    }

    /// Takes over what was worked out from another plan in which the feature is the same.
    pub(crate) fn adopt(&mut self, new: &Top) {
        (self.feature, self.refresh) = (new.feature, new.refresh);
        self.moved_by.clone_from(&new.moved_by);
    }

    /// An event touched the item.
    pub(crate) fn touch(&mut self, event: u16, item: EntityId, now: Time, scores: &dyn ItemScores) {
        if self.moved_by.get(usize::from(event)).copied().unwrap_or(true) || self.ranked.key(item).is_none() {
            self.refresh(item, now, scores);
        }
    }

    /// Computes an item's score again.
    pub(crate) fn refresh(&mut self, item: EntityId, now: Time, scores: &dyn ItemScores) {
        self.touched.insert(item.0);
        let present = scores.present(item);
        let score = if present { self.score(item, now, scores) } else { None };
        self.ranked.set(item, score.map(|score| self.order.key(score, now)));
        let due = if present { self.next_due(item, now, scores) } else { None };
        self.set_due(item, due);
    }

    /// See `Indexes::follow`.
    pub(crate) fn follow(&mut self, ahead: &Top) {
        self.touched.clear();
        for item in ahead.touched.ids().iter().map(|&item| EntityId(item)) {
            self.ranked.take_over(&ahead.ranked, item);
            self.set_due(item, ahead.due.get(item.0).copied().flatten());
        }
    }

    /// Computes due items again, as far as one change may; says which.
    pub(crate) fn advance(&mut self, now: Time, scores: &dyn ItemScores, note: &mut dyn FnMut(EntityId)) {
        for _ in 0..DUE_PER_CHANGE {
            match self.queue.first() {
                Some(&(due, item)) if due <= now => {
                    self.refresh(EntityId(item), now, scores);
                    note(EntityId(item));
                }
                _ => return,
            }
        }
    }

    /// A listed item's score; one that is due is computed again.
    pub(crate) fn value(&self, item: EntityId, now: Time, scores: &dyn ItemScores) -> Option<f64> {
        let key = self.ranked.key(item)?;
        let due = self.due.get(item.0).copied().flatten().is_some_and(|due| due <= now);
        if due { self.score(item, now, scores) } else { Some(self.order.at(now).of(key)) }
    }

    /// Computes every item's score.
    pub(crate) fn rebuild(&mut self, now: Time, scores: &dyn ItemScores) {
        self.ranked = Ranked::default();
        self.due = Paged::new();
        self.queue.clear();
        (0..scores.item_count()).for_each(|id| self.refresh(EntityId(id), now, scores));
    }

    /// The best items; see `Indexes::top`.
    pub(crate) fn read(
        &self,
        limit: usize,
        now: Time,
        scores: &dyn ItemScores,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        let stale = self.queue.first().is_some_and(|&(due, _)| due <= now);
        let reach = if stale { limit.saturating_mul(2).saturating_add(READ_BEYOND) } else { limit };
        let (start, order) = (out.len(), self.order.at(now));
        let walk = self.ranked.iter().take(limits::ROUTE_WALK_MAX);
        let walk = walk.filter(|&(item, _)| !skip(item)).take(if limit == 0 { 0 } else { reach });
        if !stale {
            out.extend(walk.map(|(item, key)| Hit { item, score: order.of(key) }));
            return;
        }
        out.extend(walk.filter_map(|(item, key)| {
            let due = self.due.get(item.0).copied().flatten().is_some_and(|due| due <= now);
            let score = if due { self.score(item, now, scores)? } else { order.of(key) };
            Some(Hit { item, score })
        }));
        out[start..].sort_by(Hit::best_first);
        out.truncate(start + limit);
    }

    pub(crate) fn ranked(&self) -> &Ranked {
        &self.ranked
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> usize {
        let due = self.due.len() as usize * size_of::<Option<Time>>();
        self.ranked.bytes() + due + self.queue.len() * size_of::<(Time, u32)>() * 3 / 2
    }

    fn score(&self, item: EntityId, now: Time, scores: &dyn ItemScores) -> Option<f64> {
        scores.score(self.feature, item, now).filter(|score| score.is_finite())
    }

    fn next_due(&self, item: EntityId, now: Time, scores: &dyn ItemScores) -> Option<Time> {
        if self.order != Order::Computed {
            return None;
        }
        let refresh = self.refresh.map(|span| now.plus(span));
        let expiry = scores.next_change(self.feature, item, now);
        let due = [refresh, expiry].into_iter().flatten().min()?;
        Some(due.max(now.plus(Span(1))))
    }

    fn set_due(&mut self, item: EntityId, due: Option<Time>) {
        let before = self.due.get(item.0).copied().flatten();
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, item.0));
        }
        if let Some(due) = due {
            self.queue.insert((due, item.0));
        }
        *self.due.get_mut(item.0) = due;
    }
}

/// What a feature reads, with the features it reads.
struct Reads {
    refresh: Option<Span>,
    moved_by: Vec<bool>,
}

impl Reads {
    fn feature(&mut self, plan: &Plan, feature: u16) {
        for &slot in plan.features[usize::from(feature)].program.slots() {
            match plan.slots[usize::from(slot)].source {
                SlotSource::Aggregate(aggregate) => self.aggregate(plan, aggregate),
                SlotSource::Feature(inner) => self.feature(plan, inner),
                SlotSource::Now => self.at_least_every(REFRESH_CLOCK),
                _ => {}
            }
        }
    }

    fn aggregate(&mut self, plan: &Plan, aggregate: u16) {
        let aggregate = &plan.aggregates[usize::from(aggregate)];
        for &event in &plan.streams[usize::from(aggregate.stream)].events {
            self.moved_by[usize::from(event)] = true;
        }
        match aggregate.op {
            AggregateOp::Decayed(half_life) => {
                self.at_least_every(Span((half_life.0 / REFRESH_PART).max(Span::SECOND.0)));
            }
            AggregateOp::TimeSince => self.at_least_every(REFRESH_CLOCK),
            _ => {}
        }
    }

    fn at_least_every(&mut self, span: Span) {
        self.refresh = Some(self.refresh.map_or(span, |before| before.min(span)));
    }
}

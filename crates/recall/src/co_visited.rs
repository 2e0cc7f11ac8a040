//! Items that the same users visited, counted pair by pair as events come.
//!
//! An event of user `u` on item `j` is paired with each of the user's recent items `i` at distance `d` (0 = the newest):
//! `count(i -> j)` grows by `weight * distance_decay^d` and `count(j -> i)` by `backward` times that. The similarity of `j` to a
//! context item `i` is `count(i -> j) / ((n_i + shrinkage)^context_exponent * (n_j + shrinkage)^popularity_exponent)`, with `n` the
//! weight of an item's own events; a candidate's score is the sum of its similarities over the context items (with `neighbours`,
//! over those among whose best it is). A user counts once for an item, and a pair once per user, with the heaviest event, while
//! the item is among the `keep` most recent of the user: a repeat counts by what it is heavier, else it only moves the item to
//! the front. With both exponents 0.5, no order and no ageing it is the incremental cosine of Huang et al., "TencentRec: Real-time Stream
//! Recommendation in Practice" (SIGMOD 2015).
//!
//! With a half-life, counts are those at the time of the read; `n` is taken as of the item's own newest event, so that its power
//! is computed once per event and not once per read.

mod ageing;
mod counters;
mod lot;
mod places;
mod recents;
mod saved;
mod scratch;
mod trail;

pub(crate) use saved::CoVisitedSnapshot;
pub use scratch::Scratch;

use crate::{Hit, ItemScores, Memory};
use ageing::{Ageing, Growth};
use counters::Counters;
use domain::{EntityId, Position, Time};
use lot::Lot;
use recents::{Recent, Recents};
use state::Paged;
use std::sync::Arc;
use trail::{Step, Trail};

/// What one item keeps.
#[derive(Clone, Debug, Default)]
struct Item {
    /// Weight of its own events, as of `at`.
    total: f64,
    /// Time of its newest event.
    at: Time,
    /// Who was visited with it.
    counters: Counters,
}

/// The index.
#[derive(Clone)]
pub(crate) struct CoVisited {
    parameters: spec::plan::CoVisited,
    ageing: Ageing,
    /// `distance_decay^d` by distance.
    decay: Vec<f64>,
    items: Paged<Option<Arc<Item>>>,
    /// By user.
    recents: Paged<Recents>,
    /// `(total + shrinkage)^-context_exponent` by item; 0 for items that no event was on.
    context_norms: Vec<f64>,
    /// `(total + shrinkage)^-popularity_exponent` by item; 0 for items that are not present, which thus are never candidates.
    popularity: Vec<f32>,
    /// The items that the event at hand is paired with, and the weights.
    pairs: Vec<(u32, f64)>,
    trail: Trail,
}

/// Whose neighbours count when given candidates are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The `neighbours` best of each context item: what recall finds.
    Context,
    /// The `neighbours` best of each candidate, by the candidate's own counters: the classic item-based model (Sarwar et al.,
    /// "Item-based collaborative filtering recommendation algorithms", WWW 2001). Needs every candidate's counters, so it
    /// scores and does not find; meant for indexes with `backward` 1.
    Candidate,
}

/// An event as this index sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) user: EntityId,
    pub(crate) item: EntityId,
    pub(crate) weight: f64,
    pub(crate) time: Time,
    pub(crate) position: Position,
}

/// Items that a read leaves out, since whoever asks has had them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Those that the index keeps of this user.
    pub user: Option<EntityId>,
    /// And these.
    pub items: &'a [EntityId],
}

impl CoVisited {
    pub(crate) fn new(parameters: spec::plan::CoVisited) -> CoVisited {
        let decay = std::iter::successors(Some(1.0), |factor| Some(factor * parameters.distance_decay));
        CoVisited {
            ageing: Ageing::new(parameters.half_life),
            decay: decay.take(usize::from(parameters.history)).collect(),
            items: Paged::new(),
            recents: Paged::new(),
            context_norms: Vec::new(),
            popularity: Vec::new(),
            pairs: Vec::new(),
            trail: Trail::default(),
            parameters,
        }
    }

    /// The weight of an event type; `None` if it does not count.
    pub(crate) fn weight(&self, event: u16) -> Option<f64> {
        self.parameters.events.iter().find(|(counted, _)| *counted == event).map(|&(_, weight)| weight)
    }

    /// Counts an event. `present`: whether its item may be recommended.
    pub(crate) fn visit(&mut self, visit: Visit, present: bool) {
        let Visit { user, item, time, position, .. } = visit;
        let weight = self.remember(user, item.0, visit.weight as f32);
        if weight > 0.0 {
            let growth = self.ageing.growth(time);
            let capacity = usize::from(self.parameters.counters);
            for &(other, weight) in &self.pairs {
                let pair = Pair { row: other, item: item.0, weight, growth };
                pair.add(row(&mut self.items, other), capacity, Lot::new(position, other), &mut self.trail);
            }
            self.count(Visit { weight, ..visit }, growth);
        }
        self.set_present(item, present);
    }

    /// Moves the item to the front of the user's recents, says how much the event counts, and lists the pairs it makes.
    fn remember(&mut self, user: EntityId, item: u32, weight: f32) -> f64 {
        let recents = self.recents.get_mut(user.0);
        let place = recents.find(item);
        let before = recents.weight(place);
        let recent = Recent { item, weight: before.max(weight) };
        recents.put(place, recent, usize::from(self.parameters.keep));
        self.trail.push(Step::Recent { place: place as u16, user: user.0, recent });
        let counts = f64::from(weight) - f64::from(before);
        let others = recents.iter().skip(1).zip(&self.decay);
        self.pairs.clear();
        self.pairs.extend(others.map(|(recent, decay)| (recent.item, counts * decay)));
        counts
    }

    /// The event's own item: its total and its half of the pairs.
    fn count(&mut self, visit: Visit, growth: Growth) {
        let CoVisited { parameters, ageing, pairs, items, context_norms, trail, .. } = self;
        let row = row(items, visit.item.0);
        if visit.time > row.at {
            row.total *= ageing.left(visit.time.since(row.at));
            row.at = visit.time;
        }
        row.total += visit.weight * ageing.left(row.at.since(visit.time));
        if parameters.backward > 0.0 {
            let (capacity, lot) = (usize::from(parameters.counters), Lot::new(visit.position, visit.item.0));
            for &(other, weight) in &*pairs {
                let pair = Pair { row: visit.item.0, item: other, weight: weight * parameters.backward, growth };
                pair.add(row, capacity, lot, trail);
            }
        }
        let total = row.total;
        *at(context_norms, visit.item.0) = norm(total + parameters.shrinkage, parameters.context_exponent);
    }

    /// Says whether an item may be recommended.
    pub(crate) fn set_present(&mut self, item: EntityId, present: bool) {
        self.trail.item(item);
        let total = self.items.get(item.0).and_then(Option::as_ref).map_or(0.0, |row| row.total);
        let norm = norm(total + self.parameters.shrinkage, self.parameters.popularity_exponent);
        *at(&mut self.popularity, item.0) = if present { norm as f32 } else { 0.0 };
    }

    /// Forgets a user's recents.
    pub(crate) fn forget_user(&mut self, user: EntityId) {
        if self.recents.get(user.0).is_some() {
            *self.recents.get_mut(user.0) = Recents::default();
            self.trail.push(Step::Forgotten { user: user.0 });
        }
    }

    /// Recomputes what is not saved in a checkpoint.
    pub(crate) fn rebuild(&mut self, scores: &dyn ItemScores) {
        for (id, row) in self.items.iter() {
            if let Some(row) = row {
                let shrunk = row.total + self.parameters.shrinkage;
                *at(&mut self.context_norms, id) = norm(shrunk, self.parameters.context_exponent);
            }
        }
        for id in 0..scores.item_count() {
            self.set_present(EntityId(id), scores.present(EntityId(id)));
        }
    }

    /// The best candidates for the context; see `Indexes::co_visited`.
    #[expect(clippy::too_many_arguments, reason = "as `Indexes::co_visited`")]
    pub(crate) fn read(
        &self,
        context: &[(EntityId, f64)],
        limit: usize,
        now: Time,
        known: Known<'_>,
        scratch: &mut Scratch,
        skip: &dyn Fn(EntityId) -> bool,
        out: &mut Vec<Hit>,
    ) {
        if limit == 0 {
            return;
        }
        self.sum(context, now, scratch);
        let kept = known.user.and_then(|user| self.recents.get(user.0)).into_iter().flat_map(Recents::iter);
        scratch.forget(kept.map(|recent| recent.item).chain(known.items.iter().map(|item| item.0)));
        scratch.hits(limit, skip, out);
    }

    /// Scores of given candidates for the context, 0 where there is none.
    pub(crate) fn scores(
        &self,
        side: Side,
        context: &[(EntityId, f64)],
        candidates: &[EntityId],
        now: Time,
        scratch: &mut Scratch,
        out: &mut Vec<f64>,
    ) {
        match side {
            Side::Context => {
                self.sum(context, now, scratch);
                out.extend(candidates.iter().map(|candidate| scratch.sum(candidate.0)));
            }
            Side::Candidate => {
                let items = self.items.len();
                scratch.start(items as usize, context.len());
                let known = context.iter().filter(|(item, weight)| item.0 < items && usable(*weight));
                scratch.add(known.map(|&(item, weight)| (item.0, weight)));
                out.extend(candidates.iter().map(|&candidate| self.candidate_score(candidate, now, scratch)));
            }
        }
    }

    /// The sum over the candidate's own best neighbours, with the context weights as the scratch's sums.
    fn candidate_score(&self, candidate: EntityId, now: Time, scratch: &mut Scratch) -> f64 {
        let popularity = f64::from(self.popularity(candidate.0));
        let Some(row) = self.items.get(candidate.0).and_then(Option::as_ref) else { return 0.0 };
        let mut keys = std::mem::take(&mut scratch.keys);
        let best = best(&row.counters, self.neighbours(), |item| self.context_norm(item) as f32, &mut keys);
        // Ordered, so that the sum has one order whatever that of the row.
        best.sort_unstable();
        let sum = best.iter().rev().map(|&key| scratch.sum(item_of(key)) * f64::from(similarity_of(key))).sum::<f64>();
        scratch.keys = keys;
        sum * popularity * self.ageing.worth(row.counters.era(), now)
    }

    /// See `Indexes::co_visited_likeness`.
    pub(crate) fn likeness(&self, a: EntityId, b: EntityId, now: Time) -> f64 {
        let row = |item: EntityId| self.items.get(item.0).and_then(Option::as_ref);
        let (Some(of_a), Some(of_b)) = (row(a), row(b)) else { return 0.0 };
        let count = |of: &Item, other: EntityId| {
            of.counters.count(other.0).map_or(0.0, |count| f64::from(count) * self.ageing.worth(of.counters.era(), now))
        };
        let total = |of: &Item| of.total * self.ageing.left(now.since(of.at)) + self.parameters.shrinkage;
        let common = count(of_a, b).max(count(of_b, a));
        if common > 0.0 { (common / (total(of_a) * total(of_b)).sqrt()).min(1.0) } else { 0.0 }
    }

    fn sum(&self, context: &[(EntityId, f64)], now: Time, scratch: &mut Scratch) {
        let most = self.neighbours().min(usize::from(self.parameters.counters));
        scratch.start(self.popularity.len(), context.len() * most);
        self.touch(context);
        for &(item, weight) in context {
            if let Some(row) = self.items.get(item.0).and_then(Option::as_ref) {
                let weight = weight * self.context_norm(item.0) * self.ageing.worth(row.counters.era(), now);
                if usable(weight) {
                    self.add_neighbours(&row.counters, weight, scratch);
                }
            }
        }
    }

    /// Reads a word of each context item's row, and then of its counters, so that what is not in the cache comes at once and not
    /// row after row.
    fn touch(&self, context: &[(EntityId, f64)]) {
        let rows = || context.iter().filter_map(|(item, _)| self.items.get(item.0).and_then(Option::as_ref));
        let places = rows().fold(0, |touched, row| touched ^ row.counters.items().len());
        let counters = rows().map(|row| {
            let (items, counts) = (row.counters.items(), row.counters.counts());
            items.first().copied().unwrap_or(0) ^ counts.first().map_or(0, |count| count.to_bits())
        });
        std::hint::black_box((places, counters.fold(0, |touched, word| touched ^ word)));
    }

    /// Adds the best neighbours of one context item. The order of a row is of no account: each item occurs in it once.
    fn add_neighbours(&self, counters: &Counters, weight: f64, scratch: &mut Scratch) {
        let neighbours = self.neighbours();
        let popularity = self.popularity.as_slice();
        let norm = |item: u32| popularity.get(item as usize).copied().unwrap_or(0.0);
        if counters.items().len() <= neighbours {
            let counts = counters.items().iter().zip(counters.counts());
            scratch.add(counts.map(|(&item, count)| (item, weight * f64::from(count * norm(item)))));
            return;
        }
        let mut keys = std::mem::take(&mut scratch.keys);
        let best = best(counters, neighbours, norm, &mut keys);
        scratch.add(best.iter().map(|&key| (item_of(key), weight * f64::from(similarity_of(key)))));
        scratch.keys = keys;
    }

    /// How many best neighbours are read.
    fn neighbours(&self) -> usize {
        match self.parameters.neighbours {
            0 => usize::MAX,
            neighbours => usize::from(neighbours),
        }
    }

    fn context_norm(&self, item: u32) -> f64 {
        self.context_norms.get(item as usize).copied().unwrap_or(0.0)
    }

    fn popularity(&self, item: u32) -> f32 {
        self.popularity.get(item as usize).copied().unwrap_or(0.0)
    }

    /// What it takes.
    pub(crate) fn memory(&self) -> Memory {
        let rows = self.items.iter().filter_map(|(_, row)| row.as_ref());
        let (count, heap) = rows.fold((0, 0), |(count, heap), row| (count + 1, heap + row_bytes(row)));
        let recents: usize = self.recents.iter().map(|(_, recents)| recents.bytes()).sum();
        let pages = self.items.len() as usize * size_of::<Option<Arc<Item>>>();
        let pages = pages + self.recents.len() as usize * size_of::<Recents>();
        let norms = self.popularity.capacity() * size_of::<f32>() + self.context_norms.capacity() * size_of::<f64>();
        Memory { items: count, bytes: heap + recents + pages + norms }
    }
}

/// What grows: the counter of `item` in the row of another.
struct Pair {
    row: u32,
    item: u32,
    weight: f64,
    growth: Growth,
}

impl Pair {
    fn add(self, row: &mut Item, capacity: usize, lot: Lot, trail: &mut Trail) {
        let Pair { row: of, item, weight, growth } = self;
        if row.counters.enter(growth.era) {
            trail.push(Step::Era { row: of, era: growth.era });
        }
        if let Some(place) = row.counters.add(item, weight, growth, capacity, lot) {
            trail.push(Step::Count { place: place as u16, row: of, item, count: row.counters.counts()[place] });
        }
    }
}

/// The counters whose product with their item's `norm` is largest, at most `limit`, in no order; of equal ones the smallest
/// items. Packed so that integers order as the similarities do: bits of a positive float, complement of the item.
fn best<'k>(counters: &Counters, limit: usize, norm: impl Fn(u32) -> f32, keys: &'k mut Vec<u64>) -> &'k mut [u64] {
    let similarities = counters.items().iter().zip(counters.counts()).map(|(&item, count)| (item, count * norm(item)));
    keys.clear();
    keys.extend(similarities.map(|(item, similarity)| u64::from(similarity.to_bits()) << 32 | u64::from(!item)));
    let rest = keys.len().saturating_sub(limit);
    if rest > 0 && limit > 0 {
        keys.select_nth_unstable(rest);
    }
    &mut keys[rest..]
}

fn item_of(key: u64) -> u32 {
    !(key as u32)
}

fn similarity_of(key: u64) -> f32 {
    f32::from_bits((key >> 32) as u32)
}

/// Whether a context weight adds anything.
pub(crate) fn usable(weight: f64) -> bool {
    weight > 0.0 && weight.is_finite()
}

/// The element of an item, made if it is not there.
pub(crate) fn at<T: Clone + Default>(list: &mut Vec<T>, item: u32) -> &mut T {
    let index = item as usize;
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

/// An item's row for writing.
fn row(items: &mut Paged<Option<Arc<Item>>>, item: u32) -> &mut Item {
    Arc::make_mut(items.get_mut(item).get_or_insert_default())
}

fn row_bytes(row: &Item) -> usize {
    const COUNTS_OF_ARC: usize = 16;
    size_of::<Item>() + COUNTS_OF_ARC + row.counters.bytes()
}

/// `count^-exponent`, bounded so that sums stay finite; 0 where nothing was counted.
pub(crate) fn norm(count: f64, exponent: f64) -> f64 {
    const NORM_MAX: f64 = 1e12;
    if count <= 0.0 {
        return 0.0;
    }
    let norm = match exponent {
        0.0 => 1.0,
        0.5 => 1.0 / count.sqrt(),
        1.0 => 1.0 / count,
        _ => libm::pow(count, -exponent),
    };
    norm.min(NORM_MAX)
}

#[cfg(test)]
mod tests;

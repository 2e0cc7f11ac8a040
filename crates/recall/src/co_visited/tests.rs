//! The index against the obvious version: maps of counts, full sorts, everything computed anew at each read.

use super::*;
use domain::Span;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn parameters() -> spec::plan::CoVisited {
    spec::plan::CoVisited {
        events: vec![(0, 1.0), (1, 2.0)],
        history: 5,
        keep: 9,
        counters: 8,
        neighbours: 4,
        distance_decay: 0.5,
        backward: 0.5,
        popularity_exponent: 0.3,
        context_exponent: 0.5,
        shrinkage: 1.0,
        half_life: None,
    }
}

/// Counts by (from, to), as maps.
struct Slow {
    parameters: spec::plan::CoVisited,
    recents: BTreeMap<u32, Vec<(u32, f64)>>,
    counts: BTreeMap<u32, BTreeMap<u32, f64>>,
    events: BTreeMap<u32, Vec<(Time, f64)>>,
}

impl Slow {
    fn new(parameters: spec::plan::CoVisited) -> Slow {
        Slow { parameters, recents: BTreeMap::new(), counts: BTreeMap::new(), events: BTreeMap::new() }
    }

    fn left(&self, elapsed: Span) -> f64 {
        self.parameters.half_life.map_or(1.0, |half_life| (-(elapsed.0 as f64) / half_life.0 as f64).exp2())
    }

    fn visit(&mut self, visit: Visit) {
        let item = visit.item.0;
        let recents = self.recents.entry(visit.user.0).or_default();
        let before = recents.iter().position(|recent| recent.0 == item).map_or(0.0, |at| recents.remove(at).1);
        recents.insert(0, (item, before.max(visit.weight)));
        recents.truncate(usize::from(self.parameters.keep));
        let counts = visit.weight - before;
        if counts <= 0.0 {
            return;
        }
        let others: Vec<_> = recents[1..].iter().copied().take(usize::from(self.parameters.history)).collect();
        // Counts are kept as if every event had happened at time 0.
        let grown = counts / self.left(Span(visit.time.0));
        for (distance, &(other, _)) in others.iter().enumerate() {
            let weight = grown * self.parameters.distance_decay.powi(distance as i32);
            self.add(other, item, weight, visit.position);
            self.add(item, other, weight * self.parameters.backward, visit.position);
        }
        self.events.entry(item).or_default().push((visit.time, counts));
    }

    fn add(&mut self, from: u32, to: u32, mut weight: f64, position: Position) {
        let row = self.counts.entry(from).or_default();
        if weight == 0.0 || self.parameters.counters == 0 {
            return;
        }
        if !row.contains_key(&to) && row.len() == usize::from(self.parameters.counters) {
            let (&last, &least) = row.iter().min_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0))).unwrap();
            if Lot::new(position, from).draw(to) * (least + weight) >= weight {
                return;
            }
            row.remove(&last);
            weight += least;
        }
        *row.entry(to).or_default() += weight;
    }

    /// Weight of the item's events as of its newest.
    fn total(&self, item: u32) -> f64 {
        let events = self.events.get(&item).map_or(&[][..], Vec::as_slice);
        let newest = events.iter().map(|event| event.0).max().unwrap_or_default();
        events.iter().map(|&(time, weight)| weight * self.left(newest.since(time))).sum()
    }

    fn norm(&self, item: u32, exponent: f64) -> f64 {
        let count = self.total(item) + self.parameters.shrinkage;
        if count > 0.0 { count.powf(-exponent) } else { 0.0 }
    }

    fn similarities(&self, from: u32, now: Time, norm: &dyn Fn(u32) -> f64) -> Vec<(u32, f64)> {
        let row = self.counts.get(&from).cloned().unwrap_or_default();
        let worth = self.left(Span(now.0));
        // In the order of products as coarse as the index computes them, so that ties are ties.
        let mut ordered: Vec<(f32, u32, f64)> =
            row.into_iter().map(|(to, count)| (count as f32 * norm(to) as f32, to, count * worth * norm(to))).collect();
        ordered.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut similarities: Vec<(u32, f64)> =
            ordered.into_iter().map(|(_, to, similarity)| (to, similarity)).collect();
        if self.parameters.neighbours > 0 {
            similarities.truncate(usize::from(self.parameters.neighbours));
        }
        similarities
    }

    fn scores(&self, context: &[(EntityId, f64)], now: Time, absent: u32) -> BTreeMap<u32, f64> {
        let mut sums = BTreeMap::new();
        for &(item, weight) in context {
            let norm = |to| if to == absent { 0.0 } else { self.norm(to, self.parameters.popularity_exponent) };
            let weight = weight * self.norm(item.0, self.parameters.context_exponent);
            for (to, similarity) in self.similarities(item.0, now, &norm) {
                if similarity > 0.0 {
                    *sums.entry(to).or_default() += weight * similarity;
                }
            }
        }
        sums
    }
}

fn visits(times: std::ops::Range<i64>) -> impl Strategy<Value = Vec<Visit>> {
    let visit = (0u32..6, 0u32..24, 1u8..3, times).prop_map(|(user, item, weight, time)| Visit {
        user: EntityId(user),
        item: EntityId(item),
        weight: f64::from(weight),
        time: Time(time),
        position: Position(0),
    });
    prop::collection::vec(visit, 0..300).prop_map(|mut visits| {
        visits.iter_mut().zip(1..).for_each(|(visit, position)| visit.position = Position(position));
        visits
    })
}

fn context(items: &[(u32, u8)]) -> Vec<(EntityId, f64)> {
    items.iter().map(|&(item, weight)| (EntityId(item), f64::from(weight) / 4.0)).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.abs().max(b.abs())
}

/// Compares a whole read: the same candidates with the same scores, and in the order of the scores.
fn same(fast: &[Hit], slow: &BTreeMap<u32, f64>) -> Result<(), TestCaseError> {
    prop_assert!(fast.is_sorted_by(|a, b| a.best_first(b).is_lt()));
    let found: BTreeMap<u32, f64> = fast.iter().map(|hit| (hit.item.0, hit.score)).collect();
    prop_assert_eq!(found.keys().collect::<Vec<_>>(), slow.keys().collect::<Vec<_>>());
    for (item, score) in &found {
        prop_assert!(close(*score, slow[item]), "item {}: {} and {}", item, score, slow[item]);
    }
    Ok(())
}

proptest! {
    #[test]
    fn as_the_obvious_version(
        visits in visits(0..1_000),
        asked in prop::collection::vec((0u32..30, 1u8..8), 0..6),
        popularity in prop::sample::select(vec![0.0, 1.0]),
        absent in 0u32..24,
        limit in 0usize..10,
        neighbours in 0u16..5,
        user in 0u32..7,
    ) {
        // Exponents whose powers are those of the index to the last bit.
        let parameters = spec::plan::CoVisited { popularity_exponent: popularity, shrinkage: 0.0, neighbours, ..parameters() };
        let (mut fast, mut slow) = (CoVisited::new(parameters.clone()), Slow::new(parameters));
        let mut scratch = Scratch::new();
        for &visit in &visits {
            fast.visit(visit, visit.item.0 != absent);
            slow.visit(visit);
        }
        for (_, row) in fast.items.iter() {
            prop_assert!(row.as_ref().is_none_or(|row| row.counters.items().len() <= 8));
        }
        let context = context(&asked);
        let expected = slow.scores(&context, Time(1_000), absent);
        let mut hits = Vec::new();
        fast.read(&context, 100, Time(1_000), Known::default(), &mut scratch, &|_| false, &mut hits);
        same(&hits, &expected)?;
        let mut some = Vec::new();
        let known = Known { user: Some(EntityId(user)), items: &[EntityId(3), EntityId(900)] };
        fast.read(&context, limit, Time(1_000), known, &mut scratch, &|item| item.0 % 3 == 1, &mut some);
        let had = slow.recents.get(&user).cloned().unwrap_or_default();
        let unknown = |item: u32| item != 3 && had.iter().all(|recent| recent.0 != item);
        let kept = hits.iter().copied().filter(|hit| hit.item.0 % 3 != 1 && unknown(hit.item.0));
        let kept: Vec<Hit> = kept.take(limit).collect();
        prop_assert_eq!(some, kept);
        let candidates: Vec<EntityId> = (0..40).map(EntityId).collect();
        let mut scores = Vec::new();
        fast.scores(Side::Context, &context, &candidates, Time(1_000), &mut scratch, &mut scores);
        for (candidate, score) in candidates.iter().zip(scores) {
            let hit = hits.iter().find(|hit| hit.item == *candidate);
            prop_assert_eq!(f64::from(score as f32), hit.map_or(0.0, |hit| hit.score));
        }
    }

    #[test]
    fn counts_age_over_many_eras_and_late_events_count_less(
        visits in visits(0..200_000),
        asked in prop::collection::vec((0u32..30, 1u8..8), 0..6),
        later in 0i64..2_000,
    ) {
        // 200 half-lives are six eras. Everything is kept, so that only the arithmetic is compared.
        let parameters = spec::plan::CoVisited {
            half_life: Some(Span(1_000)), counters: 100, neighbours: 100, ..parameters()
        };
        let (mut fast, mut slow) = (CoVisited::new(parameters.clone()), Slow::new(parameters));
        for &visit in &visits {
            fast.visit(visit, true);
            slow.visit(visit);
        }
        let context = context(&asked);
        let now = Time(visits.iter().map(|visit| visit.time.0).max().unwrap_or(0) + later);
        let mut hits = Vec::new();
        fast.read(&context, 1_000, now, Known::default(), &mut Scratch::new(), &|_| false, &mut hits);
        let mut slow = slow.scores(&context, now, u32::MAX);
        // What has aged beyond the range of a float may be forgotten.
        slow.retain(|_, score| *score > 1e-25);
        hits.retain(|hit| hit.score > 1e-25);
        same(&hits, &slow)?;
    }

    #[test]
    fn candidates_by_their_own_neighbours(visits in visits(0..10), asked in prop::collection::vec((0u32..30, 1u8..8), 0..6)) {
        let parameters = spec::plan::CoVisited { backward: 1.0, context_exponent: 0.0, popularity_exponent: 0.5, ..parameters() };
        let (mut fast, mut slow) = (CoVisited::new(parameters.clone()), Slow::new(parameters));
        for &visit in &visits {
            fast.visit(visit, true);
            slow.visit(visit);
        }
        let context = context(&asked);
        let candidates: Vec<EntityId> = (0..40).map(EntityId).collect();
        let mut scores = Vec::new();
        fast.scores(Side::Candidate, &context, &candidates, Time(10), &mut Scratch::new(), &mut scores);
        for (candidate, score) in candidates.iter().zip(scores) {
            let weight = |item: u32| context.iter().filter(|asked| asked.0.0 == item).map(|asked| asked.1).sum::<f64>();
            let near = slow.similarities(candidate.0, Time(10), &|item| slow.norm(item, 0.0));
            let sum: f64 = near.iter().map(|&(item, similarity)| weight(item) * similarity).sum();
            prop_assert!(close(score, sum * slow.norm(candidate.0, 0.5)));
        }
    }
}

proptest! {
    #[test]
    fn likeness_is_the_larger_count_as_a_share(visits in visits(0..5_000), a in 0u32..30, b in 0u32..30, later in 0i64..2_000) {
        let parameters = spec::plan::CoVisited { half_life: Some(Span(1_000)), ..parameters() };
        let (mut fast, mut slow) = (CoVisited::new(parameters.clone()), Slow::new(parameters));
        for &visit in &visits {
            fast.visit(visit, true);
            slow.visit(visit);
        }
        let now = Time(visits.iter().map(|visit| visit.time.0).max().unwrap_or(0) + later);
        let count = |from: u32, to: u32| slow.counts.get(&from).and_then(|row| row.get(&to)).copied().unwrap_or(0.0);
        let total = |item: u32| {
            let events = slow.events.get(&item).into_iter().flatten();
            let aged = events.map(|&(time, weight)| weight * slow.left(now.since(time)));
            aged.sum::<f64>() + slow.parameters.shrinkage
        };
        let common = count(a, b).max(count(b, a)) * slow.left(Span(now.0));
        let expected = (common / (total(a) * total(b)).sqrt()).min(1.0);
        prop_assert!(close(fast.likeness(EntityId(a), EntityId(b), now), expected));
        prop_assert_eq!(fast.likeness(EntityId(a), EntityId(b), now), fast.likeness(EntityId(b), EntityId(a), now));
    }
}

fn visit(user: u32, item: u32, weight: f64) -> Visit {
    Visit { user: EntityId(user), item: EntityId(item), weight, time: Time(0), position: Position(1) }
}

#[test]
fn a_repeat_counts_only_by_what_it_is_heavier() {
    let mut index = CoVisited::new(parameters());
    for (item, weight) in [(1, 1.0), (2, 1.0), (2, 1.0), (1, 1.0), (2, 2.0)] {
        index.visit(visit(0, item, weight), true);
    }
    let row = |item: u32| index.items.get(item).unwrap().as_ref().unwrap();
    assert_eq!((row(1).total, row(2).total), (1.0, 2.0));
    assert_eq!(row(1).counters.counts(), [2.0]);
    assert_eq!(row(2).counters.counts(), [1.0]);
    assert_eq!(index.recents.get(0).unwrap().iter().map(|recent| recent.item).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn absent_items_are_context_but_never_candidates() {
    let mut index = CoVisited::new(parameters());
    index.visit(visit(0, 1, 1.0), true);
    index.visit(visit(0, 2, 1.0), false);
    let read = |index: &CoVisited, item| {
        let mut hits = Vec::new();
        index.read(&[(EntityId(item), 1.0)], 10, Time(0), Known::default(), &mut Scratch::new(), &|_| false, &mut hits);
        hits.iter().map(|hit| hit.item.0).collect::<Vec<_>>()
    };
    assert_eq!((read(&index, 1), read(&index, 2)), (vec![], vec![1]));
    index.set_present(EntityId(2), true);
    assert_eq!(read(&index, 1), [2]);
    index.forget_user(EntityId(0));
    index.visit(visit(0, 3, 1.0), true);
    assert!(read(&index, 3).is_empty());
}

#[test]
fn a_context_out_of_range_or_without_weight_finds_nothing() {
    let mut index = CoVisited::new(parameters());
    index.visit(visit(0, 1, 1.0), true);
    index.visit(visit(0, 2, 1.0), true);
    let mut hits = Vec::new();
    let context = [(EntityId(1), 0.0), (EntityId(1), f64::NAN), (EntityId(1), -1.0), (EntityId(u32::MAX), 1.0)];
    index.read(&context, 10, Time(0), Known::default(), &mut Scratch::new(), &|_| false, &mut hits);
    assert!(hits.is_empty());
}

//! The index against the obvious version: a list of all sessions there ever were, and everything computed anew at each read.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn parameters() -> spec::plan::Sessions {
    spec::plan::Sessions {
        events: vec![(3, 1.0), (5, 4.0)],
        gap: Some(Span(100)),
        length: 6,
        sessions: 4,
        keep: 20,
        neighbours: 3,
        similarity_exponent: 1.0,
        distance_decay: 0.5,
        backward: 0.25,
        popularity_exponent: 0.5,
        context_exponent: 1.0,
        shrinkage: 1.0,
        half_life: Some(Span(400)),
    }
}

struct Past {
    user: u32,
    steps: Vec<(u32, u8)>,
    time: i64,
}

/// All sessions in order, and by item those that came to hold it, newest last.
struct Slow {
    parameters: spec::plan::Sessions,
    past: Vec<Past>,
    lists: BTreeMap<u32, Vec<usize>>,
    counts: BTreeMap<u32, u32>,
}

impl Slow {
    fn new(parameters: spec::plan::Sessions) -> Slow {
        Slow { parameters, past: Vec::new(), lists: BTreeMap::new(), counts: BTreeMap::new() }
    }

    fn is_kept(&self, session: usize) -> bool {
        session + self.parameters.keep as usize >= self.past.len()
    }

    fn newest(&self, user: u32) -> Option<usize> {
        self.past.iter().rposition(|past| past.user == user).filter(|&session| self.is_kept(session))
    }

    fn visit(&mut self, click: Click) {
        let goes_on = |past: &Past| {
            let near = self.parameters.gap.is_none_or(|gap| click.time.0 - past.time <= gap.0);
            near && past.steps.len() < usize::from(self.parameters.length)
        };
        let session = self.newest(click.user.0).filter(|&at| goes_on(&self.past[at])).unwrap_or_else(|| {
            self.past.push(Past { user: click.user.0, steps: Vec::new(), time: click.time.0 });
            self.past.len() - 1
        });
        let past = &mut self.past[session];
        past.time = past.time.max(click.time.0);
        let is_first = past.steps.iter().all(|step| step.0 != click.item.0);
        past.steps.push((click.item.0, click.kind));
        if is_first {
            *self.counts.entry(click.item.0).or_default() += 1;
            let list = self.lists.entry(click.item.0).or_default();
            list.push(session);
            if list.len() > usize::from(self.parameters.sessions) {
                list.remove(0);
            }
        }
    }

    fn forget(&mut self, user: u32) {
        const NOBODY: u32 = u32::MAX;
        for session in 0..self.past.len() {
            if self.past[session].user == user && self.is_kept(session) {
                self.past[session].steps.clear();
                self.lists.values_mut().for_each(|list| list.retain(|&listed| listed != session));
            }
            if self.past[session].user == user {
                self.past[session].user = NOBODY;
            }
        }
    }

    fn shrunk(&self, item: u32, exponent: f64) -> f64 {
        let count = f64::from(self.counts.get(&item).copied().unwrap_or(0)) + self.parameters.shrinkage;
        if count > 0.0 { count.powf(-exponent) } else { 0.0 }
    }

    fn scores(&self, context: &[(EntityId, f64)], now: i64, user: Option<u32>, absent: u32) -> BTreeMap<u32, f64> {
        let p = &self.parameters;
        let mut weights: BTreeMap<u32, f64> = BTreeMap::new();
        for &(item, weight) in context {
            if weight > 0.0 && self.counts.contains_key(&item.0) {
                *weights.entry(item.0).or_default() += weight * self.shrunk(item.0, p.context_exponent);
            }
        }
        let newest = user.and_then(|user| self.newest(user));
        let listed = |item: u32, session: usize| self.lists.get(&item).is_some_and(|list| list.contains(&session));
        let candidates = (0..self.past.len()).filter(|&session| self.is_kept(session) && Some(session) != newest);
        let mut nearest: Vec<(f32, usize)> = candidates
            .map(|session| {
                let of = weights.iter().filter(|(item, _)| listed(**item, session));
                (of.map(|(_, weight)| weight).sum::<f64>() as f32, session)
            })
            .filter(|(likeness, _)| *likeness > 0.0)
            .collect();
        nearest.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        let mut sums = BTreeMap::new();
        for (likeness, session) in nearest.into_iter().take(usize::from(p.neighbours)) {
            let past = &self.past[session];
            let aged = p.half_life.map_or(1.0, |life| (-((now - past.time).max(0) as f64) / life.0 as f64).exp2());
            for (b, &(item, kind)) in past.steps.iter().enumerate() {
                let reach = past.steps.iter().enumerate().filter(|(a, _)| *a != b).map(|(a, (matched, _))| {
                    let direction = if b > a { 1.0 } else { p.backward };
                    let factor = p.distance_decay.powi(b.abs_diff(a) as i32 - 1) * direction;
                    weights.get(matched).copied().unwrap_or(0.0) * factor
                });
                let popularity = if item == absent { 0.0 } else { self.shrunk(item, p.popularity_exponent) };
                let says = aged * reach.fold(0.0, f64::max) * p.events[usize::from(kind)].1 * popularity;
                let score = f64::from(likeness).powf(p.similarity_exponent) * says;
                if score > 0.0 {
                    *sums.entry(item).or_default() += score;
                }
            }
        }
        sums
    }
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Click(Click),
    Forget(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let click = (0u32..6, 0u32..16, 0u8..2, 0i64..60, prop_oneof![5 => Just(0i64), 1 => 0i64..500]);
    let step = prop_oneof![60 => click.prop_map(Some), 1 => Just(None)];
    prop::collection::vec(step, 0..200).prop_map(|steps| {
        let mut now = 1_000;
        let mut moves = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            moves.push(match step {
                Some((user, item, kind, gap, late)) => {
                    now += gap;
                    let (user, item, time) = (EntityId(user), EntityId(item), Time(now - late));
                    Move::Click(Click { user, item, kind, time })
                }
                None => Move::Forget(at as u32 % 6),
            });
        }
        moves
    })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.abs().max(b.abs())
}

fn read(index: &Sessions, context: &[(EntityId, f64)], now: i64, visitor: Visitor<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    index.read(context, 100, Time(now), visitor, &mut Scratch::new(), &|_| false, &mut hits);
    hits
}

proptest! {
    #[test]
    fn as_the_obvious_version(
        moves in moves(),
        asked in prop::collection::vec((0u32..20, 1u8..8), 0..6),
        gap in prop::sample::select(vec![None, Some(Span(100))]),
        half_life in prop::sample::select(vec![None, Some(Span(400))]),
        similarity_exponent in prop::sample::select(vec![0.0, 0.5, 1.0, 1.5, 2.0]),
        user in prop::option::of(0u32..7),
        absent in 0u32..18,
        limit in 0usize..8,
    ) {
        let parameters = spec::plan::Sessions { gap, half_life, similarity_exponent, ..parameters() };
        let (mut fast, mut slow) = (Sessions::new(parameters.clone()), Slow::new(parameters));
        let mut now = 0;
        for &step in &moves {
            match step {
                Move::Click(click) => {
                    fast.visit(click, click.item.0 != absent);
                    slow.visit(click);
                    now = now.max(click.time.0);
                }
                Move::Forget(user) => {
                    fast.forget_user(EntityId(user));
                    slow.forget(user);
                }
            }
        }
        let mut context: Vec<(EntityId, f64)> =
            asked.iter().map(|&(item, weight)| (EntityId(item), f64::from(weight) / 8.0)).collect();
        // In ascending order and each once, so that both add in one order and ties are ties.
        context.sort_by_key(|(item, _)| *item);
        context.dedup_by_key(|(item, _)| *item);
        let visitor = Visitor { user: user.map(EntityId), ..Visitor::default() };
        let hits = read(&fast, &context, now + 30, visitor);
        prop_assert!(hits.is_sorted_by(|a, b| a.best_first(b).is_lt()));
        let expected = slow.scores(&context, now + 30, user, absent);
        let found: BTreeMap<u32, f64> = hits.iter().map(|hit| (hit.item.0, hit.score)).collect();
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (item, score) in &found {
            prop_assert!(close(*score, expected[item]), "item {}: {} and {}", item, score, expected[item]);
        }

        let had = |item: u32| {
            let past = slow.past.iter().enumerate().filter(|(at, past)| slow.is_kept(*at) && Some(past.user) == user);
            item == 3 || past.flat_map(|(_, past)| &past.steps).any(|step| step.0 == item)
        };
        let kept = hits.iter().copied().filter(|hit| !had(hit.item.0) && hit.item.0 % 5 != 1);
        let kept: Vec<Hit> = kept.take(limit).collect();
        let skipping = Visitor { recent: &[EntityId(3), EntityId(900)], skip_known: true, ..visitor };
        let mut some = Vec::new();
        fast.read(&context, limit, Time(now + 30), skipping, &mut Scratch::new(), &|item| item.0 % 5 == 1, &mut some);
        prop_assert_eq!(some, kept);
    }
}

fn click(user: u32, item: u32, time: i64) -> Click {
    Click { user: EntityId(user), item: EntityId(item), kind: 0, time: Time(time) }
}

#[test]
fn what_came_next_is_before_what_came_earlier_and_the_visit_is_no_neighbour_of_itself() {
    let mut index = Sessions::new(spec::plan::Sessions { popularity_exponent: 0.0, ..parameters() });
    [(0, 7, 0), (0, 8, 10), (0, 9, 20), (1, 5, 30), (1, 8, 40)]
        .into_iter()
        .for_each(|(user, item, time)| index.visit(click(user, item, time), true));
    let items = |hits: Vec<Hit>| hits.iter().map(|hit| hit.item.0).collect::<Vec<_>>();
    let context = [(EntityId(8), 1.0)];
    let anonymous = read(&index, &context, 50, Visitor::default());
    assert_eq!(items(anonymous), [9, 5, 7]);
    let user = Visitor { user: Some(EntityId(1)), ..Visitor::default() };
    assert_eq!(items(read(&index, &context, 50, user)), [9, 7]);
    // More than the gap later, the old visit is past.
    index.visit(click(1, 8, 200), true);
    assert_eq!(items(read(&index, &context, 200, user)), [9, 5, 7]);
}

#[test]
fn absent_items_are_context_but_never_candidates() {
    let mut index = Sessions::new(parameters());
    index.visit(click(0, 1, 0), true);
    index.visit(click(0, 2, 1), false);
    let items = |index: &Sessions, item| {
        let hits = read(index, &[(EntityId(item), 1.0)], 2, Visitor::default());
        hits.iter().map(|hit| hit.item.0).collect::<Vec<_>>()
    };
    assert_eq!((items(&index, 1), items(&index, 2)), (vec![], vec![1]));
    index.set_present(EntityId(2), true);
    assert_eq!(items(&index, 1), [2]);
    assert!(items(&index, 77).is_empty());
}

#[test]
fn names_come_again_after_four_billion_sessions() {
    let mut index = Sessions::new(spec::plan::Sessions { keep: 7, ..parameters() });
    index.started = u64::from(u32::MAX) - 3;
    for at in 0..10 {
        index.visit(click(at as u32, 1, i64::from(at)), true);
        index.visit(click(at as u32, 2, i64::from(at)), true);
        assert_eq!(read(&index, &[(EntityId(1), 1.0)], 20, Visitor::default()).len(), 1);
    }
    let list = &index.items.get(1).unwrap().as_ref().unwrap().sessions;
    assert_eq!(list.iter().map(|&name| index.session(name).unwrap().steps.len()).collect::<Vec<_>>(), [2; 4]);
    assert!(!list.contains(&0));
}

#[test]
fn a_context_out_of_range_or_without_weight_finds_nothing() {
    let mut index = Sessions::new(parameters());
    index.visit(click(0, 1, 0), true);
    index.visit(click(0, 2, 0), true);
    let context = [(EntityId(1), 0.0), (EntityId(1), f64::NAN), (EntityId(1), -1.0), (EntityId(u32::MAX), 1.0)];
    assert!(read(&index, &context, 0, Visitor::default()).is_empty());
    assert!(read(&Sessions::new(parameters()), &[(EntityId(1), 1.0)], 0, Visitor::default()).is_empty());
}

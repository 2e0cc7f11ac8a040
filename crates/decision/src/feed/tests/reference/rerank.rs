//! Rerankers, slow and obvious: each puts the whole list in another order.

use super::{Item, Slow};
use domain::{Change, Effect, Effort, EntityId, Step, Value};
use spec::plan::{Dpp, Fair, Likeness, Mix, Mmr, Of, PlaceRule, PlaceSource, Rerank, Rule, Target};
use std::collections::BTreeSet;

/// An item on its way to the slate.
#[derive(Clone)]
pub(in super::super) struct Placed {
    pub(in super::super) item: Item,
    pub(in super::super) rank: Option<usize>,
    pub(in super::super) effects: Vec<Effect>,
    /// Its score, as steps before have changed it.
    level: f64,
}

/// The order of the scores.
pub(super) fn placed(items: Vec<Item>) -> Vec<Placed> {
    let ranked = items.into_iter().enumerate();
    let placed = |(rank, item): (usize, Item)| Placed {
        level: item.score,
        effects: item.effects.clone(),
        item,
        rank: Some(rank),
    };
    ranked.map(placed).collect()
}

impl Placed {
    /// An item from outside of the order.
    pub(in super::super) fn outside(item: Item, effect: Effect) -> Placed {
        let effects = item.effects.iter().copied().chain([effect]).collect();
        Placed { level: item.score, item, rank: None, effects }
    }
}

impl Slow<'_> {
    /// One step, with what it did noted.
    pub(super) fn rerank(&self, number: usize, before: Vec<Placed>) -> Vec<Placed> {
        let places: Vec<EntityId> = before.iter().map(|placed| placed.item.id).collect();
        let mut after = match &self.feed.reranks[number] {
            Rerank::Spread(rules) => self.quotas(rules, before),
            Rerank::Fresh(rule) => self.quotas(std::slice::from_ref(rule), before),
            Rerank::Mmr(mmr) => self.mmr(mmr, before),
            Rerank::Dpp(dpp) => self.dpp(dpp, before),
            Rerank::Slots(_) if self.holdout() => before,
            Rerank::Slots(rules) => self.slots(rules, before),
            Rerank::Mix(mix) => self.mix(number, mix, before),
            Rerank::Fair(fair) => self.fair(fair, before),
        };
        for (place, placed) in after.iter_mut().enumerate() {
            let from_outside = placed.effects.last().is_some_and(|effect| effect.change == Change::Placed)
                && placed.effects.last().is_some_and(|effect| effect.step == Step::Rerank(number as u16));
            let moved = places.iter().position(|&id| id == placed.item.id).map(|before| place as i64 - before as i64);
            if let Some(moved) = moved.filter(|&moved| moved != 0 && !from_outside) {
                placed.effects.push(Effect { step: Step::Rerank(number as u16), change: Change::Moved(moved as i16) });
            }
        }
        after
    }

    fn attribute(&self, placed: &Placed, field: u16) -> Value {
        self.world.epoch.catalogue().attribute(self.world.epoch.item_type(), placed.item.id, field)
    }

    /// What of an item a rule counts.
    fn values(&self, of: &Of, placed: &Placed) -> Vec<Value> {
        match of {
            Of::Attribute(field) => match self.attribute(placed, *field) {
                Value::Missing => vec![],
                Value::List(list) => list.to_vec(),
                value => vec![value],
            },
            Of::Condition(condition) => {
                Some(Value::Bool(true)).filter(|_| self.eval(condition, &placed.item).is_true()).into_iter().collect()
            }
            Of::Age { field, within } => match self.attribute(placed, *field) {
                Value::Time(time) if self.world.now.0 - time.0 < within.0 => vec![Value::Bool(true)],
                _ => vec![],
            },
        }
    }

    fn quotas(&self, rules: &[Rule], mut rest: Vec<Placed>) -> Vec<Placed> {
        let mut done: Vec<Placed> = Vec::new();
        while !rest.is_empty() {
            let keeps = |rule: &Rule, placed: &Placed| {
                let own = self.values(&rule.of, placed);
                let window = &done[done.len().saturating_sub(usize::from(rule.window) - 1)..];
                let room = |value: &Value| {
                    let same = window.iter().filter(|other| self.values(&rule.of, other).contains(value)).count();
                    rule.most.is_none_or(|most| same < usize::from(most))
                };
                let starts = done.len().saturating_sub(usize::from(rule.window) - 1)..=done.len();
                let forced = starts.into_iter().any(|start| {
                    let has = done[start..].iter().filter(|other| !self.values(&rule.of, other).is_empty()).count();
                    let after = start + usize::from(rule.window) - 1 - done.len();
                    has + after < usize::from(rule.least)
                });
                own.iter().all(room) && (!forced || !own.is_empty())
            };
            let kept = |placed: &Placed| rules.iter().take_while(|rule| keeps(rule, placed)).count();
            let most = rest.iter().map(kept).max().unwrap();
            let next = rest.iter().position(|placed| kept(placed) == most).unwrap();
            done.push(rest.remove(next));
        }
        done
    }

    fn mmr(&self, mmr: &Mmr, mut window: Vec<Placed>) -> Vec<Placed> {
        let behind = window.split_off(window.len().min(usize::from(mmr.depth)));
        let mut rest: Vec<(f64, Placed)> = relevance(&window).into_iter().zip(window).collect();
        let mut done: Vec<Placed> = Vec::new();
        while !rest.is_empty() {
            let worth = |(relevance, placed): &(f64, Placed)| {
                let closest = done.iter().map(|other| self.likeness(mmr.by, other, placed)).fold(0.0, f64::max);
                mmr.lambda * relevance - (1.0 - mmr.lambda) * closest
            };
            let next = best(&rest.iter().map(worth).collect::<Vec<_>>());
            done.push(rest.remove(next).1);
        }
        done.into_iter().chain(behind).collect()
    }

    /// Every candidate's row of the Cholesky factor from scratch.
    fn dpp(&self, dpp: &Dpp, mut window: Vec<Placed>) -> Vec<Placed> {
        let behind = window.split_off(window.len().min(usize::from(dpp.depth)));
        let mut rest: Vec<(f64, Placed)> = relevance(&window).into_iter().zip(window).collect();
        let mut done: Vec<(Placed, Vec<f64>, f64)> = Vec::new();
        while !rest.is_empty() {
            let row = |placed: &Placed| {
                let (mut row, mut left): (Vec<f64>, f64) = (Vec::new(), 1.0);
                for (other, of_other, left_of_other) in &done {
                    let mut sum = 0.95 * self.likeness(dpp.by, other, placed);
                    row.iter().zip(of_other).for_each(|(a, b)| sum -= b * a);
                    let element = sum / left_of_other.sqrt();
                    left -= element * element;
                    row.push(element);
                }
                (row, left)
            };
            let worth = |(relevance, placed): &(f64, Placed)| match row(placed).1 {
                left if left > 1e-10 => dpp.theta * relevance + (1.0 - dpp.theta) * libm::log(left),
                _ => f64::NEG_INFINITY,
            };
            let next = best(&rest.iter().map(worth).collect::<Vec<_>>());
            let (_, placed) = rest.remove(next);
            let (row, left) = row(&placed);
            done.push((placed, row, left));
        }
        done.into_iter().map(|(placed, ..)| placed).chain(behind).collect()
    }

    fn likeness(&self, by: Likeness, a: &Placed, b: &Placed) -> f64 {
        let both = |field| (self.attribute(a, field), self.attribute(b, field));
        match by {
            Likeness::Equal(field) => {
                let (a, b) = both(field);
                f64::from(a != Value::Missing && a == b)
            }
            Likeness::Shared(field) => {
                let set = |value: Value| match value {
                    Value::List(list) => list.iter().map(|value| format!("{value:?}")).collect(),
                    _ => BTreeSet::new(),
                };
                let (a, b) = both(field);
                let (a, b) = (set(a), set(b));
                let common = a.intersection(&b).count();
                if common == 0 { 0.0 } else { common as f64 / a.union(&b).count() as f64 }
            }
            Likeness::Cosine(field) => {
                let vector = |value: Value| match value {
                    Value::List(list) => list.iter().map(|value| value.as_f64().unwrap()).collect::<Vec<f64>>(),
                    _ => Vec::new(),
                };
                let (a, b) = both(field);
                let (a, b) = (vector(a), vector(b));
                let length = |of: &[f64]| of.iter().map(|x| x * x).sum::<f64>().sqrt();
                let (of_a, of_b) = (length(&a), length(&b));
                let product = a.iter().zip(&b).map(|(x, y)| (x / of_a) * (y / of_b)).sum::<f64>();
                if a.len() == b.len() && of_a * of_b > 0.0 { product.clamp(-1.0, 1.0) } else { 0.0 }
            }
            Likeness::CoVisited(index) => {
                self.world.epoch.indexes().co_visited_likeness(index, a.item.id, b.item.id, self.world.now)
            }
        }
    }

    fn slots(&self, rules: &[PlaceRule], mut rest: Vec<Placed>) -> Vec<Placed> {
        let mut done = Vec::new();
        while !rest.is_empty() {
            let serves = |rule: &&PlaceRule, placed: &Placed| match &rule.source {
                PlaceSource::Route(route) => {
                    placed.rank.is_some() && placed.item.hits.iter().any(|hit| hit.route == *route)
                }
                PlaceSource::Condition(condition) => self.eval(condition, &placed.item).is_true(),
            };
            let place = done.len() as u16 + 1;
            let kept = rules.iter().filter(|rule| match rule.every {
                None => place == rule.at,
                Some(every) => place >= rule.at && (place - rule.at).is_multiple_of(every),
            });
            let found = kept.into_iter().find_map(|rule| rest.iter().position(|placed| serves(&rule, placed)));
            done.push(rest.remove(found.unwrap_or(0)));
        }
        done
    }

    /// The other feed's items have its routes and terms, numbered behind those of this feed and of feeds mixed in before.
    /// The feed of a step of mixing, asked for the same visit; the request's own expressions are not its own.
    pub(super) fn mixed_in(&self, mix: &Mix) -> Slow<'_> {
        let mut query = self.query.clone();
        (query.feed, query.rules) = (mix.feed, None);
        let other = &self.world.plan.feeds[usize::from(mix.feed)];
        let own = |name: &str| self.feed.context.iter().position(|field| field.name == name);
        let value = |name: &str| own(name).map_or(Value::Missing, |own| self.query.context[own].clone());
        query.context = other.context.iter().map(|field| value(&field.name)).collect();
        Slow::new(self.world, self.request, query)
    }

    fn mix(&self, number: usize, mix: &Mix, rest: Vec<Placed>) -> Vec<Placed> {
        let plan = &self.world.plan;
        let mut slow = self.mixed_in(mix);
        let all = Effort { routes_run: u16::MAX, candidates_scored: u16::MAX, reranked: false };
        let mut others = slow.ranked(all, Some(self)).items.into_iter();
        let mut before = vec![self.feed];
        before.extend(self.feed.reranks[..number].iter().filter_map(|rerank| match rerank {
            Rerank::Mix(mix) => Some(&plan.feeds[usize::from(mix.feed)]),
            _ => None,
        }));
        let routes: usize = before.iter().map(|feed| feed.routes.len()).sum();
        let terms: usize = before.iter().map(|feed| feed.terms.len()).sum();
        let mut rest = rest.into_iter();
        let mut done: Vec<Placed> = Vec::new();
        loop {
            let place = done.len() as u16 + 1;
            let came = |id: EntityId| done.iter().any(|placed| placed.item.id == id);
            let mut next = None;
            if place >= mix.at && (place - mix.at).is_multiple_of(mix.every) {
                next = others.find(|item| !came(item.id)).map(|mut item| {
                    item.hits.iter_mut().for_each(|hit| hit.route += routes as u16);
                    item.terms.iter_mut().for_each(|term| term.term += terms as u16);
                    let effects = vec![Effect { step: Step::Rerank(number as u16), change: Change::Placed }];
                    let level = last_own(&done, number).unwrap_or(item.score);
                    Placed { item, rank: None, effects, level }
                });
            }
            match next.or_else(|| rest.find(|placed| !came(placed.item.id))) {
                Some(placed) => done.push(placed),
                None => return done,
            }
        }
    }

    fn fair(&self, fair: &Fair, mut window: Vec<Placed>) -> Vec<Placed> {
        let behind = window.split_off(window.len().min(usize::from(fair.depth)));
        let exposure = self.world.epoch.exposure(fair.exposure);
        let field = self.world.plan.exposures[usize::from(fair.exposure)].field;
        let error = |placed: &Placed| {
            let Value::Str(seller) = self.attribute(placed, field) else { return 0.0 };
            let target = match &fair.target {
                Target::Equal => 1.0 / f64::from(exposure.values().max(1)),
                Target::Proportional => f64::from(exposure.items_of(seller)) / f64::from(exposure.items().max(1)),
                Target::Shares(shares) => shares.iter().find(|share| share.0 == seller.0).map_or(0.0, |share| share.1),
            };
            let (own, all) = (exposure.impressions_of(seller, self.world.now), exposure.impressions(self.world.now));
            let share = (own as f64 + 100.0 * target) / (all as f64 + 100.0);
            if target > 0.0 { (5.0 * (target - share) / target).clamp(-1.0, 1.0) } else { 0.0 }
        };
        let levels: Vec<f64> = window.iter().map(|placed| placed.level).filter(|&level| level > f64::MIN).collect();
        let low = levels.iter().copied().fold(f64::INFINITY, f64::min);
        let high = window.iter().map(|placed| placed.level).fold(f64::MIN, f64::max);
        let low = if levels.is_empty() { high } else { low };
        let relevance = relevance(&window);
        let mut adjusted: Vec<(f64, Placed)> = relevance
            .into_iter()
            .zip(window)
            .map(|(relevance, placed)| (relevance + fair.strength * error(&placed), placed))
            .collect();
        adjusted.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
        let level = |(adjusted, placed): (f64, Placed)| Placed { level: low + (high - low) * adjusted, ..placed };
        adjusted.into_iter().map(level).chain(behind).collect()
    }
}

/// The level of the newest item that this step of mixing did not bring.
fn last_own(done: &[Placed], number: usize) -> Option<f64> {
    let brought = Effect { step: Step::Rerank(number as u16), change: Change::Placed };
    done.iter().rev().find(|placed| placed.effects.first() != Some(&brought)).map(|placed| placed.level)
}

/// The levels in descending order, scaled to 0..1.
fn relevance(window: &[Placed]) -> Vec<f64> {
    let mut levels: Vec<f64> = window.iter().map(|placed| placed.level).collect();
    levels.sort_by(|a, b| b.partial_cmp(a).unwrap());
    let Some(&high) = levels.first() else { return levels };
    let low = levels.iter().copied().filter(|&level| level > f64::MIN).fold(high, f64::min);
    let width = high / 2.0 - low / 2.0;
    levels.iter().map(|level| if width > 0.0 { ((level / 2.0 - low / 2.0) / width).max(0.0) } else { 1.0 }).collect()
}

/// The first of the largest.
fn best(worths: &[f64]) -> usize {
    (0..worths.len()).reduce(|best, next| if worths[next] > worths[best] { next } else { best }).unwrap()
}

//! Fusion, slow and obvious: every kind by its definition.

use super::{Item, Slow};
use domain::{EntityId, RouteHit};
use recall::Hit;
use spec::plan::FusionKind;
use std::collections::{BTreeMap, BTreeSet};

impl Slow<'_> {
    /// The fused score of an item of a further page, by its hits alone.
    pub(super) fn fused_again(&self, item: &Item) -> f64 {
        let part = |hit: &RouteHit| {
            let weight = self.feed.routes[usize::from(hit.route)].weight;
            match self.feed.fusion.kind {
                FusionKind::Rrf | FusionKind::Quota => weight / (61.0 + f64::from(hit.rank)),
                FusionKind::Score => weight * self.share(hit.route, item),
                FusionKind::Interleave => 1.0 / (61.0 + f64::from(hit.rank)),
            }
        };
        let add = |all: f64, part: f64| match self.feed.fusion.kind {
            FusionKind::Interleave => all.max(part),
            _ => all + part,
        };
        item.hits.iter().map(part).fold(0.0, add)
    }

    /// Every item that a route found, best fused score first.
    pub(super) fn fuse(&self, per_route: &[Vec<Hit>]) -> Vec<Item> {
        let mut found: BTreeMap<EntityId, Item> = BTreeMap::new();
        for (route, hits) in per_route.iter().enumerate() {
            for (rank, hit) in hits.iter().enumerate() {
                let new = Item { id: hit.item, hits: vec![], fused: 0.0, score: 0.0, terms: vec![], effects: vec![] };
                let item = found.entry(hit.item).or_insert(new);
                item.hits.push(RouteHit { route: route as u16, rank: rank as u16, score: hit.score });
            }
        }
        let turns = self.turns(per_route);
        let mut items: Vec<Item> = found.into_values().collect();
        for item in &mut items {
            let weight = |hit: &RouteHit| self.feed.routes[usize::from(hit.route)].weight;
            item.fused = match self.feed.fusion.kind {
                FusionKind::Rrf | FusionKind::Quota => {
                    item.hits.iter().fold(0.0, |sum, hit| sum + weight(hit) / (60.0 + f64::from(hit.rank) + 1.0))
                }
                FusionKind::Score => {
                    item.hits.iter().fold(0.0, |sum, hit| sum + weight(hit) * self.share(hit.route, item))
                }
                FusionKind::Interleave => 1.0 / (61.0 + turns.iter().position(|id| *id == item.id).unwrap() as f64),
            };
            item.score = item.fused;
        }
        items.sort_by(|a, b| b.fused.partial_cmp(&a.fused).unwrap().then(a.id.cmp(&b.id)));
        items
    }

    /// The items in the order in which routes that take turns give them.
    fn turns(&self, per_route: &[Vec<Hit>]) -> Vec<EntityId> {
        let mut given: Vec<EntityId> = Vec::new();
        let mut credit = vec![0.0; per_route.len()];
        loop {
            let next = |route: usize| per_route[route].iter().map(|hit| hit.item).find(|item| !given.contains(item));
            let open: Vec<usize> = (0..per_route.len()).filter(|&route| next(route).is_some()).collect();
            let weights = |route: &usize| self.feed.routes[*route].weight;
            open.iter().for_each(|route| credit[*route] += weights(route));
            let most = open.iter().map(|&route| credit[route]).fold(f64::NEG_INFINITY, f64::max);
            let Some(turn) = open.iter().copied().find(|&route| credit[route] == most) else { return given };
            credit[turn] -= open.iter().map(weights).sum::<f64>();
            given.push(next(turn).unwrap());
        }
    }

    /// What the cut leaves of items in fused order, in that order.
    pub(super) fn kept(&self, per_route: &[Vec<Hit>], items: Vec<Item>) -> Vec<Item> {
        let most = usize::from(self.feed.fusion.candidates);
        if items.len() <= most {
            return items;
        }
        let mut kept: BTreeSet<EntityId> = BTreeSet::new();
        let mut of_route = vec![0; per_route.len()];
        for (route, hits) in per_route.iter().enumerate() {
            let min = usize::from(self.feed.routes[route].min);
            of_route[route] = hits.iter().take(min).filter(|hit| kept.insert(hit.item)).count();
        }
        if self.feed.fusion.kind == FusionKind::Quota {
            for (route, hits) in per_route.iter().enumerate() {
                let quota = (self.feed.routes[route].quota * most as f64).round() as usize;
                for hit in hits {
                    if of_route[route] < quota && kept.len() < most && kept.insert(hit.item) {
                        of_route[route] += 1;
                    }
                }
            }
            for hit in per_route.iter().flatten() {
                if kept.len() < most {
                    kept.insert(hit.item);
                }
            }
        }
        for item in &items {
            if kept.len() < most {
                kept.insert(item.id);
            }
        }
        items.into_iter().filter(|item| kept.contains(&item.id)).collect()
    }
}

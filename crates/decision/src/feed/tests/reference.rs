//! The feed pipeline, slow and obvious: every slot of every candidate from scratch, full sorts, nothing shared with the
//! fast one but indexes, rows and expressions.

mod fuse;
mod rerank;
mod tags;

pub(super) use rerank::Placed;

use super::policies;
use crate::world::World;
use crate::{ItemView, Names};
use domain::{
    Answer, Change, Effect, Effort, EntityId, FeedRequest, PlanVersion, Recommended, Removal, RouteHit, Step, Subject,
    Term, Value,
};
use recall::{Hit, Known, Visitor};
use spec::plan::{Action, AggregateOp, Cross, Feed, From, Rerank, Route, RouteSource, Slot, SlotIndex, SlotSource};
use std::cell::RefCell;
use std::collections::BTreeSet;

pub(super) struct Slow<'a> {
    pub(super) world: &'a World,
    pub(super) feed: &'a Feed,
    pub(super) request: &'a FeedRequest,
    pub(super) query: crate::Query,
    texts: expr::MadeTexts<'a>,
    /// The best score of each route.
    best: Vec<f64>,
}

#[derive(Clone)]
pub(super) struct Item {
    pub(super) id: EntityId,
    pub(super) hits: Vec<RouteHit>,
    pub(super) fused: f64,
    pub(super) score: f64,
    pub(super) terms: Vec<Term>,
    pub(super) effects: Vec<Effect>,
}

/// The answer that this effort gives.
pub(super) fn answer(world: &World, request: &FeedRequest, effort: Effort) -> Answer {
    let mut slow = Slow::new(world, request, world.query(request));
    let epoch = &world.epoch;
    let key = |id| world.names.item(epoch.item_type(), id);
    let Ranked { per_route, items, candidates, removed, gone } = slow.ranked(effort, None);
    let mut places = rerank::placed(items);
    for number in (0..slow.feed.reranks.len()).filter(|_| effort.reranked) {
        places = slow.rerank(number, places);
    }
    let count = usize::from(request.count).min(domain::limits::SLATE_MAX);
    let depth = if request.pages { domain::limits::PAGE_DEPTH } else { 0 };
    let places = policies::place(&slow, places, &gone, count + depth);
    let recommended = |(place, placed): (usize, rerank::Placed)| Recommended {
        item: key(placed.item.id),
        score: placed.item.score,
        routes: placed.item.hits.into(),
        terms: placed.item.terms.into(),
        moved: placed.rank.map_or(0, |rank| (place as i64 - rank as i64) as i16),
        effects: placed.effects.into(),
    };
    let mut order: Vec<Recommended> = places.into_iter().enumerate().map(recommended).collect();
    let later = order.split_off(count.min(order.len()));
    let removal = |(reason, ids): (String, Vec<EntityId>)| Removal {
        reason,
        count: ids.len() as u32,
        examples: ids.into_iter().take(8).map(key).collect(),
    };
    Answer {
        request: request.clone(),
        plan: PlanVersion(1),
        rows: slow.query.rows.as_ref().map_or(epoch.position, |rows| rows.position),
        epoch: epoch.position,
        now: world.now,
        effort,
        route_counts: per_route.iter().map(|hits| hits.len() as u32).collect(),
        candidates,
        removed: removed.into_iter().filter(|(_, ids)| !ids.is_empty()).map(removal).collect(),
        items: order,
        later,
        holdout: slow.holdout(),
        off: slow.off(effort),
    }
}

/// What stands before the rerankers.
struct Ranked {
    per_route: Vec<Vec<Hit>>,
    items: Vec<Item>,
    candidates: u32,
    removed: Vec<(String, Vec<EntityId>)>,
    gone: Vec<EntityId>,
}

/// Items that early filters removed, with the filter.
type Sifted = Vec<(EntityId, usize)>;

impl<'a> Slow<'a> {
    fn new(world: &'a World, request: &'a FeedRequest, query: crate::Query) -> Slow<'a> {
        let (feed, texts) = (&world.plan.feeds[usize::from(query.feed)], query.texts(&world.names));
        Slow { world, feed, request, query, texts, best: Vec::new() }
    }

    /// Recall to rank; `outer` is the feed that was asked for if this one is mixed into it.
    fn ranked(&mut self, effort: Effort, outer: Option<&Slow<'_>>) -> Ranked {
        let (per_route, excluded, early) = self.recall(effort);
        self.best = per_route.iter().map(|hits| hits.iter().map(|hit| hit.score).fold(0.0, f64::max)).collect();
        let mut items = self.fuse(&per_route);
        let candidates = items.len() as u32;
        items = self.kept(&per_route, items);
        let mut removed: Vec<(String, Vec<EntityId>)> = vec![("exclude".into(), excluded.into_iter().collect())];
        for (number, filter) in self.feed.filters.iter().enumerate() {
            if self.world.plan.is_early(filter) {
                let of = early.iter().filter(|(_, filter)| *filter == number).map(|(id, _)| *id);
                removed.push((filter.text().to_owned(), of.collect::<BTreeSet<_>>().into_iter().collect()));
                continue;
            }
            let passes = |item: &Item| self.eval(filter, item).is_true();
            let (stay, go): (Vec<Item>, Vec<Item>) = items.into_iter().partition(passes);
            removed.push((filter.text().to_owned(), go.iter().map(|item| item.id).collect()));
            items = stay;
        }
        if let Some(filter) = self.own_filter() {
            let (stay, go): (Vec<Item>, Vec<Item>) =
                items.into_iter().partition(|item| self.eval(&filter, item).is_true());
            removed.push((filter.text().to_owned(), go.iter().map(|item| item.id).collect()));
            items = stay;
        }
        if let Some((outer, filter)) = outer.and_then(|outer| Some((outer, outer.own_filter()?))) {
            items.retain(|item| outer.eval(&filter, &bare(item.id)).is_true());
        }
        let gone = policies::remove(self, &mut items, &mut removed);
        self.score(&mut items, effort);
        Ranked { per_route, items, candidates, removed, gone }
    }
}

/// An item that no route has found.
fn bare(id: EntityId) -> Item {
    Item { id, hits: vec![], fused: 0.0, score: 0.0, terms: vec![], effects: vec![] }
}

/// What a further page must show and how many items it looks at: in the given order, what is there and passes all filters.
pub(super) fn page(world: &World, request: &FeedRequest) -> (Vec<Recommended>, u32) {
    let page = request.page.as_ref().unwrap();
    let mut slow = Slow::new(world, request, world.query(request));
    slow.best = page.best.clone();
    let (mut shown, mut looked) = (Vec::new(), 0);
    for of in &page.items {
        if shown.len() == usize::from(request.count) {
            break;
        }
        looked += 1;
        let id = world.names.entity(world.epoch.item_type(), &of.item).unwrap();
        if slow.present(id) && slow.passes_again(id, &of.routes) && !request.exclude.contains(&of.item) {
            shown.push(of.clone());
        }
    }
    (shown, looked)
}

impl Slow<'_> {
    pub(super) fn own_filter(&self) -> Option<expr::Program> {
        self.query.rules.as_ref().and_then(|rules| rules.overlay.filter.clone())
    }

    /// Whether an item with these hits passes the filters of its feed and of the request; routes behind the feed's own are
    /// those of the feeds that it mixes in.
    fn passes_again(&self, id: EntityId, hits: &[RouteHit]) -> bool {
        let item = |slow: &Slow<'_>, hits: Vec<RouteHit>| {
            let item = Item { hits, ..bare(id) };
            Item { fused: slow.fused_again(&item), ..item }
        };
        let own =
            |slow: &Slow<'_>, item: &Item| slow.own_filter().is_none_or(|filter| slow.eval(&filter, item).is_true());
        let mut first = self.feed.routes.len();
        if hits.iter().all(|hit| usize::from(hit.route) < first) {
            let item = item(self, hits.to_vec());
            let passes = self.feed.filters.iter().all(|filter| self.eval(filter, &item).is_true());
            return passes && own(self, &item) && policies::removing(self, &item).is_none();
        }
        for rerank in &self.feed.reranks {
            let Rerank::Mix(mix) = rerank else { continue };
            let mut other = self.mixed_in(mix);
            let routes = first..first + other.feed.routes.len();
            first = routes.end;
            if hits.iter().all(|hit| routes.contains(&usize::from(hit.route))) {
                let of_other = |hit: &RouteHit| RouteHit { route: hit.route - routes.start as u16, ..hit.clone() };
                other.best = self.best[routes.clone()].to_vec();
                let item = item(&other, hits.iter().map(of_other).collect());
                let passes = other.feed.filters.iter().all(|filter| other.eval(filter, &item).is_true());
                let outside = own(self, &bare(id)) && policies::removing(self, &bare(id)).is_none();
                return passes && policies::removing(&other, &item).is_none() && outside;
            }
        }
        panic!("no feed has these routes: {hits:?}");
    }
}

impl Slow<'_> {
    /// Candidates of each route, and the excluded items that were among them.
    /// And those that early filters removed, in the order in which they were met, with the filter.
    fn recall(&self, effort: Effort) -> (Vec<Vec<Hit>>, BTreeSet<EntityId>, Sifted) {
        let mut excluded = BTreeSet::new();
        let early: RefCell<Sifted> = RefCell::default();
        let mut routes = Vec::new();
        for (index, route) in self.feed.routes.iter().enumerate() {
            let mut hits = Vec::new();
            if index < usize::from(effort.routes_run) && self.holds(route) {
                let wanted: BTreeSet<EntityId> = self.query.exclude.iter().copied().collect();
                let present = wanted.iter().filter(|&&id| self.present(id)).count();
                let fails = |item: EntityId| {
                    let failing = self.failing_early(item);
                    let known = early.borrow().iter().any(|(id, _)| *id == item);
                    early.borrow_mut().extend(failing.filter(|_| !known).map(|filter| (item, filter)));
                    failing.is_some()
                };
                let sift = |item: EntityId| !wanted.contains(&item) && fails(item);
                hits = self.search(&route.source, usize::from(route.limit) + present, &sift);
                excluded.extend(hits.iter().map(|hit| hit.item).filter(|item| wanted.contains(item)));
                hits.retain(|hit| !wanted.contains(&hit.item));
                hits.truncate(usize::from(route.limit));
                hits.retain(|hit| !fails(hit.item));
            }
            routes.push(hits);
        }
        (routes, excluded, early.into_inner())
    }

    /// The first early filter that is not true for the item.
    fn failing_early(&self, id: EntityId) -> Option<usize> {
        let item = bare(id);
        let early = |filter: &expr::Program| self.world.plan.is_early(filter);
        self.feed.filters.iter().position(|filter| early(filter) && !self.eval(filter, &item).is_true())
    }

    /// Whether the route's condition holds.
    fn holds(&self, route: &Route) -> bool {
        let Some(when) = &route.when else { return true };
        let mut row = vec![Value::Missing; self.world.plan.slots.len()];
        when.slots().iter().for_each(|&slot| row[usize::from(slot)] = self.slot(slot, None));
        when.eval_bool_with(&row, &self.texts)
    }

    /// Routes whose turn came and that were off.
    fn off(&self, effort: Effort) -> Vec<u16> {
        let routes = self.feed.routes.iter().zip(0..).take(usize::from(effort.routes_run));
        routes.filter(|(route, _)| !self.holds(route)).map(|(_, index)| index).collect()
    }

    fn search(&self, source: &RouteSource, limit: usize, sift: &dyn Fn(EntityId) -> bool) -> Vec<Hit> {
        let (mut row, mut out) = (Vec::new(), Vec::new());
        let items = ItemView::new(&self.world.epoch, &self.texts, &mut row);
        let (indexes, now) = (self.world.epoch.indexes(), self.world.now);
        let skip = |item: EntityId| self.query.subject == Some((self.world.epoch.item_type(), item));
        let sift = |item: EntityId| skip(item) || sift(item);
        match *source {
            RouteSource::Top { index } => indexes.top(index, limit, now, &items, &sift, &mut out),
            RouteSource::Newest { index } => indexes.newest(index, limit, &sift, &mut out),
            RouteSource::CoVisited { index, from, recency, context, skip_known } => {
                let mut weighted = Vec::new();
                for (place, item) in self.context(from).into_iter().take(usize::from(context)).enumerate() {
                    weighted.push((item, (0..place).fold(1.0, |weight, _| weight * recency)));
                }
                let (mut all, scratch) = (Vec::new(), &mut recall::Scratch::new());
                indexes.co_visited(index, &weighted, usize::MAX, now, Known::default(), scratch, &skip, &mut all);
                all.retain(|hit| !(skip_known && self.knows(hit.item)));
                out.extend(all.into_iter().take(limit));
            }
            RouteSource::Sessions { index, from, recency, context, skip_known } => {
                let mut weighted = Vec::new();
                for (place, item) in self.context(from).into_iter().take(usize::from(context)).enumerate() {
                    weighted.push((item, (0..place).fold(1.0, |weight, _| weight * recency)));
                }
                let user = self.query.subject.map(|(_, id)| id);
                let visitor = Visitor { user, ..Visitor::default() };
                let (mut all, scratch) = (Vec::new(), &mut recall::Scratch::new());
                indexes.sessions(index, &weighted, usize::MAX, now, visitor, scratch, &skip, &mut all);
                all.retain(|hit| !(skip_known && self.knows(hit.item)));
                out.extend(all.into_iter().take(limit));
            }
            RouteSource::List { list } => {
                let listed = self.world.epoch.listed().entries(list, None, now);
                let mut there: Vec<Hit> = listed
                    .filter(|(id, _)| self.present(*id))
                    .map(|(item, entry)| Hit { item, score: entry.score.unwrap_or(0.0) })
                    .collect();
                there.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap());
                out.extend(there.into_iter().filter(|hit| !sift(hit.item)).take(limit));
            }
            RouteSource::Explore { index } => indexes.explore(index, self.request.seed, limit, &sift, &mut out),
            RouteSource::Random => recall::Indexes::random(self.request.seed, limit, &items, &sift, &mut out),
            RouteSource::Tags { index, from, recency, context, .. } => {
                out = self.tagged(index, from, recency, usize::from(context), limit, &sift);
            }
            RouteSource::History { from, recency } => {
                let there = self.context(from).into_iter().filter(|&item| self.present(item) && !skip(item));
                let score = |place: usize| (0..place).fold(1.0, |score, _| score * recency);
                out.extend(there.take(limit).enumerate().map(|(place, item)| Hit { item, score: score(place) }));
            }
        }
        out
    }

    fn context(&self, from: From) -> Vec<EntityId> {
        let slot = match from {
            From::RequestItem => return self.query.subject.iter().map(|&(_, id)| id).collect(),
            From::Slot(slot) => slot,
        };
        let mut items: Vec<EntityId> = self.query.recent.iter().copied().filter(|&id| self.present(id)).collect();
        if let Value::List(list) = self.slot(slot, None) {
            items.extend(list.iter().map(|value| match value {
                Value::Entity(id) => *id,
                other => panic!("{other:?} among recents"),
            }));
        }
        let mut met = BTreeSet::new();
        items.retain(|&item| met.insert(item));
        items
    }

    /// Whether the visit says so, or the user has viewed it: the feeds for users count views only,
    /// and no user has as many items as an index keeps.
    fn knows(&self, item: EntityId) -> bool {
        let user = self.world.plan.entity("user").unwrap();
        let visited = self
            .query
            .subject
            .filter(|(entity, _)| *entity == user)
            .is_some_and(|(_, id)| self.world.visited.contains(&(id, item)));
        visited || self.query.recent.contains(&item)
    }

    fn score(&self, items: &mut [Item], effort: Effort) {
        // Without a formula the fused order stands, unless boosts act on it.
        let fused =
            self.feed.terms.is_empty() && policies::acting(self).any(|(_, of)| matches!(of.action, Action::Scale(_)));
        let boosts = self.query.rules.as_ref().is_some_and(|rules| !rules.overlay.boosts.is_empty());
        let any = boosts || !self.feed.terms.is_empty();
        let formula = usize::from(effort.candidates_scored).min(items.len() * usize::from(any));
        let scored = if fused { items.len() } else { formula };
        let scored = &mut items[..scored];
        for item in scored.iter_mut().take(formula) {
            let mut sum = 0.0;
            for (term, program) in self.feed.terms.iter().enumerate() {
                if let Some(value) = self.eval(program, item).as_f64().filter(|value| value.is_finite()) {
                    sum += value;
                    item.terms.push(Term { term: term as u16, value });
                }
            }
            if self.feed.terms.is_empty() {
                sum = item.fused;
            }
            item.score = if f64::is_finite(sum) { self.boost(item, sum) } else { f64::MIN };
        }
        policies::scale(self, scored);
        scored.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap().then(a.id.cmp(&b.id)));
    }

    fn boost(&self, item: &mut Item, mut score: f64) -> f64 {
        let Some(rules) = &self.query.rules else { return score };
        for (place, (by, when)) in rules.overlay.boosts.iter().enumerate() {
            if self.eval(when, item).is_true() {
                score = (score + score.abs() * (by - 1.0)).clamp(f64::MIN, f64::MAX);
                item.effects.push(Effect { step: Step::Boost(place as u16), change: Change::Scaled(*by) });
            }
        }
        score
    }

    /// Whether the subject is held out.
    pub(super) fn holdout(&self) -> bool {
        match (&self.feed.holdout, &self.request.subject) {
            (Some(holdout), Subject::User(key)) => holdout.holds(key),
            _ => false,
        }
    }

    pub(super) fn present(&self, item: EntityId) -> bool {
        self.world.epoch.catalogue().present(self.world.epoch.item_type(), item)
    }

    pub(super) fn eval(&self, program: &expr::Program, item: &Item) -> Value {
        let mut row = vec![Value::Missing; self.world.plan.slots.len() + self.more().len()];
        program.slots().iter().for_each(|&slot| row[usize::from(slot)] = self.slot(slot, Some(item)));
        program.eval_with(&row, &self.texts)
    }

    /// Slots of the request beside the plan's.
    fn more(&self) -> &[Slot] {
        self.query.rules.as_ref().map_or(&[], |rules| &rules.overlay.slots)
    }

    /// The value of one slot for a candidate.
    fn slot(&self, slot: SlotIndex, item: Option<&Item>) -> Value {
        let (plan, epoch) = (&self.world.plan, &self.world.epoch);
        let mut row = vec![Value::Missing; plan.slots.len() + self.more().len()];
        let of = plan.slots.iter().chain(self.more()).nth(usize::from(slot)).unwrap();
        match of.source {
            SlotSource::Aggregate(aggregate) => self.aggregate(aggregate, item, &mut row),
            SlotSource::Feature(feature) => {
                let program = &plan.features[usize::from(feature)].program;
                program.slots().iter().for_each(|&slot| row[usize::from(slot)] = self.slot(slot, item));
                row[usize::from(slot)] = program.eval_with(&row, &self.texts);
            }
            SlotSource::Attribute { entity, field } if entity == epoch.item_type() => {
                row[usize::from(slot)] = epoch.catalogue().attribute(entity, item.unwrap().id, field);
            }
            SlotSource::Attribute { entity, field } => {
                let subject = self.query.subject.map(|(_, id)| epoch.catalogue().attribute(entity, id, field));
                row[usize::from(slot)] = subject.unwrap_or_default();
            }
            SlotSource::Context => {
                let name = of.name.strip_prefix("request.").unwrap();
                let index = self.feed.context.iter().position(|field| field.name == name).unwrap();
                row[usize::from(slot)] = self.query.context[index].clone();
            }
            SlotSource::RouteScore { route, .. } => {
                row[usize::from(slot)] = Value::Float(self.share(route, item.unwrap()));
            }
            SlotSource::FusedScore => row[usize::from(slot)] = Value::Float(item.unwrap().fused),
            SlotSource::Listed(list) => {
                let on = |id| epoch.listed().contains(list, id, self.world.now);
                row[usize::from(slot)] = Value::Bool(match plan.lists[usize::from(list)].name.as_str() {
                    "vip" => self.query.subject.is_some_and(|(_, id)| on(id)),
                    _ => on(item.unwrap().id),
                });
            }
            SlotSource::Unfilled => {}
            SlotSource::Now => row[usize::from(slot)] = Value::Time(self.world.now),
        }
        row[usize::from(slot)].clone()
    }

    /// `recall.<route>`
    fn share(&self, route: u16, item: &Item) -> f64 {
        let Some(hit) = item.hits.iter().find(|hit| hit.route == route) else { return 0.0 };
        let of = &self.feed.routes[usize::from(route)];
        if let RouteSource::Newest { .. } | RouteSource::List { .. } | RouteSource::Tags { by_time: true, .. } =
            of.source
        {
            return 1.0 - f64::from(hit.rank) / f64::from(of.limit);
        }
        let best = self.best[usize::from(route)];
        if best > 0.0 { (hit.score / best).clamp(0.0, 1.0) } else { 0.0 }
    }

    fn aggregate(&self, index: u16, item: Option<&Item>, row: &mut [Value]) {
        let (plan, epoch, now) = (&self.world.plan, &self.world.epoch, self.world.now);
        let aggregate = &plan.aggregates[usize::from(index)];
        let table = &plan.tables[usize::from(plan.streams[usize::from(aggregate.stream)].table)];
        if let AggregateOp::Seen(_) = aggregate.op {
            let id = item.unwrap().id;
            row[usize::from(aggregate.slot)] = Value::Bool(match &self.query.rows {
                Some(rows) => rows.seen(index, id, now),
                None => self.request.subject == Subject::Anonymous && self.query.recent.contains(&id),
            });
        } else if table.name == "item" {
            epoch.items().read(item.unwrap().id, &[index], now, row);
        } else {
            let cross = |_| match table.cross {
                Some(Cross::ItemField(field)) => {
                    state::cross_key(&epoch.catalogue().attribute(epoch.item_type(), item.unwrap().id, field))
                }
                _ => u32::MAX,
            };
            let rows = self.query.rows.clone().unwrap_or_else(|| self.world.shard.cold(table.entity));
            rows.read(&[index], &cross, now, row);
        }
    }
}

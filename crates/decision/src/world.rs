//! A small world for tests: a spec, a log that is applied as it is written, and requests.

use crate::{Epoch, Names, Pace, Query, Rules, Scratch, answer};
use domain::{
    Answer, EntityId, Event, FeedRequest, Field, Payload, PlanVersion, Position, Raw, Subject, Time, Upsert, Value,
};
use spec::Plan;
use spec::plan::EntityIndex;
use state::{Catalogue, Dictionary, Rows, Scope};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) const HOUR: i64 = 3_600_000;

pub(crate) const SPEC: &str = r#"
version: 1
entities:
  user: { fields: { country: string } }
  item: { fields: { category: string, price: float, created: timestamp, in_stock: bool } }
events:
  view: { user: user, item: item, fields: { dwell: duration } }
  buy: { user: user, item: item, fields: { price: float } }
features:
  user:
    views_7d: count(view, 7d)
    recent: last(view, item, 20)
  item:
    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)
    views_1d: count(view, 1d)
    conversion: (count(buy, 7d) + 1) / (count(view, 7d) + 20)
  user.category:
    share_7d: count(view, 7d) / max(user.views_7d, 1)
lists:
  picks: { of: item, max: 20 }
  blocked: { of: item }
  vip: { of: user }
feeds:
  home:
    for: user
    context: { country: string }
    recall:
      hot: { top: item.heat, limit: 90 }
      busy: { top: item.views_1d, limit: 5, weight: 0.5 }
      similar: { co_visited: view, from: user.recent, limit: 30, recency: 0.9, context: 8 }
      fresh: { newest: item.created, limit: 10 }
      again: { history: user.recent, limit: 5 }
    filter:
      - item.in_stock
      - "!seen(buy, item, 30d)"
      - item.price < 90.0 || request.country == "DE"
    rank:
      score: item.conversion + 0.5 * user.category.share_7d + 0.1 * recall.similar + recall.score - 0.001 * item.price
    rerank: { spread: item.category, window: 4, max: 2 }
  plain:
    for: user
    recall:
      hot: { top: item.heat, limit: 3 }
      again: { history: user.recent, limit: 9, weight: 2 }
  onward:
    for: user
    recall:
      next: { session: { view: 1, buy: 2 }, from: user.recent, limit: 20, gap: 3h, length: 4, known: keep, half_life: 1d }
      alike: { users_like: view, from: user.recent, limit: 20 }
      hot: { top: item.heat, limit: 5 }
    rank: { score: recall.next + 0.5 * recall.alike + 0.01 * recall.hot }
  unseen:
    for: user
    recall:
      hot: { top: item.heat, limit: 50 }
    filter: ["!seen(item, 30d)"]
    rank: { score: 1.0 / (item.price - 5.0) + item.heat }
    rerank: { fair: { of: item.category, target: proportional, window: 3h } }
  curated:
    for: user
    recall:
      picks: { list: picks, limit: 12 }
      hot: { top: item.heat, limit: 8 }
    filter: ["!listed(item, blocked) || listed(user, vip)"]
    rank: { score: recall.picks + 0.1 * recall.hot }
  related:
    for: item
    recall:
      similar: { co_visited: { view: 1, buy: 3 }, from: request.item, limit: 10 }
      hot: { top: item.heat, limit: 10 }
    rank: { score: recall.similar + 0.01 * item.heat }
  policed:
    for: user
    context: { country: string }
    recall:
      hot: { top: item.heat, limit: 40 }
      fresh: { newest: item.created, limit: 30 }
    filter: [item.in_stock]
    rank: { score: 10.0 * recall.score - 0.1 + 0.001 * item.price }
    rerank: { spread: item.category, window: 4, max: 2 }
    holdout: { share: 30%, salt: s }
    policy:
      - boost: { by: 1.5, when: item.category == "c1" }
      - bury: { by: 0.2, when: item.price > 80.0 }
      - boost: { by: 4, when: recall.fresh > 0.5, from: 2023-11-15, until: 2023-11-18 }
      - cap: { per: user, impressions: 2, in: 1h, name: twice }
      - cap: { per: user, impressions: 7, in: 6h, of: item.category, when: item.price > 10.0 }
      - quota: { of: item.category, impressions: 30, in: 1d, pace: even, when: item.price > 50.0 }
      - quota: { of: item, impressions: 3, in: 1h, from: 2023-11-14T22:30:00Z }
      - allow: { when: item.price < 95.0 }
      - block: { when: item.category == "c2" && request.country == "DE" }
      - pin: { item: i5, at: 1 }
      - pin: { item: i70, at: 3, when: request.country == "DE" }
      - pin: { item: i3, at: 3, when: item.price < 50.0 }
      - pin: { item: i9, at: 30 }
      - never_follow: { item: item.category == "c3", after: item.category == "c3" }
      - never_follow: { item: item.price > 60.0, after: item.price > 70.0, when: item.category == "c4" }
  capped:
    for: user
    recall:
      hot: { top: item.heat, limit: 30 }
      again: { history: user.recent, limit: 9, weight: 2 }
    policy:
      - cap: { per: user, impressions: 1, in: 30m }
      - boost: { by: 1.5, when: item.category == "c1" }
      - pin: { item: i4, at: 2 }
"#;

/// State as a node would have it, with one shard.
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) names: Dictionary,
    catalogue: Catalogue,
    pub(crate) shard: Rows,
    pub(crate) epoch: Epoch,
    pub(crate) now: Time,
    position: Position,
    pub(crate) scratch: Scratch,
    /// Which users were on which items, by views.
    pub(crate) visited: BTreeSet<(EntityId, EntityId)>,
    /// Every impression.
    pub(crate) shown: Vec<Shown>,
}

/// An impression: whom it was shown to, which item, of which category then, and when.
pub(crate) struct Shown {
    pub(crate) user: EntityId,
    pub(crate) item: EntityId,
    pub(crate) category: Value,
    pub(crate) time: Time,
}

impl Names for Dictionary {
    fn item(&self, item: EntityIndex, id: EntityId) -> String {
        self.key(item, id).to_owned()
    }
}

impl World {
    pub(crate) fn new(spec: &str) -> World {
        let plan =
            Arc::new(spec::compile("test.yaml", spec).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))));
        World {
            names: Dictionary::new(&plan, 7),
            catalogue: Catalogue::new(plan.clone()),
            shard: Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 }),
            epoch: Epoch::new(plan.clone()),
            now: Time(1_700_000_000_000),
            position: Position::START,
            scratch: Scratch::default(),
            visited: BTreeSet::new(),
            shown: Vec::new(),
            plan,
        }
    }

    pub(crate) fn record(&mut self, payload: &Payload<'_>) {
        self.position = self.position.next();
        let resolved =
            state::resolve(&self.plan, &mut self.names, &self.catalogue, self.position, self.now, payload).unwrap();
        self.catalogue.apply(&resolved);
        self.shard.apply(&resolved);
        self.epoch.apply(&resolved, &self.names);
    }

    pub(crate) fn item(&mut self, key: &str, category: &str, price: f64, in_stock: bool) {
        let mut fields = vec![
            Field { name: "price".into(), value: Raw::Float(price) },
            Field { name: "in_stock".into(), value: Raw::Bool(in_stock) },
            Field { name: "created".into(), value: Raw::Int(self.now.0) },
        ];
        if !category.is_empty() {
            fields.push(Field { name: "category".into(), value: Raw::Str(category.to_owned().into()) });
        }
        self.record(&Payload::Upsert(Upsert { entity: "item".into(), key: key.to_owned().into(), fields }));
    }

    pub(crate) fn event(&mut self, kind: &str, user: &str, item: &str) {
        self.event_at(kind, user, item, self.now);
    }

    pub(crate) fn event_at(&mut self, kind: &str, user: &str, item: &str, time: Time) {
        let role =
            |name: &str, key: &str| Field { name: name.to_owned().into(), value: Raw::Str(key.to_owned().into()) };
        self.record(&Payload::Event(Event {
            kind: kind.to_owned().into(),
            source: "".into(),
            id: None,
            time: Some(time),
            fields: vec![role("user", user), role("item", item)],
        }));
        let user = self.names.entity(self.plan.entity("user").unwrap(), user).unwrap();
        let item = self.id(item);
        match kind {
            "view" => {
                self.visited.insert((user, item));
            }
            "impression" => {
                let category = self.catalogue.attribute(self.epoch.item_type(), item, 0);
                self.shown.push(Shown { user, item, category, time });
            }
            _ => {}
        }
    }

    pub(crate) fn id(&self, key: &str) -> EntityId {
        self.names.entity(self.epoch.item_type(), key).unwrap()
    }

    pub(crate) fn query(&self, request: &FeedRequest) -> Query {
        let feed = self.plan.feed(&request.feed).unwrap();
        let entity = self.plan.feeds[usize::from(feed)].subject;
        let key = match &request.subject {
            Subject::Anonymous => None,
            Subject::User(key) | Subject::Item(key) => Some(key),
        };
        let subject = key.and_then(|key| self.names.entity(entity, key)).map(|id| (entity, id));
        let items = |keys: &[String]| {
            keys.iter().filter_map(|key| self.names.entity(self.epoch.item_type(), key)).collect::<Vec<_>>()
        };
        let rules = self.rules(feed, request);
        let mut unknown = rules.as_ref().map_or(Vec::new(), |rules| rules.unknown().to_vec());
        let mut new = |text: &str| {
            let at = unknown.iter().position(|known| known == text).unwrap_or_else(|| {
                unknown.push(text.to_owned());
                unknown.len() - 1
            });
            domain::Symbol(u32::MAX - at as u32)
        };
        let context = self.plan.feeds[usize::from(feed)].context.iter().map(|field| {
            match request.context.iter().find(|(name, _)| *name == field.name) {
                Some((_, Raw::Str(text))) => Value::Str(self.names.symbol(text).unwrap_or_else(|| new(text))),
                _ => Value::Missing,
            }
        });
        let context = context.collect();
        Query {
            feed,
            subject,
            rows: subject.map(|(entity, id)| self.shard.subject(entity, id)),
            recent: items(&request.recent),
            exclude: items(&request.exclude),
            context,
            unknown,
            pinned: crate::pinned(&self.plan.feeds[usize::from(feed)], |key| {
                self.names.entity(self.epoch.item_type(), key)
            }),
            rules,
            page: request
                .page
                .as_ref()
                .map(|page| page.items.iter().map(|of| self.names.entity(self.epoch.item_type(), &of.item)).collect()),
        }
    }

    /// The request's own expressions, compiled.
    pub(crate) fn rules(&self, feed: u16, request: &FeedRequest) -> Option<Arc<Rules>> {
        let symbols = |text: &str| self.names.symbol(text);
        let overlay = spec::overlay(&self.plan, feed, request, &symbols).unwrap_or_else(|wrong| panic!("{wrong}"));
        let any = overlay.filter.is_some() || !overlay.boosts.is_empty();
        any.then(|| Arc::new(Rules::new(&self.plan, feed, overlay)))
    }

    pub(crate) fn ask(&mut self, request: FeedRequest, pace: Pace<'_>) -> Answer {
        let query = self.query(&request);
        let World { plan, epoch, now, names, scratch, .. } = self;
        answer(plan, PlanVersion(1), request, &query, epoch, *now, pace, names, scratch)
    }
}

pub(crate) fn request(feed: &str, subject: Subject, count: u16) -> FeedRequest {
    FeedRequest::new(feed, subject, count)
}

pub(crate) fn user(key: &str) -> Subject {
    Subject::User(key.to_owned())
}

/// A budget that says what it was told to, then never again that it is spent.
pub(crate) struct Told(pub(crate) Vec<bool>);

impl crate::Budget for Told {
    fn spent(&mut self) -> bool {
        self.0.pop().unwrap_or(false)
    }
}

/// Plenty of time.
pub(crate) fn ample() -> Told {
    Told(Vec::new())
}

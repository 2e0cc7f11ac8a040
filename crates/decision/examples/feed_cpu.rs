//! What a feed costs in process: 2,000 items, 4 routes, a formula of 4 terms, about 300 candidates, 50 returned.
//! `cargo run --release -p decision --example feed_cpu [feed]`. One thread; prints its CPU
//! time per request (Linux only), the median and the best of 20 rounds.

use decision::{Budget, Epoch, Names, Pace, Query, Scratch, answer};
use domain::{Answer, EntityId, Event, FeedRequest, Field, Payload, PlanVersion, Position, Raw, Subject, Time, Upsert};
use spec::Plan;
use spec::plan::EntityIndex;
use state::{Catalogue, Dictionary, Rows, Scope};
use std::sync::Arc;

const ITEMS: u64 = 2_000;
const USERS: u64 = 2_000;
const EVENTS: u64 = 200_000;
const REQUESTS: u64 = 2_000;
const ROUNDS: usize = 20;

const SPEC: &str = r#"
version: 1
entities:
  user: {}
  item: { fields: { category: string, price: float, created: timestamp, in_stock: bool } }
events:
  view: { user: user, item: item }
  buy: { user: user, item: item }
features:
  user:
    views_7d: count(view, 7d)
    recent: last(view, item, 20)
  item:
    heat: decayed(view, 6h) + 5 * decayed(buy, 6h)
    conversion: (count(buy, 7d) + 1) / (count(view, 7d) + 20)
  user.category:
    share_7d: count(view, 7d) / max(user.views_7d, 1)
feeds:
  home:
    for: user
    recall:
      hot: { top: item.heat, limit: 150 }
      similar: { co_visited: view, from: user.recent, limit: 250, recency: 0.9, context: 10, neighbours: 100 }
      fresh: { newest: item.created, limit: 50 }
      again: { history: user.recent, limit: 10 }
    filter: [item.in_stock, "!seen(buy, item, 30d)"]
    rank: { score: item.conversion + 0.5 * user.category.share_7d + 0.1 * recall.similar + 0.01 * item.heat }
    rerank: { spread: item.category, window: 5, max: 2 }
  bare:
    for: user
    recall:
      hot: { top: item.heat, limit: 150 }
      similar: { co_visited: view, from: user.recent, limit: 250, recency: 0.9, context: 10, neighbours: 100 }
      fresh: { newest: item.created, limit: 50 }
      again: { history: user.recent, limit: 10 }
  filtered:
    for: user
    recall:
      hot: { top: item.heat, limit: 150 }
      similar: { co_visited: view, from: user.recent, limit: 250, recency: 0.9, context: 10, neighbours: 100 }
      fresh: { newest: item.created, limit: 50 }
      again: { history: user.recent, limit: 10 }
    filter: [item.in_stock, "!seen(buy, item, 30d)"]
  ranked:
    for: user
    recall:
      hot: { top: item.heat, limit: 150 }
      similar: { co_visited: view, from: user.recent, limit: 250, recency: 0.9, context: 10, neighbours: 100 }
      fresh: { newest: item.created, limit: 50 }
      again: { history: user.recent, limit: 10 }
    filter: [item.in_stock, "!seen(buy, item, 30d)"]
    rank: { score: item.conversion + 0.5 * user.category.share_7d + 0.1 * recall.similar + 0.01 * item.heat }
  hot: { for: user, recall: { hot: { top: item.heat, limit: 150 } } }
  similar: { for: user, recall: { similar: { co_visited: view, from: user.recent, limit: 250, recency: 0.9, context: 10, neighbours: 100 } } }
"#;

struct Node {
    plan: Arc<Plan>,
    names: Dictionary,
    catalogue: Catalogue,
    rows: Rows,
    epoch: Epoch,
    now: Time,
    position: Position,
}

struct Keys<'a>(&'a Dictionary);

impl Names for Keys<'_> {
    fn item(&self, item: EntityIndex, id: EntityId) -> String {
        self.0.key(item, id).to_owned()
    }
}

struct Endless;

impl Budget for Endless {
    fn spent(&mut self) -> bool {
        false
    }
}

/// CPU time of this thread in nanoseconds: on a shared machine the wall clock says nothing.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps it");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("the first word is a number")
}

/// SplitMix64.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Node {
    fn new() -> Node {
        let plan =
            Arc::new(spec::compile("feed_cpu", SPEC).unwrap_or_else(|errors| panic!("{}", spec::render(&errors))));
        Node {
            names: Dictionary::new(&plan, 1),
            catalogue: Catalogue::new(plan.clone()),
            rows: Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 }),
            epoch: Epoch::new(plan.clone()),
            plan,
            now: Time(1_700_000_000_000),
            position: Position(0),
        }
    }

    fn record(&mut self, payload: &Payload<'_>) {
        self.position = self.position.next();
        let change = state::resolve(&self.plan, &mut self.names, &self.catalogue, self.position, self.now, payload)
            .unwrap_or_else(|refusal| panic!("{refusal}"));
        self.catalogue.apply(&change);
        self.rows.apply(&change);
        self.epoch.apply(&change);
    }

    fn fill(&mut self) {
        let mut seed = 42;
        for item in 0..ITEMS {
            let text = |text: String| Raw::Str(text.into());
            let fields = vec![
                Field { name: "category".into(), value: text(format!("c{}", random(&mut seed) % 40)) },
                Field { name: "price".into(), value: Raw::Float((random(&mut seed) % 100) as f64) },
                Field { name: "created".into(), value: Raw::Int(self.now.0 - (item as i64) * 1_000) },
                Field { name: "in_stock".into(), value: Raw::Bool(!random(&mut seed).is_multiple_of(20)) },
            ];
            self.record(&Payload::Upsert(Upsert { entity: "item".into(), key: format!("item-{item}").into(), fields }));
        }
        for _ in 0..EVENTS {
            self.now = Time(self.now.0 + 1_500);
            // Squaring a uniform number makes few items popular.
            let uniform = (random(&mut seed) % 1_000_000) as f64 / 1e6;
            let item = (uniform * uniform * ITEMS as f64) as u64;
            let kind = if random(&mut seed).is_multiple_of(15) { "buy" } else { "view" };
            let role = |name: &'static str, key: String| Field { name: name.into(), value: Raw::Str(key.into()) };
            let fields =
                vec![role("user", format!("user-{}", random(&mut seed) % USERS)), role("item", format!("item-{item}"))];
            let event = Event { kind: kind.into(), source: "".into(), id: None, time: Some(self.now), fields };
            self.record(&Payload::Event(event));
        }
    }

    fn ask(&self, feed: &str, user: u64, scratch: &mut Scratch) -> Answer {
        let user_type = self.plan.entity("user").expect("in the spec");
        let key = format!("user-{}", user % USERS);
        let subject = self.names.entity(user_type, &key).map(|id| (user_type, id));
        let query = Query {
            rules: None,
            page: None,
            feed: self.plan.feed(feed).expect("in the spec"),
            subject,
            rows: subject.map(|(entity, id)| self.rows.subject(entity, id)),
            recent: vec![],
            exclude: vec![],
            context: vec![],
            pinned: vec![],
        };
        let request = FeedRequest::new(feed, Subject::User(key), 50);
        let mut budget = Endless;
        let (pace, names) = (Pace::Live(&mut budget), Keys(&self.names));
        answer(&self.plan, PlanVersion(1), request, &query, &self.epoch, self.now, pace, &names, scratch)
    }
}

fn main() {
    let mut node = Node::new();
    let start = cpu_ns();
    node.fill();
    println!("{} records applied, {:.2} us each", EVENTS + ITEMS, (cpu_ns() - start) / 1e3 / (EVENTS + ITEMS) as f64);
    let mut scratch = Scratch::default();
    let only = std::env::args().nth(1);
    let feeds = ["hot", "similar", "bare", "filtered", "ranked", "home"];
    for feed in feeds.into_iter().filter(|feed| only.as_ref().is_none_or(|only| only == feed)) {
        let (mut candidates, mut returned) = (0, 0);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                (candidates, returned) = (0, 0);
                let start = cpu_ns();
                for user in 0..REQUESTS {
                    let answer = node.ask(feed, user * 7, &mut scratch);
                    candidates += u64::from(answer.candidates);
                    returned += answer.items.len() as u64;
                }
                (cpu_ns() - start) / 1e3 / REQUESTS as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!(
            "{feed:>9}: {:6.1} us median, {:6.1} us best; {} candidates, {} returned",
            rounds[ROUNDS / 2],
            rounds[0],
            candidates / REQUESTS,
            returned / REQUESTS
        );
    }
}

//! What the feeds of benches/feed.yaml cost in process, without the engine around them: the catalogue and the history that
//! `cargo xtask bench feed` has. `cargo run --release -p decision --example feed_cpu [feed [rounds]]`. One thread; prints its
//! CPU time per request (Linux only), the median and the best of 20 rounds, and a digest of the answers: a change for speed
//! alone leaves it as it is. With a count of rounds it runs under a profiler.

use decision::{Budget, Epoch, Names, Pace, Query, Scratch, answer};
use domain::{
    Answer, EntityId, Event, FeedRequest, Field, Payload, PlanVersion, Position, Raw, Subject, Symbol, Time, Upsert,
};
use spec::Plan;
use spec::plan::EntityIndex;
use state::{Catalogue, Dictionary, Rows, Scope};
use std::sync::Arc;

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ITEMS: u64 = 2_000;
const USERS: u64 = 20_000;
const EVENTS: u64 = 200_000;
const REQUESTS: u64 = 500;
const ROUNDS: usize = 20;

const SPEC: &str = include_str!("../../../benches/feed.yaml");

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

impl decision::Texts for Keys<'_> {
    fn text(&self, symbol: Symbol) -> Option<Arc<str>> {
        decision::Texts::text(self.0, symbol)
    }

    fn symbol(&self, text: &str) -> Option<domain::Symbol> {
        self.0.symbol(text)
    }
}

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

    fn is_endless(&self) -> bool {
        true
    }
}

/// CPU time of this thread in nanoseconds: on a shared machine the wall clock says nothing.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux keeps it");
    text.split(' ').next().and_then(|word| word.parse().ok()).expect("the first word is a number")
}

/// Lower numbers more often than higher ones.
fn skewed(seed: &mut u64, bound: u64) -> u64 {
    let unit = (random(seed) >> 32) as f64 / (1u64 << 32) as f64;
    (unit * unit * unit * bound as f64) as u64
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
        self.epoch.apply(&change, &self.names);
    }

    fn fill(&mut self) {
        let mut seed = 42;
        let text = |text: String| Raw::Str(text.into());
        let field = |name: &'static str, value| Field { name: name.into(), value };
        for item in 0..ITEMS {
            let fields = vec![
                field("title", text(format!("Item {item}"))),
                field("category", text(format!("c{}", random(&mut seed) % 24))),
                field("price", Raw::Float((random(&mut seed) % 20_000) as f64 / 100.0)),
                field("in_stock", Raw::Bool(random(&mut seed) % 100 < 93)),
                field("created", Raw::Int(self.now.0 - (random(&mut seed) % (60 * 24)) as i64 * 3_600_000)),
            ];
            self.record(&Payload::Upsert(Upsert { entity: "item".into(), key: format!("i{item}").into(), fields }));
        }
        let end = self.now;
        for number in 0..EVENTS {
            self.now = Time(end.0 - 7_200_000 + (7_200_000 * number / EVENTS) as i64);
            let kind = match random(&mut seed) % 100 {
                0..80 => "view",
                80..92 => "cart",
                92..97 => "buy",
                _ => "impression",
            };
            let (user, item) = (skewed(&mut seed, USERS), skewed(&mut seed, ITEMS));
            let mut fields = vec![field("user", text(format!("u{user}"))), field("item", text(format!("i{item}")))];
            if kind == "impression" {
                fields.push(field("place", Raw::Int((random(&mut seed) % 20) as i64)));
            }
            let event = Event { kind: kind.into(), source: "".into(), id: None, time: Some(self.now), fields };
            self.record(&Payload::Event(event));
        }
    }

    fn ask(&self, feed: &str, user: u64, scratch: &mut Scratch) -> Answer {
        let user_type = self.plan.entity("user").expect("in the spec");
        let key = format!("u{user}");
        let subject = self.names.entity(user_type, &key).map(|id| (user_type, id));
        let of = self.plan.feed(feed).expect("in the spec");
        let item = self.plan.entity("item").expect("every plan has items");
        let query = Query {
            rules: None,
            page: None,
            feed: of,
            subject,
            rows: subject.map(|(entity, id)| self.rows.subject(entity, id)),
            recent: vec![],
            exclude: vec![],
            context: vec![domain::Value::Missing],
            unknown: vec![],
            pinned: decision::pinned(&self.plan.feeds[usize::from(of)], |key| self.names.entity(item, key)),
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
    let mut arguments = std::env::args().skip(1);
    let (only, rounds) = (arguments.next(), arguments.next().and_then(|count| count.parse().ok()).unwrap_or(ROUNDS));
    let feeds: Vec<String> = node.plan.feeds.iter().map(|feed| feed.name.clone()).collect();
    for feed in feeds.iter().filter(|feed| only.as_ref().is_none_or(|only| only == *feed)) {
        let (mut candidates, mut digest) = (0, 0);
        let mut measured: Vec<f64> = (0..rounds)
            .map(|_| {
                let mut seed = 13;
                let start = cpu_ns();
                let ask = |_| node.ask(feed, skewed(&mut seed, USERS), &mut scratch);
                let answers: Vec<Answer> = (0..REQUESTS).map(ask).collect();
                let spent = cpu_ns() - start;
                candidates = answers.iter().map(|answer| u64::from(answer.candidates)).sum::<u64>() / REQUESTS;
                digest = answers.iter().fold(0, digest_of);
                spent / 1e3 / REQUESTS as f64
            })
            .collect();
        measured.sort_by(f64::total_cmp);
        let (median, best) = (measured[rounds / 2], measured[0]);
        println!(
            "{feed:>9}: {median:6.1} us median, {best:6.1} us best; {candidates} candidates, answers {digest:016x}"
        );
    }
}

/// FNV-1a over the bytes of an answer's record, from the digest of those before.
fn digest_of(before: u64, answer: &Answer) -> u64 {
    let mut bytes = Vec::new();
    answer.encode(&mut bytes);
    bytes
        .iter()
        .fold(before ^ 0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

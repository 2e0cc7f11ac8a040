//! Measures the write half on one thread: nanoseconds per event to decode and resolve, to apply to rows, to snapshot and save,
//! and the bytes that rows take. `cargo run --release -p state --example apply [events] [users]`

use domain::{EntityId, Event, Field, Payload, Position, Raw, Time, Value};
use state::{Catalogue, Dedupe, Dictionary, Identity, Resolved, Rows, Scope, Snapshot, resolve};
use std::hint::black_box;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPEC: &str = r#"
version: 1
entities:
  user: {}
  item: {}
events:
  view: { user: user, item: item, fields: { dwell: duration } }
features:
  user:
    views_1h: count(view, 1h)
    views_7d: count(view, 7d)
    long_1d: count(view, 1d, dwell > 30s)
  item:
    heat: decayed(view, 6h)
    views_1h: count(view, 1h)
    views_7d: count(view, 7d)
feeds: {}
"#;
const START: Time = Time(1_790_000_000_000);
const BATCH: usize = 512;

/// Nanoseconds that this thread has run: other work on the machine does not count (Linux).
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0.0)
}

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Few of `n` take most: the `k`-th comes about as often as `1/k`.
    fn skewed(&mut self, n: f64) -> u64 {
        (n.powf(self.unit()) - 1.0) as u64
    }
}

/// The encoded payload of one event: half of the users come evenly, half are skewed.
fn payload(random: &mut Random, users: f64) -> Vec<u8> {
    let user = if random.unit() < 0.5 { (random.unit() * users) as u64 } else { random.skewed(users) };
    let field = |name: &'static str, value| Field { name: name.into(), value };
    let fields = vec![
        field("user", Raw::Str(format!("user-{user}").into())),
        field("item", Raw::Str(format!("item-{}", random.skewed(users / 10.0)).into())),
        field("dwell", Raw::Int((random.unit() * 60.0) as i64)),
    ];
    let mut bytes = Vec::new();
    Payload::Event(Event { kind: "view".into(), source: "bench".into(), id: None, time: None, fields })
        .encode(&mut bytes);
    bytes
}

fn main() {
    let events: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3_000_000);
    let users_max: f64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(100_000.0);
    let plan = Arc::new(spec::compile("bench.yaml", SPEC).unwrap_or_else(|wrong| panic!("{wrong}")));
    let mut dictionary = Dictionary::new(&plan, 42);
    let mut catalogue = Catalogue::new(plan.clone());
    let (mut users, mut items) =
        (Rows::new(plan.clone(), Scope::Shard { index: 0, count: 1 }), Rows::new(plan.clone(), Scope::Items));
    let mut random = Random(9);
    let (mut decoding, mut resolving, mut applying) = (0.0, 0.0, 0.0);
    let mut position = Position::START;
    for _ in 0..events.div_ceil(BATCH) {
        let encoded: Vec<Vec<u8>> = (0..BATCH).map(|_| payload(&mut random, users_max)).collect();
        let started = cpu();
        let decoded: Vec<Payload<'_>> =
            encoded.iter().map(|bytes| Payload::decode(1, bytes).expect("just encoded")).collect();
        decoding += cpu() - started;
        let started = cpu();
        let resolved: Vec<Resolved> = decoded
            .iter()
            .map(|payload| {
                position = position.next();
                // Twenty events a second of log time.
                let time = Time(START.0 + position.0 as i64 * 50);
                let resolved =
                    resolve(&plan, &mut dictionary, &catalogue, position, time, payload).expect("there is room");
                catalogue.apply(&resolved);
                resolved
            })
            .collect();
        resolving += cpu() - started;
        let started = cpu();
        items.apply_all(&resolved);
        users.apply_all(&resolved);
        applying += cpu() - started;
    }
    let n = position.0 as f64;
    println!("{n} events, {} users, {} items", dictionary.entity_count(0), dictionary.entity_count(1));
    println!("decode {:.0} ns, resolve {:.0} ns, apply {:.0} ns", decoding / n, resolving / n, applying / n);
    for (name, rows) in [("user", &users), ("item", &items)] {
        let memory = rows.memory();
        println!("{name} rows: {} of {:.0} bytes", memory.rows, memory.bytes as f64 / memory.rows as f64);
    }
    reads(&plan, &users, &items, Time(START.0 + position.0 as i64 * 50));
    checkpoint(&mut users);
    dedupe();
}

fn reads(plan: &Arc<spec::Plan>, users: &Rows, items: &Rows, now: Time) {
    let mut row = vec![Value::Missing; plan.slots.len()];
    let of_item = |at: &u16| plan.streams[plan.aggregates[*at as usize].stream as usize].table == 1;
    let (item_reads, user_reads): (Vec<u16>, Vec<u16>) = (0..plan.aggregates.len() as u16).partition(of_item);
    let started = cpu();
    (0..100_000u32).for_each(|k| items.read(EntityId(k.wrapping_mul(7_919) % 9_000), &item_reads, now, &mut row));
    println!("read {} aggregates of an item: {:.0} ns", item_reads.len(), (cpu() - started) / 1e5);
    let started = cpu();
    for k in 0..100_000u32 {
        let subject = users.subject(0, EntityId(k.wrapping_mul(7_919) % 90_000));
        subject.read(&user_reads, &|_| u32::MAX, now, &mut row);
        black_box(&row);
    }
    println!("copy a user and read {} aggregates: {:.0} ns", user_reads.len(), (cpu() - started) / 1e5);
}

fn checkpoint(users: &mut Rows) {
    let started = cpu();
    let snapshot = users.snapshot();
    println!("snapshot {:.0} us", (cpu() - started) / 1e3);
    let started = cpu();
    let mut bytes = Vec::new();
    (0..snapshot.chunks()).for_each(|chunk| snapshot.save(chunk, &mut bytes));
    println!("saved {} chunks, {} MB, in {:.0} ms", snapshot.chunks(), bytes.len() >> 20, (cpu() - started) / 1e6);
}

fn dedupe() {
    let mut dedupe = Dedupe::new(1);
    let mut random = Random(5);
    let event = payload(&mut random, 1_000.0);
    let Ok(Payload::Event(event)) = Payload::decode(1, &event) else { panic!("just encoded") };
    let with_id = |id: u32| Event { id: Some(format!("id-{id}-{}", random.unit()).into()), ..event.clone() };
    let events: Vec<Event<'_>> = (0..200_000).map(with_id).collect();
    let started = cpu();
    for (at, event) in events.iter().enumerate() {
        let event = Identity::of(event).expect("it has an id");
        black_box(dedupe.check(&event));
        dedupe.apply(Position(at as u64), Time(at as i64), Some(&event));
    }
    let per_id = dedupe.bytes() / dedupe.len();
    println!("dedupe: check and insert {:.0} ns, {per_id} bytes per id", (cpu() - started) / 2e5);
}
